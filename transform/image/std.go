package image

import (
	"image"
	"image/color"

	"github.com/tensorfile/tensorfile/tensor"
)

// FromImage returns the pixels of an image of the standard library, in HW if they
// are grey and in HWC else, and what their channels are. Where strides can say it
// the view looks at the memory of m, and copied is false:
//
//   - *image.Gray and *image.Gray16 as Grey, the latter big-endian
//   - *image.NRGBA and *image.NRGBA64 as RGBA, the latter big-endian
//   - *image.RGBA and *image.RGBA64 that are opaque as RGB
//
// All else is fresh memory, u8 but for *image.RGBA64: RGB where the image is
// opaque, else RGBA, whose alpha is straight. Palettes become their colours; YCbCr
// and CMYK become RGB as package image/color has it.
//
// Errors: ErrShape for an image without pixels, ErrLimit, ErrOverflow.
func FromImage(m image.Image, o *Options) (v tensor.View, l Layout, c Channels, copied bool, err error) {
	b := m.Bounds()
	h, w := int64(b.Dy()), int64(b.Dx())
	if h < 1 || w < 1 {
		return v, HW, Grey, false, fail(tensor.ErrShape, "image", b.String(), "at least one pixel")
	}
	pixels := func(pix []byte, d tensor.DType, stride int, channels, step int64) (tensor.View, error) {
		unit := int64(d.UnitBytes)
		s, st := tensor.Shape{h, w, channels}, tensor.Strides{int64(stride), step * unit, unit}
		if channels == 1 {
			s, st = s[:2], st[:2]
		}
		return tensor.NewView(pix, d, s, st, 0, tensor.BigEndian)
	}
	switch m := m.(type) {
	case *image.Gray:
		v, err = pixels(m.Pix, tensor.U8, m.Stride, 1, 1)
		return v, HW, Grey, false, err
	case *image.Gray16:
		v, err = pixels(m.Pix, tensor.U16, m.Stride, 1, 1)
		return v, HW, Grey, false, err
	case *image.NRGBA:
		v, err = pixels(m.Pix, tensor.U8, m.Stride, 4, 4)
		return v, HWC, RGBA, false, err
	case *image.NRGBA64:
		v, err = pixels(m.Pix, tensor.U16, m.Stride, 4, 4)
		return v, HWC, RGBA, false, err
	case *image.RGBA:
		if m.Opaque() {
			v, err = pixels(m.Pix, tensor.U8, m.Stride, 3, 4)
			return v, HWC, RGB, false, err
		}
	case *image.RGBA64:
		if m.Opaque() {
			v, err = pixels(m.Pix, tensor.U16, m.Stride, 3, 4)
			return v, HWC, RGB, false, err
		}
		if v, err = o.make(tensor.U16, tensor.Shape{h, w, 4}); err != nil {
			return v, HWC, RGBA, true, err
		}
		return v, HWC, RGBA, true, straight16(v, m)
	}
	c = RGBA
	if m, ok := m.(interface{ Opaque() bool }); ok && m.Opaque() {
		c = RGB
	}
	if v, err = o.make(tensor.U8, tensor.Shape{h, w, c.Count()}); err != nil {
		return v, HWC, c, true, err
	}
	dst, err := tensor.Data[uint8](v)
	if err == nil {
		unpack(dst, m, int(c.Count()))
	}
	return v, HWC, c, true, err
}

// unpack writes the pixels of m, step bytes each, to dst.
func unpack(dst []uint8, m image.Image, step int) {
	b := m.Bounds()
	set := func(c color.NRGBA) {
		dst[0], dst[1], dst[2] = c.R, c.G, c.B
		if step == 4 {
			dst[3] = c.A
		}
		dst = dst[step:]
	}
	switch m := m.(type) {
	case *image.RGBA:
		for y := range b.Dy() {
			for row := m.Pix[y*m.Stride:][:4*b.Dx()]; len(row) > 0; row = row[4:] {
				set(straight(color.RGBA{row[0], row[1], row[2], row[3]}))
			}
		}
	case *image.Paletted:
		table := make([]color.NRGBA, 256)
		for i, c := range m.Palette[:min(len(m.Palette), 256)] {
			table[i] = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		for y := range b.Dy() {
			for _, i := range m.Pix[y*m.Stride:][:b.Dx()] {
				set(table[i])
			}
		}
	case *image.YCbCr:
		ycbcr(m, func(int, int) uint8 { return 255 }, set)
	case *image.NYCbCrA:
		ycbcr(&m.YCbCr, func(x, y int) uint8 { return m.A[m.AOffset(x, y)] }, set)
	case *image.CMYK:
		for y := range b.Dy() {
			for row := m.Pix[y*m.Stride:][:4*b.Dx()]; len(row) > 0; row = row[4:] {
				red, green, blue := color.CMYKToRGB(row[0], row[1], row[2], row[3])
				set(color.NRGBA{red, green, blue, 255})
			}
		}
	default:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				set(color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA))
			}
		}
	}
}

func ycbcr(m *image.YCbCr, alpha func(x, y int) uint8, set func(color.NRGBA)) {
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			i := m.COffset(x, y)
			red, green, blue := color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[i], m.Cr[i])
			set(color.NRGBA{red, green, blue, alpha(x, y)})
		}
	}
}

