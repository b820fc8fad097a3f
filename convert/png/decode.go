package png

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/tensorfile/tensorfile/internal/inflate"
	"github.com/tensorfile/tensorfile/tensor"
)

// pass is a part of the pixels that is stored on its own: those of columns x,
// x+dx, ... in rows y, y+dy, ...
type pass struct{ x, y, dx, dy int64 }

// passes are the parts of the file's pixels.
func (f *file) passes() []pass {
	if f.interlaced {
		return adam7
	}
	return whole
}

var (
	whole = []pass{{0, 0, 1, 1}}
	adam7 = []pass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
)

// size is that of the part, (0, 0) if it has no pixels.
func (p pass) size(width, height int64) (w, h int64) {
	w, h = (width-p.x+p.dx-1)/p.dx, (height-p.y+p.dy-1)/p.dy
	if w <= 0 || h <= 0 {
		return 0, 0
	}
	return w, h
}

// decoders are kept for the next file: their windows are larger than many
// pictures.
var decoders = sync.Pool{New: func() any { return &decoder{buf: bufio.NewReaderSize(nil, 64<<10)} }}

// maxWhole bounds what is held of a picture that is inflated whole: the bytes that
// are stored and the rows.
const maxWhole = 32 << 20

// decoder inflates the pixels of a file.
type decoder struct {
	data  idat
	buf   *bufio.Reader
	zlib  io.ReadCloser
	whole []byte
}

// all inflates the rows of a picture at once. If it returns none without an error they
// are inflated one by one, which says what is wrong with them.
func (d *decoder) all(f *file) (rows []byte, err error) {
	raw := f.raw()
	if f.stored > maxWhole || raw > maxWhole-f.stored {
		return nil, nil
	}
	if int64(cap(d.whole)) < f.stored+raw {
		d.whole = make([]byte, f.stored+raw)
	}
	stored, rows := d.whole[:f.stored], d.whole[f.stored:f.stored+raw]
	if _, err := io.ReadFull(&d.data, stored); err != nil {
		return nil, err
	}
	var one [1]byte
	if _, err := d.data.Read(one[:]); err != io.EOF {
		return nil, err
	}
	if n, ok := inflate.Zlib(rows, stored); !ok || n < len(stored) {
		return nil, nil
	}
	return rows, nil
}

// decode fills dst with the elements.
func (f *file) decode(ctx context.Context, dst []byte) error {
	d := decoders.Get().(*decoder)
	defer func() {
		d.data = idat{} // holds the file
		decoders.Put(d)
	}()
	err := f.inflate(ctx, d, dst)
	var own *tensor.Error
	if errors.As(err, &own) {
		own.Path, own.Format = f.in.Path(), "png"
	}
	return err
}

func (f *file) inflate(ctx context.Context, d *decoder, dst []byte) (err error) {
	row := int64(0)
	defer func() {
		if err != nil {
			err = f.streamError(err, row)
		}
	}()
	first := idat{ctx: ctx, f: f, at: f.first, chunks: f.chunks}
	d.data = first
	if all, err := d.all(f); err != nil || all != nil {
		if err == nil {
			err = f.rows(&rows{f: f, in: bytes.NewReader(all), dst: dst, row: &row})
		}
		return err
	}
	d.data = first
	d.buf.Reset(&d.data)
	if d.zlib == nil {
		d.zlib, err = zlib.NewReader(d.buf)
	} else {
		err = d.zlib.(zlib.Resetter).Reset(d.buf, nil)
	}
	if err != nil {
		return err
	}
	if err := f.rows(&rows{f: f, in: d.zlib, dst: dst, row: &row}); err != nil {
		return err
	}
	return f.tail(d)
}

// rows reads the rows of all passes.
func (f *file) rows(r *rows) error {
	for _, p := range f.passes() {
		if w, h := p.size(f.width, f.height); w > 0 {
			if err := r.pass(p, w, h); err != nil {
				return err
			}
		}
	}
	return nil
}

