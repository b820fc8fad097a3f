package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/floats"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/internal/watch"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// inOrder calls each with everything that is picked, in C order, as views that
// follow each other.
func (t *tool) inOrder(ctx context.Context, p pick, each func(tensor.View) error) error {
	return survey.InOrder(ctx, p.Pick, func(v tensor.View) error {
		watch.Add(ctx, v.ByteSize())
		return each(v)
	})
}

// writeBytes writes the C-order image of what is picked, little-endian.
func (t *tool) writeBytes(ctx context.Context, w io.Writer, p pick) error {
	if p.Sel == nil {
		return p.WriteCOrder(ctx, watch.Writer(ctx, w))
	}
	return t.inOrder(ctx, p, func(v tensor.View) error { return v.WriteCOrder(w, tensor.LittleEndian) })
}

// showNPY writes a file of NumPy's.
func (t *tool) showNPY(ctx context.Context, w io.Writer, p pick) error {
	npy, ok := convert.ByName("npy")
	if !ok || npy.Write == nil {
		return fmt.Errorf("npy is not among the formats of this program")
	}
	x := p.Tensor
	if p.Sel != nil {
		f, err := t.copyOf(ctx, p)
		if err != nil {
			return err
		}
		defer f.Close()
		if x, err = f.Tensor(p.Name()); err != nil {
			return err
		}
	}
	return npy.Write(ctx, watch.Writer(ctx, w), []convert.Source{{Tensor: x, As: p.Name()}}, nil)
}

// copyOf is a file in memory that holds what is picked.
func (t *tool) copyOf(ctx context.Context, p pick) (*tensorfile.File, error) {
	v, err := p.ReadAll(ctx)
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes()
	if err != nil {
		return nil, err
	}
	attrs, err := p.Attrs()
	if err != nil {
		return nil, err
	}
	attrs = maps.Clone(attrs)
	delete(attrs, "dims") // of axes that may be gone
	return tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), p.File().Path()), &tensorfile.Layout{
		Format:   p.File().Info().Format,
		Storages: []tensorfile.LayoutStorage{{Size: int64(len(b))}},
		Tensors:  []tensorfile.LayoutTensor{{Name: p.Name(), DType: v.DType(), Shape: v.Shape(), Order: v.Order(), Attrs: attrs}},
	}, &tensorfile.OpenOptions{NoMmap: true, MaxBytes: -1})
}

// showCSV writes a line for each row of the last axis.
func (t *tool) showCSV(ctx context.Context, w io.Writer, p pick) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	row := int64(1)
	if len(shape) > 1 {
		row = shape[len(shape)-1]
	}
	add, err := appender(p.DType(), csvStyle)
	if err != nil {
		return err
	}
	out := values{w: w, add: add}
	n := int64(0)
	err = t.inOrder(ctx, p, func(v tensor.View) error {
		return out.each(v, func(b []byte) []byte {
			if n++; n%row == 0 {
				return append(b, '\n')
			}
			return append(b, ',')
		}, nil)
	})
	return err
}

// showJSON writes one document with the values as nested lists. Without
// elements they are [].
func (t *tool) showJSON(ctx context.Context, w io.Writer, p pick) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	add, err := appender(p.DType(), jsonStyle)
	if err != nil {
		return err
	}
	if err := jsonHead(w, p, shape); err != nil {
		return err
	}
	err = jsonLists(w, add, shape, func(fn func(tensor.View) error) error { return t.inOrder(ctx, p, fn) })
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "}\n")
	return err
}

// jsonHead writes the document of values up to these.
func jsonHead(w io.Writer, p pick, shape tensor.Shape) error {
	head := struct {
		Schema string `json:"schema"`
		jsonPath
		Format    string  `json:"format"`
		Name      string  `json:"name"`
		Selection *string `json:"selection"`
		DType     string  `json:"dtype"`
		Shape     []int64 `json:"shape"`
	}{schema("show"), pathJSON(p.File().Path()), p.File().Info().Format, p.Name(), nil, p.DType().String(), list(shape)}
	if p.Sel != nil {
		text := p.Sel.String()
		head.Selection = &text
	}
	b, err := marshal(head)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b[:len(b)-1], `,"values":`...))
	return err
}

// jsonLists writes the elements of a shape, which each gives in C order, as
// nested lists.
func jsonLists(w io.Writer, add func([]byte, tensor.View, int64) ([]byte, error), shape tensor.Shape, each func(func(tensor.View) error) error) error {
	total, err := shape.NumElements()
	if err != nil {
		return err
	}
	if total == 0 {
		_, err := io.WriteString(w, "[]")
		return err
	}
	// Before and behind the n-th element stand as many brackets as there are
	// axes of which it is the first or the last.
	inner := make([]int64, len(shape))
	for axis, size := len(shape)-1, int64(1); axis >= 0; axis-- {
		size *= shape[axis]
		inner[axis] = size
	}
	n := int64(0)
	out := values{w: w, add: add}
	return each(func(v tensor.View) error {
		return out.each(v, func(b []byte) []byte {
			n++
			closed := 0
			for axis := len(shape) - 1; axis >= 0 && n%inner[axis] == 0; axis-- {
				b = append(b, ']')
				closed++
			}
			if n < total {
				b = append(b, ',')
				if closed > 0 {
					b = append(b, '\n')
				}
			}
			return b
		}, func(b []byte) []byte {
			for _, size := range inner {
				if n%size == 0 {
					b = append(b, '[')
				}
			}
			return b
		})
	})
}

