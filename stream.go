package tensorfile

import (
	"io"

	"github.com/tensorfile/tensorfile/internal/atomicfile"
)

// hugePage is the size and alignment of the pieces that a stream writes. How a
// file is written decides how it maps: from whole huge-page pieces at huge-page
// offsets the kernel makes folios that later map with huge pages.
const hugePage = 2 << 20

// stream writes the bytes of a file in order, in pieces that end at multiples
// of hugePage of the file, whatever they hold.
type stream struct {
	w   io.Writer
	off int64  // of the next byte
	buf []byte // bytes before off that are not written yet
	// head is where an edit begins. What it begins with goes out as it is if it
	// is large: most edits have nothing else, and a copy would cost them more
	// than the one piece that is short of its end costs later readers.
	head int64
}

// headSize is how large a large beginning of an edit is.
const headSize = 256 << 10

func newStream(w io.Writer, off int64) *stream { return &stream{w: w, off: off} }

// Write takes p, which is not kept.
func (s *stream) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		whole := s.off%hugePage == 0 && len(p) >= hugePage
		if len(s.buf) == 0 && (whole || s.off == s.head && len(p) >= headSize) {
			n := len(p)
			if end := int(s.off%hugePage) + n; end >= hugePage {
				n -= end % hugePage
			}
			if err := s.writeAll(p[:n], s.off); err != nil {
				return total - len(p), err
			}
			s.off, p = s.off+int64(n), p[n:]
			continue
		}
		n := min(int64(len(p)), hugePage-s.off%hugePage)
		s.room(int(n))
		s.buf = append(s.buf, p[:n]...)
		s.off, p = s.off+n, p[n:]
		if s.off%hugePage == 0 {
			if err := s.flush(); err != nil {
				return total - len(p), err
			}
		}
	}
	return total, nil
}

// room makes room for n more bytes in the buffer: small files need little.
func (s *stream) room(n int) {
	if need := len(s.buf) + n; need > cap(s.buf) {
		size := max(64<<10, 2*cap(s.buf))
		for size < need {
			size *= 2
		}
		s.buf = append(make([]byte, 0, size), s.buf...)
	}
}

var zeroBlock [4096]byte

// zeros writes n zero bytes.
func (s *stream) zeros(n int64) error {
	for n > 0 {
		m, err := s.Write(zeroBlock[:min(n, int64(len(zeroBlock)))])
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// align writes zeros up to a multiple of n, a power of two.
func (s *stream) align(n int64) error { return s.zeros(-s.off & (n - 1)) }

func (s *stream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	err := s.writeAll(s.buf, s.off-int64(len(s.buf)))
	s.buf = s.buf[:0]
	return err
}

// writeAll writes p, which stands at off.
func (s *stream) writeAll(p []byte, off int64) error {
	n, err := s.w.Write(p)
	if err == nil && n != len(p) {
		err = io.ErrShortWrite
	}
	return atomicfile.FailWrite(err, "", off, n, len(p))
}
