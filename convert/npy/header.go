package npy

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	magic = "\x93NUMPY"

	// maxHeader is what NumPy reads by default.
	maxHeader = 10000

	// align is where NumPy and this package put the first element.
	align = 64
)

// header is what stands before the elements of one array.
type header struct {
	major   byte
	dtype   *dtype
	fortran bool
	shape   tensor.Shape
	shapeAt int64 // where the shape stands, for errors
	size    int64 // bytes before the elements
	data    int64 // bytes of the elements
	newline bool  // the header ends in one
}

// headerError makes an error at an offset of the file or member.
func headerError(kind error, offset int64, field, got, want string) *tensor.Error {
	return &tensor.Error{Kind: kind, Offset: offset, Field: field, Got: got, Want: want}
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// readHeader reads the header of an array from r, which holds size bytes in
// all. It reads little beyond the header and allocates at most limit bytes (0:
// 10000), and that only if they are there.
func readHeader(r io.Reader, size, limit int64) (*header, error) {
	if limit <= 0 {
		limit = maxHeader
	}
	// Most headers are 128 bytes long.
	buf := make([]byte, min(size, 128))
	if err := readFull(r, buf, 0, "header"); err != nil {
		return nil, err
	}
	if n := min(len(buf), len(magic)); string(buf[:n]) != magic[:n] {
		return nil, headerError(tensor.ErrFormat, 0, "magic", tensor.Quote(string(buf[:n]))+", which is not a .npy", tensor.Quote(magic))
	}
	short := func(field string, end int) error {
		return headerError(tensor.ErrTruncated, size, field, count(size)+" bytes", "at least "+count(int64(end)))
	}
	if len(buf) < 8 {
		return nil, short("version", 8)
	}
	major, minor := buf[6], buf[7]
	if major < 1 || major > 3 || minor != 0 {
		return nil, headerError(tensor.ErrUnsupported, 6, "version", strconv.Itoa(int(major))+"."+strconv.Itoa(int(minor)), "1.0, 2.0 or 3.0")
	}
	start := 10
	if major > 1 {
		start = 12
	}
	if len(buf) < start {
		return nil, short("header length", start)
	}
	n := int64(binary.LittleEndian.Uint16(buf[8:]))
	if major > 1 {
		n = int64(binary.LittleEndian.Uint32(buf[8:]))
	}
	rest := size - int64(start)
	switch {
	case n == 0:
		return nil, headerError(tensor.ErrFormat, 8, "header length", "0, an empty header", "at least 1")
	case n > limit:
		return nil, headerError(tensor.ErrLimit, 8, "header length", count(n), "at most "+count(limit)+"; "+count(rest)+" bytes follow")
	case n > rest:
		return nil, headerError(tensor.ErrTruncated, 8, "header length", count(n), "at most the "+count(rest)+" bytes that follow")
	}
	end := int64(start) + n
	if int64(len(buf)) < end {
		more := make([]byte, end)
		copy(more, buf)
		if err := readFull(r, more[len(buf):], int64(len(buf)), "header"); err != nil {
			return nil, err
		}
		buf = more
	}
	h, err := parseHeader(buf[start:end], int64(start), major)
	if err != nil {
		return nil, err
	}
	h.size, h.newline = end, buf[end-1] == '\n'
	if h.data, err = h.dataSize(); err != nil {
		return nil, err
	}
	return h, nil
}

func readFull(r io.Reader, p []byte, off int64, field string) error {
	n, err := io.ReadFull(r, p)
	if err == nil {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return headerError(tensor.ErrTruncated, off+int64(n), field, count(int64(n))+" bytes", count(int64(len(p))))
	}
	if te := (*tensor.Error)(nil); errors.As(err, &te) {
		return err
	}
	e := headerError(tensor.ErrIO, off+int64(n), field, "", "")
	e.Err = err
	return e
}

// parseHeader parses the text of a header that stands at base.
func parseHeader(src []byte, base int64, major byte) (*header, error) {
	latin1 := major < 3
	if !latin1 {
		for i := 0; i < len(src); {
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n == 1 {
				return nil, headerError(tensor.ErrFormat, base+int64(i), "header", "byte 0x"+strconv.FormatUint(uint64(src[i]), 16)+", which is not UTF-8", "UTF-8, as version 3.0 says")
			}
			i += n
		}
	}
	top, err := parseLiteral(src, base, latin1)
	if err != nil {
		return nil, err
	}
	if top.kind != nodeDict {
		return nil, headerError(tensor.ErrFormat, base+int64(top.off), "header", top.kind.String(), "a dict")
	}
	var descr, order, shape *node
	for i := 0; i < len(top.items); i += 2 {
		key, value := top.items[i], &top.items[i+1]
		var slot **node
		switch key.text {
		case "descr":
			slot = &descr
		case "fortran_order":
			slot = &order
		case "shape":
			slot = &shape
		default:
			return nil, headerError(tensor.ErrFormat, base+int64(key.off), "header", "key "+tensor.Quote(key.text), "descr, fortran_order and shape only")
		}
		if *slot != nil {
			return nil, headerError(tensor.ErrFormat, base+int64(key.off), "header", "key "+tensor.Quote(key.text)+" twice", "once")
		}
		*slot = value
	}
	for _, k := range []struct {
		name string
		n    *node
	}{{"descr", descr}, {"fortran_order", order}, {"shape", shape}} {
		if k.n == nil {
			return nil, headerError(tensor.ErrFormat, base+int64(top.off), "header", "no key "+tensor.Quote(k.name), "descr, fortran_order and shape")
		}
	}
	h := &header{major: major, shapeAt: base + int64(shape.off)}
	switch order.kind {
	case nodeTrue:
		h.fortran = true
	case nodeFalse:
	default:
		return nil, headerError(tensor.ErrFormat, base+int64(order.off), "fortran_order", order.kind.String(), "True or False")
	}
	if h.shape, err = parseShape(*shape, base, "shape", latin1); err != nil {
		return nil, err
	}
	if h.dtype, err = parseDType(*descr, base, latin1); err != nil {
		return nil, err
	}
	return h, nil
}

// parseShape reads a tuple of extents.
func parseShape(n node, base int64, field string, long bool) (tensor.Shape, error) {
	if n.kind != nodeTuple {
		return nil, headerError(tensor.ErrFormat, base+int64(n.off), field, n.kind.String(), "a tuple of integers")
	}
	if len(n.items) > tensor.MaxRank {
		return nil, headerError(tensor.ErrLimit, base+int64(n.off), field, "rank "+count(int64(len(n.items))), "at most "+count(tensor.MaxRank))
	}
	s := make(tensor.Shape, len(n.items))
	for i, item := range n.items {
		e, err := parseExtent(item, base, field, i, long)
		if err != nil {
			return nil, err
		}
		s[i] = e
	}
	return s, nil
}

// parseExtent reads the extent of axis i. Versions 1 and 2 may come from
// Python 2, which marks long integers with an L.
func parseExtent(n node, base int64, field string, i int, long bool) (int64, error) {
	fail := func(kind error, want string) (int64, error) {
		got := n.kind.String()
		if n.kind == nodeInt {
			got = tensor.Quote(n.text)
		}
		return 0, headerError(kind, base+int64(n.off), field, "dimension "+count(int64(i))+" is "+got, want)
	}
	if n.kind != nodeInt {
		return fail(tensor.ErrFormat, "a tuple of integers")
	}
	text := n.text
	if long {
		text = strings.TrimSuffix(text, "L")
	}
	digits := strings.TrimLeft(text, "0123456789")
	switch {
	case text[0] == '-':
		return fail(tensor.ErrFormat, "no dimension below 0")
	case digits == "" && (text[0] != '0' || text == "0"):
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fail(tensor.ErrOverflow, "at most 9223372036854775807, which fits 64 bits")
		}
		return v, nil
	case digits != "" && strings.ContainsAny(digits[:1], ".eEjJ"):
		return fail(tensor.ErrFormat, "a tuple of integers")
	}
	// Underscores, hexadecimal and leading zeros mean different numbers, or
	// none, to different readers.
	return fail(tensor.ErrOverflow, "plain decimal digits, at most 9223372036854775807 (64 bits)")
}

