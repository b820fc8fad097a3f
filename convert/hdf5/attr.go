package hdf5

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// reserved are keys that mean something of their own in the attributes of a
// tensor. Attributes of these names get keyPrefix in front.
var reserved = []string{"dims", "axes", "unit", "sample_rate", "colour", "orientation", "source", "layout"}

const keyPrefix = "hdf5."

// attribute is an attribute as it stands in the file.
type attribute struct {
	name  string
	typ   *datatype
	space dataspace
	data  []byte
}

// attributes reads those of an object. What has no place among ours, a
// reference, is a note.
func (f *file) attributes(o *object) (convert.Attrs, []string, error) {
	attrs := convert.Attrs{}
	var notes []string
	add := func(r *block) error {
		a, err := r.attribute()
		if err != nil {
			return err
		}
		v, err := f.value(a)
		if e, ok := err.(*tensor.Error); ok && e.Kind == tensor.ErrUnsupported {
			notes = append(notes, "attribute "+tensor.Quote(a.name)+" is left out: "+e.Got)
			return nil
		}
		if err != nil {
			return err
		}
		key := a.name
		if !utf8.ValidString(key) {
			notes = append(notes, "attribute "+tensor.Quote(a.name)+" is left out: a name that is no UTF-8")
			return nil
		}
		if slices.Contains(reserved, key) || strings.HasPrefix(key, "$") || strings.HasPrefix(key, keyPrefix) {
			key = keyPrefix + key
		}
		if _, twice := attrs[key]; twice {
			return fail(tensor.ErrDuplicate, r.f.place(r.addr), "attribute", tensor.Quote(a.name)+" twice", "each name once")
		}
		attrs[key] = v
		return nil
	}
	for i := range o.messages {
		var err error
		switch m := &o.messages[i]; m.kind {
		case msgAttribute:
			err = add(m.open())
		case msgAttrInfo:
			err = f.denseAttributes(m.open(), add)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if len(attrs) == 0 {
		attrs = nil
	}
	return attrs, notes, nil
}

// denseAttributes calls add for the attributes of an object that has many.
func (f *file) denseAttributes(r *block, add func(*block) error) error {
	if v := r.u8(); r.err == nil && v != 0 {
		r.fail(tensor.ErrUnsupported, 0, "version", count(v), "0")
	}
	if flags := r.u8(); flags&1 != 0 {
		r.skip(2)
	}
	heap, names := r.address(), r.address()
	if r.err != nil || heap == none || names == none {
		return r.err
	}
	h, err := f.fractalHeap(heap)
	if err != nil {
		return err
	}
	return f.btree2(names, treeAttributes, func(rec *block) error {
		id, flags := rec.bytes(8), rec.u8()
		if rec.err != nil {
			return rec.err
		}
		m := h.object(id)
		if flags&flagShared != 0 {
			m = f.sharedMessage(msgAttribute, id)
		}
		m.what = "attribute"
		return add(m)
	})
}

// attribute reads an attribute message.
func (r *block) attribute() (*attribute, error) {
	version, flags := r.u8(), r.u8()
	if r.err == nil && (version < 1 || version > 3) {
		r.fail(tensor.ErrUnsupported, 0, "version", count(version), "1 to 3")
	}
	nameSize, typeSize, spaceSize := int(r.u16()), int(r.u16()), int(r.u16())
	if version == 3 {
		r.skip(1)
	}
	if version == 1 {
		flags = 0
	}
	// In version 1 each part is padded to 8 bytes.
	pad := func(n int) {
		if version == 1 {
			r.skip(-n & 7)
		}
	}
	a := &attribute{name: cString(r.bytes(nameSize))}
	pad(nameSize)
	t := r.part(typeSize, "datatype of an attribute")
	pad(typeSize)
	s := r.part(spaceSize, "dataspace of an attribute")
	pad(spaceSize)
	if r.err != nil {
		return a, r.err
	}
	if flags&1 != 0 {
		t = t.shared(msgDatatype)
	}
	if flags&2 != 0 {
		s = s.shared(msgDataspace)
	}
	var err error
	if a.typ, err = t.datatype(); err != nil {
		return a, err
	}
	if a.space, err = s.dataspace(); err != nil {
		return a, err
	}
	n, ok := product(a.space.elements(), a.typ.size)
	if !ok || n > int64(r.left()) {
		r.wrong(tensor.ErrTruncated, "value of "+tensor.Quote(a.name), count(r.left())+" bytes", fmt.Sprintf("%d elements of %d bytes", a.space.elements(), a.typ.size))
		return a, r.err
	}
	a.data = r.bytes(int(n))
	return a, r.err
}

// left is what an attribute is that has no place among ours.
func left(why string) error { return fail(tensor.ErrUnsupported, -1, "attribute", why, "") }

// value is the value of an attribute: a scalar, or lists in lists by its shape.
func (f *file) value(a *attribute) (any, error) {
	if a.typ.why != "" {
		return nil, left(a.typ.why)
	}
	if a.space.null {
		return nil, nil
	}
	if n := a.space.elements(); n > format.MaxAttrArray {
		return nil, left(fmt.Sprintf("%d elements, more than %d", n, format.MaxAttrArray))
	}
	return f.values(a.typ, a.space.dims, a.data)
}

// values are the elements in data, of a shape.
func (f *file) values(d *datatype, dims []int64, data []byte) (any, error) {
	if len(dims) == 0 {
		return f.one(d, data)
	}
	list := make([]any, 0, min(dims[0], format.MaxAttrArray))
	if dims[0] == 0 {
		return list, nil
	}
	if dims[0] > format.MaxAttrArray {
		return nil, left(fmt.Sprintf("%d elements, more than %d", dims[0], format.MaxAttrArray))
	}
	step := int64(len(data)) / dims[0]
	for i := range dims[0] {
		v, err := f.values(d, dims[1:], data[i*step:(i+1)*step])
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// one is an element.
func (f *file) one(d *datatype, b []byte) (any, error) {
	b = b[:d.size]
	switch {
	case d.why != "":
		return nil, left(d.why)
	case d.strings:
		s, err := f.variable(b)
		return textOf(s), err
	case d.fields != nil:
		m := make(map[string]any, len(d.fields))
		for _, x := range d.fields {
			v, err := f.one(x.typ, b[x.at:x.at+x.typ.size])
			if err != nil {
				return nil, err
			}
			if !utf8.ValidString(x.name) || strings.HasPrefix(x.name, "$") {
				return nil, left("a compound with a member " + tensor.Quote(x.name))
			}
			m[x.name] = v
		}
		return m, nil
	case d.sub != nil:
		return f.values(d.sub, d.dims, b)
	case d.text:
		for len(b) > 0 && (b[len(b)-1] == 0 || d.space && b[len(b)-1] == ' ') {
			b = b[:len(b)-1]
		}
		return textOf(b), nil
	}
	switch d.elem.Class {
	case tensor.ClassBool:
		return b[0] != 0, nil
	case tensor.ClassInt:
		return d.integerOf(b), nil
	case tensor.ClassUint:
		if v := uint64(d.integerOf(b)); v > math.MaxInt64 {
			return v, nil
		} else {
			return int64(v), nil
		}
	case tensor.ClassBytes:
		return slices.Clone(b), nil
	case tensor.ClassFloat:
		return d.floatOf(d.elem, b)
	case tensor.ClassComplex:
		part, n := tensor.F32, len(b)/2
		if d.elem == tensor.C128 {
			part = tensor.F64
		}
		re, err := d.floatOf(part, b[:n])
		if err != nil {
			return nil, err
		}
		im, err := d.floatOf(part, b[n:])
		return []any{re, im}, err
	}
	return nil, left(d.elem.String())
}

// floatOf is a float: a float32 stays one, all others are exact as float64.
func (d *datatype) floatOf(elem tensor.DType, b []byte) (any, error) {
	if elem == tensor.F32 {
		return math.Float32frombits(uint32(d.integerOf(b))), nil
	}
	v, err := tensor.NewView(b, elem, tensor.Shape{1}, nil, 0, d.order)
	if err != nil {
		return nil, err
	}
	return v.Float64At(0)
}

// textOf is b as a string if it is UTF-8, else as bytes.
func textOf(b []byte) any {
	if utf8.Valid(b) {
		return string(b)
	}
	return slices.Clone(b)
}
