package operate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// What an array with entries becomes follows from what it holds, so that it is
// made when it is planned, in memory. Layout, Select and Cast do that; the other
// operators are for dense tensors.

// Layout keeps elements as entries of a sparse layout, sorted and unique, or all
// of them as a dense tensor.
type Layout struct {
	Dense bool
	To    sparse.Layout // if it is not Dense
	Block [2]int64      // height and width of the blocks of BSR; zeros: see sparse.Array.EstimateBlock
	// Density is the least that is made dense, and the most of a dense tensor that
	// is made sparse. Default: any.
	Density float64
}

func (l Layout) String() string {
	text := "layout dense"
	if !l.Dense {
		text = "layout " + l.To.String()
	}
	if l.Block != [2]int64{} {
		text += fmt.Sprintf(":%dx%d", l.Block[0], l.Block[1])
	}
	if l.Density > 0 {
		text += ":" + strconv.FormatFloat(l.Density, 'g', -1, 64)
	}
	return text
}

func parseLayout(text string) (Operator, error) {
	bad := func() (Operator, error) {
		return nil, badValue("layout", text, "coo, csr, csc, bsr[:HxW], csf, bitmap or dense, and :DENSITY from 0 to 1")
	}
	words := strings.Split(strings.TrimSpace(text), ":")
	l := Layout{Dense: words[0] == "dense"}
	if !l.Dense {
		var err error
		if l.To, err = sparse.ParseLayout(words[0]); err != nil {
			return bad()
		}
	}
	for i, word := range words[1:] {
		h, w, block := strings.Cut(word, "x")
		var err, err2 error
		switch {
		case block && i == 0 && !l.Dense && l.To == sparse.BSR:
			l.Block[0], err = strconv.ParseInt(h, 10, 64)
			l.Block[1], err2 = strconv.ParseInt(w, 10, 64)
			if l.Block[0] < 1 || l.Block[1] < 1 {
				return bad()
			}
		case block || i < len(words)-2:
			return bad()
		default:
			l.Density, err = strconv.ParseFloat(word, 64)
			if !(l.Density > 0 && l.Density <= 1) {
				return bad()
			}
		}
		if err != nil || err2 != nil {
			return bad()
		}
	}
	return l, nil
}

// work is what steps that compute have, and share.
type work struct {
	ctx     context.Context
	p       *Pipeline
	most    int64 // bytes
	workers int
	held    int64 // of most, by arrays in memory
}

func (w *work) left() int64 { return max(w.most-w.held, 0) }

// hold notes bytes that stay in memory.
func (w *work) hold(what string, n int64) error {
	if n > w.left() {
		return &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "memory for " + what, Got: fmt.Sprint(add(w.held, n)), Want: fmt.Sprintf("at most %d (MaxBytes)", w.most)}
	}
	w.held += n
	return nil
}

// options are those of operations on entries.
func (w *work) options() *sparse.Options {
	return &sparse.Options{MaxBytes: max(w.left(), 1), Workers: w.workers}
}

// composed reports whether a is more than one dense tensor.
func (a *array) composed() bool {
	if a.s != nil || a.q != nil || a.t == nil {
		return a.s != nil || a.q != nil
	}
	_, _, ok := a.t.Composite()
	return ok
}

// layout is the name of the layout of what is composed.
func (a *array) layout() string {
	switch {
	case a.s != nil:
		return a.s.Layout().String()
	case a.q != nil:
		return format.LayoutName(format.LayoutQuantised)
	}
	n, _, _ := a.t.Composite()
	if name := format.LayoutName(n); name != "" {
		return name
	}
	return fmt.Sprintf("layout %d", n)
}

// denseOnly reports an error about an operator that has no use for entries.
func (a *array) denseOnly(op Operator) error {
	switch op.(type) {
	case Layout, Dequantise: // which say themselves what they are for
		return nil
	}
	if _, _, sparse := a.sparse(); sparse {
		switch op.(type) {
		case Select, Cast:
			return nil
		}
	}
	name, _, _ := strings.Cut(op.String(), " ")
	return a.fail(tensor.ErrUnsupported, "layout", a.layout(), "a dense tensor for "+name)
}

// sparse is the layout and the flags of what has entries.
func (a *array) sparse() (layout sparse.Layout, flags uint32, ok bool) {
	if a.s != nil {
		return a.s.Layout(), a.s.Flags(), true
	}
	if a.t == nil {
		return 0, 0, false
	}
	n, flags, ok := a.t.Composite()
	return sparse.Layout(n), flags, ok && format.IsSparse(n)
}

