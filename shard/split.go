package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// SplitOptions say how Split divides a file. One of Size and Parts must be set.
type SplitOptions struct {
	// Size bounds the payload of a shard in bytes, as it is stored. Tensors are taken
	// in their order, and one that is larger is cut along axis 0; a row that is larger,
	// or a composite, or tensors that share their bytes, stay together in a shard of
	// their own. Default: 0, Parts says how many there are.
	Size int64
	// Parts is the number of shards. Each gets as many rows of every dense tensor,
	// give or take one; what has fewer rows, and composites, are in the first shard.
	// Default: 0, as many as Size needs.
	Parts int

	// Overwrite replaces files that are there. Default: false.
	Overwrite bool
	// DryRun plans, checks and writes nothing. Default: false.
	DryRun bool
	// Align, Deterministic, Time and NoSync are those of tensorfile.CreateOptions.
	Align         int
	Deterministic bool
	Time          time.Time
	NoSync        bool
	// Progress is called from one goroutine with the logical bytes written so far and
	// those in all. Default: nil.
	Progress func(done, total int64)
}

// SplitResult is what Split did, or would do.
type SplitResult struct {
	// Index is that of the set; of a dry run the sizes and hashes of its shards are not
	// known, and zero.
	Index *Index
	// Notes say what could not be cut.
	Notes []string
}

// piece is a tensor, or rows of it, for one shard.
type piece struct {
	t        *tensorfile.Tensor
	from, to int64 // rows; to 0: all of it
}

// plan is what each shard gets.
type plan struct {
	shards [][]piece
	notes  []string
}

// unit is one or more tensors that share their bytes, and what these take.
type unit struct {
	tensors []*tensorfile.Tensor
	bytes   int64
}

// Split writes the tensors of f to shards beside the index at path, and the index
// when all of them are there. path may be an address of a scheme that the program
// writes to: the shards then go there as streams, each once, and appear one after the
// other when all of them have been sent. Tensors that are not cut are copied as they are stored,
// and keep sharing their bytes; rows of tensors in chunks are encoded anew by the same
// pipelines. Whatever fails before the first shard has its name, what was there is
// there as it was.
//
// The shards are called after the index: "m.shards.json" has
// "m-00001-of-00007.tensor".
func Split(ctx context.Context, f *tensorfile.File, path string, o *SplitOptions) (*SplitResult, error) {
	if o == nil {
		o = &SplitOptions{}
	}
	if o.Size < 0 || o.Parts < 0 || (o.Size > 0) == (o.Parts > 0) {
		return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Path: path, Offset: -1, Field: "shards", Got: fmt.Sprintf("size %d, parts %d", o.Size, o.Parts), Want: "one of both, above 0"}
	}
	units, err := unitsOf(f)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if o.Parts > 0 {
		err = p.byRows(units, o.Parts)
	} else {
		p.bySize(units, o.Size)
	}
	if err == nil && len(p.shards) > maxShards {
		err = &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "shards", Got: strconv.Itoa(len(p.shards)), Want: "at most " + strconv.Itoa(maxShards)}
	}
	if err == nil && len(p.shards) == 0 {
		err = &tensor.Error{Kind: tensor.ErrNotFound, Offset: -1, Field: "tensors", Got: "none", Want: "one or more to put into shards"}
	}
	if err != nil {
		return nil, inFile(err, f.Path())
	}
	w := &splitter{o: o, f: f, path: path, plan: p, fs: fsys.Default()}
	x, err := w.run(ctx)
	if err != nil {
		return nil, err
	}
	return &SplitResult{Index: x, Notes: p.notes}, nil
}

func inFile(err error, path string) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path = path
	}
	return err
}

