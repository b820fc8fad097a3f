//go:build !noasm

package kernel

// Rows are taken in vectors of 32 bytes, or in 16 elements where acc is wider.

func minRowFast[T Number](acc, x []T) int {
	if active < levelAVX2 || len(x) == 0 {
		return 0
	}
	n := 0
	switch a := any(&acc[0]).(type) {
	case *uint8:
		if n = len(x) &^ 31; n > 0 {
			minRowU8AVX2(a, any(&x[0]).(*uint8), n)
		}
	case *int8:
		if n = len(x) &^ 31; n > 0 {
			minRowI8AVX2(a, any(&x[0]).(*int8), n)
		}
	case *uint16:
		if n = len(x) &^ 15; n > 0 {
			minRowU16AVX2(a, any(&x[0]).(*uint16), n)
		}
	case *int16:
		if n = len(x) &^ 15; n > 0 {
			minRowI16AVX2(a, any(&x[0]).(*int16), n)
		}
	case *uint32:
		if n = len(x) &^ 7; n > 0 {
			minRowU32AVX2(a, any(&x[0]).(*uint32), n)
		}
	case *int32:
		if n = len(x) &^ 7; n > 0 {
			minRowI32AVX2(a, any(&x[0]).(*int32), n)
		}
	case *int64:
		if n = len(x) &^ 3; n > 0 {
			minRowI64AVX2(a, any(&x[0]).(*int64), n)
		}
	case *uint64:
		if n = len(x) &^ 3; n > 0 {
			minRowU64AVX2(a, any(&x[0]).(*uint64), n)
		}
	case *float32:
		if n = len(x) &^ 7; n > 0 {
			minRowF32AVX2(a, any(&x[0]).(*float32), n)
		}
	case *float64:
		if n = len(x) &^ 3; n > 0 {
			minRowF64AVX2(a, any(&x[0]).(*float64), n)
		}
	}
	return n
}

func maxRowFast[T Number](acc, x []T) int {
	if active < levelAVX2 || len(x) == 0 {
		return 0
	}
	n := 0
	switch a := any(&acc[0]).(type) {
	case *uint8:
		if n = len(x) &^ 31; n > 0 {
			maxRowU8AVX2(a, any(&x[0]).(*uint8), n)
		}
	case *int8:
		if n = len(x) &^ 31; n > 0 {
			maxRowI8AVX2(a, any(&x[0]).(*int8), n)
		}
	case *uint16:
		if n = len(x) &^ 15; n > 0 {
			maxRowU16AVX2(a, any(&x[0]).(*uint16), n)
		}
	case *int16:
		if n = len(x) &^ 15; n > 0 {
			maxRowI16AVX2(a, any(&x[0]).(*int16), n)
		}
	case *uint32:
		if n = len(x) &^ 7; n > 0 {
			maxRowU32AVX2(a, any(&x[0]).(*uint32), n)
		}
	case *int32:
		if n = len(x) &^ 7; n > 0 {
			maxRowI32AVX2(a, any(&x[0]).(*int32), n)
		}
	case *int64:
		if n = len(x) &^ 3; n > 0 {
			maxRowI64AVX2(a, any(&x[0]).(*int64), n)
		}
	case *uint64:
		if n = len(x) &^ 3; n > 0 {
			maxRowU64AVX2(a, any(&x[0]).(*uint64), n)
		}
	case *float32:
		if n = len(x) &^ 7; n > 0 {
			maxRowF32AVX2(a, any(&x[0]).(*float32), n)
		}
	case *float64:
		if n = len(x) &^ 3; n > 0 {
			maxRowF64AVX2(a, any(&x[0]).(*float64), n)
		}
	}
	return n
}

func addRowFast[T Integer](acc []uint64, x []T) int {
	n := len(x) &^ 15
	if active < levelAVX2 || n == 0 {
		return 0
	}
	switch x := any(&x[0]).(type) {
	case *uint8:
		addRowU8AVX2(&acc[0], x, n)
	case *int8:
		addRowI8AVX2(&acc[0], x, n)
	case *uint16:
		addRowU16AVX2(&acc[0], x, n)
	case *int16:
		addRowI16AVX2(&acc[0], x, n)
	case *uint32:
		addRowU32AVX2(&acc[0], x, n)
	case *int32:
		addRowI32AVX2(&acc[0], x, n)
	default:
		return 0
	}
	return n
}

