package tiff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"

	"github.com/klauspost/compress/zlib"
	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/internal/inflate"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// block is a strip or a tile: where its bytes are, and its pixels in the page.
type block struct {
	number   int64
	at, size int64
	plane    int64
	x, y     int64
	w, h     int64 // within the page
	rows     int64 // that it holds, of which some may be padding
}

// blocks is how many strips or tiles a page has.
func (p *page) blocks() int64 { return picture.Product(p.across(), p.down(), p.planes()) }

// block finds number i of a page, and checks that the file holds it.
func (f *file) block(p *page, i int64) (b block, err error) {
	k := i % (p.across() * p.down())
	b = block{number: i, plane: i / (p.across() * p.down()), x: k % p.across() * p.blockW, y: k / p.across() * p.blockH, rows: p.blockH}
	b.w, b.h = min(p.blockW, p.width-b.x), min(p.blockH, p.height-b.y)
	if !p.tiled {
		b.rows = b.h
	}
	need := picture.Product(p.rowBytes(p.blockW), b.rows)
	b.size = need
	if b.at, err = f.number(p.offsets, i); err == nil && p.counts.count > 0 {
		b.size, err = f.number(p.counts, i)
	}
	if err != nil {
		return b, err
	}
	field := "strip " + strconv.FormatInt(i, 10)
	if p.tiled {
		field = "tile " + strconv.FormatInt(i, 10)
	}
	if b.at > f.in.Size() || b.size > f.in.Size()-b.at {
		return b, bad(tensor.ErrCorrupt, p.offsets.at, field, fmt.Sprintf("%d bytes at %d", b.size, b.at), fmt.Sprintf("within the %d bytes of the file", f.in.Size()))
	}
	if p.compression == plain && b.size < need {
		return b, bad(tensor.ErrCorrupt, p.offsets.at, field, fmt.Sprintf("%d bytes", b.size), fmt.Sprintf("%d for its pixels", need))
	}
	return b, nil
}

// inPlace describes the samples of the file as they lie in it, if they lie as
// they are read, and reports whether they do. It looks at every strip and tile.
func (f *file) inPlace(p *picture.Picture) (ok bool, err error) {
	first := f.pages[0]
	line, unit := first.rowBytes(first.width), first.bits/8
	ok = true
	var begin, page, plane, end int64
	for i, g := range f.pages {
		ok = ok && g.compression == plain && g.bits >= 8 && g.photometric != whiteIsZero && g.photometric != mapped && g.alpha != 1 &&
			g.predictor == 1 && !g.tiled && g.planar == first.planar && g.samples == first.samples
		for k := range g.blocks() {
			b, err := f.block(g, k)
			if err != nil {
				return false, err
			}
			switch {
			case !ok:
			case b.y > 0:
				ok = b.at == end // behind the strip before it
			case i == 0 && k == 0:
				begin = b.at
			case i == 0 && b.plane == 1:
				plane = b.at - begin
			case i == 1 && k == 0:
				page = b.at - begin
			}
			ok = ok && (b.y > 0 || b.at == begin+int64(i)*page+b.plane*plane)
			end = b.at + line*b.h
		}
	}
	if !ok || page < 0 || plane < 0 {
		return false, nil
	}
	p.Strides = tensor.Strides{page, line, unit * first.samples, unit}
	if first.planar {
		p.Strides[2], p.Strides[3] = unit, plane
	}
	p.Storage.Offset = begin
	p.Storage.Size = (p.Frames-1)*page + (p.Height-1)*line + (p.Width-1)*p.Strides[2] + (p.Channels-1)*p.Strides[3] + unit
	return true, nil
}

// held is how much room decoding takes beside the result: for each goroutine a
// block that is not decoded to its place.
func (f *file) held() int64 {
	n := int64(0)
	for _, p := range f.pages {
		if !p.direct() {
			n = max(n, picture.Product(p.rowBytes(p.blockW), p.blockH, min(p.blocks(), int64(runtime.GOMAXPROCS(0)))))
		}
	}
	return min(n, 1<<62)
}

