package torch

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// Values of a pickle in Go: nil, bool, int64, float64, string, []byte, *list,
// *dict, and what the allow-list makes of the rest. A value of any other class,
// or of a call that is not on the list, is *refused: nothing was executed for it,
// and nothing in it is looked at.
type (
	// list is a list, a tuple, a set or a frozenset.
	list struct {
		items []any
		kind  listKind
	}
	// dict is a dict or an OrderedDict, in the order of first insertion.
	dict struct {
		keys   []any
		values []any
		index  map[any]int // of keys that are nil, bool, int64, float64 or string
	}
	// global is a name in a module of Python.
	global struct{ module, name string }
	// refused stands for what is not on the allow-list.
	refused struct{ what string }
)

var emptyTuple = &list{kind: tupleOf}

type listKind uint8

const (
	listOf listKind = iota
	tupleOf
	setOf
)

func (g global) String() string { return g.module + "." + g.name }

// set puts a pair into d. A key that is there gets another value, as in Python.
// Keys of other types are compared by nothing and come each for itself.
func (d *dict) set(k, v any) {
	switch k.(type) {
	case nil, bool, int64, float64, string:
		if i, ok := d.index[k]; ok {
			d.values[i] = v
			return
		}
		if d.index == nil {
			d.index = map[any]int{}
		}
		d.index[k] = len(d.keys)
	}
	d.keys = append(d.keys, k)
	d.values = append(d.values, v)
}

// machine reads a pickle, protocols 2 to 5 of Python's pickle module (and the
// opcodes of 0 and 1 that these may still have). It knows no class but those of
// call: whatever the bytes say, they only make values of Go.
type machine struct {
	ctx   context.Context
	b     []byte
	i     int // of the next byte
	stack []any
	marks []int // where a variable number of items begins in stack
	memo  map[uint64]any
	// call makes the value of calling f, which is on no list if it makes refused.
	call func(f global, args []any) (any, error)
	// persistent makes the value of a persistent id.
	persistent func(id any) (any, error)
	room       int // bytes of memory that values may still take, about
}

func (m *machine) fail(kind error, at int, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: formatName, Offset: int64(at), Field: field, Got: got, Want: want}
}

// A byte of a pickle can make a value of a hundred. What torch.save writes takes
// some 12 times the pickle; this is what any may take beside, and the most values
// that wait on the stack.
const (
	baseRoom = 16 << 20
	perByte  = 20
	maxStack = 1 << 17
)

// spend takes n bytes of memory.
func (m *machine) spend(n int) error {
	if m.room -= n; m.room < 0 {
		return m.fail(tensor.ErrLimit, m.i, "pickle", "more values", fmt.Sprintf("some %d bytes of them", baseRoom+perByte*len(m.b)))
	}
	return nil
}

// run reads the pickle and returns the value that it makes.
func (m *machine) run() (any, error) {
	m.memo = map[uint64]any{}
	m.room = baseRoom + perByte*len(m.b)
	for n := 0; ; n++ {
		if n&0xffff == 0 {
			if err := m.ctx.Err(); err != nil {
				return nil, err
			}
		}
		at := m.i
		if at == len(m.b) {
			return nil, m.fail(tensor.ErrTruncated, at, "pickle", "its end", "an opcode")
		}
		op := m.b[at]
		m.i++
		if op == '.' {
			if len(m.stack) != 1 || len(m.marks) > 0 {
				return nil, m.fail(tensor.ErrFormat, at, "stop", fmt.Sprintf("%d values and %d marks on the stack", len(m.stack), len(m.marks)), "one value")
			}
			if rest := len(m.b) - m.i; rest > 0 {
				return nil, m.fail(tensor.ErrFormat, m.i, "pickle", strconv.Itoa(rest)+" bytes behind its end", "none")
			}
			return m.stack[0], nil
		}
		if err := m.step(op, at); err != nil {
			return nil, err
		}
		if len(m.stack)+len(m.marks) > maxStack {
			return nil, m.fail(tensor.ErrLimit, at, "stack", "more values", "at most "+strconv.Itoa(maxStack))
		}
	}
}

