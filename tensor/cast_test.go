package tensor

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// numericTypes are all dtypes that Cast knows.
var numericTypes = []DType{
	Bool, Bool1, I4, I8, I16, I32, I64, U4, U8, U16, U32, U64, F16, BF16, F32, F64,
	F8E4M3FN, F8E5M2, F8E4M3FNUZ, F8E5M2FNUZ, F8E8M0, F4E2M1, F6E2M3, F6E3M2, C64, C128,
}

// elemWords is the number of 64-bit words that hold one element's bits.
func elemWords(d DType) int { return int(d.Bits+63) / 64 }

// bitsView makes a 1-D view, in C order and host order, of elements given by
// their bits.
func bitsView(t testing.TB, d DType, words []uint64) View {
	t.Helper()
	v, err := Make(d, Shape{int64(len(words) / elemWords(d))})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range words {
		putBits(v.data, d, i, w)
	}
	return v
}

// putBits and getBits access word i of contiguous elements.
func putBits(data []byte, d DType, i int, w uint64) {
	switch d.Bits {
	case 8:
		data[i] = byte(w)
	case 16:
		binary.NativeEndian.PutUint16(data[2*i:], uint16(w))
	case 32:
		binary.NativeEndian.PutUint32(data[4*i:], uint32(w))
	case 64, 128:
		if d == C64 {
			binary.NativeEndian.PutUint32(data[8*i:], uint32(w))
			binary.NativeEndian.PutUint32(data[8*i+4:], uint32(w>>32))
			return
		}
		binary.NativeEndian.PutUint64(data[8*i:], w)
	default:
		for k := range int(d.Bits) {
			at := i*int(d.Bits) + k
			data[at/8] = data[at/8]&^(1<<(at%8)) | byte(w>>k&1)<<(at%8)
		}
	}
}

func getBits(data []byte, d DType, i int) uint64 {
	switch d.Bits {
	case 8:
		return uint64(data[i])
	case 16:
		return uint64(binary.NativeEndian.Uint16(data[2*i:]))
	case 32:
		return uint64(binary.NativeEndian.Uint32(data[4*i:]))
	case 64, 128:
		if d == C64 {
			return uint64(binary.NativeEndian.Uint32(data[8*i:])) | uint64(binary.NativeEndian.Uint32(data[8*i+4:]))<<32
		}
		return binary.NativeEndian.Uint64(data[8*i:])
	}
	var w uint64
	for k := range int(d.Bits) {
		at := i*int(d.Bits) + k
		w |= uint64(data[at/8]>>(at%8)&1) << k
	}
	return w
}

// wordsOf returns the bits of a contiguous 1-D view.
func wordsOf(v View) []uint64 {
	words := make([]uint64, int(v.n)*elemWords(v.dtype))
	for i := range words {
		words[i] = getBits(v.data[v.offset:], v.dtype, i)
	}
	return words
}

// sameBits compares elements, all NaNs of a float type being alike.
func sameBits(d DType, a, b uint64) bool {
	if a == b {
		return true
	}
	switch d {
	case C64:
		return sameBits(F32, a&math.MaxUint32, b&math.MaxUint32) && sameBits(F32, a>>32, b>>32)
	case C128:
		d = F64
	}
	return d.Class == ClassFloat && math.IsNaN(floatOf(d, a)) && math.IsNaN(floatOf(d, b))
}

// floatOf is the value of a float's bits; of a complex word, of its real part.
func floatOf(d DType, w uint64) float64 {
	switch d {
	case F32, C64:
		return float64(math.Float32frombits(uint32(w)))
	case F64, C128:
		return math.Float64frombits(w)
	}
	for _, s := range smallFloats {
		if s.dtype == d {
			return float64(s.decode(uint16(w)))
		}
	}
	panic(d.String())
}

func TestCastEqualsNumPy(t *testing.T) {
	golden := readGolden(t, "casts.gz")
	pairs := 0
	for key, in := range golden {
		from, ok := strings.CutSuffix(key, "/in")
		if !ok {
			continue
		}
		pairs++
		s, d, _ := strings.Cut(from, "/")
		src, err1 := ParseDType(s)
		dst, err2 := ParseDType(d)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		want := golden[from+"/out"]
		v, err := bitsView(t, src, in).Cast(dst)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range wordsOf(v) {
			if !sameBits(dst, w, want[i]) {
				t.Errorf("%s to %s: %#x gives %#x, NumPy %#x", s, d, in[i*len(in)/len(want)], w, want[i])
			}
		}
	}
	if pairs != 25*25 {
		t.Errorf("%d pairs", pairs)
	}
}

