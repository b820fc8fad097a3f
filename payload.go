package tensorfile

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/watch"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// sums collects the checksums of a payload block by block as its bytes go by.
type sums struct {
	block int64 // size of a block
	list  []uint32
	cur   uint32
	n     int64 // bytes of the current block so far
}

func newSums(size int64, exp uint8) *sums {
	// The list grows with the bytes that come: a size is only a claim yet.
	return &sums{block: 1 << exp, list: make([]uint32, 0, min(size>>exp+1, 1<<16))}
}

func (s *sums) add(p []byte) {
	for len(p) > 0 {
		m := min(int64(len(p)), s.block-s.n)
		s.cur = format.UpdateChecksum(s.cur, p[:m])
		s.n, p = s.n+m, p[m:]
		if s.n == s.block {
			s.end()
		}
	}
}

func (s *sums) end() {
	s.list = append(s.list, s.cur)
	s.cur, s.n = 0, 0
}

func (s *sums) finish() []uint32 {
	if s.n > 0 {
		s.end()
	}
	return s.list
}

// source gives the bytes of a payload piece by piece. next may return memory
// of the source, or fill buf, which has room for n bytes, with the next n.
// guard runs a function that touches such memory and turns a fault, or a system
// call's "bad address", into an error.
type source interface {
	next(n int, buf func() []byte) ([]byte, error)
	guard(fn func() error) error
}

// readerSource reads from an io.Reader.
type readerSource struct{ r io.Reader }

func (s readerSource) next(n int, buf func() []byte) ([]byte, error) {
	b := buf()[:n]
	_, err := io.ReadFull(s.r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = &Error{Kind: ErrTruncated, Offset: -1, Field: "payload", Got: "fewer bytes", Want: "as many as the tensor has"}
	}
	return b, err
}

func (readerSource) guard(fn func() error) error { return guarded(fn) }

// bytesSource hands out memory. It may be a mapping.
type bytesSource struct{ b []byte }

func (*bytesSource) guard(fn func() error) error { return guarded(fn) }

func (s *bytesSource) next(n int, _ func() []byte) ([]byte, error) {
	p := s.b[:n]
	s.b = s.b[n:]
	return p, nil
}

// mapSource hands out a part of a mapped file; its errors name that file.
type mapSource struct {
	bytesSource
	m     *mmap.Map
	lease mmap.Lease
	off   int64 // of the part in the file
	done  int64 // of the part, of the one goroutine that calls next
}

// next maps the pages of a large piece in one call: a fault for every few of
// them takes longer than copying what they hold.
func (s *mapSource) next(n int, _ func() []byte) ([]byte, error) {
	if n >= populateBytes {
		if err := s.m.Advise(s.off+s.done, int64(n), mmap.Populate); err != nil {
			return nil, err
		}
	}
	s.done += int64(n)
	return s.bytesSource.next(n, nil)
}

// populateBytes is the least that is worth a system call to map it.
const populateBytes = 256 << 10

func (s *mapSource) guard(fn func() error) error {
	return s.m.FaultError(s.lease.Guard(fn), s.off)
}

// payload writes size bytes from src to out and returns their block sums.
// Large payloads are read and summed in a second goroutine while the pieces
// before are written.
func payload(ctx context.Context, out *stream, src source, size int64, exp uint8) ([]uint32, error) {
	if b, ok := src.(*bytesSource); ok && size <= 1<<exp && size <= hugePage {
		var sum uint32
		err := guarded(func() error {
			_, err := out.Write(b.b[:size])
			sum = format.Checksum(b.b[:size]) // while the disk may work already
			return err
		})
		watch.Add(ctx, size)
		return []uint32{sum}, err
	}
	s := newSums(size, exp)
	if size <= hugePage {
		err := src.guard(func() error {
			b, err := src.next(int(size), func() []byte { return make([]byte, size) })
			if err == nil {
				s.add(b)
				_, err = out.Write(b)
			}
			return err
		})
		watch.Add(ctx, size)
		return s.finish(), err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const depth = 3
	type piece struct {
		b    []byte
		back []byte // buffer to give back
	}
	free := make(chan []byte, depth)
	for range depth {
		free <- nil
	}
	pieces := make(chan piece, depth)
	var readErr error
	off, left := out.off, size
	most := int64(256 << 10) // of a piece: the first are small, for the writer waits for them
	go func() {
		defer close(pieces)
		readErr = src.guard(func() error {
			for left > 0 {
				// Pieces end where the stream writes, so most need no copy.
				n := min(left, most-off%most)
				most = min(2*most, 2*hugePage)
				var buf []byte
				select {
				case buf = <-free:
				case <-ctx.Done():
					return ctx.Err()
				}
				b, err := src.next(int(n), func() []byte {
					if buf == nil {
						buf = make([]byte, 2*hugePage)
					}
					return buf
				})
				if err != nil {
					return err
				}
				s.add(b)
				select {
				case pieces <- piece{b, buf}:
				case <-ctx.Done():
					return ctx.Err()
				}
				off, left = off+n, left-n
			}
			return nil
		})
	}()
	var writeErr error
	for p := range pieces {
		if writeErr != nil {
			continue
		}
		if writeErr = ctx.Err(); writeErr == nil {
			writeErr = src.guard(func() error { _, err := out.Write(p.b); return err })
			watch.Add(ctx, int64(len(p.b)))
		}
		if writeErr != nil {
			cancel()
		}
		free <- p.back
	}
	if writeErr == nil {
		writeErr = readErr
	}
	return s.finish(), writeErr
}

// guarded runs fn and turns a fault on a mapping that a caller gave us, whose
// file was cut short, into an error.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			a, ok := r.(interface {
				error
				Addr() uintptr
			})
			if !ok {
				panic(r)
			}
			if err = mmap.Caught(r); err != nil {
				return
			}
			err = &Error{Kind: ErrChanged, Offset: -1, Field: "source memory", Got: fmt.Sprintf("a fault at %#x", a.Addr()), Want: "a file that stays as it is while it is mapped"}
		}
	}()
	return fn()
}

