package main

import (
	"fmt"
	"math/bits"
	"strings"
)

// A number is a dtype of the casts.
type number struct {
	name   string
	size   int
	signed bool
	f32    func(a *asm) // from the bits in %x to those of a f32 in %y
	f16    func(a *asm) // nil: no such cast
}

var numbers = []number{
	{"u8", 1, false,
		func(a *asm) { a.ins("cvt.rn.f32.u32 %%y, %%x") },
		func(a *asm) { a.ins("cvt.rn.f16.u32 %%h, %%x"); a.ins("cvt.u32.u16 %%y, %%h") }},
	{"i16", 2, true,
		func(a *asm) { a.ins("cvt.rn.f32.s32 %%y, %%x") },
		func(a *asm) { a.ins("cvt.rn.f16.s32 %%h, %%x"); a.ins("cvt.u32.u16 %%y, %%h") }},
	{"f16", 2, false, halfToSingle, nil},
	{"bf16", 2, false,
		func(a *asm) { a.ins("shl.b32 %%y, %%x, 16") },
		bfloatToHalf},
	{"f8_e4m3fn", 1, false, e4m3ToSingle, e4m3ToHalf},
	{"f8_e5m2", 1, false, e5m2ToSingle, e5m2ToHalf},
}

// halfToSingle takes exponent and mantissa for those of a float32, which is 2^112
// times too small, subnormal or not. Infinities and NaN keep their mantissa.
func halfToSingle(a *asm) {
	a.ins("and.b32 %%m, %%x, 0x7fff")
	a.ins("shl.b32 %%t, %%m, 13")
	a.ins("mul.rn.f32 %%y, %%t, 0f77800000") // 2^112
	a.ins("or.b32 %%t, %%t, 0x7f800000")
	a.ins("setp.ge.u32 %%p, %%m, 0x7c00")
	a.ins("selp.b32 %%y, %%t, %%y, %%p")
	a.sign(0x8000, 16)
}

// sign adds the sign of %x to %y.
func (a *asm) sign(mask, shift int) {
	a.ins("and.b32 %%t, %%x, %#x", mask)
	a.ins("shl.b32 %%t, %%t, %d", shift)
	a.ins("or.b32 %%y, %%y, %%t")
}

func bfloatToHalf(a *asm) {
	a.ins("shl.b32 %%y, %%x, 16")
	a.ins("cvt.rn.f16.f32 %%h, %%y")
	a.ins("cvt.u32.u16 %%y, %%h")
	a.note("NaN by hand: sign and payload")
	a.ins("and.b32 %%t, %%x, 0x7f")
	a.ins("shl.b32 %%t, %%t, 3")
	a.ins("and.b32 %%m, %%x, 0x8000")
	a.ins("or.b32 %%t, %%t, %%m")
	a.ins("or.b32 %%t, %%t, 0x7c00")
	a.ins("and.b32 %%m, %%x, 0x7fff")
	a.ins("setp.gt.u32 %%p, %%m, 0x7f80")
	a.ins("selp.b32 %%y, %%t, %%y, %%p")
}

// e4m3Value sets %y to the magnitude as a float32, NaN left out.
func e4m3Value(a *asm) {
	a.ins("and.b32 %%m, %%x, 0x7f")
	a.ins("shl.b32 %%y, %%m, 20")
	a.ins("mul.rn.f32 %%y, %%y, 0f7B800000") // 2^120
}

func e4m3ToSingle(a *asm) {
	e4m3Value(a)
	a.ins("setp.eq.u32 %%p, %%m, 0x7f")
	a.ins("selp.b32 %%y, 0x7fc00000, %%y, %%p")
	a.sign(0x80, 24)
}

func e4m3ToHalf(a *asm) {
	e4m3Value(a)
	a.ins("cvt.rn.f16.f32 %%h, %%y")
	a.ins("cvt.u32.u16 %%y, %%h")
	a.ins("setp.eq.u32 %%p, %%m, 0x7f")
	a.ins("selp.b32 %%y, 0x7e00, %%y, %%p")
	a.sign(0x80, 8)
}

