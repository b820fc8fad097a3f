package main

import "fmt"

func unshuffles(a *asm) {
	a.raw(`
// Byte unshuffle: byte k of word i is src[k*n+i], n = bytes/size. What is left
// over behind the last word is copied. Threads join four words, or eight of two
// bytes, where planes and dst suit that, and single words else.
`)
	for _, size := range []int{2, 4, 8} {
		join(a, size, false)
	}
	unshuffleAny(a)
	a.raw(`
// Planes, each by itself: byte k of word i is byte i of plane k, or the byte k of
// constants where the address is 0. Then the word is turned to the left by turn
// bits, and the exponent, which stood at its top in exp bits, goes below its sign.
`)
	for _, size := range []int{2, 4, 8} {
		join(a, size, true)
	}
	a.raw(`
// Bit unshuffle: of m = n - n%8 words bit j of word i is bit i%8 of the byte
// src[j*(m/8)+i/8]. What lies behind word m is copied. A thread makes eight words:
// for each byte of them it turns a square of eight by eight bits.
`)
	for _, size := range []int{1, 2, 4, 8} {
		bitUnshuffle(a, size)
	}
	bitUnshuffleAny(a)
}

// unitWords is how many words a thread joins: 16 bytes of the result, or 32.
func unitWords(size int) int { return max(4, 16/size) }

