package gguf

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Limits. Those of keys and names are the format's own.
const (
	maxKey       = 65535
	maxName      = 64
	maxDims      = 4
	maxAlignment = 1 << 20

	maxInline      = 1024     // elements of an array that is an attribute
	maxInlineBytes = 64 << 10 // bytes of a value that is an attribute
	maxInlineAll   = 8 << 20  // of all of them
	maxInlineCount = 1 << 15  // values of all of them, elements of arrays included
)

// pair is a key of the metadata and its value.
type pair struct {
	key   string
	kind  uint32
	value any    // nil, bool, int64, uint64, float32, float64, string or []any; of long ones
	long  *array // nil, and where they stand
}

// types is how a list of types names the pair's.
func (p *pair) types() string {
	if p.kind != typeArray {
		return typeName(p.kind)
	}
	return typeName(p.elemKind()) + "[]"
}

func (p *pair) elemKind() uint32 {
	if p.long != nil {
		return p.long.elem
	}
	return p.value.(inline).elem
}

// inline is an array that is an attribute.
type inline struct {
	elem  uint32
	items []any
}

// info is what a header says of a tensor.
type info struct {
	name   string
	at     int64 // offset of the description
	ggml   uint32
	dtype  tensor.DType // zero: of a type that is not known
	dims   tensor.Shape // slowest axis first
	offset int64        // in the data section
	size   int64        // bytes
}

// header is a parsed header.
type header struct {
	version   uint32
	order     binary.ByteOrder
	pairs     []pair
	byKey     map[string]int
	tensors   []info
	alignment int64
	data      int64 // offset of the data section
}

// plain are the types of tensors that are no blocks, by their ggml numbers.
var plain = map[uint32]tensor.DType{
	0: tensor.F32, 1: tensor.F16, 24: tensor.I8, 25: tensor.I16, 26: tensor.I32, 27: tensor.I64, 28: tensor.F64, 30: tensor.BF16,
}

// parse reads the header of in.
func parse(ctx context.Context, in convert.Input) (*header, error) {
	s := &scanner{ctx: ctx, in: in, size: in.Size(), order: binary.LittleEndian}
	h := &header{byKey: map[string]int{}, alignment: 32}
	if err := h.begin(s); err != nil {
		return nil, err
	}
	at := s.offset()
	tensors, err := s.u64("number of tensors")
	if err != nil {
		return nil, err
	}
	pairs, err := s.u64("number of keys")
	if err != nil {
		return nil, err
	}
	if most := uint64(s.left()) / 13; pairs > most { // a key of a byte, a type, a value of a byte
		return nil, fail(tensor.ErrCorrupt, at+8, "number of keys", strconv.FormatUint(pairs, 10), "at most the "+strconv.FormatUint(most, 10)+" that fit")
	}
	if most := uint64(s.left()) / 24; tensors > most { // an empty name and no dimensions
		return nil, fail(tensor.ErrCorrupt, at, "number of tensors", strconv.FormatUint(tensors, 10), "at most the "+strconv.FormatUint(most, 10)+" that fit")
	}
	if err := h.metadata(s, int(pairs)); err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	if err := h.infos(s, int(tensors)); err != nil {
		return nil, err
	}
	return h, h.place(s)
}

// begin reads magic and version, from which the byte order follows: a version
// that has nothing in its low half is one of the other order.
func (h *header) begin(s *scanner) error {
	b, err := s.need(4, "magic")
	if err != nil {
		return err
	}
	magic := string(b)
	if magic != "GGUF" && magic != "FUGG" {
		return fail(tensor.ErrFormat, 0, "magic", tensor.Quote(magic), `"GGUF"`)
	}
	v, err := s.u32("version")
	if err != nil {
		return err
	}
	if v&0xffff == 0 && v != 0 {
		s.order, v = binary.BigEndian, bits.ReverseBytes32(v)
	}
	if v < 2 || v > 3 || magic == "FUGG" && s.order == binary.ByteOrder(binary.LittleEndian) {
		return fail(tensor.ErrUnsupported, 4, "version", strconv.FormatUint(uint64(v), 10), "2 or 3")
	}
	h.version, h.order = v, s.order
	return nil
}

