package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// number returns the bits of a number that conversions may get wrong: near a
// limit of some type, a tie, a float that is no number, or any.
func number(r *rand.Rand, k Kind) uint64 {
	edge := int64(1) << r.IntN(64)
	v := edge + int64(r.IntN(5)) - 2
	if r.IntN(2) == 0 {
		v = -v
	}
	switch k {
	case F32, Odd32:
		switch r.IntN(5) {
		case 0:
			return uint64(math.Float32bits(float32(v)))
		case 1:
			return uint64(math.Float32bits(math.Nextafter32(float32(v), float32(r.NormFloat64()))))
		case 2:
			return uint64(math.Float32bits(float32(r.IntN(1<<18)-1<<17) / 2))
		}
		return uint64(floatBits(r))
	case F16, BF16:
		return uint64(r.Uint32())
	case F64:
		switch r.IntN(8) {
		case 0:
			return math.Float64bits(float64(v))
		case 1:
			return math.Float64bits(math.Nextafter(float64(v), r.NormFloat64()))
		case 2:
			return math.Float64bits(float64(r.IntN(1<<18)-1<<17) / 2)
		case 3: // a float32, or next to one
			return math.Float64bits(float64(math.Float32frombits(floatBits(r)))) + uint64(r.IntN(3)) - 1
		case 4: // halfway between two
			return math.Float64bits(float64(math.Float32frombits(floatBits(r)&0x7f7fffff))) | 1<<28
		case 5:
			return math.Float64bits(math.Ldexp(r.NormFloat64(), -r.IntN(180)))
		}
		return r.Uint64()
	}
	if r.IntN(2) == 0 {
		return uint64(v)
	}
	return r.Uint64() >> r.IntN(64)
}

// numbers fills aligned memory that begins at place at of a line.
func numbers(r *rand.Rand, k Kind, n, at int) []byte {
	size := k.Size()
	if k >= C64 {
		return numbers(r, F32+k-C64, 2*n, at)
	}
	p := place(n*size, at/size*size)
	for i := range n {
		v := number(r, k)
		switch size {
		case 1:
			p[i] = byte(v)
		case 2:
			binary.NativeEndian.PutUint16(p[2*i:], uint16(v))
		case 4:
			binary.NativeEndian.PutUint32(p[4*i:], uint32(v))
		case 8:
			binary.NativeEndian.PutUint64(p[8*i:], v)
		}
	}
	return p
}

// place returns n bytes that begin at place at of a line of the cache, the same
// number of which lie before and behind them.
func place(n, at int) []byte {
	p := cast.Bytes(make([]uint64, (n+3*guard)/8+1))
	at += guard + cast.Skew(p, guard)
	return p[at : at+n]
}

// convertFrame converts into memory with canaries around it.
func convertFrame(t testing.TB, src []byte, d, s Kind, n, at int, stream bool) []byte {
	t.Helper()
	size := n * d.Size()
	frame := place(size+2*guard, at/d.Size()*d.Size())
	for i := range frame {
		frame[i] = byte(0xa5 ^ i)
	}
	want := bytes.Clone(frame)
	dst := frame[guard : guard+size]
	Convert(dst, src, d, s, stream)
	Fence()
	if !bytes.Equal(frame[:guard], want[:guard]) || !bytes.Equal(frame[guard+size:], want[guard+size:]) {
		t.Fatalf("%v from %v at level %v, %d numbers at %d: wrote outside", d, s, active, n, at)
	}
	return dst
}

// TestConvert compares every level with Go's, which package tensor compares
// with NumPy.
func TestConvert(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	pairs, runs := 0, 0
	lengths := []int{0, 1, 7, 31, 32, 63, 64, 65, 127, 128, 129, 200, 255, 256, 257, 300, 511, 513, 1000}
	if !testing.Short() {
		lengths = append(lengths, upTo(300)...)
		lengths = append(lengths, 20_000)
	}
	for s := range Kind(kinds) {
		for d := range Kind(kinds) {
			if goLoops[s][d] == nil {
				continue
			}
			pairs++
			for _, n := range lengths {
				at, stream := r.IntN(64), n > 10_000 || r.IntN(2) == 0
				src := numbers(r, s, n, r.IntN(64))
				var want []byte
				atEachLevel(t, func(l level) {
					got := convertFrame(t, src, d, s, n, at, stream)
					if l == levelGo {
						want = got
					}
					for i := range n {
						size := d.Size()
						if g, w := got[i*size:][:size], want[i*size:][:size]; !bytes.Equal(g, w) {
							t.Fatalf("%v from %v at level %v, %d numbers: %d is %x of %x, want %x", d, s, l, n, i, g, src[i*s.Size():][:s.Size()], w)
						}
					}
					runs++
				})
			}
		}
	}
	t.Logf("%d pairs of kinds, %d runs", pairs, runs)
	if pairs != 8*14+16+15+2+8+2+2 || runs < pairs*19*(int(best)+1) {
		t.Error("too few")
	}
}

func (k Kind) String() string {
	return [kinds]string{"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "i4", "u4", "odd", "f16", "bf16", "c64", "c128"}[k]
}

func FuzzConvert(f *testing.F) {
	f.Add(random(600, 71), uint8(3), uint8(7), uint8(9))
	f.Add([]byte{0xff, 0xff, 0x7f, 0x7f, 0, 0, 0xc0, 0x7f, 0, 0, 0, 0x4f}, uint8(8), uint8(2), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, s, d, at uint8) {
		from, to := Kind(s%kinds), Kind(d%kinds)
		if goLoops[from][to] == nil || len(data) > 1<<14 {
			return
		}
		n := len(data) / from.Size()
		src := place(n*from.Size(), int(at)%64/8*8)
		copy(src, data)
		var want []byte
		atEachLevel(t, func(l level) {
			got := convertFrame(t, src, to, from, n, int(at%64), at&64 != 0)
			if l == levelGo {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%v from %v at level %v: %x of %x, want %x", to, from, l, got, src, want)
			}
		})
	})
}

func BenchmarkConvert(b *testing.B) {
	r := rand.New(rand.NewPCG(81, 82))
	for _, c := range benchSizes {
		for s := range Kind(kinds) {
			for d := range Kind(kinds) {
				if goLoops[s][d] == nil {
					continue
				}
				b.Run(fmt.Sprintf("from=%v/to=%v/size=%s", s, d, c.name), func(b *testing.B) {
					n := c.n / max(s.Size(), d.Size())
					src, dst := place(n*s.Size(), 0), place(n*d.Size(), 0)
					copy(src, numbers(r, s, 1<<14, 0))
					for done := s.Size() << 14; done < len(src); done *= 2 {
						copy(src[done:], src[:done])
					}
					benchLevels(b, c.n, "op=convert", func() { Convert(dst, src, d, s, c.name == "stream") })
				})
			}
		}
	}
}
