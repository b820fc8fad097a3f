package ptxsim

import (
	"math"
	"math/bits"
)

const (
	words  = "u16 s16 u32 s32 u64 s64"
	floats = "f32 f64"
)

// rounding wants .rn where f is a float: without it the ISA lets a compiler fuse
// (sections 9.7.3, add, mul).
func (c *compiler) rounding() bool { return c.mod("rn") != "" }

func (c *compiler) arith() func(*thread) {
	root := c.root()
	rn := c.rounding()
	t := c.typ(words + " " + floats)
	if t.kind == 'f' {
		if root == "rem" {
			c.bad("of floats")
		}
		if rn == (root == "min" || root == "max") {
			c.bad("a rounding where there is none, or none where .rn has to be said")
		}
		return c.floatArith(root, t)
	}
	if rn {
		c.bad("a rounding of integers")
	}
	return c.two(t, func(th *thread, a, b uint64) uint64 {
		a, b = t.widen(a), t.widen(b)
		switch root {
		case "add":
			return a + b
		case "sub":
			return a - b
		case "div", "rem":
			if b == 0 {
				th.fault(0, "a division by zero")
				return 0
			}
			return divide(t, a, b, root == "rem")
		}
		less := a < b
		if t.kind == 's' {
			less = int64(a) < int64(b)
		}
		if less == (root == "min") {
			return a
		}
		return b
	})
}

func divide(t typ, a, b uint64, rem bool) uint64 {
	switch {
	case t.kind == 'u' && rem:
		return a % b
	case t.kind == 'u':
		return a / b
	case rem:
		return uint64(int64(a) % int64(b))
	}
	return uint64(int64(a) / int64(b))
}

func (c *compiler) floatArith(root string, t typ) func(*thread) {
	if t.bits == 32 {
		return c.two(t, func(th *thread, x, y uint64) uint64 {
			a, b := f32(x), f32(y)
			switch root {
			case "add":
				a += b
			case "sub":
				a -= b
			case "div":
				a /= b
			default:
				a = float32(minmax(float64(a), float64(b), root == "max"))
			}
			return th.single(a)
		})
	}
	return c.two(t, func(th *thread, x, y uint64) uint64 {
		a, b := f64(x), f64(y)
		switch root {
		case "add":
			a += b
		case "sub":
			a -= b
		case "div":
			a /= b
		default:
			a = minmax(a, b, root == "max")
		}
		return th.double(a)
	})
}

// single and double are the bits of a result, of a NaN those that the program
// chose.
func (t *thread) single(f float32) uint64 {
	if f != f {
		return uint64(t.l.nan)
	}
	return from32(f)
}

func (t *thread) double(f float64) uint64 {
	if f != f {
		return uint64(t.l.nan) << 32
	}
	return math.Float64bits(f)
}

// mul is mul and mad of integers, and mul of floats.
func (c *compiler) mul() func(*thread) {
	mad := c.root() == "mad"
	if !mad && c.rounding() {
		t := c.typ(floats)
		if t.bits == 64 {
			return c.two(t, func(th *thread, a, b uint64) uint64 { return th.double(f64(a) * f64(b)) })
		}
		return c.two(t, func(th *thread, a, b uint64) uint64 { return th.single(f32(a) * f32(b)) })
	}
	part := c.must("lo", "hi", "wide")
	allowed := words
	if part == "wide" {
		allowed = "u16 s16 u32 s32"
	}
	t := c.typ(allowed)
	out := t
	if part == "wide" {
		out.bits *= 2
	}
	n := 3
	if mad {
		n = 4
	}
	if !c.operands(n) {
		return nil
	}
	d, a, b := c.dst(0, out), c.src(1, t), c.src(2, t)
	add := func(*thread) uint64 { return 0 }
	if mad {
		add = c.src(3, out)
	}
	return func(th *thread) {
		d(th, product(t, part, a(th), b(th))+add(th))
	}
}

func product(t typ, part string, a, b uint64) uint64 {
	a, b = t.widen(a), t.widen(b)
	if part != "hi" {
		return a * b
	}
	if t.bits < 64 {
		return uint64(signed(a*b, 64) >> t.bits)
	}
	hi, _ := bits.Mul64(a, b)
	if t.kind == 's' {
		if int64(a) < 0 {
			hi -= b
		}
		if int64(b) < 0 {
			hi -= a
		}
	}
	return hi
}

func (c *compiler) fma() func(*thread) {
	c.must("rn")
	t := c.typ(floats)
	if !c.operands(4) {
		return nil
	}
	d, x, y, z := c.dst(0, t), c.src(1, t), c.src(2, t), c.src(3, t)
	if t.bits == 64 {
		return func(th *thread) { d(th, th.double(math.FMA(f64(x(th)), f64(y(th)), f64(z(th))))) }
	}
	return func(th *thread) { d(th, th.single(fma32(f32(x(th)), f32(y(th)), f32(z(th))))) }
}

