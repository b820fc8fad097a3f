package jsonl

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/tensor"
)

// string parses the string that begins at b[at]. It is good until the next one,
// or as long as the text.
func (p *parser) string(at int, c *cell) (s []byte, end int, err error) {
	b := p.b
	begin := at + 1
	i := begin
	for b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	if b[i] == '"' && !p.mend {
		return b[begin:i], i + 1, nil
	}
	out := append(p.scratch[:0], b[begin:i]...)
	for b[i] != '"' {
		switch x := b[i]; {
		case x == '\n':
			return nil, 0, p.wrong(tensor.ErrFormat, at, c, "a string that is not closed", `a closing "`)
		case x < ' ':
			return nil, 0, p.wrong(tensor.ErrFormat, i, c, fmt.Sprintf("control character %#02x in a string", x), "it escaped")
		case x != '\\':
			out = append(out, x)
			i++
		default:
			r, n := escape(b[i:])
			if n == 0 {
				return nil, 0, p.wrong(tensor.ErrFormat, i, c, p.excerpt(i), "an escape of JSON")
			}
			if utf16.IsSurrogate(r) {
				low, m := escape(b[i+n:])
				if full := utf16.DecodeRune(r, low); m == 6 && full != utf8.RuneError {
					r, n = full, n+m
				} else if !p.f.replace {
					return nil, 0, p.wrong(tensor.ErrFormat, i, c, "surrogate "+string(b[i:i+n])+" alone", "a pair of surrogates")
				} else {
					r = utf8.RuneError
				}
			}
			out = utf8.AppendRune(out, r)
			i += n
		}
	}
	p.scratch = out
	if p.mend && !utf8.Valid(out) {
		out = utf8text.AppendReplaced(nil, out)
	}
	return out, i + 1, nil
}

// escape is the character of the escape that b begins with, and its length; 0 if
// there is none.
func escape(b []byte) (rune, int) {
	if len(b) < 2 || b[0] != '\\' {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		if len(b) < 6 {
			return 0, 0
		}
		r := rune(0)
		for _, c := range b[2:6] {
			switch {
			case c >= '0' && c <= '9':
				c -= '0'
			case c|0x20 >= 'a' && c|0x20 <= 'f':
				c = c | 0x20 - 'a' + 10
			default:
				return 0, 0
			}
			r = r<<4 | rune(c)
		}
		return r, 6
	}
	return 0, 0
}
