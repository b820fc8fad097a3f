//go:build !noasm

package kernel

import "sync"

// transposeFast goes by squares of a line of the cache each way, in blocks of a
// few pages: what is next to a square is done while its pages are at hand. It
// returns the rows and columns that are done.
func transposeFast(dst []byte, dstStride int, src []byte, srcStride int, rows, cols, size int, stream bool) (r, c int) {
	side := 64 / size
	aligned := lineOffset(dst) == 0 && dstStride%64 == 0
	switch {
	case active >= levelAVX512:
		if rows*cols < 2*side {
			return 0, 0
		}
		if stream && !aligned {
			transposeThrough(dst, dstStride, src, srcStride, rows, cols, size, true)
			return rows, cols
		}
	case active < levelAVX2 || size > 8:
		return 0, 0
	}
	r, c = rows&^(side-1), cols&^(side-1)
	if r > 0 && c > 0 {
		transposeBlocks(dst, dstStride, src, srcStride, r, c, size, stream && aligned)
	}
	if active < levelAVX512 {
		return transposeEdges(dst, dstStride, src, srcStride, rows, cols, size, r, c)
	}
	if c < cols {
		transposeThrough(dst[c*dstStride:], dstStride, src[c*size:], srcStride, r, cols-c, size, false)
	}
	if r < rows {
		transposeThrough(dst[r*size:], dstStride, src[r*srcStride:], srcStride, rows-r, cols, size, false)
	}
	return rows, cols
}

// transposeEdges does what whole squares, the first r rows of c columns, leave, in
// the smaller parts that squares consist of. The last ones begin as early as they
// must and do some elements again. It returns what is done then: all, unless the
// matrix is smaller than a part.
func transposeEdges(dst []byte, dstStride int, src []byte, srcStride int, rows, cols, size, r, c int) (int, int) {
	high, wide := 32/size, min(32/size, 8)
	if rows < high || cols < wide {
		return r, c
	}
	strip := func(top, bottom, left int) {
		for j := left; j < cols; j += wide {
			j := min(j, cols-wide)
			for i := top; i < bottom; {
				at := min(i, bottom-high)
				n := max((bottom-i)/high, 1)
				transposePart(&dst[j*dstStride+at*size], dstStride, &src[at*srcStride+j*size], srcStride, n, size)
				i = at + n*high
			}
		}
	}
	if c < cols && r > 0 {
		strip(0, r, c)
	}
	if r < rows {
		strip(min(r, rows-high), rows, 0)
	}
	return rows, cols
}

// transposePart does n parts, one below the other, which become half a line each
// of a few rows.
func transposePart(dst *byte, dstStride int, src *byte, srcStride, n, size int) {
	switch size {
	case 1:
		transpose1AVX2(dst, dstStride, src, srcStride, n)
	case 2:
		transpose2AVX2(dst, dstStride, src, srcStride, n)
	case 4:
		transpose4AVX2(dst, dstStride, src, srcStride, n)
	default:
		transpose8AVX2(dst, dstStride, src, srcStride, n)
	}
}

// transposeBlocks does whole squares.
func transposeBlocks(dst []byte, dstStride int, src []byte, srcStride int, r, c, size int, stream bool) {
	side := 64 / size
	// Fewer pages than the first level of translations has room for, with those
	// of the result beside them: from 80 rows on it goes at half the speed.
	block := 48
	if side > 16 {
		block = 64
	}
	var b *transposeBuffer
	if size <= 2 || active < levelAVX512 {
		b = transposeBuffers.Get().(*transposeBuffer)
		defer transposeBuffers.Put(b)
	}
	for top := 0; top < r; top += block {
		n := min(block, r-top) / side
		for j := 0; j < c; j += side {
			d, s := &dst[j*dstStride+top*size], &src[top*srcStride+j*size]
			if active >= levelAVX512 {
				b.squares(d, dstStride, s, srcStride, n, size, stream)
				continue
			}
			for i := top; i < top+n*side; i += side {
				transposeParts(&b.square, src[i*srcStride+j*size:], srcStride, size)
				storeLinesAVX2(&dst[j*dstStride+i*size], dstStride, &b.square, side, stream)
			}
		}
	}
}

// transposeBuffer is memory between the parts of a transpose.
type transposeBuffer struct {
	rows   [40 << 10]byte // of the result
	square [4096]byte     // what is done by halves, or has no full rows
	groups [4096]byte     // see GROUP1 in the assembly
}

var transposeBuffers = sync.Pool{New: func() any { return new(transposeBuffer) }}

// How copyRowsAVX512 copies.
const (
	pastCache  = 1 << iota // whole lines go past the cache
	fromLine               // what begins inside a line begins up to 63 bytes before, with the line
	wholeLines             // what would end inside a line ends before it
)

