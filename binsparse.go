package tensorfile

import (
	"context"
	"strconv"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// nameBinsparse puts the names that Binsparse has for a sparse array into the
// attributes of its record.
func nameBinsparse(ctx context.Context, rec *format.TensorRecord, a *sparse.Array, o *TensorOptions) error {
	p := a.Properties()
	if !p.Sorted || !p.Unique { // they may be
		p.Sorted, p.Unique = true, true
		b, err := sparse.New(sparse.Spec{Layout: a.Layout(), Shape: a.Shape(), DType: a.DType(), Properties: p, Parts: a.Parts()})
		if err == nil {
			err = b.Validate(ctx, nil)
		}
		if err != nil {
			return ctx.Err()
		}
		a = b
	}
	c := compositeOf(a)
	d, err := c.binsparse(o.chunked())
	if err != nil || d == nil {
		return err
	}
	m, err := format.ParseAttrs(rec.Attrs, -1, len(rec.Shape))
	if err != nil {
		return err
	}
	names, _ := m["layout"].(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	if names == nil {
		names = map[string]any{}
	}
	names["binsparse"], m["layout"] = d, names
	rec.Attrs, err = format.AppendAttrs(nil, m, len(rec.Shape))
	return err
}

// binsparse returns what the Binsparse specification 0.1 calls a sparse array
// that is to be written: the content of the object "binsparse" of its JSON
// descriptors. It is nil for what has no name there: blocks, bitmaps, entries that
// are not declared sorted and unique, elements such as f16.
//
//	coo of rank 1, 2   CVEC, COOR; of other ranks custom, one level of all axes
//	csr, csc           CSR, CSC
//	csf                DCSR, DCSC, CVEC; other ranks and orders custom, a level an axis
//
// The arrays that a descriptor names are the parts of the tensor: pointers_to_1
// is indptr, indices_1 indices, of coo column k of indices is indices_k, of csf
// pointers_to_k is ptr(k-1) and indices_k idxk; values and fill_value are values
// and fill. Values with a stride of 0 are one value, "iso[...]"; in chunks they
// are written out.
func (c *Composite) binsparse(chunked bool) (map[string]any, error) {
	b := &binsparse{layout: c.Layout, flags: c.Flags, shape: c.Shape}
	for _, p := range c.Parts {
		b.part(p.Role, p.View, chunked)
		if p.Role == format.RoleOrder && c.Layout == format.LayoutCSF {
			var err error
			if b.order, err = orderOf(p.View); err != nil {
				return nil, err
			}
		}
	}
	return b.descriptor(), nil
}

func orderOf(v tensor.View) ([]int64, error) {
	order := make([]int64, v.NumElements())
	to, err := tensor.FromSlice(order)
	if err == nil {
		err = guarded(func() error { return tensor.Cast(to, v) })
	}
	return order, err
}

// binsparse collects what a descriptor is made of.
type binsparse struct {
	layout uint16
	flags  uint32
	shape  tensor.Shape
	order  []int64 // of csf
	values int64
	iso    bool
	dtypes map[string]tensor.DType // of parts
}

func (b *binsparse) part(role string, v tensor.View, chunked bool) {
	if b.dtypes == nil {
		b.dtypes = map[string]tensor.DType{}
	}
	b.dtypes[role] = v.DType()
	if n := v.Shape(); role == format.RoleValues && len(n) == 1 {
		b.values = n[0]
		b.iso = !chunked && n[0] > 1 && v.Strides()[0] == 0
	}
}

// binsparseTypes are the names of dtypes; bool is a byte.
var binsparseTypes = map[tensor.DType]string{
	tensor.I8: "int8", tensor.I16: "int16", tensor.I32: "int32", tensor.I64: "int64",
	tensor.U8: "uint8", tensor.U16: "uint16", tensor.U32: "uint32", tensor.U64: "uint64",
	tensor.F32: "float32", tensor.F64: "float64", tensor.C64: "complex[float32]", tensor.C128: "complex[float64]",
	tensor.Bool: "bint8",
}

// descriptor is the object, or nil if Binsparse has no name for the tensor.
func (b *binsparse) descriptor() map[string]any {
	const both = format.FlagSorted | format.FlagUnique
	if b.flags&both != both {
		return nil
	}
	rank := len(b.shape)
	types, ok := map[string]any{}, true
	name := func(array, role string) {
		s := binsparseTypes[b.dtypes[role]]
		if ok = ok && s != ""; b.iso && role == format.RoleValues {
			s = "iso[" + s + "]"
		}
		types[array] = s
	}
	d := map[string]any{"version": "0.1.0", "number_of_stored_values": b.values}
	switch b.layout {
	case format.LayoutCOO:
		for k := range rank {
			name(array("indices_", k), format.RoleIndices)
		}
		switch rank {
		case 1:
			d["format"] = "CVEC"
		case 2:
			d["format"] = "COOR"
		default:
			d["format"], d["custom"] = "custom", map[string]any{"level": level(rank, element())}
		}
	case format.LayoutCSR, format.LayoutCSC:
		name("pointers_to_1", format.RoleIndptr)
		name("indices_1", format.RoleIndices)
		d["format"] = map[uint16]string{format.LayoutCSR: "CSR", format.LayoutCSC: "CSC"}[b.layout]
	case format.LayoutCSF:
		if len(b.order) != rank {
			return nil
		}
		b.tree(d, name)
	default:
		return nil
	}
	name("values", format.RoleValues)
	if _, filled := b.dtypes[format.RoleFill]; filled {
		name("fill_value", format.RoleFill)
		d["fill"] = true
	}
	if !ok {
		return nil
	}
	shape := make([]any, rank)
	for i, n := range b.shape {
		shape[i] = n
	}
	d["shape"], d["data_types"] = shape, types
	if s := b.structure(); s != "" {
		d["structure"] = s
	}
	return d
}

// tree is csf.
func (b *binsparse) tree(d map[string]any, name func(array, role string)) {
	rank := len(b.shape)
	inOrder := true
	turn := make([]any, rank) // axis k of the tensor is this axis of the tree
	for k, axis := range b.order {
		if axis >= 0 && axis < int64(rank) {
			turn[axis] = int64(k)
		}
		inOrder = inOrder && axis == int64(k)
	}
	levels := element()
	for k := range rank {
		ptr, _ := format.LevelRoles(k - 1)
		_, idx := format.LevelRoles(k)
		if k > 0 {
			name(array("pointers_to_", k), ptr)
		}
		name(array("indices_", k), idx)
		levels = level(1, levels)
	}
	switch {
	case rank == 1:
		d["format"] = "CVEC"
	case rank == 2 && inOrder:
		d["format"] = "DCSR"
	case rank == 2:
		d["format"] = "DCSC"
	default:
		custom := map[string]any{"level": levels}
		if !inOrder {
			custom["transpose"] = turn
		}
		d["format"], d["custom"] = "custom", custom
	}
}

// structure is that of a matrix of which a triangle is stored.
func (b *binsparse) structure() string {
	s := map[uint32]string{format.StructureSymmetric: "symmetric", format.StructureSkew: "skew_symmetric", format.StructureHermitian: "hermitian"}[b.flags&format.FlagStructure]
	switch {
	case s == "":
		return ""
	case b.flags&format.FlagUpper != 0:
		return s + "_upper"
	}
	return s + "_lower"
}

func array(prefix string, k int) string { return prefix + strconv.Itoa(k) }

func element() map[string]any { return map[string]any{"level_desc": "element"} }

func level(rank int, below map[string]any) map[string]any {
	return map[string]any{"level_desc": "sparse", "rank": int64(rank), "level": below}
}

// grownBinsparse gives the names in the attributes of a record its new shape and
// number of values, if they are there.
func grownBinsparse(rec *format.TensorRecord, values int64) error {
	m, err := format.ParseAttrs(rec.Attrs, -1, len(rec.Shape))
	if err != nil {
		return nil // faults in attributes stay what they are
	}
	names, _ := m["layout"].(map[string]any)
	d, _ := names["binsparse"].(map[string]any)
	if d == nil {
		return nil
	}
	shape := make([]any, len(rec.Shape))
	for i, n := range rec.Shape {
		shape[i] = n
	}
	d["shape"], d["number_of_stored_values"] = shape, values
	rec.Attrs, err = format.AppendAttrs(nil, m, len(rec.Shape))
	return err
}
