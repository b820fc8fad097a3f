package idx

import (
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"math"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

func writeGzip(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	head, err := plan(src, "idx.gz")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(w)
	if err := writeArray(ctx, z, head, src[0]); err != nil {
		return err
	}
	return z.Close()
}

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	head, err := plan(src, "idx")
	if err != nil {
		return err
	}
	return writeArray(ctx, w, head, src[0])
}

// plan makes the header of what is to be written, or says why it cannot be.
func plan(src []convert.Source, name string) ([]byte, error) {
	bad := func(field, got, want string) error {
		e := &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Offset: -1, Field: field, Got: got, Want: want}
		if len(src) == 1 {
			e.Tensor = src[0].As
		}
		return e
	}
	if len(src) != 1 {
		return nil, bad("tensors", strconv.Itoa(len(src)), "one (choose it by name)")
	}
	t := src[0]
	if layout, _, ok := t.Composite(); ok {
		return nil, bad("layout", cmp.Or(format.LayoutName(layout), strconv.Itoa(int(layout))), "a dense tensor")
	}
	shape := t.Shape()
	if len(shape) == 0 {
		return nil, bad("rank", "0", "1 to "+strconv.Itoa(tensor.MaxRank))
	}
	head := []byte{0, 0, 0, byte(len(shape))}
	for code, d := range codes {
		if d == t.DType() {
			head[2] = code
		}
	}
	if head[2] == 0 {
		return nil, bad("dtype", t.DType().String(), "u8, i8, i16, i32, f32 or f64 (convert with --dtype)")
	}
	for axis, n := range shape {
		if n > math.MaxUint32 {
			return nil, bad("dimension "+strconv.Itoa(axis), count(n), "below 2^32")
		}
		head = binary.BigEndian.AppendUint32(head, uint32(n))
	}
	return head, nil
}

func writeArray(ctx context.Context, w io.Writer, head []byte, t convert.Source) error {
	if _, err := w.Write(head); err != nil {
		return err
	}
	if t.DType().UnitBytes == 1 {
		return t.WriteCOrder(ctx, w)
	}
	s := &swapper{w: w, dtype: t.DType(), in: make([]byte, 0, swapSize), out: make([]byte, swapSize)}
	if err := t.WriteCOrder(ctx, s); err != nil {
		return err
	}
	return s.flush()
}

const swapSize = 64 << 10

// swapper turns elements from little- to big-endian.
type swapper struct {
	w       io.Writer
	dtype   tensor.DType
	in, out []byte
}

func (s *swapper) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := copy(s.in[len(s.in):cap(s.in)], p)
		s.in = s.in[:len(s.in)+n]
		p = p[n:]
		written += n
		if len(s.in) == cap(s.in) {
			if err := s.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// flush writes what is there, which is whole elements.
func (s *swapper) flush() error {
	shape := tensor.Shape{int64(len(s.in) / int(s.dtype.UnitBytes))}
	from, err := tensor.NewView(s.in, s.dtype, shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	to, err := tensor.NewView(s.out, s.dtype, shape, nil, 0, tensor.BigEndian)
	if err != nil {
		return err
	}
	if err := tensor.Copy(to, from); err != nil {
		return err
	}
	_, err = s.w.Write(s.out[:len(s.in)])
	s.in = s.in[:0]
	return err
}
