package ptx

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// Sparse tensors to dense ones:
//
//	scatter_fill            the value of elements without an entry
//	scatter_coo_*           entries with coordinates, each of its own
//	scatter_csr_*           rows of entries
//	scatter_count           bits of each segment of a mask
//	scatter_offsets         bits before each segment
//	scatter_bitmap_*        a mask and the values under it
//	scatter_keys_coo, _csr  positions of entries
//	scatter_first, _last    the first and last entry of each position
//	scatter_sum_*           entries that share positions
//
// By elements of 1, 2, 4, 8 and 16 bytes that are moved, or by types that are
// added. Values are added in the order of the entries, each sum rounded, as
// package sparse does it, by one thread for each element: there are no atomics
// but minima and maxima of integers. Which NaN a sum is is not said.
var scatterModule = module("scatter", scatterKernels()...)

// scatterSegment is how many elements of a bitmap a block takes.
const scatterSegment = 8192

// moveSizes are the elements that are moved, by the names of kernels.
var moveSizes = []struct {
	name string
	size uint64
}{{"b8", 1}, {"b16", 2}, {"b32", 4}, {"b64", 8}, {"b128", 16}}

// sumTypes are the elements that are added, by the names of kernels.
var sumTypes = []struct {
	name string
	size uint64
	add  func(sum, v []byte) // little-endian
}{
	{"bool", 1, func(s, v []byte) { s[0] = min(s[0]|v[0], 1) }},
	{"i8", 1, func(s, v []byte) { s[0] += v[0] }},
	{"i16", 2, func(s, v []byte) { le.PutUint16(s, le.Uint16(s)+le.Uint16(v)) }},
	{"i32", 4, func(s, v []byte) { le.PutUint32(s, le.Uint32(s)+le.Uint32(v)) }},
	{"i64", 8, func(s, v []byte) { le.PutUint64(s, le.Uint64(s)+le.Uint64(v)) }},
	{"f16", 2, func(s, v []byte) {
		x, y := tensor.Float16(le.Uint16(s)), tensor.Float16(le.Uint16(v))
		le.PutUint16(s, uint16(tensor.ToFloat16(x.Float32()+y.Float32())))
	}},
	{"bf16", 2, func(s, v []byte) {
		x, y := tensor.BFloat16(le.Uint16(s)), tensor.BFloat16(le.Uint16(v))
		le.PutUint16(s, uint16(tensor.ToBFloat16(x.Float32()+y.Float32())))
	}},
	{"f32", 4, func(s, v []byte) {
		le.PutUint32(s, math.Float32bits(math.Float32frombits(le.Uint32(s))+math.Float32frombits(le.Uint32(v))))
	}},
	{"f64", 8, func(s, v []byte) {
		le.PutUint64(s, math.Float64bits(math.Float64frombits(le.Uint64(s))+math.Float64frombits(le.Uint64(v))))
	}},
}

var le = binary.LittleEndian

func scatterKernels() []driver.Kernel {
	list := []driver.Kernel{
		{Name: "scatter_fill", Params: params("plwwww"), Go: scatterFill},
		{Name: "scatter_count", Params: params("pplll"), Go: scatterCount},
		{Name: "scatter_offsets", Params: params("pl"), Go: scatterOffsets},
		{Name: "scatter_keys_coo", Params: params("pplwwllllllll"), Go: scatterKeysCOO},
		{Name: "scatter_keys_csr", Params: params("ppplllww"), Go: scatterKeysCSR},
		{Name: "scatter_first", Params: params("ppll"), Go: scatterFirst},
		{Name: "scatter_last", Params: params("pppll"), Go: scatterLast},
	}
	for _, t := range moveSizes {
		list = append(list,
			driver.Kernel{Name: "scatter_coo_" + t.name, Params: params("ppplwwwllllllll"), Go: scatterCOO(t.size)},
			driver.Kernel{Name: "scatter_csr_" + t.name, Params: params("pppplllwww"), Go: scatterCSR(t.size)},
			driver.Kernel{Name: "scatter_bitmap_" + t.name, Params: params("ppppllllwll"), Go: scatterBitmap(t.size)})
	}
	for _, t := range sumTypes {
		list = append(list, driver.Kernel{Name: "scatter_sum_" + t.name, Params: params("pppppllww"), Go: scatterSum(t.size, t.add)})
	}
	return list
}

