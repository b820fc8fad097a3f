package npy

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/zipfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// array is one array to write: a tensor, or the fields of a structure.
type array struct {
	name    string
	descr   string // as the header spells it
	shape   tensor.Shape
	fortran bool
	size    int64            // bytes of the elements
	parts   []convert.Source // one, or one for each leaf
	leaves  []leaf           // of a structure
	item    int64            // bytes of one element of a structure
	strings *ragged.Strings  // to be written as text of the dtype
	text    tensor.DType
	head    []byte
}

// writeNpy writes the one array that src makes.
func writeNpy(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	arrays, err := plan(ctx, src)
	if err != nil {
		return blame.Format(err, "npy")
	}
	if len(arrays) != 1 {
		return blame.Format(headerError(tensor.ErrUnsupported, -1, "tensors", strconv.Itoa(len(arrays))+" arrays", "one (choose it by name, or write a .npz)"), "npy")
	}
	return blame.Format(arrays[0].write(ctx, w), "npy")
}

// writeNpz writes a member for each array that src makes, or the archive that
// SciPy makes of one sparse array.
func writeNpz(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	method := uint16(zipfile.Stored)
	if o != nil && o.Compress {
		method = zipfile.Deflated
	}
	if len(src) == 1 && isSparse(src[0]) {
		return blame.Format(writeScipy(ctx, w, src[0], method), "npz")
	}
	arrays, err := plan(ctx, src)
	if err != nil {
		return blame.Format(err, "npz")
	}
	seen := make(map[string]bool, len(arrays))
	for _, a := range arrays { // before the first byte is written
		err := zipfile.CheckName(a.name)
		if err == nil && seen[a.name] {
			err = headerError(tensor.ErrDuplicate, -1, "name", "two arrays of this name", "one")
		}
		if err != nil {
			return blame.Format(named(err, a.name), "npz")
		}
		seen[a.name] = true
	}
	z := zipfile.NewWriter(w)
	for _, a := range arrays {
		m, err := z.Create(a.name+".npy", zipfile.MemberOptions{Size: int64(len(a.head)) + a.size, Method: method, Align: align})
		if err == nil {
			err = a.write(ctx, m)
		}
		if err != nil {
			return blame.Format(named(err, a.name), "npz")
		}
	}
	return blame.Format(z.Close(), "npz")
}

func named(err error, name string) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Tensor == "" && e.Path == "" {
		e.Tensor = name
	}
	return err
}

func (a *array) write(ctx context.Context, w io.Writer) error {
	if _, err := w.Write(a.head); err != nil {
		return err
	}
	if a.leaves != nil {
		return a.writeStructure(ctx, w)
	}
	if a.strings != nil {
		return a.writeText(ctx, w)
	}
	t := a.parts[0]
	if !a.fortran {
		return t.WriteCOrder(ctx, w)
	}
	return t.WriteOrder(ctx, w, reversed(len(a.shape), len(a.shape)))
}

// reversed is the axes 0 to rank-1 with the first n in descending order.
func reversed(n, rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
		if i < n {
			axes[i] = n - 1 - i
		}
	}
	return axes
}

// plan makes arrays of the tensors, in their order, with the fields of a
// structure at the place of the first.
func plan(ctx context.Context, src []convert.Source) ([]*array, error) {
	groups, err := findStructures(src)
	if err != nil {
		return nil, err
	}
	var arrays []*array
	for i, s := range src {
		g := groups[i]
		if g != nil && g.first != i {
			continue
		}
		var a *array
		var err error
		if g != nil {
			a, err = g.array()
		} else {
			a, err = single(ctx, s)
		}
		if err == nil {
			a.head, err = encodeHeader(a.descr, a.fortran, a.shape)
		}
		if err != nil {
			return nil, named(err, s.As)
		}
		arrays = append(arrays, a)
	}
	return arrays, nil
}

