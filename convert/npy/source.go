package npy

import (
	"slices"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// What a dtype of NumPy says beyond the dtype of a tensor is kept in the
// attribute "source", so that writing gives it back. The package comment has
// its forms.

// sourceAttrs returns the attributes of a leaf read as elem; structure is the
// descr of the whole, empty if the leaf is the whole.
func sourceAttrs(l leaf, structure string, elem tensor.DType) convert.Attrs {
	source := map[string]any{"format": "npy"}
	attrs := convert.Attrs{}
	keep := structure != ""
	if keep {
		source["descr"] = structure
		field := make([]any, len(l.path))
		for i, name := range l.path {
			field[i] = name
		}
		source["field"] = field
	} else {
		source["descr"] = l.scalar.little()
	}
	switch l.scalar.kind {
	case 'M', 'm':
		attrs["unit"] = l.scalar.unit
		keep = true
	case 'V':
		if elem == l.scalar.elem {
			if l.scalar.isVoid2() {
				source["hint"] = "bf16"
				keep = true
			}
			keep = keep || l.scalar.little()[0] == '<'
		}
	}
	if !keep {
		return nil
	}
	attrs["source"] = source
	return attrs
}

// source is the attribute read back.
type source struct {
	descr *dtype
	field []string
}

// sourceOf returns what attrs say of the NumPy dtype that a tensor came from,
// or false if they say nothing that can be used.
func sourceOf(attrs convert.Attrs) (source, bool) {
	m, ok := attrs["source"].(map[string]any)
	if !ok || m["format"] != "npy" {
		return source{}, false
	}
	text, ok := m["descr"].(string)
	if !ok {
		return source{}, false
	}
	d, err := parseDescr(text)
	if err != nil {
		return source{}, false
	}
	s := source{descr: d}
	list, _ := m["field"].([]any)
	for _, v := range list {
		name, ok := v.(string)
		if !ok {
			return source{}, false
		}
		s.field = append(s.field, name)
	}
	if (d.fields != nil) != (len(s.field) > 0) {
		return source{}, false
	}
	return s, true
}

// find returns the leaf that the field names.
func (s source) find() (leaf, bool) {
	for _, l := range s.descr.leaves() {
		if slices.Equal(l.path, s.field) {
			return l, true
		}
	}
	return leaf{}, false
}

// holds reports whether elements of elem can be written as the scalar d.
func (d *dtype) holds(elem tensor.DType) bool {
	if d.elem == elem {
		return true
	}
	// The short floats are opaque bytes to NumPy.
	return d.kind == 'V' && elem.Class == tensor.ClassFloat && descrOf(elem) == "<V"+count(d.size)
}
