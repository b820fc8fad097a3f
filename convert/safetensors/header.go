package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/nameset"
	"github.com/tensorfile/tensorfile/internal/strictjson"
	"github.com/tensorfile/tensorfile/tensor"
)

// Limits of a header. The first is the format's own.
const (
	maxHeader   = 100_000_000
	maxTensors  = 800_000 // of names and numbers that say something, no more fit a header
	maxMetadata = format.MaxAttrBytes
	maxDepth    = 64 // of what is refused anyway
)

const lengthSize = 8 // of the number that a file begins with

// entry is what a header says of one tensor.
type entry struct {
	name       string
	at         int64 // offset of the name in the file
	dtype      tensor.DType
	unknown    string // the dtype's text, if it is not known
	shape      tensor.Shape
	begin, end int64 // in the data section
}

// header is a parsed header.
type header struct {
	entries  []entry // in the order of the header
	metadata convert.Attrs
	data     int64 // offset of the data section in the file
	skipped  []error
}

// headerSize reads the length of the header that a file of size bytes begins
// with.
func headerSize(b []byte, size int64) (int64, error) {
	if len(b) < lengthSize {
		return 0, fail(tensor.ErrTruncated, 0, "header length", count(int64(len(b))), "8 bytes")
	}
	n := binary.LittleEndian.Uint64(b)
	switch {
	case n > maxHeader:
		return 0, fail(tensor.ErrLimit, 0, "header length", strconv.FormatUint(n, 10), "at most "+strconv.Itoa(maxHeader))
	case int64(n) > size-lengthSize:
		return 0, fail(tensor.ErrTruncated, 0, "header length", strconv.FormatUint(n, 10), "at most the "+count(size-lengthSize)+" behind it")
	}
	return int64(n), nil
}

// parser reads the text of a header: JSON, but only what the format has, so
// that two readers cannot read it in two ways.
type parser struct {
	b    []byte
	i    int
	head *header
	dims []int64         // memory for shapes
	room strings.Builder // memory for names
}

// parseHeader reads the text b. Ranges are not compared with anything yet.
func parseHeader(b []byte) (*header, error) {
	h := &header{data: lengthSize + int64(len(b))}
	h.entries = make([]entry, 0, min(bytes.Count(b, []byte(`"dtype"`)), maxTensors))
	p := &parser{b: b, head: h}
	if len(b) == 0 || b[0] != '{' {
		return nil, p.unexpected("header", "'{'")
	}
	p.i++
	if p.next() != '}' {
		for {
			if err := p.member(); err != nil {
				return nil, err
			}
			if c := p.next(); c == '}' {
				break
			} else if c != ',' {
				return nil, p.unexpected("header", "',' or '}'")
			}
			p.i++
			p.next()
		}
	}
	p.i++
	for ; p.i < len(b); p.i++ {
		if b[p.i] != ' ' {
			return nil, p.unexpected("header", "spaces up to its end")
		}
	}
	return h, nil
}

// member reads a name and what belongs to it.
func (p *parser) member() error {
	at := p.i
	name, err := p.name()
	if err != nil {
		return err
	}
	if err := p.colon(); err != nil {
		return err
	}
	if name == "__metadata__" {
		if p.head.metadata != nil {
			return p.fail(tensor.ErrFormat, at, "__metadata__", "it twice", "it once")
		}
		return p.metadata()
	}
	if len(p.head.entries) == maxTensors {
		return p.fail(tensor.ErrLimit, at, "tensors", "more", "at most "+strconv.Itoa(maxTensors))
	}
	p.head.entries = append(p.head.entries, entry{name: name, at: lengthSize + int64(at)})
	e := &p.head.entries[len(p.head.entries)-1]
	if err := format.CheckName(name); err != nil {
		return p.fail(tensor.ErrFormat, at, "name", tensor.Quote(name)+" ("+count(int64(len(name)))+")", "a name: "+reason(err))
	}
	if err := p.tensor(e); err != nil {
		return ofTensor(err, name)
	}
	return nil
}

// What the object of a tensor has, each once.
const (
	hasDType = 1 << iota
	hasShape
	hasOffsets
	hasAll = hasDType | hasShape | hasOffsets
)

