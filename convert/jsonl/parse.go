package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/internal/decimal"
	"github.com/tensorfile/tensorfile/tensor"
)

// class is what JSON tells apart.
type class uint8

const (
	unknown class = iota
	boolean
	number
	text
)

func (c class) String() string {
	return [...]string{"null", "a bool", "a number", "a string"}[c]
}

var (
	errStop = errors.New("stopped")
	// errCut asks to end a block of rows before the line.
	errCut = errors.New("cut")
)

// cell is a column of a block.
type cell struct {
	name   string
	class  class
	dims   tensor.Shape // of a value, as far as they are known: -1 of one axis is not
	depth  int          // of the elements; -1: not known
	line   int64        // of the first value,
	offset int64        // which begins there
	row    int          // 1 more than the last one with a value
}

// known reports whether the shape of values is known.
func (c *cell) known() bool { return c.depth >= 0 }

func (c *cell) width() int {
	n := 1
	for _, e := range c.dims {
		n *= int(e)
	}
	return n
}

// what names a column for errors.
func (c *cell) what() string {
	if c.name == "" {
		return ""
	}
	return "key " + tensor.Quote(c.name)
}

// parser parses a block of lines.
type parser struct {
	f     *file
	block *records.Block
	b     []byte
	only  map[string]int // keys to read; nil: all
	mend  bool           // what is no UTF-8

	line    int64   // that is parsed
	lines   []int64 // of the rows, under convert.MissingError
	row     int     // in the current block of the table
	columns []cell
	index   map[string]int
	next    int // the column that probably follows
	cells   int // values of a row, of columns that have some in the current block
	total   int // of all blocks
	build   column.Builder
	blocks  []column.Block
	scratch []byte
}

// run parses all lines.
func (p *parser) run() error {
	if p.block.Cut {
		return p.f.wrong(tensor.ErrLimit, p.block.Offset, p.block.Line, "", fmt.Sprintf("more than %d bytes", records.MaxRecord), "a shorter line")
	}
	if !utf8.Valid(p.b) {
		if at := utf8text.Invalid(p.b); !p.f.replace {
			p.line = p.block.Line + int64(bytes.Count(p.b[:at], []byte{'\n'}))
			return p.wrong(tensor.ErrFormat, at, nil, fmt.Sprintf("% x", p.b[at:at+utf8text.Subpart(p.b[at:])]), "UTF-8")
		}
		p.mend = true
	}
	p.line = p.block.Line
	for at := 0; at < len(p.b); p.line++ {
		at = p.blanks(at)
		if p.b[at] == '\n' {
			at++
			continue
		}
		end, err := p.record(at)
		if err == errCut {
			if err = p.cut(); err == nil {
				end, err = p.record(at)
			}
		}
		if err != nil {
			return err
		}
		if end = p.blanks(end); p.b[end] != '\n' {
			return p.wrong(tensor.ErrFormat, end, nil, p.excerpt(end), "the end of the line")
		}
		if p.f.rule == convert.MissingError {
			p.lines = append(p.lines, p.line)
		}
		at = end + 1
		if p.row++; (p.row+1)*p.cells > maxCells {
			if err := p.cut(); err != nil {
				return err
			}
		}
	}
	err := p.cut()
	p.b = nil
	return err
}

// cut ends a block of the table.
func (p *parser) cut() error {
	p.total += p.row * p.cells
	if err := p.f.limit(8*float64(p.total), int64(len(p.b))); err != nil {
		return err
	}
	for i := range p.columns {
		c := &p.columns[i]
		if p.build.Len(i) > 0 {
			p.build.Truncate(i, p.row*c.width())
			p.pad(i, p.row)
		}
		c.row = 0
	}
	if p.row > 0 {
		p.blocks = append(p.blocks, column.Block{Rows: p.row, Pieces: p.build.Take(0)})
	}
	p.row, p.cells = 0, 0
	return nil
}

