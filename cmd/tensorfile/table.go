package main

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table lines up cells in columns, two spaces apart. A file may have very many
// tensors: cells are kept as bytes in blocks of rows, so that a row costs no
// allocation and nothing is moved when the table grows.
type table struct {
	cols   []column
	cells  []byte // of the last block; cells are appended here
	blocks []block
	spans  []int // first cells, ascending, that take the rest of their row
	order  []int // in which to print the rows; nil: as they came
	n      int   // cells so far
	col    int   // of the next cell
}

type column struct {
	title string
	right bool
	spare bool // left out where all cells are empty
	gone  bool
	width int
}

// blockRows is the number of rows of a block.
const blockRows = 1024

type block struct {
	cells []byte // set when the block is full
	ends  []cellEnd
}

// cellEnd is where a cell ends in the cells of its block, and its width in
// characters.
type cellEnd struct {
	at, width uint32
}

// newTable makes a table with the given titles; one that begins with ">" is
// for a column that is set flush right, "?" for one that is, too, and is left
// out where all its cells are empty.
func newTable(titles ...string) *table {
	t := &table{}
	for _, s := range titles {
		title := strings.TrimLeft(s, ">?")
		t.cols = append(t.cols, column{title: title, right: title != s, spare: strings.HasPrefix(s, "?")})
	}
	return t
}

// cell adds a cell, row by row.
func (t *table) cell(s string) {
	t.cells = append(t.cells, s...)
	t.add(utf8.RuneCountInString(s))
}

// end ends a cell of plain ASCII that was appended to cells.
func (t *table) end() { t.add(-1) }

// add ends a cell; a negative width is its length.
func (t *table) add(width int) {
	if t.col == 0 && (len(t.blocks) == 0 || len(t.last().ends) == len(t.cols)*blockRows) {
		t.grow()
	}
	last := t.last()
	if width < 0 {
		width = len(t.cells)
		if n := len(last.ends); n > 0 {
			width -= int(last.ends[n-1].at)
		}
	}
	c := &t.cols[t.col]
	c.width = max(c.width, width)
	last.ends = append(last.ends, cellEnd{uint32(len(t.cells)), uint32(width)})
	t.n++
	if t.col++; t.col == len(t.cols) {
		t.col = 0
	}
}

func (t *table) last() *block { return &t.blocks[len(t.blocks)-1] }

// grow begins a block with the cell that was just appended.
func (t *table) grow() {
	rows := 16
	if len(t.blocks) > 0 {
		last := t.last()
		end := last.ends[len(last.ends)-1].at
		var rest []byte
		last.cells, rest, rows = t.cells[:end], t.cells[end:], blockRows
		t.cells = append(make([]byte, 0, int(end)+int(end)/4), rest...)
	}
	t.blocks = append(t.blocks, block{ends: make([]cellEnd, 0, rows*len(t.cols))})
}

// span adds a cell that takes the rest of its row.
func (t *table) span(s string) {
	c := &t.cols[t.col]
	width := c.width
	t.spans = append(t.spans, t.n)
	t.cell(s)
	c.width = width
	for t.col > 0 {
		t.end()
	}
}

func (t *table) rows() int { return t.n / len(t.cols) }

// write prints the table, with its titles if they are wanted.
func (t *table) write(w *output, titles, color bool) {
	for i := range t.cols {
		t.cols[i].gone = t.cols[i].spare && t.cols[i].width == 0
	}
	if titles {
		for i := range t.cols {
			t.cols[i].width = max(t.cols[i].width, len(t.cols[i].title))
		}
		var b []byte
		if color {
			b = append(b, "\x1b[1m"...)
		}
		for i, c := range t.cols {
			b = t.pad(b, i, []byte(c.title), len(c.title))
		}
		if color {
			b = append(b, "\x1b[0m"...)
		}
		w.Write(append(b, '\n'))
	}
	for row := range t.rows() {
		if t.order != nil {
			row = t.order[row]
		}
		w.Write(append(t.row(w.AvailableBuffer(), row), '\n'))
	}
}

// row appends a row.
func (t *table) row(b []byte, row int) []byte {
	from := &t.blocks[row/blockRows]
	cells := from.cells
	if cells == nil {
		cells = t.cells
	}
	first := row % blockRows * len(t.cols)
	begin := uint32(0)
	if first > 0 {
		begin = from.ends[first-1].at
	}
	span := -1
	if len(t.spans) > 0 {
		at := row * len(t.cols)
		if i, _ := slices.BinarySearch(t.spans, at); i < len(t.spans) && t.spans[i] < at+len(t.cols) {
			span = t.spans[i] - at
		}
	}
	for i := range t.cols {
		end := from.ends[first+i]
		cell := cells[begin:end.at]
		if i == span {
			return append(b, cell...)
		}
		b = t.pad(b, i, cell, int(end.width))
		begin = end.at
	}
	return bytes.TrimRight(b, " ")
}

// pad appends a cell of n characters; the last one of a row has nothing behind
// it.
func (t *table) pad(b []byte, col int, cell []byte, n int) []byte {
	c := &t.cols[col]
	if c.gone {
		return b
	}
	gap := c.width - n
	if c.right {
		b = spaces(b, gap)
		gap = 0
	}
	b = append(b, cell...)
	if col < len(t.cols)-1 {
		b = spaces(b, gap+2)
	}
	return b
}

const blanks = "                                "

func spaces(b []byte, n int) []byte {
	for n > len(blanks) {
		b = append(b, blanks...)
		n -= len(blanks)
	}
	return append(b, blanks[:n]...)
}
