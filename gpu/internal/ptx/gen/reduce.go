package main

import "fmt"

// What a block adds up, and how: package ptx says the same to its twins.
const (
	segment = 4096 // elements of a block
	lanes   = 256  // threads
)

var reduced = []number{
	{name: "u8", size: 1},
	{name: "i16", size: 2, signed: true},
	{name: "i32", size: 4, signed: true},
	{name: "i64", size: 8, signed: true},
	{name: "f16", size: 2, f32: halfToSingle},
	{name: "bf16", size: 2, f32: func(a *asm) { a.ins("shl.b32 %%y, %%x, 16") }},
	{name: "f32", size: 4, f32: func(a *asm) { a.ins("mov.b32 %%y, %%x") }},
}

func reduces(a *asm) {
	a.raw(`
// dst[row*segments+s] = the sum, the least or the greatest of segment s of a row of
// n elements: 4096 of them, or what is left. Integers are taken as s64, floats as
// f32. Thread t has four lanes, 4t to 4t+3 of 1024; element i of a segment goes to
// lane i%1024, in order, each lane begins with 0. Then a thread adds
// (l0+l1)+(l2+l3), a warp adds lane j+16 to lane j, then j+8, 4, 2 and 1, and of
// the eight warps w+4 to w, then w+2 and w+1. Blocks stand over segments in x and
// over rows in y.
`)
	for _, n := range reduced {
		for _, op := range []string{"sum", "min", "max"} {
			reduce(a, op, n)
		}
	}
}

// An accumulator is the type that a reduction goes on in.
type accumulator struct {
	op    string
	wide  bool // s64, else 32 bits
	float bool // sums of f32; the least and greatest are those of keys in u32
}

func (c accumulator) reg() string {
	if c.wide {
		return "b64"
	}
	return "b32"
}

// first is what it begins with. Keys begin with those of the infinities.
func (c accumulator) first() string {
	switch {
	case c.op == "sum":
		return "0"
	case c.wide && c.op == "min":
		return "0x7fffffffffffffff"
	case c.wide:
		return "-0x8000000000000000"
	case c.op == "min":
		return "0xff800000"
	}
	return "0x007fffff"
}

// join sets d to d and s together.
func (c accumulator) join(a *asm, guard, d, s string) {
	ins := map[bool]string{true: "add.rn.f32", false: "add.s64"}[c.float]
	if c.op != "sum" {
		ins = c.op + map[bool]string{true: ".u32", false: ".s64"}[c.float]
	}
	a.ins("%s%s %%%s, %%%s, %%%s", guard, ins, d, d, s)
}