func join(a *asm, size int, planes bool) {
	if planes {
		params := []string{"*dst"}
		for k := range size {
			params = append(params, fmt.Sprintf("u64 p%d", k))
		}
		a.entry(fmt.Sprintf("join_%d", size), "", append(params, "u64 constants", "u64 n", "u32 exp", "u32 turn")...)
	} else {
		a.entry(fmt.Sprintf("unshuffle_%d", size), "", "*dst", "*src", "u64 bytes")
	}
	words := unitWords(size)
	a.thread()
	a.ins(".reg .b32 %%a<%d>, %%b<%d>, %%o<8>, %%t<4>, %%fill<%d>", size, size, size)
	a.ins(".reg .pred %%has<%d>", size)
	a.regs("pred", "p")
	a.regs("b32", "x", "y")
	a.regs("b64", "z")
	a.regs("u64", "u", "at", "d", "units", "bits", "left")
	if planes {
		mixing(a, size)
	} else {
		a.regs("u64", "n")
		a.ins("shr.u64 %%n, %%bytes, %d", log2(size))
		a.ins(".reg .u64 %%p<%d>", size)
	}
	a.ins("mov.u64 %%bits, 0")
	for k := range size {
		switch {
		case planes:
			a.ins("setp.ne.u64 %%has%d, %%p%d, 0", k, k)
			a.ins("cvta.to.global.u64 %%p%d, %%p%d", k, k)
			a.ins("shr.u64 %%at, %%constants, %d", 8*k)
			a.ins("cvt.u32.u64 %%fill%d, %%at", k)
			a.ins("prmt.b32 %%fill%d, %%fill%d, 0, 0", k, k)
		case k == 0:
			a.ins("mov.u64 %%p0, %%src")
		default:
			a.ins("add.u64 %%p%d, %%p%d, %%n", k, k-1)
		}
		a.ins("or.b64 %%bits, %%bits, %%p%d", k)
	}
	a.note("units: none where an address does not suit them")
	a.ins("and.b64 %%bits, %%bits, %d", words-1)
	a.ins("and.b64 %%at, %%dst, 15")
	a.ins("or.b64 %%bits, %%bits, %%at")
	a.ins("setp.eq.u64 %%p, %%bits, 0")
	a.ins("shr.u64 %%units, %%n, %d", log2(words))
	a.ins("selp.u64 %%units, %%units, 0, %%p")
	a.ins("mov.u64 %%u, %%i")
	a.label("UNIT")
	a.ins("setp.ge.u64 %%p, %%u, %%units")
	a.ins("@%%p bra REST")
	a.ins("shl.b64 %%at, %%u, %d", log2(words))
	for k := range size {
		guard := ""
		if planes {
			guard = fmt.Sprintf("@%%has%d ", k)
			a.ins("mov.b32 %%a%d, %%fill%d", k, k)
			if size == 2 {
				a.ins("mov.b32 %%b%d, %%fill%d", k, k)
			}
		}
		a.ins("add.u64 %%d, %%p%d, %%at", k)
		if size == 2 {
			a.ins("%sld.global.nc.v2.b32 {%%a%d, %%b%d}, [%%d]", guard, k, k)
		} else {
			a.ins("%sld.global.nc.b32 %%a%d, [%%d]", guard, k)
		}
	}
	a.ins("shl.b64 %%at, %%u, %d", log2(words*size))
	a.ins("add.u64 %%d, %%dst, %%at")
	switch size {
	case 2:
		for i, r := range []string{"a", "b"} {
			a.ins("prmt.b32 %%o%d, %%%s0, %%%s1, 0x5140", 2*i, r, r)
			a.ins("prmt.b32 %%o%d, %%%s0, %%%s1, 0x7362", 2*i+1, r, r)
		}
	case 4:
		square(a, "a0", "a1", "a2", "a3", "o0", "o1", "o2", "o3")
	case 8:
		square(a, "a0", "a1", "a2", "a3", "o0", "o2", "o4", "o6")
		square(a, "a4", "a5", "a6", "a7", "o1", "o3", "o5", "o7")
	}
	if planes {
		for k := range words * size / 4 {
			mixWord(a, size, k)
		}
	}
	a.ins("st.global.v4.b32 [%%d], {%%o0, %%o1, %%o2, %%o3}")
	if words*size == 32 {
		a.ins("st.global.v4.b32 [%%d+16], {%%o4, %%o5, %%o6, %%o7}")
	}
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("bra UNIT")
	a.note("words that are in no unit")
	a.label("REST")
	a.ins("shl.b64 %%u, %%units, %d", log2(words))
	a.ins("add.u64 %%u, %%u, %%i")
	a.label("WORD")
	a.ins("setp.ge.u64 %%p, %%u, %%n")
	a.ins("@%%p bra TAIL")
	for k := range size {
		guard := ""
		if planes {
			guard = fmt.Sprintf("@%%has%d ", k)
			a.ins("and.b32 %%a%d, %%fill%d, 0xff", k, k)
		}
		a.ins("add.u64 %%at, %%p%d, %%u", k)
		a.ins("%sld.global.nc.u8 %%a%d, [%%at]", guard, k)
	}
	a.ins("shl.b64 %%at, %%u, %d", log2(size))
	a.ins("add.u64 %%d, %%dst, %%at")
	for k := 0; k < size; k += 4 {
		a.ins("prmt.b32 %%o%d, %%a%d, %%a%d, 0x0040", k/4, k, k+1)
		if size > 2 {
			a.ins("prmt.b32 %%t0, %%a%d, %%a%d, 0x0040", k+2, k+3)
			a.ins("prmt.b32 %%o%d, %%o%d, %%t0, 0x5410", k/4, k/4)
		}
	}
	if planes && size == 2 {
		a.ins("and.b32 %%x, %%o0, 0xffff")
		mixed(a, 16)
		a.ins("mov.b32 %%o0, %%x")
	} else if planes {
		mixWord(a, size, 0)
	}
	for k := range size {
		storeByte(a, fmt.Sprintf("o%d", k/4), k%4, k)
	}
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("bra WORD")
	a.label("TAIL")
	if !planes {
		copyTail(a, fmt.Sprintf("shl.b64 %%%%u, %%%%n, %d", log2(size)))
	}
	a.end()
}

// square sets word i to byte i of each of four registers.
func square(a *asm, r0, r1, r2, r3, w0, w1, w2, w3 string) {
	a.ins("prmt.b32 %%t0, %%%s, %%%s, 0x5140", r0, r1)
	a.ins("prmt.b32 %%t1, %%%s, %%%s, 0x5140", r2, r3)
	a.ins("prmt.b32 %%t2, %%%s, %%%s, 0x7362", r0, r1)
	a.ins("prmt.b32 %%t3, %%%s, %%%s, 0x7362", r2, r3)
	a.ins("prmt.b32 %%%s, %%t0, %%t1, 0x5410", w0)
	a.ins("prmt.b32 %%%s, %%t0, %%t1, 0x7632", w1)
	a.ins("prmt.b32 %%%s, %%t2, %%t3, 0x5410", w2)
	a.ins("prmt.b32 %%%s, %%t2, %%t3, 0x7632", w3)
}

