package csv

import (
	"bytes"
	"math"

	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/internal/decimal"
)

// span is a field: b[begin:end], without its quotes.
type span struct {
	begin, end int
	next       int  // what ends it: a delimiter or the end of a line, of which the LF is left
	quoted     bool // of which quotes inside are doubled,
	doubled    bool // if there are some
}

// fault is what can be wrong with a field.
type fault int

const (
	fine fault = iota
	strayQuote
	strayReturn
	behindQuote
	openQuote
)

// field finds the end of the field that begins at b[p]. b ends with LF. A fault
// is at next; an open quote at begin-1.
func (f *file) field(b []byte, p int) (s span, wrong fault) {
	s.begin = p
	if b[p] != '"' {
		for !f.stops[b[p]] {
			p++
		}
		s.end, s.next = p, p
		return s, f.ends(b, &s.next, strayQuote)
	}
	s.quoted = true
	p++
	s.begin = p
	for {
		n := bytes.IndexByte(b[p:], '"')
		if n < 0 {
			s.next = s.begin - 1
			return s, openQuote
		}
		p += n
		if p+1 == len(b) || b[p+1] != '"' {
			break
		}
		s.doubled = true
		p += 2
	}
	s.end, s.next = p, p+1
	if p+1 == len(b) { // the line feed that was read is part of the field
		s.next = s.begin - 1
		return s, openQuote
	}
	return s, f.ends(b, &s.next, behindQuote)
}

// ends looks at what follows a field, and goes over the CR of CR LF.
func (f *file) ends(b []byte, p *int, otherwise fault) fault {
	switch c := b[*p]; {
	case c == f.delim, c == '\n':
		return fine
	case c == '\r' && b[*p+1] == '\n':
		*p++
		return fine
	case c == '\r':
		return strayReturn
	}
	return otherwise
}

// content is a field without its quotes and with one quote for two; scratch has
// room for it.
func (s *span) content(b, scratch []byte) []byte {
	text := b[s.begin:s.end]
	if !s.doubled {
		return text
	}
	scratch = scratch[:0]
	for {
		n := bytes.IndexByte(text, '"')
		if n < 0 {
			return append(scratch, text...)
		}
		scratch = append(scratch, text[:n+1]...)
		text = text[n+2:]
	}
}

// cut returns where the last record that ends in b, which begins with one, ends.
func (f *file) cut(b []byte) int {
	quotes := bytes.Count(b, quote)
	end := len(b)
	for {
		i := bytes.LastIndexByte(b[:end], '\n')
		if i < 0 {
			return 0
		}
		quotes -= bytes.Count(b[i:end], quote)
		if quotes%2 == 0 {
			return i + 1
		}
		// It lies in quotes, as does all behind the one that opens them.
		end = bytes.LastIndexByte(b[:i], '"')
		quotes--
	}
}

var quote = []byte{'"'}

// trim takes blanks away.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// value says what a field without blanks around it is: None if it stands for a
// value that is missing, Text if it is nothing else. w is a piece's word.
func value(b []byte) (k column.Kind, w uint64) {
	if len(b) == 0 {
		return column.None, 0
	}
	switch c := b[0] | 0x20; {
	case b[0]-'0' <= 9, b[0] == '-', b[0] == '+', b[0] == '.', c == 'i':
		return number(b)
	case c != 'n' && c != 't' && c != 'f' && b[0] != '#' && b[0] != '<' && b[0] != '\\':
		return column.Text, 0
	}
	switch string(b) {
	case "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "Null", "null", "None", "none", `\N`:
		return column.None, 0
	case "true", "True", "TRUE":
		return column.Bool, 1
	case "false", "False", "FALSE":
		return column.Bool, 0
	}
	return number(b)
}

// nan is the NaN of NumPy.
const nan = 0x7ff8000000000000

// number is value of a number.
func number(b []byte) (column.Kind, uint64) {
	sign := 0
	if b[0] == '-' || b[0] == '+' {
		sign = 1
	}
	if u, n, err := decimal.Uint64(b[sign:]); n > 0 && n == len(b)-sign && err == nil {
		switch negative := b[0] == '-'; {
		case !negative && u <= math.MaxInt64:
			return column.Nat, u
		case !negative:
			return column.Uint, u
		case u > 0 && u <= 1<<63:
			return column.Int, -u
		}
	}
	x, n, _ := decimal.Float64(b) // beyond its range infinite
	if n == 0 || n < len(b) {
		return column.Text, 0
	}
	return column.Float, floatBits(x)
}

func floatBits(x float64) uint64 {
	if x != x {
		return nan
	}
	return math.Float64bits(x)
}
