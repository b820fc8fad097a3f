package format

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Source gives the bytes of a file: a mapping, positioned reads, or ranges
// from far away. It must be safe for concurrent use.
type Source interface {
	// Fetch returns the n bytes at off: a part of the mapping, or memory that
	// nobody else writes. The result must not be modified.
	Fetch(off uint64, n int) ([]byte, error)
	// ReadAt fills p with the bytes at off, or fails.
	ReadAt(p []byte, off int64) (int, error)
	// Mapped reports whether Fetch costs nothing, so that pages need not be
	// kept.
	Mapped() bool
}

// cacheLimit bounds the catalog pages that a run keeps in memory when its
// source is not mapped.
const cacheLimit = 64 << 20

// run is a run of the catalog whose body is read page by page. A page is
// checked against its sum in the head when it is first touched; the mark is
// set only after the check, so racing readers at worst check twice.
type run struct {
	src   Source
	head  *RunHead
	root  *Root
	body  []byte                   // mapped: all of it
	seen  []atomic.Uint32          // mapped: a bit a page
	kept  []atomic.Pointer[[]byte] // else: pages that were read
	bytes atomic.Int64             // in kept

	names nameSearch
	id0   atomic.Uint64 // id of the first storage, 0: not read yet
}

func newRun(src Source, h *RunHead, root *Root) (*run, error) {
	if !src.Mapped() || h.Body == 0 {
		return pagedRun(src, h, root), nil
	}
	b, err := src.Fetch(uint64(h.Begin()), int(h.Body))
	if err != nil {
		return nil, err
	}
	return &run{src: src, head: h, root: root, body: b, seen: make([]atomic.Uint32, (len(h.Sums)/4+31)/32)}, nil
}

// pagedRun is a run whose pages are read when they are asked for.
func pagedRun(src Source, h *RunHead, root *Root) *run {
	return &run{src: src, head: h, root: root, kept: make([]atomic.Pointer[[]byte], len(h.Sums)/4)}
}

// page returns page i of the body, checked.
func (r *run) page(i int64) ([]byte, error) {
	begin := i << r.head.PageExp
	end := min(r.head.Body, begin+1<<r.head.PageExp)
	if r.body != nil {
		if r.seen[i/32].Load()&(1<<(i%32)) == 0 {
			if err := r.check(i, r.head.Begin()+begin, r.body[begin:end]); err != nil {
				return nil, err
			}
			r.seen[i/32].Or(1 << (i % 32))
		}
		return r.body[begin:end], nil
	}
	if p := r.kept[i].Load(); p != nil {
		return *p, nil
	}
	off := r.head.Begin() + begin
	b, err := r.src.Fetch(uint64(off), int(end-begin))
	if err != nil {
		return nil, err
	}
	if err := r.check(i, off, b); err != nil {
		return nil, err
	}
	if r.bytes.Add(end-begin) > cacheLimit {
		for j := range r.kept {
			r.kept[j].Store(nil)
		}
		r.bytes.Store(end - begin)
	}
	r.kept[i].Store(&b)
	return b, nil
}

func (r *run) check(i, off int64, b []byte) error {
	if got, want := Checksum(b), le.Uint32(r.head.Sums[4*i:]); got != want && !mutant.On("checksum of a page") {
		return badSum(RulePageCRC, off, fmt.Sprintf("checksum of catalog page %d", i), got, want)
	}
	return nil
}

// read copies [pos, pos+len(dst)) of the body to dst. The extent must lie in
// the body.
func (r *run) read(dst []byte, pos int64) error {
	if len(dst) == 0 {
		return nil
	}
	if i := pos >> r.head.PageExp; r.body != nil && (pos+int64(len(dst))-1)>>r.head.PageExp == i && r.seen[i/32].Load()&(1<<(i%32)) != 0 {
		copy(dst, r.body[pos:])
		return nil
	}
	for len(dst) > 0 {
		p, err := r.page(pos >> r.head.PageExp)
		if err != nil {
			return err
		}
		n := copy(dst, p[pos&(1<<r.head.PageExp-1):])
		dst, pos = dst[n:], pos+int64(n)
	}
	return nil
}

