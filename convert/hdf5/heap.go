package hdf5

import (
	"fmt"
	"math/bits"

	"github.com/tensorfile/tensorfile/tensor"
)

// fractalHeap holds the links or attributes of an object that has many, and
// messages that objects share.
type fractalHeap struct {
	f           *file
	addr        uint64
	idSize      int
	sums        bool // direct blocks have checksums
	maxManaged  uint64
	hugeTree    uint64
	width       uint64 // blocks in a row
	start       uint64 // bytes of a block of the first row
	maxDirect   uint64
	bits        int // of the heap's address space
	root        uint64
	rows        int // of the root; 0: it is a direct block
	huge        map[uint64]extent
	direct      map[uint64][]byte
	indirect    map[uint64][]uint64
	offsetBytes int
	lengthBytes int
}

func (f *file) fractalHeap(addr uint64) (*fractalHeap, error) {
	o, l := f.offsetSize, f.lengthSize
	r := f.block(addr, uint64(4+1+2+2+1+4+12*l+3*o+2*4+4), "fractal heap")
	r.begin("FRHP", 0)
	h := &fractalHeap{f: f, addr: addr, direct: map[uint64][]byte{}, indirect: map[uint64][]uint64{}}
	h.idSize = int(r.u16())
	if n := r.u16(); r.err == nil && n != 0 {
		r.wrong(tensor.ErrUnsupported, "filters", "compressed links or attributes", "none")
	}
	r.seal()
	h.sums = r.u8()&2 != 0
	h.maxManaged = uint64(r.u32())
	r.length() // next id
	h.hugeTree = r.address()
	r.length() // free space
	r.address()
	for range 8 {
		r.length() // what is used, allocated, and how many of which there are
	}
	h.width = uint64(r.u16())
	h.start, h.maxDirect = r.length(), r.length()
	h.bits = int(r.u16())
	r.u16() // rows that the root began with
	h.root = r.address()
	h.rows = int(r.u16())
	if r.err != nil {
		return nil, r.err
	}
	power := func(n uint64) bool { return bits.OnesCount64(n) == 1 }
	if !power(h.width) || !power(h.start) || !power(h.maxDirect) || h.start > h.maxDirect || h.maxDirect > 1<<31 || h.bits < 1 || h.bits > 64 || bits.Len64(h.width*h.start) > h.bits || h.rows > h.maxRows() {
		r.fail(tensor.ErrCorrupt, 0, "blocks", fmt.Sprintf("%d in a row of %d to %d bytes, %d rows, %d bits", h.width, h.start, h.maxDirect, h.rows, h.bits), "powers of two in an address space")
		return nil, r.err
	}
	h.offsetBytes = (h.bits + 7) / 8
	h.lengthBytes = min((bits.Len64(h.maxDirect)+6)/8, sizeOf(h.maxManaged))
	return h, nil
}

// maxRows is the number of rows that fill the address space.
func (h *fractalHeap) maxRows() int { return h.bits - bits.Len64(h.width*h.start) + 2 }

// directRows is how many rows of direct blocks an indirect block can have.
func (h *fractalHeap) directRows() int {
	return bits.Len64(h.maxDirect) - bits.Len64(h.start) + 2
}

// Types of heap ids.
const (
	idManaged = 0
	idHuge    = 1
	idTiny    = 2
)

// object is the object of an id.
func (h *fractalHeap) object(id []byte) *block {
	const what = "heap id"
	r := &block{f: h.f, b: id, addr: h.addr, what: what}
	first := r.u8()
	if r.err == nil && first>>6 != 0 {
		r.fail(tensor.ErrUnsupported, 0, "version", count(first>>6), "0")
	}
	switch kind := first >> 4 & 3; {
	case r.err != nil:
		return r
	case kind == idManaged:
		off, n := r.uint(h.offsetBytes), r.uint(h.lengthBytes)
		if r.err != nil {
			return r
		}
		return h.managed(off, n)
	case kind == idHuge:
		e := extent{}
		if n := h.idSize - 1; n >= h.f.offsetSize+h.f.lengthSize {
			e = extent{r.address(), r.length()}
		} else {
			key := r.uint(min(n, h.f.lengthSize, 8))
			if err := h.loadHuge(); err != nil {
				r.err = err
				return r
			}
			var ok bool
			if e, ok = h.huge[key]; !ok {
				r.fail(tensor.ErrCorrupt, 0, "huge object", "number "+count(key), "one that the heap has")
			}
		}
		if r.err != nil {
			return r
		}
		return h.f.block(e.addr, e.size, "huge object")
	case kind == idTiny:
		n := int(first&15) + 1
		if h.idSize > 18 {
			n = int(first&15)<<8 + int(r.u8()) + 1
		}
		return r.part(n, "tiny object")
	}
	r.fail(tensor.ErrUnsupported, 0, "type", count(first>>4&3), "0 to 2")
	return r
}

// loadHuge reads where the huge objects are.
func (h *fractalHeap) loadHuge() error {
	if h.huge != nil {
		return nil
	}
	all := map[uint64]extent{}
	err := h.f.btree2(h.hugeTree, treeHuge, func(r *block) error {
		e := extent{r.address(), r.length()}
		all[r.length()] = e
		return r.err
	})
	if err == nil {
		h.huge = all
	}
	return err
}

