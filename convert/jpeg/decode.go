package jpeg

import (
	"context"
	"errors"
	"fmt"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// decoder decodes the scans of a file.
type decoder struct {
	*file
	bits
	huffman  [2][4]huffman // of the first coefficients, and the others
	quant    [4][64]int32  // in rows
	known    [4]bool       // quantisation tables
	planes   []plane
	interval int // units between restarts; 0: there are none
	scans    int
}

// plane is the samples of a component.
type plane struct {
	component
	quant  byte // its table
	wide   int  // blocks that hold pixels, each way
	high   int  //
	stride int  // samples
	pix    []byte
	coefs  []block // of a progressive picture
	across int     // blocks in a row of coefs and pix
	dc     int32   // the first coefficient of the block before
	tables [2]*huffman
}

// decode fills dst with the elements.
func (f *file) decode(ctx context.Context, dst []byte) error {
	d := &decoder{file: f}
	err := d.read(ctx)
	if err == nil {
		err = d.place(ctx, dst)
	}
	var own *tensor.Error
	if errors.As(err, &own) {
		own.Path = f.in.Path()
	}
	return err
}

// read goes through the segments of the file, and decodes its scans.
func (d *decoder) read(ctx context.Context) error {
	d.data = make([]byte, d.in.Size())
	if err := picture.ReadAt(d.in, "jpeg", d.data, 0, "file"); err != nil {
		return err
	}
	d.pos = 2
	for {
		m, err := d.marker()
		if err != nil {
			return err
		}
		switch {
		case m == eoi && d.scans == 0:
			return bad(tensor.ErrCorrupt, int64(d.pos-2), "EOI", "the end", "a scan before it")
		case m == eoi:
			return d.finish(ctx)
		case m >= rst0 && m < rst0+8, m == 1:
			continue // alone, and out of place
		case reserved(m):
			return unknownMarker(int64(d.pos-2), m)
		}
		at := int64(d.pos)
		body, err := d.segment(m)
		if err != nil {
			return err
		}
		switch {
		case m == dqt:
			err = d.readQuantisation(at+2, body)
		case m == dht:
			err = d.readHuffman(at+2, body)
		case m == dri:
			if len(body) != 2 {
				return bad(tensor.ErrCorrupt, at, "size of DRI", fmt.Sprint(len(body)+2), "4")
			}
			d.interval = int(be.Uint16(body))
		case m >= sof0 && m <= 0xcf && m != dht && m != jpg && m != dac:
			if at-2 != d.frame {
				return bad(tensor.ErrCorrupt, at-2, "SOF", "a second frame", "one")
			}
			err = d.begin(body)
		case m == sos:
			err = d.scan(ctx, at+2, body)
		case m == dnl:
			err = bad(tensor.ErrUnsupported, at-2, "DNL", "a height behind the scan", "one in the frame")
		}
		if err != nil {
			return err
		}
	}
}

// marker finds the next one. Bytes before it that are none are passed over, as
// libjpeg does.
func (d *decoder) marker() (byte, error) {
	for ; d.pos+1 < len(d.data); d.pos++ {
		if m := d.data[d.pos+1]; d.data[d.pos] == 0xff && m != 0 && m != 0xff {
			d.pos += 2
			return m, nil
		}
	}
	return 0, bad(tensor.ErrTruncated, int64(len(d.data)), "marker", "the end of the file", "EOI")
}

// segment returns the body of the one that begins with the size at pos.
func (d *decoder) segment(m byte) ([]byte, error) {
	field := fmt.Sprintf("size of segment ff %02x", m)
	rest := d.data[d.pos:]
	if len(rest) < 2 {
		return nil, bad(tensor.ErrTruncated, int64(d.pos), field, fmt.Sprintf("%d bytes", len(rest)), "2")
	}
	n := int(be.Uint16(rest))
	if n < 2 {
		return nil, bad(tensor.ErrCorrupt, int64(d.pos), field, fmt.Sprint(n), "at least 2")
	}
	if n > len(rest) {
		return nil, bad(tensor.ErrTruncated, int64(d.pos), field, fmt.Sprint(n), fmt.Sprintf("at most the %d bytes that remain", len(rest)))
	}
	d.pos += n
	return rest[2:n], nil
}

// readQuantisation reads a DQT segment, whose body begins at at.
func (d *decoder) readQuantisation(at int64, b []byte) error {
	for len(b) > 0 {
		wide, id := b[0]>>4, b[0]&15
		n := 64 * (1 + int(wide))
		if wide > 1 || id > 3 || len(b) < 1+n {
			return bad(tensor.ErrCorrupt, at, "DQT", fmt.Sprintf("table %d of precision %d, %d bytes", id, wide, len(b)-1), "0 to 3 of precision 0 or 1, and 64 numbers")
		}
		for k := range 64 {
			v := int32(b[1+k])
			if wide == 1 {
				v = int32(be.Uint16(b[1+2*k:]))
			}
			d.quant[id][natural[k]] = v
		}
		d.known[id] = true
		b, at = b[1+n:], at+1+int64(n)
	}
	return nil
}

// begin makes room for the components of the frame, which was looked at when the
// file was opened.
func (d *decoder) begin(b []byte) error {
	hmax, vmax := d.largest()
	unitsX, unitsY := (d.width+8*hmax-1)/(8*hmax), (d.height+8*vmax-1)/(8*vmax)
	for i, c := range d.components {
		p := plane{component: c, quant: b[6+3*i+2]}
		if p.quant > 3 {
			return bad(tensor.ErrCorrupt, d.frame+10+3*int64(i)+2, "quantisation table", fmt.Sprint(p.quant), "0 to 3")
		}
		p.wide, p.high = int(blocksOf(d.width*c.h, hmax)), int(blocksOf(d.height*c.v, vmax))
		p.across = int(unitsX * c.h)
		down := int(unitsY * c.v)
		p.stride = 8 * p.across
		p.pix = make([]byte, 64*p.across*down)
		if d.progressive {
			p.coefs = make([]block, p.across*down)
		}
		d.planes = append(d.planes, p)
	}
	return nil
}

// blocksOf is how many blocks hold n samples of a component that has one for most
// of them.
func blocksOf(n, most int64) int64 { return ((n+most-1)/most + 7) / 8 }

// largest are the largest sampling factors.
func (f *file) largest() (h, v int64) {
	for _, c := range f.components {
		h, v = max(h, c.h), max(v, c.v)
	}
	return h, v
}

// finish transforms the coefficients of a progressive picture.
func (d *decoder) finish(ctx context.Context) error {
	for i := range d.planes {
		p := &d.planes[i]
		if p.coefs == nil {
			continue
		}
		if !d.known[p.quant] {
			return d.noTable(p)
		}
		for y := range p.high {
			if err := ctx.Err(); err != nil {
				return err
			}
			for x := range p.wide {
				transform(p.pix[8*(y*p.stride+x):], p.stride, &p.coefs[y*p.across+x], &d.quant[p.quant])
			}
		}
	}
	return nil
}

func (d *decoder) noTable(p *plane) error {
	return bad(tensor.ErrCorrupt, d.frame, "quantisation table", fmt.Sprintf("none with number %d", p.quant), "one for each component")
}

// place puts the samples of all components to dst, as pixels.
func (d *decoder) place(ctx context.Context, dst []byte) error {
	hmax, vmax := d.largest()
	w := int(d.width)
	rows := make([]func(y int) []byte, len(d.planes))
	for i, p := range d.planes {
		c := samples{
			x: int(hmax / p.h), y: int(vmax / p.v), stride: p.stride,
			width: int((d.width*p.h + hmax - 1) / hmax), height: int((d.height*p.v + vmax - 1) / vmax),
		}
		rows[i] = c.rows(p.pix, w)
	}
	mixed := d.stored() != ""
	for y := range int(d.height) {
		if y%64 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		out := dst[y*w*len(rows) : (y+1)*w*len(rows)]
		switch {
		case len(rows) == 1:
			copy(out, rows[0](y))
		case len(rows) == 3 && mixed:
			rgb(out, rows[0](y), rows[1](y), rows[2](y))
		case len(rows) == 3:
			join(out, 0, rows[0](y), rows[1](y), rows[2](y))
		default: // ink, inverted; YCbCr of it is RGB, and that the inversion of it
			if mixed {
				rgbk(out, rows[0](y), rows[1](y), rows[2](y), rows[3](y))
			} else {
				join(out, 255, rows[0](y), rows[1](y), rows[2](y), rows[3](y))
			}
		}
	}
	return nil
}
