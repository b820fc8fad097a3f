package jpeg

import (
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	defaultQuality = 90
	maxSide        = 1<<16 - 1
)

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	s, err := picture.Of(src, false)
	if err != nil {
		return err
	}
	return encode(ctx, w, s, o)
}

// Encode writes the picture v, (H, W), (H, W, C) or (C, H, W) of any strides with
// 1 or 3 channels, to w. attrs are those that reading gives: dims say what axes
// mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs, o *convert.WriteOptions) error {
	s, err := picture.OfView(v, attrs, false)
	if err != nil {
		return err
	}
	return encode(context.Background(), w, s, o)
}

func encode(ctx context.Context, w io.Writer, s *picture.Source, o *convert.WriteOptions) error {
	quality := defaultQuality
	if o != nil && o.Quality != 0 {
		quality = o.Quality
	}
	switch {
	case quality < 1 || quality > 100:
		return bad(tensor.ErrUnsupported, -1, "quality", fmt.Sprint(quality), "1 to 100")
	case s.Channels != 1 && s.Channels != 3:
		return bad(tensor.ErrShape, -1, "channels", fmt.Sprint(s.Channels), "1 or 3: there is no alpha in JPEG")
	case s.Width > maxSide || s.Height > maxSide:
		return bad(tensor.ErrLimit, -1, "sides", fmt.Sprintf("%dx%d", s.Width, s.Height), fmt.Sprintf("at most %d", maxSide))
	}
	return s.Each(ctx, func(_ int64, pixels tensor.View) error {
		b, err := picture.Samples(nil, pixels, tensor.U8, tensor.LittleEndian)
		if err != nil {
			return err
		}
		rect := image.Rect(0, 0, int(s.Width), int(s.Height))
		var m image.Image = &image.Gray{Pix: b, Stride: int(s.Width), Rect: rect}
		if s.Channels == 3 {
			rgba := image.NewRGBA(rect)
			for p := rgba.Pix; len(b) >= 3; p, b = p[4:], b[3:] {
				p[0], p[1], p[2], p[3] = b[0], b[1], b[2], 255
			}
			m = rgba
		}
		return jpeg.Encode(w, m, &jpeg.Options{Quality: quality})
	})
}
