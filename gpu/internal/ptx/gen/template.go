package main

import (
	"embed"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// Families whose kernels are alike but for types are made of templates: PTX in
// which the parts that differ are left out.

//go:embed templates/*.ptx
var templates embed.FS

// templated makes a family of templates/NAME.ptx, for results of some types.
func templated(name string, results ...string) func(*asm) {
	return func(a *asm) {
		file := name + ".ptx"
		t := template.Must(template.New(file).Funcs(macros(a, results)).ParseFS(templates, "templates/"+file))
		if err := t.Execute(a, nil); err != nil {
			panic(err)
		}
	}
}

// macros are what templates call.
func macros(a *asm, results []string) template.FuncMap {
	return template.FuncMap{
		"until": func(n int) []int {
			list := make([]int, n)
			for i := range list {
				list[i] = i
			}
			return list
		},
		"powers": func(below int) (list []int) {
			for p := 1; p < below; p *= 2 {
				list = append(list, p)
			}
			return list
		},
		"inc":     func(n int) int { return n + 1 },
		"add":     func(a, b int) int { return a + b },
		"mul":     func(a, b int) int { return a * b },
		"div":     func(a, b int) int { return a / b },
		"log":     func(n int) int { return bits.Len(uint(n)) - 1 },
		"reg":     numbered,
		"filters": func() []int { return []int{1, 4, 8} },
		"moves":   func() []move { return moves },
		"sums":    func() []sum { return sums },
		"values":  func() []value { return values },
		"outputs": func() []output {
			return slices.DeleteFunc(slices.Clone(outputs), func(o output) bool { return !slices.Contains(results, o.Name) })
		},
		"blocks":    func() []block { return blocks },
		"pointer":   pointer,
		"grid":      func() string { return lines(gridText) },
		"index":     func(dst, at string) string { return lines(sized("p", dst, at)) },
		"pointerAt": func(dst, at string) string { return lines(sized("q", dst, at)) },
		"divregs": func() string {
			return lines(`
				.reg .pred %wide;
				.reg .b32 %d32, %e32;
				.reg .b64 %d64, %e64;`)
		},
		"divmod": func(q, r, x, y string) string { return divmod(a.fresh, q, r, x, y) },
		"divmod32": func(q, r, x, y string) string {
			// The quotient may replace x.
			return lines(`
				div.u32 %t0, ` + x + `, ` + y + `;
				mul.lo.u32 %t1, %t0, ` + y + `;
				sub.u32 ` + r + `, ` + x + `, %t1;
				mov.b32 ` + q + `, %t0;`)
		},
		"half": half,
		"number": func(dst, base, index, kind, known string) string {
			return anyNumber(a.fresh, dst, base, index, kind, known)
		},
	}
}

// numbered is a register of several.
func numbered(prefix string, n int) string { return prefix + strconv.Itoa(n) }

// lines indents text as the body of a kernel, but for its first line, which
// stands where the macro is called.
func lines(text string) string {
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		l = strings.TrimSpace(l)
		if !strings.HasSuffix(l, ":") && len(out) > 0 {
			l = "\t" + l
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

// gridText sets i to the number of the thread and stride to the number of threads.
const gridText = `
	mov.u32 %t0, %ctaid.x;
	mov.u32 %t1, %ntid.x;
	mov.u32 %t2, %tid.x;
	cvt.u64.u32 %i, %t2;
	mul.wide.u32 %stride, %t0, %t1;
	add.u64 %i, %i, %stride;
	mov.u32 %t0, %nctaid.x;
	mul.wide.u32 %stride, %t0, %t1;`

// pointer reads parameters that are addresses.
func pointer(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "ld.param.u64 %%%[1]s, [%[1]s];\ncvta.to.global.u64 %%%[1]s, %%%[1]s;\n", n)
	}
	return lines(b.String())
}

// sized reads an unsigned number of the size that a predicate is set for.
func sized(predicate, dst, at string) string {
	var b strings.Builder
	for _, n := range []int{8, 16, 32, 64} {
		fmt.Fprintf(&b, "@%%%s%d ld.global.u%d %s, [%s];\n", predicate, n, n, dst, at)
	}
	return b.String()
}

// divmod divides numbers of 64 bits, in 32 where these do: a division of 64 is
// several times as long.
func divmod(fresh func(string) string, q, r, a, b string) string {
	wide, done := fresh("WIDE"), fresh("DIVIDED")
	return lines(`
		or.b64 %d64, ` + a + `, ` + b + `;
		shr.u64 %d64, %d64, 32;
		setp.ne.u64 %wide, %d64, 0;
		@%wide bra ` + wide + `;
		cvt.u32.u64 %d32, ` + a + `;
		cvt.u32.u64 %e32, ` + b + `;
		div.u32 %d32, %d32, %e32;
		cvt.u64.u32 %e64, %d32;
		bra ` + done + `;
		` + wide + `:
		div.u64 %e64, ` + a + `, ` + b + `;
		` + done + `:
		mul.lo.u64 %d64, %e64, ` + b + `;
		sub.u64 ` + r + `, ` + a + `, %d64;
		mov.b64 ` + q + `, %e64;`)
}

// half reads a binary16 number at any address.
func half(dst, base string, off int) string {
	return lines(fmt.Sprintf(`
		ld.global.u8 %%t0, [%[2]s+%[3]d];
		ld.global.u8 %%t1, [%[2]s+%[4]d];
		shl.b32 %%t1, %%t1, 8;
		or.b32 %%t0, %%t0, %%t1;
		cvt.u16.u32 %%h, %%t0;
		cvt.f32.f16 %[1]s, %%h;`, dst, base, off, off+1))
}

// anyNumber reads number index of an array as binary32: of those kinds of
// dequant.go that are known.
func anyNumber(fresh func(string) string, dst, base, index, kind, known string) string {
	done := fresh("NUMBER")
	var b strings.Builder
	fmt.Fprintf(&b, "mov.f32 %s, 0f00000000;\nsetp.eq.u32 %%p, %s, 0;\n@%%p bra %s;\n", dst, kind, done)
	for k, text := range []string{
		1: `mad.lo.u64 %num, INDEX, 4, BASE;
			ld.global.f32 DST, [%num];`,
		2: `mad.lo.u64 %num, INDEX, 2, BASE;
			ld.global.u16 %h, [%num];
			cvt.f32.f16 DST, %h;`,
		3: `mad.lo.u64 %num, INDEX, 2, BASE;
			ld.global.u16 %y, [%num];
			shl.b32 %y, %y, 16;
			mov.b32 DST, %y;`,
		4: `mad.lo.u64 %num, INDEX, 8, BASE;
			ld.global.f64 %d, [%num];
			cvt.rn.f32.f64 DST, %d;`,
		// 2^(y-127): the exponent of a float, or half of 2^-126; 255 is NaN.
		5: `add.u64 %num, INDEX, BASE;
			ld.global.u8 %y, [%num];
			shl.b32 %t0, %y, 23;
			setp.eq.u32 %p, %y, 0;
			selp.b32 %t0, 0x00400000, %t0, %p;
			setp.eq.u32 %p, %y, 255;
			selp.b32 %t0, 0x7fc00000, %t0, %p;
			mov.b32 DST, %t0;`,
		6: `add.u64 %num, INDEX, BASE;
			ld.global.s8 %y, [%num];
			cvt.rn.f32.s32 DST, %y;`,
		7: `add.u64 %num, INDEX, BASE;
			ld.global.u8 %y, [%num];
			cvt.rn.f32.u32 DST, %y;`,
		8: `NIBBLE
			xor.b32 %y, %y, 8;
			sub.u32 %y, %y, 8;
			cvt.rn.f32.s32 DST, %y;`,
		9: `NIBBLE
			cvt.rn.f32.u32 DST, %y;`,
	} {
		if !strings.Contains(known, strconv.Itoa(k)) {
			continue
		}
		next := fresh("KIND")
		text = strings.ReplaceAll(text, "NIBBLE", `shr.u64 %num, INDEX, 1;
			add.u64 %num, %num, BASE;
			ld.global.u8 %y, [%num];
			cvt.u32.u64 %t0, INDEX;
			and.b32 %t0, %t0, 1;
			shl.b32 %t0, %t0, 2;
			shr.u32 %y, %y, %t0;
			and.b32 %y, %y, 15;`)
		text = strings.NewReplacer("INDEX", index, "BASE", base, "DST", dst).Replace(text)
		fmt.Fprintf(&b, "setp.ne.u32 %%p, %s, %d;\n@%%p bra %s;\n%s\nbra %s;\n%s:\n", kind, k, next, text, done, next)
	}
	return lines(b.String() + done + ":")
}

// A move is an element that is copied as it is.
type move struct {
	Name, Regs, Fill, Zero string
	Size                   int
}

var moves = []move{
	{"b8", ".reg .b32 %v;", "cvt.u32.u64 %v, %fill;", "mov.u32 %v, 0;", 1},
	{"b16", ".reg .b32 %v;", "cvt.u32.u64 %v, %fill;", "mov.u32 %v, 0;", 2},
	{"b32", ".reg .b32 %v;", "cvt.u32.u64 %v, %fill;", "mov.u32 %v, 0;", 4},
	{"b64", ".reg .b64 %v;", "mov.b64 %v, %fill;", "", 8},
	{"b128", ".reg .b64 %v, %vhigh;", "mov.b64 %v, %fill;\n\tmov.b64 %vhigh, %fillhigh;", "", 16},
}

// Load and Store go by the size of the element; 16 bytes are aligned to 8 only.
func (m move) Load(at string) string { return load(m.Size, at) }

func (m move) Store(at string) string { return store(m.Size, at) }

func load(size int, at string) string {
	if size == 16 {
		return "ld.global.u64 %v, [" + at + "];\n\tld.global.u64 %vhigh, [" + at + "+8];"
	}
	return fmt.Sprintf("ld.global.u%d %%v, [%s];", size*8, at)
}

func store(size int, at string) string {
	if size == 16 {
		return "st.global.u64 [" + at + "], %v;\n\tst.global.u64 [" + at + "+8], %vhigh;"
	}
	return fmt.Sprintf("st.global.u%d [%s], %%v;", size*8, at)
}

// A sum is an element that can be added to. It stays in the form in which it is
// kept, so that a value which nothing is added to keeps its bits.
type sum struct {
	Name    string
	Size    int
	SumRegs string
	Add     string
}

var sums = []sum{
	{"bool", 1, "", "or.b32 %s, %s, %v;\nmin.u32 %s, %s, 1;"},
	{"i8", 1, "", "add.u32 %s, %s, %v;"},
	{"i16", 2, "", "add.u32 %s, %s, %v;"},
	{"i32", 4, "", "add.u32 %s, %s, %v;"},
	{"i64", 8, "", "add.u64 %s, %s, %v;"},
	{"f16", 2, "", `
		cvt.u16.u32 %h, %s;
		cvt.f32.f16 %f, %h;
		cvt.u16.u32 %h, %v;
		cvt.f32.f16 %g, %h;
		add.rn.f32 %f, %f, %g;
		cvt.rn.f16.f32 %h, %f;
		cvt.u32.u16 %s, %h;`},
	{"bf16", 2, "", `
		shl.b32 %x, %s, 16;
		mov.b32 %f, %x;
		shl.b32 %x, %v, 16;
		mov.b32 %g, %x;
		add.rn.f32 %f, %f, %g;
		` + bfloat("%s", "%x", "%y", "%f")},
	{"f32", 4, "", `
		mov.b32 %f, %s;
		mov.b32 %g, %v;
		add.rn.f32 %f, %f, %g;
		mov.b32 %s, %f;`},
	{"f64", 8, ".reg .f64 %df, %dg;", `
		mov.b64 %df, %s;
		mov.b64 %dg, %v;
		add.rn.f64 %df, %df, %dg;
		mov.b64 %s, %df;`},
}

func (s sum) Regs() string {
	text := ".reg .b32 %v, %s;"
	if s.Size == 8 {
		text = ".reg .b64 %v, %s;"
	}
	return lines(text + "\n" + s.SumRegs)
}

func (s sum) Adding() string { return lines(s.Add) }

func (s sum) Start() string { return fmt.Sprintf("mov.b%d %%s, %%v;", max(32, s.Size*8)) }

func (s sum) Finish() string { return fmt.Sprintf("mov.b%d %%v, %%s;", max(32, s.Size*8)) }

func (s sum) Load(at string) string { return load(s.Size, at) }

func (s sum) Store(at string) string { return store(s.Size, at) }

// bfloat rounds f to a bfloat16 in the low half of dst, as package tensor does: to
// nearest even, NaN to the quiet one of its sign.
func bfloat(dst, x, y, f string) string {
	return strings.NewReplacer("DST", dst, "X", x, "Y", y, "F", f).Replace(`
		mov.b32 X, F;
		shr.u32 DST, X, 16;
		and.b32 Y, DST, 1;
		add.u32 Y, Y, X;
		add.u32 Y, Y, 0x7fff;
		shr.u32 Y, Y, 16;
		and.b32 DST, DST, 0x8000;
		or.b32 DST, DST, 0x7fc0;
		setp.num.f32 %p, F, F;
		selp.b32 DST, Y, DST, %p;`)
}

// A value is a number of few bits.
type value struct {
	Name string
	bits int
	load string // of 8 bits: the type
	text string // from the code X, which it may change, to the float F
}

var values = []value{
	{"i8", 8, "s8", "cvt.rn.f32.s32 F, X;"},
	{"u8", 8, "u8", "cvt.rn.f32.u32 F, X;"},
	{"i4", 4, "", "xor.b32 X, X, 8;\nsub.u32 X, X, 8;\ncvt.rn.f32.s32 F, X;"},
	{"u4", 4, "", "cvt.rn.f32.u32 F, X;"},
	// The two bits of the exponent and the one behind them as those of a float,
	// whose exponent is 126 too small.
	{"f4_e2m1", 4, "", `
		shl.b32 %y, X, 28;
		and.b32 %y, %y, 0x80000000;
		and.b32 X, X, 7;
		shl.b32 X, X, 22;
		or.b32 X, X, %y;
		mov.b32 F, X;
		mul.rn.f32 F, F, 0f7E800000;`},
	// As a binary16 whose exponent is 8 too small.
	{"f8_e4m3fn", 8, "u8", `
		shl.b32 %y, X, 8;
		and.b32 %y, %y, 0x8000;
		and.b32 X, X, 0x7f;
		setp.eq.u32 %p, X, 0x7f;
		shl.b32 X, X, 7;
		selp.b32 X, 0x7e00, X, %p;
		or.b32 X, X, %y;
		cvt.u16.u32 %h, X;
		cvt.f32.f16 F, %h;
		mul.rn.f32 F, F, 0f43800000;`},
	// The upper half of a binary16.
	{"f8_e5m2", 8, "u8", "shl.b32 X, X, 8;\ncvt.u16.u32 %h, X;\ncvt.f32.f16 F, %h;"},
}

// Float converts a code.
func (v value) Float(f, x string) string {
	return lines(strings.NewReplacer("X", x, "F", f).Replace(v.text))
}

// Load1 reads the code of one column, Load4 those of four, the first of which is
// even.
func (v value) Load1(x, row, column, at, shift string) string {
	if v.bits == 8 {
		return lines("add.u64 " + at + ", " + row + ", " + column + ";\nld.global." + v.load + " " + x + ", [" + at + "];")
	}
	return lines(strings.NewReplacer("X", x, "ROW", row, "COLUMN", column, "AT", at, "SHIFT", shift).Replace(`
		shr.u64 AT, COLUMN, 1;
		add.u64 AT, AT, ROW;
		ld.global.u8 X, [AT];
		cvt.u32.u64 SHIFT, COLUMN;
		and.b32 SHIFT, SHIFT, 1;
		shl.b32 SHIFT, SHIFT, 2;
		shr.u32 X, X, SHIFT;
		and.b32 X, X, 15;`))
}

func (v value) Load4(x, row, column, at string) string {
	var b strings.Builder
	if v.bits == 8 {
		fmt.Fprintf(&b, "add.u64 %s, %s, %s;\n", at, row, column)
		for k := range 4 {
			fmt.Fprintf(&b, "ld.global.%s %s%d, [%s+%d];\n", v.load, x, k, at, k)
		}
		return lines(b.String())
	}
	fmt.Fprintf(&b, "shr.u64 %[1]s, %[2]s, 1;\nadd.u64 %[1]s, %[1]s, %[3]s;\n", at, column, row)
	for k := 0; k < 4; k += 2 {
		fmt.Fprintf(&b, "ld.global.u8 %[1]s%[2]d, [%[3]s+%[4]d];\nshr.u32 %[1]s%[5]d, %[1]s%[2]d, 4;\nand.b32 %[1]s%[2]d, %[1]s%[2]d, 15;\n", x, k, at, k/2, k+1)
	}
	return lines(b.String())
}

// An output is a float that is written.
type output struct {
	Name string
	Size int
}

var outputs = []output{{"f32", 4}, {"f16", 2}, {"bf16", 2}}

// round makes the half h of the float f, for all but f32.
func (o output) Round(h, f string) string {
	switch o.Name {
	case "f16":
		return "cvt.rn.f16.f32 " + h + ", " + f + ";"
	case "bf16":
		return lines(bfloat("%t0", "%y", "%t1", f) + "\ncvt.u16.u32 " + h + ", %t0;")
	}
	return ""
}

func (o output) Store1(at, h, f string) string {
	if o.Name == "f32" {
		return "st.global.f32 [" + at + "], " + f + ";"
	}
	return "st.global.u16 [" + at + "], " + h + ";"
}

// Store4 writes f0 to f3, at once if the address allows it.
func (o output) Store4() string {
	var b strings.Builder
	typ, reg := "f32", "%f"
	if o.Name != "f32" {
		typ, reg = "u16", "%h"
		for k := range 4 {
			fmt.Fprintln(&b, o.Round(numbered("%h", k), numbered("%f", k)))
		}
	}
	fmt.Fprintf(&b, "and.b64 %%w, %%at, %d;\nsetp.ne.u64 %%p, %%w, 0;\n@%%p bra APART;\n", 4*o.Size-1)
	fmt.Fprintf(&b, "st.global.v4.%[1]s [%%at], {%[2]s0, %[2]s1, %[2]s2, %[2]s3};\nbra STORED;\nAPART:\n", typ, reg)
	for k := range 4 {
		fmt.Fprintf(&b, "st.global.%s [%%at+%d], %s%d;\n", typ, k*o.Size, reg, k)
	}
	return lines(b.String() + "STORED:")
}

// A block is a type of ggml's.
type block struct {
	Name  string
	Bytes int
	Shift int // of the number of four elements to that of the block
}

var blocks = []block{{"q8_0", 34, 3}, {"q4_0", 18, 3}, {"q4_k", 144, 6}}

// Mask takes the place in the block out of the number of four elements.
func (b block) Mask() int { return 1<<b.Shift - 1 }
