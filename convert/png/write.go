package png

import (
	"bufio"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// types are the colour types of so many channels.
var types = [...]byte{1: grey, 2: greyAlpha, 3: rgb, 4: rgba}

func write(ctx context.Context, w io.Writer, src []convert.Source, _ *convert.WriteOptions) error {
	s, err := picture.Of(src, false)
	if err != nil {
		return err
	}
	return s.Each(ctx, func(_ int64, pixels tensor.View) error { return encode(ctx, w, pixels, s.Attrs) })
}

// Encode writes the picture v, (H, W), (H, W, C) or (C, H, W) of any strides, to
// w: bool as grey of 1 bit, u16 with 16 bits, all else with 8. attrs are those
// that reading gives; image.gamma is written, and dims say what axes mean.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	s, err := picture.OfView(v, attrs, false)
	if err != nil {
		return err
	}
	return s.Each(context.Background(), func(_ int64, pixels tensor.View) error {
		return encode(context.Background(), w, pixels, attrs)
	})
}

// encode writes pixels, of axes rows, columns and channels.
func encode(ctx context.Context, w io.Writer, pixels tensor.View, attrs convert.Attrs) error {
	shape := pixels.Shape()
	height, width, channels := shape[0], shape[1], shape[2]
	if height > maxSide || width > maxSide {
		return bad(tensor.ErrLimit, -1, "sides", fmt.Sprintf("%dx%d", width, height), fmt.Sprintf("at most %d", maxSide))
	}
	d, depth := tensor.U8, byte(8)
	switch {
	case pixels.DType() == tensor.U16:
		d, depth = tensor.U16, 16
	case pixels.DType() == tensor.Bool && channels == 1:
		d, depth = tensor.Bool, 1
	}
	out := &chunks{w: w}
	out.bytes([]byte(signature))
	head := be.AppendUint32(nil, uint32(width))
	head = be.AppendUint32(head, uint32(height))
	out.chunk("IHDR", append(head, depth, types[channels], 0, 0, 0))
	if g, ok := gamma(attrs); ok {
		out.chunk("gAMA", be.AppendUint32(nil, g))
	}
	if out.err != nil {
		return out.err
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.begin(out)
	step := int(channels) * int(depth) / 8
	if err := e.rows(ctx, pixels, d, step); err != nil {
		return err
	}
	if err := e.end(); err != nil {
		return err
	}
	out.chunk("IEND", nil)
	return out.err
}

func gamma(attrs convert.Attrs) (uint32, bool) {
	g, ok := attrs[picture.Gamma].(float64)
	if g = math.Round(g * 100000); !ok || !(g >= 1 && g <= math.MaxInt32) {
		return 0, false
	}
	return uint32(g), true
}

// chunks writes chunks, and what is given to Write as IDAT.
type chunks struct {
	w   io.Writer
	err error
}

func (c *chunks) bytes(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
	}
}

func (c *chunks) chunk(id string, body []byte) {
	head := append(be.AppendUint32(nil, uint32(len(body))), id...)
	sum := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, body)
	c.bytes(head)
	c.bytes(body)
	c.bytes(be.AppendUint32(nil, sum))
}

func (c *chunks) Write(p []byte) (int, error) {
	c.chunk("IDAT", p)
	return len(p), c.err
}

// encoders are kept for the next file, with the tables of their compressors.
var encoders = sync.Pool{New: func() any {
	return &encoder{buf: bufio.NewWriterSize(nil, 64<<10), zlib: zlib.NewWriter(nil)}
}}

type encoder struct {
	buf  *bufio.Writer
	zlib *zlib.Writer

	band   []byte    // rows as they are stored
	before []byte    // the row above
	tries  [5][]byte // a row with each filter, behind the byte that says which
}

func (e *encoder) begin(w io.Writer) {
	e.buf.Reset(w)
	e.zlib.Reset(e.buf)
}

func (e *encoder) end() error {
	if err := e.zlib.Close(); err != nil {
		return err
	}
	return e.buf.Flush()
}

// bandBytes is how much is turned into samples at a time.
const bandBytes = 256 << 10

func (e *encoder) rows(ctx context.Context, pixels tensor.View, d tensor.DType, step int) error {
	shape := pixels.Shape()
	line := int(shape[1]*shape[2]) * int(d.UnitBytes)
	e.before = append(e.before[:0], make([]byte, line)...)
	for i := range e.tries {
		e.tries[i] = append(append(e.tries[i][:0], byte(i)), make([]byte, line)...)
	}
	n := max(1, int64(bandBytes/line))
	for y := int64(0); y < shape[0]; y += n {
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := pixels.Slice(0, y, min(y+n, shape[0]), 1)
		if err != nil {
			return err
		}
		if e.band, err = picture.Samples(e.band, v, d, tensor.BigEndian); err != nil {
			return err
		}
		before := e.before
		for b := e.band; len(b) > 0; b = b[line:] {
			row := b[:line]
			var filtered []byte
			if d == tensor.Bool {
				filtered = e.pack(row)
			} else {
				filtered = e.filter(row, before, step)
			}
			if _, err := e.zlib.Write(filtered); err != nil {
				return err
			}
			before = row
		}
		e.before = append(e.before[:0], before...)
	}
	return nil
}

// pack writes bools as bits, with no filter.
func (e *encoder) pack(row []byte) []byte {
	b := append(e.tries[0][:0], make([]byte, 1+(len(row)+7)/8)...)
	for i, v := range row {
		b[1+i/8] |= v & 1 << (7 - i%8)
	}
	return b
}

// filter returns the row with the filter that leaves the smallest differences, as
// libpng chooses.
func (e *encoder) filter(row, before []byte, step int) []byte {
	best, least := 0, math.MaxInt
	for i := range e.tries {
		out := e.tries[i][1:]
		filters[i](out, row, before, step)
		if n := weight(out, least); n < least {
			best, least = i, n
		}
	}
	return e.tries[best]
}

// weight is the sum of bytes as distances from 0, or as much as limit.
func weight(b []byte, limit int) int {
	n := 0
	for len(b) > 0 && n < limit {
		part := b[:min(len(b), 1<<10)]
		for _, x := range part {
			n += abs(int(int8(x)))
		}
		b = b[len(part):]
	}
	return n
}

// filters write the differences of a row to what is left of, above, between, or
// nearest to each byte.
var filters = [5]func(out, row, before []byte, step int){
	func(out, row, _ []byte, _ int) { copy(out, row) },
	func(out, row, _ []byte, step int) {
		copy(out, row[:step])
		left, out, row := row[:len(row)-step], out[step:len(row)], row[step:]
		for i, x := range row {
			out[i] = x - left[i]
		}
	},
	func(out, row, before []byte, _ int) {
		before, out = before[:len(row)], out[:len(row)]
		for i, x := range row {
			out[i] = x - before[i]
		}
	},
	func(out, row, before []byte, step int) {
		for i := range step {
			out[i] = row[i] - before[i]/2
		}
		left, out, row, before := row[:len(row)-step], out[step:len(row)], row[step:], before[step:len(row)]
		for i, x := range row {
			out[i] = x - byte((int(left[i])+int(before[i]))/2)
		}
	},
	func(out, row, before []byte, step int) {
		for i := range step {
			out[i] = row[i] - before[i]
		}
		corner, above := before[:len(row)-step], before[step:len(row)]
		left, out, row := row[:len(row)-step], out[step:len(row)], row[step:]
		for i, x := range row {
			out[i] = x - paeth(int(left[i]), int(above[i]), int(corner[i]))
		}
	},
}
