// Package strictjson reads and writes JSON objects with the holes of RFC 8259
// closed: UTF-8 without a byte order mark, no key twice in an object, no lone
// surrogates, bounded depth, integers exact or refused. encoding/json keeps the
// last of two equal keys, repairs broken text silently and rounds integers.
//
// Values are nil, bool, string, int64, uint64 (only above the range of int64),
// float64, []any and map[string]any, and for what JSON cannot hold bit for bit
// float64 from {"$f64": "16 hex digits"}, float32 from {"$f32": "8 hex digits"}
// and []byte from {"$bytes": "base64"}.
package strictjson

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Problem is what is wrong with a text.
type Problem int

// Problems.
const (
	Syntax Problem = iota
	BadUTF8
	Duplicate
	TooDeep
	TooBig
	BadNumber
	TooLong
	BadDollar
	TooMany
)

// An Error says what is wrong at which byte.
type Error struct {
	Problem Problem
	Offset  int
	Got     string
	Want    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("offset %d: got %s, want %s", e.Offset, e.Got, e.Want)
}

// Limits bound what Parse accepts. A zero field means no limit, except Depth,
// where it means 32.
type Limits struct {
	Depth int // nesting of objects and arrays
	Size  int // bytes of text
	Array int // elements of one array

	// Values at all levels, containers included. A value of two bytes of text
	// takes up to 400 bytes of memory, so this bounds what a text decodes to.
	Values int
}

type parser struct {
	b   []byte
	i   int
	n   int // values so far
	lim Limits
}

// Parse reads one object. The result shares no memory with b.
func Parse(b []byte, lim Limits) (m map[string]any, err error) {
	if lim.Depth == 0 {
		lim.Depth = 32
	}
	if lim.Size > 0 && len(b) > lim.Size {
		return nil, &Error{TooBig, 0, fmt.Sprintf("%d bytes", len(b)), fmt.Sprintf("at most %d", lim.Size)}
	}
	p := &parser{b: b, lim: lim}
	p.space()
	if p.i == len(b) || b[p.i] != '{' {
		return nil, p.unexpected("an object")
	}
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i != len(b) {
		return nil, p.unexpected("the end of the text")
	}
	m, ok := v.(map[string]any)
	if !ok { // {"$f64": ...} alone
		return nil, &Error{BadDollar, 0, "a value", "an object"}
	}
	return m, nil
}

// String reads the string whose opening quote is b[i]. It returns the index
// behind the closing one.
func String(b []byte, i int) (s string, next int, err error) {
	p := &parser{b: b, i: i}
	s, err = p.str()
	return s, p.i, err
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) unexpected(want string) *Error {
	got := "the end of the text"
	if p.i < len(p.b) {
		if r, n := utf8.DecodeRune(p.b[p.i:]); r == utf8.RuneError && n <= 1 {
			return &Error{BadUTF8, p.i, fmt.Sprintf("byte %#02x", p.b[p.i]), want}
		} else {
			got = strconv.QuoteRune(r)
		}
	}
	return &Error{Syntax, p.i, got, want}
}

func (p *parser) value(depth int) (any, error) {
	p.space()
	if p.i == len(p.b) {
		return nil, p.unexpected("a value")
	}
	if p.n++; p.lim.Values > 0 && p.n > p.lim.Values {
		return nil, &Error{TooMany, p.i, fmt.Sprintf("more than %d values", p.lim.Values), "tensors of their own"}
	}
	switch c := p.b[p.i]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for word, v := range words {
		if strings.HasPrefix(string(p.b[p.i:min(p.i+len(word), len(p.b))]), word) {
			p.i += len(word)
			return v, nil
		}
	}
	return nil, p.unexpected("a value")
}

var words = map[string]any{"null": nil, "true": true, "false": false}

func (p *parser) deep(depth int) error {
	if depth > p.lim.Depth {
		return &Error{TooDeep, p.i, fmt.Sprintf("depth %d", depth), fmt.Sprintf("at most %d", p.lim.Depth)}
	}
	return nil
}

