package pnm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/tensor"
)

// Samples that are decoded at a time, and bytes of the file that are read.
const (
	textSamples = 16 << 10
	textBytes   = 64 << 10
)

// textReader decodes samples that are numbers in ASCII, to bytes, or to two of
// them, little-endian. The last come when the rest of the file was seen to be
// right.
type textReader struct {
	ctx   context.Context
	f     *file
	wide  bool
	left  int64 // samples
	at    int64 // in the file, behind the window
	bytes []byte
	pos   int // in the window

	buf, rest []byte
	err       error
}

func newTextReader(ctx context.Context, f *file, d tensor.DType) *textReader {
	h := &f.header
	return &textReader{ctx: ctx, f: f, wide: d == tensor.U16, left: h.width * h.height * h.depth, at: h.at}
}

func (r *textReader) Close() error { return nil }

func (r *textReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		if r.err = r.ctx.Err(); r.err == nil && r.left == 0 {
			r.err = io.EOF
		}
		if r.err == nil {
			r.err = r.fill()
		}
		var e *tensor.Error
		if errors.As(r.err, &e) && e.Path == "" {
			e.Path = r.f.in.Path()
		}
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// fill decodes the next samples.
func (r *textReader) fill() error {
	n := min(r.left, textSamples)
	out := r.buf[:0]
	for range n {
		x, err := r.sample()
		if err != nil {
			return err
		}
		r.left--
		if out = append(out, byte(x)); r.wide {
			out = append(out, byte(x>>8))
		}
	}
	if r.left == 0 && !r.f.trailing {
		if b, err := r.begin(); err == nil {
			return bad(tensor.ErrFormat, r.offset()-1, "behind the samples", tensor.Quote(string([]byte{b})), "the end of the file: text holds one picture")
		} else if err != io.EOF {
			return err
		}
	}
	r.buf, r.rest = out, out
	return nil
}

// offset is that of the next byte.
func (r *textReader) offset() int64 { return r.at - int64(len(r.bytes)-r.pos) }

// next is the next byte that is no comment.
func (r *textReader) next() (byte, error) {
	comment := false
	for {
		if r.pos == len(r.bytes) {
			n := min(textBytes, r.f.in.Size()-r.at)
			if n <= 0 {
				return 0, io.EOF
			}
			if err := r.ctx.Err(); err != nil {
				return 0, err
			}
			if r.bytes == nil {
				r.bytes = make([]byte, n)
			}
			r.bytes = r.bytes[:n]
			if _, err := r.f.in.ReadAt(r.bytes, r.at); err != nil {
				return 0, err
			}
			r.at += n
			r.pos = 0
		}
		b := r.bytes[r.pos]
		r.pos++
		switch {
		case comment:
			comment = b != '\n' && b != '\r'
		case b == '#':
			comment = true
		default:
			return b, nil
		}
	}
}

// begin is the next byte that is no white space either.
func (r *textReader) begin() (byte, error) {
	for {
		b, err := r.next()
		if err != nil || !space(b) {
			return b, err
		}
	}
}

// sample reads a number, and the byte behind it. A bit is one digit, and comes as
// what bool is: 0 for 1, which is black.
func (r *textReader) sample() (uint16, error) {
	b, err := r.begin()
	if err == io.EOF {
		h := &r.f.header
		all := h.width * h.height * h.depth
		return 0, bad(tensor.ErrTruncated, r.at, "samples", fmt.Sprint(all-r.left), fmt.Sprintf("%d of %v", all, h))
	}
	if err != nil {
		return 0, err
	}
	if r.f.header.bilevel() {
		if b != '0' && b != '1' {
			return 0, bad(tensor.ErrFormat, r.offset()-1, "sample", tensor.Quote(string([]byte{b})), "0 or 1")
		}
		return uint16('1' - b), nil
	}
	x := int64(0)
	for {
		if b < '0' || b > '9' {
			return 0, bad(tensor.ErrFormat, r.offset()-1, "sample", tensor.Quote(string([]byte{b})), "a digit")
		}
		if x = 10*x + int64(b-'0'); x > r.f.header.maxval {
			return 0, bad(tensor.ErrCorrupt, r.offset()-1, "sample", fmt.Sprintf("%d or more", x), fmt.Sprintf("at most %d, the maxval", r.f.header.maxval))
		}
		if b, err = r.next(); err == io.EOF || err == nil && space(b) {
			return uint16(x), nil
		}
		if err != nil {
			return 0, err
		}
	}
}
