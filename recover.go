package tensorfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/watch"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// RecoverOptions says how to recover. The zero value, and nil, are the
// defaults.
type RecoverOptions struct {
	// Overwrite replaces a file that is there. Default: false.
	Overwrite bool
	// Align is the alignment in bytes of payloads of 64 KiB and more. Default:
	// 4 KiB.
	Align int
	// NoSync leaves it to chance when the bytes reach the disk. Default: false.
	NoSync bool
	// DryRun finds out what can be recovered and writes nothing. Default: false.
	DryRun bool
	// Unacknowledged takes what belongs to commits that were never
	// acknowledged, too, as far as their checksums hold. Default: false.
	Unacknowledged bool

	fs fsys.FS
}

// RecoverReport says what a recovery found.
type RecoverReport struct {
	UUID       string // of the damaged file
	Generation uint64 // that was recovered
	// Whole says that the catalog of that generation is undamaged. Otherwise it
	// was put together from all that was found.
	Whole bool
	Roots int // root records, slots and trailers
	Runs  int // of catalogs and of the journal

	Tensors  int   // kept, parts not counted
	Storages int   // kept
	Bytes    int64 // of payload, kept
	// DamagedChunks were kept in tensors as they are: the others of the tensor
	// can be read, and reading one of these fails as before. Damage tells of each.
	DamagedChunks int64

	// Damage says which structures are damaged or missing.
	Damage []error
	// Lost are the tensors that are not kept, ascending by name.
	Lost []LostTensor
	// Entries of the catalog could not be read, and their names are not known.
	// Of some there may be copies, so that nothing is lost.
	Entries int64
	// Unacknowledged are names in commits that were never acknowledged.
	Unacknowledged []string
	// Unreadable bytes were not given by the disk.
	Unreadable int64
}

// LostTensor is a tensor that could not be recovered, and why.
type LostTensor struct {
	Name string
	Err  error
}

// Recover reads the damaged native file at path and writes a new one to dst
// that holds every tensor whose payload checksums hold. It needs neither header
// nor root records nor catalog: every record stands twice in a file, and each
// copy is found by itself. The damaged file is never changed, and equal input
// gives equal output. Memory grows with the catalog, not with the payload,
// which is read twice.
//
// What is recovered is no better authenticated than the damaged file: whoever
// could write its bytes could also forge its structures. Nor is it better than
// its writer: indices of a sparse tensor that break a rule though their checksums
// hold are kept as they are, and File.Verify tells of them.
//
// An error means that nothing was written: nothing of a native file was found
// at path, or dst cannot be written. Loss is no error; see the report.
func Recover(ctx context.Context, path, dst string, o *RecoverOptions) (*RecoverReport, error) {
	m, err := OpenSource(path, &OpenOptions{NoMmap: true})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	r, err := recoverMap(ctx, m, dst, o)
	return r, located(err, path, "")
}

func recoverMap(ctx context.Context, m *mmap.Map, dst string, o *RecoverOptions) (*RecoverReport, error) {
	r := &rescuer{ctx: ctx, f: newFile(m, &OpenOptions{NoMmap: true}), rep: &RecoverReport{}, told: map[string]struct{}{}}
	r.src.m = m
	if o != nil {
		r.o = *o
	}
	if r.o.fs == nil {
		r.o.fs = fsys.Default()
	}
	if err := r.destination(dst); err != nil {
		return nil, err
	}
	if err := r.find(); err != nil {
		return nil, err
	}
	c, err := r.keep()
	if err != nil {
		return nil, err
	}
	if r.o.DryRun {
		return r.rep, nil
	}
	return r.rep, r.write(dst, c)
}

// holes reads a source whose bytes may not all be there: what the disk does not
// give is zeros, which no checksum fits.
type holes struct {
	m   *mmap.Map
	bad int64
}

func (h *holes) Mapped() bool { return false }

