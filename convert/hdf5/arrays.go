package hdf5

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/tensorfile/tensorfile/tensor"
)

// Arrays of chunks count them in C order of the grid that the largest extents
// make, where an axis without a bound goes in front of the others.

// order is that of chunks in an array.
type order struct {
	steps []int64 // along each axis; 1 along the free one
	free  int     // the axis without a bound, or -1
	all   int64   // product of steps
}

// order finds out how chunks are counted in arrays of a kind.
func (g *grid) order(free bool) (order, error) {
	o := order{free: -1, steps: make([]int64, len(g.most))}
	for i, n := range g.most {
		switch {
		case n >= 0:
			if o.steps[i] = n / g.chunk[i]; n%g.chunk[i] != 0 {
				o.steps[i]++
			}
		case o.free >= 0 || !free:
			return o, fail(tensor.ErrCorrupt, -1, "chunk index", "one of another number of axes without a bound", "one that suits the largest extents")
		default:
			o.free, o.steps[i] = i, 1
		}
	}
	if free && o.free < 0 {
		return o, fail(tensor.ErrCorrupt, -1, "chunk index", "one for an axis without a bound", "one that suits the largest extents")
	}
	var ok bool
	if o.all, ok = product(o.steps...); !ok {
		return o, fail(tensor.ErrOverflow, -1, "chunk index", fmt.Sprint(o.steps)+" chunks", "at most 2^63-1")
	}
	return o, nil
}

// place is where the chunk with an index along each axis is in the array, if no
// axis is free.
func (o *order) place(index []int64) int64 {
	at := int64(0)
	for i, k := range index {
		at = at*o.steps[i] + k
	}
	return at
}

// index is the index along each axis of what is at a place of the array.
func (o *order) index(at int64) []int64 {
	index := make([]int64, len(o.steps))
	if o.free >= 0 {
		index[o.free], at = at/max(o.all, 1), at%max(o.all, 1)
	}
	for i := len(index) - 1; i >= 0; i-- {
		if i != o.free && o.steps[i] > 0 {
			index[i], at = at%o.steps[i], at/o.steps[i]
		}
	}
	return index
}

// implicit chunks lie one behind the other, without an index.
func (g *grid) implicit() error {
	if len(g.filters) > 0 {
		return fail(tensor.ErrCorrupt, -1, "chunk index", "an implicit one of filtered chunks", "another kind")
	}
	o, err := g.order(false)
	if err != nil {
		return err
	}
	bytes, ok := product(o.all, g.raw)
	if !ok {
		return fail(tensor.ErrOverflow, -1, "chunk index", count(o.all)+" chunks", "at most 2^63-1 bytes")
	}
	g.rows = o
	return g.f.inside(g.layout.addr, uint64(bytes), "chunks")
}

// array is a fixed or an extensible array of chunks.
type array struct {
	g        *grid
	header   uint64
	filtered bool
	size     int // bytes of an element
	perPage  int64
	at       int64 // of the next element
	order    order
	add      addChunk
}

// check looks at what the header says of elements.
func (a *array) check(r *block, client uint8, pageBits int) {
	least := a.g.f.offsetSize
	if a.filtered = client == 1; a.filtered {
		least += 1 + 4
	}
	switch {
	case r.err != nil:
	case client > 1 || a.filtered != (len(a.g.filters) > 0):
		r.wrong(tensor.ErrCorrupt, "client", count(client), "0, or 1 of filtered chunks")
	case a.size < least || a.size > least+7 || !a.filtered && a.size != least:
		r.wrong(tensor.ErrCorrupt, "bytes of an element", count(a.size), "an address, and a size and a mask of filtered chunks")
	case pageBits < 1 || pageBits > 31:
		r.wrong(tensor.ErrCorrupt, "elements of a page", "2^"+count(pageBits), "2 to 2^31")
	}
	a.perPage = 1 << (pageBits & 31)
}

// owner takes the client and the address of the header.
func (a *array) owner(r *block) {
	r.skip(1)
	if got := r.address(); r.err == nil && got != a.header {
		r.wrong(tensor.ErrCorrupt, "header", count(got), count(a.header))
	}
}

