package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// hotBytes are copied and then checked while they are in the first caches.
	hotBytes = 256 << 10
	// copyAround is the least that is copied past the caches: less may be wanted
	// at once.
	copyAround = 4 << 20
)

// rawRead is one read of a region of a raw storage, of which goroutines take
// pieces. Each looks at the context before a piece, and touches the mapping
// inside a guard of its own.
type rawRead struct {
	t     *Tensor
	ctx   context.Context
	lease mmap.Lease
	plan  ReadPlan
	data  []byte // the storage in the mapping; nil: not mapped
	sums  []uint32
	fresh bool // pages of dst come with the first touch, and then are in the caches

	stop  atomic.Bool
	mu    sync.Mutex
	err   error
	place int64 // of err: the first piece that failed counts
	panic any
}

// readRaw copies r, which has elements, to dst, which has its shape and dtype.
func (t *Tensor) readRaw(ctx context.Context, dst tensor.View, r region) error {
	return t.readRawTo(ctx, dst, r, false)
}

// readRawTo is readRaw; fresh says that the memory of dst was just made.
func (t *Tensor) readRawTo(ctx context.Context, dst tensor.View, r region, fresh bool) error {
	if err := writable(dst); err != nil {
		return err
	}
	lease, err := t.f.m.Acquire()
	if err != nil {
		return err
	}
	defer lease.Release()
	x := rawRead{t: t, ctx: ctx, lease: lease, fresh: fresh}
	mapped := t.access().err == nil
	if mapped {
		x.data = t.f.m.Bytes()[t.st.Offset : t.st.Offset+t.st.Size]
	}
	c := t.f.checkOf(t)
	if c != nil && c.done.Load() {
		if c.err != nil {
			return c.err
		}
		c = nil
	}
	size := r.bytes()
	if !mapped {
		defer t.expect(r)()
	}
	if mode := t.f.opts.ReadMode; size <= reading.solo && mapped && (mode == ReadAuto || mode == ReadMapped) {
		if c != nil {
			if err := t.f.verifyOnce(t); err != nil {
				return err
			}
		}
		err := x.copyMapped(dst, r)
		if err == nil {
			err = t.stillThere(lease, r)
		}
		return err
	}
	var b []byte // of dst, if r is to lie there as it lies in the file
	if dst.Order() == t.order && r.contiguous() {
		b, _ = dst.Bytes()
	}
	lo, _ := r.reach()
	if c != nil && (b == nil || int64(len(b)) != t.st.Size || t.st.Size <= 1<<t.st.block) {
		if err := t.f.verifyOnce(t); err != nil {
			return err
		}
		c = nil
	}
	if c != nil {
		if x.sums, err = t.f.blockSums(t.st.Size, t.st.block, t.st.sums); err != nil {
			return err
		}
	}
	x.plan = t.plan(lease, r)
	if b != nil {
		err = x.bytes(b, lo)
	} else {
		err = x.views(dst, r)
	}
	if err == nil || errors.Is(err, ErrCorrupt) {
		// Pages that a cut file has no more may read as zeros.
		if e := t.stillThere(lease, r); e != nil {
			err, c = e, nil
		}
	}
	if c != nil && (err == nil || errors.Is(err, ErrCorrupt)) {
		c.Lock()
		c.set(err)
		c.Unlock()
	}
	if b != nil && err == nil {
		clearTails(b, r)
	}
	return err
}

// writable refuses a destination that repeats memory, which a piece of it may
// no longer show.
func writable(dst tensor.View) error {
	for i, s := range dst.Strides() {
		if s == 0 && dst.Shape()[i] > 1 {
			return &Error{Kind: ErrUnsupported, Offset: -1, Field: "destination", Got: "stride 0", Want: "a destination that does not repeat memory"}
		}
	}
	return nil
}

// apart reports whether no two elements of v share memory, as far as strides
// tell at a glance: only then may goroutines write to it side by side.
func apart(v tensor.View) bool {
	type axis struct{ n, step int64 }
	var axes []axis
	units, d := v.Shape(), v.DType()
	for i, n := range units {
		if d.Packed() && i == len(units)-1 {
			n = (n + int64(d.UnitElems) - 1) / int64(d.UnitElems)
		}
		if s := v.Strides()[i]; n > 1 {
			axes = append(axes, axis{n, max(s, -s)})
		}
	}
	slices.SortFunc(axes, func(a, b axis) int { return int(min(max(a.step-b.step, -1), 1)) })
	size := int64(d.UnitBytes)
	for _, a := range axes {
		if a.step < size {
			return false
		}
		size += (a.n - 1) * a.step
	}
	return true
}

