package main

import (
	"fmt"

	"github.com/tensorfile/tensorfile/gpu/internal/crc"
)

// Bytes that a block takes a turn, and turns to a segment.
const (
	tileBytes = 16 * lanes
	tiles     = crc.Segment / tileBytes
)

func checksums(a *asm) {
	a.raw(`
// Products in the arithmetic of CRC-32C: of the bytes of a remainder with x^32, the
// step from one word to the next, and with x^32 times x^(8*4080), the step from the
// last word of a thread's 16 bytes to its next 16, 4096 bytes on. Then the powers
// x^(8*16*(255-t)) and x^(8*65536*t), for what lies between the threads t.
`)
	var list []uint32
	for _, f := range []uint32{crc.Power(32), crc.Power(32 + 8*(tileBytes-16))} {
		for _, t := range crc.Table(f) {
			list = append(list, t[:]...)
		}
	}
	constants(a, "steps", list)
	list = nil
	for t := range int64(lanes) {
		list = append(list, crc.Power(8*16*(lanes-1-t)))
	}
	constants(a, "behind", list)
	list = nil
	for t := range int64(lanes) {
		list = append(list, crc.Power(8*crc.Segment*t))
	}
	constants(a, "before", list)
	checksumParts(a)
	checksumJoin(a)
}

func constants(a *asm, name string, list []uint32) {
	fmt.Fprintf(a, ".const .align 4 .b32 %s[%d] = {", name, len(list))
	for i, v := range list {
		if i > 0 {
			a.raw(",")
		}
		if i%8 == 0 {
			a.raw("\n\t")
		}
		fmt.Fprintf(a, "0x%08x", v)
	}
	a.raw("\n};\n")
}

// times sets %r to %r*%f: a step for each coefficient.
func times(a *asm) {
	a.ins("mov.b32 %%x, 0")
	for bit := 31; bit >= 0; bit-- {
		a.ins("bfe.s32 %%y, %%r, %d, 1", bit)
		a.ins("and.b32 %%y, %%y, %%f")
		a.ins("xor.b32 %%x, %%x, %%y")
		if bit > 0 {
			a.ins("bfe.s32 %%y, %%f, 0, 1")
			a.ins("and.b32 %%y, %%y, %#x", crc.Poly)
			a.ins("shr.u32 %%f, %%f, 1")
			a.ins("xor.b32 %%f, %%f, %%y")
		}
	}
	a.ins("mov.b32 %%r, %%x")
}

// lookUp sets %r to its product by the table that begins so many bytes into the
// shared ones.
func lookUp(a *asm, at int) {
	for k := range 4 {
		switch k {
		case 0:
			a.ins("and.b32 %%x, %%r, 255")
		case 3:
			a.ins("shr.u32 %%x, %%r, 24")
		default:
			a.ins("bfe.u32 %%x, %%r, %d, 8", 8*k)
		}
		a.ins("mad.lo.u32 %%x, %%x, 4, %%tab")
		a.ins("ld.shared.b32 %%t%d, [%%x+%d]", k, at+1024*k)
	}
	a.ins("xor.b32 %%t0, %%t0, %%t1")
	a.ins("xor.b32 %%t2, %%t2, %%t3")
	a.ins("xor.b32 %%r, %%t0, %%t2")
}

// gathered adds the %r of all threads in thread 0; the others go on at a label.
func gathered(a *asm, other string) {
	for h := 16; h > 0; h /= 2 {
		a.ins("shfl.sync.bfly.b32 %%x, %%r, %d, 31, -1", h)
		a.ins("xor.b32 %%r, %%r, %%x")
	}
	a.ins("and.b32 %%x, %%me, 31")
	a.ins("setp.eq.u32 %%p, %%x, 0")
	a.ins("shr.u32 %%x, %%me, 5")
	a.ins("mad.lo.u32 %%x, %%x, 4, %%sums")
	a.ins("@%%p st.shared.b32 [%%x], %%r")
	a.ins("bar.sync 0")
	a.ins("setp.ne.u32 %%p, %%me, 0")
	a.ins("@%%p bra %s", other)
	for w := 1; w < lanes/32; w++ {
		a.ins("ld.shared.b32 %%x, [%%sums+%d]", 4*w)
		a.ins("xor.b32 %%r, %%r, %%x")
	}
}

