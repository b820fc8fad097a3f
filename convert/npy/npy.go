// Package npy reads and writes the files of NumPy: .npy, one array, and .npz,
// a zip archive of them. Importing it registers the formats "npy" and "npz"
// with package convert.
//
// Reading copies nothing. The elements of a .npy and of a stored member of a
// .npz are views of the file's own bytes in the order, byte order and
// alignment that they have there: Fortran order shows as strides, never as a
// transpose. A deflated member is a stream that is checked to its last byte.
//
//   - Versions 1.0, 2.0 and 3.0 of the header, up to 10000 bytes of it.
//   - bool, integers, f2, f4, f8, complex, bytes (S), text (U, UTF-32), void
//     (V, opaque), in either byte order. "f1" is the float8_e5m2 of ml_dtypes.
//   - Two bytes of void, which is how bfloat16 is saved, are opaque unless
//     ReadOptions.Void2 says otherwise.
//   - datetime64 and timedelta64 are int64 with the attribute "unit": "ns",
//     "25s", "generic".
//   - A structured array is one tensor for each field, named array.field; an
//     array inside a field adds axes, a structure inside a field another dot.
//   - Object arrays are pickles. They are refused; nothing is ever unpickled.
//
// Writing gives NumPy back what it had: the attribute "source" keeps the dtype
// where a tensor's own does not say it all, and the fields of a structured
// array are put together again if all are there under their names. The header
// is byte for byte the one that NumPy writes. Elements are little-endian, in
// Fortran order where the tensor's strides are, and start at a multiple of 64
// bytes, in a .npz too. bfloat16 and 8-bit floats are written as void, as
// ml_dtypes does; dtypes without a whole byte to the element are refused.
//
// A tensor called x is the member x.npy of an archive. Its name must be a
// relative path: slashes between elements are allowed, but no empty, "." or
// ".." element, no backslash, drive letter, control character or device name
// (CON, NUL, COM1, ...).
//
// An archive that scipy.sparse.save_npz made is one sparse tensor, called like
// the file: csr, csc, bsr and coo of any rank by their members where they lie,
// dia as coo with all that its diagonals hold. One sparse tensor alone is written
// as such an archive; structure is expanded, and layouts that SciPy does not save
// become coo. A tensor of strings is written as an array of text (U) as wide as
// the longest of them; a string that ends in U+0000, which text of fixed width
// cannot tell, is refused.
//
// The attributes of a tensor that was read say what its dtype does not:
//
//	{"source": {"format": "npy", "descr": "<M8[ns]"}, "unit": "ns"}
//	{"source": {"format": "npy", "descr": "|V2", "hint": "bf16"}}
//	{"source": {"format": "npy", "descr": "[('p', [('x', '<f4')])]", "field": ["p", "x"]}}
//	{"source": {"format": "scipy", "class": "csr_matrix"}}
//
// A plain array has none. descr is the dtype of the whole array, little-endian,
// as the header spells it; field is the way to this tensor through it.
//
// Memory does not depend on the size of arrays, only on the number of members
// and the size of one element of a structure.
package npy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "npy",
		Extensions:  []string{".npy"},
		Description: "NumPy array",
		Single:      true,
		Strings:     true,
		Keeps:       []string{"unit"},
		Places:      convert.COrFortran,
		TensorLoss:  tensorLoss,
		Detect:      func(prefix []byte) bool { return bytes.HasPrefix(prefix, []byte(magic)) },
		Open:        openNpy,
		Write:       writeNpy,
	})
	convert.Register(convert.Format{
		Name:        "npz",
		Extensions:  []string{".npz"},
		Description: "NumPy arrays in a zip archive, or one sparse array of SciPy",
		Sparse:      true,
		Strings:     true,
		Keeps:       []string{"unit"},
		Places:      convert.COrFortran,
		TensorLoss:  tensorLoss,
		Detect:      detectNpz,
		Open:        openNpz,
		Write:       writeNpz,
	})
}