// elements takes n elements.
func (a *array) elements(r *block, n int64) error {
	for range n {
		addr, size, mask := r.address(), uint64(a.g.raw), uint32(0)
		if a.filtered {
			size, mask = r.uint(a.size-a.g.f.offsetSize-4), r.u32()
		}
		if r.err != nil {
			return r.err
		}
		at := a.at
		if a.at++; addr == none {
			continue
		}
		number, ok := a.g.number(a.order.index(at))
		if !ok {
			r.wrong(tensor.ErrCorrupt, "place of a chunk", count(at), "inside the grid "+fmt.Sprint(a.g.steps))
			return r.err
		}
		if err := a.add(number, addr, size, mask); err != nil {
			return err
		}
	}
	return r.err
}

// skip leaves out elements that are not there.
func (a *array) skip(n int64) {
	if a.at += n; a.at < 0 {
		a.at = math.MaxInt64
	}
}

// page takes n elements that have a checksum of their own.
func (a *array) page(addr uint64, n int64) error {
	r := a.g.f.block(addr, uint64(n)*uint64(a.size)+4, "page of an array")
	r.seal()
	return a.elements(r, n)
}

// bit reports whether bit i of a bitmap is set; the first is the highest.
func bit(bitmap []byte, i int64) bool { return bitmap[i/8]&(0x80>>(i%8)) != 0 }

// fixed reads an array whose number of elements does not change.
func (g *grid) fixed(add addChunk) error {
	f := g.f
	const what = "fixed array"
	r := f.sealed(g.layout.addr, uint64(4+1+1+1+1+f.lengthSize+f.offsetSize+4), what, "FAHD", 0)
	a := &array{g: g, header: g.layout.addr, add: add}
	client := r.u8()
	a.size = int(r.u8())
	a.check(r, client, int(r.u8()))
	total := r.length()
	data := r.address()
	if r.err != nil || data == none {
		return r.err
	}
	var err error
	if a.order, err = g.order(false); err != nil {
		return err
	}
	if total != uint64(a.order.all) {
		r.fail(tensor.ErrCorrupt, 8, "elements", count(total), count(a.order.all)+" of the grid "+fmt.Sprint(a.order.steps))
		return r.err
	}
	all := a.order.all
	if all > f.size/int64(a.size) {
		return fail(tensor.ErrTruncated, f.place(data), what, count(all)+" elements of "+count(a.size)+" bytes", "inside the file's "+count(f.size))
	}
	n, pages := all*int64(a.size), int64(0)
	if all > a.perPage {
		pages = (all + a.perPage - 1) / a.perPage
		n = (pages + 7) / 8
	}
	head := uint64(4+1+1+f.offsetSize) + uint64(n) + 4
	r = f.sealed(data, head, what+" data", "FADB", 0)
	a.owner(r)
	if pages == 0 {
		return a.elements(r, all)
	}
	used := r.bytes(int(n))
	for p := int64(0); p < pages && r.err == nil; p++ {
		n := min(a.perPage, all-a.at)
		if !bit(used, p) {
			a.skip(n)
		} else if err := a.page(data+head+uint64(p)*(uint64(a.perPage)*uint64(a.size)+4), n); err != nil {
			return err
		}
	}
	return r.err
}

// extensible is an array that grows along one axis. Its first elements are in
// the index block. Those behind are in data blocks, which the index block knows,
// and later ones in data blocks that secondary blocks know: secondary block k has
// 2^(k/2) data blocks, each of 2^((k+1)/2) times the least number of elements.
type extensible struct {
	array
	least       int64
	offsetBytes int
	need        int64 // elements that the extents need
}

