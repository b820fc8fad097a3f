package text

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/tensor"
)

var (
	lf   = []byte("\n")
	crLF = []byte("\r\n")
	mark = []byte(utf8text.Mark)
)

const chunkSize = 256 << 10

// scanner reads a file as chunks of valid UTF-8.
type scanner struct {
	ctx  context.Context
	f    *file
	at   int64  // offset in the file of what is read next
	buf  []byte // what was read; the first used bytes were given
	used int
	fill []byte // a chunk with replacements
	line int64  // lines that ended in the chunks so far
}

// scan begins behind the byte order mark.
func (f *file) scan(ctx context.Context) (*scanner, error) {
	s := &scanner{ctx: ctx, f: f, buf: make([]byte, 0, min(f.in.Size()+1, chunkSize))}
	var b [4]byte
	n, err := f.in.ReadAt(b[:min(f.in.Size(), 4)], 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	begin := b[:n]
	if bytes.HasPrefix(begin, mark) {
		s.at = int64(len(mark))
		return s, nil
	}
	if name := utf8text.Foreign(begin); name != "" {
		return nil, f.wrong(tensor.ErrUnsupported, 0, 1, name, "UTF-8")
	}
	return s, nil
}

func (f *file) wrong(kind error, offset, line int64, got, want string) error {
	return &tensor.Error{Kind: kind, Path: f.in.Path(), Format: formatName, Offset: offset, Field: "line " + strconv.FormatInt(line, 10), Got: got, Want: want}
}

// next returns the next chunk, which is never empty, and io.EOF behind the last.
// Neither a character nor a CR LF goes across the end of a chunk. The caller may
// change the chunk; it is good until the next call.
func (s *scanner) next() ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	have := copy(s.buf, s.buf[s.used:])
	begin := s.at - int64(have)
	size := s.f.in.Size()
	n := int(min(int64(cap(s.buf)-have), size-s.at))
	s.buf = s.buf[:have+n]
	if m, err := s.f.in.ReadAt(s.buf[have:], s.at); m < n {
		if err == io.EOF {
			err = s.f.changed()
		}
		return nil, err
	}
	s.at += int64(n)
	b := s.buf
	if len(b) == 0 {
		return nil, io.EOF
	}
	if s.at < size {
		b = b[:whole(b)]
	}
	s.used = len(b)
	if !utf8.Valid(b) {
		if !s.f.replace {
			at := utf8text.Invalid(b)
			return nil, s.f.wrong(tensor.ErrFormat, begin+int64(at), s.line+int64(bytes.Count(b[:at], lf))+1, fmt.Sprintf("% x", b[at:at+utf8text.Subpart(b[at:])]), "UTF-8")
		}
		s.fill = utf8text.AppendReplaced(s.fill[:0], b)
		b = s.fill
	}
	s.line += int64(bytes.Count(b, lf))
	return b, nil
}

// whole is the length of b without a character or a CR LF that is cut at its end.
func whole(b []byte) int {
	n := len(b)
	if b[n-1] == '\r' {
		return n - 1
	}
	for k := 1; k < utf8.UTFMax && k <= n; k++ {
		if utf8.RuneStart(b[n-k]) {
			if !utf8.FullRune(b[n-k:]) {
				return n - k
			}
			break
		}
	}
	return n
}
