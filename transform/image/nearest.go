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
	return parallel.EachWith(p.options.workers(), n, start, func(room *buffer[uint8], i int64) error {
		src, err := from.image(i / blocks)
		if err != nil {
			return err
		}
		lo := i % blocks * block
		dst, err := to.image(i / blocks)
		if err == nil {
			dst, err = dst.Slice(0, lo, min(lo+block, to.height), 1)
		}
		if err != nil {
			return err
		}
		line := pixel * len(columns)
		out, err := dst.Bytes()
		direct := err == nil && dst.Order() == src.Order()
		if !direct {
			if err := room.grow(line); err != nil {
				return err
			}
		}
		b, first := raw(src)
		stride := src.Strides()[0]
		last, picked := int64(-1), []byte(nil)
		for k := range int(dst.Shape()[0]) {
			y := rows[lo+int64(k)]
			to := room.data
			if direct {
				to = out[k*line:]
			}
			to = to[:line]
			switch {
			case y != last:
				gather(to, b, first+y*stride, columns, pixel)
			case direct:
				copy(to, picked)
			}
			last, picked = y, to
			if direct {
				continue
			}
			row, err := dst.Index(0, int64(k))
			if err != nil {
				return err
			}
			v, err := tensor.NewView(to, d, row.Shape(), nil, 0, src.Order())
			if err == nil {
				err = tensor.Copy(row, v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// raw is the memory of v and where in it its first element is.
func raw(v tensor.View) (b []byte, first int64) {
	for axis, stride := range v.Strides() {
		if stride < 0 {
			first -= stride * (v.Shape()[axis] - 1)
		}
	}
	return v.Span(), first
}

// gather takes the pixels of a row that begins at first, at the given
// distances from there in bytes.
func gather(out, b []byte, first int64, at []int64, pixel int) {
	switch pixel {
	case 1:
		for i, a := range at {
			out[i] = b[first+a]
		}
	case 2:
		for i, a := range at {
			binary.NativeEndian.PutUint16(out[2*i:], binary.NativeEndian.Uint16(b[first+a:]))
		}
	case 3:
		for i, a := range at {
			s, d := b[first+a:first+a+3], out[3*i:3*i+3]
			d[0], d[1], d[2] = s[0], s[1], s[2]
		}
	case 4:
		for i, a := range at {
			binary.NativeEndian.PutUint32(out[4*i:], binary.NativeEndian.Uint32(b[first+a:]))
		}
	case 8:
		for i, a := range at {
			binary.NativeEndian.PutUint64(out[8*i:], binary.NativeEndian.Uint64(b[first+a:]))
		}
	default:
		for i, a := range at {
			copy(out[i*pixel:(i+1)*pixel], b[first+a:first+a+int64(pixel)])
		}
	}
}