// unitsOf lists what must stay together, in the order of the tensors.
func unitsOf(f *tensorfile.File) ([]*unit, error) {
	type storage struct {
		f  *tensorfile.File
		id uint64
	}
	var list []*unit
	on := map[storage]*unit{}
	for t, err := range f.Tensors() {
		if err != nil {
			return nil, err
		}
		st := t.Storage()
		k := storage{t.File(), st.ID}
		if u := on[k]; u != nil && st.ID != 0 {
			u.tensors = append(u.tensors, t)
			continue
		}
		u := &unit{[]*tensorfile.Tensor{t}, st.Stored}
		on[k] = u
		list = append(list, u)
	}
	return list, nil
}

// rows is the extent of the axis along which t can be cut, and how many elements of
// it share a unit of the dtype; 0 if it cannot be cut.
func rows(t *tensorfile.Tensor) (n, step int64) {
	_, _, composite := t.Composite()
	if composite || len(t.Shape()) == 0 || t.NumElements() == 0 {
		return 0, 1
	}
	step = 1
	if len(t.Shape()) == 1 {
		step = int64(t.DType().UnitElems)
	}
	return t.Shape()[0], step
}

// byRows gives each of n shards its rows.
func (p *plan) byRows(units []*unit, n int) error {
	p.shards = make([][]piece, n)
	cut, kept := 0, []string{}
	for _, u := range units {
		for _, t := range u.tensors {
			all, step := rows(t)
			if steps := (all + step - 1) / step; steps >= int64(n) {
				cut++
				at := int64(0)
				for i := range p.shards {
					end := min(share(steps, int64(i)+1, int64(n))*step, all)
					p.shards[i] = append(p.shards[i], piece{t, at, end})
					at = end
				}
				continue
			}
			p.shards[0] = append(p.shards[0], piece{t: t})
			kept = append(kept, t.Name())
		}
	}
	if cut == 0 && n > 1 {
		return &tensor.Error{Kind: tensor.ErrShape, Offset: -1, Field: "parts", Got: strconv.Itoa(n), Want: "at most the rows of the longest dense tensor"}
	}
	if len(kept) > 0 && n > 1 {
		p.notes = append(p.notes, fmt.Sprintf("the first shard has all of %s: fewer than %d rows, or a composite", some(kept), n))
	}
	return nil
}

// share is n*i/of without overflow.
func share(n, i, of int64) int64 { return n/of*i + n%of*i/of }

// some shows the first of a list of names.
func some(names []string) string {
	var b strings.Builder
	for i, name := range names[:min(len(names), 4)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(tensor.Quote(name))
	}
	if n := len(names) - 4; n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	return b.String()
}

// bySize fills shards up to size bytes.
func (p *plan) bySize(units []*unit, size int64) {
	left := int64(0) // in the last shard
	next := func() {
		p.shards = append(p.shards, nil)
		left = size
	}
	put := func(x piece, bytes int64) {
		last := len(p.shards) - 1
		p.shards[last] = append(p.shards[last], x)
		left -= min(bytes, left)
	}
	for _, u := range units {
		if u.bytes <= size {
			if u.bytes > left || len(p.shards) == 0 {
				next()
			}
			for i, t := range u.tensors {
				put(piece{t: t}, u.bytes*int64(1-min(i, 1)))
			}
			continue
		}
		t := u.tensors[0]
		n, step := rows(t)
		if len(u.tensors) > 1 || n <= step {
			p.notes = append(p.notes, fmt.Sprintf("%s is more than a shard is to have, and cannot be cut", tensor.Quote(t.Name())))
			next()
			for _, t := range u.tensors {
				put(piece{t: t}, u.bytes)
			}
			continue
		}
		steps := (n + step - 1) / step
		each := (u.bytes-1)/steps + 1 // bytes of a step
		most := max(size/each, 1) * step
		if each > size {
			p.notes = append(p.notes, fmt.Sprintf("a row of %s is more than a shard is to have", tensor.Quote(t.Name())))
		}
		for at := int64(0); at < n; at += most {
			end := min(at+most, n)
			next()
			put(piece{t, at, end}, (end-at+step-1)/step*each)
		}
	}
}

