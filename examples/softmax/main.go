// Command softmax trains a linear classifier of handwritten digits in the
// format of MNIST:
//
//	go run ./examples/softmax [FOLDER]
//
// The folder holds train-images-idx3-ubyte and the three files beside it; what is
// not there is made: digits that are drawn, shifted, slanted and noisy, the same
// ones every time. They become digits.tensor, and a loader makes batches of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	"github.com/tensorfile/tensorfile/examples/digits"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() {
	program.Main(func(ctx context.Context, dir string, out io.Writer) error {
		_, err := run(ctx, dir, out)
		return err
	})
}

// run returns the part of the test images that the trained model tells right.
func run(ctx context.Context, dir string, out io.Writer) (accuracy float64, err error) {
	path, err := prepare(ctx, dir)
	if err != nil {
		return 0, err
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	train, err := batches(f, "train", &loader.Options{Batch: 64, Shuffle: true, Seed: 1, Epochs: 3})
	if err != nil {
		return 0, err
	}
	var m model
	right, seen := 0, 0
	for b, err := range train.Batches(ctx) {
		if err != nil {
			return 0, err
		}
		n, err := m.each(b, m.learn)
		if err != nil {
			return 0, err
		}
		right, seen = right+n, seen+b.Len()
		if b.Index == train.Plan().Batches-1 {
			fmt.Fprintf(out, "epoch %d: %d of %d right\n", b.Epoch, right, seen)
			right, seen = 0, 0
		}
	}
	test, err := batches(f, "t10k", &loader.Options{Batch: 256})
	if err != nil {
		return 0, err
	}
	for b, err := range test.Batches(ctx) {
		if err != nil {
			return 0, err
		}
		n, err := m.each(b, nil)
		if err != nil {
			return 0, err
		}
		right, seen = right+n, seen+b.Len()
	}
	fmt.Fprintf(out, "test: %d of %d right\n", right, seen)
	return float64(right) / float64(seen), nil
}

// prepare makes one file of the four, unless it is there.
func prepare(ctx context.Context, dir string) (string, error) {
	var files []string
	for _, set := range sets {
		if err := set.ensure(dir); err != nil {
			return "", err
		}
		files = append(files, filepath.Join(dir, set.name+"-images-idx3-ubyte"), filepath.Join(dir, set.name+"-labels-idx1-ubyte"))
	}
	path := filepath.Join(dir, "digits.tensor")
	_, err := convert.Files(ctx, files, path, nil)
	if errors.Is(err, tensorfile.ErrExists) {
		err = nil
	}
	return path, err
}

// batches loads images as rows of numbers from 0 to 1 and their labels. Bytes
// are cast and scaled in the copy that makes a batch.
func batches(f *tensorfile.File, set string, o *loader.Options) (*loader.Loader, error) {
	images, err := f.Tensor(set + "-images")
	if err != nil {
		return nil, err
	}
	labels, err := f.Tensor(set + "-labels")
	if err != nil {
		return nil, err
	}
	return loader.New(o,
		loader.Source{Tensor: images, Rearrange: "b h w -> b (h w)", DType: tensor.F32, Scale: []float64{1. / 255}},
		loader.Source{Tensor: labels})
}

const (
	side    = 28
	pixels  = side * side
	classes = digits.Classes
)

// model gives each class a score that is linear in the pixels.
type model struct {
	weights [pixels][classes]float32
	bias    [classes]float32
}

// each guesses the label of each image of a batch and returns how many are
// right. learn, if not nil, is told the images, the labels and the probabilities
// of the classes.
func (m *model) each(b loader.Batch, learn func(x []float32, labels []uint8, p [][classes]float32)) (right int, err error) {
	x, err := tensor.Data[float32](b.Views[0]) // good until the next batch
	if err != nil {
		return 0, err
	}
	labels, err := tensor.Data[uint8](b.Views[1])
	if err != nil {
		return 0, err
	}
	if len(x) != len(labels)*pixels {
		return 0, fmt.Errorf("%d pixels for %d labels: images are %d by %d", len(x), len(labels), side, side)
	}
	p := make([][classes]float32, len(labels))
	for i, label := range labels {
		if label >= classes {
			return 0, fmt.Errorf("label %d: it is from 0 to %d", label, classes-1)
		}
		p[i] = m.probabilities(x[i*pixels : (i+1)*pixels])
		best := 0
		for c, v := range p[i] {
			if v > p[i][best] {
				best = c
			}
		}
		if best == int(label) {
			right++
		}
	}
	if learn != nil {
		learn(x, labels, p)
	}
	return right, nil
}

func (m *model) probabilities(image []float32) [classes]float32 {
	p := m.bias
	for k, v := range image {
		if v != 0 {
			for c, w := range &m.weights[k] {
				p[c] += v * w
			}
		}
	}
	most, sum := p[0], float32(0)
	for _, v := range p {
		most = max(most, v)
	}
	for c, v := range p {
		p[c] = float32(math.Exp(float64(v - most)))
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

// learn takes a step down the gradient of the cross entropy, which for a score is
// its probability, less one for the class that is right.
func (m *model) learn(x []float32, labels []uint8, p [][classes]float32) {
	rate := .1 / float32(len(labels))
	for i, label := range labels {
		p[i][label]--
		for k, v := range x[i*pixels : (i+1)*pixels] {
			if v != 0 {
				for c, e := range &p[i] {
					m.weights[k][c] -= rate * v * e
				}
			}
		}
		for c, e := range p[i] {
			m.bias[c] -= rate * e
		}
	}
}
