package main

import "fmt"

func transposes(a *asm) {
	a.raw(`
// dst[b][c][r] = src[b][r][c], for r below rows and c below cols. A block takes
// squares of 32 by 32 through shared memory, so that both sides are read and
// written along their rows; the odd width keeps columns of it in banks of their own.
`)
	for _, size := range []int{1, 2, 4, 8} {
		transpose(a, size)
	}
}

func transpose(a *asm, size int) {
	typ := fmt.Sprintf("b%d", 8*size)
	reg := map[int]string{1: "b16", 2: "b16", 4: "b32", 8: "b64"}[size]
	a.entry(fmt.Sprintf("transpose_%d", size), ".reqntid 32, 8", "*dst", "*src", "u64 rows", "u64 cols", "u32 batch")
	a.ins(".shared .align %d .%s tile[%d]", size, typ, 32*33)
	a.ins(".reg .%s %%v<4>", reg)
	a.ins(".reg .pred %%in<4>")
	a.regs("pred", "p", "q")
	a.regs("u32", "x", "y", "t", "into", "outof", "b", "bs")
	a.regs("u64", "tx", "ty", "r0", "c0", "rstep", "cstep", "rfirst", "cfirst", "r", "c", "at", "plane", "s", "d")
	a.ins("mov.u32 %%x, %%tid.x")
	a.ins("mov.u32 %%y, %%tid.y")
	a.ins("cvt.u64.u32 %%tx, %%x")
	a.ins("cvt.u64.u32 %%ty, %%y")
	a.note("places in the tile: row y, column x; and row x, column y")
	a.ins("mov.u32 %%t, tile")
	a.ins("mad.lo.u32 %%into, %%y, 33, %%x")
	a.ins("mad.lo.u32 %%into, %%into, %d, %%t", size)
	a.ins("mad.lo.u32 %%outof, %%x, 33, %%y")
	a.ins("mad.lo.u32 %%outof, %%outof, %d, %%t", size)
	for _, axis := range [][3]string{{"c", "x", "32"}, {"r", "y", "32"}} {
		a.ins("mov.u32 %%t, %%ctaid.%s", axis[1])
		a.ins("mul.wide.u32 %%%sfirst, %%t, %s", axis[0], axis[2])
		a.ins("mov.u32 %%t, %%nctaid.%s", axis[1])
		a.ins("mul.wide.u32 %%%sstep, %%t, %s", axis[0], axis[2])
	}
	a.ins("mul.lo.u64 %%plane, %%rows, %%cols")
	a.ins("mov.u32 %%b, %%ctaid.z")
	a.ins("mov.u32 %%bs, %%nctaid.z")
	a.label("BATCH")
	a.ins("setp.ge.u32 %%p, %%b, %%batch")
	a.ins("@%%p bra DONE")
	a.ins("cvt.u64.u32 %%at, %%b")
	a.ins("mul.lo.u64 %%at, %%at, %%plane")
	a.ins("shl.b64 %%at, %%at, %d", log2(size))
	a.ins("add.u64 %%s, %%src, %%at")
	a.ins("add.u64 %%d, %%dst, %%at")
	a.ins("mov.u64 %%r0, %%rfirst")
	a.label("ROWS")
	a.ins("setp.ge.u64 %%p, %%r0, %%rows")
	a.ins("@%%p bra NEXT")
	a.ins("mov.u64 %%c0, %%cfirst")
	a.label("COLS")
	a.ins("setp.ge.u64 %%p, %%c0, %%cols")
	a.ins("@%%p bra DOWN")
	a.ins("add.u64 %%r, %%r0, %%ty")
	a.ins("add.u64 %%c, %%c0, %%tx")
	tile(a, size, typ, "r", "c", "rows", "cols", true)
	a.ins("bar.sync 0")
	a.ins("add.u64 %%c, %%c0, %%ty")
	a.ins("add.u64 %%r, %%r0, %%tx")
	tile(a, size, typ, "c", "r", "cols", "rows", false)
	a.ins("bar.sync 0")
	a.ins("add.u64 %%c0, %%c0, %%cstep")
	a.ins("bra COLS")
	a.label("DOWN")
	a.ins("add.u64 %%r0, %%r0, %%rstep")
	a.ins("bra ROWS")
	a.label("NEXT")
	a.ins("add.u32 %%b, %%b, %%bs")
	a.ins("bra BATCH")
	a.label("DONE")
	a.end()
}