// entries are those of a, in memory that is held.
func (a *array) entries() (*sparse.Array, error) {
	if a.s != nil {
		return a.s, nil
	}
	return a.read(func() (*sparse.Array, error) { return a.t.Sparse(a.w.ctx) })
}

// read takes entries of the file: what is on a mapping becomes a copy.
func (a *array) read(fn func() (*sparse.Array, error)) (s *sparse.Array, err error) {
	m := a.t.File().Map()
	err = m.Guard(func() error {
		if s, err = fn(); err != nil || !m.Mapped() {
			return err
		}
		if err := a.w.fits(a.last, entryBytes(s)); err != nil {
			return err
		}
		s, err = owned(s)
		return err
	})
	if err == nil {
		err = s.Validate(a.w.ctx, &sparse.ValidateOptions{Workers: a.w.workers})
	}
	return s, err
}

func (w *work) fits(what string, n int64) error {
	err := w.hold(what, n)
	if err == nil {
		w.held -= n
	}
	return err
}

// owned is s in memory of its own; one value for all stays one.
func owned(s *sparse.Array) (*sparse.Array, error) {
	spec := specOf(s)
	for i, p := range spec.Parts {
		v, err := cloned(p.View)
		if err != nil {
			return nil, err
		}
		spec.Parts[i].View = v
	}
	return sparse.New(spec)
}

func cloned(v tensor.View) (tensor.View, error) {
	if !oneForAll(v) {
		return v.Clone()
	}
	one, err := v.Slice(0, 0, 1, 1)
	if err == nil {
		one, err = one.Clone()
	}
	if err != nil {
		return one, err
	}
	return one.BroadcastTo(v.Shape())
}

func oneForAll(v tensor.View) bool {
	return v.Rank() == 1 && v.Shape()[0] > 1 && v.Strides()[0] == 0
}

func specOf(s *sparse.Array) sparse.Spec {
	return sparse.Spec{Layout: s.Layout(), Shape: s.Shape(), DType: s.DType(), Properties: s.Properties(), Parts: append([]sparse.Part(nil), s.Parts()...)}
}

// entryBytes is the memory of the parts of s.
func entryBytes(s *sparse.Array) int64 {
	n := int64(0)
	for _, p := range s.Parts() {
		if !oneForAll(p.View) {
			n = add(n, p.View.ByteSize())
		}
	}
	return n
}

// become makes s what a is.
func (a *array) become(s *sparse.Array) error {
	if a.s != nil {
		a.w.held -= entryBytes(a.s)
	}
	a.s, a.n = s, &formed{dtype: s.DType(), shape: s.Shape()}
	return a.w.hold(a.last, entryBytes(s))
}

// becomeDense makes elements in memory what a is.
func (a *array) becomeDense(v tensor.View) error {
	if a.s != nil {
		a.w.held -= entryBytes(a.s)
	}
	a.s, a.n = nil, &formed{dtype: v.DType(), shape: v.Shape(), v: v}
	return a.w.hold(a.last, v.ByteSize())
}

// formed is a node of what is in memory: elements, or entries, which no node is
// asked for.
type formed struct {
	dtype tensor.DType
	shape tensor.Shape
	v     tensor.View
}

func (f *formed) form() (tensor.DType, tensor.Shape) { return f.dtype, f.shape }
func (f *formed) back([]span) []ask                  { return nil }
func (f *formed) own([]span) int64                   { return 0 }
func (f *formed) lent() *source                      { return nil }

func (f *formed) grain() []int64 {
	g := make([]int64, len(f.shape))
	for i := range g {
		g[i] = 1
	}
	return g
}

func (f *formed) take(_ context.Context, _ *arena, r []span) (tensor.View, error) {
	return f.v.Select(selection(r))
}

func (l Layout) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		a.last = l.String()
		was, flags, entries := a.sparse()
		if a.composed() && !entries {
			return a.fail(tensor.ErrUnsupported, "layout", a.layout(), "a sparse or dense tensor")
		}
		if !a.composed() {
			if l.Dense {
				return nil
			}
			return a.sparsen(l)
		}
		const both = format.FlagSorted | format.FlagUnique
		if !l.Dense && l.To == was && flags&both == both && l.Block == [2]int64{} {
			return nil
		}
		s, err := a.entries()
		if err != nil {
			return err
		}
		a.unnamed()
		o := a.w.options()
		if l.Dense {
			o.MinDensity = l.Density
			v, err := s.Dense(a.w.ctx, o)
			if err != nil {
				return err
			}
			return a.becomeDense(v)
		}
		o.Block = l.Block
		if s, err = s.Convert(a.w.ctx, l.To, o); err == nil {
			s, err = s.Canonical(a.w.ctx, a.w.options())
		}
		if err != nil {
			return err
		}
		return a.become(s)
	})
}