// pad makes values of column i up to a row missing.
func (p *parser) pad(i, row int) {
	p.build.Nulls(i, row*p.columns[i].width()-p.build.Len(i))
}

// record parses a line.
func (p *parser) record(at int) (int, error) {
	if !p.f.objects {
		if p.b[at] == '{' {
			return 0, p.wrong(tensor.ErrDType, at, nil, "an object", "an array or a scalar, as the first line is")
		}
		i, _ := p.find(nil)
		return p.value(i, at)
	}
	if p.b[at] != '{' {
		return 0, p.wrong(tensor.ErrDType, at, nil, p.excerpt(at), "an object, as the first line is")
	}
	p.next = 0
	at = p.blanks(at + 1)
	if p.b[at] == '}' {
		return at + 1, nil
	}
	for {
		if p.b[at] != '"' {
			return 0, p.wrong(tensor.ErrFormat, at, nil, p.excerpt(at), "a key between quotes")
		}
		key, end, err := p.string(at, nil)
		if err != nil {
			return 0, err
		}
		i, ok := p.find(key)
		var c *cell
		if ok {
			if c = &p.columns[i]; c.row == p.row+1 {
				return 0, p.wrong(tensor.ErrDuplicate, at, c, "it twice", "each key once")
			}
		} else if p.only == nil {
			return 0, p.wrong(tensor.ErrLimit, at, nil, fmt.Sprintf("more than %d keys", maxKeys), "fewer")
		}
		if end = p.blanks(end); p.b[end] != ':' {
			return 0, p.wrong(tensor.ErrFormat, end, c, p.excerpt(end), "a colon")
		}
		at = p.blanks(end + 1)
		if ok {
			at, err = p.value(i, at)
		} else {
			at, err = p.skip(at)
		}
		if err != nil {
			return 0, err
		}
		at = p.blanks(at)
		switch p.b[at] {
		case ',':
			at = p.blanks(at + 1)
		case '}':
			return at + 1, nil
		default:
			return 0, p.wrong(tensor.ErrFormat, at, c, p.excerpt(at), "a comma or }")
		}
	}
}

// find returns the column of a key, which may be new; false if it is not wanted
// or there are too many.
func (p *parser) find(key []byte) (int, bool) {
	if i := p.next; i < len(p.columns) && p.columns[i].name == string(key) {
		p.next++
		return i, true
	}
	i, ok := p.index[string(key)]
	if !ok {
		if p.only != nil {
			if _, wanted := p.only[string(key)]; !wanted {
				return 0, false
			}
		}
		if i = len(p.columns); i == maxKeys {
			return 0, false
		}
		name := string(key)
		p.index[name] = i
		p.columns = append(p.columns, cell{name: name, depth: -1})
	}
	p.next = i + 1
	return i, true
}

// value parses a value of column i.
func (p *parser) value(i, at int) (int, error) {
	c := &p.columns[i]
	if c.line == 0 {
		c.line, c.offset = p.line, p.block.Offset+int64(at)
	}
	c.row = p.row + 1
	if p.b[at] == 'n' && c.depth != 0 { // null for all of it
		end, err := p.word(c, at, "null")
		if err == nil {
			err = p.null(c, at)
		}
		return end, err
	}
	if p.b[at] == '[' && c.depth < 0 && p.row > 0 {
		return 0, errCut // its width is not known, which what lines before lack needs
	}
	if p.build.Len(i) == 0 {
		width := max(c.width(), 1)
		if p.row > 0 && (p.row+1)*(p.cells+width) > maxCells {
			return 0, errCut
		}
		p.cells += width
	}
	if p.row > 0 {
		p.pad(i, p.row)
	}
	return p.element(i, at, 0)
}

// null notes a value that is missing.
func (p *parser) null(c *cell, at int) error {
	if p.f.rule == convert.MissingError {
		return p.wrong(tensor.ErrUnsupported, at, c, "null", "a value")
	}
	return nil
}

