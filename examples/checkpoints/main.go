// Command checkpoints trains a classifier of digits and keeps each epoch as a
// generation of one file, with what it was worth. A bad epoch is rolled back:
//
//	go run ./examples/checkpoints [FOLDER]
//
// Afterwards, with a FOLDER, the tool shows the same file:
//
//	tensorfile log FOLDER/model.tensor
//	tensorfile attr ls FOLDER/model.tensor --at 3
//	tensorfile diff FOLDER/model.tensor FOLDER/model.tensor --at 3
//
// A checkpoint is one commit: after a crash the file holds it whole or not at all,
// and whoever reads the model meanwhile goes on seeing the one he opened.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/examples/digits"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() { program.Main(run) }

func run(ctx context.Context, dir string, out io.Writer) error {
	images, labels := digits.Set(1, 2000, side)
	train := set{images, labels}
	images, labels = digits.Set(2, 500, side)
	test := set{images, labels}
	s, err := create(ctx, filepath.Join(dir, "model.tensor"), test)
	if err != nil {
		return err
	}

	// Each epoch goes on from the newest checkpoint. In the third the rate is far
	// too high.
	epochs := func(rates ...float64) error {
		for _, rate := range rates {
			m, at, err := s.load(ctx, 0)
			if err != nil {
				return err
			}
			m.epoch(train, float32(rate))
			c := checkpoint{Epoch: at.Epoch + 1, Rate: rate}
			c.Loss, c.Accuracy = m.evaluate(test)
			if err := s.save(ctx, m, c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := epochs(0.01, 0.01, 3); err != nil {
		return err
	}
	log, err := s.log(ctx)
	if err != nil {
		return err
	}
	best := slices.MinFunc(log, func(a, b checkpoint) int { return cmp.Compare(a.Loss, b.Loss) })
	if err := s.revert(ctx, best.Generation); err != nil {
		return err
	}
	if err := epochs(0.005, 0.002); err != nil {
		return err
	}

	if log, err = s.log(ctx); err != nil {
		return err
	}
	if err := table(out, log); err != nil {
		return err
	}
	r, err := s.prune(ctx, best.Generation)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "kept generations %d: %d KiB, %d before\n", r.Generations, r.After>>10, r.Before>>10)
	return nil
}

// table prints checkpoints. One that is not the child of the line above it is what
// a revert went back to.
func table(out io.Writer, log []checkpoint) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "GENERATION\tEPOCH\tRATE\tLOSS\tACCURACY\t")
	for _, c := range log {
		fmt.Fprintf(w, "%d\t%d\t%g\t%.3f\t%.1f%%\t\n", c.Generation, c.Epoch, c.Rate, c.Loss, 100*c.Accuracy)
	}
	return w.Flush()
}

// store is a file of which each generation is a model.
type store struct{ path string }

// checkpoint is what a generation says of its model.
type checkpoint struct {
	Generation uint64
	Epoch      int64
	Rate       float64 // of learning
	Loss       float64 // mean cross entropy of the test images
	Accuracy   float64 // part of them that is right
}

// create begins a file with a model that knows nothing.
func create(ctx context.Context, path string, test set) (store, error) {
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true})
	if err != nil {
		return store{}, err
	}
	defer w.Close() // takes back what was not committed
	m := newModel()
	var c checkpoint
	c.Loss, c.Accuracy = m.evaluate(test)
	s := store{path}
	return s, s.write(ctx, w, m, c)
}

// save appends a model.
func (s store) save(ctx context.Context, m *model, c checkpoint) error {
	w, err := tensorfile.OpenAppend(s.path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	return s.write(ctx, w, m, c)
}

// write commits a model and what it is worth as the attributes of the file.
func (s store) write(ctx context.Context, w *tensorfile.Writer, m *model, c checkpoint) error {
	weights, err := tensor.FromSlice(m.weights, pixels, digits.Classes)
	if err != nil {
		return err
	}
	bias, err := tensor.FromSlice(m.bias)
	if err != nil {
		return err
	}
	o := &tensorfile.TensorOptions{Replace: true}
	if err := w.Add(ctx, "weights", weights, o); err != nil {
		return err
	}
	if err := w.Add(ctx, "bias", bias, o); err != nil {
		return err
	}
	if err := w.SetAttrs(tensorfile.Attrs{"epoch": c.Epoch, "rate": c.Rate, "loss": c.Loss, "accuracy": c.Accuracy}); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// load reads the model of a generation, 0 for the newest.
func (s store) load(ctx context.Context, generation uint64) (*model, checkpoint, error) {
	f, err := tensorfile.Open(s.path, &tensorfile.OpenOptions{Generation: generation, Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return nil, checkpoint{}, err
	}
	defer f.Close()
	c, err := describe(f)
	if err != nil {
		return nil, c, err
	}
	m := newModel()
	for name, x := range map[string][]float32{"weights": m.weights, "bias": m.bias} {
		t, err := f.Tensor(name)
		if err != nil {
			return nil, c, err
		}
		v, err := tensor.FromSlice(x, t.Shape()...) // a shape of another size is an error
		if err != nil {
			return nil, c, err
		}
		if err := t.ReadInto(ctx, v); err != nil {
			return nil, c, err
		}
	}
	return m, c, nil
}

// describe reads the attributes of an open generation.
func describe(f *tensorfile.File) (checkpoint, error) {
	c := checkpoint{Generation: f.Info().Generation}
	a, err := f.Attrs()
	if err != nil {
		return c, err
	}
	epoch, ok1 := a["epoch"].(int64)
	rate, ok2 := a["rate"].(float64)
	loss, ok3 := a["loss"].(float64)
	accuracy, ok4 := a["accuracy"].(float64)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return c, fmt.Errorf("%s: generation %d is no checkpoint: %v", f.Path(), c.Generation, a)
	}
	c.Epoch, c.Rate, c.Loss, c.Accuracy = epoch, rate, loss, accuracy
	return c, nil
}

// log returns all checkpoints, the oldest first. It reads no weights.
func (s store) log(ctx context.Context) ([]checkpoint, error) {
	f, err := tensorfile.Open(s.path, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []checkpoint
	for g, err := range f.Generations(ctx) { // the newest first
		if err != nil {
			return nil, err
		}
		c, err := s.at(g.Number)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.Reverse(list)
	return list, nil
}

func (s store) at(generation uint64) (checkpoint, error) {
	f, err := tensorfile.Open(s.path, &tensorfile.OpenOptions{Generation: generation})
	if err != nil {
		return checkpoint{}, err
	}
	defer f.Close()
	return describe(f)
}

// revert makes an older generation the newest, too. It writes no weights: those
// that are there get a second entry.
func (s store) revert(ctx context.Context, generation uint64) error {
	w, err := tensorfile.OpenAppend(s.path, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Revert(generation); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// prune drops all generations but the newest and those to keep.
func (s store) prune(ctx context.Context, keep ...uint64) (*tensorfile.RepackResult, error) {
	f, err := tensorfile.Open(s.path, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return tensorfile.Repack(ctx, f, s.path, &tensorfile.RepackOptions{Keep: keep})
}
