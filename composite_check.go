package tensorfile

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// What the parts of a composite say of each other (spec, "Composites", "Checks
// of content"): pointers, indices, masks and text. Parts are read piece by piece,
// so that memory is bounded, and the pieces are shared among goroutines.

// checkPiece is about how many pointers or entries are looked at together.
// Tests make it smaller.
var checkPiece int64 = 1 << 16

// checkBytes bounds the text and the bits that are looked at together.
const checkBytes = 1 << 20

// contentSource gives the content of the parts of a composite.
type contentSource struct {
	layout uint16
	flags  uint32
	shape  tensor.Shape
	dtype  tensor.DType
	parts  map[string]*contentPart
}

// contentPart is a part: its rows along axis 0, in memory or stored.
type contentPart struct {
	dtype tensor.DType
	shape tensor.Shape
	grain int64 // rows that are decoded together
	at    int64 // byte offset of row 0 in the file, -1: none
	step  int64 // bytes from row to row there
	// box reads the elements of a box; the view may be memory of buf.
	box func(ctx context.Context, origin, size []int64, buf *[]byte) (tensor.View, error)
}

// memorySource is the content of a composite in memory. Parts that come from a
// reader cannot be looked at.
func memorySource(c *Composite) *contentSource {
	s := &contentSource{layout: c.Layout, flags: c.Flags, shape: c.Shape, dtype: c.DType, parts: map[string]*contentPart{}}
	for i := range c.Parts {
		p := &c.Parts[i]
		if p.Reader != nil || p.Composite != nil {
			continue
		}
		v := p.View
		s.parts[p.Role] = &contentPart{dtype: v.DType(), shape: v.Shape(), grain: 1, at: -1, box: func(_ context.Context, origin, size []int64, _ *[]byte) (tensor.View, error) {
			return cutBox(v, origin, size)
		}}
	}
	return s
}

// storedSource is the content of a composite in a file.
func storedSource(t *Tensor, parts []Part) *contentSource {
	s := &contentSource{layout: t.layout, flags: t.layoutFlags, shape: t.shape, dtype: t.dtype, parts: map[string]*contentPart{}}
	for _, p := range parts {
		if p.kind != format.KindDense {
			continue
		}
		x := p.Tensor
		c := &contentPart{dtype: x.dtype, shape: x.shape, grain: 1, at: -1}
		switch {
		case x.st.Kind == StorageGrid:
			c.grain = max(x.st.more.Chunk[0], 1)
		case x.st.Kind == StorageRaw && len(x.shape) > 0:
			c.at, c.step = x.st.Offset+x.offset, x.strides[0]
		}
		c.box = func(ctx context.Context, origin, size []int64, buf *[]byte) (tensor.View, error) {
			sel := make(tensor.Selection, len(size))
			for i := range sel {
				sel[i] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: origin[i], Stop: origin[i] + size[i], Step: 1}
			}
			n, err := tensor.ByteSize(x.dtype, size)
			if err != nil {
				return tensor.View{}, err
			}
			v, err := tensor.NewView(scratch(buf, n), x.dtype, size, nil, 0, tensor.HostOrder)
			if err == nil && n > 0 {
				err = x.ReadInto(ctx, v, sel)
			}
			return v, err
		}
		s.parts[p.Role] = c
	}
	return s
}

// rows reads [a, b) along axis 0.
func (p *contentPart) rows(ctx context.Context, a, b int64, buf *[]byte) (tensor.View, error) {
	origin := make([]int64, len(p.shape))
	size := p.shape.Clone()
	origin[0], size[0] = a, b-a
	return p.box(ctx, origin, size, buf)
}

// checkRoom is memory of one goroutine.
type checkRoom struct {
	buf  []byte
	nums []int64
}

// ints reads the numbers of rows [a, b), row by row. Those that int64 cannot
// hold become its largest, which is out of every range.
func (p *contentPart) ints(ctx context.Context, a, b int64, room *checkRoom) ([]int64, error) {
	v, err := p.rows(ctx, a, b, &room.buf)
	if err != nil {
		return nil, err
	}
	if v.DType() == tensor.I64 {
		if list, err := tensor.Data[int64](v); err == nil {
			return list, nil
		}
	}
	n := v.NumElements()
	if int64(cap(room.nums)) < n {
		room.nums = make([]int64, n)
	}
	list := room.nums[:n]
	if n == 0 {
		return list, nil
	}
	to, err := tensor.FromSlice(list, v.Shape()...)
	if err == nil {
		err = tensor.Cast(to, v)
	}
	return list, err
}

