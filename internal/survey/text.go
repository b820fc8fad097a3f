package survey

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/floats"
	"github.com/tensorfile/tensorfile/tensor"
)

// Style says how elements are written.
type Style int

// The styles: fields of CSV, and values of JSON.
const (
	CSV Style = iota
	JSON
	plain // as it is
)

// Elements writes elements one by one.
type Elements struct {
	w   io.Writer
	add func(b []byte, v tensor.View, i int64) ([]byte, error)
	buf []byte
}

// NewElements writes elements of a dtype to w. One whose elements are no values is
// ErrDType.
func NewElements(w io.Writer, d tensor.DType, s Style) (*Elements, error) {
	add, err := appender(d, s)
	return &Elements{w: w, add: add}, err
}

// Each writes the elements of v, with what before and behind, if not nil, append around
// each.
func (o *Elements) Each(v tensor.View, behind, before func([]byte) []byte) error {
	if v.NumElements() == 0 {
		return nil
	}
	all, err := flat(v, v.DType())
	if err != nil {
		return err
	}
	for i := range all.NumElements() {
		if before != nil {
			o.buf = before(o.buf)
		}
		if o.buf, err = o.add(o.buf, all, i); err != nil {
			return err
		}
		if behind != nil {
			o.buf = behind(o.buf)
		}
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
func appender(d tensor.DType, s Style) (func([]byte, tensor.View, int64) ([]byte, error), error) {
	if !d.Known() || d.Class == tensor.ClassBlock {
		return nil, &tensorfile.Error{Kind: tensorfile.ErrDType, Offset: -1, Field: "dtype", Got: d.String(), Want: "one whose elements are values"}
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
			if s == JSON {
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
		if s == JSON {
			q, err := json.Marshal(text)
			return append(b, q...), err
		}
		if s == plain {
			return append(b, text...), nil
		}
		return AppendCSV(b, text), nil
	}, nil
}

// AppendCSV appends a field, between quotes where that is needed.
func AppendCSV(b []byte, text string) []byte {
	if strings.ContainsAny(text, "\",\r\n") {
		text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return append(b, text...)
}

// floatAppender returns the function that appends a float with the fewest
// digits that tell it from its neighbours in d.
func floatAppender(d tensor.DType, s Style) func([]byte, float64) []byte {
	if s == CSV && d.Class == tensor.ClassFloat {
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
		if s == JSON {
			return AppendJSONFloat(b, x, bits)
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

// AppendJSONFloat appends the shortest number that reads back the same.
func AppendJSONFloat(b []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(b, `"-Infinity"`...)
	}
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, bits)
}

// Float is a number in a document; NaN and the infinities, which JSON does not
// have, are strings.
type Float float64

// MarshalJSON implements json.Marshaler.
func (f Float) MarshalJSON() ([]byte, error) { return AppendJSONFloat(nil, float64(f), 64), nil }

// Attributes turns attributes into what a document can hold: nil if there are
// none.
func Attributes(a tensorfile.Attrs) any {
	if len(a) == 0 {
		return nil
	}
	return Value(map[string]any(a))
}

// Value turns the value of an attribute into what a document can hold.
func Value(v any) any {
	switch v := v.(type) {
	case float64:
		return Float(v)
	case float32:
		return json.RawMessage(AppendJSONFloat(nil, float64(v), 32))
	case []byte:
		return map[string]string{"base64": base64.StdEncoding.EncodeToString(v)}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = Value(v[i])
		}
		return out
	case tensorfile.Attrs:
		return Value(map[string]any(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = Value(v[k])
		}
		return out
	}
	return v
}

// Texts are the elements of v in C order, each with the fewest digits that tell it
// from its neighbours in the dtype d, of which v holds the values. Text is as it is,
// opaque bytes are in hexadecimal digits. What is longer than most bytes is cut and
// ends with "...".
func Texts(v tensor.View, d tensor.DType, most int) ([]string, error) {
	add, err := appender(d, plain)
	if err != nil {
		return nil, err
	}
	if v, err = flat(v, d); err != nil {
		return nil, err
	}
	list := make([]string, v.NumElements())
	var buf []byte
	for i := range list {
		if buf, err = add(buf[:0], v, int64(i)); err != nil {
			return nil, err
		}
		if len(buf) > most {
			buf = append(buf[:most], "..."...)
		}
		list[i] = strings.ToValidUTF8(string(buf), "\ufffd")
	}
	return list, nil
}

// flat is v with one axis, of a dtype that has all digits of d, or of the elements
// themselves.
func flat(v tensor.View, d tensor.DType) (tensor.View, error) {
	n := tensor.Shape{v.NumElements()}
	wide := wideType(d)
	all, err := tensor.Make(wide, v.Shape())
	if err != nil {
		return v, err
	}
	if wide == v.DType() {
		err = tensor.Copy(all, v)
	} else {
		err = tensor.Cast(all, v)
	}
	if err != nil {
		return v, err
	}
	return all.Reshape(n)
}