func (p *parser) tensor(e *entry) error {
	if p.next() != '{' {
		return p.unexpected("tensor", "an object")
	}
	p.i++
	has := 0
	for {
		if c := p.next(); c == '}' && has == 0 {
			break
		}
		at := p.i
		key, err := p.key()
		if err != nil {
			return err
		}
		bit := 0
		switch string(key) {
		case "dtype":
			bit = hasDType
		case "shape":
			bit = hasShape
		case "data_offsets":
			bit = hasOffsets
		default:
			return p.fail(tensor.ErrFormat, at, "key", tensor.Quote(string(key)), "dtype, shape or data_offsets")
		}
		if has&bit != 0 {
			return p.fail(tensor.ErrDuplicate, at, "key", string(key)+" twice", "it once")
		}
		has |= bit
		if err := p.colon(); err != nil {
			return err
		}
		switch bit {
		case hasDType:
			err = p.dtype(e)
		case hasShape:
			e.shape, err = p.shape()
		default:
			e.begin, e.end, err = p.offsets()
		}
		if err != nil {
			return err
		}
		if c := p.next(); c == '}' {
			break
		} else if c != ',' {
			return p.unexpected("tensor", "',' or '}'")
		}
		p.i++
		p.next()
	}
	if has != hasAll {
		for _, k := range []struct {
			bit  int
			name string
		}{{hasDType, "dtype"}, {hasShape, "shape"}, {hasOffsets, "data_offsets"}} {
			if has&k.bit == 0 {
				return p.fail(tensor.ErrFormat, p.i, k.name, "none", "one")
			}
		}
	}
	p.i++
	return nil
}

func (p *parser) dtype(e *entry) error {
	if p.next() != '"' {
		return p.value("dtype", "a string")
	}
	s, err := p.key()
	if err != nil {
		return err
	}
	d, ok := dtypes[string(s)]
	if !ok {
		e.unknown = tensor.Quote(string(s))
	}
	e.dtype = d
	return nil
}

func (p *parser) shape() (tensor.Shape, error) {
	if p.next() != '[' {
		return nil, p.value("shape", "an array")
	}
	p.i++
	if cap(p.dims)-len(p.dims) <= tensor.MaxRank {
		p.dims = make([]int64, 0, 4096)
	}
	first := len(p.dims)
	for p.next() != ']' {
		if len(p.dims)-first == tensor.MaxRank {
			return nil, p.fail(tensor.ErrLimit, p.i, "shape", "more axes", "at most "+strconv.Itoa(tensor.MaxRank))
		}
		n, err := p.number("shape")
		if err != nil {
			return nil, err
		}
		p.dims = append(p.dims, n)
		if c := p.next(); c == ',' {
			if p.i++; p.next() == ']' {
				return nil, p.unexpected("shape", "a number")
			}
		} else if c != ']' {
			return nil, p.unexpected("shape", "',' or ']'")
		}
	}
	p.i++
	return p.dims[first:len(p.dims):len(p.dims)], nil
}

func (p *parser) offsets() (begin, end int64, err error) {
	if p.next() != '[' {
		return 0, 0, p.value("data_offsets", "an array of two numbers")
	}
	at, n := p.i, 0
	p.i++
	for p.next() != ']' {
		x, err := p.number("data_offsets")
		if err != nil {
			return 0, 0, err
		}
		switch n++; n {
		case 1:
			begin = x
		case 2:
			end = x
		}
		if c := p.next(); c == ',' {
			if p.i++; p.next() == ']' {
				return 0, 0, p.unexpected("data_offsets", "a number")
			}
		} else if c != ']' {
			return 0, 0, p.unexpected("data_offsets", "',' or ']'")
		}
	}
	p.i++
	if n != 2 {
		return 0, 0, p.fail(tensor.ErrFormat, at, "data_offsets", strconv.Itoa(n)+" numbers", "2")
	}
	return begin, end, nil
}

// number reads a non-negative integer below 2^63, written with digits alone.
func (p *parser) number(field string) (int64, error) {
	start := p.i
	n := uint64(0)
	for p.i < len(p.b) && p.b[p.i]-'0' <= 9 {
		if n > (1<<63-1)/10 {
			n = 1 << 63 // and more
		} else {
			n = n*10 + uint64(p.b[p.i]-'0')
		}
		if n >= 1<<63 {
			for p.i < len(p.b) && p.b[p.i]-'0' <= 9 {
				p.i++
			}
			return 0, p.fail(tensor.ErrFormat, start, field, cut(p.b[start:p.i]), "below 2^63")
		}
		p.i++
	}
	const want = "an integer, 0 or more, in digits"
	digits := p.b[start:p.i]
	if len(digits) == 0 {
		return 0, p.value(field, want)
	}
	if len(digits) > 1 && digits[0] == '0' || p.i < len(p.b) && (p.b[p.i] == '.' || p.b[p.i]|0x20 == 'e') {
		p.i = start
		return 0, p.value(field, want)
	}
	return int64(n), nil
}