// refValue is the exact real part of an element, or what is none.
type refValue struct {
	x         *big.Float // nil: NaN
	inf       bool       // with x's sign
	negative  bool       // the sign of a NaN
	imaginary bool       // the other part is not zero
}

func refRead(d DType, w []uint64) refValue {
	f := new(big.Float).SetPrec(100)
	switch d.Class {
	case ClassBool:
		if w[0] != 0 {
			return refValue{x: f.SetInt64(1)}
		}
		return refValue{x: f}
	case ClassInt:
		shift := 64 - d.Bits
		return refValue{x: f.SetInt64(int64(w[0]<<shift) >> shift)}
	case ClassUint:
		return refValue{x: f.SetUint64(w[0])}
	}
	v := floatOf(d, w[0])
	im := d == C64 && w[0]>>32<<1 != 0 && w[0]>>32 != 1<<31
	im = im || d == C128 && w[1]<<1 != 0
	switch {
	case math.IsNaN(v):
		return refValue{negative: math.Signbit(v), imaginary: im}
	case math.IsInf(v, 0):
		return refValue{x: f.SetInt64(int64(math.Copysign(1, v))), inf: true, imaginary: im}
	}
	return refValue{x: f.SetFloat64(v), imaginary: im}
}

func (v refValue) float() float64 {
	switch {
	case v.x == nil:
		if v.negative {
			return math.Copysign(math.NaN(), -1)
		}
		return math.NaN()
	case v.inf:
		return math.Inf(v.x.Sign())
	}
	f, _ := v.x.Float64()
	return f
}

// refCast is Cast by its documentation, with big numbers.
func refCast(d DType, v refValue) uint64 {
	switch d.Class {
	case ClassBool:
		if v.x == nil || v.x.Sign() != 0 || v.imaginary {
			return 1
		}
		return 0
	case ClassInt, ClassUint:
		if v.x == nil {
			return 0
		}
		lo, hi := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), uint(d.Bits))
		if d.Class == ClassInt {
			hi.Rsh(hi, 1)
			lo.Neg(hi)
		}
		hi.Sub(hi, big.NewInt(1))
		n, _ := v.x.Int(nil)
		switch {
		case v.inf && v.x.Sign() < 0 || n.Cmp(lo) < 0:
			n = lo
		case v.inf || n.Cmp(hi) > 0:
			n = hi
		}
		if n.Sign() < 0 {
			return uint64(n.Int64()) & (1<<(d.Bits-1)<<1 - 1)
		}
		return n.Uint64()
	}
	switch d {
	case F64, C128:
		return math.Float64bits(v.float())
	case F32, C64:
		if v.x == nil || v.inf {
			return uint64(math.Float32bits(float32(v.float())))
		}
		f, _ := v.x.Float32()
		return uint64(math.Float32bits(f))
	}
	for _, s := range smallFloats {
		if s.dtype == d {
			return uint64(refSmall(s, v))
		}
	}
	panic(d.String())
}