// managed is the object of n bytes at off of the heap's address space: blocks in
// rows, whose size doubles from the third row on.
func (h *fractalHeap) managed(off, n uint64) *block {
	bad := func(got, want string) *block {
		return &block{f: h.f, err: fail(tensor.ErrCorrupt, h.f.place(h.addr), "heap id", got, want)}
	}
	addr, size, from, rows := h.root, h.start, uint64(0), h.rows
	if h.root == none {
		return bad("an object", "none, the heap is empty")
	}
	for rows > 0 {
		row, rowAt := 0, uint64(0)
		size = h.start
		if first := h.width * h.start; off-from >= first {
			if row = bits.Len64(off-from) - bits.Len64(first) + 1; row >= rows {
				return bad("offset "+count(off), "one inside the heap")
			}
			size = h.start << (row - 1)
			rowAt = first << (row - 1)
		}
		col := (off - from - rowAt) / size
		children, err := h.children(addr, rows, from)
		if err != nil {
			return &block{f: h.f, err: err}
		}
		addr = children[uint64(row)*h.width+col]
		from += rowAt + col*size
		if addr == none {
			return bad("offset "+count(off)+", where there is no block", "one inside a block")
		}
		if rows = 0; row >= h.directRows() {
			if rows = bits.Len64(size) - bits.Len64(h.width*h.start) + 1; rows < 1 {
				return bad("an indirect block of "+count(size)+" bytes", "one of a row at least")
			}
		}
	}
	b, err := h.directBlock(addr, size, from)
	if err != nil {
		return &block{f: h.f, err: err}
	}
	if at := off - from; at > size || n > size-at {
		return bad(count(n)+" bytes at "+count(off), "an object inside a block of "+count(size))
	}
	at := off - from
	return &block{f: h.f, b: b[at : at+n : at+n], addr: addr + at, what: "heap object"}
}

// children are the addresses in an indirect block of some rows at from of the
// address space.
func (h *fractalHeap) children(addr uint64, rows int, from uint64) ([]uint64, error) {
	if list, ok := h.indirect[addr]; ok {
		if uint64(len(list)) != uint64(rows)*h.width {
			return nil, fail(tensor.ErrCorrupt, h.f.place(addr), "indirect block", "two of different sizes in one place", "one")
		}
		return list, nil
	}
	n := uint64(rows) * h.width
	r := h.f.sealed(addr, 5+uint64(h.f.offsetSize+h.offsetBytes)+n*uint64(h.f.offsetSize)+4, "indirect block", "FHIB", 0)
	h.owner(r, from)
	list := make([]uint64, 0, min(n, uint64(len(r.b))))
	for range n {
		if r.err != nil {
			return nil, r.err
		}
		list = append(list, r.address())
	}
	h.indirect[addr] = list
	return list, r.err
}

// owner looks at whose block it is, and where it belongs.
func (h *fractalHeap) owner(r *block, from uint64) {
	if got := r.address(); r.err == nil && got != h.addr {
		r.wrong(tensor.ErrCorrupt, "heap", count(got), count(h.addr))
	}
	if got := r.uint(h.offsetBytes); r.err == nil && got != from {
		r.wrong(tensor.ErrCorrupt, "offset in the heap", count(got), count(from))
	}
}

func (h *fractalHeap) directBlock(addr, size, from uint64) ([]byte, error) {
	if b, ok := h.direct[addr]; ok {
		if uint64(len(b)) != size {
			return nil, fail(tensor.ErrCorrupt, h.f.place(addr), "direct block", "two of different sizes in one place", "one")
		}
		return b, nil
	}
	r := h.f.block(addr, size, "direct block")
	r.begin("FHDB", 0)
	h.owner(r, from)
	if at := r.at; h.sums {
		want := r.u32()
		if r.err != nil {
			return nil, r.err
		}
		b := append([]byte(nil), r.b...)
		clear(b[at : at+4])
		if got := lookup3(b); got != want {
			r.fail(tensor.ErrCorrupt, at, "checksum", fmt.Sprintf("%08x", want), fmt.Sprintf("%08x", got))
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	h.direct[addr] = r.b
	return r.b, nil
}

// localHeap is the names of a group of the old kind.
func (f *file) localHeap(addr uint64) (*block, error) {
	r := f.block(addr, uint64(8+2*f.lengthSize+f.offsetSize), "local heap")
	r.begin("HEAP", 0)
	r.skip(3)
	size := r.length()
	r.length() // free list
	data := r.address()
	if r.err != nil {
		return nil, r.err
	}
	h := f.block(data, size, "local heap")
	return h, h.err
}

// name is the string at off of a local heap.
func (r *block) name(off uint64) (string, error) {
	if off >= uint64(len(r.b)) {
		return "", fail(tensor.ErrCorrupt, r.f.place(r.addr), "local heap", "a name at "+count(off), "inside its "+count(len(r.b))+" bytes")
	}
	at := &block{f: r.f, b: r.b, at: int(off), addr: r.addr, what: r.what}
	s := at.text()
	return s, at.err
}
