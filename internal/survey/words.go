package survey

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// LayoutName is "dense", "chunked" or the layout of a composite.
func LayoutName(t *tensorfile.Tensor) string {
	if n, _, ok := t.Composite(); ok {
		return cmp.Or(format.LayoutName(n), "layout"+strconv.Itoa(int(n)))
	}
	if t.Storage().Kind == tensorfile.StorageGrid {
		return "chunked"
	}
	return "dense"
}

// OrderName says how the elements of a dense tensor lie: "C", "F", "strided"
// with gaps, overlaps or turned axes, "broadcast" where one stands for many.
func OrderName(t *tensorfile.Tensor) string {
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

// LayoutWord is the order of plain dense tensors, else the layout.
func LayoutWord(t *tensorfile.Tensor) string {
	switch l := LayoutName(t); l {
	case "dense":
		return OrderName(t)
	case "quantised":
		return quantisedWord(t)
	default:
		return l
	}
}

// StoredBytes is how much of the file the elements of a tensor take: what they
// occupy of their storage, in proportion if that is encoded. What is shared
// counts for each.
func StoredBytes(t *tensorfile.Tensor) int64 {
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

// Ratio is logical bytes to stored ones, NaN where nothing is stored.
func Ratio(bytes, stored int64) float64 {
	if stored == 0 {
		return math.NaN()
	}
	return float64(bytes) / float64(stored)
}

// Misaligned reports whether a typed slice of the tensor is impossible because
// of where its elements stand in the file.
func Misaligned(t *tensorfile.Tensor) bool {
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

// ForeignOrder reports whether the elements are big-endian.
func ForeignOrder(t *tensorfile.Tensor) bool {
	return t.Order() == tensor.BigEndian && t.DType().UnitBytes > 1
}

// EntriesOf is the number of stored elements of a sparse tensor.
func EntriesOf(t *tensorfile.Tensor) (n int64, ok bool) {
	if layout, _, composite := t.Composite(); !composite || !format.IsSparse(layout) {
		return 0, false
	}
	v, err := t.Part(format.RoleValues)
	if err != nil {
		return 0, false
	}
	return v.NumElements(), true
}

// Density is stored elements by all elements, 0 if there are none.
func Density(t *tensorfile.Tensor, entries int64) float64 {
	n := t.NumElements()
	if n == 0 {
		return 0
	}
	return float64(entries) / float64(n)
}

// Quantisation is what a quantised tensor is made of. Zeros is null without
// zero points.
type Quantisation struct {
	Values string  `json:"values"`
	Scales string  `json:"scales"`
	Zeros  *string `json:"zeros"`
	Group  []int64 `json:"group"`
}

func QuantisationOf(t *tensorfile.Tensor) *Quantisation {
	parts, err := t.Parts()
	if err != nil {
		return nil
	}
	j := Quantisation{Group: []int64{}}
	for _, p := range parts {
		d := p.DType().String()
		switch p.Role {
		case format.RoleValues:
			j.Values = d
		case format.RoleScales:
			j.Scales = d
		case format.RoleZeros:
			j.Zeros = &d
		case format.RoleGroup:
			if v, err := p.Read(context.Background()); err == nil {
				group, _ := tensor.Data[uint32](v)
				for _, g := range group {
					j.Group = append(j.Group, int64(g))
				}
			}
		}
	}
	return &j
}

// quantisedWord is the layout with the dtype of the values and the group:
// "quantised(i4,1x32)".
func quantisedWord(t *tensorfile.Tensor) string {
	j := QuantisationOf(t)
	if j == nil {
		return LayoutName(t)
	}
	group := strings.ReplaceAll(strings.Trim(fmt.Sprint(j.Group), "[]"), " ", "x")
	if group != "" {
		group = "," + group
	}
	return "quantised(" + j.Values + group + ")"
}

// CodecText is a codec on a line: a grid can have several pipelines.
func CodecText(s string) string { return strings.ReplaceAll(s, "\n", ", ") }

// Mixed is the codec of composites whose parts have several.
const Mixed = "mixed"

// ChunkOf is the shape of the chunks of a tensor, of rows in several files that of the
// first, if it can be opened; nil of plain bytes.
func ChunkOf(t *tensorfile.Tensor) tensor.Shape {
	if rows := t.Rows(); len(rows) > 0 {
		if first, err := rows[0].Open(); err == nil {
			t = first
		}
	}
	st := t.Storage()
	return st.Chunk
}

// CodecOf is how the chunks of a tensor are stored, "" for plain bytes. Of a
// composite it is the codec of its parts, or Mixed; parts without elements and those
// that are small by nature, and plain for that, do not count.
func CodecOf(t *tensorfile.Tensor) string {
	if _, _, composite := t.Composite(); !composite {
		st := t.Storage()
		if st.Kind == tensorfile.StorageGrid && st.Codec == "" {
			return "raw"
		}
		return CodecText(st.Codec)
	}
	parts, err := t.Parts()
	if err != nil {
		return ""
	}
	codec, first := "", true
	for _, p := range parts {
		if p.NumElements() == 0 || p.Role == format.RoleFill || p.Role == format.RoleOrder || p.Role == format.RoleGroup {
			continue
		}
		own := CodecOf(p.Tensor)
		if !first && own != codec {
			return Mixed
		}
		codec, first = own, false
	}
	return codec
}
