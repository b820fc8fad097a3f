package tensor

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// smallFloat is one of the types below 32 bits behind plain integers.
type smallFloat struct {
	name   string
	dtype  DType
	bits   int
	decode func(code uint16) float32
	enc32  func(float32) uint16
	enc64  func(float64) uint16
}

func small[T ~uint8 | ~uint16](name string, d DType, bits int, decode func(T) float32, enc32 func(float32) T, enc64 func(float64) T) smallFloat {
	return smallFloat{
		name: name, dtype: d, bits: bits,
		decode: func(c uint16) float32 { return decode(T(c)) },
		enc32:  func(f float32) uint16 { return uint16(enc32(f)) },
		enc64:  func(f float64) uint16 { return uint16(enc64(f)) },
	}
}

var smallFloats = []smallFloat{
	small("f16", F16, 16, Float16.Float32, ToFloat16[float32], ToFloat16[float64]),
	small("bf16", BF16, 16, BFloat16.Float32, ToBFloat16[float32], ToBFloat16[float64]),
	small("f8_e4m3fn", F8E4M3FN, 8, Float8E4M3FN.Float32, ToFloat8E4M3FN[float32], ToFloat8E4M3FN[float64]),
	small("f8_e5m2", F8E5M2, 8, Float8E5M2.Float32, ToFloat8E5M2[float32], ToFloat8E5M2[float64]),
	small("f8_e4m3fnuz", F8E4M3FNUZ, 8, Float8E4M3FNUZ.Float32, ToFloat8E4M3FNUZ[float32], ToFloat8E4M3FNUZ[float64]),
	small("f8_e5m2fnuz", F8E5M2FNUZ, 8, Float8E5M2FNUZ.Float32, ToFloat8E5M2FNUZ[float32], ToFloat8E5M2FNUZ[float64]),
	small("f8_e8m0", F8E8M0, 8, Float8E8M0.Float32, ToFloat8E8M0[float32], ToFloat8E8M0[float64]),
	small("f4_e2m1", F4E2M1, 4, DecodeF4E2M1, EncodeF4E2M1[float32], EncodeF4E2M1[float64]),
	small("f6_e2m3", F6E2M3, 6, DecodeF6E2M3, EncodeF6E2M3[float32], EncodeF6E2M3[float64]),
	small("f6_e3m2", F6E3M2, 6, DecodeF6E3M2, EncodeF6E3M2[float32], EncodeF6E3M2[float64]),
}

// readGolden reads testdata/<name>: arrays as gen_floats.py writes them.
func readGolden(t testing.TB, name string) map[string][]uint64 {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(z)
	arrays := map[string][]uint64{}
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF && line == "" {
			return arrays
		}
		var key string
		var size, count int
		if _, err := fmt.Sscanf(line, "%s %d %d", &key, &size, &count); err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		a := make([]uint64, count)
		plane := make([]byte, count)
		for i := range size {
			if _, err := io.ReadFull(r, plane); err != nil {
				t.Fatal(err)
			}
			for k, b := range plane {
				a[k] |= uint64(b) << (8 * i)
			}
		}
		arrays[key] = a
	}
}

func TestSmallFloatsDecode(t *testing.T) {
	golden := readGolden(t, "floats.gz")
	for _, s := range smallFloats {
		t.Run(s.name, func(t *testing.T) {
			want := golden["decode/"+s.name]
			if len(want) != 1<<s.bits {
				t.Fatalf("%d codes", len(want))
			}
			for c, w := range want {
				if got := math.Float32bits(s.decode(uint16(c))); got != uint32(w) {
					t.Errorf("code %#x is %#x, want %#x", c, got, w)
				}
			}
		})
	}
}

func TestSmallFloatsEncode(t *testing.T) {
	golden := readGolden(t, "floats.gz")
	for _, s := range smallFloats {
		t.Run(s.name, func(t *testing.T) {
			bad := 0
			for i, b := range golden["in32"] {
				x := math.Float32frombits(uint32(b))
				w := uint16(golden["encode32/"+s.name][i])
				if got := s.enc32(x); got != w {
					t.Errorf("%v (%#x) gives %#x, want %#x", x, b, got, w)
				}
				if got := s.enc64(float64(x)); got != w {
					t.Errorf("float64 %v (%#x) gives %#x, want %#x", x, b, got, w)
				}
				if bad++; t.Failed() && bad > 20 {
					return
				}
			}
			for i, b := range golden["in64"] {
				x := math.Float64frombits(b)
				if got, w := s.enc64(x), uint16(golden["encode64/"+s.name][i]); got != w {
					t.Fatalf("%v (%#x) gives %#x, want %#x", x, b, got, w)
				}
			}
		})
	}
}

