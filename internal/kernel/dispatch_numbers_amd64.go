//go:build !noasm

package kernel

func u8ToF32Fast(dst []float32, src []uint8, stream bool) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	u8ToF32AVX2(&dst[0], &src[0], n, stream)
	return n
}

func i16ToF32Fast(dst []float32, src []int16, stream bool) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	i16ToF32AVX2(&dst[0], &src[0], n, stream)
	return n
}

func bf16ToF32Fast(dst []float32, src []uint16, stream bool) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	bf16ToF32AVX2(&dst[0], &src[0], n, stream)
	return n
}

func f16ToF32Fast(dst []float32, src []uint16, stream bool) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	return f16ToF32AVX2(&dst[0], &src[0], n, stream)
}

func f32ToF16Fast(dst []uint16, src []float32, stream bool) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	return f32ToF16AVX2(&dst[0], &src[0], n, stream)
}

func f32ToBF16Fast(dst []uint16, src []float32, stream bool) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	f32ToBF16AVX2(&dst[0], &src[0], n, stream)
	return n
}

func f32ToU8Fast(dst []uint8, src []float32) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	f32ToU8AVX2(&dst[0], &src[0], n)
	return n
}

func f32ToI16Fast(dst []int16, src []float32) int {
	n := len(src) &^ 31
	if active < levelAVX2 || n == 0 {
		return 0
	}
	f32ToI16AVX2(&dst[0], &src[0], n)
	return n
}

//go:noescape
func u8ToF32AVX2(dst *float32, src *uint8, n int, stream bool)

//go:noescape
func i16ToF32AVX2(dst *float32, src *int16, n int, stream bool)

//go:noescape
func bf16ToF32AVX2(dst *float32, src *uint16, n int, stream bool)

//go:noescape
func f16ToF32AVX2(dst *float32, src *uint16, n int, stream bool) (done int)

//go:noescape
func f32ToF16AVX2(dst *uint16, src *float32, n int, stream bool) (done int)

//go:noescape
func f32ToBF16AVX2(dst *uint16, src *float32, n int, stream bool)

//go:noescape
func f32ToU8AVX2(dst *uint8, src *float32, n int)

//go:noescape
func f32ToI16AVX2(dst *int16, src *float32, n int)

func sumF32Fast(lanes *[32]float32, x []float32) int {
	n := len(x) &^ 31
	switch {
	case active < levelAVX2 || n == 0:
		return 0
	case active < levelAVX512:
		sumF32AVX2(lanes, &x[0], n)
	default:
		sumF32AVX512(lanes, &x[0], n)
	}
	return n
}

func sumF64Fast(lanes *[16]float64, x []float64) int {
	n := len(x) &^ 15
	switch {
	case active < levelAVX2 || n == 0:
		return 0
	case active < levelAVX512:
		sumF64AVX2(lanes, &x[0], n)
	default:
		sumF64AVX512(lanes, &x[0], n)
	}
	return n
}

// maxCount is how many elements are counted in lanes of 32 bits at a time.
const maxCount = 1 << 31

func minMaxF32Fast(x []float32, lo, hi uint32) (l, h uint32, nan, done int) {
	if active < levelAVX2 {
		return lo, hi, 0, 0
	}
	if n := len(x) &^ 15; active >= levelAVX512 && n > 0 {
		var los, his [16]uint32
		for j := range los {
			los[j], his[j] = lo, hi
		}
		nan = minMaxF32AVX512(&x[0], n, &los, &his)
		for j := range los {
			lo, hi = min(lo, los[j]), max(hi, his[j])
		}
		return lo, hi, nan, n
	}
	los, his := [8]uint32{lo, lo, lo, lo, lo, lo, lo, lo}, [8]uint32{hi, hi, hi, hi, hi, hi, hi, hi}
	for done+16 <= len(x) {
		n := min(len(x)-done, maxCount) &^ 15
		var nans [8]uint32
		minMaxF32AVX2(&x[done], n, &los, &his, &nans)
		for _, c := range nans {
			nan += int(c)
		}
		done += n
	}
	for j := range los {
		lo, hi = min(lo, los[j]), max(hi, his[j])
	}
	return lo, hi, nan, done
}

func minMaxF64Fast(x []float64, lo, hi int64) (l, h int64, nan, done int) {
	n := len(x) &^ 7
	if active < levelAVX2 || n == 0 {
		return lo, hi, 0, 0
	}
	if active >= levelAVX512 {
		los, his := [8]int64{lo, lo, lo, lo, lo, lo, lo, lo}, [8]int64{hi, hi, hi, hi, hi, hi, hi, hi}
		nan = minMaxF64AVX512(&x[0], n, &los, &his)
		for j := range los {
			lo, hi = min(lo, los[j]), max(hi, his[j])
		}
		return lo, hi, nan, n
	}
	los, his, nans := [4]int64{lo, lo, lo, lo}, [4]int64{hi, hi, hi, hi}, [4]int64{}
	minMaxF64AVX2(&x[0], n, &los, &his, &nans)
	for j := range los {
		lo, hi, nan = min(lo, los[j]), max(hi, his[j]), nan+int(nans[j])
	}
	return lo, hi, nan, n
}

//go:noescape
func sumF32AVX2(lanes *[32]float32, x *float32, n int)

//go:noescape
func sumF64AVX2(lanes *[16]float64, x *float64, n int)

//go:noescape
func sumF32AVX512(lanes *[32]float32, x *float32, n int)

//go:noescape
func sumF64AVX512(lanes *[16]float64, x *float64, n int)

//go:noescape
func minMaxF32AVX2(x *float32, n int, lo, hi, nan *[8]uint32)

//go:noescape
func minMaxF32AVX512(x *float32, n int, lo, hi *[16]uint32) (nan int)

//go:noescape
func minMaxF64AVX512(x *float64, n int, lo, hi *[8]int64) (nan int)

//go:noescape
func minMaxF64AVX2(x *float64, n int, lo, hi, nan *[4]int64)

func copyFast(dst, src []byte) int {
	n := len(src) &^ 255
	if active < levelAVX2 || n == 0 {
		return 0
	}
	pages := n &^ (1<<14 - 1)
	// A store takes lines that were fetched ahead out of the first cache if the low 12
	// bits of their addresses are its own: four pages abreast then run at a quarter of
	// the speed of one stream. NumPy's memory begins 16 bytes behind a page, a mapping at one.
	if d := lag(dst, src); d > 0 && d < copyAhead {
		pages = 0
	}
	if pages > 0 {
		copyPagesAVX2(&dst[0], &src[0], pages)
	}
	if pages < n {
		copyStreamAVX2(&dst[pages], &src[pages], n-pages)
	}
	return n
}

// copyAhead is how far copyPagesAVX2 fetches ahead, and a step of it.
const copyAhead = 512 + 128

//go:noescape
func copyPagesAVX2(dst, src *byte, n int)

//go:noescape
func copyStreamAVX2(dst, src *byte, n int)

// fence puts streaming stores in order with those that follow. It waits for
// them, so that it stands at the end and not after each part.
func fence()
