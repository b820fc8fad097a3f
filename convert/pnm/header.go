package pnm

import (
	"bytes"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	maxHeader = 64 << 10 // bytes, comments and all, unless ReadOptions.MaxHeader says other
	maxSide   = math.MaxInt32
	maxMaxval = math.MaxUint16
	maxDepth  = math.MaxUint16 // samples of a pixel of PAM
)

// header is what stands before the samples of a picture.
type header struct {
	kind          byte // '1' to '7'
	width, height int64
	depth         int64 // samples of a pixel
	maxval        int64
	tuple         string // TUPLTYPE of PAM
	at            int64  // of the samples
}

// same reports whether pictures can be one tensor.
func (h *header) same(g *header) bool {
	a, b := *h, *g
	a.at, b.at = 0, 0
	return a == b
}

func (h *header) String() string {
	s := fmt.Sprintf("P%c, %d x %d", h.kind, h.width, h.height)
	if h.kind == '7' {
		s += fmt.Sprintf(" x %d", h.depth)
	}
	if !h.bilevel() {
		s += fmt.Sprintf(", up to %d", h.maxval)
	}
	return s
}

// text reports whether samples are numbers in ASCII.
func (h *header) text() bool { return h.kind <= '3' }

// bilevel reports whether a sample is one bit, black if it is 1.
func (h *header) bilevel() bool { return h.kind == '1' || h.kind == '4' }

// sampleBytes is how many a sample has in a file that is not text.
func (h *header) sampleBytes() int64 {
	if h.maxval > 255 {
		return 2
	}
	return 1
}

// rowBytes is how far rows are apart, in a file that is not text.
func (h *header) rowBytes() int64 {
	if h.bilevel() {
		return (h.width + 7) / 8
	}
	return h.width * h.depth * h.sampleBytes()
}

// size is that of the samples, and math.MaxInt64 if it is more. Of text it is the
// least: a digit a sample, and where numbers need it, a space between them.
func (h *header) size() int64 {
	switch {
	case h.kind == '1':
		return picture.Product(h.width, h.height)
	case h.text():
		if n := picture.Product(h.width, h.height, h.depth); n < math.MaxInt64/2 {
			return 2*n - 1
		}
		return math.MaxInt64
	}
	return picture.Product(h.rowBytes(), h.height)
}

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "pnm", Offset: offset, Field: field, Got: got, Want: want}
}

// Bytes that are read at a time: of a header, and where headers follow each other
// closely.
const (
	firstWindow = 256
	mostWindow  = 4096
)

// scanner reads headers byte by byte.
type scanner struct {
	in     convert.Input
	limit  int64 // bytes of a header
	began  int64 // of the header
	at     int64 // of the next byte
	window []byte
	from   int64 // of the window
	field  string
	found  header // by header
	err    error
}

// begin goes to a header.
func (s *scanner) begin(at int64) { s.began, s.at = at, at }

// raw is the next byte; 0 where there is an error.
func (s *scanner) raw() byte {
	if s.err != nil {
		return 0
	}
	i := s.at - s.from
	if uint64(i) >= uint64(len(s.window)) {
		if i = 0; !s.read() {
			return 0
		}
	}
	s.at++
	return s.window[i]
}

// read fills the window from the next byte on.
func (s *scanner) read() bool {
	size := firstWindow
	if len(s.window) > 0 && s.at-s.from-int64(len(s.window)) < mostWindow {
		size = mostWindow
	}
	switch n := min(int64(size), s.in.Size()-s.at); {
	case n <= 0:
		s.err = bad(tensor.ErrTruncated, s.at, s.field, "the end of the file", "more of the header")
	case s.at-s.began >= s.limit:
		s.err = bad(tensor.ErrLimit, s.at, "header", fmt.Sprintf("more than %d bytes", s.limit), "at most so many (ReadOptions.MaxHeader)")
	default:
		if int64(cap(s.window)) < n {
			s.window = make([]byte, n)
		}
		s.window, s.from = s.window[:n], s.at
		_, s.err = s.in.ReadAt(s.window, s.at)
	}
	return s.err == nil
}

// next is the next byte that is no comment: "#" to the end of its line, which is
// left out, too.
func (s *scanner) next() byte {
	for {
		b := s.raw()
		if b != '#' {
			return b
		}
		for b != '\n' && b != '\r' && s.err == nil {
			b = s.raw()
		}
	}
}

