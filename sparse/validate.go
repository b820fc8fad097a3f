package sparse

import (
	"context"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// maxRepeated is the size of parts that lead to entries up to which they may
// repeat themselves by a stride of 0: nothing else bounds what a few bytes ask
// for.
const maxRepeated = 256 << 20

// validate looks at the content of the parts that lead to entries.
func (a *Array) validate(ctx context.Context, workers int) error {
	for _, p := range a.parts {
		n, size := p.View.NumElements(), p.View.ByteSize()
		if n > maxEntries && p.Role != RoleMask {
			return fail(tensor.ErrLimit, "length of "+p.Role, itoa(n), "at most "+itoa(int64(maxEntries)), "")
		}
		if p.Role != RoleValues && size > maxRepeated && size/32 > int64(len(p.View.Span())) {
			return fail(tensor.ErrLimit, p.Role, itoa(size)+" bytes in "+strconv.Itoa(len(p.View.Span())), "at most "+itoa(int64(maxRepeated))+" where a part repeats itself", "")
		}
	}
	switch a.layout {
	case COO:
		return a.validateCOO(ctx, workers)
	case CSR, CSC, BSR:
		c := a.compressed()
		return c.validate(ctx, 0, c.lines, workers)
	case CSF:
		return a.validateTree(ctx, workers)
	}
	return a.validateMask(ctx)
}

// badPointer and badIndex are the errors of content.
func badPointer(field, got, want string) error {
	return fail(tensor.ErrCorrupt, field, got, want, rulePointer)
}

func badIndex(field, got, want string) error {
	return fail(tensor.ErrCorrupt, field, got, want, ruleIndex)
}

func place(role string, i int) string { return role + "[" + strconv.Itoa(i) + "]" }

// span is the range of indices that an entry may have in a line of a matrix,
// given which triangle is kept.
type span struct {
	n         int64 // the extent
	structure Structure
	after     bool // from the line's own number on, else up to it
}

// of returns the range [lo, hi) in a line.
func (s span) of(line int64) (lo, hi int64) {
	if s.structure == General {
		return 0, s.n
	}
	skew := int64(0)
	if s.structure == SkewSymmetric {
		skew = 1
	}
	if s.after {
		return min(line+skew, s.n), s.n
	}
	return 0, line + 1 - skew
}

// compressed is a level of lines and the indices in them: a compressed matrix,
// or a level of a tree.
type compressed struct {
	ptrRole, idxRole string
	line             string // what an error calls a line
	ptr, idx         ints
	lines            int
	label            *ints // numbers of the lines, if they are not 0, 1, 2 ...
	span             span
	sorted, unique   bool
	noEmpty          bool // every line has an entry
}

// compressed is the level of lines of a CSR, CSC or BSR array.
func (a *Array) compressed() compressed {
	c := compressed{
		ptrRole: RoleIndptr, idxRole: RoleIndices, line: "row",
		ptr: intsOf(a.part(RoleIndptr)), idx: intsOf(a.part(RoleIndices)),
		sorted: a.props.Sorted, unique: a.props.Unique,
	}
	c.lines = c.ptr.n - 1
	c.span = span{n: a.shape[1], structure: a.props.Structure, after: a.props.Upper}
	switch a.layout {
	case CSC:
		c.line = "column"
		c.span.n, c.span.after = a.shape[0], !a.props.Upper
	case BSR:
		c.line = "block row"
		c.span.n /= a.Block()[1]
	}
	return c
}

// validate checks lines [from, to), and of the pointers that they begin at 0
// and end at the number of entries if these are the first and last.
func (c *compressed) validate(ctx context.Context, from, to, workers int) error {
	if err := c.checkPointers(ctx, from, to, workers); err != nil {
		return err
	}
	lo, hi := int(c.ptr.at(from)), int(c.ptr.at(to))
	err := first(ctx, hi-lo, workers, func(l, h int) error { return c.checkEntries(ctx, from, to, lo+l, lo+h) })
	if err != nil || c.sorted || !c.unique {
		return err
	}
	return c.checkDuplicates(ctx, from, to, workers)
}

// fine reports whether one line that is easily looked at is valid, without the
// preparations of what goes through many. It may say no of valid lines.
func (c *compressed) fine(from, to int) bool {
	n := int64(c.idx.n)
	if to != from+1 || c.label != nil || c.noEmpty || c.ptr.at(0) != 0 || c.ptr.at(c.lines) != n {
		return false
	}
	lo, hi := c.ptr.at(from), c.ptr.at(to)
	if lo < 0 || hi < lo || hi > n || !c.sorted && c.unique && hi-lo > 1 {
		return false
	}
	step := int64(-1)
	if c.sorted {
		step = 0
		if c.unique {
			step = 1
		}
	}
	least, most := c.span.of(int64(from))
	switch {
	case c.idx.narrow != nil:
		return scan(c.idx.narrow[lo:hi], least, most, step) < 0
	case c.idx.wide != nil:
		return scan(c.idx.wide[lo:hi], least, most, step) < 0
	}
	return false
}

func (c *compressed) checkPointers(ctx context.Context, from, to, workers int) error {
	n := int64(c.idx.n)
	if got := c.ptr.at(from); from == 0 && got != 0 {
		return badPointer(place(c.ptrRole, 0), c.ptr.text(0), "0")
	} else if got < 0 || got > n {
		return badPointer(place(c.ptrRole, from), c.ptr.text(from), "0 to "+itoa(n))
	}
	err := first(ctx, to-from, workers, func(lo, hi int) error {
		lo, hi = lo+from, hi+from
		buf := make([]int64, min(piece, hi-lo)+1)
		for at := lo; at < hi; at += piece {
			if err := ctx.Err(); err != nil {
				return err
			}
			x := c.ptr.window(buf, at, min(at+piece, hi)+1)
			for i := 1; i < len(x); i++ {
				if x[i] >= x[i-1] && x[i] <= n && (!c.noEmpty || x[i] > x[i-1]) {
					continue
				}
				want := "at least " + itoa(x[i-1])
				switch {
				case x[i] > n:
					want = "at most " + itoa(n)
				case c.noEmpty:
					want = "above " + itoa(x[i-1])
				}
				return badPointer(place(c.ptrRole, at+i)+" ("+c.line+" "+strconv.Itoa(at+i-1)+")", c.ptr.text(at+i), want)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if to == c.lines && c.ptr.at(to) != n {
		return badPointer(place(c.ptrRole, to), c.ptr.text(to), itoa(n)+", the number of entries")
	}
	return nil
}

// lineOf returns the line in [from, to) that entry e is in.
func (c *compressed) lineOf(e, from, to int) int {
	lo, hi := from, to // ptr[lo] <= e < ptr[hi]
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) / 2); c.ptr.at(mid) <= int64(e) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// checkEntries checks entries [lo, hi) of lines [from, to).
func (c *compressed) checkEntries(ctx context.Context, from, to, lo, hi int) error {
	if lo == hi {
		return nil
	}
	w := lineWalk{c: c, to: to}
	w.seek(c.lineOf(lo, from, to))
	// What came before the first entry of a piece, if its line began earlier.
	prev, begun := int64(0), false
	if int64(lo) > w.begin {
		prev, begun = c.idx.at(lo-1), true
	}
	var buf []int64
	if c.idx.wide == nil && c.idx.narrow == nil {
		buf = make([]int64, min(piece, hi-lo))
	}
	narrow := c.idx.narrow
	for at := lo; at < hi; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(at+piece, hi)
		var x []int64
		if narrow == nil {
			x = c.idx.window(buf, at, end)
		}
		for i := at; i < end; {
			for int64(i) >= w.end {
				w.next()
				begun = false
			}
			stop := min(int(w.end), end)
			least, most := c.span.of(w.number())
			floor, step := least, int64(-1) // step < 0: any order
			if c.sorted {
				step = 0
				if c.unique {
					step = 1
				}
				if begun {
					floor = max(floor, prev+step)
				}
			}
			var bad int
			if narrow != nil {
				bad = scan(narrow[i:stop], floor, most, step)
				prev = int64(narrow[stop-1])
			} else {
				bad = scan(x[i-at:stop-at], floor, most, step)
				prev = x[stop-1-at]
			}
			if bad >= 0 {
				return c.entryError(i+bad, w.line, int(w.begin), least, most)
			}
			begun = true
			i = stop
		}
		at = end
	}
	return nil
}

// scan returns the first element that is below floor or not below most, or -1.
// From each element on floor is that plus step, unless step is negative.
func scan[I index](x []I, floor, most, step int64) int {
	if step < 0 {
		for i, v := range x {
			if int64(v) < floor || int64(v) >= most {
				return i
			}
		}
		return -1
	}
	for i, v := range x {
		if int64(v) < floor || int64(v) >= most {
			return i
		}
		floor = int64(v) + step
	}
	return -1
}

// entryError says what is wrong with an entry that scan found.
func (c *compressed) entryError(e, line, begin int, least, most int64) error {
	v := c.idx.at(e)
	where := place(c.idxRole, e) + " (" + c.line + " " + strconv.Itoa(line) + ")"
	if v >= least && v < most && e > begin {
		want := "at least "
		if c.unique {
			want = "above "
		}
		return badIndex(where, c.idx.text(e), want+itoa(c.idx.at(e-1))+", as the entry before")
	}
	if v >= 0 && v < c.span.n { // outside the triangle
		return badIndex(where, c.idx.text(e), inRange(least, most)+" in the triangle that is kept")
	}
	return badIndex(where, c.idx.text(e), inRange(0, c.span.n))
}

func inRange(least, most int64) string {
	if most <= least {
		return "no entry"
	}
	return itoa(least) + " to " + itoa(most-1)
}

// lineWalk goes through lines in order.
type lineWalk struct {
	c          *compressed
	to         int
	line       int
	begin, end int64
	ptr        []int64 // of lines base ...
	base       int
	buf        []int64
}

func (w *lineWalk) seek(line int) {
	w.line, w.base = line, line
	n := min(piece, w.to-line)
	if w.buf == nil {
		w.buf = make([]int64, n+1)
	}
	w.ptr = w.c.ptr.window(w.buf, line, line+n+1)
	w.begin, w.end = w.ptr[0], w.ptr[1]
}

func (w *lineWalk) next() {
	w.line++
	i := w.line - w.base
	if i+1 == len(w.ptr) {
		w.seek(w.line)
		return
	}
	w.begin, w.end = w.ptr[i], w.ptr[i+1]
}

// number is the coordinate of the line, where a triangle asks for it.
func (w *lineWalk) number() int64 {
	switch {
	case w.c.label == nil:
		return int64(w.line)
	case w.c.span.structure == General:
		return 0
	}
	return w.c.label.at(w.line)
}

// validateTree checks a CSF array, level by level from the root.
func (a *Array) validateTree(ctx context.Context, workers int) error {
	rank := len(a.shape)
	order := a.part(RoleOrder)
	var seen [tensor.MaxRank]bool
	axes := make([]int, rank)
	for k := range rank {
		axis, err := tensor.ReadElem[uint8](order, int64(k))
		if err != nil {
			return err
		}
		if int(axis) >= rank || seen[axis] {
			return badIndex(place(RoleOrder, k), strconv.Itoa(int(axis)), "each of "+between(0, rank-1)+" once")
		}
		seen[axis], axes[k] = true, int(axis)
	}
	for k, axis := range axes {
		c := &compressed{idxRole: RoleIdx(k), idx: intsOf(a.part(RoleIdx(k))), span: span{n: a.shape[axis]}, sorted: true, unique: true, noEmpty: true}
		if k == 0 { // one line of all nodes
			c.ptr, c.lines, c.line = intsOf(wholePtr(c.idx.n)), 1, "level"
			c.noEmpty = false
		} else {
			c.ptrRole, c.line = RolePtr(k-1), "node"
			c.ptr = intsOf(a.part(c.ptrRole))
			c.lines = c.ptr.n - 1
			label := intsOf(a.part(RoleIdx(k - 1)))
			c.label = &label
			c.span.structure, c.span.after = a.props.Structure, a.props.Upper == (axes[0] == 0)
		}
		if err := c.validate(ctx, 0, c.lines, workers); err != nil {
			return err
		}
	}
	return nil
}

// wholePtr are the pointers of one line of n entries.
func wholePtr(n int) tensor.View {
	v, err := tensor.FromSlice([]int64{0, int64(n)})
	if err != nil {
		panic("sparse: " + err.Error()) // two numbers have a view
	}
	return v
}

// validateMask counts the bits of a mask.
func (a *Array) validateMask(ctx context.Context) error {
	w := bitCounter{ctx: ctx}
	if err := a.part(RoleMask).WriteCOrder(&w, tensor.LittleEndian); err != nil {
		return err
	}
	if w.ones != a.nnz {
		return badIndex(RoleMask, itoa(w.ones)+" set bits", itoa(a.nnz)+", the number of values")
	}
	return nil
}

// bitCounter counts the bits that are written to it.
type bitCounter struct {
	ctx  context.Context
	ones int64
}

func (w *bitCounter) Write(b []byte) (int, error) {
	w.ones += int64(popcount(b))
	return len(b), w.ctx.Err()
}

func popcount(b []byte) int {
	n := 0
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}

// validateCOO checks coordinates in pieces: each axis by itself, then the
// positions in C order that they make.
func (a *Array) validateCOO(ctx context.Context, workers int) error {
	axes, err := a.axes()
	if err != nil {
		return err
	}
	err = first(ctx, int(a.nnz), workers, func(lo, hi int) error {
		last := int64(-1)
		if lo > 0 && a.props.Sorted {
			// Sound as a first bound: the worker of the range before reports
			// what is wrong with it.
			if key, ok := a.keyAt(axes, lo-1); ok {
				last = key
			}
		}
		buf, keys := make([]int64, min(piece, hi-lo)), make([]int64, min(piece, hi-lo))
		for at := lo; at < hi; at += piece {
			if err := ctx.Err(); err != nil {
				return err
			}
			end := min(at+piece, hi)
			k := keys[:end-at]
			clear(k)
			stop := len(k) // entries before the first that is out of range
			var out error
			for axis, col := range axes {
				n := a.shape[axis]
				x := col.window(buf, at, at+stop)
				for i, v := range x {
					if v < 0 || v >= n {
						stop = i
						out = badIndex("indices["+strconv.Itoa(at+i)+", "+strconv.Itoa(axis)+"]", col.text(at+i), inRange(0, n))
						break
					}
					k[i] = k[i]*n + v
				}
			}
			for i, key := range k[:stop] {
				if a.props.Structure != General {
					row, column := key/a.shape[1], key%a.shape[1]
					s := span{n: a.shape[1], structure: a.props.Structure, after: a.props.Upper}
					if least, most := s.of(row); column < least || column >= most {
						return badIndex("indices["+strconv.Itoa(at+i)+", 1] (row "+itoa(row)+")", itoa(column), inRange(least, most)+" in the triangle that is kept")
					}
				}
				if a.props.Sorted {
					if key < last || key == last && a.props.Unique {
						want := "not before "
						if a.props.Unique {
							want = "behind "
						}
						return badIndex("indices["+strconv.Itoa(at+i)+"]", a.coordinates(key).String(), want+a.coordinates(last).String()+", the entry before")
					}
					last = key
				}
			}
			if out != nil {
				return out
			}
		}
		return nil
	})
	if err != nil || a.props.Sorted || !a.props.Unique {
		return err
	}
	return a.checkDuplicates(ctx, axes, workers)
}

// axes are the coordinates of a COO array along each axis.
func (a *Array) axes() ([]ints, error) {
	axes := make([]ints, len(a.shape))
	for k := range axes {
		v, err := a.part(RoleIndices).Index(1, int64(k))
		if err != nil {
			return nil, err
		}
		axes[k] = intsOf(v)
	}
	return axes, nil
}

// keyAt is the position in C order of entry i of a COO array; false if it is
// out of range.
func (a *Array) keyAt(axes []ints, i int) (int64, bool) {
	key := int64(0)
	for axis, col := range axes {
		x := col.at(i)
		if x < 0 || x >= a.shape[axis] {
			return 0, false
		}
		key = key*a.shape[axis] + x
	}
	return key, true
}

// coordinates undoes keyAt.
func (a *Array) coordinates(key int64) tensor.Shape {
	c := make(tensor.Shape, len(a.shape))
	for axis := range slices.Backward(a.shape) {
		c[axis] = key % a.shape[axis]
		key /= a.shape[axis]
	}
	return c
}