// step executes one opcode, whose names are those of Python's pickletools.
func (m *machine) step(op byte, at int) error {
	switch op {
	case 0x80: // PROTO
		b, err := m.take(1)
		if err != nil {
			return err
		}
		if b[0] > 5 {
			return m.fail(tensor.ErrUnsupported, at, "protocol", strconv.Itoa(int(b[0])), "at most 5")
		}
	case 0x95: // FRAME
		n, err := m.uint(8)
		if err == nil && n > uint64(len(m.b)-m.i) {
			err = m.fail(tensor.ErrTruncated, at, "frame", strconv.FormatUint(n, 10)+" bytes", "at most the "+strconv.Itoa(len(m.b)-m.i)+" that follow")
		}
		return err
	case '(':
		m.marks = append(m.marks, len(m.stack))
	case '0': // POP
		if len(m.marks) > 0 && m.marks[len(m.marks)-1] == len(m.stack) {
			m.marks = m.marks[:len(m.marks)-1]
			return nil
		}
		_, err := m.pop(at)
		return err
	case '1': // POP_MARK
		_, err := m.sinceMark(at)
		return err
	case '2': // DUP
		v, err := m.top(at)
		if err != nil {
			return err
		}
		m.push(v)
	case 'N':
		m.push(nil)
	case 0x88:
		m.push(true)
	case 0x89:
		m.push(false)
	case 'J', 'K', 'M', 0x8a, 0x8b, 'I', 'L':
		return m.integer(op, at)
	case 'G', 'F':
		return m.float(op, at)
	case 'X', 0x8c, 0x8d, 'V', 'U', 'T', 'S', 'B', 'C', 0x8e, 0x96:
		return m.text(op, at)
	case ']':
		m.push(&list{kind: listOf})
		return m.spend(64)
	case 0x8f: // EMPTY_SET
		m.push(&list{kind: setOf})
		return m.spend(64)
	case ')':
		m.push(emptyTuple)
	case '}':
		m.push(&dict{})
		return m.spend(80)
	case 'l', 't', 0x91: // LIST, TUPLE, FROZENSET
		items, err := m.sinceMark(at)
		if err != nil {
			return err
		}
		m.push(&list{items, map[byte]listKind{'l': listOf, 't': tupleOf, 0x91: setOf}[op]})
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		items, err := m.popN(int(op-0x84), at)
		if err != nil {
			return err
		}
		m.push(&list{items, tupleOf})
	case 'a', 'e', 0x90: // APPEND, APPENDS, ADDITEMS
		return m.extend(op, at)
	case 'd', 's', 'u': // DICT, SETITEM, SETITEMS
		return m.setItems(op, at)
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j':
		return m.memory(op, at)
	case 'c', 0x93: // GLOBAL, STACK_GLOBAL
		return m.global(op, at)
	case 'R', 0x81, 0x92: // REDUCE, NEWOBJ, NEWOBJ_EX
		return m.reduce(op, at)
	case 'b': // BUILD
		_, err := m.pop(at) // a state, which changes nothing of what is on the list
		if err != nil {
			return err
		}
		_, err = m.top(at)
		return err
	case 'Q', 'P': // BINPERSID, PERSID
		return m.persID(op, at)
	default: // INST, OBJ, EXT1, EXT2, EXT4, buffers out of band, and what is no opcode
		return m.fail(tensor.ErrUnsupported, at, "opcode", fmt.Sprintf("%#02x (%q)", op, op), "one that torch.save writes")
	}
	return nil
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the index below which a value is not to be popped.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) popN(n, at int) ([]any, error) {
	if len(m.stack)-m.floor() < n {
		return nil, m.fail(tensor.ErrFormat, at, "stack", strconv.Itoa(len(m.stack)-m.floor())+" values", "at least "+strconv.Itoa(n))
	}
	items := append([]any(nil), m.stack[len(m.stack)-n:]...)
	m.drop(len(m.stack) - n)
	return items, m.spend(32 + 16*n)
}

func (m *machine) pop(at int) (any, error) {
	v, err := m.top(at)
	if err == nil {
		m.drop(len(m.stack) - 1)
	}
	return v, err
}

func (m *machine) top(at int) (any, error) {
	if len(m.stack) == m.floor() {
		return nil, m.fail(tensor.ErrFormat, at, "stack", "no value", "one")
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) drop(n int) {
	clear(m.stack[n:])
	m.stack = m.stack[:n]
}

func (m *machine) sinceMark(at int) ([]any, error) {
	if len(m.marks) == 0 {
		return nil, m.fail(tensor.ErrFormat, at, "stack", "no mark", "one")
	}
	n := m.floor()
	items := append([]any(nil), m.stack[n:]...)
	m.drop(n)
	m.marks = m.marks[:len(m.marks)-1]
	return items, m.spend(32 + 16*len(items))
}

func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.b)-m.i) {
		return nil, m.fail(tensor.ErrTruncated, m.i, "pickle", strconv.Itoa(len(m.b)-m.i)+" bytes", strconv.FormatUint(n, 10))
	}
	b := m.b[m.i : m.i+int(n) : m.i+int(n)]
	m.i += int(n)
	return b, nil
}