func (p *parser) object(depth int) (any, error) {
	if err := p.deep(depth); err != nil {
		return nil, err
	}
	start := p.i
	p.i++
	m := map[string]any{}
	for first := true; ; first = false {
		p.space()
		if p.i < len(p.b) && p.b[p.i] == '}' && first {
			p.i++
			return m, nil
		}
		if p.i == len(p.b) || p.b[p.i] != '"' {
			return nil, p.unexpected("a key")
		}
		at := p.i
		k, err := p.str()
		if err != nil {
			return nil, err
		}
		if _, ok := m[k]; ok {
			return nil, &Error{Duplicate, at, "the key " + quote(k) + " twice", "each key once"}
		}
		p.space()
		if p.i == len(p.b) || p.b[p.i] != ':' {
			return nil, p.unexpected("':'")
		}
		p.i++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m[k] = v
		p.space()
		switch {
		case p.i < len(p.b) && p.b[p.i] == ',':
			p.i++
		case p.i < len(p.b) && p.b[p.i] == '}':
			p.i++
			return fromDollar(m, start)
		default:
			return nil, p.unexpected("',' or '}'")
		}
	}
}

// fromDollar turns the one-key objects that stand for values into those. Other
// keys that begin with $ are reserved and stay as they are.
func fromDollar(m map[string]any, at int) (any, error) {
	if len(m) != 1 {
		return m, nil
	}
	for k, v := range m {
		s, isString := v.(string)
		bad := func(want string) error {
			return &Error{BadDollar, at, k + " of " + quote(fmt.Sprint(v)), want}
		}
		switch k {
		case "$f64":
			if x, err := strconv.ParseUint(s, 16, 64); isString && len(s) == 16 && err == nil {
				return math.Float64frombits(x), nil
			}
			return nil, bad("16 hexadecimal digits")
		case "$f32":
			if x, err := strconv.ParseUint(s, 16, 32); isString && len(s) == 8 && err == nil {
				return math.Float32frombits(uint32(x)), nil
			}
			return nil, bad("8 hexadecimal digits")
		case "$bytes":
			if b, err := base64.StdEncoding.Strict().DecodeString(s); isString && err == nil {
				return b, nil
			}
			return nil, bad("base64 with padding")
		}
	}
	return m, nil
}

func (p *parser) array(depth int) (any, error) {
	if err := p.deep(depth); err != nil {
		return nil, err
	}
	start := p.i
	p.i++
	a := []any{}
	for first := true; ; first = false {
		p.space()
		if p.i < len(p.b) && p.b[p.i] == ']' && first {
			p.i++
			return a, nil
		}
		if p.lim.Array > 0 && len(a) == p.lim.Array {
			return nil, &Error{TooLong, start, fmt.Sprintf("an array of more than %d elements", len(a)), "a tensor of its own"}
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		p.space()
		switch {
		case p.i < len(p.b) && p.b[p.i] == ',':
			p.i++
		case p.i < len(p.b) && p.b[p.i] == ']':
			p.i++
			return slices.Clip(a), nil
		default:
			return nil, p.unexpected("',' or ']'")
		}
	}
}

func (p *parser) str() (string, error) {
	p.i++ // the opening quote
	start := p.i
	var out []byte // nil while the text has no escapes
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			s := p.b[start:p.i]
			p.i++
			if out != nil {
				s = append(out, s...)
			}
			return string(s), nil
		case c < ' ':
			return "", &Error{Syntax, p.i, fmt.Sprintf("control character %#02x", c), "an escape"}
		case c == '\\':
			out = append(out, p.b[start:p.i]...)
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			if out = utf8.AppendRune(out, r); out == nil {
				out = []byte{}
			}
			start = p.i
		case c < utf8.RuneSelf:
			p.i++
		default:
			r, n := utf8.DecodeRune(p.b[p.i:])
			if r == utf8.RuneError && n == 1 {
				return "", &Error{BadUTF8, p.i, fmt.Sprintf("byte %#02x", c), "UTF-8"}
			}
			p.i += n
		}
	}
	return "", &Error{Syntax, p.i, "the end of the text", "'\"'"}
}

