package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// made is a tensor of memory of its own whose pages are there.
func made(b *testing.B, e *Env, key string, d tensor.DType, shape ...int64) tensor.View {
	return get(b, e, key+d.String()+tensor.Shape(shape).String(), func() (tensor.View, error) {
		v, err := tensor.Make(d, shape)
		if err != nil {
			return v, err
		}
		x, err := v.Bytes()
		for i := range x {
			x[i] = byte(i >> 8)
		}
		return v, err
	})
}

func tensorCases(e *Env) []Case {
	n := e.Big / 4
	var list []Case
	// Casts; bytes are those of the result, for narrowing ones of the source.
	for _, c := range []struct {
		from, to     tensor.DType
		npFrom, npTo string
		source       func(b *testing.B) (tensor.View, error)
	}{
		{tensor.U8, tensor.F32, "uint8", "float32", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.bytes(b)[:n]) }},
		{tensor.F16, tensor.F32, "float16", "float32", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.halves(b)) }},
		{tensor.BF16, tensor.F32, "bfloat16", "float32", func(b *testing.B) (tensor.View, error) {
			x, err := tensor.FromSlice(e.floats(b))
			check(b, err)
			return get(b, e, "brains", func() (tensor.View, error) { return x.Cast(tensor.BF16) }), nil
		}},
		{tensor.F32, tensor.F16, "float32", "float16", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.floats(b)) }},
		{tensor.F32, tensor.BF16, "float32", "bfloat16", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.floats(b)) }},
		{tensor.F32, tensor.F64, "float32", "float64", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.floats(b)[:n/2]) }},
	} {
		bytes := int64(max(c.from.UnitBytes, c.to.UnitBytes)) * n
		if c.to == tensor.F64 {
			bytes /= 2
		}
		name := fmt.Sprintf("op=cast/from=%s/to=%s/", c.from, c.to)
		for _, workers := range []int{1, 2} {
			list = append(list, stream("tensor", fmt.Sprintf("%sworkers=%d/impl=tensorfile", name, workers), bytes, func(b *testing.B) {
				src, err := c.source(b)
				check(b, err)
				dst := made(b, e, "out", c.to, src.Shape()...)
				for b.Loop() {
					check(b, tensor.CastParallel(b.Context(), dst, src, workers))
				}
			}))
		}
		list = append(list, stream("tensor", name+"impl=numpy", bytes, func(b *testing.B) {
			source := e.npyFile(b)
			if c.from == tensor.U8 {
				source = e.bytesFile(b, "bytes", e.bytes(b))
			}
			e.inPythonAs(b, bytes, func(b *testing.B) outcome {
				src, err := c.source(b)
				check(b, err)
				return e.outcome(src.Cast(c.to))
			}, "cast", c.npFrom, c.npTo, bytes/int64(max(c.from.UnitBytes, c.to.UnitBytes)), source)
		}))
	}
	// Copies that turn axes.
	for _, c := range e.turns() {
		bytes, err := tensor.ByteSize(c.d, c.shape)
		if err != nil {
			continue
		}
		for _, workers := range []int{1, 2} {
			list = append(list, stream("tensor", fmt.Sprintf("%sworkers=%d/impl=tensorfile", c.name(), workers), bytes, func(b *testing.B) {
				src := made(b, e, "source", c.d, c.shape...)
				turned, err := src.Permute(c.axes...)
				check(b, err)
				dst := made(b, e, "out", c.d, turned.Shape()...)
				for b.Loop() {
					check(b, tensor.CopyParallel(b.Context(), dst, turned, workers))
				}
			}))
		}
		list = append(list, stream("tensor", c.name()+"impl=numpy", bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome {
				return e.outcome(made(b, e, "source", c.d, c.shape...).Permute(c.axes...))
			}, "permute", c.shape, c.axes, c.np)
		}))
	}
	// Every second element.
	list = append(list, stream("tensor", "op=step/step=2/dtype=f32/impl=tensorfile", e.Big, func(b *testing.B) {
		src, err := made(b, e, "source", tensor.F32, 2*n).Slice(0, 0, 2*n, 2)
		check(b, err)
		dst := made(b, e, "out", tensor.F32, n)
		for b.Loop() {
			check(b, tensor.Copy(dst, src))
		}
	}), stream("tensor", "op=step/step=2/dtype=f32/impl=numpy", e.Big, func(b *testing.B) {
		e.inPythonAs(b, e.Big, func(b *testing.B) outcome {
			return e.outcome(made(b, e, "source", tensor.F32, 2*n).Slice(0, 0, 2*n, 2))
		}, "step", n, 2, "float32")
	}), stream("tensor", "op=copy/impl=go", e.Big, func(b *testing.B) {
		src, dst := e.floats(b), made(b, e, "out", tensor.F32, n)
		to, err := tensor.Data[float32](dst)
		check(b, err)
		for b.Loop() {
			copy(to, src)
		}
	}))
	return append(list, iterCases(e)...)
}

// A turn is a copy of a tensor whose axes change places.
type turn struct {
	shape       tensor.Shape
	axes        []int
	d           tensor.DType
	np          string
	alone, both float64 // goals in M, on one thread and on two
}

func (t turn) name() string {
	return fmt.Sprintf("op=permute/shape=%s/axes=%s/dtype=%s/", joined(t.shape), joined(t.axes), t.d)
}

