package crashfs

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

const (
	blockSize  = 4096
	sectorSize = 512
	// allSubsets is the number of unsynced pieces, and of unsynced changes of
	// names, up to which every subset is tried; above it corners and
	// randomSubsets seeded ones.
	allSubsets    = 7
	randomSubsets = 32
)

// A Crash is a state of the disk after a power cut.
type Crash struct {
	Files map[string][]byte // valid until the visitor returns
	Marks []any             // noted before the crash, oldest first
	Op    int               // index in the log: what comes from there on did not begin
	how   *how
}

// What says how the state came to be.
func (c Crash) What() string { return c.how.String() }

// Options of Crashes.
type Options struct {
	Seed uint64
	// From is the first index of the log to crash at.
	From int
	// IgnoreSyncs models a disk that lies: no sync makes anything durable, but
	// what the file system began with is.
	IgnoreSyncs bool
	// Max ends the walk after as many visited states; 0 means no limit.
	Max int
	// Thin, if not 0, is how many of the ways to tear a block are tried, drawn
	// by the seed, where more than one block is not synced.
	Thin int
	// Torn, if not 0, is how many of the blocks that are not synced are torn at
	// a time: the newest and seeded ones.
	Torn int
	// Seen, if not nil, collects the hashes of states over several walks.
	Seen *Set
}

// Stats of a walk.
type Stats struct {
	States   int // made
	Visited  int // that differ, or follow another mark
	Distinct int // that no walk with the same Seen had made before
}

// piece is a part of a write that lies in one block, or a cut of the file.
type piece struct {
	off  int64
	data []byte
	cut  bool // what lies from off on is gone
}

func (p piece) apply(buf []byte) []byte {
	if p.cut {
		clear(buf[min(p.off, int64(len(buf))):])
		return buf
	}
	return put(buf, p.off, p.data)
}

// disk is what is known of a file at some point of the log.
type disk struct {
	durable []byte
	pieces  []piece // since the last sync, in order
	sizes   []int64 // since the last sync, a durable one first
	size    int64
	current []byte // as written

	// What was there when states were last made.
	oldPieces, oldSizes int
}

func (d *disk) dirty() bool { return len(d.pieces) > 0 || len(d.sizes) > 1 }

func (d *disk) apply(op Op, rng *rand.Rand) {
	switch op.Kind {
	case Write:
		end := op.Offset + int64(len(op.Data))
		for off, p := op.Offset, op.Data; len(p) > 0; {
			n := min(int64(len(p)), blockSize-off%blockSize)
			d.pieces = append(d.pieces, piece{off: off, data: p[:n]})
			off, p = off+n, p[n:]
			if off > d.size {
				d.sizes = append(d.sizes, off)
			}
		}
		d.size = max(d.size, end)
		d.current = put(d.current, op.Offset, op.Data)
	case Truncate:
		if op.Size < d.size {
			d.pieces = append(d.pieces, piece{off: op.Size, cut: true})
		}
		d.size = op.Size
		d.sizes = append(d.sizes, d.size)
		d.current = resize(d.current, d.size)
	case Sync:
		d.settle(func() bool { return true })
		d.sizes = []int64{d.size}
	case SyncFailed:
		// Each block is on the disk or lost. The size is still to be synced.
		size := d.sizes[rng.IntN(len(d.sizes))]
		reached := rng.IntN(3)
		d.settle(func() bool { return reached == 2 || reached == 1 && rng.IntN(2) == 0 })
		d.sizes = []int64{size, d.size}
	}
}

// settle makes those pieces durable that keep tells, and forgets the others.
func (d *disk) settle(keep func() bool) {
	if len(d.pieces) > 0 || int64(len(d.durable)) != d.size {
		buf := slices.Clone(d.durable)
		for _, p := range d.pieces {
			if keep() {
				buf = p.apply(buf)
			}
		}
		d.durable = resize(buf, d.size)
	}
	d.pieces = nil
	d.oldPieces, d.oldSizes = 0, 0
}

func put(buf []byte, off int64, p []byte) []byte {
	if end := off + int64(len(p)); end > int64(len(buf)) {
		buf = resize(buf, end)
	}
	copy(buf[off:], p)
	return buf
}

func resize(buf []byte, size int64) []byte {
	n := int64(len(buf))
	if size <= n {
		return buf[:size]
	}
	if size <= int64(cap(buf)) {
		buf = buf[:size]
		clear(buf[n:])
		return buf
	}
	return append(buf, make([]byte, size-n)...)
}

// walker goes through the log and makes the states.
type walker struct {
	o       Options
	rng     *rand.Rand
	disks   map[*inode]*disk
	names   map[string]*inode // durable
	pending []change          // of names, not synced
	stats   Stats
	cases   map[uint64]struct{}
	visit   func(Crash) bool
	marks   []any
	op      int
	how     how
	stop    bool
	buf     []byte
	garbage [blockSize]byte
	kinds   []tear
}

