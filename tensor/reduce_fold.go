package tensor

import "github.com/tensorfile/tensorfile/internal/cast"

// fold is one reduction: the elements of src over shape go to those of dst,
// whose strides are steps, with 0 along the axes that vanish.
type fold struct {
	dst, src View
	shape    Shape
	steps    Strides
	count    int64 // elements that become one
}

// loops are the inner loops of a reduction of elements that come as S in
// accumulators A.
type loops[S, A cast.Plain] struct {
	start A
	row   func(acc []A, x []S) // acc[i] with x[i]
	run   func(x []S) A        // all of x, which is not empty
	join  func(acc, more []A)  // acc[i] with more[i]
	end   func(acc []A)        // before accumulators become results; may be nil
	carry bool                 // A is float64, whose rounding errors matter
	long  int                  // from so many elements on, row is faster than run; 0: never
}

const (
	foldBlock = 4096 // accumulators at a time
	foldPiece = 1024 // elements of a run at a time
	foldRows  = 64   // rows that are added before the errors are carried
)

// folder carries out a fold. The elements come through a castBuffer where they
// are not S as they lie, the accumulators go through one to dst.
type folder[S, A cast.Plain] struct {
	loops[S, A]
	raw     bool // elements are S
	in, out *castBuffer
	acc     []A
	part    []A // one, of a run
	width   int // accumulators in use
	errors  *carried
	rows    int // added since the errors were carried
}

// fold reduces; elements are cast to work, and results from made.
func (l loops[S, A]) fold(t *fold, work, made elem) {
	f := folder[S, A]{loops: l, in: castBuffers.Get().(*castBuffer), out: castBuffers.Get().(*castBuffer)}
	defer f.in.free()
	defer f.out.free()
	f.raw = t.src.elem == work
	f.in.prepare(work, t.src.elem)
	f.in.src.of(t.src, t.src.elem)
	f.in.dst.size = cast.Size[S]()
	f.acc, f.part = make([]A, min(foldBlock, t.most())), make([]A, 1)
	if l.carry {
		f.errors = &carried{make([]float64, len(f.acc)), make([]float64, len(f.acc))}
	}
	f.out.prepare(t.dst.elem, made)
	f.out.dst.of(t.dst, t.dst.elem)
	from := &f.out.src
	from.data, from.size, from.align, from.packed, from.swap = cast.Bytes(f.acc), cast.Size[A](), cast.Align[A](), 0, 0
	f.in.stream, f.out.stream = false, false
	f.walk(t)
	f.out.flush()
}

// most is the largest number of accumulators that can be of use.
func (t *fold) most() int64 {
	n := int64(1)
	for _, e := range t.shape {
		if n *= e; n > foldBlock {
			return foldBlock
		}
	}
	return max(n, 1)
}

