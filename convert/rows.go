package convert

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/tensor"
)

// RowsOptions says what AppendRows adds. The zero value, and nil, are the
// defaults.
type RowsOptions struct {
	// Open, Stdin, Limit, DryRun and Progress are those of Options.
	Open     OpenOptions
	Stdin    func(ctx context.Context, o *OpenOptions) (*tensorfile.File, error)
	Limit    int64
	DryRun   bool
	Progress func(done, total int64)
	// Only and Exclude choose among the tensors of inputs that hold several.
	Only, Exclude []string
	// Shared allows it to change chunks that other names show, too. Default:
	// false, that is ErrInUse.
	Shared bool
	// Store says how a tensor of plain bytes is stored when the first append
	// makes chunks of it. Default: chunks of about 1 MiB, as they are.
	Store []Store
}

// Rows is what AppendRows added, or would add.
type Rows struct {
	Name   string
	DType  tensor.DType
	Before tensor.Shape
	Shape  tensor.Shape // with the rows
	From   []Written    // the tensors whose rows they are
	Rows   int64
	Bytes  int64 // logical, of the rows
	// Rewritten says that the tensor was plain bytes and is now in chunks: all
	// its elements were written once more.
	Rewritten bool
	Shared    int   // other names on the same bytes
	Chunks    int   // that were written
	Stored    int64 // bytes of them and of what leads to them
	Notes     []string
}

// piece is about how many bytes of rows are given to a writer together; of mapped
// ones, which need no memory, eight times as many. Tests make it smaller.
var piece int64 = 32 << 20

// AppendRows adds the rows of tensors, one from each input, behind those of the
// tensor called name of the native file that w edits and of which to is the
// newest generation. Dtypes and shapes are compared before a byte is written.
// It does not commit.
func AppendRows(ctx context.Context, w *tensorfile.Writer, to *tensorfile.File, name string, inputs []string, o *RowsOptions) (*Rows, error) {
	if o == nil {
		o = &RowsOptions{}
	}
	j := &job{out: to.Path(), native: true, o: Options{Open: o.Open, Stdin: o.Stdin, Only: o.Only, Exclude: o.Exclude, Limit: o.Limit}}
	j.o.Open.SkipBad = false
	defer j.close()
	if err := j.others(inputs); err != nil {
		return nil, err
	}
	t, err := to.Tensor(name)
	if err != nil {
		return nil, err
	}
	if err := j.open(ctx, inputs); err != nil {
		return nil, err
	}
	if err := j.choose(); err != nil {
		return nil, err
	}
	if _, _, ok := t.Composite(); ok {
		return j.compositeRows(ctx, w, t, o)
	}
	r, err := j.rows(t)
	if err != nil {
		return nil, err
	}
	if r.Shared, err = othersOn(to, t); err != nil {
		return nil, err
	}
	g := &tensorfile.GrowOptions{Shared: o.Shared}
	st := t.Storage()
	switch grid := st.Kind == tensorfile.StorageGrid; {
	case grid && r.Shared > 0 && !o.Shared:
		return nil, &Error{Kind: tensorfile.ErrInUse, Path: j.out, Tensor: name, Offset: -1, Field: "chunks", Got: fmt.Sprintf("some that %d other names show, too", r.Shared), Want: "chunks of this tensor alone, or permission"}
	case grid && len(o.Store) > 0:
		r.Notes = append(r.Notes, tensor.Quote(name)+" keeps its codec and its chunks; 'repack' changes them")
	case !grid:
		r.Rewritten = t.NumElements() > 0
		if r.Rewritten && r.Shared > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s shared its bytes with %d other names and no longer does", tensor.Quote(name), r.Shared))
		}
		if err := j.firstGrid(o.Store, t, r, g); err != nil {
			return nil, err
		}
	}
	if err := j.rowsLimit(t, r); err != nil {
		return nil, err
	}
	if o.DryRun {
		return r, nil
	}
	if err := j.probe(ctx); err != nil {
		return nil, err
	}
	return r, j.addRows(ctx, w, t, r, g, o.Progress)
}

