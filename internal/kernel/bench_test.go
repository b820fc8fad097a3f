package kernel

import (
	"fmt"
	"testing"
)

// Benchmarks count the bytes of the plain side, as bench/README.md does: those
// of the result of a conversion to float32, of the source of one from it. The
// copies of the same size are what the ratios are to; which of them is nearest
// to libc's memcpy depends on the size: CopyStream above the caches, copy in
// them. hot is 256 KiB in all, stream 64 MiB.

var benchSizes = []struct {
	name string
	n    int
}{{"hot", 256 << 10}, {"stream", 64 << 20}}

func eachBench(b *testing.B, n int, name string, fn func()) {
	b.Run(name, func(b *testing.B) {
		fn() // memory that was never touched costs more than any kernel
		b.SetBytes(int64(n))
		for b.Loop() {
			fn()
		}
	})
}

func benchLevels(b *testing.B, n int, name string, fn func()) {
	defer func() { active = best }()
	for l := int(best); l >= 0; l-- {
		if levelNames[l] == "avx512" && level(l) < best {
			continue // as good as the one above
		}
		active = level(l)
		eachBench(b, n, fmt.Sprintf("%s/impl=%v", name, active), fn)
	}
}

func BenchmarkBytes(b *testing.B) {
	for _, s := range benchSizes {
		src, dst := random(s.n, 1), make([]byte, s.n)
		at := "/size=" + s.name
		eachBench(b, s.n, "op=copy"+at, func() { copy(dst, src) })
		eachBench(b, s.n, "op=copystream"+at, func() { CopyStream(dst, src) })
		for _, w := range []int{2, 4, 8} {
			word := fmt.Sprintf("/word=%d", w)
			benchLevels(b, s.n, "op=shuffle"+at+word, func() { Shuffle(dst, src, w) })
			benchLevels(b, s.n, "op=unshuffle"+at+word, func() { Unshuffle(dst, src, w) })
			benchLevels(b, s.n, "op=bitshuffle"+at+word, func() { BitShuffle(dst, src, w) })
			benchLevels(b, s.n, "op=bitunshuffle"+at+word, func() { BitUnshuffle(dst, src, w) })
		}
		if s.name != "hot" {
			continue
		}
		for _, w := range []int{1, 2, 4, 8} {
			word := fmt.Sprintf("/word=%d", w)
			benchLevels(b, s.n, "op=delta"+at+word, func() { DeltaBy(dst, src, w, 1) })
			benchLevels(b, s.n, "op=undelta"+at+word, func() { UndeltaBy(dst, src, w, 1) })
			benchLevels(b, s.n, "op=undelta"+at+word+"/dist=3", func() { UndeltaBy(dst, src, w, 3) })
			benchLevels(b, s.n, "op=undelta"+at+word+"/dist=200", func() { UndeltaBy(dst, src, w, 200) })
			benchLevels(b, s.n, "op=xorundelta"+at+word, func() { XorUndeltaBy(dst, src, w, 1) })
			benchLevels(b, s.n, "op=swap"+at+word, func() { ByteSwap(dst, src, w) })
			benchLevels(b, s.n, "op=unzigzag"+at+word, func() { Unzigzag(dst, src, w) })
			benchLevels(b, s.n, "op=order"+at+word, func() { OrderFloats(dst, src, w) })
		}
	}
}

func BenchmarkNumbers(b *testing.B) {
	for _, s := range benchSizes {
		n := s.n / 4
		wide, narrow, bytes, ints := make([]float32, n), make([]uint16, n), make([]uint8, n), make([]int16, n)
		doubles := make([]float64, n/2)
		noise := random(1<<16, 4)
		for i := range wide {
			wide[i] = float32(noise[i&0xffff]) * 0.003
			bytes[i], ints[i] = noise[i&0xffff], int16(noise[i&0xffff])<<6
		}
		F32ToF16(narrow, wide, false)
		at := "/size=" + s.name
		raw, from := make([]byte, s.n), random(s.n, 5)
		eachBench(b, s.n, "op=copy"+at, func() { copy(raw, from) })
		eachBench(b, s.n, "op=copystream"+at, func() { CopyStream(raw, from) })
		benchLevels(b, s.n, "op=f32tof16"+at, func() { F32ToF16(narrow, wide, s.name == "stream") })
		benchLevels(b, s.n, "op=f32tobf16"+at, func() { F32ToBF16(narrow, wide, s.name == "stream") })
		benchLevels(b, s.n, "op=f32tou8"+at, func() { F32ToU8(bytes, wide) })
		benchLevels(b, s.n, "op=f32toi16"+at, func() { F32ToI16(ints, wide) })
		benchLevels(b, s.n, "op=sumf32"+at, func() { SumF32(wide) })
		benchLevels(b, s.n, "op=sumf64"+at, func() { SumF64(doubles) })
		benchLevels(b, s.n, "op=minmaxf32"+at, func() { MinMaxF32(wide) })
		benchLevels(b, s.n, "op=minmaxf64"+at, func() { MinMaxF64(doubles) })
		benchLevels(b, s.n, "op=u8tof32"+at, func() { U8ToF32(wide, bytes, s.name == "stream") })
		benchLevels(b, s.n, "op=i16tof32"+at, func() { I16ToF32(wide, ints, s.name == "stream") })
		F32ToF16(narrow, wide, false)
		benchLevels(b, s.n, "op=f16tof32"+at, func() { F16ToF32(wide, narrow, s.name == "stream") })
		benchLevels(b, s.n, "op=bf16tof32"+at, func() { BF16ToF32(wide, narrow, s.name == "stream") })
	}
}

// Where dst and src lie in their pages must not matter.
func BenchmarkCopyStream(b *testing.B) {
	const n = 64 << 20
	src, dst := random(n, 7), make([]byte, n+4096)
	for _, at := range []int{0, 16, 64, 256, 512, 1024, 2048, 4032} {
		eachBench(b, n, fmt.Sprintf("lag=%d", at), func() { CopyStream(dst[at:at+n], src) })
	}
}

func BenchmarkTranspose(b *testing.B) {
	const rows, cols = 4096, 4096
	src, dst := random(rows*(cols+64)*4, 6), make([]byte, rows*(cols+64)*4)
	for _, size := range []int{1, 4} {
		n := rows * cols * size
		name := fmt.Sprintf("/elem=%d", size)
		eachBench(b, n, "op=copystream"+name, func() { CopyStream(dst[:n], src[:n]) })
		benchLevels(b, n, "op=transpose/shape=4096x4096"+name, func() {
			Transpose(dst, rows*size, src, cols*size, rows, cols, size, true)
		})
		benchLevels(b, n, "op=transpose/shape=4096x4160"+name, func() {
			Transpose(dst, rows*size, src, (cols+64)*size, rows, cols+64, size, true)
		})
	}
}
