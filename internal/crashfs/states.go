package crashfs

import (
	"fmt"
	"slices"
)

// how tells in which way a state came to be.
type how struct {
	names   uint
	changes int
	file    string
	subset  string // with at
	at, of  int
	mask    []bool
	tear    tear
	torn    bool
	size    int64
}

func (h *how) String() string {
	s := fmt.Sprintf("changes of names %0*b", h.changes, h.names)
	if h.file == "" {
		return s
	}
	s += ", " + h.file + ": "
	if h.torn {
		s += h.tear.String() + " and " + h.subset
	} else if h.mask != nil {
		s += fmt.Sprintf("of %d blocks %v", h.of, h.mask)
	} else {
		s += fmt.Sprintf(h.subset, h.at, h.of)
	}
	return s + fmt.Sprintf(", %d bytes", h.size)
}

// file makes the states of one file, all or those that are new.
func (w *walker) file(files map[string][]byte, name string, d *disk, all bool) {
	before := files[name]
	defer func() { files[name] = before }()
	w.how.file, w.how.of = name, len(d.pieces)
	first, oldSizes := d.oldPieces, d.oldSizes
	if all {
		first, oldSizes = 0, 0
	}
	sizes := w.sizes(d)
	emit := func(buf []byte, sizes []int64) {
		for _, size := range sizes {
			if w.stop {
				return
			}
			cut := buf
			if size < int64(len(buf)) {
				cut = buf[:size]
			} else {
				cut = resize(buf, size)
				w.buf = cut[:len(buf)]
			}
			files[name], w.how.size = cut, size
			w.emit(files)
		}
	}
	n := len(d.pieces)
	subset := func(what string, at int, keep func(int) bool) {
		if w.stop {
			return
		}
		if first > 0 && len(d.sizes) == oldSizes && !slices.ContainsFunc(indices(first, n), keep) {
			return // nothing that is new
		}
		w.how.subset, w.how.at, w.how.mask = what, at, nil
		w.begin(d, keep)
		emit(w.buf, sizes)
	}
	w.how.torn = false
	if n <= allSubsets {
		for mask := range 1 << n {
			subset("blocks %b of %d", mask, func(i int) bool { return mask>>i&1 != 0 })
		}
	} else {
		for cut := 0; cut <= n; cut++ {
			subset("the first %d of %d blocks", cut, func(i int) bool { return i < cut })
			subset("all but the first %d of %d blocks", cut, func(i int) bool { return i >= cut })
		}
		for i := range n {
			subset("all but block %d of %d", i, func(j int) bool { return j != i })
			subset("block %d of %d alone", i, func(j int) bool { return j == i })
		}
		bits := make([]bool, n)
		for r := range randomSubsets {
			// One in two, few, or nearly all of them.
			odds := [...]int{2, 2, 5, n}[r%4]
			for i := range bits {
				bits[i] = (w.rng.IntN(odds) == 0) != (r%8 >= 4)
			}
			w.how.mask = bits
			w.begin(d, func(i int) bool { return bits[i] })
			emit(w.buf, sizes)
			if w.stop {
				return
			}
		}
	}
	w.how.torn, w.how.mask = true, nil
	if len(sizes) > 3 {
		sizes = []int64{sizes[0], sizes[1+w.rng.IntN(len(sizes)-2)], sizes[len(sizes)-1]}
	}
	for i := first; i < n && !w.stop; i++ {
		if w.o.Torn > 0 && i < n-1 && w.rng.IntN(n) >= w.o.Torn {
			continue
		}
		w.tears(d, i, func(b []byte) { emit(b, sizes) })
	}
}