// wrong is the error of a number that breaks a rule.
func (p *contentPart) wrong(rule, role string, row, got int64, want string) error {
	e := &Error{Kind: ErrCorrupt, Offset: -1, Field: fmt.Sprintf("row %d of part %s", row, role), Got: fmt.Sprint(got), Want: want, Rule: rule}
	if p.at >= 0 {
		e.Format, e.Offset = format.Name, p.at+row*p.step
	}
	return e
}

// checker checks the content of one composite.
type checker struct {
	*contentSource
	ctx     context.Context
	workers int
}

// checkContent checks what the parts of a composite say of each other. Its parts
// are those that the layout needs. A part that cannot be looked at, as it comes
// from a reader or is composed itself, is left out, with what depends on it.
func checkContent(ctx context.Context, s *contentSource, workers int) error {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	c := &checker{s, ctx, workers}
	return guarded(c.content)
}

func (c *checker) content() error {
	s, extents := c.contentSource, c.shape
	switch s.layout {
	case format.LayoutCOO:
		return c.coordinates()
	case format.LayoutBSR:
		v := s.parts[format.RoleValues]
		if v == nil {
			return nil
		}
		extents = tensor.Shape{s.shape[0] / v.shape[1], s.shape[1] / v.shape[2]}
		fallthrough
	case format.LayoutCSR, format.LayoutCSC:
		major := format.CompressedAxis(s.layout)
		r := runs{ptr: format.RoleIndptr, idx: format.RoleIndices, extent: extents[1-major], sorted: s.flags&format.FlagSorted != 0, unique: s.flags&format.FlagUnique != 0}
		r.triangle, r.swapped = c.triangle(), major == 1
		return c.runs(r)
	case format.LayoutCSF:
		return c.fibres()
	case format.LayoutBitmap:
		return c.mask()
	case format.LayoutRagged:
		if v := s.parts[format.RoleValues]; v != nil {
			return c.pointers(format.RoleOffsets, v.shape[0], s.shape[1], false, nil)
		}
	case format.LayoutString:
		return c.text()
	}
	return nil
}

// triangle says which entries of a matrix with a structure may not be there; nil
// if all may.
func (c *checker) triangle() func(row, column int64) string {
	structure := c.flags & format.FlagStructure
	upper, skew := c.flags&format.FlagUpper != 0, structure == format.StructureSkew
	if structure == 0 {
		return nil
	}
	return func(row, column int64) string {
		switch {
		case skew && row == column:
			return "an entry off the diagonal, as the tensor is skew-symmetric"
		case upper && column < row:
			return "an entry of the upper triangle"
		case !upper && column > row:
			return "an entry of the lower triangle"
		}
		return ""
	}
}

