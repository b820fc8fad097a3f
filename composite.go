package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// Composite is a composite tensor as its parts (spec, "Composites"): a sparse
// array, rows of different lengths, strings, numbers with scales.
type Composite struct {
	Layout uint16       // such as format.LayoutCSR
	Flags  uint32       // such as format.FlagSorted|format.FlagUnique
	DType  tensor.DType // the zero DType for strings
	Shape  tensor.Shape // in elements
	Parts  []CompositePart
}

// CompositePart is a part of a composite: elements in memory, or to be read from
// a stream, or a composite of its own.
type CompositePart struct {
	Role string // such as format.RoleIndices
	// View holds the elements. It is used if Reader and Composite are nil.
	View tensor.View
	// Reader gives elements of DType and Shape in C order, little-endian, rows of
	// packed dtypes padded to units.
	Reader io.Reader
	DType  tensor.DType
	Shape  tensor.Shape
	// Composite is a part that is composed itself, of parts that are not.
	Composite *Composite
	// Options say how the part is stored, and what attributes it has. Default:
	// nil, as the options of the composite say.
	Options *TensorOptions
}

// Part returns the part of that role, or nil.
func (c *Composite) Part(role string) *CompositePart {
	for i := range c.Parts {
		if c.Parts[i].Role == role {
			return &c.Parts[i]
		}
	}
	return nil
}

// describe says what a part is but for its elements.
func (p *CompositePart) describe() format.Part {
	switch {
	case p.Composite != nil:
		return format.Part{Role: p.Role, DType: p.Composite.DType, Shape: p.Composite.Shape}
	case p.Reader != nil:
		return format.Part{Role: p.Role, DType: p.DType, Shape: p.Shape}
	}
	return format.Part{Role: p.Role, DType: p.View.DType(), Shape: p.View.Shape()}
}