// view returns [pos, pos+n) of the body without a copy if it lies in a page.
func (r *run) view(pos int64, n int) ([]byte, error) {
	in := pos & (1<<r.head.PageExp - 1)
	if n > 0 && in+int64(n) <= 1<<r.head.PageExp {
		p, err := r.page(pos >> r.head.PageExp)
		if err != nil {
			return nil, err
		}
		return p[in : in+int64(n)], nil
	}
	b := make([]byte, n)
	return b, r.read(b, pos)
}

// nameExtent returns where name i begins and ends in the section of names. It
// judges neither.
func (r *run) nameExtent(i int64) (begin, end uint32, err error) {
	pos := r.head.endsAt + 4*i
	in := pos & (1<<r.head.PageExp - 1)
	p, err := r.page(pos >> r.head.PageExp) // an end never lies across pages
	switch {
	case err != nil || i == 0:
	case in >= 4:
		begin = le.Uint32(p[in-4:])
	default:
		before, err := r.page(pos>>r.head.PageExp - 1)
		if err != nil {
			return 0, 0, err
		}
		begin = le.Uint32(before[len(before)-4:])
	}
	if err != nil {
		return 0, 0, err
	}
	return begin, le.Uint32(p[in:]), nil
}

// name returns the bytes of name i; they may be part of the mapping.
func (r *run) name(i int64) ([]byte, error) {
	begin, end, err := r.nameExtent(i)
	if err != nil {
		return nil, err
	}
	if end < begin || int64(end) > r.head.Names {
		return nil, r.badEnd(i, begin, end)
	}
	if end-begin > maxKey {
		return nil, r.longName(begin, end)
	}
	return r.view(r.head.namesAt+int64(begin), int(end-begin))
}

func (r *run) longName(begin, end uint32) error {
	return fail(tensor.ErrFormat, RuleNameLength, r.head.Begin()+r.head.namesAt+int64(begin), "name", fmt.Sprintf("%d bytes", end-begin), fmt.Sprintf("at most %d", maxKey))
}

// tensor fills rec, whose Name is set, from record i. With heap, what rec
// takes from the run's heap goes to *heap; else to fresh memory.
func (r *run) tensor(i int64, rec *TensorRecord, heap *[]byte) error {
	var b [TensorSize]byte
	if err := r.read(b[:], i*r.head.TensorSize); err != nil {
		return err
	}
	return r.parseTensor(i, &b, rec, heap)
}

// parseTensor is tensor for a record that was copied already.
func (r *run) parseTensor(i int64, b *[TensorSize]byte, rec *TensorRecord, heap *[]byte) error {
	rec.At = r.head.Begin() + i*r.head.TensorSize
	heapAt := int64(-1)
	err := rec.parse(b[:], r.root.strict(), r.head.Generation, uint64(r.head.Heap), func(pos uint64, n uint32) ([]byte, error) {
		heapAt = r.head.Begin() + r.head.heapAt + int64(pos)
		var h []byte
		switch {
		case heap == nil:
			h = make([]byte, n)
		case cap(*heap) < int(n):
			*heap = make([]byte, n)
			fallthrough
		default:
			h = (*heap)[:n]
		}
		return h, r.read(h, r.head.heapAt+int64(pos))
	})
	if rec.Attrs != nil {
		rec.AttrsAt = heapAt + 16*int64(len(rec.Shape))
	}
	return err
}

func (r *run) storage(i int64, rec *StorageRecord) error {
	var b [StorageSize]byte
	if err := r.read(b[:], r.head.storagesAt+i*r.head.StorageSize); err != nil {
		return err
	}
	return r.parseStorage(i, &b, rec)
}