func (h *holes) ReadAt(p []byte, off int64) (int, error) {
	n, err := h.m.ReadAt(p, off)
	if err == nil || !errors.Is(err, ErrIO) {
		return n, err
	}
	for at := 0; at < len(p); {
		piece := p[at:min(len(p), at+int(format.PageSize-(off+int64(at))%format.PageSize))]
		if _, err := h.m.ReadAt(piece, off+int64(at)); err != nil {
			if !errors.Is(err, ErrIO) {
				return at, err
			}
			clear(piece)
			h.bad += int64(len(piece))
		}
		at += len(piece)
	}
	return len(p), nil
}

func (h *holes) Fetch(off uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := h.ReadAt(b, int64(off))
	return b, err
}

// rescuer recovers one file.
type rescuer struct {
	ctx context.Context
	f   *File
	o   RecoverOptions
	src holes
	rep *RecoverReport

	told map[string]struct{} // damage, each once

	root  *format.Root // of what was acknowledged last, if that is known
	runs  []*foundRun  // that count, ascending by place
	later []*foundRun  // of commits that were never acknowledged

	pages  []format.FoundPage // of chunks
	inside spans              // payloads
}

// foundRun is a run that a scan found.
type foundRun struct {
	format.FoundRun
	whole  bool // every record can be read
	lost   int64
	broken []error
}

func (r *rescuer) damage(err error) {
	err = located(err, r.f.Path(), "")
	if _, ok := r.told[err.Error()]; ok || len(r.told) == maxFindings {
		return
	}
	r.told[err.Error()] = struct{}{}
	r.rep.Damage = append(r.rep.Damage, err)
}

// destination refuses to replace the damaged file.
func (r *rescuer) destination(dst string) error {
	if r.o.DryRun {
		return nil
	}
	same, err := atomicfile.Same(r.o.fs, r.f.Path(), dst)
	if err != nil {
		return err
	}
	if same {
		return &Error{Kind: ErrPath, Path: dst, Offset: -1, Field: "destination", Got: "the damaged file", Want: "another name: it stays as it is"}
	}
	return atomicfile.Check(dst, &atomicfile.Options{Overwrite: r.o.Overwrite, FS: r.o.fs})
}

// find looks for structures and decides which of them count.
func (r *rescuer) find() error {
	size := r.f.m.Size()
	scanned := int64(0)
	s, err := format.ScanStructures(&r.src, size, func(at int64) error {
		watch.Add(r.ctx, at-scanned)
		scanned = at
		return r.ctx.Err()
	})
	if err != nil {
		return err
	}
	head := make([]byte, format.DataStart)
	if _, err := r.src.ReadAt(head[:min(size, int64(len(head)))], 0); err != nil {
		return err
	}
	r.rep.Unreadable = r.src.bad
	slots := []format.Root{}
	for i, at := range [2]int64{format.SlotA, format.SlotB} {
		if root, err := format.ParseAnySlot(head[at:at+format.RootSize], format.Place(i)); err == nil {
			slots = append(slots, root)
		}
	}
	h, err := format.ParseHeader(head[:min(size, int64(len(head)))])
	if err == nil {
		r.f.uuid = h.UUID
	} else {
		r.damage(err)
		var ok bool
		if r.f.uuid, ok = mostOf(s, slots); !ok {
			return &Error{Kind: ErrCorrupt, Format: format.Name, Offset: -1, Field: "structures", Got: "no run of a catalog and no root record", Want: "a " + format.Name, Err: err}
		}
	}
	r.rep.UUID = r.f.uuid.String()
	foreign := func(root format.Root) bool { return root.UUID != r.f.uuid }
	slots, s.Roots = slices.DeleteFunc(slots, foreign), slices.DeleteFunc(s.Roots, foreign)
	r.pages = s.Pages
	var runs []*foundRun
	for _, x := range s.Runs {
		if x.UUID == r.f.uuid {
			runs = append(runs, &foundRun{FoundRun: x})
		}
	}
	if len(runs) == 0 {
		return &Error{Kind: ErrCorrupt, Format: format.Name, Offset: -1, Field: "structures", Got: "no run of a catalog", Want: "one or more"}
	}
	r.rep.Roots = len(slots) + len(s.Roots)
	if err := r.choose(head, err == nil, slots, s.Roots, runs); err != nil {
		return err
	}
	for _, x := range runs {
		if root := r.root; root != nil && (x.Generation > root.Generation || x.Offset >= root.Length) {
			r.later = append(r.later, x)
		} else {
			r.runs = append(r.runs, x)
		}
	}
	if r.o.Unacknowledged {
		r.runs, r.later, r.root = runs, nil, nil
	}
	if r.runs, err = r.accept(r.runs); err != nil {
		return err
	}
	r.rep.Runs = len(r.runs)
	return nil
}

