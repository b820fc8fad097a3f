package ptxsim

import (
	"encoding/binary"
	"math"
)

// specials are the registers of the machine (section 10).
var specials = map[string]func(*thread) uint64{
	"%tid.x":    func(t *thread) uint64 { return uint64(t.tid.X) },
	"%tid.y":    func(t *thread) uint64 { return uint64(t.tid.Y) },
	"%tid.z":    func(t *thread) uint64 { return uint64(t.tid.Z) },
	"%ntid.x":   func(t *thread) uint64 { return uint64(t.l.block.X) },
	"%ntid.y":   func(t *thread) uint64 { return uint64(t.l.block.Y) },
	"%ntid.z":   func(t *thread) uint64 { return uint64(t.l.block.Z) },
	"%ctaid.x":  func(t *thread) uint64 { return uint64(t.b.at.X) },
	"%ctaid.y":  func(t *thread) uint64 { return uint64(t.b.at.Y) },
	"%ctaid.z":  func(t *thread) uint64 { return uint64(t.b.at.Z) },
	"%nctaid.x": func(t *thread) uint64 { return uint64(t.l.grid.X) },
	"%nctaid.y": func(t *thread) uint64 { return uint64(t.l.grid.Y) },
	"%nctaid.z": func(t *thread) uint64 { return uint64(t.l.grid.Z) },
	"%laneid":   func(t *thread) uint64 { return uint64(t.n % 32) },
}

// mov copies registers, numbers and addresses of variables, and packs and unpacks
// registers (section 9.7.8, mov).
func (c *compiler) mov() func(*thread) {
	t := c.typ("pred b16 b32 b64 " + words + " " + floats)
	if !c.operands(2) {
		return nil
	}
	d, a := c.ops[0], c.ops[1]
	switch {
	case a.kind == '{' && t.kind == 'b':
		out, from := c.dst(0, t), c.pieces(a, t)
		return func(th *thread) {
			v := uint64(0)
			for i, f := range from {
				v |= f(th) << (i * t.bits / len(from))
			}
			out(th, v)
		}
	case d.kind == '{' && t.kind == 'b':
		c.pieces(d, t)
		in := c.src(1, t)
		n := t.bits / max(len(d.parts), 1)
		piece := typ{'b', n}
		var out []writer
		for _, o := range d.parts {
			out = append(out, c.write(o, piece, piece.fits))
		}
		return func(th *thread) {
			v := in(th)
			for i, w := range out {
				w(th, v>>(i*n)&piece.mask())
			}
		}
	case a.kind == 'v':
		if a.vari.space == spaceParam || t.kind == 'f' || t.bits < 32 {
			c.bad("the address of %s", a.name)
		}
		out, at := c.dst(0, t), uint64(a.vari.at)
		return func(th *thread) { out(th, at) }
	}
	out, in := c.dst(0, t), c.src(1, t)
	return func(th *thread) { out(th, in(th)) }
}

// pieces checks that the registers of a vector make a t, and reads them.
func (c *compiler) pieces(o operand, t typ) []reader {
	n := len(o.parts)
	if n != 2 && n != 4 || t.bits/n < 16 {
		c.bad("a vector of %d parts", n)
		return nil
	}
	piece := typ{'b', t.bits / n}
	var out []reader
	for _, p := range o.parts {
		if p.kind != 'r' {
			c.bad("a part that is no register")
		}
		out = append(out, c.read(p, piece, piece.fits))
	}
	return out
}

func (c *compiler) cvta() func(*thread) {
	c.mod("to")
	c.must("global")
	return c.one(c.typ("u64"), func(_ *thread, a uint64) uint64 { return a })
}

