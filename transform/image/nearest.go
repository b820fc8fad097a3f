package image

import (
	"encoding/binary"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// picks are the source pixels of an axis. Positions are summed up step by step,
// as Pillow does: a middle that should lie on the border of two pixels goes to
// the side to which the sum has been rounded.
func (s span) picks(in, out int64) []int64 {
	list := make([]int64, out)
	step := float64(s.hi-s.lo) / float64(out)
	at := float64(s.lo) + step*0.5
	for i := range list {
		list[i] = min(int64(at), in-1)
		at += step
	}
	return list
}

// nearest picks pixels, whole ones where their channels lie side by side.
func (p *plan) nearest(dst, src tensor.View, l Layout) error {
	d := src.DType()
	if d.Packed() {
		return fail(tensor.ErrDType, "resize", d.String(), "a dtype that is not packed")
	}
	size := int64(d.UnitBytes)
	planes := l == CHW
	if l == HWC && src.Shape()[src.Rank()-1] > 1 && src.Strides()[src.Rank()-1] != size {
		planes = true
	}
	from, err := l.images(src, planes)
	if err != nil {
		return err
	}
	to, err := l.images(dst, planes)
	if err != nil {
		return err
	}
	rows, columns := p.y.picks(from.height, to.height), p.x.picks(from.width, to.width)
	pixel := int(size * from.c)
	if err := p.options.allow("a row", size*from.c, to.width); err != nil {
		return err
	}
	stride := from.v.Strides()[from.lead+1]
	for i := range columns {
		columns[i] *= stride // from here on bytes
	}
	const block = 32
	blocks := (to.height + block - 1) / block
	n, err := tensor.Shape{to.n, blocks}.NumElements()
	if err != nil {
		return err
	}
	start := func() *buffer[uint8] { return new(buffer[uint8]) }
	return parallel.Each(p.options.workers(), n, start, func(room *buffer[uint8], i int64) error {
		src, err := from.image(i / blocks)
		if err != nil {
			return err
		}
		dst, err := to.image(i / blocks)
		if err != nil {
			return err
		}
		lo := i % blocks * block
		last, line := int64(-1), []byte(nil)
		for y := lo; y < min(lo+block, to.height); y++ {
			row, err := dst.Index(0, y)
			if err != nil {
				return err
			}
			out, err := row.Bytes()
			direct := err == nil && row.Order() == src.Order()
			switch {
			case rows[y] == last && direct:
				copy(out, line)
				continue
			case rows[y] != last && !direct:
				if err := room.grow(pixel * len(columns)); err != nil {
					return err
				}
				out = room.data[:pixel*len(columns)]
			}
			if rows[y] != last {
				from, err := src.Index(0, rows[y])
				if err != nil {
					return err
				}
				gather(out, from, columns, pixel)
				last, line = rows[y], out
			}
			if !direct {
				picked, err := tensor.NewView(line, d, row.Shape(), nil, 0, src.Order())
				if err == nil {
					err = tensor.Copy(row, picked)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// gather takes the pixels of a row of the source at the given distances, in
// bytes, from its first.
func gather(out []byte, row tensor.View, at []int64, pixel int) {
	b := row.Span()
	if stride := row.Strides()[0]; stride < 0 { // the first pixel is the last in memory
		first := -stride * (row.Shape()[0] - 1)
		for i, a := range at {
			copy(out[i*pixel:(i+1)*pixel], b[first+a:])
		}
		return
	}
	switch pixel {
	case 1:
		for i, a := range at {
			out[i] = b[a]
		}
	case 2:
		for i, a := range at {
			binary.NativeEndian.PutUint16(out[2*i:], binary.NativeEndian.Uint16(b[a:]))
		}
	case 3:
		for i, a := range at {
			s, d := b[a:a+3:a+3], out[3*i:3*i+3:3*i+3]
			d[0], d[1], d[2] = s[0], s[1], s[2]
		}
	case 4:
		for i, a := range at {
			binary.NativeEndian.PutUint32(out[4*i:], binary.NativeEndian.Uint32(b[a:]))
		}
	case 8:
		for i, a := range at {
			binary.NativeEndian.PutUint64(out[8*i:], binary.NativeEndian.Uint64(b[a:]))
		}
	default:
		for i, a := range at {
			copy(out[i*pixel:(i+1)*pixel], b[a:a+int64(pixel)])
		}
	}
}