// Crashes walks every state that a crash could leave at every point of the log
// of f, beginning with start, what was durable before the log began, and calls
// visit for each that it has not met before, until visit returns false.
func (f *FS) Crashes(start map[string][]byte, o Options, visit func(Crash) bool) Stats {
	w := &walker{
		o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x7e57)), disks: map[*inode]*disk{}, names: map[string]*inode{},
		cases: map[uint64]struct{}{}, visit: visit,
	}
	for _, op := range f.log {
		if op.File != nil && w.disks[op.File] == nil {
			d := &disk{}
			if data, ok := start[op.File.first]; ok && w.names[op.File.first] == nil {
				d.durable, d.current, d.size = data, slices.Clone(data), int64(len(data))
				w.names[op.File.first] = op.File
			}
			d.sizes = []int64{d.size}
			w.disks[op.File] = d
		}
	}
	for name, data := range start {
		if w.names[name] == nil {
			n := &inode{first: name}
			w.names[name] = n
			w.disks[n] = &disk{durable: data, current: data, size: int64(len(data)), sizes: []int64{int64(len(data))}}
		}
	}
	all := true // not only what is new since states were last made
	for i, op := range f.log {
		switch op.Kind {
		case Close, Open, Chmod, Read, Stat:
			continue
		case Mark:
			w.marks = append(w.marks, op.Note)
			all = true
			continue
		}
		if i >= o.From {
			w.op = i
			w.states(all)
			all = false
			if w.stop {
				return w.stats
			}
		}
		all = w.apply(op) || all
	}
	w.op = len(f.log)
	w.states(all)
	return w.stats
}

// apply goes past an operation. It reports whether what is known of names has
// changed.
func (w *walker) apply(op Op) bool {
	switch op.Kind {
	case Write, Truncate:
		w.disks[op.File].apply(op, w.rng)
	case Sync, SyncFailed:
		if !w.o.IgnoreSyncs {
			w.disks[op.File].apply(op, w.rng)
		}
	case Create, Rename, Remove:
		w.pending = append(w.pending, changes(op, len(w.pending))...)
		return true
	case SyncDir:
		if w.o.IgnoreSyncs {
			return false
		}
		dir := path.Clean(op.Name)
		for i := range w.pending {
			if w.pending[i].dir == dir {
				w.pending[i].do(w.names)
			}
		}
		w.pending = slices.DeleteFunc(w.pending, func(c change) bool { return c.dir == dir })
		for i := range w.pending {
			w.pending[i].after = -1 // as in one directory with what it follows, or done
		}
		return true
	}
	return false
}

// change is a change of one name that is not yet durable.
type change struct {
	dir, name string
	file      *inode // nil: the name is gone
	after     int    // index of a change that comes before it, -1: none
}

// changes are those that an operation makes, where at is the index of the first.
func changes(op Op, at int) []change {
	switch op.Kind {
	case Create:
		return []change{{path.Dir(op.Name), op.Name, op.File, -1}}
	case Rename:
		return []change{{path.Dir(op.New), op.New, op.File, -1}, {path.Dir(op.Name), op.Name, nil, at}}
	}
	return []change{{path.Dir(op.Name), op.Name, nil, -1}}
}

func (c change) do(names map[string]*inode) {
	if c.file == nil {
		delete(names, c.name)
	} else {
		names[c.name] = c.file
	}
}

// possible reports whether the changes of mask can be durable without the
// others.
func possible(list []change, mask uint) bool {
	for i, c := range list {
		if mask>>i&1 == 0 {
			continue
		}
		if c.after >= 0 && mask>>c.after&1 == 0 {
			return false
		}
		for j := range i {
			if list[j].name == c.name && mask>>j&1 == 0 {
				return false
			}
		}
	}
	return true
}

// states makes the states at this point, or all that are new: for each set of
// the changes of names, each state of each file that is not wholly synced, one
// such file at a time with the others as they were written or as they were
// durable.
func (w *walker) states(all bool) {
	var masks []uint
	if n := len(w.pending); n <= allSubsets {
		for mask := range uint(1) << n {
			if possible(w.pending, mask) {
				masks = append(masks, mask)
			}
		}
	} else {
		for k := range n + 1 {
			masks = append(masks, 1<<k-1)
		}
	}
	for _, mask := range masks {
		names := maps.Clone(w.names)
		for i, c := range w.pending {
			if mask>>i&1 != 0 {
				c.do(names)
			}
		}
		w.how = how{names: mask, changes: len(w.pending)}
		files := map[string][]byte{}
		dirty := []string{}
		for name, inode := range names {
			d := w.disks[inode]
			files[name] = resize(slices.Clip(d.durable), d.sizes[0])
			if d.dirty() {
				dirty = append(dirty, name)
			}
		}
		slices.Sort(dirty)
		w.emit(files)
		for _, name := range dirty {
			w.file(files, name, w.disks[names[name]], all)
			if w.stop {
				return
			}
			// For the files behind it this one is as it was written.
			files[name] = w.disks[names[name]].current
		}
	}
	for _, d := range w.disks {
		d.oldPieces, d.oldSizes = len(d.pieces), len(d.sizes)
	}
}

var seedOnce = maphash.MakeSeed()

// emit hands a state to the visitor, unless it did so before.
func (w *walker) emit(files map[string][]byte) {
	w.stats.States++
	var sum uint64
	for name, data := range files {
		var b [24]byte
		binary.LittleEndian.PutUint64(b[:], maphash.String(seedOnce, name))
		binary.LittleEndian.PutUint64(b[8:], maphash.Bytes(seedOnce, data))
		binary.LittleEndian.PutUint64(b[16:], uint64(len(data)))
		sum += maphash.Bytes(seedOnce, b[:]) // whatever the order
	}
	// The same bytes after another mark are another case, but no other state.
	c := sum + uint64(len(w.marks))*0x9e3779b97f4a7c15
	if _, ok := w.cases[c]; ok {
		return
	}
	w.cases[c] = struct{}{}
	w.stats.Visited++
	if w.o.Seen == nil || w.o.Seen.Add(sum) {
		w.stats.Distinct++
	}
	if !w.visit(Crash{Files: files, Marks: w.marks, Op: w.op, how: &w.how}) || w.o.Max > 0 && w.stats.Visited >= w.o.Max {
		w.stop = true
	}
}
