package pcm

import (
	"encoding/binary"
	"io"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// sample is what the numbers of a dtype mean, as package transform/audio has it.
type sample struct {
	dtype      tensor.DType
	name, like string // the encodings that hold it
	full       float64
	silence    float64
}

var samples = []sample{
	{tensor.U8, "u8", "i8", 1 << 7, 1 << 7},
	{tensor.I8, "i8", "u8", 1 << 7, 0},
	{tensor.I16, "i16", "", 1 << 15, 0},
	{tensor.I32, "i32", "", 1 << 31, 0},
	{tensor.F16, "f32", "", 1, 0},
	{tensor.BF16, "f32", "", 1, 0},
	{tensor.F32, "f32", "", 1, 0},
	{tensor.F64, "f64", "", 1, 0},
}

func sampleOf(d tensor.DType) (sample, error) {
	i := slices.IndexFunc(samples, func(s sample) bool { return s.dtype == d })
	if i < 0 {
		return sample{}, bad(tensor.ErrUnsupported, "dtype", d.String(), "f64, f32, f16, bf16, i32, i16, i8 or u8 (convert with --dtype)")
	}
	return samples[i], nil
}

// blockSamples is how many elements are encoded at a time.
const blockSamples = 16 << 10

// WriteTo writes the samples in the order that the file has. What another
// encoding cannot hold is rounded to the nearest, halves to even, and clipped;
// NaN becomes silence. Floats are rounded and never clipped.
func (r *Recording) WriteTo(w io.Writer, order tensor.ByteOrder) error {
	d, to := r.DType, r.Encoding
	if d == to.DType && to.Plain() && (order == tensor.LittleEndian || to.Bytes == 1) {
		return r.Write(w)
	}
	e := &encoder{w: w, width: int(d.UnitBytes), size: int(to.Bytes)}
	switch {
	case d == to.DType && to.Plain():
		e.encode = swap(e.width)
	case d == tensor.I16 && to == ALaw:
		e.encode = func(dst, src []byte) error { return law(dst, src, toALaw) }
	case d == tensor.I16 && to == MuLaw:
		e.encode = func(dst, src []byte) error { return law(dst, src, toMuLaw) }
	case d == tensor.I32 && to == I24:
		e.encode = func(dst, src []byte) error { round24(dst, src, order == tensor.BigEndian); return nil }
	default:
		c, err := newConverter(d, to, order)
		if err != nil {
			return err
		}
		e.encode = c.convert
	}
	e.in = make([]byte, 0, blockSamples*e.width)
	e.out = make([]byte, blockSamples*e.size)
	if err := r.Write(e); err != nil {
		return err
	}
	return e.flush()
}

// encoder collects blocks of whole elements.
type encoder struct {
	w           io.Writer
	width, size int // bytes of an element and of a sample
	encode      func(dst, src []byte) error
	in, out     []byte
}

func (e *encoder) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := min(len(p), cap(e.in)-len(e.in))
		e.in = append(e.in, p[:n]...)
		p = p[n:]
		if len(e.in) == cap(e.in) {
			if err := e.flush(); err != nil {
				return total - len(p), err
			}
		}
	}
	return total, nil
}

func (e *encoder) flush() error {
	if len(e.in) == 0 {
		return nil
	}
	out := e.out[:len(e.in)/e.width*e.size]
	if err := e.encode(out, e.in); err != nil {
		return err
	}
	e.in = e.in[:0]
	_, err := e.w.Write(out)
	return err
}

// swap turns elements of a width round.
func swap(width int) func(dst, src []byte) error {
	le, be := binary.LittleEndian, binary.BigEndian
	return func(dst, src []byte) error {
		dst = dst[:len(src)]
		for i := 0; i < len(src); i += width {
			switch width {
			case 2:
				be.PutUint16(dst[i:], le.Uint16(src[i:]))
			case 4:
				be.PutUint32(dst[i:], le.Uint32(src[i:]))
			default:
				be.PutUint64(dst[i:], le.Uint64(src[i:]))
			}
		}
		return nil
	}
}