// storeByte writes a byte of a register to [%d+off].
func storeByte(a *asm, reg string, k, off int) {
	if k == 0 {
		a.ins("st.global.b8 [%%d+%d], %%%s", off, reg)
		return
	}
	a.ins("shr.u32 %%x, %%%s, %d", reg, 8*k)
	a.ins("st.global.b8 [%%d+%d], %%x", off)
}

// copyTail copies the bytes from the place on that an instruction leaves in %u.
func copyTail(a *asm, first string) {
	a.ins(first)
	a.ins("add.u64 %%u, %%u, %%i")
	a.label("BYTE")
	a.ins("setp.ge.u64 %%p, %%u, %%bytes")
	a.ins("@%%p bra DONE")
	a.ins("add.u64 %%at, %%src, %%u")
	a.ins("add.u64 %%d, %%dst, %%u")
	a.ins("ld.global.nc.u8 %%x, [%%at]")
	a.ins("st.global.b8 [%%d], %%x")
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("bra BYTE")
	a.label("DONE")
}

// mixing computes the masks of what package codec calls restoring.
func mixing(a *asm, size int) {
	w := 32
	if size == 8 {
		w = 64
	}
	b := fmt.Sprint(w)
	a.regs("b"+b, "keep", "lows", "top", "one", "r")
	a.regs("u32", "right", "low")
	a.regs("pred", "moved")
	a.ins("sub.u32 %%right, %d, %%turn", 8*size)
	a.ins("setp.ne.u32 %%moved, %%exp, 0")
	a.ins("sub.u32 %%low, %d, %%exp", 8*size-1)
	a.ins("mov.b%s %%one, 1", b)
	a.ins("shl.b%s %%keep, %%one, %%low", b)
	a.ins("sub.u%s %%keep, %%keep, 1", b)
	a.ins("selp.b%s %%keep, %%keep, -1, %%moved", b)
	a.ins("shl.b%s %%lows, %%one, %%exp", b)
	a.ins("sub.u%s %%lows, %%lows, 1", b)
	a.ins("shl.b%s %%lows, %%lows, %%low", b)
	a.ins("selp.b%s %%lows, %%lows, 0, %%moved", b)
	a.ins("shl.b%s %%top, %%one, %d", b, 8*size-1)
	a.ins("selp.b%s %%top, %%top, 0, %%moved", b)
}

// mixed restores the word of so many bits in %x, or in %z if it has 64.
func mixed(a *asm, bits int) {
	x, b := "x", "32"
	if bits == 64 {
		x, b = "z", "64"
	}
	a.ins("shl.b%s %%r, %%%s, %%turn", b, x)
	if bits == 16 {
		a.ins("and.b32 %%r, %%r, 0xffff")
	}
	a.ins("shr.u%s %%%s, %%%s, %%right", b, x, x)
	a.ins("or.b%s %%r, %%r, %%%s", b, x)
	a.ins("and.b%s %%%s, %%r, %%keep", b, x)
	a.ins("shr.u%s %%one, %%r, 1", b)
	a.ins("and.b%s %%one, %%one, %%lows", b)
	a.ins("or.b%s %%%s, %%%s, %%one", b, x, x)
	a.ins("shl.b%s %%one, %%r, %%exp", b)
	a.ins("and.b%s %%one, %%one, %%top", b)
	a.ins("or.b%s %%%s, %%%s, %%one", b, x, x)
}

// mixWord restores what register o{k} holds: a word, two of 16 bits, or with the
// next one a word of 64.
func mixWord(a *asm, size, k int) {
	switch {
	case size == 4:
		a.ins("mov.b32 %%x, %%o%d", k)
		mixed(a, 32)
		a.ins("mov.b32 %%o%d, %%x", k)
	case size == 2:
		a.ins("and.b32 %%x, %%o%d, 0xffff", k)
		mixed(a, 16)
		a.ins("mov.b32 %%y, %%x")
		a.ins("shr.u32 %%x, %%o%d, 16", k)
		mixed(a, 16)
		a.ins("prmt.b32 %%o%d, %%y, %%x, 0x5410", k)
	case k%2 == 0:
		a.ins("mov.b64 %%z, {%%o%d, %%o%d}", k, k+1)
		mixed(a, 64)
		a.ins("mov.b64 {%%o%d, %%o%d}, %%z", k, k+1)
	}
}

