package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// set is a set of images and labels.
type set struct {
	name string
	n    int
	seed uint64
}

var sets = []set{{"train", 6000, 1}, {"t10k", 1000, 2}}

// ensure makes the files of the set that are not there.
func (s set) ensure(dir string) error {
	images, labels := s.draw()
	err := create(filepath.Join(dir, s.name+"-images-idx3-ubyte"), idx(images, s.n, side, side))
	if err == nil {
		err = create(filepath.Join(dir, s.name+"-labels-idx1-ubyte"), idx(labels, s.n))
	}
	return err
}

// create makes a file unless it is there.
func create(path string, content []byte) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, content, 0o666)
}

// idx is an IDX file of bytes: a magic number with the type and the rank, the
// extents, all big-endian, and the elements.
func idx(elements []byte, shape ...int) []byte {
	b := []byte{0, 0, 0x08, byte(len(shape))}
	for _, n := range shape {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return append(b, elements...)
}

// glyphs are the digits, 7 rows of 5.
var glyphs = [classes]string{
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

// draw makes images of digits in other places, sizes, slants and inks.
func (s set) draw() (images, labels []byte) {
	rng := rand.New(rand.NewPCG(s.seed, 28))
	between := func(lo, hi float64) float64 { return lo + rng.Float64()*(hi-lo) }
	images, labels = make([]byte, s.n*pixels), make([]byte, s.n)
	for i := range labels {
		labels[i] = byte(rng.IntN(classes))
		rows := strings.Fields(glyphs[labels[i]])
		x0, y0 := between(12, 16), between(12, 16)
		width, height := between(2.6, 3.6), between(2.6, 3.4)
		slant, ink := between(-.25, .25), between(120, 255)
		for k := range pixels {
			y := (float64(k/side) - y0) / height
			x := (float64(k%side)-x0)/width + slant*y
			row, col := int(y+3.5), int(x+2.5)
			v := between(0, 60) * between(0, 1)
			if x > -2.5 && y > -3.5 && row < 7 && col < 5 && rows[row][col] == '#' {
				v = ink * between(.6, 1)
			}
			images[i*pixels+k] = byte(v)
		}
	}
	return images, labels
}
