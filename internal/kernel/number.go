package kernel

import (
	"math"
	"math/bits"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// Kind names a type of numbers.
type Kind uint8

// The kinds that Convert converts from and to; those to only; and those that it
// knows beside one other kind.
const (
	I8 Kind = iota
	I16
	I32
	I64
	U8
	U16
	U32
	U64
	F32
	F64

	Bool  // a byte, 0 or 1
	I4    // a byte, -8 to 7
	U4    // a byte, 0 to 15
	Odd32 // float32 bits rounded to odd: to F16 and BF16, as F32

	F16  // to and from F32
	BF16 // to and from F32, to integers of 8 and 16 bits, I4 and U4
	C64  // to and from F32, to Bool
	C128 // to and from F64, to Bool

	kinds = iota
)

var kindSizes = [kinds]int{1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 1, 1, 1, 4, 2, 2, 8, 16}

// Size is the number of bytes of one number.
func (k Kind) Size() int { return kindSizes[k] }

// Convert converts numbers, in the order of the machine, at addresses that suit
// their types. dst and src hold as many. Integers become the nearest limit where
// they do not fit; floats lose their fraction before that, NaN becomes 0; what
// becomes a float is rounded to nearest even, once; Bool is what is not zero. The
// real part of a complex number stays; it is true if any part is not zero.
//
// stream asks for stores past the cache: Fence has to follow the last of them.
func Convert(dst, src []byte, d, s Kind, stream bool) {
	sizeD, sizeS := d.Size(), s.Size()
	n := len(dst) / sizeD
	need(len(dst) == n*sizeD && len(src) == n*sizeS, badLength)
	loop := goLoops[s][d]
	need(loop != nil, "no conversion of these kinds")
	i := 0
	if stream {
		// Up to the first line of the cache by hand.
		if i = -lineOffset(dst) & 63 / sizeD; i > 0 && i < n {
			loop(dst[:i*sizeD], src[:i*sizeS], false)
		} else {
			i = 0
		}
		stream = lineOffset(dst[i*sizeD:]) == 0
	}
	i += convertFast(dst[i*sizeD:], src[i*sizeS:], d, s, n-i, stream)
	if i < n {
		loop(dst[i*sizeD:], src[i*sizeS:], stream)
	}
}

// Converts reports whether Convert knows the way from s to d.
func Converts(d, s Kind) bool { return goLoops[s][d] != nil }

// Fence ends a row of streaming stores: what is stored after it comes later for
// other processors, too.
func Fence() { fence() }

// RoundToOdd32 returns the bits of x rounded to odd as a float32: x itself if it
// fits, else the one of its two neighbours whose last bit is set. Values past
// the largest float32 become that one.
func RoundToOdd32[F float32 | float64](x F) uint32 {
	f := float32(x)
	b := math.Float32bits(f)
	g := F(f)
	if g == x || x != x {
		return b
	}
	// f was rounded up in magnitude if it lies beyond x on x's side of zero.
	if (g > x) == (x > 0) {
		b--
	}
	return b | 1
}

// oddSigned and oddUnsigned are RoundToOdd32 for integers: bits below those that
// a float64 holds leave their trace in its last one.
func oddSigned(x int64) uint32 {
	if x < 0 {
		return oddUnsigned(-uint64(x)) | 1<<31
	}
	return oddUnsigned(uint64(x))
}

func oddUnsigned(x uint64) uint32 { return RoundToOdd32(float64(stick53(x))) }

// stick53 makes x fit a float64 such that rounding that further is as rounding
// x: bits cut off set the last one kept.
func stick53(x uint64) uint64 {
	if x>>53 != 0 && x&0x7ff != 0 {
		x = x&^0x7ff | 0x800
	}
	return x
}

type signed interface{ int8 | int16 | int32 | int64 }
type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}
type integer interface{ signed | unsigned }
type float interface{ float32 | float64 }

// typed returns two slices of one length.
func typed[D, S cast.Plain](dst, src []byte) ([]D, []S) {
	d, ok1 := cast.Slice[D](dst)
	s, ok2 := cast.Slice[S](src)
	need(ok1 && ok2, "an address that does not suit the type")
	return d, s[:len(d)]
}

// A loop converts len(dst) bytes worth of numbers. Those in Go alone store as they
// are.
type loop = func(dst, src []byte, stream bool)

