package column

import (
	"math"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/decimal"
)

// Piece is values of a column that lie one behind the other.
type Piece struct {
	Kind Kind
	Len  int // how many
	// Words of Bool, whole numbers and Float: 0 or 1, two's complement, bits.
	Words []uint64
	// Bytes of Text and Blob: value i ends at Ends[i], where the next begins.
	Bytes []byte
	Ends  []uint32
	// Valid is 1 for a value and 0 for one that is missing, which is 0 or empty
	// here. nil: none is missing; of None, all are.
	Valid []byte
}

// maxBytes is what Bytes may hold.
const maxBytes = math.MaxUint32

// size is about how much memory it takes.
func (p *Piece) size() int64 {
	return int64(8*len(p.Words) + len(p.Bytes) + 4*len(p.Ends) + len(p.Valid))
}

func (p *Piece) missing(i int) bool {
	return p.Kind == None || p.Valid != nil && p.Valid[i] == 0
}

// Value is value i of Text and Blob.
func (p *Piece) Value(i int) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = p.Ends[i-1]
	}
	return p.Bytes[begin:p.Ends[i]]
}

// appendText appends value i of any kind as text.
func (p *Piece) appendText(b []byte, i int) []byte {
	switch {
	case p.missing(i):
		return b
	case p.Kind == Bool:
		return strconv.AppendBool(b, p.Words[i] != 0)
	case p.Kind == Nat, p.Kind == Int:
		return strconv.AppendInt(b, int64(p.Words[i]), 10)
	case p.Kind == Uint:
		return strconv.AppendUint(b, p.Words[i], 10)
	case p.Kind == Float:
		return decimal.AppendFloat(b, math.Float64frombits(p.Words[i]), 64)
	}
	return append(b, p.Value(i)...)
}

// number is value i, which is no text, as an f64.
func (p *Piece) number(i int) float64 {
	switch p.Kind {
	case Float:
		return math.Float64frombits(p.Words[i])
	case Uint:
		return float64(p.Words[i])
	}
	return float64(int64(p.Words[i])) // Bool, Nat, Int
}

// Convert makes p a piece of the kind k, which holds its values. Memory of the
// words is used again. What is missing stays so, and is NaN in Float.
func (p *Piece) Convert(k Kind) {
	was := *p
	if was.Kind == k {
		return
	}
	p.Kind = k
	if was.Kind == None && p.Valid == nil && p.Len > 0 {
		p.Valid = make([]byte, p.Len)
	}
	switch {
	case k >= Text:
		if was.Kind >= Text {
			return
		}
		p.Words, p.Bytes, p.Ends = nil, nil, make([]uint32, p.Len)
		for i := range p.Len {
			p.Bytes = was.appendText(p.Bytes, i)
			p.Ends[i] = uint32(len(p.Bytes))
		}
	case was.Kind == None:
		p.Words = make([]uint64, p.Len)
		if k == Float {
			for i := range p.Words {
				p.Words[i] = missingFloat
			}
		}
	case k == Float:
		for i := range p.Words {
			if p.missing(i) {
				p.Words[i] = missingFloat
			} else {
				p.Words[i] = math.Float64bits(was.number(i))
			}
		}
	}
}

// missingFloat is what stands for a value that is missing: the NaN of NumPy.
const missingFloat = 0x7ff8000000000000

// Builder makes pieces value by value. Kinds grow with the values: a column
// that had whole numbers and gets another is converted.
type Builder struct {
	pieces []Piece
	size   int
}

// Size is about how many bytes of memory the pieces take.
func (b *Builder) Size() int { return b.size }

// Take returns the pieces, one for each column up to the last that got a value,
// all with n values, and begins anew. What is not there of a column is missing.
func (b *Builder) Take(n int) []Piece {
	pieces := b.pieces
	for c := range pieces {
		b.pad(c, n)
	}
	b.pieces, b.size = make([]Piece, len(pieces)), 0
	return pieces
}

