package hdf5_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestDamagedBytes changes bytes of whole files, one at a time, and makes
// checksums right again: what is wrong then is told with its kind, and no more
// than that is lost. Of long tensors a piece is read: one of the files has a
// tensor of 300,000 chunks of one byte, whose whole takes a third of a second.
func TestDamagedBytes(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	files := []string{"small.h5", "links_earliest.h5", "links_latest.h5", "attributes_earliest.h5", "indexes_latest.h5", "shared.h5"}
	refused, read := 0, 0
	for _, name := range files {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(len(whole)), 40))
		var places []int // of what says something
		for i, x := range whole {
			if x != 0 {
				places = append(places, i)
			}
		}
		for range rounds {
			b := bytes.Clone(whole)
			at := places[rng.IntN(len(places))]
			switch rng.IntN(3) {
			case 0:
				b[at] ^= 1 << rng.IntN(8)
			case 1:
				b[at] = 0xff
			default:
				b[at] += byte(1 + rng.IntN(3))
			}
			o := &convert.OpenOptions{Format: "hdf5"}
			o.MaxBytes, o.MaxDecoded = 1<<20, 1<<20
			f, err := openBytes(resealed(b), "x.h5", o)
			if err != nil {
				refused++
				known(t, err)
				continue
			}
			for x, err := range f.Tensors() {
				if err == nil {
					var sel tensor.Selection
					if s := x.Shape(); len(s) > 0 && s[0] > 4096 {
						from := rng.Int64N(s[0] - 256)
						sel = tensor.Selection{{Start: from, Stop: from + 256, Step: 1}}
					}
					_, err = x.Read(t.Context(), sel)
				}
				if err != nil {
					known(t, err)
					continue
				}
				read++
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	all := len(files) * rounds
	t.Logf("%d of %d files refused, %d tensors read", refused, all, read)
	if refused < all/20 || read < all {
		t.Error("too few")
	}
}