// walk chooses which axes the inner loops run along. Axes are in the order of
// the strides of src, the nearest elements innermost.
//
//   - Along an axis that stays, elements meet accumulators side by side.
//   - Along one that vanishes, they become one accumulator.
//   - Along one that vanishes around a short one that stays, as channels often
//     are, the two are one long run that meets a row of accumulators again and
//     again, which are joined in the end.
func (f *folder[S, A]) walk(t *fold) {
	var w nest
	if !w.set(t.shape, t.src.strides, t.steps) {
		f.fill(t)
		return
	}
	w.sort()
	w.merge()
	inner := w.rank - 1
	stay, gone, period := -1, -1, int64(0)
	switch along := w.along(); {
	case w.b[along] != 0:
		stay = along
		if along == inner && inner > 0 && w.n[inner] < minRun && w.b[inner-1] == 0 && w.a[inner-1] == w.n[inner]*w.a[inner] {
			gone, period = inner-1, w.n[inner]
		}
	default:
		gone = along
		if inner == along+1 && w.a[along] == w.n[inner]*w.a[inner] && w.b[inner] != 0 {
			stay, period = inner, w.n[inner]
			break
		}
		if f.long > 0 && w.n[gone] >= int64(f.long) {
			period = 1
		}
		for i := w.rank - 1; i >= 0 && stay < 0; i-- {
			if w.b[i] != 0 {
				stay = i
			}
		}
	}
	also := -1 // stays beside a short axis that does
	for i := w.rank - 1; gone < 0 && i >= 0 && also < 0; i-- {
		if w.b[i] != 0 && i != stay {
			also = i
		}
	}
	var keep, rest nest
	for i := range w.rank {
		switch {
		case i == stay || i == gone || i == also:
		case w.b[i] != 0:
			keep.push(w.axis(i))
		default:
			rest.push(w.axis(i))
		}
	}
	k, k2, r := w.axis(stay), w.axis(also), w.axis(gone)
	keep.offA, keep.offB = w.offA+t.src.offset, w.offB+t.dst.offset
	var outer odometer
	for {
		switch {
		case period > 1:
			f.periods(&rest, keep.offA, keep.offB, k, axis{n: r.n * k.n, a: k.a})
		case period == 1:
			for i := range k.n {
				f.periods(&rest, keep.offA+i*k.a, keep.offB+i*k.b, axis{n: 1}, r)
			}
		default:
			all := int64(len(f.acc))
			rows := max(all/k.n, 1)
			for j := int64(0); j < k2.n; j += rows {
				for i := int64(0); i < k.n; i += all {
					m, m2 := min(all, k.n-i), min(rows, k2.n-j)
					f.block(&rest, keep.offA+i*k.a+j*k2.a, keep.offB+i*k.b+j*k2.b, axis{m, k.a, k.b}, axis{m2, k2.a, k2.b}, r, gone >= 0)
				}
			}
		}
		if !outer.next(&keep, keep.rank) {
			return
		}
	}
}

// along is the axis for the inner loops: the innermost, or the one outside it
// if that is short.
func (w *nest) along() int {
	inner := w.rank - 1
	if inner > 0 && w.n[inner] < minRun && w.n[inner-1] > w.n[inner] {
		return inner - 1
	}
	return inner
}

// fill writes what no elements make.
func (f *folder[S, A]) fill(t *fold) {
	var w nest
	for i, e := range t.shape {
		if t.steps[i] != 0 {
			w.push(axis{n: e, a: t.steps[i]})
		}
	}
	w.offA = t.dst.offset
	var o odometer
	for {
		f.begin(1)
		f.store(w.offA, axis{n: 1}, axis{n: 1})
		if !o.next(&w, w.rank) {
			return
		}
	}
}

// begin makes n accumulators fresh.
func (f *folder[S, A]) begin(n int64) {
	f.width, f.rows = int(n), 0
	for i := range f.acc[:n] {
		f.acc[i] = f.start
	}
	if f.errors != nil {
		f.errors.begin(f.width)
	}
}

// settle adds what was carried to the accumulators.
func (f *folder[S, A]) settle() {
	if f.errors != nil {
		f.carry()
		f.errors.total(f.floats())
		f.errors.begin(f.width)
	}
}

func (f *folder[S, A]) carry() {
	f.errors.carry(f.floats())
	f.rows = 0
}

// floats is the accumulators in use, which are of float64.
func (f *folder[S, A]) floats() []float64 {
	acc, _ := any(f.acc[:f.width]).([]float64)
	return acc
}

// store makes the accumulators in use, of k2 and k, results and writes them.
func (f *folder[S, A]) store(off int64, k, k2 axis) {
	f.settle()
	if f.end != nil {
		f.end(f.acc[:f.width])
	}
	size := int64(f.out.src.size)
	if k2.b == k.n*k.b {
		k, k2 = axis{n: k.n * k2.n, b: k.b}, axis{n: 1}
	}
	for j := range k2.n {
		f.out.convert(off+j*k2.b, j*k.n*size, k.n, k.b, size)
	}
}

// block reduces the elements that meet the accumulators of k2 and k, over the
// axes of rest and r.
func (f *folder[S, A]) block(rest *nest, offA, offB int64, k, k2, r axis, runs bool) {
	f.begin(k2.n * k.n)
	rest.offA = offA
	var o odometer
	for {
		if runs {
			for i := range k.n {
				f.addRun(int(i), rest.offA+i*k.a, r)
			}
		} else {
			for j := range k2.n {
				f.addRow(int(j*k.n), int(k.n), rest.offA+j*k2.a, k.a)
			}
			f.count()
		}
		if !o.next(rest, rest.rank) {
			break
		}
	}
	f.store(offB, k, k2)
}