// Truncate leaves the first n values of column c.
func (b *Builder) Truncate(c, n int) {
	if b.Len(c) <= n {
		return
	}
	p := &b.pieces[c]
	p.Len = n
	switch {
	case p.Kind >= Text:
		p.Ends = p.Ends[:n]
		if n > 0 {
			p.Bytes = p.Bytes[:p.Ends[n-1]]
		} else {
			p.Bytes = p.Bytes[:0]
		}
	case p.Kind != None:
		p.Words = p.Words[:n]
	}
	if p.Valid != nil {
		p.Valid = p.Valid[:n]
	}
}

// Len is how many values column c has so far.
func (b *Builder) Len(c int) int {
	if c >= len(b.pieces) {
		return 0
	}
	return b.pieces[c].Len
}

// pad makes values up to the n-th missing.
func (b *Builder) pad(c, n int) { b.Nulls(c, n-b.Len(c)) }

// piece is column c as one that can take a value of the kind k.
func (b *Builder) piece(c int, k Kind) *Piece {
	for c >= len(b.pieces) {
		b.pieces = append(b.pieces, Piece{})
	}
	p := &b.pieces[c]
	if p.Kind != k {
		p.Convert(Join(p.Kind, k))
	}
	return p
}

func (b *Builder) word(c int, k Kind, w uint64) {
	p := b.piece(c, k)
	if p.Kind != k {
		one := Piece{Kind: k, Len: 1, Words: []uint64{w}}
		if p.Kind >= Text {
			b.bytes(p, one.appendText(nil, 0))
			return
		}
		one.Convert(p.Kind)
		w = one.Words[0]
	}
	p.Words = append(p.Words, w)
	b.size += 8
	p.end(1)
}

// end ends a value, valid or not.
func (p *Piece) end(valid byte) {
	p.Len++
	if p.Valid != nil {
		p.Valid = append(p.Valid, valid)
	}
}

func (b *Builder) bytes(p *Piece, text []byte) {
	p.Bytes = append(p.Bytes, text...)
	p.Ends = append(p.Ends, uint32(len(p.Bytes)))
	b.size += len(text) + 4
	p.end(1)
}

// Bool appends a value to column c, as the others do.
func (b *Builder) Bool(c int, x bool) {
	w := uint64(0)
	if x {
		w = 1
	}
	b.word(c, Bool, w)
}

// Int appends a whole number.
func (b *Builder) Int(c int, x int64) {
	k := Nat
	if x < 0 {
		k = Int
	}
	b.word(c, k, uint64(x))
}

// Uint appends a whole number.
func (b *Builder) Uint(c int, x uint64) {
	k := Nat
	if x > math.MaxInt64 {
		k = Uint
	}
	b.word(c, k, x)
}

// Float appends a number. Every NaN is that of NumPy.
func (b *Builder) Float(c int, x float64) {
	w := math.Float64bits(x)
	if x != x {
		w = missingFloat
	}
	b.word(c, Float, w)
}

// Text appends a text, which is copied. The caller takes the pieces before the
// texts of one hold 4 GiB.
func (b *Builder) Text(c int, text []byte) { b.bytes(b.piece(c, Text), text) }

// Blob appends bytes, which are copied. The caller takes the pieces before those
// of one hold 4 GiB.
func (b *Builder) Blob(c int, text []byte) { b.bytes(b.piece(c, Blob), text) }

// Null appends a value that is missing.
func (b *Builder) Null(c int) { b.Nulls(c, 1) }

// Nulls appends n values that are missing.
func (b *Builder) Nulls(c, n int) {
	if n <= 0 {
		return
	}
	p := b.piece(c, None)
	if p.Kind != None {
		if p.Valid == nil {
			p.Valid = make([]byte, p.Len, p.Len+n+8)
			for i := range p.Valid {
				p.Valid[i] = 1
			}
		}
		p.Valid = append(p.Valid, make([]byte, n)...)
		word := uint64(0)
		if p.Kind == Float {
			word = missingFloat
		}
		if p.Kind >= Text {
			p.Ends = slices.Grow(p.Ends, n)
			for range n {
				p.Ends = append(p.Ends, uint32(len(p.Bytes)))
			}
		} else {
			p.Words = slices.Grow(p.Words, n)
			for range n {
				p.Words = append(p.Words, word)
			}
		}
	}
	p.Len += n
	b.size += 9 * n
}