func reduce(a *asm, op string, n number) {
	c := accumulator{op: op, wide: n.f32 == nil, float: n.f32 != nil}
	words := max(1, n.size) // of four elements
	a.entry("reduce_"+op+"_"+n.name, fmt.Sprintf(".reqntid %d", lanes), "*dst", "*src", "u64 n", "u32 rows")
	a.ins(".shared .align 8 .%s warps[%d]", c.reg(), lanes/32)
	a.regs("pred", "p", "q", "fast", "in")
	a.regs("b32", "x", "y", "m", "t", "lo", "hi", "me", "row", "rowstep", "lane", "warp", "sh")
	a.regs("b16", "h")
	a.regs("u64", "s", "sstep", "segs", "base", "from", "left", "at", "k", "d", "rn")
	a.ins(".reg .%s %%acc<4>, %%v, %%o", c.reg())
	a.ins(".reg .b32 %%w<%d>", 4*words)
	a.ins("mov.u32 %%me, %%tid.x")
	a.ins("and.b32 %%lane, %%me, 31")
	a.ins("shr.u32 %%warp, %%me, 5")
	a.ins("mov.u32 %%sh, warps")
	a.ins("add.u64 %%segs, %%n, %d", segment-1)
	a.ins("shr.u64 %%segs, %%segs, %d", log2(segment))
	a.ins("max.u64 %%segs, %%segs, 1")
	a.ins("mov.u32 %%x, %%nctaid.x")
	a.ins("cvt.u64.u32 %%sstep, %%x")
	a.ins("mov.u32 %%rowstep, %%nctaid.y")
	a.ins("mov.u32 %%row, %%ctaid.y")
	a.label("ROW")
	a.ins("setp.ge.u32 %%p, %%row, %%rows")
	a.ins("@%%p bra DONE")
	a.ins("cvt.u64.u32 %%rn, %%row")
	a.ins("mul.lo.u64 %%base, %%rn, %%n")
	a.ins("mad.lo.u64 %%base, %%base, %d, %%src", n.size)
	a.ins("mul.lo.u64 %%rn, %%rn, %%segs")
	a.ins("mov.u32 %%x, %%ctaid.x")
	a.ins("cvt.u64.u32 %%s, %%x")
	a.label("SEGMENT")
	a.ins("setp.ge.u64 %%p, %%s, %%segs")
	a.ins("@%%p bra NEXT")
	for k := range 4 {
		a.ins("mov.%s %%acc%d, %s", c.reg(), k, c.first())
	}
	a.note("from: of this thread in the segment; left: elements from there on")
	a.ins("shl.b64 %%from, %%s, %d", log2(segment))
	a.ins("sub.u64 %%left, %%n, %%from")
	a.ins("setp.ge.u64 %%fast, %%left, %d", segment)
	a.ins("mul.wide.u32 %%k, %%me, 4")
	a.ins("add.u64 %%from, %%from, %%k")
	a.ins("mad.lo.u64 %%from, %%from, %d, %%base", n.size)
	a.ins("and.b64 %%at, %%base, %d", min(16, 4*n.size)-1)
	a.ins("setp.eq.and.u64 %%fast, %%at, 0, %%fast")
	a.ins("@!%%fast bra SLOW")
	for k := range 4 {
		off := k * 4 * lanes * n.size
		switch n.size {
		case 1:
			a.ins("ld.global.nc.b32 %%w%d, [%%from+%d]", k, off)
		case 2:
			a.ins("ld.global.nc.v2.b32 {%%w%d, %%w%d}, [%%from+%d]", 2*k, 2*k+1, off)
		default:
			for i := 0; i < words; i += 4 {
				w := k*words + i
				a.ins("ld.global.nc.v4.b32 {%%w%d, %%w%d, %%w%d, %%w%d}, [%%from+%d]", w, w+1, w+2, w+3, off+4*i)
			}
		}
	}
	for k := range 4 {
		for e := range 4 {
			sign := map[bool]string{true: "s", false: "u"}[n.signed]
			bit := 8 * n.size * e
			w := k*words + bit/32
			switch bit %= 32; {
			case n.size == 8:
				a.ins("mov.b64 %%v, {%%w%d, %%w%d}", w, w+1)
			case n.size == 4:
				a.ins("mov.b32 %%x, %%w%d", w)
			case bit+8*n.size == 32:
				a.ins("shr.%s32 %%x, %%w%d, %d", sign, w, bit)
			default:
				a.ins("bfe.%s32 %%x, %%w%d, %d, %d", sign, w, bit, 8*n.size)
			}
			operand(a, c, n)
			c.join(a, "", fmt.Sprintf("acc%d", e), "v")
		}
	}
	a.ins("bra TREE")
	a.label("SLOW")
	for k := range 4 {
		for e := range 4 {
			i := k*4*lanes + e
			a.ins("add.u64 %%at, %%k, %d", i)
			a.ins("setp.lt.u64 %%in, %%at, %%left")
			reg, typ := "x", fmt.Sprintf("u%d", 8*n.size)
			if n.signed {
				typ = "s" + typ[1:]
			}
			if n.size == 8 {
				reg = "v"
			}
			a.ins("mov.b%d %%%s, 0", map[bool]int{true: 64, false: 32}[n.size == 8], reg)
			a.ins("@%%in ld.global.nc.%s %%%s, [%%from+%d]", typ, reg, i*n.size)
			operand(a, c, n)
			c.join(a, "@%in ", fmt.Sprintf("acc%d", e), "v")
		}
	}
	a.label("TREE")
	c.join(a, "", "acc0", "acc1")
	c.join(a, "", "acc2", "acc3")
	c.join(a, "", "acc0", "acc2")
	a.ins("mov.%s %%v, %%acc0", c.reg())
	warpTree(a, c, 16)
	a.ins("setp.eq.u32 %%p, %%lane, 0")
	size := map[bool]int{true: 8, false: 4}[c.wide]
	a.ins("mad.lo.u32 %%t, %%warp, %d, %%sh", size)
	a.ins("@%%p st.shared.%s [%%t], %%v", c.reg())
	a.ins("bar.sync 0")
	a.ins("setp.ne.u32 %%p, %%warp, 0")
	a.ins("@%%p bra WAIT")
	a.ins("and.b32 %%t, %%lane, 7")
	a.ins("mad.lo.u32 %%t, %%t, %d, %%sh", size)
	a.ins("ld.shared.%s %%v, [%%t]", c.reg())
	warpTree(a, c, 4)
	a.ins("setp.ne.u32 %%p, %%lane, 0")
	a.ins("@%%p bra WAIT")
	a.ins("add.u64 %%d, %%rn, %%s")
	a.ins("mad.lo.u64 %%d, %%d, %d, %%dst", size)
	if c.float {
		final(a, c)
	}
	a.ins("st.global.%s [%%d], %%v", c.reg())
	a.note("the next segment writes warps again")
	a.label("WAIT")
	a.ins("bar.sync 0")
	a.ins("add.u64 %%s, %%s, %%sstep")
	a.ins("bra SEGMENT")
	a.label("NEXT")
	a.ins("add.u32 %%row, %%row, %%rowstep")
	a.ins("bra ROW")
	a.label("DONE")
	a.end()
}

