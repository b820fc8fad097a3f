package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// entriesOf is the number of stored elements of a sparse tensor.
func entriesOf(t *tensorfile.Tensor) (n int64, ok bool) { return survey.EntriesOf(t) }

// density is stored elements by all elements, 0 if there are none.
func density(t *tensorfile.Tensor, entries int64) float64 { return survey.Density(t, entries) }

// parted gives elements of the parts of a composite, stored or in memory.
type parted struct {
	layout uint16
	dtype  tensor.DType
	shape  tensor.Shape
	rows   func(role string, a, b int64) (tensor.View, error) // [a, b) along axis 0
	shapes map[string]tensor.Shape
	near   map[string]window
	value  tensor.View // of one element, which is all that was selected
}

// window is a piece of numbers that was read.
type window struct {
	at   int64
	nums []int64
}

// partedOf shows a composite, of which a selection may take rows.
func partedOf(ctx context.Context, p pick) (*parted, error) {
	layout, _, _ := p.Composite()
	d := &parted{layout: layout, dtype: p.DType(), shape: p.Shape(), shapes: map[string]tensor.Shape{}, near: map[string]window{}}
	if p.Sel != nil {
		return d, d.selected(ctx, p)
	}
	parts, err := p.Parts()
	if err != nil {
		return nil, err
	}
	open := map[string]*tensorfile.Tensor{}
	for _, x := range parts {
		if _, _, inner := x.Composite(); !inner {
			open[x.Role], d.shapes[x.Role] = x.Tensor, x.Shape()
		}
	}
	d.rows = func(role string, a, b int64) (tensor.View, error) {
		return open[role].Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: a, Stop: b, Step: 1}})
	}
	return d, nil
}

// selected reads the rows that a selection takes.
func (d *parted) selected(ctx context.Context, p pick) error {
	ranges, _, err := p.Sel.Resolve(d.shape)
	if err != nil {
		return err
	}
	axis := format.CompressedAxis(d.layout)
	for i, r := range ranges {
		if r.Drop || r.Step != 1 || i != axis && r.Count != d.shape[i] {
			if format.IsSparse(d.layout) {
				return d.picked(ctx, p, ranges)
			}
			return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: "selection", Got: p.Sel.String(), Want: fmt.Sprintf("a range of axis %d, as the tensor is stored by these", axis)}
		}
	}
	if len(ranges) == 0 {
		return &tensorfile.Error{Kind: tensorfile.ErrShape, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: "selection", Got: "one of a tensor of rank 0", Want: "an axis"}
	}
	c, err := p.ReadRows(ctx, ranges[axis].First, ranges[axis].First+ranges[axis].Count)
	if err != nil {
		return err
	}
	d.shape = c.Shape
	for i := range c.Parts {
		d.shapes[c.Parts[i].Role] = c.Parts[i].View.Shape()
	}
	d.rows = func(role string, a, b int64) (tensor.View, error) { return c.Part(role).View.Slice(0, a, b, 1) }
	return nil
}

// length of a part along axis 0.
func (d *parted) length(role string) int64 {
	if s := d.shapes[role]; len(s) > 0 {
		return s[0]
	}
	return 0
}

// numbers reads rows [a, b) of a part of numbers.
func (d *parted) numbers(role string, a, b int64) ([]int64, error) {
	v, err := d.rows(role, a, b)
	if err != nil {
		return nil, err
	}
	list := make([]int64, v.NumElements())
	if len(list) == 0 {
		return list, nil
	}
	to, err := tensor.FromSlice(list, v.Shape()...)
	if err == nil {
		err = tensor.Cast(to, v)
	}
	return list, err
}

// number is element i of a part of numbers, read with those around it.
func (d *parted) number(role string, i int64) (int64, error) {
	const size = 4096
	w, ok := d.near[role]
	if !ok || i < w.at || i >= w.at+int64(len(w.nums)) {
		at := i / size * size
		nums, err := d.numbers(role, at, min(at+size, d.length(role)))
		if err != nil {
			return 0, err
		}
		w = window{at, nums}
		d.near[role] = w
	}
	if i < w.at || i >= w.at+int64(len(w.nums)) {
		return 0, &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Offset: -1, Field: "part " + role, Got: fmt.Sprintf("%d elements", d.length(role)), Want: fmt.Sprintf("more than %d", i)}
	}
	return w.nums[i-w.at], nil
}

