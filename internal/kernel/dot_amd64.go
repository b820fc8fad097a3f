//go:build !noasm

package kernel

func dotF64Fast(x, y []float64) (float64, bool) {
	if active < levelAVX2 || len(x) == 0 || len(x)%16 != 0 {
		return 0, false
	}
	return dotF64AVX2(&x[0], &y[0], len(x)), true
}

// dotF64AVX2 takes a multiple of 16.
//
//go:noescape
func dotF64AVX2(x, y *float64, n int) float64
