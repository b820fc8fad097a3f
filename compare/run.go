package compare

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

type comparer struct {
	o     Options
	whole sync.Mutex // held while a tensor is in memory whole
}

// A job is a pair that is compared, in parts by different workers.
type job struct {
	res   *Result
	plan  *plan // nil: tensors that have no elements to look at
	fatal error // ends it all
	parts int64
	left  atomic.Int64
	done  chan struct{}

	mu    sync.Mutex
	tally tally
	err   error
}

type task struct {
	*job
	part int64
}

// partBlocks is how many blocks of a tensor are a worker's at a time, at least;
// a tensor has at most maxParts.
const (
	partBlocks = 32
	maxParts   = 256
)

// run compares pairs by workers and yields the results in order. The room in
// the channels bounds how far the fastest worker is ahead.
func (c *comparer) run(ctx context.Context, a, b *tensorfile.File, pairs iter.Seq2[pair, error]) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		for _, f := range []*tensorfile.File{a, b} {
			lease, err := f.Map().Acquire()
			if err != nil {
				yield(nil, err)
				return
			}
			defer lease.Release()
		}
		if a.Map().Expects() || b.Map().Expects() {
			pairs = ahead(pairs)
		}
		inner, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		tasks, order := make(chan task), make(chan *job, 8*c.o.Workers)
		wg.Go(func() {
			defer close(order)
			defer close(tasks)
			for p, err := range pairs {
				j := c.begin(inner, p, err)
				select {
				case order <- j:
				case <-inner.Done():
					return
				}
				for part := range j.parts {
					select {
					case tasks <- task{j, part}:
					case <-inner.Done():
						return
					}
				}
			}
		})
		for range c.o.Workers {
			wg.Go(func() {
				var w worker
				for t := range tasks {
					c.work(inner, t, &w)
				}
			})
		}
		for j := range order {
			select {
			case <-j.done:
			case <-ctx.Done():
			}
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(j.res, j.fatal) || j.fatal != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// begin says what can be said without reading elements, and plans the rest.
func (c *comparer) begin(ctx context.Context, p pair, err error) *job {
	j := &job{res: &Result{Name: p.name, A: p.a, B: p.b}, done: make(chan struct{}), fatal: err}
	r := j.res
	switch {
	case err != nil:
		j.res = nil
	case p.err != nil:
		r.Status, r.Err = Failed, p.err
	case p.b == nil:
		r.Status = OnlyA
	case p.a == nil:
		r.Status = OnlyB
	default:
		c.beginBoth(ctx, j)
	}
	if j.parts == 0 {
		close(j.done)
	}
	j.left.Store(j.parts)
	return j
}

func (c *comparer) beginBoth(ctx context.Context, j *job) {
	r := j.res
	if c.o.Attrs {
		a, err := r.A.Attrs()
		if err == nil {
			var b tensorfile.Attrs
			if b, err = r.B.Attrs(); err == nil {
				r.Attrs = Attrs(a, b)
			}
		}
		if err != nil {
			r.Status, r.Err = Failed, err
			return
		}
	}
	_, _, compositeA := r.A.Composite()
	_, _, compositeB := r.B.Composite()
	if c.o.Values && comparable(r.A) && comparable(r.B) && r.A.Shape().Equal(r.B.Shape()) {
		plain := r.A.DType() == r.B.DType() && !compositeA && !compositeB
		if d, ok := common(r.A, r.B); ok && !plain {
			c.plan(j, newValuesPlan(r.A, r.B, d))
			return
		}
	}
	switch {
	case r.A.DType() != r.B.DType():
		r.Status = DType
	case !r.A.Shape().Equal(r.B.Shape()):
		r.Status = Shape
	case compositeA != compositeB:
		r.Status = Different
	case compositeA:
		j.parts = 1
	default:
		c.plan(j, newPlan(r.A, r.B))
	}
}

// plan cuts what there is to compare into parts.
func (c *comparer) plan(j *job, p *plan) {
	j.plan = p
	j.res.DType, j.res.Elements, j.res.Numeric = p.dtype, j.res.A.NumElements(), numeric(p.dtype)
	j.tally.limit = c.o.Largest
	if p.blocks > 0 {
		j.parts = 1
		if !p.streams() && !p.whole() {
			j.parts = max(1, min(maxParts, p.blocks/partBlocks))
		}
	}
}

// work does a part, and finishes the job if it was the last.
func (c *comparer) work(ctx context.Context, t task, w *worker) {
	j := t.job
	j.mu.Lock()
	failed := j.err != nil
	j.mu.Unlock()
	if !failed {
		own := tally{limit: c.o.Largest}
		err := c.part(ctx, t, w, &own)
		j.mu.Lock()
		if j.tally.add(&own); err != nil && j.err == nil {
			j.err = err
		}
		j.mu.Unlock()
	}
	if j.left.Add(-1) > 0 {
		return
	}
	r := j.res
	switch {
	case j.err != nil:
		*r = Result{Name: r.Name, A: r.A, B: r.B, Status: Failed, Err: j.err, Attrs: r.Attrs}
	case j.tally.different > 0:
		j.tally.result(r)
	}
	close(j.done)
}

func (c *comparer) part(ctx context.Context, t task, w *worker, own *tally) error {
	if t.plan == nil {
		return composites(ctx, t.res, own)
	}
	s := &scan{tally: own, plan: t.plan, tol: c.o.Tolerance, nanEqual: c.o.NaNEqual}
	if t.plan.whole() {
		c.whole.Lock()
		defer c.whole.Unlock()
		defer t.plan.forget()
	}
	if t.plan.streams() {
		return t.plan.decode(ctx, w, s)
	}
	for i := cutAt(t.plan.blocks, t.part, t.parts); i < cutAt(t.plan.blocks, t.part+1, t.parts); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.plan.compare(ctx, i, w, s); err != nil {
			return err
		}
		t.plan.tell(ctx, i)
	}
	return nil
}

// cutAt is where part i of n begins.
func cutAt(blocks, i, n int64) int64 { return blocks/n*i + blocks%n*i/n }

// composites compares by hashes.
func composites(ctx context.Context, r *Result, own *tally) error {
	a, err := r.A.Hash(ctx)
	if err != nil {
		return err
	}
	b, err := r.B.Hash(ctx)
	if err == nil && a != b {
		own.different, own.uncounted = 1, true
	}
	return err
}

// numeric reports whether elements are numbers.
func numeric(d tensor.DType) bool {
	classes := []tensor.Class{tensor.ClassBool, tensor.ClassInt, tensor.ClassUint, tensor.ClassFloat, tensor.ClassComplex}
	return d.Known() && slices.Contains(classes, d.Class)
}
