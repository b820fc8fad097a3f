package hdf5

import (
	"encoding/binary"

	"github.com/tensorfile/tensorfile/tensor"
)

// collection is a collection of the global heap: where the bytes of its objects
// are, by their numbers.
type collection map[uint16]extent

// maxKept bounds the objects of collections that are remembered.
const maxKept = 1 << 18

// collection reads what is in the collection at addr. Those that are read again
// soon are remembered.
func (f *file) collection(addr uint64) (collection, error) {
	f.mu.Lock()
	c := f.heaps[addr]
	f.mu.Unlock()
	if c != nil {
		return c, nil
	}
	const what = "global heap"
	head := uint64(8 + f.lengthSize)
	r := f.block(addr, head, what)
	r.begin("GCOL", 1)
	r.skip(3)
	size := r.length()
	if r.err == nil && size < head {
		r.fail(tensor.ErrCorrupt, 8, "size", count(size), "at least "+count(head))
	}
	if r.err == nil {
		r.err = f.inside(addr, size, what)
	}
	c = collection{}
	for at := head; r.err == nil && size-at >= head; {
		o := f.block(addr+at, head, what)
		index := o.u16()
		o.skip(2 + 4) // references, reserved
		n := o.length()
		if o.err == nil && index == 0 {
			break // free space up to the end
		}
		if at += head; o.err == nil && n > size-at {
			o.fail(tensor.ErrCorrupt, 8, "object size", count(n), "at most "+count(size-at))
		}
		if _, twice := c[index]; twice {
			o.fail(tensor.ErrDuplicate, 0, "object", count(index)+" twice", "each once")
		}
		if r.err = o.err; r.err == nil {
			c[index] = extent{addr + at, n}
			at += min(n+(-n&7), size-at)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	f.mu.Lock()
	if f.kept += len(c) + 8; f.kept > maxKept {
		clear(f.heaps)
		f.kept = len(c)
	}
	f.heaps[addr] = c
	f.mu.Unlock()
	return c, nil
}

// refSize is the bytes of a reference to something of variable length: how many
// elements, the address of a collection, and the number of an object there.
func (f *file) refSize() int { return 4 + f.offsetSize + 4 }

// refLength is how many elements a reference refers to.
func (f *file) refLength(ref []byte) int64 {
	r := &block{f: f, b: ref, at: 4}
	if addr := r.address(); addr == 0 || addr == none {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(ref))
}

// variable is what a reference refers to, of bytes. A reference to nothing is
// no bytes.
func (f *file) variable(ref []byte) ([]byte, error) {
	n := uint64(f.refLength(ref))
	if n == 0 {
		return nil, nil
	}
	r := &block{f: f, b: ref, at: 4}
	addr, index := r.address(), r.u32()
	c, err := f.collection(addr)
	if err != nil {
		return nil, err
	}
	e, ok := c[uint16(index)]
	if !ok || index > 0xffff || e.size < n {
		return nil, fail(tensor.ErrCorrupt, f.place(addr), "global heap", "no object "+count(index)+" of "+count(n)+" bytes", "one")
	}
	return f.read(e.addr, n, "global heap object")
}
