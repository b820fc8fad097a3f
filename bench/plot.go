package bench

import (
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
)

// blockMean reduces a square of side x side to pixels x pixels, by workers that
// have rows of their own.
func blockMean(v tensor.View, pixels int, workers int) (tensor.View, error) {
	side := v.Shape()[0]
	g := reduce.NewGrid(side, side, pixels, pixels)
	const parts = 16
	some := make([]*reduce.Grid, parts)
	err := parallel.Each(workers, parts, func(i int64) error {
		from, to := side*i/parts, side*(i+1)/parts
		part, err := v.Slice(0, from, to, 1)
		if err != nil {
			return err
		}
		some[i] = g.Window(from, to, 0, side)
		return some[i].Add(from, 0, part)
	})
	if err != nil {
		return tensor.View{}, err
	}
	for _, p := range some {
		g.Merge(p)
	}
	out, err := tensor.FromSlice(g.Means(), int64(pixels), int64(pixels))
	if err != nil {
		return out, err
	}
	return out.Cast(tensor.F32)
}

// envelope is the least and the greatest of each column of pixels.
func envelope(v tensor.View, columns int) (tensor.View, error) {
	e := reduce.NewEnvelope(v.NumElements(), columns)
	if err := e.Add(0, v); err != nil {
		return tensor.View{}, err
	}
	out, err := tensor.FromSlice(append(e.Min, e.Max...), 2, int64(columns))
	if err != nil {
		return out, err
	}
	return out.Cast(tensor.F32)
}

// plotCases make tensors as small as a picture; bytes are those of the tensor.
func plotCases(e *Env) []Case {
	side, pixels := int64(8000), 800
	if e.Big < 4*side*side {
		side, pixels = 1000, 100
	}
	bytes := 4 * side * side
	name := fmt.Sprintf("op=blockmean/shape=%dx%d/pixels=%dx%d/dtype=f32", side, side, pixels, pixels)
	square := tensor.Shape{side, side}
	var list []Case
	for _, workers := range []int{1, 2} {
		list = append(list, stream("plot", fmt.Sprintf("%s/workers=%d/impl=tensorfile", name, workers), bytes, func(b *testing.B) {
			v := ordinary(b, e, square)
			for b.Loop() {
				_, err := blockMean(v, pixels, workers)
				check(b, err)
			}
		}))
	}
	list = append(list, stream("plot", name+"/impl=numpy", bytes, func(b *testing.B) {
		e.inPythonAs(b, bytes, func(b *testing.B) outcome {
			return e.outcome(blockMean(ordinary(b, e, square), pixels, 1)).about(1e-4) // NumPy adds in float32
		}, "block_mean", e.npyFile(b), side, pixels)
	}))
	const columns = 1000
	name = fmt.Sprintf("op=envelope/elements=%d/columns=%d/dtype=f32/impl=", side*side, columns)
	return append(list, stream("plot", name+"tensorfile", bytes, func(b *testing.B) {
		v := ordinary(b, e, tensor.Shape{side * side})
		for b.Loop() {
			_, err := envelope(v, columns)
			check(b, err)
		}
	}), stream("plot", name+"numpy", bytes, func(b *testing.B) {
		e.inPythonAs(b, bytes, func(b *testing.B) outcome {
			return e.outcome(envelope(ordinary(b, e, tensor.Shape{side * side}), columns))
		}, "envelope", e.npyFile(b), side*side, columns)
	}))
}
