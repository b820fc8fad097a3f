package tensor

import (
	"bytes"
	"errors"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// Copy copies the elements of src to dst, which must have the same shape and
// dtype. Strides may be of any kind, but dst must not repeat memory (stride 0
// along an extent above 1). Byte orders may differ: numbers are swapped,
// complex ones part by part, UTF-32 text by character. The two may overlap.
//
// Bits behind the last element of a row of a packed dtype become zero in dst.
// It writes to the bytes of dst, which must not be a read-only mapping, and
// allocates only if the two overlap.
func Copy(dst, src View) error {
	src, swap, err := dst.copyable(src)
	if err == nil && dst.n > 0 {
		dst.copy(src, swap, dst.streams())
	}
	return err
}

// copyable checks that src can be copied to v and returns what is to be copied
// instead, src itself unless the two overlap, and the bytes to reverse.
func (v View) copyable(src View) (from View, swap int, err error) {
	if v.dtype != src.dtype {
		return src, 0, v.fail(ErrDType, "copy", src.dtype.String(), v.dtype.String())
	}
	if !v.shape.Equal(src.shape) {
		return src, 0, v.fail(ErrShape, "copy", src.shape.String(), v.shape.String())
	}
	swap, err = swapBetween(v.dtype, v.order, src.order)
	if err != nil || v.n == 0 {
		return src, swap, err
	}
	for axis, e := range v.shape {
		if v.strides[axis] == 0 && v.dtype.extent(v.shape, axis) > 1 && e > 1 {
			return src, 0, v.fail(ErrUnsupported, "copy", "stride 0", "a destination that does not repeat memory")
		}
	}
	if cast.Overlap(v.Span(), src.Span()) {
		if swap == 1 && cast.Same(v.data[v.offset:], src.data[src.offset:]) && sameSteps(v, src) {
			return v, swap, nil
		}
		if src, err = src.Clone(); err != nil {
			return src, 0, err
		}
		swap, _ = swapBetween(v.dtype, v.order, src.order)
	}
	return src, swap, nil
}

// copy does what copyable allows. stream says that little of the result would
// be left in the cache.
func (v View) copy(src View, swap int, stream bool) {
	switch {
	case swap == 1 && cast.Same(v.data[v.offset:], src.data[src.offset:]):
	case swap == 1 && v.contig && src.contig && stream:
		kernel.CopyStream(v.bytes(), src.bytes())
	case swap == 1 && v.contig && src.contig:
		copy(v.bytes(), src.bytes())
	default:
		var w nest
		w.units(v.dtype, v.shape, v.strides, src.strides, swap)
		w.copy(v.data, src.data, v.offset, src.offset, swap, stream)
	}
	v.clearTails()
}

// streams reports whether what is written to v goes past the cache: little of
// it would be left there.
func (v View) streams() bool { return v.image >= streamMin }

const streamMin = 8 << 20

// swapBetween is the number of bytes to reverse when numbers move from one
// byte order to the other, 1 for none.
func swapBetween(d DType, a, b ByteOrder) (int, error) {
	if a == b {
		return 1, nil
	}
	w := d.swapWidth()
	if w == 0 {
		return 0, fail(ErrUnsupported, "dtype", d.String(), "a known dtype to change the byte order of", "")
	}
	return w, nil
}

func sameSteps(a, b View) bool {
	for axis, e := range a.shape {
		if e > 1 && a.strides[axis] != b.strides[axis] {
			return false
		}
	}
	return true
}

// Clone returns a copy of its own memory in C order and the byte order of the
// machine.
func (v View) Clone() (View, error) {
	c, err := makeFresh(v.dtype, v.shape)
	if err != nil {
		return View{}, err
	}
	return c, Copy(c, v)
}

// units fills w for elements of d, with an innermost axis for what a mover
// does not move as one: the parts of swapped numbers, the bytes of odd units.
// It returns the bytes that a mover moves as one.
func (w *nest) units(d DType, s Shape, a, b Strides, swap int) (unit int) {
	var us [MaxRank]int64
	for axis := range s {
		us[axis] = d.extent(s, axis)
	}
	w.offA, w.offB = 0, 0
	w.set(us[:len(s)], a, b)
	unit = moveUnit(d, swap)
	if parts := int64(d.UnitBytes) / int64(unit); parts > 1 {
		w.n[w.rank], w.a[w.rank], w.b[w.rank] = parts, int64(unit), int64(unit)
		w.rank++
	}
	w.unit = unit
	return unit
}

// moveUnit is the largest piece of a unit of d that a mover moves at once.
func moveUnit(d DType, swap int) int {
	if swap > 1 {
		return swap
	}
	switch d.UnitBytes {
	case 1, 2, 4, 8, 16:
		return int(d.UnitBytes)
	}
	return 1
}

// copy moves what w spans from src to dst, offsets added.
func (w *nest) copy(dst, src []byte, dstOff, srcOff int64, swap int, stream bool) {
	w.offA += dstOff
	w.offB += srcOff
	w.sort()
	w.merge()
	if !w.tiled(dst, src, swap, stream) {
		m := w.mover(swap)
		m.dst, m.src, m.stream = dst, src, stream
		inner := w.rank - 1
		var o odometer
		for {
			m.block(int(w.offA), int(w.offB), int(w.n[inner-1]), int(w.n[inner]))
			if !o.next(w, inner-1) {
				break
			}
		}
	}
	if stream {
		kernel.Fence()
	}
}

// joinRun makes one unit of an innermost axis that has no gaps.
func (w *nest) joinRun() {
	inner := w.rank - 1
	if unit := int64(w.unit); inner >= 0 && w.a[inner] == unit && w.b[inner] == unit {
		w.unit = int(w.n[inner] * unit)
		w.rank--
	}
}

// mover puts the axes, sorted by now, in the order in which they are best copied,
// at least two of them, and says how the last two are.
func (w *nest) mover(swap int) mover {
	if swap == 1 {
		w.joinRun()
	}
	if w.rank == 0 {
		w.push(axis{n: 1})
	}
	inner := w.rank - 1
	if inner == 0 {
		w.push(w.axis(0))
		w.n[0], w.a[0], w.b[0] = 1, 0, 0
		inner = 1
	}
	// The second axis of the mover is the one along which src is nearest.
	near := inner - 1
	for i := inner - 2; i >= 0; i-- {
		if abs(w.b[i]) < abs(w.b[near]) {
			near = i
		}
	}
	if near != inner-1 && abs(w.b[near]) < abs(w.b[inner]) {
		w.swap(near, inner-1)
	}
	w.sortOuter(inner - 1)
	return mover{
		unit: w.unit, swap: swap,
		a1: int(w.a[inner-1]), b1: int(w.b[inner-1]), a0: int(w.a[inner]), b0: int(w.b[inner]),
	}
}

// mover copies two-dimensional pieces: n1 rows of n0 units.
type mover struct {
	dst, src       []byte
	unit, swap     int
	a1, b1, a0, b0 int // steps in dst and src
	stream         bool
}

// tile is the side of the squares by which a block is copied whose rows lie
// across those of src, so that what is fetched with a unit is still in cache
// when its neighbours' turn comes.
const tile = 16

func (m *mover) block(a, b, n1, n0 int) {
	switch {
	case n0 < minRun && n1 > n0:
		// Short rows cost more to start than to copy: run the other way.
		t := *m
		t.a0, t.a1, t.b0, t.b1 = m.a1, m.a0, m.b1, m.b0
		for i := 0; i < n1; i += runBlock {
			t.rows(a+i*m.a1, b+i*m.b1, n0, min(runBlock, n1-i))
		}
	case n1 >= tile && m.turned(n1, n0):
		kernel.Transpose(m.dst[a:], m.a1, m.src[b:], m.b0, n0, n1, m.unit, m.stream)
	case n1 > tile && abs(int64(m.b1)) < abs(int64(m.b0)) && m.unit <= 64:
		for i := 0; i < n1; i += tile {
			rows := min(tile, n1-i)
			for j := 0; j < n0; j += tile {
				m.rows(a+i*m.a1+j*m.a0, b+i*m.b1+j*m.b0, rows, min(tile, n0-j))
			}
		}
	default:
		m.rows(a, b, n1, n0)
	}
}

// turned reports whether the rows of dst are the columns of src, both without
// gaps.
func (m *mover) turned(n1, n0 int) bool {
	switch u := m.unit; u {
	case 1, 2, 4, 8, 16:
		return m.swap == 1 && m.a0 == u && m.b1 == u && m.a1 >= n0*u && m.b0 >= n1*u
	}
	return false
}

// turns reports whether the copy is a transpose of long rows, which goes by
// squares of its own.
func (w *nest) turns() bool {
	inner, unit := w.rank-1, int64(w.unit)
	if inner < 1 || unit > 16 || unit&(unit-1) != 0 || w.a[inner] != unit || w.n[inner]*unit < turnMin {
		return false
	}
	for i := range inner {
		if w.b[i] == unit && w.n[i]*unit >= turnMin {
			return true
		}
	}
	return false
}

const turnMin = 512

func (m *mover) rows(a, b, n1, n0 int) {
	switch {
	case m.swap > 1 && m.a0 == m.swap && m.b0 == m.swap && n0 >= minRun:
		for size := n0 * m.swap; n1 > 0; n1-- {
			kernel.ByteSwap(m.dst[a:a+size], m.src[b:b+size], m.swap)
			a += m.a1
			b += m.b1
		}
	case m.swap == 2:
		m.swap2(a, b, n1, n0)
	case m.swap == 4:
		m.swap4(a, b, n1, n0)
	case m.swap == 8:
		m.swap8(a, b, n1, n0)
	case m.unit == 1:
		m.copy1(a, b, n1, n0)
	case m.unit == 2:
		m.copy2(a, b, n1, n0)
	case m.unit == 4:
		m.copy4(a, b, n1, n0)
	case m.unit == 8:
		m.copy8(a, b, n1, n0)
	case m.unit == 16:
		m.copy16(a, b, n1, n0)
	case m.unit == 32:
		m.copy32(a, b, n1, n0)
	case m.unit < 4:
		m.copyTo4(a, b, n1, n0)
	case m.unit < 8:
		m.copyTo8(a, b, n1, n0)
	case m.unit < 16:
		m.copyTo16(a, b, n1, n0)
	case m.unit < 32:
		m.copyTo32(a, b, n1, n0)
	default:
		for i := range n1 {
			kernel.CopyRows(m.dst, a+i*m.a1, m.a0, m.src, b+i*m.b1, m.b0, n0, m.unit, m.stream)
		}
	}
}

// tail returns the elements in the last, short unit of a row, 0 if rows fill
// their units or the order of bits is not known.
func (d DType) tail(s Shape) int {
	if !d.Packed() || len(s) == 0 || uint64(d.UnitElems)*uint64(d.Bits) != 8*uint64(d.UnitBytes) {
		return 0
	}
	return int(s[len(s)-1] % int64(d.UnitElems))
}

// clearTail zeroes the bits of a unit behind its first elems elements.
func (d DType) clearTail(unit []byte, elems int) {
	keep := elems * int(d.Bits)
	for i := range unit {
		if keep < 8 {
			unit[i] &= 1<<max(keep, 0) - 1
		}
		keep -= 8
	}
}

// clearTails zeroes the padding of rows.
func (v View) clearTails() {
	elems := v.dtype.tail(v.shape)
	if elems == 0 || v.n == 0 {
		return
	}
	last := len(v.shape) - 1
	size := int64(v.dtype.UnitBytes)
	first := v.offset + (v.dtype.extent(v.shape, last)-1)*size
	_ = eachRun(v.shape[:last], v.strides[:last], func(off, n, step int64) error {
		for ; n > 0; n-- {
			v.dtype.clearTail(v.data[first+off:first+off+size], elems)
			off += step
		}
		return nil
	})
}

// errDiffer stops a comparison.
var errDiffer = errors.New("differ")

// Equal reports whether a and b have the same dtype, shape and elements, bit
// for bit: NaNs equal themselves, the zeros differ. Byte order, strides and
// padding of packed rows do not count. It fails only where elements of an
// unknown dtype would have to be swapped.
func Equal(a, b View) (bool, error) {
	if a.dtype != b.dtype || !a.shape.Equal(b.shape) {
		return false, nil
	}
	swap, err := swapBetween(a.dtype, a.order, b.order)
	if err != nil || a.n == 0 {
		return err == nil, err
	}
	elems := a.dtype.tail(a.shape)
	if elems == 0 && swap == 1 && a.contig && b.contig {
		return bytes.Equal(a.bytes(), b.bytes()), nil
	}
	if elems != 0 {
		last := len(a.shape) - 1
		n := a.shape[last] - int64(elems)
		if !equalTails(a, b, last, n/int64(a.dtype.UnitElems)*int64(a.dtype.UnitBytes), elems) {
			return false, nil
		}
		s := a.shape.Clone()
		s[last] = n
		if n == 0 {
			return true, nil
		}
		return equalUnits(a, b, s, swap), nil
	}
	return equalUnits(a, b, a.shape, swap), nil
}

// equalTails compares the short units, at byte at of each row.
func equalTails(a, b View, last int, at int64, elems int) bool {
	size := int64(a.dtype.UnitBytes)
	x, y := make([]byte, size), make([]byte, size)
	return eachRun2(a.shape[:last], a.strides[:last], b.strides[:last], func(offA, offB, n, stepA, stepB int64) error {
		for offA, offB = offA+a.offset+at, offB+b.offset+at; n > 0; n-- {
			copy(x, a.data[offA:])
			copy(y, b.data[offB:])
			a.dtype.clearTail(x, elems)
			b.dtype.clearTail(y, elems)
			if !bytes.Equal(x, y) {
				return errDiffer
			}
			offA += stepA
			offB += stepB
		}
		return nil
	}) == nil
}

// equalUnits compares whole units over shape s.
func equalUnits(a, b View, s Shape, swap int) bool {
	var w nest
	unit := int64(w.units(a.dtype, s, a.strides, b.strides, swap))
	w.sort()
	w.merge()
	w.offA += a.offset
	w.offB += b.offset
	inner := w.rank - 1
	n, stepA, stepB := w.n[inner], w.a[inner], w.b[inner]
	direct := swap == 1 && (stepA == unit && stepB == unit || n == 1)
	var bufs [2][2048]byte
	room := int64(len(bufs[0])) / unit
	gatherA := mover{dst: bufs[0][:], src: a.data, unit: int(unit), swap: 1, a0: int(unit), b0: int(stepA)}
	gatherB := mover{dst: bufs[1][:], src: b.data, unit: int(unit), swap: swap, a0: int(unit), b0: int(stepB)}
	var o odometer
	for {
		if direct {
			size := n * unit
			if !bytes.Equal(a.data[w.offA:w.offA+size], b.data[w.offB:w.offB+size]) {
				return false
			}
		} else {
			for i := int64(0); i < n; i += room {
				m := min(room, n-i)
				gatherA.rows(0, int(w.offA+i*stepA), 1, int(m))
				gatherB.rows(0, int(w.offB+i*stepB), 1, int(m))
				if !bytes.Equal(bufs[0][:m*unit], bufs[1][:m*unit]) {
					return false
				}
			}
		}
		if !o.next(&w, inner) {
			return true
		}
	}
}