// describe is c as package format sees it.
func (c *Composite) describe() (*format.Composite, error) {
	d := &format.Composite{Layout: c.Layout, Flags: c.Flags, DType: c.DType, Shape: c.Shape}
	for i := range c.Parts {
		d.Parts = append(d.Parts, c.Parts[i].describe())
	}
	if p := c.Part(format.RoleGroup); p != nil && c.Layout == format.LayoutQuantised && p.Reader == nil && p.Composite == nil && p.View.DType() == tensor.U32 {
		own, err := p.View.Clone() // in the order of the host, without gaps
		if err != nil {
			return nil, err
		}
		if d.Group, err = tensor.Data[uint32](own); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// check checks roles, flags, dtypes and shapes.
func (c *Composite) check() error {
	roles := format.Roles(c.Layout, len(c.Shape))
	for i := range c.Parts {
		p := &c.Parts[i]
		bad := func(kind error, got, want string) error {
			return &Error{Kind: kind, Offset: -1, Field: "role", Got: got, Want: want, Rule: format.RuleLayoutPart}
		}
		switch {
		case roles != nil && !slices.Contains(roles, p.Role):
			return bad(ErrFormat, tensor.Quote(p.Role), "one of "+strings.Join(roles, ", "))
		case c.Part(p.Role) != p:
			return bad(ErrDuplicate, tensor.Quote(p.Role)+" twice", "each role once")
		}
	}
	d, err := c.describe()
	if err != nil {
		return err
	}
	return format.CheckComposite(d)
}

// placement is a record of a composite or of a part that is to be written.
type placement struct {
	rec  format.TensorRecord
	part *CompositePart // nil: of a composite
	o    *TensorOptions
}

// AddComposite writes a composite tensor: its parts, and the record that makes
// one tensor of them. Layout, flags, roles, dtypes and shapes are checked before
// anything is written, and so is what parts in memory say of each other: indices
// and pointers that break a rule of the specification are an error of kind
// ErrCorrupt that names it. Parts that come from a Reader are checked by Verify.
//
// Chunk of the options is one extent: so many entries, along axis 0 of each
// part, make a chunk; nil is about 1 MiB. Codec is that of each part; "auto",
// "fast" and "best" look at each part for itself. What is small by nature (fill,
// order, group) is stored as plain bytes. The options of a part stand before
// these. Fill is for parts alone.
func (w *Writer) AddComposite(ctx context.Context, name string, c Composite, o *TensorOptions) error {
	list, err := w.plan(name, &c, o)
	if err == nil {
		err = checkContent(ctx, memorySource(&c), 0)
	}
	if err == nil {
		err = w.place(ctx, list)
	}
	return located(err, w.path, name)
}

// AddSparse writes a sparse array as AddComposite does. Its indices are checked
// if they have not been. If its entries are sorted and unique, declared or not, the
// attribute "layout" gets the names that Binsparse has for the array and its parts
// (spec, "Reserved keys").
func (w *Writer) AddSparse(ctx context.Context, name string, a *sparse.Array, o *TensorOptions) error {
	c := compositeOf(a)
	list, err := w.plan(name, &c, o)
	if err == nil {
		err = a.Validate(ctx, nil)
	}
	if err == nil {
		err = nameBinsparse(ctx, &list[0].rec, a, o)
	}
	if err == nil {
		err = w.place(ctx, list)
	}
	return located(err, w.path, name)
}

// compositeOf shows a sparse array as its parts.
func compositeOf(a *sparse.Array) Composite {
	c := Composite{Layout: uint16(a.Layout()), Flags: a.Flags(), DType: a.DType(), Shape: a.Shape()}
	for _, p := range a.Parts() {
		c.Parts = append(c.Parts, CompositePart{Role: p.Role, View: p.View})
	}
	return c
}

// plan checks all that can be checked before a byte is written and lists the
// records to make, that of the composite first.
func (w *Writer) plan(name string, c *Composite, o *TensorOptions) ([]placement, error) {
	if err := w.mayAdd(name, o); err != nil {
		return nil, err
	}
	return planParts(name, c, o, true)
}

func planParts(key string, c *Composite, o *TensorOptions, nest bool) ([]placement, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := o.forComposite(); err != nil {
		return nil, err
	}
	rec := format.TensorRecord{Name: key, Kind: format.KindComposite, DType: c.DType, Shape: c.Shape.Clone(), Strides: make(tensor.Strides, len(c.Shape)), Layout: c.Layout, LayoutFlags: c.Flags, Generation: 1}
	var err error
	if rec.Attrs, err = o.attrs(len(c.Shape)); err != nil {
		return nil, err
	}
	list := []placement{{rec: rec}}
	for i := range c.Parts {
		p := &c.Parts[i]
		own := p.Options
		if own == nil {
			own = o.ofPart(p.describe(), p.Composite != nil)
		}
		if p.Composite != nil {
			if !nest {
				return nil, &Error{Kind: ErrFormat, Offset: -1, Field: "part " + p.Role, Got: "a composite in a part of a part", Want: "a dense tensor", Rule: format.RuleNameRole}
			}
			parts, err := planParts(key+"\x00"+p.Role, p.Composite, own, false)
			if err != nil {
				return nil, err
			}
			list = append(list, parts...)
			continue
		}
		d := p.describe()
		rec := format.TensorRecord{Name: key + "\x00" + p.Role, Kind: format.KindDense, DType: d.DType, Shape: d.Shape.Clone(), Generation: 1}
		if err := describesTensor(d.DType, d.Shape); err != nil {
			return nil, err
		}
		if rec.Attrs, err = own.attrs(len(d.Shape)); err != nil {
			return nil, err
		}
		if own.chunked() && own.Codec != PlainCodec && len(d.Shape) > 0 {
			try := *own
			if _, ok := objective(own.Codec); ok {
				try.Codec = ""
			}
			if _, err := newGridRecord(d.DType, d.Shape, &try); err != nil {
				return nil, err
			}
		}
		list = append(list, placement{rec, p, own})
	}
	return list, nil
}

// forComposite reports an error if options do not suit a composite.
func (o *TensorOptions) forComposite() error {
	if o != nil && o.Fill != nil {
		return &Error{Kind: ErrUnsupported, Offset: -1, Field: "fill of chunks", Got: "one of a composite", Want: "one in the options of a part"}
	}
	if o != nil && o.Chunk != nil && (len(o.Chunk) != 1 || o.Chunk[0] < 1) {
		return &Error{Kind: ErrShape, Offset: -1, Field: "chunk shape", Got: o.Chunk.String(), Want: "one extent of 1 or more: the entries in a chunk of each part", Rule: format.RuleGridChunk}
	}
	return nil
}

// ofPart is how a part is stored where nothing but the options of its composite
// say so.
func (o *TensorOptions) ofPart(d format.Part, composite bool) *TensorOptions {
	small := d.Role == format.RoleFill || d.Role == format.RoleOrder || d.Role == format.RoleGroup
	switch {
	case o == nil || small || o.Chunk == nil && o.Codec == "":
		return nil
	case composite:
		return &TensorOptions{Chunk: o.Chunk, Codec: o.Codec}
	}
	own := &TensorOptions{Codec: o.Codec}
	if o.Chunk != nil && len(d.Shape) > 0 {
		own.Chunk = d.Shape.Clone()
		own.Chunk[0] = o.Chunk[0]
		for axis := range own.Chunk {
			e := int64(1)
			if axis == len(own.Chunk)-1 {
				e = int64(max(d.DType.UnitElems, 1))
			}
			own.Chunk[axis] = max((own.Chunk[axis]+e-1)/e*e, e)
		}
	}
	return own
}

// place writes the bytes of parts and, when all are written, their records, so
// that none is there without the others.
func (w *Writer) place(ctx context.Context, list []placement) error {
	for i := range list {
		x := &list[i]
		var err error
		switch {
		case x.part == nil:
		case x.part.Reader != nil:
			err = w.placeReader(ctx, &x.rec, x.part.Reader, x.o)
		default:
			err = w.placeView(ctx, &x.rec, x.part.View, x.o)
		}
		if err != nil {
			return inPart(roleOf(x.rec.Name), err)
		}
	}
	recs := make([]format.TensorRecord, len(list))
	for i := range list {
		recs[i] = list[i].rec
	}
	return w.addAll(recs)
}

// addAll adds the records of a composite, of which the first is its own.
func (w *Writer) addAll(recs []format.TensorRecord) error {
	if err := w.add(recs[0]); err != nil {
		return err
	}
	for _, rec := range recs[1:] {
		if w.base == nil {
			w.tensors = append(w.tensors, rec)
		} else {
			w.put(rec)
		}
	}
	return nil
}

// roleOf is the last role of the key of a part, for people.
func roleOf(key string) string {
	_, roles, _ := strings.Cut(key, "\x00")
	return strings.ReplaceAll(roles, "\x00", "/")
}

// A Part is a part of an open composite tensor.
type Part struct {
	Role string
	*Tensor
}

// Part opens the part of that role of a composite tensor. A role without a part
// is ErrNotFound.
func (t *Tensor) Part(role string) (p *Tensor, err error) {
	fence, err := t.f.m.Enter()
	if err != nil {
		return nil, err
	}
	defer fence.Leave(&err)
	p, err = t.part(role)
	return p, located(err, t.f.Path(), t.name)
}

func (t *Tensor) part(role string) (*Tensor, error) {
	var rec format.TensorRecord
	ok := t.kind == format.KindComposite
	if ok && t.foreign != nil {
		for i := range t.foreign.Parts {
			if p := &t.foreign.Parts[i]; p.Name == role {
				return t.f.foreignTensor(p, format.PartKey(t.name, role), nil), nil
			}
		}
		ok = false
	}
	if ok {
		var err error
		if ok, err = t.f.cat.Tensor(t.name+"\x00"+role, &rec); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, &Error{Kind: ErrNotFound, Offset: -1, Field: "part", Got: "none of role " + tensor.Quote(role), Want: "one"}
	}
	return t.f.nativeTensor(&rec, nil)
}

// Parts opens all parts of a composite tensor, those with roles that are not
// known included, in the order of the specification and then of the roles. A
// dense tensor has none.
func (t *Tensor) Parts() (parts []Part, err error) {
	if t.kind != format.KindComposite {
		return nil, nil
	}
	fence, err := t.f.m.Enter()
	if err != nil {
		return nil, err
	}
	defer fence.Leave(&err)
	if parts, err = t.openEach(); err != nil {
		return nil, located(err, t.f.Path(), t.name)
	}
	order := format.Roles(t.layout, len(t.shape))
	place := func(role string) int {
		if i := slices.Index(order, role); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return place(a.Role) - place(b.Role) })
	return parts, nil
}

// openEach opens the parts that t has itself.
func (t *Tensor) openEach() (parts []Part, err error) {
	if t.foreign != nil {
		for i := range t.foreign.Parts {
			p := &t.foreign.Parts[i]
			parts = append(parts, Part{p.Name, t.f.foreignTensor(p, format.PartKey(t.name, p.Name), nil)})
		}
		return parts, nil
	}
	recs, err := t.f.cat.Parts(t.name)
	for i := 0; err == nil && i < len(recs); i++ {
		role := recs[i].Name[len(t.name)+1:]
		if strings.IndexByte(role, 0) >= 0 {
			continue // of a part
		}
		var p *Tensor
		if p, err = t.f.nativeTensor(&recs[i], nil); err == nil {
			parts = append(parts, Part{role, p})
		}
	}
	return parts, err
}

// notComposite is the error of an operation that only composites have.
func (t *Tensor) notComposite() error {
	return &Error{Kind: ErrUnsupported, Path: t.f.Path(), Tensor: t.name, Offset: -1, Field: "layout", Got: "a dense tensor", Want: "a composite one"}
}

// describeComposite is t as package format sees it, with its parts opened.
func (t *Tensor) describeComposite(ctx context.Context) (*format.Composite, []Part, error) {
	if t.kind != format.KindComposite {
		return nil, nil, t.notComposite()
	}
	parts, err := t.Parts()
	if err != nil {
		return nil, nil, err
	}
	d := &format.Composite{Layout: t.layout, Flags: t.layoutFlags, DType: t.dtype, Shape: t.shape}
	for _, p := range parts {
		d.Parts = append(d.Parts, format.Part{Role: p.Role, DType: p.dtype, Shape: p.shape})
		if p.Role != format.RoleGroup || p.dtype != tensor.U32 || len(p.shape) != 1 || p.shape[0] != int64(len(t.shape)) || p.kind != format.KindDense {
			continue
		}
		v, err := p.Read(ctx)
		if err == nil {
			d.Group, err = tensor.Data[uint32](v)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return d, parts, nil
}

// openParts checks that the parts are what the layout needs and opens them.
func (t *Tensor) openParts(ctx context.Context) ([]Part, error) {
	d, parts, err := t.describeComposite(ctx)
	if err == nil {
		err = format.CheckComposite(d)
	}
	return parts, t.placed(err)
}

// placed says where the record of t stands, if an error has no better place.
func (t *Tensor) placed(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Rule != "" && e.Format == "" {
		e.Format = t.format()
	}
	if e != nil && e.Offset < 0 && e.Rule != "" && t.f.layout == nil {
		var rec format.TensorRecord
		t.f.m.Guard(func() error {
			if ok, err := t.f.cat.Tensor(t.name, &rec); err == nil && ok {
				e.Offset = rec.At
			}
			return nil
		})
	}
	return located(err, t.f.Path(), t.name)
}

// memory is the elements of t without a copy where they are plain bytes in
// memory, in any strides, and decoded otherwise. shared says which.
func (t *Tensor) memory(ctx context.Context) (v tensor.View, shared bool, err error) {
	if t.NumElements() == 0 && t.kind == format.KindDense {
		v, err = tensor.Make(t.dtype, t.shape)
		return v, true, err
	}
	if t.st.Kind == StorageRaw {
		if v, err := t.View(); err == nil || !errors.Is(err, ErrNotMapped) {
			return v, true, err
		}
	}
	if len(t.shape) == 1 && t.shape[0] > 1 && t.strides[0] == 0 { // one value for all
		if v, err = t.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: 0, Stop: 1, Step: 1}}); err == nil {
			v, err = v.BroadcastTo(t.shape)
		}
		return v, false, err
	}
	if t.st.Kind == StorageEncoded {
		if decode := t.f.layout.Storages[t.st.ID-1].Bytes; decode != nil {
			v, err = t.decoded(ctx, decode)
			return v, false, err
		}
	}
	v, err = t.Read(ctx)
	return v, false, err
}

