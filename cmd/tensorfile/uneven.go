package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// Rows of different lengths and strings, which are read some at a time.

// unevenRows is how many rows along axis 0 are read together.
const unevenRows = 1024

// uneven is rows or strings that are picked. Elements are counted in C order:
// of a ragged tensor its rows, of strings each.
type uneven struct {
	ctx    context.Context
	t      *tensorfile.Tensor
	ranges []tensor.AxisRange
	shape  tensor.Shape // of the elements that are picked
	from   int64        // the first row of those that were read
	to     int64
	rows   *ragged.Array
	words  *ragged.Strings
}

// isUneven reports whether a tensor has rows of different lengths, or strings.
func isUneven(t *tensorfile.Tensor) bool {
	layout, _, composite := t.Composite()
	return composite && (layout == format.LayoutRagged || layout == format.LayoutString)
}

// plainParts reports whether the parts of a composite are there and dense.
func plainParts(t *tensorfile.Tensor) bool {
	layout, _, _ := t.Composite()
	for _, role := range format.Roles(layout, len(t.Shape())) {
		p, err := t.Part(role)
		if err != nil {
			return false
		}
		if _, _, composite := p.Composite(); composite {
			return false
		}
	}
	return true
}

// unevenOf shows what is picked of a ragged tensor or of strings.
func unevenOf(ctx context.Context, p pick) (*uneven, error) {
	u := &uneven{ctx: ctx, t: p.Tensor}
	var err error
	if u.ranges, u.shape, err = p.Sel.Resolve(p.Shape()); err != nil {
		return nil, err
	}
	for _, it := range p.Sel {
		if it.Kind == tensor.SelectNewAxis {
			return nil, u.selection(p, "ranges and indices")
		}
	}
	if layout, _, _ := p.Composite(); layout != format.LayoutRagged {
		return u, nil
	}
	if r := u.ranges[1]; r.Drop || r.Step != 1 || r.Count != p.Shape()[1] {
		return nil, u.selection(p, "all of axis 1, as rows differ in length")
	}
	u.shape = tensor.Shape{u.ranges[0].Count}
	if u.ranges[0].Drop {
		u.shape = tensor.Shape{}
	}
	return u, nil
}

func (u *uneven) selection(p pick, want string) error {
	return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: "selection", Got: p.Sel.String(), Want: want}
}

// load reads the row i along axis 0, and those that come next.
func (u *uneven) load(i int64) (err error) {
	if i >= u.from && i < u.to {
		return nil
	}
	r := u.ranges[0]
	from, to := i, i+1
	if r.Step > 0 {
		to = min(i+unevenRows, r.First+(r.Count-1)*r.Step+1)
	} else {
		from = max(i+1-unevenRows, r.First+(r.Count-1)*r.Step)
	}
	u.from, u.to = 0, 0
	if layout, _, _ := u.t.Composite(); layout == format.LayoutRagged {
		u.rows, err = u.t.RaggedRows(u.ctx, from, to)
	} else {
		u.words, err = u.t.StringRows(u.ctx, from, to)
	}
	if err == nil {
		u.from, u.to = from, to
	}
	return err
}

// row is row k of those that are picked.
func (u *uneven) row(k int64) (tensor.View, error) {
	i := u.ranges[0].First + k*u.ranges[0].Step
	if err := u.load(i); err != nil {
		return tensor.View{}, err
	}
	v, err := u.rows.Row(i - u.from)
	for axis := len(u.ranges) - 1; axis >= 2 && err == nil; axis-- {
		if r := u.ranges[axis]; r.Drop {
			v, err = v.Index(axis-1, r.First)
		} else {
			stop := r.First + r.Count*r.Step
			if stop < 0 {
				stop = tensor.None
			}
			v, err = v.Slice(axis-1, r.First, stop, r.Step)
		}
	}
	return v, err
}

// word is string k of those that are picked.
func (u *uneven) word(k int64) (string, error) {
	idx := make([]int64, len(u.ranges))
	for axis := len(idx) - 1; axis >= 0; axis-- {
		r := u.ranges[axis]
		idx[axis] = r.First + k%r.Count*r.Step
		k /= r.Count
	}
	if len(idx) == 0 {
		s, err := u.t.Strings(u.ctx)
		if err != nil {
			return "", err
		}
		return s.At()
	}
	if err := u.load(idx[0]); err != nil {
		return "", err
	}
	idx[0] -= u.from
	return u.words.At(idx...)
}

// showUneven prints rows of different lengths, or strings.
func (t *tool) showUneven(ctx context.Context, w io.Writer, p pick, o *showFlags) error {
	u, err := unevenOf(ctx, p)
	if err != nil {
		return err
	}
	layout, _, _ := p.Composite()
	switch rows := layout == format.LayoutRagged; {
	case o.hex || o.as == "npy" || o.as == "raw":
		return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: "layout", Got: layoutName(p.Tensor), Want: "a dense tensor; text, csv and json are for all"}
	case o.as == "json":
		return u.json(w, p, rows)
	case o.as == "csv":
		return u.csv(w, p, rows)
	default:
		return t.unevenText(w, u, p, o, rows)
	}
}

