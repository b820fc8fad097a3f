//go:build !noasm

package kernel

func mixU8Fast(dst, src []byte, step int, weights []int32) int {
	n := len(dst) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	mixU8AVX2(&dst[0], &src[0], step, &weights[0], len(weights), n)
	return n
}

func mixF32Fast(dst, src []float32, step int, weights []float64) int {
	n := len(dst) &^ 15
	if active < levelAVX2 || n == 0 {
		return 0
	}
	mixF32AVX2(&dst[0], &src[0], step, &weights[0], len(weights), n)
	return n
}

// mixU8AVX2 does n bytes, a multiple of 32.
//
//go:noescape
func mixU8AVX2(dst, src *byte, step int, weights *int32, rows, n int)

// mixF32AVX2 does n floats, a multiple of 16.
//
//go:noescape
func mixF32AVX2(dst, src *float32, step int, weights *float64, rows, n int)