// unnamed drops the names that the layout has in other vocabularies.
func (a *array) unnamed() {
	if _, ok := a.attrs["layout"]; ok {
		a.attrs = without(a.attrs, "layout")
	}
}

// sparsen makes entries of a dense tensor: from the mapping, where there is one.
func (a *array) sparsen(l Layout) error {
	o := a.w.options()
	o.Block, o.MaxDensity = l.Block, l.Density
	var s *sparse.Array
	make := func(v tensor.View) (err error) {
		s, err = sparse.FromDense(a.w.ctx, v, tensor.View{}, l.To, o)
		return err
	}
	var err error
	if a.t != nil && (&source{t: a.t}).mapped() && a.t.NumElements() > 0 {
		o.Workers = 1 // the goroutine that is guarded
		err = a.t.Guard(make)
	} else {
		var v tensor.View
		if v, err = a.elements(); err == nil {
			err = make(v)
		}
	}
	if err != nil {
		return err
	}
	return a.become(s)
}

// elements computes all of a dense tensor.
func (a *array) elements() (tensor.View, error) {
	if f, ok := a.n.(*formed); ok {
		return f.v, nil
	}
	d, shape := a.n.form()
	n, err := tensor.ByteSize(d, shape)
	if err == nil {
		err = a.w.fits(a.last, n)
	}
	if err != nil {
		return tensor.View{}, err
	}
	if a.t != nil {
		return a.t.Read(a.w.ctx)
	}
	one, err := a.w.p.derived(a.w, []*array{a})
	if err != nil {
		return tensor.View{}, err
	}
	v, err := one.Tensors[0].Read(a.w.ctx)
	if e := one.Close(); err == nil {
		err = e
	}
	return v, err
}

// pickEntries is pick of what is sparse. Of rows that lie together in a file
// nothing else is read.
func (a *array) pickEntries(ranges []span, from []int, what string) error {
	a.last = what
	before := a.shape()
	rank := 0
	for _, f := range from {
		if f < 0 {
			return a.fail(tensor.ErrUnsupported, what, "a new axis", "axes that are there, or a dense tensor (Layout)")
		}
		rank++
	}
	s, err := a.rows(ranges)
	if err != nil {
		return err
	}
	if rank == 0 {
		at := make([]int64, len(ranges))
		for i, r := range ranges {
			at[i] = r.First
		}
		v, err := s.At(at...)
		if err != nil {
			return err
		}
		a.unnamed()
		a.carry(before, from, func(int) bool { return true })
		return a.becomeDense(v)
	}
	sel := selection(ranges)
	whole := true
	for i, r := range ranges {
		if r.Drop {
			sel[i] = tensor.SelectionItem{Kind: tensor.SelectIndex, Start: r.First}
		}
		whole = whole && !r.Drop && isWhole(r, s.Shape()[i])
	}
	if !whole {
		if s, err = s.Select(a.w.ctx, sel, a.w.options()); err != nil {
			return err
		}
	}
	a.unnamed()
	a.carry(before, from, func(i int) bool { return !isWhole(ranges[from[i]], before[from[i]]) })
	return a.become(s)
}

// rows reads those lines that a selection takes of a tensor of a file, and makes
// ranges count from the first of them.
func (a *array) rows(ranges []span) (*sparse.Array, error) {
	layout, flags, _ := a.sparse()
	axis := format.CompressedAxis(uint16(layout))
	byRows := layout == sparse.CSR || layout == sparse.CSC || layout == sparse.BSR || layout == sparse.COO && flags&format.FlagSorted != 0
	n := a.shape()[axis]
	r := &ranges[axis]
	far := r.First + (r.Count-1)*r.Step
	lo, hi := min(r.First, far), max(r.First, far)+1
	if layout == sparse.BSR && a.t != nil {
		v, err := a.t.Part(format.RoleValues)
		if err != nil {
			return nil, err
		}
		if h := v.Shape(); len(h) == 3 && h[1] > 0 {
			lo, hi = lo/h[1]*h[1], min((hi+h[1]-1)/h[1]*h[1], n)
		}
	}
	if a.s != nil || !byRows || flags&format.FlagStructure != 0 || r.Count == 0 || lo == 0 && hi == n {
		return a.entries()
	}
	r.First -= lo
	return a.read(func() (*sparse.Array, error) { return a.t.SparseRows(a.w.ctx, lo, hi) })
}

