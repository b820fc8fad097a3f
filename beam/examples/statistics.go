package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/tensorfile/tensorfile/beam/tensorio"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	register.DoFn2x2[context.Context, tensorio.Chunk, moments, error](&momentsFn{})
	register.Function2x1(merge)
	register.DoFn3x1[context.Context, moments, func(tensorio.Chunk), error](&resultFn{})
	register.Emitter1[tensorio.Chunk]()
	beam.RegisterType(reflect.TypeFor[moments]())
}

// statistics writes mean and variance of each channel of a tensor, the population's, as
// the tensors "mean" and "variance", f64.
func statistics(ctx context.Context, s beam.Scope, in, name string, axis int, o tensorio.Output) error {
	f, err := convert.Open(ctx, in, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := f.Tensor(name)
	if err != nil {
		return err
	}
	if axis < 0 {
		axis += len(t.Shape())
	}
	if axis < 0 || axis >= len(t.Shape()) || t.NumElements() == 0 {
		return fmt.Errorf("%s: tensor %q %v has no elements along axis %d", in, name, t.Shape(), axis)
	}
	channels := t.Shape()[axis]
	for _, name := range []string{"mean", "variance"} {
		o.Tensors = append(o.Tensors, tensorio.Spec{Name: name, DType: "f64", Shape: []int64{channels}})
	}
	chunks := tensorio.Read(s, tensorio.ReadOptions{Tensors: []string{name}, Transient: true}, in)
	parts := beam.ParDo(s, &momentsFn{Axis: axis, Channels: channels}, chunks)
	tensorio.Write(s, o, beam.ParDo(s, &resultFn{}, beam.Combine(s, merge, parts)))
	return nil
}

// moments of the channels: counts, means, and sums of squared distances from them.
type moments struct {
	Count    []int64
	Mean, M2 []float64
}

// merge puts two sets of values together, without the loss of a sum of squares (Chan,
// Golub and LeVeque, 1979).
func merge(a, b moments) moments {
	if len(a.Count) == 0 {
		return b
	}
	if len(b.Count) == 0 {
		return a
	}
	n := len(a.Count)
	m := moments{make([]int64, n), make([]float64, n), make([]float64, n)}
	for c := range n {
		m.Count[c] = a.Count[c] + b.Count[c]
		if m.Count[c] == 0 {
			continue
		}
		d, share := b.Mean[c]-a.Mean[c], float64(b.Count[c])/float64(m.Count[c])
		m.Mean[c] = a.Mean[c] + d*share
		m.M2[c] = a.M2[c] + b.M2[c] + d*d*float64(a.Count[c])*share
	}
	return m
}

// momentsFn looks at a chunk.
type momentsFn struct {
	Axis     int
	Channels int64
}

// ProcessElement gives the moments of a chunk's elements.
func (fn *momentsFn) ProcessElement(_ context.Context, c tensorio.Chunk) (moments, error) {
	m := moments{make([]int64, fn.Channels), make([]float64, fn.Channels), make([]float64, fn.Channels)}
	v, err := c.View()
	if err != nil {
		return m, err
	}
	wide, err := tensor.Make(mustDType("f64"), c.Shape)
	if err == nil {
		err = tensor.Cast(wide, v)
	}
	if err != nil {
		return m, err
	}
	data, err := tensor.Data[float64](wide)
	if err != nil {
		return m, err
	}
	inner := int64(1)
	for _, n := range c.Shape[fn.Axis+1:] {
		inner *= n
	}
	channels, first := c.Shape[fn.Axis], c.Origin[fn.Axis]
	each := func(f func(k int64, x float64)) {
		for at, k := int64(0), int64(0); at < int64(len(data)); at, k = at+inner, (k+1)%channels {
			for _, x := range data[at : at+inner] {
				f(first+k, x)
			}
		}
	}
	each(func(k int64, x float64) { m.Count[k]++; m.Mean[k] += x })
	for k := range m.Mean {
		if m.Count[k] > 0 {
			m.Mean[k] /= float64(m.Count[k])
		}
	}
	each(func(k int64, x float64) { d := x - m.Mean[k]; m.M2[k] += d * d })
	return m, nil
}

func mustDType(s string) tensor.DType {
	d, err := tensor.ParseDType(s)
	if err != nil {
		panic(err)
	}
	return d
}

// resultFn makes chunks of the moments of all.
type resultFn struct{}

// ProcessElement gives the tensors "mean" and "variance".
func (*resultFn) ProcessElement(_ context.Context, m moments, emit func(tensorio.Chunk)) error {
	n := len(m.Count)
	mean, variance := make([]byte, 0, 8*n), make([]byte, 0, 8*n)
	for c := range n {
		if m.Count[c] == 0 {
			return fmt.Errorf("channel %d has no elements", c)
		}
		mean = binary.LittleEndian.AppendUint64(mean, math.Float64bits(m.Mean[c]))
		variance = binary.LittleEndian.AppendUint64(variance, math.Float64bits(m.M2[c]/float64(m.Count[c])))
	}
	for name, data := range map[string][]byte{"mean": mean, "variance": variance} {
		emit(tensorio.Chunk{Tensor: name, DType: "f64", Origin: []int64{0}, Shape: []int64{int64(n)}, Data: data})
	}
	return nil
}
