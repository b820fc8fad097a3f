package kernel

// CopyStream copies src to dst past the cache: for large copies whose result is
// not read soon. dst has the length of src and does not overlap it.
func CopyStream(dst, src []byte) {
	need(len(dst) == len(src), badLength)
	if len(src) < 256 {
		copy(dst, src)
		return
	}
	// Up to the first line of the cache by hand.
	head := -lineOffset(dst) & 63
	copy(dst[:head], src)
	i := head + copyFast(dst[head:], src[head:])
	copy(dst[i:], src[i:])
}

// CopyRows copies rows of n bytes from src[b:], srcStep bytes apart, to dst[a:],
// dstStep bytes apart. Steps may be negative. Whole lines of the cache go past it
// if stream is set.
func CopyRows(dst []byte, a, dstStep int, src []byte, b, srcStep, rows, n int, stream bool) {
	if rows <= 0 || n <= 0 {
		return
	}
	lastA, lastB := a+(rows-1)*dstStep, b+(rows-1)*srcStep
	need(min(a, lastA) >= 0 && max(a, lastA)+n <= len(dst), "rows outside dst")
	need(min(b, lastB) >= 0 && max(b, lastB)+n <= len(src), "rows outside src")
	if copyRowsFast(dst[a:], dstStep, src[b:], srcStep, rows, n, stream) {
		return
	}
	for ; rows > 0; rows-- {
		copyPlain(dst[a:a+n], src[b:b+n], stream && n >= streamRow)
		a += dstStep
		b += srcStep
	}
}

// streamRow is from which length on a row goes past the cache by itself: its first
// and last lines, which do not, and the wait for the others, no longer count.
const streamRow = 4 << 10

// copyPlain copies, past the cache if stream is set.
func copyPlain(dst, src []byte, stream bool) {
	if stream {
		CopyStream(dst, src[:len(dst)])
	} else {
		copy(dst, src)
	}
}

// Transpose writes the element in row r and column c of src, a matrix of rows
// by cols elements of size bytes (1, 2, 4, 8 or 16), to row c and column r of
// dst. Rows begin stride bytes after each other, srcStride in src and dstStride
// in dst, both at least as long as a row of theirs. stream is as in Convert.
func Transpose(dst []byte, dstStride int, src []byte, srcStride int, rows, cols, size int, stream bool) {
	if rows <= 0 || cols <= 0 {
		return
	}
	need(size == 1 || size == 2 || size == 4 || size == 8 || size == 16, badSize)
	need(dstStride >= rows*size && srcStride >= cols*size, "stride shorter than a row")
	need(len(dst) >= (cols-1)*dstStride+rows*size && len(src) >= (rows-1)*srcStride+cols*size, "matrix longer than its memory")
	r, c := transposeFast(dst, dstStride, src, srcStride, rows, cols, size, stream)
	// r by c elements are done: what is to the right of them, then below.
	if c < cols {
		transposeGo(dst[c*dstStride:], dstStride, src[c*size:], srcStride, r, cols-c, size)
	}
	if r < rows {
		transposeGo(dst[r*size:], dstStride, src[r*srcStride:], srcStride, rows-r, cols, size)
	}
}

// transposeGo goes in squares, so that what is fetched with an element is still
// in the cache when its neighbours' turn comes.
func transposeGo(dst []byte, dstStride int, src []byte, srcStride int, rows, cols, size int) {
	const side = 16
	for r := 0; r < rows; r += side {
		m := min(side, rows-r)
		for c := 0; c < cols; c += side {
			for y := c; y < min(c+side, cols); y++ {
				d, s := dst[y*dstStride+r*size:], src[r*srcStride+y*size:]
				at := 0
				switch size {
				case 1:
					for x := range m {
						d[x] = s[at]
						at += srcStride
					}
				case 2:
					for x := range m {
						*(*[2]byte)(d[2*x:]) = *(*[2]byte)(s[at:])
						at += srcStride
					}
				case 4:
					for x := range m {
						*(*[4]byte)(d[4*x:]) = *(*[4]byte)(s[at:])
						at += srcStride
					}
				case 8:
					for x := range m {
						*(*[8]byte)(d[8*x:]) = *(*[8]byte)(s[at:])
						at += srcStride
					}
				default:
					for x := range m {
						*(*[16]byte)(d[16*x:]) = *(*[16]byte)(s[at:])
						at += srcStride
					}
				}
			}
		}
	}
}
