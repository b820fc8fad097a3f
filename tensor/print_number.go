package tensor

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// newCells chooses how the elements of the view are formatted.
func (p *printer) newCells() cells {
	e := castElem(p.v.dtype)
	scalar := len(p.shape) == 0
	number := func(as elem) numbers {
		n := numbers{b: new(castBuffer)}
		n.b.prepare(as, e)
		n.b.src.of(p.v, e)
		n.b.dst.size = int(as.dtype().UnitBytes)
		return n
	}
	precision, suppress := p.opts.Precision, p.opts.Suppress
	switch e {
	case elemNone:
	case elemBool, castBool1:
		return &boolCells{numbers: number(elemBool), scalar: scalar}
	case elemU64:
		return &uintCells{numbers: number(elemU64)}
	case elemI8, elemI16, elemI32, elemI64, elemU8, elemU16, elemU32, castI4, castU4:
		return &intCells{numbers: number(elemI64)}
	case elemF16, elemF32, elemF64:
		return &floatCells{numbers: number(elemF64), f: newFloatFormat(e, precision, suppress, false)}
	case elemC64, elemC128:
		part := elemF32
		if e == elemC128 {
			part = elemF64
		}
		return &complexCells{
			numbers: number(elemC128),
			re:      newFloatFormat(part, precision, suppress, false),
			im:      newFloatFormat(part, precision, suppress, true),
		}
	default:
		return &shortCells{numbers: number(elemF64)}
	}
	unit, text, hex := raw{v: p.v}, maxTextBytes, maxHexBytes
	if p.opts.Full {
		text, hex = maxBytesWidth, math.MaxInt32
	}
	if p.v.dtype.Class == ClassBytes && p.v.dtype.Known() {
		switch p.v.dtype.Variant {
		case VariantOpaque:
			return &voidCells{raw: unit, limit: text}
		case VariantText:
			return &textCells{raw: unit, limit: text}
		case VariantUTF32:
			return &utf32Cells{raw: unit, limit: text}
		}
	}
	return &hexCells{raw: unit, limit: hex}
}

// numbers fetches elements converted to a type that holds them.
type numbers struct {
	b    *castBuffer
	data []byte
}

func (c *numbers) load(off, n, step int64) {
	src := c.b.src.at(0, int(n))
	c.b.src.load(src, off, n, step)
	c.data = c.b.dst.at(0, int(n))
	c.b.block(c.data, src, int(n))
}

// of returns the elements that c holds. T is the type they were loaded as.
func of[T cast.Plain](c *numbers) []T {
	s, _ := cast.Slice[T](c.data)
	return s
}

// noMeasure is for elements that are not aligned.
type noMeasure struct{}

func (noMeasure) passes() int      { return 0 }
func (noMeasure) measure(_, _ int) {}

type boolCells struct {
	numbers
	noMeasure
	scalar bool
}

func (c *boolCells) format(dst []byte, i int) []byte {
	switch {
	case c.data[i] == 0:
		return append(dst, "False"...)
	case c.scalar:
		return append(dst, "True"...)
	}
	return append(dst, " True"...)
}

// intCells is for integers that fit int64, uintCells for those of u64. Both
// align to the longest.
type intCells struct {
	numbers
	width int
	buf   [20]byte
}

func (c *intCells) passes() int { return 1 }

func (c *intCells) measure(_, i int) {
	c.width = max(c.width, len(strconv.AppendInt(c.buf[:0], of[int64](&c.numbers)[i], 10)))
}

func (c *intCells) format(dst []byte, i int) []byte {
	return appendRight(dst, strconv.AppendInt(c.buf[:0], of[int64](&c.numbers)[i], 10), c.width)
}

type uintCells struct {
	numbers
	width int
	buf   [20]byte
}

func (c *uintCells) passes() int { return 1 }

func (c *uintCells) measure(_, i int) {
	c.width = max(c.width, len(strconv.AppendUint(c.buf[:0], of[uint64](&c.numbers)[i], 10)))
}

func (c *uintCells) format(dst []byte, i int) []byte {
	return appendRight(dst, strconv.AppendUint(c.buf[:0], of[uint64](&c.numbers)[i], 10), c.width)
}

// shortCells is for the float types of ml_dtypes: C's %g.
type shortCells struct {
	numbers
	noMeasure
}

func (c *shortCells) format(dst []byte, i int) []byte {
	x := of[float64](&c.numbers)[i]
	switch {
	case math.IsNaN(x):
		return append(dst, "nan"...)
	case math.IsInf(x, 1):
		return append(dst, "inf"...)
	case math.IsInf(x, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, x, 'g', 6, 64)
}

type floatCells struct {
	numbers
	f *floatFormat
}

func (c *floatCells) passes() int { return floatPasses }

func (c *floatCells) measure(pass, i int) { c.f.measure(pass, of[float64](&c.numbers)[i]) }

func (c *floatCells) format(dst []byte, i int) []byte {
	return c.f.append(dst, of[float64](&c.numbers)[i])
}

// complexCells aligns the real parts and the imaginary parts.
type complexCells struct {
	numbers
	re, im *floatFormat
}

func (c *complexCells) passes() int { return floatPasses }

func (c *complexCells) measure(pass, i int) {
	z := of[complex128](&c.numbers)[i]
	c.re.measure(pass, real(z))
	c.im.measure(pass, imag(z))
}

func (c *complexCells) format(dst []byte, i int) []byte {
	z := of[complex128](&c.numbers)[i]
	dst = c.im.append(c.re.append(dst, real(z)), imag(z))
	// The j goes before what pads the imaginary part.
	end := len(dst)
	for dst[end-1] == ' ' {
		end--
	}
	dst = append(dst, 0)
	copy(dst[end+1:], dst[end:])
	dst[end] = 'j'
	return dst
}