// dataSize is the number of bytes that shape and dtype need.
func (h *header) dataSize() (int64, error) {
	n, err := h.shape.NumElements()
	if err != nil {
		return 0, headerError(tensor.ErrOverflow, h.shapeAt, "shape", h.shape.String()+", whose element count overflows", "at most 2^63-1 elements")
	}
	if n > 0 && h.dtype.size > 0 && n > (1<<63-1)/h.dtype.size {
		return 0, headerError(tensor.ErrOverflow, h.shapeAt, "shape", h.shape.String()+" of "+count(h.dtype.size)+" bytes each, whose byte size overflows", "at most 2^63-1 bytes")
	}
	return n * h.dtype.size, nil
}

// growthDigits is the room that NumPy leaves for the extent of the axis along
// which an array can grow in place.
const growthDigits = 21

// encodeHeader returns the bytes before the elements, a multiple of 64, the
// same as NumPy writes: version 1.0 where it fits, 2.0 if it is longer than
// 65535 bytes, 3.0 if a field name is not Latin-1.
func encodeHeader(descr string, fortran bool, shape tensor.Shape) ([]byte, error) {
	var b strings.Builder
	b.WriteString("{'descr': ")
	b.WriteString(descr)
	if fortran {
		b.WriteString(", 'fortran_order': True, 'shape': ")
	} else {
		b.WriteString(", 'fortran_order': False, 'shape': ")
	}
	b.WriteString(shape.String())
	b.WriteString(", }")
	if len(shape) > 0 {
		growing := shape[0]
		if fortran {
			growing = shape[len(shape)-1]
		}
		b.WriteString(strings.Repeat(" ", growthDigits-len(count(growing))))
	}
	text := b.String()
	major := byte(1)
	if latin1, ok := toLatin1(text); ok {
		text = latin1
	} else {
		major = 3
	}
	start := len(magic) + 4
	if major == 1 && headerEnd(start, len(text))-start > 1<<16-1 {
		major = 2
	}
	if major > 1 {
		start += 2
	}
	end := headerEnd(start, len(text))
	out := make([]byte, 0, end)
	out = append(out, magic...)
	out = append(out, major, 0)
	if n := uint64(end - start); major == 1 {
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
	} else if n < 1<<32 {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	} else {
		return nil, headerError(tensor.ErrLimit, -1, "header length", count(int64(n)), "at most 4294967295")
	}
	out = append(out, text...)
	for len(out) < end-1 {
		out = append(out, ' ')
	}
	return append(out, '\n'), nil
}

// headerEnd is where a text of n bytes that stands at start ends, with its
// padding and newline. Like NumPy, it pads by 64 rather than by 0.
func headerEnd(start, n int) int {
	n += start + 1
	return n + align - n%align
}

// toLatin1 returns s in Latin-1, if it can be written so.
func toLatin1(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return "", false
		}
		b = append(b, byte(r))
	}
	return string(b), true
}