// splitter writes the shards of a plan.
type splitter struct {
	o    *SplitOptions
	f    *tensorfile.File
	path string
	plan *plan
	fs   fsys.FS

	hash        tensorfile.Hash // of all that f holds, for what is deterministic
	done, total int64
	made        []string // files that go if something fails
}

// unfinished is what the names of shards end with until all of them are written.
const unfinished = ".unfinished"

// shardName is the name of shard i of n of the index at p.
func shardName(p string, i, n int) string {
	return fmt.Sprintf("%s-%05d-of-%05d%s", stem(p), i+1, n, format.Extension)
}

// stem is the name of an index without what says that it is one.
func stem(p string) string {
	name := baseName(p)
	for _, ext := range []string{Extension, ".json"} {
		if s, ok := strings.CutSuffix(name, ext); ok && s != "" {
			return s
		}
	}
	return name
}

// baseName is the last name of a path, or of an address.
func baseName(p string) string {
	if strings.Contains(p, "://") {
		return path.Base(p)
	}
	return filepath.Base(p)
}

func (w *splitter) run(ctx context.Context) (x *Index, err error) {
	names := make([]string, len(w.plan.shards))
	for i := range names {
		names[i] = shardName(w.path, i, len(names))
		if !convert.PlainName(names[i]) {
			return nil, &tensor.Error{Kind: tensor.ErrPath, Path: w.path, Offset: -1, Field: "index", Got: tensor.Quote(names[i]) + " as the name of a shard", Want: "a plain name"}
		}
		for _, x := range w.plan.shards[i] {
			w.total += logical(x)
		}
	}
	if far, err := w.far(ctx, names); far != nil || err != nil {
		return far, err
	}
	for _, name := range append([]string{baseName(w.path)}, names...) {
		if err := w.free(name); err != nil {
			return nil, err
		}
	}
	if w.o.DryRun {
		return w.planned(names)
	}
	defer func() {
		if err != nil && !errors.Is(err, tensor.ErrCommitUnknown) { // else the index may be there
			var left error
			for _, name := range w.made {
				if e := w.fs.Remove(name); e != nil && !fsys.IsMissing(e) && left == nil {
					left = atomicfile.Fail(e, name, "removal", -1)
				}
			}
			err = atomicfile.Also(err, left)
		}
	}()
	if w.o.Deterministic {
		if w.hash, err = w.f.Hash(ctx, nil); err != nil {
			return nil, err
		}
	}
	sets := make([]*Index, len(names))
	for i, name := range names {
		if sets[i], err = w.shard(ctx, i, name); err != nil {
			return nil, err
		}
	}
	if err := w.f.Check(); err != nil {
		return nil, err
	}
	if x, err = Join(sets...); err != nil {
		return nil, err
	}
	text, err := x.AppendJSON(nil)
	if err != nil {
		return nil, err
	}
	index, err := atomicfile.Create(w.path, &atomicfile.Options{Overwrite: w.o.Overwrite, NoSync: w.o.NoSync})
	if err != nil {
		return nil, err
	}
	defer func() { err = atomicfile.Also(err, index.Close()) }()
	if _, err = index.Write(text); err != nil {
		return nil, err
	}
	if err = ctx.Err(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err = w.settle(name); err != nil {
			return nil, err
		}
	}
	return x, index.Commit()
}

// free reports whether the name of an output can be written to.
func (w *splitter) free(name string) error {
	p := filepath.Join(filepath.Dir(w.path), name)
	switch same, err := atomicfile.Same(w.fs, w.f.Path(), p); {
	case err != nil:
		return err
	case same:
		return &tensor.Error{Kind: tensor.ErrPath, Path: p, Offset: -1, Field: "output", Got: "the same file as the input", Want: "another file"}
	}
	return atomicfile.Check(p, &atomicfile.Options{Overwrite: w.o.Overwrite})
}

