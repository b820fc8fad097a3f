package inflate

import (
	"errors"
	"io"
)

const (
	window   = 32 << 10 // RFC 1951, 2
	outBytes = window + 128<<10
	inBytes  = 64 << 10
	// headBytes are enough for what stands before the symbols of a block: 17 bits, 19
	// lengths, and codes with their extra bits for all that a block may have.
	headBytes = 1 << 10
)

// ErrOdd is the error of a Reader whose stream is damaged, or of a kind that is left to
// others: a library is to read it from its beginning.
var ErrOdd = errors.New("inflate: an odd stream")

// A Reader decodes a stream of DEFLATE as it comes. It holds 300 KiB.
type Reader struct {
	src  io.Reader
	left int64 // bytes of src that were not read
	own  tables
	in   [inBytes]byte
	out  [outBytes]byte
	s    source
	end  error // of src: io.EOF if it was read whole

	from, to int  // in out: what is decoded and not read
	block    head // that goes on: it has codes, or stored bytes that are left
	err      error
}

// Reset makes r read the stream that begins src, of which it reads up to size bytes.
// One that ends before fails with io.ErrUnexpectedEOF.
func (r *Reader) Reset(src io.Reader, size int64) {
	r.src, r.left, r.end, r.err = src, size, nil, nil
	r.s = source{b: r.in[:0]}
	r.from, r.to, r.block = 0, 0, head{}
}

// Buffered is how many bytes of src behind the end of the stream were read, when Read
// has returned io.EOF.
func (r *Reader) Buffered() int { return len(r.s.b) - r.s.pos }

// Read implements io.Reader. It returns ErrOdd, what the source failed with, or
// io.EOF at the end of the stream.
func (r *Reader) Read(p []byte) (int, error) {
	for r.from == r.to {
		if r.err != nil {
			return 0, r.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		r.err = r.decode()
	}
	n := copy(p, r.out[r.from:r.to])
	r.from += n
	return n, nil
}

// decode decodes until the window is full or something ends.
func (r *Reader) decode() error {
	if len(r.out)-r.to <= window {
		copy(r.out[:], r.out[r.to-window:r.to])
		r.from, r.to = window, window
	}
	s := &r.s
	for len(r.out)-r.to > maxMatch {
		r.fill()
		switch {
		case r.block.stored > 0:
			n := copy(r.out[r.to:], s.b[s.pos:min(len(s.b), s.pos+r.block.stored)])
			if n == 0 {
				return r.short()
			}
			s.pos += n
			r.to += n
			r.block.stored -= n
		case r.block.codes != nil:
			var how outcome
			r.to, how = r.block.codes.block(r.out[:], r.to, s, true, r.end == nil)
			switch how {
			case odd:
				return r.short()
			case ended:
				r.block.codes = nil
			}
		case r.block.last:
			s.back()
			return io.EOF
		default:
			var ok bool
			if r.block, ok = r.own.head(s); !ok {
				return r.short()
			}
		}
	}
	return nil
}

// short is the error of a stream with which nothing can be done: that of the source,
// if it is no end.
func (r *Reader) short() error {
	if r.end != nil && r.end != io.EOF {
		return r.end
	}
	return ErrOdd
}

// fill makes headBytes of the input be there, or all that comes.
func (r *Reader) fill() {
	s := &r.s
	for len(s.b)-s.pos < headBytes && r.end == nil {
		s.back()
		n := copy(r.in[:], s.b[s.pos:])
		s.b, s.pos = r.in[:n], 0
		m := 0
		if r.end = io.EOF; r.left > 0 {
			m, r.end = r.src.Read(r.in[n:min(inBytes, int64(n)+r.left)])
			if r.left -= int64(m); r.left == 0 {
				r.end = io.EOF
			} else if r.end == io.EOF {
				r.end = io.ErrUnexpectedEOF
			}
		}
		s.b = r.in[:n+m]
	}
}