func (g *grid) extensible(add addChunk) error {
	f := g.f
	const what = "extensible array"
	r := f.sealed(g.layout.addr, uint64(4+1+1+1+5+6*f.lengthSize+f.offsetSize+4), what, "EAHD", 0)
	a := &extensible{array: array{g: g, header: g.layout.addr, add: add}}
	client := r.u8()
	a.size = int(r.u8())
	maxBits, inIndex := int(r.u8()), int64(r.u8())
	a.least = int64(r.u8())
	pointers := int64(r.u8())
	a.check(r, client, int(r.u8()))
	power := func(n int64) bool { return n > 0 && n&(n-1) == 0 }
	if r.err == nil && (maxBits < 1 || maxBits > 64 || !power(a.least) || pointers < 2 || !power(pointers) || bits.Len64(uint64(a.least)) > maxBits) {
		r.fail(tensor.ErrCorrupt, 7, "sizes of blocks", fmt.Sprintf("%d bits, %d elements, %d pointers", maxBits, a.least, pointers), "powers of two")
	}
	for range 6 {
		r.length() // numbers and sizes of blocks, of elements set and realised
	}
	index := r.address()
	if r.err != nil || index == none {
		return r.err
	}
	var err error
	if a.order, err = g.order(true); err != nil {
		return err
	}
	var ok bool
	if a.need, ok = product(a.order.all, g.steps[a.order.free]); !ok {
		return fail(tensor.ErrOverflow, -1, "chunk index", fmt.Sprint(g.steps)+" chunks", "at most 2^63-1")
	}
	a.offsetBytes = (maxBits + 7) / 8
	secondary := 1 + maxBits - (bits.Len64(uint64(a.least)) - 1)
	direct := 2 * (bits.Len64(uint64(pointers)) - 1) // whose data blocks the index block knows
	blocks := 2 * (int(pointers) - 1)                // as many
	head := 4 + 1 + 1 + f.offsetSize
	r = f.sealed(index, uint64(head+int(inIndex)*a.size+(blocks+max(secondary-direct, 0))*f.offsetSize+4), what+" index", "EAIB", 0)
	a.owner(r)
	if err := a.elements(r, inIndex); err != nil {
		return err
	}
	for k := 0; k < secondary && a.at < a.need; k++ {
		if k == direct {
			r.at = head + int(inIndex)*a.size + blocks*f.offsetSize
		}
		s := a.secondary(k)
		if k >= direct {
			err = a.readSecondary(r.address(), &s)
		}
		for i := int64(0); k < direct && i < s.blocks && err == nil; i++ {
			err = a.data(r.address(), &s, nil, 0)
		}
		if err == nil {
			err = r.err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// secondaryBlock is what a secondary block is about.
type secondaryBlock struct {
	blocks   int64 // data blocks
	elements int64 // in each
	pages    int64 // of each; 0: it has none
}

func (a *extensible) secondary(k int) secondaryBlock {
	s := secondaryBlock{blocks: 1 << (k / 2), elements: a.least << ((k + 1) / 2)}
	if s.elements > a.perPage {
		s.pages = s.elements / a.perPage
	}
	return s
}

func (a *extensible) readSecondary(addr uint64, s *secondaryBlock) error {
	if addr == none {
		n, ok := product(s.blocks, s.elements)
		if !ok {
			n = math.MaxInt64
		}
		a.skip(n)
		return nil
	}
	f := a.g.f
	bitmap := (s.pages + 7) / 8 // for each data block, though their bits follow each other
	n, ok := product(s.blocks, bitmap+int64(f.offsetSize))
	if !ok || n > f.size {
		return fail(tensor.ErrTruncated, f.place(addr), "secondary block", count(s.blocks)+" data blocks", "inside the file")
	}
	r := f.sealed(addr, uint64(4+1+1+f.offsetSize+a.offsetBytes)+uint64(n)+4, "secondary block", "EASB", 0)
	a.owner(r)
	r.skip(a.offsetBytes)
	used := r.bytes(int(s.blocks * bitmap))
	for i := int64(0); i < s.blocks && r.err == nil && a.at < a.need; i++ {
		if addr := r.address(); r.err == nil {
			if err := a.data(addr, s, used, i*s.pages); err != nil {
				return err
			}
		}
	}
	return r.err
}

// data reads a data block. used says, from bit first on, which of its pages were
// written.
func (a *extensible) data(addr uint64, s *secondaryBlock, used []byte, first int64) error {
	if addr == none {
		a.skip(s.elements)
		return nil
	}
	f := a.g.f
	head := uint64(4 + 1 + 1 + f.offsetSize + a.offsetBytes)
	n, ok := product(s.elements, int64(a.size))
	if !ok || n > f.size {
		return fail(tensor.ErrTruncated, f.place(addr), "data block", count(s.elements)+" elements", "inside the file")
	}
	if s.pages == 0 {
		head += uint64(n)
	}
	head += 4
	r := f.sealed(addr, head, "data block", "EADB", 0)
	a.owner(r)
	r.skip(a.offsetBytes)
	if s.pages == 0 {
		return a.elements(r, s.elements)
	}
	for p := int64(0); p < s.pages && r.err == nil && a.at < a.need; p++ {
		if used == nil || !bit(used, first+p) {
			a.skip(a.perPage)
		} else if err := a.page(addr+head+uint64(p)*(uint64(a.perPage)*uint64(a.size)+4), a.perPage); err != nil {
			return err
		}
	}
	return r.err
}
