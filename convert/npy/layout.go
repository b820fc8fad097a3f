package npy

import (
	"errors"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// A structured array becomes one tensor for each field that is a scalar or an
// array of scalars: a strided view of the same bytes. The names of the fields
// that lead to it are joined with dots behind the array's own name.

// leaf is such a field, or the whole of an array of scalars.
type leaf struct {
	path    []string // names of the fields that lead here
	scalar  *dtype
	offset  int64          // from the start of the element
	dims    tensor.Shape   // axes behind those of the array
	strides tensor.Strides // of these axes
}

// leaves lists the leaves of d in the order of their fields.
func (d *dtype) leaves() []leaf {
	var list []leaf
	var walk func(d *dtype, l leaf)
	walk = func(d *dtype, l leaf) {
		switch {
		case d.fields != nil:
			for _, f := range d.fields {
				if !f.pad {
					in := l
					in.path = append(l.path[:len(l.path):len(l.path)], f.name)
					in.offset += f.offset
					walk(f.typ, in)
				}
			}
		case d.sub != nil:
			in := l
			in.dims = append(l.dims.Clone(), d.dims...)
			in.strides = append(l.strides.Clone(), cOrder(d.dims, d.sub.size)...)
			walk(d.sub, in)
		default:
			l.scalar = d
			list = append(list, l)
		}
	}
	walk(d, leaf{})
	return list
}

// cOrder is the strides of elements of size bytes in C order. Where an extent
// is 0 no stride matters.
func cOrder(s tensor.Shape, size int64) tensor.Strides {
	st := make(tensor.Strides, len(s))
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = size
		size *= max(s[i], 1)
	}
	return st
}

// fortranOrder is the strides of elements of size bytes in Fortran order.
func fortranOrder(s tensor.Shape, size int64) tensor.Strides {
	st := make(tensor.Strides, len(s))
	for i := range s {
		st[i] = size
		size *= max(s[i], 1)
	}
	return st
}

// tensors describes the tensors of an array called name whose elements are
// storage number storage.
func (h *header) tensors(name string, storage int, void2 tensor.DType) ([]convert.LayoutTensor, error) {
	leaves := h.dtype.leaves()
	outer := cOrder(h.shape, h.dtype.size)
	if h.fortran {
		outer = fortranOrder(h.shape, h.dtype.size)
	}
	descr := ""
	if h.dtype.fields != nil {
		descr = string(h.dtype.appendDescr(nil))
	}
	list := make([]convert.LayoutTensor, 0, len(leaves))
	for _, l := range leaves {
		t := convert.LayoutTensor{
			Name:    strings.Join(append([]string{name}, l.path...), "."),
			Storage: storage,
			Offset:  l.offset,
			DType:   l.scalar.elem,
			Shape:   append(h.shape.Clone(), l.dims...),
			Strides: append(outer.Clone(), l.strides...),
			Order:   l.scalar.order,
		}
		if err := checkName(t.Name); err != nil {
			return nil, err
		}
		if len(t.Shape) > tensor.MaxRank {
			return nil, headerError(tensor.ErrLimit, h.shapeAt, "shape", "rank "+count(int64(len(t.Shape)))+" of "+tensor.Quote(t.Name), "at most "+count(tensor.MaxRank))
		}
		if l.scalar.isVoid2() && void2 != (tensor.DType{}) {
			t.DType = void2
			if l.scalar.text[0] == '>' {
				t.Order = tensor.BigEndian
			}
		}
		t.Attrs = sourceAttrs(l, descr, t.DType)
		n, err := t.Shape.NumElements()
		if err != nil {
			return nil, headerError(tensor.ErrOverflow, h.shapeAt, "shape", t.Shape.String()+", whose element count overflows", "at most 2^63-1 elements")
		}
		if n == 0 {
			t.Storage, t.Offset, t.Strides = -1, 0, nil
		}
		list = append(list, t)
	}
	return list, nil
}

// checkName refuses what cannot be the name of a tensor.
func checkName(name string) error {
	err := format.CheckName(name)
	var e *tensor.Error
	if errors.As(err, &e) {
		e.Format = "" // the name is that of this format's file
	}
	return err
}

// isVoid2 reports whether d may be bfloat16, which NumPy does not know.
func (d *dtype) isVoid2() bool { return d.kind == 'V' && d.size == 2 }
