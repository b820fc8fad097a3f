package image

import (
	"math"
	"strings"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Channels says what the channels of an image mean, in order.
type Channels uint8

// The meanings. Alpha is opacity, not multiplied into the colours.
const (
	Grey Channels = iota
	GreyAlpha
	RGB
	RGBA
	BGR
	BGRA
)

var channelNames = [...]string{Grey: "grey", GreyAlpha: "greyalpha", RGB: "rgb", RGBA: "rgba", BGR: "bgr", BGRA: "bgra"}

// String is "grey", "greyalpha", "rgb", "rgba", "bgr" or "bgra".
func (c Channels) String() string {
	if int(c) < len(channelNames) {
		return channelNames[c]
	}
	return "channels " + itoa(int64(c))
}

// ParseChannels knows the names that String returns, and "gray". Others are
// ErrUnsupported.
func ParseChannels(s string) (Channels, error) {
	for c, name := range channelNames {
		if s == name || strings.Replace(s, "gray", "grey", 1) == name {
			return Channels(c), nil
		}
	}
	return 0, fail(tensor.ErrUnsupported, "channels", tensor.Quote(s), "grey, greyalpha, rgb, rgba, bgr or bgra")
}

// Count is the number of channels.
func (c Channels) Count() int64 {
	colours, alpha := c.parts()
	return int64(len(colours) + alpha)
}

// parts are where red, green and blue are, or grey, and the number of alphas,
// which come last.
func (c Channels) parts() (colours []int64, alpha int) {
	switch c {
	case Grey:
		return []int64{0}, 0
	case GreyAlpha:
		return []int64{0}, 1
	case RGB:
		return []int64{0, 1, 2}, 0
	case RGBA:
		return []int64{0, 1, 2}, 1
	case BGR:
		return []int64{2, 1, 0}, 0
	}
	return []int64{2, 1, 0}, 1
}

// ChannelOptions say how to convert channels. A nil *ChannelOptions is all
// defaults.
type ChannelOptions struct {
	// Background is the colour, in the channels of the result, that images are
	// laid over when their alpha goes: one number, or one for each channel.
	// Default: none; alpha is dropped and colours stay.
	Background []float64

	Options
}

// ConvertChannels changes what the channels mean. Where strides can say it
// (RGB and BGR, grey to RGB, alpha dropped at the end) the result looks at the
// bytes of v, else it is fresh memory; copied tells. The layout stays; in HW,
// grey only, there is nothing to convert.
//
//   - Colour to grey: the luma of BT.601. u8 and u16: (19595 R + 38470 G +
//     7471 B + 32768) / 65536, the fraction cut off, as Pillow's mode L. Others:
//     0.299 R + 0.587 G + 0.114 B in float64, added in this order, rounded once.
//   - Grey to colour: repeated.
//   - An alpha that was not there: opaque, 255, 65535, or 1 for floats.
//   - Alpha that goes: dropped, or with a Background laid over it, each channel
//     c a + b (1 - a): for u8 and u16 in integers, divided by 255 or 65535 and
//     rounded to nearest (Pillow's paste with a mask), else in float64. Colours
//     become grey, or grey colours, before.
//
// dtypes are u8, u16, f16, bf16, f32 and f64 where something is computed, any
// that is not packed elsewhere.
//
// Errors: ErrShape if v has other channels than from, ErrDType, ErrLimit,
// ErrOverflow, ErrUnsupported.
func ConvertChannels(v tensor.View, l Layout, from, to Channels, o *ChannelOptions) (out tensor.View, copied bool, err error) {
	if max(from, to) > BGRA {
		return tensor.View{}, false, fail(tensor.ErrUnsupported, "channels", max(from, to).String(), "grey, greyalpha, rgb, rgba, bgr or bgra")
	}
	_, _, n, err := Size(v, l)
	if err != nil {
		return tensor.View{}, false, err
	}
	if n != from.Count() || l == HW && to != Grey {
		return tensor.View{}, false, fail(tensor.ErrShape, "channels", itoa(n)+" in "+l.String(), from.String()+" to "+to.String())
	}
	var opts ChannelOptions
	if o != nil {
		opts = *o
	}
	c := conversion{from: from, to: to, options: &opts}
	var fromAlpha, toAlpha int
	c.source, fromAlpha = from.parts()
	c.target, toAlpha = to.parts()
	c.blend = fromAlpha > toAlpha && len(opts.Background) > 0
	if m := len(opts.Background); c.blend && m != 1 && m != len(c.target) {
		return tensor.View{}, false, fail(tensor.ErrShape, "background", itoa(int64(m))+" numbers", "one, or one for each channel of "+to.String())
	}
	luma := len(c.source) > len(c.target)
	if !luma && !c.blend {
		if out, ok, err := c.view(v, l, fromAlpha, toAlpha); ok || err != nil {
			return out, false, err
		}
	}
	h, w, _, _ := Size(v, l)
	if out, err = opts.make(v.DType(), l.sized(v, h, w, to.Count())); err != nil {
		return tensor.View{}, false, err
	}
	switch d := v.DType(); {
	case !luma && !c.blend:
		err = c.move(out, v, l, fromAlpha, toAlpha)
	case d == tensor.U8:
		err = convert(&c, out, v, l, tensor.U8, luma8, blendInts[uint8])
	case d == tensor.U16:
		err = convert(&c, out, v, l, tensor.U16, luma16, blendInts[uint16])
	case d == tensor.F32 || d == tensor.F16 || d == tensor.BF16:
		err = convert(&c, out, v, l, tensor.F32, lumaFloat[float32], blendFloats[float32])
	case d == tensor.F64:
		err = convert(&c, out, v, l, tensor.F64, lumaFloat[float64], blendFloats[float64])
	default:
		err = fail(tensor.ErrDType, "channels", d.String(), "u8, u16, f16, bf16, f32 or f64")
	}
	return out, true, err
}

type conversion struct {
	from, to       Channels
	source, target []int64 // colours
	blend          bool
	options        *ChannelOptions
}

// view says a conversion by strides, if they can.
func (c *conversion) view(v tensor.View, l Layout, fromAlpha, toAlpha int) (out tensor.View, ok bool, err error) {
	_, _, axis := l.axes(v.Rank())
	same := c.source[0] == c.target[0] && len(c.source) == len(c.target)
	switch {
	case c.from == c.to:
		return v, true, nil
	case toAlpha > fromAlpha, toAlpha == 1:
		return v, false, nil // what is made, or turned but for the last
	}
	if v, err = v.Slice(axis, 0, int64(len(c.source)), 1); err != nil {
		return v, false, err
	}
	switch {
	case len(c.source) < len(c.target):
		v, err = v.BroadcastTo(replaced(v.Shape(), axis, c.to.Count()))
	case !same:
		v, err = v.Flip(axis)
	}
	return v, true, err
}

func replaced(s tensor.Shape, axis int, n int64) tensor.Shape {
	s = s.Clone()
	s[axis] = n
	return s
}

// move copies channels to other places.
func (c *conversion) move(dst, src tensor.View, l Layout, fromAlpha, toAlpha int) error {
	_, _, axis := l.axes(src.Rank())
	for i, to := range c.target {
		if err := copyChannel(dst, src, axis, to, c.source[min(i, len(c.source)-1)]); err != nil {
			return err
		}
	}
	last := int64(len(c.target))
	if fromAlpha > 0 {
		return copyChannel(dst, src, axis, last, int64(len(c.source)))
	}
	alpha, err := dst.Slice(axis, last, last+1, 1)
	if err != nil {
		return err
	}
	return paint(alpha, -1, []float64{opaque(dst.DType())})
}

func copyChannel(dst, src tensor.View, axis int, to, from int64) error {
	d, err := dst.Index(axis, to)
	if err != nil {
		return err
	}
	s, err := src.Index(axis, from)
	if err != nil {
		return err
	}
	return tensor.Copy(d, s)
}

// opaque is the alpha of what covers all behind it.
func opaque(d tensor.DType) float64 {
	if d.Class == tensor.ClassUint {
		return float64(uint64(1)<<d.Bits - 1)
	}
	return 1
}

// convert computes luma and blends, a few rows at a time.
func convert[T element](c *conversion, dst, src tensor.View, l Layout, d tensor.DType, luma func(r, g, b T) T, blend func(c, a T, back float64) T) error {
	from, err := l.images(src, false)
	if err != nil {
		return err
	}
	to, err := l.images(dst, false)
	if err != nil {
		return err
	}
	_, fromAlpha := c.from.parts()
	_, toAlpha := c.to.parts()
	back := make([]float64, len(c.target))
	if c.blend {
		for i := range back {
			back[i] = c.options.Background[min(i, len(c.options.Background)-1)]
		}
	}
	// Pieces of rows small enough to stay in the cache.
	columns := max(1, min(from.width, 4096))
	pieces := (from.width + columns - 1) / columns
	n, err := tensor.Shape{from.n, from.height, pieces}.NumElements()
	if err != nil {
		return err
	}
	type room struct{ in, out buffer[T] }
	return parallel.EachWith(c.options.workers(), n, func() *room { return new(room) }, func(room *room, i int64) error {
		x := i % pieces * columns
		y := i / pieces % from.height
		piece := func(b *batch) (tensor.View, error) {
			v, err := b.image(i / pieces / b.height)
			if err == nil {
				v, err = v.Index(0, y)
			}
			if err != nil {
				return v, err
			}
			return v.Slice(0, x, min(x+columns, b.width), 1)
		}
		src, err := piece(&from)
		if err != nil {
			return err
		}
		dst, err := piece(&to)
		if err != nil {
			return err
		}
		in, err := elements(src, &room.in, d)
		if err != nil {
			return err
		}
		k, m := int(from.c), int(to.c)
		pixels := int(src.Shape()[0])
		if err := room.out.grow(pixels * m); err != nil {
			return err
		}
		out := room.out.data[:pixels*m]
		for p := range pixels {
			s, t := in[p*k:(p+1)*k], out[p*m:(p+1)*m]
			if len(c.source) > len(c.target) {
				t[0] = luma(s[c.source[0]], s[c.source[1]], s[c.source[2]])
			} else {
				for j, to := range c.target {
					t[to] = s[c.source[min(j, len(c.source)-1)]]
				}
			}
			switch {
			case c.blend:
				for j := range t {
					t[j] = blend(t[j], s[k-1], back[j])
				}
			case toAlpha > 0 && fromAlpha > 0:
				t[m-1] = s[k-1]
			case toAlpha > 0:
				t[m-1] = T(opaque(d))
			}
		}
		view, err := room.out.view(0, dst.Shape(), nil)
		if err != nil {
			return err
		}
		return tensor.Cast(dst, view)
	})
}

// elements are those of v in C order: its own memory, or b's.
func elements[T element](v tensor.View, b *buffer[T], d tensor.DType) ([]T, error) {
	if s, err := tensor.Data[T](v); err == nil {
		return s, nil
	}
	if err := b.grow(int(v.NumElements())); err != nil {
		return nil, err
	}
	to, err := b.view(0, v.Shape(), nil)
	if err == nil {
		err = tensor.Cast(to, v)
	}
	return b.data[:v.NumElements()], err
}

func luma8(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

func luma16(r, g, b uint16) uint16 {
	return uint16((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

func lumaFloat[T float32 | float64](r, g, b T) T {
	return T(float64(0.299*float64(r)) + float64(0.587*float64(g)) + float64(0.114*float64(b)))
}

// blendInts rounds c a + b (m - a), divided by the largest value m, to nearest.
func blendInts[T uint8 | uint16](c, a T, back float64) T {
	m := uint64(^T(0))
	b := uint64(0)
	if back > 0 { // NaN is 0, too
		b = uint64(math.Round(min(back, float64(m))))
	}
	return T((uint64(c)*uint64(a) + b*(m-uint64(a)) + m/2) / m)
}

func blendFloats[T float32 | float64](c, a T, back float64) T {
	return T(float64(float64(c)*float64(a)) + float64(back*(1-float64(a))))
}
