package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// AppendComposite adds rows behind the last row of the composite tensor called
// name, along its axis 0, in the next commit: all its parts or none. rows is a
// composite in memory of the same layout, dtype and shape but for axis 0, and of
// ragged but for the longest row; its pointers and coordinates begin at 0, and
// become those of the whole here. Its indices may be of another width. They are
// checked before anything is written, sorted and unique as the tensor on disk
// declares.
//
// Parts grow as Append says: in chunks, and parts of plain bytes are rewritten
// as chunks once, which the result tells. Chunk of the options is one extent, as
// in AddComposite. Layouts are csr, coo, bsr (whole block rows), bitmap, ragged
// and string; others, and matrices of which a triangle is stored, are
// ErrUnsupported.
func (w *Writer) AppendComposite(ctx context.Context, name string, rows Composite, o *GrowOptions) (GrowResult, error) {
	res, err := w.appendComposite(ctx, name, &rows, o)
	return res, located(err, w.path, name)
}

// AppendSparse is AppendComposite of a sparse array.
func (w *Writer) AppendSparse(ctx context.Context, name string, rows *sparse.Array, o *GrowOptions) (GrowResult, error) {
	return w.AppendComposite(ctx, name, compositeOf(rows), o)
}

// partGrowth is a part and what comes behind it.
type partGrowth struct {
	g     *grown
	rows  tensor.View
	total tensor.Shape
	o     *GrowOptions
}

func (w *Writer) appendComposite(ctx context.Context, name string, rows *Composite, o *GrowOptions) (GrowResult, error) {
	rec, err := w.existing(name)
	if err != nil {
		return GrowResult{}, err
	}
	a := &appending{w: w, ctx: ctx, rec: rec, rows: rows, o: o}
	if err := a.fits(); err != nil || rows.Shape[0] == 0 {
		return GrowResult{}, err
	}
	if err := a.plan(); err != nil {
		return GrowResult{}, err
	}
	var res GrowResult
	for i, p := range a.parts {
		one, err := w.growDense(ctx, p.g, p.rows, p.total, p.o)
		if err != nil {
			err = inPart(roleOf(p.g.rec.Name), err)
			if i > 0 && w.err == nil && !errors.Is(err, ErrNoSpace) {
				err = w.failed(err, "rows") // some parts have grown
			}
			return GrowResult{}, err
		}
		res.Rewritten = res.Rewritten || one.Rewritten
		res.Chunks += one.Chunks
		res.Bytes += one.Bytes
	}
	own := *rec
	own.Shape = a.shape
	for _, p := range a.parts {
		if roleOf(p.g.rec.Name) == format.RoleValues {
			if err := grownBinsparse(&own, p.total[0]); err != nil {
				return GrowResult{}, w.failed(err, "attributes")
			}
		}
	}
	w.put(own)
	return res, nil
}

// appending is an append of rows to a composite.
type appending struct {
	w     *Writer
	ctx   context.Context
	rec   *format.TensorRecord
	rows  *Composite
	o     *GrowOptions
	shape tensor.Shape // afterwards
	parts []partGrowth
}

func (a *appending) unsupported(got, want string) error {
	return &Error{Kind: ErrUnsupported, Offset: -1, Field: "append", Got: got, Want: want}
}