// rows compares what was chosen of the inputs with the tensor that it is to be
// added to.
func (j *job) rows(t *tensorfile.Tensor) (*Rows, error) {
	bad := func(kind error, in *tensorfile.Tensor, field, got, want string) (*Rows, error) {
		return nil, &Error{Kind: kind, Path: in.File().Path(), Tensor: in.Name(), Offset: -1, Field: field, Got: got, Want: want}
	}
	d, shape := t.DType(), t.Shape()
	if len(shape) == 0 {
		return bad(tensorfile.ErrShape, t, "append", "rows onto a tensor of rank 0", "one with an axis 0")
	}
	r := &Rows{Name: t.Name(), DType: d, Before: shape.Clone(), Shape: shape.Clone()}
	of := map[*tensorfile.File]int{}
	for _, it := range j.items {
		of[it.t.File()]++
	}
	for _, f := range j.files {
		if n := of[f]; n != 1 {
			return nil, &Error{Kind: tensorfile.ErrFormat, Path: f.Path(), Offset: -1, Field: "rows", Got: fmt.Sprintf("%d tensors", n), Want: "one tensor of each input"}
		}
	}
	for i, it := range j.items {
		x := it.t
		want := "(n" + strings.TrimPrefix(shape.String(), fmt.Sprintf("(%d", shape[0]))
		_, _, composite := x.Composite()
		switch xs := x.Shape(); {
		case composite:
			return bad(tensorfile.ErrShape, x, "rows", "a composite tensor", "a dense one, as "+tensor.Quote(t.Name())+" is")
		case x.DType() != d:
			return bad(tensorfile.ErrDType, x, "rows", x.DType().String(), fmt.Sprintf("%v, as %s has", d, tensor.Quote(t.Name())))
		case len(xs) != len(shape) || !xs[1:].Equal(shape[1:]):
			return bad(tensorfile.ErrShape, x, "shape of rows", xs.String(), want)
		case xs[0] > math.MaxInt64-r.Shape[0]:
			return bad(tensorfile.ErrOverflow, x, "rows", xs.String(), "at most 2^63-1 in all")
		case d.Packed() && len(shape) == 1 && r.Shape[0]%int64(d.UnitElems) != 0 && xs[0] > 0:
			return bad(tensorfile.ErrUnsupported, x, "rows", fmt.Sprintf("elements behind %d of %v", r.Shape[0], d), fmt.Sprintf("behind whole units of %d elements", d.UnitElems))
		default:
			r.Shape[0] += xs[0]
			r.Rows += xs[0]
			r.Bytes += x.ByteSize()
		}
		j.items[i].name = t.Name()
		r.From = append(r.From, Written{From: x.File().Path(), Old: x.Name(), Name: t.Name(), DType: d, Shape: x.Shape(), Bytes: x.ByteSize()})
	}
	if _, err := tensor.ByteSize(d, r.Shape); err != nil {
		return nil, err
	}
	return r, nil
}

// othersOn counts the other names on a tensor's storage.
func othersOn(f *tensorfile.File, t *tensorfile.Tensor) (n int, err error) {
	id := t.Storage().ID
	if id == 0 {
		return 0, nil
	}
	for x, err := range f.Tensors() {
		switch {
		case errors.Is(err, tensorfile.ErrIO):
			return 0, err
		case err == nil && x.Storage().ID == id && x.Name() != t.Name():
			n++
		}
	}
	return n, nil
}

// firstGrid says how the first append stores a tensor of plain bytes.
func (j *job) firstGrid(rules []Store, t *tensorfile.Tensor, r *Rows, g *tensorfile.GrowOptions) error {
	used := make([]bool, len(rules))
	o, err := Rules(rules, t.Name(), t, false, used)
	if err == nil && o != nil && o.Codec == "none" {
		err = &Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "codec", Got: "none", Want: "chunks, as only those can grow: raw, for one"}
	}
	if err != nil {
		return ruleError(err, j.out, t.Name())
	}
	if o != nil {
		g.Chunk, g.Codec = o.Chunk, o.Codec
	}
	r.Notes = append(r.Notes, ruleNotes(rules, used, nil)...)
	return nil
}

