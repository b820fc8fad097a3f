package crashfs

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

const (
	blockSize  = 4096
	sectorSize = 512
	// allSubsets is the number of unsynced blocks up to which every subset is
	// tried; above it corners and randomSubsets seeded ones.
	allSubsets    = 7
	randomSubsets = 32
)

// A Crash is a state of the disk after a power cut.
type Crash struct {
	Files map[string][]byte // valid until the visitor returns
	Marks []any             // noted before the crash, oldest first
	Op    int               // index in the log: what comes from there on did not begin
	What  string            // how the state came to be
}

// Options of Crashes.
type Options struct {
	Seed uint64
	// From is the first index of the log to crash at.
	From int
	// IgnoreSyncs models a disk that lies: no sync makes anything durable, but
	// what the file system began with is.
	IgnoreSyncs bool
	// Max ends the walk after as many distinct states; 0 means no limit.
	Max int
	// Seen, if not nil, collects the hashes of states over several walks.
	Seen map[uint64]struct{}
}

// Stats of a walk.
type Stats struct {
	States   int // made
	Distinct int // visited
}

// piece is a part of a write that lies in one block.
type piece struct {
	off  int64
	data []byte
}

// disk is what is known of a file at some point of the log.
type disk struct {
	durable []byte
	current []byte  // as written
	pieces  []piece // since the last sync, in order
	sizes   []int64 // since the last sync, the durable one first
	size    int64
}

func (d *disk) apply(op Op) {
	switch op.Kind {
	case Write:
		for off, p := op.Offset, op.Data; len(p) > 0; {
			n := min(int64(len(p)), blockSize-off%blockSize)
			d.pieces = append(d.pieces, piece{off, p[:n]})
			off, p = off+n, p[n:]
		}
		d.current = put(d.current, op.Offset, op.Data)
		d.size = max(d.size, op.Offset+int64(len(op.Data)))
		d.sizes = append(d.sizes, d.size)
	case Truncate:
		d.size = op.Size
		d.sizes = append(d.sizes, d.size)
		d.current = resize(d.current, d.size)
	case Sync:
		d.durable = slices.Clone(d.current)
		d.pieces, d.sizes = nil, []int64{d.size}
	}
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
	pending map[string][]Op   // by directory, since its last sync
	stats   Stats
	seen    map[uint64]struct{}
	seed    maphash.Seed
	visit   func(Crash) bool
	marks   []any
	op      int
	stop    bool
	buf     []byte
}

