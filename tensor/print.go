package tensor

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// FormatOptions says how Format prints. The zero value, and nil, stand for
// NumPy's defaults.
type FormatOptions struct {
	// Precision is the largest number of digits after the decimal point of
	// floats that need that many (f16, f32, f64 and complex). 0 means 8; a
	// negative number means none.
	Precision int
	// Threshold is the number of elements up to which all of them are printed.
	// 0 means 1000; a negative number means none.
	Threshold int
	// EdgeItems is the number of items at either end of an axis that a summary
	// shows. 0 means 3; the least is 1.
	EdgeItems int
	// LineWidth is the column at which lines are broken. 0 means 75.
	LineWidth int
	// Full prints every element, and every byte of each, whatever Threshold says.
	Full bool
	// Suppress prints numbers below 0.0001 as they round at Precision instead of
	// turning to scientific notation because of them.
	Suppress bool
}

// String is Format with the default options.
func (v View) String() string { return Format(v, nil) }

// Format returns the text that NumPy's array2string gives for the elements:
// rows in brackets, columns aligned, floats with the fewest digits that tell
// them apart, the middle of large tensors left out as "...". A summary reads
// only the elements that it shows. Without elements the text is "[]".
//
// Integers of 4 bits print as integers; bf16, f8, f6 and f4 print as arrays of
// ml_dtypes do, with six significant digits and not aligned. Text prints as
// Python literals with control characters escaped. Blocks and dtypes that are
// not known print unit by unit in hexadecimal digits, opaque bytes as NumPy's
// void. Of an element above 1024 bytes (a unit above 32) only the first are
// shown, unless Full is set.
//
// Where even the edges are too many (2^20 and up), outer axes show one item.
func Format(v View, o *FormatOptions) string {
	var b strings.Builder
	_ = Fprint(&b, v, o) // a Builder does not fail
	return b.String()
}

// Fprint writes what Format returns to w, without a line feed at the end, in
// memory that does not grow with the tensor. It makes several passes over the
// elements. Errors are those of w.
func Fprint(w io.Writer, v View, o *FormatOptions) error {
	p := newPrinter(w, v, o)
	if v.n == 0 {
		p.out = append(p.out, "[]"...)
		return p.flush()
	}
	p.cells = p.newCells()
	for pass := range p.cells.passes() {
		p.each(0, v.offset, func(off int64) {
			p.elements(off, func(i int) { p.cells.measure(pass, i) })
		})
	}
	p.print(0, v.offset)
	return p.flush()
}

// cells formats the elements of one dtype. Elements are addressed by their
// position in what load last fetched.
type cells interface {
	// load fetches n elements from a place in the view's bytes, step bytes apart.
	load(off, n, step int64)
	// passes is the number of times that measure must see every element.
	passes() int
	measure(pass, i int)
	// format appends element i.
	format(dst []byte, i int) []byte
}

// maxSummary bounds the elements of a summary.
const maxSummary = 1 << 20

// printer lays out a view. Axes count what is printed as one: elements, or the
// units of blocks.
type printer struct {
	w       io.Writer
	err     error
	out     []byte // waiting for w
	v       View
	shape   Shape
	perUnit int64 // elements in an addressable unit of the last axis
	lead    [MaxRank]int64
	trail   [MaxRank]int64 // lead and trail together are all, or there is a gap
	opts    FormatOptions
	cells   cells
	line    []byte
	word    []byte
}

func newPrinter(w io.Writer, v View, o *FormatOptions) *printer {
	p := &printer{w: w, v: v, shape: v.shape, perUnit: 1}
	if o != nil {
		p.opts = *o
	}
	set := func(field *int, def, least int) {
		if *field == 0 {
			*field = def
		}
		*field = max(*field, least)
	}
	set(&p.opts.Precision, 8, 0)
	set(&p.opts.Threshold, 1000, 0)
	set(&p.opts.EdgeItems, 3, 1)
	set(&p.opts.LineWidth, 75, 1)
	n := v.n
	switch {
	case v.dtype.Packed() && castElem(v.dtype) != elemNone:
		p.perUnit = int64(v.dtype.UnitElems)
	case v.dtype.Packed():
		p.shape = unitShape(v.dtype, v.shape)
		n, _ = p.shape.NumElements()
	}
	copy(p.lead[:], p.shape)
	if !p.opts.Full && n > int64(p.opts.Threshold) {
		p.summarise()
	}
	return p
}

