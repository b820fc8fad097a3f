package tensorfile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Version of this library.
const Version = "0.1.0"

// writerName stands in every root record that this library writes.
const writerName = "tensorfile " + Version

// journalEvery is how many bytes of payload lie between two journal runs. Tests
// make it smaller.
var journalEvery int64 = 64 << 20

// CreateOptions says how to write a file. The zero value, and nil, are the
// defaults.
type CreateOptions struct {
	// Overwrite replaces a file that is there. Its mode is kept. Default:
	// false, an existing destination is ErrExists.
	Overwrite bool
	// Align is the alignment in bytes of payloads of 64 KiB and more: a power
	// of two from 4 KiB to 2 MiB. Default: 4 KiB.
	Align int
	// Deterministic gives equal bytes for equal input: commit time and UUID
	// come from Time and Seed alone. Default: false.
	Deterministic bool
	// Seed tells a deterministic file from others of the same Time, whose UUID
	// must differ if their content does: a hash of what will be written.
	// Default: nothing.
	Seed []byte
	// Time of the commit. Default: now, or 1970-01-01 if Deterministic.
	Time time.Time
	// NoSync leaves it to the caller, or to chance, when the bytes reach the
	// disk. The destination is still replaced in one step. Default: false.
	NoSync bool

	fs fsys.FS
}

// StorageID names a storage of the file being written.
type StorageID struct {
	w    *Writer
	id   uint64
	size int64
}

// Size in bytes.
func (s StorageID) Size() int64 { return s.size }

// TensorOptions describes a tensor beyond its elements. The zero value, and
// nil, mean nothing.
type TensorOptions struct {
	Attrs Attrs
	// Dims names the axes; "" leaves one without a name. It stands for the
	// attribute "dims".
	Dims []string
	// Chunk asks for a grid of chunks of this shape, one extent an axis: 1 or
	// more, the last a multiple of the elements in a unit, at most 1 GiB in all.
	// Default: nil, no chunks, or if Codec or Fill ask for them, chunks of about
	// 1 MiB, whole in the last axes.
	Chunk tensor.Shape
	// Codec is the pipeline by which chunks are stored, such as "shuffle|zstd:3"
	// (spec, "Pipelines"), or "raw" for none. "auto" looks at samples for the
	// pipeline with the best ratio that two threads decode at a fifth of the speed
	// of a copy in memory or more, "fast" at half of it, "best" at any; data that
	// does not become smaller is then stored as with "none", as plain bytes. Chunks that do not become shorter
	// are stored as they are in any case, and chunks of one value as that value.
	// Default: "", no chunks, or raw ones if Chunk or Fill ask for them.
	Codec string
	// Fill is one unit of the dtype, little-endian, at most 16 bytes: chunks
	// that hold nothing else take no room, bit for bit. Default: nil, zeros.
	Fill []byte
	// Replace takes the place of a tensor of that name in a file that is being
	// edited. Default: false, a name that is taken is ErrDuplicate.
	Replace bool
}

// A Writer writes a new file (Create, NewWriter) or edits one that is there
// (OpenAppend). Payloads go out as they are added, in memory that does not grow
// with them. Commit makes a new file appear, or what was edited the newest
// generation; Close without Commit leaves no trace. A Writer belongs to one
// goroutine. After an operation failed in the middle of writing, all others
// return ErrPoisoned; an edit that ran out of space is rolled back instead, and
// the Writer goes on from the last commit.
type Writer struct {
	file *atomicfile.File // nil for a stream and for an edit
	path string           // as the caller named it
	opts CreateOptions

	// Edits only.
	base     *base
	append   AppendOptions
	changes  map[string]*format.TensorRecord // since the last commit, by key
	revertTo *format.Catalog

	// New files with several generations: what the ones before hold.
	number   uint64 // of the generation being written, 0 means 1
	previous int64  // the trailer before
	before   []olderRun
	known    map[uint64]struct{} // ids of the storages in them

	out      *stream
	uuid     format.UUID
	alignExp uint8
	tensors  []format.TensorRecord
	storages []format.StorageRecord
	regrown  int // of them have the id of one before
	orphans  []span
	nextID   uint64
	names    map[string]struct{} // new files
	attrs    []byte
	attrsSet bool
	live     int64
	since    struct { // the last journal run
		tensors, storages int
		bytes             int64
	}
	copies map[copyKey]StorageID
	err    error
	done   bool
}

type copyKey struct {
	f  *File
	id uint64
}