// metadata reads the map of strings to strings.
func (p *parser) metadata() error {
	if p.next() != '{' {
		return p.value("__metadata__", "an object")
	}
	begin := p.i
	p.i++
	m := convert.Attrs{}
	p.head.metadata = m
	for p.next() != '}' {
		at := p.i
		key, err := p.text("__metadata__")
		if err != nil {
			return err
		}
		if _, ok := m[key]; ok {
			return p.fail(tensor.ErrDuplicate, at, "__metadata__", tensor.Quote(key)+" twice", "each key once")
		}
		if err := p.colon(); err != nil {
			return err
		}
		if p.next() != '"' {
			return p.value("__metadata__: "+tensor.Quote(key), "a string")
		}
		if m[key], err = p.text("__metadata__"); err != nil {
			return err
		}
		if p.i-begin > maxMetadata || len(m) > format.MaxAttrCount {
			return p.fail(tensor.ErrLimit, begin, "__metadata__", fmt.Sprintf("more than %d bytes in %d keys", p.i-begin, len(m)), fmt.Sprintf("at most %d bytes and %d keys", maxMetadata, format.MaxAttrCount))
		}
		if c := p.next(); c == ',' {
			if p.i++; p.next() != '"' {
				return p.unexpected("__metadata__", "a key")
			}
		} else if c != '}' {
			return p.unexpected("__metadata__", "',' or '}'")
		}
	}
	p.i++
	return nil
}