type style int

const (
	csvStyle style = iota
	jsonStyle
)

// values prints elements one by one.
type values struct {
	w   io.Writer
	add func(b []byte, v tensor.View, i int64) ([]byte, error)
	buf []byte
}

// each prints the elements of v, with what before and behind append around
// each.
func (o *values) each(v tensor.View, behind, before func([]byte) []byte) error {
	if v.NumElements() == 0 {
		return nil
	}
	// One axis of a dtype that has all digits, or of the elements themselves.
	flat := tensor.Shape{v.NumElements()}
	wide := wideType(v.DType())
	all, err := tensor.Make(wide, v.Shape())
	if err != nil {
		return err
	}
	if wide == v.DType() {
		err = tensor.Copy(all, v)
	} else {
		err = tensor.Cast(all, v)
	}
	if err != nil {
		return err
	}
	if all, err = all.Reshape(flat); err != nil {
		return err
	}
	for i := range flat[0] {
		if before != nil {
			o.buf = before(o.buf)
		}
		if o.buf, err = o.add(o.buf, all, i); err != nil {
			return err
		}
		o.buf = behind(o.buf)
		if len(o.buf) >= 64<<10 {
			if _, err := o.w.Write(o.buf); err != nil {
				return err
			}
			o.buf = o.buf[:0]
		}
	}
	_, err = o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// wideType is what elements are turned to before they are printed.
func wideType(d tensor.DType) tensor.DType {
	switch d.Class {
	case tensor.ClassInt:
		return tensor.I64
	case tensor.ClassUint:
		return tensor.U64
	case tensor.ClassBool:
		return tensor.U8
	case tensor.ClassFloat:
		return tensor.F64
	case tensor.ClassComplex:
		return tensor.C128
	}
	return d
}

// appender returns the function that appends element i of a one-dimensional
// view of wideType(d).
func appender(d tensor.DType, s style) (func([]byte, tensor.View, int64) ([]byte, error), error) {
	if !d.Known() || d.Class == tensor.ClassBlock {
		return nil, &hinted{
			&tensorfile.Error{Kind: tensorfile.ErrDType, Offset: -1, Field: "dtype", Got: d.String(), Want: "one whose elements are values"},
			"--hex shows its bytes, --as raw writes them",
		}
	}
	float := floatAppender(d, s)
	switch d.Class {
	case tensor.ClassInt:
		return func(b []byte, v tensor.View, i int64) ([]byte, error) {
			x, err := tensor.ReadElem[int64](v, i)
			return strconv.AppendInt(b, x, 10), err
		}, nil
	case tensor.ClassUint:
		return func(b []byte, v tensor.View, i int64) ([]byte, error) {
			x, err := tensor.ReadElem[uint64](v, i)
			return strconv.AppendUint(b, x, 10), err
		}, nil
	case tensor.ClassBool:
		return func(b []byte, v tensor.View, i int64) ([]byte, error) {
			x, err := tensor.ReadElem[uint8](v, i)
			return strconv.AppendBool(b, x != 0), err
		}, nil
	case tensor.ClassFloat:
		return func(b []byte, v tensor.View, i int64) ([]byte, error) {
			x, err := tensor.ReadElem[float64](v, i)
			return float(b, x), err
		}, nil
	case tensor.ClassComplex:
		return func(b []byte, v tensor.View, i int64) ([]byte, error) {
			x, err := tensor.ReadElem[complex128](v, i)
			if s == jsonStyle {
				b = float(append(b, '['), real(x))
				return append(float(append(b, ','), imag(x)), ']'), err
			}
			b = float(b, real(x))
			if im := imag(x); !math.Signbit(im) || math.IsNaN(im) {
				b = append(b, '+')
			}
			return append(float(b, imag(x)), 'j'), err
		}, nil
	}
	return func(b []byte, v tensor.View, i int64) ([]byte, error) {
		var text string
		var err error
		if d.Variant == tensor.VariantOpaque {
			var unit []byte
			unit, err = v.UnitAt(i)
			text = hex.EncodeToString(unit)
		} else {
			text, err = v.StringAt(i)
		}
		if err != nil {
			return b, err
		}
		if s == jsonStyle {
			q, err := marshal(text)
			return append(b, q...), err
		}
		return appendCSV(b, text), nil
	}, nil
}

// appendCSV appends a field, between quotes where that is needed.
func appendCSV(b []byte, text string) []byte {
	if strings.ContainsAny(text, "\",\r\n") {
		text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return append(b, text...)
}

// floatAppender returns the function that appends a float with the fewest
// digits that tell it from its neighbours in d.
func floatAppender(d tensor.DType, s style) func([]byte, float64) []byte {
	if s == csvStyle && d.Class == tensor.ClassFloat {
		return floats.Appender(d) // as convert writes them
	}
	bits := 32
	round := floats.Rounding(d)
	if d == tensor.F64 || d == tensor.C128 || round != nil {
		bits = 64
	}
	return func(b []byte, x float64) []byte {
		if round != nil && x-x == 0 {
			x = floats.Fewest(x, round)
		}
		if s == jsonStyle {
			return appendJSONFloat(b, x, bits)
		}
		switch { // half of a complex number
		case math.IsNaN(x):
			return append(b, "nan"...)
		case math.IsInf(x, 1):
			return append(b, "inf"...)
		case math.IsInf(x, -1):
			return append(b, "-inf"...)
		}
		return strconv.AppendFloat(b, x, 'g', -1, bits)
	}
}
