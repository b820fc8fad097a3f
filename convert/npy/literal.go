package npy

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/tensor"
)

// The header of a .npy file is a Python literal. This is a parser for just
// what NumPy writes there: dicts, lists, tuples, strings, integers, True,
// False and None, with the position of each for errors. Nothing is evaluated.

type nodeKind uint8

const (
	nodeDict nodeKind = iota
	nodeList
	nodeTuple
	nodeString
	nodeInt // a number as it is spelled; its meaning depends on where it stands
	nodeTrue
	nodeFalse
	nodeNone
)

func (k nodeKind) String() string {
	return [...]string{"a dict", "a list", "a tuple", "a string", "a number", "True", "False", "None"}[k]
}

// node is one value. Strings are decoded; numbers keep their spelling.
type node struct {
	kind  nodeKind
	off   int // position in the text
	text  string
	items []node // of a list or tuple; of a dict: key, value, key, value, ...
}

// maxDepth bounds nesting. A structured dtype takes two levels for each level
// of its own.
const maxDepth = 64

type literalParser struct {
	src    []byte
	pos    int
	base   int64 // of src in the file, for errors
	latin1 bool  // bytes above 0x7f are code points, not UTF-8
}

// parseLiteral parses src, which stands at base in its file, as one value with
// nothing but white space around it.
func parseLiteral(src []byte, base int64, latin1 bool) (node, error) {
	p := &literalParser{src: src, base: base, latin1: latin1}
	p.space()
	n, err := p.value(0)
	if err != nil {
		return node{}, err
	}
	if p.space(); p.pos < len(p.src) {
		return node{}, p.fail("nothing after the value")
	}
	return n, nil
}

// fail says that what stands at the position is not what may stand there.
func (p *literalParser) fail(want string) error { return p.failAt(p.pos, want) }

func (p *literalParser) failAt(pos int, want string) error {
	got := "the end"
	if pos < len(p.src) {
		got = tensor.Quote(string(p.src[pos:min(len(p.src), pos+24)]))
	}
	return headerError(tensor.ErrFormat, p.base+int64(pos), "header", got, want)
}

func (p *literalParser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r', '\f':
			p.pos++
		default:
			return
		}
	}
}

// next skips white space and returns the byte there, 0 at the end.
func (p *literalParser) next() byte {
	p.space()
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *literalParser) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, p.fail("at most " + strconv.Itoa(maxDepth) + " levels of nesting")
	}
	c := p.next()
	n := node{off: p.pos}
	switch {
	case c == '{':
		n.kind = nodeDict
		return p.items(n, '}', depth)
	case c == '[':
		n.kind = nodeList
		return p.items(n, ']', depth)
	case c == '(':
		n.kind = nodeTuple
		return p.items(n, ')', depth)
	case c == '\'' || c == '"':
		return p.str(n)
	case (c == 'u' || c == 'U') && p.pos+1 < len(p.src) && (p.src[p.pos+1] == '\'' || p.src[p.pos+1] == '"'):
		p.pos++ // Python 2 marks its unicode strings
		return p.str(n)
	case c == '-' || c >= '0' && c <= '9':
		return p.number(n), nil
	}
	for i, word := range []string{"True", "False", "None"} {
		if strings.HasPrefix(string(p.src[p.pos:]), word) && (p.pos+len(word) == len(p.src) || !wordByte(p.src[p.pos+len(word)])) {
			p.pos += len(word)
			n.kind = nodeTrue + nodeKind(i)
			return n, nil
		}
	}
	return n, p.fail("a dict, list, tuple, string, integer, True, False or None")
}

func wordByte(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

// items parses what stands between brackets. A tuple of one item needs its
// comma; without it the brackets mean nothing.
func (p *literalParser) items(n node, end byte, depth int) (node, error) {
	p.pos++
	comma := false
	for {
		if c := p.next(); c == end && p.pos < len(p.src) {
			p.pos++
			if n.kind == nodeTuple && len(n.items) == 1 && !comma {
				return n.items[0], nil
			}
			return n, nil
		}
		if len(n.items) > 0 && !comma {
			return n, p.fail("\",\" or \"" + string(end) + "\"")
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
		if n.kind == nodeDict {
			if item.kind != nodeString {
				return n, p.failAt(item.off, "a string as key")
			}
			if p.next() != ':' {
				return n, p.fail("\":\" after the key")
			}
			p.pos++
			if item, err = p.value(depth + 1); err != nil {
				return n, err
			}
			n.items = append(n.items, item)
		}
		if comma = p.next() == ','; comma {
			p.pos++
		}
	}
}

// number takes all that could belong to a number, so that an error shows it.
func (p *literalParser) number(n node) node {
	n.kind = nodeInt
	start := p.pos
	p.pos++
	for p.pos < len(p.src) && (wordByte(p.src[p.pos]) || p.src[p.pos] == '.') {
		p.pos++
	}
	n.text = string(p.src[start:p.pos])
	return n
}

// str parses a string in quotes.
func (p *literalParser) str(n node) (node, error) {
	n.kind = nodeString
	start, quote := p.pos, p.src[p.pos]
	p.pos++
	var b strings.Builder
	for {
		if p.pos >= len(p.src) {
			return n, p.failAt(start, "a string that ends")
		}
		c := p.src[p.pos]
		switch {
		case c == quote:
			p.pos++
			n.text = b.String()
			return n, nil
		case c == '\n' || c == '\r' || c == 0:
			return n, p.fail("a string that ends on its line")
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return n, err
			}
			b.WriteRune(r)
		case c < utf8.RuneSelf:
			b.WriteByte(c)
			p.pos++
		case p.latin1:
			b.WriteRune(rune(c))
			p.pos++
		default: // the header was checked to be UTF-8
			_, size := utf8.DecodeRune(p.src[p.pos:])
			b.Write(p.src[p.pos : p.pos+size])
			p.pos += size
		}
	}
}

// escape parses the escapes that Python's repr uses.
func (p *literalParser) escape() (rune, error) {
	start := p.pos
	p.pos++
	if p.pos >= len(p.src) {
		return 0, p.fail("an escape")
	}
	c := p.src[p.pos]
	p.pos++
	digits := 0
	switch c {
	case '\\', '\'', '"':
		return rune(c), nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return 0, p.failAt(start, `an escape that repr writes`)
	}
	if digits > len(p.src)-p.pos {
		return 0, p.failAt(start, strconv.Itoa(digits)+" hexadecimal digits")
	}
	v, err := strconv.ParseUint(string(p.src[p.pos:p.pos+digits]), 16, 32)
	if err != nil || !utf8.ValidRune(rune(v)) || v > utf8.MaxRune {
		return 0, p.failAt(start, strconv.Itoa(digits)+" hexadecimal digits of a character")
	}
	p.pos += digits
	return rune(v), nil
}

// appendRepr appends s as Python's repr writes it.
func appendRepr(b []byte, s string) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	b = append(b, quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case strconv.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r < 0x100:
			b = appendHex(append(b, `\x`...), uint32(r), 2)
		case r < 0x10000:
			b = appendHex(append(b, `\u`...), uint32(r), 4)
		default:
			b = appendHex(append(b, `\U`...), uint32(r), 8)
		}
	}
	return append(b, quote)
}

func appendHex(b []byte, v uint32, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, "0123456789abcdef"[v>>(4*i)&15])
	}
	return b
}