func (c *compiler) unary() func(*thread) {
	root := c.root()
	if root == "sqrt" || root == "rcp" {
		c.must("rn")
		t := c.typ(floats)
		if t.bits == 64 {
			return c.one(t, func(th *thread, a uint64) uint64 {
				if root == "rcp" {
					return th.double(1 / f64(a))
				}
				return th.double(math.Sqrt(f64(a)))
			})
		}
		return c.one(t, func(th *thread, a uint64) uint64 {
			if root == "rcp" {
				return th.single(1 / f32(a))
			}
			return th.single(float32(math.Sqrt(float64(f32(a)))))
		})
	}
	t := c.typ("s16 s32 s64 " + floats)
	if t.kind == 'f' {
		sign := uint64(1) << (t.bits - 1)
		return c.one(t, func(th *thread, a uint64) uint64 {
			if t.bits == 32 && f32(a) != f32(a) {
				return uint64(th.l.nan)
			}
			if t.bits == 64 && f64(a) != f64(a) {
				return uint64(th.l.nan) << 32
			}
			if root == "abs" {
				return a &^ sign
			}
			return a ^ sign
		})
	}
	return c.one(t, func(_ *thread, a uint64) uint64 {
		if v := signed(a, t.bits); root == "abs" && v >= 0 {
			return a
		}
		return -a
	})
}

func (c *compiler) logic() func(*thread) {
	root := c.root()
	t := c.typ("pred b16 b32 b64")
	if root == "not" {
		return c.one(t, func(_ *thread, a uint64) uint64 { return ^a })
	}
	return c.two(t, func(_ *thread, a, b uint64) uint64 {
		switch root {
		case "and":
			return a & b
		case "or":
			return a | b
		}
		return a ^ b
	})
}

// shift: amounts are u32 and those beyond the width shift everything out.
func (c *compiler) shift() func(*thread) {
	left := c.root() == "shl"
	allowed := "b16 b32 b64"
	if !left {
		allowed += " " + words
	}
	t := c.typ(allowed)
	if !c.operands(3) {
		return nil
	}
	d, a, n := c.dst(0, t), c.src(1, t), c.src(2, typ{'u', 32})
	return func(th *thread) {
		v, by := t.widen(a(th)), n(th)
		switch {
		case left:
			v <<= by
		case t.kind == 's':
			v = uint64(int64(v) >> by)
		default:
			v >>= by
		}
		d(th, v)
	}
}

func (c *compiler) funnel() func(*thread) {
	left := c.must("l", "r") == "l"
	wrap := c.must("wrap", "clamp") == "wrap"
	t := c.typ("b32")
	if !c.operands(4) {
		return nil
	}
	d, lo, hi, n := c.dst(0, t), c.src(1, t), c.src(2, t), c.src(3, typ{'u', 32})
	return func(th *thread) {
		by := min(n(th), 32)
		if wrap {
			by = n(th) & 31
		}
		v := hi(th)<<32 | lo(th)
		if left {
			d(th, v<<by>>32)
		} else {
			d(th, v>>by)
		}
	}
}

func (c *compiler) count() func(*thread) {
	root := c.root()
	t := c.typ("b32 b64")
	if !c.operands(2) {
		return nil
	}
	out := typ{'u', 32}
	if root == "brev" {
		out = t
	}
	d, a := c.dst(0, out), c.src(1, t)
	return func(th *thread) {
		switch v := a(th); root {
		case "popc":
			d(th, uint64(bits.OnesCount64(v)))
		case "clz":
			d(th, uint64(bits.LeadingZeros64(v)-(64-t.bits)))
		default:
			d(th, bits.Reverse64(v)>>(64-t.bits))
		}
	}
}

// field is bfe and bfi: places and lengths are their low 8 bits.
func (c *compiler) field() func(*thread) {
	u32 := typ{'u', 32}
	if c.root() == "bfi" {
		t := c.typ("b32 b64")
		if !c.operands(5) {
			return nil
		}
		f, a, b, pos, n := c.dst(0, t), c.src(1, t), c.src(2, t), c.src(3, u32), c.src(4, u32)
		return func(th *thread) {
			at, mask := pos(th)&0xff, ones64>>(64-min(n(th)&0xff, 64))
			if n(th)&0xff == 0 {
				mask = 0
			}
			f(th, b(th)&^(mask<<at)|(a(th)&mask)<<at)
		}
	}
	t := c.typ("u32 s32 u64 s64")
	if !c.operands(4) {
		return nil
	}
	d, a, pos, n := c.dst(0, t), c.src(1, t), c.src(2, u32), c.src(3, u32)
	return func(th *thread) {
		at, length := pos(th)&0xff, n(th)&0xff
		v := t.widen(a(th))
		if length == 0 {
			d(th, 0)
			return
		}
		if t.kind == 'u' {
			d(th, v>>at&(ones64>>(64-min(length, 64))))
			return
		}
		// The sign is that of the highest bit that is there.
		v = uint64(int64(v) >> min(at, 63))
		d(th, uint64(signed(v, int(min(length, 64)))))
	}
}