// operand sets %v to what the element in %x is to the accumulator.
func operand(a *asm, c accumulator, n number) {
	switch {
	case n.size == 8:
	case c.wide && n.signed:
		a.ins("cvt.s64.s32 %%v, %%x")
	case c.wide:
		a.ins("cvt.u64.u32 %%v, %%x")
	default:
		n.f32(a)
		if c.op == "sum" {
			a.ins("mov.b32 %%v, %%y")
			return
		}
		// Keys are in the order of the floats; NaN comes before all, or behind.
		nan := map[string]string{"min": "0", "max": "-1"}[c.op]
		a.ins("shr.s32 %%t, %%y, 31")
		a.ins("or.b32 %%t, %%t, 0x80000000")
		a.ins("xor.b32 %%v, %%y, %%t")
		a.ins("setp.nan.f32 %%q, %%y, %%y")
		a.ins("selp.b32 %%v, %s, %%v, %%q", nan)
	}
}

// final turns %v to the float that is stored: NaN is the quiet one without sign
// and payload.
func final(a *asm, c accumulator) {
	if c.op != "sum" {
		nan := map[string]string{"min": "0", "max": "-1"}[c.op]
		a.ins("setp.eq.s32 %%q, %%v, %s", nan)
		a.ins("shr.s32 %%t, %%v, 31")
		a.ins("not.b32 %%t, %%t")
		a.ins("or.b32 %%t, %%t, 0x80000000")
		a.ins("xor.b32 %%v, %%v, %%t")
	} else {
		a.ins("setp.nan.f32 %%q, %%v, %%v")
	}
	a.ins("selp.b32 %%v, 0x7fc00000, %%v, %%q")
}

// warpTree adds the lanes that lie above, from so far on.
func warpTree(a *asm, c accumulator, from int) {
	for h := from; h > 0; h /= 2 {
		if c.wide {
			a.ins("mov.b64 {%%lo, %%hi}, %%v")
			a.ins("shfl.sync.down.b32 %%lo, %%lo, %d, 31, -1", h)
			a.ins("shfl.sync.down.b32 %%hi, %%hi, %d, 31, -1", h)
			a.ins("mov.b64 %%o, {%%lo, %%hi}")
		} else {
			a.ins("shfl.sync.down.b32 %%o, %%v, %d, 31, -1", h)
		}
		c.join(a, "", "v", "o")
	}
}