// uint reads n bytes, little-endian.
func (m *machine) uint(n int) (uint64, error) {
	b, err := m.take(uint64(n))
	if err != nil {
		return 0, err
	}
	var all [8]byte
	copy(all[:], b)
	return binary.LittleEndian.Uint64(all[:]), nil
}

// line reads up to the next LF.
func (m *machine) line() ([]byte, error) {
	n := bytes.IndexByte(m.b[m.i:], '\n')
	if n < 0 {
		return nil, m.fail(tensor.ErrTruncated, m.i, "pickle", "no end of a line", "one")
	}
	b := m.b[m.i : m.i+n]
	m.i += n + 1
	return b, nil
}

func (m *machine) integer(op byte, at int) error {
	size := map[byte]int{'J': 4, 'K': 1, 'M': 2, 0x8a: 1, 0x8b: 4}[op]
	if size == 0 { // INT, LONG
		b, err := m.line()
		if err != nil {
			return err
		}
		s := string(b)
		if op == 'I' && (s == "00" || s == "01") {
			m.push(s == "01")
			return nil
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(s, "L"), 10, 64)
		if err != nil {
			return m.fail(tensor.ErrFormat, at, "integer", tensor.Quote(s), "one of 64 bits")
		}
		m.push(n)
		return nil
	}
	n, err := m.uint(size)
	if err != nil {
		return err
	}
	switch op {
	case 'J':
		m.push(int64(int32(n)))
		return nil
	case 'K', 'M':
		m.push(int64(n))
		return nil
	}
	b, err := m.take(n) // LONG1, LONG4: two's complement of so many bytes
	if err != nil {
		return err
	}
	for len(b) > 8 && (b[len(b)-1] == 0 && b[len(b)-2] < 0x80 || b[len(b)-1] == 0xff && b[len(b)-2] >= 0x80) {
		b = b[:len(b)-1]
	}
	if len(b) > 8 {
		m.push(&refused{"an integer of " + strconv.Itoa(len(b)) + " bytes"})
		return nil
	}
	v := int64(0)
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	if s := 64 - 8*len(b); len(b) > 0 {
		v = v << s >> s
	}
	m.push(v)
	return nil
}

func (m *machine) float(op byte, at int) error {
	if op == 'F' {
		b, err := m.line()
		if err != nil {
			return err
		}
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			return m.fail(tensor.ErrFormat, at, "float", tensor.Quote(string(b)), "a number")
		}
		m.push(f)
		return nil
	}
	b, err := m.take(8)
	if err != nil {
		return err
	}
	m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	return nil
}

// text reads a string or bytes.
func (m *machine) text(op byte, at int) error {
	var b []byte
	var err error
	if op == 'V' || op == 'S' { // UNICODE, STRING of protocol 0, which has escapes
		if b, err = m.line(); err != nil {
			return err
		}
		if bytes.IndexByte(b, '\\') >= 0 {
			return m.fail(tensor.ErrUnsupported, at, "string", tensor.Quote(string(b)), "one without escapes")
		}
		if n := len(b); op == 'S' {
			if n < 2 || b[0] != b[n-1] || b[0] != '\'' && b[0] != '"' {
				return m.fail(tensor.ErrFormat, at, "string", tensor.Quote(string(b)), "quotes")
			}
			b = b[1 : n-1]
		}
	} else {
		n, e := m.uint(map[byte]int{'X': 4, 0x8c: 1, 0x8d: 8, 'U': 1, 'T': 4, 'B': 4, 'C': 1, 0x8e: 8, 0x96: 8}[op])
		if e != nil {
			return e
		}
		if b, err = m.take(n); err != nil {
			return err
		}
	}
	switch op {
	case 'B', 'C', 0x8e, 0x96: // BINBYTES and its kin, BYTEARRAY8
		m.push(b)
		return nil
	}
	if !utf8.Valid(b) {
		return m.fail(tensor.ErrFormat, at, "string", tensor.Quote(string(b)), "UTF-8")
	}
	m.push(string(b))
	return m.spend(16 + len(b))
}

