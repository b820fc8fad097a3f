package sql

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// maxRank is how many dimensions PostgreSQL's arrays may have.
const maxRank = 6

// parseArray appends the elements of an array in PostgreSQL's text form, such as
// {{1,2},{3,NULL}}, to parts and returns its shape (documentation of PostgreSQL,
// section 8.15.6). Elements are as they stand there; those in quotes are refused.
// Lower bounds, [0:1]={1,2}, are passed over.
func parseArray(s string, parts []string) (shape tensor.Shape, _ []string, err error) {
	bad := func(at int, want string) error {
		return &tensor.Error{Kind: tensor.ErrFormat, Offset: -1, Field: "array", Got: tensor.Quote(fmt.Sprintf("%.80s", s)), Want: fmt.Sprintf("%s at byte %d", want, at)}
	}
	at := 0
	if strings.HasPrefix(s, "[") {
		at = strings.IndexByte(s, '=') + 1
	}
	var counts [maxRank]int64
	depth, leaf, value := 0, 0, true // value: one may come next
	for at < len(s) {
		switch c := s[at]; {
		case c == '{':
			if !value || depth == maxRank || leaf > 0 && depth >= leaf {
				return nil, nil, bad(at, "another character")
			}
			counts[depth] = 0
			if depth++; len(shape) < depth {
				shape = append(shape, -1)
			}
			at++
		case c == '}':
			if depth == 0 || value && counts[depth-1] > 0 {
				return nil, nil, bad(at, "an element")
			}
			depth--
			if n := counts[depth]; shape[depth] < 0 {
				shape[depth] = n
			} else if shape[depth] != n {
				return nil, nil, bad(at, "as many elements as before")
			}
			if at++; depth == 0 {
				if at < len(s) {
					return nil, nil, bad(at, "the end")
				}
				return shape, parts, nil
			}
			counts[depth-1]++
			value = false
		case c == ',':
			if value || depth == 0 {
				return nil, nil, bad(at, "an element")
			}
			value = true
			at++
		default:
			n := strings.IndexAny(s[at:], ",{}\"\\ ")
			if !value || n < 1 || depth == 0 || leaf > 0 && depth != leaf || len(shape) > depth {
				return nil, nil, bad(at, "another character")
			}
			leaf = depth
			parts = append(parts, s[at:at+n])
			counts[depth-1]++
			value = false
			at += n
		}
	}
	return nil, nil, bad(at, "}")
}

// array takes an array, which has the shape of those before it.
func (r *reader) array(c int, s string) error {
	f, b := &r.fields[c], &r.build
	shape, parts, err := parseArray(s, r.parts[:0])
	if err != nil {
		return err
	}
	r.parts = parts
	if f.shape == nil {
		n := b.Len(c) // NULL so far, one for each row
		f.shape = shape
		for range n * (f.width() - 1) {
			b.Null(c)
		}
	} else if !shape.Equal(f.shape) {
		return r.wrong(tensor.ErrShape, c, "an array of shape "+shape.String(), f.shape.String()+", as the first has, or unnest()")
	}
	for _, text := range parts {
		if err := r.element(c, text); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) element(c int, text string) error {
	b := &r.build
	if text == "NULL" {
		if r.o.Columns.Missing == convert.MissingError {
			return r.wrong(tensor.ErrUnsupported, c, "NULL in an array", "a value")
		}
		b.Null(c)
		return nil
	}
	var err error
	switch r.fields[c].kind {
	case flags:
		if text != "t" && text != "f" {
			err = strconv.ErrSyntax
		}
		b.Bool(c, text == "t")
	case floats:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		b.Float(c, x)
	default:
		var x int64
		x, err = strconv.ParseInt(text, 10, 64)
		b.Int(c, x)
	}
	if err != nil {
		return r.wrong(tensor.ErrFormat, c, tensor.Quote(text), "an element of the array")
	}
	return nil
}