// castEntries converts values, and the fill value. What is summed is summed
// before, and a triangle is mirrored before where the dtype changes how.
func (a *array) castEntries(to tensor.DType) error {
	a.last = "dtype " + to.String()
	s, err := a.entries()
	if err != nil {
		return err
	}
	if err := try(s.DType(), to, tensor.Cast); err != nil {
		return err
	}
	if to.UnitElems != 1 || to.Bits < 8 || !numeric(to) {
		return a.fail(tensor.ErrUnsupported, "dtype", to.String(), "a number of 8 bits or more for entries, or a dense tensor")
	}
	p := s.Properties()
	switch mirrored := p.Structure; {
	case mirrored == sparse.SkewSymmetric && to.Class != tensor.ClassFloat && to.Class != tensor.ClassComplex,
		mirrored == sparse.Hermitian && to.Class != tensor.ClassComplex:
		s, err = s.General(a.w.ctx, a.w.options())
	}
	if err == nil && !s.Properties().Unique {
		s, err = s.Canonical(a.w.ctx, a.w.options())
	}
	if err != nil {
		return err
	}
	spec := specOf(s)
	spec.DType = to
	for i, p := range spec.Parts {
		if p.Role != sparse.RoleValues && p.Role != sparse.RoleFill {
			continue
		}
		if spec.Parts[i].View, err = castOne(p.View, to); err != nil {
			return err
		}
	}
	if s, err = sparse.New(spec); err != nil {
		return err
	}
	a.unnamed()
	return a.become(s)
}

func numeric(d tensor.DType) bool {
	switch d.Class {
	case tensor.ClassBool, tensor.ClassInt, tensor.ClassUint, tensor.ClassFloat, tensor.ClassComplex:
		return true
	}
	return false
}

// castOne casts a part; one value for all stays one.
func castOne(v tensor.View, to tensor.DType) (tensor.View, error) {
	if !oneForAll(v) {
		return v.Cast(to)
	}
	one, err := v.Slice(0, 0, 1, 1)
	if err == nil {
		one, err = one.Cast(to)
	}
	if err != nil {
		return one, err
	}
	return one.BroadcastTo(v.Shape())
}

// describe adds what was made of entries to the layout of the results.
func (a *array) describe(l *convert.Layout) (convert.LayoutTensor, error) {
	if a.q != nil {
		return a.describeQuantised(l)
	}
	s := a.s
	t := convert.LayoutTensor{Name: a.name, DType: s.DType(), Shape: s.Shape(), Attrs: a.attrs, Layout: uint16(s.Layout()), Flags: s.Flags()}
	for _, p := range s.Parts() {
		v := p.View
		part := convert.LayoutTensor{Name: p.Role, DType: v.DType(), Shape: v.Shape(), Storage: -1, Order: tensor.HostOrder}
		if oneForAll(v) {
			part.Strides = tensor.Strides{0}
			var err error
			if v, err = v.Slice(0, 0, 1, 1); err != nil {
				return t, err
			}
		}
		if v.NumElements() > 0 {
			b, err := memoryOf(v)
			if err != nil {
				return t, err
			}
			part.Storage = len(l.Storages)
			l.Storages = append(l.Storages, inMemory(b, a.last))
		}
		t.Parts = append(t.Parts, part)
	}
	return t, nil
}

// memoryOf is the elements of v in C order and the byte order of the machine.
func memoryOf(v tensor.View) ([]byte, error) {
	if !v.IsContiguous() || v.Order() != tensor.HostOrder && v.DType().UnitBytes > 1 {
		var err error
		if v, err = v.Clone(); err != nil {
			return nil, err
		}
	}
	return v.Bytes()
}

// inMemory is a storage of bytes that are there.
func inMemory(b []byte, what string) convert.LayoutStorage {
	return convert.LayoutStorage{
		Size: int64(len(b)), Codec: what,
		Open:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
		Bytes: func(context.Context) ([]byte, error) { return b, nil },
	}
}

// without is a copy of attributes without one of them.
func without(a tensorfile.Attrs, key string) tensorfile.Attrs {
	own := maps.Clone(a)
	delete(own, key)
	return own
}
