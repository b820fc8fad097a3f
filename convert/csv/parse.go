package csv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/decimal"
	"github.com/tensorfile/tensorfile/tensor"
)

var errStop = errors.New("stopped")

// hints are the kinds that columns have as far as is known, with which blocks
// begin.
type hints struct {
	sync.Mutex
	kinds []column.Kind
}

func newHints(n int) *hints { return &hints{kinds: make([]column.Kind, n)} }

func (h *hints) merge(kinds []column.Kind) {
	h.Lock()
	defer h.Unlock()
	for c, k := range kinds {
		h.kinds[c] = column.Join(h.kinds[c], k)
	}
}

// result is what a block holds.
type result struct {
	column.Block
	sums []summary
	// missing has, under convert.MissingError, the first word of a column that
	// stands for a value unless the column is text.
	missing map[int]*tensor.Error
}

// summary is what is known of the values of a column.
type summary struct {
	kind    column.Kind
	others  bool  // a piece is no text
	text    int64 // bytes as text
	empty   int64 // fields that are missing in a column of strings
	missing int64 // and in one of anything else
}

func (s *summary) add(r *summary) {
	s.kind = column.Join(s.kind, r.kind)
	s.others = s.others || r.kind != column.Text
	s.text += r.text
	s.empty += r.empty
	s.missing += r.missing
}

// values are those of a column in a block that is parsed.
type values struct {
	kind    column.Kind
	skip    bool // not wanted
	late    bool // became text when there were values already: the block is parsed again
	words   []uint64
	bytes   []byte
	ends    []uint32
	valid   []byte
	text    int
	empty   int
	missing int
}

// parser parses a block.
type parser struct {
	f       *file
	block   *records.Block
	b       []byte
	room    int // rows that it can have
	rows    int
	columns []values
	mend    bool // what is no UTF-8
	scratch []byte
	mended  []byte
	missing map[int]*tensor.Error
}

// parse parses the records of a block. want are the columns that are wanted, nil
// for all.
func (f *file) parse(block *records.Block, h *hints, want []int) (*result, error) {
	p := &parser{f: f, block: block, b: block.Text, columns: make([]values, len(f.names))}
	if !ascii(p.b) && !utf8.Valid(p.b) {
		if at := utf8text.Invalid(p.b); !f.replace {
			return nil, p.wrong(tensor.ErrFormat, at, -1, fmt.Sprintf("% x", p.b[at:at+utf8text.Subpart(p.b[at:])]), "UTF-8")
		}
		p.mend = true
	}
	kinds := make([]column.Kind, len(p.columns))
	h.Lock()
	copy(kinds, h.kinds)
	h.Unlock()
	if want != nil {
		for c := range p.columns {
			p.columns[c].skip = true
		}
		for _, c := range want {
			p.columns[c].skip = false
		}
	} else {
		want = make([]int, len(p.columns))
		for c := range want {
			want[c] = c
		}
	}
	// Each record has a line feed, and a delimiter between two fields; one of one
	// field that is empty would be an empty line.
	p.room = min(block.Lines, len(p.b)/max(len(p.columns), 2)+1)
	words := room(p.room * (len(want) - texts(kinds, want)))
	for _, c := range want {
		if kinds[c] != column.Text {
			p.columns[c].words, words = words[:p.room:p.room], words[p.room:]
		}
	}
	for again := true; again; {
		if err := p.run(kinds); err != nil {
			return nil, err
		}
		again = false
		for c := range p.columns {
			x := &p.columns[c]
			kinds[c] = x.kind
			again = again || x.late
		}
	}
	if block.Cut {
		return nil, p.wrong(tensor.ErrLimit, 0, -1, fmt.Sprintf("a record of more than %d bytes", records.MaxRecord), "a shorter one")
	}
	h.merge(kinds)
	r := &result{Block: column.Block{Rows: p.rows, Pieces: make([]column.Piece, len(want))}, sums: make([]summary, len(p.columns)), missing: p.missing}
	for i, c := range want {
		r.Pieces[i] = p.columns[c].piece(p.rows)
	}
	for c := range p.columns {
		x := &p.columns[c]
		r.sums[c] = summary{kind: x.kind, text: int64(x.text), empty: int64(x.empty), missing: int64(x.missing)}
	}
	return r, nil
}