func refSmall(s smallFloat, v refValue) uint16 {
	if v.x == nil || v.inf || v.x.Sign() == 0 {
		return s.enc64(v.float())
	}
	at := func(c uint16) *big.Float { return new(big.Float).SetFloat64(float64(s.decode(c))) }
	mag := new(big.Float).Abs(v.x)
	if s.dtype == F8E8M0 {
		switch {
		case v.x.Sign() < 0:
			return 0xff
		case mag.Cmp(at(0)) <= 0:
			return 0
		case mag.Cmp(at(1)) < 0:
			return 1
		}
		c := uint16(1)
		for c < 0xfe && mag.Cmp(at(c+1)) >= 0 {
			c++
		}
		if mag.Cmp(new(big.Float).Mul(at(c), big.NewFloat(1.5))) >= 0 {
			c++
		}
		return c
	}
	sign := uint16(1) << (s.bits - 1)
	finite := func(c uint16) bool { x := float64(s.decode(c)); return !math.IsNaN(x) && !math.IsInf(x, 0) }
	lo := uint16(0)
	for step := sign >> 1; step > 0; step >>= 1 {
		if c := lo + step; finite(c) && at(c).Cmp(mag) <= 0 {
			lo = c
		}
	}
	var next *big.Float
	if hi := lo + 1; hi < sign && finite(hi) {
		next = at(hi)
	} else {
		next = new(big.Float).Sub(at(lo), at(lo-1))
		next.Add(next, at(lo))
	}
	below, above := new(big.Float).Sub(mag, at(lo)), new(big.Float).Sub(next, mag)
	code := lo
	if c := above.Cmp(below); c < 0 || c == 0 && lo&1 == 1 {
		code++
	}
	if code == sign || !finite(code) { // too large
		return s.enc64(math.Inf(v.x.Sign()))
	}
	if v.x.Sign() < 0 && (code != 0 || !strings.HasSuffix(s.name, "fnuz")) {
		code |= sign
	}
	return code
}

// hardWords are n elements of d: limits, ties, and random bits of any size.
func hardWords(r *rand.Rand, d DType, n int) []uint64 {
	mask := uint64(1)<<(min(d.Bits, 64)-1)<<1 - 1
	words := make([]uint64, n*elemWords(d))
	for i := range words {
		w := r.Uint64()
		switch {
		case d.Class == ClassBool:
			w &= 1
		case d.Class == ClassInt || d.Class == ClassUint:
			switch r.IntN(4) {
			case 0:
				w >>= r.IntN(64)
			case 1: // few bits set: near ties
				w = 1<<r.IntN(64) + 1<<r.IntN(64) + uint64(r.IntN(3)) - 1
			case 2:
				w = -uint64(r.IntN(70000))
			}
		case d == F64 || d == C128:
			switch r.IntN(4) {
			case 0:
				w = math.Float64bits(math.Ldexp(float64(r.IntN(1<<14)-1<<13), r.IntN(60)-40))
			case 1:
				w = math.Float64bits(float64(int64(w))) + uint64(r.IntN(3)) - 1
			case 2:
				w = math.Float64bits(math.Ldexp(r.NormFloat64(), r.IntN(100)-50))
			}
		case d == F32 || d == C64:
			f := uint64(math.Float32bits(float32(math.Ldexp(float64(r.IntN(1<<14)-1<<13), r.IntN(60)-40))))
			if r.IntN(2) == 0 {
				w = f | w<<32
			}
		}
		words[i] = w & mask
	}
	return words
}

func TestCastReference(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 60
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, s := range numericTypes {
		words := hardWords(r, s, n)
		src := bitsView(t, s, words)
		k := elemWords(s)
		for _, d := range numericTypes {
			if d == s {
				continue
			}
			v, err := src.Cast(d)
			if err != nil {
				t.Fatal(err)
			}
			past, err := Make(d, src.shape)
			if err != nil {
				t.Fatal(err)
			}
			past.cast(src, true)
			if same, err := Equal(past, v); !same || err != nil {
				t.Fatalf("%v to %v: another result past the cache", s, d)
			}
			got := wordsOf(v)
			for i := range n {
				in := words[i*k : (i+1)*k]
				var want uint64
				if s.Class == ClassComplex && d.Class == ClassComplex {
					// Each part by itself: compare the real one, and the other as its own.
					want = refCast(d, refRead(s, in))
					im := in[len(in)-1]
					if s == C64 {
						im >>= 32
					}
					wantIm := refCast(d, refRead(DType{ClassFloat, 0, s.Bits / 2, 1, s.UnitBytes / 2}, []uint64{im}))
					if d == C64 {
						want |= wantIm << 32
					} else if !sameBits(F64, got[2*i+1], wantIm) {
						t.Fatalf("%v to %v: imaginary %#x gives %#x, want %#x", s, d, in, got[2*i+1], wantIm)
					}
				} else {
					want = refCast(d, refRead(s, in))
					if d == C128 && got[2*i+1] != 0 {
						t.Fatalf("%v to %v: imaginary part %#x", s, d, got[2*i+1])
					}
				}
				if g := got[i*elemWords(d)]; !sameBits(d, g, want) {
					t.Fatalf("%v to %v: %#x (%v) gives %#x, want %#x", s, d, in, refRead(s, in).float(), g, want)
				}
			}
		}
	}
}