func indices(from, to int) []int {
	list := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// sizes are those that the file may have: the ends, and at most three more.
func (w *walker) sizes(d *disk) []int64 {
	sizes := slices.Compact(slices.Sorted(slices.Values(d.sizes)))
	// Both ends of what was written matter: the last size comes first.
	for len(sizes) > 5 {
		i := 1 + w.rng.IntN(len(sizes)-2)
		if sizes[i] != d.size {
			sizes = slices.Delete(sizes, i, i+1)
		}
	}
	return sizes
}

// begin fills the buffer with what is durable and the pieces that keep tells.
func (w *walker) begin(d *disk, keep func(int) bool) {
	w.buf = append(w.buf[:0], d.durable...)
	for i, p := range d.pieces {
		if keep(i) {
			w.buf = p.apply(w.buf)
		}
	}
}

// tear is a way in which a block reaches the disk in part.
type tear struct {
	kind  tearKind
	block int
	at    int
}

type tearKind uint8

const (
	upTo tearKind = iota
	from
	garbageSector
	zeroSector
	garbageBlock
	zeroBlock
)

func (t tear) String() string {
	return fmt.Sprintf([...]string{"block %d up to byte %d", "block %d from byte %d on", "block %d with garbage in the sector at %d", "block %d with zeros in the sector at %d", "block %d of garbage from %d", "block %d of zeros from %d"}[t.kind], t.block, t.at)
}

// apply makes b, which holds what was there before, what is left of data.
func (t tear) apply(b, data, garbage []byte) {
	end := min(t.at+sectorSize, len(data))
	switch t.kind {
	case upTo:
		copy(b[:t.at], data)
	case from:
		copy(b[t.at:], data[t.at:])
	case garbageSector:
		copy(b, data)
		copy(b[t.at:end], garbage)
	case zeroSector:
		copy(b, data)
		clear(b[t.at:end])
	case garbageBlock:
		copy(b, garbage)
	case zeroBlock:
		clear(b)
	}
}

// bytes at which blocks are torn beside sectors: within a record and its
// checksum at the beginning of a block, and within a trailer at its end.
var tornAt = [...]int{1, 4, 7, 8, 12, 24, 32, 33, 40, 62, 63, 100, 127, 128,
	blockSize - 128, blockSize - 127, blockSize - 124, blockSize - 100, blockSize - 64, blockSize - 8, blockSize - 1}

// ways lists the tears of piece i.
func (w *walker) ways(d *disk, i int) []tear {
	n := len(d.pieces[i].data)
	list := w.kinds[:0]
	cut := func(at int) {
		if at > 0 && at < n {
			list = append(list, tear{upTo, i, at}, tear{from, i, at})
		}
	}
	for at := 0; at < n; at += sectorSize {
		cut(at)
		list = append(list, tear{garbageSector, i, at}, tear{zeroSector, i, at})
	}
	if len(d.pieces) == 1 {
		for at := 1; at <= 128; at++ {
			cut(at)
		}
	} else {
		for _, at := range tornAt {
			cut(at)
		}
	}
	list = append(list, tear{garbageBlock, i, 0}, tear{zeroBlock, i, 0})
	w.kinds = list
	if w.o.Thin > 0 && len(d.pieces) > 1 && len(list) > w.o.Thin {
		for k := range w.o.Thin {
			j := k + w.rng.IntN(len(list)-k)
			list[k], list[j] = list[j], list[k]
		}
		list = list[:w.o.Thin]
	}
	return list
}

// tears makes the states in which piece i reached the disk in part.
func (w *walker) tears(d *disk, i int, emit func([]byte)) {
	p := d.pieces[i]
	if p.cut {
		return
	}
	end := p.off + int64(len(p.data))
	for j := range w.garbage {
		w.garbage[j] = byte(w.rng.Uint32())
	}
	around := [...]struct {
		what string
		keep func(int) bool
	}{
		{"nothing else", func(int) bool { return false }},
		{"all before it", func(j int) bool { return j < i }},
		{"all else", func(int) bool { return true }},
	}
	for k, a := range around {
		if k > 0 && len(d.pieces) == 1 || k == 1 && (i == 0 || i == len(d.pieces)-1) {
			continue // as another
		}
		for _, t := range w.ways(d, i) {
			w.buf = append(w.buf[:0], d.durable...)
			for j, q := range d.pieces {
				switch {
				case j == i:
					if end > int64(len(w.buf)) {
						w.buf = resize(w.buf, end)
					}
					t.apply(w.buf[p.off:end], p.data, w.garbage[:])
				case a.keep(j):
					w.buf = q.apply(w.buf)
				}
			}
			w.how.subset, w.how.tear = a.what, t
			emit(w.buf)
			if w.stop {
				return
			}
		}
	}
}
