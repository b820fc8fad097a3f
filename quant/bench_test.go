package quant

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func BenchmarkDequantise(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows, columns = 4096, 4096
	for _, x := range []struct {
		name                  string
		values, scales, zeros tensor.DType
		group                 []int64
	}{
		{"i8_rows", tensor.I8, tensor.F32, tensor.DType{}, []int64{1, columns}},
		{"i8_columns", tensor.I8, tensor.F32, tensor.DType{}, []int64{rows, 1}},
		{"i4_group32", tensor.I4, tensor.F16, tensor.DType{}, []int64{1, 32}},
		{"u4_group128", tensor.U4, tensor.F16, tensor.U4, []int64{1, 128}},
		{"mxfp8", tensor.F8E4M3FN, tensor.F8E8M0, tensor.DType{}, []int64{1, 32}},
		{"mxfp4", tensor.F4E2M1, tensor.F8E8M0, tensor.DType{}, []int64{1, 32}},
	} {
		shape := tensor.Shape{rows, columns}
		scales := tensor.Shape{rows / x.group[0], columns / x.group[1]}
		spec := Spec{DType: tensor.F32, Values: anyBytes(b, r, x.values, shape), Scales: anyBytes(b, r, x.scales, scales), Group: x.group}
		if x.zeros != (tensor.DType{}) {
			spec.Zeros = anyBytes(b, r, x.zeros, scales)
		}
		a := must(New(spec))(b)
		b.Run(x.name+"/cast", func(b *testing.B) {
			dst := must(tensor.Make(tensor.F32, shape))(b)
			b.SetBytes(dst.ByteSize())
			for b.Loop() {
				if err := tensor.CastParallel(b.Context(), dst, spec.Values, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
			b.Run(fmt.Sprintf("%s/to=%v", x.name, d), func(b *testing.B) {
				dst := must(tensor.Make(d, shape))(b)
				b.SetBytes(dst.ByteSize())
				b.ReportAllocs()
				for b.Loop() {
					if err := a.DequantiseInto(b.Context(), dst, 0); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