// randomLayout copies the 1-D contiguous v into a view of shape s with random
// strides, order and alignment. gaps are filled with noise.
func randomLayout(t *testing.T, r *rand.Rand, v View, s Shape) View {
	t.Helper()
	d := v.dtype
	axes := r.Perm(len(s))
	if d.Packed() { // the last axis stays innermost
		axes = r.Perm(len(s) - 1)
		axes = append(axes, len(s)-1)
	}
	st := make(Strides, len(s))
	step := int64(d.UnitBytes)
	if !d.Packed() {
		step += int64(r.IntN(3)) * int64(r.IntN(2)) * int64(1+r.IntN(int(d.UnitBytes)))
	}
	lo := int64(0)
	for i := len(axes) - 1; i >= 0; i-- {
		a := axes[i]
		st[a] = step
		e := d.extent(s, a)
		step = step*e + int64(r.IntN(2)*r.IntN(20))
		if r.IntN(3) == 0 && !(d.Packed() && a == len(s)-1) {
			lo += st[a] * max(e-1, 0)
			st[a] = -st[a]
		}
	}
	off := lo + int64(r.IntN(2)*r.IntN(9))
	data := make([]byte, off+step+16)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	order := ByteOrder(r.IntN(2))
	dst, err := NewView(data, d, s, st, off, order)
	if err != nil {
		t.Fatal(err)
	}
	src, err := NewView(v.data, d, s, nil, 0, v.order)
	if err != nil {
		t.Fatal(err)
	}
	if err := Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	return dst
}

// TestCastLayouts casts between random strides, orders and alignments and
// expects what the contiguous cast of the same elements gives.
func TestCastLayouts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	shapes := []Shape{{1}, {7}, {64}, {1500}, {3, 5}, {600, 3}, {3, 600}, {40, 50}, {2, 3, 4, 5}, {1, 70, 1, 33}, {5, 1}, {0, 4}}
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		for _, s := range shapes {
			for range 40 {
				sd, dd := numericTypes[r.IntN(len(numericTypes))], numericTypes[r.IntN(len(numericTypes))]
				image, err := Make(sd, s)
				if err != nil {
					t.Fatal(err)
				}
				n, _ := ByteSize(sd, s)
				flat := View{data: image.data, dtype: sd}
				for i := range n {
					flat.data[i] = byte(r.Uint32())
				}
				if sd == Bool {
					for i := range flat.data {
						flat.data[i] &= 1
					}
				}
				src := randomLayout(t, r, image, s)
				blank, err := Make(dd, s)
				if err != nil {
					t.Fatal(err)
				}
				dst := randomLayout(t, r, blank, s)
				before := append([]byte(nil), dst.data...)
				if err := Cast(dst, src); err != nil {
					t.Fatal(err)
				}
				want, err := image.Cast(dd)
				if err != nil {
					t.Fatal(err)
				}
				if same, err := Equal(dst, want); err != nil || !same {
					t.Fatalf("%v %v %v strides %v %v to %v strides %v %v differs (%v)", s, sd, src.offset, src.strides, src.order, dd, dst.strides, dst.order, err)
				}
				// What lies between the elements must not change.
				if err := Copy(dst, blank); err != nil {
					t.Fatal(err)
				}
				if string(before) != string(dst.data) {
					t.Fatalf("%v %v to %v strides %v: wrote beside the elements", s, sd, dd, dst.strides)
				}
			}
		}
	}
}

func TestCastBroadcastSource(t *testing.T) {
	row, err := FromSlice([]float32{0.5, -1.5, 300})
	if err != nil {
		t.Fatal(err)
	}
	wide, err := row.BroadcastTo(Shape{100, 3})
	if err != nil {
		t.Fatal(err)
	}
	v, err := wide.Cast(I8)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if got := v.data[3*i : 3*i+3]; got[0] != 0 || got[1] != 0xff || got[2] != 127 {
			t.Fatalf("row %d is %v", i, got)
		}
	}
	if err := Cast(wide, v); !errors.Is(err, ErrUnsupported) {
		t.Errorf("casting into a broadcast view: %v", err)
	}
}