// turns are matrices of even and odd sizes, images to planes and back, and a few
// permutations of more axes.
func (e *Env) turns() []turn {
	side := int64(1024)
	for side*side*4 < e.Big {
		side *= 2
	}
	images := e.Big / (224 * 224 * 3)
	k := max(e.Big/(8*20*24*28*32*4), 1)
	const f32, u8 = "float32", "uint8"
	return []turn{
		{tensor.Shape{side, side}, []int{1, 0}, tensor.F32, f32, 0.5, 0.75},
		{tensor.Shape{side - 192, side + 128}, []int{1, 0}, tensor.F32, f32, 0.5, 0.75},
		{tensor.Shape{side - 1, side + 1}, []int{1, 0}, tensor.F32, f32, 0.5, 0.75},
		{tensor.Shape{images, 224, 224, 3}, []int{0, 3, 1, 2}, tensor.U8, u8, 0.65, 1.2},
		{tensor.Shape{images, 3, 224, 224}, []int{0, 2, 3, 1}, tensor.U8, u8, 0.65, 1.2},
		{tensor.Shape{max(images/4, 1), 3, 224, 224}, []int{0, 2, 3, 1}, tensor.F32, f32, 0, 0},
		{tensor.Shape{max(images/256, 1), 224, 224, 192}, []int{0, 3, 1, 2}, tensor.F32, f32, 0, 0},
		{tensor.Shape{k, 8, 20, 24, 28, 32}, []int{0, 2, 4, 1, 3, 5}, tensor.F32, f32, 0, 0},
		{tensor.Shape{k, 8, 20, 24, 28, 32}, []int{5, 4, 3, 2, 1, 0}, tensor.F32, f32, 0, 0},
		{tensor.Shape{2 * k, 8, 20, 24, 28, 32}, []int{3, 1, 5, 0, 2, 4}, tensor.U16, "uint16", 0, 0},
	}
}

// tensorGoals are those of casts and of copies that turn axes.
func (e *Env) tensorGoals() (list []Goal) {
	for _, c := range []struct {
		from, to    tensor.DType
		alone, both float64
	}{
		{tensor.U8, tensor.F32, 1.4, 2.5}, {tensor.F16, tensor.F32, 1.2, 2.2}, {tensor.BF16, tensor.F32, 1.2, 2.2},
		{tensor.F32, tensor.BF16, 0.7, 0}, {tensor.F32, tensor.F16, 0.85, 0},
	} {
		name := fmt.Sprintf("tensor/op=cast/from=%s/to=%s/", c.from, c.to)
		what := fmt.Sprintf("%s to %s, ", c.from, c.to)
		list = append(list, Goal{What: what + "one thread", Ours: name + "workers=1/impl=tensorfile", Base: M, Ratio: c.alone})
		if c.both > 0 {
			list = append(list, Goal{What: what + "two threads", Ours: name + "workers=2/impl=tensorfile", Base: M, Ratio: c.both})
		}
		list = append(list, Goal{What: what + "beside NumPy", Ours: name + "workers=1/impl=tensorfile", Base: name + "impl=numpy", Ratio: 1})
	}
	for _, c := range e.turns() {
		name := "tensor/" + c.name()
		what := fmt.Sprintf("%s %s to axes %s, ", c.d, joined(c.shape), joined(c.axes))
		if c.alone > 0 {
			list = append(list, Goal{What: what + "one thread", Ours: name + "workers=1/impl=tensorfile", Base: M, Ratio: c.alone},
				Goal{What: what + "two threads", Ours: name + "workers=2/impl=tensorfile", Base: M, Ratio: c.both})
		}
		list = append(list, Goal{What: what + "beside NumPy", Ours: name + "workers=1/impl=tensorfile", Base: name + "impl=numpy", Ratio: 1})
	}
	return list
}

// iterCases sum and copy rows that lie apart: the price of a row of n elements
// beside the same elements in one piece.
func iterCases(e *Env) []Case {
	var list []Case
	const total = 1 << 18 // elements, which stay in the second-level cache
	for _, n := range []int64{8, 64, 512} {
		for _, gap := range []int64{0, 16} {
			form := "contiguous"
			if gap > 0 {
				form = "rows"
			}
			list = append(list, Case{Group: "tensor", Name: fmt.Sprintf("op=sum/run=%d/form=%s", n, form), Bytes: 4 * total, Run: func(b *testing.B) {
				b.SetBytes(4 * total)
				v, err := made(b, e, "rows", tensor.F32, total/n, n+gap).Slice(1, 0, n, 1)
				check(b, err)
				s, err := tensor.As[float32](v)
				check(b, err)
				for b.Loop() {
					var x float32
					for r := range s.Runs() {
						if row, ok := r.Slice(); ok {
							for _, v := range row { // what a caller would write
								x += v
							}
						}
					}
					sink = x
				}
			}}, Case{Group: "tensor", Name: fmt.Sprintf("op=copy/run=%d/form=%s", n, form), Bytes: 4 * total, Run: func(b *testing.B) {
				b.SetBytes(4 * total)
				v, err := made(b, e, "rows", tensor.F32, total/n, n+gap).Slice(1, 0, n, 1)
				check(b, err)
				dst := made(b, e, "out", tensor.F32, total/n, n)
				for b.Loop() {
					check(b, tensor.Copy(dst, v))
				}
			}})
		}
	}
	return list
}

func joined[T any](list []T) string {
	return strings.Join(slices.Collect(func(yield func(string) bool) {
		for _, x := range list {
			if !yield(fmt.Sprint(x)) {
				return
			}
		}
	}), "x")
}
