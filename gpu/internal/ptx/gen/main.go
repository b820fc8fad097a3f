// Gen writes the PTX of the kernels that come in many like versions. Run it with
// go generate in the directory above.
package main

import (
	"fmt"
	"os"
	"strings"
)

// families are the files that are made.
var families = map[string]func(*asm){
	"cast.ptx":         casts,
	"picture.ptx":      pictures,
	"transpose.ptx":    transposes,
	"gather.ptx":       gathers,
	"unshuffle.ptx":    unshuffles,
	"reduce.ptx":       reduces,
	"crc32c.ptx":       checksums,
	"scatter.ptx":      templated("scatter"),
	"dequant_f32.ptx":  templated("dequant", "f32"),
	"dequant_f16.ptx":  templated("dequant", "f16"),
	"dequant_bf16.ptx": templated("dequant", "bf16"),
	"ggml.ptx":         templated("ggml", "f32", "f16", "bf16"),
	"conv.ptx":         templated("conv"),
}

func main() {
	for name := range families {
		if err := os.WriteFile(name, []byte(text(name)), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// text is what belongs into a file.
func text(name string) string {
	a := new(asm)
	a.raw("// Made by gen; see there.\n.version 7.0\n.target sm_75\n.address_size 64\n")
	families[name](a)
	return a.String()
}

// An asm collects lines of PTX.
type asm struct {
	strings.Builder
	labels int
}

func (a *asm) raw(s string) { a.WriteString(s) }

// ins writes an instruction, a declaration or another line inside of a kernel.
func (a *asm) ins(format string, args ...any) { fmt.Fprintf(a, "\t"+format+";\n", args...) }

// note writes a comment.
func (a *asm) note(format string, args ...any) { fmt.Fprintf(a, "\t// "+format+"\n", args...) }

func (a *asm) label(name string) { fmt.Fprintf(a, "%s:\n", name) }

// fresh is a label that was not there yet.
func (a *asm) fresh(name string) string {
	a.labels++
	return fmt.Sprintf("%s_%d", name, a.labels)
}

// entry begins a kernel. Each parameter is "u64 name" and is loaded to a register
// of its name; pointers are u64 with a star: "*dst". attr, if there is one, stands
// before the body.
func (a *asm) entry(name, attr string, params ...string) {
	a.labels = 0
	fmt.Fprintf(a, "\n.visible .entry %s(", name)
	for i, p := range params {
		typ, reg := split(p)
		if i > 0 {
			a.raw(",")
		}
		fmt.Fprintf(a, "\n\t.param .%s p_%s", typ, reg)
	}
	a.raw("\n)\n")
	if attr != "" {
		a.raw(attr + "\n")
	}
	a.raw("{\n")
	for _, p := range params {
		typ, reg := split(p)
		a.ins(".reg .%s %%%s", typ, reg)
		a.ins("ld.param.%s %%%s, [p_%s]", typ, reg, reg)
		if p[0] == '*' {
			a.ins("cvta.to.global.u64 %%%s, %%%s", reg, reg)
		}
	}
}

func split(param string) (typ, reg string) {
	if reg, ok := strings.CutPrefix(param, "*"); ok {
		return "u64", reg
	}
	typ, reg, _ = strings.Cut(param, " ")
	return typ, reg
}

func (a *asm) end() { a.raw("\tret;\n}\n") }

// regs declares registers of a type.
func (a *asm) regs(typ string, names ...string) {
	a.ins(".reg .%s %%%s", typ, strings.Join(names, ", %"))
}

// thread sets %i to the number of the thread in x and %step to that of all of
// them.
func (a *asm) thread() {
	a.regs("u32", "blk", "dim", "me")
	a.regs("u64", "i", "step")
	a.ins("mov.u32 %%blk, %%ctaid.x")
	a.ins("mov.u32 %%dim, %%ntid.x")
	a.ins("mov.u32 %%me, %%tid.x")
	a.ins("cvt.u64.u32 %%i, %%me")
	a.ins("mad.wide.u32 %%i, %%blk, %%dim, %%i")
	a.ins("mov.u32 %%blk, %%nctaid.x")
	a.ins("mul.wide.u32 %%step, %%blk, %%dim")
}
