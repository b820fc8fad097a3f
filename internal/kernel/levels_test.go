package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// atEachLevel runs fn with every set of instructions that the processor has,
// lowest first. Tests that use it do not run in parallel.
func atEachLevel(t testing.TB, fn func(l level)) {
	t.Helper()
	defer func() { active = best }()
	for l := levelGo; l <= best; l++ {
		active = l
		fn(l)
	}
}

func TestLevels(t *testing.T) {
	n := 0
	atEachLevel(t, func(l level) {
		if Level() != levelNames[l] {
			t.Errorf("level %d is called %q", l, Level())
		}
		n++
	})
	t.Logf("%d levels, the best is %v", n, best)
	if n != int(best)+1 || Level() != best.String() {
		t.Errorf("%d levels were run, left at %s", n, Level())
	}
}

// random returns n bytes without a period.
func random(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		v := r.Uint64()
		for k := i; k < min(i+8, n); k++ {
			b[k], v = byte(v), v>>8
		}
	}
	return b
}

// A byteKernel is a kernel between byte slices of one length, and what it should
// do, a word at a time.
type byteKernel struct {
	name      string
	run, want func(dst, src []byte)
	inPlace   bool
}

// word and putWord know words of any size up to 8.
func word(b []byte, size int) (v uint64) {
	for k := range size {
		v |= uint64(b[k]) << (8 * k)
	}
	return v
}

func putWord(b []byte, v uint64, size int) {
	for k := range size {
		b[k] = byte(v >> (8 * k))
	}
}

// extend repeats the sign of a word of size bytes.
func extend(v uint64, size int) int64 { return int64(v) << (64 - 8*size) >> (64 - 8*size) }

func byteKernels() (all []byteKernel) {
	eachSize := func(sizes []int, make func(size int) byteKernel) {
		for _, size := range sizes {
			k := make(size)
			k.name = fmt.Sprintf("%s size=%d", k.name, size)
			all = append(all, k)
		}
	}
	shuffled := func(dst, src []byte, size int, back bool) {
		n := len(src) / size
		copy(dst, src)
		for i := range n {
			for k := range size {
				if back {
					dst[i*size+k] = src[k*n+i]
				} else {
					dst[k*n+i] = src[i*size+k]
				}
			}
		}
	}
	sizes := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 31, 256}
	eachSize(sizes, func(size int) byteKernel {
		return byteKernel{"Shuffle", func(d, s []byte) { Shuffle(d, s, size) }, func(d, s []byte) { shuffled(d, s, size, false) }, false}
	})
	eachSize(sizes, func(size int) byteKernel {
		return byteKernel{"Unshuffle", func(d, s []byte) { Unshuffle(d, s, size) }, func(d, s []byte) { shuffled(d, s, size, true) }, false}
	})
	eachSize(sizes, func(size int) byteKernel {
		return byteKernel{"UnshuffleStream", func(d, s []byte) { UnshuffleStream(d, s, size) }, func(d, s []byte) { shuffled(d, s, size, true) }, false}
	})
	bits := func(dst, src []byte, size int, back bool) {
		m := len(src) / size &^ 7
		copy(dst, src)
		clear(dst[:m*size])
		for i := range m {
			for j := range 8 * size {
				plain, turned := i*size*8+j, j*m+i // numbers of bits
				if back {
					plain, turned = turned, plain
				}
				dst[turned/8] |= src[plain/8] >> (plain % 8) & 1 << (turned % 8)
			}
		}
	}
	sizes = []int{1, 2, 3, 4, 8, 16, 256}
	eachSize(sizes, func(size int) byteKernel {
		return byteKernel{"BitShuffle", func(d, s []byte) { BitShuffle(d, s, size) }, func(d, s []byte) { bits(d, s, size, false) }, false}
	})
	eachSize(sizes, func(size int) byteKernel {
		return byteKernel{"BitUnshuffle", func(d, s []byte) { BitUnshuffle(d, s, size) }, func(d, s []byte) { bits(d, s, size, true) }, false}
	})
	sizes = []int{1, 2, 4, 8}
	for _, dist := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 40, 63, 64, 100} {
		differ := func(size int, back, xor bool) func(dst, src []byte) {
			return func(dst, src []byte) {
				copy(dst, src)
				for i := dist; i < len(src)/size; i++ {
					at, before := i*size, (i-dist)*size
					a := word(src[at:], size)
					switch {
					case back && xor:
						a ^= word(dst[before:], size)
					case back:
						a += word(dst[before:], size)
					case xor:
						a ^= word(src[before:], size)
					default:
						a -= word(src[before:], size)
					}
					putWord(dst[at:], a, size)
				}
			}
		}
		name := func(s string) string { return fmt.Sprintf("%s dist=%d", s, dist) }
		eachSize(sizes, func(size int) byteKernel {
			return byteKernel{name("DeltaBy"), func(d, s []byte) { DeltaBy(d, s, size, dist) }, differ(size, false, false), true}
		})
		eachSize(sizes, func(size int) byteKernel {
			return byteKernel{name("UndeltaBy"), func(d, s []byte) { UndeltaBy(d, s, size, dist) }, differ(size, true, false), true}
		})
		eachSize(sizes, func(size int) byteKernel {
			return byteKernel{name("XorDeltaBy"), func(d, s []byte) { XorDeltaBy(d, s, size, dist) }, differ(size, false, true), true}
		})
		eachSize(sizes, func(size int) byteKernel {
			return byteKernel{name("XorUndeltaBy"), func(d, s []byte) { XorUndeltaBy(d, s, size, dist) }, differ(size, true, true), true}
		})
	}
	each := func(name string, run func(dst, src []byte, size int), want func(v uint64, size int) uint64) {
		eachSize(sizes, func(size int) byteKernel {
			return byteKernel{name, func(d, s []byte) { run(d, s, size) }, func(dst, src []byte) {
				copy(dst, src)
				for i := range len(src) / size {
					putWord(dst[i*size:], want(word(src[i*size:], size), size), size)
				}
			}, true}
		})
	}
	each("ByteSwap", ByteSwap, func(v uint64, size int) (r uint64) {
		for k := range size {
			r |= v >> (8 * k) & 0xff << (8 * (size - 1 - k))
		}
		return r
	})
	each("Zigzag", Zigzag, func(v uint64, size int) uint64 {
		if x := extend(v, size); x < 0 {
			return uint64(-x)*2 - 1
		}
		return v * 2
	})
	each("Unzigzag", Unzigzag, func(v uint64, size int) uint64 {
		if v&1 != 0 {
			return -(v/2 + 1)
		}
		return v / 2
	})
	each("OrderFloats", OrderFloats, func(v uint64, size int) uint64 {
		if extend(v, size) < 0 {
			return ^v ^ 1<<(8*size-1)
		}
		return v
	})
	all = append(all, byteKernel{"CopyStream", CopyStream, func(d, s []byte) { copy(d, s) }, false})
	return all
}

