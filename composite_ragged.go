package tensorfile

import (
	"context"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// AddRagged writes rows of different lengths as AddComposite does. Their offsets
// are checked if they have not been; extent 1 of the shape is that of the longest
// row. Of a slice only its rows are written.
func (w *Writer) AddRagged(ctx context.Context, name string, a *ragged.Array, o *TensorOptions) error {
	c, err := raggedParts(ctx, a)
	if err == nil {
		err = w.addValid(ctx, name, &c, o)
	}
	return located(err, w.path, name)
}

// AddStrings writes strings as AddComposite does. Their offsets, and that they
// are UTF-8, are checked if they have not been.
func (w *Writer) AddStrings(ctx context.Context, name string, s *ragged.Strings, o *TensorOptions) error {
	c, err := stringParts(ctx, s)
	if err == nil {
		err = w.addValid(ctx, name, &c, o)
	}
	return located(err, w.path, name)
}

// addValid adds a composite whose content was checked.
func (w *Writer) addValid(ctx context.Context, name string, c *Composite, o *TensorOptions) error {
	list, err := w.plan(name, c, o)
	if err != nil {
		return err
	}
	return w.place(ctx, list)
}

// AppendRagged adds rows behind a ragged tensor as AppendComposite does: offsets
// and values in one commit. Rows may be longer than any that is there.
func (w *Writer) AppendRagged(ctx context.Context, name string, rows *ragged.Array, o *GrowOptions) (GrowResult, error) {
	c, err := raggedParts(ctx, rows)
	if err != nil {
		return GrowResult{}, located(err, w.path, name)
	}
	return w.AppendComposite(ctx, name, c, o)
}

// AppendStrings adds strings along axis 0 as AppendComposite does: offsets and
// bytes in one commit.
func (w *Writer) AppendStrings(ctx context.Context, name string, rows *ragged.Strings, o *GrowOptions) (GrowResult, error) {
	c, err := stringParts(ctx, rows)
	if err != nil {
		return GrowResult{}, located(err, w.path, name)
	}
	return w.AppendComposite(ctx, name, c, o)
}

// raggedParts shows rows, which are validated, as their parts.
func raggedParts(ctx context.Context, a *ragged.Array) (Composite, error) {
	longest, err := a.Longest(ctx)
	if err != nil {
		return Composite{}, err
	}
	offsets, values, err := a.Parts(ctx, nil)
	shape := a.Shape()
	shape[1] = longest
	return Composite{Layout: format.LayoutRagged, DType: a.DType(), Shape: shape, Parts: []CompositePart{{Role: format.RoleOffsets, View: offsets}, {Role: format.RoleValues, View: values}}}, err
}

// stringParts shows strings, which are validated, as their parts.
func stringParts(ctx context.Context, s *ragged.Strings) (Composite, error) {
	offsets, bytes, err := s.Parts(ctx, nil)
	return Composite{Layout: format.LayoutString, Shape: s.Shape(), Parts: []CompositePart{{Role: format.RoleOffsets, View: offsets}, {Role: format.RoleBytes, View: bytes}}}, err
}

// Ragged returns a ragged tensor. Parts of plain bytes are views of the mapping,
// borrowed as Tensor.View says; those in chunks are decoded, by several
// goroutines. The array checks its offsets where it uses them; one on the mapping
// is the same for all calls, so that Validate checks them once for an open file.
func (t *Tensor) Ragged(ctx context.Context) (*ragged.Array, error) {
	if err := t.mustBe(format.LayoutRagged, "a ragged tensor"); err != nil {
		return nil, err
	}
	return onMapping(ctx, t, func(s *compositeState) **ragged.Array { return &s.ragged }, (*Composite).Ragged)
}

// Strings returns a tensor of strings, as Ragged does. A string is checked to be
// UTF-8 when it is taken, unless all were validated.
func (t *Tensor) Strings(ctx context.Context) (*ragged.Strings, error) {
	if err := t.mustBe(format.LayoutString, "strings"); err != nil {
		return nil, err
	}
	return onMapping(ctx, t, func(s *compositeState) **ragged.Strings { return &s.strings }, (*Composite).Strings)
}

// mustBe checks the layout of a tensor.
func (t *Tensor) mustBe(layout uint16, want string) error {
	if t.kind == format.KindComposite && t.layout == layout {
		return nil
	}
	return &Error{Kind: ErrUnsupported, Path: t.f.Path(), Tensor: t.name, Offset: -1, Field: "layout", Got: t.layoutText(), Want: want}
}

// onMapping makes something of the parts of a composite. What lies on the mapping
// is made once for an open file.
func onMapping[T any](ctx context.Context, t *Tensor, field func(*compositeState) **T, make func(*Composite) (*T, error)) (*T, error) {
	s := t.state()
	s.Lock()
	x := *field(s)
	s.Unlock()
	if x != nil && t.f.m.Mapped() {
		return x, nil
	}
	c, shared, err := t.loadComposite(ctx)
	if err != nil {
		return nil, err
	}
	if x, err = make(&c); err != nil {
		return nil, located(err, t.f.Path(), t.name)
	}
	if shared {
		s.Lock()
		defer s.Unlock()
		if *field(s) == nil {
			*field(s) = x
		}
		return *field(s), nil
	}
	return x, nil
}

// RaggedRows is ReadRows of a ragged tensor.
func (t *Tensor) RaggedRows(ctx context.Context, from, to int64) (*ragged.Array, error) {
	if err := t.mustBe(format.LayoutRagged, "a ragged tensor"); err != nil {
		return nil, err
	}
	rows, err := t.readRows(ctx, from, to)
	if err != nil {
		return nil, t.placed(err)
	}
	c := rows.composite(t)
	a, err := c.Ragged()
	return a, t.placed(err)
}

// StringRows is ReadRows of a tensor of strings.
func (t *Tensor) StringRows(ctx context.Context, from, to int64) (*ragged.Strings, error) {
	if err := t.mustBe(format.LayoutString, "strings"); err != nil {
		return nil, err
	}
	rows, err := t.readRows(ctx, from, to)
	if err != nil {
		return nil, t.placed(err)
	}
	c := rows.composite(t)
	s, err := c.Strings()
	return s, t.placed(err)
}

// composite is rows of t as its parts.
func (s *someRows) composite(t *Tensor) Composite {
	c := Composite{Layout: t.layout, Flags: t.layoutFlags, DType: t.dtype, Shape: s.shape}
	for _, p := range s.parts {
		c.Parts = append(c.Parts, CompositePart{Role: p.Role, View: p.View})
	}
	return c
}

// Ragged is c as rows of different lengths, over the same memory. Its parts are
// in memory.
func (c *Composite) Ragged() (*ragged.Array, error) {
	offsets, values, err := c.both(format.LayoutRagged, format.RoleOffsets, format.RoleValues)
	if err != nil {
		return nil, err
	}
	return ragged.New(offsets, values, c.Shape[1])
}

// Strings is c as strings, over the same memory. Its parts are in memory.
func (c *Composite) Strings() (*ragged.Strings, error) {
	offsets, bytes, err := c.both(format.LayoutString, format.RoleOffsets, format.RoleBytes)
	if err != nil {
		return nil, err
	}
	shape := c.Shape
	if shape == nil {
		shape = tensor.Shape{}
	}
	return ragged.NewStrings(offsets, bytes, shape)
}

// both is two parts in memory of a composite of a layout.
func (c *Composite) both(layout uint16, a, b string) (x, y tensor.View, err error) {
	if c.Layout != layout {
		return x, y, &Error{Kind: ErrUnsupported, Offset: -1, Field: "layout", Got: format.LayoutName(c.Layout), Want: format.LayoutName(layout)}
	}
	if err := c.check(); err != nil {
		return x, y, err
	}
	p, q := c.Part(a), c.Part(b)
	for _, part := range []*CompositePart{p, q} {
		if part.Reader != nil || part.Composite != nil {
			return x, y, &Error{Kind: ErrUnsupported, Offset: -1, Field: "part " + part.Role, Got: "a composite, or a stream", Want: "elements in memory"}
		}
	}
	return p.View, q.View, nil
}
