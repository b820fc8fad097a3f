//go:build !noasm

package kernel

const levelNEON level = 1

var levelNames = [...]string{"go", "neon"}

// detect: every arm64 processor has NEON.
func detect() level { return levelNEON }

// The functions below do as much as their loops can and return how much that
// is; Go does the rest.

func splitFast(planes [][]byte, src []byte, n int) int {
	m := n &^ 15
	if active < levelNEON || m == 0 {
		return 0
	}
	switch len(planes) {
	case 2:
		split2NEON(&planes[0][0], &planes[1][0], &src[0], m)
	case 4:
		split4NEON(&planes[0][0], &planes[1][0], &planes[2][0], &planes[3][0], &src[0], m)
	case 8:
		p := [8]*byte{&planes[0][0], &planes[1][0], &planes[2][0], &planes[3][0], &planes[4][0], &planes[5][0], &planes[6][0], &planes[7][0]}
		split8NEON(&p, &src[0], m)
	default:
		return 0
	}
	return m
}

func joinFast(dst []byte, planes [][]byte, n int) int {
	m := n &^ 15
	if active < levelNEON || m == 0 {
		return 0
	}
	switch len(planes) {
	case 2:
		join2NEON(&dst[0], &planes[0][0], &planes[1][0], m)
	case 4:
		join4NEON(&dst[0], &planes[0][0], &planes[1][0], &planes[2][0], &planes[3][0], m)
	case 8:
		p := [8]*byte{&planes[0][0], &planes[1][0], &planes[2][0], &planes[3][0], &planes[4][0], &planes[5][0], &planes[6][0], &planes[7][0]}
		join8NEON(&dst[0], &p, m)
	default:
		return 0
	}
	return m
}

//go:noescape
func split2NEON(p0, p1, src *byte, n int)

//go:noescape
func split4NEON(p0, p1, p2, p3, src *byte, n int)

//go:noescape
func split8NEON(p *[8]*byte, src *byte, n int)

//go:noescape
func join2NEON(dst, p0, p1 *byte, n int)

//go:noescape
func join4NEON(dst, p0, p1, p2, p3 *byte, n int)

//go:noescape
func join8NEON(dst *byte, p *[8]*byte, n int)

func splitBitsFast(dst []byte, stride int, p []byte) int {
	n := len(p) &^ 127
	if active < levelNEON || n == 0 {
		return 0
	}
	turnNEON(&p[0], n)
	rows := [8]*byte{}
	for b := range rows {
		rows[b] = &dst[b*stride]
	}
	split8NEON(&rows, &p[0], n/8)
	return n
}

func joinBitsFast(p, src []byte, stride int) int {
	n := len(p) &^ 127
	if active < levelNEON || n == 0 {
		return 0
	}
	rows := [8]*byte{}
	for b := range rows {
		rows[b] = &src[b*stride]
	}
	join8NEON(&p[0], &rows, n/8)
	turnNEON(&p[0], n)
	return n
}

//go:noescape
func turnNEON(p *byte, n int)

func deltaFast(dst, src []byte, size, d, end int) int {
	if active < levelNEON || end < d+32 {
		return end
	}
	switch size {
	case 1:
		return delta1NEON(&dst[0], &src[0], d, end)
	case 2:
		return delta2NEON(&dst[0], &src[0], d, end)
	case 4:
		return delta4NEON(&dst[0], &src[0], d, end)
	case 8:
		return delta8NEON(&dst[0], &src[0], d, end)
	}
	return xorDeltaNEON(&dst[0], &src[0], d, end)
}