// fail keeps the error of the first piece that has one, and stops the others.
func (x *rawRead) fail(place int64, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil || place < x.place {
		x.err, x.place = err, place
	}
	x.stop.Store(true)
}

// buffers are memory for pieces that are not read to where they belong.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// share calls piece in several goroutines, of which the caller's is one, until
// it returns false, or fails, or the context ends. It returns when all are
// done. buf is memory that one goroutine keeps.
func (x *rawRead) share(workers int, piece func(buf *[]byte) bool) error {
	work := func() {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		for !x.stop.Load() {
			if err := x.ctx.Err(); err != nil {
				x.fail(-1, err)
				return
			}
			if !piece(buf) {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(func() {
			// What goes wrong with the caller's memory goes wrong in the caller's
			// goroutine, where it may be prepared for it.
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				if p := recover(); p != nil {
					x.mu.Lock()
					x.panic = p
					x.mu.Unlock()
					x.stop.Store(true)
				}
			}()
			work()
		})
	}
	func() {
		defer wg.Wait()
		finished := false
		defer func() {
			if !finished {
				x.stop.Store(true)
			}
		}()
		work()
		finished = true
	}()
	if x.panic != nil {
		panic(x.panic)
	}
	return x.err
}

// pieceSize is how large a piece of n bytes should be for so many goroutines: a
// few for each, so that they end together.
func pieceSize(n int64, workers int) int64 {
	p := reading.most
	for workers > 1 && p > reading.piece && p*4*int64(workers) > n {
		p /= 2
	}
	return p
}

// bytes reads b from offset lo of the storage on. Pieces end at multiples of
// their size in the file, or in the storage where its checksums are compared.
func (x *rawRead) bytes(b []byte, lo int64) error {
	n := int64(len(b))
	size := pieceSize(n, x.plan.Workers)
	skew := (x.t.st.Offset + lo) % size
	if x.sums != nil {
		size, skew = max(size, 1<<x.t.st.block), 0
	}
	var next atomic.Int64
	return x.share(x.plan.Workers, func(*[]byte) bool {
		i := next.Add(1) - 1
		begin, end := max(i*size-skew, 0), min((i+1)*size-skew, n)
		if begin >= n {
			return false
		}
		mode := x.mode(lo+begin, end-begin)
		var err error
		if x.sums == nil {
			err = x.move(mode, b[begin:end], lo+begin)
		} else {
			err = x.moveChecked(mode, b[begin:end], begin)
		}
		if err != nil {
			x.fail(begin, err)
		}
		return err == nil
	})
}

// mode is the way for n bytes at offset at of the storage.
func (x *rawRead) mode(at, n int64) ReadMode {
	mode := x.plan.Mode
	if mode == ReadAuto {
		mode = ReadDirect
		if share, ok := x.lease.Resident(x.t.st.Offset+at, n); !ok || share >= 0.5 {
			mode = ReadMapped
		}
	}
	if mode == ReadMapped && x.data == nil {
		mode = ReadPositioned
	}
	return mode
}

func (x *rawRead) move(mode ReadMode, p []byte, at int64) error {
	switch mode {
	case ReadDirect:
		return x.readDirect(p, at)
	case ReadMapped:
		return x.copyBytes(p, at)
	}
	return x.readAt(p, at)
}

func (x *rawRead) copyBytes(p []byte, at int64) error {
	x.t.f.reads.mapped.Add(int64(len(p)))
	src := x.data[at : at+int64(len(p))]
	return x.lease.Guard(func() error {
		if x.sums == nil && !x.fresh && x.plan.Bytes >= copyAround {
			kernel.CopyStream(p, src)
		} else {
			copy(p, src)
		}
		return nil
	})
}

func (x *rawRead) readAt(p []byte, at int64) error {
	x.t.f.reads.positioned.Add(int64(len(p)))
	_, err := x.lease.ReadAt(p, x.t.st.Offset+at)
	return err
}

func (x *rawRead) readDirect(p []byte, at int64) error {
	f := x.t.f
	direct, err := x.lease.ReadDirect(p, x.t.st.Offset+at)
	if direct {
		f.readAround(x.t.st.ID, int64(len(p)))
	} else {
		f.reads.positioned.Add(int64(len(p)))
		f.direct(x.lease) // notes why
	}
	return err
}

// moveChecked reads whole blocks of the storage and compares what has arrived
// with their checksums: what was checked is what the caller has, whatever
// becomes of the file.
func (x *rawRead) moveChecked(mode ReadMode, p []byte, at int64) error {
	exp, step := x.t.st.block, int64(1<<20)
	if mode == ReadMapped {
		step = hotBytes
	}
	for len(p) > 0 {
		i := at >> exp
		n := int64(len(p[:min(int64(len(p)), 1<<exp)]))
		sum := uint32(0)
		for done := int64(0); done < n; {
			if err := x.ctx.Err(); err != nil {
				return err
			}
			some := p[done:min(done+step, n)]
			if err := x.move(mode, some, at+done); err != nil {
				return err
			}
			sum = format.UpdateChecksum(sum, some)
			done += int64(len(some))
		}
		if want := x.sums[i]; sum != want {
			return badBlock(x.t.name, block{off: x.t.st.Offset + at, n: n, sum: want, index: i}, sum)
		}
		p, at = p[n:], at+n
	}
	return nil
}

// part is a region and where it goes.
type part struct {
	dst tensor.View
	r   region
}

// cut cuts p along an axis.
func (p part) cut(axis int) (a, b part, err error) {
	n := p.r.shape[axis]
	a.r, b.r = p.r.rows(axis, 0, n/2), p.r.rows(axis, n/2, n)
	if a.dst, err = p.dst.Slice(axis, 0, n/2, 1); err == nil {
		b.dst, err = p.dst.Slice(axis, n/2, n, 1)
	}
	return a, b, err
}

// views reads r into dst where elements change places. Parts that are too large
// are cut in two, where both sides can be cut.
func (x *rawRead) views(dst tensor.View, r region) error {
	workers := x.plan.Workers
	if workers > 1 && !apart(dst) {
		workers = 1
	}
	size := pieceSize(r.bytes(), workers)
	var (
		mu    sync.Mutex
		stack = []part{{dst, r}}
		taken int64
	)
	next := func() (p part, place int64, ok bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		if len(stack) == 0 {
			return p, 0, false, nil
		}
		p, stack = stack[len(stack)-1], stack[:len(stack)-1]
		for p.r.bytes() > size {
			axis := p.r.widest()
			if axis < 0 {
				break
			}
			var rest part
			if p, rest, err = p.cut(axis); err != nil {
				return p, taken, false, err
			}
			stack = append(stack, rest)
		}
		taken++
		return p, taken, true, nil
	}
	return x.share(workers, func(buf *[]byte) bool {
		p, place, more, err := next()
		if more {
			if mode := x.plan.Mode; x.data != nil && (mode == ReadMapped || mode == ReadAuto) {
				err = x.copyMapped(p.dst, p.r)
			} else {
				err = x.stage(p, buf)
			}
		}
		if err != nil {
			x.fail(place, err)
		}
		return more && err == nil
	})
}

// copyMapped copies r from the mapping.
func (x *rawRead) copyMapped(dst tensor.View, r region) error {
	src, err := tensor.NewView(x.data, r.dtype, r.shape, r.strides, r.offset, x.t.order)
	if err != nil {
		return err
	}
	x.t.f.reads.mapped.Add(r.bytes())
	return x.lease.Guard(func() error { return tensor.Copy(dst, src) })
}

// stage reads a part with positioned or direct reads: straight to its place
// where that is contiguous, else through the spans that hold the elements.
func (x *rawRead) stage(p part, buf *[]byte) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	lo, hi := p.r.reach()
	if p.dst.Order() == x.t.order && p.r.contiguous() {
		if b, err := p.dst.Bytes(); err == nil {
			for at := int64(0); at < int64(len(b)); at += pieceBytes {
				if err := x.ctx.Err(); err != nil {
					return err
				}
				if err := x.fetch(b[at:min(at+pieceBytes, int64(len(b)))], lo+at); err != nil {
					return err
				}
			}
			clearTails(b, p.r)
			return nil
		}
	}
	if axis := p.r.widest(); axis >= 0 && x.tooWide(p.r, axis, hi-lo) {
		a, b, err := p.cut(axis)
		if err == nil {
			err = x.stage(a, buf)
		}
		if err == nil {
			err = x.stage(b, buf)
		}
		return err
	}
	b := x.scratch(buf, lo, hi-lo)
	if err := x.fetch(b, lo); err != nil {
		return err
	}
	src, err := tensor.NewView(b, p.r.dtype, p.r.shape, p.r.strides, p.r.offset-lo, x.t.order)
	if err != nil {
		return err
	}
	return tensor.Copy(p.dst, src)
}

