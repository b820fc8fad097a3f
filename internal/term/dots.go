package term

import "strings"

// Dots are dots that can be seen, two by four in each character: those of Braille
// patterns.
type Dots struct {
	Columns, Rows int // in characters
	cells         []uint8
}

// NewDots makes dots, none of them set.
func NewDots(columns, rows int) *Dots {
	return &Dots{columns, rows, make([]uint8, columns*rows)}
}

// dotBits are the bits of a pattern from U+2800 on, by row and column.
var dotBits = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// Set sets the dot in column x, of 2*Columns, and row y, of 4*Rows from the top.
func (d *Dots) Set(x, y int) {
	d.cells[y/4*d.Columns+x/2] |= dotBits[y%4][x%2]
}

// Line is a row of characters, spaces where no dot is set.
func (d *Dots) Line(row int) string {
	var b strings.Builder
	for _, c := range d.cells[row*d.Columns:][:d.Columns] {
		if c == 0 {
			b.WriteByte(' ')
		} else {
			b.WriteRune(0x2800 + rune(c))
		}
	}
	return strings.TrimRight(b.String(), " ")
}