// cvt converts (section 9.7.8, cvt). Integers that become integers lose or repeat
// bits, with .sat they stop at the limits; floats always stop there, NaN becomes 0.
func (c *compiler) cvt() func(*thread) {
	round := c.mod("rn", "rni", "rzi", "rmi", "rpi")
	sat := c.mod("sat") != ""
	names := "u8 s8 " + words + " f16 " + floats
	to, from := c.typ(names), c.typ(names)
	if !c.operands(2) {
		return nil
	}
	d := c.write(c.at(0), to, c.loose(to))
	a := c.read(c.at(1), from, c.loose(from))
	// Registers that are wider than an integer result hold its sign, too.
	fill := ones64
	if c.ops[0].kind == 'r' {
		fill = c.ops[0].typ.mask()
	}
	var wants string
	switch {
	case to.kind == 'f' && (from.kind != 'f' || from.bits > to.bits):
		wants = "rn"
	case to.kind != 'f' && from.kind == 'f':
		wants = "i"
	case to == from && to.kind == 'f' && round != "" && round != "rn" && to.bits > 16:
		wants = "i"
	}
	if (wants == "rn") != (round == "rn") || (wants == "i") != (len(round) == 3) {
		c.bad("a rounding where there is none, or another one")
	}
	if sat && (to.kind == 'f' || from.kind == 'f') {
		c.bad(".sat of floats")
	}
	if from.kind == 'f' {
		return func(th *thread) { d(th, th.fromFloat(to, from, round, a(th))&fill) }
	}
	return func(th *thread) {
		v := from.widen(a(th))
		switch {
		case to.kind == 'f':
			v = th.toFloat(to, from, v)
		case sat:
			v = saturate(to, from, v)
		default:
			v = to.widen(v)
		}
		d(th, v&fill)
	}
}

// loose is which registers cvt takes: of the size or wider.
func (c *compiler) loose(t typ) func(typ) bool {
	return func(o typ) bool { return t.holds(o) && o != pred }
}

func saturate(to, from typ, v uint64) uint64 {
	negative := from.kind == 's' && int64(v) < 0
	switch {
	case to.kind == 'u' && negative:
		return 0
	case to.kind == 'u':
		return min(v, to.mask())
	case negative:
		return uint64(max(int64(v), -1<<(to.bits-1)))
	}
	return min(v, to.mask()>>1)
}

// toFloat is the integer v, rounded to nearest even.
func (t *thread) toFloat(to, from typ, v uint64) uint64 {
	if from.kind == 's' {
		switch to.bits {
		case 16:
			return toHalf(float64(int64(v)))
		case 32:
			return from32(float32(int64(v)))
		}
		return math.Float64bits(float64(int64(v)))
	}
	switch to.bits {
	case 16:
		return toHalf(float64(v))
	case 32:
		return from32(float32(v))
	}
	return math.Float64bits(float64(v))
}

func (t *thread) fromFloat(to, from typ, round string, v uint64) uint64 {
	var x float64
	switch from.bits {
	case 16:
		if x = math.NaN(); !halfNaN(v) {
			x = fromHalf(v)
		}
	case 32:
		x = float64(f32(v))
	default:
		x = f64(v)
	}
	switch round {
	case "rni":
		x = math.RoundToEven(x)
	case "rzi":
		x = math.Trunc(x)
	case "rmi":
		x = math.Floor(x)
	case "rpi":
		x = math.Ceil(x)
	}
	switch {
	case to.kind == 'f' && to.bits == 64:
		return t.double(x)
	case to.kind == 'f' && to.bits == 32:
		return t.single(float32(x))
	case to.kind == 'f' && x != x:
		return uint64(t.l.nan)>>16&0x83ff | 0x7e00
	case to.kind == 'f':
		return toHalf(x)
	case x != x:
		return 0
	case to.kind == 'u':
		switch {
		case x <= 0:
			return 0
		case x >= math.Ldexp(1, to.bits):
			return to.mask()
		}
		return uint64(x)
	}
	limit := math.Ldexp(1, to.bits-1)
	switch {
	case x >= limit:
		return to.mask() >> 1
	case x < -limit:
		return -(uint64(1) << (to.bits - 1))
	}
	return uint64(int64(x))
}

// An access is what ld, st and atom have in common.
type access struct {
	space space
	size  int // bytes in all
	align uint64
	addr  reader
}

// address reads the operand [a]. The space of a variable is checked here.
func (c *compiler) address(o operand, s space, size int) access {
	a := access{space: s, size: size, align: uint64(size)}
	if o.kind != 'm' {
		c.bad("an operand that is no address")
		a.addr = func(*thread) uint64 { return 0 }
		return a
	}
	off := uint64(o.off)
	if o.parts[0].kind == 'v' {
		if o.vari.space != s {
			c.bad("%s lies elsewhere", o.name)
		}
		at := uint64(o.vari.at) + off
		a.addr = func(*thread) uint64 { return at }
		return a
	}
	if s == spaceParam {
		c.bad("a parameter without its name")
	}
	if s == spaceGlobal && o.typ.bits != 64 {
		c.bad("an address of 32 bits")
	}
	r := o.reg
	a.addr = func(t *thread) uint64 { return t.get(r) + off }
	return a
}

