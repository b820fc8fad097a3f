package tensor

import (
	"fmt"
	"testing"
)

// benchTensor has elements of every kind of exponent and sign.
func benchTensor(b *testing.B, d DType, s ...int64) View {
	b.Helper()
	v, err := Make(d, s)
	if err != nil {
		b.Fatal(err)
	}
	x := v.bytes()
	for i := range x {
		x[i] = byte(i*7 + i>>8)
		if d.Class == ClassFloat && i%int(d.UnitBytes) == int(d.UnitBytes)-1 {
			x[i] = 0x3f // no NaN, no subnormals
		}
	}
	return v
}

func BenchmarkReduce(b *testing.B) {
	const side = 4096
	for _, d := range []DType{F32, F64, U8, I32, I64, BF16, F16} {
		v := benchTensor(b, d, side, side*4/int64(d.UnitBytes)) // 64 MiB
		for _, op := range []Reduction{Sum, Max, Mean} {
			for _, c := range []struct{ at, pattern string }{{"last", "a b -> a"}, {"first", "a b -> b"}, {"all", "a b ->"}} {
				b.Run(fmt.Sprintf("dtype=%v/op=%v/axis=%s", d, op, c.at), func(b *testing.B) {
					b.SetBytes(v.ByteSize())
					b.ReportAllocs()
					for b.Loop() {
						if _, err := Reduce(v, c.pattern, op, nil); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
	for _, d := range []DType{F32, U8} {
		v := benchTensor(b, d, 16, 224, 224, 32)
		planes := benchTensor(b, d, 16, 32, 224, 224)
		for _, c := range []struct {
			at, pattern string
			op          Reduction
		}{
			{"channels-last-mean", "b h w c -> c", Mean},
			{"channels-mean", "b h w c -> b h w", Mean},
			{"max-pool", "b (h 2) (w 2) c -> b h w c", Max},
			{"max-pool-chw", "b c (h 2) (w 2) -> b c h w", Max},
			{"mean-pool-chw", "b c (h 2) (w 2) -> b c h w", Mean},
		} {
			b.Run(fmt.Sprintf("dtype=%v/op=%s", d, c.at), func(b *testing.B) {
				v := v
				if c.pattern[2] == 'c' {
					v = planes
				}
				b.SetBytes(v.ByteSize())
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Reduce(v, c.pattern, c.op, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkPattern is the price of a pattern without that of elements.
func BenchmarkPattern(b *testing.B) {
	v := benchTensor(b, F32, 2, 8, 8, 3)
	sizes := Sizes{"h2": 2, "w2": 2}
	b.Run("op=rearrange", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Rearrange(v, "b (h h2) (w w2) c -> b h w c h2 w2", sizes); err != nil {
				b.Fatal(err)
			}
		}
	})
	p, err := ParsePattern("b (h h2) (w w2) c -> b h w c h2 w2")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("op=align", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := p.Align(v, sizes); err != nil {
				b.Fatal(err)
			}
		}
	})
}
