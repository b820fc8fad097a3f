package loader

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/tensor"
)

// A Batch is some samples of all sources. What its fields refer to is borrowed:
// valid until the body of the loop ends or is left, unless Keep was called.
type Batch struct {
	Epoch int64 // from 0
	Index int64 // in the epoch, from 0
	// Views are the elements by source, in C order and the machine's byte order.
	// They may be written to.
	Views []tensor.View
	// Samples are the numbers of the samples along the axes of the tensors.
	Samples []int64
	// Lost is how many samples were left out because of damage, Damage why: each
	// damaged chunk once.
	Lost   int64
	Damage []error

	buf   *buffer
	times int64
}

// Len is the number of samples.
func (b Batch) Len() int { return len(b.Samples) }

// Keep makes the batch the caller's: its memory is not used again, and the
// loader takes new memory for the next ones, which Options.Memory does not
// count. It must be called before the body of the loop ends.
func (b Batch) Keep() {
	b.check("Keep")
	b.buf.kept = true
}

// check catches a late call in the invariants build.
func (b Batch) check(method string) {
	if checked && (b.buf == nil || b.times != b.buf.times.Load()) {
		panic(fmt.Sprintf("loader: Batch.%s of batch %d of epoch %d after its iteration", method, b.Index, b.Epoch))
	}
}

// A buffer is the memory of a batch that is being made, ready or in use.
type buffer struct {
	batch   Batch
	targets []target
	views   []tensor.View
	samples []int64
	times   atomic.Int64 // that it was used
	kept    bool

	pending atomic.Int64  // pieces under way, and one for the dealer
	ready   chan struct{} // has room for one
	rows    int64
	after   position

	mu  sync.Mutex
	err error
}

func newBuffer(l *Loader) *buffer {
	return &buffer{targets: make([]target, len(l.columns)), ready: make(chan struct{}, 1)}
}

// begin makes the buffer ready for a batch of n samples.
func (b *buffer) begin(l *Loader, epoch, index, n int64) error {
	if b.samples == nil {
		b.samples, b.views = make([]int64, l.o.Batch), make([]tensor.View, len(l.columns))
	}
	b.batch = Batch{Epoch: epoch, Index: index, buf: b, times: b.times.Load()}
	b.err, b.kept = nil, false
	b.pending.Store(1)
	for i, c := range l.columns {
		t := &b.targets[i]
		if t.mem == nil {
			t.mem = newMemory(roundUp(l.o.Batch * c.outBytes))
		}
		if t.n != n || t.strides == nil {
			if err := c.prepare(t, n); err != nil {
				return c.located(err)
			}
		}
	}
	return nil
}

// roundUp makes room for whole elements of any kind.
func roundUp(n int64) int64 { return (n + 63) &^ 63 }

func (b *buffer) fail(err error) {
	b.mu.Lock()
	if b.err == nil {
		b.err = err
	}
	b.mu.Unlock()
}

func (b *buffer) done() {
	if b.pending.Add(-1) == 0 {
		b.ready <- struct{}{}
	}
}

// finish makes the batch of the rows, when all are filled.
func (b *buffer) finish(l *Loader) error {
	for i, c := range l.columns {
		v, err := c.view(&b.targets[i], b.rows)
		if err != nil {
			return c.located(err)
		}
		b.views[i] = v
	}
	b.batch.Views, b.batch.Samples = b.views, b.samples[:b.rows]
	return nil
}

// recycle ends the life of the batch.
func (b *buffer) recycle() {
	b.times.Add(1)
	if b.kept {
		for i := range b.targets {
			b.targets[i] = target{}
		}
		b.samples, b.views = nil, nil
		return
	}
	for i := range b.targets {
		t := &b.targets[i]
		if t.mem = reuse(t.mem); t.mem == nil {
			*t = target{}
		}
	}
	if checked {
		clear(b.views)
		for i := range b.samples {
			b.samples[i] = -1
		}
	}
}
