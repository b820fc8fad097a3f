//go:build !noasm

package kernel

// first is the address of the first number, nil if there is none.
func first(x []float32) *float32 {
	if len(x) == 0 {
		return nil
	}
	return &x[0]
}

func rescaleFast(dst, src, scales, zeros []float32, group int, stream bool) int {
	n := len(src) - len(src)%group
	if active < levelAVX2 || n == 0 || group%16 != 0 {
		return 0
	}
	stream = stream && lineOffset32(dst) == 0
	if active >= levelAVX512 {
		rescaleAVX512(&dst[0], &src[0], &scales[0], first(zeros), group, n, stream)
	} else {
		rescaleAVX2(&dst[0], &src[0], &scales[0], first(zeros), group, n, stream)
	}
	return n
}

func rescaleEachFast(dst, src, scales, zeros []float32, stream bool) int {
	n := len(src) &^ 15
	if active < levelAVX2 || n == 0 {
		return 0
	}
	stream = stream && lineOffset32(dst) == 0
	if active >= levelAVX512 {
		rescaleEachAVX512(&dst[0], &src[0], &scales[0], first(zeros), n, stream)
	} else {
		rescaleEachAVX2(&dst[0], &src[0], &scales[0], first(zeros), n, stream)
	}
	return n
}

// rescaleAVX512 does n numbers, a multiple of group, which is one of 16.
//
//go:noescape
func rescaleAVX512(dst, src, scales, zeros *float32, group, n int, stream bool)

//go:noescape
func rescaleAVX2(dst, src, scales, zeros *float32, group, n int, stream bool)

// rescaleEachAVX512 does n numbers, a multiple of 16, with a scale each.
//
//go:noescape
func rescaleEachAVX512(dst, src, scales, zeros *float32, n int, stream bool)

//go:noescape
func rescaleEachAVX2(dst, src, scales, zeros *float32, n int, stream bool)