func checksumParts(a *asm) {
	a.raw(`
// parts[s] = the remainder of segment s: 64 KiB from base on, which is src down to
// a multiple of 16, with zeros for what is not of the bytes. A block takes 4096
// bytes a turn, 16 each thread, and keeps its tables in shared memory.
`)
	a.entry("crc32c_parts", fmt.Sprintf(".reqntid %d", lanes), "*parts", "*src", "u64 bytes")
	a.ins(".shared .align 4 .b32 tables[%d]", 2048)
	a.ins(".shared .align 4 .b32 sums_[%d]", lanes/32)
	a.regs("pred", "p", "q", "last")
	a.ins(".reg .b32 %%w<4>, %%t<4>")
	a.regs("b32", "x", "y", "r", "f", "me", "tab", "sums", "turn", "at32", "z")
	a.regs("u64", "base", "lead", "end", "segs", "s", "sstep", "o", "o16", "at", "d", "c", "k")
	a.ins("mov.u32 %%me, %%tid.x")
	a.ins("mov.u32 %%tab, tables")
	a.ins("mov.u32 %%sums, sums_")
	a.ins("mov.u64 %%c, steps")
	a.ins("mul.wide.u32 %%k, %%me, 4")
	a.ins("add.u64 %%c, %%c, %%k")
	a.ins("mad.lo.u32 %%at32, %%me, 4, %%tab")
	for i := range 2048 / lanes {
		a.ins("ld.const.b32 %%x, [%%c+%d]", 4*lanes*i)
		a.ins("st.shared.b32 [%%at32+%d], %%x", 4*lanes*i)
	}
	a.ins("bar.sync 0")
	a.ins("and.b64 %%base, %%src, -16")
	a.ins("and.b64 %%lead, %%src, 15")
	a.ins("add.u64 %%end, %%lead, %%bytes")
	a.ins("add.u64 %%segs, %%end, %d", crc.Segment-1)
	a.ins("shr.u64 %%segs, %%segs, %d", log2(crc.Segment))
	a.ins("max.u64 %%segs, %%segs, 1")
	a.ins("mov.u32 %%x, %%nctaid.x")
	a.ins("cvt.u64.u32 %%sstep, %%x")
	a.ins("mov.u32 %%x, %%ctaid.x")
	a.ins("cvt.u64.u32 %%s, %%x")
	a.label("SEGMENT")
	a.ins("setp.ge.u64 %%p, %%s, %%segs")
	a.ins("@%%p bra DONE")
	a.ins("mov.b32 %%r, 0")
	a.ins("mov.u32 %%turn, 0")
	a.ins("shl.b64 %%o, %%s, %d", log2(crc.Segment))
	a.ins("mul.wide.u32 %%k, %%me, 16")
	a.ins("add.u64 %%o, %%o, %%k")
	a.label("TURN")
	a.ins("add.u64 %%at, %%base, %%o")
	a.ins("add.u64 %%o16, %%o, 16")
	a.ins("setp.ge.u64 %%p, %%o, %%lead")
	a.ins("setp.le.and.u64 %%p, %%o16, %%end, %%p")
	a.ins("@!%%p bra EDGE")
	a.ins("ld.global.nc.v4.b32 {%%w0, %%w1, %%w2, %%w3}, [%%at]")
	a.ins("bra WORDS")
	a.label("EDGE")
	for w := range 4 {
		a.ins("mov.b32 %%w%d, 0", w)
		for b := range 4 {
			a.ins("add.u64 %%d, %%o, %d", 4*w+b)
			a.ins("setp.ge.u64 %%q, %%d, %%lead")
			a.ins("setp.lt.and.u64 %%q, %%d, %%end, %%q")
			a.ins("mov.b32 %%z, 0")
			a.ins("@%%q ld.global.nc.u8 %%z, [%%at+%d]", 4*w+b)
			a.ins("shl.b32 %%z, %%z, %d", 8*b)
			a.ins("or.b32 %%w%d, %%w%d, %%z", w, w)
		}
	}
	a.label("WORDS")
	for w := range 3 {
		a.ins("xor.b32 %%r, %%r, %%w%d", w)
		lookUp(a, 0)
	}
	a.ins("xor.b32 %%r, %%r, %%w3")
	a.ins("add.u32 %%turn, %%turn, 1")
	a.ins("setp.eq.u32 %%last, %%turn, %d", tiles)
	a.ins("@%%last bra LAST")
	lookUp(a, 4096)
	a.ins("add.u64 %%o, %%o, %d", tileBytes)
	a.ins("bra TURN")
	a.label("LAST")
	lookUp(a, 0)
	a.note("what threads behind this one hold lies between")
	a.ins("mov.u64 %%c, behind")
	a.ins("mul.wide.u32 %%k, %%me, 4")
	a.ins("add.u64 %%c, %%c, %%k")
	a.ins("ld.const.b32 %%f, [%%c]")
	times(a)
	gathered(a, "NEXT")
	a.ins("shl.b64 %%d, %%s, 2")
	a.ins("add.u64 %%d, %%d, %%parts")
	a.ins("st.global.b32 [%%d], %%r")
	a.label("NEXT")
	a.ins("bar.sync 0")
	a.ins("add.u64 %%s, %%s, %%sstep")
	a.ins("bra SEGMENT")
	a.label("DONE")
	a.end()
}