// settle gives a shard its name.
func (w *splitter) settle(name string) error {
	p := filepath.Join(filepath.Dir(w.path), name)
	rename := w.fs.RenameNew
	if w.o.Overwrite {
		rename = w.fs.Rename
	}
	made, err := w.fs.Stat(p + unfinished)
	if err == nil {
		err = rename(p+unfinished, p)
	}
	if err != nil {
		// A server may have done it whose answer was lost.
		if fi, serr := w.fs.Stat(p); made == nil || serr != nil || !w.fs.SameFile(fi, made) {
			return atomicfile.Fail(err, p, "rename", -1)
		}
	}
	w.made = append(w.made, p)
	return nil
}

// logical is the bytes of a piece in C order.
func logical(x piece) int64 {
	if x.to == 0 {
		return x.t.ByteSize()
	}
	shape := x.t.Shape().Clone()
	shape[0] = x.to - x.from
	n, _ := tensor.ByteSize(x.t.DType(), shape)
	return n
}

// planned is the index as it would be, without sizes and hashes.
func (w *splitter) planned(names []string) (*Index, error) {
	sets := make([]*Index, len(names))
	for i, name := range names {
		sets[i] = &Index{Shards: []Shard{{Name: name}}}
		for _, x := range w.plan.shards[i] {
			t := Tensor{Name: x.t.Name(), DType: x.t.DType(), Shape: x.t.Shape().Clone(), Layout: layoutOf(x.t), Parts: []Part{{}}}
			if x.to > 0 {
				t.Shape[0] = x.to - x.from
			}
			sets[i].Tensors = append(sets[i].Tensors, t)
		}
	}
	return Join(sets...)
}

// shard writes shard i under its unfinished name, and says what is in it.
func (w *splitter) shard(ctx context.Context, i int, name string) (x *Index, err error) {
	p := filepath.Join(filepath.Dir(w.path), name) + unfinished
	out, err := tensorfile.Create(p, w.create(name))
	if err != nil {
		return nil, err
	}
	err = w.write(ctx, out, w.plan.shards[i])
	if err == nil {
		err = out.Commit(ctx)
	}
	if err == nil {
		w.made = append(w.made, p)
	}
	if err = atomicfile.Also(err, out.Close()); err != nil {
		return nil, err
	}
	if x, err = Describe(ctx, p, nil); err == nil {
		x.Shards[0].Name = name
	}
	return x, err
}

// create are the options that the shard called name is written with.
func (w *splitter) create(name string) *tensorfile.CreateOptions {
	o := &tensorfile.CreateOptions{Overwrite: true, Align: w.o.Align, Deterministic: w.o.Deterministic, Time: w.o.Time, NoSync: w.o.NoSync}
	if o.Deterministic { // the content of the set, and the place in it
		o.Seed = fmt.Appendf(nil, "%v %s", w.hash, name)
	}
	return o
}

// write writes pieces: whole tensors first, which may share bytes.
func (w *splitter) write(ctx context.Context, out *tensorfile.Writer, pieces []piece) error {
	a, err := w.f.Attrs()
	if err == nil && len(a) > 0 {
		err = out.SetAttrs(a)
	}
	if err != nil {
		return err
	}
	var items []tensorfile.Item
	bytes := int64(0)
	for _, x := range pieces {
		if x.to == 0 {
			items = append(items, tensorfile.Item{Tensor: x.t})
			bytes += logical(x)
		}
	}
	if len(items) > 0 {
		if err := out.Copy(ctx, items...); err != nil {
			return err
		}
		w.progress(bytes)
	}
	for _, x := range pieces {
		if x.to == 0 {
			continue
		}
		if err := w.rows(ctx, out, x); err != nil {
			return err
		}
	}
	return nil
}

func (w *splitter) progress(n int64) {
	w.done += n
	if w.o.Progress != nil {
		w.o.Progress(w.done, w.total)
	}
}

