package column

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"sync"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/floats"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Reader gives the elements of tensors side by side, as columns of a table, to
// those who write one.
type Reader struct {
	Rows   int64   // elements along axis 0, the same of all; 1 of rank 0
	Widths []int64 // of a row of each
	Kinds  []Kind
	src    []convert.Source
	floats []func(b []byte, x float64) []byte
}

// NewReader looks at tensors, dense ones of whole units and strings, without
// reading an element. Errors are of kind tensor.ErrUnsupported. name is that of the format.
func NewReader(name string, src []convert.Source) (*Reader, error) {
	r := &Reader{src: src}
	bad := func(t convert.Source, field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
	}
	for i, t := range src {
		kind := Text
		layout, _, composite := t.Composite()
		switch d := t.DType(); {
		case composite && layout != format.LayoutString:
			return nil, bad(t, "layout", cmp.Or(format.LayoutName(layout), strconv.Itoa(int(layout))), "a dense tensor or strings")
		case composite:
		case d.UnitElems != 1:
			return nil, bad(t, "dtype", d.String(), "one of whole bytes")
		case d.Class == tensor.ClassBool:
			kind = Bool
		case d.Class == tensor.ClassInt:
			kind = Int
		case d.Class == tensor.ClassUint:
			kind = Uint
		case d.Class == tensor.ClassFloat:
			kind = Float
		case d.Class == tensor.ClassBytes && d.Variant != tensor.VariantOpaque:
		default:
			return nil, bad(t, "dtype", d.String(), "bools, integers, floats or text")
		}
		rows, width := int64(1), int64(1)
		for axis, n := range t.Shape() {
			if axis == 0 {
				rows = n
			} else {
				width *= n // of elements, so it cannot overflow unless one is 0
			}
		}
		if i > 0 && rows != r.Rows {
			return nil, bad(t, "rows", strconv.FormatInt(rows, 10), fmt.Sprintf("%d, as %s has", r.Rows, tensor.Quote(src[0].As)))
		}
		if width > 1<<24 {
			return nil, bad(t, "elements of a row", strconv.FormatInt(width, 10), fmt.Sprintf("at most %d", 1<<24))
		}
		r.Rows = rows
		r.Widths, r.Kinds, r.floats = append(r.Widths, width), append(r.Kinds, kind), append(r.floats, floats.Appender(t.DType()))
	}
	return r, nil
}

// Blocks gives the rows in bounded memory. Pieces are good until the next block;
// of a column with a width w they have w values for each row.
func (r *Reader) Blocks(ctx context.Context) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		var ends []*io.PipeReader
		defer func() {
			cancel()
			for _, e := range ends {
				e.Close()
			}
			wg.Wait()
		}()
		elements := int64(1) // of a row
		for _, w := range r.Widths {
			elements += w
		}
		step := max(1, (1<<18)/elements)
		size := int(max(4<<10, min(256<<10, (16<<20)/int64(len(r.src)+1))))
		open := func(t *convert.Tensor) *bufio.Reader {
			in, out := io.Pipe()
			ends = append(ends, in)
			wg.Go(func() { out.CloseWithError(t.WriteCOrder(ctx, out)) })
			return bufio.NewReaderSize(in, size)
		}
		columns := make([]reading, len(r.src))
		for i, t := range r.src {
			c := &columns[i]
			c.kind, c.dtype, c.width, c.name = r.Kinds[i], t.DType(), r.Widths[i], t.As
			if _, _, ok := t.Composite(); !ok {
				c.in = open(t.Tensor)
				continue
			}
			offsets, err := t.Part(format.RoleOffsets)
			if err == nil {
				var text *convert.Tensor
				if text, err = t.Part(format.RoleBytes); err == nil {
					c.in, c.offsets, c.dtype, c.left = open(text), open(offsets), offsets.DType(), text.NumElements()
					err = c.begin()
				}
			}
			if err != nil {
				yield(Block{}, err)
				return
			}
		}
		out := Block{Pieces: make([]Piece, len(columns))}
		for at := int64(0); at < r.Rows; at += step {
			out.Rows = int(min(step, r.Rows-at))
			for i := range columns {
				if err := columns[i].read(out.Rows, &out.Pieces[i]); err != nil {
					yield(Block{}, err)
					return
				}
			}
			if !yield(out, nil) {
				return
			}
		}
		for i := range columns { // whose end may be an error
			for _, in := range []*bufio.Reader{columns[i].in, columns[i].offsets} {
				if in == nil {
					continue
				}
				if _, err := in.Peek(1); err != io.EOF {
					yield(Block{}, err)
					return
				}
			}
		}
	}
}

