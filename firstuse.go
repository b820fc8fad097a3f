package tensorfile

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/mmap"
)

// check is what is known of a storage's payload under VerifyOnFirstUse.
type check struct {
	sync.Mutex // so that it is looked at by one at a time
	done       atomic.Bool
	err        error
}

func (c *check) set(err error) {
	if !c.done.Load() {
		c.err = err
		c.done.Store(true)
	}
}

// checkOf returns what is known of t's payload, or nil if there is nothing to
// check, or it is checked while it is decoded.
func (f *File) checkOf(t *Tensor) *check {
	if f.opts.Verify != VerifyOnFirstUse || f.layout != nil || t.st.Kind != StorageRaw {
		return nil
	}
	x, _ := f.checked.LoadOrStore(t.st.ID, new(check))
	return x.(*check)
}

// verifyOnce checks the payload of t's storage when it is first used.
func (f *File) verifyOnce(t *Tensor) error {
	c := f.checkOf(t)
	if c == nil {
		return nil
	}
	if !c.done.Load() {
		c.Lock()
		defer c.Unlock()
		if !c.done.Load() {
			c.set(f.verifyPayload(t))
		}
	}
	return c.err
}

// manyBlocks are so many that it pays to share them among processors.
const manyBlocks = 8

// verifyPayload compares the payload of t with its checksums. The error is that
// of the first block that is bad.
func (f *File) verifyPayload(t *Tensor) error {
	l, err := f.m.Acquire()
	if err != nil {
		return err
	}
	defer l.Release()
	sums, err := f.blockSums(t.st.Size, t.st.block, t.st.sums)
	if err != nil {
		return located(err, f.Path(), t.name)
	}
	workers := max(1, min(runtime.GOMAXPROCS(0), len(sums)/manyBlocks))
	var (
		wg    sync.WaitGroup
		next  atomic.Int64
		mu    sync.Mutex
		first = int64(len(sums)) // bad block
	)
	work := func() {
		for {
			i := next.Add(1) - 1
			mu.Lock()
			over := i >= first
			mu.Unlock()
			if over {
				return
			}
			if e := f.verifyBlock(l, t, sums[i], i); e != nil {
				mu.Lock()
				if i < first {
					first, err = i, e
				}
				mu.Unlock()
			}
		}
	}
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return err
}

// verifyBlock compares block i of t's payload with its checksum.
func (f *File) verifyBlock(l mmap.Lease, t *Tensor, sum uint32, i int64) error {
	at := i << t.st.block
	b := block{off: t.st.Offset + at, n: min(t.st.Size-at, 1<<t.st.block), sum: sum, index: i}
	got, err := f.checksum(l, b.off, b.n)
	if err == nil && got != sum && !mutant.On("checksum of a payload") {
		err = badBlock(t.name, b, got)
	}
	return located(err, f.Path(), t.name)
}

// writeChecked writes b, which lies at offset at of t's mapped storage, while
// another goroutine compares the storage with its checksums a little ahead: no
// byte is written that was not found good. c is the storage's, not done.
func (t *Tensor) writeChecked(ctx context.Context, out io.Writer, b []byte, at int64, l mmap.Lease, c *check) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sums, err := t.f.blockSums(t.st.Size, t.st.block, t.st.sums)
	if err != nil {
		return err
	}
	good := make(chan int64, 4) // ends of pieces of the storage
	var checkErr error
	go func() {
		defer close(good)
		end := int64(0)
		for i := range sums {
			if checkErr = t.f.verifyBlock(l, t, sums[i], int64(i)); checkErr != nil {
				break
			}
			next := min(int64(i+1)<<t.st.block, t.st.Size)
			if next-end < 2*hugePage && next < t.st.Size {
				continue
			}
			end = next
			select {
			case good <- end:
			case <-ctx.Done():
				return
			}
		}
		c.Lock()
		c.set(checkErr)
		c.Unlock()
	}()
	var writeErr error
	done := int64(0)
	for end := range good {
		n := min(end-at, int64(len(b)))
		if writeErr != nil || n <= done {
			continue
		}
		writeErr = l.Guard(func() error {
			_, err := out.Write(b[done:n])
			return err
		})
		if done = n; writeErr != nil {
			cancel()
		}
	}
	if writeErr == nil {
		writeErr = ctx.Err()
	}
	if writeErr == nil {
		writeErr = checkErr
	}
	return writeErr
}