// runOf is the run of pointers that holds entry i.
func (d *parted) runOf(role string, i int64) (int64, error) {
	lo, hi := int64(0), d.length(role)-1
	for lo < hi {
		mid := lo + (hi-lo)/2
		end, err := d.number(role, mid+1)
		if err != nil {
			return 0, err
		}
		if end <= i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// coordinates of stored element i.
func (d *parted) coordinates(i int64) ([]int64, error) {
	switch d.layout {
	case format.LayoutCOO:
		return d.numbers(format.RoleIndices, i, i+1)
	case format.LayoutCSF:
		return d.branch(i)
	}
	h, w := int64(1), int64(1)
	if d.layout == format.LayoutBSR {
		s := d.shapes[format.RoleValues]
		h, w = s[1], s[2]
	}
	block, in := i/(h*w), i%(h*w)
	row, err := d.runOf(format.RoleIndptr, block)
	if err != nil {
		return nil, err
	}
	column, err := d.number(format.RoleIndices, block)
	if d.layout == format.LayoutCSC {
		row, column = column, row
	}
	return []int64{row*h + in/w, column*w + in%w}, err
}

// branch is the coordinates of a leaf of csf.
func (d *parted) branch(i int64) ([]int64, error) {
	rank := len(d.shape)
	order, err := d.numbers(format.RoleOrder, 0, int64(rank))
	if err != nil {
		return nil, err
	}
	at := make([]int64, rank)
	for k := rank - 1; k >= 0; k-- {
		_, idx := format.LevelRoles(k)
		x, err := d.number(idx, i)
		if err != nil {
			return nil, err
		}
		if order[k] < 0 || order[k] >= int64(rank) {
			return nil, &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Offset: -1, Field: "part " + format.RoleOrder, Got: itoa(order[k]), Want: fmt.Sprintf("below %d", rank), Rule: format.RuleLayoutIndex}
		}
		at[order[k]] = x
		if k > 0 {
			ptr, _ := format.LevelRoles(k - 1)
			if i, err = d.runOf(ptr, i); err != nil {
				return nil, err
			}
		}
	}
	return at, nil
}

// shownEntries is how many stored elements are printed, as by SciPy: half of
// them from each end.
const shownEntries = 50

// storedWords say how many elements of a sparse tensor are stored.
func storedWords(stored int64, shape tensor.Shape) []string {
	words := []string{countText(stored) + " stored"}
	if n, err := shape.NumElements(); err == nil && n > 0 {
		words = append(words, "density "+strconv.FormatFloat(float64(stored)/float64(n), 'g', 3, 64))
	}
	return words
}

// showComposite prints a composite: entries of what is sparse as SciPy does, ragged rows
// and strings as lists, all others part by part.
func (t *tool) showComposite(ctx context.Context, w io.Writer, p pick, o *showFlags) error {
	if isUneven(p.Tensor) && plainParts(p.Tensor) {
		return t.showUneven(ctx, w, p, o)
	}
	if o.as != "text" || o.hex {
		return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: "layout", Got: layoutName(p.Tensor), Want: "a dense tensor, or text"}
	}
	layout, _, _ := p.Composite()
	if isQuantised(p.Tensor) {
		return t.showQuantised(ctx, w, p, o)
	}
	if format.LayoutName(layout) == "" || layout == format.LayoutQuantised {
		return t.showParts(ctx, w, p, o)
	}
	d, err := partedOf(ctx, p)
	if err != nil {
		return err
	}
	if d.shape == nil && p.Sel != nil {
		_, err := io.WriteString(w, scalarText(d.value, &tensor.FormatOptions{Precision: -1})+"\n")
		return err
	}
	layout = d.layout
	for _, role := range format.Roles(layout, len(d.shape)) {
		if d.shapes[role] == nil && role != format.RoleFill {
			return t.showParts(ctx, w, p, o) // something is missing, or composed itself
		}
	}
	fo := &tensor.FormatOptions{Precision: o.precision, Full: o.full}
	if o.precision <= 0 {
		fo.Precision = -1
	}
	switch layout {
	case format.LayoutBitmap:
		return t.showParts(ctx, w, p, o)
	}
	n := tensor.Shape(d.shapes[format.RoleValues])
	stored, err := n.NumElements()
	if err != nil {
		return err
	}
	about := []string{d.dtype.String() + " " + d.shape.String(), format.LayoutName(layout)}
	if p.Sel == nil {
		about = withCodec(slices.Insert(about, 1, sizeText(p.ByteSize())), p.Tensor)
	}
	if layout == format.LayoutBSR {
		about = append(about, fmt.Sprintf("blocks of %dx%d", n[1], n[2]))
	}
	about = append(about, storedWords(stored, d.shape)...)
	t.showTitle(w, p.label(), about)
	if stored > 0 {
		io.WriteString(w, "  Coords\tValues\n")
	}
	per := stored / max(n[0], 1)
	return d.lines(w, stored, o.full, func(i int64) (string, error) {
		at, err := d.coordinates(i)
		if err != nil {
			return "", err
		}
		v, err := d.rows(format.RoleValues, i/per, i/per+1)
		if err == nil && layout == format.LayoutBSR {
			v, err = v.Reshape(tensor.Shape{per})
			if err == nil {
				v, err = v.Slice(0, i%per, i%per+1, 1)
			}
		}
		if err == nil && !d.dtype.Packed() {
			v, err = v.Index(0, 0)
		}
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("  %s\t%s", appendTuple(nil, at), scalarText(v, fo)), nil
	})
}

