package ptxsim_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptxsim"
	"github.com/tensorfile/tensorfile/tensor"
)

const head = ".version 7.0\n.target sm_75\n.address_size 64\n"

// kernel is a module with one entry, k(p, n), whose body has registers to use.
func kernel(body string) string {
	return head + `.visible .entry k(.param .u64 p, .param .u64 n) {
	.reg .pred %p<4>;
	.reg .b16 %h<4>;
	.reg .b32 %r<16>;
	.reg .f32 %f<8>;
	.reg .b64 %d<16>;
	.reg .f64 %g<4>;
	ld.param.u64 %d0, [p];
	cvta.to.global.u64 %d0, %d0;
	ld.param.u64 %d1, [n];
` + body + "\n\tret;\n}\n"
}

// memory is one allocation at 4096.
type memory []byte

func (m memory) Bytes(p driver.Ptr, n int64) ([]byte, error) {
	if p < 4096 || uint64(p-4096) > uint64(len(m)) || n < 0 || uint64(n) > uint64(len(m))-uint64(p-4096) {
		return nil, &driver.Error{Op: "memory", Code: driver.IllegalAddress}
	}
	return m[p-4096:][:n:n], nil
}

func args(t testing.TB, n uint64) driver.Args {
	b, at, err := driver.Signature{driver.Pointer, driver.U64}.Pack(nil, nil, []driver.Arg{{Type: driver.Pointer, Bits: 4096}, {Type: driver.U64, Bits: n}})
	if err != nil {
		t.Fatal(err)
	}
	return driver.Args{Bytes: b, Offsets: at}
}