// goLoops are the loops in Go, by source and target.
var goLoops = func() (t [kinds][kinds]loop) {
	fromSigned[int8](&t[I8])
	fromSigned[int16](&t[I16])
	fromSigned[int32](&t[I32])
	fromSigned[int64](&t[I64])
	fromUnsigned[uint8](&t[U8])
	fromUnsigned[uint16](&t[U16])
	fromUnsigned[uint32](&t[U32])
	fromUnsigned[uint64](&t[U64])
	fromFloat[float32](&t[F32])
	fromFloat[float64](&t[F64])
	t[F64][Odd32] = floatToOdd
	t[F32][C64], t[F64][C128] = fromReal[float32], fromReal[float64]
	t[C64][F32], t[C128][F64] = realPart[float32], realPart[float64]
	t[C64][Bool], t[C128][Bool] = eitherNonzero[float32], eitherNonzero[float64]
	t[U8][F32] = func(dst, src []byte, stream bool) {
		d, s := typed[float32, uint8](dst, src)
		U8ToF32(d, s, stream)
	}
	t[I16][F32] = func(dst, src []byte, stream bool) {
		d, s := typed[float32, int16](dst, src)
		I16ToF32(d, s, stream)
	}
	t[F32][U8] = func(dst, src []byte, _ bool) { F32ToU8(typed[uint8, float32](dst, src)) }
	t[F32][I16] = func(dst, src []byte, _ bool) { F32ToI16(typed[int16, float32](dst, src)) }
	t[F16][F32] = func(dst, src []byte, stream bool) {
		d, s := typed[float32, uint16](dst, src)
		F16ToF32(d, s, stream)
	}
	t[BF16][F32] = func(dst, src []byte, stream bool) {
		d, s := typed[float32, uint16](dst, src)
		BF16ToF32(d, s, stream)
	}
	t[BF16][I8] = func(dst, src []byte, _ bool) { brainTo[int8](dst, src, math.MinInt8, math.MaxInt8) }
	t[BF16][U8] = func(dst, src []byte, _ bool) { brainTo[uint8](dst, src, 0, math.MaxUint8) }
	t[BF16][I4] = func(dst, src []byte, _ bool) { brainTo[int8](dst, src, -8, 7) }
	t[BF16][U4] = func(dst, src []byte, _ bool) { brainTo[uint8](dst, src, 0, 15) }
	t[BF16][I16] = func(dst, src []byte, _ bool) { brainTo[int16](dst, src, math.MinInt16, math.MaxInt16) }
	t[BF16][U16] = func(dst, src []byte, _ bool) { brainTo[uint16](dst, src, 0, math.MaxUint16) }
	t[F32][F16] = func(dst, src []byte, stream bool) {
		d, s := typed[uint16, float32](dst, src)
		F32ToF16(d, s, stream)
	}
	t[F32][BF16] = func(dst, src []byte, stream bool) {
		d, s := typed[uint16, float32](dst, src)
		F32ToBF16(d, s, stream)
	}
	t[Odd32][F16], t[Odd32][BF16] = t[F32][F16], t[F32][BF16]
	if bits.UintSize == 32 {
		t[I64][F32], t[U64][F32] = signedToFloat32, unsignedToFloat32
	}
	return t
}()

func fromSigned[S signed](t *[kinds]loop) {
	fromInteger[S](t)
	t[Odd32] = func(dst, src []byte, _ bool) {
		d, s := typed[uint32, S](dst, src)
		for i, v := range s {
			if x := int64(v); uint64(x+1<<53) <= 1<<54 {
				d[i] = RoundToOdd32(float64(x))
			} else {
				d[i] = oddSigned(x)
			}
		}
	}
}

func fromUnsigned[S unsigned](t *[kinds]loop) {
	fromInteger[S](t)
	t[Odd32] = func(dst, src []byte, _ bool) {
		d, s := typed[uint32, S](dst, src)
		for i, v := range s {
			d[i] = oddUnsigned(uint64(v))
		}
	}
}

func fromInteger[S integer](t *[kinds]loop) {
	t[I8], t[I16], t[I32], t[I64] = clamp[int8, S], clamp[int16, S], clamp[int32, S], clamp[int64, S]
	t[U8], t[U16], t[U32], t[U64] = clamp[uint8, S], clamp[uint16, S], clamp[uint32, S], clamp[uint64, S]
	t[I4] = func(dst, src []byte, _ bool) { clampTo[int8, S](dst, src, -8, 7) }
	t[U4] = func(dst, src []byte, _ bool) { clampTo[uint8, S](dst, src, 0, 15) }
	t[F32], t[F64], t[Bool] = toFloat[float32, S], toFloat[float64, S], nonzero[S]
}

func fromFloat[S float](t *[kinds]loop) {
	t[I8], t[I16], t[I32], t[I64] = truncate[int8, S], truncate[int16, S], truncate[int32, S], truncate[int64, S]
	t[U8], t[U16], t[U32], t[U64] = truncate[uint8, S], truncate[uint16, S], truncate[uint32, S], truncate[uint64, S]
	t[I4] = func(dst, src []byte, _ bool) { truncateTo[int8, S](dst, src, -8, 7) }
	t[U4] = func(dst, src []byte, _ bool) { truncateTo[uint8, S](dst, src, 0, 15) }
	t[F32], t[F64], t[Bool] = toFloat[float32, S], toFloat[float64, S], nonzero[S]
}

// limitsOf returns the smallest and largest value of T.
func limitsOf[T integer]() (lo int64, hi uint64) {
	var zero T
	size := 8 * uint(cast.SizeOf[T]())
	if zero-1 < 0 {
		return -1 << (size - 1), 1<<(size-1) - 1
	}
	return 0, 1<<(size-1)<<1 - 1
}

