package main

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
	"strconv"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// layoutName is "dense", "chunked" or the layout of a composite.
func layoutName(t *tensorfile.Tensor) string {
	if n, _, ok := t.Composite(); ok {
		return cmp.Or(format.LayoutName(n), "layout"+itoa(n))
	}
	if t.Storage().Kind == tensorfile.StorageGrid {
		return "chunked"
	}
	return "dense"
}

// orderName says how the elements of a dense tensor lie: "C", "F", "strided"
// with gaps, overlaps or turned axes, "broadcast" where one stands for many.
func orderName(t *tensorfile.Tensor) string {
	d, shape, strides := t.DType(), t.Shape(), t.Strides()
	c, f := true, true
	step := int64(d.UnitBytes)
	for axis := len(shape) - 1; axis >= 0; axis-- {
		n := units(d, shape, axis)
		if n == 0 {
			return "C"
		}
		if n > 1 {
			c = c && strides[axis] == step
			step *= n
		}
	}
	if c {
		return "C"
	}
	step = int64(d.UnitBytes)
	for axis := range shape {
		if n := units(d, shape, axis); n > 1 {
			f = f && strides[axis] == step
			if strides[axis] == 0 {
				return "broadcast"
			}
			step *= n
		}
	}
	if f {
		return "F"
	}
	return "strided"
}

// units is the extent of an axis in units.
func units(d tensor.DType, shape tensor.Shape, axis int) int64 {
	n := shape[axis]
	if e := int64(d.UnitElems); e > 1 && axis == len(shape)-1 {
		n = (n + e - 1) / e
	}
	return n
}

// layoutWord is the order of plain dense tensors, else the layout.
func layoutWord(t *tensorfile.Tensor) string {
	switch l := layoutName(t); l {
	case "dense":
		return orderName(t)
	case "quantised":
		return quantisedWord(t)
	default:
		return l
	}
}

// storedBytes is how much of the file the elements of a tensor take: what they
// occupy of their storage, in proportion if that is encoded. What is shared
// counts for each.
func storedBytes(t *tensorfile.Tensor) int64 {
	st := t.Storage()
	if _, _, composite := t.Composite(); composite {
		return st.Stored
	}
	if st.Kind == tensorfile.StorageNone || st.Size == 0 {
		return 0
	}
	d, shape, strides := t.DType(), t.Shape(), t.Strides()
	n := int64(d.UnitBytes)
	for axis := range shape {
		e := units(d, shape, axis)
		if strides[axis] == 0 && e > 1 {
			e = 1
		}
		hi, lo := bits.Mul64(uint64(n), uint64(e))
		if hi != 0 || lo > uint64(st.Size) {
			n = st.Size // overlapping: no more than there is
			if e == 0 {
				n = 0
			}
			continue
		}
		n = int64(lo)
	}
	if lo, hi, err := tensor.Reach(d, shape, strides, t.Offset()); err == nil {
		n = min(n, hi-lo)
	}
	if st.Kind == tensorfile.StorageRaw {
		return n
	}
	return int64(math.Round(float64(n) / float64(st.Size) * float64(st.Stored)))
}

// ratio is logical bytes to stored ones, NaN where nothing is stored.
func ratio(bytes, stored int64) float64 {
	if stored == 0 {
		return math.NaN()
	}
	return float64(bytes) / float64(stored)
}

// misaligned reports whether a typed slice of the tensor is impossible because
// of where its elements stand in the file.
func misaligned(t *tensorfile.Tensor) bool {
	a := int64(t.DType().Align())
	st := t.Storage()
	if a <= 1 || st.Kind != tensorfile.StorageRaw {
		return false
	}
	bad := (st.Offset + t.Offset()) % a
	for axis, n := range t.Shape() {
		if n > 1 {
			bad |= t.Strides()[axis] % a
		}
	}
	return bad != 0
}

// foreignOrder reports whether the elements are big-endian.
func foreignOrder(t *tensorfile.Tensor) bool {
	return t.Order() == tensor.BigEndian && t.DType().UnitBytes > 1
}

// appendTuple appends numbers as Python writes a tuple.
func appendTuple(b []byte, s []int64) []byte {
	b = append(b, '(')
	for i, n := range s {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, n, 10)
	}
	if len(s) == 1 {
		b = append(b, ',')
	}
	return append(b, ')')
}

// errorJSON is an error in a document.
type errorJSON struct {
	Text   string `json:"text"`
	Kind   string `json:"kind,omitempty"`
	Member string `json:"member,omitempty"`
	Tensor string `json:"tensor,omitempty"`
	Chunk  string `json:"chunk,omitempty"`
	Offset *int64 `json:"offset,omitempty"`
	Field  string `json:"field,omitempty"`
	Got    string `json:"got,omitempty"`
	Want   string `json:"want,omitempty"`
	Rule   string `json:"rule,omitempty"`
}

func errorDoc(err error) *errorJSON {
	if err == nil {
		return nil
	}
	j := &errorJSON{Text: clean(err.Error())}
	var e *tensorfile.Error
	if errors.As(err, &e) {
		if e.Kind != nil {
			j.Kind = e.Kind.Error()
		}
		j.Member, j.Tensor, j.Chunk = clean(e.Member), clean(e.Tensor), e.Chunk
		j.Field, j.Got, j.Want, j.Rule = e.Field, e.Got, e.Want, e.Rule
		if e.Offset >= 0 {
			j.Offset = &e.Offset
		}
	}
	return j
}

// addSaturated adds two sizes; the sum stays at the largest number.
func addSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
