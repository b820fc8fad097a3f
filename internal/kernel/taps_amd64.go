//go:build !noasm

package kernel

func addTapsF32Fast(dst, src []float32, off []int, weights []float32) int {
	n := len(dst)
	if active >= levelAVX512 && n > 0 {
		addTapsF32AVX512(&dst[0], &src[0], &off[0], &weights[0], len(off), n)
		return n
	}
	n &^= 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	addTapsF32AVX2(&dst[0], &src[0], &off[0], &weights[0], len(off), n)
	return n
}

func addTapsF64Fast(dst, src []float64, off []int, weights []float64) int {
	n := len(dst) &^ 15
	if active < levelAVX2 || n == 0 {
		return 0
	}
	addTapsF64AVX2(&dst[0], &src[0], &off[0], &weights[0], len(off), n)
	return n
}

//go:noescape
func addTapsF32AVX2(dst, src *float32, off *int, weights *float32, taps, n int)

//go:noescape
func addTapsF64AVX2(dst, src *float64, off *int, weights *float64, taps, n int)

//go:noescape
func addTapsF32AVX512(dst, src *float32, off *int, weights *float32, taps, n int)
