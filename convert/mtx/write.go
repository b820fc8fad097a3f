package mtx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

func writeGzip(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	z := gzip.NewWriter(w)
	if err := write(ctx, z, src, o); err != nil {
		return err
	}
	return z.Close()
}

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	bad := func(t convert.Source, field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: "mtx", Tensor: t.As, Offset: -1, Field: field, Got: got, Want: want}
	}
	if len(src) != 1 {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: "mtx", Offset: -1, Field: "tensors", Got: strconv.Itoa(len(src)), Want: "one matrix"}
	}
	t := src[0]
	field, err := fieldOf(t.DType())
	if err != nil {
		return bad(t, "dtype", t.DType().String(), "bool, an integer, a float or a complex number")
	}
	attrs, err := t.Attrs()
	if err != nil {
		return err
	}
	comment, _ := attrs["comment"].(string)
	if layout, _, ok := t.Composite(); ok {
		if !format.IsSparse(layout) || len(t.Shape()) != 2 {
			return bad(t, "layout", sparse.Layout(layout).String()+" of shape "+t.Shape().String(), "a sparse matrix")
		}
		a, err := t.Sparse(ctx)
		if err != nil {
			return err
		}
		return writeSparse(ctx, w, a, field, comment)
	}
	shape := t.Shape()
	if len(shape) < 1 || len(shape) > 2 {
		return bad(t, "shape", shape.String(), "a matrix or a vector")
	}
	v, err := t.View()
	if err != nil {
		if v, err = t.Read(ctx); err != nil {
			return err
		}
	}
	return writeDense(ctx, w, v, field, comment)
}

// fieldOf is the field of a dtype. bool is a pattern, if all are true.
func fieldOf(d tensor.DType) (string, error) {
	switch d.Class {
	case tensor.ClassBool, tensor.ClassInt:
		return fieldInteger, nil
	case tensor.ClassUint:
		if d == tensor.U64 {
			return fieldUnsigned, nil
		}
		return fieldInteger, nil
	case tensor.ClassFloat:
		return fieldReal, nil
	case tensor.ClassComplex:
		return fieldComplex, nil
	}
	return "", tensor.ErrUnsupported
}

