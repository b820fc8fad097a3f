package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

var genres = [...]string{"westerns", "comedies", "mysteries", "romances", "space operas", "musicals"}

const films = 120

func genre(film int) int { return film % len(genres) }

func title(film int) string {
	return fmt.Sprintf("film %d, one of the %s", film, genres[genre(film)])
}

// visitor is a person, and the films that he rated.
type visitor struct {
	likes [2]int  // genres
	films []int32 // ascending
	stars []uint8 // 1 to 5
}

// visitors makes people who like two genres each. They see films of these more
// often than others, and mostly give them more stars.
func visitors(n int) []visitor {
	rng := rand.New(rand.NewPCG(5, 8))
	list := make([]visitor, n)
	for i := range list {
		v := &list[i]
		v.likes = [2]int(rng.Perm(len(genres))[:2])
		for range 10 + rng.IntN(16) {
			film := rng.IntN(films)
			if rng.IntN(3) == 0 { // one that he likes
				film = film/len(genres)*len(genres) + v.likes[rng.IntN(2)]
			}
			at, has := slices.BinarySearch(v.films, int32(film))
			if has {
				continue
			}
			stars := uint8(1 + rng.IntN(3))
			if slices.Contains(v.likes[:], genre(film)) {
				stars = uint8(3 + rng.IntN(3))
			}
			v.films = slices.Insert(v.films, at, int32(film))
			v.stars = slices.Insert(v.stars, at, stars)
		}
	}
	return list
}
