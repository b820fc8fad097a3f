package tensor

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkCast counts the bytes read and written.
func BenchmarkCast(b *testing.B) {
	const n = 1 << 18
	r := rand.New(rand.NewPCG(1, 1))
	source := func(d DType) View {
		f, err := Make(F64, Shape{n})
		if err != nil {
			b.Fatal(err)
		}
		data, err := Data[float64](f)
		if err != nil {
			b.Fatal(err)
		}
		for i := range data {
			data[i] = r.NormFloat64() * 20
		}
		v, err := f.Cast(d)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	run := func(name string, dst, src View) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(dst.ByteSize() + src.ByteSize())
			b.ReportAllocs()
			for b.Loop() {
				if err := Cast(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	square := Shape{512, 512}
	for _, c := range [][2]DType{
		{U8, F32}, {I16, F32}, {F16, F32}, {BF16, F32}, {F8E4M3FN, F32}, {F32, U8}, {F32, I16}, {F32, F16}, {F32, BF16},
		{F32, F8E4M3FN}, {F32, F8E8M0}, {F32, F64}, {F64, F32}, {F64, F16}, {F64, F8E5M2}, {I32, I64}, {I64, I32}, {I64, U8}, {I64, F32}, {I64, BF16},
		{I16, U8}, {F16, BF16}, {F16, I8}, {I4, F32}, {F32, I4}, {F4E2M1, BF16}, {F32, F6E3M2}, {Bool, F32}, {F32, Bool}, {Bool1, U8}, {C64, F32}, {F32, C64},
	} {
		src := source(c[0])
		name := fmt.Sprintf("from=%v/to=%v/", c[0], c[1])
		dst, err := Make(c[1], Shape{n})
		if err != nil {
			b.Fatal(err)
		}
		run(name+"layout=contiguous", dst, src)
		if c != [2]DType{F32, F16} && c != [2]DType{F16, F32} && c != [2]DType{F32, U8} {
			continue
		}
		rows := func(v View, s Shape) View {
			v, err := v.Reshape(s)
			if err != nil {
				b.Fatal(err)
			}
			return v
		}
		turned, err := rows(src, square).Permute(1, 0)
		if err != nil {
			b.Fatal(err)
		}
		run(name+"layout=transposed", rows(dst, square), turned)
		swapped, err := NewView(make([]byte, len(src.data)), src.dtype, src.shape, nil, 0, 1-HostOrder)
		if err != nil {
			b.Fatal(err)
		}
		if err := Copy(swapped, src); err != nil {
			b.Fatal(err)
		}
		run(name+"layout=swapped", dst, swapped)
		for _, width := range []int64{3, 64} {
			part, err := rows(src, Shape{n / 128, 128}).Slice(1, 0, width, 1)
			if err != nil {
				b.Fatal(err)
			}
			out, err := Make(c[1], Shape{n / 128, width})
			if err != nil {
				b.Fatal(err)
			}
			run(fmt.Sprintf("%slayout=columns%d", name, width), out, part)
		}
	}
}
