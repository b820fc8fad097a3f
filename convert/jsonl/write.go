package jsonl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// flushBytes is how much text is gathered before it is written.
const flushBytes = 256 << 10

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	bad := func(t convert.Source, field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: formatName, Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
	}
	if len(src) == 0 {
		return bad(convert.Source{}, "tensors", "none", "at least one")
	}
	r, err := column.NewReader(formatName, src)
	if err != nil {
		return err
	}
	if r.Rows == 0 {
		return bad(src[0], "shape", src[0].Shape().String(), "a tensor with rows")
	}
	var keys [][]byte // with what stands before the value
	for i, t := range src {
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		keys = append(keys, append(appendString(key, []byte(t.As)), ':'))
	}
	var buf []byte
	flush := func() error {
		_, err := w.Write(buf)
		buf = buf[:0]
		return err
	}
	for b, err := range r.Blocks(ctx) {
		if err != nil {
			return err
		}
		for row := range b.Rows {
			for c := range b.Pieces {
				if len(src) > 1 {
					buf = append(buf, keys[c]...)
				}
				v := values{r: r, c: c, p: &b.Pieces[c], at: row * int(r.Widths[c])}
				shape := src[c].Shape()
				if len(shape) > 0 {
					shape = shape[1:]
				}
				if buf, err = v.append(buf, shape); err != nil {
					err.(*tensor.Error).Tensor = src[c].As
					return err
				}
				if len(buf) >= flushBytes {
					if err := flush(); err != nil {
						return err
					}
				}
			}
			if len(src) > 1 {
				buf = append(buf, '}')
			}
			buf = append(buf, '\n')
		}
	}
	return flush()
}

// values are those of a piece, one after the other.
type values struct {
	r  *column.Reader
	c  int
	p  *column.Piece
	at int
}

// append appends nested lists of a shape.
func (v *values) append(b []byte, shape tensor.Shape) (_ []byte, err error) {
	if len(shape) > 0 {
		b = append(b, '[')
		for i := range shape[0] {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = v.append(b, shape[1:]); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	i := v.at
	v.at++
	switch v.r.Kinds[v.c] {
	case column.Text:
		s := v.p.Value(i)
		if !utf8.Valid(s) {
			at := utf8text.Invalid(s)
			return b, &tensor.Error{Kind: tensor.ErrCorrupt, Format: formatName, Offset: -1, Field: "string, byte " + strconv.Itoa(at), Got: fmt.Sprintf("% x", s[at:at+utf8text.Subpart(s[at:])]), Want: "UTF-8", Rule: format.RuleLayoutUTF8}
		}
		return appendString(b, s), nil
	case column.Float:
		begin := len(b)
		b = v.r.AppendValue(b, v.c, v.p, i)
		switch {
		case bytes.Equal(b[begin:], []byte("nan")):
			b = append(b[:begin], "NaN"...)
		case bytes.Equal(b[begin:], []byte("inf")):
			b = append(b[:begin], "Infinity"...)
		case bytes.Equal(b[begin:], []byte("-inf")):
			b = append(b[:begin], "-Infinity"...)
		}
		return b, nil
	}
	return v.r.AppendValue(b, v.c, v.p, i), nil
}

// appendString appends a string of JSON with as few escapes as there can be.
func appendString(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