// fits checks rows against the record of the composite, and in themselves.
func (a *appending) fits() error {
	rec, rows := a.rec, a.rows
	if rec.Kind != format.KindComposite {
		return a.unsupported("a dense tensor", "a composite one")
	}
	switch rec.Layout {
	case format.LayoutCSR, format.LayoutCOO, format.LayoutBSR, format.LayoutBitmap, format.LayoutRagged, format.LayoutString:
	default:
		return a.unsupported("layout "+format.LayoutName(rec.Layout), "csr, coo, bsr, bitmap, ragged or string")
	}
	n := len(rec.Shape)
	free := 1 // axes that may differ
	if rec.Layout == format.LayoutRagged {
		free = 2
	}
	switch {
	case rows.Layout != rec.Layout:
		return &Error{Kind: ErrShape, Offset: -1, Field: "layout of rows", Got: format.LayoutName(rows.Layout), Want: format.LayoutName(rec.Layout)}
	case n == 0:
		return a.unsupported("a tensor of rank 0", "one with an axis 0")
	case rec.LayoutFlags&format.FlagStructure != 0:
		return a.unsupported("rows behind a matrix of which a triangle is stored", "one with all its entries")
	case rows.DType != rec.DType:
		return &Error{Kind: ErrDType, Offset: -1, Field: "rows", Got: rows.DType.String(), Want: rec.DType.String()}
	case len(rows.Shape) != n || !rows.Shape[free:].Equal(rec.Shape[free:]):
		return &Error{Kind: ErrShape, Offset: -1, Field: "rows", Got: rows.Shape.String(), Want: fmt.Sprintf("any number of rows of shape %v", rec.Shape[1:])}
	case rows.Shape[0] > math.MaxInt64-rec.Shape[0]:
		return &Error{Kind: ErrOverflow, Offset: -1, Field: "rows", Got: rows.Shape.String(), Want: "at most 2^63-1 in all"}
	}
	a.shape = rec.Shape.Clone()
	a.shape[0] += rows.Shape[0]
	if rec.Layout == format.LayoutRagged {
		a.shape[1] = max(a.shape[1], rows.Shape[1])
	}
	if _, err := a.shape.NumElements(); err != nil {
		return err
	}
	if err := rows.check(); err != nil {
		return err
	}
	for i := range rows.Parts {
		if p := &rows.Parts[i]; p.Reader != nil || p.Composite != nil {
			return a.unsupported("part "+p.Role+" as a stream or composite", "elements in memory")
		}
	}
	as := memorySource(rows)
	as.flags = rec.LayoutFlags
	return checkContent(a.ctx, as, 0)
}

// plan finds the parts that grow and what comes behind each, as it is stored.
func (a *appending) plan() error {
	if err := a.sameFill(); err != nil {
		return err
	}
	switch a.rec.Layout {
	case format.LayoutCOO:
		return a.do(a.coordinates, a.part(format.RoleValues))
	case format.LayoutCSR, format.LayoutBSR:
		return a.do(a.pointers(format.RoleIndptr, format.RoleIndices), a.indices, a.part(format.RoleValues))
	case format.LayoutBitmap:
		return a.do(a.part(format.RoleMask), a.part(format.RoleValues))
	case format.LayoutRagged:
		return a.do(a.pointers(format.RoleOffsets, format.RoleValues), a.part(format.RoleValues))
	default:
		return a.do(a.pointers(format.RoleOffsets, format.RoleBytes), a.part(format.RoleBytes))
	}
}