func (h *header) metadata(s *scanner, n int) error {
	inlineBytes, inlineCount := 0, 0
	for i := range n {
		at := s.offset()
		b, err := s.bytes("key "+strconv.Itoa(i), maxKey)
		if err == nil && (len(b) == 0 || !utf8.Valid(b) || strings.ContainsRune(string(b), 0)) {
			err = fail(tensor.ErrFormat, at, "key "+strconv.Itoa(i), tensor.Quote(string(b)), "text without NUL, of 1 to 65535 bytes")
		}
		if err != nil {
			return format1(err)
		}
		p := pair{key: string(b)}
		if j, ok := h.byKey[p.key]; ok {
			return fail(tensor.ErrDuplicate, at, "key "+strconv.Itoa(i), tensor.Quote(p.key)+", which is key "+strconv.Itoa(j), "each key once")
		}
		h.byKey[p.key] = i
		if p.kind, err = s.u32("type of " + tensor.Quote(p.key)); err != nil {
			return err
		}
		before := s.offset()
		full := inlineBytes > maxInlineAll || inlineCount > maxInlineCount
		if err := p.read(s, full); err != nil {
			return err
		}
		if p.long == nil {
			inlineBytes += int(s.offset()-before) + len(p.key)
			inlineCount++
			if l, ok := p.value.(inline); ok {
				inlineCount += len(l.items)
			}
			if full {
				return fail(tensor.ErrLimit, at, "key "+strconv.Itoa(i), "more metadata", fmt.Sprintf("at most %d bytes of short values", maxInlineAll))
			}
		}
		h.pairs = append(h.pairs, p)
	}
	return nil
}

// format1 makes a key that is too long one that is no key.
func format1(err error) error {
	if e, ok := err.(*tensor.Error); ok && e.Kind == tensor.ErrLimit {
		e.Kind = tensor.ErrFormat
	}
	return err
}

// read reads the value of a pair. Of long arrays it finds the end.
func (p *pair) read(s *scanner, full bool) (err error) {
	field := "value of " + tensor.Quote(p.key)
	if p.kind != typeArray {
		at := s.offset()
		if p.kind == typeString {
			b, err := s.bytes(field, maxString)
			if err != nil {
				return err
			}
			if len(b) > maxInlineBytes || !utf8.Valid(b) {
				p.long = &array{at: at, elem: typeString, n: 1, bytes: int64(len(b)), most: int64(len(b)), utf8: utf8.Valid(b)}
				return nil
			}
			p.value = string(b)
			return nil
		}
		p.value, err = s.number(p.kind, field)
		return err
	}
	at := s.offset()
	elem, err := s.u32(field)
	if err != nil {
		return err
	}
	if elem >= uint32(len(valueTypes)) || elem == typeArray {
		return fail(tensor.ErrUnsupported, at, field, "an array of type "+typeName(elem), "one of numbers, bools or strings")
	}
	at = s.offset()
	n, err := s.u64(field)
	if err != nil {
		return err
	}
	width := uint64(8) // of the length of a string
	if elem != typeString {
		width = uint64(valueTypes[elem].dtype.UnitBytes)
	}
	if n > uint64(s.left())/width {
		return fail(tensor.ErrTruncated, at, field, strconv.FormatUint(n, 10)+" elements", "at most what the "+count(s.left())+" that follow hold")
	}
	a := &array{at: s.offset(), elem: elem, n: int64(n)}
	if n > maxInline || full {
		p.long = a
		switch elem {
		case typeString:
			return a.scan(s, p.key)
		case typeBool:
			return a.bools(s, p.key)
		}
		s.skip(int64(n * width))
		return nil
	}
	list := inline{elem, make([]any, 0, n)}
	size := 0
	for i := range int64(n) {
		var v any
		if elem == typeString {
			b, err := s.bytes("string", maxString)
			if err != nil {
				return element(err, p.key, i)
			}
			if size += len(b); size > maxInlineBytes || !utf8.Valid(b) { // after all
				s.base, s.i, s.buf = a.at, 0, s.buf[:0]
				p.long = a
				return a.scan(s, p.key)
			}
			v = string(b)
		} else if v, err = s.number(elem, "value"); err != nil {
			return element(err, p.key, i)
		}
		list.items = append(list.items, v)
	}
	p.value = list
	return nil
}