func (o *CreateOptions) resolve() (CreateOptions, uint8, error) {
	var r CreateOptions
	if o != nil {
		r = *o
	}
	if r.Align == 0 {
		r.Align = 1 << format.MinAlignExp
	}
	exp := uint8(format.MinAlignExp)
	for exp < format.MaxAlignExp && 1<<exp < r.Align {
		exp++
	}
	if 1<<exp != r.Align {
		return r, 0, &Error{Kind: ErrLimit, Offset: -1, Field: "alignment", Got: fmt.Sprint(r.Align), Want: fmt.Sprintf("a power of two from %d to %d", 1<<format.MinAlignExp, 1<<format.MaxAlignExp), Rule: format.RuleRootAlignment}
	}
	return r, exp, nil
}

// Create begins a new file at path. Its bytes go to a temporary file beside
// path until Commit. A symbolic link at path is followed.
func Create(path string, o *CreateOptions) (*Writer, error) {
	opts, exp, err := o.resolve()
	if err != nil {
		return nil, located(err, path, "")
	}
	if path == "" {
		return nil, &Error{Kind: ErrPath, Offset: -1, Field: "destination", Got: "an empty name", Want: "the name of a file"}
	}
	w := &Writer{path: path, opts: opts, alignExp: exp}
	w.file, err = atomicfile.Create(path, &atomicfile.Options{Overwrite: opts.Overwrite, NoSync: opts.NoSync, FS: opts.fs})
	if err != nil {
		return nil, err
	}
	if err := w.begin(w.file); err != nil {
		return nil, atomicfile.Also(err, w.Close())
	}
	return w, nil
}

// NewWriter begins a new file that is streamed to out, which need not seek: a
// pipe, a socket, an upload. The stream is whole when Commit has returned.
// Create is better for files.
func NewWriter(out io.Writer, o *CreateOptions) (*Writer, error) {
	opts, exp, err := o.resolve()
	if err != nil {
		return nil, err
	}
	w := &Writer{opts: opts, alignExp: exp}
	return w, w.begin(out)
}

// begin writes the control pages, the slots as zeros.
func (w *Writer) begin(out io.Writer) error {
	w.names, w.copies, w.nextID = map[string]struct{}{}, map[copyKey]StorageID{}, 1
	w.out = newStream(out, 0)
	if w.opts.Time.IsZero() {
		w.opts.Time = time.Now()
		if w.opts.Deterministic {
			w.opts.Time = time.Unix(0, 0)
		}
	}
	if w.opts.Deterministic {
		seed := sha256.Sum256(fmt.Appendf(nil, "%s deterministic %d %x", writerName, w.opts.Time.UnixNano(), w.opts.Seed))
		copy(w.uuid[:], seed[:])
		w.uuid[6] = w.uuid[6]&0x0f | 0x80 // version 8, custom (RFC 9562)
	} else {
		rand.Read(w.uuid[:])
		w.uuid[6] = w.uuid[6]&0x0f | 0x40 // version 4, random
	}
	w.uuid[8] = w.uuid[8]&0x3f | 0x80
	if _, err := w.out.Write(format.Header{UUID: w.uuid}.AppendTo(nil)); err != nil {
		return w.poison(err, "header")
	}
	return w.poison(w.out.align(format.DataStart), "control pages")
}

// ready says whether anything more can be written.
func (w *Writer) ready(ctx context.Context) error {
	if w.done {
		return &Error{Kind: ErrClosed, Path: w.path, Offset: -1, Field: "writer"}
	}
	if w.err != nil {
		return fmt.Errorf("%w: %w", ErrPoisoned, w.err)
	}
	return ctx.Err()
}

// poison remembers an error that leaves the file half-written.
func (w *Writer) poison(err error, field string) error {
	if err == nil {
		return nil
	}
	if mutant.On("no poison") {
		return err
	}
	w.err = located(atomicfile.Fail(err, w.path, field, w.out.off), w.path, "")
	return w.err
}

// SetAttrs sets the file's own attributes.
func (w *Writer) SetAttrs(a Attrs) error {
	if err := w.ready(context.Background()); err != nil {
		return err
	}
	b, err := format.AppendAttrs(nil, a, -1)
	if err != nil {
		return located(err, w.path, "")
	}
	w.attrs, w.attrsSet = b, true
	return nil
}

// AddStorage writes size bytes of r as a storage for tensors that TensorOn
// puts on it. r must give as many bytes; what comes behind them is not read.
func (w *Writer) AddStorage(ctx context.Context, size int64, r io.Reader) (StorageID, error) {
	return w.storage(ctx, size, readerSource{r})
}

