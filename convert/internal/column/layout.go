package column

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Source gives the rows of a table once, with the columns of want. It is
// called whenever a tensor is read, by any number of goroutines.
type Source func(ctx context.Context, want []int) iter.Seq2[Block, error]

// Options are what tensors are made with.
type Options struct {
	Rule   convert.Missing
	Format string // of the file, for errors
	Codec  string // what storages are called: "text"
	Stored int64  // bytes that all take together in the file
	Rows   int64
}

// Valid is the end of the name of a tensor that says which values another has.
const Valid = ".valid"

// maker adds tensors to a layout.
type maker struct {
	l    *convert.Layout
	from Source
	o    Options
}

// Layout adds a tensor for each column to l, of rank 1 and the shape of a row
// behind it.
func Layout(l *convert.Layout, columns []Column, from Source, o Options) error {
	m := &maker{l, from, o}
	for i := range columns {
		c := &columns[i]
		shape := append(tensor.Shape{o.Rows}, c.Shape...)
		n, err := shape.NumElements()
		if err != nil {
			return err
		}
		kind, want, width := Final(c.Kind, c.Missing, o.Rule), []int{i}, c.width()
		switch kind {
		case Text, Blob:
			m.texts(c, shape, n, want)
		default:
			d := kind.dtype()
			size, err := tensor.ByteSize(d, shape)
			if err != nil {
				return err
			}
			var out []byte
			m.add(convert.LayoutTensor{Name: c.Name, DType: d, Shape: shape, Order: tensor.HostOrder, Storage: m.storage(size, want, func() func(Block) ([]byte, error) {
				return func(b Block) (_ []byte, err error) {
					p, err := m.piece(b, 0, c, kind, width)
					if err != nil || kind != Bool {
						return cast.Bytes(p.Words), err
					}
					out = out[:0]
					for _, w := range p.Words {
						out = append(out, byte(w))
					}
					return out, nil
				}
			})})
		}
		if o.Rule == convert.MissingMask && c.Missing > 0 {
			m.valid(c.Name, shape, want, width)
		}
	}
	return nil
}

func (m *maker) add(t convert.LayoutTensor) { m.l.Tensors = append(m.l.Tensors, t) }

// piece is what column c, number i of a block, has there, in its final kind and
// length.
func (m *maker) piece(b Block, i int, c *Column, k Kind, width int64) (Piece, error) {
	p := b.Pieces[i]
	n := int64(b.Rows) * width
	if c.Missing == 0 && (p.Kind == None && n > 0 || bytes.IndexByte(p.Valid, 0) >= 0) {
		return p, m.changed()
	}
	if p.Kind == None {
		if n > math.MaxInt {
			return p, m.changed()
		}
		p.Len, p.Valid = int(n), nil
	}
	if int64(p.Len) != n || Join(p.Kind, k) != k && !(p.Kind == Bool && k == Float) {
		return p, m.changed()
	}
	if p.Kind != k {
		p = p.cloned()
		p.Convert(k)
	}
	return p, nil
}

func (m *maker) changed() error {
	return &tensor.Error{Kind: tensor.ErrChanged, Format: m.o.Format, Offset: -1, Field: "table", Got: "other values", Want: "those that were there when it was opened"}
}

// storage adds one of size bytes. each makes a function that turns blocks, in
// order, into bytes that are good until it is called again.
func (m *maker) storage(size int64, want []int, each func() func(Block) ([]byte, error)) int {
	if size == 0 {
		return -1
	}
	m.l.Storages = append(m.l.Storages, convert.LayoutStorage{
		Size: size, Codec: m.o.Codec, StoredSize: m.o.Stored,
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			next, stop := iter.Pull2(m.from(ctx, want))
			return &stream{m: m, next: next, stop: stop, bytes: each(), left: size}, nil
		},
	})
	m.o.Stored = 0 // the text is that of all, and counted once
	return len(m.l.Storages) - 1
}

// stream reads the bytes of a storage.
type stream struct {
	m     *maker
	next  func() (Block, error, bool)
	stop  func()
	bytes func(Block) ([]byte, error)
	rest  []byte
	left  int64
	err   error
}

