package viewer

import (
	"errors"
	"math"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
)

const (
	// rowValues is how many values of a ragged row are sent.
	rowValues = 64
	// rowText is how many bytes of a string are sent.
	rowText = 4096
)

type unevenDoc struct {
	Length number    `json:"length"` // of values, or bytes
	Values []string  `json:"values,omitempty"`
	Text   *string   `json:"text,omitempty"`
	Cut    bool      `json:"cut,omitempty"`
	Error  *errorDoc `json:"error,omitempty"`
}

// rows answers rows of different lengths, or strings in C order.
func (c *call) rows() error {
	_, t, err := c.picked()
	if err != nil {
		return err
	}
	if !survey.Uneven(t) {
		return wrongView(t, "rows of different lengths, or strings")
	}
	from, err := c.int("from", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	count, err := c.int("count", 100, 1, mostRows)
	if err != nil {
		return err
	}
	if err := c.holdLight(8 << 20); err != nil {
		return err
	}
	layout, _, _ := t.Composite()
	extents := t.Shape()
	n := int64(1)
	if layout == format.LayoutRagged {
		n = extents[0]
	} else {
		for _, e := range extents {
			n = saturated(n, e)
		}
	}
	doc := struct {
		Schema string      `json:"schema"`
		From   number      `json:"from"`
		Total  number      `json:"total"`
		Rows   []unevenDoc `json:"rows"`
	}{schema("rows"), number(from), number(n), []unevenDoc{}}
	for at := from; at < min(n, from+count); {
		some, err := c.someRows(t, layout == format.LayoutRagged, at, min(n, from+count))
		if err != nil {
			return err
		}
		doc.Rows = append(doc.Rows, some...)
		at += int64(len(some))
	}
	return c.json(doc)
}

// someRows reads rows from a to at most b, at least one: fewer where they are large. A
// row that cannot be read is told with its error.
func (c *call) someRows(t *tensorfile.Tensor, values bool, a, b int64) ([]unevenDoc, error) {
	for n := b - a; ; n /= 2 {
		read := c.strings
		if values {
			read = c.ragged
		}
		list, err := read(t, a, a+n)
		switch {
		case err == nil:
			return list, nil
		case c.ctx.Err() != nil:
			return nil, c.ctx.Err()
		case n > 1 && (survey.IsDamage(err) || errors.Is(err, tensorfile.ErrLimit)):
			continue
		case survey.IsDamage(err), errors.Is(err, tensorfile.ErrLimit):
			e, _ := describeError(err)
			return []unevenDoc{{Error: &e}}, nil
		}
		return nil, err
	}
}

func (c *call) ragged(t *tensorfile.Tensor, a, b int64) ([]unevenDoc, error) {
	rows, err := t.RaggedRows(c.ctx, a, b)
	if err != nil {
		return nil, err
	}
	list := make([]unevenDoc, b-a)
	err = t.File().Map().Guard(func() error {
		for i := range list {
			v, err := rows.Row(int64(i))
			if err != nil {
				return err
			}
			list[i].Length = number(v.Shape()[0])
			if list[i].Values, list[i].Cut, err = rowTexts(v, rowValues); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// strings reads strings [a, b), counted in C order.
func (c *call) strings(t *tensorfile.Tensor, a, b int64) ([]unevenDoc, error) {
	shape := t.Shape()
	list := make([]unevenDoc, b-a)
	put := func(i int64, s string) {
		d := &list[i]
		d.Length = number(len(s))
		if len(s) > rowText {
			end := rowText
			for end > rowText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
				end--
			}
			s, d.Cut = s[:end], true
		}
		d.Text = &s
	}
	if len(shape) == 0 {
		all, err := t.Strings(c.ctx)
		if err != nil {
			return nil, err
		}
		return list, t.File().Map().Guard(func() error {
			s, err := all.At()
			put(0, s)
			return err
		})
	}
	per := int64(1)
	for _, e := range shape[1:] {
		per = saturated(per, e)
	}
	first := a / per
	rows, err := t.StringRows(c.ctx, first, (b-1)/per+1)
	if err != nil {
		return nil, err
	}
	return list, t.File().Map().Guard(func() error {
		index := make([]int64, len(shape))
		for k := a; k < b; k++ {
			rest := k - first*per
			for axis := len(shape) - 1; axis > 0; axis-- {
				index[axis] = rest % shape[axis]
				rest /= shape[axis]
			}
			index[0] = rest
			s, err := rows.At(index...)
			if err != nil {
				return err
			}
			put(k-a, s)
		}
		return nil
	})
}