// summarise chooses what to show of each axis.
func (p *printer) summarise() {
	edge, total := int64(p.opts.EdgeItems), int64(1)
	for axis, e := range p.shape {
		if e > 2*edge {
			p.lead[axis], p.trail[axis] = edge, edge
		}
		total = min(total*(p.lead[axis]+p.trail[axis]), 1<<31)
	}
	for axis := 0; total >= maxSummary && axis < len(p.shape); axis++ {
		p.lead[axis], p.trail[axis] = 1, 0
		total = 1
		for i := range p.shape {
			total = min(total*(p.lead[i]+p.trail[i]), 1<<31)
		}
	}
}

// index is the i-th place shown of an axis.
func (p *printer) index(axis int, i int64) int64 {
	if i < p.lead[axis] {
		return i
	}
	return p.shape[axis] - p.trail[axis] + i - p.lead[axis]
}

// each calls fn with the offset of each row shown, in C order.
func (p *printer) each(axis int, off int64, fn func(off int64)) {
	if axis >= len(p.shape)-1 {
		fn(off)
		return
	}
	for i := range p.lead[axis] + p.trail[axis] {
		p.each(axis+1, off+p.index(axis, i)*p.v.strides[axis], fn)
	}
}

// elements loads the elements shown of the row at off, a block at a time, and
// calls fn for each.
func (p *printer) elements(off int64, fn func(i int)) {
	last := len(p.shape) - 1
	if last < 0 {
		p.cells.load(off, 1, 0)
		fn(0)
		return
	}
	step := p.v.strides[last]
	part := func(from, to int64) {
		for from < to {
			// A packed element is reached through the start of its unit.
			skip := from % p.perUnit
			n := min(to-from+skip, castBlock)
			p.cells.load(off+from/p.perUnit*step, n, step)
			for i := skip; i < n; i++ {
				fn(int(i))
			}
			from += n - skip
		}
	}
	part(0, p.lead[last])
	part(p.shape[last]-p.trail[last], p.shape[last])
}

// print writes what stands in the brackets of an axis, and these.
func (p *printer) print(axis int, off int64) {
	rank := len(p.shape)
	if rank == 0 {
		p.elements(off, func(i int) { p.out = p.cells.format(p.out, i) })
		return
	}
	p.out = append(p.out, '[')
	if axis == rank-1 {
		p.printRow(off)
	} else {
		gap := p.lead[axis]+p.trail[axis] < p.shape[axis]
		between := func() {
			for range rank - axis - 1 {
				p.out = append(p.out, '\n')
			}
			for range axis + 1 {
				p.out = append(p.out, ' ')
			}
		}
		for i := range p.lead[axis] + p.trail[axis] {
			if i > 0 {
				between()
			}
			if gap && i == p.lead[axis] {
				p.out = append(p.out, "..."...)
				between()
			}
			p.print(axis+1, off+p.index(axis, i)*p.v.strides[axis])
		}
		if gap && p.trail[axis] == 0 {
			between()
			p.out = append(p.out, "..."...)
		}
	}
	p.out = append(p.out, ']')
	if len(p.out) >= 1<<16 {
		_ = p.flush() // the error is kept
	}
}

// printRow writes the elements of a row, on as many lines as they need. Lines
// begin below the first element, behind all brackets.
func (p *printer) printRow(off int64) {
	last := len(p.shape) - 1
	indent := len(p.shape)
	room := p.opts.LineWidth - len(p.shape)
	length := indent // of the line in characters, the indent included
	p.line = p.line[:0]
	first := true
	put := func(word []byte) {
		if !first {
			p.line = append(p.line, ' ')
			length++
		}
		n := utf8.RuneCount(word)
		if length+n > room && length > indent {
			p.out = append(p.out, bytes.TrimRight(p.line, " ")...)
			p.out = append(p.out, '\n')
			p.line = p.line[:0]
			for range indent {
				p.line = append(p.line, ' ')
			}
			length = indent
			if len(p.out) >= 1<<16 {
				_ = p.flush()
			}
		}
		p.line = append(p.line, word...)
		length += n
		first = false
	}
	gap := p.lead[last]+p.trail[last] < p.shape[last]
	shown := int64(0)
	p.elements(off, func(i int) {
		if gap && shown == p.lead[last] {
			put([]byte("..."))
		}
		p.word = p.cells.format(p.word[:0], i)
		put(p.word)
		shown++
	})
	if gap && p.trail[last] == 0 {
		put([]byte("..."))
	}
	p.out = append(p.out, p.line...)
}

// flush hands what is waiting to w.
func (p *printer) flush() error {
	if p.err == nil && len(p.out) > 0 {
		_, p.err = p.w.Write(p.out)
	}
	p.out = p.out[:0]
	return p.err
}
