package reduce

import (
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// A Grid is the mean of the elements of a matrix in each pixel. As of any sum of
// floats, the mean is NaN where one element is, or both infinities are, and
// infinite where one element is. It belongs to one goroutine.
type Grid struct {
	Specials
	frame
	sum    []float64
	large  []float64 // of elements above bound, times scale; nil if there are none
	marks  []uint8
	values values
}

// frame is a matrix with pixels over it, of which some are kept.
type frame struct {
	rows, columns cut
	top, left     int // the first pixel that is kept
	height, width int // how many are
}

func newFrame(rows, columns int64, height, width int) frame {
	f := frame{rows: newCut(rows, height), columns: newCut(columns, width)}
	f.height, f.width = f.rows.pixels, f.columns.pixels
	return f
}

// window is the part of a frame that elements [r0, r1) x [c0, c1) fall into.
func (f frame) window(r0, r1, c0, c1 int64) frame {
	if r0 >= r1 || c0 >= c1 {
		f.top, f.left, f.height, f.width = 0, 0, 0, 0
		return f
	}
	f.top, f.left = f.rows.of(r0), f.columns.of(c0)
	f.height, f.width = f.rows.of(r1-1)+1-f.top, f.columns.of(c1-1)+1-f.left
	return f
}

// Size is how many pixels there are, of the whole matrix.
func (f *frame) Size() (height, width int) { return f.rows.pixels, f.columns.pixels }

// Covers is how many elements a pixel lies over.
func (f *frame) Covers(y, x int) int64 {
	return (f.rows.start(y+1) - f.rows.start(y)) * (f.columns.start(x+1) - f.columns.start(x))
}

// Exact reports whether every element has a pixel of its own.
func (f *frame) Exact() bool {
	return int64(f.rows.pixels) == f.rows.n && int64(f.columns.pixels) == f.columns.n
}

// at is the index of a pixel that is kept.
func (f *frame) at(y, x int) int { return (y-f.top)*f.width + x - f.left }

// NewGrid returns a Grid of a matrix of rows x columns in at most height x width
// pixels.
func NewGrid(rows, columns int64, height, width int) *Grid {
	return newGrid(newFrame(rows, columns, height, width))
}

func newGrid(f frame) *Grid {
	n := f.height * f.width
	return &Grid{frame: f, sum: make([]float64, n), marks: make([]uint8, n)}
}

// Window returns an empty Grid for elements [r0, r1) x [c0, c1) of the matrix,
// in memory for their pixels alone. It is what a goroutine works with that Adds
// no others; Merge brings it into g, or into another Grid like g.
func (g *Grid) Window(r0, r1, c0, c1 int64) *Grid { return newGrid(g.window(r0, r1, c0, c1)) }

// Add takes a block of the matrix, of which the first element is (row, column).
func (g *Grid) Add(row, column int64, v tensor.View) error {
	if err := checkNumeric(v); err != nil {
		return err
	}
	size := tensor.Shape{g.rows.n, g.columns.n}
	if v.Rank() != 2 || row < 0 || column < 0 || v.Shape()[0] > size[0]-row || v.Shape()[1] > size[1]-column {
		return outside(v.Shape(), []int64{row, column}, size)
	}
	if v.NumElements() == 0 {
		return nil
	}
	// Along the axis on which the elements lie denser.
	w := walk{grid: g, along: g.columns, across: g.rows, line: row, first: column, step: 1, stride: g.width}
	w.base = -g.top*g.width - g.left
	if st := v.Strides(); !v.DType().Packed() && v.Shape()[0] > 1 && absolute(st[0]) < absolute(st[1]) {
		turned, err := v.Transpose()
		if err != nil {
			return err
		}
		v = turned
		w.along, w.across, w.line, w.first, w.step, w.stride = g.rows, g.columns, column, row, g.width, 1
	}
	switch v.DType() {
	case tensor.F32:
		if s, err := tensor.As[float32](v); err == nil {
			if done := runs(&w, s); done {
				return nil
			}
		}
	case tensor.F64:
		if s, err := tensor.As[float64](v); err == nil {
			if done := runs(&w, s); done {
				return nil
			}
		}
	}
	return w.cast(v)
}

// A walk goes through a block line by line, along the axis on which it lies
// dense.
type walk struct {
	grid          *Grid
	along, across cut
	line, first   int64 // of the block, across and along
	base          int   // of pixel (0, 0), which may lie before those that are kept
	step, stride  int   // between pixels along and across
}

// runs takes elements where they lie. It does nothing, and says so, where they
// lie with gaps.
func runs[T float](w *walk, s tensor.Strided[T]) (done bool) {
	length := s.Shape()[1]
	i := int64(0)
	for r := range s.Runs() {
		x, ok := r.Slice()
		if !ok {
			return false // each run is like the first
		}
		for len(x) > 0 {
			n := min(length-i%length, int64(len(x)))
			addLine(w, i/length, i%length, x[:n])
			i, x = i+n, x[n:]
		}
	}
	return true
}

// cast takes any elements, a piece at a time.
func (w *walk) cast(v tensor.View) error {
	lines, length := v.Shape()[0], v.Shape()[1]
	n, width := max(piece/length, 1), min(length, piece)
	for i := int64(0); i < lines; i += n {
		some, err := v.Slice(0, i, min(i+n, lines), 1)
		if err != nil {
			return err
		}
		for j := int64(0); j < length; j += width {
			part := some
			if width < length {
				if part, err = some.Slice(1, j, min(j+width, length), 1); err != nil {
					return err
				}
			}
			x, err := w.grid.values.of(part)
			if err != nil {
				return err
			}
			long := int(part.Shape()[1])
			for k := int64(0); len(x) > 0; k++ {
				addLine(w, i+k, j, x[:long])
				x = x[long:]
			}
		}
	}
	return nil
}

// addLine adds elements of a line of the block from one of them on.
func addLine[T float](w *walk, line, from int64, x []T) {
	at := w.first + from
	pixel := w.along.of(at)
	to := w.base + w.across.of(w.line+line)*w.stride + pixel*w.step
	if w.along.pixels == int(w.along.n) { // no two of one pixel
		for _, v := range x {
			w.grid.one(to, float64(v))
			to += w.step
		}
		return
	}
	for ; len(x) > 0; to += w.step {
		pixel++
		n := min(w.along.start(pixel)-at, int64(len(x)))
		if s := total(x[:n]); s-s == 0 && math.Abs(s) < bound {
			w.grid.sum[to] += s
		} else {
			for _, v := range x[:n] {
				w.grid.one(to, float64(v))
			}
		}
		at, x = at+n, x[n:]
	}
}

// total adds in four lanes, which do not wait for each other.
func total[T float](x []T) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

// Of numbers as large as bound 2^63 can be added; larger ones are added by
// themselves, scaled.
const (
	bound = 0x1p960
	scale = 0x1p-128
)

// one adds an element that may be special.
func (g *Grid) one(to int, x float64) {
	switch {
	case math.Abs(x) < bound:
		g.sum[to] += x
	case x-x == 0:
		if g.large == nil {
			g.large = make([]float64, len(g.sum))
		}
		g.large[to] += x * scale
	default:
		g.marks[to] |= g.see(x)
	}
}

// Merge adds what o has seen, which must be a Window of g or of one like it.
func (g *Grid) Merge(o *Grid) {
	g.Specials.add(o.Specials)
	if o.large != nil && g.large == nil {
		g.large = make([]float64, len(g.sum))
	}
	for y := range o.height {
		to, from := g.at(o.top+y, o.left), y*o.width
		for x := range o.width {
			g.sum[to+x] += o.sum[from+x]
			g.marks[to+x] |= o.marks[from+x]
			if o.large != nil {
				g.large[to+x] += o.large[from+x]
			}
		}
	}
}

// Mean is the mean in a pixel, of a Grid that has taken all elements.
func (g *Grid) Mean(y, x int) float64 {
	i := g.at(y, x)
	switch g.marks[i] {
	case 0:
	case sawPosInf:
		return math.Inf(1)
	case sawNegInf:
		return math.Inf(-1)
	default:
		return math.NaN()
	}
	n := float64(g.Covers(y, x))
	mean := g.sum[i] / n
	if g.large != nil {
		mean += g.large[i] / n / scale
	}
	return mean
}

// Means are all means, row by row.
func (g *Grid) Means() []float64 {
	height, width := g.Size()
	out := make([]float64, 0, height*width)
	for y := range height {
		for x := range width {
			out = append(out, g.Mean(y, x))
		}
	}
	return out
}

func absolute(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