// tile moves a thread's four elements, eight lines apart, between a matrix and the
// tile: line and place in it are registers, of lines and places.
func tile(a *asm, size int, typ, line, place, lines, places string, load bool) {
	a.ins("setp.lt.u64 %%q, %%%s, %%%s", place, places)
	for j := range 4 {
		if j > 0 {
			a.ins("add.u64 %%%s, %%%s, 8", line, line)
		}
		a.ins("setp.lt.and.u64 %%in%d, %%%s, %%%s, %%q", j, line, lines)
		a.ins("mad.lo.u64 %%at, %%%s, %%%s, %%%s", line, places, place)
		if load {
			a.ins("mad.lo.u64 %%at, %%at, %d, %%s", size)
			a.ins("@%%in%d ld.global.nc.%s %%v%d, [%%at]", j, typ, j)
			continue
		}
		a.ins("mad.lo.u64 %%at, %%at, %d, %%d", size)
		a.ins("@%%in%d ld.shared.%s %%v%d, [%%outof+%d]", j, typ, j, 8*j*size)
		a.ins("@%%in%d st.global.%s [%%at], %%v%d", j, typ, j)
	}
	if load {
		for j := range 4 {
			a.ins("@%%in%d st.shared.%s [%%into+%d], %%v%d", j, typ, 8*33*j*size, j)
		}
	}
}

func gathers(a *asm) {
	a.raw(`
// dst[k] = the k-th element of src in C order, for k below n: a thread takes its
// place apart into indices, the innermost axis first. Axis 0 is the innermost. Its
// elements and extents count in units of the entry's size, strides in bytes. Of the
// outermost axis no extent is needed. Numbers below 2^32 are divided as such.
`)
	for _, size := range []int{1, 2, 4, 8, 16} {
		gather(a, size)
	}
}

const axes = 8

func gather(a *asm, size int) {
	params := []string{"*dst", "*src", "u64 n", "u32 rank"}
	for k := range axes - 1 {
		params = append(params, fmt.Sprintf("u64 e%d", k))
	}
	for k := range axes {
		params = append(params, fmt.Sprintf("s64 s%d", k))
	}
	a.entry(fmt.Sprintf("gather_%d", size), "", params...)
	a.thread()
	a.regs("pred", "p", "wide")
	a.regs("u64", "q", "t", "at", "d")
	a.regs("s64", "m")
	a.regs("u32", "q32", "t32", "m32")
	a.ins(".reg .u32 %%x<%d>", axes-1)
	switch size {
	case 16:
		a.ins(".reg .b32 %%v<4>")
	case 8:
		a.regs("b64", "v")
	default:
		a.regs("b32", "v")
	}
	for k := range axes - 1 {
		a.ins("cvt.u32.u64 %%x%d, %%e%d", k, k)
	}
	a.ins("shr.u64 %%t, %%n, 32")
	a.ins("setp.ne.u64 %%wide, %%t, 0")
	a.label("NEXT")
	a.ins("setp.ge.u64 %%p, %%i, %%n")
	a.ins("@%%p bra DONE")
	a.ins("mov.u64 %%at, %%src")
	a.ins("@%%wide bra WIDE")
	a.ins("cvt.u32.u64 %%q32, %%i")
	for k := range axes - 1 {
		a.ins("mov.s64 %%m, %%s%d", k)
		a.ins("setp.eq.u32 %%p, %%rank, %d", k+1)
		a.ins("@%%p bra NARROW")
		a.ins("div.u32 %%t32, %%q32, %%x%d", k)
		a.ins("mul.lo.u32 %%m32, %%t32, %%x%d", k)
		a.ins("sub.u32 %%m32, %%q32, %%m32")
		a.ins("cvt.u64.u32 %%t, %%m32")
		a.ins("mad.lo.s64 %%at, %%t, %%m, %%at")
		a.ins("mov.u32 %%q32, %%t32")
	}
	a.ins("mov.s64 %%m, %%s%d", axes-1)
	a.label("NARROW")
	a.ins("cvt.u64.u32 %%q, %%q32")
	a.ins("bra COPY")
	a.label("WIDE")
	a.ins("mov.u64 %%q, %%i")
	for k := range axes - 1 {
		a.ins("mov.s64 %%m, %%s%d", k)
		a.ins("setp.eq.u32 %%p, %%rank, %d", k+1)
		a.ins("@%%p bra COPY")
		a.ins("div.u64 %%t, %%q, %%e%d", k)
		a.ins("mul.lo.u64 %%d, %%t, %%e%d", k)
		a.ins("sub.u64 %%d, %%q, %%d")
		a.ins("mad.lo.s64 %%at, %%d, %%m, %%at")
		a.ins("mov.u64 %%q, %%t")
	}
	a.ins("mov.s64 %%m, %%s%d", axes-1)
	a.label("COPY")
	a.ins("mad.lo.s64 %%at, %%q, %%m, %%at")
	a.ins("mad.lo.u64 %%d, %%i, %d, %%dst", size)
	switch size {
	case 16:
		a.ins("ld.global.nc.v4.b32 {%%v0, %%v1, %%v2, %%v3}, [%%at]")
		a.ins("st.global.v4.b32 [%%d], {%%v0, %%v1, %%v2, %%v3}")
	default:
		a.ins("ld.global.nc.b%d %%v, [%%at]", 8*size)
		a.ins("st.global.b%d [%%d], %%v", 8*size)
	}
	a.ins("add.u64 %%i, %%i, %%step")
	a.ins("bra NEXT")
	a.label("DONE")
	a.end()
}