// unevenText prints a line about a tensor and its rows as nested lists.
func (t *tool) unevenText(w io.Writer, u *uneven, p pick, o *showFlags, rows bool) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	depth := len(shape) - len(u.shape)
	if rows && len(u.shape) == 0 { // one row
		v, err := u.row(0)
		if err != nil {
			return err
		}
		shape = v.Shape()
	}
	about := []string{shape.String()}
	if rows {
		about[0] = p.DType().String() + " " + about[0]
	}
	if p.Sel == nil {
		about = append(about, sizeText(p.ByteSize()))
	}
	t.showTitle(w, p.label(), withCodec(append(about, layoutName(p.Tensor)), p.Tensor))
	fo := &tensor.FormatOptions{Precision: o.precision, Full: o.full}
	if o.precision <= 0 {
		fo.Precision = -1
	}
	n := &nested{w: w, shape: u.shape, full: o.full}
	if rows {
		n.depth = depth
		n.item = func(k int64) (string, error) {
			v, err := u.row(k)
			if err != nil {
				return "", err
			}
			return strings.ReplaceAll(tensor.Format(v, fo), "\n", "\n"+strings.Repeat(" ", len(u.shape))), nil
		}
	} else {
		n.item = func(k int64) (string, error) {
			s, err := u.word(k)
			if o.full {
				return `"` + tensor.Escape(s) + `"`, err
			}
			return tensor.Quote(s), err
		}
	}
	if err := n.print(rows); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// nested prints items as nested lists, as NumPy does its elements: the middle of
// long axes is left out unless full.
type nested struct {
	w     io.Writer
	shape tensor.Shape
	full  bool
	depth int // axes that items have themselves, but for the first
	item  func(k int64) (string, error)
	col   int
	short bool
}

// lineWidth is where lines are broken, as by NumPy.
const lineWidth = 75

// print prints all. Each item stands on a line of its own if lines is set.
func (n *nested) print(lines bool) error {
	count, err := n.shape.NumElements()
	if err != nil {
		return err
	}
	if count == 0 && len(n.shape) > 0 {
		_, err := io.WriteString(n.w, "[]")
		return err
	}
	n.short = !n.full && count > summaryThreshold
	return n.axis(0, 0, lines)
}

func (n *nested) axis(axis int, at int64, lines bool) error {
	if axis == len(n.shape) {
		s, err := n.item(at)
		if err != nil {
			return err
		}
		if !lines && n.col+len(s) > lineWidth && n.col > axis {
			if err := n.write("\n" + strings.Repeat(" ", axis)); err != nil {
				return err
			}
		}
		return n.write(s)
	}
	if err := n.write("["); err != nil {
		return err
	}
	between := " "
	if last := axis == len(n.shape)-1; !last || lines {
		between = strings.Repeat("\n", max(len(n.shape)-1-axis+n.depth, 1)) + strings.Repeat(" ", axis+1)
	}
	count := n.shape[axis]
	for i := int64(0); i < count; i++ {
		if i > 0 {
			if err := n.write(between); err != nil {
				return err
			}
		}
		if n.short && count > 2*summaryEdge && i == summaryEdge {
			if err := n.write("..." + between); err != nil {
				return err
			}
			i = count - summaryEdge
		}
		if err := n.axis(axis+1, at*count+i, lines); err != nil {
			return err
		}
	}
	return n.write("]")
}

func (n *nested) write(s string) error {
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		n.col = len(s) - i - 1
	} else {
		n.col += len(s)
	}
	_, err := io.WriteString(n.w, s)
	return err
}