// mostOf is the UUID that most structures carry, of equally many the first.
func mostOf(s *format.Structures, slots []format.Root) (best format.UUID, ok bool) {
	count := map[format.UUID]int{}
	vote := func(u format.UUID) { count[u]++ }
	var order []format.UUID
	for _, x := range s.Runs {
		order = append(order, x.UUID)
	}
	for _, x := range slices.Concat(slots, s.Roots) {
		order = append(order, x.UUID)
	}
	for _, u := range order {
		vote(u)
	}
	for _, u := range order {
		if count[u] > count[best] {
			best, ok = u, true
		}
	}
	return best, ok
}

// choose finds out what was acknowledged last: by the rule of every reader if
// header and slots allow it, else the root record with the highest generation.
func (r *rescuer) choose(head []byte, sound bool, slots, trailers []format.Root, runs []*foundRun) error {
	size := r.f.m.Size()
	if sound && size >= format.SlotB+format.RootSize {
		c, err := format.ChooseRoot(r.f.uuid, head[format.SlotA:], head[format.SlotB:], size, func() ([]byte, error) {
			b := make([]byte, format.RootSize)
			_, err := r.src.ReadAt(b, size-format.RootSize)
			return b, err
		})
		switch {
		case errors.Is(err, ErrUnsupported) || err == nil && c.Root.ReadOnly():
			// Records may mean what is not known here.
			return cmp.Or(err, error(&Error{Kind: ErrUnsupported, Format: format.Name, Offset: -1, Field: "must-write features", Got: fmt.Sprintf("%#x", c.Root.MustWrite), Want: "none that this library does not know", Rule: format.RuleRootMustWrite}))
		case err != nil:
			r.damage(err)
		default:
			r.root = &c.Root
			if c.Place != format.InTrailer || !c.Root.Created || firstByte(head[format.SlotA:format.DataStart]) >= 0 {
				for _, e := range c.Slots {
					if e != nil {
						r.damage(e)
					}
				}
			}
		}
	}
	if r.root == nil {
		// What lies in a payload is no trailer of this file.
		accepted, err := r.accept(runs)
		if err != nil {
			return err
		}
		inside := r.extents(accepted)
		trailers = slices.DeleteFunc(slices.Clone(trailers), func(x format.Root) bool { return inside.has(x.TrailerAt()) })
		for _, x := range slices.Concat(trailers, slots) {
			if r.root == nil || x.Generation > r.root.Generation {
				r.root = &x
			}
		}
	}
	if root := r.root; root != nil {
		at := func(x format.Root) bool { return x.TrailerAt() == root.TrailerAt() }
		if root.Length > size {
			r.damage(&Error{Kind: ErrTruncated, Format: format.Name, Offset: size, Field: "file size", Got: fmt.Sprint(size), Want: fmt.Sprintf("the committed length %d", root.Length), Rule: format.RuleRootTruncated})
		} else if !slices.ContainsFunc(trailers, at) {
			r.damage(&Error{Kind: ErrCorrupt, Format: format.Name, Offset: root.TrailerAt(), Field: "trailer", Got: "no root record", Want: fmt.Sprintf("that of generation %d", root.Generation), Rule: format.RuleRootTrailer})
		}
		if !slices.ContainsFunc(runs, func(x *foundRun) bool { return x.Ref == root.Catalog }) {
			r.damage(format.RunMissing(root))
		}
	}
	return nil
}

