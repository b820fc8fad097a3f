package main

import "fmt"

func pictures(a *asm) {
	a.raw(`
// dst[image][c][p] = src[image][p][c] * scale[c] + bias[c], for p below plane, the
// pixels of an image. Blocks stand over pixels in x and over images in y. Where
// addresses and plane suit it, a thread takes four pixels at a time.
`)
	for _, k := range []int{1, 3, 4} {
		picture(a, k)
	}
	a.raw(`
// The same for the channels from first on, at most four, of pictures that have
// any number of channels.
`)
	picturePart(a)
}

func factors(k int) (list []string) {
	for c := range k {
		list = append(list, fmt.Sprintf("f32 scale%d", c))
	}
	for c := range k {
		list = append(list, fmt.Sprintf("f32 bias%d", c))
	}
	return list
}

// scaled turns the byte in %x to the float in a register. The product is rounded,
// then the sum.
func scaled(a *asm, c int, to string) {
	a.ins("cvt.rn.f32.u32 %%f, %%x")
	a.ins("mul.rn.f32 %%f, %%f, %%scale%d", c)
	a.ins("add.rn.f32 %%f, %%f, %%bias%d", c)
	a.ins("setp.nan.f32 %%q, %%f, %%f")
	a.ins("selp.f32 %%%s, 0f7FC00000, %%f, %%q", to)
}

// images begins the loop over images: %s and %d are where image %img begins, of
// which a pixel has %wide channels.
func images(a *asm, bytes string) {
	a.regs("u32", "img", "imgs", "x")
	a.regs("u64", "s", "d", "j", "t", "z", "planes")
	a.regs("f32", "f")
	a.regs("pred", "p", "q")
	a.ins("shl.b64 %%planes, %%plane, 2")
	a.ins("mov.u32 %%imgs, %%nctaid.y")
	a.ins("mov.u32 %%img, %%ctaid.y")
	a.label("IMAGE")
	a.ins("setp.ge.u32 %%p, %%img, %%images")
	a.ins("@%%p bra DONE")
	a.ins("cvt.u64.u32 %%t, %%img")
	a.ins("mul.lo.u64 %%t, %%t, %%plane")
	a.ins("mul.lo.u64 %%t, %%t, %s", bytes)
	a.ins("add.u64 %%s, %%src, %%t")
	a.ins("shl.b64 %%t, %%t, 2")
	a.ins("add.u64 %%d, %%dst, %%t")
	a.ins("mov.u64 %%j, %%i")
}

func nextImage(a *asm) {
	a.label("NEXT")
	a.ins("add.u32 %%img, %%img, %%imgs")
	a.ins("bra IMAGE")
	a.label("DONE")
	a.end()
}

func picture(a *asm, k int) {
	a.entry(fmt.Sprintf("picture_%d", k), "", append([]string{"*dst", "*src", "u64 plane", "u32 images"}, factors(k)...)...)
	a.thread()
	a.regs("pred", "four")
	a.regs("u64", "groups")
	a.ins(".reg .b32 %%w<%d>", k)
	a.ins(".reg .f32 %%o<4>")
	images(a, fmt.Sprint(k))
	align := 4
	if k == 4 {
		align = 16
	}
	a.ins("and.b64 %%t, %%src, %d", align-1)
	a.ins("and.b64 %%z, %%dst, 15")
	a.ins("or.b64 %%t, %%t, %%z")
	a.ins("and.b64 %%z, %%plane, 3")
	a.ins("or.b64 %%t, %%t, %%z")
	a.ins("setp.eq.u64 %%four, %%t, 0")
	a.ins("shr.u64 %%groups, %%plane, 2")
	a.ins("@%%four bra GROUP")
	a.label("PIXEL")
	a.ins("setp.ge.u64 %%p, %%j, %%plane")
	a.ins("@%%p bra NEXT")
	a.ins("mad.lo.u64 %%t, %%j, %d, %%s", k)
	a.ins("shl.b64 %%z, %%j, 2")
	a.ins("add.u64 %%z, %%z, %%d")
	for c := range k {
		a.ins("ld.global.nc.u8 %%w%d, [%%t+%d]", c, c)
	}
	for c := range k {
		a.ins("mov.b32 %%x, %%w%d", c)
		scaled(a, c, "o0")
		a.ins("st.global.f32 [%%z], %%o0")
		if c+1 < k {
			a.ins("add.u64 %%z, %%z, %%planes")
		}
	}
	a.ins("add.u64 %%j, %%j, %%step")
	a.ins("bra PIXEL")
	a.label("GROUP")
	a.ins("setp.ge.u64 %%p, %%j, %%groups")
	a.ins("@%%p bra NEXT")
	a.ins("mad.lo.u64 %%t, %%j, %d, %%s", 4*k)
	a.ins("shl.b64 %%z, %%j, 4")
	a.ins("add.u64 %%z, %%z, %%d")
	if k == 4 {
		a.ins("ld.global.nc.v4.b32 {%s}, [%%t]", group("w", 4))
	} else {
		for w := range k {
			a.ins("ld.global.nc.b32 %%w%d, [%%t+%d]", w, 4*w)
		}
	}
	for c := range k {
		for p := range 4 {
			at := p*k + c
			if at%4 == 3 {
				a.ins("shr.u32 %%x, %%w%d, 24", at/4)
			} else {
				a.ins("bfe.u32 %%x, %%w%d, %d, 8", at/4, at%4*8)
			}
			scaled(a, c, fmt.Sprintf("o%d", p))
		}
		a.ins("st.global.v4.f32 [%%z], {%s}", group("o", 4))
		if c+1 < k {
			a.ins("add.u64 %%z, %%z, %%planes")
		}
	}
	a.ins("add.u64 %%j, %%j, %%step")
	a.ins("bra GROUP")
	nextImage(a)
}

func picturePart(a *asm) {
	a.entry("picture_part", "", append([]string{"*dst", "*src", "u64 plane", "u32 images", "u32 channels", "u32 first", "u32 count"}, factors(4)...)...)
	a.thread()
	a.regs("u64", "all", "skip", "over")
	a.regs("f32", "o0")
	a.ins(".reg .pred %%has<4>")
	a.ins("cvt.u64.u32 %%all, %%channels")
	a.ins("cvt.u64.u32 %%skip, %%first")
	for c := range 4 {
		a.ins("setp.gt.u32 %%has%d, %%count, %d", c, c)
	}
	images(a, "%all")
	a.ins("add.u64 %%s, %%s, %%skip")
	a.ins("mul.lo.u64 %%over, %%skip, %%planes")
	a.ins("add.u64 %%d, %%d, %%over")
	a.label("PIXEL")
	a.ins("setp.ge.u64 %%p, %%j, %%plane")
	a.ins("@%%p bra NEXT")
	a.ins("mad.lo.u64 %%t, %%j, %%all, %%s")
	a.ins("shl.b64 %%z, %%j, 2")
	a.ins("add.u64 %%z, %%z, %%d")
	for c := range 4 {
		a.ins("mov.u32 %%x, 0")
		a.ins("@%%has%d ld.global.nc.u8 %%x, [%%t+%d]", c, c)
		scaled(a, c, "o0")
		a.ins("@%%has%d st.global.f32 [%%z], %%o0", c)
		if c < 3 {
			a.ins("add.u64 %%z, %%z, %%planes")
		}
	}
	a.ins("add.u64 %%j, %%j, %%step")
	a.ins("bra PIXEL")
	nextImage(a)
}
