package hdf5

import (
	"fmt"
	"math"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Classes of datatypes.
const (
	classInt = iota
	classFloat
	classTime
	classString
	classBits
	classOpaque
	classCompound
	classReference
	classEnum
	classVariable
	classArray
	classComplex
)

// datatype is a datatype of a dataset or an attribute.
type datatype struct {
	size int64 // bytes of an element

	elem  tensor.DType // zero: none, see the rest and why
	order tensor.ByteOrder
	text  bool // bytes are text
	utf8  bool
	space bool   // text is padded with spaces
	tag   string // of opaque bytes

	enum    []enumValue
	fields  []field   // of a compound
	sub     *datatype // of an array: its elements
	dims    []int64
	strings bool // of variable length

	why string // why elements cannot be read: "a reference"
}

type enumValue struct {
	name  string
	value int64 // or the bits of an uint64
}

// field is a member of a compound.
type field struct {
	name string
	at   int64
	typ  *datatype
}

// maxTypeDepth bounds types inside types.
const maxTypeDepth = 16

// datatype reads a datatype message.
func (r *block) datatype() (*datatype, error) {
	d := r.typeAt(0)
	if r.err == nil && d.size == 0 && d.why == "" {
		d.why = "elements of no bytes"
	}
	return d, r.err
}

func (r *block) typeAt(depth int) *datatype {
	d := &datatype{}
	begin := r.at
	if depth > maxTypeDepth {
		r.wrong(tensor.ErrLimit, "depth", "more", "types inside types "+count(maxTypeDepth)+" deep")
	}
	head := r.u8()
	flags := uint32(r.uint(3))
	d.size = int64(r.u32())
	class, version := head&15, head>>4
	if r.err == nil && (version < 1 || version > 5) {
		r.fail(tensor.ErrUnsupported, begin, "version", count(version), "1 to 5")
	}
	if r.err != nil {
		return d
	}
	switch class {
	case classInt, classBits:
		d.integer(r, flags, class == classBits)
	case classFloat:
		d.float(r, flags)
	case classTime:
		r.skip(2)
		d.why = "a time"
	case classString:
		d.text, d.space, d.utf8 = true, flags&15 == 2, flags>>4&15 == 1
		d.bytes(tensor.Text)
	case classOpaque:
		d.tag = strings.TrimRight(string(r.bytes(int(flags&0xff))), "\x00")
		d.bytes(tensor.Opaque)
	case classCompound:
		d.compound(r, int(flags&0xffff), version, depth)
	case classReference:
		d.why = "references"
	case classEnum:
		d.enumeration(r, int(flags&0xffff), version, depth)
	case classVariable:
		base := r.typeAt(depth + 1)
		if flags&15 == 1 {
			d.strings, d.utf8 = true, flags>>8&15 == 1
		} else {
			d.why = "sequences of variable length"
		}
		if r.err == nil && d.size != int64(r.f.refSize()) {
			r.fail(tensor.ErrCorrupt, begin+4, "size", count(d.size), count(r.f.refSize())+" of a reference to "+base.name())
		}
	case classArray:
		d.array(r, version, depth)
	case classComplex:
		base := r.typeAt(depth + 1)
		d.complex(base, base)
		if flags&1 == 0 || flags>>1&3 != 0 || d.size != 2*base.size {
			d.elem = tensor.DType{}
		}
		if d.elem == (tensor.DType{}) {
			d.why = "complex numbers of " + base.name()
		}
	default:
		d.why = "class " + count(class)
	}
	return d
}

// name says what the elements are, for errors.
func (d *datatype) name() string {
	switch {
	case d.why != "":
		return d.why
	case d.strings:
		return "strings of variable length"
	case d.fields != nil:
		return "a compound"
	case d.sub != nil:
		return "an array"
	}
	return d.elem.String()
}

func (d *datatype) bytes(of func(int) tensor.DType) {
	if d.size > 1<<24 {
		d.why = fmt.Sprintf("elements of %d bytes", d.size)
		return
	}
	d.elem = of(int(d.size))
}

func (d *datatype) integer(r *block, flags uint32, bits bool) {
	shift, precision := r.u16(), r.u16()
	if flags&1 != 0 {
		d.order = tensor.BigEndian
	}
	signed := flags&8 != 0 && !bits
	if int64(precision) == 8*d.size && shift == 0 {
		switch d.size {
		case 1:
			d.elem = pick(signed, tensor.I8, tensor.U8)
		case 2:
			d.elem = pick(signed, tensor.I16, tensor.U16)
		case 4:
			d.elem = pick(signed, tensor.I32, tensor.U32)
		case 8:
			d.elem = pick(signed, tensor.I64, tensor.U64)
		}
	}
	if d.elem == (tensor.DType{}) {
		d.why = fmt.Sprintf("integers of %d bits in %d bytes", precision, d.size)
	}
}

func pick(first bool, a, b tensor.DType) tensor.DType {
	if first {
		return a
	}
	return b
}

// floatForm is where the parts of a float are.
type floatForm struct {
	size                                       int64
	sign, exponent, exponentBits, fractionBits uint8
	bias                                       uint32
}

var floats = map[floatForm]tensor.DType{
	{2, 15, 10, 5, 10, 15}:    tensor.F16,
	{4, 31, 23, 8, 23, 127}:   tensor.F32,
	{8, 63, 52, 11, 52, 1023}: tensor.F64,
	{2, 15, 7, 8, 7, 127}:     tensor.BF16,
	{1, 7, 3, 4, 3, 7}:        tensor.F8E4M3FN,
	{1, 7, 2, 5, 2, 15}:       tensor.F8E5M2,
}

func (d *datatype) float(r *block, flags uint32) {
	shift, precision := r.u16(), r.u16()
	f := floatForm{size: d.size, sign: uint8(flags >> 8)}
	f.exponent, f.exponentBits = r.u8(), r.u8()
	fraction := r.u8()
	f.fractionBits = r.u8()
	f.bias = r.u32()
	switch flags & 0x41 {
	case 1:
		d.order = tensor.BigEndian
	case 0x41:
		d.why = "floats of a VAX"
		return
	}
	elem, ok := floats[f]
	// The highest bit of the fraction is implied (2), or the float is not one of ours.
	if !ok || shift != 0 || int64(precision) != 8*d.size || fraction != 0 || flags>>4&3 != 2 {
		d.why = fmt.Sprintf("floats of %d bits, %d of the exponent and %d of the fraction, in %d bytes", precision, f.exponentBits, f.fractionBits, d.size)
		return
	}
	d.elem = elem
}

func (d *datatype) compound(r *block, n int, version uint8, depth int) {
	d.fields = []field{}
	for range n {
		begin := r.at
		f := field{name: r.text()}
		if version < 3 {
			r.align(begin)
			f.at = int64(r.u32())
		} else {
			f.at = int64(r.uint(sizeOf(uint64(d.size))))
		}
		var dims []int64
		if version == 1 {
			rank := int(r.u8())
			r.skip(3 + 4 + 4) // reserved, the order of the axes, reserved
			for i := range 4 {
				if n := int64(r.u32()); i < rank {
					dims = append(dims, n)
				}
			}
		}
		if f.typ = r.typeAt(depth + 1); r.err != nil {
			return
		}
		if len(dims) > 0 {
			f.typ = arrayOf(f.typ, dims)
		}
		if f.typ.size < 0 || f.at > d.size || f.typ.size > d.size-f.at {
			r.fail(tensor.ErrCorrupt, begin, "member", fmt.Sprintf("%s, %d bytes at %d", tensor.Quote(f.name), f.typ.size, f.at), "inside the "+count(d.size)+" bytes of the compound")
			return
		}
		d.fields = append(d.fields, f)
	}
	if len(d.fields) == 2 && d.fields[0].name == "r" && d.fields[1].name == "i" && d.fields[0].at == 0 && d.fields[1].at == d.size/2 && 2*d.fields[0].typ.size == d.size {
		if d.complex(d.fields[0].typ, d.fields[1].typ); d.elem != (tensor.DType{}) {
			d.fields = nil
		}
	}
	if d.elem == (tensor.DType{}) && len(d.fields) == 0 {
		d.why = "a compound without members"
	}
}

// complex makes a complex number of its two parts.
func (d *datatype) complex(re, im *datatype) {
	if re.elem != im.elem || re.order != im.order {
		return
	}
	switch re.elem {
	case tensor.F32:
		d.elem, d.order = tensor.C64, re.order
	case tensor.F64:
		d.elem, d.order = tensor.C128, re.order
	}
}

func (d *datatype) enumeration(r *block, n int, version uint8, depth int) {
	begin := r.at
	base := r.typeAt(depth + 1)
	if r.err == nil && (base.elem.Class != tensor.ClassInt && base.elem.Class != tensor.ClassUint || base.size != d.size) {
		r.fail(tensor.ErrUnsupported, begin, "base of an enumeration", base.name(), "integers of its size")
	}
	for range n {
		at := r.at
		d.enum = append(d.enum, enumValue{name: r.text()})
		if version < 3 {
			r.align(at)
		}
		if r.err != nil {
			return
		}
	}
	for i := range d.enum {
		b := r.bytes(int(d.size))
		if r.err != nil {
			return
		}
		d.enum[i].value = base.integerOf(b)
	}
	d.elem, d.order = base.elem, base.order
	// How h5py writes booleans.
	if len(d.enum) == 2 && d.size == 1 && d.enum[0] == (enumValue{"FALSE", 0}) && d.enum[1] == (enumValue{"TRUE", 1}) {
		d.elem, d.enum = tensor.Bool, nil
	}
}

// integerOf is an integer of the type.
func (d *datatype) integerOf(b []byte) int64 {
	var v uint64
	for i := range b {
		k := i
		if d.order != tensor.BigEndian {
			k = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[k])
	}
	if n := 64 - 8*len(b); d.elem.Class == tensor.ClassInt && n > 0 {
		return int64(v<<n) >> n
	}
	return int64(v)
}

func (d *datatype) array(r *block, version uint8, depth int) {
	rank := int(r.u8())
	if version < 3 {
		r.skip(3)
	}
	for range rank {
		d.dims = append(d.dims, int64(r.u32()))
	}
	if version < 3 {
		r.skip(4 * rank) // the order of the axes
	}
	begin := r.at
	base := r.typeAt(depth + 1)
	if r.err != nil {
		return
	}
	a := arrayOf(base, d.dims)
	if rank < 1 || rank > tensor.MaxRank || a.size != d.size {
		r.fail(tensor.ErrCorrupt, begin, "array", fmt.Sprintf("%d bytes of %v elements of %d", d.size, d.dims, base.size), "as many as they are")
		return
	}
	*d = *a
}

// arrayOf is an array of elements; its size is negative if it passes 2^63-1.
func arrayOf(base *datatype, dims []int64) *datatype {
	d := &datatype{sub: base, dims: dims, size: -1}
	if n, ok := product(append([]int64{base.size}, dims...)...); ok && n <= math.MaxUint32 {
		d.size = n
	}
	return d
}

// leaf is what becomes a tensor of its own: the whole, or a member of a compound.
type leaf struct {
	path    []string
	typ     *datatype
	at      int64 // bytes from the begin of the element
	dims    []int64
	strides []int64
}

// maxLeaves bounds the members of compounds in compounds.
const maxLeaves = 1 << 12

// leaves lists them in the order of the members.
func (d *datatype) leaves() ([]leaf, error) {
	var list []leaf
	var walk func(d *datatype, l leaf) error
	walk = func(d *datatype, l leaf) error {
		switch {
		case d.fields != nil && d.why == "":
			for _, f := range d.fields {
				in := l
				in.path = append(l.path[:len(l.path):len(l.path)], f.name)
				in.at += f.at
				if err := walk(f.typ, in); err != nil {
					return err
				}
			}
			return nil
		case d.sub != nil:
			in := l
			in.dims = append(l.dims[:len(l.dims):len(l.dims)], d.dims...)
			in.strides = append(l.strides[:len(l.strides):len(l.strides)], cOrder(d.dims, d.sub.size)...)
			return walk(d.sub, in)
		}
		if l.typ = d; len(list) == maxLeaves {
			return fail(tensor.ErrLimit, -1, "compound", "more members", "at most "+count(maxLeaves))
		}
		list = append(list, l)
		return nil
	}
	return list, walk(d, leaf{})
}

// cOrder is the strides of elements of size bytes in C order. Where an extent is
// 0 no stride matters.
func cOrder(shape []int64, size int64) []int64 {
	st := make([]int64, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		st[i] = size
		size *= max(shape[i], 1)
	}
	return st
}
