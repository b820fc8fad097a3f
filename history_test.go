package tensorfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
)

// longHistory is a file of n generations, each with a tensor more.
func longHistory(t testing.TB, n int) []byte {
	t.Helper()
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "1", []byte("x")) })
	w := must(tensorfile.OpenAppend(path, nil))(t)
	for g := 2; g <= n; g++ {
		put(t, w, fmt.Sprint(g), []byte("y"))
		ok(t, w.Commit(ctx))
	}
	ok(t, w.Close())
	return must(os.ReadFile(path))(t)
}

// A log of all generations walks the history once: what it reads grows with the
// number of generations, not with its square.
func TestLogIsLinear(t *testing.T) {
	b := longHistory(t, 400)
	bytesOf := func(limit int) int64 {
		r := &countingReader{r: bytes.NewReader(b)}
		f := must(tensorfile.OpenReaderAt(r, int64(len(b)), nil))(t)
		defer f.Close()
		r.n = 0
		n := 0
		for g, err := range f.Generations(ctx) {
			ok(t, err)
			if g.Number <= 400-uint64(limit) {
				break
			}
			list := must(f.Changes(ctx, g.Previous, g.Number))(t)
			if len(list) != 1 || list[0].Name != fmt.Sprint(g.Number) || list[0].Kind != tensorfile.Added {
				t.Fatal(g.Number, list)
			}
			n++
		}
		if n != limit {
			t.Fatalf("%d generations, want %d", n, limit)
		}
		return r.n
	}
	half, whole := bytesOf(200), bytesOf(400)
	t.Logf("%d bytes for 200 generations, %d for 400", half, whole)
	if whole > 5*half/2 {
		t.Errorf("%d bytes read for 200 generations, %d for 400", half, whole)
	}
}

// Generations are found in any order, by many at once, and what is not there is
// told with what is.
func TestFindAnyGeneration(t *testing.T) {
	const n = 60
	b := longHistory(t, n)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
	defer f.Close()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 3))
			for range 100 {
				from, to := uint64(rng.IntN(n+1)), uint64(1+rng.IntN(n))
				list, err := f.Changes(ctx, from, to)
				if want := max(from, to) - min(from, to); err != nil || uint64(len(list)) != want {
					t.Errorf("%d to %d: %d changes, want %d (%v)", from, to, len(list), want, err)
				}
			}
		})
	}
	wg.Wait()
	for range 2 {
		_, err := f.Changes(ctx, n+5, 1)
		wantErr(t, err, tensorfile.ErrNotFound, fmt.Sprint("1..", n))
	}
}
