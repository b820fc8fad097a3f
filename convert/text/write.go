package text

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	if len(src) != 1 {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: formatName, Offset: -1, Field: "tensors", Got: strconv.Itoa(len(src)), Want: "one (choose it by name)"}
	}
	t := src[0]
	bad := func(field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: formatName, Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
	}
	layout, _, ok := t.Composite()
	switch {
	case !ok:
		return bad("layout", t.DType().String()+" of a dense tensor", "strings")
	case layout != format.LayoutString:
		return bad("layout", cmp.Or(format.LayoutName(layout), strconv.Itoa(int(layout))), "strings")
	case len(t.Shape()) > 1:
		return bad("shape", t.Shape().String(), "rank 0 or 1")
	}
	offsets, err := t.Part(format.RoleOffsets)
	if err != nil {
		return err
	}
	content, err := t.Part(format.RoleBytes)
	if err != nil {
		return err
	}
	// Both are read as streams, whatever way they are stored, side by side.
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var ends []*io.PipeReader
	defer func() {
		cancel()
		for _, r := range ends {
			r.Close()
		}
		wg.Wait()
	}()
	read := func(part *convert.Tensor) *bufio.Reader {
		r, end := io.Pipe()
		ends = append(ends, r)
		wg.Go(func() { end.CloseWithError(part.WriteCOrder(ctx, end)) })
		return bufio.NewReaderSize(r, chunkSize)
	}
	l := &lines{name: t.As, out: bufio.NewWriterSize(w, chunkSize), content: read(content), left: content.NumElements()}
	o := &indices{in: read(offsets), dtype: offsets.DType()}
	if err := l.write(o, t.NumElements()); err != nil {
		return err
	}
	for _, r := range []*bufio.Reader{l.content, o.in} { // whose end may be an error
		if _, err := r.Peek(1); err != io.EOF {
			return err
		}
	}
	return l.out.Flush()
}

// indices reads offsets of any index dtype.
type indices struct {
	in    *bufio.Reader
	dtype tensor.DType
}

// next is the next one, negative if it is beyond 63 bits.
func (x *indices) next() (int64, error) {
	n := int(x.dtype.UnitBytes)
	b, err := x.in.Peek(n)
	if err != nil {
		return 0, err
	}
	var v uint64
	for i := range n {
		v |= uint64(b[i]) << (8 * i)
	}
	if x.dtype.Class == tensor.ClassInt {
		shift := 64 - 8*n
		v = uint64(int64(v<<shift) >> shift)
	}
	_, err = x.in.Discard(n)
	return int64(v), err
}

// lines writes strings as lines.
type lines struct {
	name    string
	out     *bufio.Writer
	content *bufio.Reader
	left    int64 // bytes of the content that were not read
}

func (l *lines) fail(kind error, i int64, got, want, rule string) error {
	return &tensor.Error{Kind: kind, Format: formatName, Tensor: l.name, Offset: -1, Field: fmt.Sprintf("string %d", i), Got: got, Want: want, Rule: rule}
}

func (l *lines) write(o *indices, n int64) error {
	before, err := o.next()
	if err != nil {
		return err
	}
	if before != 0 {
		return l.fail(tensor.ErrCorrupt, 0, "offset "+strconv.FormatInt(before, 10), "0", format.RuleLayoutPointer)
	}
	for i := range n {
		end, err := o.next()
		if err != nil {
			return err
		}
		if end < before || end-before > l.left {
			return l.fail(tensor.ErrCorrupt, i, fmt.Sprintf("offsets %d, %d", before, end), fmt.Sprintf("an end from %d to %d", before, before+l.left), format.RuleLayoutPointer)
		}
		if err := l.line(i, end-before); err != nil {
			return err
		}
		before = end
	}
	if l.left > 0 {
		return l.fail(tensor.ErrCorrupt, n, fmt.Sprintf("%d bytes behind the last", l.left), "none", format.RuleLayoutPointer)
	}
	return nil
}

// line writes string i of n bytes, piece by piece.
func (l *lines) line(i, n int64) error {
	l.left -= n
	for first := true; n > 0; first = false {
		b, err := l.content.Peek(int(min(n, chunkSize)))
		if err != nil {
			return err
		}
		if int64(len(b)) < n {
			b = b[:whole(b)]
		}
		if !utf8.Valid(b) {
			at := utf8text.Invalid(b)
			return l.fail(tensor.ErrCorrupt, i, fmt.Sprintf("% x", b[at:at+utf8text.Subpart(b[at:])]), "UTF-8", format.RuleLayoutUTF8)
		}
		if bytes.IndexByte(b, '\n') >= 0 {
			return l.fail(tensor.ErrUnsupported, i, "a line feed in it", "none: it would be two lines", "")
		}
		if int64(len(b)) == n && b[n-1] == '\r' {
			return l.fail(tensor.ErrUnsupported, i, "a carriage return at its end", "none: it would be lost", "")
		}
		if i == 0 && first && bytes.HasPrefix(b, mark) {
			if _, err := l.out.Write(mark); err != nil {
				return err
			}
		}
		m, err := l.out.Write(b)
		if err != nil {
			return err
		}
		if _, err := l.content.Discard(m); err != nil {
			return err
		}
		n -= int64(m)
	}
	return l.out.WriteByte('\n')
}