func checksumJoin(a *asm) {
	a.raw(`
// dst = (the sum over s of parts[s]*x^(8*65536*(count-1-s))) * factor + last. Thread
// t takes every 256th part, counted from the last one.
`)
	a.entry("crc32c_join", fmt.Sprintf(".reqntid %d", lanes), "*dst", "*parts", "u64 count", "u32 factor", "u32 last")
	a.ins(".shared .align 4 .b32 sums_[%d]", lanes/32)
	a.regs("pred", "p")
	a.regs("b32", "x", "y", "r", "f", "me", "sums", "v")
	a.regs("u64", "e", "t", "c", "at")
	a.ins("mov.u32 %%me, %%tid.x")
	a.ins("mov.u32 %%sums, sums_")
	a.ins("cvt.u64.u32 %%t, %%me")
	a.ins("mov.b32 %%r, 0")
	a.ins("setp.ge.u64 %%p, %%t, %%count")
	a.ins("@%%p bra PLACE")
	a.note("e: the highest power of this thread, down to t")
	a.ins("sub.u64 %%e, %%count, 1")
	a.ins("sub.u64 %%e, %%e, %%t")
	a.ins("and.b64 %%e, %%e, -%d", lanes)
	a.ins("add.u64 %%e, %%e, %%t")
	a.label("PART")
	a.ins("mov.b32 %%f, %#x", crc.Power(8*crc.Segment*lanes))
	times(a)
	a.ins("sub.u64 %%at, %%count, 1")
	a.ins("sub.u64 %%at, %%at, %%e")
	a.ins("shl.b64 %%at, %%at, 2")
	a.ins("add.u64 %%at, %%at, %%parts")
	a.ins("ld.global.nc.b32 %%v, [%%at]")
	a.ins("xor.b32 %%r, %%r, %%v")
	a.ins("setp.lt.u64 %%p, %%e, %d", lanes)
	a.ins("sub.u64 %%e, %%e, %d", lanes)
	a.ins("@!%%p bra PART")
	a.label("PLACE")
	a.ins("mov.u64 %%c, before")
	a.ins("mul.wide.u32 %%at, %%me, 4")
	a.ins("add.u64 %%c, %%c, %%at")
	a.ins("ld.const.b32 %%f, [%%c]")
	times(a)
	gathered(a, "DONE")
	a.ins("mov.b32 %%f, %%factor")
	times(a)
	a.ins("xor.b32 %%r, %%r, %%last")
	a.ins("st.global.b32 [%%dst], %%r")
	a.label("DONE")
	a.end()
}