func (w *Writer) storage(ctx context.Context, size int64, src source) (StorageID, error) {
	return w.blocks(ctx, size, src, format.BlockExp(size))
}

// blocks is storage with the size of checksummed blocks given.
func (w *Writer) blocks(ctx context.Context, size int64, src source, exp uint8) (StorageID, error) {
	if err := w.ready(ctx); err != nil {
		return StorageID{}, err
	}
	if size < 0 {
		return StorageID{}, &Error{Kind: ErrShape, Path: w.path, Offset: -1, Field: "storage size", Got: fmt.Sprint(size), Want: "0 or more"}
	}
	if size > format.MaxOffset-w.out.off {
		return StorageID{}, &Error{Kind: ErrLimit, Path: w.path, Offset: w.out.off, Field: "storage size", Got: fmt.Sprint(size), Want: "a file below 2^62 bytes"}
	}
	if err := w.prepare(); err != nil {
		return StorageID{}, err
	}
	// By now the tensors on the storages before this one are known, too.
	if w.since.bytes >= journalEvery {
		if err := w.journal(); err != nil {
			return StorageID{}, err
		}
	}
	rec := format.StorageRecord{ID: w.nextID, Kind: format.StorageRaw, Size: size, Stored: size, Block: exp}
	if size > 0 {
		align := int64(format.Align)
		if size >= format.LargePayload {
			align = 1 << w.alignExp
		}
		if w.base != nil {
			w.base.dirty = true
		}
		if err := w.out.align(align); err != nil {
			return StorageID{}, w.failed(err, "padding")
		}
		rec.Payload = w.out.off
		list, err := payload(ctx, w.out, src, size, exp)
		if err != nil {
			return StorageID{}, w.failed(err, "payload")
		}
		if len(list) == 1 {
			rec.Ref = format.Ref{Offset: uint64(rec.Payload), Length: uint32(size), CRC: list[0]}
		} else {
			if err := w.out.align(format.Align); err != nil {
				return StorageID{}, w.failed(err, "padding")
			}
			b := format.AppendSums(nil, list)
			rec.Ref = format.Ref{Offset: uint64(w.out.off), Length: uint32(len(b)), CRC: format.Checksum(b)}
			if _, err := w.out.Write(b); err != nil {
				return StorageID{}, w.failed(err, "block sums")
			}
			w.live += int64(len(b))
		}
		w.live += size
		w.since.bytes += size
	}
	w.storages = append(w.storages, rec)
	w.nextID++
	return StorageID{w, rec.ID, size}, nil
}

// TensorOn adds a tensor that is a view of a storage: offset is where its
// element (0, ..., 0) stands, strides are in bytes, nil means C order. Any
// number of tensors may share a storage and overlap on it. Offset and strides
// must be multiples of the dtype's alignment, and every address must lie
// inside the storage.
func (w *Writer) TensorOn(s StorageID, name string, d tensor.DType, shape tensor.Shape, strides tensor.Strides, offset int64, o *TensorOptions) error {
	rec, err := w.record(name, d, shape, o)
	if err != nil {
		return err
	}
	if strides == nil {
		if strides, err = tensor.Contiguous(d, shape); err != nil {
			return located(err, w.path, name)
		}
	}
	if s.id != 0 && (s.w != w || w.storageOf(s) == nil) {
		return &Error{Kind: ErrIndex, Path: w.path, Tensor: name, Offset: -1, Field: "storage", Got: fmt.Sprint(s.id), Want: "a storage of this writer"}
	}
	if err := tensor.CheckView(d, shape, strides, offset, s.size); err != nil {
		return located(err, w.path, name)
	}
	rec.Storage, rec.Offset, rec.Strides = s.id, offset, strides.Clone()
	if on := w.storageOf(s); on != nil && on.Kind == format.StorageGrid {
		if err := format.CheckGridView(&rec, on); err != nil {
			return located(err, w.path, name)
		}
	}
	return w.add(rec)
}

// storageOf returns the record of a storage that was written since the last
// commit, or nil.
func (w *Writer) storageOf(s StorageID) *format.StorageRecord {
	return w.latest(s.id)
}