// ascii reports whether b holds nothing but ASCII, at the speed of memory.
func ascii(b []byte) bool {
	for len(b) >= 32 {
		c := b[:32]
		if (binary.LittleEndian.Uint64(c)|binary.LittleEndian.Uint64(c[8:])|binary.LittleEndian.Uint64(c[16:])|binary.LittleEndian.Uint64(c[24:]))&0x8080808080808080 != 0 {
			return false
		}
		b = b[32:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// texts counts the columns of want that are text.
func texts(kinds []column.Kind, want []int) (n int) {
	for _, c := range want {
		if kinds[c] == column.Text {
			n++
		}
	}
	return n
}

// room is n words, of which each is written before it is read.
func room(n int) []uint64 {
	if n >= 1<<16 {
		if w, ok := cast.Slice[uint64](cast.Fresh(8 * n)); ok {
			return w
		}
	}
	return make([]uint64, n)
}

// piece is what was parsed of a column.
func (x *values) piece(rows int) column.Piece {
	q := column.Piece{Kind: x.kind, Len: rows}
	switch {
	case x.kind == column.None:
		return q
	case x.kind == column.Text:
		q.Bytes, q.Ends = x.bytes, x.ends
	default:
		q.Words = x.words[:rows]
	}
	if x.valid != nil {
		q.Valid = x.valid[:rows]
	}
	return q
}

// run parses the block with columns of these kinds or of those that follow.
func (p *parser) run(kinds []column.Kind) error {
	p.rows, p.missing = 0, nil
	for c := range p.columns {
		x := &p.columns[c]
		*x = values{kind: kinds[c], skip: x.skip, words: x.words, bytes: x.bytes[:0], ends: x.ends[:0]}
		if x.kind == column.Text && !x.skip && x.ends == nil {
			x.ends = make([]uint32, 0, p.room)
		}
	}
	for at := 0; at < len(p.b); {
		if p.b[at] == '\n' {
			at++
			continue
		}
		if p.b[at] == '\r' && p.b[at+1] == '\n' {
			at += 2
			continue
		}
		next, err := p.record(at)
		if err != nil {
			return err
		}
		at = next
		p.rows++
	}
	return nil
}

// record parses the record that begins at b[at], and returns where the next one
// does.
func (p *parser) record(at int) (int, error) {
	b, row, delim := p.b, p.rows, p.f.delim
	begin := at
	for c := 0; ; c++ {
		if c == len(p.columns) {
			return 0, p.uneven(begin)
		}
		x := &p.columns[c]
		end := at // of the field, if it is as it mostly is
		switch {
		case x.skip:
		case x.kind == column.Float:
			if v, n, _ := decimal.Float64(b[at:]); n > 0 && ends(b, at+n, delim) {
				x.words[row] = floatBits(v)
				x.text += n
				end += n
			}
		case x.kind >= column.Nat && x.kind <= column.Uint:
			negative := one(b[at] == '-') // no branches, which random signs would mispredict
			digits := at + int(negative)
			if u, e := decimal.Index(b, digits); e > digits && e-digits <= 18 && ends(b, e, delim) && negative&(one(u == 0)|one(x.kind != column.Int)) == 0 {
				x.words[row] = (u ^ -negative) + negative
				x.text += e - at
				end = e
			}
		case x.kind == column.Bool && at+8 <= len(b):
			w := binary.LittleEndian.Uint64(b[at:])
			no := one(w&0xdf == 'F')
			n := 4 + int(no)
			w &= 1<<(8*n) - 1
			if one(w == trues[0])|one(w == trues[1])|one(w == trues[2])|one(w == falses[0])|one(w == falses[1])|one(w == falses[2]) != 0 && ends(b, at+n, delim) {
				x.words[row] = 1 - no
				x.text += n
				end += n
			}
		case x.kind == column.Text && !p.mend:
			end = p.text(x, at)
		}
		if end == at {
			var err error
			if end, err = p.slow(x, c, at); err != nil {
				return 0, err
			}
		} else if b[end] == '\r' {
			end++
		}
		at = end + 1
		if b[end] == '\n' {
			if c+1 < len(p.columns) {
				return 0, p.uneven(begin)
			}
			return at, nil
		}
	}
}

// text takes a field without quotes of a column of strings, and returns where it
// ends; at, if it is empty or not as it should be. Eight characters at a time are
// copied and looked at.
func (p *parser) text(x *values, at int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	b, buf, end := p.b, x.bytes, at
	delim := uint64(p.f.delim) * ones
	for k := 8; k == 8; end += k {
		if end+8 > len(b) {
			for k = 0; !p.f.stops[b[end+k]]; k++ {
				buf = append(buf, b[end+k])
			}
			end += k
			break
		}
		w := binary.LittleEndian.Uint64(b[end:])
		n := len(buf)
		if cap(buf)-n < 8 {
			buf = slices.Grow(buf, n+1<<10)
		}
		buf = buf[:n+8]
		binary.LittleEndian.PutUint64(buf[n:], w)
		// The high bit of the lowest byte that is 0 is set in (v - ones) &^ v, and of
		// none below it.
		d, lf, cr, q := w^delim, w^'\n'*ones, w^'\r'*ones, w^'"'*ones
		k = bits.TrailingZeros64(((d-ones)&^d|(lf-ones)&^lf|(cr-ones)&^cr|(q-ones)&^q)&highs) >> 3
		buf = buf[:n+k]
	}
	if end == at || !ends(b, end, p.f.delim) {
		return at
	}
	x.bytes = buf
	x.ends = append(x.ends, uint32(len(buf)))
	x.text += end - at
	return end
}

// The words of bools as the low bytes of numbers.
var (
	trues  = [3]uint64{word("true"), word("True"), word("TRUE")}
	falses = [3]uint64{word("false"), word("False"), word("FALSE")}
)

func word(s string) (w uint64) {
	for i := range len(s) {
		w |= uint64(s[i]) << (8 * i)
	}
	return w
}

func one(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// ends reports whether a field ends at b[p].
func ends(b []byte, p int, delim byte) bool {
	c := b[p]
	return c == delim || c == '\n' || c == '\r' && b[p+1] == '\n'
}

// slow takes any field, and returns where it ends.
func (p *parser) slow(x *values, c, at int) (int, error) {
	s, wrong := p.f.field(p.b, at)
	if wrong != fine {
		return 0, p.fault(wrong, s.next, c)
	}
	if x.skip {
		return s.next, nil
	}
	text := s.content(p.b, p.scratch)
	if s.doubled {
		p.scratch = text
	}
	if p.mend && !utf8.Valid(text) {
		p.mended = utf8text.AppendReplaced(p.mended[:0], text)
		text = p.mended
	}
	quoted := s.quoted && !p.f.unquoted
	x.text += len(text)
	empty := len(text) == 0 && !quoted
	if empty {
		x.empty++
	}
	k, w := column.Text, uint64(0)
	if !quoted && x.kind != column.Text {
		k, w = value(trim(text))
	}
	if k == column.None || empty {
		x.missing++
		if p.f.rule == convert.MissingError {
			err := p.wrong(tensor.ErrUnsupported, at, c, "a missing value", "a value in every field")
			if empty {
				return 0, err
			}
			if p.missing == nil {
				p.missing = map[int]*tensor.Error{}
			}
			if p.missing[c] == nil {
				p.missing[c] = err
			}
		}
		p.lack(x)
		return s.next, nil
	}
	p.put(x, k, w, text)
	return s.next, nil
}

// put appends a value to a column, whose kind may grow.
func (p *parser) put(x *values, k column.Kind, w uint64, text []byte) {
	row := p.rows
	if j := column.Join(x.kind, k); j != x.kind {
		was := x.kind
		x.kind = j
		switch {
		case j == column.Text:
			x.late = row > 0
			x.bytes, x.ends, x.valid = x.bytes[:0], x.ends[:0], nil
		case was == column.None:
			if j == column.Float {
				for i := range row {
					x.words[i] = nan
				}
			} else {
				clear(x.words[:row])
			}
		case j == column.Float:
			q := column.Piece{Kind: was, Len: row, Words: x.words[:row], Valid: x.valid}
			q.Convert(column.Float)
		}
	}
	switch {
	case x.kind == column.Text:
		x.bytes = append(x.bytes, text...)
		x.ends = append(x.ends, uint32(len(x.bytes)))
	case x.kind == column.Float && k != column.Float:
		one := column.Piece{Kind: k, Len: 1, Words: []uint64{w}}
		one.Convert(column.Float)
		x.words[row] = one.Words[0]
	default:
		x.words[row] = w
	}
}

// lack says that a column has no value in this row.
func (p *parser) lack(x *values) {
	row := p.rows
	if x.valid == nil {
		x.valid = make([]byte, p.room)
		if x.kind != column.None {
			for i := range x.valid {
				x.valid[i] = 1
			}
		} else {
			for i := row; i < p.room; i++ {
				x.valid[i] = 1
			}
		}
	}
	x.valid[row] = 0
	switch x.kind {
	case column.Text:
		x.ends = append(x.ends, uint32(len(x.bytes)))
	case column.Float:
		x.words[row] = nan
	default:
		x.words[row] = 0
	}
}

func (p *parser) wrong(kind error, at, c int, got, want string) *tensor.Error {
	line := p.block.Line
	for _, x := range p.b[:at] {
		if x == '\n' {
			line++
		}
	}
	return p.f.wrong(kind, p.block.Offset+int64(at), line, c, got, want)
}

// fault is the error of a field.
func (p *parser) fault(wrong fault, at, c int) error {
	switch wrong {
	case strayQuote:
		return p.wrong(tensor.ErrFormat, at, c, "a quote in a field without quotes", "it doubled, and quotes around the field")
	case strayReturn:
		return p.wrong(tensor.ErrFormat, at, c, "a carriage return that no line feed follows", "LF or CR LF, or quotes around the field")
	case behindQuote:
		return p.wrong(tensor.ErrFormat, at, c, excerpt(p.b[at:]), "a delimiter or the end of the line behind the closing quote")
	}
	if p.block.Cut {
		return p.wrong(tensor.ErrLimit, at, c, fmt.Sprintf("a quote that is not closed in %d bytes", records.MaxRecord), "a closing quote")
	}
	return p.wrong(tensor.ErrTruncated, at, c, "a quote that is not closed", "a closing quote")
}

// excerpt is the begin of b for an error.
func excerpt(b []byte) string {
	b = b[:min(len(b), 20)]
	for i, c := range b {
		if c == '\n' || c == '\r' {
			b = b[:i]
			break
		}
	}
	return tensor.Quote(string(b))
}

// uneven is the error of a record with another number of fields than the first.
func (p *parser) uneven(begin int) error {
	if p.block.Cut {
		return p.wrong(tensor.ErrLimit, begin, -1, fmt.Sprintf("a record of more than %d bytes", records.MaxRecord), "a shorter one")
	}
	n := 0
	for at := begin; ; n++ {
		s, wrong := p.f.field(p.b, at)
		if wrong != fine {
			return p.fault(wrong, s.next, n)
		}
		at = s.next + 1
		if p.b[s.next] == '\n' {
			n++
			break
		}
		if n == math.MaxInt32 {
			break
		}
	}
	return p.wrong(tensor.ErrFormat, begin, -1, fmt.Sprintf("%d fields", n), fmt.Sprint(len(p.columns)))
}
