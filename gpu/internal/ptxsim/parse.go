package ptxsim

import (
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// space is a state space (section 5.1).
type space uint8

const (
	spaceParam space = iota + 1
	spaceShared
	spaceConst
	spaceGlobal
)

// parser reads tokens; the first error stays.
type parser struct {
	toks    []token
	at      int
	err     error
	module  map[string]variable // constants, and the dynamic array
	consts  []byte
	entries map[string]*entry
}

// Load reads a module. Text that is not PTX, or not of the subset, is an error
// with the code InvalidPTX that names the line.
func Load(text string) (*Program, error) {
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks, module: map[string]variable{}, entries: map[string]*entry{}}
	// Section 11.1: the three lines that a module begins with.
	for _, line := range [][2]string{{".version", "7.0"}, {".target", "sm_75"}, {".address_size", "64"}} {
		p.want(line[0])
		p.want(line[1])
	}
	for p.err == nil && p.peek() != "" {
		switch t := p.next(); t {
		case ".const":
			p.constant()
		case ".extern":
			p.want(".shared")
			p.dynamicArray()
		case ".visible":
			p.want(".entry")
			p.entry()
		default:
			p.fail("%q outside of a kernel is not known here", t)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	for _, e := range p.entries {
		e.consts = p.consts
	}
	return &Program{entries: p.entries}, nil
}

func (p *parser) peek() string { return p.toks[p.at].text }

func (p *parser) line() int { return p.toks[p.at].line }

func (p *parser) next() string {
	t := p.toks[p.at].text
	if p.at < len(p.toks)-1 {
		p.at++
	}
	return t
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = syntax(p.toks[max(p.at-1, 0)].line, format, args...)
		p.at = len(p.toks) - 1
	}
}

func (p *parser) want(s string) {
	if t := p.next(); t != s {
		p.fail("got %q, want %q", t, s)
	}
}

// take reads s if it comes next.
func (p *parser) take(s string) bool {
	if p.peek() == s {
		p.next()
		return true
	}
	return false
}

// name is an identifier (section 4.4).
func (p *parser) name() string {
	t := p.next()
	if t == "" || isDigit(t[0]) || t[0] == '.' || !isWord(t[0]) || strings.Contains(t, ".") {
		p.fail("got %q, want a name", t)
	}
	return t
}

func (p *parser) typeName() typ {
	t := p.next()
	if y, ok := typNames[strings.TrimPrefix(t, ".")]; ok && strings.HasPrefix(t, ".") {
		return y
	}
	p.fail("got %q, want a type", t)
	return typ{'b', 32}
}

// count is a number from 1 to most.
func (p *parser) count(most int) int {
	t := p.next()
	n, ok := integer(t)
	if !ok || n < 1 || n > uint64(most) {
		p.fail("got %q, want a number from 1 to %d", t, most)
		return 1
	}
	return int(n)
}

// integer reads an integer constant (section 4.5.1), without a sign.
func integer(s string) (uint64, bool) {
	if s == "" || !isDigit(s[0]) || strings.HasPrefix(s, "0f") || strings.HasPrefix(s, "0d") {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "U"), 0, 64)
	return n, err == nil && !strings.Contains(s, "_")
}

// literal reads a number for an operand: an integer, or the bits of a float.
func literal(s string) (bits uint64, float int, ok bool) {
	for prefix, size := range map[string]int{"0f": 32, "0F": 32, "0d": 64, "0D": 64} {
		if digits, found := strings.CutPrefix(s, prefix); found {
			v, err := strconv.ParseUint(digits, 16, size)
			return v, size, err == nil && len(digits) == size/4
		}
	}
	v, ok := integer(s)
	return v, 0, ok
}

// constant is .const .align A .type name[N] = { ... }; (section 5.1.3).
func (p *parser) constant() {
	v := p.array(spaceConst, len(p.consts))
	for len(p.consts) < v.at {
		p.consts = append(p.consts, 0)
	}
	p.want("=")
	p.want("{")
	for n := 0; p.err == nil; n++ {
		if n == v.size/v.typ.size() {
			p.fail("%s has more than %d values", v.name, n)
			return
		}
		minus := p.take("-")
		bits, float, ok := literal(p.next())
		if !ok || float != 0 && (float != v.typ.bits || minus) {
			p.fail("a value of %s", v.name)
		}
		if minus {
			bits = -bits
		}
		for i := range v.typ.size() {
			p.consts = append(p.consts, byte(bits>>(8*i)))
		}
		if !p.take(",") {
			break
		}
	}
	p.want("}")
	p.want(";")
	if len(p.consts) != v.at+v.size {
		p.fail("%s has fewer values than it says", v.name)
	}
	p.declare(p.module, v)
}

func (p *parser) declare(m map[string]variable, v variable) {
	if _, twice := m[v.name]; twice {
		p.fail("%s is declared twice", v.name)
	}
	m[v.name] = v
}