// accept leaves out runs that lie in the payload of a run behind them, and
// finds out which are whole.
func (r *rescuer) accept(runs []*foundRun) ([]*foundRun, error) {
	var inside spans
	var list []*foundRun
	for _, x := range slices.Backward(runs) {
		if inside.has(x.Offset) {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		run := x.Open(&r.src)
		var more spans
		x.broken = nil
		x.lost = run.Salvage(func(*format.TensorRecord) {}, func(s *format.StorageRecord) {
			if s.Kind == format.StorageRaw && s.Size > 0 {
				more = append(more, span{s.Payload, s.Payload + s.Size})
			} else if s.Kind == format.StorageGrid {
				r.gridSpans(s, func(x span) { more = append(more, x) })
			}
		}, func(err error) {
			if len(x.broken) < maxFindings {
				x.broken = append(x.broken, err)
			}
		})
		x.whole = x.lost == 0 && run.PageErrors() == nil
		inside = inside.with(more)
		list = append(list, x)
	}
	slices.Reverse(list)
	return list, nil
}

// extents returns the payloads of runs.
func (r *rescuer) extents(runs []*foundRun) spans {
	var all spans
	for _, x := range runs {
		x.Open(&r.src).Salvage(func(*format.TensorRecord) {}, func(s *format.StorageRecord) {
			if s.Kind == format.StorageRaw && s.Size > 0 {
				all = append(all, span{s.Payload, s.Payload + s.Size})
			} else if s.Kind == format.StorageGrid {
				r.gridSpans(s, func(x span) { all = append(all, x) })
			}
		}, func(error) {})
	}
	return spans(nil).with(all)
}

// catalog returns the newest runs that make a whole catalog, oldest first, and
// all runs behind them.
func (r *rescuer) catalog() (base, rest []*foundRun) {
	at := map[format.Ref]*foundRun{}
	for _, x := range r.runs {
		at[x.Ref] = x
	}
next:
	for i, x := range slices.Backward(r.runs) {
		if !x.whole || x.Journal {
			continue
		}
		base = base[:0]
		for _, ref := range slices.Backward(x.Older) {
			o := at[ref]
			if o == nil || !o.whole || o.Journal {
				continue next
			}
			base = append(base, o)
		}
		return append(base, x), r.runs[i+1:]
	}
	return nil, r.runs
}

// records replays runs.
type records struct {
	tensors  map[string]*format.TensorRecord
	storages map[uint64]*format.StorageRecord
}

func (r *rescuer) replay(runs []*foundRun, tensor func(*format.TensorRecord), storage func(*format.StorageRecord)) error {
	for _, x := range runs {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		x.Open(&r.src).Salvage(tensor, storage, func(error) {})
	}
	return nil
}

// keep puts the catalog together and returns what of it is undamaged.
func (r *rescuer) keep() (*content, error) {
	base, rest := r.catalog()
	all := records{map[string]*format.TensorRecord{}, map[uint64]*format.StorageRecord{}}
	apply := func(rec *format.TensorRecord) {
		r.rep.Generation = max(r.rep.Generation, rec.Generation)
		if rec.Kind == format.KindDeleted {
			delete(all.tensors, rec.Name)
		} else {
			all.tensors[rec.Name] = rec
		}
	}
	if err := r.replay(slices.Concat(base, rest), apply, func(*format.StorageRecord) {}); err != nil {
		return nil, err
	}
	// Ids are never used again, so any run may tell of a storage.
	if err := r.replay(r.runs, func(*format.TensorRecord) {}, func(s *format.StorageRecord) { all.storages[s.ID] = s }); err != nil {
		return nil, err
	}
	for _, x := range r.runs {
		for _, err := range x.broken {
			r.damage(err)
		}
		r.rep.Generation = max(r.rep.Generation, x.Generation)
	}
	for _, x := range rest {
		r.rep.Entries += x.lost
	}
	if r.root != nil {
		r.rep.Generation = r.root.Generation
		r.rep.Whole = len(base) > 0 && base[len(base)-1].Ref == r.root.Catalog
	}
	unack := map[string]struct{}{}
	err := r.replay(r.later, func(rec *format.TensorRecord) {
		if rec.Generation > r.root.Generation && rec.Kind != format.KindDeleted && rec.Name != "" && !format.IsPart(rec.Name) {
			unack[rec.Name] = struct{}{}
		}
	}, func(*format.StorageRecord) {})
	r.rep.Unacknowledged = slices.Sorted(maps.Keys(unack))
	if err != nil {
		return nil, err
	}
	return r.intact(all)
}

// intact checks every tensor and its payload.
func (r *rescuer) intact(all records) (*content, error) {
	c := &content{storages: map[uint64]*format.StorageRecord{}, names: map[uint64]string{}, root: r.rebuiltRoot(), grids: map[uint64]*rescuedGrid{}}
	if r.pages != nil {
		r.inside = r.extents(r.runs)
	}
	lost := map[string]error{}
	names := slices.Sorted(maps.Keys(all.tensors))
	lose := func(key string, err error) {
		// A composite is lost with any of its parts.
		name, role, part := strings.Cut(key, "\x00")
		if lost[name] == nil {
			if part {
				err = inPart(strings.ReplaceAll(role, "\x00", "/"), err)
			}
			lost[name] = err
		}
	}
	on := map[uint64][]string{}
	for _, key := range names {
		rec := all.tensors[key]
		rank := len(rec.Shape)
		if rec.Kind == format.KindFile {
			rank = -1
		}
		if _, err := format.ParseAttrs(rec.Attrs, rec.AttrsAt, rank); err != nil {
			r.damage(named(err, rec.Name)) // the tensor is sound without
			rec.Attrs = nil
		}
		if format.IsPart(key) {
			if p := all.tensors[parentKey(key)]; p == nil || p.Kind != format.KindComposite {
				lose(key, &Error{Kind: ErrCorrupt, Offset: rec.At, Field: "part", Got: "no record of the composite", Want: "one", Rule: format.RuleOrphanPart})
				continue
			}
		}
		if rec.Kind == format.KindComposite {
			if err := compositeIn(all.tensors, rec); err != nil && !errors.Is(err, ErrUnsupported) {
				lose(key, err)
			}
		}
		if rec.Kind != format.KindDense {
			continue
		}
		var s format.StorageRecord
		if rec.Storage != 0 {
			st := all.storages[rec.Storage]
			if st == nil {
				lose(key, &Error{Kind: ErrCorrupt, Offset: rec.At, Field: "storage", Got: fmt.Sprintf("no record of storage %d", rec.Storage), Want: "one", Rule: format.RuleTensorStorage})
				continue
			}
			s = *st
		}
		if n := rec.Shape.Clone(); rec.Storage == 0 {
			if k, err := n.NumElements(); err != nil || k != 0 {
				lose(key, &Error{Kind: ErrCorrupt, Offset: rec.At, Field: "storage id", Got: "0", Want: "a storage for a tensor with elements", Rule: format.RuleViewNoBytes})
				continue
			}
		}
		if err := tensor.CheckView(rec.DType, rec.Shape, rec.Strides, rec.Offset, s.Size); err != nil {
			lose(key, err)
			continue
		}
		if s.Kind == format.StorageGrid {
			if err := format.CheckGridView(rec, &s); err != nil {
				lose(key, err)
				continue
			}
		}
		if rec.Storage != 0 {
			on[rec.Storage] = append(on[rec.Storage], key)
		}
	}
	ids := slices.Collect(maps.Keys(on))
	slices.SortFunc(ids, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(all.storages[a].Payload, all.storages[b].Payload), cmp.Compare(a, b))
	})
	for _, id := range ids {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if s := all.storages[id]; s.Kind == format.StorageGrid {
			var g *rescuedGrid
			if g, err = r.grid(s, on[id][0]); err == nil {
				c.grids[id] = g
				r.rep.DamagedChunks += g.damaged
			}
		} else {
			err = r.payload(s)
		}
		if ctxErr := r.ctx.Err(); ctxErr != nil {
			return nil, ctxErr // not damage
		}
		if err != nil {
			for _, key := range on[id] {
				lose(key, err)
			}
		}
	}
	for _, key := range names {
		rec := all.tensors[key]
		name, _, part := strings.Cut(key, "\x00")
		if _, gone := lost[name]; gone {
			continue
		}
		c.tensors = append(c.tensors, *rec)
		r.rep.Generation = max(r.rep.Generation, rec.Generation)
		if rec.Kind != format.KindFile && !part {
			r.rep.Tensors++
		}
		if s := all.storages[rec.Storage]; rec.Storage != 0 && c.storages[rec.Storage] == nil {
			c.storages[rec.Storage], c.names[rec.Storage] = s, key
			r.rep.Storages++
			r.rep.Bytes += s.Stored
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		r.rep.Lost = append(r.rep.Lost, LostTensor{name, located(lost[name], r.f.Path(), name)})
	}
	return c, nil
}