func e5m2ToSingle(a *asm) {
	a.ins("and.b32 %%m, %%x, 0x7f")
	a.ins("shl.b32 %%y, %%m, 21")
	a.ins("mul.rn.f32 %%y, %%y, 0f77800000")
	a.ins("setp.ge.u32 %%p, %%m, 0x7c")
	a.ins("selp.b32 %%y, 0x7f800000, %%y, %%p")
	a.ins("setp.gt.u32 %%p, %%m, 0x7c")
	a.ins("selp.b32 %%y, 0x7fc00000, %%y, %%p")
	a.sign(0x80, 24)
}

// e5m2ToHalf: it is the upper byte of a binary16, with other NaN.
func e5m2ToHalf(a *asm) {
	a.ins("and.b32 %%m, %%x, 0x7f")
	a.ins("shl.b32 %%y, %%m, 8")
	a.ins("setp.gt.u32 %%p, %%m, 0x7c")
	a.ins("selp.b32 %%y, 0x7e00, %%y, %%p")
	a.sign(0x80, 8)
}

func casts(a *asm) {
	a.raw(`
// dst[k] = src[k] converted, for k below n. Threads write 16 bytes at a time, four
// times a turn, from the first multiple of 16 in dst on, if src suits that; what
// lies before and behind they convert one by one.
`)
	for _, n := range numbers {
		cast(a, n, "f32", 4, n.f32)
	}
	for _, n := range numbers {
		if n.f16 != nil {
			cast(a, n, "f16", 2, n.f16)
		}
	}
}

// turns is how many units a thread has under way.
const turns = 4