// csv writes a line for each row, or for each row of the last axis of strings.
func (u *uneven) csv(w io.Writer, p pick, rows bool) error {
	n, err := u.shape.NumElements()
	if err != nil {
		return err
	}
	if !rows {
		per := int64(1)
		if len(u.shape) > 1 {
			per = u.shape[len(u.shape)-1]
		}
		for k := range n {
			s, err := u.word(k)
			if err != nil {
				return err
			}
			end := ","
			if (k+1)%per == 0 {
				end = "\n"
			}
			if _, err := w.Write(append(appendCSV(nil, s), end...)); err != nil {
				return err
			}
		}
		return nil
	}
	add, err := appender(p.DType(), csvStyle)
	if err != nil {
		return err
	}
	out := values{w: w, add: add}
	for k := range n {
		v, err := u.row(k)
		if err != nil {
			return err
		}
		last, i := v.NumElements(), int64(0)
		err = out.each(v, func(b []byte) []byte {
			if i++; i < last {
				return append(b, ',')
			}
			return b
		}, nil)
		if err == nil {
			_, err = io.WriteString(w, "\n")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// json writes one document, as of a dense tensor; lists of rows differ in
// length.
func (u *uneven) json(w io.Writer, p pick, rows bool) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	if err := jsonHead(w, p, shape); err != nil {
		return err
	}
	n, err := u.shape.NumElements()
	if err != nil {
		return err
	}
	if n == 0 {
		_, err = io.WriteString(w, "[]")
	}
	item := func(k int64) error {
		s, err := u.word(k)
		if err != nil {
			return err
		}
		b, err := marshal(s)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	if rows {
		add, err := appender(p.DType(), jsonStyle)
		if err != nil {
			return err
		}
		item = func(k int64) error {
			v, err := u.row(k)
			if err != nil {
				return err
			}
			return jsonLists(w, add, v.Shape(), func(fn func(tensor.View) error) error { return fn(v) })
		}
	}
	// Brackets stand before and behind the k-th item for each axis of which it is
	// the first or the last.
	for k := range n {
		opened, closed, size := 0, 0, int64(1)
		for axis := len(u.shape) - 1; axis >= 0; axis-- {
			if size *= u.shape[axis]; k%size == 0 {
				opened++
			}
			if (k+1)%size == 0 {
				closed++
			}
		}
		_, err := io.WriteString(w, strings.Repeat("[", opened))
		if err == nil {
			err = item(k)
		}
		end := strings.Repeat("]", closed)
		if k+1 < n {
			end += ","
			if closed > 0 || rows {
				end += "\n"
			}
		}
		if err == nil {
			_, err = io.WriteString(w, end)
		}
		if err != nil {
			return err
		}
	}
	if err == nil {
		_, err = io.WriteString(w, "}\n")
	}
	return err
}

// describeRows takes the statistics of the rows that a selection takes of a ragged
// tensor.
func describeRows(ctx context.Context, p pick, o *statsFlags) (*survey.Description, error) {
	d := &survey.Description{Pick: p.Pick}
	u, err := unevenOf(ctx, p)
	if err == nil {
		d.Extent, err = p.Extents()
	}
	if err != nil {
		return nil, err
	}
	if d.Acc, err = stats.New(d.DType(), &stats.Options{NoQuantiles: len(o.quantiles) == 0}); err != nil {
		return nil, err
	}
	n, err := u.shape.NumElements()
	if err != nil {
		return nil, err
	}
	d.Stored = tensor.Shape{0}
	for k := range n {
		v, err := u.row(k)
		if err == nil && v.NumElements() > 0 {
			d.Stored[0] += v.NumElements()
			err = d.Acc.Add(v)
		}
		if err != nil {
			return nil, err
		}
	}
	d.Sum = d.Acc.Summary()
	return d, nil
}

// describeLengths takes the statistics of how long rows or strings are. It reads
// their offsets and nothing else.
func describeLengths(ctx context.Context, p pick, o *statsFlags) (*survey.Description, error) {
	d := &survey.Description{Pick: p.Pick, Rows: true}
	part, err := p.Part(format.RoleOffsets)
	if err != nil {
		return nil, err
	}
	axes, shape, err := p.Sel.Resolve(p.Shape())
	if err != nil {
		return nil, err
	}
	if layout, _, _ := p.Composite(); layout == format.LayoutRagged {
		axes, shape = axes[:1], tensor.Shape{axes[0].Count}
	}
	d.Extent = shape
	n, err := shape.NumElements()
	if err != nil {
		return nil, err
	}
	so := &stats.Options{NoQuantiles: len(o.quantiles) == 0}
	if n > survey.ExactQuantiles {
		so.Exact = -1
	}
	if d.Acc, err = stats.New(tensor.I64, so); err != nil {
		return nil, err
	}
	offsets := &parted{shapes: map[string]tensor.Shape{format.RoleOffsets: part.Shape()}, near: map[string]window{}, rows: func(_ string, a, b int64) (tensor.View, error) {
		return part.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: a, Stop: b, Step: 1}})
	}}
	lengths := make([]int64, 0, 1<<13)
	flush := func() error {
		v, err := tensor.FromSlice(lengths)
		if err == nil && len(lengths) > 0 {
			err = d.Acc.Add(v)
		}
		lengths = lengths[:0]
		return err
	}
	for k := range n {
		i, size, rest := int64(0), int64(1), k // of the row
		for axis := len(axes) - 1; axis >= 0; axis-- {
			r := axes[axis]
			i += (r.First + rest%r.Count*r.Step) * size
			rest, size = rest/r.Count, size*p.Shape()[axis]
		}
		from, err := offsets.number(format.RoleOffsets, i)
		if err != nil {
			return nil, err
		}
		to, err := offsets.number(format.RoleOffsets, i+1)
		if err != nil {
			return nil, err
		}
		if to < from {
			return nil, &tensorfile.Error{Kind: tensorfile.ErrCorrupt, Path: p.File().Path(), Tensor: p.Name(), Offset: -1, Field: fmt.Sprintf("row %d of part %s", i+1, format.RoleOffsets), Got: itoa(to), Want: fmt.Sprintf("%d or more, as pointers never fall", from), Rule: format.RuleLayoutPointer}
		}
		if lengths = append(lengths, to-from); len(lengths) == cap(lengths) {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	d.Sum = d.Acc.Summary()
	return d, nil
}