// tooWide reports whether a region is better read in two parts than over the
// whole span.
func (x *rawRead) tooWide(r region, axis int, span int64) bool {
	if !x.t.f.m.Local() {
		// Another request costs more than a megabyte.
		return span > pieceBytes || span > 1<<16 && span/16 > r.bytes()
	}
	step := max(r.strides[axis], -r.strides[axis])
	gap := step - (span - (r.shape[axis]-1)*step)
	return span > reading.stage || gap > reading.gap
}

// scratch is n bytes of memory for what lies at offset at of the storage.
func (x *rawRead) scratch(buf *[]byte, at, n int64) []byte {
	if x.plan.Mode != ReadDirect {
		return scratch(buf, n)
	}
	// Where addresses lie to pages as offsets do, nothing is copied twice.
	const page = 4096
	b := scratch(buf, n+page)
	skip := (int64(cast.Skew(b, page)) + x.t.st.Offset + at) % page
	return b[skip : skip+n]
}

// fetch reads bytes of the storage by the mode of the read.
func (x *rawRead) fetch(p []byte, at int64) error {
	if x.plan.Mode == ReadDirect {
		return x.readDirect(p, at)
	}
	return x.readAt(p, at)
}

// scratch returns n bytes of *buf, which grows to hold them.
func scratch(buf *[]byte, n int64) []byte {
	if int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	return (*buf)[:n]
}

