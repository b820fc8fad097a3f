package ragged

import (
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// spans say where the rows of an array lie among its elements.
type spans struct {
	n       int64   // rows
	ptr     offsets // span i is ptr[i] to ptr[i+1] ...
	starts  []int64 // ... or, where rows were picked, starts[i] to stops[i]
	stops   []int64
	picked  bool
	whole   bool  // offsets begin at 0 and end at total
	total   int64 // elements that are there
	longest int64 // most elements of a span
}

// newSpans looks at an offsets part.
func newSpans(ptr tensor.View, total, longest int64) (spans, error) {
	if !isIndex(ptr.DType()) {
		return spans{}, fail(tensor.ErrFormat, "dtype of offsets", ptr.DType().String(), "an int or uint of 8 to 64 bits", rulePart)
	}
	if s := ptr.Shape(); len(s) != 1 || s[0] < 1 {
		return spans{}, fail(tensor.ErrFormat, "shape of offsets", s.String(), "one axis of a number for each row and one more", rulePart)
	}
	return spans{n: ptr.Shape()[0] - 1, ptr: offsetsOf(ptr), whole: true, total: total, longest: longest}, nil
}

// at is where row i lies. Its offsets are checked.
func (s *spans) at(i int64) (lo, hi int64, err error) {
	if i < 0 || i >= s.n {
		return 0, 0, outside(i, s.n)
	}
	if s.picked {
		return s.starts[i], s.stops[i], nil // were checked
	}
	lo, hi = s.ptr.pair(i)
	if lo < 0 || hi < lo || hi > s.total || hi-lo > s.longest {
		return 0, 0, s.wrong(i, lo, hi)
	}
	return lo, hi, nil
}

// wrong is the error of the offsets of row i.
func (s *spans) wrong(i, lo, hi int64) error {
	at, want := i+1, "at most "+itoa(s.total)+", the elements that there are"
	switch {
	case lo < 0:
		at, want = i, "0 to "+itoa(s.total)
	case lo > s.total:
		at = i
	case hi < lo:
		want = itoa(lo) + " or more, as offsets never fall"
	case hi <= s.total:
		want = "at most " + itoa(lo+s.longest) + ", for the longest row has " + itoa(s.longest)
	}
	return fail(tensor.ErrCorrupt, "offsets["+itoa(at)+"]", s.ptr.text(at), want, rulePointer)
}

// slice is rows lo to hi.
func (s *spans) slice(lo, hi int64) (spans, error) {
	if lo < 0 || hi < lo || hi > s.n {
		return spans{}, fail(tensor.ErrIndex, "rows", itoa(lo)+":"+itoa(hi), "inside 0:"+itoa(s.n), "")
	}
	t := *s
	t.n, t.whole = hi-lo, s.whole && lo == 0 && hi == s.n
	if s.picked {
		t.starts, t.stops = s.starts[lo:hi], s.stops[lo:hi]
		return t, nil
	}
	var err error
	t.ptr, err = s.ptr.slice(lo, hi+1)
	return t, err
}

// pick is the spans that next gives, n of them.
func (s *spans) pick(n int64, next func(k int64) int64) (spans, error) {
	if !s.backed() {
		if err := checkedRoom("rows", n, 16, 0); err != nil {
			return spans{}, err
		}
	}
	t := spans{n: n, picked: true, starts: make([]int64, n), stops: make([]int64, n), total: s.total, longest: s.longest}
	for k := range n {
		var err error
		if t.starts[k], t.stops[k], err = s.at(next(k)); err != nil {
			return t, err
		}
	}
	return t, nil
}

// piece is how many offsets are read at a time.
const piece = 1 << 13

// each calls fn for rows lo to hi, whose offsets are checked.
func (s *spans) each(ctx context.Context, lo, hi int64, fn func(i, a, b int64) error) error {
	var room []int64
	for lo < hi {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(lo+piece, hi)
		if !s.picked {
			if room == nil {
				room = make([]int64, min(piece, hi-lo)+1)
			}
			s.ptr.read(room[:end-lo+1], lo)
		}
		for i := lo; i < end; i++ {
			var a, b int64
			if s.picked {
				a, b = s.starts[i], s.stops[i]
			} else if a, b = room[i-lo], room[i-lo+1]; a < 0 || b < a || b > s.total || b-a > s.longest {
				return s.wrong(i, a, b)
			}
			if err := fn(i, a, b); err != nil {
				return err
			}
		}
		lo = end
	}
	return nil
}

// check checks all offsets and returns the most elements that a row has. The
// error is that of the first place that is wrong, whatever the number of
// workers.
func (s *spans) check(ctx context.Context, workers int) (longest int64, err error) {
	if s.whole {
		first, _ := s.ptr.ends(s.n)
		if first != 0 {
			return 0, fail(tensor.ErrCorrupt, "offsets[0]", s.ptr.text(0), "0", rulePointer)
		}
	}
	most := make([]int64, workers)
	err = split(s.n, workers, func(part int, lo, hi int64) (err error) {
		for at := lo; at < hi && err == nil; at += scanPiece {
			var n int64
			n, err = s.scan(ctx, at, min(at+scanPiece, hi))
			most[part] = max(most[part], n)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, n := range most {
		longest = max(longest, n)
	}
	if s.whole {
		if _, last := s.ptr.ends(s.n); last != s.total {
			return 0, fail(tensor.ErrCorrupt, "offsets["+itoa(s.n)+"]", s.ptr.text(s.n), itoa(s.total)+", the end of the elements", rulePointer)
		}
	}
	return longest, nil
}

// scanPiece is how many rows are looked at between looks at the context.
const scanPiece = 1 << 16

// scan checks rows lo to hi and returns the most elements that one has.
func (s *spans) scan(ctx context.Context, lo, hi int64) (most int64, err error) {
	bad := -1
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case s.picked: // were checked
		for i, a := range s.starts[lo:hi] {
			most = max(most, s.stops[lo:][i]-a)
		}
	case s.ptr.wide != nil:
		most, bad = scan(s.ptr.wide[lo:hi+1], s.total, s.longest)
	case s.ptr.narrow != nil:
		most, bad = scan(s.ptr.narrow[lo:hi+1], s.total, s.longest)
	case s.ptr.plain != nil:
		most, bad = scan(s.ptr.plain[lo:hi+1], s.total, s.longest)
	default:
		err = s.each(ctx, lo, hi, func(_, a, b int64) error {
			most = max(most, b-a)
			return nil
		})
	}
	if bad >= 0 {
		a, b := s.ptr.pair(lo + int64(bad))
		err = s.wrong(lo+int64(bad), a, b)
	}
	return most, err
}

// scan is the longest row that offsets tell of, and the first that is wrong or
// -1.
func scan[T int32 | uint32 | int64](ptr []T, total, longest int64) (most int64, bad int) {
	last := int64(ptr[0])
	if last < 0 {
		return 0, 0
	}
	for i, x := range ptr[1:] {
		x := int64(x)
		n := x - last
		if n < 0 || n > longest || x > total {
			return most, i
		}
		most = max(most, n)
		last = x
	}
	return most, -1
}

// ends is the first number and number n.
func (x *offsets) ends(n int64) (first, last int64) {
	var one [1]int64
	x.read(one[:], 0)
	first = one[0]
	x.read(one[:], n)
	return first, one[0]
}

// backed reports whether there is memory for each row: offsets that repeat by a
// stride of 0 can be of any number in none.
func (s *spans) backed() bool { return s.picked || int64(len(s.ptr.v.Span())) > s.n }

// room checks that there may be a number for each row.
func (s *spans) room(o *Options) error {
	if s.backed() {
		return nil
	}
	return checkedRoom("offsets", s.n, 8, o.most())
}

// lengths is the number of elements of each row.
func (s *spans) lengths(ctx context.Context, o *Options) ([]int64, error) {
	if err := s.room(o); err != nil {
		return nil, err
	}
	list := make([]int64, s.n)
	err := s.each(ctx, 0, s.n, func(i, a, b int64) error {
		list[i] = b - a
		return nil
	})
	return list, err
}

// rebased is offsets of the rows one behind the other, and whether they lie so.
func (s *spans) rebased(ctx context.Context, o *Options) (list []int64, dense bool, err error) {
	if err := s.room(o); err != nil {
		return nil, false, err
	}
	list = make([]int64, s.n+1)
	dense = true
	end := int64(-1)
	err = s.each(ctx, 0, s.n, func(i, a, b int64) error {
		dense = dense && (end < 0 || a == end)
		end = b
		if b-a > math.MaxInt64-list[i] {
			return fail(tensor.ErrOverflow, "rows", "more elements than int64 counts", "fewer", "")
		}
		list[i+1] = list[i] + (b - a)
		return nil
	})
	return list, dense, err
}

// reach is the elements from the first of any row to the last.
func (s *spans) reach(ctx context.Context) (lo, hi int64, err error) {
	lo, hi = math.MaxInt64, 0
	err = s.each(ctx, 0, s.n, func(_, a, b int64) error {
		if a < b {
			lo, hi = min(lo, a), max(hi, b)
		}
		return nil
	})
	return min(lo, hi), hi, err
}

// defaultMaxBytes is Options.MaxBytes if that is 0.
const defaultMaxBytes = 4 << 30

// checkedRoom is memory of so many bytes, refused if it is too much. Number and
// size are at least 0.
func checkedRoom(what string, number, size, most int64) error {
	if most == 0 {
		most = defaultMaxBytes
	}
	if size > 0 && number > math.MaxInt64/size {
		return fail(tensor.ErrOverflow, what, itoa(number)+" elements of "+itoa(size)+" bytes", "at most 2^63-1 bytes", "")
	}
	if most > 0 && number*size > most {
		return fail(tensor.ErrLimit, what, itoa(number*size)+" bytes", "at most "+itoa(most)+" (MaxBytes)", "")
	}
	return nil
}

// Options are the settings of operations. Nil means the zero value.
type Options struct {
	Workers int // goroutines; 0 means GOMAXPROCS
	// MaxBytes bounds results whose size does not follow from that of what they
	// are made of. 0 means 4 GiB, a negative number no bound. One that is larger
	// is ErrLimit, before it is allocated.
	MaxBytes int64
}

func (o *Options) workers() int {
	if o == nil || o.Workers <= 0 {
		return min(runtime.GOMAXPROCS(0), 256)
	}
	return min(o.Workers, 256)
}

func (o *Options) most() int64 {
	if o == nil {
		return 0
	}
	return o.MaxBytes
}

// grain is how many rows are worth a goroutine.
const grain = 1 << 13

// split cuts [0, n) into even ranges of at least grain, calls fn for each in
// parallel, and returns the error of the lowest that has one.
func split(n int64, workers int, fn func(part int, lo, hi int64) error) error {
	return splitBy(n, grain, workers, fn)
}

func splitBy(n, grain int64, workers int, fn func(part int, lo, hi int64) error) error {
	k := max(1, min(int64(workers), n/grain))
	if k == 1 {
		return fn(0, 0, n)
	}
	errs := make([]error, k)
	var wg sync.WaitGroup
	for p := range k {
		wg.Go(func() { errs[p] = fn(int(p), n/k*p+n%k*p/k, n/k*(p+1)+n%k*(p+1)/k) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