// decoded is a view of what a foreign format decoded by itself.
func (t *Tensor) decoded(ctx context.Context, decode func(context.Context) ([]byte, error)) (v tensor.View, err error) {
	r, err := t.region()
	if err == nil {
		err = t.f.allow(t, r)
	}
	if err != nil {
		return v, err
	}
	b, err := decode(ctx)
	if err == nil {
		v, err = tensor.NewView(b, t.dtype, t.shape, t.strides, t.offset, t.order)
	}
	return v, located(err, t.f.Path(), t.name)
}

// compositeState is what is known of the content of a composite of an open file.
type compositeState struct {
	check
	array   *sparse.Array // on the mapping, as the next two
	ragged  *ragged.Array
	strings *ragged.Strings
	parts   atomic.Pointer[[]Part] // that are what the layout needs
	sizes   atomic.Pointer[partSizes]
}

// partSizes are sums over the parts of a composite.
type partSizes struct {
	bytes  int64 // of elements
	stored int64 // in the file, of each storage once
}

// sizes adds up the parts of a composite. Those that cannot be opened count for
// nothing.
func (t *Tensor) sizes() partSizes {
	s := t.state()
	if x := s.sizes.Load(); x != nil {
		return *x
	}
	var sum partSizes
	parts, err := t.Parts()
	seen := map[uint64]struct{}{}
	for _, p := range parts {
		st := p.Storage()
		if sum.bytes += p.ByteSize(); sum.bytes < 0 {
			sum.bytes = math.MaxInt64
		}
		if _, again := seen[st.ID]; again && st.ID != 0 {
			continue
		}
		seen[st.ID] = struct{}{}
		sum.stored += st.Stored
	}
	if err == nil {
		s.sizes.Store(&sum)
	}
	return sum
}

