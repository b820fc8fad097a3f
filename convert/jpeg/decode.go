package jpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// decode fills dst with the elements.
func (f *file) decode(ctx context.Context, dst []byte) error {
	return picture.Borrowed("jpeg", f.in.Path(), f.scan, func() error {
		m, err := jpeg.Decode(f.stream(ctx))
		var no jpeg.UnsupportedError
		if errors.As(err, &no) {
			return &tensor.Error{Kind: tensor.ErrUnsupported, Offset: f.scan, Field: "pixels", Err: err}
		}
		if err != nil {
			return err
		}
		if b := m.Bounds(); b != image.Rect(0, 0, int(f.width), int(f.height)) {
			return bad(tensor.ErrCorrupt, f.frame, "sides", b.Size().String(), fmt.Sprintf("%dx%d, as the frame says", f.width, f.height))
		}
		return f.place(dst, m)
	})
}

// stream is the file as the decoder reads it: CMYK without the marker of Adobe
// gets one, since the decoder wants to be told that it is inverted.
func (f *file) stream(ctx context.Context) io.Reader {
	r := picture.NewReader(ctx, f.in, 0)
	if len(f.components) < 4 || f.adobe >= 0 {
		return &scans{in: r, before: f.scan}
	}
	const marker = "\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
	return io.MultiReader(bytes.NewReader([]byte(marker)), &scans{in: picture.NewReader(ctx, f.in, 2), before: f.scan - 2})
}

// scans counts the scans in what it reads. In coded data 0xff is followed by 0 or
// is a marker.
type scans struct {
	in     io.Reader
	before int64 // bytes up to the first scan
	n      int
	last   byte
}

func (s *scans) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	b := p[:n]
	skip := min(s.before, int64(len(b)))
	s.before -= skip
	if b = b[skip:]; len(b) > 0 {
		if s.last == 0xff && b[0] == sos {
			s.n++
		}
		s.n += bytes.Count(b, []byte{0xff, sos})
		s.last = b[len(b)-1]
	}
	if s.n > maxScans {
		return 0, bad(tensor.ErrLimit, -1, "scans", "more", fmt.Sprintf("at most %d", maxScans))
	}
	return n, err
}

// place puts the pixels of a decoded picture to dst.
func (f *file) place(dst []byte, m image.Image) error {
	w := int(f.width)
	switch m := m.(type) {
	case *image.Gray:
		for y := range int(f.height) {
			copy(dst[y*w:(y+1)*w], m.Pix[y*m.Stride:])
		}
	case *image.CMYK:
		for y := range int(f.height) {
			copy(dst[4*y*w:4*(y+1)*w], m.Pix[y*m.Stride:])
		}
	case *image.RGBA:
		for y := range int(f.height) {
			src := m.Pix[y*m.Stride:]
			row := dst[3*y*w : 3*(y+1)*w]
			for x := 0; x < len(row); x += 3 {
				copy(row[x:x+3], src[:3])
				src = src[4:]
			}
		}
	case *image.YCbCr:
		return colours(dst, m)
	default:
		return bad(tensor.ErrUnsupported, f.frame, "colour model", fmt.Sprintf("%T", m), "grey, YCbCr, RGB or CMYK")
	}
	return nil
}
