package bmp

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	s, err := picture.Of(src, false)
	if err == nil {
		err = encode(ctx, w, s)
	}
	return blame.Format(err, "bmp")
}

// Encode writes the picture v, (H, W), (H, W, C) or (C, H, W) of any strides, to
// w: bool of one channel as 1 bit, other grey as 8 bits with a palette of greys,
// colours as 24 bits, and with alpha as 32 bits under a header that has a mask for
// it. attrs are those that reading gives, of which dims say what axes mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	s, err := picture.OfView(v, attrs, false)
	if err == nil {
		err = encode(context.Background(), w, s)
	}
	return blame.Format(err, "bmp")
}

func encode(ctx context.Context, w io.Writer, s *picture.Source) error {
	h := &header{kind: sizeInfo, width: s.Width, height: s.Height, bits: 8 * s.Channels}
	switch {
	case s.Channels == 2:
		return bad(tensor.ErrUnsupported, -1, "channels", "2", "1, 3 or 4: BMP has no grey with alpha")
	case s.Channels == 4:
		h.kind, h.compression = sizeV4, bitFields
	case s.Channels == 1 && s.DType == tensor.Bool:
		h.bits = 1
		h.colours = [][3]byte{{}, {255, 255, 255}}
	case s.Channels == 1:
		for i := range 256 {
			h.colours = append(h.colours, [3]byte{byte(i), byte(i), byte(i)})
		}
	}
	const most = math.MaxUint32
	if max(h.width, h.height) > math.MaxInt32 || picture.Product(h.rowBytes(), h.height) > most-4096 {
		return bad(tensor.ErrLimit, -1, "picture", fmt.Sprintf("%d x %d pixels", h.width, h.height), "less than 4 GiB in all")
	}
	if _, err := w.Write(h.append()); err != nil {
		return err
	}
	return s.Each(ctx, func(_ int64, pixels tensor.View) error {
		return h.write(ctx, w, pixels)
	})
}

// append is all that stands before the pixels.
func (h *header) append() []byte {
	h.offset = fileHeader + int64(h.kind) + 4*int64(len(h.colours))
	size := h.rowBytes() * h.height
	b := append([]byte("BM"), 0, 0, 0, 0, 0, 0, 0, 0)
	le.PutUint32(b[2:], uint32(h.offset+size))
	b = le.AppendUint32(b, uint32(h.offset))
	b = le.AppendUint32(b, h.kind)
	b = le.AppendUint32(b, uint32(h.width))
	b = le.AppendUint32(b, uint32(h.height)) // above 0: from the bottom up, which everyone reads
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, uint16(h.bits))
	b = le.AppendUint32(b, h.compression)
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint64(b, 0) // pixels per metre
	b = le.AppendUint32(b, uint32(len(h.colours)))
	b = le.AppendUint32(b, 0)
	if h.kind == sizeV4 {
		for _, m := range []uint32{0xff0000, 0xff00, 0xff, 0xff000000} {
			b = le.AppendUint32(b, m)
		}
		b = append(b, "BGRs"...) // sRGB
		b = append(b, make([]byte, 48)...)
	}
	for _, c := range h.colours {
		b = append(b, c[2], c[1], c[0], 0)
	}
	return b
}

// write writes the rows, from the last to the first.
func (h *header) write(ctx context.Context, w io.Writer, v tensor.View) error {
	channels := int(v.Shape()[2])
	d := tensor.U8
	if h.bits == 1 {
		d = tensor.Bool
	}
	row, line := int(h.rowBytes()), int(h.width)*channels
	var out []byte
	return picture.Upwards(ctx, v, d, tensor.LittleEndian, func(rows []byte) error {
		n := len(rows) / line
		if out == nil {
			out = make([]byte, n*row) // none has more
		}
		for y := range n {
			dst, src := out[y*row:(y+1)*row], rows[y*line:(y+1)*line]
			if h.bits == 1 {
				picture.PackBits(dst, src, true)
				continue
			}
			copy(dst, src)
			swapRedBlue(dst[:line], channels)
		}
		_, err := w.Write(out[:n*row])
		return err
	})
}

func swapRedBlue(b []byte, channels int) {
	if channels < 3 {
		return
	}
	for i := 0; i+2 < len(b); i += channels {
		b[i], b[i+2] = b[i+2], b[i]
	}
}