func (p *parser) escape() (rune, error) {
	at := p.i
	if p.i+1 >= len(p.b) {
		return 0, &Error{Syntax, p.i, "the end of the text", "an escape"}
	}
	c := p.b[p.i+1]
	p.i += 2
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, &Error{Syntax, at, quote(`\` + string(c)), "an escape of JSON"}
	}
	hi, ok := p.hex4(p.i)
	if !ok {
		return 0, &Error{Syntax, at, "a broken \\u escape", "four hexadecimal digits"}
	}
	p.i += 4
	if !utf16.IsSurrogate(hi) {
		return hi, nil
	}
	if p.i+1 < len(p.b) && p.b[p.i] == '\\' && p.b[p.i+1] == 'u' {
		if lo, ok := p.hex4(p.i + 2); ok {
			if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
				p.i += 6
				return r, nil
			}
		}
	}
	return 0, &Error{BadUTF8, at, fmt.Sprintf("the lone surrogate \\u%04x", hi), "a pair"}
}

func (p *parser) hex4(i int) (rune, bool) {
	if i+4 > len(p.b) {
		return 0, false
	}
	var b [2]byte
	if _, err := hex.Decode(b[:], p.b[i:i+4]); err != nil {
		return 0, false
	}
	return rune(b[0])<<8 | rune(b[1]), true
}

func (p *parser) number() (any, error) {
	at := p.i
	digits := func() int {
		n := p.i
		for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
			p.i++
		}
		return p.i - n
	}
	if p.b[p.i] == '-' {
		p.i++
	}
	first := p.i
	if n := digits(); n == 0 || n > 1 && p.b[first] == '0' {
		return nil, &Error{Syntax, at, quote(cut(p.b[at:])), "a number"}
	}
	whole := true
	if p.i < len(p.b) && p.b[p.i] == '.' {
		p.i++
		whole = false
		if digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	if p.i < len(p.b) && (p.b[p.i] == 'e' || p.b[p.i] == 'E') {
		p.i++
		whole = false
		if p.i < len(p.b) && (p.b[p.i] == '+' || p.b[p.i] == '-') {
			p.i++
		}
		if digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	s := string(p.b[at:p.i])
	if whole {
		if x, err := strconv.ParseInt(s, 10, 64); err == nil {
			return x, nil
		}
		if x, err := strconv.ParseUint(s, 10, 64); err == nil {
			return x, nil
		}
		return nil, &Error{BadNumber, at, quote(cut([]byte(s))), "an integer of 64 bits"}
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, &Error{BadNumber, at, quote(cut([]byte(s))), "a number in the range of binary64"}
	}
	return x, nil
}

func cut(b []byte) string { return string(b[:min(len(b), 40)]) }

func quote(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return strconv.QuoteToGraphic(s)
}

// Append appends m as one JSON object, keys ascending by bytes, without white
// space: equal values give equal text. Floats keep a '.' or an exponent, so
// they come back as floats. All Go integer and float types are taken, as are
// slices of strings, of ints and of floats.
func Append(dst []byte, m map[string]any) ([]byte, error) {
	dst = append(dst, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendString(dst, k); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = appendValue(dst, m[k]); err != nil {
			return nil, fmt.Errorf("key %s: %w", quote(k), err)
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return AppendString(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint8:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint16:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float32:
		return fmt.Appendf(dst, `{"$f32":"%08x"}`, math.Float32bits(v)), nil
	case float64:
		return appendFloat(dst, v), nil
	case []byte:
		return fmt.Appendf(dst, `{"$bytes":"%s"}`, base64.StdEncoding.EncodeToString(v)), nil
	case []any:
		return appendArray(dst, v)
	case []string:
		return appendArray(dst, v)
	case []int:
		return appendArray(dst, v)
	case []int64:
		return appendArray(dst, v)
	case []float64:
		return appendArray(dst, v)
	case map[string]any:
		if len(v) == 1 {
			for k := range v {
				if strings.HasPrefix(k, "$") {
					return nil, fmt.Errorf("an object with the one key %s is reserved", quote(k))
				}
			}
		}
		return Append(dst, v)
	}
	return nil, fmt.Errorf("a value of type %T cannot be written as JSON", v)
}

func appendArray[T any](dst []byte, a []T) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendFloat(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Appendf(dst, `{"$f64":"%016x"}`, math.Float64bits(x))
	}
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, x, format, -1, 64)
	if format == 'f' && !slices.Contains(dst[start:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}

var errUTF8 = errors.New("a string is not valid UTF-8")

// AppendString appends s with its quotes.
func AppendString(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errUTF8
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"'), nil
}