func (s *stream) Read(p []byte) (n int, err error) {
	for len(s.rest) == 0 && s.err == nil && len(p) > 0 {
		b, err, ok := s.next()
		switch {
		case !ok && s.left > 0:
			s.err = s.m.changed()
		case !ok:
			s.err = io.EOF
		case err != nil:
			s.err = err
		default:
			if s.rest, s.err = s.bytes(b); int64(len(s.rest)) > s.left {
				s.rest, s.err = nil, s.m.changed()
			}
			s.left -= int64(len(s.rest))
		}
	}
	if len(s.rest) == 0 && len(p) > 0 {
		return 0, s.err
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *stream) Close() error {
	s.stop()
	s.rest, s.err = nil, tensor.ErrClosed
	return nil
}

// texts adds a tensor of strings, or of rows of bytes.
func (m *maker) texts(c *Column, shape tensor.Shape, n int64, want []int) {
	index, kind, width := tensor.I32, Final(c.Kind, c.Missing, m.o.Rule), c.width()
	if c.Bytes > math.MaxInt32 {
		index = tensor.I64
	}
	t := convert.LayoutTensor{Name: c.Name, Shape: shape, Layout: format.LayoutString, Sound: true}
	role := format.RoleBytes
	if kind == Blob {
		t.Layout, t.DType, role = format.LayoutRagged, tensor.U8, format.RoleValues
		t.Shape = append(shape, c.Longest)
	}
	offsets := m.storage((n+1)*int64(index.UnitBytes), want, func() func(Block) ([]byte, error) {
		ends := func(b Block) ([]uint32, int, error) {
			p, err := m.piece(b, 0, c, kind, width)
			return p.Ends, len(p.Bytes), err
		}
		if index == tensor.I32 {
			return offsetsOf[uint32](ends)
		}
		return offsetsOf[uint64](ends)
	})
	if n == 0 { // no block comes, but an offset
		m.l.Storages[offsets].Open = func(context.Context) (io.ReadCloser, error) {
			return &stream{m: m, stop: func() {}, next: func() (Block, error, bool) { return Block{}, nil, false }, rest: make([]byte, index.UnitBytes)}, nil
		}
	}
	bytes := m.storage(c.Bytes, want, func() func(Block) ([]byte, error) {
		return func(b Block) ([]byte, error) {
			p, err := m.piece(b, 0, c, kind, width)
			return p.Bytes, err
		}
	})
	t.Parts = []convert.LayoutTensor{
		{Name: format.RoleOffsets, Storage: offsets, DType: index, Shape: tensor.Shape{n + 1}, Order: tensor.HostOrder},
		{Name: role, Storage: bytes, DType: tensor.U8, Shape: tensor.Shape{c.Bytes}},
	}
	m.add(t)
}

// offsetsOf makes offsets of the ends of pieces, which begin at 0 each, with a 0
// before the first.
func offsetsOf[T uint32 | uint64](ends func(Block) ([]uint32, int, error)) func(Block) ([]byte, error) {
	var out []T
	at, first := T(0), true
	return func(b Block) ([]byte, error) {
		list, size, err := ends(b)
		out = slices.Grow(out[:0], len(list)+1)
		if first {
			out, first = append(out, 0), false
		}
		for _, end := range list {
			out = append(out, at+T(end))
		}
		at += T(size)
		return cast.Bytes(out), err
	}
}

// valid adds the tensor that says which values the columns of want have.
func (m *maker) valid(name string, shape tensor.Shape, want []int, width int64) {
	size := int64(1)
	for _, e := range shape {
		size *= e
	}
	m.add(convert.LayoutTensor{Name: name + Valid, DType: tensor.Bool, Shape: shape, Storage: m.storage(size, want, func() func(Block) ([]byte, error) {
		var out []byte
		return func(b Block) ([]byte, error) {
			columns := len(want)
			n := b.Rows * int(width)
			if len(out) < n*columns {
				out = make([]byte, n*columns)
			}
			for i, p := range b.Pieces {
				for k := range n {
					x := byte(1)
					if p.missing(k) {
						x = 0
					}
					out[k*columns+i] = x
				}
			}
			return out[:n*columns], nil
		}
	})})
}

// Matrix adds one tensor of rank 2 to l: a row for each of the table, of the
// least kind that holds the values of all columns.
func Matrix(l *convert.Layout, name string, columns []Column, from Source, o Options) error {
	m := &maker{l, from, o}
	kind, missing := None, int64(0)
	want := make([]int, len(columns))
	for i := range columns {
		kind, missing, want[i] = Join(kind, columns[i].Kind), missing+columns[i].Missing, i
	}
	if kind >= Text {
		return fmt.Errorf("a matrix of %v", kind)
	}
	kind = Final(kind, missing, o.Rule)
	d, shape := kind.dtype(), tensor.Shape{o.Rows, int64(len(columns))}
	size, err := tensor.ByteSize(d, shape)
	if err != nil {
		return err
	}
	m.add(convert.LayoutTensor{Name: name, DType: d, Shape: shape, Order: tensor.HostOrder, Storage: m.storage(size, want, func() func(Block) ([]byte, error) {
		var words []uint64
		var out []byte
		return func(b Block) ([]byte, error) {
			w := len(columns)
			if len(words) < b.Rows*w {
				words = make([]uint64, b.Rows*w)
			}
			for i := range w {
				p, err := m.piece(b, i, &columns[i], kind, 1)
				if err != nil {
					return nil, err
				}
				for k, x := range p.Words {
					words[k*w+i] = x
				}
			}
			if kind != Bool {
				return cast.Bytes(words[:b.Rows*w]), nil
			}
			out = out[:0]
			for _, x := range words[:b.Rows*w] {
				out = append(out, byte(x))
			}
			return out, nil
		}
	})})
	if missing > 0 && o.Rule == convert.MissingMask {
		m.valid(name, shape, want, 1)
	}
	return nil
}