// array is [.align A] .type name[N] that begins at or behind at.
func (p *parser) array(s space, at int) variable {
	align := 0
	if p.take(".align") {
		if align = p.count(16); align&(align-1) != 0 {
			p.fail("an alignment of %d", align)
		}
	}
	v := variable{space: s, typ: p.typeName()}
	if v.typ == pred {
		p.fail("a predicate in memory")
		v.typ = typ{'b', 8}
	}
	v.name = p.name()
	p.want("[")
	v.size = p.count(64<<10/v.typ.size()) * v.typ.size()
	p.want("]")
	align = max(align, v.typ.size())
	v.at = (at + align - 1) &^ (align - 1)
	if v.at+v.size > 64<<10 { // section 5.1.3, and more than a block may share
		p.fail("%s does not fit", v.name)
	}
	return v
}

// body is what is known while a kernel is read.
type body struct {
	*parser
	e      *entry
	names  map[string]variable // parameters and shared variables
	regs   map[string]int
	labels map[string]int
	jumps  []jump
}

// A jump waits for its label.
type jump struct {
	label string
	line  int
	to    *int
}

func (p *parser) entry() {
	b := &body{parser: p, e: &entry{name: p.name()}, names: map[string]variable{}, regs: map[string]int{}, labels: map[string]int{}}
	e := b.e
	p.want("(")
	for p.err == nil && !p.take(")") {
		if len(e.params) > 0 {
			p.want(",")
		}
		p.want(".param")
		v := variable{space: spaceParam, typ: p.typeName()}
		v.name, v.size = p.name(), v.typ.size()
		if v.size != 4 && v.size != 8 {
			p.fail("a parameter of type %v", v.typ)
			return
		}
		v.at = (e.bytes + v.size - 1) &^ (v.size - 1)
		e.bytes = v.at + v.size
		e.params = append(e.params, v)
		p.declare(b.names, v)
	}
	if e.bytes > 4096 { // section 5.1.6
		p.fail("%d bytes of parameters", e.bytes)
	}
	for p.err == nil && !p.take("{") {
		switch t := p.next(); t { // section 11.4
		case ".reqntid":
			e.require = p.dims()
		case ".maxntid":
			e.limit = p.dims().Size()
		default:
			p.fail("%q is not known here", t)
		}
	}
	for p.err == nil && !p.take("}") {
		b.statement()
	}
	if p.err == nil && len(e.code) == 0 {
		p.fail("%s has no instructions", e.name)
	}
	for _, j := range b.jumps {
		to, ok := b.labels[j.label]
		if !ok && p.err == nil {
			p.err = syntax(j.line, "no label %s", j.label)
		}
		*j.to = to
	}
	if e.dynamic && e.shared > 0 {
		p.fail("%s uses the dynamic array beside its own", e.name)
	}
	if e.shared > maxShared {
		p.fail("%s: %d bytes of shared memory", e.name, e.shared)
	}
	if p.entries[e.name] != nil {
		p.fail("%s is declared twice", e.name)
	}
	p.entries[e.name] = e
}

func (p *parser) dims() driver.Dim {
	d := [3]int{1, 1, 1}
	for i := range d {
		d[i] = p.count(maxThreads)
		if !p.take(",") {
			break
		}
	}
	return driver.Dim{X: uint32(d[0]), Y: uint32(d[1]), Z: uint32(d[2])}
}

// statement is a declaration, a label or an instruction.
func (b *body) statement() {
	line := b.line()
	switch t := b.peek(); {
	case t == ".reg":
		b.next()
		b.registers()
	case t == ".shared":
		b.next()
		v := b.array(spaceShared, b.e.shared)
		b.want(";")
		b.declare(b.names, v)
		b.e.shared = v.at + v.size
	case t == "@" || t != "" && t[0] != '.' && b.toks[b.at+1].text != ":":
		b.instruction(line)
	default:
		name := b.name()
		b.want(":")
		if _, twice := b.labels[name]; twice {
			b.fail("label %s stands twice", name)
		}
		b.labels[name] = len(b.e.code)
	}
}

// dynamicArray is .extern .shared .align A .type name[]; (section 5.1.7), whose size
// comes with the launch. It stands outside of kernels; those that use it have no
// shared memory of their own.
func (p *parser) dynamicArray() {
	if p.take(".align") {
		if align := p.count(16); align&(align-1) != 0 {
			p.fail("an alignment of %d", align)
		}
	}
	v := variable{space: spaceShared, typ: p.typeName()}
	v.name = p.name()
	p.want("[")
	p.want("]")
	p.want(";")
	p.declare(p.module, v)
}

