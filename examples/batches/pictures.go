package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile/examples/digits"
)

// draw makes a folder of n pictures, in a folder for each class, unless it is
// there: digits of several sizes, inks and papers.
func draw(dir string, n int) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := dir + ".new" // a folder with the name is whole
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		digit := rng.IntN(digits.Classes)
		class := filepath.Join(part, fmt.Sprint(digit))
		if err := os.MkdirAll(class, 0o777); err != nil {
			return err
		}
		if err := save(filepath.Join(class, fmt.Sprintf("%04d.png", i)), picture(rng, digit)); err != nil {
			return err
		}
	}
	return os.Rename(part, dir)
}

func picture(rng *rand.Rand, digit int) image.Image {
	side := 20 + rng.IntN(21)
	tint := func(lo int) color.NRGBA {
		return color.NRGBA{uint8(lo + rng.IntN(80)), uint8(lo + rng.IntN(80)), uint8(lo + rng.IntN(80)), 255}
	}
	paper, ink := tint(0), tint(175)
	between := func(a, b, v uint8) uint8 { return uint8((int(a)*(255-int(v)) + int(b)*int(v)) / 255) }
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for k, v := range digits.Draw(rng, digit, side) {
		m.SetNRGBA(k%side, k/side, color.NRGBA{between(paper.R, ink.R, v), between(paper.G, ink.G, v), between(paper.B, ink.B, v), 255})
	}
	return m
}

func save(path string, m image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, m), f.Close())
}
