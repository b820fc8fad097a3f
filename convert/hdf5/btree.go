package hdf5

import (
	"math/bits"

	"github.com/tensorfile/tensorfile/tensor"
)

// A B-tree of version 1 maps the names of a group or the places of chunks to
// addresses. It has no checksums.

// Types of B-trees of version 1.
const (
	treeGroup  = 0
	treeChunks = 1
)

// maxTreeDepth is far above that of any tree that fits a file.
const maxTreeDepth = 64

// btree1 calls fn for each child of the leaves of the tree at addr, with the
// key in front of it, of keySize bytes. Nodes are visited once.
func (f *file) btree1(addr uint64, kind uint8, keySize int, fn func(key *block, child uint64) error) error {
	const what = "B-tree node"
	seen := map[uint64]bool{}
	var walk func(addr uint64, level int) error
	walk = func(addr uint64, level int) error {
		if seen[addr] {
			return fail(tensor.ErrCorrupt, f.place(addr), what, "one that is in the tree twice", "each node once")
		}
		seen[addr] = true
		head := uint64(8 + 2*f.offsetSize)
		r := f.block(addr, head, what)
		if got := r.bytes(4); r.err == nil && string(got) != "TREE" {
			r.fail(tensor.ErrFormat, 0, "signature", tensor.Quote(string(got)), "TREE")
		}
		if got := r.u8(); r.err == nil && got != kind {
			r.fail(tensor.ErrFormat, 4, "type", count(got), count(kind))
		}
		got := int(r.u8())
		used := int(r.u16())
		switch {
		case r.err != nil:
			return r.err
		case level < 0 && got >= maxTreeDepth, level >= 0 && got != level:
			r.fail(tensor.ErrCorrupt, 5, "level", count(got), "one less than that of the node above")
			return r.err
		}
		r = f.block(addr+head, uint64(used)*uint64(keySize+f.offsetSize)+uint64(keySize), what)
		for range used {
			key := r.part(keySize, what)
			child := r.address()
			if r.err != nil {
				break
			}
			var err error
			if got > 0 {
				err = walk(child, got-1)
			} else {
				err = fn(key, child)
			}
			if err != nil {
				return err
			}
		}
		return r.err
	}
	return walk(addr, -1)
}

// Types of B-trees of version 2.
const (
	treeHuge       = 1 // objects of a fractal heap that are kept elsewhere
	treeLinks      = 5 // links by the hash of their names
	treeAttributes = 8 // attributes by the hash of their names
	treePlain      = 10
	treeFiltered   = 11 // chunks
)

// btree2 is a B-tree of version 2: records of one size in nodes of one size.
type btree2 struct {
	f          *file
	kind       uint8
	nodeSize   int
	recordSize int
	seen       map[uint64]bool
	countSize  int        // bytes of a number of records in a node
	levels     []treeSize // from the leaves up
}

// treeSize is what a node of a level may hold.
type treeSize struct {
	records   int // in the node itself
	total     uint64
	totalSize int // bytes of a number up to total
}

// btree2 calls fn with each record of the tree at addr.
func (f *file) btree2(addr uint64, kind uint8, fn func(r *block) error) error {
	r := f.sealed(addr, uint64(4+1+1+4+2+2+1+1+f.offsetSize+2+f.lengthSize+4), "B-tree", "BTHD", 0)
	if got := r.u8(); r.err == nil && got != kind {
		r.fail(tensor.ErrFormat, 5, "type", count(got), count(kind))
	}
	nodeSize, recordSize, depth := r.u32(), r.u16(), r.u16()
	r.skip(2) // when nodes split and merge
	root := r.address()
	used := r.u16()
	total := r.length()
	const overhead = 4 + 1 + 1 + 4
	if r.err == nil && (recordSize == 0 || nodeSize < overhead+uint32(recordSize) || uint64(nodeSize) > uint64(f.size)) {
		r.fail(tensor.ErrCorrupt, 6, "sizes of nodes and records", count(nodeSize)+" and "+count(recordSize), "nodes that hold a record")
	}
	if r.err == nil && depth >= maxTreeDepth {
		r.fail(tensor.ErrCorrupt, 12, "depth", count(depth), "less than "+count(maxTreeDepth))
	}
	if r.err != nil {
		return r.err
	}
	t := &btree2{f: f, kind: kind, nodeSize: int(nodeSize), recordSize: int(recordSize), seen: map[uint64]bool{}}
	leaf := (t.nodeSize - overhead) / t.recordSize
	t.countSize = sizeOf(uint64(leaf))
	t.levels = []treeSize{{records: leaf, total: uint64(leaf)}}
	for range depth {
		below := t.levels[len(t.levels)-1]
		pointer := f.offsetSize + t.countSize + below.totalSize
		n := (t.nodeSize - overhead - pointer) / (t.recordSize + pointer)
		hi, lo := bits.Mul64(uint64(n+1), below.total)
		if n < 1 || hi != 0 || lo > 1<<62 {
			r.fail(tensor.ErrCorrupt, 12, "depth", count(depth), "nodes that fit the records of their children")
			return r.err
		}
		lo += uint64(n)
		t.levels = append(t.levels, treeSize{n, lo, sizeOf(lo)})
	}
	if root == none {
		if total != 0 {
			r.wrong(tensor.ErrCorrupt, "records", count(total)+" without a root", "none")
		}
		return r.err
	}
	return t.node(root, int(used), int(depth), fn)
}

// sizeOf is the number of bytes that numbers up to n take.
func sizeOf(n uint64) int { return max((bits.Len64(n)+7)/8, 1) }

// node visits the node at addr, with n records of its own.
func (t *btree2) node(addr uint64, n, level int, fn func(r *block) error) error {
	what, signature := "B-tree node", "BTLF"
	if level > 0 {
		signature = "BTIN"
	}
	if t.seen[addr] {
		return fail(tensor.ErrCorrupt, t.f.place(addr), what, "one that is in the tree twice", "each node once")
	}
	t.seen[addr] = true
	if n > t.levels[level].records {
		return fail(tensor.ErrCorrupt, t.f.place(addr), what, count(n)+" records", "at most "+count(t.levels[level].records))
	}
	size := 6 + n*t.recordSize
	pointer := 0
	if level > 0 {
		pointer = t.f.offsetSize + t.countSize + t.levels[level-1].totalSize
		size += (n + 1) * pointer
	}
	r := t.f.sealed(addr, uint64(size+4), what, signature, 0)
	if got := r.u8(); r.err == nil && got != t.kind {
		r.fail(tensor.ErrFormat, 5, "type", count(got), count(t.kind))
	}
	records := make([]*block, n)
	for i := range records {
		records[i] = r.part(t.recordSize, what)
	}
	if r.err != nil {
		return r.err
	}
	for i := range n + 1 {
		if level > 0 {
			child := r.address()
			used := int(r.uint(t.countSize))
			r.uint(t.levels[level-1].totalSize)
			if r.err != nil {
				return r.err
			}
			if err := t.node(child, used, level-1, fn); err != nil {
				return err
			}
		}
		if i < n {
			if err := fn(records[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
