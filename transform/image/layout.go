package image

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Layout is the order of an image's axes, the last of its view.
type Layout uint8

// The layouts.
const (
	HWC Layout = iota // rows, columns, channels: interleaved
	CHW               // channels, rows, columns: planar
	HW                // rows, columns: one channel without an axis
)

// String is "HWC", "CHW" or "HW".
func (l Layout) String() string {
	switch l {
	case HWC:
		return "HWC"
	case CHW:
		return "CHW"
	case HW:
		return "HW"
	}
	return "layout " + strconv.Itoa(int(l))
}

// ParseLayout knows the names that String returns, in either case. Others are
// ErrUnsupported.
func ParseLayout(s string) (Layout, error) {
	switch s {
	case "HWC", "hwc":
		return HWC, nil
	case "CHW", "chw":
		return CHW, nil
	case "HW", "hw":
		return HW, nil
	}
	return 0, fail(tensor.ErrUnsupported, "layout", tensor.Quote(s), "HWC, CHW or HW")
}

// rank is the number of axes of one image.
func (l Layout) rank() int {
	if l == HW {
		return 2
	}
	return 3
}

// axes are where rows, columns and channels are in a view of rank n; c is -1
// where there is no such axis.
func (l Layout) axes(n int) (y, x, c int) {
	switch l {
	case HWC:
		return n - 3, n - 2, n - 1
	case CHW:
		return n - 2, n - 1, n - 3
	}
	return n - 2, n - 1, -1
}

func (l Layout) check(v tensor.View) error {
	if l > HW {
		return fail(tensor.ErrUnsupported, "layout", l.String(), "HWC, CHW or HW")
	}
	if v.Rank() < l.rank() {
		return fail(tensor.ErrShape, "image", v.Shape().String(), "the "+strconv.Itoa(l.rank())+" axes of "+l.String())
	}
	return nil
}

// Size returns the extents of the images in v. Channels is 1 for HW.
func Size(v tensor.View, l Layout) (height, width, channels int64, err error) {
	if err := l.check(v); err != nil {
		return 0, 0, 0, err
	}
	y, x, c := l.axes(v.Rank())
	channels = 1
	if c >= 0 {
		channels = v.Shape()[c]
	}
	return v.Shape()[y], v.Shape()[x], channels, nil
}

// sized is the shape of v with images of other extents. channels is not used
// for HW.
func (l Layout) sized(v tensor.View, height, width, channels int64) tensor.Shape {
	s := v.Shape().Clone()
	y, x, c := l.axes(len(s))
	s[y], s[x] = height, width
	if c >= 0 {
		s[c] = channels
	}
	return s
}

// Options bound what an operator uses. A nil *Options is all defaults.
type Options struct {
	// Workers is how many goroutines share the work. Default: GOMAXPROCS.
	Workers int

	// MaxBytes is the largest result, and the most room that a band of rows may
	// take. Default: 1 GiB; negative: no limit.
	MaxBytes int64
}

const defaultMaxBytes = 1 << 30

func (o *Options) workers() int {
	if o == nil {
		return 0
	}
	return o.Workers
}

// allow compares n things of size bytes with the limit and the address space.
func (o *Options) allow(what string, size, n int64) error {
	limit := int64(defaultMaxBytes)
	if o != nil && o.MaxBytes != 0 {
		limit = o.MaxBytes
	}
	if limit < 0 || limit > math.MaxInt {
		limit = math.MaxInt
	}
	if n > 0 && size > limit/n {
		return fail(tensor.ErrLimit, what, itoa(n)+" times "+itoa(size)+" bytes", "at most "+itoa(limit)+" in all")
	}
	return nil
}

// make allocates a result.
func (o *Options) make(d tensor.DType, s tensor.Shape) (tensor.View, error) {
	size, err := tensor.ByteSize(d, s)
	if err == nil {
		err = o.allow("result", size, 1)
	}
	if err != nil {
		return tensor.View{}, err
	}
	return tensor.Make(d, s)
}

// batch is a view as a list of images of axes rows, columns, channels.
type batch struct {
	v                tensor.View
	lead             int   // axes that count images
	n                int64 // images
	height, width, c int64
}

// images turns the axes of v to rows, columns, channels without a copy. If
// planes is set channels count as images of their own, with one channel.
func (l Layout) images(v tensor.View, planes bool) (batch, error) {
	if err := l.check(v); err != nil {
		return batch{}, err
	}
	rank := v.Rank()
	y, x, c := l.axes(rank)
	b := batch{lead: rank - l.rank()}
	var err error
	switch {
	case c < 0:
		v, err = v.ExpandDims(rank)
	case planes:
		axes := make([]int, 0, rank)
		for i := range b.lead {
			axes = append(axes, i)
		}
		if v, err = v.Permute(append(axes, c, y, x)...); err == nil {
			v, err = v.ExpandDims(rank)
		}
		b.lead++
	case l == CHW:
		axes := make([]int, 0, rank)
		for i := range b.lead {
			axes = append(axes, i)
		}
		v, err = v.Permute(append(axes, y, x, c)...)
	}
	if err != nil {
		return batch{}, err
	}
	s := v.Shape()
	b.v, b.height, b.width, b.c = v, s[b.lead], s[b.lead+1], s[b.lead+2]
	b.n, err = s[:b.lead].NumElements()
	return b, err
}

// image returns the i-th image as rows, columns, channels.
func (b *batch) image(i int64) (tensor.View, error) {
	v := b.v
	var err error
	for axis := b.lead - 1; axis >= 0; axis-- {
		n := v.Shape()[axis]
		if v, err = v.Index(axis, i%n); err != nil {
			return v, err
		}
		i /= n
	}
	return v, nil
}

func fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
