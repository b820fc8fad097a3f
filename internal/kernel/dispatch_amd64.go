//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

const (
	levelAVX2   level = 1 + iota // and F16C
	levelAVX512                  // F, BW, DQ and VL
	levelGFNI                    // on registers of 64 bytes, VBMI and VPCLMULQDQ
)

var levelNames = [...]string{"go", "avx2", "avx512", "gfni"}

func detect() level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !hasF16C():
		return levelGo
	case !x.HasAVX512F || !x.HasAVX512BW || !x.HasAVX512DQ || !x.HasAVX512VL:
		return levelAVX2
	case !x.HasAVX512GFNI || !x.HasAVX512VBMI || !x.HasAVX512VPCLMULQDQ:
		return levelAVX512
	}
	return levelGFNI
}

//go:noescape
func hasF16C() bool

// hasVPCLMULQDQ asks a processor with AVX2: cpu.X86 knows it of those with AVX-512 alone.
//
//go:noescape
func hasVPCLMULQDQ() bool

// lineOffset is where in a line of the cache b begins: 0 to 63.
//
//go:noescape
func lineOffset(b []byte) int

// lag is how far behind src dst begins, in pages of 4 KiB: 0 to 4095.
//
//go:noescape
func lag(dst, src []byte) int

//go:noescape
func lineOffset32(b []float32) int

//go:noescape
func lineOffset16(b []uint16) int

// The functions below do as much as their loops can and return how much that
// is; Go does the rest.

func splitFast(planes [][]byte, src []byte, n int) int {
	if active >= levelAVX512 && n >= 64 {
		return split512(planes, src, n&^63)
	}
	m := n &^ 31
	if active < levelAVX2 || m == 0 {
		return 0
	}
	switch len(planes) {
	case 2:
		split2AVX2(&planes[0][0], &planes[1][0], &src[0], m)
	case 4:
		split4AVX2(&planes[0][0], &planes[1][0], &planes[2][0], &planes[3][0], &src[0], m)
	case 8:
		p := first8(planes, 0)
		split8AVX2(&p, &src[0], m)
	default:
		return 0
	}
	return m
}

func split512(planes [][]byte, src []byte, m int) int {
	switch len(planes) {
	case 2:
		split2AVX512(&planes[0][0], &planes[1][0], &src[0], m)
	case 4:
		split4AVX512(&planes[0][0], &planes[1][0], &planes[2][0], &planes[3][0], &src[0], m)
	case 8:
		p := first8(planes, 0)
		split8AVX512(&p, &src[0], m)
	default:
		return 0
	}
	return m
}

func first8(planes [][]byte, i int) (p [8]*byte) {
	for k := range p {
		p[k] = &planes[k][i]
	}
	return p
}

func joinFast(dst []byte, planes [][]byte, n int) int { return joinFrom(dst, planes, 0, n, false) }

func joinStream(dst []byte, planes [][]byte, i, n int) int {
	return joinFrom(dst, planes, i, n, true)
}

func joinFrom(dst []byte, planes [][]byte, i, n int, stream bool) int {
	m := (n - i) &^ 31
	if active < levelAVX2 || m == 0 {
		return i
	}
	switch len(planes) {
	case 2:
		join2AVX2(&dst[2*i], &planes[0][i], &planes[1][i], m, stream)
	case 4:
		join4AVX2(&dst[4*i], &planes[0][i], &planes[1][i], &planes[2][i], &planes[3][i], m, stream)
	case 8:
		p := first8(planes, i)
		join8AVX2(&dst[8*i], &p, m, stream)
	default:
		return i
	}
	return i + m
}

//go:noescape
func split2AVX2(p0, p1, src *byte, n int)

//go:noescape
func split4AVX2(p0, p1, p2, p3, src *byte, n int)

//go:noescape
func split8AVX2(p *[8]*byte, src *byte, n int)

//go:noescape
func split2AVX512(p0, p1, src *byte, n int)

//go:noescape
func split4AVX512(p0, p1, p2, p3, src *byte, n int)

//go:noescape
func split8AVX512(p *[8]*byte, src *byte, n int)

//go:noescape
func join2AVX2(dst, p0, p1 *byte, n int, stream bool)

//go:noescape
func join4AVX2(dst, p0, p1, p2, p3 *byte, n int, stream bool)

//go:noescape
func join8AVX2(dst *byte, p *[8]*byte, n int, stream bool)