// single makes an array of one tensor.
func single(ctx context.Context, s convert.Source) (*array, error) {
	if layout, _, ok := s.Composite(); ok {
		if layout == format.LayoutString {
			return textOf(ctx, s)
		}
		want := "a dense tensor"
		if format.IsSparse(layout) {
			want = "a dense tensor, or a sparse one alone in a .npz (choose it with --only)"
		}
		return nil, headerError(tensor.ErrUnsupported, -1, "layout", cmp.Or(format.LayoutName(layout), "composite layout "+strconv.Itoa(int(layout))), want)
	}
	attrs, err := s.Attrs()
	if err != nil {
		return nil, err
	}
	d := s.DType()
	text, _ := spelling(d, attrs)
	if text == "" {
		return nil, headerError(tensor.ErrUnsupported, -1, "dtype", d.String()+", which NumPy does not have", "a dtype of whole bytes (convert with --dtype)")
	}
	shape := s.Shape()
	return &array{
		name: s.As, descr: string(appendRepr(nil, text)), shape: shape,
		fortran: isFortran(d, shape, s.Strides()),
		size:    s.ByteSize(), parts: []convert.Source{s},
	}, nil
}

// spelling is the descr of a dtype, and whether it is the one that it had in the
// file that it came from.
func spelling(d tensor.DType, attrs convert.Attrs) (text string, own bool) {
	if from, ok := sourceOf(attrs); ok && len(from.field) == 0 && from.descr.elem == d {
		return from.descr.withUnit(attrs).little(), true
	} else if ok && len(from.field) > 0 {
		if l, ok := from.find(); ok && l.scalar.elem == d {
			return l.scalar.withUnit(attrs).little(), true
		}
	}
	return descrOf(d), false
}

// tensorLoss says which dtypes NumPy takes for opaque bytes, and that strings
// become text of one width.
func tensorLoss(s convert.Source) (what, as string) {
	if layout, _, ok := s.Composite(); ok {
		if layout == format.LayoutString {
			return "layout", "text of one width"
		}
		return "", ""
	}
	attrs, err := s.Attrs()
	if err != nil {
		return "", "" // writing it fails
	}
	if text, own := spelling(s.DType(), attrs); !own && strings.HasPrefix(text, "<V") {
		return "dtype", "bytes"
	}
	return "", ""
}

// textOf makes an array of strings: NumPy's U, as wide as the longest of them.
func textOf(ctx context.Context, s convert.Source) (*array, error) {
	list, err := s.Strings(ctx)
	if err != nil {
		return nil, err
	}
	d, err := list.TextDType(ctx, tensor.UTF32(0), nil)
	if err != nil {
		return nil, err
	}
	size, err := tensor.ByteSize(d, list.Shape())
	if err != nil {
		return nil, err
	}
	return &array{name: s.As, descr: string(appendRepr(nil, descrOf(d))), shape: list.Shape(), size: size, strings: list, text: d}, nil
}

// writeText writes strings as text, some at a time.
func (a *array) writeText(ctx context.Context, w io.Writer) error {
	n := a.strings.Len()
	flat, err := a.strings.Reshape(tensor.Shape{n})
	if err != nil {
		return err
	}
	step := max(1<<20/int64(a.text.UnitBytes), 1)
	for lo := int64(0); lo < n; lo += step {
		part, err := flat.Slice(lo, min(lo+step, n))
		if err != nil {
			return err
		}
		v, err := part.Text(ctx, a.text, nil)
		if err != nil {
			return err
		}
		if err := v.WriteCOrder(contextWriter{ctx, w}, tensor.LittleEndian); err != nil {
			return err
		}
	}
	return nil
}

// withUnit is d with the unit that attrs name, if d is a time and the unit is
// one of NumPy's: whoever changed the attribute changed the meaning.
func (d *dtype) withUnit(attrs convert.Attrs) *dtype {
	unit, ok := attrs["unit"].(string)
	if !ok || d.kind != 'M' && d.kind != 'm' {
		return d
	}
	unit, err := parseUnit(unit+"]", true)
	if err != nil {
		return d
	}
	e := *d
	e.unit = unit
	return &e
}

// isFortran reports whether elements lie in Fortran order and not also in C
// order, which is when NumPy writes them so.
func isFortran(d tensor.DType, s tensor.Shape, st tensor.Strides) bool {
	if d.Packed() {
		return false
	}
	is := func(from, step int) bool {
		want := int64(d.UnitBytes)
		for i := from; i >= 0 && i < len(s); i += step {
			if s[i] == 0 {
				return true
			}
			if s[i] == 1 {
				continue
			}
			if st[i] != want {
				return false
			}
			want *= s[i]
		}
		return true
	}
	return is(0, 1) && !is(len(s)-1, -1)
}