// transposeThrough makes pieces of rows of the result in a buffer and copies
// them. Squares at the edges are filled with what is there.
//
// Rows that begin anywhere in a line are streamed whole lines at a time: a piece
// ends with its last whole line, and the next one, which repeats a square, begins
// there. A line written in two parts would have to be read.
func transposeThrough(dst []byte, dstStride int, src []byte, srcStride int, rows, cols, size int, stream bool) {
	if rows <= 0 || cols <= 0 {
		return
	}
	// Of so many rows of dst the processor still knows the pages when the next
	// piece of them comes.
	const atOnce = 1024
	for ; cols > atOnce; cols -= atOnce {
		transposeThrough(dst, dstStride, src, srcStride, rows, atOnce, size, stream)
		dst, src = dst[atOnce*dstStride:], src[atOnce*size:]
	}
	side := 64 / size
	b := transposeBuffers.Get().(*transposeBuffer)
	defer transposeBuffers.Put(b)
	// Pieces of 32 elements: as many rows as stay in the cache side by side, even
	// if their strides are near a power of two. Where elements are so small that
	// this is hardly a line, more of them.
	width := 32 * size
	if size < 4 {
		width = 512 * size
	}
	pitch := width + 64
	for top := 0; top < rows; top += width / size {
		again, how := 0, 0
		if stream {
			how = pastCache
			if top > 0 {
				again, how = side, how|fromLine
			}
			if rows-top > width/size {
				how |= wholeLines
			}
		}
		first := top - again
		n := min(width/size, rows-top) + again
		for j := 0; j < cols; j += side {
			m := min(side, cols-j)
			if ahead := j + side; stream && ahead < cols {
				// So many streams are more than the processor foresees. More than
				// the next squares would not stay where strides are near powers
				// of two.
				prefetchRows(&src[first*srcStride+ahead*size], srcStride, n)
			}
			full := 0
			if m == side && n >= side {
				full = n / side
				b.squares(&b.rows[0], pitch, &src[first*srcStride+j*size], srcStride, full, size, false)
			}
			for i := full * side; i < n; i += side {
				copyRowsAVX512(&b.square[0], 64, &src[(first+i)*srcStride+j*size], srcStride, min(side, n-i), m*size, 0)
				b.squares(&b.rows[i*size], pitch, &b.square[0], 64, 1, size, false)
			}
			copyRowsAVX512(&dst[j*dstStride+top*size], dstStride, &b.rows[again*size], pitch, m, (n-again)*size, how)
		}
	}
}

// squares does n squares of a line each way, one below the other.
func (b *transposeBuffer) squares(dst *byte, dstStride int, src *byte, srcStride, n, size int, stream bool) {
	switch size {
	case 1:
		transpose1AVX512(dst, dstStride, src, srcStride, n, stream, &b.groups)
	case 2:
		transpose2AVX512(dst, dstStride, src, srcStride, n, stream, &b.groups)
	case 4:
		transpose4AVX512(dst, dstStride, src, srcStride, n, stream)
	case 8:
		transpose8AVX512(dst, dstStride, src, srcStride, n, stream)
	default:
		transpose16AVX512(dst, dstStride, src, srcStride, n, stream)
	}
}

// transposeParts does one square. Half lines are better not written to dst itself.
func transposeParts(dst *[4096]byte, src []byte, srcStride, size int) {
	side, wide := 64/size, min(32/size, 8)
	for k := 0; k < side; k += wide {
		transposePart(&dst[64*k], 64, &src[k*size], srcStride, 2, size)
	}
}

func copyRowsFast(dst []byte, dstStep int, src []byte, srcStep, rows, n int, stream bool) bool {
	switch {
	case active < levelAVX512:
		if active < levelAVX2 || !stream || dstStep != n || n < 64 || n >= streamRow || srcStep < 0 {
			return false
		}
		joinRowsThrough(dst, src, srcStep, rows, n)
	case stream && dstStep == n && n >= 64:
		joinRowsAVX512(&dst[0], &src[0], srcStep, rows, n)
	case stream:
		copyRowsAVX512(&dst[0], dstStep, &src[0], srcStep, rows, n, pastCache)
	default:
		copyRowsAVX512(&dst[0], dstStep, &src[0], srcStep, rows, n, 0)
	}
	return true
}

// joinRowsThrough copies rows of n bytes to one place, past the cache. They come
// together in a buffer, which stays in it.
func joinRowsThrough(dst, src []byte, srcStep, rows, n int) {
	b := transposeBuffers.Get().(*transposeBuffer)
	defer transposeBuffers.Put(b)
	room := b.rows[:16<<10]
	at, used := 0, 0 // in dst, in room
	most := len(room) - lineOffset(dst)
	for i := range rows {
		for row := src[i*srcStep:][:n]; len(row) > 0; {
			k := copy(room[used:most], row)
			row = row[k:]
			if used += k; used == most {
				CopyStream(dst[at:at+used], room[:used])
				at, used, most = at+used, 0, len(room)
			}
		}
	}
	CopyStream(dst[at:at+used], room[:used])
}

//go:noescape
func storeLinesAVX2(dst *byte, dstStride int, lines *[4096]byte, n int, stream bool)

//go:noescape
func transpose1AVX2(dst *byte, dstStride int, src *byte, srcStride, squares int)

//go:noescape
func transpose2AVX2(dst *byte, dstStride int, src *byte, srcStride, squares int)

//go:noescape
func transpose4AVX2(dst *byte, dstStride int, src *byte, srcStride, squares int)

//go:noescape
func transpose8AVX2(dst *byte, dstStride int, src *byte, srcStride, squares int)

//go:noescape
func transpose1AVX512(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool, scratch *[4096]byte)

//go:noescape
func transpose2AVX512(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool, scratch *[4096]byte)

//go:noescape
func transpose4AVX512(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool)

//go:noescape
func transpose8AVX512(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool)

//go:noescape
func transpose16AVX512(dst *byte, dstStride int, src *byte, srcStride, squares int, stream bool)

//go:noescape
func copyRowsAVX512(dst *byte, dstStride int, src *byte, srcStride, rows, n, how int)

//go:noescape
func joinRowsAVX512(dst, src *byte, srcStride, rows, n int)

//go:noescape
func prefetchRows(src *byte, srcStride, rows int)
