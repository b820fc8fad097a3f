package gguf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// scanner reads a file from its begin on, through a buffer: a header holds a
// million small things, and nothing in it says how long it is.
type scanner struct {
	ctx   context.Context
	in    convert.Input
	size  int64
	order binary.ByteOrder

	buf  []byte
	base int64 // offset in the file of buf[0]
	i    int   // of the next byte in buf
}

const (
	bufferSize = 1 << 20
	maxString  = 16 << 20
)

// offset is that of the next byte.
func (s *scanner) offset() int64 { return s.base + int64(s.i) }

// left is the number of bytes that follow.
func (s *scanner) left() int64 { return s.size - s.offset() }

// need returns the next n bytes, valid until the next call, and moves behind
// them. n is small or has been compared with left.
func (s *scanner) need(n int, field string) ([]byte, error) {
	if n <= len(s.buf)-s.i {
		b := s.buf[s.i : s.i+n]
		s.i += n
		return b, nil
	}
	if int64(n) > s.left() {
		return nil, fail(tensor.ErrTruncated, s.offset(), field, count(s.left()), count(int64(n)))
	}
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	s.base, s.i = s.offset(), 0
	want := int(min(int64(max(n, bufferSize)), s.size-s.base))
	if cap(s.buf) < want {
		s.buf = make([]byte, want)
	}
	s.buf = s.buf[:want]
	if _, err := s.in.ReadAt(s.buf, s.base); err != nil {
		s.buf = s.buf[:0]
		return nil, err
	}
	s.i = n
	return s.buf[:n], nil
}

// skip moves over n bytes, which left has.
func (s *scanner) skip(n int64) {
	if n <= int64(len(s.buf)-s.i) {
		s.i += int(n)
		return
	}
	s.base, s.i, s.buf = s.offset()+n, 0, s.buf[:0]
}

func (s *scanner) u32(field string) (uint32, error) {
	b, err := s.need(4, field)
	if err != nil {
		return 0, err
	}
	return s.order.Uint32(b), nil
}

func (s *scanner) u64(field string) (uint64, error) {
	b, err := s.need(8, field)
	if err != nil {
		return 0, err
	}
	return s.order.Uint64(b), nil
}

// length reads the length of a string.
func (s *scanner) length(field string) (int64, error) {
	at := s.offset()
	n, err := s.u64(field)
	if err == nil && n > uint64(s.left()) {
		err = fail(tensor.ErrTruncated, at, field, strconv.FormatUint(n, 10)+" bytes", "at most the "+count(s.left())+" that follow")
	}
	return int64(n), err
}

// bytes reads a string of at most most bytes, valid until the next call.
func (s *scanner) bytes(field string, most int64) ([]byte, error) {
	at := s.offset()
	n, err := s.length(field)
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, fail(tensor.ErrLimit, at, field, count(n), "at most "+strconv.FormatInt(most, 10))
	}
	return s.need(int(n), field)
}

// Value types of metadata, by their numbers.
const (
	typeU8 = iota
	typeI8
	typeU16
	typeI16
	typeU32
	typeI32
	typeF32
	typeBool
	typeString
	typeArray
	typeU64
	typeI64
	typeF64
)

// valueTypes are the types of values: their names in lists of types, their
// dtypes, and so their sizes.
var valueTypes = [...]struct {
	name  string
	dtype tensor.DType
}{
	{"u8", tensor.U8}, {"i8", tensor.I8}, {"u16", tensor.U16}, {"i16", tensor.I16}, {"u32", tensor.U32}, {"i32", tensor.I32},
	{"f32", tensor.F32}, {"bool", tensor.Bool}, {"string", tensor.DType{}}, {"array", tensor.DType{}},
	{"u64", tensor.U64}, {"i64", tensor.I64}, {"f64", tensor.F64},
}

// typeName names a value type, also an unknown one.
func typeName(t uint32) string {
	if t < uint32(len(valueTypes)) {
		return valueTypes[t].name
	}
	return strconv.FormatUint(uint64(t), 10)
}