//go:noescape
func delta1NEON(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func delta2NEON(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func delta4NEON(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func delta8NEON(dst, src *byte, d, end int) (newEnd int)

//go:noescape
func xorDeltaNEON(dst, src *byte, d, end int) (newEnd int)

func undeltaFast(dst, src []byte, size, d, end int) int {
	if active < levelNEON || end < d+32 {
		return d
	}
	if d >= 16 {
		switch size {
		case 1:
			farSum1NEON(&dst[0], &src[0], d, d, end)
		case 2:
			farSum2NEON(&dst[0], &src[0], d, d, end)
		case 4:
			farSum4NEON(&dst[0], &src[0], d, d, end)
		case 8:
			farSum8NEON(&dst[0], &src[0], d, d, end)
		default:
			farXorNEON(&dst[0], &src[0], d, d, end)
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
	n := (end - 16) &^ 15
	switch {
	case size == 1:
		nearSum1NEON(&dst[16], &src[16], n, masks)
	case size == 2:
		nearSum2NEON(&dst[16], &src[16], n, masks)
	case size == 4:
		nearSum4NEON(&dst[16], &src[16], n, masks)
	case size == 8:
		nearSum8NEON(&dst[16], &src[16], n, masks)
	case d >= 8:
		nearXor8NEON(&dst[16], &src[16], n, masks)
	case d >= 4:
		nearXor4NEON(&dst[16], &src[16], n, masks)
	default:
		nearXor1NEON(&dst[16], &src[16], n, masks)
	}
	return 16 + n
}

//go:noescape
func farSum1NEON(dst, src *byte, i, d, end int)

//go:noescape
func farSum2NEON(dst, src *byte, i, d, end int)

//go:noescape
func farSum4NEON(dst, src *byte, i, d, end int)

//go:noescape
func farSum8NEON(dst, src *byte, i, d, end int)

//go:noescape
func farXorNEON(dst, src *byte, i, d, end int)

//go:noescape
func nearSum1NEON(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum2NEON(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum4NEON(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearSum8NEON(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearXor1NEON(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearXor4NEON(dst, src *byte, n int, masks *[5][16]byte)

//go:noescape
func nearXor8NEON(dst, src *byte, n int, masks *[5][16]byte)

func eachWordFast(dst, src []byte, size int, op wordOp) int {
	n := len(src) &^ 63
	if active < levelNEON || n == 0 || op != opSwap {
		return 0
	}
	switch size {
	case 2:
		swap2NEON(&dst[0], &src[0], n)
	case 4:
		swap4NEON(&dst[0], &src[0], n)
	default:
		swap8NEON(&dst[0], &src[0], n)
	}
	return n
}

//go:noescape
func swap2NEON(dst, src *byte, n int)

//go:noescape
func swap4NEON(dst, src *byte, n int)

//go:noescape
func swap8NEON(dst, src *byte, n int)

func u8ToF32Fast(dst []float32, src []uint8, _ bool) int {
	n := len(src) &^ 15
	if active < levelNEON || n == 0 {
		return 0
	}
	u8ToF32NEON(&dst[0], &src[0], n)
	return n
}

func i16ToF32Fast(dst []float32, src []int16, _ bool) int {
	n := len(src) &^ 15
	if active < levelNEON || n == 0 {
		return 0
	}
	i16ToF32NEON(&dst[0], &src[0], n)
	return n
}

func bf16ToF32Fast(dst []float32, src []uint16, _ bool) int {
	n := len(src) &^ 15
	if active < levelNEON || n == 0 {
		return 0
	}
	bf16ToF32NEON(&dst[0], &src[0], n)
	return n
}

func f16ToF32Fast(dst []float32, src []uint16, _ bool) int {
	n := len(src) &^ 15
	if active < levelNEON || n == 0 {
		return 0
	}
	return f16ToF32NEON(&dst[0], &src[0], n)
}

func f32ToBF16Fast(dst []uint16, src []float32, _ bool) int {
	n := len(src) &^ 15
	if active < levelNEON || n == 0 {
		return 0
	}
	f32ToBF16NEON(&dst[0], &src[0], n)
	return n
}

//go:noescape
func u8ToF32NEON(dst *float32, src *uint8, n int)

//go:noescape
func i16ToF32NEON(dst *float32, src *int16, n int)

//go:noescape
func bf16ToF32NEON(dst *float32, src *uint16, n int)

//go:noescape
func f16ToF32NEON(dst *float32, src *uint16, n int) (done int)

//go:noescape
func f32ToBF16NEON(dst *uint16, src *float32, n int)