// compositeIn checks that the records of the parts that a composite needs are
// there.
func compositeIn(all map[string]*format.TensorRecord, rec *format.TensorRecord) error {
	c := &format.Composite{Layout: rec.Layout, Flags: rec.LayoutFlags, DType: rec.DType, Shape: rec.Shape}
	for _, role := range format.Roles(rec.Layout, len(rec.Shape)) {
		if p := all[rec.Name+"\x00"+role]; p != nil {
			c.Parts = append(c.Parts, format.Part{Role: role, DType: p.DType, Shape: p.Shape})
		}
	}
	return format.CheckComposite(c)
}

// payload compares the bytes of a storage with their sums.
func (r *rescuer) payload(s *format.StorageRecord) error {
	sums, err := r.f.blockSums(s.Size, s.Block, s.Ref)
	if err != nil {
		return err
	}
	l, err := r.f.m.Acquire()
	if err != nil {
		return err
	}
	defer l.Release()
	for i, want := range sums {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		at := int64(i) << s.Block
		n := min(s.Size-at, s.BlockSize())
		got, err := r.f.checksum(l, s.Payload+at, n)
		if err != nil {
			return err
		}
		watch.Add(r.ctx, n)
		if got != want {
			return badBlock("", block{off: s.Payload + at, sum: want, index: int64(i)}, got)
		}
	}
	return nil
}