// decode fills dst with the pages.
func (f *file) decode(ctx context.Context, dst []byte) error {
	size := len(dst) / len(f.pages)
	for i, p := range f.pages {
		d := &decoder{file: f, page: p, number: i, dst: dst[i*size : (i+1)*size]}
		err := parallel.EachWith(0, p.blocks(), func() *room { return new(room) }, func(r *room, k int64) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			b, err := f.block(p, k)
			if err != nil {
				return err
			}
			return d.block(ctx, r, &b)
		})
		if err != nil {
			var own *tensor.Error
			if errors.As(err, &own) {
				own.Path, own.Format = f.in.Path(), "tiff"
			}
			return err
		}
	}
	return nil
}

// room is what a goroutine works in.
type room struct {
	raw  []byte // a block as it is stored
	rows []byte // its samples
}

func grown(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// decoder decodes the blocks of a page, each alone.
type decoder struct {
	*file
	page   *page
	number int
	dst    []byte
}

func (d *decoder) fail(b *block, kind error, got, want string) error {
	return bad(kind, b.at, fmt.Sprintf("page %d, block %d", d.number, b.number), got, want)
}

// block decodes one.
func (d *decoder) block(ctx context.Context, r *room, b *block) error {
	p := d.page
	line := p.rowBytes(p.blockW)
	need := line * b.h
	pixel := p.channels() * int64(p.dtype().UnitBytes)
	direct := p.direct()
	if direct {
		r.rows = d.dst[b.y*p.width*pixel:][:need:need]
	} else {
		r.rows = grown(r.rows, need)
	}
	if err := d.expand(ctx, r, b); err != nil {
		return err
	}
	if p.predictor == 2 {
		per := p.samples
		if p.planar {
			per = 1
		}
		for y := range b.h {
			d.sum(r.rows[y*line:(y+1)*line], per)
		}
	}
	if direct {
		r.rows = nil // is the result's
		return nil
	}
	for y := range b.h {
		at := ((b.y+y)*p.width + b.x) * pixel
		d.unpack(d.dst[at:at+b.w*pixel], r.rows[y*line:], b)
	}
	return nil
}

// direct reports whether blocks are stored as they are read.
func (p *page) direct() bool {
	return p.bits >= 8 && !p.tiled && !p.planar && p.photometric != whiteIsZero && p.photometric != mapped && p.alpha != 1 && p.samples == p.channels()
}

// readers of streams are kept for the next block.
var inflaters = sync.Pool{New: func() any { return new(inflater) }}

type inflater struct{ zlib io.ReadCloser }

// expand fills r.rows with what the bytes of a block are compressed from.
func (d *decoder) expand(ctx context.Context, r *room, b *block) error {
	p := d.page
	if p.compression == plain {
		return picture.ReadAt(d.in, "tiff", r.rows, b.at, "samples")
	}
	in := io.LimitReader(picture.NewReader(ctx, d.in, b.at), b.size)
	var err error
	switch p.compression {
	case packBits:
		r.raw = grown(r.raw, b.size)
		if err := picture.ReadAt(d.in, "tiff", r.raw, b.at, "samples"); err != nil {
			return err
		}
		return d.unpackBits(r, b)
	case deflate, oldDeflate:
		if b.size <= int64(len(r.rows)) {
			r.raw = grown(r.raw, b.size)
			if err := picture.ReadAt(d.in, "tiff", r.raw, b.at, "samples"); err != nil {
				return err
			}
			if _, ok := inflate.Zlib(r.rows, r.raw); ok {
				return nil
			}
		}
		z := inflaters.Get().(*inflater)
		defer inflaters.Put(z)
		if z.zlib == nil {
			z.zlib, err = zlib.NewReader(in)
		} else {
			err = z.zlib.(zlib.Resetter).Reset(in, nil)
		}
		if err == nil {
			err = d.stream(z.zlib, r, b)
		} else {
			err = d.streamError(err, b, 0)
		}
		return err
	case lempelZiv:
		z := lzw.NewReader(in, lzw.MSB, 8)
		defer z.Close()
		return d.stream(z, r, b)
	}
	order, format := ccitt.MSB, ccitt.Group4
	if p.lsbFirst {
		order = ccitt.LSB
	}
	if p.compression == group3 {
		if format = ccitt.Group3; p.twoDimensional {
			return d.fail(b, tensor.ErrUnsupported, "CCITT group 3 in two dimensions", "in one")
		}
	}
	// Runs of "white" are bits 0, whatever bits mean.
	z := ccitt.NewReader(in, order, format, int(p.blockW), int(b.rows), &ccitt.Options{Invert: true})
	return picture.Borrowed("tiff", d.in.Path(), b.at, func() error {
		n, err := io.ReadFull(z, r.rows)
		if err == nil {
			return nil
		}
		return d.streamError(err, b, n)
	})
}

// stream reads the rows of a block from a decompressor, which may hold the rows
// of padding, and no more.
func (d *decoder) stream(z io.Reader, r *room, b *block) error {
	return picture.Borrowed("tiff", d.in.Path(), b.at, func() error {
		if n, err := io.ReadFull(z, r.rows); err != nil {
			return d.streamError(err, b, n)
		}
		p := d.page
		most := p.rowBytes(p.blockW) * p.blockH
		rest, err := io.CopyN(io.Discard, z, most-int64(len(r.rows))+1)
		switch {
		case err == nil:
			return d.fail(b, tensor.ErrLimit, fmt.Sprintf("more than %d bytes", most), fmt.Sprintf("that many of %dx%d pixels, the output limit", p.blockW, p.blockH))
		case err != io.EOF:
			return d.streamError(err, b, len(r.rows)+int(rest))
		}
		return nil
	})
}

// streamError gives an error of a decompressor its kind and place.
func (d *decoder) streamError(err error, b *block, n int) error {
	var own *tensor.Error
	if errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return d.fail(b, tensor.ErrCorrupt, fmt.Sprintf("the end of the data behind %d bytes", n), fmt.Sprint(d.page.rowBytes(d.page.blockW)*b.h))
	}
	return &tensor.Error{Kind: tensor.ErrCorrupt, Format: "tiff", Offset: b.at, Field: fmt.Sprintf("page %d, block %d", d.number, b.number), Err: err}
}

