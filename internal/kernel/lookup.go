package kernel

import (
	"encoding/binary"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// A Table holds what each of the 256 bytes stands for: values of 1, 2, 4 or 8
// bytes. It does not change once made.
type Table struct {
	size   int
	high   bool        // values of 4 bytes whose lower two are zero
	values [256]uint64 // the first size*256 bytes, one value after the other
	planes [512]byte   // the bytes of values of up to 2, or the upper two of 4: byte by byte
}

// NewTable makes a table of 256 values of size bytes, in the order of the machine.
func NewTable(values []byte, size int) *Table {
	need(size == 1 || size == 2 || size == 4 || size == 8, badSize)
	need(len(values) == 256*size, badLength)
	t := &Table{size: size, high: size == 4}
	copy(cast.Bytes(t.values[:]), values)
	for c := range 256 {
		switch size {
		case 1:
			t.planes[c] = values[c]
		case 2:
			v := binary.NativeEndian.Uint16(values[2*c:])
			t.planes[c], t.planes[256+c] = byte(v), byte(v>>8)
		case 4:
			v := binary.NativeEndian.Uint32(values[4*c:])
			t.planes[c], t.planes[256+c] = byte(v>>16), byte(v>>24)
			t.high = t.high && v&0xffff == 0
		}
	}
	return t
}

// Lookup writes the value of each byte of src to dst, at an address that suits
// values of their size. stream is as in Convert.
func Lookup(dst, src []byte, t *Table, stream bool) {
	need(len(dst) == len(src)*t.size, badLength)
	i := 0
	if stream {
		if i = min(-lineOffset(dst)&63/t.size, len(src)); i > 0 {
			t.lookup(dst[:i*t.size], src[:i])
		}
		stream = i < len(src) && lineOffset(dst[i*t.size:]) == 0
	}
	i += lookupFast(dst[i*t.size:], src[i:], t, stream)
	t.lookup(dst[i*t.size:], src[i:])
}

func (t *Table) lookup(dst, src []byte) {
	values := cast.Bytes(t.values[:])
	switch t.size {
	case 1:
		lookup[uint8](dst, src, values)
	case 2:
		lookup[uint16](dst, src, values)
	case 4:
		lookup[uint32](dst, src, values)
	default:
		lookup[uint64](dst, src, values)
	}
}

func lookup[T unsigned](dst, src, values []byte) {
	d, _ := typed[T, T](dst, dst)
	v, _ := typed[T, T](values, values)
	table := (*[256]T)(v)
	for i, c := range src[:len(d)] {
		d[i] = table[c]
	}
}

// A Narrowing holds the code of a type of at most 8 bits for the upper 13 bits
// of a float32 and one bit that says whether any lower one is set: three
// mantissa bits, the one that rounds, and what breaks ties. What follows the
// codes is for loads of 4 bytes.
type Narrowing [1<<14 + 4]uint8

// NewNarrowing makes one of an encoder of float32 bits.
func NewNarrowing(encode func(uint32) uint8) *Narrowing {
	t := new(Narrowing)
	for i := range t[:1<<14] {
		t[i] = encode(uint32(i)>>1<<19 | uint32(i)&1)
	}
	return t
}

// Narrow writes the code of each float32 in src. stream is as in Convert.
func Narrow(dst, src []byte, t *Narrowing, stream bool) {
	need(4*len(dst) == len(src), badLength)
	i := 0
	if stream {
		i = min(-lineOffset(dst)&63, len(dst))
		t.narrow(dst[:i], src[:4*i])
		stream = i < len(dst) && lineOffset(dst[i:]) == 0
	}
	i += narrowFast(dst[i:], src[4*i:], t, stream)
	t.narrow(dst[i:], src[4*i:])
}

func (t *Narrowing) narrow(dst, src []byte) {
	s, _ := typed[uint32, uint32](src, src)
	for i, v := range s[:len(dst)] {
		dst[i] = t[v>>19<<1|(v&0x7ffff+0x7ffff)>>19]
	}
}
