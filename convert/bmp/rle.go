package bmp

import (
	"bufio"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/tensor"
)

// runs reads a picture of RLE8 or RLE4 as indices of 8 bits, rows of the picture's
// width one after another. What is skipped has index 0. Runs do not go past
// the end of a row, nor rows past the picture; behind its last pixel nothing is
// read, not even the code for its end.
type runs struct {
	in   *bufio.Reader
	h    *header
	at   int64 // in the file
	x, y int64 // of the next pixel of the code

	left   int64   // pixels of what comes now
	pair   [2]byte // that they alternate between
	second bool    // the next is the second
	copied bool    // they are in the file
	half   int     // a nibble of the file that was not taken, or -1
	pad    bool    // a byte follows them, before the next code
	sent   int64   // pixels that were given out
	err    error
}

func (r *runs) Read(p []byte) (n int, err error) {
	total := r.h.width * r.h.height
	for n < len(p) && r.err == nil {
		if r.sent == total {
			r.err = io.EOF
			break
		}
		if r.left == 0 {
			r.err = r.next()
			continue
		}
		k := int(min(int64(len(p)-n), r.left))
		if r.err = r.fill(p[n : n+k]); r.err == nil {
			n += k
			r.sent += int64(k)
			r.left -= int64(k)
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

func (r *runs) byte(field string) (byte, error) {
	b, err := r.in.ReadByte()
	if err == io.EOF {
		err = bad(tensor.ErrTruncated, r.at, field, "the end of the file", "the end of the bitmap, 00 01")
	}
	r.at++
	return b, err
}

// fill makes pixels of what comes now.
func (r *runs) fill(p []byte) error {
	switch {
	case !r.copied:
		a, b := r.pair[0], r.pair[1]
		if r.second {
			a, b = b, a
		}
		for i := range p {
			p[i] = a
			a, b = b, a
		}
		r.second = r.second != (len(p)%2 == 1)
	case r.h.bits == 8:
		n, err := io.ReadFull(r.in, p)
		r.at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = bad(tensor.ErrTruncated, r.at, "pixels", "the end of the file", fmt.Sprintf("%d more", r.left-int64(n)))
		}
		return err
	default:
		for i := range p {
			if r.half >= 0 {
				p[i], r.half = byte(r.half), -1
				continue
			}
			b, err := r.byte("pixels")
			if err != nil {
				return err
			}
			p[i], r.half = b>>4, int(b&15)
		}
	}
	return nil
}

// where is the place of the next pixel, rows counted from the top, for errors.
func (r *runs) where() string { return fmt.Sprintf("row %d, pixel %d", r.h.rowNumber(r.y), r.x) }

// skip sends pixels of index 0 up to (x, y).
func (r *runs) skip(x, y int64) {
	r.left = (y-r.y)*r.h.width + x - r.x
	r.pair, r.copied = [2]byte{}, false
	r.x, r.y = x, y
}

// next reads a code.
func (r *runs) next() error {
	w, h := r.h.width, r.h.height
	if r.pad {
		r.pad = false
		if _, err := r.byte("padding"); err != nil {
			return err
		}
	}
	at := r.at
	count, err := r.byte("code")
	if err != nil {
		return err
	}
	value, err := r.byte("code")
	if err != nil {
		return err
	}
	what := "a run of "
	switch {
	case count > 0:
		r.left, r.copied, r.second = int64(count), false, false
		r.pair = [2]byte{value, value}
		if r.h.bits == 4 {
			r.pair = [2]byte{value >> 4, value & 15}
		}
	case value == 0: // the end of a row
		if r.y < h {
			r.skip(0, r.y+1)
		}
		return nil
	case value == 1: // the end of the picture
		r.skip(0, h)
		return nil
	case value == 2: // another place
		dx, err := r.byte("way")
		if err != nil {
			return err
		}
		dy, err := r.byte("way")
		if err != nil {
			return err
		}
		if x, y := r.x+int64(dx), r.y+int64(dy); x > w || y >= h {
			return bad(tensor.ErrFormat, at, r.where(), fmt.Sprintf("a way of %d to the right and %d up", dx, dy), fmt.Sprintf("one inside %d x %d pixels", w, h))
		}
		r.skip(r.x+int64(dx), r.y+int64(dy))
		return nil
	default:
		what = "pixels, "
		r.left, r.copied, r.half = int64(value), true, -1
		r.pad = value%2 == 1
		if r.h.bits == 4 {
			r.pad = (value+1)/2%2 == 1
		}
	}
	if r.left > w-r.x || r.y >= h {
		n := r.left
		r.left = 0
		return bad(tensor.ErrFormat, at, r.where(), fmt.Sprintf("%s%d", what, n), fmt.Sprintf("at most the %d to the end of the row", w-r.x))
	}
	r.x += r.left
	return nil
}