// registers is .reg .type a, b<4>; (section 5.1.1 and 10.2).
func (b *body) registers() {
	t := b.typeName()
	if t.bits == 8 {
		b.fail("a register of 8 bits")
	}
	for b.err == nil {
		name := b.name()
		if b.take("<") {
			n := b.count(maxRegs)
			b.want(">")
			for i := range n {
				if len(b.e.regs) > maxRegs {
					break
				}
				b.register(name+strconv.Itoa(i), t)
			}
		} else {
			b.register(name, t)
		}
		if len(b.e.regs) > maxRegs {
			b.fail("more than %d registers", maxRegs)
		}
		if !b.take(",") {
			break
		}
	}
	b.want(";")
}

func (b *body) register(name string, t typ) {
	if _, twice := b.regs[name]; twice {
		b.fail("register %s is declared twice", name)
	}
	if _, own := specials[name]; own {
		b.fail("%s is a register of the machine", name)
	}
	b.regs[name] = len(b.e.regs)
	b.e.regs = append(b.e.regs, register{name, t})
}

// An operand as it is written.
type operand struct {
	kind   byte // 'r' register, 'i' number, 's' special register, 'v' variable, 'm' memory, '{' vector, 'l' label, '|' pair
	reg    int
	typ    typ // of the register
	not    bool
	bits   uint64
	float  int // bits of a float literal
	off    int64
	vari   variable
	name   string
	parts  []operand
	source func(*thread) uint64 // of a special register
}

// instruction reads and compiles one.
func (b *body) instruction(line int) {
	in := instr{line: line, guard: -1}
	if b.take("@") {
		in.not = b.take("!")
		name := b.name()
		r, ok := b.regs[name]
		if !ok || b.e.regs[r].typ != pred {
			b.fail("%s is no predicate", name)
			return
		}
		in.guard = r
	}
	in.text = b.next()
	var ops []operand
	for b.err == nil && !b.take(";") {
		if len(ops) > 0 {
			b.want(",")
		}
		ops = append(ops, b.operand())
	}
	if b.err != nil {
		return
	}
	if err := b.compile(&in, ops); err != nil {
		b.err = err
		return
	}
	b.e.code = append(b.e.code, in)
}

func (b *body) operand() operand {
	switch t := b.peek(); {
	case t == "[":
		b.next()
		return b.memory()
	case t == "{":
		b.next()
		o := operand{kind: '{'}
		for b.err == nil {
			o.parts = append(o.parts, b.simple())
			if !b.take(",") {
				break
			}
		}
		b.want("}")
		return o
	default:
		o := b.simple()
		if o.kind == 'r' && b.take("|") {
			o = operand{kind: '|', parts: []operand{o, b.simple()}}
		}
		return o
	}
}

// memory is [register], [variable], either with + or - and a number.
func (b *body) memory() operand {
	o := b.simple()
	if o.kind != 'r' && o.kind != 'v' || o.not {
		b.fail("an address that is neither in a register nor a variable")
	}
	if o.kind == 'r' && o.typ.bits != 64 && o.typ.bits != 32 || o.kind == 'r' && o.typ.kind == 'f' {
		b.fail("an address in a register of type %v", o.typ)
	}
	o.parts, o.kind = []operand{{kind: o.kind}}, 'm'
	if sign := b.peek(); sign == "+" || sign == "-" {
		b.next()
		minus := b.take("-")
		n, ok := integer(b.next())
		if !ok || n > math.MaxInt32 {
			b.fail("an offset that is no number")
		}
		o.off = int64(n)
		if (sign == "-") != minus {
			o.off = -o.off
		}
	}
	b.want("]")
	return o
}

// simple is a register, a number, a variable or a label.
func (b *body) simple() operand {
	not := b.take("!")
	minus := b.take("-")
	t := b.next()
	if t != "" && isDigit(t[0]) {
		bits, float, ok := literal(t)
		if !ok || not || minus && float != 0 {
			b.fail("a number: %q", t)
		}
		if minus {
			bits = -bits
		}
		return operand{kind: 'i', bits: bits, float: float}
	}
	if r, ok := b.regs[t]; ok && !minus {
		o := operand{kind: 'r', reg: r, typ: b.e.regs[r].typ, not: not, name: t}
		if not && o.typ != pred {
			b.fail("! before %s", t)
		}
		return o
	}
	if not || minus {
		b.fail("a sign before %q", t)
	}
	if s, ok := specials[t]; ok {
		return operand{kind: 's', source: s, typ: typ{'u', 32}, name: t}
	}
	if v, ok := b.names[t]; ok {
		return operand{kind: 'v', vari: v, name: t}
	}
	if v, ok := b.module[t]; ok {
		b.e.dynamic = b.e.dynamic || v.space == spaceShared
		return operand{kind: 'v', vari: v, name: t}
	}
	if t == "" || !isWord(t[0]) || t[0] == '.' || strings.Contains(t, ".") {
		b.fail("an operand: %q", t)
	}
	return operand{kind: 'l', name: t}
}
