package convert

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// largeRow is how large a row may be to be held as a whole. Tests make it
// smaller.
var largeRow int64 = 128 << 20

// window says how many rows are held, for so many bytes of the largest. 0 means
// that rows are not held at all.
func (s *set) window(largest int64) int {
	most := s.o.MaxBytes
	if most == 0 {
		most = 1 << 30
	}
	if largest > min(largeRow, most) {
		return 0
	}
	return int(min(most/max(largest, 1), 2*int64(s.workers)))
}

// rows gives the C-order bytes, little-endian, of the rows of a set, one behind
// the other. Workers make rows ahead of their turn.
type rows struct {
	s      *set
	list   []int // of files
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	order  chan *row
	free   chan []byte

	cur  *row
	rest []byte
	err  error
	at   SetProgress
}

// row is a row that is or will be made.
type row struct {
	file int
	b    []byte
	err  error
	done chan struct{}
}

// read begins to read the rows of files, of which the largest has so many bytes.
// at is how far things are.
func (s *set) read(ctx context.Context, list []int, largest int64, at SetProgress) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	r := &rows{s: s, list: list, ctx: ctx, cancel: cancel, at: at}
	held := s.window(largest)
	if held == 0 {
		return r.piecewise()
	}
	r.order, r.free = make(chan *row, held), make(chan []byte, held)
	for range held {
		r.free <- nil
	}
	work := make(chan *row)
	r.wg.Go(func() {
		defer close(r.order)
		defer close(work)
		for _, i := range list {
			x := &row{file: i, done: make(chan struct{})}
			select {
			case x.b = <-r.free:
			case <-ctx.Done():
				return
			}
			r.order <- x
			select {
			case work <- x:
			case <-ctx.Done():
				x.err = ctx.Err()
				close(x.done)
				return
			}
		}
	})
	for range min(s.workers, held) {
		r.wg.Go(func() {
			for x := range work {
				x.b, x.err = s.decode(ctx, x.file, x.b)
				close(x.done)
			}
		})
	}
	return r
}

// decode makes a row, in buf if that is large enough.
func (s *set) decode(ctx context.Context, i int, buf []byte) ([]byte, error) {
	m, err := s.again(ctx, i)
	if err != nil {
		return buf, err
	}
	defer m.close()
	n := m.r.ByteSize()
	if int64(cap(buf)) < n {
		buf = make([]byte, n, (n+63)&^63) // aligned for any element
	}
	buf = buf[:n]
	if n > 0 {
		v, err := tensor.NewView(buf, m.r.DType(), m.r.Shape(), nil, 0, tensor.LittleEndian)
		if err == nil {
			err = m.r.ReadInto(ctx, v)
		}
		if err != nil {
			return buf, ofFile(err, s.shown(i))
		}
	}
	return buf, ofFile(m.f.Check(), s.shown(i))
}

// again opens a file that was looked at, and compares the checksums that it has of
// plain bytes.
func (s *set) again(ctx context.Context, i int) (*member, error) {
	m, err := s.member(ctx, i)
	if err != nil {
		return nil, err
	}
	if was := s.forms[s.row[i]]; was.dtype != m.r.DType() || !was.shape.Equal(m.r.Shape()) {
		err = &Error{Kind: tensorfile.ErrChanged, Path: s.shown(i), Offset: -1, Field: "shape", Got: fmt.Sprintf("%v %v", m.r.DType(), m.r.Shape()), Want: fmt.Sprintf("%v %v, as before", was.dtype, was.shape)}
	} else {
		err = ofFile(new(job).sound(ctx, m.t, map[storageKey]error{}), s.shown(i))
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// Read implements io.Reader.
func (r *rows) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.cur != nil {
			r.free <- r.cur.b
			r.cur = nil
		}
		x, ok := <-r.order
		if !ok {
			if r.err = r.ctx.Err(); r.err == nil {
				r.err = io.EOF
			}
			continue
		}
		<-x.done
		if x.err != nil {
			r.err = x.err
			r.s.fail(r.ctx, x.file, x.err)
			continue
		}
		r.cur, r.rest = x, x.b
		r.given(int64(len(x.b)))
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// given notes a row.
func (r *rows) given(n int64) {
	r.at.Files++
	r.at.Bytes += n
	r.s.progress(r.at)
}

// fail notes a file that is bad, unless reading was ended.
func (s *set) fail(ctx context.Context, i int, err error) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad[i], s.failed = err, i
}

// Close ends the reading and waits for it.
func (r *rows) Close() error {
	r.cancel()
	r.wg.Wait()
	r.rest, r.cur, r.err = nil, nil, io.ErrClosedPipe
	return nil
}

// piecewise gives rows that are too large to be held: one file after the other,
// as its bytes come.
func (r *rows) piecewise() io.ReadCloser {
	in, out := io.Pipe()
	r.wg.Go(func() {
		for _, i := range r.list {
			n, err := r.s.pour(r.ctx, i, out)
			if err != nil {
				r.s.fail(r.ctx, i, err)
				out.CloseWithError(err)
				return
			}
			r.given(n)
		}
		out.Close()
	})
	return &pieces{in, r}
}

// pieces is the end of a pipe and what fills it.
type pieces struct {
	*io.PipeReader
	r *rows
}

func (p *pieces) Close() error {
	p.r.cancel()
	p.PipeReader.Close()
	p.r.wg.Wait()
	return nil
}

// pour writes a row as its bytes come.
func (s *set) pour(ctx context.Context, i int, w io.Writer) (int64, error) {
	m, err := s.again(ctx, i)
	if err != nil {
		return 0, err
	}
	defer m.close()
	if err := m.r.WriteCOrder(ctx, w); err != nil {
		return 0, ofFile(err, s.shown(i))
	}
	return m.r.ByteSize(), ofFile(m.f.Check(), s.shown(i))
}

// decodeAll decodes files to find out which of them are bad, and keeps nothing.
func (s *set) decodeAll(ctx context.Context, list []int) error {
	largest, size := int64(0), int64(0)
	for _, i := range list {
		f := s.forms[s.row[i]]
		n, err := tensor.ByteSize(f.dtype, f.shape)
		if err != nil {
			return err
		}
		largest, size = max(largest, n), size+min(n, math.MaxInt64-size)
	}
	all := len(list)
	for len(list) > 0 {
		s.failed = -1
		r := s.read(ctx, list, largest, SetProgress{Stage: Checking, Files: all - len(list), Of: all, Size: size})
		_, err := io.Copy(io.Discard, r)
		r.Close()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case s.failed < 0:
			return err
		}
		for len(list) > 0 && list[0] <= s.failed {
			list = list[1:]
		}
	}
	return nil
}
