package badinput

import (
	"encoding/binary"
	"math"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// Descriptors of parts.
var (
	forgeI8    = forge.DT(2, 0, 8, 1, 1)
	forgeI32   = forge.DT(2, 0, 32, 1, 4)
	forgeU32   = forge.DT(3, 0, 32, 1, 4)
	forgeBool1 = forge.DT(1, 0, 1, 8, 1)
	forgeNone  = forge.DType{}
)

// forgedPart is a part of a composite.
type forgedPart struct {
	role  string
	d     forge.DType
	shape []uint64
	data  []byte
}

// i32s is a part of numbers of 32 bits; no shape is their number.
func i32s(role string, shape []uint64, x ...int32) forgedPart {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	if shape == nil {
		shape = []uint64{uint64(len(x))}
	}
	return forgedPart{role, forgeI32, shape, b}
}

// f32s is a part of floats.
func f32s(role string, shape []uint64, x ...float32) forgedPart {
	p := i32s(role, shape, make([]int32, len(x))...)
	p.d, p.data = forge.F32, nil
	for _, v := range x {
		p.data = binary.LittleEndian.AppendUint32(p.data, math.Float32bits(v))
	}
	return p
}

// smalls is a part of bytes of some dtype.
func smalls(role string, d forge.DType, shape []uint64, x ...byte) forgedPart {
	return forgedPart{role, d, shape, x}
}

// composed is a file of one composite, whose parts are given ascending by role.
func composed(layout uint16, flags uint32, d forge.DType, shape []uint64, parts ...forgedPart) *forge.Image {
	list := []forge.Tensor{{Name: "m", Kind: 2, Layout: layout, LayoutFlags: flags, DType: d, Shape: shape, Strides: make([]int64, len(shape))}}
	var storages []forge.Storage
	for i, p := range parts {
		t := forge.Tensor{Name: "m\x00" + p.role, DType: p.d, Shape: p.shape, Strides: make([]int64, len(p.shape))}
		step := int64(binary.LittleEndian.Uint32(p.d[12:]))
		for k := len(p.shape) - 1; k >= 0; k-- {
			t.Strides[k] = step
			n := p.shape[k]
			if e := uint64(binary.LittleEndian.Uint32(p.d[8:])); k == len(p.shape)-1 {
				n = (n + e - 1) / e
			}
			step *= int64(n)
		}
		if len(p.data) > 0 {
			t.Storage = uint64(i + 1)
			storages = append(storages, forge.Storage{ID: t.Storage, Data: p.data})
		}
		list = append(list, t)
	}
	return forge.File(list, storages...)
}

// compositeRejects are files whose composites break a rule.
func compositeRejects() []Reject {
	const (
		sorted, unique = format.FlagSorted, format.FlagUnique
		both           = sorted | unique
	)
	wide := []uint64{3, 4}
	square := []uint64{4, 4}
	indptr := i32s("indptr", nil, 0, 2, 2, 3)
	indices := i32s("indices", nil, 0, 2, 3)
	values := f32s("values", nil, 1, 3, -2)
	csr := func(flags uint32, parts ...forgedPart) *forge.Image {
		return composed(format.LayoutCSR, flags, forge.F32, wide, parts...)
	}
	coo := func(flags uint32, shape []uint64, x ...int32) *forge.Image {
		return composed(format.LayoutCOO, flags, forge.F32, shape, i32s("indices", []uint64{uint64(len(x) / 2), 2}, x...), f32s("values", nil, make([]float32, len(x)/2)...))
	}
	order := func(x ...byte) forgedPart { return smalls("order", forge.U8, []uint64{2}, x...) }
	csf := func(o, ptr0 forgedPart, idx1 ...int32) *forge.Image {
		return composed(format.LayoutCSF, both, forge.F32, wide, i32s("idx0", nil, 0, 2), i32s("idx1", nil, idx1...), o, ptr0, values)
	}
	ptr0 := i32s("ptr0", nil, 0, 2, 3)
	mask := func(d forge.DType, x ...byte) *forge.Image {
		return composed(format.LayoutBitmap, both, forge.F32, wide, smalls("mask", d, wide, x...), values)
	}
	group := func(a, b int32) forgedPart {
		p := i32s("group", nil, a, b)
		p.d = forgeU32
		return p
	}
	quantised := func(g, scales forgedPart) *forge.Image {
		return composed(format.LayoutQuantised, 0, forge.F32, wide, g, scales, smalls("values", forgeI8, wide, make([]byte, 12)...))
	}
	text := func(raw string, x ...int32) *forge.Image {
		return composed(format.LayoutString, 0, forgeNone, []uint64{uint64(len(x) - 1)}, smalls("bytes", forge.U8, []uint64{uint64(len(raw))}, []byte(raw)...), i32s("offsets", nil, x...))
	}
	ragged := func(longest uint64, x ...int32) *forge.Image {
		return composed(format.LayoutRagged, 0, forge.F32, []uint64{uint64(len(x) - 1), longest}, i32s("offsets", nil, x...), values)
	}
	triangle := func(flags uint32, x ...int32) *forge.Image { return coo(flags, square, x...) }
	var list []Reject
	add := func(rule, name, kind, what string, im *forge.Image) {
		list = append(list, Reject{Rule: rule, Case: name, Kind: kind, At: Use, What: what, Make: imageOf(im)})
	}
	malformed, corrupt := "Format", "Corrupt"

	add(format.RuleLayoutKnown, "", "Unsupported", "layout 10", composed(10, 0, forge.F32, wide, values))
	part := format.RuleLayoutPart
	add(part, "", malformed, "csr without pointers", csr(both, indices, values))
	add(part, "dtype", malformed, "values of another dtype than the composite", csr(both, indices, indptr, i32s("values", nil, 1, 3, -2)))
	add(part, "index-dtype", malformed, "indices that are floats", csr(both, f32s("indices", nil, 0, 2, 3), indptr, values))
	add(part, "shape", malformed, "a pointer too few", csr(both, indices, i32s("indptr", nil, 0, 2, 3), values))
	add(part, "values", malformed, "fewer values than indices", csr(both, indices, indptr, f32s("values", nil, 1, 3)))
	add(part, "rank", malformed, "csr of rank 3", composed(format.LayoutCSR, both, forge.F32, []uint64{3, 4, 1}, indices, indptr, values))
	add(part, "fill", malformed, "a fill of rank 1", csr(both, f32s("fill", nil, 7), indices, indptr, values))
	add(part, "block", malformed, "blocks of two rows of a matrix of three", composed(format.LayoutBSR, both, forge.F32, wide, i32s("indices", nil, 0), i32s("indptr", nil, 0, 1), f32s("values", []uint64{1, 2, 2}, 1, 2, 3, 4)))
	add(part, "mask", malformed, "a mask of bytes", mask(forge.U8, make([]byte, 12)...))
	add(part, "scales", malformed, "scales of another shape than the groups", quantised(group(2, 4), f32s("scales", []uint64{3, 1}, 1, 2, 3)))
	flags := format.RuleLayoutFlags
	add(flags, "", corrupt, "bit 3 of the flags", csr(both|8, indices, indptr, values))
	add(flags, "csf", corrupt, "csf that is not declared unique", composed(format.LayoutCSF, sorted, forge.F32, wide, i32s("idx0", nil, 0, 2), i32s("idx1", nil, 0, 2, 3), order(0, 1), ptr0, values))
	add(flags, "structure", corrupt, "a symmetric matrix of three rows and four columns", csr(both|format.StructureSymmetric, indices, indptr, values))
	add(flags, "hermitian", corrupt, "a Hermitian matrix of floats", triangle(format.StructureHermitian, 0, 0))
	add(flags, "triangle", corrupt, "an upper triangle of a general matrix", csr(both|format.FlagUpper, indices, indptr, values))
	add(flags, "ragged", corrupt, "ragged rows that are declared sorted", composed(format.LayoutRagged, sorted, forge.F32, []uint64{1, 3}, i32s("offsets", nil, 0, 3), values))
	pointer := format.RuleLayoutPointer
	add(pointer, "", corrupt, "a pointer that falls", csr(both, indices, i32s("indptr", nil, 0, 2, 1, 3), values))
	add(pointer, "begin", corrupt, "pointers that begin at 1", csr(both, indices, i32s("indptr", nil, 1, 2, 2, 3), values))
	add(pointer, "end", corrupt, "pointers that end before the indices", csr(both, indices, i32s("indptr", nil, 0, 2, 2, 2), values))
	add(pointer, "past", corrupt, "a pointer past the indices", csr(both, indices, i32s("indptr", nil, 0, 2, 9, 9), values))
	add(pointer, "longest", corrupt, "a row of two values where the longest has one", ragged(1, 0, 2, 3))
	add(pointer, "child", corrupt, "a node without a child", csf(order(0, 1), i32s("ptr0", nil, 0, 0, 3), 0, 2, 3))
	add(pointer, "string", corrupt, "offsets that end before the bytes", text("abc", 0, 1, 2))
	add(pointer, "ragged-falls", corrupt, "rows that run backwards", ragged(3, 0, 2, 1, 3))
	add(pointer, "ragged-begin", corrupt, "rows that begin at 1", ragged(3, 1, 3))
	add(pointer, "ragged-below", corrupt, "rows that begin below 0", ragged(3, -1, 3))
	add(pointer, "ragged-end", corrupt, "rows that leave a value over", ragged(3, 0, 2))
	add(pointer, "ragged-past", corrupt, "rows past the values", ragged(9, 0, 3, 4))
	add(pointer, "ragged-huge", corrupt, "a row of 2^31-1 values where there are 3", ragged(1<<62, 0, math.MaxInt32))
	add(pointer, "ragged-none", corrupt, "values of no row", ragged(3, 0))
	add(pointer, "string-past", corrupt, "a string past the bytes and one that comes back", text("abc", 0, 9, 3))
	add(part, "ragged-inner", malformed, "values without the inner axis of the rows", composed(format.LayoutRagged, 0, forge.F32, []uint64{1, 3, 2}, i32s("offsets", nil, 0, 3), values))
	add(part, "ragged-offsets", malformed, "an offset too few for the rows", composed(format.LayoutRagged, 0, forge.F32, []uint64{2, 3}, i32s("offsets", nil, 0, 3), values))
	add(part, "string-shape", malformed, "four strings of which two have offsets", composed(format.LayoutString, 0, forgeNone, []uint64{2, 2}, smalls("bytes", forge.U8, []uint64{2}, 'a', 'b'), i32s("offsets", nil, 0, 1, 2)))
	add(part, "string-bytes", malformed, "bytes that are signed", composed(format.LayoutString, 0, forgeNone, []uint64{1}, smalls("bytes", forgeI8, []uint64{1}, 'a'), i32s("offsets", nil, 0, 1)))
	index := format.RuleLayoutIndex
	add(index, "", corrupt, "a column past the last", csr(both, i32s("indices", nil, 0, 2, 4), indptr, values))
	add(index, "negative", corrupt, "column -1", csr(0, i32s("indices", nil, 0, -1, 3), indptr, values))
	add(index, "unsorted", corrupt, "columns that fall in a row declared sorted", csr(sorted, i32s("indices", nil, 2, 0, 3), indptr, values))
	add(index, "twice", corrupt, "a column twice in a row declared unique", csr(both, i32s("indices", nil, 2, 2, 3), indptr, values))
	add(index, "twice-unsorted", corrupt, "a coordinate twice, far from each other", coo(unique, wide, 2, 3, 0, 0, 2, 3))
	add(index, "coordinates", corrupt, "coordinates that fall", coo(sorted, wide, 0, 2, 0, 1))
	add(index, "triangle", corrupt, "an entry above the diagonal of a lower triangle", triangle(format.StructureSymmetric, 0, 0, 1, 2))
	add(index, "diagonal", corrupt, "the diagonal of a skew-symmetric matrix", triangle(format.StructureSkew, 2, 1, 3, 3))
	add(index, "order", corrupt, "an order that has an axis twice", csf(order(1, 1), ptr0, 0, 2, 3))
	add(index, "siblings", corrupt, "siblings that fall", csf(order(0, 1), ptr0, 2, 0, 3))
	add(index, "mask", corrupt, "a bit more than there are values", mask(forgeBool1, 0b0111, 0, 0b1000))
	add(index, "group", corrupt, "groups of 0", quantised(group(0, 4), f32s("scales", []uint64{1, 1}, 1)))
	add(format.RuleLayoutUTF8, "", corrupt, "a string that is Latin-1", text("caf\xe9", 0, 4))
	add(format.RuleLayoutUTF8, "cut", corrupt, "an offset inside a character", text("a\u20acb", 0, 2, 5))
	add(format.RuleLayoutUTF8, "overlong", corrupt, "U+0000 in two bytes", text("a\xc0\x80", 0, 1, 3))
	add(format.RuleLayoutUTF8, "surrogate", corrupt, "a surrogate", text("\xed\xa0\x80", 0, 3))
	add(format.RuleLayoutUTF8, "past", corrupt, "a character past U+10FFFF", text("\xf4\x90\x80\x80", 0, 4))
	add(format.RuleLayoutUTF8, "end", corrupt, "a character that the end of the bytes cuts", text("ab\xf0\x9f\x98", 0, 2, 5))
	add(format.RuleLayoutUTF8, "alone", corrupt, "a byte that only goes on", text("\x80", 0, 0, 1))
	add(format.RuleLayoutUTF8, "empty", corrupt, "an empty string inside a character", text("\u20ac", 0, 1, 1, 3))
	add(format.RuleDTypeNone, "composite", corrupt, "csr without a dtype", composed(format.LayoutCSR, both, forgeNone, wide, indices, indptr, values))
	add(format.RuleNameRole, "nested", malformed, "a part of a part of a part", forge.File([]forge.Tensor{u8s("a", 1, 10), u8s("a\x00b\x00c\x00d", 1, 10)}, bytesOf(1, 10)))
	orphan := composed(format.LayoutCOO, both, forge.F32, wide, i32s("indices", []uint64{2, 2}, 0, 0, 2, 3), f32s("values", nil, 0, 0), f32s("values\x00scales", nil, 1))
	return append(list, Reject{Rule: format.RuleOrphanPart, Case: "inner", Kind: corrupt, At: Verify, What: "a part of a dense part", Make: imageOf(orphan)})
}
