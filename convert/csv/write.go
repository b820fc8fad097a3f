package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// flushBytes is how much text is gathered before it is written.
const flushBytes = 256 << 10

// writer writes a table.
type writer struct {
	format string
	delim  byte
	w      io.Writer
	buf    []byte
}

func write(ctx context.Context, w io.Writer, name string, src []convert.Source, o *convert.WriteOptions) error {
	if o == nil {
		o = &convert.WriteOptions{}
	}
	delim, err := delimiter(name, o.Delimiter)
	if err != nil {
		return err
	}
	bad := func(t convert.Source, field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
	}
	if len(src) == 0 {
		return bad(convert.Source{}, "tensors", "none", "at least one")
	}
	r, err := column.NewReader(name, src)
	if err != nil {
		return err
	}
	matrix := len(src[0].Shape()) == 2
	var head []string
	for _, t := range src {
		switch rank := len(t.Shape()); {
		case matrix && len(src) > 1:
			return bad(t, "tensors", fmt.Sprintf("%d, and %s is of rank 2", len(src), tensor.Quote(src[0].As)), "a matrix alone (choose it by name)")
		case matrix && t.NumElements() == 0:
			return bad(t, "shape", t.Shape().String(), "a matrix with elements")
		case !matrix && rank > 1:
			return bad(t, "shape", t.Shape().String(), "tensors of rank 1, which are columns, or one of rank 2")
		}
		head = append(head, t.As)
	}
	if matrix {
		a, err := src[0].Attrs()
		if err != nil {
			return err
		}
		head = headOf(a, r.Widths[0])
	}
	out := &writer{format: name, delim: delim, w: w}
	if !o.NoHeader && head != nil {
		out.head(head)
	}
	for b, err := range r.Blocks(ctx) {
		if err != nil {
			return err
		}
		for row := range b.Rows {
			for c := range b.Pieces {
				p, width := &b.Pieces[c], int(r.Widths[c])
				for i := row * width; i < (row+1)*width; i++ {
					if r.Kinds[c] != column.Text {
						out.buf = r.AppendValue(out.buf, c, p, i)
					} else if out.buf, err = out.text(out.buf, p.Value(i)); err != nil {
						err.(*tensor.Error).Tensor = src[c].As
						return err
					}
					out.buf = append(out.buf, delim)
				}
			}
			out.buf[len(out.buf)-1] = '\n'
			if len(out.buf) >= flushBytes {
				if err := out.flush(); err != nil {
					return err
				}
			}
		}
	}
	return out.flush()
}

// headOf is the names of columns that a matrix has as its attribute, nil if it
// does not have them.
func headOf(a convert.Attrs, n int64) []string {
	list, _ := a[columnsAttr].([]any)
	if int64(len(list)) != n {
		return nil
	}
	head := make([]string, n)
	for i, x := range list {
		s, ok := x.(string)
		if !ok || format.CheckName(s) != nil {
			return nil
		}
		head[i] = s
	}
	return head
}

func (w *writer) flush() error {
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// head appends the names of columns. One that is no name by itself, or would lose
// blanks, is in quotes.
func (w *writer) head(names []string) {
	for _, s := range names {
		b := []byte(s)
		if w.needs(b) || len(trim(b)) < len(b) {
			w.buf = appendQuoted(w.buf, b)
		} else {
			w.buf = append(w.buf, b...)
		}
		w.buf = append(w.buf, w.delim)
	}
	w.buf[len(w.buf)-1] = '\n'
}

// needs reports whether a text would come back as something else without quotes.
func (w *writer) needs(s []byte) bool {
	if k, _ := value(trim(s)); k != column.Text {
		return true
	}
	return bytes.IndexByte(s, w.delim) >= 0 || bytes.ContainsAny(s, "\"\r\n") || bytes.HasPrefix(s, []byte(utf8text.Mark))
}

// text appends a string.
func (w *writer) text(b, s []byte) ([]byte, error) {
	if !utf8.Valid(s) {
		at := utf8text.Invalid(s)
		return b, &tensor.Error{Kind: tensor.ErrCorrupt, Format: w.format, Offset: -1, Field: "string, byte " + strconv.Itoa(at), Got: fmt.Sprintf("% x", s[at:at+utf8text.Subpart(s[at:])]), Want: "UTF-8", Rule: format.RuleLayoutUTF8}
	}
	if w.needs(s) {
		return appendQuoted(b, s), nil
	}
	return append(b, s...), nil
}

func appendQuoted(b, s []byte) []byte {
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(string(s), `"`, `""`)...)
	return append(b, '"')
}