// element parses what stands at a depth of a value.
func (p *parser) element(i, at, depth int) (int, error) {
	c := &p.columns[i]
	if p.b[at] == '[' {
		return p.array(i, at, depth)
	}
	if c.depth < 0 {
		c.depth = depth
	} else if c.depth != depth {
		return 0, p.wrong(tensor.ErrShape, at, c, p.excerpt(at), "an array, as in the values before")
	}
	switch b := p.b[at]; {
	case b == '"':
		if err := p.is(c, text, at); err != nil {
			return 0, err
		}
		s, end, err := p.string(at, c)
		if err == nil {
			p.build.Text(i, s)
		}
		return end, err
	case b == 't', b == 'f':
		word := "true"
		if b == 'f' {
			word = "false"
		}
		end, err := p.word(c, at, word)
		if err == nil {
			err = p.is(c, boolean, at)
		}
		if err == nil {
			p.build.Bool(i, b == 't')
		}
		return end, err
	case b == 'n':
		end, err := p.word(c, at, "null")
		if err == nil {
			err = p.null(c, at)
		}
		if err == nil {
			p.build.Null(i)
		}
		return end, err
	case b == '{':
		return 0, p.wrong(tensor.ErrUnsupported, at, c, "an object in a value", "numbers, bools or strings, or arrays of them")
	}
	if x := p.b[at]; x != '-' && x-'0' > 9 && x != 'N' && x != 'I' {
		return 0, p.wrong(tensor.ErrFormat, at, c, p.excerpt(at), "a value")
	}
	if err := p.is(c, number, at); err != nil {
		return 0, err
	}
	return p.number(i, at)
}

// is compares what a value is with what those before are.
func (p *parser) is(c *cell, k class, at int) error {
	if c.class == k {
		return nil
	}
	if c.class != unknown {
		return p.wrong(tensor.ErrDType, at, c, k.String(), c.class.String()+", as before")
	}
	c.class = k
	return nil
}

// array parses an array at a depth.
func (p *parser) array(i, at, depth int) (int, error) {
	if c := &p.columns[i]; c.depth >= 0 && depth >= c.depth {
		return 0, p.wrong(tensor.ErrShape, at, c, "an array", "a scalar, as in the values before")
	} else if depth == maxRank {
		return 0, p.wrong(tensor.ErrLimit, at, c, fmt.Sprintf("more than %d arrays in each other", maxRank), "fewer")
	} else if depth == len(c.dims) {
		c.dims = append(c.dims, -1)
	}
	begin, n := at, int64(0)
	at = p.blanks(at + 1)
	if p.b[at] == ']' {
		if c := &p.columns[i]; c.depth < 0 {
			c.depth = depth + 1
		}
	} else {
		for {
			var err error
			if at, err = p.element(i, at, depth+1); err != nil {
				return 0, err
			}
			n++
			if at = p.blanks(at); p.b[at] == ']' {
				break
			}
			if p.b[at] != ',' {
				return 0, p.wrong(tensor.ErrFormat, at, &p.columns[i], p.excerpt(at), "a comma or ]")
			}
			at = p.blanks(at + 1)
		}
	}
	c := &p.columns[i]
	if c.dims[depth] < 0 {
		c.dims[depth] = n
		if depth == 0 && p.row == 0 {
			p.cells += c.width() - 1
		}
	} else if c.dims[depth] != n {
		return 0, p.wrong(tensor.ErrShape, begin, c, fmt.Sprintf("an array of %d", n), fmt.Sprintf("of %d, as before", c.dims[depth]))
	}
	return at + 1, nil
}

