package kernels

import (
	"strconv"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// Reduced is the dtype of what Reduce makes of elements of d: f32 of f16, bf16 and
// f32, i64 of u8, i16, i32 and i64. It reports false for others.
func Reduced(d tensor.DType) (tensor.DType, bool) {
	for _, r := range ptx.Reduced {
		if d == r {
			return ptx.Accumulator(d), true
		}
	}
	return tensor.DType{}, false
}

// ReduceScratch is how many bytes Reduce needs to work in, for as many results, each
// of elements of dtype d: none up to 4096 elements.
func ReduceScratch(d tensor.DType, results, elements int64) int64 {
	return ptx.ReduceScratch(d, results, elements)
}

// Reduce makes one result of the elements that lie along the axes of src behind those
// of dst: their sum, the least or the greatest (tensor.Sum, Min and Max). dst has the
// first axes of src, none for all elements, and the dtype that Reduced says. scratch
// has ReduceScratch bytes, at a multiple of 8, that nobody else uses before the stream
// is past the call; without one the call allocates it, waits for the stream, and frees
// it.
//
// Sums of floats are of f32 in a tree that depends on nothing but the number of
// elements. Each 4096 of them, or what is left, go to 1024 lanes, element i to lane
// i%1024, in order, and each lane begins with +0. Then four neighbouring lanes become
// (l0+l1)+(l2+l3), and of these 256, in groups of 32, number j takes j+16, then j+8,
// 4, 2 and 1; of the eight groups that are left g takes g+4, then g+2 and g+1. The
// sums of 4096 are elements of the next round, until there is one. A NaN is
// 0x7fc00000. Sums of integers wrap.
//
// Of floats the least and the greatest are NaN, 0x7fc00000, if one is, and -0 is less
// than +0. There is neither of no elements: ErrShape; the sum of none is 0.
func Reduce(on *gpu.Stream, op tensor.Reduction, dst, src *gpu.Tensor, scratch *gpu.Buffer) error {
	uses, err := check(on, operand{"result", dst}, operand{"source", src})
	if err != nil {
		return err
	}
	if op != tensor.Sum && op != tensor.Min && op != tensor.Max {
		return bad(tensor.ErrUnsupported, "reduction", op.String(), "sum, min or max")
	}
	to, ok := Reduced(src.DType())
	if !ok {
		return wantDType("source", src.DType(), ptx.Reduced...)
	}
	if err := wantDType("result", dst.DType(), to); err != nil {
		return err
	}
	s := src.Shape()
	if dst.Rank() > len(s) || !dst.Shape().Equal(s[:dst.Rank()]) {
		return bad(tensor.ErrShape, "result", dst.Shape().String(), "the first axes of "+s.String())
	}
	rows, n := dst.NumElements(), int64(1)
	for _, e := range s[dst.Rank():] {
		n *= e
	}
	switch {
	case rows == 0:
		return nil
	case rows > most32:
		return bad(tensor.ErrLimit, "result", strconv.FormatInt(rows, 10)+" elements", "fewer than 2^32")
	case n == 0 && op != tensor.Sum:
		return bad(tensor.ErrShape, op.String(), "no elements", "at least one")
	}
	return scratched(on, uses, scratch, ReduceScratch(src.DType(), rows, n), func(p driver.Ptr) []ptx.Launch {
		return ptx.Reduce(op, src.DType(), ptr(dst), ptr(src), p, uint32(rows), n)
	})
}

// ChecksumScratch is how many bytes Checksum needs to work in for n bytes.
func ChecksumScratch(n int64) int64 { return ptx.ChecksumScratch(n) }

// Checksum writes the CRC-32C of src, which lies at any address, to dst: 4 bytes at a
// multiple of 4, little-endian, the number that format.Checksum returns. For scratch,
// of ChecksumScratch bytes, see Reduce. It tells whether what arrived on a device is
// what was sent.
func Checksum(on *gpu.Stream, dst, src, scratch *gpu.Buffer) error {
	if err := buffers(on, []string{"result", "source"}, dst, src); err != nil {
		return err
	}
	if err := wantLength("result", dst.Len(), 4); err != nil {
		return err
	}
	if dst.Ptr()%4 != 0 {
		return bad(tensor.ErrMisaligned, "result", "an odd address", "a multiple of 4")
	}
	n := src.Len()
	return scratched(on, []*gpu.Buffer{dst, src}, scratch, ChecksumScratch(n), func(p driver.Ptr) []ptx.Launch {
		l := ptx.Checksum(driver.Ptr(dst.Ptr()), driver.Ptr(src.Ptr()), p, n)
		return l[:]
	})
}