// number reads a number or a bool.
func (s *scanner) number(kind uint32, field string) (any, error) {
	if kind >= uint32(len(valueTypes)) {
		return nil, fail(tensor.ErrUnsupported, s.offset()-4, field, "type "+typeName(kind), "0 to "+strconv.Itoa(len(valueTypes)-1))
	}
	b, err := s.need(int(valueTypes[kind].dtype.UnitBytes), field)
	if err != nil {
		return nil, err
	}
	switch kind {
	case typeU8:
		return int64(b[0]), nil
	case typeI8:
		return int64(int8(b[0])), nil
	case typeU16:
		return int64(s.order.Uint16(b)), nil
	case typeI16:
		return int64(int16(s.order.Uint16(b))), nil
	case typeU32:
		return int64(s.order.Uint32(b)), nil
	case typeI32:
		return int64(int32(s.order.Uint32(b))), nil
	case typeF32:
		return math.Float32frombits(s.order.Uint32(b)), nil
	case typeBool:
		if b[0] > 1 {
			return nil, fail(tensor.ErrFormat, s.offset()-1, field, strconv.Itoa(int(b[0])), "a bool: 0 or 1")
		}
		return b[0] == 1, nil
	case typeU64:
		if n := s.order.Uint64(b); n > math.MaxInt64 {
			return n, nil
		} else {
			return int64(n), nil
		}
	case typeI64:
		return int64(s.order.Uint64(b)), nil
	}
	return math.Float64frombits(s.order.Uint64(b)), nil // typeF64
}

// bools moves over an array of bools and looks at each.
func (a *array) bools(s *scanner, key string) error {
	for i := int64(0); i < a.n; {
		b, err := s.need(int(min(a.n-i, 64<<10)), "value")
		if err != nil {
			return err
		}
		for k, x := range b {
			if x > 1 {
				return element(fail(tensor.ErrFormat, a.at+i+int64(k), "value", strconv.Itoa(int(x)), "a bool: 0 or 1"), key, i+int64(k))
			}
		}
		i += int64(len(b))
	}
	return nil
}

// known are the types of keys that decide how a file is read, by this package or
// by every other.
var known = map[string]string{
	"general.alignment": "u32", "general.architecture": "string",
	"split.no": "u16", "split.count": "u16", "split.tensors.count": "i32",
	"tokenizer.ggml.tokens": "string[]", "tokenizer.ggml.scores": "f32[]", "tokenizer.ggml.token_type": "i32[]", "tokenizer.ggml.merges": "string[]",
}

// check looks at the pairs that have a known type, and takes the alignment.
func (h *header) check() error {
	for i := range h.pairs {
		p := &h.pairs[i]
		if want, ok := known[p.key]; ok && p.types() != want {
			return fail(tensor.ErrFormat, -1, "type of "+tensor.Quote(p.key), p.types(), want)
		}
		if p.key == "general.alignment" {
			n := p.value.(int64)
			if n < 1 || n > maxAlignment || n&(n-1) != 0 {
				return fail(tensor.ErrFormat, -1, p.key, strconv.FormatInt(n, 10), "a power of two, 1 to "+strconv.Itoa(maxAlignment))
			}
			h.alignment = n
		}
	}
	return nil
}

