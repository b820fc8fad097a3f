package ptx

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// Index is an array of indices: unsigned numbers of 1, 2, 4 or 8 bytes, or signed
// ones none of which is negative.
type Index struct {
	Ptr  driver.Ptr
	Size int
}

func (x Index) log() driver.Arg { return argU32(uint32(bits.Len(uint(x.Size)) - 1)) }

// Entries are the values of a sparse tensor, of 1, 2, 4, 8 or 16 bytes each.
type Entries struct {
	Ptr  driver.Ptr
	N    int64
	Size int
	One  bool // there is one value, that of all entries
}

func (v Entries) step() driver.Arg {
	if v.One {
		return argU32(0)
	}
	return argU32(1)
}

// moved is the name of a kernel that moves elements.
func moved(name string, size int) string {
	for _, t := range moveSizes {
		if int(t.size) == size {
			return name + t.name
		}
	}
	return ""
}

// Fill writes n bytes that repeat an element, whose size divides 16.
func Fill(dst driver.Ptr, n int64, element []byte) Launch {
	var pattern [16]byte
	for i := range pattern {
		pattern[(uint64(dst)+uint64(i))%16] = element[i%len(element)]
	}
	args := []driver.Arg{argPtr(dst), argU64(n)}
	for k := range 4 {
		args = append(args, argU32(binary.LittleEndian.Uint32(pattern[4*k:])))
	}
	return launch(scatterModule, "scatter_fill", n/16+2, 1, args...)
}

// COO is coordinates: entry i has those from i*len(Shape) on. Shapes have 1 to 8
// axes and less than 2^63 elements.
type COO struct {
	Indices Index
	Entries Entries
	Shape   tensor.Shape
}

func (c *COO) extents(args []driver.Arg) []driver.Arg {
	for k := range 8 {
		n := int64(1)
		if k < len(c.Shape) {
			n = c.Shape[k]
		}
		args = append(args, argU64(n))
	}
	return args
}

// Scatter writes the values to their places in dst, in C order. Of entries that
// share coordinates any may win.
func (c *COO) Scatter(dst driver.Ptr) Launch {
	e := c.Entries
	return launch(scatterModule, moved("scatter_coo_", e.Size), e.N, 1, c.extents([]driver.Arg{
		argPtr(dst), argPtr(c.Indices.Ptr), argPtr(e.Ptr), argU64(e.N), argU32(uint32(len(c.Shape))), c.Indices.log(), e.step()})...)
}

// Keys writes the place of each entry, 8 bytes each, to keys.
func (c *COO) Keys(keys driver.Ptr) Launch {
	return launch(scatterModule, "scatter_keys_coo", c.Entries.N, 1, c.extents([]driver.Arg{
		argPtr(keys), argPtr(c.Indices.Ptr), argU64(c.Entries.N), argU32(uint32(len(c.Shape))), c.Indices.log()})...)
}

// CSR is rows of entries: those of row i begin with Pointers[i].
type CSR struct {
	Pointers, Indices Index
	Entries           Entries
	Rows, Columns     int64
}

// Scatter and Keys are those of COO.
func (c *CSR) Scatter(dst driver.Ptr) Launch {
	e := c.Entries
	return launch(scatterModule, moved("scatter_csr_", e.Size), c.threads(), 1, argPtr(dst), argPtr(c.Pointers.Ptr), argPtr(c.Indices.Ptr), argPtr(e.Ptr),
		argU64(e.N), argU64(c.Rows), argU64(c.Columns), c.Pointers.log(), c.Indices.log(), e.step())
}

// Keys writes the place of each entry, 8 bytes each, to keys.
func (c *CSR) Keys(keys driver.Ptr) Launch {
	return launch(scatterModule, "scatter_keys_csr", c.threads(), 1, argPtr(keys), argPtr(c.Pointers.Ptr), argPtr(c.Indices.Ptr),
		argU64(c.Entries.N), argU64(c.Rows), argU64(c.Columns), c.Pointers.log(), c.Indices.log())
}

// threads are 32 for each row.
func (c *CSR) threads() int64 { return min(c.Rows, math.MaxInt64/32) * 32 }

// Bitmap is a mask, whose rows begin with a byte, and the values under its bits.
type Bitmap struct {
	Mask    driver.Ptr
	Entries Entries
	Shape   tensor.Shape
}

// BitmapScratch is how many bytes Scatter works with for n elements.
func BitmapScratch(n int64) int64 { return int64(segments(uint64(n))) * 8 }

// Scatter writes all n elements, those without a value as fill, with scratch at a
// multiple of 8.
func (b *Bitmap) Scatter(dst, scratch driver.Ptr, n int64, fill []byte) []Launch {
	width := max(b.Shape[len(b.Shape)-1], 1)
	mask := []driver.Arg{argPtr(b.Mask), argU64(n), argU64(width), argU64((width + 7) / 8)}
	count := int64(segments(uint64(n)))
	var words [16]byte
	copy(words[:], fill)
	e := b.Entries
	return []Launch{
		launch(scatterModule, "scatter_count", count*blockThreads, 1, append([]driver.Arg{argPtr(scratch)}, mask...)...),
		launch(scatterModule, "scatter_offsets", 1, 1, argPtr(scratch), argU64(count)),
		launch(scatterModule, moved("scatter_bitmap_", e.Size), count*blockThreads, 1, argPtr(dst), mask[0], argPtr(scratch), argPtr(e.Ptr),
			mask[1], mask[2], mask[3], argU64(e.N), e.step(),
			driver.Arg{Type: driver.U64, Bits: le.Uint64(words[:])}, driver.Arg{Type: driver.U64, Bits: le.Uint64(words[8:])}),
	}
}

// SumScratch is how many bytes Sum works with.
func SumScratch(n, elements int64, sorted bool) int64 {
	if sorted {
		return 8 * n
	}
	return 12*n + 4*elements
}

// Summed reports whether there is a kernel that adds elements of d.
func Summed(d tensor.DType) bool { return summed(d) != "" }

// summed is the name of the kernel. Integers wrap, with a sign or without.
func summed(d tensor.DType) string {
	if d.Class == tensor.ClassUint {
		d.Class = tensor.ClassInt
	}
	for _, t := range sumTypes {
		if t.name == d.String() {
			return "scatter_sum_" + t.name
		}
	}
	return ""
}

// Sum writes to their places in dst the sums of all values that share one, with the
// keys that were written to scratch, which is at a multiple of 8. Entries are
// sorted, or less than 2^32-1.
func Sum(dst, scratch driver.Ptr, e Entries, d tensor.DType, elements int64, sorted bool) []Launch {
	keys := scratch
	last := keys + driver.Ptr(8*e.N)
	first := last + driver.Ptr(4*e.N)
	var list []Launch
	in := uint32(1)
	if !sorted {
		in = 0
		list = []Launch{
			Fill(last, 4*e.N, []byte{0}),
			Fill(first, 4*elements, []byte{0xff}),
			launch(scatterModule, "scatter_first", e.N, 1, argPtr(first), argPtr(keys), argU64(e.N), argU64(elements)),
			launch(scatterModule, "scatter_last", e.N, 1, argPtr(last), argPtr(first), argPtr(keys), argU64(e.N), argU64(elements)),
		}
	} else {
		first, last = 0, 0
	}
	return append(list, launch(scatterModule, summed(d), e.N, 1,
		argPtr(dst), argPtr(keys), argPtr(e.Ptr), argPtr(first), argPtr(last), argU64(e.N), argU64(elements), argU32(in), e.step()))
}
