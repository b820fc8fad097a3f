// Package digits draws digits for the examples, so that they have something to
// learn from without a download: each in another place, size, slant and ink, with
// noise, and the same ones for the same seed.
package digits

import (
	"math/rand/v2"
	"strings"
)

// Classes is how many digits there are.
const Classes = 10

// glyphs are the digits, 7 rows of 5.
var glyphs = [Classes]string{
	".###. #...# #..## #.#.# ##..# #...# .###.",
	"..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
	".###. #...# ....# ...#. ..#.. .#... #####",
	".###. #...# ....# ..##. ....# #...# .###.",
	"...#. ..##. .#.#. #..#. ##### ...#. ...#.",
	"##### #.... ####. ....# ....# #...# .###.",
	"..##. .#... #.... ####. #...# #...# .###.",
	"##### ....# ...#. ..#.. .#... .#... .#...",
	".###. #...# #...# .###. #...# #...# .###.",
	".###. #...# #...# .#### ....# ...#. .##..",
}

// Draw returns a digit as rows of side x side bytes, from 0 for paper to 255 for
// ink.
func Draw(rng *rand.Rand, digit, side int) []byte {
	between := func(lo, hi float64) float64 { return lo + rng.Float64()*(hi-lo) }
	scale := float64(side) / 28 // the size that the numbers below are for
	rows := strings.Fields(glyphs[digit])
	x0, y0 := between(12, 16), between(12, 16)
	width, height := between(2.6, 3.6), between(2.6, 3.4)
	slant, ink := between(-.25, .25), between(120, 255)
	image := make([]byte, side*side)
	for k := range image {
		y := (float64(k/side)/scale - y0) / height
		x := (float64(k%side)/scale-x0)/width + slant*y
		row, col := int(y+3.5), int(x+2.5)
		v := between(0, 60) * between(0, 1)
		if x > -2.5 && y > -3.5 && row < 7 && col < 5 && rows[row][col] == '#' {
			v = ink * between(.6, 1)
		}
		image[k] = byte(v)
	}
	return image
}

// Set returns n digits of side x side, one behind the other, and what they are.
func Set(seed uint64, n, side int) (images, labels []byte) {
	rng := rand.New(rand.NewPCG(seed, 28))
	labels = make([]byte, n)
	for i := range labels {
		labels[i] = byte(rng.IntN(Classes))
		images = append(images, Draw(rng, int(labels[i]), side)...)
	}
	return images, labels
}