func openNpy(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	void2, err := checkVoid2(o.Void2)
	if err != nil {
		return nil, located(err, in, "npy", "")
	}
	name := o.Name
	if name == "" {
		name = nameOf(in.Path())
	} else if err := checkName(name); err != nil {
		return nil, located(err, in, "npy", "")
	}
	size := in.Size()
	h, err := readHeader(io.NewSectionReader(in, 0, size), size, o.MaxHeader)
	if err == nil {
		err = h.checkData(size, o.AllowTrailing)
	}
	if err != nil {
		return nil, located(err, in, "npy", "")
	}
	l := &convert.Layout{
		Format:   "npy",
		Version:  count(int64(h.major)) + ".0",
		Storages: []convert.LayoutStorage{{Offset: h.size, Size: h.data}},
		Notes:    h.notes(void2, ""),
	}
	if l.Tensors, err = h.tensors(name, 0, void2); err == nil {
		err = checkDistinct(l.Tensors)
	}
	if err != nil {
		return nil, located(err, in, "npy", "")
	}
	return l, nil
}

// checkVoid2 makes sure that |V2 can be seen as d.
func checkVoid2(d tensor.DType) (tensor.DType, error) {
	if d != (tensor.DType{}) && (d.UnitBytes != 2 || d.UnitElems != 1 || d.Validate() != nil) {
		return d, headerError(tensor.ErrUnsupported, -1, "dtype for |V2", d.String(), "one of 2 bytes an element, as bf16")
	}
	return d, nil
}

// checkDistinct refuses two fields whose joined names are equal.
func checkDistinct(list []convert.LayoutTensor) error {
	seen := make(map[string]bool, len(list))
	for _, t := range list {
		if seen[t.Name] {
			return headerError(tensor.ErrDuplicate, -1, "field", "two that are called "+tensor.Quote(t.Name)+" once joined with dots", "different names")
		}
		seen[t.Name] = true
	}
	return nil
}

// checkData compares what the header promises with the size bytes of its file.
func (h *header) checkData(size int64, trailing bool) error {
	have := size - h.size
	if have < h.data {
		return headerError(tensor.ErrTruncated, size, "data", count(have)+" bytes", count(h.data)+" for shape "+h.shape.String()+" with "+count(h.dtype.size)+" bytes an element")
	}
	if have > h.data && !trailing {
		return headerError(tensor.ErrFormat, h.size+h.data, "data", count(have-h.data)+" bytes after the last element", "none")
	}
	return nil
}

// notes says what is unusual about the array in a file or in a member of one.
func (h *header) notes(void2 tensor.DType, member string) []string {
	var notes []string
	of := ""
	if member != "" {
		of = "member " + tensor.Quote(member) + ": "
	}
	if !h.newline {
		notes = append(notes, of+"the header does not end in a newline, as that of an old writer")
	}
	if h.size%align != 0 {
		notes = append(notes, of+"the elements start "+count(h.size)+" bytes after the header's begin, not at a multiple of 64, as those of an old writer")
	}
	if void2 == (tensor.DType{}) {
		for _, l := range h.dtype.leaves() {
			if l.scalar.isVoid2() {
				where := "the elements"
				if len(l.path) > 0 {
					where = "the field " + tensor.Quote(strings.Join(l.path, "."))
				}
				notes = append(notes, of+where+" may be bfloat16, which NumPy saves as "+l.scalar.text+"; read them so with --void2-as bf16")
			}
		}
	}
	return notes
}

// nameOf is the name of a file without directory and extension, made fit for
// a tensor; "array" if nothing is left.
func nameOf(path string) string {
	base := filepath.Base(path)
	if ext := filepath.Ext(base); strings.EqualFold(ext, ".npy") {
		base = base[:len(base)-len(ext)]
	}
	base = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(base, "_"))
	for len(base) > format.MaxName/2 {
		_, n := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-n]
	}
	if path == "" || base == "" || base == "." || base == "-" || base == string(filepath.Separator) {
		return "array"
	}
	return base
}

// located adds path, format and member to an error that lacks them.
func located(err error, in convert.Input, name, member string) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = in.Path()
		}
		if e.Format == "" {
			e.Format = name
		}
		if e.Member == "" {
			e.Member = member
		}
	}
	return err
}