func (t *Tensor) state() *compositeState {
	x, ok := t.f.content.Load(t.name)
	if !ok {
		x, _ = t.f.content.LoadOrStore(t.name, new(compositeState))
	}
	return x.(*compositeState)
}

// checkOnce checks what the parts say of each other, once for an open file.
func (t *Tensor) checkOnce(ctx context.Context, src *contentSource) error {
	s := t.state()
	if s.done.Load() {
		return s.err
	}
	s.Lock()
	defer s.Unlock()
	if s.done.Load() {
		return s.err
	}
	err := checkContent(ctx, src, t.f.workers(1<<40))
	if err == nil || errors.Is(err, ErrCorrupt) {
		s.set(t.placed(err))
	}
	return err
}

// ReadComposite returns a composite tensor as its parts in memory. Parts of
// plain bytes are views of the mapping, borrowed as Tensor.View says; those in
// chunks are decoded, by several goroutines. Indices and pointers are checked
// once for an open file. It fails with ErrUnsupported for a layout that is not
// known, and with ErrFormat or ErrCorrupt and the rule that is broken.
func (t *Tensor) ReadComposite(ctx context.Context) (Composite, error) {
	c, _, err := t.loadComposite(ctx)
	if err == nil {
		err = t.checkOnce(ctx, memorySource(&c))
	}
	return c, t.placed(err)
}

