package picture

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// Source is the pictures that a writer gets.
type Source struct {
	Frames, Height, Width int64
	Channels              int64 // 1 to 4
	Axis                  bool  // there is an axis of channels
	DType                 tensor.DType
	Attrs                 convert.Attrs

	elements func(ctx context.Context, w io.Writer) error // in C order, little-endian
	shape    tensor.Shape                                 // of a frame, as it lies
	turn     []int                                        // its axes in the order rows, columns, channels
}

// Of finds the pictures in the one tensor of src, and reads no element. Axes that
// are no rows, columns or channels count pictures; many says that the format
// holds more than one.
//
//   - dtypes are bool, u8, u16, f16, bf16, f32 and f64
//   - (H, W), (H, W, C) and (C, H, W), C 1 to 4, behind an axis of pictures or
//     alone, in the order that Axes finds; where it finds none, (T, H, W)
//   - sides of at least one pixel
//   - no ink, which image.color_model "cmyk" says that four channels are
func Of(src []convert.Source, many bool) (*Source, error) {
	s, err := OfInk(src, many)
	if err != nil {
		return nil, err
	}
	return s, s.noInk()
}

// OfInk is Of for formats that hold ink, too.
func OfInk(src []convert.Source, many bool) (*Source, error) {
	if len(src) != 1 {
		return nil, fail(tensor.ErrUnsupported, "tensors", fmt.Sprint(len(src)), "one")
	}
	t := src[0].Tensor
	attrs, err := t.Attrs()
	if err != nil {
		return nil, err
	}
	return source(t.DType(), t.Shape(), attrs, many, t.WriteCOrder)
}

// OfView is Of for a view.
func OfView(v tensor.View, attrs convert.Attrs, many bool) (*Source, error) {
	s, err := OfInkView(v, attrs, many)
	if err != nil {
		return nil, err
	}
	return s, s.noInk()
}

// Ink reports whether the channels are cyan, magenta, yellow and black.
func (s *Source) Ink() bool { return s.Channels == 4 && s.Attrs[ColorModel] == "cmyk" }

func (s *Source) noInk() error {
	if s.Ink() {
		return fail(tensor.ErrUnsupported, "attribute "+ColorModel, "cmyk", "no ink: TIFF holds it")
	}
	return nil
}

// OfInkView is OfInk for a view.
func OfInkView(v tensor.View, attrs convert.Attrs, many bool) (*Source, error) {
	return source(v.DType(), v.Shape(), attrs, many, func(_ context.Context, w io.Writer) error {
		return v.WriteCOrder(w, tensor.LittleEndian)
	})
}

func fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}

func source(d tensor.DType, shape tensor.Shape, attrs convert.Attrs, many bool, elements func(context.Context, io.Writer) error) (*Source, error) {
	bad := func(kind error, field, got, want string) (*Source, error) { return nil, fail(kind, field, got, want) }
	s := &Source{DType: d, Frames: 1, Channels: 1, Attrs: attrs, elements: elements}
	switch s.DType {
	case tensor.Bool, tensor.U8, tensor.U16, tensor.F16, tensor.BF16, tensor.F32, tensor.F64:
	default:
		return bad(tensor.ErrUnsupported, "dtype", s.DType.String(), "bool, u8, u16, f16, bf16, f32 or f64 (convert with --dtype)")
	}
	y, x, c, ok := Axes(shape, s.Attrs.Dims())
	if !ok && many && len(shape) == 3 {
		y, x, c, ok = 1, 2, -1, true
	}
	const want = "HW, HWC or CHW with 1 to 4 channels, alone or behind an axis of pictures, or axes called h, w and c (attribute dims)"
	if !ok {
		return bad(tensor.ErrShape, "axes of a picture", shape.String(), want)
	}
	var place []int // of the axes of a frame
	for i, n := range shape {
		switch i {
		case y, x, c:
			place = append(place, i)
			s.shape = append(s.shape, n)
		case 0:
			s.Frames = n
		default:
			return bad(tensor.ErrShape, "axes of a picture", shape.String(), want)
		}
	}
	s.turn = []int{slices.Index(place, y), slices.Index(place, x)}
	if s.Height, s.Width = shape[y], shape[x]; c >= 0 {
		s.Channels, s.Axis = shape[c], true
		s.turn = append(s.turn, slices.Index(place, c))
	}
	switch {
	case s.Channels < 1 || s.Channels > mostChannels:
		return bad(tensor.ErrShape, "channels", fmt.Sprint(s.Channels), "1 to 4")
	case s.Height < 1 || s.Width < 1 || s.Frames < 1:
		return bad(tensor.ErrShape, "picture", shape.String(), "at least one pixel")
	case s.Frames > 1 && !many:
		return bad(tensor.ErrShape, "pictures", fmt.Sprint(s.Frames), "one: the format holds no more (select one, as 'x[0]')")
	}
	return s, nil
}

// Each calls fn with the frames in order, each as a view (H, W, C) of memory that
// is used again for the next.
func (s *Source) Each(ctx context.Context, fn func(i int64, pixels tensor.View) error) error {
	size, err := tensor.ByteSize(s.DType, s.shape)
	if err != nil {
		return err
	}
	c := &collector{frame: make([]byte, 0, size), full: func(i int64, b []byte) error {
		v, err := tensor.NewView(b, s.DType, s.shape, nil, 0, tensor.LittleEndian)
		if err == nil {
			v, err = v.Permute(s.turn...)
		}
		if err == nil && len(s.turn) == 2 {
			v, err = v.ExpandDims(2)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return fn(i, v)
	}}
	return s.elements(ctx, c)
}

// collector gathers the bytes of one frame after the other.
type collector struct {
	frame []byte
	i     int64
	full  func(i int64, b []byte) error
}

func (c *collector) Write(p []byte) (int, error) {
	for done := 0; ; {
		n := min(len(p)-done, cap(c.frame)-len(c.frame))
		c.frame = append(c.frame, p[done:done+n]...)
		if len(c.frame) == cap(c.frame) {
			if err := c.full(c.i, c.frame); err != nil {
				return done, err
			}
			c.i++
			c.frame = c.frame[:0]
		}
		if done += n; done == len(p) {
			return done, nil
		}
	}
}

// Samples returns the samples of a view (H, W, C) in C order as d in an order of
// bytes, changed by the rule of image.ConvertSamples. dst is used if it is large
// enough.
func Samples(dst []byte, v tensor.View, d tensor.DType, order tensor.ByteOrder) ([]byte, error) {
	size, err := tensor.ByteSize(d, v.Shape())
	if err != nil {
		return nil, err
	}
	if int64(cap(dst)) < size {
		dst = make([]byte, size)
	}
	dst = dst[:size]
	out, err := tensor.NewView(dst, d, v.Shape(), nil, 0, order)
	if err == nil {
		err = image.ConvertSamples(out, v)
	}
	return dst, err
}
