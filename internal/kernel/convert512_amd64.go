//go:build !noasm

package kernel

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// limits are two values, each repeated to fill 8 bytes.
type limits [2]uint64

// A numberLoop converts groups of 64 bytes on the wider side, an even number of
// them.
type numberLoop func(dst, src *byte, groups int, limits *limits, stream bool)

// numberLoops are the loops with their limits, by source and target.
var numberLoops = func() (t [kinds][kinds]struct {
	run    numberLoop
	limits limits
}) {
	widths := [...]int{I8: 0, I16: 1, I32: 2, I64: 3, U8: 0, U16: 1, U32: 2, U64: 3, Bool: 0, I4: 0, U4: 0}
	cuts := [...][4]numberLoop{
		I8:  {cutI8To1, cutI8To2, cutI8To4, cutI8To8},
		I16: {cutI16To1, cutI16To2, cutI16To4, cutI16To8},
		I32: {cutI32To1, cutI32To2, cutI32To4, cutI32To8},
		I64: {cutI64To1, cutI64To2, cutI64To4, cutI64To8},
		U8:  {cutU8To1, cutU8To2, cutU8To4, cutU8To8},
		U16: {cutU16To1, cutU16To2, cutU16To4, cutU16To8},
		U32: {cutU32To1, cutU32To2, cutU32To4, cutU32To8},
		U64: {cutU64To1, cutU64To2, cutU64To4, cutU64To8},
	}
	floats := [...][2]numberLoop{
		I8: {valueI8ToF32, valueI8ToF64}, I16: {valueI16ToF32, valueI16ToF64}, I32: {valueI32ToF32, valueI32ToF64}, I64: {valueI64ToF32, valueI64ToF64},
		U8: {valueU8ToF32, valueU8ToF64}, U16: {valueU16ToF32, valueU16ToF64}, U32: {valueU32ToF32, valueU32ToF64}, U64: {valueU64ToF32, valueU64ToF64},
	}
	truths := [...]numberLoop{truth1, truth2, truth4, truth8}
	integers := []Kind{I8, I16, I32, I64, U8, U16, U32, U64, I4, U4}
	add := func(s, d Kind, run numberLoop, lo, hi uint64) {
		t[s][d].run, t[s][d].limits = run, limits{lo, hi}
	}
	const ones = 0x0101010101010101
	for s := I8; s <= U64; s++ {
		for _, d := range integers {
			lo, hi := common(s, d)
			size := max(s.Size(), d.Size()) // limits count before what is wide is cut
			add(s, d, cuts[s][widths[d]], repeated(uint64(lo), size), repeated(hi, size))
		}
		add(s, F32, floats[s][0], 0, 0)
		add(s, F64, floats[s][1], 0, 0)
		add(s, Bool, truths[widths[s]], math.MaxUint64, ones)
	}
	add(I8, Odd32, valueI8ToF32, 0, 0)
	add(U8, Odd32, valueU8ToF32, 0, 0)
	add(I16, Odd32, valueI16ToF32, 0, 0)
	add(U16, Odd32, valueU16ToF32, 0, 0)
	for s, run := range map[Kind]numberLoop{I32: oddI32, U32: oddU32, I64: oddI64, U64: oddU64, F64: oddF64} {
		add(s, Odd32, run, 0, repeated(1, 4))
	}
	add(F16, F32, halfToF32, repeated(0xf802, 2), repeated(0x3fe, 2))
	add(BF16, F32, brainToF32, 0, 0)
	for _, s := range []Kind{F32, Odd32} {
		add(s, F16, f32ToHalf, repeated(1, 2), repeated(0x3ff, 2))
		add(s, BF16, f32ToBrain, repeated(0x7fff, 4), repeated(0x8000, 4))
	}
	add(F32, C64, cutU32To8, 0, math.MaxUint64)
	add(C64, F32, cutU64To4, 0, math.MaxUint64)
	add(C64, Bool, truth8, repeated(math.MaxInt32, 4), ones)
	add(C128, Bool, truth16, math.MaxInt64, ones)
	add(F64, C128, spread8, 0, 0)
	add(C128, F64, firsts8, 0, 0)
	add(F32, F64, valueF32ToF64, 0, 0)
	add(F64, F32, valueF64ToF32, 0, 0)
	add(F32, Bool, truth4, repeated(math.MaxInt32, 4), ones)
	add(F64, Bool, truth8, math.MaxInt64, ones)
	float32s := func(v float64) uint64 { return repeated(uint64(math.Float32bits(float32(v))), 4) }
	for _, d := range []Kind{I8, U8, I4, U4, I16, U16, U32, I32} {
		lo, hi := rangeOf(d)
		if d.Size() < 4 {
			least, most := float32s(float64(lo)), float32s(float64(hi))
			add(F32, d, [...]numberLoop{fitF32To1, fitF32To2}[widths[d]], least, most)
			add(BF16, d, [...]numberLoop{fitBF16To1, fitBF16To2}[widths[d]], least, most)
		}
		add(F64, d, [...]numberLoop{fitF64To1, fitF64To2, fitF64To4}[widths[d]], math.Float64bits(float64(lo)), math.Float64bits(float64(hi)))
	}
	add(F32, I32, fitF32ToI32, float32s(1<<31), repeated(math.MaxInt32, 4))
	add(F32, I64, fitF32ToI64, float32s(1<<63), math.MaxInt64)
	add(F64, I64, fitF64ToI64, math.Float64bits(1<<63), math.MaxInt64)
	add(F32, U32, fitF32ToU32, 0, 0)
	add(F32, U64, fitF32ToU64, 0, 0)
	add(F64, U64, fitF64ToU64, 0, 0)
	return t
}()