// compact describes a copy of a strided view that keeps the order of its axes
// in memory, C, Fortran or any other, and leaves out what is not reached: no
// gaps, no negative strides, and an axis that is broadcast stays so.
type compact struct {
	axes    []int          // of the view, outermost in memory first; nil: as they are
	shape   tensor.Shape   // of the copy, by axes; broadcast axes have extent 1
	strides tensor.Strides // of the tensor on the copy, in the view's order of axes
	size    int64
}

func compactOf(d tensor.DType, shape tensor.Shape, strides tensor.Strides) (compact, error) {
	if dense(d, shape, strides) {
		st, err := tensor.Contiguous(d, shape)
		if err != nil {
			return compact{}, err
		}
		size, err := tensor.ByteSize(d, shape)
		return compact{shape: shape, strides: st, size: size}, err
	}
	n := len(shape)
	c := compact{axes: make([]int, n), strides: make(tensor.Strides, n)}
	for i := range c.axes {
		c.axes[i] = i
	}
	free := n
	if d.Packed() {
		free = n - 1 // the packed axis stays last
	}
	key := func(axis int) int64 {
		if shape[axis] < 2 || strides[axis] == 0 {
			return -1 // has no say in the order
		}
		return max(strides[axis], -strides[axis])
	}
	// Insertion sort, stable: few axes. Those without a say stay in place, and
	// the others change places across them.
	var places [tensor.MaxRank]int
	m := 0
	for i := range max(free, 0) {
		if key(i) < 0 {
			continue
		}
		places[m] = i
		m++
		for j := m - 1; j > 0; j-- {
			a, b := places[j-1], places[j]
			if key(c.axes[a]) >= key(c.axes[b]) {
				break
			}
			c.axes[a], c.axes[b] = c.axes[b], c.axes[a]
		}
	}
	c.shape = make(tensor.Shape, n)
	for i, axis := range c.axes {
		c.shape[i] = shape[axis]
		if shape[axis] > 1 && strides[axis] == 0 {
			c.shape[i] = 1
		}
	}
	st, err := tensor.Contiguous(d, c.shape)
	if err != nil {
		return c, err
	}
	for i, axis := range c.axes {
		if c.shape[i] == shape[axis] {
			c.strides[axis] = st[i]
		}
	}
	c.size, err = tensor.ByteSize(d, c.shape)
	return c, err
}

// dense reports whether strides are C order without gaps.
func dense(d tensor.DType, shape tensor.Shape, strides tensor.Strides) bool {
	want := int64(d.UnitBytes)
	for i := len(shape) - 1; i >= 0; i-- {
		n := shape[i]
		if i == len(shape)-1 && d.Packed() {
			n = (n + int64(d.UnitElems) - 1) / int64(d.UnitElems)
		}
		if n == 1 {
			continue
		}
		if strides[i] != want {
			return false
		}
		want *= n
	}
	return true
}

// cut is the part of v that the copy holds.
func (c compact) cut(v tensor.View) (tensor.View, error) {
	if c.axes == nil {
		return v, nil
	}
	v, err := v.Permute(c.axes...)
	for i := 0; err == nil && i < len(c.shape); i++ {
		if v.Shape()[i] != c.shape[i] {
			v, err = v.Slice(i, 0, 1, 1)
		}
	}
	return v, err
}