// infos reads the descriptions of tensors.
func (h *header) infos(s *scanner, n int) error {
	byName := make(map[string]int, n)
	h.tensors = make([]info, 0, n)
	var dims []int64
	for i := range n {
		t := info{at: s.offset()}
		b, err := s.bytes("name of tensor "+strconv.Itoa(i), maxName)
		if err != nil {
			return format1(err)
		}
		t.name = string(b)
		if err := format.CheckName(t.name); err != nil {
			return fail(tensor.ErrFormat, t.at, "name of tensor "+strconv.Itoa(i), tensor.Quote(t.name), "text of 1 to 64 bytes")
		}
		if j, ok := byName[t.name]; ok {
			return t.fail(tensor.ErrDuplicate, "name", "it as tensors "+strconv.Itoa(j)+" and "+strconv.Itoa(i), "each name once")
		}
		byName[t.name] = i
		rank, err := s.u32("number of dimensions")
		if err != nil {
			return err
		}
		if rank > maxDims {
			return t.fail(tensor.ErrFormat, "number of dimensions", strconv.FormatUint(uint64(rank), 10), "0 to 4")
		}
		if cap(dims)-len(dims) < maxDims {
			dims = make([]int64, 0, 4096)
		}
		first := len(dims)
		dims = dims[:first+int(rank)]
		t.dims = dims[first:len(dims):len(dims)]
		for k := range t.dims {
			d, err := s.u64("dimension " + strconv.Itoa(k))
			if err != nil {
				return err
			}
			if d > math.MaxInt64 {
				return t.fail(tensor.ErrFormat, "dimension "+strconv.Itoa(k), strconv.FormatInt(int64(d), 10), "0 or more")
			}
			t.dims[len(t.dims)-1-k] = int64(d) // the first here is the fastest
		}
		if t.ggml, err = s.u32("type"); err != nil {
			return err
		}
		at, err := s.u64("offset")
		if err != nil {
			return err
		}
		if at > math.MaxInt64 {
			return t.fail(tensor.ErrCorrupt, "offset", strconv.FormatUint(at, 10), "below 2^63")
		}
		t.offset = int64(at)
		if err := t.measure(); err != nil {
			return err
		}
		h.tensors = append(h.tensors, t)
	}
	return nil
}

// measure finds the dtype and size of a tensor.
func (t *info) measure() error {
	n, err := t.dims.NumElements()
	if err != nil {
		return t.fail(tensor.ErrOverflow, "dimensions", t.dims.String(), "fewer than 2^63 elements")
	}
	d, ok := plain[t.ggml]
	if !ok {
		if d, ok = tensor.Block(int(t.ggml)); !ok {
			return nil
		}
		row := int64(1)
		if len(t.dims) > 0 {
			row = t.dims[len(t.dims)-1]
		}
		if row%int64(d.UnitElems) != 0 {
			return t.fail(tensor.ErrFormat, "row", strconv.FormatInt(row, 10)+" elements", fmt.Sprintf("a multiple of the %d in a block of %v", d.UnitElems, d))
		}
	}
	t.dtype = d
	units := n / int64(d.UnitElems)
	if units > (1<<62)/int64(d.UnitBytes) {
		return t.fail(tensor.ErrOverflow, "dimensions", t.dims.String()+" of "+d.String(), "fewer than 2^62 bytes")
	}
	t.size = units * int64(d.UnitBytes)
	return nil
}

// place compares the offsets of the tensors with each other and with the file:
// each begins where the one before ends, at the next multiple of the alignment.
func (h *header) place(s *scanner) error {
	h.data = (s.offset() + h.alignment - 1) &^ (h.alignment - 1)
	if len(h.tensors) == 0 {
		return nil
	}
	if h.data > s.size {
		return fail(tensor.ErrTruncated, s.size, "data", "the end of the file", "the begin of the data at "+strconv.FormatInt(h.data, 10))
	}
	data := s.size - h.data
	at := int64(0)
	for i := range h.tensors {
		t := &h.tensors[i]
		unknown := i > 0 && h.tensors[i-1].dtype == (tensor.DType{})
		if t.offset%h.alignment != 0 || t.offset < at || t.offset > at && !unknown {
			return t.fail(tensor.ErrCorrupt, "offset", strconv.FormatInt(t.offset, 10), strconv.FormatInt(at, 10)+", the first multiple of "+strconv.FormatInt(h.alignment, 10)+" behind the tensor before")
		}
		if unknown {
			h.tensors[i-1].size = t.offset - h.tensors[i-1].offset
		}
		if t.dtype == (tensor.DType{}) {
			t.size = max(data-t.offset, 0) // if it is the last
			at = t.offset
			continue
		}
		if t.size > math.MaxInt64-t.offset-h.alignment {
			return t.fail(tensor.ErrOverflow, "dimensions", count(t.size)+" at "+strconv.FormatInt(t.offset, 10), "an end below 2^63")
		}
		end := t.offset + t.size
		if end > data {
			return t.fail(tensor.ErrTruncated, "data", count(max(data-t.offset, 0)), strconv.FormatInt(t.size, 10)+" for "+t.dtype.String()+" "+t.dims.String())
		}
		at = (end + h.alignment - 1) &^ (h.alignment - 1)
	}
	return nil
}

func (t *info) fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: name, Tensor: t.name, Offset: t.at, Field: field, Got: got, Want: want}
}