// rows writes rows of a tensor as a tensor of their own.
func (w *splitter) rows(ctx context.Context, out *tensorfile.Writer, x piece) error {
	a, err := x.t.Attrs()
	if err != nil {
		return err
	}
	o := &tensorfile.TensorOptions{Attrs: a}
	shape := x.t.Shape().Clone()
	shape[0] = x.to - x.from
	if st := x.t.Storage(); st.Kind == tensorfile.StorageGrid && x.t.File().Layout() == nil {
		o.Codec, o.Chunk = cmp.Or(st.Codec, "raw"), x.t.ChunkShape()
		if o.Chunk != nil {
			o.Chunk = o.Chunk.Clone()
			o.Chunk[0] = min(o.Chunk[0], shape[0])
		}
	}
	r := newRowReader(ctx, x, w.progress)
	err = out.AddReader(ctx, x.t.Name(), x.t.DType(), shape, r, o)
	return atomicfile.Also(err, r.Close())
}

// blockBytes is about how much of a tensor is read at a time.
const blockBytes = 8 << 20

// A rowReader reads rows of a tensor in C order, little-endian.
type rowReader struct {
	ctx  context.Context
	x    piece
	step int64 // rows of a block
	at   int64
	buf  []byte
	left []byte // of buf
	tell func(n int64)

	stream *io.PipeReader // of a tensor that is decoded from its begin on
}

func newRowReader(ctx context.Context, x piece, tell func(int64)) *rowReader {
	r := &rowReader{ctx: ctx, x: x, at: x.from, tell: tell}
	one := max(logical(x)/(x.to-x.from), 1)
	_, unit := rows(x.t)
	r.step = max(blockBytes/one/unit, 1) * unit
	if c := x.t.ChunkShape(); len(c) > 0 && c[0] > 0 {
		r.step = max(r.step/c[0], 1) * c[0]
	}
	return r
}

// Read gives the next bytes.
func (r *rowReader) Read(p []byte) (int, error) {
	if r.x.t.Storage().Kind == tensorfile.StorageEncoded {
		return r.decode(p)
	}
	if len(r.left) == 0 {
		if r.at == r.x.to {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	r.tell(int64(n))
	return n, nil
}

// next reads a block. The first ends where chunks do.
func (r *rowReader) next() error {
	end := min(r.at/r.step*r.step+r.step, r.x.to)
	shape := r.x.t.Shape().Clone()
	shape[0] = end - r.at
	size, err := tensor.ByteSize(r.x.t.DType(), shape)
	if err != nil {
		return err
	}
	if int64(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	v, err := tensor.NewView(r.buf[:size], r.x.t.DType(), shape, nil, 0, tensor.LittleEndian)
	if err == nil {
		err = r.x.t.ReadInto(r.ctx, v, tensor.Selection{{Kind: tensor.SelectRange, Start: r.at, Stop: end, Step: 1}})
	}
	if err != nil {
		return err
	}
	r.left, r.at = r.buf[:size], end
	return nil
}

// decode reads a stream that cannot be entered in its middle: what stands before the
// rows is decoded and dropped.
func (r *rowReader) decode(p []byte) (int, error) {
	if r.stream == nil {
		in, out := io.Pipe()
		r.stream = in
		go func() { out.CloseWithError(r.x.t.WriteCOrder(r.ctx, out)) }()
		before := piece{r.x.t, 0, r.x.from}
		if r.x.from > 0 {
			if _, err := io.CopyN(io.Discard, in, logical(before)); err != nil {
				return 0, err
			}
		}
		r.at = logical(r.x) // bytes that are left
	}
	if r.at == 0 {
		return 0, io.EOF
	}
	n, err := r.stream.Read(p[:min(int64(len(p)), r.at)])
	r.at -= int64(n)
	r.tell(int64(n))
	return n, err
}

// Close ends a stream.
func (r *rowReader) Close() error {
	if r.stream == nil {
		return nil
	}
	return r.stream.Close()
}