// unshuffleAny takes a byte of the result at a time.
func unshuffleAny(a *asm) {
	a.entry("unshuffle_any", "", "*dst", "*src", "u64 bytes", "u32 size")
	a.thread()
	a.regs("pred", "p")
	a.regs("u32", "x")
	a.regs("u64", "n", "w", "end", "u", "word", "k", "at", "d")
	a.ins("cvt.u64.u32 %%w, %%size")
	a.ins("div.u64 %%n, %%bytes, %%w")
	a.ins("mul.lo.u64 %%end, %%n, %%w")
	a.ins("mov.u64 %%u, %%i")
	a.label("NEXT")
	a.ins("setp.ge.u64 %%p, %%u, %%end")
	a.ins("@%%p bra TAIL")
	a.ins("div.u64 %%word, %%u, %%w")
	a.ins("mul.lo.u64 %%k, %%word, %%w")
	a.ins("sub.u64 %%k, %%u, %%k")
	a.ins("mad.lo.u64 %%at, %%k, %%n, %%word")
	a.ins("add.u64 %%at, %%at, %%src")
	a.ins("add.u64 %%d, %%dst, %%u")
	a.ins("ld.global.nc.u8 %%x, [%%at]")
	a.ins("st.global.b8 [%%d], %%x")
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("bra NEXT")
	a.label("TAIL")
	copyTail(a, "mov.u64 %%u, %%end")
	a.end()
}

// turnBits loads bit planes 8k to 8k+7 at %at, which is in the first of them, and
// leaves byte k of words 0 to 3 in lo, of words 4 to 7 in hi. (Hacker's Delight,
// 7-3, with the lowest bit first.)
func turnBits(a *asm, lo, hi string) {
	for b := range 8 {
		a.ins("ld.global.nc.u8 %%b%d, [%%at]", b)
		a.ins("add.u64 %%at, %%at, %%stride")
	}
	for i, r := range []string{lo, hi} {
		a.ins("prmt.b32 %%%s, %%b%d, %%b%d, 0x0040", r, 4*i, 4*i+1)
		a.ins("prmt.b32 %%t0, %%b%d, %%b%d, 0x0040", 4*i+2, 4*i+3)
		a.ins("prmt.b32 %%%s, %%%s, %%t0, 0x5410", r, r)
		for _, s := range [][2]int{{7, 0x00aa00aa}, {14, 0x0000cccc}} {
			a.ins("shr.u32 %%t0, %%%s, %d", r, s[0])
			a.ins("xor.b32 %%t0, %%t0, %%%s", r)
			a.ins("and.b32 %%t0, %%t0, %#08x", s[1])
			a.ins("xor.b32 %%%s, %%%s, %%t0", r, r)
			a.ins("shl.b32 %%t0, %%t0, %d", s[0])
			a.ins("xor.b32 %%%s, %%%s, %%t0", r, r)
		}
	}
	a.ins("shl.b32 %%t0, %%%s, 4", hi)
	a.ins("xor.b32 %%t0, %%t0, %%%s", lo)
	a.ins("and.b32 %%t0, %%t0, 0xf0f0f0f0")
	a.ins("xor.b32 %%%s, %%%s, %%t0", lo, lo)
	a.ins("shr.u32 %%t0, %%t0, 4")
	a.ins("xor.b32 %%%s, %%%s, %%t0", hi, hi)
}

// bitRegs declares and computes what both bit unshuffles have: groups of eight
// words and the bytes between bit planes, which are as many.
func bitRegs(a *asm) {
	a.regs("pred", "p", "fast")
	a.ins(".reg .b32 %%b<8>, %%t<4>")
	a.regs("b32", "x")
	a.regs("u64", "u", "at", "d", "stride", "far")
}