// indices are unsigned numbers of 1 << size bytes.
type indices struct {
	b    []byte
	size uint32
}

func (x indices) at(i uint64) uint64 {
	b := x.b[i<<x.size:]
	switch x.size {
	case 0:
		return uint64(b[0])
	case 1:
		return uint64(le.Uint16(b))
	case 2:
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

// coordinates are the entries of COO.
type coordinates struct {
	indices
	extents []uint64
}

// key is the position of entry i, and whether it is inside.
func (c coordinates) key(i uint64) (key uint64, ok bool) {
	rank := uint64(len(c.extents))
	for k, n := range c.extents {
		x := c.at(i*rank + uint64(k))
		if x >= n {
			return math.MaxUint64, false
		}
		key = key*n + x
	}
	return key, true
}

// coordinates reads n coordinates at p and, from argument at on, the extents.
func (r *reach) coordinates(p driver.Ptr, n uint64, rank, size uint32, a driver.Args, at int) (c coordinates, elements uint64) {
	if rank < 1 || rank > 8 || size > 3 {
		r.fail("coordinates of rank %d and indices of 2^%d bytes", rank, size)
		return c, 0
	}
	elements = 1
	for k := range int(rank) {
		e := a.U64(at + k)
		c.extents = append(c.extents, e)
		hi, lo := bits.Mul64(elements, e)
		if elements = lo; hi != 0 {
			r.fail("a shape of more than 2^64-1 elements")
		}
	}
	c.indices = indices{r.bytes(p, n, uint64(rank)<<size), size}
	return c, elements
}

func scatterCOO(size uint64) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		r := reach{m: m}
		n, step := a.U64(3), uint64(a.U32(6))
		at, elements := r.coordinates(a.Ptr(1), n, a.U32(4), a.U32(5), a, 7)
		values := r.bytes(a.Ptr(2), valueCount(n, step), size)
		if r.err != nil || n == 0 || elements == 0 {
			return r.err
		}
		dst := r.bytes(a.Ptr(0), elements, size)
		if r.err != nil {
			return r.err
		}
		// One goroutine: where coordinates repeat, the last value stays.
		for i := range n {
			if key, ok := at.key(i); ok {
				copy(dst[key*size:][:size], values[i*step*size:])
			}
		}
		return nil
	}
}

// valueCount is how many values n entries have.
func valueCount(n, step uint64) uint64 {
	if n == 0 || step == 0 {
		return min(n, 1)
	}
	return n
}

// csr is the entries of CSR.
type csr struct {
	ptr, idx         indices
	n, rows, columns uint64
}

func (r *reach) lines(ptr, idx driver.Ptr, n, rows, columns uint64, sizePtr, size uint32) csr {
	if sizePtr > 3 || size > 3 {
		r.fail("indices of 2^%d and 2^%d bytes", sizePtr, size)
		return csr{}
	}
	if rows == 0 {
		return csr{}
	}
	return csr{indices{r.bytes(ptr, rows+1, 1<<sizePtr), sizePtr}, indices{r.bytes(idx, n, 1<<size), size}, n, rows, columns}
}

// row is the range of the entries of a row, as far as there are any.
func (l csr) row(i uint64) (from, to uint64) {
	to = min(l.ptr.at(i+1), l.n)
	return min(l.ptr.at(i), to), to
}