// latest returns the record of a storage that was written, or changed, since
// the last commit, or nil. Ids are dense but for those that were changed.
func (w *Writer) latest(id uint64) *format.StorageRecord {
	if first := w.nextID - uint64(len(w.storages)); w.regrown == 0 && id >= first && id < w.nextID {
		return &w.storages[id-first]
	}
	for i := len(w.storages) - 1; i >= 0 && w.regrown > 0; i-- {
		if w.storages[i].ID == id {
			return &w.storages[i]
		}
	}
	return nil
}

// record checks what can be checked before a byte is written.
func (w *Writer) record(name string, d tensor.DType, shape tensor.Shape, o *TensorOptions) (format.TensorRecord, error) {
	rec := format.TensorRecord{Name: name, Kind: format.KindDense, DType: d, Shape: shape.Clone(), Generation: 1}
	err := w.mayAdd(name, o)
	if err == nil {
		err = describesTensor(d, shape)
	}
	if err == nil {
		rec.Attrs, err = o.attrs(len(shape))
	}
	return rec, located(err, w.path, name)
}

// mayAdd reports an error if no tensor of that name can be added.
func (w *Writer) mayAdd(name string, o *TensorOptions) error {
	if err := w.ready(context.Background()); err != nil {
		return err
	}
	if err := w.free(name); err != nil && !(w.base != nil && o != nil && o.Replace && errors.Is(err, ErrDuplicate)) {
		return err
	}
	return nil
}

// describesTensor reports an error if no dense tensor has that dtype and shape.
func describesTensor(d tensor.DType, shape tensor.Shape) error {
	if len(shape) > format.MaxRank {
		return &Error{Kind: ErrLimit, Offset: -1, Field: "rank", Got: fmt.Sprint(len(shape)), Want: fmt.Sprintf("at most %d", format.MaxRank), Rule: format.RuleTensorRank}
	}
	if d.Class == tensor.ClassNone {
		return &Error{Kind: tensor.ErrDType, Offset: -1, Field: "dtype", Got: "none", Want: "a dtype", Rule: format.RuleDTypeNone}
	}
	return d.Validate()
}

// attrs are the attributes of a tensor of that rank as they are stored.
func (o *TensorOptions) attrs(rank int) ([]byte, error) {
	var a Attrs
	if o != nil {
		a = o.Attrs
		if o.Dims != nil {
			a = a.WithDims(o.Dims...)
		}
	}
	return format.AppendAttrs(nil, a, rank)
}

func (w *Writer) add(rec format.TensorRecord) error {
	if w.base == nil {
		w.names[rec.Name] = struct{}{}
		w.tensors = append(w.tensors, rec)
		return nil
	}
	parts, err := w.parts(rec.Name) // of a composite that rec replaces
	if err != nil {
		return located(err, w.path, rec.Name)
	}
	for _, key := range parts {
		w.put(format.TensorRecord{Name: key, Kind: format.KindDeleted})
	}
	w.put(rec)
	return nil
}

// Add writes the elements of v as a tensor. They keep the order in memory, C,
// Fortran or any other, as strides; gaps are left out, an axis that is
// broadcast stays so and costs nothing, the byte order becomes little. v must
// not change until Add returns.
func (w *Writer) Add(ctx context.Context, name string, v tensor.View, o *TensorOptions) error {
	rec, err := w.record(name, v.DType(), v.Shape(), o)
	if err != nil {
		return err
	}
	if err := w.placeView(ctx, &rec, v, o); err != nil {
		return located(err, w.path, name)
	}
	return w.add(rec)
}

// placeView writes the elements of v and notes in rec where they are.
func (w *Writer) placeView(ctx context.Context, rec *format.TensorRecord, v tensor.View, o *TensorOptions) error {
	o, err := o.chosen(v.DType(), v.Shape(), viewSampler(v))
	if err != nil {
		return err
	}
	if o.chunked() {
		return w.placeGrid(ctx, rec, o, func(s *format.StorageRecord) iter.Seq2[*chunkJob, error] { return viewJobs(s, v) })
	}
	if v.NumElements() == 0 {
		return placeEmpty(rec)
	}
	c, err := compactOf(v.DType(), v.Shape(), v.Strides())
	if err != nil {
		return err
	}
	cut, err := c.cut(v)
	if err != nil {
		return err
	}
	var src source
	b, err := cut.Bytes()
	if err == nil && (v.Order() == tensor.LittleEndian || v.DType().UnitBytes == 1) {
		src = &bytesSource{b}
	} else {
		p := newPump(func(out io.Writer) error { return cut.WriteCOrder(out, tensor.LittleEndian) })
		defer p.close()
		src = readerSource{p.r}
	}
	id, err := w.storage(ctx, c.size, src)
	rec.Storage, rec.Strides = id.id, c.strides
	return err
}