func clamp[D, S integer](dst, src []byte, _ bool) {
	lo, hi := limitsOf[D]()
	clampTo[D, S](dst, src, lo, hi)
}

// clampTo goes by 64-bit integers: those need no branches.
func clampTo[D, S integer](dst, src []byte, lo int64, hi uint64) {
	d, s := typed[D, S](dst, src)
	loS, hiS := limitsOf[S]()
	switch {
	case lo <= loS && hi >= hiS:
		for i, v := range s {
			d[i] = D(v)
		}
	case hiS == math.MaxUint64:
		for i, v := range s {
			d[i] = D(min(uint64(v), hi))
		}
	default:
		hi := int64(min(hi, math.MaxInt64))
		for i, v := range s {
			d[i] = D(min(max(int64(v), lo), hi))
		}
	}
}

func truncate[D integer, S float](dst, src []byte, _ bool) {
	lo, hi := limitsOf[D]()
	truncateTo[D, S](dst, src, lo, hi)
}

// truncateTo cuts fractions off, then clamps; NaN becomes 0.
func truncateTo[D integer, S float](dst, src []byte, least int64, most uint64) {
	d, s := typed[D, S](dst, src)
	if most>>32 == 0 {
		// By way of int64, where clamping takes no branches.
		lo, hi := least, int64(most)
		for i, v := range s {
			if v < 1<<62 && v > -1<<62 {
				d[i] = D(min(max(int64(v), lo), hi))
			} else {
				d[i] = saturate[D](v, least, most)
			}
		}
		return
	}
	// Between these, both excluded, truncation ends inside D. Where S cannot
	// tell least-1 from least, least itself is left to the other branch.
	lo, hi := S(least)-1, S(most/2+1)*2
	for i, v := range s {
		if v > lo && v < hi {
			d[i] = D(v)
		} else {
			d[i] = saturate[D](v, least, most)
		}
	}
}

// saturate is for what lies outside D, and NaN.
func saturate[D integer, S float](v S, least int64, most uint64) D {
	switch {
	case v < 0:
		return D(least)
	case v > 0:
		return D(most)
	}
	return 0
}

func toFloat[D float, S integer | float](dst, src []byte, _ bool) {
	d, s := typed[D, S](dst, src)
	for i, v := range s {
		d[i] = D(v)
	}
}

// signedToFloat32 and unsignedToFloat32 are for processors without 64-bit
// integers, where Go's own conversion to float32 does not always round to
// nearest (seen with GOARCH=386).
func signedToFloat32(dst, src []byte, _ bool) {
	d, s := typed[float32, int64](dst, src)
	for i, v := range s {
		if v < 0 {
			d[i] = -float32(float64(stick53(-uint64(v))))
		} else {
			d[i] = float32(float64(stick53(uint64(v))))
		}
	}
}

func unsignedToFloat32(dst, src []byte, _ bool) {
	d, s := typed[float32, uint64](dst, src)
	for i, v := range s {
		d[i] = float32(float64(stick53(v)))
	}
}

func nonzero[S integer | float](dst, src []byte, _ bool) {
	d, s := typed[uint8, S](dst, src)
	for i, v := range s {
		var b uint8
		if v != 0 {
			b = 1
		}
		d[i] = b
	}
}

func floatToOdd(dst, src []byte, _ bool) {
	const low, rebias = 1<<29 - 1, (1023 - 127) << 23
	d, s := typed[uint32, uint64](dst, src)
	for i, b := range s {
		if e := b >> 52 & 0x7ff; e-(1023-126) < 254 { // a normal float32
			d[i] = uint32(b>>63)<<31 | uint32(b<<1>>30-rebias) | uint32((b&low+low)>>29)
		} else {
			d[i] = RoundToOdd32(math.Float64frombits(b))
		}
	}
}

// Complex numbers are pairs.
func fromReal[T float](dst, src []byte, _ bool) {
	s, _ := typed[T, T](src, src)
	d, _ := typed[T, T](dst, dst)
	for i, v := range s {
		d[2*i], d[2*i+1] = v, 0
	}
}

func realPart[T float](dst, src []byte, _ bool) {
	d, _ := typed[T, T](dst, dst)
	s, _ := typed[T, T](src, src)
	for i := range d {
		d[i] = s[2*i]
	}
}

func eitherNonzero[T float](dst, src []byte, _ bool) {
	s, _ := typed[T, T](src, src)
	for i := range dst {
		dst[i] = 0
		if s[2*i] != 0 || s[2*i+1] != 0 {
			dst[i] = 1
		}
	}
}

// brainTo goes by float32.
func brainTo[D integer](dst, src []byte, least int64, most uint64) {
	d, s := typed[D, uint16](dst, src)
	var values [256]float32
	for len(s) > 0 {
		n := min(len(s), len(values))
		bf16ToF32Go(values[:n], s)
		truncateTo[D, float32](cast.Bytes(d[:n]), cast.Bytes(values[:n]), least, most)
		d, s = d[n:], s[n:]
	}
}