// scalarText is one element as Python's str has it.
func scalarText(v tensor.View, o *tensor.FormatOptions) string {
	float := func(x float64, bits int, point string) string {
		a := math.Abs(x)
		switch {
		case math.IsNaN(x) || math.IsInf(x, 0):
			return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(x, 'g', -1, bits), "+"))
		case a != 0 && (a < 1e-4 || a >= 1e16):
			return strconv.FormatFloat(x, 'e', -1, bits)
		}
		s := strconv.FormatFloat(x, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += point
		}
		return s
	}
	switch d := v.DType(); {
	case o.Precision > 0:
	case d == tensor.F64 || d == tensor.F32:
		if x, err := v.Float64At(); err == nil {
			return float(x, int(d.Bits), ".0")
		}
	case d == tensor.C128 || d == tensor.C64:
		if parts, err := v.SplitLast(map[tensor.DType]tensor.DType{tensor.C128: tensor.F64, tensor.C64: tensor.F32}[d]); err == nil {
			re, e1 := parts.Float64At(0)
			im, e2 := parts.Float64At(1)
			if e1 == nil && e2 == nil {
				sign := "+"
				if math.Signbit(im) {
					sign = ""
				}
				return "(" + float(re, int(d.Bits/2), "") + sign + float(im, int(d.Bits/2), "") + "j)"
			}
		}
	}
	s := strings.Replace(tensor.Format(v, o), ".e", "e", 1)
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

// lines prints lines of which there are n, or some of each end.
func (d *parted) lines(w io.Writer, n int64, full bool, line func(i int64) (string, error)) error {
	for i := int64(0); i < n; i++ {
		if !full && n > shownEntries && i == shownEntries/2 {
			io.WriteString(w, "  :\t:\n")
			i = n - shownEntries/2
		}
		s, err := line(i)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, s+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// showParts prints the parts of a composite one by one.
func (t *tool) showParts(ctx context.Context, w io.Writer, p pick, o *showFlags) error {
	if p.Sel != nil {
		return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: "selection", Got: p.Sel.String(), Want: "none of a tensor of layout " + layoutName(p.Tensor)}
	}
	about := withCodec([]string{p.DType().String() + " " + p.Shape().String(), sizeText(p.ByteSize()), layoutName(p.Tensor)}, p.Tensor)
	if n, ok := entriesOf(p.Tensor); ok {
		about = append(about, storedWords(n, p.Shape())...)
	}
	t.showTitle(w, p.Name(), about)
	parts, err := p.Parts()
	if err != nil {
		return err
	}
	for _, x := range parts {
		fmt.Fprintf(w, "%s  %s %v\n", x.Role, x.DType(), x.Shape())
		if _, _, inner := x.Composite(); inner {
			err = t.showParts(ctx, w, picked(x.Tensor, nil), o)
		} else {
			fo := &tensor.FormatOptions{Precision: o.precision, Full: o.full}
			if o.precision <= 0 {
				fo.Precision = -1
			}
			if err = t.format(ctx, w, picked(x.Tensor, nil), x.Shape(), fo); err == nil {
				_, err = io.WriteString(w, "\n")
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