// TestSmallFloatsHalfway tries every midpoint between neighbours of the 16-bit
// types, and the float32 just below and above it.
func TestSmallFloatsHalfway(t *testing.T) {
	golden := readGolden(t, "floats.gz")
	for _, s := range smallFloats[:2] {
		inf := uint16(0x7c00)
		if s.name == "bf16" {
			inf = 0x7f80
		}
		for c := range inf {
			lo, hi := float64(s.decode(c)), float64(s.decode(c+1))
			if c+1 == inf {
				hi = 2*lo - float64(s.decode(c-1))
			}
			mid := float32((lo + hi) / 2)
			for tag, x := range map[string]float32{
				"below": math.Float32frombits(math.Float32bits(mid) - 1),
				"tie":   mid,
				"above": math.Float32frombits(math.Float32bits(mid) + 1),
			} {
				want := c + uint16(golden["half/"+tag+"/"+s.name][c])
				if got := s.enc32(x); got != want {
					t.Fatalf("%s: %s of %#x: %v gives %#x, want %#x", s.name, tag, c, x, got, want)
				}
				if got := s.enc32(-x); got != want|0x8000 {
					t.Fatalf("%s: %s of %#x: %v gives %#x, want %#x", s.name, tag, c, -x, got, want|0x8000)
				}
			}
		}
	}
}

// TestSmallFloatsRoundTrip: every code that is a number comes back, and its
// shortest decimal too.
func TestSmallFloatsRoundTrip(t *testing.T) {
	for _, s := range smallFloats {
		for c := range 1 << s.bits {
			code := uint16(c)
			x := s.decode(code)
			if back := s.enc32(x); back != code && x == x {
				t.Errorf("%s: %#x is %v and comes back as %#x", s.name, c, x, back)
			}
		}
	}
}

func TestFloat16NaNKeepsPayload(t *testing.T) {
	for c := range 1 << 16 {
		h := Float16(c)
		if back := encodeF16(math.Float32bits(h.Float32())); back != h {
			t.Fatalf("%#x comes back as %#x", c, back)
		}
	}
	if got := encodeF16(0x7f800001); got != 0x7c01 {
		t.Errorf("a NaN with a low payload became %#x", got)
	}
}

func TestSmallFloatsString(t *testing.T) {
	for _, c := range []struct {
		got  interface{ String() string }
		want string
	}{
		{ToFloat16(0.1), "0.1"},
		{ToFloat16(65504.0), "65500"},
		{Float16(1), "6e-08"},
		{Float16(0x7c00), "+Inf"},
		{Float16(0xfe00), "NaN"},
		{Float16(0x8000), "-0"},
		{ToBFloat16(0.1), "0.1"},
		{ToBFloat16(3.39e38), "3.39e+38"},
		{ToFloat8E4M3FN(448.0), "450"},
		{ToFloat8E4M3FN(-1.125), "-1.1"},
		{ToFloat8E5M2(57344.0), "60000"},
		{ToFloat8E5M2(math.Inf(-1)), "-Inf"},
		{ToFloat8E4M3FNUZ(0.5), "0.5"},
		{Float8E4M3FNUZ(0x80), "NaN"},
		{ToFloat8E5M2FNUZ(3.0), "3"},
		{Float8E8M0(0), "5.877e-39"}, // a little more would round up,
		{Float8E8M0(0xff), "NaN"},
	} {
		if s := c.got.String(); s != c.want {
			t.Errorf("%T is %q, want %q", c.got, s, c.want)
		}
	}
}

func TestSmallFloatsClassify(t *testing.T) {
	type classifier interface {
		IsNaN() bool
		IsInf(int) bool
		Float32() float32
		Float64() float64
	}
	check := func(name string, c int, f classifier) {
		x := float64(f.Float32())
		if f.IsNaN() != math.IsNaN(x) || f.IsInf(0) != math.IsInf(x, 0) || f.IsInf(1) != math.IsInf(x, 1) || f.IsInf(-1) != math.IsInf(x, -1) {
			t.Errorf("%s %#x: %v is misjudged", name, c, x)
		}
		if y := f.Float64(); y != x && x == x {
			t.Errorf("%s %#x: %v as float64 is %v", name, c, x, y)
		}
	}
	for c := range 1 << 16 {
		check("f16", c, Float16(c))
		check("bf16", c, BFloat16(c))
	}
	for c := range 1 << 8 {
		check("f8_e4m3fn", c, Float8E4M3FN(c))
		check("f8_e5m2", c, Float8E5M2(c))
		check("f8_e4m3fnuz", c, Float8E4M3FNUZ(c))
		check("f8_e5m2fnuz", c, Float8E5M2FNUZ(c))
		check("f8_e8m0", c, Float8E8M0(c))
	}
}