func TestCastOverlapping(t *testing.T) {
	data := make([]byte, 8*100)
	src, err := NewView(data, F32, Shape{100}, nil, 0, HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := NewView(data, F64, Shape{100}, nil, 0, HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		putBits(data, F32, i, uint64(math.Float32bits(float32(i)/4)))
	}
	if err := Cast(dst, src); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if got := math.Float64frombits(getBits(data, F64, i)); got != float64(i)/4 {
			t.Fatalf("element %d is %v", i, got)
		}
	}
}

func TestCastErrors(t *testing.T) {
	f := bitsView(t, F32, make([]uint64, 4))
	g := bitsView(t, F32, make([]uint64, 5))
	text, err := Make(Text(3), Shape{4})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		err  error
		kind error
		text string
	}{
		{"shape", Cast(g, f), ErrShape, "cast: got (4,), want (5,)"},
		{"from text", Cast(f, text), ErrDType, "cast: got from S3 on S3 (4,), want a numeric dtype"},
		{"to text", Cast(text, f), ErrDType, "cast: got to S3 on S3 (4,), want a numeric dtype"},
	} {
		if !errors.Is(c.err, c.kind) || c.err.Error() != c.text {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
	if _, err := text.Cast(F32); !errors.Is(err, ErrDType) {
		t.Errorf("from text: %v", err)
	}
	if _, err := f.Cast(UTF32(2)); !errors.Is(err, ErrDType) {
		t.Errorf("to text: %v", err)
	}
	if _, err := (View{}).Cast(F32); !errors.Is(err, ErrDType) {
		t.Errorf("zero view: %v", err)
	}
}

func TestCastDoesNotAllocate(t *testing.T) {
	src, err := Make(BF16, Shape{300, 200})
	if err != nil {
		t.Fatal(err)
	}
	turned, err := src.Permute(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := Make(I4, Shape{200, 300})
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(20, func() {
		if err := Cast(dst, turned); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 { // the pool may have been emptied
		t.Errorf("%v allocations", n)
	}
}

// FuzzCast casts arbitrary bits between any two dtypes and compares with exact
// arithmetic.
func FuzzCast(f *testing.F) {
	for i := range numericTypes {
		f.Add(uint8(i), uint8(i*7+3), uint64(0x7ff0000000000001)>>i, uint64(1)<<i)
	}
	f.Fuzz(func(t *testing.T, from, to uint8, w0, w1 uint64) {
		s, d := numericTypes[int(from)%len(numericTypes)], numericTypes[int(to)%len(numericTypes)]
		if s.Class == ClassComplex && d.Class == ClassComplex || s == d {
			return
		}
		mask := uint64(1)<<(min(s.Bits, 64)-1)<<1 - 1
		words := []uint64{w0 & mask, w1 & mask}[:elemWords(s)]
		if s == Bool {
			words[0] &= 1
		}
		v, err := bitsView(t, s, words).Cast(d)
		if err != nil {
			t.Fatal(err)
		}
		want := refCast(d, refRead(s, words))
		if got := wordsOf(v)[0]; !sameBits(d, got, want) {
			t.Fatalf("%v to %v: %#x (%v) gives %#x, want %#x", s, d, words, refRead(s, words).float(), got, want)
		}
		// Widening and coming back keeps every number.
		if back, err := v.Cast(s); err == nil && exactIn(s, d) {
			for i, w := range wordsOf(back) {
				if !sameBits(s, w, words[i]) {
					t.Fatalf("%v to %v and back: %#x gives %#x", s, d, words, w)
				}
			}
		}
	})
}

// exactIn reports whether d holds every value of s, zeros and NaN included.
func exactIn(s, d DType) bool {
	wide := d == F64 || d == C128
	switch s.Class {
	case ClassInt, ClassUint:
		return wide && s.Bits <= 32 || d == I64 && (s.Class == ClassInt || s.Bits < 64)
	case ClassFloat:
		return (wide || d == F32 && s.Bits < 32) && s.Bits > 8
	}
	return false
}