// array is an array in the metadata that is not read at once.
type array struct {
	at    int64  // offset of the first element
	elem  uint32 // type
	n     int64
	bytes int64 // of strings: without their lengths
	most  int64 // of the longest string
	utf8  bool  // of strings: all are valid
}

// strings streams the content of an array of strings, or their offsets in it.
func (a *array) strings(in convert.Input, order binary.ByteOrder, offsets bool) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		s := &scanner{ctx: ctx, in: in, size: in.Size(), order: order, base: a.at}
		r := &stringReader{s: s, left: a.n, offsets: offsets}
		if offsets {
			r.out = binary.LittleEndian.AppendUint64(nil, 0)
		}
		return r, nil
	}
}

type stringReader struct {
	s       *scanner
	left    int64 // strings to come
	offsets bool
	total   int64
	body    int64 // bytes of the string that has begun
	buf     []byte
	out     []byte // of buf, to be given
}

func (r *stringReader) Close() error { return nil }

func (r *stringReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.out) > 0 {
			k := copy(p[n:], r.out)
			r.out = r.out[k:]
			n += k
			continue
		}
		if err := r.next(); err != nil {
			if n > 0 && err == io.EOF {
				return n, nil
			}
			return n, err
		}
	}
	return n, nil
}

// next makes more of out.
func (r *stringReader) next() error {
	r.buf = r.buf[:0]
	for len(r.buf) < 4096 && r.left > 0 && r.body == 0 {
		n, err := r.s.length("string")
		if err != nil {
			return err
		}
		r.left--
		r.total += n
		if r.offsets {
			r.buf = binary.LittleEndian.AppendUint64(r.buf, uint64(r.total))
			r.s.skip(n)
			continue
		}
		r.body = n
	}
	if r.body > 0 {
		b, err := r.s.need(int(min(r.body, 64<<10)), "string")
		if err != nil {
			return err
		}
		r.body -= int64(len(b))
		r.buf = append(r.buf, b...)
	}
	if r.out = r.buf; len(r.out) == 0 && r.left == 0 {
		return io.EOF
	}
	return nil
}

// scan moves over the strings of an array, adds up their bytes and looks whether
// they are text.
func (a *array) scan(s *scanner, key string) error {
	a.utf8 = true
	swap := s.order != binary.ByteOrder(binary.LittleEndian)
	for i := range a.n {
		b, ok := s.buffered(swap)
		if !ok {
			var err error
			if b, err = s.bytes("string", maxString); err != nil {
				return element(err, key, i)
			}
		}
		a.bytes += int64(len(b))
		a.most = max(a.most, int64(len(b)))
		a.utf8 = a.utf8 && (shortASCII(b) || utf8.Valid(b))
	}
	return nil
}

// buffered is bytes for a string all of which is in the buffer. If it is not, or
// its length is no good, nothing is read. swap is for files of the big-endian order.
func (s *scanner) buffered(swap bool) (b []byte, ok bool) {
	rest := s.buf[s.i:]
	if len(rest) < 8 {
		return nil, false
	}
	n := binary.LittleEndian.Uint64(rest)
	if swap {
		n = bits.ReverseBytes64(n)
	}
	if n > maxString || n > uint64(len(rest)-8) {
		return nil, false
	}
	s.i += 8 + int(n)
	return rest[8 : 8+n], true
}

// shortASCII reports whether b is ASCII of at most 8 bytes, as most tokens are. It
// looks at them as a number, together with what follows in the buffer.
func shortASCII(b []byte) bool {
	if len(b) > 8 || cap(b) < 8 {
		return false
	}
	return binary.LittleEndian.Uint64(b[:8])<<(64-8*len(b))&0x8080808080808080 == 0
}

// element says of which element of an array an error is.
func element(err error, key string, i int64) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		e.Field = tensor.Quote(key) + "[" + strconv.FormatInt(i, 10) + "]: " + e.Field
	}
	return err
}

func fail(kind error, at int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: name, Offset: at, Field: field, Got: got, Want: want}
}

func count(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
