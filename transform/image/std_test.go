package image_test

import (
	"errors"
	stdimage "image"
	"image/color"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// images are of every type, with bounds that do not begin at 0 and rows that are
// padded.
func images() map[string]stdimage.Image {
	r := rand.New(rand.NewPCG(1, 2))
	rect, part := stdimage.Rect(-3, -2, 30, 20), stdimage.Rect(2, 3, 23, 14)
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}
	grey, grey16 := stdimage.NewGray(rect), stdimage.NewGray16(rect)
	nrgba, nrgba64 := stdimage.NewNRGBA(rect), stdimage.NewNRGBA64(rect)
	rgba, rgba64 := stdimage.NewRGBA(rect), stdimage.NewRGBA64(rect)
	opaque, opaque64 := stdimage.NewRGBA(rect), stdimage.NewRGBA64(rect)
	cmyk, alpha := stdimage.NewCMYK(rect), stdimage.NewAlpha(rect)
	for _, pix := range [][]byte{grey.Pix, grey16.Pix, nrgba.Pix, nrgba64.Pix, rgba.Pix, rgba64.Pix, opaque.Pix, opaque64.Pix, cmyk.Pix, alpha.Pix} {
		fill(pix)
	}
	for i := 0; i < len(rgba.Pix); i += 4 { // colours are at most their alpha
		a := rgba.Pix[i+3]
		for j := range 3 {
			rgba.Pix[i+j] = byte(int(rgba.Pix[i+j]) * int(a) / 255)
		}
		opaque.Pix[i+3] = 255
	}
	for i := 0; i < len(rgba64.Pix); i += 8 {
		a := int(rgba64.Pix[i+6])<<8 | int(rgba64.Pix[i+7])
		for j := 0; j < 6; j += 2 {
			x := (int(rgba64.Pix[i+j])<<8 | int(rgba64.Pix[i+j+1])) * a / 65535
			rgba64.Pix[i+j], rgba64.Pix[i+j+1] = byte(x>>8), byte(x)
		}
		opaque64.Pix[i+6], opaque64.Pix[i+7] = 255, 255
	}
	colours, clear := color.Palette{}, color.Palette{}
	for range 256 {
		c := color.NRGBA{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), 255}
		colours = append(colours, c)
		c.A = byte(r.Uint32())
		clear = append(clear, c)
	}
	paletted, cleared := stdimage.NewPaletted(rect, colours), stdimage.NewPaletted(rect, clear)
	fill(paletted.Pix)
	fill(cleared.Pix)
	list := map[string]stdimage.Image{
		"grey": grey.SubImage(part), "grey16": grey16.SubImage(part), "nrgba": nrgba.SubImage(part), "nrgba64": nrgba64.SubImage(part),
		"rgba": rgba.SubImage(part), "rgba64": rgba64.SubImage(part), "opaque": opaque.SubImage(part), "opaque64": opaque64.SubImage(part),
		"cmyk": cmyk.SubImage(part), "alpha": alpha.SubImage(part), "paletted": paletted.SubImage(part), "cleared": cleared.SubImage(part),
		"uniform": stdimage.NewNRGBA(stdimage.Rect(0, 0, 1, 1)),
	}
	for _, ratio := range []stdimage.YCbCrSubsampleRatio{stdimage.YCbCrSubsampleRatio444, stdimage.YCbCrSubsampleRatio420, stdimage.YCbCrSubsampleRatio411} {
		y := stdimage.NewYCbCr(rect, ratio)
		fill(y.Y)
		fill(y.Cb)
		fill(y.Cr)
		list["ycbcr"+ratio.String()] = y.SubImage(part)
	}
	a := stdimage.NewNYCbCrA(rect, stdimage.YCbCrSubsampleRatio422)
	fill(a.Y)
	fill(a.Cb)
	fill(a.Cr)
	fill(a.A)
	list["nycbcra"] = a.SubImage(part)
	return list
}