// tail looks at what follows the last row: the checksum of the stream, and
// nothing else.
func (f *file) tail(d *decoder) error {
	var one [1]byte
	n, err := io.ReadFull(d.zlib, one[:])
	switch {
	case f.trailing && (n > 0 || err == io.EOF):
		return nil
	case n > 0:
		return bad(tensor.ErrCorrupt, -1, "pixels", fmt.Sprintf("more than %d bytes", f.raw()), fmt.Sprintf("that many of %dx%d", f.width, f.height))
	case err != io.EOF:
		return err
	}
	if _, err := d.buf.Peek(1); err == nil {
		return bad(tensor.ErrCorrupt, d.data.at, "IDAT", "bytes behind the zlib stream", "none")
	} else if err != io.EOF {
		return err
	}
	return nil
}

// streamError gives an error of the decompressor its place.
func (f *file) streamError(err error, row int64) error {
	var own *tensor.Error
	if errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return bad(tensor.ErrCorrupt, f.first, "pixels", fmt.Sprintf("the end of the zlib stream in row %d", row), fmt.Sprintf("%d rows", f.height))
	}
	return &tensor.Error{Kind: tensor.ErrCorrupt, Format: "png", Offset: f.first, Field: fmt.Sprintf("row %d", row), Err: err}
}

// idat is the content of the IDAT chunks.
type idat struct {
	ctx    context.Context
	f      *file
	at     int64 // of what is read next
	chunks int   // that are not begun
	now    *chunk
	left   int64 // of it
	sum    uint32
}