// AppendValue appends value i of a piece of column c: numbers with the digits
// that their dtype needs.
func (r *Reader) AppendValue(b []byte, c int, p *Piece, i int) []byte {
	if p.Kind == Float {
		return r.floats[c](b, math.Float64frombits(p.Words[i]))
	}
	return p.appendText(b, i)
}

// reading is a tensor that is read.
type reading struct {
	kind    Kind
	dtype   tensor.DType // of the elements, or of offsets
	width   int64
	name    string
	in      *bufio.Reader
	offsets *bufio.Reader // of strings
	before  int64         // the offset that was read last
	left    int64         // bytes of strings
	index   int64         // of the next string
	raw     []byte
	wide    tensor.View
}

// read reads some rows.
func (c *reading) read(rows int, p *Piece) error {
	n := rows * int(c.width)
	*p = Piece{Kind: c.kind, Len: n, Bytes: p.Bytes[:0], Ends: p.Ends[:0]}
	if c.offsets != nil {
		return c.strings(n, p)
	}
	size := n * int(c.dtype.UnitBytes)
	if len(c.raw) < size {
		c.raw = make([]byte, size)
	}
	if _, err := io.ReadFull(c.in, c.raw[:size]); err != nil {
		return err
	}
	v, err := tensor.NewView(c.raw[:size], c.dtype, tensor.Shape{int64(n)}, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	if c.kind == Text {
		for i := range n {
			s, err := v.StringAt(int64(i))
			if err != nil {
				return err
			}
			p.Bytes = append(p.Bytes, s...)
			p.Ends = append(p.Ends, uint32(len(p.Bytes)))
		}
		return nil
	}
	if c.kind == Bool {
		p.Words = make([]uint64, n)
		for i, b := range c.raw[:size] {
			p.Words[i] = uint64(b)
		}
		return nil
	}
	if c.wide.NumElements() < int64(n) || c.wide.Rank() == 0 {
		if c.wide, err = tensor.Make(c.kind.dtype(), tensor.Shape{int64(n)}); err != nil {
			return err
		}
	}
	w, err := c.wide.Slice(0, 0, int64(n), 1)
	if err == nil {
		err = tensor.Cast(w, v)
	}
	if err != nil {
		return err
	}
	b, err := w.Bytes()
	if err == nil {
		p.Words, _ = cast.Slice[uint64](b)
	}
	return err
}

// begin reads the first offset.
func (c *reading) begin() error {
	at, err := c.offset()
	if err == nil && at != 0 {
		err = c.corrupt("offset "+strconv.FormatInt(at, 10), "0")
	}
	return err
}

func (c *reading) corrupt(got, want string) error {
	return &tensor.Error{Kind: tensor.ErrCorrupt, Tensor: c.name, Offset: -1, Field: fmt.Sprintf("string %d", c.index), Got: got, Want: want, Rule: format.RuleLayoutPointer}
}

// offset reads an offset of any index dtype; one beyond 63 bits is negative.
func (c *reading) offset() (int64, error) {
	n := int(c.dtype.UnitBytes)
	var b [8]byte
	if _, err := io.ReadFull(c.offsets, b[:n]); err != nil {
		return 0, err
	}
	var v uint64
	for i := range n {
		v |= uint64(b[i]) << (8 * i)
	}
	if c.dtype.Class == tensor.ClassInt {
		shift := 64 - 8*n
		v = uint64(int64(v<<shift) >> shift)
	}
	return int64(v), nil
}

// maxText is the longest string that is written.
const maxText = 1 << 30

// strings reads n strings.
func (c *reading) strings(n int, p *Piece) error {
	for range n {
		end, err := c.offset()
		if err != nil {
			return err
		}
		size := end - c.before
		switch {
		case end < c.before || size > c.left:
			return c.corrupt(fmt.Sprintf("offsets %d, %d", c.before, end), fmt.Sprintf("an end from %d to %d", c.before, c.before+c.left))
		case size > maxText || int64(len(p.Bytes))+size > maxBytes:
			return &tensor.Error{Kind: tensor.ErrLimit, Tensor: c.name, Offset: -1, Field: fmt.Sprintf("string %d", c.index), Got: fmt.Sprintf("%d bytes", size), Want: fmt.Sprintf("at most %d", maxText)}
		}
		c.before, c.left = end, c.left-size
		c.index++
		at := len(p.Bytes)
		p.Bytes = append(p.Bytes, make([]byte, size)...)
		if _, err := io.ReadFull(c.in, p.Bytes[at:]); err != nil {
			return err
		}
		p.Ends = append(p.Ends, uint32(len(p.Bytes)))
	}
	return nil
}