// placeEmpty notes that there are no elements.
func placeEmpty(rec *format.TensorRecord) (err error) {
	rec.Strides, err = tensor.Contiguous(rec.DType, rec.Shape)
	return err
}

// AddReader writes a tensor whose elements r gives in C order, little-endian,
// rows of packed dtypes padded to units.
func (w *Writer) AddReader(ctx context.Context, name string, d tensor.DType, shape tensor.Shape, r io.Reader, o *TensorOptions) error {
	rec, err := w.record(name, d, shape, o)
	if err != nil {
		return err
	}
	if err := w.placeReader(ctx, &rec, r, o); err != nil {
		return located(err, w.path, name)
	}
	return w.add(rec)
}

// placeReader writes the elements that r gives and notes in rec where they are.
func (w *Writer) placeReader(ctx context.Context, rec *format.TensorRecord, r io.Reader, o *TensorOptions) error {
	d, shape := rec.DType, rec.Shape
	o, r, err := o.chosenStream(d, shape, r)
	if err != nil {
		return err
	}
	if o.chunked() {
		return w.placeGrid(ctx, rec, o, func(s *format.StorageRecord) iter.Seq2[*chunkJob, error] { return readerJobs(s, r) })
	}
	st, err := tensor.Contiguous(d, shape)
	if err == nil {
		err = tensor.CheckView(d, shape, st, 0, 1<<63-1)
	}
	if err != nil {
		return err
	}
	size, err := tensor.ByteSize(d, shape)
	if err != nil {
		return err
	}
	if size == 0 {
		return placeEmpty(rec)
	}
	id, err := w.AddStorage(ctx, size, r)
	rec.Storage, rec.Strides = id.id, st
	return err
}

// generation is the number of the commit being written.
func (w *Writer) generation() uint64 {
	if w.base != nil {
		if mutant.On("same generation") {
			return w.base.root.Generation
		}
		return w.base.root.Generation + 1
	}
	return max(w.number, 1)
}

// run appends a run with the given records to the file. Of records with one
// key the last counts.
func (w *Writer) run(tensors []format.TensorRecord, storages []format.StorageRecord, older []format.Ref, journal bool) (format.Ref, error) {
	tensors, storages = format.SortRecords(tensors, storages)
	if err := w.out.align(format.Align); err != nil {
		return format.Ref{}, w.failed(err, "padding")
	}
	b, ref, err := format.AppendRun(nil, tensors, storages, format.RunParams{
		UUID: w.uuid, Generation: w.generation(), Begin: w.out.off, Older: older, NextID: w.nextID, Journal: journal,
	})
	if err == nil {
		_, err = w.out.Write(b)
	}
	if err != nil {
		return format.Ref{}, w.failed(err, "catalog")
	}
	return ref, nil
}

// journal writes the records since the last journal run, so that they stand
// twice: recover finds them without the catalog.
func (w *Writer) journal() error {
	if len(w.tensors) == w.since.tensors && len(w.storages) == w.since.storages {
		return nil
	}
	since := w.tensors[w.since.tensors:]
	tensors, storages := format.SortRecords(since, w.storages[w.since.storages:])
	if _, err := w.run(tensors, storages, nil, true); err != nil {
		return err
	}
	if len(tensors) == len(since) {
		copy(since, tensors) // sorted once: the last run has them all again
	}
	w.since.tensors, w.since.storages, w.since.bytes = len(w.tensors), len(w.storages), 0
	return nil
}

// Commit finishes a new file: catalog, root record, and for a file sync, rename
// and sync of the directory. When it returns nil the file is there and
// durable, and nothing can be added afterwards.
//
// Of a file that is being edited it makes what was changed the newest
// generation, in two barriers; more changes and commits may follow. If the last
// step fails the error is ErrCommitUnknown.
func (w *Writer) Commit(ctx context.Context) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	if w.base != nil {
		return w.commitEdit()
	}
	if w.attrs != nil {
		w.tensors = append(w.tensors, format.TensorRecord{Kind: format.KindFile, Attrs: w.attrs, Generation: 1})
		w.attrs = nil
	}
	rec, err := w.finish(true)
	if err != nil {
		return err
	}
	if w.file != nil {
		if err := w.publish(rec); err != nil {
			return err
		}
	}
	w.done = true
	return nil
}

