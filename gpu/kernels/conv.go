package kernels

import (
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// ConvOptions are the choices of a convolution of planes; nil are the defaults. They
// are those of conv.Options: package transform/conv says more.
type ConvOptions struct {
	Stride, Dilation []int64     // down and across, above 0; default 1
	Pad              [][2]int64  // zeros before and behind, down and across; default none
	Groups           int64       // channels and filters in so many parts; 0 is 1
	Bias             *gpu.Tensor // f32, (filters); nil: none
}

func (o *ConvOptions) options() *conv.Options {
	if o == nil {
		return nil
	}
	return &conv.Options{Stride: o.Stride, Dilation: o.Dilation, Pad: o.Pad, Groups: o.Groups}
}

// ConvShape is the shape of the result of Correlate2D and Convolve2D.
func ConvShape(in, filters tensor.Shape, o *ConvOptions) (tensor.Shape, error) {
	if len(filters) != 4 {
		return nil, bad(tensor.ErrShape, "filters", filters.String(), "axes (filters, channels/groups, kernel down, kernel across)")
	}
	return conv.OutShape(in, filters, o.options())
}

// Correlate2D lays kernels on planes, what machine learning calls a convolution: in
// is ([batch,] channels, height, width), filters (filters, channels/groups, kernel
// down, kernel across), dst ([batch,] filters, down, across), all f32. ConvShape is
// its shape.
//
// A result is one sum of float32. It begins with the bias, or +0; products are added
// with c, the channel, outermost, then the kernel in C order; each product is rounded
// and then each sum, products with padding included, and nothing is fused. That is
// the order of package transform/conv: results are equal bit for bit to those of
// conv.Correlate, but for which NaN a NaN is.
//
// A block of threads computes a tile of the result for up to eight filters, over
// parts of the input in shared memory; kernels that do not fit there, of more than
// some 100 by 100, read the input as it lies.
func Correlate2D(on *gpu.Stream, dst, in, filters *gpu.Tensor, o *ConvOptions) error {
	return convolve(on, dst, in, filters, o, false)
}

// Convolve2D is Correlate2D with kernels flipped along both axes, as in mathematics:
// conv.Convolve. Products are added in the order of the flipped kernel.
func Convolve2D(on *gpu.Stream, dst, in, filters *gpu.Tensor, o *ConvOptions) error {
	return convolve(on, dst, in, filters, o, true)
}

func convolve(on *gpu.Stream, dst, in, filters *gpu.Tensor, o *ConvOptions, flip bool) error {
	if o == nil {
		o = &ConvOptions{}
	}
	list := []operand{{"result", dst}, {"input", in}, {"filters", filters}}
	if o.Bias != nil {
		list = append(list, operand{"bias", o.Bias})
	}
	uses, err := check(on, list...)
	if err != nil {
		return err
	}
	for _, t := range list {
		if err := wantDType(t.name, t.DType(), tensor.F32); err != nil {
			return err
		}
	}
	s, err := ConvShape(in.Shape(), filters.Shape(), o)
	if err != nil {
		return err
	}
	if err := wantShape("result", dst.Shape(), s); err != nil {
		return err
	}
	k := filters.Shape()
	if o.Bias != nil {
		if err := wantShape("bias", o.Bias.Shape(), tensor.Shape{k[0]}); err != nil {
			return err
		}
	}
	if dst.NumElements() == 0 {
		return nil
	}
	c := &ptx.Conv2D{Src: ptr(in), Weights: ptr(filters), Bias: ptr(o.Bias), Flip: flip, Batch: 1, Groups: max(o.Groups, 1), Channels: k[1],
		Window: window(in.Shape(), s, [2]int64{k[2], k[3]}, o)}
	c.Filters = k[0] / c.Groups
	if in.Rank() == 4 {
		c.Batch = in.Shape()[0]
	}
	l, err := c.Launch(ptr(dst))
	if err != nil {
		return err
	}
	return run(on, uses, l)
}

// window is the geometry of an operation that conv.OutShape has checked. The last two
// axes of in and out are those of planes.
func window(in, out tensor.Shape, kernel [2]int64, o *ConvOptions) ptx.Window {
	w := ptx.Window{Kernel: kernel, Stride: [2]int64{1, 1}, Dilation: [2]int64{1, 1}}
	for k := range 2 {
		w.In[k], w.Out[k] = in[len(in)-2+k], out[len(out)-2+k]
		if len(o.Stride) > 0 {
			w.Stride[k] = o.Stride[k]
		}
		if len(o.Dilation) > 0 {
			w.Dilation[k] = o.Dilation[k]
		}
		if len(o.Pad) > 0 {
			w.Pad[k] = o.Pad[k][0]
		}
	}
	return w
}

// ColumnsShape is the shape of the result of Im2col.
func ColumnsShape(in tensor.Shape, kernel [2]int64, o *ConvOptions) (tensor.Shape, error) {
	s, _, err := columns(in, kernel, o)
	return s, err
}

// columns is that, and the shape of a convolution with one filter.
func columns(in tensor.Shape, kernel [2]int64, o *ConvOptions) (s, out tensor.Shape, err error) {
	if len(in) != 3 && len(in) != 4 {
		return nil, nil, bad(tensor.ErrShape, "input", in.String(), "axes ([batch,] channels, height, width)")
	}
	if o != nil && (o.Groups > 1 || o.Bias != nil) {
		return nil, nil, bad(tensor.ErrUnsupported, "columns", "groups or a bias", "neither")
	}
	channels := in[len(in)-3]
	if out, err = conv.OutShape(in, tensor.Shape{1, channels, kernel[0], kernel[1]}, o.options()); err != nil {
		return nil, nil, err
	}
	s = append(s, in[:len(in)-3]...)
	for _, n := range []tensor.Shape{{channels, kernel[0], kernel[1]}, out[len(out)-2:]} {
		e, err := n.NumElements()
		if err != nil {
			return nil, nil, err
		}
		s = append(s, e)
	}
	_, err = s.NumElements()
	return s, out, err
}

// Im2col writes what each element of a kernel sees at each place of planes, zero where
// that is padding: in is ([batch,] channels, height, width) of a dtype of 1, 2 or 4
// bytes; dst ([batch,] channels * kernel down * kernel across, down * across). Row
// (c, ky, kx), column (y, x) of it is in[c, y*stride + ky*dilation - before, ...], so
// that a matrix product with the filters is the convolution. Groups and Bias must not
// be set.
func Im2col(on *gpu.Stream, dst, in *gpu.Tensor, kernel [2]int64, o *ConvOptions) error {
	if o == nil {
		o = &ConvOptions{}
	}
	uses, err := check(on, operand{"result", dst}, operand{"input", in})
	if err != nil {
		return err
	}
	d := in.DType()
	if d.UnitElems != 1 || d.UnitBytes > 4 || d.UnitBytes == 3 {
		return bad(tensor.ErrDType, "input", d.String(), "elements of 1, 2 or 4 bytes")
	}
	if err := wantDType("result", dst.DType(), d); err != nil {
		return err
	}
	s, out, err := columns(in.Shape(), kernel, o)
	if err != nil {
		return err
	}
	if err := wantShape("result", dst.Shape(), s); err != nil {
		return err
	}
	if dst.NumElements() == 0 {
		return nil
	}
	planes := in.Shape()[in.Rank()-3]
	if in.Rank() == 4 {
		planes *= in.Shape()[0]
	}
	l, err := ptx.Im2col(ptr(dst), ptr(in), int(d.UnitBytes), planes, window(in.Shape(), out, kernel, o))
	if err != nil {
		return err
	}
	return run(on, uses, l)
}
