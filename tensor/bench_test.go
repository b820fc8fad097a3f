package tensor

import (
	"fmt"
	"io"
	"testing"
)

// Names are key=value pairs for benchstat. The run= ones hold the promise that
// strided views with inner runs of 64 elements cost at most 1.25 of contiguous
// ones.

var (
	sinkF32   float32
	sinkSlice []float32
	sinkI64   int64
)

const benchBytes = 8 << 20

// runView is a view of n elements in rows of run with a gap of one element, or
// contiguous if run is 0.
func runView(b *testing.B, d DType, n, run int64) View {
	if run == 0 {
		v, err := Make(d, Shape{n})
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	v, err := Make(d, Shape{n / run, run + 1})
	if err != nil {
		b.Fatal(err)
	}
	if v, err = v.Slice(1, 0, run, 1); err != nil {
		b.Fatal(err)
	}
	return v
}

func BenchmarkCopy(b *testing.B) {
	for _, d := range []DType{U8, U16, F32, F64, C128} {
		for _, run := range []int64{0, 4, 16, 32, 64, 1024} {
			b.Run(fmt.Sprintf("dtype=%v/run=%d", d, run), func(b *testing.B) {
				src := runView(b, d, benchBytes/int64(d.UnitBytes), run)
				dst, err := Make(d, src.Shape())
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(src.ByteSize())
				for b.Loop() {
					if err := Copy(dst, src); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCopyLayout(b *testing.B) {
	for _, d := range []DType{U8, F32, F64, Opaque(12)} {
		base, err := Make(d, Shape{1024, 1024})
		if err != nil {
			b.Fatal(err)
		}
		wide, err := Make(d, Shape{1024, 2048})
		if err != nil {
			b.Fatal(err)
		}
		must := func(v View, err error) View {
			if err != nil {
				b.Fatal(err)
			}
			return v
		}
		swapped := base
		swapped.order = 1 - HostOrder
		swapped.native = d.swapWidth() == 1
		for _, tt := range []struct {
			name string
			v    View
		}{
			{"transpose", must(base.Transpose())},
			{"flip", must(base.Flip())},
			{"every-other", must(wide.Slice(1, None, None, 2))},
			{"broadcast", must(must(base.Slice(0, 0, 1, 1)).BroadcastTo(Shape{1024, 1024}))},
			{"channels-last", must(must(base.Reshape(Shape{512, 512, 4})).Permute(2, 0, 1))},
			{"channels-first", must(must(base.Reshape(Shape{4, 512, 512})).Permute(1, 2, 0))},
			{"swap", swapped},
		} {
			b.Run(fmt.Sprintf("dtype=%v/layout=%s", d, tt.name), func(b *testing.B) {
				dst, err := Make(d, tt.v.Shape())
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(tt.v.ByteSize())
				for b.Loop() {
					if err := Copy(dst, tt.v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func sumRuns(s Strided[float32]) (sum float32) {
	for r := range s.Runs() {
		if row, ok := r.Slice(); ok {
			for _, x := range row {
				sum += x
			}
			continue
		}
		for i := range r.Len() {
			sum += r.At(i)
		}
	}
	return sum
}

func BenchmarkSum(b *testing.B) {
	for _, run := range []int64{0, 4, 16, 32, 64, 1024} {
		src := runView(b, F32, 1<<20, run)
		s, err := As[float32](src)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("api=runs/run=%d", run), func(b *testing.B) {
			b.SetBytes(src.ByteSize())
			for b.Loop() {
				sinkF32 = sumRuns(s)
			}
		})
		b.Run(fmt.Sprintf("api=all/run=%d", run), func(b *testing.B) {
			b.SetBytes(src.ByteSize())
			for b.Loop() {
				var sum float32
				for _, x := range s.All() {
					sum += x
				}
				sinkF32 = sum
			}
		})
	}
	v, err := Make(F32, Shape{2048, 1024})
	if err != nil {
		b.Fatal(err)
	}
	if v, err = v.Slice(0, None, None, 2); err != nil {
		b.Fatal(err)
	}
	if v, err = v.Transpose(); err != nil {
		b.Fatal(err)
	}
	s, err := As[float32](v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("api=runs/layout=transpose", func(b *testing.B) {
		b.SetBytes(v.ByteSize())
		for b.Loop() {
			sinkF32 = sumRuns(s)
		}
	})
	b.Run("api=at/run=0", func(b *testing.B) {
		b.SetBytes(v.ByteSize())
		shape := s.Shape()
		for b.Loop() {
			var sum float32
			for i := range shape[0] {
				for j := range shape[1] {
					sum += s.At(i, j)
				}
			}
			sinkF32 = sum
		}
	})
}

func BenchmarkData(b *testing.B) {
	v, err := Make(F32, Shape{4, 5, 6})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := Data[float32](v)
		if err != nil {
			b.Fatal(err)
		}
		sinkSlice = s
	}
}

func BenchmarkNewView(b *testing.B) {
	data, s, st := make([]byte, 480), Shape{4, 5, 6}, Strides{120, 24, 4}
	b.ReportAllocs()
	for b.Loop() {
		v, err := NewView(data, F32, s, st, 0, LittleEndian)
		if err != nil {
			b.Fatal(err)
		}
		sinkI64 += v.n
	}
}

func BenchmarkCheckView(b *testing.B) {
	s, st := Shape{4, 5, 6}, Strides{120, 24, 4}
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckView(F32, s, st, 0, 480); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadElem(b *testing.B) {
	v, err := Make(F32, Shape{4, 5, 6})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		x, err := ReadElem[float32](v, 1, 2, 3)
		if err != nil {
			b.Fatal(err)
		}
		sinkF32 += x
	}
}

func BenchmarkSelect(b *testing.B) {
	v, err := Make(F32, Shape{64, 64, 64})
	if err != nil {
		b.Fatal(err)
	}
	sel, err := ParseSelection("[1:10, ::2, -1]")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Select(sel); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteCOrder(b *testing.B) {
	v, err := Make(F32, Shape{1024, 1025})
	if err != nil {
		b.Fatal(err)
	}
	for _, cols := range []int64{3, 64, 1024, 1025} {
		b.Run(fmt.Sprintf("cols=%d", cols), func(b *testing.B) {
			part, err := v.Slice(1, 0, cols, 1)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(part.ByteSize())
			for b.Loop() {
				if err := part.WriteCOrder(io.Discard, HostOrder); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCopyPattern makes the copies of patterns that einops is known for,
// to memory that is there: of 64 MiB, past the cache, and of 4, in it.
func BenchmarkCopyPattern(b *testing.B) {
	for _, c := range []struct {
		name, pattern string
		sizes         Sizes
		shape         Shape // behind the batch
	}{
		{"tile", "b h w c -> h (b w) c", nil, Shape{224, 224, 3}},
		{"heads", "b t (h d) -> (h b) t d", Sizes{"d": 64}, Shape{256, 768}},
		{"channels-last", "b c h w -> (h w b) c", nil, Shape{64, 28, 28}},
		{"shuffle", "b (g c) h w -> b (c g) h w", Sizes{"g": 8}, Shape{64, 28, 28}},
		{"patches", "b (h p) (w q) c -> b (h w) (p q c)", Sizes{"p": 16, "q": 16}, Shape{224, 224, 3}},
		{"space-to-depth", "b c (h p) (w q) -> b (p q c) h w", Sizes{"p": 2, "q": 2}, Shape{32, 112, 112}},
		{"depth-to-space", "b (p q c) h w -> b c (h p) (w q)", Sizes{"p": 2, "q": 2}, Shape{128, 56, 56}},
		{"patches-planes", "b c (h p) (w q) -> (h w) b (p q c)", Sizes{"p": 16, "q": 16}, Shape{3, 224, 224}},
		{"pixels", "b h w c -> b w h c", nil, Shape{112, 96, 3}},
		{"reversal", "b h w c d e -> e d c w h b", nil, Shape{8, 20, 24, 7, 32}},
		{"halves", "b (n two) -> two n b", Sizes{"two": 2}, Shape{3136}},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range []DType{U8, F32} {
			for _, size := range []int64{64 << 20, 4 << 20} {
				n, err := ByteSize(d, c.shape)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("what=%s/dtype=%v/size=%dMiB", c.name, d, size>>20), func(b *testing.B) {
					src := benchTensor(b, d, append(Shape{max(size/n, 1)}, c.shape...)...)
					v, final, err := p.Align(src, c.sizes)
					if err != nil {
						b.Fatal(err)
					}
					dst := benchTensor(b, d, final...)
					if dst, err = dst.Reshape(v.Shape()); err != nil {
						b.Fatal(err)
					}
					b.SetBytes(dst.ByteSize())
					for b.Loop() {
						if err := Copy(dst, v); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
