package kernels_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Every scheme of package quant that there are kernels for.
func TestDequantise(t *testing.T) {
	schemes := []string{"i8", "i8:axis=0", "i8:axis=-1", "i8:zeros", "i8:axis=0+2", "i4:group=32", "i4:group=32,zeros", "u4:group=16,scales=f16", "u4:axis=0", "u8:block=3x5",
		"f4_e2m1:group=7", "f8_e4m3fn:block=16x16,scales=bf16", "f8_e5m2:axis=1,scales=f64", "mxfp4", "mxfp8_e4m3", "mxint8:axis=0"}
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, text := range schemes {
			s := get(quant.ParseScheme(text))(t)
			for _, shape := range []tensor.Shape{{3, 4, 66}, {2, 5, 33}, {1, 0, 4}} {
				a := get(quant.Quantise(t.Context(), random(t, r, tensor.F32, shape), s, 1))(t)
				g := kernels.Groups{Values: put(t, d, a.Values(), 3), Scales: put(t, d, a.Scales(), 1), Group: a.Group(), First: a.First()}
				if z, ok := a.Zeros(); ok {
					g.Zeros = put(t, d, z, 2)
				}
				for _, dt := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
					dst := room(t, d, dt, shape, 1)
					fine(t, kernels.Dequantise(on, dst, g))
					if err := same(t, on, dst, get(a.Dequantise(t.Context(), dt))(t)); err != nil {
						t.Fatalf("%s %v to %v: %v", text, shape, dt, err)
					}
					free(t, dst)
				}
				free(t, g.Values, g.Scales, g.Zeros)
			}
		}
	})
}

func TestDequantiseBlocks(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for _, ggml := range []int{2, 8, 12} {
			block, _ := tensor.Block(ggml)
			for _, rows := range []int64{0, 1, 3} {
				src := random(t, r, block, tensor.Shape{rows, 512})
				x := put(t, d, src, 1)
				for _, dt := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
					dst := room(t, d, dt, src.Shape(), 3)
					fine(t, kernels.DequantiseBlocks(on, dst, x))
					want := get(tensor.Make(dt, src.Shape()))(t)
					fine(t, quant.DequantiseBlocks(t.Context(), want, src, 1))
					if err := same(t, on, dst, want); err != nil {
						t.Fatalf("%v to %v: %v", block, dt, err)
					}
					free(t, dst)
				}
				free(t, x)
			}
		}
	})
}

func TestDequantiseRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		of := func(dt tensor.DType, s ...int64) *gpu.Tensor { return room(t, d, dt, s, 0) }
		dst, values, scales := of(tensor.F32, 4, 6), of(tensor.I8, 4, 6), of(tensor.F32, 4, 2)
		f64, f6, i4 := of(tensor.F64, 4, 6), of(tensor.F6E2M3, 4, 6), of(tensor.I4, 4, 2)
		deep := tensor.Shape{2, 2, 2, 2, 2, 2, 2, 2, 2, 4}
		deepDst, deepValues, deepScales := room(t, d, tensor.F32, deep, 0), room(t, d, tensor.I8, deep, 0), of(tensor.F32, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1)
		q5, _ := tensor.Block(6)
		blocks, flat := of(q5, 32), of(tensor.F32, 32)
		g := kernels.Groups{Values: values, Scales: scales, Group: []int64{1, 3}}
		with := func(f func(g *kernels.Groups)) kernels.Groups { h := g; f(&h); return h }
		fine(t, kernels.Dequantise(on, dst, g))
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Scales = nil })), tensor.ErrUnsupported, "scales")
		wants(t, kernels.Dequantise(on, f64, g), tensor.ErrUnsupported, "f64")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Values = f6 })), tensor.ErrUnsupported, "f6_e2m3")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Scales = i4 })), tensor.ErrUnsupported, "i4")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Group = []int64{3} })), tensor.ErrShape, "group")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Group = []int64{1, 0} })), tensor.ErrShape, "group along axis 1")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.First = []int64{0, 3} })), tensor.ErrShape, "group along axis 1")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Group = []int64{1, 2} })), tensor.ErrShape, "scales", "(4, 3)")
		wants(t, kernels.Dequantise(on, dst, with(func(g *kernels.Groups) { g.Zeros = dst })), tensor.ErrUnsupported, "zeros")
		wants(t, kernels.Dequantise(on, flat, g), tensor.ErrShape, "result")
		wants(t, kernels.Dequantise(on, deepDst, kernels.Groups{Values: deepValues, Scales: deepScales, Group: []int64{1, 2, 1, 2, 1, 2, 1, 2, 1, 4}}), tensor.ErrUnsupported, "4 axes")
		wants(t, kernels.DequantiseBlocks(on, flat, blocks), tensor.ErrUnsupported, "q5_0")
		wants(t, kernels.DequantiseBlocks(on, dst, blocks), tensor.ErrShape, "result")
		wants(t, kernels.DequantiseBlocks(on, flat, flat), tensor.ErrUnsupported, "blocks")
		free(t, dst, values, scales, f64, f6, i4, deepDst, deepValues, deepScales, blocks, flat)
	})
}
