// Package utf8text looks for what is no UTF-8 in text, and makes U+FFFD of it.
package utf8text

import (
	"strings"
	"unicode/utf8"
)

// Mark is the byte order mark of UTF-8.
const Mark = "\ufeff"

// foreignMarks are the byte order marks of other encodings; the longer ones
// first, for one begins with another.
var foreignMarks = []struct{ name, mark string }{
	{"UTF-32, big-endian", "\x00\x00\xfe\xff"},
	{"UTF-32, little-endian", "\xff\xfe\x00\x00"},
	{"UTF-16, big-endian", "\xfe\xff"},
	{"UTF-16, little-endian", "\xff\xfe"},
}

// Foreign is the name of the encoding whose byte order mark b begins with, "" if
// it is none of UTF-16 and UTF-32.
func Foreign(b []byte) string {
	begin := string(b[:min(len(b), 4)])
	for _, m := range foreignMarks {
		if strings.HasPrefix(begin, m.mark) {
			return m.name
		}
	}
	return ""
}

// Invalid is where b stops being UTF-8.
func Invalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// AppendReplaced appends b to dst with U+FFFD for each maximal subpart that is no
// character.
func AppendReplaced(dst, b []byte) []byte {
	for len(b) > 0 {
		n := Invalid(b)
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) > 0 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
			b = b[Subpart(b):]
		}
	}
	return dst
}

// Subpart is the length of the longest begin of b, which does not begin with a
// character, that begins some character; 1 if there is none (Unicode, section
// 3.9, "U+FFFD Substitution of Maximal Subparts").
func Subpart(b []byte) int {
	length, lo, hi := 1, byte(0x80), byte(0xbf)
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		length = 2
	case c >= 0xe0 && c <= 0xef:
		length = 3
		if c == 0xe0 {
			lo = 0xa0
		} else if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		length = 4
		if c == 0xf0 {
			lo = 0x90
		} else if c == 0xf4 {
			hi = 0x8f
		}
	}
	n := 1
	for n < length && n < len(b) && b[n] >= lo && b[n] <= hi {
		lo, hi = 0x80, 0xbf
		n++
	}
	return n
}