func (a *appending) do(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// record finds the record of a part.
func (a *appending) record(role string) (*format.TensorRecord, error) {
	rec, err := a.w.find(a.rec.Name + "\x00" + role)
	if err == nil && (rec == nil || rec.Kind != format.KindDense) {
		got := "none"
		if rec != nil {
			got = "a composite"
		}
		err = &Error{Kind: ErrFormat, Offset: -1, Field: "part " + role, Got: got, Want: "a dense tensor", Rule: format.RuleLayoutPart}
	}
	return rec, err
}

// grow notes that rows come behind a part.
func (a *appending) grow(role string, rows tensor.View) error {
	rec, err := a.record(role)
	if err != nil {
		return err
	}
	g, err := a.w.grownOf(rec, a.o)
	if err != nil {
		return err
	}
	total, err := grownShape(rec, rows)
	if err != nil {
		return inPart(role, err)
	}
	var o *GrowOptions
	if a.o != nil {
		t := (&TensorOptions{Chunk: a.o.Chunk, Codec: a.o.Codec}).ofPart(format.Part{Role: role, DType: rows.DType(), Shape: rows.Shape()}, false)
		o = &GrowOptions{Shared: a.o.Shared}
		if t != nil {
			o.Chunk, o.Codec = t.Chunk, t.Codec
		}
	}
	a.parts = append(a.parts, partGrowth{g, rows, total, o})
	return nil
}

// part is a part that grows by that of the rows as it is.
func (a *appending) part(role string) func() error {
	return func() error { return a.grow(role, a.rows.Part(role).View) }
}

// numbers are those of a part of the rows, in memory of their own.
func (a *appending) numbers(role string) ([]int64, error) {
	v := a.rows.Part(role).View
	list := make([]int64, v.NumElements())
	if len(list) == 0 {
		return list, nil
	}
	to, err := tensor.FromSlice(list, v.Shape()...)
	if err == nil {
		err = guarded(func() error { return tensor.Cast(to, v) })
	}
	return list, err
}

// pointers are those of the rows but the first, behind what is there.
func (a *appending) pointers(role, into string) func() error {
	return func() error {
		rec, err := a.record(role)
		if err != nil {
			return err
		}
		target, err := a.record(into)
		if err != nil {
			return err
		}
		list, err := a.numbers(role)
		if err != nil {
			return err
		}
		base := target.Shape[0]
		for i, x := range list {
			if x > math.MaxInt64-base {
				return &Error{Kind: ErrOverflow, Offset: -1, Field: "part " + role, Got: fmt.Sprint(x), Want: "at most 2^63-1 in all"}
			}
			list[i] = x + base
		}
		v, err := makeIndex(rec.DType, list[1:], int64(len(list)-1))
		if err != nil {
			return err
		}
		return a.grow(role, v)
	}
}

// indices are the columns of the rows, in the dtype that is stored.
func (a *appending) indices() error {
	rec, err := a.record(format.RoleIndices)
	if err != nil {
		return err
	}
	v := a.rows.Part(format.RoleIndices).View
	if v.DType() != rec.DType {
		list, err := a.numbers(format.RoleIndices)
		if err == nil {
			v, err = makeIndex(rec.DType, list, v.Shape()...)
		}
		if err != nil {
			return err
		}
	}
	return a.grow(format.RoleIndices, v)
}

// coordinates are those of the rows, of which the first counts from the rows
// that are there.
func (a *appending) coordinates() error {
	rec, err := a.record(format.RoleIndices)
	if err != nil {
		return err
	}
	list, err := a.numbers(format.RoleIndices)
	if err != nil {
		return err
	}
	for i := 0; i < len(list); i += len(a.shape) {
		list[i] += a.rec.Shape[0] // below the extent afterwards
	}
	v, err := makeIndex(rec.DType, list, a.rows.Part(format.RoleIndices).View.Shape()...)
	if err != nil {
		return err
	}
	return a.grow(format.RoleIndices, v)
}

// sameFill checks that elements without an entry have one value.
func (a *appending) sameFill() error {
	if !format.IsSparse(a.rec.Layout) {
		return nil
	}
	zero := make([]byte, a.rec.DType.UnitBytes)
	fresh, stored := zero, zero
	bytesOf := func(v tensor.View) ([]byte, error) {
		own, err := v.Clone()
		if err != nil {
			return nil, err
		}
		return own.Bytes()
	}
	var err error
	if p := a.rows.Part(format.RoleFill); p != nil {
		if fresh, err = bytesOf(p.View); err != nil {
			return err
		}
	}
	rec, err := a.w.find(a.rec.Name + "\x00" + format.RoleFill)
	if err != nil {
		return err
	}
	if rec != nil {
		g, err := a.w.grownOf(rec, &GrowOptions{Shared: true})
		if err != nil {
			return err
		}
		t, done, err := a.w.asStored(a.ctx, g)
		if err != nil {
			return err
		}
		defer done()
		v, err := t.Read(a.ctx)
		if err == nil {
			stored, err = bytesOf(v)
		}
		if err != nil {
			return err
		}
	}
	if string(fresh) != string(stored) {
		return &Error{Kind: ErrShape, Offset: -1, Field: "fill of rows", Got: fmt.Sprintf("%x", fresh), Want: fmt.Sprintf("%x, as elements without an entry have", stored)}
	}
	return nil
}

// asStored opens a tensor of plain bytes as it stands in the file that is being
// edited: the file is read as one that ends here. done closes it.
func (w *Writer) asStored(ctx context.Context, g *grown) (t *Tensor, done func(), err error) {
	if g.storage.Kind == format.StorageGrid {
		return nil, nil, &Error{Kind: ErrUnsupported, Offset: -1, Field: "tensor", Got: "one in chunks", Want: "plain bytes"}
	}
	if err := w.beginBytes(ctx); err != nil {
		return nil, nil, err
	}
	if err := w.out.flush(); err != nil {
		return nil, nil, w.failed(err, "payload")
	}
	f := newFile(mmap.NewReaderAt(sourceReader{w.base.src}, w.out.off, w.path), &OpenOptions{NoMmap: true, Verify: VerifyOnFirstUse})
	t = &Tensor{f: f, name: g.rec.Name, dtype: g.rec.DType, shape: g.rec.Shape, strides: g.rec.Strides, offset: g.rec.Offset, kind: format.KindDense}
	if s := &g.storage; s.ID != 0 {
		t.st = storage{ID: s.ID, Kind: StorageRaw, Offset: s.Payload, Size: s.Size, sums: s.Ref, block: s.Block}
	}
	return t, func() { f.Close() }, nil
}