// finish writes the catalog and the trailer of a generation of a new file; the
// last is the one that says so.
func (w *Writer) finish(last bool) ([]byte, error) {
	if err := w.journal(); err != nil {
		return nil, err
	}
	tensors, storages, older := w.tensors, w.storages, []format.Ref(nil)
	if len(w.before) > 0 {
		tensors, storages = format.SortRecords(tensors, storages)
		var merged int
		var err error
		if tensors, storages, merged, err = mergeRuns(tensors, storages, w.before); err != nil {
			return nil, w.poison(err, "catalog")
		}
		w.before = w.before[merged:]
		for _, r := range w.before {
			older = append(older, r.ref)
		}
	}
	ref, err := w.run(tensors, storages, older, false)
	if err != nil {
		return nil, err
	}
	root, rec, err := w.trailer(format.Root{Time: w.opts.Time, Previous: w.previous, Catalog: ref, Created: last})
	if err != nil || last {
		return rec, err
	}
	w.before = slices.Insert(w.before, 0, olderRun{int64(len(tensors) + len(storages)), ref, func(tensor func(format.TensorRecord) error, storage func(format.StorageRecord) error) error {
		return errors.Join(each(tensors, tensor), each(storages, storage))
	}})
	if w.known == nil || len(w.before) == 1 {
		w.known = map[uint64]struct{}{}
	}
	for i := range storages {
		w.known[storages[i].ID] = struct{}{}
	}
	w.tensors, w.storages, w.regrown, w.previous = nil, nil, 0, root.TrailerAt()
	w.since.tensors, w.since.storages, w.since.bytes = 0, 0, 0
	return rec, nil
}

func each[T any](list []T, fn func(T) error) error {
	for _, x := range list {
		if err := fn(x); err != nil {
			return err
		}
	}
	return nil
}

// trailer completes the root record of the commit and ends the commit with it.
func (w *Writer) trailer(root format.Root) (format.Root, []byte, error) {
	root.UUID, root.Generation, root.Length = w.uuid, w.generation(), format.AlignUp(w.out.off+format.RootSize, format.PageSize)
	root.Live, root.Minor, root.AlignExp, root.Writer = uint64(max(w.live, 0)), format.Minor, w.alignExp, writerName
	rec := root.AppendTo(nil)
	err := w.out.zeros(root.TrailerAt() - w.out.off)
	if err == nil {
		_, err = w.out.Write(rec)
	}
	if mutant.On("slot before data") && w.base != nil {
		w.base.file.WriteAt(rec, [2]int64{format.SlotA, format.SlotB}[1-w.base.slot])
	}
	if err == nil {
		err = w.out.flush()
	}
	if err != nil {
		return root, nil, w.failed(err, "trailer")
	}
	return root, rec, nil
}

// publish fills the slots and gives the file its name.
func (w *Writer) publish(rec []byte) error {
	page := make([]byte, format.PageSize)
	copy(page, rec)
	for _, at := range [2]int64{format.SlotA, format.SlotB} {
		if _, err := w.file.WriteAt(page, at); err != nil {
			return w.poison(err, "root slot")
		}
	}
	return w.poison(w.file.Commit(), "commit")
}

// Close ends the writer. Without Commit before, nothing of the file stays.
func (w *Writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	switch {
	case w.file != nil:
		return w.file.Close()
	case w.base != nil:
		var err error
		if mutant.On("acknowledged early") {
			w.base.file.Datasync()
		}
		if w.err == nil {
			err = atomicfile.Fail(w.rollback(), w.path, "truncate", w.base.root.Length)
		}
		return atomicfile.Also(err, atomicfile.Fail(w.base.file.Close(), w.path, "close", -1))
	}
	return nil
}

// pump runs a function that writes and hands its bytes to a reader.
type pump struct {
	r    *io.PipeReader
	done chan struct{}
}

func newPump(fn func(io.Writer) error) *pump {
	r, w := io.Pipe()
	p := &pump{r, make(chan struct{})}
	go func() {
		defer close(p.done)
		w.CloseWithError(guarded(func() error { return fn(w) }))
	}()
	return p
}

// end is the error of the function once all that it had to write is read: the end
// of a stream, where its decoder looks at checksums, comes behind its bytes.
func (p *pump) end() error {
	_, err := io.Copy(io.Discard, p.r)
	return err
}

// close ends the function and waits for it.
func (p *pump) close() {
	p.r.CloseWithError(io.ErrClosedPipe)
	<-p.done
}