// share runs what produce gives in several goroutines, each with room of its
// own, and returns the error of the first of them that failed, in that order.
func (c *checker) share(produce func(give func(func(room *checkRoom) error) error) error) error {
	type job struct {
		number int64
		run    func(room *checkRoom) error
	}
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	jobs := make(chan job)
	var mu sync.Mutex
	var first error
	lowest := int64(-1)
	fail := func(number int64, err error) {
		mu.Lock()
		if lowest < 0 || number < lowest {
			first, lowest = err, number
		}
		mu.Unlock()
		cancel()
	}
	var wg sync.WaitGroup
	for range c.workers {
		wg.Go(func() {
			room := new(checkRoom)
			for j := range jobs {
				if err := guarded(func() error { return j.run(room) }); err != nil {
					fail(j.number, err)
				}
			}
		})
	}
	number := int64(0)
	err := produce(func(run func(room *checkRoom) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case jobs <- job{number, run}:
			number++
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(jobs)
	wg.Wait()
	if first != nil {
		return first
	}
	return err
}

// pieceOf is how many rows of p are looked at together.
func (p *contentPart) pieceOf() int64 {
	return max(checkPiece/p.grain, 1) * p.grain
}

// pointers checks a pointer array: it begins at 0, never falls, ends at length,
// and no run of it is longer than most; with children none is empty. fn, if not
// nil, is called with the pointers of some runs from first on, in order, in
// memory that it may keep.
func (c *checker) pointers(role string, length, most int64, children bool, fn func(first int64, ptr []int64) error) error {
	p := c.parts[role]
	if p == nil {
		return nil
	}
	n := p.shape[0]
	step := p.pieceOf()
	room := new(checkRoom)
	last := int64(0)
	for at := int64(0); at < n; at += step {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		end := min(at+step, n)
		list, err := p.ints(c.ctx, at, end, room)
		if err != nil {
			return err
		}
		for i, x := range list {
			row := at + int64(i)
			switch {
			case row == 0 && x != 0:
				return p.wrong(format.RuleLayoutPointer, role, row, x, "0")
			case row == 0:
			case x < last:
				return p.wrong(format.RuleLayoutPointer, role, row, x, fmt.Sprintf("%d or more, as pointers never fall", last))
			case x > length:
				return p.wrong(format.RuleLayoutPointer, role, row, x, fmt.Sprintf("at most %d, what it points into", length))
			case x-last > most:
				return p.wrong(format.RuleLayoutPointer, role, row, x, fmt.Sprintf("at most %d, for the longest row has %d", last+most, most))
			case children && x == last:
				return p.wrong(format.RuleLayoutPointer, role, row, x, "more than before, as every node has a child")
			}
			last = x
		}
		if end == n && last != length {
			return p.wrong(format.RuleLayoutPointer, role, n-1, last, fmt.Sprintf("%d, the end of what it points into", length))
		}
		if fn == nil {
			continue
		}
		// Runs between these pointers, with the first one of the next piece.
		own := slices.Clone(list)
		if end < n {
			next, err := p.ints(c.ctx, end, end+1, room)
			if err != nil {
				return err
			}
			own = append(own, min(max(next[0], last), length))
		}
		if err := fn(at, own); err != nil {
			return err
		}
	}
	return nil
}

// runs says what is to be checked of entries that stand in runs.
type runs struct {
	ptr, idx       string
	outer          string // part with the coordinate of each run; "": its number
	extent         int64
	sorted, unique bool
	children       bool
	triangle       func(row, column int64) string
	swapped        bool // runs are columns
}

// runs checks pointers, and the indices that they point into.
func (c *checker) runs(r runs) error {
	p, outer := c.parts[r.idx], c.parts[r.outer]
	if p == nil || c.parts[r.ptr] == nil {
		return nil
	}
	step := p.pieceOf()
	err := c.share(func(give func(func(*checkRoom) error) error) error {
		return c.pointers(r.ptr, p.shape[0], 1<<63-1, r.children, func(first int64, ptr []int64) error {
			var coords []int64
			if outer != nil && len(ptr) > 1 {
				var err error
				if coords, err = outer.ints(c.ctx, first, first+int64(len(ptr))-1, new(checkRoom)); err != nil {
					return err
				}
			}
			for a := ptr[0]; a < ptr[len(ptr)-1]; {
				b := min((a/step+1)*step, ptr[len(ptr)-1])
				begin, end := a, b
				err := give(func(room *checkRoom) error { return c.entries(r, p, first, ptr, coords, begin, end, room) })
				if err != nil {
					return err
				}
				a = b
			}
			return nil
		})
	})
	if err != nil || !r.unique || r.sorted {
		return err
	}
	return c.distinct(p, r.idx, 2, func(fn func(row int64, tuple []int64) error) error {
		return c.pointers(r.ptr, p.shape[0], 1<<63-1, false, func(first int64, ptr []int64) error {
			room := new(checkRoom)
			var tuple [2]int64
			for i := range ptr[:len(ptr)-1] {
				for a := ptr[i]; a < ptr[i+1]; {
					b := min(a+step, ptr[i+1])
					list, err := p.ints(c.ctx, a, b, room)
					if err != nil {
						return err
					}
					for k, x := range list {
						tuple = [2]int64{first + int64(i), x}
						if err := fn(a+int64(k), tuple[:]); err != nil {
							return err
						}
					}
					a = b
				}
			}
			return nil
		})
	})
}

// entries checks the indices [begin, end) of runs of which first is the first
// that ptr tells of.
func (c *checker) entries(r runs, p *contentPart, first int64, ptr, coords []int64, begin, end int64, room *checkRoom) error {
	// The run of the entry before begin, if there is one in these runs.
	from := begin
	if r.sorted && begin > ptr[0] {
		from--
	}
	run, found := slices.BinarySearch(ptr, from)
	if !found {
		run--
	}
	list, err := p.ints(c.ctx, from, end, room)
	if err != nil {
		return err
	}
	for i, x := range list {
		row := from + int64(i)
		fresh := i == 0
		for row >= ptr[run+1] {
			run++
			fresh = true
		}
		if row == ptr[run] {
			fresh = true
		}
		if x < 0 || x >= r.extent {
			return p.wrong(format.RuleLayoutIndex, r.idx, row, x, fmt.Sprintf("0 to %d", r.extent-1))
		}
		if r.sorted && !fresh {
			if before := list[i-1]; x < before || r.unique && x == before {
				return p.wrong(format.RuleLayoutIndex, r.idx, row, x, ascending(before, r.unique))
			}
		}
		if r.triangle != nil {
			a, b := first+int64(run), x
			if coords != nil {
				a = coords[run]
			}
			if r.swapped {
				a, b = b, a
			}
			if want := r.triangle(a, b); want != "" {
				return p.wrong(format.RuleLayoutIndex, r.idx, row, x, want)
			}
		}
	}
	return nil
}

func ascending(before int64, unique bool) string {
	if unique {
		return fmt.Sprintf("more than %d, as entries ascend and none occurs twice", before)
	}
	return fmt.Sprintf("%d or more, as entries ascend", before)
}

// coordinates checks the indices of coo.
func (c *checker) coordinates() error {
	p := c.parts[format.RoleIndices]
	if p == nil {
		return nil
	}
	rank, n := len(c.shape), p.shape[0]
	sorted, unique, triangle := c.flags&format.FlagSorted != 0, c.flags&format.FlagUnique != 0, c.triangle()
	step := p.pieceOf()
	err := c.share(func(give func(func(*checkRoom) error) error) error {
		for at := int64(0); at < n; at += step {
			err := give(func(room *checkRoom) error {
				from := at
				if sorted && at > 0 {
					from--
				}
				list, err := p.ints(c.ctx, from, min(at+step, n), room)
				if err != nil {
					return err
				}
				for i := 0; i < len(list); i += rank {
					entry, row := list[i:i+rank], from+int64(i/rank)
					for axis, x := range entry {
						if x < 0 || x >= c.shape[axis] {
							return p.wrong(format.RuleLayoutIndex, format.RoleIndices, row, x, fmt.Sprintf("0 to %d on axis %d", c.shape[axis]-1, axis))
						}
					}
					if sorted && i > 0 {
						if k := slices.Compare(list[i-rank:i], entry); k > 0 || unique && k == 0 {
							return p.wrong(format.RuleLayoutIndex, format.RoleIndices, row, entry[0], fmt.Sprintf("an entry behind %v", list[i-rank:i]))
						}
					}
					if triangle != nil {
						if want := triangle(entry[0], entry[1]); want != "" {
							return p.wrong(format.RuleLayoutIndex, format.RoleIndices, row, entry[0], want)
						}
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !unique || sorted {
		return err
	}
	return c.distinct(p, format.RoleIndices, rank, func(fn func(row int64, tuple []int64) error) error {
		room := new(checkRoom)
		for at := int64(0); at < n; at += step {
			list, err := p.ints(c.ctx, at, min(at+step, n), room)
			if err != nil {
				return err
			}
			for i := 0; i < len(list); i += rank {
				if err := fn(at+int64(i/rank), list[i:i+rank]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// mostDistinct bounds the memory of a search for duplicates, in numbers.
const mostDistinct = 1 << 23

// distinct checks that no tuple of width numbers that each gives occurs twice:
// in passes over all of them that each look at a share.
func (c *checker) distinct(p *contentPart, role string, width int, each func(fn func(row int64, tuple []int64) error) error) error {
	passes := uint64(p.shape[0]/(mostDistinct/int64(width+1)) + 1)
	seed := maphash.MakeSeed()
	for pass := range passes {
		var list []int64 // tuples, each with its row behind it
		err := each(func(row int64, tuple []int64) error {
			h := uint64(0)
			if passes > 1 {
				for _, x := range tuple {
					h = bits.RotateLeft64(h, 31) ^ maphash.Comparable(seed, x)
				}
			}
			if h%passes == pass {
				list = append(append(list, tuple...), row)
			}
			return c.ctx.Err()
		})
		if err != nil {
			return err
		}
		order := make([]int, len(list)/(width+1))
		for i := range order {
			order[i] = i * (width + 1)
		}
		slices.SortFunc(order, func(a, b int) int { return slices.Compare(list[a:a+width+1], list[b:b+width+1]) })
		again := int64(-1)
		for i := 1; i < len(order); i++ {
			a, b := order[i-1], order[i]
			if row := list[b+width]; slices.Equal(list[a:a+width], list[b:b+width]) && (again < 0 || row < again) {
				again = row
			}
		}
		if again >= 0 {
			return p.wrong(format.RuleLayoutIndex, role, again, again, "no coordinate twice")
		}
	}
	return nil
}

// fibres checks a tree of csf.
func (c *checker) fibres() error {
	room := new(checkRoom)
	rank := len(c.shape)
	p := c.parts[format.RoleOrder]
	if p == nil {
		return nil
	}
	order, err := p.ints(c.ctx, 0, int64(rank), room)
	if err != nil {
		return err
	}
	order = slices.Clone(order)
	for i, x := range order {
		if x < 0 || x >= int64(rank) || slices.Contains(order[:i], x) {
			return p.wrong(format.RuleLayoutIndex, format.RoleOrder, int64(i), x, fmt.Sprintf("each of 0 to %d once", rank-1))
		}
	}
	_, idx := format.LevelRoles(0)
	if first := c.parts[idx]; first != nil {
		all := runs{idx: idx, extent: c.shape[order[0]], sorted: true, unique: true}
		n, step := first.shape[0], first.pieceOf()
		err := c.share(func(give func(func(*checkRoom) error) error) error {
			for at := int64(0); at < n; at += step {
				err := give(func(room *checkRoom) error {
					return c.entries(all, first, 0, []int64{0, n}, nil, at, min(at+step, n), room)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for k := range rank - 1 {
		ptr, outer := format.LevelRoles(k)
		_, idx := format.LevelRoles(k + 1)
		r := runs{ptr: ptr, idx: idx, extent: c.shape[order[k+1]], sorted: true, unique: true, children: true}
		if t := c.triangle(); t != nil {
			r.outer, r.triangle, r.swapped = outer, t, order[0] == 1
		}
		if err := c.runs(r); err != nil {
			return err
		}
	}
	return nil
}

// mask checks that a bitmap has as many bits as there are values.
func (c *checker) mask() error {
	p, values := c.parts[format.RoleMask], c.parts[format.RoleValues]
	if p == nil || values == nil {
		return nil
	}
	var mu sync.Mutex
	count := int64(0)
	err := c.share(func(give func(func(*checkRoom) error) error) error {
		return eachBox(p.shape, 8*checkBytes, func(origin, size []int64) error {
			return give(func(room *checkRoom) error {
				v, err := p.box(c.ctx, origin, size, &room.buf)
				if err != nil {
					return err
				}
				n, err := setBits(v)
				mu.Lock()
				count += n
				mu.Unlock()
				return err
			})
		})
	})
	if err == nil && count != values.shape[0] {
		e := &Error{Kind: ErrCorrupt, Offset: -1, Field: "part " + format.RoleValues, Got: fmt.Sprintf("%d values", values.shape[0]), Want: fmt.Sprintf("%d, the bits that are set", count), Rule: format.RuleLayoutIndex}
		if p.at >= 0 {
			e.Format, e.Offset = format.Name, p.at
		}
		return e
	}
	return err
}

// eachBox cuts a shape, none of whose extents is 0, into boxes of at most about
// so many elements; the last axis is cut at multiples of 8.
func eachBox(shape tensor.Shape, most int64, fn func(origin, size []int64) error) error {
	if empty(shape) {
		return nil
	}
	axis, rest := len(shape)-1, int64(1) // the axis that is cut
	for axis > 0 && shape[axis] <= most/rest {
		rest *= shape[axis]
		axis--
	}
	step := max(most/rest, 1)
	origin := make([]int64, len(shape))
	var walk func(i int) error
	walk = func(i int) error {
		if i < axis {
			for origin[i] = 0; origin[i] < shape[i]; origin[i]++ {
				if err := walk(i + 1); err != nil {
					return err
				}
			}
			return nil
		}
		for at := int64(0); at < shape[axis]; at += step {
			o, size := slices.Clone(origin), shape.Clone()
			for k := range axis {
				size[k] = 1
			}
			o[axis], size[axis] = at, min(step, shape[axis]-at)
			if err := fn(o, size); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(0)
}

// setBits counts the elements of a bool1 view that are true.
func setBits(v tensor.View) (n int64, err error) {
	own := v
	b, err := v.Bytes()
	if err != nil {
		if own, err = v.Clone(); err != nil {
			return 0, err
		}
		if b, err = own.Bytes(); err != nil {
			return 0, err
		}
	}
	last := own.Shape()[own.Rank()-1]
	row := int(last/8 + min(1, last%8))
	for ; len(b) >= row && row > 0; b = b[row:] {
		for i, x := range b[:row] {
			if i == row-1 && last%8 != 0 {
				x &= 1<<(last%8) - 1
			}
			n += int64(bits.OnesCount8(x))
		}
	}
	return n, nil
}

// text checks the strings of a string tensor.
func (c *checker) text() error {
	p := c.parts[format.RoleBytes]
	if p == nil {
		return nil
	}
	return c.share(func(give func(func(*checkRoom) error) error) error {
		return c.pointers(format.RoleOffsets, p.shape[0], 1<<63-1, false, func(first int64, ptr []int64) error {
			for i := 0; i < len(ptr)-1; {
				// So many strings as make a piece of text, one at least.
				j := i + 1
				for j < len(ptr)-1 && ptr[j+1]-ptr[i] <= checkBytes {
					j++
				}
				if ptr[j] > ptr[i] {
					part, number := ptr[i:j+1], first+int64(i)
					if err := give(func(room *checkRoom) error { return c.strings(p, number, part, room) }); err != nil {
						return err
					}
				}
				i = j
			}
			return nil
		})
	})
}

// strings checks strings that follow each other, of which first is the first.
func (c *checker) strings(p *contentPart, first int64, ptr []int64, room *checkRoom) error {
	if ptr[1]-ptr[0] > checkBytes { // then it is alone
		return c.longString(p, first, ptr[0], ptr[1], room)
	}
	base := ptr[0]
	text, err := c.textOf(p, base, ptr[len(ptr)-1], room)
	if err != nil {
		return err
	}
	for i := range ptr[:len(ptr)-1] {
		if at := invalid(text[ptr[i]-base : ptr[i+1]-base]); at >= 0 {
			return p.wrong(format.RuleLayoutUTF8, format.RoleBytes, ptr[i]+int64(at), int64(text[ptr[i]-base+int64(at)]), fmt.Sprintf("UTF-8 in string %d", first+int64(i)))
		}
	}
	return nil
}

// longString checks the string [a, end), piece by piece.
func (c *checker) longString(p *contentPart, number, a, end int64, room *checkRoom) error {
	for a < end {
		b := min(a+checkBytes, end)
		text, err := c.textOf(p, a, b, room)
		if err != nil {
			return err
		}
		n := len(text)
		if b < end { // what is cut at the end comes again
			for k := 1; k < utf8.UTFMax && k <= n; k++ {
				if utf8.RuneStart(text[n-k]) {
					if !utf8.FullRune(text[n-k:]) {
						n -= k
					}
					break
				}
			}
		}
		if at := invalid(text[:n]); at >= 0 {
			return p.wrong(format.RuleLayoutUTF8, format.RoleBytes, a+int64(at), int64(text[at]), fmt.Sprintf("UTF-8 in string %d", number))
		}
		a += int64(n) // a piece is longer than a character
	}
	return nil
}

func (c *checker) textOf(p *contentPart, a, b int64, room *checkRoom) ([]byte, error) {
	v, err := p.rows(c.ctx, a, b, &room.buf)
	if err != nil {
		return nil, err
	}
	text, err := v.Bytes()
	if err != nil {
		if v, err = v.Clone(); err == nil {
			text, err = v.Bytes()
		}
	}
	return text, err
}

// invalid is the place of the first byte of b that is not UTF-8, or -1.
func invalid(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}
