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
		{tensor.F32, tensor.F16, "float32", "float16", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.floats(b)) }},
		{tensor.F32, tensor.BF16, "float32", "", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.floats(b)) }},
		{tensor.F32, tensor.F64, "float32", "float64", func(b *testing.B) (tensor.View, error) { return tensor.FromSlice(e.floats(b)[:n/2]) }},
	} {
		bytes := int64(max(c.from.UnitBytes, c.to.UnitBytes)) * n
		if c.to == tensor.F64 {
			bytes /= 2
		}
		name := fmt.Sprintf("op=cast/from=%s/to=%s/impl=", c.from, c.to)
		list = append(list, stream("tensor", name+"tensorfile", bytes, func(b *testing.B) {
			src, err := c.source(b)
			check(b, err)
			dst := made(b, e, "out", c.to, src.Shape()...)
			for b.Loop() {
				check(b, tensor.Cast(dst, src))
			}
		}))
		if c.npTo != "" {
			list = append(list, stream("tensor", name+"numpy", bytes, func(b *testing.B) {
				e.inPython(b, bytes, "cast", c.npFrom, c.npTo, bytes/int64(max(c.from.UnitBytes, c.to.UnitBytes)))
			}))
		}
	}
	// Copies that turn axes.
	side := int64(1024)
	for side*side*4 < e.Big {
		side *= 2
	}
	for _, c := range []struct {
		shape []int64
		axes  []int
		d     tensor.DType
		np    string
	}{
		{[]int64{side, side}, []int{1, 0}, tensor.F32, "float32"},
		{[]int64{side - 192, side + 128}, []int{1, 0}, tensor.F32, "float32"},
		{[]int64{e.Big / (224 * 224 * 3), 224, 224, 3}, []int{0, 3, 1, 2}, tensor.U8, "uint8"},
	} {
		shape, err := tensor.Shape(c.shape).NumElements()
		if err != nil {
			continue
		}
		bytes := shape * int64(c.d.UnitBytes)
		name := fmt.Sprintf("op=permute/shape=%s/axes=%s/dtype=%s/impl=", joined(c.shape), joined(c.axes), c.d)
		list = append(list, stream("tensor", name+"tensorfile", bytes, func(b *testing.B) {
			src := made(b, e, "source", c.d, c.shape...)
			turned, err := src.Permute(c.axes...)
			check(b, err)
			dst := made(b, e, "out", c.d, turned.Shape()...)
			for b.Loop() {
				check(b, tensor.Copy(dst, turned))
			}
		}), stream("tensor", name+"numpy", bytes, func(b *testing.B) {
			e.inPython(b, bytes, "permute", c.shape, c.axes, c.np)
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
		e.inPython(b, e.Big, "step", n, 2, "float32")
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
