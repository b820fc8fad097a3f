package npy

import (
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// dtype is a NumPy dtype as a header spells it: a scalar, a structure of
// fields, or an array of another dtype (only inside a structure).
type dtype struct {
	size int64 // bytes of one element

	// A scalar.
	kind  byte // b i u f c V S U M m
	text  string
	elem  tensor.DType
	order tensor.ByteOrder
	unit  string // of M and m: "ns", "25s", "generic"

	fields []field // of a structure; not nil there

	sub  *dtype // element of an array
	dims tensor.Shape
}

// field is a member of a structure, or padding.
type field struct {
	name     string
	title    string
	hasTitle bool
	pad      bool
	typ      *dtype
	offset   int64 // from the start of the structure
}

// maxItem is NumPy's limit for one element.
const maxItem = math.MaxInt32

// supported is what errors offer in place of a dtype that cannot be read.
const supported = "b1, i1 to i8, u1 to u8, f2, f4, f8, c8, c16, M8, m8, S, U, V with byte order < or >, or a structure of them"

// dtypeParser turns the literal of descr into a dtype.
type dtypeParser struct {
	base int64 // of the literal in the file
	long bool
}

func parseDType(n node, base int64, long bool) (*dtype, error) {
	p := &dtypeParser{base: base, long: long}
	if n.kind == nodeTuple {
		return nil, p.fail(tensor.ErrUnsupported, n, "a tuple (an array as element)", "a string, or a list of fields")
	}
	return p.parse(n)
}

// parseDescr parses a descr that stands alone: a scalar without quotes or the
// list of a structure, as attributes keep it.
func parseDescr(text string) (*dtype, error) {
	if !strings.HasPrefix(text, "[") {
		return (&dtypeParser{}).scalar(node{kind: nodeString, text: text})
	}
	n, err := parseLiteral([]byte(text), 0, false)
	if err != nil {
		return nil, err
	}
	return parseDType(n, 0, false)
}

func (p *dtypeParser) fail(kind error, n node, got, want string) error {
	return headerError(kind, p.base+int64(n.off), "descr", got, want)
}

func (p *dtypeParser) parse(n node) (*dtype, error) {
	switch n.kind {
	case nodeString:
		return p.scalar(n)
	case nodeList:
		return p.structure(n)
	case nodeTuple: // (dtype, shape): an array as element
		if len(n.items) != 2 || n.items[1].kind != nodeTuple {
			return nil, p.fail(tensor.ErrFormat, n, "a tuple", "(dtype, shape)")
		}
		sub, err := p.parse(n.items[0])
		if err != nil {
			return nil, err
		}
		return p.array(sub, n.items[1], "")
	}
	return nil, p.fail(tensor.ErrFormat, n, n.kind.String(), "a string, or a list of fields")
}

// array makes an array of sub with the shape in n.
func (p *dtypeParser) array(sub *dtype, n node, name string) (*dtype, error) {
	of := "descr"
	if name != "" {
		of = "field " + tensor.Quote(name)
	}
	dims, err := parseShape(n, p.base, of, p.long)
	if err != nil || len(dims) == 0 {
		return sub, err
	}
	count, err := dims.NumElements()
	if err != nil || sub.size > 0 && count > maxItem/sub.size {
		return nil, headerError(tensor.ErrUnsupported, p.base+int64(n.off), of,
			dims.String()+" of "+strconv.FormatInt(sub.size, 10)+" bytes each, whose item size overflows", "elements of at most 2147483647 bytes, as in NumPy")
	}
	return &dtype{sub: sub, dims: dims, size: count * sub.size}, nil
}

func (p *dtypeParser) structure(n node) (*dtype, error) {
	d := &dtype{fields: make([]field, 0, len(n.items))}
	seen := make(map[string]bool)
	leaves := false
	for _, item := range n.items {
		f, at, err := p.field(item)
		if err != nil {
			return nil, err
		}
		f.offset = d.size
		if f.typ.size > maxItem-d.size {
			return nil, p.fail(tensor.ErrUnsupported, item, "field "+tensor.Quote(f.name)+" at byte "+count(d.size)+" with "+count(f.typ.size)+" bytes", "an item of at most 2147483647 bytes, as in NumPy")
		}
		d.size += f.typ.size
		if !f.pad {
			// Names and titles share one name space, as they do in NumPy.
			names := []string{f.name}
			if f.hasTitle {
				names = append(names, f.title)
			}
			for _, name := range names {
				if seen[name] {
					return nil, p.fail(tensor.ErrDuplicate, at, "field "+tensor.Quote(name)+" twice", "different names")
				}
				seen[name] = true
			}
			leaves = true
		}
		d.fields = append(d.fields, f)
	}
	if !leaves {
		return nil, p.fail(tensor.ErrUnsupported, n, "a structure without fields", supported)
	}
	return d, nil
}

// field parses (name, dtype) or (name, dtype, shape), where the name may be
// (title, name). It also returns the node of the name.
func (p *dtypeParser) field(n node) (field, node, error) {
	var f field
	if n.kind != nodeTuple || len(n.items) < 2 || len(n.items) > 3 {
		return f, n, p.fail(tensor.ErrFormat, n, n.kind.String(), "a field: (name, dtype) or (name, dtype, shape)")
	}
	name := n.items[0]
	if name.kind == nodeTuple && len(name.items) == 2 && name.items[0].kind == nodeString && name.items[1].kind == nodeString {
		f.title, f.hasTitle = name.items[0].text, true
		name = name.items[1]
	}
	if name.kind != nodeString {
		return f, name, p.fail(tensor.ErrFormat, name, name.kind.String(), "the name of a field, or (title, name)")
	}
	f.name = name.text
	typ, err := p.parseField(n.items[1], f.name == "" && len(n.items) == 2)
	if err == nil && len(n.items) == 3 {
		typ, err = p.array(typ, n.items[2], f.name)
	}
	if err != nil {
		return f, name, err
	}
	f.typ = typ
	f.pad = f.name == "" && typ.kind == 'V'
	if f.name == "" && !f.pad {
		return f, name, p.fail(tensor.ErrFormat, name, "a field without a name", "a name")
	}
	return f, name, nil
}

// parseField parses the dtype of a field. Padding may have any width.
func (p *dtypeParser) parseField(n node, nameless bool) (*dtype, error) {
	if nameless && n.kind == nodeString {
		if width, ok := strings.CutPrefix(n.text, "|V"); ok {
			if size, err := parseDigits(width); err == nil && size <= maxItem {
				return &dtype{kind: 'V', text: n.text, size: size}, nil
			}
		}
	}
	return p.parse(n)
}

// parseDigits reads a plain decimal number.
func parseDigits(s string) (int64, error) {
	if s == "" || s[0] == '+' || s[0] == '-' || s[0] == '0' && s != "0" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 64)
}