func space(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

// number is the next one, between white space: the byte behind it is read. A
// comment may stand anywhere, and inside of it.
func (s *scanner) number(field string, least, most int64) int64 {
	s.field = field
	b := s.next()
	for space(b) {
		b = s.next()
	}
	at, n := s.at-1, int64(0)
	for s.err == nil && !space(b) {
		if b < '0' || b > '9' {
			s.err = bad(tensor.ErrFormat, s.at-1, field, tensor.Quote(string([]byte{b})), "a whole number")
			return 0
		}
		if n = 10*n + int64(b-'0'); n > most {
			s.err = bad(tensor.ErrLimit, at, field, fmt.Sprintf("%d or more", n), fmt.Sprintf("%d to %d", least, most))
			return 0
		}
		b = s.next()
	}
	if n < least && s.err == nil {
		s.err = bad(tensor.ErrFormat, at, field, fmt.Sprint(n), fmt.Sprintf("%d to %d", least, most))
	}
	return n
}

// header reads the header at an offset.
func (s *scanner) header(at int64) (header, error) {
	s.begin(at)
	s.field = "magic"
	p, kind := s.raw(), s.raw()
	s.found = header{kind: kind, depth: 1, maxval: 1}
	h := &s.found
	if s.err != nil {
		return *h, s.err
	}
	if p != 'P' || kind < '1' || kind > '7' {
		if p == 'P' && (kind == 'F' || kind == 'f') {
			return *h, bad(tensor.ErrUnsupported, at, "magic", "P"+string(kind)+" (PFM)", "P1 to P7")
		}
		return *h, bad(tensor.ErrFormat, at, "magic", tensor.Quote(string([]byte{p, kind})), "P1 to P7")
	}
	switch b := s.raw(); {
	case s.err == nil && !space(b) && b != '#':
		return *h, bad(tensor.ErrFormat, at+2, "magic", tensor.Quote(string([]byte{p, kind, b})), "white space behind it")
	case b == '#':
		s.at--
	}
	if kind == '7' {
		h.readPAM(s)
	} else {
		h.width = s.number("width", 1, maxSide)
		h.height = s.number("height", 1, maxSide)
		if kind == '3' || kind == '6' {
			h.depth = 3
		}
		if !h.bilevel() {
			h.maxval = s.number("maxval", 1, maxMaxval)
		}
	}
	h.at = s.at
	if s.err != nil {
		return *h, s.err
	}
	if size, have := h.size(), s.in.Size()-h.at; size > have {
		want := fmt.Sprintf("%d of %s", size, h.String())
		if h.text() {
			want = "at least " + want
		}
		return *h, bad(tensor.ErrTruncated, h.at, "samples", fmt.Sprintf("%d bytes", have), want)
	}
	return *h, nil
}

// line is the next line of the header of a PAM file, without the white space
// around it. It is valid until the next one.
func (s *scanner) line(b []byte) []byte {
	for b = b[:0]; ; {
		c := s.raw()
		if s.err != nil || c == '\n' {
			return bytes.TrimSpace(b)
		}
		b = append(b, c)
	}
}

// readPAM reads the lines of a PAM header.
func (h *header) readPAM(s *scanner) {
	s.field = "header"
	s.at-- // where the line of the magic ends
	buf := make([]byte, 0, 64)
	if rest := s.line(buf); len(rest) > 0 && rest[0] != '#' && s.err == nil {
		s.err = bad(tensor.ErrFormat, s.at-1, "magic", tensor.Quote(string(rest)), "the end of the line")
	}
	fields := [...]struct {
		name string
		to   *int64
		most int64
		seen bool
	}{{"WIDTH", &h.width, maxSide, false}, {"HEIGHT", &h.height, maxSide, false}, {"DEPTH", &h.depth, maxDepth, false}, {"MAXVAL", &h.maxval, maxMaxval, false}}
	var tuple []byte
	for s.err == nil {
		at := s.at
		line := s.line(buf)
		if s.err != nil || len(line) == 0 || line[0] == '#' {
			continue
		}
		i := bytes.IndexAny(line, " \t")
		if i < 0 {
			i = len(line)
		}
		word, rest := line[:i], bytes.TrimSpace(line[i:])
		if string(word) == "ENDHDR" {
			break
		}
		if string(word) == "TUPLTYPE" { // those of several lines are one
			if len(tuple) > 0 {
				tuple = append(tuple, ' ')
			}
			tuple = append(tuple, rest...)
			continue
		}
		known := false
		for k := range fields {
			f := &fields[k]
			if f.name != string(word) {
				continue
			}
			if f.seen {
				s.err = bad(tensor.ErrFormat, at, f.name, "a second one", "one")
				return
			}
			known, f.seen = true, true
			*f.to = s.value(at, f.name, rest, f.most)
		}
		if !known && s.err == nil {
			s.err = bad(tensor.ErrFormat, at, "header", tensor.Quote(string(word)), "WIDTH, HEIGHT, DEPTH, MAXVAL, TUPLTYPE or ENDHDR")
		}
	}
	for _, f := range fields {
		if s.err == nil && !f.seen {
			s.err = bad(tensor.ErrFormat, s.at, f.name, "none", "one before ENDHDR")
		}
	}
	h.tuple = string(tuple)
}

// value is the number in a line of PAM.
func (s *scanner) value(at int64, field string, text []byte, most int64) (n int64) {
	for i, d := range text {
		if d < '0' || d > '9' {
			s.err = bad(tensor.ErrFormat, at, field, tensor.Quote(string(text)), "a whole number")
			return 0
		}
		if n = 10*n + int64(d-'0'); n > most {
			s.err = bad(tensor.ErrLimit, at, field, tensor.Quote(string(text[:min(len(text), i+20)])), fmt.Sprintf("1 to %d", most))
			return 0
		}
	}
	if n < 1 {
		s.err = bad(tensor.ErrFormat, at, field, tensor.Quote(string(text)), fmt.Sprintf("1 to %d", most))
	}
	return n
}
