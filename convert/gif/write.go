package gif

import (
	"compress/lzw"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	maxSide      = 1<<16 - 1
	defaultDelay = 100 // milliseconds
)

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	s, err := picture.Of(src, true)
	if err != nil {
		return err
	}
	return encode(ctx, w, s)
}

// Encode writes the pictures v, (H, W), (H, W, C) or (C, H, W) of any strides,
// behind an axis T or alone, to w. attrs are those that reading gives:
// image.delays and image.loop are written, and dims say what axes mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	s, err := picture.OfView(v, attrs, true)
	if err != nil {
		return err
	}
	return encode(context.Background(), w, s)
}

// encode writes the pictures one by one.
func encode(ctx context.Context, w io.Writer, s *picture.Source) error {
	if s.Width > maxSide || s.Height > maxSide {
		return bad(tensor.ErrLimit, -1, "sides", fmt.Sprintf("%dx%d", s.Width, s.Height), fmt.Sprintf("at most %d", maxSide))
	}
	delays, err := delaysOf(s)
	if err != nil {
		return err
	}
	e := &encoder{w: w, s: s, delays: delays, pixels: make([]byte, s.Width*s.Height)}
	err = s.Each(ctx, func(i int64, pixels tensor.View) error {
		if e.samples, err = picture.Samples(e.samples, pixels, tensor.U8, tensor.LittleEndian); err != nil {
			return err
		}
		return e.frame(i)
	})
	if err != nil {
		return err
	}
	_, err = w.Write([]byte{blockTrailer})
	return err
}

// delaysOf gives the hundredths of a second that pictures stay.
func delaysOf(s *picture.Source) (func(i int64) uint16, error) {
	list, ok := s.Attrs[picture.Delays].([]any)
	if !ok {
		return func(int64) uint16 { return defaultDelay / 10 }, nil
	}
	if int64(len(list)) != s.Frames {
		return nil, bad(tensor.ErrShape, -1, "attribute "+picture.Delays, fmt.Sprintf("%d numbers", len(list)), fmt.Sprintf("one for each of %d pictures", s.Frames))
	}
	delays := make([]uint16, len(list))
	for i, v := range list {
		var ms float64
		switch v := v.(type) {
		case int64:
			ms = float64(v)
		case float64:
			ms = v
		default:
			ms = -1
		}
		if !(ms >= 0 && ms < 655355) {
			return nil, bad(tensor.ErrUnsupported, -1, "attribute "+picture.Delays, fmt.Sprint(v), "milliseconds, 0 to 655350")
		}
		delays[i] = uint16(math.Round(ms / 10))
	}
	return func(i int64) uint16 { return delays[i] }, nil
}

type encoder struct {
	w       io.Writer
	s       *picture.Source
	delays  func(i int64) uint16
	samples []byte // of a picture
	pixels  []byte // as indices
	global  *palette
	buf     []byte
	lzw     *lzw.Writer
}

// frame writes a picture. The table of the first is the global one.
func (e *encoder) frame(i int64) error {
	p := newPalette(e.samples, int(e.s.Channels))
	p.index(e.pixels, e.samples)
	alpha := e.s.Channels == 2 || e.s.Channels == 4
	b := e.buf[:0]
	if i == 0 {
		e.global = p
		b = append(b, "GIF89a"...)
		b = e.sides(b)
		b = append(b, 0x80|7<<4|byte(p.bits()-1), 0, 0)
		b = p.appendTable(b)
		if e.s.Frames > 1 {
			loop, _ := e.s.Attrs[picture.Loop].(int64)
			b = append(b, blockExtension, extensionApplication, 11)
			b = append(b, "NETSCAPE2.0\x03\x01"...)
			b = le.AppendUint16(b, uint16(min(max(loop, 0), math.MaxUint16)))
			b = append(b, 0)
		}
	}
	if alpha || e.s.Frames > 1 {
		flags := byte(1 << 2) // stays
		if alpha {
			flags = disposeBackground<<2 | 1
		}
		delay := uint16(0)
		if e.s.Frames > 1 {
			delay = e.delays(i)
		}
		b = append(b, blockExtension, extensionControl, 4, flags)
		b = le.AppendUint16(b, delay)
		b = append(b, p.transparent(), 0)
	}
	b = append(b, blockImage, 0, 0, 0, 0)
	b = e.sides(b)
	if p.equal(e.global) {
		b = append(b, 0)
	} else {
		b = append(b, 0x80|byte(p.bits()-1))
		b = p.appendTable(b)
	}
	width := max(2, p.bits())
	b = append(b, byte(width))
	e.buf = b
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	out := &blockWriter{w: e.w}
	if e.lzw == nil {
		e.lzw = lzw.NewWriter(out, lzw.LSB, width).(*lzw.Writer)
	} else {
		e.lzw.Reset(out, lzw.LSB, width)
	}
	if _, err := e.lzw.Write(e.pixels); err != nil {
		return err
	}
	if err := e.lzw.Close(); err != nil {
		return err
	}
	return out.close()
}

func (e *encoder) sides(b []byte) []byte {
	return le.AppendUint16(le.AppendUint16(b, uint16(e.s.Width)), uint16(e.s.Height))
}

// blockWriter writes sub-blocks.
type blockWriter struct {
	w   io.Writer
	buf [256]byte // behind the byte that says how much
	n   int
}

func (b *blockWriter) Write(p []byte) (int, error) {
	for i, c := range p {
		b.n++
		if b.buf[b.n] = c; b.n == 255 {
			if err := b.flush(); err != nil {
				return i, err
			}
		}
	}
	return len(p), nil
}

func (b *blockWriter) flush() error {
	b.buf[0] = byte(b.n)
	_, err := b.w.Write(b.buf[:b.n+1])
	b.n = 0
	return err
}

// close writes the rest, and the end.
func (b *blockWriter) close() error {
	if b.n > 0 {
		if err := b.flush(); err != nil {
			return err
		}
	}
	return b.flush()
}
