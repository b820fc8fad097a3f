package kernel

import "testing"

func benchRow[A, T Number](b *testing.B, name string, run func(acc []A, x []T)) {
	acc, x := make([]A, 4096), make([]T, 4096)
	benchLevels(b, len(x)*int(sizeOf[T]()), name, func() { run(acc, x) })
}

func sizeOf[T Number]() int {
	var z T
	switch any(z).(type) {
	case uint8, int8:
		return 1
	case uint16, int16:
		return 2
	case uint32, int32, float32:
		return 4
	}
	return 8
}

func BenchmarkRows(b *testing.B) {
	benchRow(b, "op=min/dtype=u8", MinRow[uint8])
	benchRow(b, "op=min/dtype=i64", MinRow[int64])
	benchRow(b, "op=max/dtype=f32", MaxRow[float32])
	benchRow(b, "op=max/dtype=f64", MaxRow[float64])
	benchRow(b, "op=max/dtype=u64", MaxRow[uint64])
	benchRow(b, "op=sum/dtype=u8", AddRow[uint8])
	benchRow(b, "op=sum/dtype=i32", AddRow[int32])
	benchRow(b, "op=sum/dtype=f32", AddRowF32)
	benchRow(b, "op=sum/dtype=f64", AddRowF64)
	x := make([]uint8, 4096)
	benchLevels(b, 4096, "op=run/dtype=u8", func() { Sum(x) })
	y := make([]int32, 4096)
	benchLevels(b, 4*4096, "op=run/dtype=i32", func() { Sum(y) })
}