func bitUnshuffle(a *asm, size int) {
	a.entry(fmt.Sprintf("bitunshuffle_%d", size), "", "*dst", "*src", "u64 bytes")
	a.thread()
	bitRegs(a)
	a.ins(".reg .b32 %%lo<%d>, %%hi<%d>, %%o<16>", size, size)
	align := min(16, 8*size)
	a.ins("shr.u64 %%stride, %%bytes, %d", log2(8*size))
	a.ins("and.b64 %%at, %%dst, %d", align-1)
	a.ins("setp.eq.u64 %%fast, %%at, 0")
	a.ins("mov.u64 %%u, %%i")
	a.label("GROUP")
	a.ins("setp.ge.u64 %%p, %%u, %%stride")
	a.ins("@%%p bra TAIL")
	a.ins("add.u64 %%at, %%src, %%u")
	for k := range size {
		turnBits(a, fmt.Sprintf("lo%d", k), fmt.Sprintf("hi%d", k))
	}
	// Words in order: 2*size registers.
	for half, r := range []string{"lo", "hi"} {
		at := half * size
		o := func(i int) string { return fmt.Sprintf("o%d", at+i) }
		l := func(i int) string { return fmt.Sprintf("%s%d", r, i) }
		switch size {
		case 1:
			a.ins("mov.b32 %%%s, %%%s", o(0), l(0))
		case 2:
			a.ins("prmt.b32 %%%s, %%%s, %%%s, 0x5140", o(0), l(0), l(1))
			a.ins("prmt.b32 %%%s, %%%s, %%%s, 0x7362", o(1), l(0), l(1))
		case 4:
			square(a, l(0), l(1), l(2), l(3), o(0), o(1), o(2), o(3))
		case 8:
			square(a, l(0), l(1), l(2), l(3), o(0), o(2), o(4), o(6))
			square(a, l(4), l(5), l(6), l(7), o(1), o(3), o(5), o(7))
		}
	}
	a.ins("shl.b64 %%d, %%u, %d", log2(8*size))
	a.ins("add.u64 %%d, %%d, %%dst")
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("@!%%fast bra SLOW")
	if size == 1 {
		a.ins("st.global.v2.b32 [%%d], {%%o0, %%o1}")
	}
	for k := 0; size > 1 && k < 2*size; k += 4 {
		a.ins("st.global.v4.b32 [%%d+%d], {%%o%d, %%o%d, %%o%d, %%o%d}", 4*k, k, k+1, k+2, k+3)
	}
	a.ins("bra GROUP")
	a.label("SLOW")
	for k := range 8 * size {
		storeByte(a, fmt.Sprintf("o%d", k/4), k%4, k)
	}
	a.ins("bra GROUP")
	a.label("TAIL")
	copyTail(a, fmt.Sprintf("shl.b64 %%%%u, %%%%stride, %d", log2(8*size)))
	a.end()
}

// bitUnshuffleAny makes one byte of eight words at a time.
func bitUnshuffleAny(a *asm) {
	a.entry("bitunshuffle_any", "", "*dst", "*src", "u64 bytes", "u32 size")
	a.thread()
	bitRegs(a)
	a.ins(".reg .b32 %%lo0, %%hi0")
	a.regs("u64", "w", "n", "k", "g")
	a.ins("cvt.u64.u32 %%w, %%size")
	a.ins("div.u64 %%stride, %%bytes, %%w")
	a.ins("shr.u64 %%stride, %%stride, 3")
	a.ins("mul.lo.u64 %%n, %%stride, %%w")
	a.ins("mov.u64 %%u, %%i")
	a.label("GROUP")
	a.ins("setp.ge.u64 %%p, %%u, %%n")
	a.ins("@%%p bra TAIL")
	a.ins("div.u64 %%k, %%u, %%stride")
	a.ins("mul.lo.u64 %%g, %%k, %%stride")
	a.ins("sub.u64 %%g, %%u, %%g")
	a.ins("shl.b64 %%far, %%k, 3")
	a.ins("mad.lo.u64 %%at, %%far, %%stride, %%g")
	a.ins("add.u64 %%at, %%at, %%src")
	turnBits(a, "lo0", "hi0")
	a.ins("shl.b64 %%far, %%g, 3")
	a.ins("mad.lo.u64 %%d, %%far, %%w, %%k")
	a.ins("add.u64 %%d, %%d, %%dst")
	for _, r := range []string{"lo0", "hi0"} {
		for j := range 4 {
			storeByte(a, r, j, 0)
			a.ins("add.u64 %%d, %%d, %%w")
		}
	}
	a.ins("add.u64 %%u, %%u, %%step")
	a.ins("bra GROUP")
	a.label("TAIL")
	copyTail(a, "shl.b64 %%u, %%n, 3")
	a.end()
}