func scatterCSR(size uint64) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		r := reach{m: m}
		n, rows, columns, step := a.U64(4), a.U64(5), a.U64(6), uint64(a.U32(9))
		l := r.lines(a.Ptr(1), a.Ptr(2), n, rows, columns, a.U32(7), a.U32(8))
		values := r.bytes(a.Ptr(3), valueCount(n, step), size)
		if r.err != nil || n == 0 || rows == 0 || columns == 0 {
			return r.err
		}
		dst := r.bytes(a.Ptr(0), rows*columns, size)
		if r.err != nil {
			return r.err
		}
		return r.share(rows, 64, func(lo, hi uint64) {
			for row := lo; row < hi; row++ {
				from, to := l.row(row)
				for i := from; i < to; i++ {
					if x := l.idx.at(i); x < columns {
						copy(dst[(row*columns+x)*size:][:size], values[i*step*size:])
					}
				}
			}
		})
	}
}

// bitmap is a mask: rows of bits that begin with a byte.
type bitmap struct {
	b               []byte
	n, width, pitch uint64
}

func (r *reach) bitmap(p driver.Ptr, n, width, pitch uint64) bitmap {
	if n > 0 && (width == 0 || pitch < (width+7)/8) {
		r.fail("a mask of rows of %d bits in %d bytes", width, pitch)
	}
	if n == 0 || r.err != nil {
		return bitmap{}
	}
	last := n - 1
	return bitmap{r.bytes(p, last/width*pitch+last%width/8+1, 1), n, width, pitch}
}

// each calls fn for the bits of the elements of a segment.
func (x bitmap) each(segment uint64, fn func(e uint64, set bool)) {
	e := segment * scatterSegment
	row, column := e/x.width, e%x.width
	for end := min(e+scatterSegment, x.n); e < end; e++ {
		fn(e, x.b[row*x.pitch+column/8]>>(column%8)&1 == 1)
		if column++; column == x.width {
			row, column = row+1, 0
		}
	}
}

func segments(n uint64) uint64 { return (n + scatterSegment - 1) / scatterSegment }

func scatterCount(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	n := a.U64(2)
	mask := r.bitmap(a.Ptr(1), n, a.U64(3), a.U64(4))
	counts := r.bytes(a.Ptr(0), segments(n), 8)
	if r.err != nil {
		return r.err
	}
	return r.share(segments(n), 4, func(lo, hi uint64) {
		for s := lo; s < hi; s++ {
			c := uint64(0)
			mask.each(s, func(_ uint64, set bool) {
				if set {
					c++
				}
			})
			le.PutUint64(counts[s*8:], c)
		}
	})
}

func scatterOffsets(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	counts := r.bytes(a.Ptr(0), a.U64(1), 8)
	before := uint64(0)
	for ; len(counts) > 0; counts = counts[8:] {
		c := le.Uint64(counts)
		le.PutUint64(counts, before)
		before += c
	}
	return r.err
}

func scatterBitmap(size uint64) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		r := reach{m: m}
		n, count, step := a.U64(4), a.U64(7), uint64(a.U32(8))
		mask := r.bitmap(a.Ptr(1), n, a.U64(5), a.U64(6))
		offsets := r.bytes(a.Ptr(2), segments(n), 8)
		values := r.bytes(a.Ptr(3), valueCount(count, step), size)
		dst := r.bytes(a.Ptr(0), n, size)
		fill := le.AppendUint64(le.AppendUint64(nil, a.U64(9)), a.U64(10))[:size]
		if r.err != nil {
			return r.err
		}
		return r.share(segments(n), 4, func(lo, hi uint64) {
			for s := lo; s < hi; s++ {
				i := le.Uint64(offsets[s*8:])
				mask.each(s, func(e uint64, set bool) {
					v := fill
					if set {
						if i < count {
							v = values[i*step*size:]
						}
						i++
					}
					copy(dst[e*size:][:size], v)
				})
			}
		})
	}
}

func scatterFill(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	p, n := a.Ptr(0), a.U64(1)
	b := r.bytes(p, n, 1)
	var pattern [16]byte
	for k := range 4 {
		le.PutUint32(pattern[4*k:], a.U32(2+k))
	}
	for i := range min(len(b), 16) {
		b[i] = pattern[(uint64(p)+uint64(i))%16]
	}
	for done := 16; done < len(b); done *= 2 {
		copy(b[done:], b[:done])
	}
	return r.err
}

