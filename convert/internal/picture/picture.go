// Package picture holds what formats of images share: the tensor that a file
// is, how much of memory decoding it may take, the orientation that a camera
// noted, what the attributes are called, and the samples that writers get.
//
// A picture is (H, W) where it is grey and (H, W, C) where a pixel has more
// samples; a file of more than one has an axis T in front. Alpha is straight, not
// multiplied into the colours.
package picture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"path/filepath"
	"slices"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// The attributes of pictures. Writers of pictures are given all of them, and
// keep what their format has a place for.
const (
	// ColorModel says what the samples of a pixel are: "grey", "greyalpha", "rgb",
	// "rgba" or "cmyk".
	ColorModel = "image.color_model"
	// Stored says how the file has them, where that is another way: "palette",
	// "ycbcr", "ycck", "white is zero", "bgr".
	Stored = "image.stored"
	// Bits is how many bits a sample has in the file, where an element has more.
	Bits = "image.bits"
	// Gamma is the exponent that the file says its samples are encoded with, as
	// 0.45455.
	Gamma = "image.gamma"
	// ICC is true where the file holds a colour profile.
	ICC = "image.icc"
	// Orientation is that of EXIF, 1 to 8. Elements are turned upright by it unless
	// ReadOptions.NoEXIF says not to.
	Orientation = "image.orientation"
	// Delays are the milliseconds that each picture of an animation stays.
	Delays = "image.delays"
	// Loop is how often an animation is shown; 0 is without end.
	Loop = "image.loop"
)

// Attributes are the names of all attributes of pictures, for Format.Keeps.
func Attributes() []string {
	return []string{ColorModel, Stored, Bits, Gamma, ICC, Orientation, Delays, Loop, "dims"}
}

// Picture describes the pictures of a file. Height and Width are those of the
// samples as they are stored, before they are turned.
type Picture struct {
	Frames, Height, Width int64
	Channels              int64 // 1: no axis
	DType                 tensor.DType
	Order                 tensor.ByteOrder // of elements; the zero value is little-endian
	Orientation           int              // of EXIF, 1 to 8; 0 is not said
	Attrs                 convert.Attrs

	// Decode fills dst with the elements in C order, of (Frames, Height, Width,
	// Channels). It is called by several goroutines.
	Decode func(ctx context.Context, dst []byte) error
	// At is where in the file the sides are said, for errors.
	At int64
	// Held is how many bytes Decode holds beside dst.
	Held int64
	// Codec is what the file is compressed with.
	Codec string

	// Without Decode the elements are plain bytes of the file: Storage says which,
	// and Offset and Strides (T, H, W, C, always four) where they are in them.
	Storage convert.LayoutStorage
	Offset  int64
	Strides tensor.Strides
	// Inflates says that a Storage that decodes as it is read, in little memory,
	// has elements out of proportion to the file: ReadOptions.MaxDecoded counts.
	Inflates bool
}

// DefaultDecoded is ReadOptions.MaxDecoded if that is not set.
const DefaultDecoded = 1 << 30

// Describe adds the pictures to l as one tensor. What decodes to more than the
// options allow is ErrLimit; nothing was allocated then.
func (p *Picture) Describe(l *convert.Layout, in convert.Input, o *convert.ReadOptions) error {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	size, err := p.size(o)
	if err != nil {
		return err
	}
	s, st, at := p.Storage, slices.Clone(p.Strides), p.Offset
	if p.Decode != nil {
		unit := int64(p.DType.UnitBytes)
		pixel := unit * p.Channels
		st, at = tensor.Strides{p.Height * p.Width * pixel, p.Width * pixel, pixel, unit}, 0
		s = convert.LayoutStorage{Size: size, Codec: p.Codec, StoredSize: in.Size(), Open: func(ctx context.Context) (io.ReadCloser, error) {
			return &stream{ctx: ctx, size: size, decode: p.Decode}, nil
		}}
	}
	shape := tensor.Shape{p.Frames, p.Height, p.Width, p.Channels}
	attrs := convert.Attrs{}
	for k, v := range p.Attrs {
		attrs[k] = v
	}
	if p.Orientation >= 1 && p.Orientation <= 8 {
		attrs[Orientation] = int64(p.Orientation)
		if !o.NoEXIF {
			at += upright(p.Orientation, shape, st)
		}
	}
	dims := []string{"t", "h", "w", "c"}
	if p.Channels == 1 {
		shape, st, dims = shape[:3], st[:3], dims[:3]
	}
	if p.Frames == 1 {
		shape, st, dims = shape[1:], st[1:], dims[1:]
	}
	t := convert.LayoutTensor{Name: o.Name, DType: p.DType, Order: p.Order, Shape: shape, Strides: st, Offset: at, Attrs: attrs.WithDims(dims...)}
	if t.Name == "" {
		t.Name = nameOf(in.Path())
	}
	l.Storages = []convert.LayoutStorage{s}
	l.Tensors = []convert.LayoutTensor{t}
	return nil
}

// size is that of the elements, within what the options allow.
func (p *Picture) size(o *convert.ReadOptions) (int64, error) {
	n, err := tensor.ByteSize(p.DType, tensor.Shape{p.Frames, p.Height, p.Width, p.Channels})
	if err != nil {
		var own *tensor.Error
		if errors.As(err, &own) {
			own.Offset = p.At
		}
		return 0, err
	}
	if p.Decode == nil && !p.Inflates {
		return n, nil
	}
	limit := o.MaxDecoded
	if limit == 0 {
		limit = DefaultDecoded
	}
	sum, carry := bits.Add64(uint64(n), uint64(p.Held), 0)
	if int64(n) != int64(int(n)) || limit > 0 && (carry != 0 || sum > uint64(limit)) {
		got := fmt.Sprintf("%d of %dx%d pixels", sum, p.Width, p.Height)
		if p.Frames > 1 {
			got = fmt.Sprintf("%d of %d pictures of %dx%d pixels", sum, p.Frames, p.Width, p.Height)
		}
		return 0, &tensor.Error{Kind: tensor.ErrLimit, Offset: p.At, Field: "bytes to decode", Got: got, Want: fmt.Sprintf("at most %d (ReadOptions.MaxDecoded)", limit)}
	}
	return n, nil
}

// nameOf is the name of a file without its extension.
func nameOf(path string) string {
	name := filepath.Base(path)
	if ext := filepath.Ext(name); len(ext) < len(name) {
		name = name[:len(name)-len(ext)]
	}
	if format.CheckName(name) != nil {
		return "image"
	}
	return name
}

// Sides checks that a picture has pixels. at is the offset of the first of them
// in the file.
func Sides(format string, at, width, height int64) error {
	field, n := "width", width
	if width > 0 {
		field, n = "height", height
	}
	if n > 0 {
		return nil
	}
	return &tensor.Error{Kind: tensor.ErrFormat, Format: format, Offset: at, Field: field, Got: fmt.Sprint(n), Want: "at least 1"}
}