// unpackBits undoes the runs of PackBits (TIFF 6.0, section 9).
func (d *decoder) unpackBits(r *room, b *block) error {
	dst, src := r.rows, r.raw
	for len(dst) > 0 {
		if len(src) < 2 {
			return d.streamError(io.EOF, b, len(r.rows)-len(dst))
		}
		n, run := int(int8(src[0])), src[1:2]
		switch {
		case n == -128:
			src = src[1:]
			continue
		case n >= 0:
			if n++; len(src) <= n {
				return d.streamError(io.EOF, b, len(r.rows)-len(dst))
			}
			run = src[1 : n+1]
		default:
			n = 1 - n
		}
		if n > len(dst) {
			if !d.padded(b) {
				return d.tooMuch(b)
			}
			n = len(dst)
		}
		if len(run) > 1 {
			copy(dst[:n], run)
		} else {
			for i := range dst[:n] {
				dst[i] = run[0]
			}
		}
		dst, src = dst[n:], src[1+len(run):]
	}
	for len(src) > 0 && src[0] == 128 {
		src = src[1:]
	}
	if len(src) > 1 && !d.padded(b) { // one byte makes an even number
		return d.tooMuch(b)
	}
	return nil
}

// padded reports whether a block may hold more rows than the page has.
func (d *decoder) padded(b *block) bool { return b.h < d.page.blockH }

func (d *decoder) tooMuch(b *block) error {
	p := d.page
	return d.fail(b, tensor.ErrLimit, "a run that goes on", fmt.Sprintf("the end of %dx%d pixels, the output limit", p.blockW, p.blockH))
}