// write makes the new file.
func (r *rescuer) write(dst string, c *content) (err error) {
	number, when := max(r.rep.Generation, 1), time.Unix(0, 0)
	if r.root != nil {
		when = r.root.Time
	}
	w, err := Create(dst, &CreateOptions{
		Overwrite: r.o.Overwrite, Align: r.o.Align, NoSync: r.o.NoSync, fs: r.o.fs,
		Deterministic: true, Time: when, Seed: seedOf("recover", r.f.uuid, []uint64{number}, 0),
	})
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, w.Close()) }()
	w.number = number
	copies := newReplica(w, r.f)
	copies.bad = func(*format.StorageRecord, string, int64, error) {} // told before
	if err := copies.add(r.ctx, c); err != nil {
		return err
	}
	return w.Commit(r.ctx)
}

// span is a range of bytes.
type span struct{ begin, end int64 }

// spans are ranges that are apart, ascending.
type spans []span

// has reports whether a range holds the byte at off.
func (s spans) has(off int64) bool {
	i, found := slices.BinarySearchFunc(s, off, func(x span, off int64) int { return cmp.Compare(x.begin, off) })
	return found || i > 0 && off < s[i-1].end
}

// covers reports whether one range holds all of x.
func (s spans) covers(x span) bool {
	i, found := slices.BinarySearchFunc(s, x.begin, func(x span, off int64) int { return cmp.Compare(x.begin, off) })
	if !found {
		i--
	}
	return i >= 0 && x.end <= s[i].end
}

// with returns s and more, joined where they overlap.
func (s spans) with(more spans) spans {
	more = slices.DeleteFunc(more, s.covers)
	if len(more) == 0 {
		return s
	}
	all := slices.Concat(s, more)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	out := all[:1]
	for _, x := range all[1:] {
		if last := &out[len(out)-1]; x.begin <= last.end {
			last.end = max(last.end, x.end)
		} else {
			out = append(out, x)
		}
	}
	return out
}
