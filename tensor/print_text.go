package tensor

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Of longer elements only the first bytes are shown.
const (
	maxTextBytes = 1024
	maxHexBytes  = 32
)

// raw fetches the bytes of elements, or of units, where they lie.
type raw struct {
	noMeasure
	v         View
	off, step int64
}

func (c *raw) load(off, _, step int64) { c.off, c.step = off, step }

// unit returns the first bytes of element i, up to limit, and whether there are
// more.
func (c *raw) unit(i, limit int) ([]byte, bool) {
	size := int(c.v.dtype.UnitBytes)
	off := c.off + int64(i)*c.step
	return c.v.data[off : off+int64(min(size, limit))], size > limit
}

// hexCells prints units in hexadecimal digits.
type hexCells struct {
	raw
	limit int
}

const hexDigits = "0123456789abcdef"

func (c *hexCells) format(dst []byte, i int) []byte {
	unit, more := c.unit(i, c.limit)
	for _, b := range unit {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return appendMore(dst, more)
}

func appendMore(dst []byte, more bool) []byte {
	if more {
		dst = append(dst, "..."...)
	}
	return dst
}

// voidCells prints bytes as NumPy prints void: a literal of \x escapes
// in capitals.
type voidCells struct {
	raw
	limit int
}

func (c *voidCells) format(dst []byte, i int) []byte {
	unit, more := c.unit(i, c.limit)
	dst = append(dst, "b'"...)
	const upper = "0123456789ABCDEF"
	for _, b := range unit {
		dst = append(dst, '\\', 'x', upper[b>>4], upper[b&15])
	}
	return appendMore(append(dst, '\''), more)
}

// textCells prints a Python bytes literal, less the NULs at the end.
type textCells struct {
	raw
	limit int
}

func (c *textCells) format(dst []byte, i int) []byte {
	unit, more := c.unit(i, c.limit)
	for !more && len(unit) > 0 && unit[len(unit)-1] == 0 {
		unit = unit[:len(unit)-1]
	}
	single, double := false, false
	for _, b := range unit {
		single = single || b == '\''
		double = double || b == '"'
	}
	quote := quoteFor(single, double)
	dst = append(dst, 'b', quote)
	for _, b := range unit {
		if b < utf8.RuneSelf {
			dst = appendPython(dst, rune(b), quote)
		} else {
			dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return appendMore(append(dst, quote), more)
}

// utf32Cells prints a Python str literal, less the NULs at the end.
type utf32Cells struct {
	raw
	limit int
}

func (c *utf32Cells) format(dst []byte, i int) []byte {
	unit, more := c.unit(i, c.limit)
	code := binary.LittleEndian.Uint32
	if c.v.order == BigEndian {
		code = binary.BigEndian.Uint32
	}
	for !more && len(unit) > 0 && code(unit[len(unit)-4:]) == 0 {
		unit = unit[:len(unit)-4]
	}
	single, double := false, false
	for k := 0; k < len(unit); k += 4 {
		single = single || code(unit[k:]) == '\''
		double = double || code(unit[k:]) == '"'
	}
	quote := quoteFor(single, double)
	dst = append(dst, quote)
	for k := 0; k < len(unit); k += 4 {
		dst = appendPython(dst, rune(code(unit[k:])), quote)
	}
	return appendMore(append(dst, quote), more)
}

// quoteFor is the quote of a literal that holds single or double ones.
func quoteFor(single, double bool) byte {
	if single && !double {
		return '"'
	}
	return '\''
}

// appendPython appends a character of a literal, escaped unless it prints.
// Surrogates and numbers that are no character at all are escaped too.
func appendPython(dst []byte, r rune, quote byte) []byte {
	switch {
	case r == '\\' || r == rune(quote):
		return append(dst, '\\', byte(r))
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case utf8.ValidRune(r) && unicode.IsPrint(r):
		return utf8.AppendRune(dst, r)
	}
	digits := 8
	switch u := uint32(r); {
	case u <= 0xff:
		dst, digits = append(dst, `\x`...), 2
	case u <= 0xffff:
		dst, digits = append(dst, `\u`...), 4
	default:
		dst = append(dst, `\U`...)
	}
	for k := digits - 1; k >= 0; k-- {
		dst = append(dst, hexDigits[uint32(r)>>(4*k)&15])
	}
	return dst
}