// Crashes walks every state that a crash could leave at every point of the log
// of f, beginning with start, what was durable before the log began, and calls
// visit for each that it has not met before, until visit returns false.
func (f *FS) Crashes(start map[string][]byte, o Options, visit func(Crash) bool) Stats {
	w := &walker{
		o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x7e57)), disks: map[*inode]*disk{}, names: map[string]*inode{},
		pending: map[string][]Op{}, seen: o.Seen, seed: seedOnce, visit: visit,
	}
	if w.seen == nil {
		w.seen = map[uint64]struct{}{}
	}
	for _, op := range f.log {
		if op.File != nil && w.disks[op.File] == nil {
			d := &disk{}
			if data, ok := start[op.File.first]; ok {
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
	for i, op := range f.log {
		if i >= o.From && op.Kind != Mark && op.Kind != Close && op.Kind != Open {
			w.op = i
			w.states()
			if w.stop {
				return w.stats
			}
		}
		w.apply(op)
	}
	w.op = len(f.log)
	w.states()
	return w.stats
}

var seedOnce = maphash.MakeSeed()

func (w *walker) apply(op Op) {
	switch op.Kind {
	case Mark:
		w.marks = append(w.marks, op.Note)
	case Write, Truncate:
		w.disks[op.File].apply(op)
	case Sync:
		if !w.o.IgnoreSyncs {
			w.disks[op.File].apply(op)
		}
	case Create, Rename, Remove:
		dir := path.Dir(op.Name)
		w.pending[dir] = append(w.pending[dir], op)
	case SyncDir:
		if w.o.IgnoreSyncs {
			break
		}
		for _, p := range w.pending[path.Clean(op.Name)] {
			rename(w.names, p)
		}
		delete(w.pending, path.Clean(op.Name))
	}
}

func rename(names map[string]*inode, op Op) {
	switch op.Kind {
	case Create:
		names[op.Name] = op.File
	case Rename:
		delete(names, op.Name)
		names[op.New] = op.File
	case Remove:
		delete(names, op.Name)
	}
}

// states makes every state at this point: for each prefix of what happened to
// the names, each state of each file that is not wholly synced, one such file
// at a time with the others as they were written or as they were durable.
func (w *walker) states() {
	var all []Op
	for _, dir := range slices.Sorted(maps.Keys(w.pending)) {
		all = append(all, w.pending[dir]...)
	}
	for n := 0; n <= len(all) && !w.stop; n++ {
		names := maps.Clone(w.names)
		for _, op := range all[:n] {
			rename(names, op)
		}
		how := fmt.Sprintf("%d of %d changes of names", n, len(all))
		files := map[string][]byte{}
		dirty := []string{}
		for name, inode := range names {
			d := w.disks[inode]
			files[name] = resize(slices.Clone(d.durable), d.sizes[0])
			if len(d.pieces) > 0 || len(d.sizes) > 1 {
				dirty = append(dirty, name)
			}
		}
		slices.Sort(dirty)
		w.emit(files, how)
		for _, name := range dirty {
			w.file(files, name, w.disks[names[name]], how)
			// For the files behind it this one is as it was written.
			files[name] = slices.Clone(w.disks[names[name]].current)
		}
	}
}

// file makes the states of one file.
func (w *walker) file(files map[string][]byte, name string, d *disk, how string) {
	n := len(d.pieces)
	sizes := slices.Compact(slices.Sorted(slices.Values(d.sizes)))
	if len(sizes) > 4 {
		// The ends and two on the way; a torn size is caught by any of them.
		sizes = []int64{sizes[0], sizes[1], sizes[len(sizes)-2], sizes[len(sizes)-1]}
	}
	emit := func(buf []byte, what string) {
		for _, size := range sizes {
			if w.stop {
				return
			}
			full := len(buf)
			cut := buf
			if size < int64(full) {
				cut = buf[:size]
			} else {
				cut = resize(slices.Clip(buf), size)
			}
			old := files[name]
			files[name] = cut
			w.emit(files, how+", "+what)
			files[name] = old
		}
	}
	subset := func(what string, keep func(int) bool) {
		w.buf = append(w.buf[:0], d.durable...)
		for i, p := range d.pieces {
			if keep(i) {
				w.buf = put(w.buf, p.off, p.data)
			}
		}
		emit(w.buf, what)
	}
	if n <= allSubsets {
		for mask := range 1 << n {
			subset(fmt.Sprintf("blocks %0*b", n, mask), func(i int) bool { return mask>>i&1 != 0 })
		}
	} else {
		for cut := 0; cut <= n; cut++ {
			subset(fmt.Sprintf("the first %d of %d blocks", cut, n), func(i int) bool { return i < cut })
			subset(fmt.Sprintf("the last %d of %d blocks", n-cut, n), func(i int) bool { return i >= cut })
		}
		for i := range n {
			subset(fmt.Sprintf("all blocks but %d", i), func(j int) bool { return j != i })
			subset(fmt.Sprintf("block %d alone", i), func(j int) bool { return j == i })
		}
		for r := range randomSubsets {
			bits := make([]bool, n)
			for i := range bits {
				bits[i] = w.rng.IntN(2) == 0
			}
			subset(fmt.Sprintf("random subset %d", r), func(i int) bool { return bits[i] })
		}
	}
	for i := range n {
		w.tears(d, i, emit)
		if w.stop {
			return
		}
	}
}

// tears makes the states in which piece i reached the disk in part.
func (w *walker) tears(d *disk, i int, emit func([]byte, string)) {
	p := d.pieces[i]
	n := len(p.data)
	garbage := make([]byte, n)
	for j := range garbage {
		garbage[j] = byte(w.rng.Uint32())
	}
	type part struct {
		what string
		make func(b []byte) // b holds what was there before
	}
	var parts []part
	cutAt := func(at int) {
		if at <= 0 || at >= n {
			return
		}
		parts = append(parts,
			part{fmt.Sprintf("block %d up to byte %d", i, at), func(b []byte) { copy(b[:at], p.data) }},
			part{fmt.Sprintf("block %d from byte %d on", i, at), func(b []byte) { copy(b[at:], p.data[at:]) }})
	}
	for at := sectorSize; at < n; at += sectorSize {
		cutAt(at)
	}
	for _, at := range [...]int{1, 7, 12, 33, 62, 63, 100, 127} {
		cutAt(at)
	}
	first := min(n, sectorSize)
	parts = append(parts,
		part{fmt.Sprintf("block %d with a first sector of garbage", i), func(b []byte) { copy(b, p.data); copy(b[:first], garbage) }},
		part{fmt.Sprintf("block %d with a first sector of zeros", i), func(b []byte) { copy(b, p.data); clear(b[:first]) }},
		part{fmt.Sprintf("block %d of garbage", i), func(b []byte) { copy(b, garbage) }},
		part{fmt.Sprintf("block %d of zeros", i), func(b []byte) { clear(b) }})
	around := [...]struct {
		what string
		keep func(int) bool
	}{
		{"nothing else", func(int) bool { return false }},
		{"all before it", func(j int) bool { return j < i }},
		{"all else", func(j int) bool { return j != i }},
	}
	for _, a := range around {
		for _, t := range parts {
			w.buf = append(w.buf[:0], d.durable...)
			torn := func() {
				if end := p.off + int64(n); end > int64(len(w.buf)) {
					w.buf = resize(w.buf, end)
				}
				t.make(w.buf[p.off : p.off+int64(n)])
			}
			for j, q := range d.pieces {
				if j == i {
					torn()
				} else if a.keep(j) {
					w.buf = put(w.buf, q.off, q.data)
				}
			}
			emit(w.buf, t.what+" and "+a.what)
			if w.stop {
				return
			}
		}
	}
}

func (w *walker) emit(files map[string][]byte, what string) {
	w.stats.States++
	var h maphash.Hash
	h.SetSeed(w.seed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&h, "%s\x00%d\x00", name, len(files[name]))
		h.Write(files[name])
	}
	// The same bytes after another mark are another case.
	fmt.Fprintf(&h, "%d", len(w.marks))
	sum := h.Sum64()
	if _, ok := w.seen[sum]; ok {
		return
	}
	w.seen[sum] = struct{}{}
	w.stats.Distinct++
	if !w.visit(Crash{Files: files, Marks: w.marks, Op: w.op, What: what}) || w.o.Max > 0 && w.stats.Distinct >= w.o.Max {
		w.stop = true
	}
}