func (c *compiler) stateSpace(names ...string) space {
	switch c.must(names...) {
	case "param":
		return spaceParam
	case "shared":
		return spaceShared
	case "const":
		return spaceConst
	}
	return spaceGlobal
}

// vector reads .v2 and .v4, the type, and the registers of operand i.
func (c *compiler) vector(i int) (t typ, parts []operand) {
	n := 1
	switch c.mod("v2", "v4") {
	case "v2":
		n = 2
	case "v4":
		n = 4
	}
	t = c.typ("b8 b16 b32 b64 u8 s8 " + words + " " + floats)
	if n*t.bits > 128 {
		c.bad("more than 128 bits")
	}
	o := c.at(i)
	switch {
	case n == 1 && o.kind != '{':
		parts = []operand{o}
	case n > 1 && o.kind == '{' && len(o.parts) == n:
		parts = o.parts
	default:
		c.bad("registers that are not %d", n)
	}
	return t, parts
}

func (c *compiler) load() func(*thread) {
	s := c.stateSpace("param", "global", "shared", "const")
	if s == spaceGlobal { // hints for the caches
		c.mod("ca", "cg", "cs")
		c.mod("nc")
	}
	t, parts := c.vector(0)
	if !c.operands(2) {
		return nil
	}
	var out []writer
	for _, o := range parts {
		w := c.write(o, t, t.holds)
		out = append(out, w)
	}
	a := c.address(c.ops[1], s, t.size()*len(parts))
	return func(th *thread) {
		b := th.bytes(a, accessRead)
		for _, w := range out {
			if len(b) < t.size() {
				return
			}
			w(th, t.widen(little(b[:t.size()])))
			b = b[t.size():]
		}
	}
}

func (c *compiler) store() func(*thread) {
	s := c.stateSpace("global", "shared")
	if s == spaceGlobal {
		c.mod("wb", "cg", "cs", "wt")
	}
	t, parts := c.vector(1)
	if !c.operands(2) {
		return nil
	}
	var in []reader
	for _, o := range parts {
		in = append(in, c.read(o, t, t.holds))
	}
	a := c.address(c.ops[0], s, t.size()*len(parts))
	return func(th *thread) {
		var v [4]uint64
		for i, f := range in {
			v[i] = f(th)
		}
		b := th.bytes(a, accessWrite)
		for i := range in {
			if len(b) < t.size() {
				return
			}
			putLittle(b[:t.size()], v[i])
			b = b[t.size():]
		}
	}
}

// atom is atom and red on integers.
func (c *compiler) atom() func(*thread) {
	s := c.stateSpace("global", "shared")
	op := c.must("add", "min", "max", "and", "or", "xor", "exch", "cas")
	var t typ
	switch op {
	case "add":
		t = c.typ("u32 s32 u64")
	case "min", "max":
		t = c.typ("u32 s32 u64 s64")
	default:
		t = c.typ("b32 b64")
	}
	want, d := 2, writer(func(*thread, uint64) {})
	at := 0
	if c.root() == "atom" {
		want, at = 3, 1
		d = c.dst(0, t)
	} else if op == "exch" || op == "cas" {
		c.bad("without a result")
	}
	if op == "cas" {
		want++
	}
	if !c.operands(want) {
		return nil
	}
	a := c.address(c.ops[at], s, t.size())
	x, y := c.src(at+1, t), func(*thread) uint64 { return 0 }
	if op == "cas" {
		y = c.src(at+2, t)
	}
	return func(th *thread) {
		b := th.bytes(a, accessAtomic)
		if b == nil {
			return
		}
		old, v := t.widen(little(b)), t.widen(x(th))
		less := v < old
		if t.kind == 's' {
			less = int64(v) < int64(old)
		}
		n := old
		switch op {
		case "add":
			n += v
		case "and":
			n &= v
		case "or":
			n |= v
		case "xor":
			n ^= v
		case "exch":
			n = v
		case "cas":
			if old == v {
				n = y(th)
			}
		default:
			if less == (op == "min") {
				n = v
			}
		}
		putLittle(b, n)
		d(th, old)
	}
}

func little(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func putLittle(b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}