// scalar parses a dtype string such as "<f4", "|S12" or ">M8[25s]".
func (p *dtypeParser) scalar(n node) (*dtype, error) {
	unsupported := func(why string) error {
		return p.fail(tensor.ErrUnsupported, n, tensor.Quote(n.text)+why, supported)
	}
	for i := range len(n.text) {
		if n.text[i] >= 0x7f || n.text[i] < 0x20 {
			return nil, p.fail(tensor.ErrFormat, n, tensor.Quote(n.text)+" with byte "+count(int64(i))+" outside ASCII", "a dtype")
		}
	}
	rest := n.text
	var order byte
	if rest != "" && strings.IndexByte("<>|=", rest[0]) >= 0 {
		order, rest = rest[0], rest[1:]
	}
	if rest == "" {
		return nil, unsupported("")
	}
	d := &dtype{text: n.text, kind: rest[0]}
	if d.kind == 'O' {
		return nil, p.fail(tensor.ErrUnsupported, n, tensor.Quote(n.text)+": object arrays are not supported, because they are pickles; nothing was unpickled", "numbers, bytes or text")
	}
	width, unit, hasUnit := strings.Cut(rest[1:], "[")
	size, err := parseDigits(width)
	if err != nil || hasUnit && d.kind != 'M' && d.kind != 'm' {
		return nil, unsupported("")
	}
	const maxBytes = 1 << 24
	one := false // no byte order
	switch d.kind {
	case 'b':
		d.elem, one = map[int64]tensor.DType{1: tensor.Bool}[size], true
	case 'i':
		d.elem = map[int64]tensor.DType{1: tensor.I8, 2: tensor.I16, 4: tensor.I32, 8: tensor.I64}[size]
	case 'u':
		d.elem = map[int64]tensor.DType{1: tensor.U8, 2: tensor.U16, 4: tensor.U32, 8: tensor.U64}[size]
	case 'f':
		// f1 is how ml_dtypes spells float8_e5m2.
		d.elem = map[int64]tensor.DType{1: tensor.F8E5M2, 2: tensor.F16, 4: tensor.F32, 8: tensor.F64}[size]
		if size == 10 || size == 12 || size == 16 {
			return nil, unsupported(": extended precision (longdouble) is not supported")
		}
	case 'c':
		d.elem = map[int64]tensor.DType{8: tensor.C64, 16: tensor.C128}[size]
		if size == 20 || size == 24 || size == 32 {
			return nil, unsupported(": extended precision (clongdouble) is not supported")
		}
	case 'W':
		return nil, unsupported(": complex numbers of half precision are not supported")
	case 'M', 'm':
		if size == 8 {
			d.elem = tensor.I64
		}
		if d.unit, err = parseUnit(unit, hasUnit); err != nil {
			return nil, unsupported(": the unit is not one of " + unitNames)
		}
	case 'S', 'V', 'U':
		if d.kind == 'U' {
			size *= 4
		} else {
			one = true
		}
		if size == 0 {
			return nil, unsupported(": elements of no bytes are not supported")
		}
		if size > maxBytes || size < 0 {
			return nil, unsupported(": more than " + count(maxBytes) + " bytes an element")
		}
		switch d.kind {
		case 'S':
			d.elem = tensor.Text(int(size))
		case 'V':
			d.elem = tensor.Opaque(int(size))
		default:
			d.elem = tensor.UTF32(int(size / 4))
		}
	}
	if d.elem == (tensor.DType{}) {
		return nil, unsupported("")
	}
	one = one || size == 1
	switch {
	case order == '=' || !one && order != '<' && order != '>':
		return nil, unsupported(": the byte order is not said")
	case order == '>' && !one:
		d.order = tensor.BigEndian
	}
	d.size = int64(d.elem.UnitBytes)
	return d, nil
}

