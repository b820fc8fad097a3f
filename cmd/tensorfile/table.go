package main

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/internal/term"
)

// A table lines up cells in columns, two spaces apart. A file may have very many
// tensors: cells are kept as bytes in blocks of rows, so that a row costs no
// allocation and nothing is moved when the table grows. A table that streams
// prints each block when it is full; then columns grow wider from block to block.
type table struct {
	cols   []column
	cells  []byte // of the last block; cells are appended here
	blocks []block
	spans  []int // first cells, ascending, that take the rest of their row
	order  []int // in which to print the rows; nil: as they came
	wide   int   // columns of the widest of spans that say little
	n      int   // cells so far
	col    int   // of the next cell

	sink *sink // nil: nothing is printed before write
}

// sink is where a table that streams goes.
type sink struct {
	w             *output
	titles, color bool
	begun         bool
}

type column struct {
	title string
	right bool
	spare bool // left out where all cells are empty
	minor bool // left out where a terminal has too few columns for it
	cut   byte // how it is shortened where a terminal has too few columns; 0: not
	gone  bool
	width int
	room  int // that it gets
}

// blockRows is the number of rows of a block.
const blockRows = 1024

type block struct {
	cells []byte // set when the block is full
	ends  []cellEnd
}

// cellEnd is where a cell ends in the cells of its block, and how many columns of
// a terminal it takes.
type cellEnd struct {
	at, width uint32
}

// newTable makes a table with the given titles; one that begins with ">" is
// for a column that is set flush right, "?" for one that is left out where all its
// cells are empty. On terminals with too few columns "~" is shortened in the middle,
// as names are, "<" at the end, and "-" is left out.
func newTable(titles ...string) *table {
	t := &table{}
	for _, s := range titles {
		c := column{title: strings.TrimLeft(s, ">?~<-")}
		for _, mark := range []byte(strings.TrimSuffix(s, c.title)) {
			switch mark {
			case '>':
				c.right = true
			case '?':
				c.spare = true
			case '-':
				c.minor = true
			default:
				c.cut = mark
			}
		}
		t.cols = append(t.cols, c)
	}
	return t
}

// stream prints the table to w from now on, block by block; flush prints the
// rest.
func (t *table) stream(w *output, titles, color bool) {
	t.sink = &sink{w: w, titles: titles, color: color}
}

// cell adds a cell, row by row.
func (t *table) cell(s string) {
	t.cells = append(t.cells, s...)
	t.add(term.Width(s))
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
		if t.sink != nil {
			first := slices.Clone(rest)
			t.flush()
			t.cells = append(t.cells, first...)
		} else {
			t.cells = append(make([]byte, 0, int(end)+int(end)/4), rest...)
		}
	}
	t.blocks = append(t.blocks, block{ends: make([]cellEnd, 0, rows*len(t.cols))})
}

// longSpan is the width from which on a span is a sentence, that a terminal may wrap.
const longSpan = 40

// span adds a cell, behind the first one, that takes the rest of its row.
func (t *table) span(s string) {
	c := &t.cols[t.col]
	width := c.width
	t.cell(s)
	if n := int(t.last().ends[len(t.last().ends)-1].width); n < longSpan {
		t.wide = max(t.wide, n)
	}
	t.spans = append(t.spans, t.n-1)
	c.width = width
	for t.col > 0 {
		t.end()
	}
}

func (t *table) rows() int { return t.n / len(t.cols) }

// flush prints the rows that there are to the sink and forgets them. The titles
// come first, and again where a column turns up that was empty until then, or goes.
func (t *table) flush() {
	s := t.sink
	if t.rows() == 0 {
		return
	}
	were := make([]bool, len(t.cols))
	for i := range t.cols {
		c := &t.cols[i]
		were[i], c.gone = c.gone, c.spare && c.width == 0
	}
	groups := t.fit(s.w.columns())
	titles := s.titles && (!s.begun || len(groups) > 1) // groups are tables of their own
	for i := range t.cols {
		titles = titles || s.titles && t.cols[i].gone != were[i]
	}
	s.begun = true
	t.print(s.w, titles, s.color)
	t.blocks, t.cells, t.spans, t.wide, t.n = t.blocks[:0], t.cells[:0], t.spans[:0], 0, 0
}

// write prints the table, with its titles if they are wanted.
func (t *table) write(w *output, titles, color bool) {
	for i := range t.cols {
		t.cols[i].gone = t.cols[i].spare && t.cols[i].width == 0
	}
	t.print(w, titles, color)
}