func addRowF32Fast(acc []float64, x []float32) int {
	n := len(x) &^ 15
	if active < levelAVX2 || n == 0 {
		return 0
	}
	addRowF32AVX2(&acc[0], &x[0], n)
	return n
}

func addRowF64Fast(acc []float64, x []float64) int {
	n := len(x) &^ 15
	if active < levelAVX2 || n == 0 {
		return 0
	}
	addRowF64AVX2(&acc[0], &x[0], n)
	return n
}

// sumFast sees signed bytes 128 higher, which is taken off.
func sumFast[T Integer](x []T) (sum uint64, done int) {
	if active < levelAVX2 || len(x) < 16 {
		return 0, 0
	}
	n, bytes := len(x)&^15, len(x)&^127
	switch x := any(&x[0]).(type) {
	case *uint8:
		if bytes > 0 {
			return sumU8AVX2(x, bytes), bytes
		}
	case *int8:
		if bytes > 0 {
			return sumI8AVX2(x, bytes) - 128*uint64(bytes), bytes
		}
	case *uint16:
		return sumU16AVX2(x, n), n
	case *int16:
		return sumI16AVX2(x, n), n
	case *uint32:
		return sumU32AVX2(x, n), n
	case *int32:
		return sumI32AVX2(x, n), n
	}
	return 0, 0
}

//go:noescape
func minRowU8AVX2(acc, x *uint8, n int)

//go:noescape
func minRowI8AVX2(acc, x *int8, n int)

//go:noescape
func minRowU16AVX2(acc, x *uint16, n int)

//go:noescape
func minRowI16AVX2(acc, x *int16, n int)

//go:noescape
func minRowU32AVX2(acc, x *uint32, n int)

//go:noescape
func minRowI32AVX2(acc, x *int32, n int)

//go:noescape
func minRowF32AVX2(acc, x *float32, n int)

//go:noescape
func minRowF64AVX2(acc, x *float64, n int)

//go:noescape
func maxRowU8AVX2(acc, x *uint8, n int)

//go:noescape
func maxRowI8AVX2(acc, x *int8, n int)

//go:noescape
func maxRowU16AVX2(acc, x *uint16, n int)

//go:noescape
func maxRowI16AVX2(acc, x *int16, n int)

//go:noescape
func maxRowU32AVX2(acc, x *uint32, n int)

//go:noescape
func maxRowI32AVX2(acc, x *int32, n int)

//go:noescape
func maxRowF32AVX2(acc, x *float32, n int)

//go:noescape
func maxRowF64AVX2(acc, x *float64, n int)

//go:noescape
func addRowU8AVX2(acc *uint64, x *uint8, n int)

//go:noescape
func addRowI8AVX2(acc *uint64, x *int8, n int)

//go:noescape
func addRowU16AVX2(acc *uint64, x *uint16, n int)

//go:noescape
func addRowI16AVX2(acc *uint64, x *int16, n int)

//go:noescape
func addRowU32AVX2(acc *uint64, x *uint32, n int)

//go:noescape
func addRowI32AVX2(acc *uint64, x *int32, n int)

//go:noescape
func addRowF32AVX2(acc *float64, x *float32, n int)

//go:noescape
func addRowF64AVX2(acc *float64, x *float64, n int)

//go:noescape
func sumU8AVX2(x *uint8, n int) (sum uint64)

//go:noescape
func sumI8AVX2(x *int8, n int) (sum uint64)

//go:noescape
func sumU16AVX2(x *uint16, n int) (sum uint64)

//go:noescape
func sumI16AVX2(x *int16, n int) (sum uint64)

//go:noescape
func sumU32AVX2(x *uint32, n int) (sum uint64)

//go:noescape
func sumI32AVX2(x *int32, n int) (sum uint64)

//go:noescape
func minRowI64AVX2(acc, x *int64, n int)

//go:noescape
func minRowU64AVX2(acc, x *uint64, n int)

//go:noescape
func maxRowI64AVX2(acc, x *int64, n int)

//go:noescape
func maxRowU64AVX2(acc, x *uint64, n int)