const guard = 64 // bytes around a result that must stay

// try runs one kernel on n bytes, both operands at the given places in a line,
// and compares with what it should do.
func (k *byteKernel) try(n, dstAt, srcAt int, data []byte) error {
	frame := make([]byte, n+4*guard)
	for i := range frame {
		frame[i] = byte(0xa5 ^ i)
	}
	dstAt += (guard - lineOffset(frame)) & (guard - 1)
	dst := frame[guard+dstAt-guard/2:][:n:n]
	source := make([]byte, n+2*guard)
	srcAt += (guard - lineOffset(source)) & (guard - 1)
	src := source[srcAt : srcAt+n : srcAt+n]
	copy(src, data)
	want := make([]byte, n)
	k.want(want, data[:n])
	before := bytes.Clone(frame)
	k.run(dst, src)
	lo := guard + dstAt - guard/2
	switch {
	case !bytes.Equal(dst, want):
		i := 0
		for dst[i] == want[i] {
			i++
		}
		return fmt.Errorf("%s at level %v: %d bytes, at %d and %d of a line: byte %d is %#02x, want %#02x", k.name, active, n, dstAt, srcAt, i, dst[i], want[i])
	case !bytes.Equal(frame[:lo], before[:lo]) || !bytes.Equal(frame[lo+n:], before[lo+n:]):
		return fmt.Errorf("%s at level %v: %d bytes, at %d and %d of a line: wrote outside", k.name, active, n, dstAt, srcAt)
	case !bytes.Equal(src, data[:n]):
		return fmt.Errorf("%s at level %v: %d bytes: changed its source", k.name, active, n)
	}
	if k.inPlace {
		if k.run(src, src); !bytes.Equal(src, want) {
			return fmt.Errorf("%s at level %v: %d bytes: another result in place", k.name, active, n)
		}
	}
	return nil
}

