// Command batches makes a folder of pictures into one file, and trains a linear
// classifier on shuffled batches of it:
//
//	go run ./examples/batches [FOLDER]
//
// FOLDER/pictures holds a folder for each class; if it is not there, digits are
// drawn. The pictures, of any size, become 16 x 16 pixels in pictures.tensor, with
// what they are called and their labels. After each twentieth batch a checkpoint is
// kept. Started again after an end of any kind the program goes on from there, and
// comes to the same weights.
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
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	_ "github.com/tensorfile/tensorfile/convert/png"
	"github.com/tensorfile/tensorfile/examples/digits"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() { program.Main(run) }

func run(ctx context.Context, dir string, out io.Writer) error {
	pictures, data := filepath.Join(dir, "pictures"), filepath.Join(dir, "pictures.tensor")
	if err := draw(pictures, 1000); err != nil {
		return err
	}
	if err := collect(ctx, pictures, data, out); err != nil {
		return err
	}
	t := training{data: data, checkpoint: filepath.Join(dir, "checkpoint.json"), epochs: 4, every: 20, out: out}
	return t.run(ctx)
}

// collect makes one tensor "images" of a folder of pictures, row by row a picture,
// and one "images.labels" of the folders that they lie in, unless it is there.
func collect(ctx context.Context, pictures, data string, out io.Writer) error {
	names, err := convert.Folder(pictures, true)
	if err != nil {
		return err
	}
	set, err := convert.Set(ctx, names, data, &convert.SetOptions{
		Name:  "images",
		Label: convert.LabelDir,
		Each: &operate.Pipeline{Steps: []operate.Step{
			{Operator: operate.Channels{Count: 3}},
			{Operator: operate.Resize{Width: 16, Height: 16}},
		}},
		// Whole pictures in a chunk: the loader decodes each once an epoch.
		Store: []convert.Store{{Names: "images", Codec: "fast", Chunk: tensor.Shape{64, 16, 16, 3}}},
	})
	if errors.Is(err, tensorfile.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d pictures in %d classes\n", set.Files, len(set.Classes))
	return nil
}

// classes is how many folders there may be.
const classes = digits.Classes

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
	f, err := tensorfile.Open(t.data, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	images, err := f.Tensor("images")
	if err != nil {
		return err
	}
	labels, err := f.Tensor("images.labels")
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
		loader.Source{Tensor: images, Rearrange: "b h w c -> b (c h w)", DType: tensor.F32, Scale: []float64{1. / 255}, Bias: []float64{-.2}},
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
		}
		most := p[best] // less of it, no exponential is too large
		for c, v := range p {
			p[c] = float32(math.Exp(float64(v - most)))
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
	rate := .2 / float32(len(labels))
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