func splitBitsFast(dst []byte, stride int, p []byte) int {
	n := len(p) &^ 255
	switch {
	case active >= levelGFNI && len(p) >= 512:
		n &^= 511
		splitBitsGFNI(&dst[0], stride, &p[0], n)
	case active < levelAVX2 || n == 0:
		return 0
	default:
		turnAVX2(&p[0], n)
		splitRowsAVX2(&dst[0], stride, &p[0], n)
	}
	return n
}

func joinBitsFast(p, src []byte, stride int) int {
	n := len(p) &^ 255
	switch {
	case active < levelAVX2 || n == 0:
		return 0
	case active < levelGFNI:
		joinRowsAVX2(&p[0], &src[0], stride, n)
		turnAVX2(&p[0], n)
	default:
		joinBitsGFNI(&p[0], &src[0], stride, n)
	}
	return n
}

//go:noescape
func turnAVX2(p *byte, n int)

//go:noescape
func splitRowsAVX2(dst *byte, stride int, p *byte, n int)

//go:noescape
func splitBitsGFNI(dst *byte, stride int, p *byte, n int)

//go:noescape
func joinRowsAVX2(p, src *byte, stride, n int)

//go:noescape
func joinBitsGFNI(p, src *byte, stride, n int)

func deltaFast(dst, src []byte, size, d, end int) int {
	if active < levelAVX2 || end < d+64 {
		return end
	}
	switch size {
	case 1:
		return delta1AVX2(&dst[0], &src[0], d, end)
	case 2:
		return delta2AVX2(&dst[0], &src[0], d, end)
	case 4:
		return delta4AVX2(&dst[0], &src[0], d, end)
	case 8:
		return delta8AVX2(&dst[0], &src[0], d, end)
	}
	return xorDeltaAVX2(&dst[0], &src[0], d, end)
}

