package gif

import (
	"bufio"
	"compress/lzw"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// decode fills dst with the pictures, each laid over the one before it.
func (f *file) decode(ctx context.Context, dst []byte) error {
	c := &canvas{file: f, ctx: ctx, pixel: int(f.channels), width: int(f.width)}
	size := int(f.width*f.height) * c.pixel
	var before []byte
	for i := range f.frames {
		c.now, dst = dst[:size], dst[size:]
		r := &f.frames[i]
		if i == 0 {
			first := 0
			if r.transparent >= 0 {
				first = int(r.transparent)
			}
			c.fill(&frame{w: int32(f.width), h: int32(f.height)}, c.colour(r, first))
		} else {
			copy(c.now, before)
			c.clear(&f.frames[i-1])
		}
		c.keep(r, i == 0)
		if err := c.draw(r, i); err != nil {
			var own *tensor.Error
			if errors.As(err, &own) {
				own.Path = f.in.Path()
			}
			return err
		}
		before = c.now
	}
	return nil
}

// canvas is what pictures are laid on.
type canvas struct {
	*file
	ctx   context.Context
	pixel int    // bytes
	width int    // pixels
	now   []byte // the pixels
	under []byte // what the last picture covered, if it gives way to that
	lost  bool   // nothing is known to be under it

	lzw    io.ReadCloser
	blocks blocks
	row    []byte
}

// colour is that of an index, as it lies on the canvas. One that the table lacks
// is black in the first picture and the first colour in others, as in Pillow.
func (c *canvas) colour(r *frame, i int) [4]byte {
	p := [4]byte{3: 255}
	if int(r.transparent) == i {
		p[3] = 0
	}
	if 3*i+3 > len(r.table) {
		if r == &c.frames[0] {
			return p
		}
		i = 0
	}
	copy(p[:3], r.table[3*i:])
	return p
}

// rows calls fn with the part of each row that a picture covers.
func (c *canvas) rows(r *frame, fn func(i int, row []byte)) {
	for i := range int(r.h) {
		fn(i, c.line(r, i))
	}
}

func (c *canvas) line(r *frame, i int) []byte {
	at := ((int(r.y)+i)*c.width + int(r.x)) * c.pixel
	return c.now[at : at+int(r.w)*c.pixel]
}

func (c *canvas) fill(r *frame, p [4]byte) {
	c.rows(r, func(_ int, row []byte) {
		for x := 0; x < len(row); x += c.pixel {
			copy(row[x:x+c.pixel], p[:])
		}
	})
}

// keep remembers what a picture covers that gives way to it.
func (c *canvas) keep(r *frame, first bool) {
	c.under, c.lost = c.under[:0], first
	if r.dispose >= disposePrevious && !first {
		c.rows(r, func(_ int, row []byte) { c.under = append(c.under, row...) })
	}
}

// clear does with a picture what it says is to be done before the next.
func (c *canvas) clear(r *frame) {
	index := c.background
	if r.transparent >= 0 {
		index = int(r.transparent)
	}
	switch {
	case r.dispose == disposeBackground, r.dispose >= disposePrevious && c.lost && r.transparent >= 0:
		c.fill(r, c.colour(r, index))
	case r.dispose >= disposePrevious && !c.lost:
		n := int(r.w) * c.pixel
		c.rows(r, func(i int, row []byte) { copy(row, c.under[i*n:]) })
	}
}

// draw decodes picture number n.
func (c *canvas) draw(r *frame, n int) error {
	fail := func(err error, field string) error {
		var own *tensor.Error
		switch {
		case errors.As(err, &own), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return err
		case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
			return bad(tensor.ErrCorrupt, r.at, field, "the end of the data", fmt.Sprintf("%d rows", r.h))
		}
		return &tensor.Error{Kind: tensor.ErrCorrupt, Format: "gif", Offset: r.at, Field: field, Err: err}
	}
	var width [1]byte
	if err := picture.ReadAt(c.in, "gif", width[:], r.data, "size of codes"); err != nil {
		return err
	}
	// What is behind the picture belongs to others, of which there may be many.
	c.blocks.reset(io.LimitReader(picture.NewReader(c.ctx, c.in, r.data+1), r.end-r.data-1))
	if c.lzw == nil {
		c.lzw = lzw.NewReader(&c.blocks, lzw.LSB, int(width[0]))
	} else {
		c.lzw.(*lzw.Reader).Reset(&c.blocks, lzw.LSB, int(width[0]))
	}
	if cap(c.row) < int(r.w) {
		c.row = make([]byte, r.w)
	}
	row := c.row[:r.w]
	var table [256][4]byte
	known := len(r.table) / 3
	for i := range known {
		table[i] = c.colour(r, i)
	}
	for _, p := range parts(r.interlaced) {
		for y := p.first; y < int(r.h); y += p.step {
			field := fmt.Sprintf("picture %d, row %d", n, y)
			if _, err := io.ReadFull(c.lzw, row); err != nil {
				return fail(err, field)
			}
			if i := c.put(c.line(r, y), row, &table, known, int(r.transparent)); i >= 0 {
				return bad(tensor.ErrCorrupt, r.at, field, fmt.Sprintf("colour %d", i), fmt.Sprintf("less than the %d of its table", known))
			}
		}
	}
	return nil
}

// put writes colours by their indices, of which known ones are in the table. It
// returns an index that is not, or a negative number.
func (c *canvas) put(dst, row []byte, table *[256][4]byte, known, transparent int) int {
	for x, i := range row {
		if int(i) == transparent {
			continue
		}
		if int(i) >= known {
			return int(i)
		}
		p, d := &table[i], dst[x*c.pixel:]
		switch c.pixel {
		case 1:
			d[0] = p[0]
		case 3:
			d = d[:3]
			d[0], d[1], d[2] = p[0], p[1], p[2]
		default:
			copy(d[:4], p[:])
		}
	}
	return -1
}

// part is every step-th row from the first on.
type part struct{ first, step int }

// parts are the rows of a picture in the order in which they are stored.
func parts(interlaced bool) []part {
	if interlaced {
		return []part{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	return []part{{0, 1}}
}

// blocks is the content of sub-blocks.
type blocks struct {
	buf  *bufio.Reader
	left int
	end  bool
}

func (b *blocks) reset(r io.Reader) {
	if b.buf == nil {
		b.buf = bufio.NewReaderSize(r, 16<<10)
	}
	b.buf.Reset(r)
	b.left, b.end = 0, false
}

// begin goes to the next byte, or reports the end.
func (b *blocks) begin() error {
	for b.left == 0 && !b.end {
		n, err := b.buf.ReadByte()
		if err != nil {
			return err
		}
		b.left, b.end = int(n), n == 0
	}
	if b.end {
		return io.EOF
	}
	return nil
}

func (b *blocks) ReadByte() (byte, error) {
	if b.left == 0 {
		if err := b.begin(); err != nil {
			return 0, err
		}
	}
	b.left--
	return b.buf.ReadByte()
}

func (b *blocks) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := b.begin(); err != nil {
		return 0, err
	}
	n, err := b.buf.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