// head writes what stands above the entries.
func head(w io.Writer, object, field, symmetry, comment string, sizes ...int64) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s matrix %s %s %s\n", banner, object, field, symmetry)
	if comment != "" {
		for line := range strings.SplitSeq(comment, "\n") {
			if line = strings.TrimRight(line, " \r\t"); len(line) > maxLine/2 {
				line = line[:maxLine/2]
			}
			fmt.Fprintf(&b, "%%%s\n", line)
		}
	}
	for i, n := range sizes {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// entriesOf is how many entries make a piece of text that a worker writes.
const entriesOf = 32 << 10

// inOrder writes the texts that format makes of [0, n), piece by piece, made by
// all cores and written in order.
func inOrder(ctx context.Context, w io.Writer, n int64, format func(b []byte, begin, end int64) ([]byte, error)) error {
	type piece struct {
		b   []byte
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	queue := make(chan chan piece, workers)
	room := make(chan []byte, 2*workers+1)
	for range cap(room) {
		room <- nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(queue)
		for begin := int64(0); begin < n; begin += entriesOf {
			out := make(chan piece, 1)
			select {
			case queue <- out:
			case <-ctx.Done():
				return
			}
			buf := <-room
			go func() {
				b, err := format(buf[:0], begin, min(begin+entriesOf, n))
				out <- piece{b, err}
			}()
		}
	}()
	defer func() {
		cancel()
		<-done
		for out := range queue { // those that are still at work hold the source
			<-out
		}
	}()
	for out := range queue {
		p := <-out
		if p.err == nil {
			p.err = ctx.Err()
		}
		if p.err == nil {
			_, p.err = w.Write(p.b)
		}
		if p.err != nil {
			room <- p.b
			return p.err
		}
		room <- p.b
	}
	return ctx.Err()
}

func writeSparse(ctx context.Context, w io.Writer, a *sparse.Array, field, comment string) error {
	if !a.ZeroFill() {
		v, _ := a.Fill()
		return &tensor.Error{Kind: tensor.ErrUnsupported, Format: "mtx", Offset: -1, Field: "fill value", Got: v.String(), Want: "0"}
	}
	if a.Layout() != sparse.COO {
		var err error
		if a, err = a.Convert(ctx, sparse.COO, &sparse.Options{MaxBytes: -1}); err != nil {
			return err
		}
	}
	if err := a.Validate(ctx, nil); err != nil {
		return err
	}
	props := a.Properties()
	indices, _ := a.Part(sparse.RoleIndices)
	vals, _ := a.Part(sparse.RoleValues)
	if a.DType().Class == tensor.ClassBool {
		all, err := tensor.Reduce(vals, "n ->", tensor.All, nil)
		if err != nil {
			return err
		}
		if yes, err := tensor.ReadElem[bool](all); err != nil {
			return err
		} else if yes {
			field = fieldPattern
		}
	}
	shape := a.Shape()
	if err := head(w, coordinate, field, props.Structure.String(), comment, shape[0], shape[1], a.NNZ()); err != nil {
		return err
	}
	return inOrder(ctx, w, a.NNZ(), func(b []byte, begin, end int64) ([]byte, error) {
		at, err := indices.Slice(0, begin, end, 1)
		if err != nil {
			return b, err
		}
		if at, err = at.Cast(tensor.I64); err != nil {
			return b, err
		}
		xy, err := tensor.Data[int64](at)
		if err != nil {
			return b, err
		}
		part, err := vals.Slice(0, begin, end, 1)
		if err != nil {
			return b, err
		}
		nums, err := newNumbers(part, field)
		if err != nil {
			return b, err
		}
		for k := range end - begin {
			i, j := xy[2*k], xy[2*k+1]
			turn := props.Structure != sparse.General && props.Upper // the format keeps the lower triangle
			if turn {
				i, j = j, i
			}
			b = strconv.AppendInt(b, i+1, 10)
			b = append(b, ' ')
			b = strconv.AppendInt(b, j+1, 10)
			if field != fieldPattern {
				b = append(b, ' ')
				b = nums.append(b, int(k), turn && i != j, props.Structure)
			}
			b = append(b, '\n')
		}
		return b, nil
	})
}

func writeDense(ctx context.Context, w io.Writer, v tensor.View, field, comment string) error {
	shape := v.Shape()
	var err error
	if len(shape) == 1 {
		if v, err = v.ExpandDims(1); err != nil {
			return err
		}
		shape = v.Shape()
	}
	if err := head(w, array, field, general, comment, shape[0], shape[1]); err != nil {
		return err
	}
	// Columns follow one another; a piece is some rows of one or some columns.
	rows := shape[0]
	return inOrder(ctx, w, v.NumElements(), func(b []byte, begin, end int64) ([]byte, error) {
		for begin < end {
			j, i := begin/rows, begin%rows
			n := min(rows-i, end-begin)
			column, err := v.Index(1, j)
			if err != nil {
				return b, err
			}
			if column, err = column.Slice(0, i, i+n, 1); err != nil {
				return b, err
			}
			nums, err := newNumbers(column, field)
			if err != nil {
				return b, err
			}
			for k := range int(n) {
				b = append(nums.append(b, k, false, sparse.General), '\n')
			}
			begin += n
		}
		return b, nil
	})
}

// numbers are some values as text has them.
type numbers struct {
	ints     []int64
	unsigned []uint64
	floats   []float64
	narrow   []float32 // floats of 32 bits or less
	complex  []complex128
	short    []complex64
}

func newNumbers(v tensor.View, field string) (n numbers, err error) {
	take := func(d tensor.DType) tensor.View {
		if err == nil {
			v, err = v.Cast(d)
		}
		return v
	}
	switch {
	case field == fieldPattern:
	case field == fieldInteger:
		v = take(tensor.I64)
		if err == nil {
			n.ints, err = tensor.Data[int64](v)
		}
	case field == fieldUnsigned:
		v = take(tensor.U64)
		if err == nil {
			n.unsigned, err = tensor.Data[uint64](v)
		}
	case field == fieldComplex && v.DType() == tensor.C64:
		v = take(tensor.C64)
		if err == nil {
			n.short, err = tensor.Data[complex64](v)
		}
	case field == fieldComplex:
		v = take(tensor.C128)
		if err == nil {
			n.complex, err = tensor.Data[complex128](v)
		}
	case v.DType() == tensor.F64:
		v = take(tensor.F64)
		if err == nil {
			n.floats, err = tensor.Data[float64](v)
		}
	default:
		v = take(tensor.F32)
		if err == nil {
			n.narrow, err = tensor.Data[float32](v)
		}
	}
	return n, err
}

// append writes number k; of a triangle that is turned over, what stands on the
// other side of the diagonal.
func (n *numbers) append(b []byte, k int, turn bool, s sparse.Structure) []byte {
	negative := turn && s == sparse.SkewSymmetric
	switch {
	case n.ints != nil:
		x := n.ints[k]
		if negative {
			x = -x
		}
		return strconv.AppendInt(b, x, 10)
	case n.unsigned != nil:
		return strconv.AppendUint(b, n.unsigned[k], 10)
	case n.floats != nil:
		x := n.floats[k]
		if negative {
			x = -x
		}
		return appendFloat(b, x, 64)
	case n.narrow != nil:
		x := n.narrow[k]
		if negative {
			x = -x
		}
		return appendFloat(b, float64(x), 32)
	}
	bits := 64
	var z complex128
	if n.complex != nil {
		z = n.complex[k]
	} else {
		z, bits = complex128(n.short[k]), 32
	}
	switch {
	case negative:
		z = -z
	case turn && s == sparse.Hermitian:
		z = complex(real(z), -imag(z))
	}
	b = appendFloat(b, real(z), bits)
	b = append(b, ' ')
	return appendFloat(b, imag(z), bits)
}

// appendFloat writes the shortest text that reads back as x; NaN and infinities
// as SciPy does.
func appendFloat(b []byte, x float64, bits int) []byte {
	switch {
	case x != x:
		return append(b, "nan"...)
	case math.IsInf(x, 1):
		return append(b, "inf"...)
	case math.IsInf(x, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, bits)
}