// rangeOf is what an integer kind holds.
func rangeOf(k Kind) (lo int64, hi uint64) {
	size := 8 * uint(k.Size())
	switch {
	case k == I4:
		return -8, 7
	case k == U4:
		return 0, 15
	case k <= I64:
		return -1 << (size - 1), 1<<(size-1) - 1
	}
	return 0, 1<<(size-1)<<1 - 1
}

// common is what two integer kinds hold both.
func common(a, b Kind) (lo int64, hi uint64) {
	lo, hi = rangeOf(a)
	l, h := rangeOf(b)
	return max(lo, l), min(hi, h)
}

// repeated fills 8 bytes with the low size bytes of v.
func repeated(v uint64, size int) uint64 {
	for width := 8 * uint(size); width < 64; width *= 2 {
		v = v&(1<<width-1) | v<<width
	}
	return v
}

// convertFast converts as much of n numbers as a loop does, and returns how many
// that are.
func convertFast(dst, src []byte, d, s Kind, n int, stream bool) int {
	l := &numberLoops[s][d]
	each := 64 / max(d.Size(), s.Size())
	groups := n / each &^ 1
	if active < levelAVX512 || l.run == nil || groups == 0 {
		return 0
	}
	l.run(&dst[0], &src[0], groups, &l.limits, stream)
	return groups * each
}

//go:noescape
func cutI8To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI8To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI8To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI8To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI16To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI16To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI16To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI16To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI32To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI32To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI32To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI32To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI64To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI64To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI64To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutI64To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU8To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU8To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU8To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU8To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU16To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU16To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU16To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU16To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU32To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU32To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU32To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU32To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU64To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU64To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU64To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func cutU64To8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI8ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI8ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI16ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI16ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI32ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI32ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI64ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueI64ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU8ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU8ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU16ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU16ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU32ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU32ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU64ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueU64ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueF32ToF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func valueF64ToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF32To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF32To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitBF16To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitBF16To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF64To1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF64To2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF64To4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF32ToI32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF32ToU32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF32ToI64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF32ToU64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF64ToI64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func fitF64ToU64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func oddF64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func oddI64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func oddU64(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func oddI32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func oddU32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func truth1(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func truth2(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func truth4(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func truth8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func halfToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func f32ToHalf(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func brainToF32(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func f32ToBrain(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func truth16(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func firsts8(dst, src *byte, groups int, limits *limits, stream bool)

//go:noescape
func spread8(dst, src *byte, groups int, limits *limits, stream bool)

func lookupFast(dst, src []byte, t *Table, stream bool) int {
	n := len(src) &^ 63
	if active < levelAVX512 || n == 0 {
		return 0
	}
	table := &t.planes[0]
	switch {
	case t.size == 8:
		gather8AVX512(&dst[0], &src[0], n, &cast.Bytes(t.values[:])[0], stream)
	case t.size == 4 && (active < levelGFNI || !t.high):
		gather4AVX512(&dst[0], &src[0], n, &cast.Bytes(t.values[:])[0], stream)
	case active < levelGFNI:
		return 0
	case t.size == 4:
		lookup4VBMI(&dst[0], &src[0], n, table, stream)
	case t.size == 2:
		lookup2VBMI(&dst[0], &src[0], n, table, stream)
	default:
		lookup1VBMI(&dst[0], &src[0], n, table, stream)
	}
	return n
}

func narrowFast(dst, src []byte, t *Narrowing, stream bool) int {
	n := len(dst) &^ 63
	if active < levelAVX512 || n == 0 {
		return 0
	}
	narrowAVX512(&dst[0], &src[0], n, &t[0], stream)
	return n
}

//go:noescape
func lookup1VBMI(dst, src *byte, n int, table *byte, stream bool)

//go:noescape
func lookup2VBMI(dst, src *byte, n int, table *byte, stream bool)

//go:noescape
func lookup4VBMI(dst, src *byte, n int, table *byte, stream bool)

//go:noescape
func gather4AVX512(dst, src *byte, n int, table *byte, stream bool)

//go:noescape
func gather8AVX512(dst, src *byte, n int, table *byte, stream bool)

//go:noescape
func narrowAVX512(dst, src *byte, n int, table *byte, stream bool)

func spreadFast(dst, src []byte, bits int, signed bool) int {
	n := len(dst) &^ 63
	if active < levelAVX512 || n == 0 {
		return 0
	}
	switch bits {
	case 1:
		spread1AVX512(&dst[0], &src[0], n)
	case 4:
		sign := uint8(0)
		if signed {
			sign = 8
		}
		spread4AVX512(&dst[0], &src[0], n, sign)
	default:
		if active < levelGFNI {
			return 0
		}
		spread6VBMI(&dst[0], &src[0], n)
	}
	return n
}

func joinElemsFast(dst, src []byte, bits int) int {
	n := len(src) &^ 63
	if active < levelAVX512 || n == 0 {
		return 0
	}
	switch bits {
	case 1:
		join1AVX512(&dst[0], &src[0], n)
	case 4:
		join4AVX512(&dst[0], &src[0], n)
	default:
		if active < levelGFNI {
			return 0
		}
		join6VBMI(&dst[0], &src[0], n)
	}
	return n
}

//go:noescape
func spread1AVX512(dst, src *byte, n int)

//go:noescape
func join1AVX512(dst, src *byte, n int)

//go:noescape
func spread4AVX512(dst, src *byte, n int, sign uint8)

//go:noescape
func join4AVX512(dst, src *byte, n int)

//go:noescape
func spread6VBMI(dst, src *byte, n int)

//go:noescape
func join6VBMI(dst, src *byte, n int)