// next skips white space and returns the byte there, 0 at the end.
func (p *parser) next() byte {
	for p.i < len(p.b) {
		switch c := p.b[p.i]; c {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) colon() error {
	if p.next() != ':' {
		return p.unexpected("header", "':'")
	}
	p.i++
	p.next()
	return nil
}

// key reads a string of the grammar: what it is spelled with escapes means the
// same. The result is valid until the next call.
func (p *parser) key() ([]byte, error) {
	if s, ok := p.plain(); ok {
		return s, nil
	}
	s, err := p.text("key")
	return []byte(s), err
}

// plain reads a string of ASCII without escapes. If there is another one it reads
// nothing.
func (p *parser) plain() (s []byte, ok bool) {
	if p.i < len(p.b) && p.b[p.i] == '"' {
		for j := p.i + 1; j < len(p.b) && p.b[j] >= ' ' && p.b[j] < 0x7f && p.b[j] != '\\'; j++ {
			if p.b[j] == '"' {
				s := p.b[p.i+1 : j]
				p.i = j + 1
				return s, true
			}
		}
	}
	return nil, false
}

// name reads a string into memory that many share.
func (p *parser) name() (string, error) {
	s, ok := p.plain()
	switch {
	case !ok:
		return p.text("name")
	case len(s) > format.MaxName:
		return string(s), nil
	}
	if p.room.Cap()-p.room.Len() < len(s) {
		p.room = strings.Builder{}
		p.room.Grow(8 << 10)
	}
	begin := p.room.Len()
	p.room.Write(s)
	return p.room.String()[begin:], nil
}

// text reads a string.
func (p *parser) text(field string) (string, error) {
	if p.i == len(p.b) || p.b[p.i] != '"' {
		return "", p.unexpected(field, "a string")
	}
	s, i, err := strictjson.String(p.b, p.i)
	var e *strictjson.Error
	if errors.As(err, &e) {
		return "", p.fail(tensor.ErrFormat, e.Offset, field, e.Got, e.Want)
	}
	p.i = i
	return s, nil
}

// value says that the value here is not what it should be.
func (p *parser) value(field, want string) error {
	start, depth := p.i, 0
	for i := p.i; i < len(p.b); i++ { // what is nested without end has a name of its own
		if c := p.b[i]; c == '[' || c == '{' {
			if depth++; depth > maxDepth {
				return p.fail(tensor.ErrLimit, i, field, "nesting deeper than "+strconv.Itoa(maxDepth), want)
			}
		} else if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			break
		}
	}
	end := start
	for end < len(p.b) && end-start < 40 && p.b[end] != ',' && p.b[end] != '}' && p.b[end] != ']' {
		end++
	}
	if end == start {
		return p.unexpected(field, want)
	}
	return p.fail(tensor.ErrFormat, start, field, cut(p.b[start:end]), want)
}

// unexpected says that the byte here is not what it should be.
func (p *parser) unexpected(field, want string) error {
	got := "the end of the header"
	if p.i < len(p.b) {
		got = cut(p.b[p.i : p.i+1])
	}
	return p.fail(tensor.ErrFormat, p.i, field, got, want)
}

func (p *parser) fail(kind error, at int, field, got, want string) error {
	return fail(kind, lengthSize+int64(at), field, got, want)
}

// check holds the entries against each other and the size bytes of the file:
// the ranges, each as long as shape and dtype say, follow one another from the
// begin of the data section to the end of the file. What is of an unknown dtype
// goes to skipped if skip, and is an error otherwise.
func (h *header) check(size int64, skip bool) error {
	names := nameset.New(len(h.entries), func(i int) string { return h.entries[i].name })
	sorted := true
	for i := range h.entries {
		e := &h.entries[i]
		if j, ok := names.Add(i); !ok {
			return e.fail(tensor.ErrDuplicate, "name", fmt.Sprintf("it at offsets %d and %d", h.entries[j].at, e.at), "each name once")
		}
		if err := e.check(); err != nil {
			return err
		}
		sorted = sorted && (i == 0 || compareRange(&h.entries[i-1], e) <= 0)
	}
	order := make([]int32, len(h.entries))
	for i := range order {
		order[i] = int32(i)
	}
	if !sorted {
		slices.SortStableFunc(order, func(i, j int32) int { return compareRange(&h.entries[i], &h.entries[j]) })
	}
	data := size - h.data
	at := int64(0)
	for k, i := range order {
		e := &h.entries[i]
		switch {
		case e.begin < at:
			other := &h.entries[order[k-1]]
			return e.fail(tensor.ErrCorrupt, "data_offsets", fmt.Sprintf("[%d, %d), which overlaps [%d, %d) of %s", e.begin, e.end, other.begin, other.end, tensor.Quote(other.name)), "bytes of its own")
		case e.begin > at:
			return e.fail(tensor.ErrCorrupt, "data_offsets", fmt.Sprintf("[%d, %d) behind a hole", e.begin, e.end), "a begin of "+strconv.FormatInt(at, 10))
		case e.end > data:
			return e.fail(tensor.ErrTruncated, "data_offsets", fmt.Sprintf("[%d, %d) of %s", e.begin, e.end, count(data)), "all of it in the file")
		}
		at = e.end
	}
	if at != data {
		return fail(tensor.ErrCorrupt, h.data+at, "data", count(data-at)+" behind the last tensor", "the end of the file")
	}
	known := h.entries[:0]
	for _, e := range h.entries {
		if e.unknown == "" {
			known = append(known, e)
			continue
		}
		err := e.fail(tensor.ErrUnsupported, "dtype", e.unknown, "one that this version knows")
		if !skip {
			return err
		}
		h.skipped = append(h.skipped, err)
	}
	h.entries = known
	return nil
}

func compareRange(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
}

// check compares the length of a tensor's bytes with its shape and dtype.
func (e *entry) check() error {
	if e.begin > e.end {
		return e.fail(tensor.ErrCorrupt, "data_offsets", fmt.Sprintf("[%d, %d)", e.begin, e.end), "a begin that is not behind the end")
	}
	n, err := e.shape.NumElements()
	if err != nil {
		return e.fail(tensor.ErrOverflow, "shape", e.shape.String(), "fewer than 2^63 elements")
	}
	if e.unknown != "" {
		return nil
	}
	bits := int64(e.dtype.Bits)
	if n > (1<<63-1)/bits {
		return e.fail(tensor.ErrOverflow, "shape", fmt.Sprintf("%v of %v", e.shape, e.dtype), "fewer than 2^63 bits")
	}
	if n *= bits; n%8 != 0 {
		return e.fail(tensor.ErrFormat, "shape", fmt.Sprintf("%v of %v, %d bits", e.shape, e.dtype, n), "whole bytes")
	}
	if n /= 8; n != e.end-e.begin {
		return e.fail(tensor.ErrCorrupt, "data_offsets", fmt.Sprintf("[%d, %d), %s", e.begin, e.end, count(e.end-e.begin)), fmt.Sprintf("%d for %v %v", n, e.dtype, e.shape))
	}
	return nil
}

func (e *entry) fail(kind error, field, got, want string) error {
	return ofTensor(fail(kind, e.at, field, got, want), e.name)
}

func ofTensor(err error, name string) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Tensor == "" {
		e.Tensor = name
	}
	return err
}

func fail(kind error, at int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: name, Offset: at, Field: field, Got: got, Want: want}
}

// reason is what an error of another package wants.
func reason(err error) string {
	var e *tensor.Error
	if errors.As(err, &e) && e.Want != "" {
		return e.Want
	}
	return err.Error()
}

func cut(b []byte) string { return tensor.Quote(string(b[:min(len(b), 40)])) }

func count(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