func load(t testing.TB, text string) *ptxsim.Program {
	t.Helper()
	p, err := ptxsim.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// one runs an instruction on operands of 64 bits and returns 64 bits. It reads
// %d2, %d3 and %d4, with their low halves in %r2, %r3 and %r4 and quarters in %h2
// and %h3, and leaves %d8, or %r8 or %h1 if wide says 32 or 16.
type one struct {
	p   *ptxsim.Program
	mem memory
}

func newOne(t *testing.T, width int, ins string) *one {
	t.Helper()
	store := map[int]string{64: "st.global.b64 [%d0+24], %d8;", 32: "cvt.u64.u32 %d8, %r8; st.global.b64 [%d0+24], %d8;",
		16: "cvt.u64.u16 %d8, %h1; st.global.b64 [%d0+24], %d8;", 1: "selp.u64 %d8, 1, 0, %p1; st.global.b64 [%d0+24], %d8;"}[width]
	return &one{load(t, kernel(`
	ld.global.b64 %d2, [%d0];
	ld.global.b64 %d3, [%d0+8];
	ld.global.b64 %d4, [%d0+16];
	cvt.u32.u64 %r2, %d2;
	cvt.u32.u64 %r3, %d3;
	cvt.u32.u64 %r4, %d4;
	cvt.u16.u64 %h2, %d2;
	cvt.u16.u64 %h3, %d3;
	`+ins+"\n\t"+store)), make(memory, 32)}
}

func (o *one) run(t *testing.T, x ...uint64) uint64 {
	t.Helper()
	for i, v := range x {
		binary.LittleEndian.PutUint64(o.mem[8*i:], v)
	}
	if err := o.p.Launch(o.mem, "k", driver.Dim{}, driver.Dim{}, 0, args(t, 0)); err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(o.mem[24:])
}

func f32(v uint64) float64 { return float64(math.Float32frombits(uint32(v))) }

// exact32 rounds a number to f32, ties to even, by package big.
func exact32(x *big.Float, zero float64) uint64 {
	if x.Sign() == 0 {
		return uint64(math.Float32bits(float32(zero)))
	}
	f, _ := x.Float32()
	return uint64(math.Float32bits(f))
}

// Values that are rounded in all ways, and random ones near to each other.
func operand32(r *rand.Rand) uint64 {
	switch r.IntN(8) {
	case 0:
		return uint64([]uint32{0, 1 << 31, 1, 0x80000001, 0x7fffff, 0x800000, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0x33800000, 0x477fe000, 0x477ff000}[r.IntN(12)])
	case 1:
		return uint64(r.Uint32() &^ 0x40000000) // not too large
	case 2:
		return uint64(r.Uint32()&0x807fffff | uint32(90+r.IntN(20))<<23)
	}
	return uint64(r.Uint32()&0x807ff000 | uint32(117+r.IntN(20))<<23 | 1<<r.IntN(12))
}

func TestFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fma := newOne(t, 32, "fma.rn.f32 %r8, %r2, %r3, %r4;")
	add := newOne(t, 32, "add.rn.f32 %r8, %r2, %r3;")
	mul := newOne(t, 32, "mul.rn.f32 %r8, %r2, %r3;")
	half := newOne(t, 16, "cvt.rn.f16.f32 %h1, %r2;")
	single := newOne(t, 32, "cvt.f32.f16 %r8, %h2;")
	n := 0
	for range 20000 {
		a, b, c := operand32(r), operand32(r), operand32(r)
		if f32(a)-f32(a) != 0 || f32(b)-f32(b) != 0 || f32(c)-f32(c) != 0 {
			continue
		}
		n++
		x, y, z := new(big.Float).SetPrec(600).SetFloat64(f32(a)), new(big.Float).SetPrec(600).SetFloat64(f32(b)), new(big.Float).SetPrec(600).SetFloat64(f32(c))
		if got, want := add.run(t, a, b), exact32(new(big.Float).SetPrec(600).Add(x, y), f32(a)+f32(b)); got != want {
			t.Fatalf("%#x + %#x: %#x, want %#x", a, b, got, want)
		}
		p := new(big.Float).SetPrec(600).Mul(x, y)
		if got, want := mul.run(t, a, b), exact32(p, f32(a)*f32(b)); got != want {
			t.Fatalf("%#x * %#x: %#x, want %#x", a, b, got, want)
		}
		if got, want := fma.run(t, a, b, c), exact32(p.Add(p, z), f32(a)*f32(b)+f32(c)); got != want {
			t.Fatalf("%#x * %#x + %#x: %#x, want %#x", a, b, c, got, want)
		}
		if got, want := half.run(t, a), uint64(tensor.ToFloat16(math.Float32frombits(uint32(a)))); got != want {
			t.Fatalf("%#x to f16: %#x, want %#x", a, got, want)
		}
	}
	for h := range uint64(1 << 16) {
		x := tensor.Float16(h)
		want := uint64(math.Float32bits(x.Float32()))
		if x.IsNaN() {
			want = 0x7fffffff
		}
		if got := single.run(t, h); got != want {
			t.Fatalf("f16 %#x: %#x, want %#x", h, got, want)
		}
	}
	t.Logf("%d triples", n)
	// NaN is the program's; min and max prefer numbers, and -0 to +0.
	add.p.NaN = 0xff812345
	if got := add.run(t, 0x7f800000, 0xff800000); got != 0xff812345 {
		t.Errorf("inf - inf: %#x", got)
	}
	for _, c := range []struct {
		ins        string
		a, b, want uint64
	}{
		{"min.f32 %r8, %r2, %r3;", 0x7fc00000, 0x40000000, 0x40000000},
		{"max.f32 %r8, %r2, %r3;", 0x40000000, 0xffc00001, 0x40000000},
		{"min.f32 %r8, %r2, %r3;", 0, 0x80000000, 0x80000000},
		{"max.f32 %r8, %r2, %r3;", 0x80000000, 0, 0},
		{"min.f32 %r8, %r2, %r3;", 0x7fc00000, 0xffc00001, 0x7fffffff},
		{"div.rn.f32 %r8, %r2, %r3;", 0x3f800000, 0x40400000, 0x3eaaaaab},
		{"sqrt.rn.f32 %r8, %r2;", 0x40000000, 0, 0x3fb504f3},
		{"rcp.rn.f32 %r8, %r2;", 0x40400000, 0, 0x3eaaaaab},
		{"neg.f32 %r8, %r2;", 0, 0, 0x80000000},
		{"abs.f32 %r8, %r2;", 0xff800000, 0, 0x7f800000},
		{"sub.rn.f32 %r8, %r2, %r3;", 0x3f800000, 0x3f800000, 0},
		{"cvt.rni.s32.f32 %r8, %r2;", uint64(math.Float32bits(2.5)), 0, 2},
		{"cvt.rzi.s32.f32 %r8, %r2;", uint64(math.Float32bits(-2.7)), 0, 0xfffffffe},
		{"cvt.rmi.s32.f32 %r8, %r2;", uint64(math.Float32bits(-2.1)), 0, 0xfffffffd},
		{"cvt.rpi.s32.f32 %r8, %r2;", uint64(math.Float32bits(2.1)), 0, 3},
		{"cvt.rzi.s32.f32 %r8, %r2;", 0x7fc00000, 0, 0},
		{"cvt.rzi.s32.f32 %r8, %r2;", 0x7f800000, 0, 0x7fffffff},
		{"cvt.rzi.s32.f32 %r8, %r2;", 0xff800000, 0, 0x80000000},
		{"cvt.rzi.u32.f32 %r8, %r2;", 0xbf800000, 0, 0},
		{"cvt.rzi.u8.f32 %r8, %r2;", uint64(math.Float32bits(300)), 0, 255},
		{"cvt.rn.f32.s32 %r8, %r2;", 0xffffffff, 0, 0xbf800000},
		{"cvt.rn.f32.u32 %r8, %r2;", 0xffffffff, 0, 0x4f800000},
		{"cvt.rn.f32.u32 %r8, %r2;", 0x01000001, 0, 0x4b800000},
		{"cvt.rn.f32.u64 %r8, %d2;", 0x8000008000000001, 0, 0x5f000001},
		{"cvt.rni.f32.f32 %r8, %r2;", uint64(math.Float32bits(3.5)), 0, uint64(math.Float32bits(4))},
	} {
		if got := newOne(t, 32, c.ins).run(t, c.a, c.b); got != c.want {
			t.Errorf("%s of %#x, %#x: %#x, want %#x", c.ins, c.a, c.b, got, c.want)
		}
	}
}