const unitNames = "Y M W D h m s ms us ns ps fs as, with or without a number before it"

// parseUnit reads what stands behind the bracket of "M8[25s]" and returns it
// in its shortest form.
func parseUnit(s string, given bool) (string, error) {
	if !given {
		return "generic", nil
	}
	s, ok := strings.CutSuffix(s, "]")
	if !ok {
		return "", strconv.ErrSyntax
	}
	if s == "generic" {
		return s, nil
	}
	name := strings.TrimLeft(s, "0123456789")
	switch name {
	case "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as":
	default:
		return "", strconv.ErrSyntax
	}
	if digits := s[:len(s)-len(name)]; digits != "" {
		n, err := parseDigits(digits)
		if err != nil || n == 0 || n > math.MaxInt32 {
			return "", strconv.ErrSyntax
		}
		if n > 1 {
			return digits + name, nil
		}
	}
	return name, nil
}

// appendDescr appends d as Python writes it, little-endian. Scalars are quoted.
func (d *dtype) appendDescr(b []byte) []byte {
	switch {
	case d.fields != nil:
		b = append(b, '[')
		for i, f := range d.fields {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(b, '(')
			if f.hasTitle {
				b = append(b, '(')
				b = appendRepr(b, f.title)
				b = append(b, ", "...)
			}
			b = appendRepr(b, f.name)
			if f.hasTitle {
				b = append(b, ')')
			}
			b = append(b, ", "...)
			if f.typ.sub != nil {
				b = f.typ.sub.appendDescr(b)
				b = append(b, ", "...)
				b = append(b, f.typ.dims.String()...)
			} else {
				b = f.typ.appendDescr(b)
			}
			b = append(b, ')')
		}
		return append(b, ']')
	case d.sub != nil:
		b = d.sub.appendDescr(append(b, '('))
		b = append(b, ", "...)
		b = append(b, d.dims.String()...)
		return append(b, ')')
	}
	return appendRepr(b, d.little())
}

// little is the text of a scalar in little-endian order, readable by NumPy.
func (d *dtype) little() string {
	switch d.kind {
	case 'M', 'm':
		if d.unit == "generic" {
			return "<" + string(d.kind) + "8"
		}
		return "<" + string(d.kind) + "8[" + d.unit + "]"
	case 'V':
		if d.text[0] == '<' || d.text[0] == '>' {
			return "<V" + count(d.size) // an extension dtype, see descrOf
		}
		return "|V" + count(d.size)
	}
	return descrOf(d.elem)
}

// descrOf is the dtype string for elements of d, empty if NumPy has none.
// bfloat16 and the 8-bit floats are written as ml_dtypes does, except that
// float8_e5m2 becomes <V1 like the others: NumPy cannot load the <f1 of
// ml_dtypes.
func descrOf(d tensor.DType) string {
	size := count(int64(d.UnitBytes))
	if !d.Known() || d.Packed() {
		return ""
	}
	letter := ""
	switch d.Class {
	case tensor.ClassBool:
		return "|b1"
	case tensor.ClassInt:
		letter = "i"
	case tensor.ClassUint:
		letter = "u"
	case tensor.ClassFloat:
		if d.Variant != tensor.VariantIEEE {
			return "<V" + size
		}
		letter = "f"
	case tensor.ClassComplex:
		letter = "c"
	case tensor.ClassBytes:
		switch d.Variant {
		case tensor.VariantText:
			return "|S" + size
		case tensor.VariantUTF32:
			return "<U" + count(int64(d.UnitBytes)/4)
		}
		return "|V" + size
	default:
		return ""
	}
	if d.UnitBytes == 1 {
		return "|" + letter + "1"
	}
	return "<" + letter + size
}