// TestFromImage compares each pixel with the one that At returns.
func TestFromImage(t *testing.T) {
	shared := map[string]bool{"grey": true, "grey16": true, "nrgba": true, "nrgba64": true, "opaque": true, "opaque64": true, "uniform": true}
	deep := map[string]bool{"grey16": true, "nrgba64": true, "rgba64": true, "opaque64": true}
	for name, m := range images() {
		v, l, c, copied, err := image.FromImage(m, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if d := v.DType(); copied == shared[name] || (d == tensor.U16) != deep[name] || c.Count() == 1 != (l == image.HW) {
			t.Errorf("%s: copied %v, %v %v %v", name, copied, d, l, c)
		}
		b := m.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				at := func(i int64) uint64 {
					idx := []int64{int64(y - b.Min.Y), int64(x - b.Min.X), i}
					if l == image.HW {
						idx = idx[:2]
					}
					f, err := v.Float64At(idx...)
					if err != nil {
						t.Fatal(err)
					}
					return uint64(f)
				}
				var got, want [4]uint64
				full := uint64(255)
				if deep[name] {
					full = 65535
					w := color.NRGBA64Model.Convert(m.At(x, y)).(color.NRGBA64)
					want = [4]uint64{uint64(w.R), uint64(w.G), uint64(w.B), uint64(w.A)}
				} else {
					w := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
					if c, ok := m.At(x, y).(color.NYCbCrA); ok { // which the model rounds twice
						w.R, w.G, w.B = color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
					}
					want = [4]uint64{uint64(w.R), uint64(w.G), uint64(w.B), uint64(w.A)}
				}
				for i := range 4 {
					switch {
					case c == image.Grey && i < 3:
						got[i] = at(0)
					case int64(i) < c.Count():
						got[i] = at(int64(i))
					default:
						got[i] = full
					}
				}
				if got != want {
					t.Fatalf("%s at %d, %d: %v, want %v", name, x, y, got, want)
				}
			}
		}
	}
	if _, _, _, _, err := image.FromImage(stdimage.NewGray(stdimage.Rect(0, 0, 0, 5)), nil); !errors.Is(err, tensor.ErrShape) {
		t.Error(err)
	}
	if _, _, _, _, err := image.FromImage(images()["cmyk"], &image.Options{MaxBytes: 100}); !errors.Is(err, tensor.ErrLimit) {
		t.Error(err)
	}
}

// TestToImage makes images of views and views of those again.
func TestToImage(t *testing.T) {
	for name, m := range images() {
		v, l, c, _, err := image.FromImage(m, nil)
		check(t, err)
		back, copied, err := image.ToImage(v, l, c, nil)
		check(t, err)
		// u16 is big-endian there.
		if want := c == image.RGB || name == "rgba64" && tensor.HostOrder != tensor.BigEndian; copied != want {
			t.Errorf("%s: copied %v", name, copied)
		}
		again, _, c2, _, err := image.FromImage(back, nil)
		check(t, err)
		if c2 == image.RGBA && c == image.RGB {
			again, _, err = image.ConvertChannels(again, image.HWC, c2, c, nil)
			check(t, err)
		}
		if same, err := tensor.Equal(again, v); err != nil || !same {
			t.Errorf("%s: %v, %v", name, same, err)
		}
		if l == image.HW {
			continue
		}
		planes, err := v.Permute(2, 0, 1)
		check(t, err)
		other, _, err := image.ToImage(planes, image.CHW, c, nil)
		check(t, err)
		b := other.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				if other.At(x, y) != back.At(x, y) {
					t.Fatalf("%s: planes are another picture", name)
				}
			}
		}
	}
	f, err := tensor.FromSlice([]float32{0, 0.5, 1, 2}, 2, 2)
	check(t, err)
	m, copied, err := image.ToImage(f, image.HW, image.Grey, nil)
	check(t, err)
	if g, ok := m.(*stdimage.Gray); !ok || !copied || string(g.Pix) != "\x00\x80\xff\xff" {
		t.Errorf("%v", m)
	}
	bgr, err := tensor.FromSlice([]uint8{1, 2, 3}, 1, 1, 3)
	check(t, err)
	if m, _, err = image.ToImage(bgr, image.HWC, image.BGR, nil); err != nil || m.At(0, 0) != (color.NRGBA{3, 2, 1, 255}) {
		t.Error(m, err)
	}
	upside, err := f.Flip(0)
	check(t, err)
	for _, c := range []struct {
		v    tensor.View
		l    image.Layout
		c    image.Channels
		o    *image.Options
		kind error
	}{
		{f, image.HWC, image.RGB, nil, tensor.ErrShape},
		{bgr, image.HWC, image.RGBA, nil, tensor.ErrShape},
		{bgr, image.HW, image.Grey, nil, tensor.ErrShape},
		{bgr, image.HWC, image.Channels(99), nil, tensor.ErrUnsupported},
		{upside, image.HW, image.Grey, &image.Options{MaxBytes: 2}, tensor.ErrLimit},
	} {
		if _, _, err := image.ToImage(c.v, c.l, c.c, c.o); !errors.Is(err, c.kind) {
			t.Errorf("%v: %v", c.v.Shape(), err)
		}
	}
}
