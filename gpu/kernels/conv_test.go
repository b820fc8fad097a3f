package kernels_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

func TestConvolve2D(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for i := range 24 {
			groups := []int64{1, 1, 2}[i%3]
			channels, filters := 1+r.Int64N(3), 1+r.Int64N(9)
			kernel := [2]int64{1 + r.Int64N(4), 1 + r.Int64N(4)}
			in := tensor.Shape{groups * channels, 4 + r.Int64N(12), 4 + r.Int64N(30)}
			if i%2 == 0 {
				in = append(tensor.Shape{2}, in...)
			}
			o := &kernels.ConvOptions{Groups: groups}
			if i%3 != 0 {
				o.Stride, o.Pad = []int64{1 + r.Int64N(2), 1 + r.Int64N(2)}, [][2]int64{{1, 2}, {2, 0}}
			}
			if i%4 == 0 {
				o.Dilation, o.Pad = []int64{2, 3}, [][2]int64{{3, 3}, {5, 4}}
			}
			host := &conv.Options{Stride: o.Stride, Dilation: o.Dilation, Pad: o.Pad, Groups: groups, Workers: 1}
			x, w := random(t, r, tensor.F32, in), random(t, r, tensor.F32, tensor.Shape{groups * filters, channels, kernel[0], kernel[1]})
			if i%5 != 0 {
				host.Bias = random(t, r, tensor.F32, tensor.Shape{groups * filters})
				o.Bias = put(t, d, host.Bias, 1)
			}
			src, weights := put(t, d, x, 1), put(t, d, w, 2)
			dst := room(t, d, tensor.F32, get(kernels.ConvShape(in, w.Shape(), o))(t), 3)
			run, want := kernels.Correlate2D, conv.Correlate
			if i%3 == 1 {
				run, want = kernels.Convolve2D, conv.Convolve
			}
			fine(t, run(on, dst, src, weights, o))
			if err := same(t, on, dst, get(want(x, w, host))(t)); err != nil {
				t.Fatalf("%d: %v by %v, %+v: %v", i, in, w.Shape(), o, err)
			}
			free(t, dst, src, weights, o.Bias)
		}
	})
}

// whole is a tensor of small whole numbers, whose sums are exact in any order.
func whole(t *testing.T, r *rand.Rand, s tensor.Shape) tensor.View {
	v := get(tensor.Make(tensor.F32, s))(t)
	x := get(tensor.Data[float32](v))(t)
	for i := range x {
		x[i] = float32(r.IntN(100))
	}
	return v
}

// A convolution is the product of filters and columns.
func TestIm2col(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		for i := range 12 {
			in := tensor.Shape{2, 3, 5 + r.Int64N(6), 5 + r.Int64N(6)}[i%2:]
			kernel := [2]int64{1 + r.Int64N(3), 1 + r.Int64N(3)}
			o := &kernels.ConvOptions{Stride: []int64{1 + r.Int64N(2), 1}, Pad: [][2]int64{{1, 0}, {2, 2}}}
			x, w := whole(t, r, in), whole(t, r, tensor.Shape{1, in[len(in)-3], kernel[0], kernel[1]})
			src := put(t, d, x, 1)
			dst := room(t, d, tensor.F32, get(kernels.ColumnsShape(in, kernel, o))(t), 1)
			fine(t, kernels.Im2col(on, dst, src, kernel, o))
			fine(t, on.Synchronize())
			columns := get(tensor.Data[float32](get(dst.Read(t.Context()))(t)))(t)
			want := get(tensor.Data[float32](get(conv.Correlate(x, w, &conv.Options{Stride: o.Stride, Pad: o.Pad}))(t)))(t)
			weights := get(tensor.Data[float32](w))(t)
			places := dst.Shape()[dst.Rank()-1]
			for j := range want {
				n, p := int64(j)/places, int64(j)%places
				sum := float32(0)
				for k, v := range weights {
					sum += v * columns[(n*int64(len(weights))+int64(k))*places+p]
				}
				if sum != want[j] {
					t.Fatalf("%v by %v, %+v: place %d: %v, want %v", in, kernel, o, j, sum, want[j])
				}
			}
			free(t, dst, src)
		}
	})
}

func TestConvRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand) {
		of := func(dt tensor.DType, s ...int64) *gpu.Tensor { return room(t, d, dt, s, 0) }
		in, w, dst := of(tensor.F32, 2, 6, 6), of(tensor.F32, 3, 2, 3, 3), of(tensor.F32, 3, 4, 4)
		bytes, wrong, three := of(tensor.U8, 2, 6, 6), of(tensor.F32, 3, 3, 3, 3), of(tensor.F32, 3)
		cols, long := of(tensor.F32, 18, 16), of(tensor.F64, 2, 6, 6)
		fine(t, kernels.Correlate2D(on, dst, in, w, nil))
		fine(t, kernels.Im2col(on, cols, in, [2]int64{3, 3}, nil))
		wants(t, kernels.Correlate2D(on, dst, bytes, w, nil), tensor.ErrDType, "input", "f32")
		wants(t, kernels.Correlate2D(on, dst, in, wrong, nil), tensor.ErrShape, "channels")
		wants(t, kernels.Correlate2D(on, dst, in, three, nil), tensor.ErrShape, "filters")
		wants(t, kernels.Correlate2D(on, in, dst, w, nil), tensor.ErrShape)
		wants(t, kernels.Correlate2D(on, dst, in, w, &kernels.ConvOptions{Stride: []int64{2, 1}}), tensor.ErrShape, "result", "(3, 2, 4)")
		wants(t, kernels.Correlate2D(on, dst, in, w, &kernels.ConvOptions{Bias: dst}), tensor.ErrUnsupported, "bias")
		wants(t, kernels.Correlate2D(on, dst, in, w, &kernels.ConvOptions{Bias: in}), tensor.ErrShape, "bias")
		wants(t, kernels.Im2col(on, cols, long, [2]int64{3, 3}, nil), tensor.ErrDType, "input")
		wants(t, kernels.Im2col(on, cols, bytes, [2]int64{3, 3}, nil), tensor.ErrDType, "result")
		wants(t, kernels.Im2col(on, cols, three, [2]int64{3, 3}, nil), tensor.ErrShape, "input")
		wants(t, kernels.Im2col(on, cols, in, [2]int64{3, 2}, nil), tensor.ErrShape, "result")
		wants(t, kernels.Im2col(on, cols, in, [2]int64{7, 3}, nil), tensor.ErrShape, "kernel")
		wants(t, kernels.Im2col(on, cols, in, [2]int64{3, 3}, &kernels.ConvOptions{Bias: three}), tensor.ErrUnsupported, "bias")
		free(t, in, w, dst, bytes, wrong, three, cols, long)
	})
}