func (c *compiler) permute() func(*thread) {
	t := c.typ("b32") // the mode without a name
	if !c.operands(4) {
		return nil
	}
	d, a, b, sel := c.dst(0, t), c.src(1, t), c.src(2, t), c.src(3, t)
	return func(th *thread) {
		all, s, out := a(th)|b(th)<<32, sel(th), uint64(0)
		for i := range 4 {
			k := s >> (4 * i) & 15
			v := all >> (8 * (k & 7)) & 0xff
			if k&8 != 0 {
				v = uint64(int8(v)>>7) & 0xff
			}
			out |= v << (8 * i)
		}
		d(th, out)
	}
}

func (c *compiler) lop3() func(*thread) {
	t := c.typ("b32")
	if !c.operands(5) {
		return nil
	}
	d, x, y, z := c.dst(0, t), c.src(1, t), c.src(2, t), c.src(3, t)
	if c.ops[4].kind != 'i' || c.ops[4].bits > 255 {
		c.bad("a table that is no number from 0 to 255")
	}
	lut := c.ops[4].bits
	return func(th *thread) {
		a, b, e, out := x(th), y(th), z(th), uint64(0)
		for i := range 32 {
			k := a>>i&1<<2 | b>>i&1<<1 | e>>i&1
			out |= lut >> k & 1 << i
		}
		d(th, out)
	}
}

var comparisons = []string{"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"}

func (c *compiler) setp() func(*thread) {
	cmp := c.must(comparisons...)
	join := c.mod("and", "or", "xor")
	t := c.typ("b16 b32 b64 " + words + " " + floats)
	n := 3
	if join != "" {
		n = 4
	}
	if !c.operands(n) {
		return nil
	}
	var d, q writer
	if o := c.ops[0]; o.kind == '|' {
		d, q = c.write(o.parts[0], pred, pred.fits), c.write(o.parts[1], pred, pred.fits)
	} else {
		d = c.dst(0, pred)
	}
	a, b := c.src(1, t), c.src(2, t)
	and := func(*thread) uint64 { return 1 }
	if join != "" {
		and = c.src(3, pred)
	}
	holds := c.comparison(cmp, t)
	return func(th *thread) {
		yes := holds(a(th), b(th))
		x, y, k := bit(yes), bit(!yes), and(th)
		switch join {
		case "or":
			x, y = x|k, y|k
		case "xor":
			x, y = x^k, y^k
		default:
			x, y = x&k, y&k
		}
		d(th, x)
		if q != nil {
			q(th, y)
		}
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// comparison checks that cmp goes with t (section 9.3).
func (c *compiler) comparison(cmp string, t typ) func(a, b uint64) bool {
	if t.kind == 'f' {
		value := func(v uint64) float64 { return f64(v) }
		if t.bits == 32 {
			value = func(v uint64) float64 { return float64(f32(v)) }
		}
		base, unordered := cmp, false
		if len(cmp) == 3 && cmp[2] == 'u' {
			base, unordered = cmp[:2], true
		}
		if base == "lo" || base == "ls" || base == "hi" || base == "hs" {
			c.bad("of floats")
		}
		return func(x, y uint64) bool {
			a, b := value(x), value(y)
			nan := a != a || b != b
			switch base {
			case "num":
				return !nan
			case "nan":
				return nan
			}
			if nan {
				return unordered
			}
			return ordered(base, a < b, a == b)
		}
	}
	// lo, ls, hi and hs are the unsigned ones under names of their own.
	base, own := cmp, false
	switch cmp {
	case "lo", "ls", "hi", "hs":
		base, own = map[string]string{"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}[cmp], true
	case "eq", "ne":
	case "lt", "le", "gt", "ge":
		if t.kind == 'b' {
			c.bad("of bits")
		}
	default:
		c.bad("of integers")
	}
	if own && t.kind != 'u' {
		c.bad("of what is not unsigned")
	}
	return func(a, b uint64) bool {
		a, b = t.widen(a), t.widen(b)
		less := a < b
		if t.kind == 's' {
			less = int64(a) < int64(b)
		}
		return ordered(base, less, a == b)
	}
}

func ordered(cmp string, less, equal bool) bool {
	switch cmp {
	case "eq":
		return equal
	case "ne":
		return !equal
	case "lt":
		return less
	case "le":
		return less || equal
	case "gt":
		return !less && !equal
	}
	return !less // ge
}

func (c *compiler) selp() func(*thread) {
	t := c.typ("b16 b32 b64 " + words + " " + floats)
	if !c.operands(4) {
		return nil
	}
	d, a, b, p := c.dst(0, t), c.src(1, t), c.src(2, t), c.src(3, pred)
	return func(th *thread) {
		x, y := a(th), b(th)
		if p(th) == 0 {
			x = y
		}
		d(th, x)
	}
}