func cast(a *asm, n number, to string, size int, convert func(*asm)) {
	elems := 16 / size // of a unit
	unit := elems * n.size
	words := unit / 4
	a.entry("cast_"+n.name+"_"+to, "", "*dst", "*src", "u64 n")
	a.thread()
	a.regs("pred", "p")
	a.regs("b16", "h")
	a.regs("b32", "x", "y", "m", "t", "low")
	a.regs("u64", "head", "a", "units", "most", "u", "s", "d", "stepu", "steps", "stepd", "mid")
	for j := range turns {
		a.ins(".reg .b32 %%s%d_<%d>, %%d%d_<4>", j, words, j)
	}
	a.note("head: elements before dst is a multiple of 16, all if src is not one of %d there", unit)
	a.ins("neg.s64 %%head, %%dst")
	a.ins("and.b64 %%head, %%head, 15")
	a.ins("shr.u64 %%head, %%head, %d", log2(size))
	a.ins("min.u64 %%head, %%head, %%n")
	a.ins("shl.b64 %%a, %%head, %d", log2(n.size))
	a.ins("add.u64 %%a, %%a, %%src")
	a.ins("and.b64 %%a, %%a, %d", unit-1)
	a.ins("setp.ne.u64 %%p, %%a, 0")
	a.ins("selp.u64 %%head, %%n, %%head, %%p")
	a.ins("sub.u64 %%units, %%n, %%head")
	a.ins("shr.u64 %%units, %%units, %d", log2(elems))
	a.note("s and d are at unit u")
	a.ins("mov.u64 %%u, %%i")
	for _, side := range []struct {
		at, base, step string
		size, unit     int
	}{{"s", "src", "steps", n.size, unit}, {"d", "dst", "stepd", size, 16}} {
		a.ins("shl.b64 %%a, %%head, %d", log2(side.size))
		a.ins("add.u64 %%%s, %%%s, %%a", side.at, side.base)
		a.ins("shl.b64 %%a, %%i, %d", log2(side.unit))
		a.ins("add.u64 %%%s, %%%s, %%a", side.at, side.at)
		a.ins("shl.b64 %%%s, %%step, %d", side.step, log2(side.unit))
	}
	a.note("%d units a turn, while there are", turns)
	a.ins("mul.lo.u64 %%stepu, %%step, %d", turns-1)
	a.label("MANY")
	a.ins("add.u64 %%most, %%u, %%stepu")
	a.ins("setp.ge.u64 %%p, %%most, %%units")
	a.ins("@%%p bra ONE")
	for j := range turns {
		loadWords(a, j, words)
		a.ins("add.u64 %%s, %%s, %%steps")
	}
	for j := range turns {
		convertUnit(a, n, j, size, convert)
		a.ins("st.global.v4.b32 [%%d], {%s}", group(fmt.Sprintf("d%d_", j), 4))
		a.ins("add.u64 %%d, %%d, %%stepd")
	}
	a.ins("add.u64 %%u, %%most, %%step")
	a.ins("bra MANY")
	a.label("ONE")
	a.ins("setp.ge.u64 %%p, %%u, %%units")
	a.ins("@%%p bra REST")
	loadWords(a, 0, words)
	a.ins("add.u64 %%s, %%s, %%steps")
	convertUnit(a, n, 0, size, convert)
	a.ins("st.global.v4.b32 [%%d], {%s}", group("d0_", 4))
	a.ins("add.u64 %%d, %%d, %%stepd")
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("bra ONE")
	a.note("elements that are in no unit: mid lie between those before and those behind")
	a.label("REST")
	a.ins("shl.b64 %%mid, %%units, %d", log2(elems))
	a.ins("sub.u64 %%n, %%n, %%mid")
	a.label("NEXT")
	a.ins("setp.ge.u64 %%p, %%i, %%n")
	a.ins("@%%p bra DONE")
	a.ins("setp.ge.u64 %%p, %%i, %%head")
	a.ins("selp.u64 %%u, %%mid, 0, %%p")
	a.ins("add.u64 %%u, %%u, %%i")
	a.ins("shl.b64 %%a, %%u, %d", log2(n.size))
	a.ins("add.u64 %%s, %%src, %%a")
	a.ins("ld.global.nc.%s %%x, [%%s]", map[bool]string{true: "s", false: "u"}[n.signed]+fmt.Sprint(8*n.size))
	convert(a)
	a.ins("shl.b64 %%a, %%u, %d", log2(size))
	a.ins("add.u64 %%d, %%dst, %%a")
	a.ins("st.global.b%d [%%d], %%y", 8*size)
	a.ins("add.u64 %%i, %%i, %%step")
	a.ins("bra NEXT")
	a.label("DONE")
	a.end()
}

func log2(n int) int { return bits.TrailingZeros(uint(n)) }

// group is n registers with numbers, between commas.
func group(name string, n int) string {
	var list []string
	for k := range n {
		list = append(list, fmt.Sprintf("%%%s%d", name, k))
	}
	return strings.Join(list, ", ")
}

func loadWords(a *asm, j, words int) {
	if words == 1 {
		a.ins("ld.global.nc.b32 %%s%d_0, [%%s]", j)
		return
	}
	a.ins("ld.global.nc.v%d.b32 {%s}, [%%s]", words, group(fmt.Sprintf("s%d_", j), words))
}

// convertUnit converts the elements of source words s{j}_ to the words d{j}_.
func convertUnit(a *asm, n number, j, size int, convert func(*asm)) {
	per := 4 / n.size // elements in a source word
	for k := range 16 / size {
		word, at := k/per, k%per*8*n.size
		sign := map[bool]string{true: "s", false: "u"}[n.signed]
		if at+8*n.size == 32 {
			a.ins("shr.%s32 %%x, %%s%d_%d, %d", sign, j, word, at)
		} else {
			a.ins("bfe.%s32 %%x, %%s%d_%d, %d, %d", sign, j, word, at, 8*n.size)
		}
		convert(a)
		switch {
		case size == 4:
			a.ins("mov.b32 %%d%d_%d, %%y", j, k)
		case k%2 == 0:
			a.ins("mov.b32 %%low, %%y")
		default:
			a.ins("prmt.b32 %%d%d_%d, %%low, %%y, 0x5410", j, k/2)
		}
	}
}