// straight divides colours by their alpha, as color.NRGBAModel does.
func straight(c color.RGBA) color.NRGBA {
	switch c.A {
	case 255:
		return color.NRGBA(c)
	case 0:
		return color.NRGBA{}
	}
	a := uint32(c.A) * 0x101
	part := func(x uint8) uint8 { return uint8(uint32(x) * 0x101 * 0xffff / a >> 8) }
	return color.NRGBA{part(c.R), part(c.G), part(c.B), c.A}
}

// straight16 writes the pixels of m with colours divided by their alpha.
func straight16(v tensor.View, m *image.RGBA64) error {
	dst, err := tensor.Data[uint16](v)
	if err != nil {
		return err
	}
	for y := range m.Rect.Dy() {
		for row := m.Pix[y*m.Stride:][:8*m.Rect.Dx()]; len(row) > 0; row = row[8:] {
			a := uint32(row[6])<<8 | uint32(row[7])
			for i := range 3 {
				x := uint32(row[2*i])<<8 | uint32(row[2*i+1])
				switch a {
				case 0:
					x = 0
				case 0xffff:
				default:
					x = x * 0xffff / a
				}
				dst[i] = uint16(x)
			}
			dst[3] = uint16(a)
			dst = dst[4:]
		}
	}
	return nil
}

// ToImage returns one image of a view as one of the standard library: grey as
// *image.Gray, all else as *image.NRGBA, or *image.Gray16 and *image.NRGBA64 of
// u16. Where the memory of v lies as those want it (Grey and RGBA of u8, or of u16
// big-endian, rows from the top down) the image shares it and copied is false: it
// lives as long, and where that is a read-only mapping must not be written. All
// else is copied; samples of other dtypes become u8 as ConvertSamples has it.
//
// Errors: ErrShape if v is not one image of the layout with these channels,
// ErrDType, ErrLimit, ErrOverflow, ErrUnsupported.
func ToImage(v tensor.View, l Layout, c Channels, o *Options) (m image.Image, copied bool, err error) {
	if err := l.check(v); err != nil {
		return nil, false, err
	}
	h, w, n, err := Size(v, l)
	if err != nil {
		return nil, false, err
	}
	switch {
	case c > BGRA:
		return nil, false, fail(tensor.ErrUnsupported, "channels", c.String(), "grey, greyalpha, rgb, rgba, bgr or bgra")
	case v.Rank() != l.rank() || n != c.Count():
		return nil, false, fail(tensor.ErrShape, "image", v.Shape().String(), "one image in "+l.String()+" of "+itoa(c.Count())+" channels")
	case h < 1 || w < 1:
		return nil, false, fail(tensor.ErrShape, "image", v.Shape().String(), "at least one pixel")
	}
	if d := v.DType(); d != tensor.U8 && d != tensor.U16 {
		small, err := o.make(tensor.U8, v.Shape())
		if err == nil {
			err = ConvertSamples(small, v)
		}
		if err != nil {
			return nil, false, err
		}
		v, copied = small, true
	}
	to := RGBA
	if c == Grey {
		to = Grey
	}
	fresh := false
	if v, fresh, err = ConvertChannels(v, l, c, to, &ChannelOptions{Options: o.orDefault()}); err != nil {
		return nil, false, err
	}
	copied = copied || fresh
	if l == CHW {
		if v, err = v.Permute(1, 2, 0); err != nil {
			return nil, false, err
		}
	}
	channels := to.Count()
	if l == HW {
		if v, err = v.ExpandDims(2); err != nil {
			return nil, false, err
		}
	}
	unit := int64(v.DType().UnitBytes)
	st := v.Strides()
	fits := (channels == 1 || st[2] == unit) && (w == 1 || st[1] == channels*unit) && (h == 1 || st[0] >= w*channels*unit)
	if !fits || unit > 1 && v.Order() != tensor.BigEndian {
		size, err := tensor.ByteSize(v.DType(), v.Shape())
		if err == nil {
			err = o.allow("result", size, 1)
		}
		if err != nil {
			return nil, false, err
		}
		own, err := tensor.NewView(make([]byte, size), v.DType(), v.Shape(), nil, 0, tensor.BigEndian)
		if err == nil {
			err = tensor.Copy(own, v)
		}
		if err != nil {
			return nil, false, err
		}
		v, copied = own, true
	}
	pix, rect := v.Span(), image.Rect(0, 0, int(w), int(h))
	stride := int(w * channels * unit)
	if h > 1 {
		stride = int(v.Strides()[0])
	}
	switch {
	case unit == 2 && channels == 1:
		return &image.Gray16{Pix: pix, Stride: stride, Rect: rect}, copied, nil
	case unit == 2:
		return &image.NRGBA64{Pix: pix, Stride: stride, Rect: rect}, copied, nil
	case channels == 1:
		return &image.Gray{Pix: pix, Stride: stride, Rect: rect}, copied, nil
	}
	return &image.NRGBA{Pix: pix, Stride: stride, Rect: rect}, copied, nil
}

// orDefault is the zero Options for nil.
func (o *Options) orDefault() Options {
	if o == nil {
		return Options{}
	}
	return *o
}