func TestIntegers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s32 := func(x uint64) int64 { return int64(int32(x)) }
	low := func(x int64) uint64 { return uint64(uint32(x)) }
	cases := []struct {
		width int
		ins   string
		want  func(a, b, c uint64) uint64
	}{
		{32, "add.u32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return low(int64(a + b)) }},
		{64, "sub.s64 %d8, %d2, %d3;", func(a, b, _ uint64) uint64 { return a - b }},
		{32, "mul.lo.s32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return low(s32(a) * s32(b)) }},
		{32, "mul.hi.s32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return low(s32(a) * s32(b) >> 32) }},
		{32, "mul.hi.u32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return a & 0xffffffff * (b & 0xffffffff) >> 32 }},
		{64, "mul.wide.s32 %d8, %r2, %r3;", func(a, b, _ uint64) uint64 { return uint64(s32(a) * s32(b)) }},
		{64, "mad.wide.u32 %d8, %r2, %r3, %d4;", func(a, b, c uint64) uint64 { return a&0xffffffff*(b&0xffffffff) + c }},
		{64, "mul.hi.u64 %d8, %d2, %d3;", func(a, b, _ uint64) uint64 { h, _ := bits.Mul64(a, b); return h }},
		{64, "mul.hi.s64 %d8, %d2, %d3;", func(a, b, _ uint64) uint64 {
			p := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(int64(b)))
			return uint64(p.Rsh(p, 64).Int64())
		}},
		{64, "mad.lo.s64 %d8, %d2, %d3, %d4;", func(a, b, c uint64) uint64 { return a*b + c }},
		{32, "div.s32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return low(s32(a) / s32(b)) }},
		{64, "rem.u64 %d8, %d2, %d3;", func(a, b, _ uint64) uint64 { return a % b }},
		{32, "min.s32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return low(min(s32(a), s32(b))) }},
		{64, "max.u64 %d8, %d2, %d3;", func(a, b, _ uint64) uint64 { return max(a, b) }},
		{32, "abs.s32 %r8, %r2;", func(a, _, _ uint64) uint64 { return low(max(s32(a), -s32(a))) }},
		{64, "neg.s64 %d8, %d2;", func(a, _, _ uint64) uint64 { return -a }},
		{32, "xor.b32 %r8, %r2, %r3;", func(a, b, _ uint64) uint64 { return low(int64(a ^ b)) }},
		{64, "not.b64 %d8, %d2;", func(a, _, _ uint64) uint64 { return ^a }},
		{32, "and.b32 %r9, %r3, 63; shl.b32 %r8, %r2, %r9;", func(a, b, _ uint64) uint64 { return low(int64(uint32(a) << (b & 63))) }},
		{32, "and.b32 %r9, %r3, 63; shr.s32 %r8, %r2, %r9;", func(a, b, _ uint64) uint64 { return low(s32(a) >> (b & 63)) }},
		{64, "and.b32 %r9, %r3, 127; shr.u64 %d8, %d2, %r9;", func(a, b, _ uint64) uint64 { return a >> (b & 127) }},
		{32, "shf.l.wrap.b32 %r8, %r2, %r3, %r4;", func(a, b, c uint64) uint64 {
			return (b<<32 | a&0xffffffff) << (c & 31) >> 32
		}},
		{32, "shf.r.clamp.b32 %r8, %r2, %r3, %r4;", func(a, b, c uint64) uint64 {
			return low(int64((b<<32 | a&0xffffffff) >> min(c&0xffffffff, 32)))
		}},
		{32, "popc.b64 %r8, %d2;", func(a, _, _ uint64) uint64 { return uint64(bits.OnesCount64(a)) }},
		{32, "clz.b32 %r8, %r2;", func(a, _, _ uint64) uint64 { return uint64(bits.LeadingZeros32(uint32(a))) }},
		{64, "brev.b64 %d8, %d2;", func(a, _, _ uint64) uint64 { return bits.Reverse64(a) }},
		{32, "and.b32 %r9, %r3, 31; shr.u32 %r10, %r3, 27; bfe.u32 %r8, %r2, %r9, %r10;", func(a, b, _ uint64) uint64 {
			return a & 0xffffffff >> (b & 31) & (1<<(b>>27&31) - 1)
		}},
		{32, "bfe.s32 %r8, %r2, 8, 8;", func(a, _, _ uint64) uint64 { return low(int64(int8(a >> 8))) }},
		{32, "bfe.s32 %r8, %r2, 20, 30;", func(a, _, _ uint64) uint64 { return low(s32(a) >> 20) }},
		{32, "bfi.b32 %r8, %r2, %r3, 5, 9;", func(a, b, _ uint64) uint64 { return low(int64(b&^(0x1ff<<5) | a&0x1ff<<5)) }},
		{32, "prmt.b32 %r8, %r2, %r3, 0x7420;", func(a, b, _ uint64) uint64 {
			return a&0xff | a>>16&0xff<<8 | b&0xff<<16 | b>>24&0xff<<24
		}},
		{32, "prmt.b32 %r8, %r2, %r3, 0x8888;", func(a, _, _ uint64) uint64 { return 0xffffffff * (a >> 7 & 1) }},
		{32, "lop3.b32 %r8, %r2, %r3, %r4, 0xca;", func(a, b, c uint64) uint64 { return low(int64(a&b | ^a&c)) }},
		{1, "setp.lt.s32 %p1, %r2, %r3;", func(a, b, _ uint64) uint64 { return truth(s32(a) < s32(b)) }},
		{1, "setp.lo.u64 %p1, %d2, %d3;", func(a, b, _ uint64) uint64 { return truth(a < b) }},
		{1, "setp.eq.u32 %p2, %r4, %r4; setp.ge.xor.u32 %p1, %r2, %r3, %p2;", func(a, b, _ uint64) uint64 { return truth(uint32(a) < uint32(b)) }},
		{1, "setp.le.u64 %p2|%p1, %d2, %d3;", func(a, b, _ uint64) uint64 { return truth(a > b) }},
		{1, "setp.gtu.f32 %p1, %r2, 0f7FC00000;", func(_, _, _ uint64) uint64 { return 1 }},
		{1, "setp.ne.f32 %p1, %r2, 0f7FC00000;", func(_, _, _ uint64) uint64 { return 0 }},
		{64, "cvt.s64.s8 %d8, %r2;", func(a, _, _ uint64) uint64 { return uint64(int8(a)) }},
		{32, "cvt.u8.u32 %r8, %r2;", func(a, _, _ uint64) uint64 { return a & 0xff }},
		{32, "cvt.sat.s8.s32 %r8, %r2;", func(a, _, _ uint64) uint64 { return low(min(max(s32(a), -128), 127)) }},
		{32, "cvt.sat.u16.s64 %r8, %d2;", func(a, _, _ uint64) uint64 { return uint64(min(max(int64(a), 0), 65535)) }},
		{64, "mov.b64 %d8, {%r3, %r2};", func(a, b, _ uint64) uint64 { return b&0xffffffff | a<<32 }},
		{32, "mov.b32 {%h0, %h1}, %r2; mov.b32 %r8, {%h1, %h0};", func(a, _, _ uint64) uint64 { return uint64(bits.RotateLeft32(uint32(a), 16)) }},
		{64, "setp.lt.s64 %p1, %d2, %d3; selp.b64 %d8, %d4, %d2, %p1;", func(a, b, c uint64) uint64 {
			if int64(a) < int64(b) {
				return c
			}
			return a
		}},
	}
	for _, c := range cases {
		o := newOne(t, c.width, c.ins)
		for range 200 {
			x, y, z := r.Uint64()>>r.IntN(64), r.Uint64()>>r.IntN(60), r.Uint64()
			if uint32(y) == 0 {
				y++
			}
			if got, want := o.run(t, x, y, z), c.want(x, y, z); got != want {
				t.Fatalf("%s of %#x, %#x, %#x: %#x, want %#x", c.ins, x, y, z, got, want)
			}
		}
	}
	t.Logf("%d instructions", len(cases))
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// What is not of the subset is refused, with the line.
func TestRefuses(t *testing.T) {
	cases := []struct{ text, want string }{
		{"", `want ".version"`},
		{".version 7.1\n", `want "7.0"`},
		{".version 7.0\n.target sm_80\n", `want "sm_75"`},
		{".version 7.0\n.target sm_75\n.address_size 32\n", `want "64"`},
		{head + ".func f() {}", ".func"},
		{head + ".visible .func f() {}", `want ".entry"`},
		{head + ".entry k() { ret; }", ".entry"},
		{head + ".global .b32 x[4];", ".global"},
		{head + ".visible .entry k(.param .b8 x) { ret; }", "parameter"},
		{head + ".visible .entry k(.param .pred x) { ret; }", "parameter"},
		{head + ".visible .entry k() { ", "a name"},
		{head + ".visible .entry k() { }", "no instructions"},
		{head + ".visible .entry k() .minnctapersm 2 { ret; }", ".minnctapersm"},
		{head + ".visible .entry k() { ret; } .visible .entry k() { ret; }", "twice"},
		{head + ".const .b32 c[2] = { 1 };", "fewer"},
		{head + ".const .b32 c[1] = { 1, 2 };", "more than"},
		{head + ".const .b32 c[20000] = { 1 };", "number from 1"},
		{head + "/* no end", "comment"},
		{head + "\"text\"", "unexpected"},
		{kernel("frobnicate.b32 %r1, %r2;"), "not known"},
		{kernel("add.f32 %f1, %f2, %f3;"), ".rn"},
		{kernel("mul.f32 %f1, %f2, %f3;"), "lo"},
		{kernel("add.rn.ftz.f32 %f1, %f2, %f3;"), "type"},
		{kernel("add.rz.f32 %f1, %f2, %f3;"), "type"},
		{kernel("add.rn.f16 %h1, %h2, %h3;"), "type"},
		{kernel("add.rn.u32 %r1, %r2, %r3;"), "rounding"},
		{kernel("min.rn.f32 %f1, %f2, %f3;"), "rounding"},
		{kernel("fma.f32 %f1, %f2, %f3, %f4;"), ".rn"},
		{kernel("div.approx.f32 %f1, %f2, %f3;"), "type"},
		{kernel("sqrt.approx.f32 %f1, %f2;"), ".rn"},
		{kernel("ex2.approx.f32 %f1, %f2;"), "not known"},
		{kernel("add.u32 %r1, %r2;"), "operands"},
		{kernel("add.u32 %r1, %r2, %d1;"), "type b64"},
		{kernel("add.u32 %r1, %r2, %f1;"), "type f32"},
		{kernel("add.rn.f32 %f1, %f2, 1;"), "number"},
		{kernel("add.u32 %r1, %r2, 0f3F800000;"), "number"},
		{kernel("add.u32 %r1, %r2, 4294967296;"), "fit"},
		{kernel("add.u16 %h1, %h2, -32769;"), "fit"},
		{kernel("add.u32 %r1, %r99, 1;"), "no value"},
		{kernel("add.u32 5, %r1, 1;"), "no register"},
		{kernel("mov.u32 %r1, %clock;"), "no value"},
		{kernel("mov.u32 %r1, p;"), "address"},
		{kernel("bra NOWHERE;"), "no label"},
		{kernel("bra %r1;"), "label"},
		{kernel("L: L: ret;"), "twice"},
		{kernel(".reg .b32 %r1;"), "twice"},
		{kernel(".reg .b32 %tid.x;"), "name"},
		{kernel(".reg .b8 %x;"), "8 bits"},
		{kernel(".reg .b32 %x<100000>;"), "number from 1"},
		{kernel(".shared .b32 x[20000];"), "number from 1"},
		{kernel(".shared .b64 x[8000];"), "shared memory"},
		{kernel(".shared .align 3 .b32 x[4];"), "alignment"},
		{kernel("@%r1 ret;"), "no predicate"},
		{kernel("@%p9 ret;"), "no predicate"},
		{kernel("setp.lt.b32 %p1, %r1, %r2;"), "bits"},
		{kernel("setp.lo.s32 %p1, %r1, %r2;"), "unsigned"},
		{kernel("setp.ltu.u32 %p1, %r1, %r2;"), "integers"},
		{kernel("setp.lo.f32 %p1, %f1, %f2;"), "floats"},
		{kernel("cvt.f32.s32 %f1, %r1;"), "rounding"},
		{kernel("cvt.rn.f32.f16 %f1, %h1;"), "rounding"},
		{kernel("cvt.f16.f32 %h1, %f1;"), "rounding"},
		{kernel("cvt.rn.s32.f32 %r1, %f1;"), "rounding"},
		{kernel("cvt.rn.bf16.f32 %h1, %f1;"), "type"},
		{kernel("cvt.sat.f32.f32 %f1, %f1;"), ".sat"},
		{kernel("ld.global.b32 %r1, [%r2];"), "32 bits"},
		{kernel("ld.global.b32 %h1, [%d2];"), "type"},
		{kernel("ld.global.f32 %d1, [%d2];"), "type"},
		{kernel("ld.global.v4.b64 {%d1,%d2,%d3,%d4}, [%d0];"), "128"},
		{kernel("ld.global.v2.b32 {%r1,%r2,%r3}, [%d0];"), "not 2"},
		{kernel("ld.param.b64 %d1, [%d0];"), "name"},
		{kernel("ld.shared.b64 %d1, [p];"), "elsewhere"},
		{kernel("ld.b32 %r1, [%d0];"), "param"},
		{kernel("ld.volatile.global.b32 %r1, [%d0];"), "param"},
		{kernel("st.param.b64 [p], %d0;"), "global"},
		{kernel("ld.global.b32 %r1, [%d0+%d1];"), "number"},
		{kernel("atom.global.add.f32 %f1, [%d0], %f2;"), "type"},
		{kernel("red.global.exch.b32 [%d0], %r1;"), "result"},
		{kernel("bar.sync 1;"), "other than 0"},
		{kernel("bar.arrive 0, 32;"), "sync"},
		{kernel("shfl.down.b32 %r1, %r2, 1, 31;"), "sync"},
		{kernel("ret"), "want"},
		{kernel("mov.b64 %d1, {%r1, %r2, %r3};"), "vector"},
		{kernel("lop3.b32 %r1, %r2, %r3, %r4, 256;"), "table"},
		{kernel("add.u32 %r1, %r2, 1_0;"), "number"},
		{kernel("mov.f32 %f1, 0f3F80;"), "number"},
	}
	for _, c := range cases {
		_, err := ptxsim.Load(c.text)
		var e *driver.Error
		if !errors.As(err, &e) || e.Code != driver.InvalidPTX || !strings.Contains(e.Text, "line ") || !strings.Contains(e.Text, c.want) {
			t.Errorf("%q: %v, want %q", strings.TrimPrefix(c.text, head), err, c.want)
		}
	}
	t.Logf("%d texts", len(cases))
}

// What goes wrong while a kernel runs is an error that names the place.
func TestFaults(t *testing.T) {
	const shared = ".shared .b32 s[64]; mov.u32 %r1, s; mov.u32 %r2, %tid.x; mad.lo.u32 %r3, %r2, 4, %r1;\n"
	cases := []struct {
		body string
		code driver.Code
		want string
	}{
		{"ld.global.b32 %r1, [%d0+64];", driver.IllegalAddress, "0x1040"},
		{"ld.global.b64 %d2, [%d0+-8];", driver.IllegalAddress, ""},
		{"st.global.v4.b32 [%d0+48], {%r1, %r1, %r1, %r1};", driver.LaunchFailed, "before it is written"},
		{"ld.global.b32 %r1, [%d0+2];", 716, "multiple of 4"},
		{"ld.global.v2.b32 {%r1, %r2}, [%d0+4];", 716, "multiple of 8"},
		{"mov.u64 %d2, 0; ld.global.u8 %r1, [%d2];", driver.IllegalAddress, ""},
		{"add.u32 %r1, %r2, 1;", driver.LaunchFailed, "%r2 is read"},
		{"@%p1 ret;", driver.LaunchFailed, "%p1 is read"},
		{"mov.u32 %r2, 0; div.u32 %r1, 5, %r2;", driver.LaunchFailed, "zero"},
		{"LOOP: bra LOOP;", 702, "steps"},
		{shared + "st.shared.b32 [%r1], %r2;", driver.LaunchFailed, "race"},
		{shared + "ld.shared.b32 %r4, [%r3];", driver.LaunchFailed, "before it is written"},
		{shared + "st.shared.b32 [%r3], %r2; ld.shared.b32 %r4, [%r1];", driver.LaunchFailed, "byte 0 of shared memory"},
		{shared + "st.shared.b32 [%r3], %r2; bar.sync 0; ld.shared.b32 %r4, [%r1+12]; st.shared.b32 [%r3], %r4;", driver.LaunchFailed, "race"},
		{shared + "mov.u32 %r5, 0; atom.shared.add.u32 %r4, [%r1], 1;", driver.LaunchFailed, "before it is written"},
		{shared + "st.shared.b32 [%r1+1024], %r2;", driver.IllegalAddress, "of 256"},
		{"mov.u32 %r2, %tid.x; setp.eq.u32 %p1, %r2, 3; @%p1 ret; bar.sync 0;", driver.LaunchFailed, "barrier"},
		{"mov.u32 %r2, %tid.x; setp.eq.u32 %p1, %r2, 3; @%p1 bra L; bar.sync 0; ret; L: bar.sync 0;", driver.LaunchFailed, "barrier"},
		{"mov.u32 %r2, %tid.x; setp.eq.u32 %p1, %r2, 0; @%p1 ret; shfl.sync.down.b32 %r3, %r2, 1, 31, 0xf;", driver.LaunchFailed, "do not come"},
		{"mov.u32 %r2, %tid.x; shfl.sync.idx.b32 %r3, %r2, 9, 31, 0xf;", driver.LaunchFailed, "lane 9"},
		{"mov.u32 %r2, %tid.x; shfl.sync.idx.b32 %r3, %r2, 0, 31, 0x7;", driver.LaunchFailed, "without its own lane"},
		{"bra END; ret; END:", driver.LaunchFailed, ""},
	}
	for _, c := range cases {
		text := kernel(c.body)
		if strings.HasSuffix(c.body, "END:") {
			text = strings.Replace(text, "END:\n\tret;", "END:", 1)
			c.want = "past the last"
		}
		for _, reverse := range []bool{false, true} {
			p := load(t, text)
			p.Steps, p.Reverse = 10000, reverse
			err := p.Launch(make(memory, 64), "k", driver.Dim{}, driver.Dim{X: 4}, 0, args(t, 0))
			var e *driver.Error
			if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "k: line ") {
				t.Errorf("%s, reverse %v: %v, want %d %q", c.body, reverse, err, c.code, c.want)
			}
		}
	}
	t.Logf("%d faults", len(cases))
}

// Launches that a driver refuses.
func TestLaunch(t *testing.T) {
	p := load(t, kernel(""))
	want := func(code driver.Code, err error) {
		t.Helper()
		var e *driver.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%v, want code %d", err, code)
		}
	}
	a := args(t, 0)
	m := make(memory, 8)
	want(driver.NotFound, p.Launch(m, "none", driver.Dim{}, driver.Dim{}, 0, a))
	want(driver.InvalidValue, p.Launch(m, "k", driver.Dim{}, driver.Dim{X: 1025}, 0, a))
	want(driver.InvalidValue, p.Launch(m, "k", driver.Dim{}, driver.Dim{Z: 65}, 0, a))
	want(driver.InvalidValue, p.Launch(m, "k", driver.Dim{Y: 65536}, driver.Dim{}, 0, a))
	want(driver.InvalidValue, p.Launch(m, "k", driver.Dim{}, driver.Dim{}, 4, a))
	want(driver.InvalidValue, p.Launch(m, "k", driver.Dim{}, driver.Dim{}, 0, driver.Args{}))
	want(driver.InvalidValue, p.Launch(m, "k", driver.Dim{}, driver.Dim{}, 0, driver.Args{Bytes: a.Bytes[:12], Offsets: a.Offsets}))
	q := load(t, strings.Replace(kernel(""), ") {", ")\n.reqntid 32, 2 {", 1))
	want(driver.InvalidValue, q.Launch(m, "k", driver.Dim{}, driver.Dim{X: 64}, 0, a))
	if err := q.Launch(m, "k", driver.Dim{X: 3}, driver.Dim{X: 32, Y: 2}, 0, a); err != nil {
		t.Error(err)
	}
	q = load(t, strings.Replace(kernel(""), ") {", ")\n.maxntid 32 {", 1))
	want(driver.InvalidValue, q.Launch(m, "k", driver.Dim{}, driver.Dim{X: 33}, 0, a))
}

// Threads that work together: shared memory, barriers, shuffles, votes, atomics.
func TestTogether(t *testing.T) {
	p := load(t, kernel(`
	.shared .align 8 .b32 s[64];
	mov.u32 %r0, %tid.x;
	mov.u32 %r1, s;
	mad.lo.u32 %r2, %r0, 4, %r1;
	mul.lo.u32 %r3, %r0, %r0;
	st.shared.b32 [%r2], %r3;
	bar.sync 0;
	xor.b32 %r4, %r0, 63;
	mad.lo.u32 %r4, %r4, 4, %r1;
	ld.shared.b32 %r5, [%r4];
	shfl.sync.up.b32 %r6|%p1, %r0, 3, 0, -1;
	selp.u32 %r7, 1000, 0, %p1;
	add.u32 %r5, %r5, %r6;
	add.u32 %r5, %r5, %r7;
	shfl.sync.bfly.b32 %r6, %r0, 5, 31, -1;
	mad.lo.u32 %r5, %r6, 100000, %r5;
	and.b32 %r8, %r0, 5;
	setp.eq.u32 %p2, %r8, 4;
	vote.sync.ballot.b32 %r9, %p2, -1;
	popc.b32 %r9, %r9;
	vote.sync.any.pred %p3, %p2, -1;
	@%p3 add.u32 %r5, %r5, %r9;
	mov.u32 %r11, %ctaid.x;
	mov.u32 %r12, %ntid.x;
	mad.lo.u32 %r11, %r11, %r12, %r0;
	mad.wide.u32 %d2, %r11, 4, %d0;
	st.global.b32 [%d2+4], %r5;
	atom.global.add.u32 %r13, [%d0], 1;
	red.global.max.u32 [%d0], 0;
	`))
	for _, reverse := range []bool{false, true} {
		p.Reverse = reverse
		m := make(memory, 4+4*128)
		if err := p.Launch(m, "k", driver.Dim{X: 2}, driver.Dim{X: 64}, 0, args(t, 0)); err != nil {
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint32(m); n != 128 {
			t.Errorf("%d threads counted", n)
		}
		for i := range uint32(128) {
			me := i % 64
			lane := me % 32
			up, more := me, uint32(0)
			if lane >= 3 {
				up, more = me-3, 1000
			}
			want := (me^63)*(me^63) + up + more + (me^5)*100000 + 8
			if got := binary.LittleEndian.Uint32(m[4+4*i:]); got != want {
				t.Fatalf("thread %d, reverse %v: %d, want %d", i, reverse, got, want)
			}
		}
	}
}

// Constants, dynamic shared memory and parameters of each size.
func TestSpaces(t *testing.T) {
	text := head + `
.const .align 4 .b32 c[3] = { 5, -1, 0x10 };
.const .b8 d[2] = { 7, 255 };
.extern .shared .align 8 .b8 room[];
.visible .entry k(.param .u64 p, .param .u32 a, .param .f32 b, .param .s64 e) {
	.reg .b32 %r<8>; .reg .b64 %d<8>; .reg .f32 %f;
	ld.param.u64 %d0, [p];
	ld.param.u32 %r0, [a];
	ld.param.f32 %f, [b];
	ld.param.s64 %d1, [e];
	mov.u64 %d2, c;
	ld.const.b32 %r1, [%d2+8];
	ld.const.b32 %r2, [c+4];
	ld.const.s8 %r3, [d+1];
	mov.u32 %r4, room;
	st.shared.b32 [%r4+4], %r1;
	ld.shared.u8 %r5, [room+4];
	add.s32 %r6, %r2, %r3;
	st.global.v4.b32 [%d0], {%r0, %r5, %r6, %r1};
	st.global.f32 [%d0+16], %f;
	st.global.b64 [%d0+24], %d1;
	ret;
}`
	p := load(t, text)
	b, at, err := driver.Signature{driver.Pointer, driver.U32, driver.F32, driver.I64}.Pack(nil, nil,
		[]driver.Arg{{Type: driver.Pointer, Bits: 4096}, {Type: driver.U32, Bits: 9}, {Type: driver.F32, Bits: 0x40490fdb}, {Type: driver.I64, Bits: math.MaxUint64}})
	if err != nil {
		t.Fatal(err)
	}
	m := make(memory, 32)
	if err := p.Launch(m, "k", driver.Dim{}, driver.Dim{}, 8, driver.Args{Bytes: b, Offsets: at}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%x", []byte(m)), "0900000010000000feffffff10000000db0f49400000000"+"0ffffffffffffffff"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := p.Params("k"); strings.Join(got, " ") != "u64 u32 f32 s64" {
		t.Error(got)
	}
	if err := p.Launch(m, "k", driver.Dim{}, driver.Dim{}, 4, driver.Args{Bytes: b, Offsets: at}); err == nil {
		t.Error("memory behind the dynamic array")
	}
}

// Texts are read or refused, and what was read runs to an end or to an error.
func FuzzLoad(f *testing.F) {
	f.Add(kernel("mov.u32 %r1, %tid.x;\n\tL: @%p1 bra L;"))
	f.Add(kernel(".shared .b32 s[4]; mov.u32 %r1, s; st.shared.v2.b32 [%r1], {%r2, %r3}; bar.sync 0;"))
	f.Add(kernel("ld.global.v4.b32 {%r1,%r2,%r3,%r4}, [%d0]; shfl.sync.down.b32 %r5, %r1, 1, 31, -1; st.global.f32 [%d0+4], 0f3F800000;"))
	f.Add(kernel("atom.global.cas.b64 %d2, [%d0], 0, 1; cvt.rn.f16.f32 %h1, 0f3F800000; mov.b32 {%h0, %h1}, %r1; mov.b64 %d1, {%r1, %r2};"))
	f.Add(head + ".const .align 4 .b32 c[2] = { 1, -2 };\n.extern .shared .b8 x[];\n.visible .entry k(.param .u32 a)\n.reqntid 1, 1\n{ /* c */ ret; }")
	f.Add(kernel("setp.lt.and.f32 %p1|%p2, %f1, %f2, !%p3; prmt.b32 %r1, %r2, %r3, 0x5410; bfi.b32 %r1, %r1, %r1, 300, 300; shf.l.clamp.b32 %r1, %r2, %r3, 77;"))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ptxsim.Load(text)
		if err != nil {
			var e *driver.Error
			if !errors.As(err, &e) || e.Code != driver.InvalidPTX {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		p.Steps = 500
		for _, name := range p.Entries() {
			var sig driver.Signature
			var list []driver.Arg
			for _, typ := range p.Params(name) {
				y := driver.U64
				if strings.HasSuffix(typ, "32") {
					y = driver.U32
				}
				sig, list = append(sig, y), append(list, driver.Arg{Type: y, Bits: 4096})
			}
			b, at, err := sig.Pack(nil, nil, list)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []uint32{1, 33} {
				p.Reverse = !p.Reverse
				_ = p.Launch(make(memory, 64), name, driver.Dim{X: 2}, driver.Dim{X: x}, 0, driver.Args{Bytes: b, Offsets: at})
			}
		}
	})
}
