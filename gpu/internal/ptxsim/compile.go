package ptxsim

import (
	"fmt"
	"strings"
)

// A compiler makes the step of one instruction. Its methods note what is wrong
// in err and go on with something harmless.
type compiler struct {
	*body
	in   *instr
	mods []string // what is left of the opcode
	ops  []operand
	err  error
}

type reader = func(*thread) uint64
type writer = func(*thread, uint64)

// families are the instructions that are known, by the opcode up to its first
// dot; each is in section 9.7 under its name.
var families map[string]func(*compiler) func(*thread)

func init() {
	families = map[string]func(*compiler) func(*thread){
		"add": (*compiler).arith, "sub": (*compiler).arith, "mul": (*compiler).mul, "mad": (*compiler).mul, "fma": (*compiler).fma,
		"div": (*compiler).arith, "rem": (*compiler).arith, "min": (*compiler).arith, "max": (*compiler).arith,
		"abs": (*compiler).unary, "neg": (*compiler).unary, "sqrt": (*compiler).unary, "rcp": (*compiler).unary,
		"and": (*compiler).logic, "or": (*compiler).logic, "xor": (*compiler).logic, "not": (*compiler).logic,
		"shl": (*compiler).shift, "shr": (*compiler).shift, "shf": (*compiler).funnel,
		"popc": (*compiler).count, "clz": (*compiler).count, "brev": (*compiler).count,
		"bfe": (*compiler).field, "bfi": (*compiler).field, "prmt": (*compiler).permute, "lop3": (*compiler).lop3,
		"setp": (*compiler).setp, "selp": (*compiler).selp,
		"mov": (*compiler).mov, "cvt": (*compiler).cvt, "cvta": (*compiler).cvta,
		"ld": (*compiler).load, "st": (*compiler).store, "atom": (*compiler).atom, "red": (*compiler).atom, "membar": (*compiler).membar,
		"bra": (*compiler).branch, "ret": (*compiler).exit, "exit": (*compiler).exit,
		"bar": (*compiler).barrier, "shfl": (*compiler).shuffle, "vote": (*compiler).vote,
	}
}

func (b *body) compile(in *instr, ops []operand) error {
	root, rest, _ := strings.Cut(in.text, ".")
	f := families[root]
	if f == nil {
		return syntax(in.line, "%s: an instruction that is not known here", in.text)
	}
	c := &compiler{body: b, in: in, ops: ops}
	if rest != "" {
		c.mods = strings.Split(rest, ".")
	}
	in.run = f(c)
	if c.err == nil && len(c.mods) > 0 {
		c.bad("%q is not known here", c.mods[0])
	}
	return c.err
}

func (c *compiler) bad(format string, args ...any) {
	if c.err == nil {
		c.err = syntax(c.in.line, "%s: %s", c.in.text, fmt.Sprintf(format, args...))
	}
}

// root is the opcode up to its first dot.
func (c *compiler) root() string {
	s, _, _ := strings.Cut(c.in.text, ".")
	return s
}

// mod reads the next modifier if it is one of the names.
func (c *compiler) mod(names ...string) string {
	if len(c.mods) == 0 {
		return ""
	}
	for _, n := range names {
		if c.mods[0] == n {
			c.mods = c.mods[1:]
			return n
		}
	}
	return ""
}

// must is mod, and an error without one.
func (c *compiler) must(names ...string) string {
	n := c.mod(names...)
	if n == "" {
		c.bad("without one of .%s", strings.Join(names, ", ."))
	}
	return n
}

// typ reads a type, one of the names, which spaces separate.
func (c *compiler) typ(names string) typ {
	n := c.mod(strings.Fields(names)...)
	if n == "" {
		c.bad("without a type among %s", names)
		return typ{'b', 32}
	}
	return typNames[n]
}

// operands checks their number.
func (c *compiler) operands(n int) bool {
	if len(c.ops) != n {
		c.bad("%d operands, want %d", len(c.ops), n)
	}
	return c.err == nil
}

// src reads operand i as type t.
func (c *compiler) src(i int, t typ) reader { return c.read(c.at(i), t, t.fits) }

func (c *compiler) at(i int) operand {
	if i >= len(c.ops) {
		c.bad("%d operands", len(c.ops))
		return operand{}
	}
	return c.ops[i]
}

func (c *compiler) read(o operand, t typ, fits func(typ) bool) reader {
	switch o.kind {
	case 'r':
		if !fits(o.typ) {
			c.bad("%s has the type %v, want %v", o.name, o.typ, t)
		}
		return o.register()
	case 'i':
		if o.float != 0 && (t.kind != 'f' || o.float != t.bits) || o.float == 0 && (t.kind == 'f' || t == pred) {
			c.bad("a number of another kind than %v", t)
		}
		if high := o.bits &^ t.mask(); o.float == 0 && high != 0 && (high != ones64&^t.mask() || o.bits>>(t.bits-1)&1 == 0) {
			c.bad("a number that does not fit %v", t)
		}
		v := o.bits & t.mask()
		return func(*thread) uint64 { return v }
	case 's':
		if !fits(o.typ) {
			c.bad("%s as %v", o.name, t)
		}
		return o.source
	}
	c.bad("an operand that is no value")
	return func(*thread) uint64 { return 0 }
}

// register reads a register; predicates may be turned.
func (o operand) register() reader {
	r := o.reg
	if o.not {
		return func(t *thread) uint64 { return t.get(r) ^ 1 }
	}
	return func(t *thread) uint64 { return t.get(r) }
}

// dst writes operand i, of type t.
func (c *compiler) dst(i int, t typ) writer { return c.write(c.at(i), t, t.fits) }

func (c *compiler) write(o operand, t typ, fits func(typ) bool) writer {
	if o.kind != 'r' || o.not {
		c.bad("a result that is no register")
		return func(*thread, uint64) {}
	}
	if !fits(o.typ) {
		c.bad("%s has the type %v, want %v", o.name, o.typ, t)
	}
	r, mask := o.reg, o.typ.mask()
	return func(t *thread, v uint64) { t.regs[r], t.set[r] = v&mask, true }
}

// one and two make steps of one and two operands and a result of their type.
func (c *compiler) one(t typ, f func(th *thread, a uint64) uint64) func(*thread) {
	if !c.operands(2) {
		return nil
	}
	d, a := c.dst(0, t), c.src(1, t)
	return func(th *thread) { d(th, f(th, a(th))) }
}

func (c *compiler) two(t typ, f func(th *thread, a, b uint64) uint64) func(*thread) {
	if !c.operands(3) {
		return nil
	}
	d, a, b := c.dst(0, t), c.src(1, t), c.src(2, t)
	return func(th *thread) { d(th, f(th, a(th), b(th))) }
}