//go:noescape
func delta1AVX2(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func delta2AVX2(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func delta4AVX2(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func delta8AVX2(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func xorDeltaAVX2(dst, src *byte, d, end int) (newEnd int)

func undeltaFast(dst, src []byte, size, d, end int) int {
	if active < levelAVX2 || end < d+64 {
		return d
	}
	if d > 16 && d < 128 && d%16 != 0 {
		return rowSums(dst, src, size, d, end)
	}
	if d >= 16 {
		switch size {
		case 1:
			farSum1AVX2(&dst[0], &src[0], d, d, end)
		case 2:
			farSum2AVX2(&dst[0], &src[0], d, d, end)
		case 4:
			farSum4AVX2(&dst[0], &src[0], d, d, end)
		case 8:
			farSum8AVX2(&dst[0], &src[0], d, d, end)
		default:
			farXorAVX2(&dst[0], &src[0], d, d, end)
		}
		return d + (end-d)&^15
	}
	// What 16 bytes ended with is needed from the first ones on.
	if size == xorSize {
		xorUndeltaGo(dst, src, d, d, 16)
	} else {
		undeltaGo(dst, src, size, d, d, 16)
	}
	masks := &nearMasks[d]
	at := 16
	if active >= levelAVX512 && d&(d-1) == 0 && size != xorSize && end-at >= 64 {
		at += nearSum512(dst[at:end], src[at:end], size, masks)
	}
	n := (end - at) &^ 15
	switch {
	case n == 0:
	case size == 1:
		nearSum1AVX2(&dst[at], &src[at], n, masks)
	case size == 2:
		nearSum2AVX2(&dst[at], &src[at], n, masks)
	case size == 4:
		nearSum4AVX2(&dst[at], &src[at], n, masks)
	case size == 8:
		nearSum8AVX2(&dst[at], &src[at], n, masks)
	case d >= 8:
		nearXor8AVX2(&dst[at], &src[at], n, masks)
	case d >= 4:
		nearXor4AVX2(&dst[at], &src[at], n, masks)
	default:
		nearXor1AVX2(&dst[at], &src[at], n, masks)
	}
	return at + n
}

// nearSum512 goes on with sums at distances that divide 16.
func nearSum512(dst, src []byte, size int, masks *[5][16]byte) int {
	n := len(dst) &^ 63
	switch size {
	case 1:
		nearSum1AVX512(&dst[0], &src[0], n, masks)
	case 2:
		nearSum2AVX512(&dst[0], &src[0], n, masks)
	case 4:
		nearSum4AVX512(&dst[0], &src[0], n, masks)
	default:
		nearSum8AVX512(&dst[0], &src[0], n, masks)
	}
	return n
}

//go:noescape
func nearSum1AVX512(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum2AVX512(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum4AVX512(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum8AVX512(dst, src *byte, n int, masks *[5][16]byte)

func rowSums(dst, src []byte, size, d, end int) int {
	rows := (end-d-32)/d - 1
	if rows < 1 {
		return d
	}
	var state [128]byte
	copy(state[:], dst[:d])
	switch size {
	case 1:
		rowSum1AVX2(&dst[d], &src[d], d, rows, &state)
	case 2:
		rowSum2AVX2(&dst[d], &src[d], d, rows, &state)
	case 4:
		rowSum4AVX2(&dst[d], &src[d], d, rows, &state)
	case 8:
		rowSum8AVX2(&dst[d], &src[d], d, rows, &state)
	default:
		rowXorAVX2(&dst[d], &src[d], d, rows, &state)
	}
	return d + rows*d
}

//go:noescape
func rowSum1AVX2(dst, src *byte, d, rows int, state *[128]byte)

//go:noescape
func rowSum2AVX2(dst, src *byte, d, rows int, state *[128]byte)

//go:noescape
func rowSum4AVX2(dst, src *byte, d, rows int, state *[128]byte)

//go:noescape
func rowSum8AVX2(dst, src *byte, d, rows int, state *[128]byte)

//go:noescape
func rowXorAVX2(dst, src *byte, d, rows int, state *[128]byte)

//go:noescape
func farSum1AVX2(dst, src *byte, i, d, end int)

//go:noescape
func farSum2AVX2(dst, src *byte, i, d, end int)

//go:noescape
func farSum4AVX2(dst, src *byte, i, d, end int)

//go:noescape
func farSum8AVX2(dst, src *byte, i, d, end int)

//go:noescape
func farXorAVX2(dst, src *byte, i, d, end int)

//go:noescape
func nearSum1AVX2(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum2AVX2(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum4AVX2(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum8AVX2(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearXor1AVX2(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearXor4AVX2(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearXor8AVX2(dst, src *byte, n int, masks *[5][16]byte)

func eachWordFast(dst, src []byte, size int, op wordOp) int {
	n := len(src) &^ 63
	if active < levelAVX2 || n == 0 {
		return 0
	}
	d, s := &dst[0], &src[0]
	switch {
	case op == opSwap && size == 2:
		swapAVX2(d, s, n, 0)
	case op == opSwap && size == 4:
		swapAVX2(d, s, n, 1)
	case op == opSwap:
		swapAVX2(d, s, n, 2)
	case op == opZigzag && size == 1:
		zigzag1AVX2(d, s, n)
	case op == opZigzag && size == 2:
		zigzag2AVX2(d, s, n)
	case op == opZigzag && size == 4:
		zigzag4AVX2(d, s, n)
	case op == opZigzag:
		zigzag8AVX2(d, s, n)
	case op == opUnzigzag && size == 1:
		unzigzag1AVX2(d, s, n)
	case op == opUnzigzag && size == 2:
		unzigzag2AVX2(d, s, n)
	case op == opUnzigzag && size == 4:
		unzigzag4AVX2(d, s, n)
	case op == opUnzigzag:
		unzigzag8AVX2(d, s, n)
	case size == 1:
		order1AVX2(d, s, n)
	case size == 2:
		order2AVX2(d, s, n)
	case size == 4:
		order4AVX2(d, s, n)
	default:
		order8AVX2(d, s, n)
	}
	return n
}

//go:noescape
func swapAVX2(dst, src *byte, n, which int)

//go:noescape
func zigzag1AVX2(dst, src *byte, n int)

//go:noescape
func zigzag2AVX2(dst, src *byte, n int)

//go:noescape
func zigzag4AVX2(dst, src *byte, n int)

//go:noescape
func zigzag8AVX2(dst, src *byte, n int)

//go:noescape
func unzigzag1AVX2(dst, src *byte, n int)

//go:noescape
func unzigzag2AVX2(dst, src *byte, n int)

//go:noescape
func unzigzag4AVX2(dst, src *byte, n int)

//go:noescape
func unzigzag8AVX2(dst, src *byte, n int)

//go:noescape
func order1AVX2(dst, src *byte, n int)

//go:noescape
func order2AVX2(dst, src *byte, n int)

//go:noescape
func order4AVX2(dst, src *byte, n int)

//go:noescape
func order8AVX2(dst, src *byte, n int)
