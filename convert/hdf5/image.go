package hdf5

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// image is a dataset in chunks. It is safe for concurrent use.
type image struct {
	*grid
	fill []byte // of an element that was never written; nil: zeros

	mu     sync.Mutex
	loaded bool
	list   []chunkAt
	err    error
}

// chunks reads the index when it is first needed.
func (m *image) chunks() ([]chunkAt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loaded {
		m.list, m.err = m.load()
		m.loaded = !errors.Is(m.err, tensor.ErrIO) // what cannot be read now may be later
	}
	return m.list, m.err
}

// size is the bytes of all elements.
func (m *image) size() int64 {
	n, _ := product(append([]int64{m.elem}, m.shape...)...)
	return n
}

// stored is the bytes that the chunks take of the file.
func (m *image) stored() (n int64, err error) {
	list, err := m.chunks()
	for _, c := range list {
		n += c.size
	}
	if m.layout.index == indexImplicit && m.layout.addr != none {
		n, _ = product(m.raw, m.total)
	}
	return n, err
}

// lookup finds a chunk; false if it was never written.
func (m *image) lookup(number int64) (chunkAt, bool, error) {
	list, err := m.chunks()
	if err != nil {
		return chunkAt{}, false, err
	}
	c, ok := m.find(list, number)
	return c, ok, nil
}

// decode decodes a chunk to dst, whole: also what lies past the extents.
func (m *image) decode(c chunkAt, dst []byte) error {
	at := m.f.place(c.addr)
	if m.plain(c.number, c.mask) {
		_, err := m.f.in.ReadAt(dst, at)
		return inChunk(ioError(err, at, "chunk"), c.number)
	}
	w := works.Get().(*work)
	defer works.Put(w)
	stored := room(&w.stored, c.size)
	if _, err := m.f.in.ReadAt(stored, at); err != nil {
		return inChunk(ioError(err, at, "chunk"), c.number)
	}
	if err := undo(m.filters, c.mask, m.elem, dst, stored, w); err != nil {
		if e, ok := err.(*tensor.Error); ok && e.Offset < 0 {
			e.Offset = at
		}
		return inChunk(err, c.number)
	}
	return nil
}

// read decodes what of a chunk lies inside the extents to dst.
func (m *image) read(number int64, dst []byte) error {
	c, ok, err := m.lookup(number)
	if err != nil {
		return err
	}
	if !ok {
		repeat(dst, m.fill)
		return nil
	}
	index := m.indexOf(number)
	n := make([]int64, len(index))
	whole := true
	for i, k := range index {
		n[i] = min(m.chunk[i], m.shape[i]-k*m.chunk[i])
		whole = whole && n[i] == m.chunk[i]
	}
	if whole {
		return m.decode(c, dst)
	}
	b := raws.Get().(*[]byte)
	defer raws.Put(b)
	src := room(b, m.raw)
	if err := m.decode(c, src); err != nil {
		return err
	}
	zero := make([]int64, len(n))
	copyBox(dst, n, zero, src, m.chunk, zero, n, m.elem)
	return nil
}

var raws = sync.Pool{New: func() any { return new([]byte) }}

// copyBox copies a box of elements from one array in C order to another, each
// with its own shape and the index where the box begins.
func copyBox(dst []byte, dstShape, dstAt []int64, src []byte, srcShape, srcAt []int64, n []int64, elem int64) {
	to, from := cOrder(dstShape, elem), cOrder(srcShape, elem)
	run := elem
	axis := len(n) // the axes from here on are copied at once
	for axis > 0 {
		axis--
		run = n[axis] * to[axis]
		if n[axis] != dstShape[axis] || n[axis] != srcShape[axis] {
			break
		}
	}
	var walk func(k int, d, s int64)
	walk = func(k int, d, s int64) {
		d, s = d+dstAt[k]*to[k], s+srcAt[k]*from[k]
		if k == axis {
			copy(dst[d:d+run], src[s:s+run])
			return
		}
		for range n[k] {
			walk(k+1, d, s)
			d, s = d+to[k], s+from[k]
		}
	}
	// Axes behind the first run begin at 0 in both.
	walk(0, 0, 0)
}