func (m *machine) extend(op byte, at int) error {
	var items []any
	var err error
	if op == 'a' {
		items, err = m.popN(1, at)
	} else {
		items, err = m.sinceMark(at)
	}
	if err != nil {
		return err
	}
	v, err := m.top(at)
	if err != nil {
		return err
	}
	if _, ok := v.(*refused); ok {
		return nil
	}
	l, ok := v.(*list)
	if want := map[bool]listKind{true: setOf, false: listOf}[op == 0x90]; !ok || l.kind != want {
		return m.fail(tensor.ErrFormat, at, "append", fmt.Sprintf("to %T", v), "to a list or a set")
	}
	l.items = append(l.items, items...)
	return nil
}

func (m *machine) setItems(op byte, at int) error {
	var items []any
	var err error
	if op == 's' {
		items, err = m.popN(2, at)
	} else {
		items, err = m.sinceMark(at)
	}
	if err != nil {
		return err
	}
	if len(items)%2 != 0 {
		return m.fail(tensor.ErrFormat, at, "items", strconv.Itoa(len(items))+" keys and values", "pairs")
	}
	if op == 'd' {
		m.push(&dict{})
	}
	v, err := m.top(at)
	if err != nil {
		return err
	}
	if _, ok := v.(*refused); ok {
		return nil
	}
	d, ok := v.(*dict)
	if !ok {
		return m.fail(tensor.ErrFormat, at, "items", fmt.Sprintf("of %T", v), "of a dict")
	}
	for i := 0; i < len(items); i += 2 {
		d.set(items[i], items[i+1])
	}
	return m.spend(96 * (len(items)/2 + 1))
}

// memory puts the top into the memo or gets a value from it.
func (m *machine) memory(op byte, at int) error {
	var n uint64
	var err error
	switch op {
	case 0x94: // MEMOIZE
		n = uint64(len(m.memo))
	case 'p', 'g':
		var b []byte
		if b, err = m.line(); err != nil {
			return err
		}
		if n, err = strconv.ParseUint(string(b), 10, 32); err != nil {
			return m.fail(tensor.ErrFormat, at, "memo", tensor.Quote(string(b)), "a number of 32 bits")
		}
	default:
		if n, err = m.uint(map[byte]int{'q': 1, 'h': 1, 'r': 4, 'j': 4}[op]); err != nil {
			return err
		}
	}
	if op == 'g' || op == 'h' || op == 'j' {
		v, ok := m.memo[n]
		if !ok {
			return m.fail(tensor.ErrFormat, at, "memo", strconv.FormatUint(n, 10), "one that was put")
		}
		m.push(v)
		return nil
	}
	v, err := m.top(at)
	if err != nil {
		return err
	}
	m.memo[n] = v
	return m.spend(64)
}

func (m *machine) global(op byte, at int) error {
	var g global
	if op == 'c' {
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		g = global{string(module), string(name)}
	} else {
		items, err := m.popN(2, at)
		if err != nil {
			return err
		}
		module, ok1 := items[0].(string)
		name, ok2 := items[1].(string)
		if !ok1 || !ok2 {
			return m.fail(tensor.ErrFormat, at, "global", fmt.Sprintf("%T and %T", items[0], items[1]), "two strings")
		}
		g = global{module, name}
	}
	m.push(g)
	return m.spend(48 + len(g.module) + len(g.name))
}

func (m *machine) reduce(op byte, at int) error {
	n := 2
	if op == 0x92 {
		n = 3
	}
	items, err := m.popN(n, at)
	if err != nil {
		return err
	}
	args, ok := items[1].(*list)
	if !ok || args.kind != tupleOf {
		return m.fail(tensor.ErrFormat, at, "arguments", fmt.Sprintf("%T", items[1]), "a tuple")
	}
	var v any
	switch f := items[0].(type) {
	case global:
		if op == 0x92 {
			v = &refused{"a call of " + f.String() + " with keywords"}
		} else if v, err = m.call(f, args.items); err != nil {
			return ofPickle(err, at)
		}
	case *refused:
		v = f
	default:
		return m.fail(tensor.ErrFormat, at, "call", fmt.Sprintf("of %T", f), "of a name")
	}
	m.push(v)
	return m.spend(160)
}

func (m *machine) persID(op byte, at int) error {
	var id any
	if op == 'P' {
		b, err := m.line()
		if err != nil {
			return err
		}
		id = string(b)
	} else {
		var err error
		if id, err = m.pop(at); err != nil {
			return err
		}
	}
	v, err := m.persistent(id)
	if err != nil {
		return ofPickle(err, at)
	}
	m.push(v)
	return nil
}

// ofPickle gives an error the place of its opcode.
func ofPickle(err error, at int) error {
	if e, ok := err.(*tensor.Error); ok && e.Offset < 0 {
		e.Offset = int64(at)
	}
	return err
}