// nearestCode finds by search what a correctly rounding conversion gives for a
// number inside the finite range of a type with a sign bit.
func nearestCode(s smallFloat, x float64) (uint16, bool) {
	sign := uint16(1) << (s.bits - 1)
	mag := math.Abs(x)
	lo, hi := uint16(0), uint16(0)
	for step := sign >> 1; step > 0; step >>= 1 {
		if v := float64(s.decode(lo + step)); v <= mag { // false for NaN
			lo += step
		}
	}
	hi = lo + 1
	if hi == sign || math.IsInf(float64(s.decode(hi)), 0) || s.decode(hi) != s.decode(hi) {
		return 0, false
	}
	// Both differences are exact: neighbours lie within a factor of two, or
	// below the smallest normal number, where float64 has bits to spare.
	below, above := mag-float64(s.decode(lo)), float64(s.decode(hi))-mag
	code := lo
	if above < below || above == below && lo&1 == 1 {
		code = hi
	}
	if math.Signbit(x) && (code != 0 || s.enc32(float32(math.Copysign(0, -1))) != 0) {
		code |= sign
	}
	return code, true
}

func TestSmallFloatsAgainstSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 20000
	if testing.Short() {
		n = 4000
	}
	for _, s := range smallFloats {
		if s.name == "f8_e8m0" {
			continue
		}
		for range n {
			x := math.Ldexp(r.NormFloat64(), r.IntN(60)-40)
			if want, ok := nearestCode(s, x); ok {
				if got := s.enc64(x); got != want {
					t.Fatalf("%s: %v (%#x) gives %#x, want %#x", s.name, x, math.Float64bits(x), got, want)
				}
			}
		}
	}
}

// odd32FromInt must agree with rounding the exact integer, which only shows
// above 2^53 and in types that reach that far.
func TestOddFromInt(t *testing.T) {
	encode := func(d DType, x uint64) uint64 {
		v, err := bitsView(t, d, []uint64{x}).Cast(BF16)
		if err != nil {
			t.Fatal(err)
		}
		return wordsOf(v)[0]
	}
	for _, c := range []struct {
		x    int64
		want uint64
	}{
		{0, 0},
		{-1, 0xbf80},
		{math.MinInt64, 0xdf00},
		{math.MaxInt64, 0x5f00},
		{1<<62 + 1<<54, 0x5e80},     // a tie, down to even
		{1<<62 + 1<<54 + 1, 0x5e81}, // just above it
		{1<<62 + 3<<54, 0x5e82},     // a tie, up to even
		{1<<62 + 3<<54 - 1, 0x5e81},
		{-(1<<62 + 1<<54 + 1), 0xde81},
	} {
		if got := encode(I64, uint64(c.x)); got != c.want {
			t.Errorf("%d gives %#x, want %#x", c.x, got, c.want)
		}
	}
	if got := encode(U64, math.MaxUint64); got != 0x5f80 {
		t.Errorf("2^64-1 gives %#x", got)
	}
}

func FuzzSmallFloats(f *testing.F) {
	for _, x := range []float64{0, 1, -0.1, 448, 464, 65519.99, 1e-8, math.MaxFloat32, math.Inf(1), math.NaN()} {
		f.Add(math.Float64bits(x))
	}
	f.Fuzz(func(t *testing.T, b uint64) {
		x := math.Float64frombits(b)
		for _, s := range smallFloats {
			code := s.enc64(x)
			if code>>s.bits != 0 {
				t.Fatalf("%s: %v gives %#x", s.name, x, code)
			}
			if y := s.decode(code); y == y && s.enc32(y) != code {
				t.Fatalf("%s: %v gives %#x = %v, which gives %#x", s.name, x, code, y, s.enc32(y))
			}
			if s.name == "f8_e8m0" || x != x {
				continue
			}
			if want, ok := nearestCode(s, x); ok && code != want {
				t.Fatalf("%s: %v gives %#x, want %#x", s.name, x, code, want)
			}
		}
	})
}