// fillBox sets a box of elements of an array in C order.
func fillBox(dst []byte, shape, at, n []int64, element []byte, elem int64) {
	to := cOrder(shape, elem)
	var walk func(k int, d int64)
	walk = func(k int, d int64) {
		d += at[k] * to[k]
		if k == len(n)-1 {
			repeat(dst[d:d+n[k]*elem], element)
			return
		}
		for range n[k] {
			walk(k+1, d)
			d += to[k]
		}
	}
	walk(0, 0)
}

// repeat fills b with an element over and over; nil are zeros.
func repeat(b, element []byte) {
	if len(element) == 0 {
		clear(b)
		return
	}
	for n := copy(b, element); n < len(b); {
		n += copy(b[n:], b[:n])
	}
}

const (
	// blockBytes is about how much a stream decodes at a time.
	blockBytes = 4 << 20
	// mostBlock bounds it where a row of chunks is larger. Chunks are then decoded
	// more than once.
	mostBlock = 32 << 20
)

// stream reads the elements in C order, rows of chunks at a time.
type stream struct {
	ctx  context.Context
	m    *image
	axis int   // blocks are rows along this axis, with one index along those before
	rows int64 // of a block
	at   []int64
	n    []int64
	end  bool

	buf, rest []byte
	last      int64 // the chunk in raw
	raw       []byte
}

func (m *image) stream(ctx context.Context) *stream {
	s := &stream{ctx: ctx, m: m, at: make([]int64, len(m.shape)), n: make([]int64, len(m.shape)), last: -1, end: m.total == 0}
	inner := m.size() // bytes of a row
	for s.axis = range m.shape {
		inner /= max(m.shape[s.axis], 1)
		if row := min(m.chunk[s.axis], m.shape[s.axis]) * inner; row <= mostBlock {
			s.rows = m.chunk[s.axis] * max(blockBytes/max(row, 1), 1)
			break
		}
		s.rows = max(mostBlock/max(inner, 1), 1)
	}
	return s
}

func (s *stream) Close() error {
	s.end, s.rest = true, nil
	return nil
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.end {
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		if err := s.block(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// block decodes the next block.
func (s *stream) block() error {
	m := s.m
	size := m.elem
	for i := range s.n {
		switch {
		case i < s.axis:
			s.n[i] = 1
		case i == s.axis:
			s.n[i] = min(s.rows, m.shape[i]-s.at[i])
		default:
			s.n[i] = m.shape[i]
		}
		size *= s.n[i]
	}
	s.rest = room(&s.buf, size)
	if err := s.fill(); err != nil {
		s.rest = nil
		return err
	}
	s.at[s.axis] += s.n[s.axis]
	for i := s.axis; s.at[i] >= m.shape[i]; i-- {
		if s.at[i] = 0; i == 0 {
			s.end = true
			break
		}
		s.at[i-1]++
	}
	return nil
}

// fill decodes the chunks that the block touches, in order.
func (s *stream) fill() error {
	m := s.m
	rank := len(m.shape)
	index, from, to, n := make([]int64, rank), make([]int64, rank), make([]int64, rank), make([]int64, rank)
	var walk func(axis int) error
	walk = func(axis int) error {
		if axis == rank {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			number, _ := m.number(index)
			if number != s.last {
				c, ok, err := m.lookup(number)
				if err != nil {
					return err
				}
				if !ok {
					fillBox(s.rest, s.n, to, n, m.fill, m.elem)
					return nil
				}
				s.last = -1
				if err := m.decode(c, room(&s.raw, m.raw)); err != nil {
					return err
				}
				s.last = number
			}
			copyBox(s.rest, s.n, to, room(&s.raw, m.raw), m.chunk, from, n, m.elem)
			return nil
		}
		end := s.at[axis] + s.n[axis]
		for k := s.at[axis] / m.chunk[axis]; k*m.chunk[axis] < end; k++ {
			first := k * m.chunk[axis]
			begin, stop := max(first, s.at[axis]), min(end, first+m.chunk[axis])
			index[axis], from[axis], to[axis], n[axis] = k, begin-first, begin-s.at[axis], stop-begin
			if err := walk(axis + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(0)
}

// constant reads size bytes of an element over and over.
type constant struct {
	element []byte
	left    int64
	phase   int
}

func (c *constant) Close() error { return nil }

func (c *constant) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), c.left)]
	if len(c.element) == 0 {
		clear(p)
	} else {
		for i := range p {
			p[i] = c.element[c.phase]
			if c.phase++; c.phase == len(c.element) {
				c.phase = 0
			}
		}
	}
	c.left -= int64(len(p))
	return len(p), nil
}