// structure collects the tensors that were the fields of one array.
type structure struct {
	first  int // of the tensors
	name   string
	descr  *dtype
	leaves []leaf
	parts  []*convert.Source // by leaf
	missed bool
}

// findStructures returns, for each tensor, the structure that it is a field
// of, or nil. A structure counts only if every field is there, with the dtype
// and shape that the descr says, under the name of the array, a dot and the
// names of the fields: a renamed tensor is an array of its own.
func findStructures(src []convert.Source) ([]*structure, error) {
	type key struct{ name, descr string }
	of := make([]*structure, len(src))
	known := make(map[key]*structure)
	for i := range src {
		s := &src[i]
		attrs, err := s.Attrs()
		if err != nil {
			return nil, named(err, s.As)
		}
		from, ok := sourceOf(attrs)
		if !ok || len(from.field) == 0 {
			continue
		}
		name, ok := strings.CutSuffix(s.As, "."+strings.Join(from.field, "."))
		if !ok || name == "" {
			continue
		}
		k := key{name, string(from.descr.appendDescr(nil))}
		g := known[k]
		if g == nil {
			g = &structure{first: i, name: name, descr: from.descr, leaves: from.descr.leaves()}
			g.parts = make([]*convert.Source, len(g.leaves))
			known[k] = g
		}
		at := -1
		for j, l := range g.leaves {
			if strings.Join(l.path, "\x00") == strings.Join(from.field, "\x00") {
				at = j
			}
		}
		if at < 0 || g.parts[at] != nil || !g.leaves[at].fits(s) {
			g.missed = true
			continue
		}
		g.parts[at] = s
		of[i] = g
	}
	for i, g := range of {
		if g != nil && !g.complete() {
			of[i] = nil
		}
	}
	return of, nil
}

// fits reports whether s can be the leaf l of some array.
func (l *leaf) fits(s *convert.Source) bool {
	rank := len(s.Shape()) - len(l.dims)
	return rank >= 0 && l.scalar.holds(s.DType()) && tensor.Shape(s.Shape()[rank:]).Equal(l.dims)
}

// complete reports whether all fields are there with the same outer shape.
func (g *structure) complete() bool {
	if g.missed {
		return false
	}
	for i, s := range g.parts {
		if s == nil || !g.outer(i).Equal(g.outer(0)) {
			return false
		}
	}
	return true
}

// outer is the shape of the array as field i has it.
func (g *structure) outer(i int) tensor.Shape {
	s := g.parts[i].Shape()
	return s[:len(s)-len(g.leaves[i].dims)]
}

func (g *structure) array() (*array, error) {
	a := &array{name: g.name, shape: g.outer(0), leaves: g.leaves, item: g.descr.size}
	d := *g.descr
	for i, s := range g.parts {
		a.parts = append(a.parts, *s)
		attrs, err := s.Attrs()
		if err != nil {
			return nil, err
		}
		*g.leaves[i].scalar = *g.leaves[i].scalar.withUnit(attrs)
	}
	a.descr = string(d.appendDescr(nil))
	n, err := a.shape.NumElements()
	if err != nil || n > 0 && n > (1<<63-1)/a.item {
		return nil, headerError(tensor.ErrOverflow, -1, "shape", a.shape.String()+" of "+count(a.item)+" bytes each", "at most 2^63-1 bytes")
	}
	a.size = n * a.item
	with := 0 // fields with elements; the others have no order
	for _, s := range a.parts {
		if s.NumElements() == 0 {
			continue
		}
		if !outerFortran(a.shape, s.Strides()) {
			return a, nil
		}
		with++
	}
	a.fortran = with > 0
	return a, nil
}

// outerFortran reports whether the axes of the array itself rise in memory,
// which is how the fields of an array in Fortran order lie; and that they do
// not fall as well, for want of two axes.
func outerFortran(shape tensor.Shape, st tensor.Strides) bool {
	last, axes := int64(0), 0
	for i, n := range shape {
		if n == 1 {
			continue
		}
		if st[i] <= last {
			return false
		}
		last = st[i]
		axes++
	}
	return axes > 1
}