func law(dst, src []byte, code func(int16) byte) error {
	for i := range dst {
		dst[i] = code(int16(binary.LittleEndian.Uint16(src[2*i:])))
	}
	return nil
}

// round24 leaves the upper three bytes of integers of 32 bits.
func round24(dst, src []byte, big bool) {
	for ; len(src) >= 4; src, dst = src[4:], dst[3:] {
		x := int32(binary.LittleEndian.Uint32(src))
		if x&0xff != 0 {
			even := int64(x>>8) & 1
			x = int32(min((int64(x)+0x7f+even)>>8<<8, math.MaxInt32&^0xff))
		}
		put24(dst, uint32(x>>8), big)
	}
}

func put24(dst []byte, x uint32, big bool) {
	_ = dst[2]
	dst[1] = byte(x >> 8)
	if big {
		dst[0], dst[2] = byte(x>>16), byte(x)
	} else {
		dst[0], dst[2] = byte(x), byte(x>>16)
	}
}

// converter changes what numbers mean.
type converter struct {
	from, to  sample
	encoding  Encoding
	order     binary.ByteOrder
	big       bool
	low, high float64 // of whole numbers, silence subtracted
	x         []float64
}

func newConverter(d tensor.DType, to Encoding, order tensor.ByteOrder) (*converter, error) {
	c := &converter{encoding: to, order: binary.LittleEndian, big: order == tensor.BigEndian}
	if c.big {
		c.order = binary.BigEndian
	}
	var err error
	if c.from, err = sampleOf(d); err != nil {
		return nil, err
	}
	if c.to, err = sampleOf(to.DType); err != nil {
		return nil, err
	}
	if to == I24 {
		c.to.full = 1 << 23
	}
	c.low, c.high = -c.to.full, c.to.full-1
	c.x = make([]float64, blockSamples)
	return c, nil
}

func (c *converter) convert(dst, src []byte) error {
	n := int64(len(src) / int(c.from.dtype.UnitBytes))
	in, err := tensor.NewView(src, c.from.dtype, tensor.Shape{n}, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	out, err := tensor.FromSlice(c.x[:n], n)
	if err == nil {
		err = tensor.Cast(out, in)
	}
	if err != nil {
		return err
	}
	scale, float := c.to.full/c.from.full, c.encoding.Float()
	for i, x := range c.x[:n] {
		x = (x - c.from.silence) * scale
		if !float { // x + 0 would lose the sign of -0
			switch x = math.RoundToEven(x); {
			case x > c.high:
				x = c.high
			case x < c.low:
				x = c.low
			case x != x:
				x = 0
			}
			x += c.to.silence
		}
		c.x[i] = x
	}
	c.put(dst, c.x[:n])
	return nil
}

func (c *converter) put(dst []byte, x []float64) {
	switch c.encoding {
	case U8, I8:
		for i, v := range x {
			dst[i] = byte(int(v))
		}
	case ALaw:
		for i, v := range x {
			dst[i] = toALaw(int16(v))
		}
	case MuLaw:
		for i, v := range x {
			dst[i] = toMuLaw(int16(v))
		}
	case I16:
		for i, v := range x {
			c.order.PutUint16(dst[2*i:], uint16(int16(v)))
		}
	case I24:
		for i, v := range x {
			put24(dst[3*i:], uint32(int32(v)), c.big)
		}
	case I32:
		for i, v := range x {
			c.order.PutUint32(dst[4*i:], uint32(int32(v)))
		}
	case F32:
		for i, v := range x {
			c.order.PutUint32(dst[4*i:], math.Float32bits(float32(v)))
		}
	case F64:
		for i, v := range x {
			c.order.PutUint64(dst[8*i:], math.Float64bits(v))
		}
	}
}
