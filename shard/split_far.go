package shard

import (
	"context"
	"errors"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// farAtATime is how many short requests for shards of a set are under way at a time.
const farAtATime = 16

// far is run for an index at an address; nil of any other. Shards become visible when
// all of them have been sent, which takes a short request each, and the index last.
func (w *splitter) far(ctx context.Context, names []string) (x *Index, err error) {
	names = append(names[:len(names):len(names)], baseName(w.path))
	outs := make([]convert.Output, len(names))
	defer func() {
		for _, out := range outs {
			if out != nil {
				err = atomicfile.Also(err, out.Close())
			}
		}
	}()
	index := len(outs) - 1
	create := func(i int) error {
		place, err := convert.Beside(w.path, names[i])
		if err != nil {
			return err
		}
		out, far, err := convert.CreateOutput(ctx, place, w.o.Overwrite)
		if err != nil || !far {
			return err
		}
		if outs[i] = out; place == w.f.Path() {
			return &tensor.Error{Kind: tensor.ErrPath, Path: place, Offset: -1, Field: "output", Got: "the same object as the input", Want: "another one"}
		}
		return nil
	}
	if err := create(index); err != nil || outs[index] == nil {
		return nil, err // a path
	}
	if err := parallel.Each(farAtATime, int64(index), func(i int64) error { return create(int(i)) }); err != nil {
		return nil, err
	}
	if w.o.DryRun {
		return w.planned(names[:index])
	}
	if w.o.Deterministic {
		if w.hash, err = w.f.Hash(ctx, nil); err != nil {
			return nil, err
		}
	}
	sets := make([]*Index, index)
	for i, out := range outs[:index] {
		if sets[i], err = Stream(ctx, out, names[i], w.create(names[i]), func(f *tensorfile.Writer) error { return w.write(ctx, f, w.plan.shards[i]) }); err != nil {
			return nil, err
		}
		if out, ok := out.(interface{ Flush() error }); ok {
			if err := out.Flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := w.f.Check(); err != nil {
		return nil, err
	}
	if x, err = Join(sets...); err != nil {
		return nil, err
	}
	text, err := x.AppendJSON(nil)
	if err == nil {
		_, err = outs[index].Write(text)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return x, w.appear(outs)
}

// appear makes shards visible, and after them the index. If that fails those that are
// visible go again, unless they have replaced others: these cannot be had back.
func (w *splitter) appear(outs []convert.Output) error {
	index := len(outs) - 1
	made := make([]bool, index)
	err := parallel.Each(farAtATime, int64(index), func(i int64) error {
		err := outs[i].Commit()
		made[i] = err == nil || errors.Is(err, tensor.ErrCommitUnknown)
		return err
	})
	if err == nil {
		if err = outs[index].Commit(); errors.Is(err, tensor.ErrCommitUnknown) {
			return err // the set may be there
		}
	}
	if err == nil || w.o.Overwrite {
		return err
	}
	return atomicfile.Also(err, parallel.Each(farAtATime, int64(index), func(i int64) error {
		if out, ok := outs[i].(interface{ Remove() error }); ok && made[i] {
			return out.Remove()
		}
		return nil
	}))
}
