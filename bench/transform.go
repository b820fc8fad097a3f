package bench

import (
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// transformCases make tensors of others; bytes are those of the result.
func transformCases(e *Env) []Case {
	var list []Case
	// A batch of images with 3 pixels around each.
	images := e.Big / (4 * 3 * 230 * 230)
	pad := [][2]int64{{0, 0}, {0, 0}, {3, 3}, {3, 3}}
	bytes := images * 4 * 3 * 230 * 230
	for _, mode := range []transform.PadMode{transform.Constant, transform.Reflect} {
		name := fmt.Sprintf("op=pad/mode=%v/pad=3/shape=%s/dtype=f32", mode, joined([]int64{images, 3, 224, 224}))
		options := func(workers int) *transform.PadOptions {
			return &transform.PadOptions{Mode: mode, Workers: workers}
		}
		for _, workers := range []int{1, 2} {
			list = append(list, stream("transform", fmt.Sprintf("%s/memory=warm/workers=%d/impl=tensorfile", name, workers), bytes, func(b *testing.B) {
				src := made(b, e, "source", tensor.F32, images, 3, 224, 224)
				dst := made(b, e, "out", tensor.F32, images, 3, 230, 230)
				for b.Loop() {
					check(b, transform.PadInto(dst, src, pad, options(workers)))
				}
			}))
		}
		list = append(list, stream("transform", name+"/memory=fresh/workers=1/impl=tensorfile", bytes, func(b *testing.B) {
			src := made(b, e, "source", tensor.F32, images, 3, 224, 224)
			for b.Loop() {
				_, err := transform.Pad(src, pad, options(1))
				check(b, err)
			}
		}), stream("transform", name+"/memory=fresh/impl=numpy", bytes, func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome {
				return e.outcome(transform.Pad(made(b, e, "source", tensor.F32, images, 3, 224, 224), pad, options(1)))
			}, "pad", images, mode.String())
		}))
	}
	// The sums of all windows of an image, through a view that repeats each element
	// nine times.
	high, wide := e.image()
	bytes = 4 * (high - 2) * (wide - 2)
	name := fmt.Sprintf("op=windows+sum/window=3x3/shape=%dx%d/dtype=f32/impl=", high, wide)
	list = append(list, stream("transform", name+"tensorfile", bytes, func(b *testing.B) {
		v := ordinary(b, e, tensor.Shape{high, wide})
		for b.Loop() {
			w, err := v.Windows(nil, []int64{3, 3}, nil, nil)
			check(b, err)
			_, err = tensor.Reduce(w, "h w y x -> h w", tensor.Sum, nil)
			check(b, err)
		}
	}), stream("transform", name+"numpy", bytes, func(b *testing.B) {
		e.inPythonAs(b, bytes, func(b *testing.B) outcome {
			w, err := ordinary(b, e, tensor.Shape{high, wide}).Windows(nil, []int64{3, 3}, nil, nil)
			check(b, err)
			return e.outcome(tensor.Reduce(w, "h w y x -> h w", tensor.Sum, nil)).about(1e-5)
		}, "windows_sum", e.npyFile(b), high, wide)
	}))
	// One kernel over an image, and a layer of a network.
	for _, c := range []struct {
		in, filters tensor.Shape
		peers       []string
	}{
		{tensor.Shape{1, high, wide}, tensor.Shape{1, 1, 3, 3}, []string{"ndimage", "fftconvolve"}},
		{tensor.Shape{1, high, wide}, tensor.Shape{1, 1, 7, 7}, []string{"ndimage", "fftconvolve"}},
		{tensor.Shape{64, 56, 56}, tensor.Shape{64, 64, 3, 3}, []string{"im2col+matmul"}},
	} {
		side := c.filters[3]
		out := 4 * c.filters[0] * c.in[1] * c.in[2]
		name := fmt.Sprintf("op=conv2d/kernel=%dx%d/in=%s/filters=%d/dtype=f32", side, side, joined(c.in), c.filters[0])
		for _, workers := range []int{1, 2} {
			list = append(list, stream("transform", fmt.Sprintf("%s/workers=%d/impl=tensorfile", name, workers), out, func(b *testing.B) {
				in, filters := ordinary(b, e, c.in), ordinary(b, e, c.filters)
				dst := made(b, e, "out", tensor.F32, c.filters[0], c.in[1], c.in[2])
				o := &conv.Options{Origin: []int64{side / 2, side / 2}, Workers: workers}
				for b.Loop() {
					check(b, conv.CorrelateInto(dst, in, filters, o))
				}
			}))
		}
		for _, peer := range c.peers {
			list = append(list, stream("transform", name+"/impl="+peer, out, func(b *testing.B) {
				e.inPythonAs(b, out, func(b *testing.B) outcome {
					dst := made(b, e, "out", tensor.F32, c.filters[0], c.in[1], c.in[2])
					err := conv.CorrelateInto(dst, ordinary(b, e, c.in), ordinary(b, e, c.filters), &conv.Options{Origin: []int64{side / 2, side / 2}})
					return e.outcome(dst, err).about(1e-4)
				}, "conv2d", peer, e.npyFile(b), c.in, c.filters)
			}))
		}
	}
	return list
}

// ordinary is a tensor of weights: products of numbers made of any bytes would
// be too small for the fast path of a processor.
func ordinary(b *testing.B, e *Env, s tensor.Shape) tensor.View {
	n, err := s.NumElements()
	check(b, err)
	v, err := tensor.FromSlice(e.floats(b)[:n], s...)
	check(b, err)
	return v
}

// image is the size of one that e has numbers for.
func (e *Env) image() (high, wide int64) {
	if e.Big < 4*2160*3840 {
		return 540, 960
	}
	return 2160, 3840
}

func (e *Env) transformGoals() []Goal {
	high, wide := e.image()
	conv := func(kernel string, workers int) string {
		return fmt.Sprintf("transform/op=conv2d/kernel=%s/in=1x%dx%d/filters=1/dtype=f32/workers=%d/impl=tensorfile", kernel, high, wide, workers)
	}
	scipy := func(kernel string) string {
		return fmt.Sprintf("transform/op=conv2d/kernel=%s/in=1x%dx%d/filters=1/dtype=f32/impl=ndimage", kernel, high, wide)
	}
	return []Goal{
		{"a 3x3 kernel, one thread, beside scipy.ndimage", conv("3x3", 1), scipy("3x3"), 4, 0, false},
		{"a 7x7 kernel, one thread, beside scipy.ndimage", conv("7x7", 1), scipy("7x7"), 4, 0, false},
	}
}
