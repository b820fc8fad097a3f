package hdf5

import (
	"bytes"
	"fmt"
	"io"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

const signature = "\x89HDF\r\n\x1a\n"

// maxUserBlock bounds the search for the superblock. The format sets no bound;
// what is in front of it is there by hand and small.
const maxUserBlock = 1 << 30

const (
	maxCached = 2 // of what an entry of a symbol table repeats: nothing, a group's places, a link's
	maxFlags  = 7 // of a superblock: open for writing, closed well, for one writer and readers
)

// openFile finds the superblock, which may follow a user block of 512, 1024,
// 2048, ... bytes, and reads it.
func openFile(in convert.Input) (*file, error) {
	size := in.Size()
	head := make([]byte, len(signature))
	for at := int64(0); at <= size-int64(len(head)) && at <= maxUserBlock; at = max(2*at, 512) {
		if _, err := in.ReadAt(head, at); err != nil && err != io.EOF {
			return nil, ioError(err, at, "signature")
		}
		if string(head) != signature {
			continue
		}
		f := &file{
			in: in, base: at, size: size - at, budget: allowance(size),
			pages: map[int64][]byte{}, shared: map[uint64]*object{}, heaps: map[uint64]collection{},
		}
		return f, f.readSuperblock()
	}
	kind := tensor.ErrFormat
	first := make([]byte, min(size, int64(len(signature))))
	if _, err := in.ReadAt(first, 0); err != nil && err != io.EOF {
		return nil, ioError(err, 0, "signature")
	}
	if bytes.HasPrefix([]byte(signature), first) && len(first) < len(signature) {
		kind = tensor.ErrTruncated
	}
	return nil, fail(kind, 0, "signature", tensor.Quote(string(first)), "that of HDF5 at 0, 512, 1024, 2048, ...")
}

func (f *file) readSuperblock() error {
	const what = "superblock"
	r := f.block(0, min(uint64(f.size), 256), what)
	r.skip(len(signature))
	version := r.u8()
	f.superblock = int(version)
	var base, end, extension uint64
	switch version {
	case 0, 1:
		// Versions of free space, of the root's entry, reserved, of shared messages.
		if v := r.bytes(4); r.err == nil && (v[0] != 0 || v[1] != 0 || v[3] != 0) {
			r.wrong(tensor.ErrUnsupported, "versions of what it describes", fmt.Sprint(v), "0")
		}
		f.setSizes(r, r.u8(), r.u8())
		r.skip(1)
		leaf, node := r.u16(), r.u16()
		if r.err == nil && (leaf == 0 || node == 0) {
			r.wrong(tensor.ErrCorrupt, "fan-outs of groups", count(leaf)+" and "+count(node), "numbers above 0")
		}
		f.symbols = 2 * int(leaf)
		if flags := r.u32(); r.err == nil && flags&^maxFlags != 0 {
			r.wrong(tensor.ErrCorrupt, "flags", count(flags), "of 1, 2 and 4")
		}
		if version == 1 {
			r.skip(4) // fan-out of chunk indexes
		}
		base = r.address()
		if free := r.address(); r.err == nil && free != none {
			r.wrong(tensor.ErrUnsupported, "free space", "an index of it", "none: no version of the library wrote one")
		}
		end = r.address()
		if driver := r.address(); r.err == nil && driver != none {
			r.wrong(tensor.ErrUnsupported, "driver", "a file in several pieces (driver information)", "a single file")
		}
		r.address() // name of the root
		f.root = r.address()
		if cached := r.u32(); r.err == nil && cached > maxCached {
			r.wrong(tensor.ErrCorrupt, "kind of the root's entry", count(cached), "0 to 2")
		}
		extension = none
	case 2, 3:
		f.setSizes(r, r.u8(), r.u8())
		if flags := r.u8(); r.err == nil && flags&^maxFlags != 0 {
			r.wrong(tensor.ErrCorrupt, "flags", count(flags), "of 1, 2 and 4")
		}
		base = r.address()
		extension = r.address()
		end = r.address()
		f.root = r.address()
		if r.skip(4); r.err == nil {
			r.b, r.at = r.b[:r.at], r.at-4
			r.seal()
		}
	default:
		if r.err == nil {
			r.fail(tensor.ErrUnsupported, 8, "version", count(version), "0 to 3")
		}
	}
	if r.err != nil {
		return r.err
	}
	// The base is where the superblock is, but for files that had something put
	// in front of them or taken away.
	if base != 0 && base != uint64(f.base) {
		return fail(tensor.ErrUnsupported, f.base, "base address", count(base), count(f.base)+", where the superblock is")
	}
	// The end counts from the begin of the file, whatever the base.
	if end == none || end > math.MaxInt64 {
		return fail(tensor.ErrCorrupt, f.base, "end of file", count(end), "a size")
	}
	if have := f.base + f.size; int64(end) > have {
		return fail(tensor.ErrTruncated, have, "end of file", count(have)+" bytes", count(end)+" as the superblock says")
	}
	if extension != none {
		return f.readExtension(extension)
	}
	return nil
}

func (f *file) setSizes(r *block, offset, length uint8) {
	for _, n := range [...]uint8{offset, length} {
		if r.err == nil && n != 2 && n != 4 && n != 8 {
			r.wrong(tensor.ErrUnsupported, "sizes of addresses and lengths", count(offset)+" and "+count(length), "2, 4 or 8 bytes")
		}
	}
	f.offsetSize, f.lengthSize = int(offset), int(length)
}

// readExtension reads what the superblock's extension says of shared messages.
func (f *file) readExtension(addr uint64) error {
	o, err := f.object(addr)
	if err != nil {
		return err
	}
	for i := range o.messages {
		switch m := &o.messages[i]; m.kind {
		case msgSharedTable:
			r := m.block()
			r.skip(1) // version
			table := r.address()
			n := r.u8()
			if r.err != nil {
				return r.err
			}
			if err := f.readSharedTable(table, int(n)); err != nil {
				return err
			}
		case msgDriver:
			return fail(tensor.ErrUnsupported, f.place(m.addr), "driver", "a file in several pieces (driver information)", "a single file")
		}
	}
	return nil
}

// sharedIndex is an index of messages that several objects share.
type sharedIndex struct {
	kinds uint16 // a bit for each kind of message
	heap  *fractalHeap
	addr  uint64 // of the heap
}

func (f *file) readSharedTable(addr uint64, n int) error {
	entry := 2 + 2 + 4 + 3*2 + 2*f.offsetSize
	r := f.block(addr, uint64(4+n*entry+4), "shared message table")
	if got := r.bytes(4); r.err == nil && string(got) != "SMTB" {
		r.fail(tensor.ErrFormat, 0, "signature", tensor.Quote(string(got)), "SMTB")
	}
	r.seal()
	for range n {
		r.skip(2) // version, list or tree
		kinds := r.u16()
		r.skip(4 + 3*2) // the least size, cutoffs, number of messages
		r.address()     // of the list or tree
		f.sohm = append(f.sohm, sharedIndex{kinds: kinds, addr: r.address()})
	}
	return r.err
}

// sharedMessage is the body of a message of a kind that is kept in the heap of
// shared messages.
func (f *file) sharedMessage(kind uint16, id []byte) *block {
	for i := range f.sohm {
		s := &f.sohm[i]
		if kind > 15 || s.kinds&(1<<kind) == 0 {
			continue
		}
		if s.heap == nil {
			h, err := f.fractalHeap(s.addr)
			if err != nil {
				return &block{f: f, err: err}
			}
			s.heap = h
		}
		return s.heap.object(id)
	}
	return &block{f: f, err: fail(tensor.ErrCorrupt, -1, "shared message", "message type "+count(kind), "a type that the file's table of shared messages has")}
}