// rowsLimit refuses to write too much.
func (j *job) rowsLimit(t *tensorfile.Tensor, r *Rows) error {
	written := uint64(r.Bytes)
	if r.Rewritten {
		written += uint64(t.ByteSize())
	}
	limit := j.o.Limit
	if limit == 0 {
		limit = max(4<<30, 8*min(j.size, math.MaxInt64/8))
		if r.Rewritten {
			limit += min(8*min(t.File().Map().Size(), math.MaxInt64/8), math.MaxInt64-limit)
		}
	}
	if limit > 0 && written > uint64(limit) {
		return j.fail(tensorfile.ErrLimit, "bytes to write", fmt.Sprint(written), fmt.Sprintf("at most %d", limit))
	}
	return nil
}

// addRows gives the rows to the writer, piece by piece: whole chunks, so that
// they are no more than those of one append.
func (j *job) addRows(ctx context.Context, w *tensorfile.Writer, t *tensorfile.Tensor, r *Rows, g *tensorfile.GrowOptions, progress func(done, total int64)) error {
	st, first := t.Storage(), int64(0) // rows up to the end of a chunk
	if st.Chunk == nil && g.Chunk == nil && g.Codec == "" && r.Bytes > piece {
		g.Chunk = codec.ChunkShape(r.DType, r.Shape, 1<<20)
	}
	step := int64(0) // rows of a chunk
	if st.Chunk != nil {
		step = st.Chunk[0]
	} else if g.Chunk != nil {
		step = g.Chunk[0]
		first = (step - r.Before[0]%step) % step
	}
	done := int64(0)
	for _, it := range j.items {
		x := it.t
		rows := x.Shape()[0]
		n, most := rows, piece
		if _, err := x.View(); err == nil {
			most *= 8
		}
		if each := saturated(x.ByteSize()/max(rows, 1), step); each > 0 && x.ByteSize() > most {
			n = max(most/each, 1) * step
		}
		var buf tensor.View
		for at := int64(0); at < rows; {
			end := min(at+n+first, rows)
			res, err := j.addPiece(ctx, w, x, r.Name, at, end, &buf, g)
			if err != nil {
				return err
			}
			r.Chunks += res.Chunks
			r.Stored += res.Bytes
			if done += end - at; progress != nil {
				progress(r.Bytes/max(r.Rows, 1)*done, r.Bytes)
			}
			at, first = end, 0
		}
	}
	return j.unchanged()
}

func saturated(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// addPiece adds rows [at, end) of x. buf may be used again for the next.
func (j *job) addPiece(ctx context.Context, w *tensorfile.Writer, x *tensorfile.Tensor, name string, at, end int64, buf *tensor.View, g *tensorfile.GrowOptions) (res tensorfile.GrowResult, err error) {
	if _, err := x.View(); err == nil {
		err = x.Guard(func(v tensor.View) (err error) {
			if v, err = v.Slice(0, at, end, 1); err == nil {
				res, err = w.Append(ctx, name, v, g)
			}
			return err
		})
		return res, err
	}
	shape := x.Shape().Clone()
	shape[0] = end - at
	v := *buf
	if v.Rank() == 0 || v.Shape()[0] < shape[0] {
		if v, err = tensor.Make(x.DType(), shape); err != nil {
			return res, err
		}
		*buf = v
	}
	if v, err = v.Slice(0, 0, shape[0], 1); err != nil {
		return res, err
	}
	sel := tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: end, Step: tensor.None}}
	if err := x.ReadInto(ctx, v, sel); err != nil {
		return res, err
	}
	return w.Append(ctx, name, v, g)
}
