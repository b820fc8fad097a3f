package tensor

import "io"

// writeBuffer bounds the memory of WriteCOrder; writeDirect is what is worth a
// write of its own without going through the buffer.
const (
	writeBuffer = 256 << 10
	writeDirect = 32 << 10
)

// WriteCOrder writes the elements in C order and the byte order given: the
// C-order image, ByteSize bytes, with rows of packed dtypes padded by zero bits
// to whole units. It uses at most 256 KiB of memory, none where the elements
// lie that way already. Errors of w come back as they are; elements of an
// unknown dtype cannot change their byte order (ErrUnsupported).
func (v View) WriteCOrder(w io.Writer, order ByteOrder) error {
	if v.dtype.Class == ClassNone {
		return v.fail(ErrDType, "dtype", "none", "a dtype with elements")
	}
	swap, err := swapBetween(v.dtype, order, v.order)
	if err != nil || v.n == 0 {
		return err
	}
	c := cOrder{w: w, src: v.data, dtype: v.dtype, swap: swap, tail: v.dtype.tail(v.shape)}
	if v.contig && swap == 1 && c.tail == 0 {
		return c.direct(v.bytes())
	}
	c.plan(v)
	c.buf = makeBytes(int(min(writeBuffer, v.image)))
	if err := c.write(0, v.offset); err != nil {
		return err
	}
	return c.flush()
}

// cOrder writes a view piece by piece through a buffer.
type cOrder struct {
	w     io.Writer
	src   []byte
	buf   []byte
	fill  int
	dtype DType
	swap  int
	unit  int // bytes moved as one; units that are longer get an axis
	tail  int // elements in the last unit of a row, 0 for all

	rank    int
	row     int // the packed axis, where tail counts
	dense   int // from this axis on the bytes lie as they are written
	n, step [MaxRank + 1]int64
	size    [MaxRank + 2]int64 // bytes of the image of the axes from i on
	scratch nest
}

func (c *cOrder) plan(v View) {
	rank := len(v.shape)
	for axis := range v.shape {
		c.n[axis], c.step[axis] = v.dtype.extent(v.shape, axis), v.strides[axis]
	}
	c.row = rank - 1
	c.unit = moveUnit(v.dtype, c.swap)
	if parts := int64(v.dtype.UnitBytes) / int64(c.unit); parts > 1 {
		c.n[rank], c.step[rank] = parts, int64(c.unit)
		rank++
	}
	c.rank, c.dense = rank, rank
	c.size[rank] = int64(c.unit)
	for axis := rank - 1; axis >= 0; axis-- {
		c.size[axis] = c.size[axis+1] * c.n[axis]
		if c.dense == axis+1 && (c.step[axis] == c.size[axis+1] || c.n[axis] == 1) {
			c.dense = axis
		}
	}
	if c.swap > 1 || c.tail > 0 {
		c.dense = MaxRank + 2
	}
}

// write writes the image of the axes from axis on; off is where it starts.
func (c *cOrder) write(axis int, off int64) error {
	if axis >= c.dense && c.size[axis] >= writeDirect {
		if err := c.flush(); err != nil {
			return err
		}
		return c.direct(c.src[off : off+c.size[axis]])
	}
	if axis == c.rank { // one unit, which the buffer holds
		return c.gather(axis, off, 1)
	}
	piece := c.size[axis+1]
	deeper := piece > int64(len(c.buf)) || axis+1 >= c.dense && piece >= writeDirect
	for i := int64(0); i < c.n[axis]; {
		k := int64(1)
		var err error
		if deeper {
			err = c.write(axis+1, off+i*c.step[axis])
		} else {
			if k = min((int64(len(c.buf)-c.fill))/piece, c.n[axis]-i); k == 0 {
				err = c.flush()
			} else {
				err = c.gather(axis, off+i*c.step[axis], k)
				c.clearTails(axis, i+k == c.n[axis], k*piece)
			}
		}
		if err != nil {
			return err
		}
		i += k
	}
	return nil
}

// gather appends k pieces of an axis to the buffer, which has room for them.
func (c *cOrder) gather(axis int, off, k int64) error {
	if axis == c.rank {
		if len(c.buf)-c.fill < c.unit {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	w := &c.scratch
	w.rank, w.unit, w.offA, w.offB = 0, c.unit, 0, 0
	total := int64(c.unit)
	for i := c.rank - 1; i >= axis; i-- {
		n := c.n[i]
		if i == axis {
			n = k
		}
		// The axes come from the inside; sort puts the larger steps outside.
		if n > 1 {
			w.n[w.rank], w.a[w.rank], w.b[w.rank] = n, total, c.step[i]
			w.rank++
		}
		total *= n
	}
	w.copy(c.buf[c.fill:], c.src, 0, off, c.swap, false)
	c.fill += int(total)
	return nil
}

// clearTails zeroes the padding in the last size bytes of the buffer: pieces of
// an axis, up to the end of it or not.
func (c *cOrder) clearTails(axis int, end bool, size int64) {
	unit := int64(c.dtype.UnitBytes)
	if c.tail == 0 || axis > c.row || axis == c.row && !end {
		return
	}
	done := c.buf[c.fill-int(size) : c.fill]
	row := c.size[c.row]
	if axis == c.row {
		row = size
	}
	for ; int64(len(done)) >= row; done = done[row:] {
		c.dtype.clearTail(done[row-unit:row], c.tail)
	}
}

func (c *cOrder) flush() error {
	b := c.buf[:c.fill]
	c.fill = 0
	return c.direct(b)
}

func (c *cOrder) direct(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := c.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
