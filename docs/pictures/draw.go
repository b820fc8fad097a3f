package main

import (
	"bytes"
	"fmt"
	"html"

	"github.com/tensorfile/tensorfile/tensor"
)

// Sizes, in pixels.
const (
	cell   = 26 // side of a cell
	gap    = 12 // between the blocks of a view of more than two axes
	margin = 16
	room   = 44 // between memory and views, for the lines
	letter = 7  // width of a letter of the fixed font
	line   = 18 // height of a line of text
)

// The style serves pages of light and of dark background.
const style = `<style>
text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}
.b{font-weight:600}.m{fill:#656d76}
rect{stroke:#8c959f;fill:none}
.c1{fill:#ffd8d3}.c2{fill:#ffe9c7}.c3{fill:#d3f0d6}.c4{fill:#cdeff5}.c5{fill:#d6e4ff}.c6{fill:#ecdcff}
path{stroke:#8c959f;fill:none;opacity:.75}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.m{fill:#9198a1}rect,path{stroke:#6e7681}
.c1{fill:#5c2b29}.c2{fill:#574119}.c3{fill:#1f4a2b}.c4{fill:#174a55}.c5{fill:#223f70}.c6{fill:#47306b}}
</style>
`

// drawing collects elements and grows with them.
type drawing struct {
	bytes.Buffer
	wide, high int
}

func (d *drawing) reach(x, y int) { d.wide, d.high = max(d.wide, x), max(d.high, y) }

func (d *drawing) text(x, y int, class, anchor, s string) {
	wide := letter * len(s)
	right := x + wide
	if anchor == "middle" {
		right = x + wide/2
	}
	d.reach(right, y)
	fmt.Fprintf(d, `<text x="%d" y="%d"`, x, y)
	if class != "" {
		fmt.Fprintf(d, ` class="%s"`, class)
	}
	if anchor != "" {
		fmt.Fprintf(d, ` text-anchor="%s"`, anchor)
	}
	fmt.Fprintf(d, ">%s</text>\n", html.EscapeString(s))
}

func (d *drawing) box(x, y, colour int, label string) {
	d.reach(x+cell, y+cell)
	fmt.Fprintf(d, `<rect x="%d" y="%d" width="%d" height="%d"`, x, y, cell, cell)
	if colour > 0 {
		fmt.Fprintf(d, ` class="c%d"`, colour)
	}
	d.WriteString("/>\n")
	if label != "" {
		d.text(x+cell/2, y+cell/2+4, "", "middle", label)
	}
}

// draw is the picture as SVG: the memory as a row, below it the views, each
// with lines from its first row to where that lies.
func (p picture) draw() ([]byte, error) {
	d := &drawing{}
	if p.paint != nil {
		p.paint(d)
		return p.finish(d), nil
	}
	size := int(p.memory.DType().UnitBytes)
	cells := int(p.memory.ByteSize()) / size
	label := func(k int) string {
		if p.label == nil {
			return fmt.Sprint(k)
		}
		return p.label(k)
	}
	d.text(margin, margin+line/2, "m", "", fmt.Sprintf("memory, %s: %s to a cell", p.memory.DType(), bytesText(size)))
	top := margin + line
	for k := range cells {
		d.box(margin+k*cell, top, p.colour(k), label(k))
	}
	x, y := margin, top+cell+room
	for _, q := range p.panels {
		g, err := place(q.view)
		if err != nil {
			return nil, err
		}
		for _, e := range g {
			k := int(e.at) / size
			if k < 0 || k >= cells {
				return nil, fmt.Errorf("%s reaches cell %d of %d", q.code, k, cells)
			}
			if e.first {
				fmt.Fprintf(d, "<path d=\"M%d %dL%d %d\"/>\n", x+e.x+cell/2, y+e.y, margin+k*cell+cell/2, top+cell)
			}
			d.box(x+e.x, y+e.y, p.colour(k), label(k))
		}
		wide, high := extent(g)
		d.text(x, y+high+line, "b", "", q.code)
		notes := []string{"shape " + q.view.Shape().String(), "strides " + q.view.Strides().String()}
		if at := q.view.Offset(); at > 0 {
			notes = append(notes, fmt.Sprintf("offset %d", at))
		}
		wide = max(wide, letter*len(q.code))
		for i, s := range notes {
			d.text(x, y+high+(i+2)*line, "m", "", s)
			wide = max(wide, letter*len(s))
		}
		x += wide + 3*gap
	}
	return p.finish(d), nil
}

// finish puts what is drawn into a document.
func (p picture) finish(d *drawing) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", d.wide+margin, d.high+margin)
	fmt.Fprintf(&out, "<title>%s</title>\n%s", html.EscapeString(p.title), style)
	out.Write(d.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func bytesText(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// An element of a view, where it is drawn and where in memory it lies.
type element struct {
	x, y  int
	at    int64
	first bool // of the first row of the first block
}

// place lays a view out: the last axis across, the one before it down, those
// before in turn, blocks apart.
func place(v tensor.View) ([]element, error) {
	shape, strides := v.Shape(), v.Strides()
	if len(shape) == 0 || len(shape) > 4 {
		return nil, fmt.Errorf("cannot draw rank %d", len(shape))
	}
	// How far an index of each axis moves.
	stepX, stepY := make([]int, len(shape)), make([]int, len(shape))
	wide, high := cell, cell
	for axis := len(shape) - 1; axis >= 0; axis-- {
		across := (len(shape)-1-axis)%2 == 0
		space := 0
		if len(shape)-1-axis >= 2 {
			space = gap
		}
		if across {
			stepX[axis] = wide + space
			if axis == len(shape)-1 {
				stepX[axis] = cell
			}
			wide = stepX[axis]*int(shape[axis]) - space
		} else {
			stepY[axis] = high + space
			if axis == len(shape)-2 {
				stepY[axis] = cell
			}
			high = stepY[axis]*int(shape[axis]) - space
		}
	}
	var list []element
	index := make([]int64, len(shape))
	for {
		e := element{at: v.Offset(), first: true}
		for axis, i := range index {
			e.x += int(i) * stepX[axis]
			e.y += int(i) * stepY[axis]
			e.at += i * strides[axis]
			if axis < len(shape)-1 && i > 0 {
				e.first = false
			}
		}
		list = append(list, e)
		axis := len(index) - 1
		for ; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
		if axis < 0 {
			return list, nil
		}
	}
}

func extent(g []element) (wide, high int) {
	for _, e := range g {
		wide, high = max(wide, e.x+cell), max(high, e.y+cell)
	}
	return wide, high
}
