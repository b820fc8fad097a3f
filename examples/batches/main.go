// Command batches trains a linear classifier on the tensors "images" (n, height,
// width, colours; bytes) and "labels" (n; integers from 0 to 9) of any file that
// the library opens:
//
//	batches train.tensor checkpoint.json
//
// It keeps a checkpoint after each hundredth batch. Started again after an end
// of any kind it goes on from there, and comes to the same weights.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"

	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: batches DATA CHECKPOINT")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	t := training{data: os.Args[1], checkpoint: os.Args[2], epochs: 3, every: 100, out: os.Stdout}
	if err := t.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const classes = 10

// training is one run of the program.
type training struct {
	data, checkpoint string
	epochs           int64
	every            int64 // batches from one checkpoint to the next
	out              io.Writer

	saved
}

// saved is what a checkpoint holds: the model and the position in the data.
type saved struct {
	Weights [][classes]float32 // by element of an image, the last is the bias
	State   loader.State
}

func (t *training) run(ctx context.Context) error {
	f, err := convert.Open(ctx, t.data, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	images, err := f.Tensor("images")
	if err != nil {
		return err
	}
	labels, err := f.Tensor("labels")
	if err != nil {
		return err
	}
	o := loader.Options{Batch: 32, Shuffle: true, Seed: 7, Epochs: t.epochs}
	switch err := t.load(); {
	case err == nil:
		o.Resume = &t.State
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	l, err := loader.New(&o,
		// Colours first, and bytes to numbers around zero: in the copy to the batch.
		loader.Source{Tensor: images, Rearrange: "b h w c -> b (c h w)", DType: tensor.F32, Scale: []float64{1. / 255}, Bias: []float64{-.5}},
		loader.Source{Tensor: labels, DType: tensor.I64})
	if err != nil {
		return err
	}
	right, seen := 0, 0
	for b, err := range l.Batches(ctx) {
		if err != nil {
			return err
		}
		x, err := tensor.Data[float32](b.Views[0]) // good until the next batch
		if err != nil {
			return err
		}
		y, err := tensor.Data[int64](b.Views[1])
		if err != nil {
			return err
		}
		n, err := t.step(x, y)
		if err != nil {
			return err
		}
		right, seen = right+n, seen+b.Len()
		if (b.Index+1)%t.every == 0 {
			// The state is that behind this batch, which is in the weights now.
			if err := t.save(l.State()); err != nil {
				return err
			}
		}
		if b.Index == l.Plan().Batches-1 {
			fmt.Fprintf(t.out, "epoch %d: %d of %d right\n", b.Epoch, right, seen)
			right, seen = 0, 0
		}
	}
	return t.save(l.State())
}

// step moves the weights by the gradient of one batch and returns how many
// labels were guessed before.
func (t *training) step(x []float32, labels []int64) (right int, err error) {
	n := len(x) / len(labels)
	if t.Weights == nil {
		t.Weights = make([][classes]float32, n+1)
	}
	gradient := make([][classes]float32, n+1)
	for i, label := range labels {
		if label < 0 || label >= classes {
			return 0, fmt.Errorf("label %d: it is from 0 to %d", label, classes-1)
		}
		image := x[i*n : (i+1)*n]
		p := t.Weights[n]
		for k, v := range image {
			for c, w := range t.Weights[k] {
				p[c] += v * w
			}
		}
		best, sum := 0, 0.
		for c, v := range p {
			if v > p[best] {
				best = c
			}
			p[c] = float32(math.Exp(float64(v)))
			sum += float64(p[c])
		}
		if best == int(label) {
			right++
		}
		for c := range p {
			p[c] /= float32(sum)
		}
		p[label]--
		for k, v := range image {
			for c, e := range p {
				gradient[k][c] += v * e
			}
		}
		for c, e := range p {
			gradient[n][c] += e
		}
	}
	rate := .5 / float32(len(labels))
	for k := range gradient {
		for c, g := range gradient[k] {
			t.Weights[k][c] -= rate * g
		}
	}
	return right, nil
}

// save keeps weights and position together, in one step.
func (t *training) save(s loader.State) error {
	t.State = s
	text, err := json.Marshal(t.saved)
	if err != nil {
		return err
	}
	temp := t.checkpoint + ".new"
	if err := os.WriteFile(temp, text, 0o666); err != nil {
		return err
	}
	return os.Rename(temp, t.checkpoint)
}

func (t *training) load() error {
	text, err := os.ReadFile(t.checkpoint)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &t.saved)
}
