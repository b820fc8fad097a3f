package jpeg

import (
	"context"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// scan is what a SOS segment says.
type scan struct {
	planes      []*plane
	first, last int // coefficients
	high, low   int // bits of them: those before, and those of this scan
	eobs        int32
}

// corrupt is an error about the coded data.
func (d *decoder) corrupt(got, want string) error {
	return bad(tensor.ErrCorrupt, int64(d.pos), fmt.Sprintf("scan %d", d.scans-1), got, want)
}

// scan decodes one whose segment has its body at at.
func (d *decoder) scan(ctx context.Context, at int64, b []byte) error {
	if d.scans++; d.scans > maxScans {
		return bad(tensor.ErrLimit, at, "scans", "more", fmt.Sprintf("at most %d", maxScans))
	}
	s, err := d.header(at, b)
	if err != nil {
		return err
	}
	d.reset()
	across, down := s.planes[0].wide, s.planes[0].high
	if len(s.planes) > 1 {
		hmax, vmax := d.largest()
		across, down = int((d.width+8*hmax-1)/(8*hmax)), int((d.height+8*vmax-1)/(8*vmax))
	}
	left, next := d.interval, 0
	for y := range down {
		if err := ctx.Err(); err != nil {
			return err
		}
		for x := range across {
			if d.interval > 0 {
				if left == 0 {
					if err := d.restart(s, next); err != nil {
						return err
					}
					left, next = d.interval, (next+1)%8
				}
				left--
			}
			for _, p := range s.planes {
				if len(s.planes) == 1 {
					if !d.block(s, p, y*p.across+x) {
						return d.corrupt("a code that is not there, or too many coefficients", "blocks of 64")
					}
					continue
				}
				for v := range int(p.v) {
					for h := range int(p.h) {
						if !d.block(s, p, (y*int(p.v)+v)*p.across+x*int(p.h)+h) {
							return d.corrupt("a code that is not there, or too many coefficients", "blocks of 64")
						}
					}
				}
			}
			if d.over() {
				return d.corrupt(fmt.Sprintf("the end of the data in unit %d of row %d", x, y), fmt.Sprintf("%dx%d units", across, down))
			}
		}
	}
	return nil
}

// header reads a SOS segment.
func (d *decoder) header(at int64, b []byte) (*scan, error) {
	n := 0
	if len(b) > 0 {
		n = int(b[0])
	}
	if n < 1 || n > 4 || len(b) != 4+2*n {
		return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("%d components in %d bytes", n, len(b)), "1 to 4, of two bytes each, and 4")
	}
	if d.planes == nil {
		return nil, bad(tensor.ErrCorrupt, at, "SOS", "a scan", "a frame (SOF) before it")
	}
	rest := b[1+2*n:]
	s := &scan{first: int(rest[0]), last: int(rest[1]), high: int(rest[2] >> 4), low: int(rest[2] & 15)}
	if !d.progressive {
		s.first, s.last, s.high, s.low = 0, 63, 0, 0
	}
	units := int64(0)
	for i := range n {
		id, tables := b[1+2*i], b[2+2*i]
		k := slices.IndexFunc(d.planes, func(p plane) bool { return p.id == id })
		if k < 0 || slices.Contains(s.planes, &d.planes[k]) {
			return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("component %d", id), "those of the frame, each once")
		}
		if tables>>4 > 3 || tables&15 > 3 {
			return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("tables %d and %d", tables>>4, tables&15), "0 to 3")
		}
		p := &d.planes[k]
		p.tables = [2]*huffman{&d.huffman[0][tables>>4], &d.huffman[1][tables&15]}
		p.dc = 0
		if s.first == 0 && s.high == 0 && !p.tables[0].known || s.last > 0 && !p.tables[1].known {
			return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("tables %d and %d, of which one is not there", tables>>4, tables&15), "DHT before it")
		}
		if !d.progressive && !d.known[p.quant] {
			return nil, d.noTable(p)
		}
		units += p.h * p.v
		s.planes = append(s.planes, p)
	}
	switch {
	case n > 1 && units > 10:
		return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("%d blocks in a unit", units), "at most 10")
	case s.first > s.last || s.last > 63 || s.first == 0 && s.last > 0 && d.progressive || s.first > 0 && n > 1:
		return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("coefficients %d to %d of %d components", s.first, s.last, n), "0 alone, or others of one component")
	case s.low > 13 || s.high > 0 && s.high != s.low+1:
		return nil, bad(tensor.ErrCorrupt, at, "SOS", fmt.Sprintf("bits %d and %d", s.high, s.low), "one bit more than before, at most 13")
	}
	return s, nil
}

// restart goes to the marker that must stand here.
func (d *decoder) restart(s *scan, n int) error {
	d.reset()
	if m, err := d.marker(); err != nil || m != rst0+byte(n) {
		return d.corrupt(fmt.Sprintf("ff %02x", m), fmt.Sprintf("the restart ff %02x", rst0+n))
	}
	s.eobs = 0
	for _, p := range s.planes {
		p.dc = 0
	}
	return nil
}

