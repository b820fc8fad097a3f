package image

import (
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Fit says what becomes of the proportions of an image.
type Fit uint8

// The fits.
const (
	// FitStretch takes the whole image to the whole result.
	FitStretch Fit = iota

	// FitCrop keeps proportions and fills the result: what is too wide or too
	// high is cut off evenly on both sides, to a fraction of a pixel.
	FitCrop

	// FitPad keeps proportions and the whole image: its size is rounded to
	// pixels, halves to even, it lies in the middle, and what is left over gets
	// ResizeOptions.Fill.
	FitPad
)

// String is "stretch", "crop" or "pad".
func (f Fit) String() string {
	switch f {
	case FitStretch:
		return "stretch"
	case FitCrop:
		return "crop"
	case FitPad:
		return "pad"
	}
	return "fit " + itoa(int64(f))
}

// ParseFit knows the names that String returns. Others are ErrUnsupported.
func ParseFit(s string) (Fit, error) {
	for f := FitStretch; f <= FitPad; f++ {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, fail(tensor.ErrUnsupported, "fit", tensor.Quote(s), "stretch, crop or pad")
}

// ResizeOptions say how to resize. A nil *ResizeOptions is all defaults.
type ResizeOptions struct {
	Filter Filter // default: Bilinear
	Fit    Fit    // default: FitStretch

	// Fill is the colour around an image that FitPad has put into a larger
	// result: a number for each channel or one for all, cast to the dtype as
	// tensor.Cast does. Default: 0.
	Fill []float64

	Options
}

// Resize makes the images of v height by width pixels large. The dtype stays:
// u8, u16, f16, bf16, f32 and f64 ([Nearest] takes any that is not packed).
//
// A new pixel of u8 is the sum of source pixels times weights of 22 fractional
// bits, rounded to nearest and clipped, along rows first, whose results are
// rounded and clipped, too, then along columns: what Pillow computes, bit for
// bit. Others are sums in float64, from the first pixel to the last, between
// the two passes in the dtype itself (f16 and bf16 in f32, rounded once at the
// end); u16 is rounded to nearest, halves up, and clipped. Beyond the edges
// there is nothing: the weights of the pixels that are there are scaled to the
// sum 1. NaN and infinities spread to all pixels that have a weight on them.
//
// Channels are filtered each by itself, alpha like the others: multiply colours
// by alpha first where that matters.
//
// Errors: ErrShape for sizes below 1 and for images without pixels, ErrDType,
// ErrLimit, ErrOverflow, ErrUnsupported.
func Resize(v tensor.View, l Layout, height, width int64, o *ResizeOptions) (tensor.View, error) {
	_, _, channels, err := Size(v, l)
	if err != nil {
		return tensor.View{}, err
	}
	if height < 1 || width < 1 {
		return tensor.View{}, fail(tensor.ErrShape, "size", itoa(height)+" x "+itoa(width), "at least 1 x 1")
	}
	var opts ResizeOptions
	if o != nil {
		opts = *o
	}
	dst, err := opts.make(v.DType(), l.sized(v, height, width, channels))
	if err != nil {
		return tensor.View{}, err
	}
	return dst, ResizeInto(dst, v, l, &opts)
}

// ResizeInto is [Resize] to memory of the caller: dst has the dtype, the
// channels and the leading axes of src, any extents, strides and byte order. It
// must not overlap src and not repeat elements.
func ResizeInto(dst, src tensor.View, l Layout, o *ResizeOptions) error {
	var opts ResizeOptions
	if o != nil {
		opts = *o
	}
	if opts.Filter > CatmullRom {
		return fail(tensor.ErrUnsupported, "filter", opts.Filter.String(), "nearest, bilinear or bicubic")
	}
	if opts.Fit > FitPad {
		return fail(tensor.ErrUnsupported, "fit", opts.Fit.String(), "stretch, crop or pad")
	}
	if dst.DType() != src.DType() {
		return fail(tensor.ErrDType, "resize", src.DType().String(), dst.DType().String())
	}
	height, width, channels, err := Size(src, l)
	if err != nil {
		return err
	}
	toHeight, toWidth, _, err := Size(dst, l)
	if err != nil {
		return err
	}
	if want := l.sized(src, toHeight, toWidth, channels); !dst.Shape().Equal(want) {
		return fail(tensor.ErrShape, "resize", dst.Shape().String(), want.String())
	}
	if dst.NumElements() == 0 {
		return nil
	}
	if height < 1 || width < 1 {
		return fail(tensor.ErrShape, "image", itoa(height)+" x "+itoa(width), "at least 1 x 1 pixels")
	}
	if most := int64(1) << 31; max(height, width, toHeight, toWidth) >= most {
		return fail(tensor.ErrLimit, "image", itoa(height)+" x "+itoa(width), "extents below "+itoa(most))
	}
	p := plan{
		filter: opts.Filter, options: &opts.Options,
		y: span{0, float32(height)}, x: span{0, float32(width)},
	}
	switch opts.Fit {
	case FitCrop:
		p.y, p.x = cropSpans(height, width, toHeight, toWidth)
	case FitPad:
		if dst, err = padAround(dst, l, height, width, opts.Fill); err != nil {
			return err
		}
	}
	if p.filter == Nearest {
		return p.nearest(dst, src, l)
	}
	switch src.DType() {
	case tensor.U8:
		return resize(&p, dst, src, l, tensor.U8, mixBytes)
	case tensor.U16:
		return resize(&p, dst, src, l, tensor.U16, mixWords)
	case tensor.F32, tensor.F16, tensor.BF16:
		return resize(&p, dst, src, l, tensor.F32, mixFloats)
	case tensor.F64:
		return resize(&p, dst, src, l, tensor.F64, mixDoubles)
	}
	return fail(tensor.ErrDType, "resize", src.DType().String(), "u8, u16, f16, bf16, f32 or f64")
}

// cropSpans is the largest part of an image with the proportions of the result.
func cropSpans(height, width, toHeight, toWidth int64) (y, x span) {
	h, w := float64(height), float64(width)
	have, want := w/h, float64(toWidth)/float64(toHeight)
	cutW, cutH := w, h
	switch {
	case have > want:
		cutW = float64(want * h) // not fused with what follows, on any machine
	case have < want:
		cutH = w / want
	}
	top, left := (h-cutH)*0.5, (w-cutW)*0.5
	return span{float32(top), float32(min(top+cutH, h))}, span{float32(left), float32(min(left+cutW, w))}
}

// padAround fills what an image will not cover of dst and returns the rest.
func padAround(dst tensor.View, l Layout, height, width int64, fill []float64) (tensor.View, error) {
	toHeight, toWidth, channels, err := Size(dst, l)
	if err != nil {
		return dst, err
	}
	if n := int64(len(fill)); n > 1 && n != channels {
		return dst, fail(tensor.ErrShape, "fill", itoa(n)+" numbers", "one, or one for each of "+itoa(channels)+" channels")
	}
	h, w := toHeight, toWidth
	have, want := float64(width)/float64(height), float64(toWidth)/float64(toHeight)
	if have > want {
		h = max(1, int64(math.RoundToEven(float64(height)/float64(width)*float64(toWidth))))
	} else if have < want {
		w = max(1, int64(math.RoundToEven(float64(width)/float64(height)*float64(toHeight))))
	}
	top := int64(math.RoundToEven(float64(toHeight-h) * 0.5))
	left := int64(math.RoundToEven(float64(toWidth-w) * 0.5))
	y, x, c := l.axes(dst.Rank())
	part := func(v tensor.View, axis int, lo, hi int64) tensor.View {
		if err == nil {
			v, err = v.Slice(axis, lo, hi, 1)
		}
		return v
	}
	for _, border := range []tensor.View{part(dst, y, 0, top), part(dst, y, top+h, toHeight), part(dst, x, 0, left), part(dst, x, left+w, toWidth)} {
		if err == nil && border.NumElements() > 0 {
			err = paint(border, c, fill)
		}
	}
	return part(part(dst, y, top, top+h), x, left, left+w), err
}

// paint sets all pixels of v to a colour.
func paint(v tensor.View, channel int, colour []float64) error {
	if len(colour) == 0 {
		colour = []float64{0}
	}
	c, err := tensor.FromSlice(slices.Clone(colour))
	if err == nil {
		c, err = c.Cast(v.DType())
	}
	for axis := channel + 1; axis > 0 && axis < v.Rank() && err == nil; axis++ {
		c, err = c.ExpandDims(-1)
	}
	if err == nil {
		c, err = c.BroadcastTo(v.Shape())
	}
	if err != nil {
		return err
	}
	return tensor.Copy(v, c)
}

// plan is a resize: of what part, by which filter.
type plan struct {
	filter  Filter
	y, x    span
	options *Options
}

// whole reports whether a span is all of an axis that keeps its extent.
func (s span) whole(from, to int64) bool { return from == to && s.lo == 0 && int64(s.hi) == from }

// buffer is scratch memory as elements and as bytes.
type buffer[T element] struct {
	data  []T
	bytes []byte
}

func (b *buffer[T]) grow(n int) error {
	if n <= len(b.data) {
		return nil
	}
	v, err := tensor.Make(tensor.DTypeOf[T](), tensor.Shape{int64(n)})
	if err != nil {
		return err
	}
	if b.bytes, err = v.Bytes(); err != nil {
		return err
	}
	b.data, err = tensor.Data[T](v)
	return err
}

// view looks at the buffer from element at on.
func (b *buffer[T]) view(at int, s tensor.Shape, st tensor.Strides) (tensor.View, error) {
	d := tensor.DTypeOf[T]()
	return tensor.NewView(b.bytes, d, s, st, int64(at)*int64(d.UnitBytes), tensor.HostOrder)
}

// room is what one goroutine works in: rows between the passes, rows of the
// source or the result where they cannot be used as they lie, and a band with
// its columns as rows, before and after the pass along x.
type room[T element] struct {
	mid, rows, band, narrow buffer[T]
}

// resizing is a resize of elements T. Blocks of rows of the result are
// independent tasks: each takes the source rows that it needs through both
// passes, by way of pieces small enough to stay in the cache. Bands lie turned
// in the pass along x, so that both passes mix rows, many elements at once.
type resizing[T element] struct {
	d        tensor.DType
	dst, src batch
	x, y     *taps // nil: nothing to do along that axis
	down     bool  // along y first
	mix      mixer[T]
	block    int64 // rows of the result in a task
	blocks   int64 // in an image
	band     int64 // rows that go along x together
}

func resize[T element](p *plan, dst, src tensor.View, l Layout, d tensor.DType, mix mixer[T]) error {
	// Interleaved channels are filtered together, planes one by one.
	to, err := l.images(dst, l == CHW)
	if err != nil {
		return err
	}
	from, err := l.images(src, l == CHW)
	if err != nil {
		return err
	}
	r := resizing[T]{d: d, dst: to, src: from, mix: mix}
	if !p.x.whole(from.width, to.width) {
		if r.x, err = makeTaps(p.filter, from.width, to.width, p.x); err != nil {
			return err
		}
	}
	if !p.y.whole(from.height, to.height) {
		if r.y, err = makeTaps(p.filter, from.height, to.height, p.y); err != nil {
			return err
		}
	}
	for _, t := range []*taps{r.x, r.y} {
		if t != nil && d == tensor.U8 {
			t.fix()
		}
	}
	// The order matters where sums overshoot and are clipped in between. This
	// is the one of Pillow 13.
	less := from.height - to.height
	r.down = less > 0 && less > 2*(from.width-to.width)
	wide, err := tensor.ByteSize(d, tensor.Shape{max(from.width, to.width), to.c})
	if err != nil {
		return err
	}
	// Lines of the cache are turned whole: 64 bytes down at least, more for
	// short rows.
	line := 64 / int64(d.UnitBytes)
	const bandBytes = 256 << 10
	r.band = max(line, min(64, bandBytes/max(wide, 1)&^(line-1)))
	r.block = r.band
	scale := float64(p.y.hi-p.y.lo) / float64(to.height)
	if r.y != nil && !r.down {
		// Rows at the ends of a block are filtered along x again for its
		// neighbours, 2*around in all: a block is as many whole bands as keep
		// that below a tenth.
		around := p.filter.support() * max(scale, 1)
		bands := math.Ceil((16*around + 2*around) / float64(r.band))
		r.block = int64((bands*float64(r.band) - 2*around - 1) / scale)
	}
	r.block = max(1, min(r.block, to.height))
	r.blocks = (to.height + r.block - 1) / r.block
	need := r.band
	if r.y != nil {
		need += int64(float64(r.block)*scale) + int64(r.y.most)
	}
	if err := p.options.allow("rows of a block", wide, need); err != nil {
		return err
	}
	n, err := tensor.Shape{to.n, r.blocks}.NumElements()
	if err != nil {
		return err
	}
	return parallel.EachWith(p.options.workers(), n, func() *room[T] { return new(room[T]) }, func(room *room[T], i int64) error {
		src, err := r.src.image(i / r.blocks)
		if err != nil {
			return err
		}
		dst, err := r.dst.image(i / r.blocks)
		if err != nil {
			return err
		}
		lo := int(i % r.blocks * r.block)
		return r.task(room, dst, src, lo, min(lo+int(r.block), int(to.height)))
	})
}

// task makes the rows from lo to hi of one image.
func (r *resizing[T]) task(room *room[T], dst, src tensor.View, lo, hi int) error {
	dst, err := dst.Slice(0, int64(lo), int64(hi), 1)
	if err != nil {
		return err
	}
	first, last := lo, hi
	if r.y != nil {
		first, last = r.y.reach(lo, hi)
	}
	if r.x != nil && r.y != nil && !r.down {
		// Bands are turned fastest whole: filter rows nearby, too.
		rows := (int64(last-first) + r.band - 1) / r.band * r.band
		last = int(min(int64(first)+rows, r.src.height))
		first = int(max(int64(last)-rows, 0))
	}
	if src, err = src.Slice(0, int64(first), int64(last), 1); err != nil {
		return err
	}
	switch {
	case r.x == nil && r.y == nil:
		return tensor.Copy(dst, src)
	case r.x == nil:
		return r.along(room, dst, src, lo, first)
	case r.y == nil:
		return r.across(room, dst, src)
	}
	s := dst.Shape().Clone()
	if r.down {
		s[1] = src.Shape()[1]
	} else {
		s[0] = src.Shape()[0]
	}
	if err := room.mid.grow(int(s[0] * s[1] * s[2])); err != nil {
		return err
	}
	mid, err := room.mid.view(0, s, nil)
	if err != nil {
		return err
	}
	if r.down {
		if err := r.along(room, mid, src, lo, first); err != nil {
			return err
		}
		return r.across(room, dst, mid)
	}
	if err := r.across(room, mid, src); err != nil {
		return err
	}
	return r.along(room, dst, mid, lo, first)
}

// along mixes rows to rows: dst begins with row lo of the result, src with row
// first of the source.
func (r *resizing[T]) along(room *room[T], dst, src tensor.View, lo, first int) error {
	in, err := elements(src, &room.rows, r.d)
	if err != nil {
		return err
	}
	line := int(src.Shape()[1] * src.Shape()[2])
	if out, err := tensor.Data[T](dst); err == nil {
		for i := range int(dst.Shape()[0]) {
			r.mix(out[i*line:(i+1)*line], in[(r.y.first[lo+i]-first)*line:], line, r.y, lo+i)
		}
		return nil
	}
	if err := room.narrow.grow(line); err != nil {
		return err
	}
	for i := range int(dst.Shape()[0]) {
		r.mix(room.narrow.data[:line], in[(r.y.first[lo+i]-first)*line:], line, r.y, lo+i)
		row, err := dst.Index(0, int64(i))
		if err != nil {
			return err
		}
		out, err := room.narrow.view(0, row.Shape(), nil)
		if err == nil {
			err = tensor.Cast(row, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// across filters each row, a band of them at a time.
func (r *resizing[T]) across(room *room[T], dst, src tensor.View) error {
	width, chans := int(dst.Shape()[1]), int(dst.Shape()[2])
	first, last := r.x.reach(0, width)
	src, err := src.Slice(1, int64(first), int64(last), 1)
	if err != nil {
		return err
	}
	if err := room.band.grow((last - first) * chans * int(r.band)); err != nil {
		return err
	}
	if err := room.narrow.grow(width * chans * int(r.band)); err != nil {
		return err
	}
	size := int64(r.d.UnitBytes)
	rows := src.Shape()[0]
	for y := int64(0); y < rows; y += r.band {
		n := min(r.band, rows-y)
		from, err := src.Slice(0, y, y+n, 1)
		if err != nil {
			return err
		}
		to, err := dst.Slice(0, y, y+n, 1)
		if err != nil {
			return err
		}
		// Rows lie side by side.
		turned := tensor.Strides{size, size * n * int64(chans), size * n}
		band, err := room.band.view(0, from.Shape(), turned)
		if err == nil {
			err = tensor.Cast(band, from)
		}
		if err != nil {
			return err
		}
		pixel := chans * int(n)
		for x := range width {
			r.mix(room.narrow.data[x*pixel:(x+1)*pixel], room.band.data[(r.x.first[x]-first)*pixel:], pixel, r.x, x)
		}
		narrow, err := room.narrow.view(0, to.Shape(), turned)
		if err == nil {
			err = tensor.Cast(to, narrow)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