// periods reduces evenly spaced elements x to the k.n accumulators that they
// meet in turn.
func (f *folder[S, A]) periods(rest *nest, offA, offB int64, k, x axis) {
	width := min(int64(len(f.acc))/k.n*k.n, x.n)
	f.begin(width)
	rest.offA = offA
	var o odometer
	for {
		for i := int64(0); i < x.n; i += width {
			f.addRow(0, int(min(width, x.n-i)), rest.offA+i*x.a, x.a)
			f.count()
		}
		if !o.next(rest, rest.rank) {
			break
		}
	}
	f.settle()
	for n := width / k.n; n > 1; n = (n + 1) / 2 {
		low, high := (n+1)/2*k.n, n*k.n
		f.join(f.acc[:high-low], f.acc[low:high])
	}
	f.width = int(k.n)
	f.store(offB, k, axis{n: 1})
}

// addRow meets n accumulators from at on with as many elements.
func (f *folder[S, A]) addRow(at, n int, off, step int64) {
	acc := f.acc[at : at+n]
	if x, ok := f.direct(off, int64(n), step); ok {
		f.row(acc, x)
		return
	}
	for i := 0; i < n; i += castBlock {
		x := f.load(off+int64(i)*step, min(castBlock, n-i), step)
		f.row(acc[i:i+len(x)], x)
	}
}

// count counts rows, and carries the errors of many.
func (f *folder[S, A]) count() {
	if f.rows++; f.errors != nil && f.rows == foldRows {
		f.carry()
	}
}

// addRun adds the elements of r to accumulator i.
func (f *folder[S, A]) addRun(i int, off int64, r axis) {
	all, direct := f.direct(off, r.n, r.a)
	for at := int64(0); at < r.n; {
		var x []S
		if direct {
			x = all[at:min(at+foldPiece, r.n)]
		} else {
			x = f.load(off+at*r.a, int(min(castBlock, r.n-at)), r.a)
		}
		at += int64(len(x))
		f.part[0] = f.run(x)
		f.join(f.acc[i:i+1], f.part)
		if f.errors != nil {
			f.errors.at(i).carry(f.floats()[i : i+1])
		}
	}
}

// direct returns elements where they lie, if they are S there.
func (f *folder[S, A]) direct(off, n, step int64) ([]S, bool) {
	if !f.raw {
		return nil, false
	}
	p, ok := f.in.src.direct(off, n, step)
	if !ok {
		return nil, false
	}
	return cast.Slice[S](p)
}

// load brings at most castBlock elements together as S.
func (f *folder[S, A]) load(off int64, n int, step int64) []S {
	p, ok := f.in.src.direct(off, int64(n), step)
	if !ok {
		p = f.in.src.at(0, n)
		f.in.src.load(p, off, int64(n), step)
	}
	if !f.raw {
		from := p
		p = f.in.dst.at(0, n)
		f.in.block(p, from, n)
	}
	x, _ := cast.Slice[S](p)
	return x
}

// carried holds sums of float64 with what rounding took from them: hi+lo is the
// sum, to about twice the precision.
type carried struct{ hi, lo []float64 }

func (c *carried) begin(n int) {
	clear(c.hi[:n])
	clear(c.lo[:n])
}

// at is c from accumulator i on.
func (c *carried) at(i int) *carried { return &carried{c.hi[i:], c.lo[i:]} }

// carry takes the accumulators over and leaves zeros.
func (c *carried) carry(acc []float64) {
	hi, lo := c.hi[:len(acc)], c.lo[:len(acc)]
	for i, x := range acc {
		sum := hi[i] + x
		b := sum - hi[i]
		lo[i] += (hi[i] - (sum - b)) + (x - b)
		hi[i] = sum
		acc[i] = 0
	}
}

// total sets acc to the sums. Infinities and NaN have no rounding errors.
func (c *carried) total(acc []float64) {
	for i := range acc {
		acc[i] = c.hi[i]
		if sum := c.hi[i] + c.lo[i]; sum == sum {
			acc[i] = sum
		}
	}
}