// block decodes block i of a component as far as the scan has it. It reports
// false where the codes are wrong.
func (d *decoder) block(s *scan, p *plane, i int) bool {
	if !d.progressive {
		return d.sequential(p, i)
	}
	b := &p.coefs[i]
	switch {
	case s.first == 0 && s.high == 0:
		size, ok := d.symbol(p.tables[0])
		p.dc += d.number(uint(size & 15))
		b[0] = int16(p.dc << s.low)
		return ok
	case s.first == 0:
		if d.bit() {
			b[0] |= 1 << s.low
		}
		return true
	case s.high == 0:
		return d.more(s, p, b)
	}
	return d.refine(s, p, b)
}

// sequential decodes a block, and makes samples of it.
func (d *decoder) sequential(p *plane, i int) bool {
	size, ok := d.symbol(p.tables[0])
	if !ok {
		return false
	}
	p.dc += d.number(uint(size & 15))
	dst := p.pix[8*(i/p.across*p.stride+i%p.across):]
	quant := &d.quant[p.quant]
	var b block
	b[0] = int16(p.dc)
	only := true
	table := p.tables[1]
	// The bits are kept apart from d in this loop, the hottest of all.
	acc, n := d.acc, d.n
	for k := 1; k < 64; k++ {
		if n < 32 {
			d.acc, d.n = acc, n
			d.fill()
			acc, n = d.acc, d.n
		}
		if e := table.whole[acc>>(64-fastBits)]; e != 0 {
			acc <<= e & 15
			n -= uint(e & 15)
			if k += int(e >> 4 & 15); k > 63 {
				return false
			}
			b[natural[k]] = e >> 8
			only = false
			continue
		}
		var rs byte
		if e := table.fast[acc>>(64-fastBits)]; e != 0 {
			acc <<= e >> 8
			n -= uint(e >> 8)
			rs = byte(e)
		} else {
			d.acc, d.n = acc, n
			var ok bool
			if rs, ok = d.long(table); !ok {
				return false
			}
			acc, n = d.acc, d.n
		}
		r, size := int(rs>>4), uint(rs&15)
		if size == 0 {
			if r != 15 {
				break
			}
			k += 15
			continue
		}
		if k += r; k > 63 {
			return false
		}
		v := int32(acc >> 1 >> (63 - size))
		acc <<= size
		n -= size
		if v < 1<<(size-1) {
			v += -1<<size + 1
		}
		b[natural[k]] = int16(v)
		only = false
	}
	d.acc, d.n = acc, n
	if only {
		flat(dst, p.stride, int32(b[0])*quant[0])
	} else {
		transform(dst, p.stride, &b, quant)
	}
	return true
}

// more decodes the first bits of some coefficients.
func (d *decoder) more(s *scan, p *plane, b *block) bool {
	if s.eobs > 0 {
		s.eobs--
		return true
	}
	for k := s.first; k <= s.last; k++ {
		rs, ok := d.symbol(p.tables[1])
		if !ok {
			return false
		}
		r, size := int(rs>>4), uint(rs&15)
		if size == 0 {
			if r != 15 {
				s.eobs = 1<<r - 1 + d.take(uint(r))
				break
			}
			k += 15
			continue
		}
		if k += r; k > s.last {
			return false
		}
		b[natural[k]] = int16(d.number(size) << s.low)
	}
	return true
}

// refine decodes another bit of some coefficients: of those that are not 0, and of
// some that become 1 or -1 (figure G.7).
func (d *decoder) refine(s *scan, p *plane, b *block) bool {
	one := int16(1) << s.low
	k := s.first
	for ; s.eobs == 0 && k <= s.last; k++ {
		rs, ok := d.symbol(p.tables[1])
		if !ok {
			return false
		}
		r, size := int(rs>>4), rs&15
		fresh := int16(0)
		switch {
		case size > 1:
			return false
		case size == 1:
			if fresh = -one; d.take(1) != 0 {
				fresh = one
			}
		case r != 15:
			s.eobs = 1<<r + d.take(uint(r))
		}
		if s.eobs > 0 {
			break
		}
		if k = d.correct(b, k, s.last, r, one); fresh != 0 {
			if k > s.last {
				return false
			}
			b[natural[k]] = fresh
		}
	}
	if s.eobs > 0 {
		d.correct(b, k, s.last, 64, one)
		s.eobs--
	}
	return true
}

// correct decodes a bit of each coefficient from k on that is not 0, up to the one
// behind so many that are, and returns which that is.
func (d *decoder) correct(b *block, k, last, zeros int, one int16) int {
	acc, n := d.acc, d.n
	for ; k <= last; k++ {
		c := &b[natural[k]]
		if *c == 0 {
			if zeros--; zeros < 0 {
				break
			}
			continue
		}
		if n == 0 {
			d.acc, d.n = acc, n
			d.fill()
			acc, n = d.acc, d.n
		}
		if acc>>63 != 0 && *c&one == 0 {
			if *c > 0 {
				*c += one
			} else {
				*c -= one
			}
		}
		acc <<= 1
		n--
	}
	d.acc, d.n = acc, n
	return k
}
