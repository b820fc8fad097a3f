package picture

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// Rows are pictures that lie in a file row by row, in pixels of another form than
// their elements. Open decodes them as they are read, in little memory and from
// any place on.
type Rows struct {
	In                    convert.Input
	Frames, Height, Width int64
	Bits                  int64 // of a pixel in the file
	Stride                int64 // bytes from row to row; a row begins with a byte
	Size                  int   // of a pixel as elements, in bytes
	// At is where the first row of a frame is.
	At func(frame int64) int64
	// Unpack makes elements of n pixels of a row, the first of which begins with a
	// byte. It returns n, or the number of the first pixel that is not valid.
	Unpack func(dst, src []byte, n int) int
	// Bad is the error about such a pixel: number k of src, in column x of the row
	// that is stored as number y; it is at byte at of the file. nil: all are valid.
	Bad func(at, y, x int64, src []byte, k int) error
	// Through is what a file of one picture is read through; then only from its
	// begin on, and offsets of pixels are negative. nil: it is read as it is.
	Through func(r io.Reader) io.Reader
}

// Bytes that are read ahead, and pixels that are decoded at a time: a multiple of
// those that share a byte. A pixel has at most aheadBytes/piecePixels bytes.
const (
	aheadBytes  = 128 << 10
	piecePixels = 16 << 10
)

// Open begins with the first row.
func (r *Rows) Open(ctx context.Context) (io.ReadCloser, error) {
	d := &rowReader{Rows: r, ctx: ctx}
	if r.Through != nil {
		d.in = bufio.NewReaderSize(r.Through(bufio.NewReaderSize(r.from(r.At(0)), aheadBytes)), aheadBytes)
		return struct{ io.ReadCloser }{d}, nil
	}
	d.in = bufio.NewReaderSize(r.from(r.At(0)), aheadBytes)
	return d, nil
}

func (r *Rows) from(at int64) io.Reader { return io.NewSectionReader(r.In, at, r.In.Size()-at) }

// rowReader is what Open returns.
type rowReader struct {
	*Rows
	ctx         context.Context
	in          *bufio.Reader
	frame, y, x int64 // of the next pixel
	buf, rest   []byte
	err         error
}

func (d *rowReader) Close() error { return nil }

// Seek goes to byte n of the elements, before any was read.
func (d *rowReader) Seek(n int64, _ int) (int64, error) {
	pixel := n / int64(d.Size)
	row := pixel / d.Width
	d.frame, d.y, d.x = row/d.Height, row%d.Height, pixel%d.Width/8*8
	if d.frame >= d.Frames {
		return n, nil
	}
	d.in.Reset(d.from(d.At(d.frame) + d.y*d.Stride + d.x*d.Bits/8))
	over := n - (row*d.Width+d.x)*int64(d.Size)
	if over == 0 {
		return n, nil
	}
	if err := d.fill(); err != nil {
		return 0, err
	}
	d.rest = d.rest[over:]
	return n, nil
}

func (d *rowReader) Read(p []byte) (int, error) {
	if len(d.rest) > 0 || len(p) == 0 {
		n := copy(p, d.rest)
		d.rest = d.rest[n:]
		return n, nil
	}
	if d.err == nil {
		d.err = d.ctx.Err()
	}
	if d.err != nil {
		return 0, d.err
	}
	if d.frame >= d.Frames {
		return 0, io.EOF
	}
	if n := d.pixels(); len(p) >= n*d.Size {
		if d.err = d.piece(p[:n*d.Size], n); d.err != nil {
			return 0, d.err
		}
		return n * d.Size, nil
	}
	if d.err = d.fill(); d.err != nil {
		return 0, d.err
	}
	return d.Read(p)
}

// pixels is how many are decoded next.
func (d *rowReader) pixels() int { return int(min(d.Width-d.x, piecePixels)) }

// fill decodes them to memory of its own.
func (d *rowReader) fill() error {
	n := d.pixels()
	if d.buf == nil {
		d.buf = make([]byte, int(min(d.Width, piecePixels))*d.Size)
	}
	err := d.piece(d.buf[:n*d.Size], n)
	if err == nil {
		d.rest = d.buf[:n*d.Size]
	}
	return err
}

// piece decodes the next n pixels, all of one row.
func (d *rowReader) piece(dst []byte, n int) error {
	src, err := d.in.Peek(int((int64(n)*d.Bits + 7) / 8))
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return d.located(err)
	}
	if k := d.Unpack(dst, src, n); k < n {
		at := int64(-1)
		if d.Through == nil {
			at = d.At(d.frame) + d.y*d.Stride + (d.x+int64(k))*d.Bits/8
		}
		return d.located(d.Bad(at, d.y, d.x+int64(k), src, k))
	}
	d.in.Discard(len(src))
	if d.x += int64(n); d.x < d.Width {
		return nil
	}
	d.x = 0
	if d.y++; d.y < d.Height {
		d.in.Discard(int(d.Stride - (d.Width*d.Bits+7)/8))
		return nil
	}
	d.y = 0
	if d.frame++; d.frame < d.Frames {
		d.in.Reset(d.from(d.At(d.frame)))
	}
	return nil
}

// located says of what file an error is that comes after opening.
func (d *rowReader) located(err error) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path = d.In.Path()
	}
	return err
}

// bandBytes is how many bytes of samples Upwards makes at a time, or a row.
const bandBytes = 256 << 10

// Upwards calls fn with the samples of a view (H, W, C) in d and an order of bytes,
// changed as Samples does: whole rows, from the last to the first, as many at a
// time as a band holds. The memory is used again.
func Upwards(ctx context.Context, v tensor.View, d tensor.DType, order tensor.ByteOrder, fn func(rows []byte) error) error {
	shape := v.Shape()
	row := Product(max(shape[1], 1), max(shape[2], 1), int64(d.UnitBytes))
	var samples []byte
	for bottom := shape[0]; bottom > 0; {
		n := min(max(bandBytes/row, 1), bottom)
		rows, err := v.Slice(0, bottom-n, bottom, 1)
		if err == nil {
			rows, err = rows.Flip(0)
		}
		if err == nil {
			samples, err = Samples(samples, rows, d, order)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = fn(samples)
		}
		if err != nil {
			return err
		}
		bottom -= n
	}
	return nil
}