// sum undoes the horizontal predictor of a row with so many samples of a pixel.
func (d *decoder) sum(row []byte, per int64) {
	step := int(per * d.page.bits / 8)
	switch d.page.bits {
	case 8:
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
	case 16:
		for i := step; i+2 <= len(row); i += 2 {
			d.order.PutUint16(row[i:], d.order.Uint16(row[i:])+d.order.Uint16(row[i-step:]))
		}
	case 32:
		for i := step; i+4 <= len(row); i += 4 {
			d.order.PutUint32(row[i:], d.order.Uint32(row[i:])+d.order.Uint32(row[i-step:]))
		}
	case 64:
		for i := step; i+8 <= len(row); i += 8 {
			d.order.PutUint64(row[i:], d.order.Uint64(row[i:])+d.order.Uint64(row[i-step:]))
		}
	}
}

// unpack writes the pixels of a row of a block to dst.
func (d *decoder) unpack(dst, src []byte, b *block) {
	p := d.page
	unit := int(p.bits / 8)
	switch {
	case p.photometric == mapped:
		d.colours(dst, src)
		return
	case p.bits < 8:
		d.greys(dst, src)
		return
	}
	channels := int(p.channels())
	if p.planar {
		if b.plane >= int64(channels) {
			return // has no meaning
		}
		for i := int(b.plane) * unit; i+unit <= len(dst); i += channels * unit {
			copy(dst[i:i+unit], src)
			src = src[unit:]
		}
	} else if step := int(p.samples) * unit; step == channels*unit {
		copy(dst, src)
	} else {
		for n := channels * unit; len(dst) >= n; dst, src = dst[n:], src[step:] {
			copy(dst[:n], src)
		}
		return
	}
	if p.photometric == whiteIsZero {
		for i := range dst {
			dst[i] = ^dst[i]
		}
	}
	if p.alpha == 1 && !p.planar {
		d.divide(dst, channels)
	}
}

// divide takes the alpha out of colours: c / a, the fraction cut off, as Pillow
// does it.
func (d *decoder) divide(row []byte, channels int) {
	if d.page.bits == 8 {
		for ; len(row) >= channels; row = row[channels:] {
			a := int(row[channels-1])
			for i := range channels - 1 {
				if a != 0 && a != 255 {
					row[i] = byte(min(255, 255*int(row[i])/a))
				}
			}
		}
		return
	}
	for ; len(row) >= 2*channels; row = row[2*channels:] {
		a := uint64(d.order.Uint16(row[2*channels-2:]))
		for i := range channels - 1 {
			if a != 0 && a != 65535 {
				d.order.PutUint16(row[2*i:], uint16(min(65535, 65535*uint64(d.order.Uint16(row[2*i:]))/a)))
			}
		}
	}
}

// greys unpacks samples of less than 8 bits.
func (d *decoder) greys(dst, src []byte) {
	depth := int(d.page.bits)
	top := byte(1<<depth - 1)
	scale, flip := 255/top, byte(0)
	if depth == 1 {
		scale = 1
	}
	if d.page.photometric == whiteIsZero {
		flip = top
	}
	for i := range dst {
		dst[i] = (src[i*depth/8]>>(8-depth-i*depth%8)&top ^ flip) * scale
	}
}

// colours looks samples up in the palette, whose colours have 16 bits.
func (d *decoder) colours(dst, src []byte) {
	p := d.page
	depth := int(p.bits)
	top := byte(1<<depth - 1)
	n := len(p.palette) / 3
	for i := 0; 3*i+3 <= len(dst); i++ {
		v := int(src[i*depth/8] >> (8 - depth - i*depth%8) & top)
		c := dst[3*i : 3*i+3]
		c[0], c[1], c[2] = byte(p.palette[v]>>8), byte(p.palette[n+v]>>8), byte(p.palette[2*n+v]>>8)
	}
}
