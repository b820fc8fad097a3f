package kernels

import (
	"strconv"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// Gather writes the elements of src, of any strides, negative ones and 0 too, at any
// address, to dst in C order: what makes a slice or a permuted tensor contiguous. Both
// have one dtype, any of them, and one shape, and neither its byte order nor its
// elements change. Axes that lie in one another count as one; beyond eight that are
// left it fails with ErrUnsupported, as it does for elements of odd sizes or at odd
// addresses beyond seven. Long turned axes go through shared memory in squares of 32.
func Gather(on *gpu.Stream, dst, src *gpu.Tensor) error {
	if src == nil {
		return bad(tensor.ErrUnsupported, "source", "nil", "a tensor")
	}
	uses, err := check(on, operand{"result", dst})
	if err != nil {
		return err
	}
	d := src.DType()
	if err := wantDType("result", dst.DType(), d); err != nil {
		return err
	}
	if err := wantShape("result", dst.Shape(), src.Shape()); err != nil {
		return err
	}
	if d.UnitBytes > 1 && dst.Order() != src.Order() {
		return bad(tensor.ErrByteOrder, "source", src.Order().String(), dst.Order().String())
	}
	if dst.NumElements() == 0 {
		return nil
	}
	lo, hi, err := tensor.Reach(d, src.Shape(), src.Strides(), src.Offset())
	if err != nil {
		return err
	}
	base := src.Buffer().Ptr()
	if p := dst.Ptr(); p < base+uintptr(hi) && base+uintptr(lo) < p+uintptr(dst.ByteSize()) {
		return bad(tensor.ErrUnsupported, "source", "memory of result", "memory apart from it")
	}
	shape := src.Shape().Clone()
	if d.Packed() { // in units
		last, e := len(shape)-1, int64(d.UnitElems)
		shape[last] = (shape[last] + e - 1) / e
	}
	l, ok := ptx.Gather(ptr(dst), driver.Ptr(src.Ptr()), int64(d.UnitBytes), shape, src.Strides())
	if !ok {
		return bad(tensor.ErrUnsupported, "gather", src.String(), strconv.Itoa(ptx.GatherAxes)+" axes")
	}
	return run(on, append(uses, src.Buffer()), l)
}

// Transpose writes matrices with rows and columns exchanged: src is (..., rows,
// columns), dst (..., columns, rows), of elements of 1, 2, 4 or 8 bytes, whatever they
// are. Blocks of threads take squares of 32 by 32 through shared memory.
func Transpose(on *gpu.Stream, dst, src *gpu.Tensor) error {
	uses, err := check(on, operand{"result", dst}, operand{"source", src})
	if err != nil {
		return err
	}
	d := src.DType()
	if err := wantDType("result", dst.DType(), d); err != nil {
		return err
	}
	size := int(d.UnitBytes)
	if d.UnitElems != 1 || size > 8 || size&(size-1) != 0 {
		return bad(tensor.ErrUnsupported, "transpose", d.String(), "elements of 1, 2, 4 or 8 bytes")
	}
	if align := uintptr(size); (dst.Ptr()|src.Ptr())&(align-1) != 0 && src.NumElements() > 0 {
		return bad(tensor.ErrMisaligned, "transpose", "elements of "+strconv.Itoa(size)+" bytes elsewhere", "at multiples of that")
	}
	s := src.Shape().Clone()
	rank := len(s)
	if rank < 2 {
		return bad(tensor.ErrShape, "source", s.String(), "rows and columns")
	}
	rows, cols := s[rank-2], s[rank-1]
	s[rank-2], s[rank-1] = cols, rows
	if err := wantShape("result", dst.Shape(), s); err != nil {
		return err
	}
	if src.NumElements() == 0 {
		return nil
	}
	batch := src.NumElements() / rows / cols
	if batch > most32 {
		return bad(tensor.ErrLimit, "source", strconv.FormatInt(batch, 10)+" matrices", "fewer than 2^32")
	}
	return run(on, uses, ptx.Transpose(ptr(dst), ptr(src), size, uint32(batch), rows, cols))
}

// Unshuffle undoes the filter shuffle of package codec on the device: src holds the
// first bytes of all words, then the second ones, and what is left over behind the
// last word. Words have 1 to 256 bytes; those of 2, 4 and 8 have kernels of their own.
// The two have one length and any address.
func Unshuffle(on *gpu.Stream, dst, src *gpu.Buffer, word int) error {
	return unshuffle(on, dst, src, word, ptx.Unshuffle)
}

// BitUnshuffle undoes the filter bitshuffle: src holds the lowest bits of all words,
// then the next ones, for as many words as are a multiple of 8, and the others as they
// are. Otherwise it is Unshuffle; words of 1, 2, 4 and 8 bytes have kernels of their
// own.
func BitUnshuffle(on *gpu.Stream, dst, src *gpu.Buffer, word int) error {
	return unshuffle(on, dst, src, word, ptx.BitUnshuffle)
}

func unshuffle(on *gpu.Stream, dst, src *gpu.Buffer, word int, launch func(dst, src driver.Ptr, n int64, size int) ptx.Launch) error {
	if err := buffers(on, []string{"result", "source"}, dst, src); err != nil {
		return err
	}
	if err := wantLength("source", src.Len(), dst.Len()); err != nil {
		return err
	}
	if word < 1 || word > 256 {
		return bad(tensor.ErrUnsupported, "word", strconv.Itoa(word)+" bytes", "1 to 256")
	}
	if dst.Len() == 0 {
		return nil
	}
	return run(on, []*gpu.Buffer{dst, src}, launch(driver.Ptr(dst.Ptr()), driver.Ptr(src.Ptr()), dst.Len(), word))
}

// A Plane is one byte of every word.
type Plane struct {
	Bytes    *gpu.Buffer // one for each word; nil if they are all Constant
	Constant byte
}

// JoinPlanes writes words of 2, 4 or 8 bytes from planes, the lowest byte first, that
// lie anywhere: what the codec planes does behind its entropy coder. Each word is then
// turned to the left by turn bits, and if exponent is not 0 the so many bits at its
// top move down by one and the bit below them becomes the sign (specification,
// "planes"; exponent and turn are its E and s).
func JoinPlanes(on *gpu.Stream, dst *gpu.Buffer, planes []Plane, exponent, turn int) error {
	size := len(planes)
	if size != 2 && size != 4 && size != 8 {
		return bad(tensor.ErrUnsupported, "planes", strconv.Itoa(size), "2, 4 or 8")
	}
	if exponent < 0 || exponent >= 8*size || turn < 0 || turn >= 8*size {
		return bad(tensor.ErrUnsupported, "planes", "an exponent of "+strconv.Itoa(exponent)+" bits, turned by "+strconv.Itoa(turn), "both below "+strconv.Itoa(8*size))
	}
	uses, names := []*gpu.Buffer{dst}, []string{"result"}
	for i, p := range planes {
		if p.Bytes != nil {
			uses, names = append(uses, p.Bytes), append(names, "plane "+strconv.Itoa(i))
		}
	}
	if err := buffers(on, names, uses...); err != nil {
		return err
	}
	n := dst.Len() / int64(size)
	for i, p := range uses[1:] {
		if err := wantLength(names[i+1], p.Len(), n); err != nil {
			return err
		}
	}
	if err := wantLength("result", dst.Len(), n*int64(size)); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	at := make([]driver.Ptr, size)
	constants := uint64(0)
	for i, p := range planes {
		if p.Bytes != nil {
			at[i] = driver.Ptr(p.Bytes.Ptr())
		} else {
			constants |= uint64(p.Constant) << (8 * i)
		}
	}
	return run(on, uses, ptx.Join(driver.Ptr(dst.Ptr()), at, constants, n, uint32(exponent), uint32(turn)))
}

func wantLength(name string, got, want int64) error {
	if got != want {
		return bad(tensor.ErrShape, name, strconv.FormatInt(got, 10)+" bytes", strconv.FormatInt(want, 10))
	}
	return nil
}