// parseStorage is storage for a record that was copied already.
func (r *run) parseStorage(i int64, b *[StorageSize]byte, rec *StorageRecord) error {
	*rec = StorageRecord{At: r.head.Begin() + r.head.storagesAt + i*r.head.StorageSize}
	return rec.parse(b[:], r.root.strict(), r.root.Length, uint64(r.head.Heap), func(pos uint64, n uint32) ([]byte, error) {
		h := make([]byte, n)
		return h, r.read(h, r.head.heapAt+int64(pos))
	})
}

func (r *run) storageID(i int64) (uint64, error) {
	b, err := r.view(r.head.storagesAt+i*r.head.StorageSize+srID, 8)
	if err != nil {
		return 0, err
	}
	return le.Uint64(b), nil
}

// storageByID finds the storage id. Writers number densely, so the first guess
// nearly always hits.
func (r *run) storageByID(id uint64, rec *StorageRecord) (found bool, err error) {
	n := r.head.Storages
	if n == 0 || id == 0 {
		return false, nil
	}
	first := r.id0.Load()
	if first == 0 {
		if first, err = r.storageID(0); err != nil {
			return false, err
		}
		r.id0.Store(first)
	}
	if id < first {
		return false, nil
	}
	if guess := id - first; guess < uint64(n) {
		i := int64(guess)
		var b [StorageSize]byte
		if err := r.read(b[:], r.head.storagesAt+i*r.head.StorageSize); err != nil {
			return false, err
		}
		if le.Uint64(b[srID:]) == id {
			return true, r.parseStorage(i, &b, rec)
		}
	}
	lo, hi := int64(0), n
	for lo < hi {
		mid := int64(uint64(lo+hi) >> 1)
		got, err := r.storageID(mid)
		switch {
		case err != nil:
			return false, err
		case got == id:
			return true, r.storage(mid, rec)
		case got < id:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false, nil
}

// A Run is one run of a catalog with its head.
type Run struct {
	RunHead
	r *run
}

// Verify checks every byte of the run's body: page sums, names, order, every
// record, and that what nothing owns is zero. It calls bad with every error.
func (r *Run) Verify(bad func(error)) {
	h := &r.RunHead
	damaged := false
	for i := range int64(len(h.Sums) / 4) {
		if _, err := r.r.page(i); err != nil {
			bad(err)
			damaged = true
		}
	}
	if damaged {
		return
	}
	cur := newCursor(r.r)
	used := newOwned(h)
	var rec TensorRecord
	var heap []byte
	for {
		if err := cur.next(); err != nil {
			bad(err)
			return
		}
		if cur.done {
			break
		}
		rec.Name = cur.key
		if err := cur.tensor(&rec, &heap); err != nil {
			bad(err)
			continue
		}
		if rec.heapLen() > 0 && rec.Kind != KindDeleted {
			used.heap(rec.heapLen(), r.r, h.TensorSize*cur.i+trHeap)
		}
		if rec.Attrs != nil {
			rank := len(rec.Shape)
			if rec.Kind == KindFile {
				rank = -1
			}
			m, err := ParseAttrs(rec.Attrs, rec.AttrsAt, rank)
			if err != nil {
				bad(inTensor(err, rec.Name))
			}
			CheckReserved(m, rec.AttrsAt, rank, func(err error) { bad(inTensor(err, rec.Name)) })
		}
	}
	if int64(cur.end) != h.Names {
		bad(fail(tensor.ErrCorrupt, RuleNameEnds, h.Offset+runNames, "bytes of names", fmt.Sprint(h.Names), fmt.Sprintf("%d, the end of the last name", cur.end)))
	}
	var last uint64
	for i := range h.Storages {
		var s StorageRecord
		if err := r.r.storage(i, &s); err != nil {
			bad(err)
			continue
		}
		if s.ID <= last {
			bad(fail(tensor.ErrCorrupt, RuleStorageID, s.At, "storage id", u(s.ID), fmt.Sprintf("above %d", last)))
		}
		last = s.ID
		if s.Kind == StorageGrid {
			used.heap(s.heapLen(), r.r, h.storagesAt+i*h.StorageSize+srHeap)
		}
	}
	if last >= h.NextID {
		bad(fail(tensor.ErrCorrupt, RuleRunNextID, h.Offset+runNextID, "next free storage id", u(h.NextID), fmt.Sprintf("above %d", last)))
	}
	used.gaps(r.r, bad)
}

// EachTensor calls fn with the tensor records of this run alone, deletions
// included, ascending by key. The record, but for its Name, is valid until fn
// returns. Records that break a rule are left out: Verify tells them.
func (r *Run) EachTensor(fn func(*TensorRecord) error) error {
	cur := newCursor(r.r)
	var rec TensorRecord
	var heap []byte
	for {
		if err := cur.next(); err != nil {
			return err
		}
		if cur.done {
			return nil
		}
		rec.Name = cur.key
		if cur.tensor(&rec, &heap) != nil {
			continue
		}
		if err := fn(&rec); err != nil {
			return err
		}
	}
}

// owned collects which bytes of a body belong to something.
type owned struct {
	h     *RunHead
	parts [][2]int64 // of the heap
}

func newOwned(h *RunHead) *owned { return &owned{h: h} }

func (o *owned) heap(n int, r *run, field int64) {
	var b [8]byte
	if r.read(b[:], field) == nil {
		pos := int64(le.Uint64(b[:]))
		o.parts = append(o.parts, [2]int64{pos, pos + int64(n)})
	}
}

// gaps reports bytes that are not zero between the sections and between the
// parts of the heap.
func (o *owned) gaps(r *run, bad func(error)) {
	h := o.h
	check := func(begin, end int64) {
		for pos := begin; pos < end; {
			n := int(min(end-pos, 1<<16))
			b, err := r.view(pos, n)
			if err != nil {
				bad(err)
				return
			}
			if i := zero(b); i >= 0 {
				bad(fail(tensor.ErrCorrupt, RulePadding, h.Begin()+pos+int64(i), "padding of a run", fmt.Sprint(b[i]), "0"))
				return
			}
			pos += int64(n)
		}
	}
	check(h.Tensors*h.TensorSize, h.storagesAt)
	check(h.storagesAt+h.Storages*h.StorageSize, h.endsAt)
	check(h.endsAt+4*h.Tensors, h.namesAt)
	check(h.namesAt+h.Names, h.heapAt)
	slices.SortFunc(o.parts, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	pos := int64(0)
	for _, p := range o.parts {
		if p[0] > pos {
			check(h.heapAt+pos, h.heapAt+p[0])
		}
		pos = max(pos, p[1])
	}
	check(h.heapAt+pos, h.heapAt+AlignUp(h.Heap, Align))
}

// Each calls tensor with every tensor record of the run, deletions included,
// ascending by name, and storage with every storage record, ascending by id.
// The records share no memory with the file.
func (r *Run) Each(tensor func(TensorRecord) error, storage func(StorageRecord) error) error {
	cur := newCursor(r.r)
	for {
		if err := cur.next(); err != nil {
			return err
		}
		if cur.done {
			break
		}
		rec := TensorRecord{Name: cur.key}
		if err := cur.tensor(&rec, nil); err != nil {
			return err
		}
		if err := tensor(rec); err != nil {
			return err
		}
	}
	return r.EachStorage(func(s *StorageRecord) error { return storage(*s) })
}

// seek returns the first name of the run that is not below key.
func (r *run) seek(key string) (int64, error) {
	lo, hi := int64(0), r.head.Tensors
	for lo < hi {
		mid := int64(uint64(lo+hi) >> 1)
		b, err := r.name(mid)
		if err != nil {
			return 0, err
		}
		if compare(b, key) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// EachStorage calls fn with every storage record of the run, ascending by id.
func (r *Run) EachStorage(fn func(*StorageRecord) error) error {
	for i := range r.Storages {
		var s StorageRecord
		if err := r.r.storage(i, &s); err != nil {
			return err
		}
		if err := fn(&s); err != nil {
			return err
		}
	}
	return nil
}
