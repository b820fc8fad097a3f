package conv

import (
	"strconv"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options are the choices of a convolution; nil are the defaults.
type Options struct {
	// Stride and Dilation have a number for each spatial axis, above 0: the
	// distance of neighbouring places in the input, and of neighbouring elements
	// of a kernel. By default all are 1.
	Stride, Dilation []int64

	// Pad has, for each spatial axis, how many zeros stand before and behind the
	// input. By default there are none, and the result is smaller than the input.
	// For other edges use transform.Pad first.
	Pad [][2]int64

	// Origin, in place of Pad, has for each spatial axis the element of the kernel
	// that lies on the place of the result: with stride 1, the result has the size
	// of the input. It counts in the kernel as it is given, flipped or not.
	Origin []int64

	// Groups is into how many parts channels and filters are divided, each filter
	// seeing the channels of its own part only; 0 is 1. With as many groups as
	// channels every channel is filtered by itself.
	Groups int64

	// Bias has a number for each filter, real, of shape (filters,). The zero View
	// is none.
	Bias tensor.View

	// Workers is the largest number of goroutines, below 1 for GOMAXPROCS. The
	// result does not depend on it.
	Workers int
}

// Correlate lays each kernel on each place of the input and adds up the products:
// what machine learning calls convolution, and scipy.ndimage.correlate. The
// result is f64 if the input or the filters are, else f32.
func Correlate(in, filters tensor.View, o *Options) (tensor.View, error) {
	return fresh(in, filters, o, false)
}

// CorrelateInto is Correlate into dst, of shape OutShape, f32 or f64, which says
// in what is computed. It may have any strides and byte order but must not
// repeat elements. After an error it holds anything.
func CorrelateInto(dst, in, filters tensor.View, o *Options) error {
	return into(dst, in, filters, o, false)
}

// Convolve is Correlate with kernels flipped along all spatial axes:
// scipy.signal.convolve and scipy.ndimage.convolve.
func Convolve(in, filters tensor.View, o *Options) (tensor.View, error) {
	return fresh(in, filters, o, true)
}

// ConvolveInto is CorrelateInto with kernels flipped along all spatial axes.
func ConvolveInto(dst, in, filters tensor.View, o *Options) error {
	return into(dst, in, filters, o, true)
}

// OutShape is the shape of the result for an input and filters of these shapes.
func OutShape(in, filters tensor.Shape, o *Options) (tensor.Shape, error) {
	g, err := newGeometry(in, filters, o, false)
	if err != nil {
		return nil, err
	}
	return g.shape(len(in) == len(filters)), nil
}

func fresh(in, filters tensor.View, o *Options, flip bool) (tensor.View, error) {
	s, err := OutShape(in.Shape(), filters.Shape(), o)
	if err != nil {
		return tensor.View{}, err
	}
	d := tensor.F32
	if in.DType() == tensor.F64 || filters.DType() == tensor.F64 {
		d = tensor.F64
	}
	dst, err := tensor.Make(d, s)
	if err != nil {
		return tensor.View{}, err
	}
	if err := into(dst, in, filters, o, flip); err != nil {
		return tensor.View{}, err
	}
	return dst, nil
}

func into(dst, in, filters tensor.View, o *Options, flip bool) error {
	if o == nil {
		o = &Options{}
	}
	biased := o.Bias.DType() != (tensor.DType{})
	for _, v := range []struct {
		what  string
		dtype tensor.DType
	}{{"input", in.DType()}, {"filters", filters.DType()}, {"bias", o.Bias.DType()}} {
		if v.what == "bias" && !biased {
			continue
		}
		if d := v.dtype; !d.Known() || d.Class < tensor.ClassBool || d.Class > tensor.ClassFloat {
			return fail(tensor.ErrDType, v.what, d.String(), "a real number")
		}
	}
	g, err := newGeometry(in.Shape(), filters.Shape(), o, flip)
	if err != nil {
		return err
	}
	if s := g.shape(in.Rank() == filters.Rank()); !dst.Shape().Equal(s) {
		return fail(tensor.ErrShape, "convolution", "a destination of "+dst.Shape().String(), s.String())
	}
	if biased && !o.Bias.Shape().Equal(tensor.Shape{g.filters}) {
		return fail(tensor.ErrShape, "bias", o.Bias.Shape().String(), "one number for each of "+itoa(g.filters)+" filters")
	}
	if in.Rank() < filters.Rank() {
		if in, err = in.ExpandDims(0); err != nil {
			return err
		}
	}
	switch dst.DType() {
	case tensor.F32:
		return run(dst, in, filters, o, g, flip, addTapsF32)
	case tensor.F64:
		return run(dst, in, filters, o, g, flip, addTapsF64)
	}
	return fail(tensor.ErrDType, "convolution", "a destination of "+dst.DType().String(), "f32 or f64")
}

// run makes all operands slices of T and convolves them.
func run[T float](dst, in, filters tensor.View, o *Options, g *geometry, flip bool, add addTaps[T]) error {
	if dst.NumElements() == 0 {
		return nil
	}
	spatial := make([]int, len(g.axes))
	for i := range spatial {
		spatial[i] = i + 2
	}
	var err error
	if in.DType().Packed() { // its rows cannot be cut anywhere
		if in, err = in.Cast(dst.DType()); err != nil {
			return err
		}
	}
	if filters.DType().Packed() {
		if filters, err = filters.Cast(dst.DType()); err != nil {
			return err
		}
	}
	if flip {
		if filters, err = filters.Flip(spatial...); err != nil {
			return err
		}
	}
	c := convolver[T]{geometry: g, in: in, add: add}
	if c.weights, err = numbers[T](filters); err != nil {
		return err
	}
	c.bias = make([]T, g.filters)
	if o.Bias.DType() != (tensor.DType{}) {
		if c.bias, err = numbers[T](o.Bias); err != nil {
			return err
		}
	}
	// In place, if the results can lie there as they are computed.
	direct := false
	if !cast.Overlap(dst.Span(), in.Span()) {
		c.out, err = tensor.Data[T](dst)
		direct = err == nil
	}
	out := dst
	if !direct {
		if out, err = tensor.Make(dst.DType(), dst.Shape()); err != nil {
			return err
		}
		if c.out, err = tensor.Data[T](out); err != nil {
			return err
		}
	}
	if err := c.run(o.Workers); err != nil || direct {
		return err
	}
	return tensor.Copy(dst, out)
}

// numbers is v in C order as Ts.
func numbers[T float](v tensor.View) ([]T, error) {
	v, err := v.Cast(tensor.DTypeOf[T]())
	if err != nil {
		return nil, err
	}
	return tensor.Data[T](v)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}
