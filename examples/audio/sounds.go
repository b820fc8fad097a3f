package main

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile/convert/flac"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/tensor"
)

// play makes a folder of recordings unless it is there: a bell in stereo, rain, and
// a blackbird.
func play(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := dir + ".new" // a folder with the name is whole
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o777)); err != nil {
		return err
	}
	for _, s := range []struct {
		file     string
		make     func() (tensor.View, error)
		rate     int64
		encoding string
		title    string
	}{
		{"bell.wav", bell, 44100, "i16", "A bell, from the left"},
		{"bird.wav", bird, 32000, "f32", "A blackbird"},
		{"rain.flac", rain, 48000, "i24", "Rain that comes nearer"},
	} {
		v, err := s.make()
		if err != nil {
			return err
		}
		attrs := map[string]any{"sample_rate": s.rate, "encoding": s.encoding, "info": map[string]any{"INAM": s.title}}
		if err := record(filepath.Join(part, s.file), v, attrs); err != nil {
			return err
		}
	}
	return os.Rename(part, dir)
}

// record writes a file of the format that its extension says.
func record(path string, v tensor.View, attrs map[string]any) error {
	encode := func(w io.Writer) error { return wav.Encode(w, v, attrs) }
	if filepath.Ext(path) == ".flac" {
		encode = func(w io.Writer) error { return flac.Encode(w, v, attrs) }
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(encode(f), f.Close())
}

// bell is 1.5 seconds of partials that are no multiples of each other and fade at
// different speeds, in two channels of 16 bits: the right one hears it later.
func bell() (tensor.View, error) {
	const rate, n, delay = 44100, 66150, 17
	partials := []struct{ ratio, level, fade float64 }{{0.5, 0.5, 0.9}, {1, 1, 1.6}, {1.19, 0.7, 2.1}, {1.56, 0.4, 3.0}, {2, 0.6, 3.3}, {2.51, 0.3, 4.7}, {4.12, 0.2, 7.9}}
	at := func(i int) float64 {
		if i < 0 {
			return 0
		}
		t, sum := float64(i)/rate, 0.
		for _, p := range partials {
			sum += p.level * math.Exp(-p.fade*t) * math.Sin(2*math.Pi*523.25*p.ratio*t)
		}
		return sum
	}
	x := make([]int16, 0, 2*n)
	for i := range n {
		x = append(x, int16(6000*at(i)), int16(4500*at(i-delay)))
	}
	return tensor.FromSlice(x, n, 2)
}

// rain is a second of drops of noise, 24 bits in the upper part of i32.
func rain() (tensor.View, error) {
	const n = 48000
	rng := rand.New(rand.NewPCG(1, 3))
	x, level, low := make([]int32, n), 0., 0.
	for i := range x {
		if rng.IntN(400) == 0 {
			level = 0.3 * rng.Float64() * float64(i) / n
		}
		level *= 0.995
		low += 0.4 * (rng.NormFloat64()*(level+0.01) - low)
		x[i] = int32(low*(1<<23)) << 8
	}
	return tensor.FromSlice(x)
}

// bird is a second of a whistle that goes up and down, as floats.
func bird() (tensor.View, error) {
	const rate, n = 32000, 32000
	x, phase := make([]float32, n), 0.
	for i := range x {
		t := float64(i) / rate
		phase += 2 * math.Pi * (2400 + 900*math.Sin(11*t) + 300*math.Sin(37*t+1)) / rate
		x[i] = float32(0.4 * math.Sin(3.1*t) * math.Sin(phase))
	}
	return tensor.FromSlice(x)
}
