package tensor

import (
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// A castStep converts elements, aligned and in the machine's byte order, those
// of packed dtypes one to the byte. dst and src do not overlap.
type castStep struct {
	op     castOp
	size   int // of what it writes
	d, s   kernel.Kind
	table  *kernel.Table
	narrow *kernel.Narrowing
}

type castOp uint8

const (
	opConvert castOp = iota // kind s to kind d
	opLookup                // bytes, by table
	opNarrow                // float32 bits rounded to odd, by narrow
)

// run converts len(dst)/size elements. stream asks for stores past the cache.
func (c *castStep) run(dst, src []byte, stream bool) {
	switch c.op {
	case opConvert:
		kernel.Convert(dst, src, c.d, c.s, stream)
	case opLookup:
		kernel.Lookup(dst, src, c.table, stream)
	case opNarrow:
		kernel.Narrow(dst, src, c.narrow, stream)
	}
}

// castSteps are what leads from one type to another.
type castSteps struct {
	list [3]castStep
	n    int
}

func (c *castSteps) add(s castStep) {
	c.list[c.n] = s
	c.n++
}

func (c *castSteps) convert(d, s kernel.Kind) {
	if d != s {
		c.add(castStep{op: opConvert, size: d.Size(), d: d, s: s})
	}
}

// set chooses the steps from s to d: none if elements stay as they are. Integers convert directly where they can;
// what else lies in a byte is looked up.
func (c *castSteps) set(d, s elem) {
	c.n = 0
	switch s { // what they are in a block
	case castBool1:
		s = elemBool
	case castI4:
		s = elemI8
	case castU4:
		s = elemU8
	}
	to, number := kindOf(d)
	switch {
	case d == s && d != elemBool:
	case blockSize(s) > 1:
		c.between(d, s)
	case s == elemBool && number && to == kernel.Bool:
		c.add(castStep{op: opConvert, size: 1, d: to, s: kernel.U8})
	case (s == elemI8 || s == elemU8) && number && to <= kernel.U4:
		from, _ := kindOf(s)
		c.add(castStep{op: opConvert, size: to.Size(), d: to, s: from})
	case d == elemC128:
		c.set(elemF64, s)
		c.convert(to, kernel.F64)
	default:
		c.add(castStep{op: opLookup, size: blockSize(d), table: castTable(d, s)})
	}
}

// between adds the steps from what does not lie in a byte, to anything.
func (c *castSteps) between(d, s elem) {
	from, _ := kindOf(s)
	to, number := kindOf(d)
	if number && kernel.Converts(to, from) {
		c.convert(to, from)
		return
	}
	if from == kernel.F16 || from == kernel.BF16 {
		c.convert(kernel.F32, from)
		from = kernel.F32
	}
	switch {
	case from == kernel.C64 && d == elemC128: // part by part
		c.add(castStep{op: opConvert, size: 16, d: kernel.F64, s: kernel.F32})
		return
	case from == kernel.C128 && d == elemC64:
		c.add(castStep{op: opConvert, size: 8, d: kernel.F32, s: kernel.F64})
		return
	case from == kernel.C64:
		c.convert(kernel.F32, from)
		from = kernel.F32
	case from == kernel.C128:
		c.convert(kernel.F64, from)
		from = kernel.F64
	}
	switch {
	case d == elemC64:
		c.convert(kernel.F32, from)
		c.convert(to, kernel.F32)
	case d == elemC128:
		c.convert(kernel.F64, from)
		c.convert(to, kernel.F64)
	case number && to != kernel.F16 && to != kernel.BF16:
		c.convert(to, from)
	default:
		if from != kernel.F32 {
			c.convert(kernel.Odd32, from)
			from = kernel.Odd32
		}
		if number {
			c.convert(to, from)
		} else {
			c.add(castStep{op: opNarrow, size: 1, narrow: narrowingOf(d)})
		}
	}
}

// blockSize is the number of bytes of an element in a block.
func blockSize(e elem) int {
	if e < elemCount {
		return int(e.dtype().UnitBytes)
	}
	return 1
}

// kindOf is the kind of number that an element of e becomes in a block, if it is
// one.
func kindOf(e elem) (kernel.Kind, bool) {
	switch e {
	case elemBool, castBool1:
		return kernel.Bool, true
	case elemI8:
		return kernel.I8, true
	case elemI16:
		return kernel.I16, true
	case elemI32:
		return kernel.I32, true
	case elemI64:
		return kernel.I64, true
	case elemU8:
		return kernel.U8, true
	case elemU16:
		return kernel.U16, true
	case elemU32:
		return kernel.U32, true
	case elemU64:
		return kernel.U64, true
	case elemF32:
		return kernel.F32, true
	case elemF64:
		return kernel.F64, true
	case elemF16:
		return kernel.F16, true
	case elemBF16:
		return kernel.BF16, true
	case elemC64:
		return kernel.C64, true
	case elemC128:
		return kernel.C128, true
	case castI4:
		return kernel.I4, true
	case castU4:
		return kernel.U4, true
	}
	return 0, false
}

// castTables and narrowings are made when first needed.
var (
	castTables [castCount][castCount]struct {
		once  sync.Once
		table *kernel.Table
	}
	narrowings [castCount]struct {
		once  sync.Once
		table *kernel.Narrowing
	}
)

// castTable holds what the bytes of s become in d.
func castTable(d, s elem) *kernel.Table {
	t := &castTables[d][s]
	t.once.Do(func() {
		values := cast.Bytes(byteValues(s)[:])
		var steps castSteps
		steps.between(d, elemF32)
		for i := range steps.n {
			step := &steps.list[i]
			out := cast.Bytes(make([]uint64, 256*step.size/8))
			step.run(out, values, false)
			values = out
		}
		t.table = kernel.NewTable(values, blockSize(d))
	})
	return t.table
}

// byteValues are the values of all bytes of a type: float32 holds them exactly.
func byteValues(s elem) *[256]float32 {
	switch s {
	case elemF8E4M3FN:
		return valuesE4M3FN
	case elemF8E5M2:
		return valuesE5M2
	case elemF8E4M3FNUZ:
		return valuesE4M3FNUZ
	case elemF8E5M2FNUZ:
		return valuesE5M2FNUZ
	case elemF8E8M0:
		return valuesE8M0
	case castF4E2M1:
		return valuesF4E2M1
	case castF6E2M3:
		return valuesF6E2M3
	case castF6E3M2:
		return valuesF6E3M2
	}
	t := new([256]float32)
	for c := range t {
		switch {
		case s == elemI8:
			t[c] = float32(int8(c))
		case s == elemU8:
			t[c] = float32(c)
		case c != 0: // bool
			t[c] = 1
		}
	}
	return t
}

func narrowingOf(d elem) *kernel.Narrowing {
	t := &narrowings[d]
	t.once.Do(func() {
		encode := func(b uint32) uint8 { return uint8(encodeE8M0(b)) }
		switch d {
		case elemF8E4M3FN:
			encode = miniE4M3FN.encode
		case elemF8E5M2:
			encode = miniE5M2.encode
		case elemF8E4M3FNUZ:
			encode = miniE4M3FNUZ.encode
		case elemF8E5M2FNUZ:
			encode = miniE5M2FNUZ.encode
		case castF4E2M1:
			encode = miniF4E2M1.encode
		case castF6E2M3:
			encode = miniF6E2M3.encode
		case castF6E3M2:
			encode = miniF6E3M2.encode
		}
		t.table = kernel.NewNarrowing(encode)
	})
	return t.table
}
