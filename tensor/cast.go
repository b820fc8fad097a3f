package tensor

import (
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// Cast writes the values of src, converted, to dst. Both have one shape and any
// numeric dtype: bool, integers, floats, complex, packed ones included. They may
// have any strides and byte orders; dst must not repeat an element (stride 0)
// and must not overlap src. Bits that pad the rows of a packed dst become zero.
//
// The value is converted once, from the exact source value:
//
//   - to an integer: fractions are cut off toward zero; what lies outside the
//     range becomes the nearest limit; NaN becomes 0. (NumPy wraps integers
//     that do not fit, and leaves floats that do not fit undefined.)
//   - to a float: rounded to nearest, ties to even. Beyond the range, f16, bf16,
//     f32, f64 and f8_e5m2 become infinite, f8_e4m3fn, f8_e4m3fnuz, f8_e5m2fnuz
//     and f8_e8m0 NaN, and f6 and f4 the largest value. See ToFloat16 and its
//     siblings for NaN, negative zero and the powers of two of f8_e8m0. Where
//     ml_dtypes goes through float32 and so rounds float64 and integers
//     twice, the results here are the correctly rounded ones.
//   - to bool: true unless zero. NaN is true.
//   - from bool: 0 and 1.
//   - from complex to anything real: the imaginary part is dropped, except that
//     a complex number is false only if both parts are zero.
//
// Equal dtypes are copied bit for bit, except that any non-zero byte of a bool
// becomes 1. It fails with ErrShape, ErrDType or, for a dst that repeats
// elements, ErrUnsupported before anything is written.
func Cast(dst, src View) error {
	src, same, err := dst.castable(src)
	switch {
	case err != nil || dst.n == 0:
		return err
	case same:
		return Copy(dst, src)
	}
	dst.cast(src, dst.streams())
	return nil
}

// castable checks that src can be cast to v and returns what is to be cast
// instead, src itself unless the two overlap. same says that Copy will do.
func (v View) castable(src View) (from View, same bool, err error) {
	if !v.shape.Equal(src.shape) {
		return src, false, fail(ErrShape, "cast", src.shape.String(), v.shape.String(), "")
	}
	d, s := castElem(v.dtype), castElem(src.dtype)
	switch {
	case s == elemNone:
		return src, false, src.fail(ErrDType, "cast", "from "+src.dtype.String(), "a numeric dtype")
	case d == elemNone:
		return src, false, v.fail(ErrDType, "cast", "to "+v.dtype.String(), "a numeric dtype")
	case d == s && d != elemBool:
		return src, true, nil
	case v.n == 0:
		return src, false, nil
	}
	for axis, e := range v.shape {
		if e > 1 && v.strides[axis] == 0 {
			return src, false, v.fail(ErrUnsupported, "cast", "stride 0", "a destination that does not repeat memory")
		}
	}
	if cast.Overlap(v.Span(), src.Span()) {
		src, err = src.Clone()
	}
	return src, false, err
}

// cast does what castable allows, past the cache if stream says so.
func (v View) cast(src View, stream bool) {
	d, s := castElem(v.dtype), castElem(src.dtype)
	b := castBuffers.Get().(*castBuffer)
	defer b.free()
	b.prepare(d, s)
	b.stream = stream
	b.dst.of(v, d)
	b.src.of(src, s)
	if b.dst.packed == 0 && b.src.packed == 0 {
		b.elements(v, src)
	} else {
		b.rows(v, src)
	}
	b.flush()
	if stream {
		kernel.Fence()
	}
}

// elements converts views of which neither is packed, in rows along one axis,
// cut to blocks if that keeps what the rows of a block share in the cache.
func (b *castBuffer) elements(dst, src View) {
	var w nest
	w.set(dst.shape, dst.strides, src.strides)
	w.sort()
	w.merge()
	w.offA += dst.offset
	w.offB += src.offset
	if w.rank == 1 {
		w.n[1], w.a[1], w.b[1] = w.n[0], w.a[0], w.b[0]
		w.n[0], w.a[0], w.b[0], w.rank = 1, 0, 0, 2
	}
	x, y := w.rank-2, w.rank-1
	blockX, blockY := w.n[x], w.n[y]
	if near := w.nearest(int64(b.src.size)); near != y {
		w.swap(near, x)
		blockX, blockY = tile, tile
	} else if w.n[y] < minRun && w.n[x] > w.n[y] {
		w.swap(x, y)
		blockX, blockY = w.n[x], runBlock
	}
	nx, ny, dx, dy, sx, sy := w.n[x], w.n[y], w.a[x], w.a[y], w.b[x], w.b[y]
	var o odometer
	for {
		for i := int64(0); i < nx; i += blockX {
			for j := int64(0); j < ny; j += blockY {
				offD, offS := w.offA+i*dx+j*dy, w.offB+i*sx+j*sy
				n := min(blockY, ny-j)
				for range min(blockX, nx-i) {
					b.convert(offD, offS, n, dy, sy)
					offD += dx
					offS += sx
				}
			}
		}
		if !o.next(&w, x) {
			return
		}
	}
}

// nearest returns the axis along which elements of the second operand, of size
// bytes, lie densest, if they do not lie close along the innermost and both
// axes are long enough to go in squares; else the innermost.
func (w *nest) nearest(size int64) int {
	inner := w.rank - 1
	best := inner
	if abs(w.b[inner]) <= size || w.n[inner] <= tile {
		return inner
	}
	for i := range inner {
		if w.n[i] > tile && abs(w.b[i]) < abs(w.b[best]) {
			best = i
		}
	}
	return best
}

// rows converts views of which one is packed: its last axis is cut into rows,
// which start on a unit.
func (b *castBuffer) rows(dst, src View) {
	last := len(dst.shape) - 1
	n, stepD, stepS := dst.shape[last], dst.strides[last], src.strides[last]
	var w nest
	w.set(dst.shape[:last], dst.strides[:last], src.strides[:last])
	w.sort()
	w.merge()
	w.offA += dst.offset
	w.offB += src.offset
	var o odometer
	for {
		b.convert(w.offA, w.offB, n, stepD, stepS)
		if !o.next(&w, w.rank) {
			return
		}
	}
}

// Cast returns a converted copy in C order and the byte order of the machine.
// Rules and errors are those of the function Cast, or of Make.
func (v View) Cast(d DType) (View, error) {
	if castElem(v.dtype) == elemNone {
		return View{}, v.fail(ErrDType, "cast", "from "+v.dtype.String(), "a numeric dtype")
	}
	if castElem(d) == elemNone {
		return View{}, v.fail(ErrDType, "cast", "to "+d.String(), "a numeric dtype")
	}
	dst, err := Make(d, v.shape)
	if err != nil {
		return View{}, err
	}
	return dst, Cast(dst, v)
}

// The packed dtypes, which have no Go type, numbered behind those that have.
const (
	castBool1 = elemCount + iota
	castI4
	castU4
	castF4E2M1
	castF6E2M3
	castF6E3M2
	castCount
)

// castElem is elemNone for dtypes that are not numeric.
func castElem(d DType) elem {
	if e := elemOf(d); e != elemNone {
		return e
	}
	switch d {
	case Bool1:
		return castBool1
	case I4:
		return castI4
	case U4:
		return castU4
	case F4E2M1:
		return castF4E2M1
	case F6E2M3:
		return castF6E2M3
	case F6E3M2:
		return castF6E3M2
	}
	return elemNone
}

// castBytes is the size of a block: all of them together stay inside the
// first-level cache.
const castBytes = 8 << 10

// castBlock is the number of elements that fit into a block whatever their type:
// whole units of every packed dtype.
const castBlock = castBytes / 16

// castShort is the length from which a run is worth kernels of its own; shorter
// ones are collected until a block is full.
const castShort = 256

// castStretch is how many elements a kernel converts in one call: a goroutine
// can be stopped only between two.
const castStretch = 1 << 18

// A castBuffer is what one Cast works with: the steps from one type to the
// other and blocks of memory between them.
type castBuffer struct {
	steps   castSteps
	room    int  // elements that a block holds, a multiple of 64
	stream  bool // store past the cache
	src     castSide
	dst     castSide
	pending int // elements collected in src.block
	nruns   int
	runs    [256]castRun // where they go
	middle  [2][castBytes / 8]uint64
}

var castBuffers = sync.Pool{New: func() any { return new(castBuffer) }}

// prepare chooses the steps from s to d.
func (b *castBuffer) prepare(d, s elem) {
	b.steps.set(d, s)
	b.pending, b.nruns = 0, 0
	size := max(blockSize(d), blockSize(s))
	for _, step := range b.steps.list[:b.steps.n] {
		size = max(size, step.size)
	}
	b.room = castBytes / size
}

// free gives the buffer back without what it points to.
func (b *castBuffer) free() {
	b.src.data, b.dst.data = nil, nil
	castBuffers.Put(b)
}

type castRun struct {
	off, step int64
	n         int
}

// castSide is one of the two operands.
type castSide struct {
	data   []byte
	size   int  // of an element in a block
	align  int  // of its Go type
	packed elem // the dtype, if packed
	swap   int  // bytes to reverse, 0 if none
	block  [castBytes / 8]uint64
}

func (c *castSide) of(v View, e elem) {
	c.data, c.size, c.align, c.packed, c.swap = v.data, int(v.dtype.UnitBytes), v.dtype.Align(), 0, 0
	if v.dtype.UnitElems > 1 {
		c.size, c.packed = 1, e
	}
	if !v.native {
		c.swap = v.dtype.swapWidth()
	}
}

// direct returns the elements in place if a kernel can work on them there.
func (c *castSide) direct(off, n, step int64) ([]byte, bool) {
	if c.packed != 0 || c.swap != 0 || step != int64(c.size) && n > 1 {
		return nil, false
	}
	p := c.data[off : off+n*int64(c.size)]
	return p, c.align == 1 || cast.Aligned(p, c.align)
}

// at returns room for n elements, i elements into the block.
func (c *castSide) at(i, n int) []byte {
	return cast.Bytes(c.block[:])[i*c.size : (i+n)*c.size]
}

// load copies n elements to p.
func (c *castSide) load(p []byte, off, n, step int64) {
	if c.packed != 0 {
		unpack(c.packed, p[:n], c.data[off:])
		return
	}
	p = p[:n*int64(c.size)]
	gatherBlock(p, c.data, int(off), int(step), c.size)
	swapBlock(p, c.swap)
}

// store copies n elements from p, which it may change, packed ones past the cache
// if stream says so.
func (c *castSide) store(p []byte, off, n, step int64, stream bool) {
	if c.packed != 0 && stream {
		pack(c.packed, p[:cap(p)], p[:n])
		kernel.CopyRows(c.data, int(off), 0, p[:cap(p)], 0, 0, 1, int(packedSize(c.packed, n)), true)
		return
	}
	if c.packed != 0 {
		pack(c.packed, c.data[off:], p[:n])
		return
	}
	p = p[:n*int64(c.size)]
	swapBlock(p, c.swap)
	scatterBlock(c.data, int(off), int(step), p, c.size)
}

// convert converts a run. Short ones may wait for flush.
func (b *castBuffer) convert(offD, offS, n, stepD, stepS int64) {
	if n < castShort {
		if b.pending+int(n) > b.room || b.nruns == len(b.runs) {
			b.flush()
		}
		b.src.load(b.src.at(b.pending, int(n)), offS, n, stepS)
		b.runs[b.nruns] = castRun{offD, stepD, int(n)}
		b.nruns++
		b.pending += int(n)
		return
	}
	b.flush() // the blocks are needed
	d, inPlaceD := b.dst.direct(offD, n, stepD)
	s, inPlaceS := b.src.direct(offS, n, stepS)
	piece := int64(b.room)
	if inPlaceD && inPlaceS && b.steps.n == 1 {
		piece = castStretch
	}
	first := piece
	if inPlaceD && b.stream && b.src.packed == 0 {
		// The others then begin with a line of the cache.
		if skew := int64(cast.Skew(d, 64) / b.dst.size); skew > 0 {
			first = skew
		}
	}
	for m := min(first, n); n > 0; m = min(piece, n) {
		var dp, sp []byte
		if inPlaceS {
			size := m * int64(b.src.size)
			sp, s = s[:size], s[size:]
		} else {
			sp = b.src.at(0, int(m))
			b.src.load(sp, offS, m, stepS)
			offS = b.src.skip(offS, m, stepS)
		}
		if inPlaceD {
			size := m * int64(b.dst.size)
			dp, d = d[:size], d[size:]
			b.run(dp, sp, int(m), b.stream)
		} else {
			dp = b.dst.at(0, int(m))
			b.block(dp, sp, int(m))
			b.dst.store(dp, offD, m, stepD, b.stream)
			offD = b.dst.skip(offD, m, stepD)
		}
		n -= m
	}
}

// skip moves over n elements: a block's worth, if there is more to come.
func (c *castSide) skip(off, n, step int64) int64 {
	if c.packed != 0 {
		return off + n*packedBits(c.packed)/8
	}
	return off + n*step
}

// block does the steps on at most b.room elements.
func (b *castBuffer) block(dst, src []byte, n int) { b.run(dst, src, n, false) }

// run does the steps on n elements, at most b.room if there are several steps.
func (b *castBuffer) run(dst, src []byte, n int, stream bool) {
	last := b.steps.n - 1
	if last < 0 {
		kernel.CopyRows(dst, 0, 0, src, 0, 0, 1, len(dst), stream)
		return
	}
	for i := range last {
		step := &b.steps.list[i]
		mid := cast.Bytes(b.middle[i][:])[:n*step.size]
		step.run(mid, src, false)
		src = mid
	}
	b.steps.list[last].run(dst, src, stream)
}

// flush converts the collected runs.
func (b *castBuffer) flush() {
	if b.pending == 0 {
		return
	}
	d := b.dst.at(0, b.pending)
	b.block(d, b.src.at(0, b.pending), b.pending)
	for _, r := range b.runs[:b.nruns] {
		size := r.n * b.dst.size
		b.dst.store(d[:size], r.off, int64(r.n), r.step, false)
		d = d[size:]
	}
	b.pending, b.nruns = 0, 0
}