func TestByteKernels(t *testing.T) {
	kernels := byteKernels()
	data := random(1<<16, 1)
	r := rand.New(rand.NewPCG(2, 3))
	runs := 0
	atEachLevel(t, func(level) {
		for _, k := range kernels {
			failed := false
			try := func(n, dstAt, srcAt int) {
				runs++
				if err := k.try(n, dstAt, srcAt, data[r.IntN(1000):]); err != nil && !failed {
					failed = true
					t.Error(err)
				}
			}
			step := 3
			if testing.Short() {
				step = 29
			}
			for n := r.IntN(step); n <= 300; n += step {
				try(n, r.IntN(guard), r.IntN(guard))
			}
			for at := 0; at < guard; at += step {
				try(600+r.IntN(200), at, r.IntN(guard))
				try(600+r.IntN(200), r.IntN(guard), at)
			}
			large := []int{1024, 4095, 16384 + 24, 1<<15 + r.IntN(1000), 1<<15 + 2048 + 512}
			if testing.Short() {
				large = large[:2]
			}
			for _, n := range large {
				try(n, r.IntN(guard), r.IntN(guard))
			}
		}
	})
	t.Logf("%d kernels, %d runs", len(kernels), runs)
	if len(kernels) < 300 || runs < 2000 {
		t.Errorf("only %d kernels, %d runs", len(kernels), runs)
	}
}

// Lengths that are no multiples, and planes in separate memory.
func TestPlanes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	atEachLevel(t, func(l level) {
		for _, size := range []int{1, 2, 3, 4, 8, 16, 256} {
			for _, n := range []int{0, 1, 7, 31, 32, 33, 64, 95, 100, 257, 1000} {
				src := random(n*size, uint64(n))
				planes := make([][]byte, size)
				for k := range planes {
					planes[k] = make([]byte, n+r.IntN(64))[:n:n]
				}
				SplitPlanes(planes, src)
				for k, p := range planes {
					for i, c := range p {
						if c != src[i*size+k] {
							t.Fatalf("%v: size %d, %d words: byte %d of plane %d", l, size, n, i, k)
						}
					}
				}
				for _, join := range []func([]byte, [][]byte){JoinPlanes, func(dst []byte, planes [][]byte) { joinPlanes(dst, planes, true) }} {
					back := make([]byte, n*size+64)[r.IntN(64):][:n*size]
					if join(back, planes); !bytes.Equal(back, src) {
						t.Fatalf("%v: size %d, %d words: joined otherwise", l, size, n)
					}
				}
			}
		}
	})
}

// Results large enough to be streamed without being asked.
func TestLargeResults(t *testing.T) {
	src := random(streamMin+streamMin/8+13, 9)
	dst, back := make([]byte, len(src)), make([]byte, len(src))
	atEachLevel(t, func(l level) {
		for _, size := range []int{4, 1, 2, 8, 3} {
			if testing.Short() && size != 4 {
				continue
			}
			Shuffle(dst, src, size)
			clear(back)
			if Unshuffle(back, dst, size); !bytes.Equal(back, src) {
				t.Errorf("%v: Unshuffle, size %d", l, size)
			}
			BitShuffle(dst, src, size)
			clear(back)
			if BitUnshuffle(back, dst, size); !bytes.Equal(back, src) {
				t.Errorf("%v: BitUnshuffle, size %d", l, size)
			}
		}
	})
}

func TestMisusePanics(t *testing.T) {
	b := make([]byte, 64)
	for name, fn := range map[string]func(){
		"lengths":     func() { Shuffle(b, b[1:], 2) },
		"size 0":      func() { Shuffle(b[:32], b[32:], 0) },
		"size 257":    func() { Unshuffle(b[:32], b[32:], 257) },
		"bits":        func() { BitShuffle(b[:32], b[32:], 257) },
		"planes":      func() { SplitPlanes([][]byte{b[:10], b[10:21]}, b[32:52]) },
		"odd length":  func() { JoinPlanes(b[:21], [][]byte{b[22:32], b[32:42]}) },
		"delta size":  func() { DeltaBy(b[:32], b[32:], 3, 1) },
		"distance":    func() { DeltaBy(b[:32], b[32:], 4, 0) },
		"swap size":   func() { ByteSwap(b[:32], b[32:], 16) },
		"stream":      func() { CopyStream(b[:32], b[32:33]) },
		"conversion":  func() { U8ToF32(make([]float32, 3), b[:4], false) },
		"no extremes": func() { MinMax[int8](nil) },
		"transpose":   func() { Transpose(b[:32], 8, b[32:], 8, 4, 2, 4, false) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			fn()
		}()
	}
}

func FuzzByteKernels(f *testing.F) {
	kernels := byteKernels()
	f.Add([]byte("shuffle me, please, and back"), uint16(3), uint8(1), uint8(2))
	f.Add(random(300, 3), uint16(40), uint8(63), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, which uint16, dstAt, srcAt uint8) {
		if len(data) > 1<<16 {
			return
		}
		k := kernels[int(which)%len(kernels)]
		atEachLevel(t, func(level) {
			if err := k.try(len(data), int(dstAt%guard), int(srcAt%guard), data); err != nil {
				t.Fatal(err)
			}
		})
	})
}
