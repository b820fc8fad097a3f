package hdf5

import (
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// dataspace is the shape of a dataset or an attribute.
type dataspace struct {
	dims []int64
	most []int64 // what the extents may grow to; negative: any
	null bool    // there are no elements, and no shape
}

func (r *block) dataspace() (dataspace, error) {
	var s dataspace
	version, rank, flags := r.u8(), int(r.u8()), r.u8()
	switch {
	case r.err != nil:
	case version == 1:
		r.skip(5)
	case version == 2:
		s.null = r.u8() == 2
	default:
		r.fail(tensor.ErrUnsupported, 0, "version", count(version), "1 or 2")
	}
	if r.err == nil && rank > tensor.MaxRank {
		r.fail(tensor.ErrLimit, 1, "rank", count(rank), "at most "+count(tensor.MaxRank))
	}
	if r.err == nil && s.null && rank != 0 {
		r.fail(tensor.ErrCorrupt, 1, "rank", count(rank), "0 of a null dataspace")
	}
	for range rank {
		at := r.at
		n := r.length()
		if r.err == nil && n > math.MaxInt64 {
			r.fail(tensor.ErrOverflow, at, "extent", count(n), "at most 2^63-1")
		}
		s.dims = append(s.dims, int64(n))
	}
	s.most = s.dims
	if flags&1 != 0 {
		s.most = nil
		for i := range rank {
			at := r.at
			n := r.length()
			if r.err == nil && n != none && n < uint64(s.dims[i]) {
				r.fail(tensor.ErrCorrupt, at, "largest extent", count(n), "at least the extent, "+count(s.dims[i]))
			}
			if n > math.MaxInt64 {
				n = none
			}
			s.most = append(s.most, int64(n))
		}
	}
	if r.err == nil {
		if _, ok := product(s.dims...); !ok {
			r.fail(tensor.ErrOverflow, 0, "extents", fmt.Sprint(s.dims), "at most 2^63-1 elements")
		}
	}
	return s, r.err
}

// elements is the number of elements.
func (s *dataspace) elements() int64 {
	if s.null {
		return 0
	}
	n, _ := product(s.dims...)
	return n
}

// Classes of layouts.
const (
	layoutCompact    = 0
	layoutContiguous = 1
	layoutChunked    = 2
	layoutVirtual    = 3
)

// Kinds of chunk indexes.
const (
	indexTree       = 0 // a B-tree of version 1, of layouts before version 4
	indexSingle     = 1
	indexImplicit   = 2
	indexFixed      = 3
	indexExtensible = 4
	indexTree2      = 5
)

// layout says where the elements are.
type layout struct {
	class   uint8
	addr    uint64
	size    uint64 // bytes, if known
	sized   bool
	chunk   []int64
	elem    int64 // bytes of an element of a chunk
	index   uint8
	partial bool   // chunks that reach past the extents are not filtered
	stored  uint64 // bytes of the only chunk, if it is filtered; else 0
	mask    uint32 // of the only chunk
}

func (r *block) layout() (layout, error) {
	var l layout
	version := r.u8()
	switch {
	case r.err != nil:
	case version == 1 || version == 2:
		rank := int(r.u8())
		l.class = r.u8()
		r.skip(5)
		if l.class != layoutCompact {
			l.addr = r.address()
		}
		for range rank {
			l.chunk = append(l.chunk, int64(r.u32()))
		}
		if l.class == layoutCompact {
			l.compact(r, r.u32())
		}
	case version == 3 || version == 4 || version == 5:
		switch l.class = r.u8(); {
		case l.class == layoutCompact:
			l.compact(r, uint32(r.u16()))
		case l.class == layoutContiguous:
			l.addr, l.size, l.sized = r.address(), r.length(), true
		case l.class == layoutChunked && version == 3:
			rank := int(r.u8())
			l.addr = r.address()
			for range rank {
				l.chunk = append(l.chunk, int64(r.u32()))
			}
		case l.class == layoutChunked:
			l.chunks4(r)
		}
	default:
		r.fail(tensor.ErrUnsupported, 0, "version", count(version), "1 to 5")
	}
	if r.err == nil && l.class > layoutVirtual {
		r.wrong(tensor.ErrUnsupported, "class", count(l.class), "compact, contiguous or chunked")
	}
	if r.err == nil && l.class == layoutChunked {
		n := len(l.chunk) - 1 // the last one is the size of an element
		if n < 1 {
			r.wrong(tensor.ErrCorrupt, "rank of chunks", count(n), "at least 1")
			return l, r.err
		}
		l.elem, l.chunk = l.chunk[n], l.chunk[:n]
		for _, m := range l.chunk {
			if m < 1 {
				r.wrong(tensor.ErrCorrupt, "shape of chunks", fmt.Sprint(l.chunk), "extents above 0")
			}
		}
	}
	return l, r.err
}

// compact takes n bytes that are here.
func (l *layout) compact(r *block, n uint32) {
	l.addr, l.size, l.sized = r.addr+uint64(r.at), uint64(n), true
	r.bytes(int(n))
}

// chunks4 reads the layout of chunks of versions 4 and 5.
func (l *layout) chunks4(r *block) {
	flags := r.u8()
	l.partial = flags&1 != 0
	rank, width := int(r.u8()), int(r.u8())
	if r.err == nil && (width < 1 || width > 8) {
		r.wrong(tensor.ErrCorrupt, "width of extents", count(width), "1 to 8 bytes")
	}
	for range rank {
		n := r.uint(width)
		if n > math.MaxInt64 {
			r.wrong(tensor.ErrOverflow, "shape of chunks", count(n), "at most 2^63-1")
		}
		l.chunk = append(l.chunk, int64(n))
	}
	switch l.index = r.u8(); l.index {
	case indexSingle:
		if flags&2 != 0 {
			l.stored, l.mask = r.length(), r.u32()
		}
	case indexImplicit:
	case indexFixed:
		r.skip(1)
	case indexExtensible:
		r.skip(5)
	case indexTree2:
		r.skip(6)
	default:
		if r.err == nil {
			r.wrong(tensor.ErrUnsupported, "chunk index", "type "+count(l.index), "1 to 5")
		}
	}
	l.addr = r.address()
}

// fill reads the value of elements that were never written, nil for zeros.
func (r *block) fill(kind uint16) ([]byte, error) {
	if kind == msgOldFill {
		return r.value(), r.err
	}
	version := r.u8()
	switch {
	case r.err != nil:
	case version == 1 || version == 2:
		r.skip(2)
		if defined := r.u8(); version == 1 || defined != 0 {
			return r.value(), r.err
		}
	case version == 3:
		if flags := r.u8(); flags&(1<<5) != 0 {
			return r.value(), r.err
		}
	default:
		r.fail(tensor.ErrUnsupported, 0, "version", count(version), "1 to 3")
	}
	return nil, r.err
}

// value is bytes behind their number; none or fewer are nil.
func (r *block) value() []byte {
	if n := r.u32(); n > 0 && n < 1<<31 {
		return r.bytes(int(n))
	}
	return nil
}

// filter is a step of the pipeline.
type filter struct {
	id     uint16
	name   string
	values []uint32
}

func (r *block) filters() ([]filter, error) {
	version, n := r.u8(), int(r.u8())
	switch {
	case r.err != nil:
	case version == 1:
		r.skip(6)
	case version != 2:
		r.fail(tensor.ErrUnsupported, 0, "version", count(version), "1 or 2")
	}
	if r.err == nil && n > 32 {
		r.fail(tensor.ErrCorrupt, 1, "filters", count(n), "at most 32")
	}
	var list []filter
	for range n {
		f := filter{id: r.u16()}
		length := 0
		if version == 1 || f.id >= 256 {
			length = int(r.u16())
		}
		r.skip(2) // flags
		values := int(r.u16())
		if f.name = cString(r.bytes(length)); version == 1 {
			r.skip(-length & 7)
		}
		for range values {
			if r.err != nil {
				break
			}
			f.values = append(f.values, r.u32())
		}
		if version == 1 && values%2 == 1 {
			r.skip(4)
		}
		list = append(list, f)
	}
	return list, r.err
}

// cString is b up to its first NUL.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