// loadComposite is ReadComposite without the checks of content. shared says that
// no part was copied.
func (t *Tensor) loadComposite(ctx context.Context) (c Composite, shared bool, err error) {
	parts, err := t.openOnce(ctx)
	if err != nil {
		return c, false, err
	}
	c = Composite{Layout: t.layout, Flags: t.layoutFlags, DType: t.dtype, Shape: t.shape}
	shared = true
	known := format.Roles(t.layout, len(t.shape))
	for _, p := range parts {
		if !slices.Contains(known, p.Role) {
			continue
		}
		own := CompositePart{Role: p.Role}
		mapped := false
		if p.kind == format.KindComposite {
			inner, err := p.ReadComposite(ctx)
			if err != nil {
				return c, false, err
			}
			own.Composite = &inner
		} else if own.View, mapped, err = p.memory(ctx); err != nil {
			return c, false, err
		}
		shared = shared && mapped
		c.Parts = append(c.Parts, own)
	}
	return c, shared, nil
}

// Sparse returns a sparse tensor. Parts of plain bytes are views of the mapping,
// borrowed as Tensor.View says; those in chunks are decoded, by several
// goroutines. The array checks its indices before its first operation that they
// could lead astray; one on the mapping is the same for all calls, so that this
// happens once for an open file.
func (t *Tensor) Sparse(ctx context.Context) (*sparse.Array, error) {
	if t.kind != format.KindComposite || !format.IsSparse(t.layout) {
		return nil, &Error{Kind: ErrUnsupported, Path: t.f.Path(), Tensor: t.name, Offset: -1, Field: "layout", Got: t.layoutText(), Want: "a sparse tensor"}
	}
	return onMapping(ctx, t, func(s *compositeState) **sparse.Array { return &s.array }, (*Composite).Sparse)
}

// Sparse is c as a sparse array, over the same memory. Its parts are in memory.
func (c *Composite) Sparse() (*sparse.Array, error) {
	props, err := sparse.FromFlags(c.Flags)
	if err != nil {
		return nil, err
	}
	spec := sparse.Spec{Layout: sparse.Layout(c.Layout), Shape: c.Shape, DType: c.DType, Properties: props}
	for i := range c.Parts {
		p := &c.Parts[i]
		if p.Reader != nil || p.Composite != nil {
			return nil, &Error{Kind: ErrUnsupported, Offset: -1, Field: "part " + p.Role, Got: "a composite, or a stream", Want: "elements in memory"}
		}
		spec.Parts = append(spec.Parts, sparse.Part{Role: p.Role, View: p.View})
	}
	return sparse.New(spec)
}

// layoutText is the layout for people.
func (t *Tensor) layoutText() string {
	if t.kind != format.KindComposite {
		return "a dense tensor"
	}
	if s := format.LayoutName(t.layout); s != "" {
		return s
	}
	return fmt.Sprintf("layout %d", t.layout)
}