func scatterKeysCOO(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	n := a.U64(2)
	at, _ := r.coordinates(a.Ptr(1), n, a.U32(3), a.U32(4), a, 5)
	keys := r.bytes(a.Ptr(0), n, 8)
	if r.err != nil {
		return r.err
	}
	return r.share(n, 1<<14, func(lo, hi uint64) {
		for i := lo; i < hi; i++ {
			key, _ := at.key(i)
			le.PutUint64(keys[i*8:], key)
		}
	})
}

func scatterKeysCSR(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	n, rows, columns := a.U64(3), a.U64(4), a.U64(5)
	l := r.lines(a.Ptr(1), a.Ptr(2), n, rows, columns, a.U32(6), a.U32(7))
	keys := r.bytes(a.Ptr(0), n, 8)
	if r.err != nil {
		return r.err
	}
	return r.share(rows, 64, func(lo, hi uint64) {
		for row := lo; row < hi; row++ {
			from, to := l.row(row)
			for i := from; i < to; i++ {
				key := uint64(math.MaxUint64)
				if x := l.idx.at(i); x < columns {
					key = row*columns + x
				}
				le.PutUint64(keys[i*8:], key)
			}
		}
	})
}

func scatterFirst(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	n, elements := a.U64(2), a.U64(3)
	first, keys := r.bytes(a.Ptr(0), elements, 4), r.bytes(a.Ptr(1), n, 8)
	if r.err != nil {
		return r.err
	}
	for i := range n {
		if key := le.Uint64(keys[i*8:]); key < elements {
			b := first[key*4:]
			le.PutUint32(b, min(le.Uint32(b), uint32(i)))
		}
	}
	return nil
}

func scatterLast(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	r := reach{m: m}
	n, elements := a.U64(3), a.U64(4)
	last, first, keys := r.bytes(a.Ptr(0), n, 4), r.bytes(a.Ptr(1), elements, 4), r.bytes(a.Ptr(2), n, 8)
	if r.err != nil {
		return r.err
	}
	for i := range n {
		if key := le.Uint64(keys[i*8:]); key < elements {
			b := last[uint64(le.Uint32(first[key*4:]))*4:]
			le.PutUint32(b, max(le.Uint32(b), uint32(i)))
		}
	}
	return nil
}

func scatterSum(size uint64, add func(sum, v []byte)) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		r := reach{m: m}
		n, elements, sorted, step := a.U64(5), a.U64(6), a.U32(7) != 0, uint64(a.U32(8))
		dst, keys := r.bytes(a.Ptr(0), elements, size), r.bytes(a.Ptr(1), n, 8)
		values := r.bytes(a.Ptr(2), valueCount(n, step), size)
		var first, last []byte
		if !sorted {
			first, last = r.bytes(a.Ptr(3), elements, 4), r.bytes(a.Ptr(4), n, 4)
		}
		if r.err != nil {
			return r.err
		}
		key := func(i uint64) uint64 { return le.Uint64(keys[i*8:]) }
		return r.share(n, 1<<12, func(lo, hi uint64) {
			var room [8]byte
			sum := room[:size]
			for i := lo; i < hi; i++ {
				k := key(i)
				if k >= elements {
					continue
				}
				stop := n - 1
				switch {
				case !sorted && uint64(le.Uint32(first[k*4:])) != i, sorted && i > 0 && key(i-1) == k:
					continue
				case !sorted:
					stop = uint64(le.Uint32(last[i*4:]))
				}
				copy(sum, values[i*step*size:])
				for j := i + 1; j <= stop; j++ {
					if key(j) == k {
						add(sum, values[j*step*size:])
					} else if sorted {
						break
					}
				}
				copy(dst[k*size:], sum)
			}
		})
	}
}