// number parses a number.
func (p *parser) number(i, at int) (int, error) {
	b := p.b
	digits := at
	negative := b[at] == '-'
	if negative {
		digits++
	}
	u, end := decimal.Index(b, digits)
	n := end - digits
	switch {
	case n == 0:
		return p.special(i, at)
	case n > 1 && b[digits] == '0':
		return 0, p.bad(i, at)
	}
	switch c := b[end]; {
	case c == ',' || c == ']' || c == '}' || c == '\n' || blank(c):
		if n <= 18 {
			switch {
			case !negative:
				p.build.Int(i, int64(u))
			case u > 0:
				p.build.Int(i, -int64(u))
			default:
				p.build.Float(i, float64From(b[at:end]))
			}
			return end, nil
		}
		u, _, err := decimal.Uint64(b[digits:end])
		switch {
		case err == nil && !negative:
			p.build.Uint(i, u)
		case err == nil && u <= 1<<63:
			p.build.Int(i, -int64(u))
		default:
			p.build.Float(i, float64From(b[at:end]))
		}
		return end, nil
	case c == '.':
		if b[end+1]-'0' > 9 {
			return 0, p.bad(i, at)
		}
	case c != 'e' && c != 'E':
		return 0, p.bad(i, at)
	}
	x, size, _ := decimal.Float64(b[at:]) // beyond its range infinite
	if c := b[at+size]; !(c == ',' || c == ']' || c == '}' || c == '\n' || blank(c)) {
		return 0, p.bad(i, at)
	}
	p.build.Float(i, x)
	return at + size, nil
}

func float64From(b []byte) float64 {
	x, _, _ := decimal.Float64(b)
	return x
}

// special parses NaN, Infinity and -Infinity.
func (p *parser) special(i, at int) (int, error) {
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(p.b[at:], []byte(w)) {
			end, err := p.word(&p.columns[i], at, w)
			if err == nil {
				p.build.Float(i, float64From([]byte(w)))
			}
			return end, err
		}
	}
	return 0, p.bad(i, at)
}

func (p *parser) bad(i, at int) error {
	return p.wrong(tensor.ErrFormat, at, &p.columns[i], p.excerpt(at), "a number")
}

// word goes over a word that stands alone.
func (p *parser) word(c *cell, at int, w string) (int, error) {
	end := at + len(w)
	if end >= len(p.b) || string(p.b[at:end]) != w || letter(p.b[end]) {
		return 0, p.wrong(tensor.ErrFormat, at, c, p.excerpt(at), w)
	}
	return end, nil
}

func letter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// blanks goes over white space. The text ends with LF.
func (p *parser) blanks(at int) int {
	for blank(p.b[at]) {
		at++
	}
	return at
}

// skip goes over a value that is not wanted. It was looked at before.
func (p *parser) skip(at int) (int, error) {
	depth := 0
	for {
		switch c := p.b[at]; {
		case c == '"':
			_, end, err := p.string(at, nil)
			if err != nil {
				return 0, err
			}
			at = end - 1
		case c == '[' || c == '{':
			depth++
		case (c == ']' || c == '}') && depth > 0:
			depth--
		case depth == 0 && (c == ',' || c == '}'):
			return at, nil
		case c == '\n':
			return 0, p.wrong(tensor.ErrFormat, at, nil, "the end of the line", "a value")
		}
		at++
	}
}

func (p *parser) wrong(kind error, at int, c *cell, got, want string) error {
	what := ""
	if c != nil {
		what = c.what()
	}
	begin := bytes.LastIndexByte(p.b[:at], '\n') + 1
	if what != "" {
		what = ", " + what
	}
	return p.f.wrong(kind, p.block.Offset+int64(at), p.line, fmt.Sprintf("column %d%s", at-begin+1, what), got, want)
}

// excerpt is what stands at b[at], for errors.
func (p *parser) excerpt(at int) string {
	b := p.b[at:]
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		b = b[:n]
	}
	if len(b) == 0 {
		return "the end of the line"
	}
	if len(b) > 20 {
		n := 20
		for !utf8.RuneStart(b[n]) {
			n--
		}
		b = b[:n]
	}
	return tensor.Quote(string(b))
}
