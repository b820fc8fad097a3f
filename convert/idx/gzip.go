package idx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/tensorfile/tensorfile/tensor"
)

func isGzip(b []byte) bool { return bytes.HasPrefix(b, []byte{0x1f, 0x8b}) }

// mostOfGzip is the most that n bytes of gzip hold: deflate makes 1032 of one.
func mostOfGzip(n int64) int64 {
	if n > math.MaxInt64/1032 {
		return math.MaxInt64
	}
	return 1032 * n
}

// unzipBegin is what a header may need of the content of a compressed file that
// begins with prefix.
func unzipBegin(prefix []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(prefix))
	if err != nil {
		return nil
	}
	b := make([]byte, maxHeader)
	n, _ := io.ReadFull(z, b)
	return b[:n]
}

// members reads the content of a gzip file, member by member, so that errors
// can say which.
type members struct {
	in     counter
	buf    *bufio.Reader
	z      gzip.Reader
	number int   // of the member, from 1
	begin  int64 // its offset in the file
}

// counter counts the bytes that are read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func newMembers(r io.Reader) (*members, error) {
	m := &members{in: counter{r: r}}
	m.buf = bufio.NewReaderSize(&m.in, 256<<10)
	return m, m.next()
}

// next begins a member.
func (m *members) next() error {
	m.begin = m.in.n - int64(m.buf.Buffered())
	m.number++
	if err := m.z.Reset(m.buf); err != nil {
		return m.fail(err)
	}
	m.z.Multistream(false)
	return nil
}

// fail gives an error of the decoder its kind and place.
func (m *members) fail(err error) error {
	kind, want := tensor.ErrCorrupt, "a whole member"
	var own *tensor.Error
	switch {
	case errors.As(err, &own):
		return err
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		kind, err = tensor.ErrTruncated, io.ErrUnexpectedEOF
	case errors.Is(err, gzip.ErrHeader) && m.number > 1:
		want = "the end of the file, or another member"
	}
	return &tensor.Error{Kind: kind, Offset: m.begin, Field: m.field(), Got: err.Error(), Want: want, Err: err}
}

func (m *members) field() string { return "gzip member " + strconv.Itoa(m.number) }

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		switch {
		case err == nil:
			return n, nil
		case err != io.EOF:
			return n, m.fail(err)
		case n > 0:
			return n, nil // the end comes again
		}
		if _, err := m.buf.Peek(1); err != nil {
			return 0, err
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// openGzip reads the header, and all of a file without elements.
func (f *file) openGzip(ctx context.Context) error {
	r, err := newMembers(io.NewSectionReader(f.in, 0, f.in.Size()))
	if err != nil {
		return err
	}
	prefix := make([]byte, maxHeader)
	n, err := io.ReadFull(r, prefix)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		if _, short := parseHeader(prefix[:n]); short != nil {
			return err
		}
	}
	if f.head, err = parseHeader(prefix[:n]); err != nil {
		return err
	}
	if most := mostOfGzip(f.in.Size()); f.head.size+f.head.data > most {
		return headerError(tensor.ErrLimit, f.head.size, "data", f.head.wantData(), "at most "+count(most)+" bytes, the output limit of "+count(f.in.Size())+" bytes of gzip")
	}
	if f.head.data > 0 {
		return nil
	}
	body, err := f.elements(ctx)
	if err == nil {
		_, err = body.Read(nil)
	}
	if err == io.EOF {
		err = nil
	}
	return err
}

// elements opens the content behind the header.
func (f *file) elements(ctx context.Context) (io.ReadCloser, error) {
	r, err := newMembers(io.NewSectionReader(f.in, 0, f.in.Size()))
	if err != nil {
		return nil, f.located(err)
	}
	head := make([]byte, f.head.size)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, f.located(r.fail(err))
	}
	if h, err := parseHeader(head); err != nil || h.dtype != f.head.dtype || !h.shape.Equal(f.head.shape) {
		return nil, f.located(headerError(tensor.ErrChanged, 0, "header", "another", "the one that was there when the file was opened"))
	}
	return &body{ctx: ctx, f: f, r: r, left: f.head.data}, nil
}

// located says of what file and format an error is that comes after opening.
func (f *file) located(err error) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		e.Format, e.Path = f.name, f.in.Path()
	}
	return err
}

// body is the elements of a compressed file. Its last bytes come when the end
// of the file was seen to be right.
type body struct {
	ctx  context.Context
	f    *file
	r    *members
	left int64
	err  error
}

func (b *body) Close() error { return nil }

func (b *body) Read(p []byte) (int, error) {
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := 0, error(nil)
	if b.left > 0 {
		n, err = b.r.Read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		if err == io.EOF {
			h := &b.f.head
			err = headerError(tensor.ErrTruncated, h.size+h.data-b.left, "data", count(h.data-b.left)+" bytes", h.wantData())
		}
	}
	if err == nil && b.left == 0 {
		if err = b.end(); err == io.EOF && n > 0 {
			b.err, err = io.EOF, nil
		}
	}
	if err != nil {
		b.err, n = b.f.located(err), 0
	}
	return n, err
}

// end is io.EOF if nothing follows the elements.
func (b *body) end() error {
	if b.f.trailing {
		return io.EOF
	}
	var more [1]byte
	n, err := io.ReadFull(b.r, more[:])
	if n > 0 {
		h := &b.f.head
		return &tensor.Error{Kind: tensor.ErrLimit, Offset: h.size + h.data, Field: b.r.field(), Got: "more than " + count(h.data) + " bytes of data", Want: h.wantData() + ", the output limit"}
	}
	return err
}