// preadRegion reads r with positioned reads, in the caller's goroutine, for
// those who hold a lease and stream. buf is memory that they keep.
func (t *Tensor) preadRegion(ctx context.Context, l mmap.Lease, dst tensor.View, r region, buf *[]byte) error {
	x := rawRead{t: t, ctx: ctx, lease: l, plan: ReadPlan{Mode: ReadPositioned, Workers: 1}}
	return x.stage(part{dst, r}, buf)
}

// expect says to a source that reads ahead that r is about to be read. The function is
// called when it has been.
func (t *Tensor) expect(r region) (done func()) {
	if !t.f.m.Expects() {
		return func() {}
	}
	a := newAhead(t.f.m)
	a.extent(t.stretch(r))
	a.end()
	return a.done
}

// stillThere reports an error of kind ErrChanged if the file no longer has the
// bytes of r: what a mapping holds past the end of a file that was cut inside a
// page reads as zeros and faults nowhere.
func (t *Tensor) stillThere(l mmap.Lease, r region) error {
	_, hi := r.reach()
	var last [1]byte
	_, err := l.ReadAt(last[:], t.st.Offset+hi-1)
	return err
}

// clearTails zeroes what a file may hold behind the last element of a row of a
// packed dtype, in the C-order image b of r.
func clearTails(b []byte, r region) { clearTailsFrom(b, r, 0) }

// clearTailsFrom is clearTails for the part of the image from offset at on,
// which begins on a unit.
func clearTailsFrom(b []byte, r region, at int64) {
	e, unit := int64(r.dtype.UnitElems), int64(r.dtype.UnitBytes)
	if e < 2 || e*int64(r.dtype.Bits) != 8*unit {
		return // not packed, or its bits are not known
	}
	n := r.shape[len(r.shape)-1]
	keep := int(n%e) * int(r.dtype.Bits)
	if keep == 0 {
		return
	}
	row := (n/e + 1) * unit
	for end := row - at%row; end <= int64(len(b)); end += row {
		tail := b[end-unit : end]
		for i := range tail {
			tail[i] &= byte(1<<min(max(keep-8*i, 0), 8) - 1)
		}
	}
}

func (p ReadPlan) String() string {
	s := fmt.Sprintf("%v (%s)", p.Mode, p.Reason)
	if p.Workers > 1 {
		s += fmt.Sprintf(", %d workers", p.Workers)
	}
	return s
}