func (r *idat) Read(p []byte) (int, error) {
	for r.left == 0 {
		if err := r.turn(); err != nil {
			return 0, err
		}
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	p = p[:min(int64(len(p)), r.left)]
	n, err := r.f.in.ReadAt(p, r.at)
	if n == len(p) {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	r.sum = crc32.Update(r.sum, crc32.IEEETable, p[:n])
	r.at += int64(n)
	if r.left -= int64(n); err == nil && r.left == 0 {
		if err := r.close(); err != nil {
			return 0, err // before its last bytes are used
		}
	}
	return n, err
}

// close compares the CRC of the chunk that was read.
func (r *idat) close() error {
	var sum [4]byte
	if n, err := r.f.in.ReadAt(sum[:], r.at); n < len(sum) {
		return err
	}
	r.at += 4
	return checkCRC(r.now, be.Uint32(sum[:]), r.sum)
}

// turn begins the next chunk.
func (r *idat) turn() error {
	if r.chunks == 0 {
		return io.EOF
	}
	r.chunks--
	c, err := r.f.next(r.at)
	if err != nil {
		return err
	}
	if c.id != "IDAT" {
		return bad(tensor.ErrChanged, r.at, "chunk", tensor.Quote(c.id), "IDAT, as there was when the file was opened")
	}
	r.now, r.at, r.left, r.sum = c, c.at, c.size, crc32.ChecksumIEEE([]byte(c.id))
	if r.left == 0 {
		return r.close()
	}
	return nil
}

// rows reads rows of pixels and puts them in their places.
type rows struct {
	f   *file
	in  io.Reader
	dst []byte
	row *int64 // of the picture, for errors
}

// pass reads w by h pixels.
func (r *rows) pass(p pass, w, h int64) error {
	f := r.f
	n := int(f.rowBytes(w))
	step := max(1, f.bits*f.samples()/8) // between bytes that filters compare
	pixel := int(f.channels()) * max(1, f.bits/8)
	line := int(f.width) * pixel
	// Rows that are stored as they are read are filtered in their places.
	inPlace := p.dx == 1 && p.dy == 1 && f.bits >= 8 && f.colour != palette && f.trns == nil
	var put placer
	cur, before := make([]byte, n), make([]byte, n)
	if !inPlace {
		put = f.placer()
	}
	filter := make([]byte, 1)
	for i := range h {
		y := int(p.y + i*p.dy)
		*r.row = int64(y)
		if inPlace {
			cur = r.dst[y*line : (y+1)*line]
		}
		if _, err := io.ReadFull(r.in, filter); err != nil {
			return err
		}
		if _, err := io.ReadFull(r.in, cur); err != nil {
			return err
		}
		if !unfilter(filter[0], cur, before, step) {
			return bad(tensor.ErrCorrupt, f.first, fmt.Sprintf("filter of row %d", y), fmt.Sprint(filter[0]), "at most 4")
		}
		if inPlace {
			if i > 0 && f.bits == 16 {
				little(before)
			}
			before = cur
			continue
		}
		if err := put(r.dst[y*line:(y+1)*line], cur, int(w), int(p.x)*pixel, int(p.dx)*pixel); err != nil {
			return bad(tensor.ErrCorrupt, f.first, fmt.Sprintf("palette index in row %d", y), err.Error(), fmt.Sprintf("at most %d", len(f.plte)/3-1))
		}
		cur, before = before, cur
	}
	if inPlace && f.bits == 16 {
		little(before)
	}
	return nil
}

// little turns samples of 16 bits to little-endian.
func little(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		const low = 0x00ff00ff00ff00ff
		binary.LittleEndian.PutUint64(b, x>>8&low|x&low<<8)
	}
	for ; len(b) >= 2; b = b[2:] {
		b[0], b[1] = b[1], b[0]
	}
}

// placer writes the n pixels of the row src to dst, from byte at on, step bytes
// apart.
type placer func(dst, src []byte, n, at, step int) error

// placer is that of the file's pixels. Of 16 bits they become little-endian.
func (f *file) placer() placer {
	depth := f.bits
	switch {
	case f.colour == palette:
		return f.colours(depth)
	case depth < 8:
		return f.greys(depth)
	}
	samples := f.samples()
	size := depth / 8
	key := f.key()
	alpha := f.trns != nil
	return func(dst, src []byte, n, at, step int) error {
		for range n {
			d := dst[at : at+samples*size]
			s := src[:samples*size]
			src = src[samples*size:]
			if size == 1 {
				copy(d, s)
			} else {
				for j := 0; j < len(s); j += 2 {
					d[j], d[j+1] = s[j+1], s[j]
				}
			}
			if alpha {
				opacity := byte(255)
				if string(s) == key {
					opacity = 0
				}
				for j := range size {
					dst[at+samples*size+j] = opacity
				}
			}
			at += step
		}
		return nil
	}
}

// key is the transparent colour as it lies in rows of 8 or 16 bits.
func (f *file) key() string {
	if f.bits == 16 {
		return string(f.trns)
	}
	var b []byte
	for i := 0; i+1 < len(f.trns); i += 2 {
		b = append(b, f.trns[i+1])
	}
	return string(b)
}

// greys places grey of less than 8 bits.
func (f *file) greys(depth int) placer {
	top := byte(1<<depth - 1)
	scale := 255 / top
	if f.dtype() == tensor.Bool {
		scale = 1
	}
	alpha, key := f.trns != nil, byte(0)
	if alpha {
		key = f.trns[1]
	}
	return func(dst, src []byte, n, at, step int) error {
		for i := range n {
			v := src[i*depth/8] >> (8 - depth - i*depth%8) & top
			dst[at] = v * scale
			if alpha {
				dst[at+1] = 255
				if v == key {
					dst[at+1] = 0
				}
			}
			at += step
		}
		return nil
	}
}

// colours places those of a palette.
func (f *file) colours(depth int) placer {
	var table [256][4]byte
	known := len(f.plte) / 3
	for i := range known {
		copy(table[i][:], f.plte[3*i:3*i+3])
		table[i][3] = 255
		if i < len(f.trns) {
			table[i][3] = f.trns[i]
		}
	}
	top := byte(1<<depth - 1)
	alpha := f.trns != nil
	return func(dst, src []byte, n, at, step int) error {
		for i := range n {
			v := src[i*depth/8] >> (8 - depth - i*depth%8) & top
			if int(v) >= known {
				return fmt.Errorf("%d", v)
			}
			c := &table[v]
			d := dst[at : at+3]
			d[0], d[1], d[2] = c[0], c[1], c[2]
			if alpha {
				dst[at+3] = c[3]
			}
			at += step
		}
		return nil
	}
}

// unfilter undoes a filter of a row: before is the row above it, step the bytes
// between a byte and the one left of it. It reports whether there is such a
// filter.
func unfilter(filter byte, cur, before []byte, step int) bool {
	switch filter {
	case 0:
	case 1:
		for i := step; i < len(cur); i++ {
			cur[i] += cur[i-step]
		}
	case 2:
		addBytes(cur, before)
	case 3:
		for i := range step {
			cur[i] += before[i] / 2
		}
		before = before[:len(cur)]
		for i := step; i < len(cur); i++ {
			cur[i] += byte((int(cur[i-step]) + int(before[i])) / 2)
		}
	case 4:
		for i := range step {
			cur[i] += before[i]
		}
		switch step {
		case 3:
			paeth3(cur, before)
		case 4:
			paeth4(cur, before)
		default:
			before = before[:len(cur)]
			for i := step; i < len(cur); i++ {
				cur[i] += paeth(int(cur[i-step]), int(before[i]), int(before[i-step]))
			}
		}
	default:
		return false
	}
	return true
}

// addBytes adds b to a, eight bytes at a time.
func addBytes(a, b []byte) {
	const high = 0x8080808080808080
	le := binary.LittleEndian
	for len(a) >= 8 && len(b) >= 8 {
		x, y := le.Uint64(a), le.Uint64(b)
		le.PutUint64(a, (x&^high+y&^high)^((x^y)&high))
		a, b = a[8:], b[8:]
	}
	for i := range a {
		a[i] += b[i]
	}
}

// paeth is the one of a (left), b (above) and c (above left) that is nearest to
// a + b - c; a before b before c.
func paeth(a, b, c int) byte {
	pa, pb := b-c, a-c
	pc := abs(pa + pb)
	pa, pb = abs(pa), abs(pb)
	if pb < pa {
		pa, a = pb, b
	}
	if pc < pa {
		a = c
	}
	return byte(a)
}

func abs(x int) int {
	m := x >> (bits.UintSize - 1)
	return (x ^ m) - m
}

// paeth3 is the filter of pixels of three bytes, behind the first.
func paeth3(cur, before []byte) {
	a0, a1, a2 := int(cur[0]), int(cur[1]), int(cur[2])
	c0, c1, c2 := int(before[0]), int(before[1]), int(before[2])
	for i := 3; i+3 <= len(cur) && i+3 <= len(before); i += 3 {
		p, b := cur[i:i+3:i+3], before[i:i+3:i+3]
		b0, b1, b2 := int(b[0]), int(b[1]), int(b[2])
		p[0] += paeth(a0, b0, c0)
		p[1] += paeth(a1, b1, c1)
		p[2] += paeth(a2, b2, c2)
		a0, a1, a2 = int(p[0]), int(p[1]), int(p[2])
		c0, c1, c2 = b0, b1, b2
	}
}

// paeth4 is paeth3 of four bytes.
func paeth4(cur, before []byte) {
	a0, a1, a2, a3 := int(cur[0]), int(cur[1]), int(cur[2]), int(cur[3])
	c0, c1, c2, c3 := int(before[0]), int(before[1]), int(before[2]), int(before[3])
	for i := 4; i+4 <= len(cur) && i+4 <= len(before); i += 4 {
		p, b := cur[i:i+4:i+4], before[i:i+4:i+4]
		b0, b1, b2, b3 := int(b[0]), int(b[1]), int(b[2]), int(b[3])
		p[0] += paeth(a0, b0, c0)
		p[1] += paeth(a1, b1, c1)
		p[2] += paeth(a2, b2, c2)
		p[3] += paeth(a3, b3, c3)
		a0, a1, a2, a3 = int(p[0]), int(p[1]), int(p[2]), int(p[3])
		c0, c1, c2, c3 = b0, b1, b2, b3
	}
}