func (t *table) print(w *output, titles, color bool) {
	if titles {
		for i := range t.cols {
			if c := &t.cols[i]; !c.gone {
				c.width = max(c.width, len(c.title))
			}
		}
	}
	for i, group := range t.fit(w.columns()) {
		if i > 0 {
			w.WriteByte('\n')
		}
		t.printGroup(w, group, titles, color)
	}
}

// printGroup prints some columns of all rows.
func (t *table) printGroup(w *output, group []int, titles, color bool) {
	if titles {
		var b []byte
		if color {
			b = append(b, "\x1b[1m"...)
		}
		for i, col := range group {
			title := t.cols[col].title
			b = t.pad(b, col, []byte(title), len(title), i == len(group)-1)
		}
		b = bytes.TrimRight(b, " ")
		if color {
			b = append(b, "\x1b[0m"...)
		}
		w.Write(append(b, '\n'))
	}
	for row := range t.rows() {
		if t.order != nil {
			row = t.order[row]
		}
		w.Write(append(t.row(w.AvailableBuffer(), row, group), '\n'))
	}
}

// leastCut is how few columns are left of one that is shortened in the middle,
// leastHead at the end.
const leastCut, leastHead = 16, 8

// fit gives each column its room: what its widest cell takes, unless a terminal has
// fewer columns than all need. Then those that may be cut give way, the last one
// first; if that is not enough, minor ones go, the last one first; and if that is
// not, they come in groups, one table below the other, each with the first column.
func (t *table) fit(most int) [][]int {
	groups := t.groups(most)
	var gone []*column
	for i := len(t.cols) - 1; i >= 0 && len(groups) > 1; i-- {
		if c := &t.cols[i]; c.minor && !c.gone {
			c.gone = true
			gone, groups = append(gone, c), t.groups(most)
		}
	}
	if len(gone) > 0 && len(groups) > 1 { // to no avail
		for _, c := range gone {
			c.gone = false
		}
		groups = t.groups(most)
	}
	return groups
}

// groups is fit of the columns that are there.
func (t *table) groups(most int) (groups [][]int) {
	total := -2
	var all []int
	for i := range t.cols {
		if c := &t.cols[i]; !c.gone {
			c.room = c.width
			total += c.room + 2
			all = append(all, i)
		}
	}
	if most <= 0 {
		return [][]int{all}
	}
	if t.wide > 0 {
		total = max(total, t.cols[0].room+2+t.wide)
	}
	for i := len(t.cols) - 1; i >= 0 && total > most; i-- {
		c := &t.cols[i]
		if c.cut == 0 || c.gone {
			continue
		}
		least := leastCut
		if c.cut == '<' {
			least = leastHead
		}
		less := min(total-most, max(c.room-max(least, len(c.title)), 0))
		c.room, total = c.room-less, total-less
	}
	if total <= most {
		return [][]int{all}
	}
	group, used := all[:1:1], t.cols[all[0]].room
	for _, i := range all[1:] {
		n := t.cols[i].room + 2
		if used+n > most && len(group) > 1 {
			groups = append(groups, group)
			group, used = all[:1:1], t.cols[all[0]].room
		}
		group, used = append(group, i), used+n
	}
	return append(groups, group)
}

// row appends some columns of a row.
func (t *table) row(b []byte, row int, group []int) []byte {
	from := &t.blocks[row/blockRows]
	cells := from.cells
	if cells == nil {
		cells = t.cells
	}
	first := row % blockRows * len(t.cols)
	span := -1
	if len(t.spans) > 0 {
		at := row * len(t.cols)
		if i, _ := slices.BinarySearch(t.spans, at); i < len(t.spans) && t.spans[i] < at+len(t.cols) {
			span = t.spans[i] - at
		}
	}
	for i, col := range group {
		begin := uint32(0)
		if first+col > 0 {
			begin = from.ends[first+col-1].at
		}
		end := from.ends[first+col]
		cell := cells[begin:end.at]
		if col == span {
			return append(b, cell...)
		}
		b = t.pad(b, col, cell, int(end.width), i == len(group)-1)
	}
	return bytes.TrimRight(b, " ")
}

// pad appends a cell that takes n columns; the last one of a row has nothing
// behind it.
func (t *table) pad(b []byte, col int, cell []byte, n int, last bool) []byte {
	c := &t.cols[col]
	if c.cut != 0 && n > c.room {
		short := term.Middle(string(cell), c.room)
		if c.cut == '<' {
			short = term.Head(string(cell), c.room)
		}
		cell, n = []byte(short), term.Width(short)
	}
	gap := c.room - n
	if c.right {
		b = spaces(b, gap)
		gap = 0
	}
	b = append(b, cell...)
	if !last {
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
	return append(b, blanks[:max(n, 0)]...)
}
