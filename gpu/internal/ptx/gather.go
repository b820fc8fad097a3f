package ptx

import (
	"fmt"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// GatherAxes is the highest rank of a gather, when axes that can be one are.
const GatherAxes = 8

// Its entries gather_1, _2, _4, _8 and _16 (dst, src pointer, n u64, rank u32,
// extents of the seven innermost axes u64, strides of eight in bytes i64, the
// innermost axis first) write n elements of so many bytes in C order, from anywhere:
// strides may be negative or 0.
var gatherModule = module("gather", gatherKernels()...)

func gatherKernels() []driver.Kernel {
	var all []driver.Kernel
	params := driver.Signature{driver.Pointer, driver.Pointer, driver.U64, driver.U32}
	for range GatherAxes - 1 {
		params = append(params, driver.U64)
	}
	for range GatherAxes {
		params = append(params, driver.I64)
	}
	for _, size := range []int{1, 2, 4, 8, 16} {
		all = append(all, driver.Kernel{
			Name:   fmt.Sprintf("gather_%d", size),
			Params: params,
			Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
				return gatherGo(m, a, unit(size))
			},
		})
	}
	return all
}

func gatherGo(m driver.Memory, a driver.Args, d tensor.DType) error {
	n, rank := a.I64(2), int(a.U32(3))
	if n == 0 {
		return nil
	}
	shape, strides := make(tensor.Shape, rank), make(tensor.Strides, rank)
	rest := n
	for k := range rank {
		axis := rank - 1 - k
		strides[axis] = a.I64(4 + GatherAxes - 1 + k)
		if shape[axis] = rest; axis > 0 {
			shape[axis] = a.I64(4 + k)
			rest /= shape[axis]
		}
	}
	lo, hi, err := tensor.Reach(d, shape, strides, 0)
	if err != nil {
		return err
	}
	b, err := m.Bytes(a.Ptr(1)+driver.Ptr(lo), hi-lo)
	if err != nil {
		return err
	}
	src, err := tensor.NewView(b, d, shape, strides, -lo, tensor.LittleEndian)
	if err != nil {
		return err
	}
	dst, err := flat(m, a.Ptr(0), d, n)
	if err != nil {
		return err
	}
	if dst, err = dst.Reshape(shape); err != nil {
		return err
	}
	return tensor.CopyParallel(background, dst, src, 0)
}

// Gather is the launch that copies elements of any size and address to C order.
// Strides are in bytes; src is where index (0, ..., 0) lies. Matrices that are only
// turned are left to Transpose. It reports false if more axes are left than a kernel
// has once those that can be one are.
func Gather(dst, src driver.Ptr, size int64, shape tensor.Shape, strides tensor.Strides) (Launch, bool) {
	// Innermost first, without axes of one index, neighbours merged.
	var ext, str []int64
	n := int64(1)
	for k := len(shape) - 1; k >= 0; k-- {
		n *= shape[k]
		last := len(ext) - 1
		switch {
		case shape[k] == 1:
		case last >= 0 && strides[k] == str[last]*ext[last]:
			ext[last] *= shape[k]
		default:
			ext, str = append(ext, shape[k]), append(str, strides[k])
		}
	}
	if l, ok := turned(dst, src, size, ext, str); ok {
		return l, true
	}
	// The largest unit, up to 16 bytes, that all addresses are multiples of.
	whole := len(ext) > 0 && str[0] == size // elements of the innermost axis may join
	bits := uint64(dst) | uint64(src) | 16
	for k, s := range str {
		if k > 0 || !whole {
			bits |= uint64(s)
		}
	}
	run := size
	if whole {
		run *= ext[0]
	}
	bits |= uint64(run)
	unit := int64(bits & -bits)
	if whole {
		ext, str = ext[1:], str[1:]
	}
	if run != unit {
		ext = append([]int64{run / unit}, ext...)
		str = append([]int64{unit}, str...)
	}
	if len(ext) == 0 {
		ext, str = []int64{1}, []int64{0}
	}
	rank := len(ext)
	if rank > GatherAxes {
		return Launch{}, false
	}
	n = n * size / unit
	for len(str) < GatherAxes {
		ext, str = append(ext, 1), append(str, 0)
	}
	args := []driver.Arg{argPtr(dst), argPtr(src), argU64(n), argU32(uint32(rank))}
	for _, e := range ext[:GatherAxes-1] {
		args = append(args, argU64(e))
	}
	for _, s := range str[:GatherAxes] {
		args = append(args, argI64(s))
	}
	return launch(gatherModule, fmt.Sprintf("gather_%d", unit), n, 4, args...), true
}

// turned is the launch of a transpose, if the axes are those of one, innermost
// first, and long enough to go in squares.
func turned(dst, src driver.Ptr, size int64, ext, str []int64) (Launch, bool) {
	if size > 8 || size&(size-1) != 0 || (uint64(dst)|uint64(src))&uint64(size-1) != 0 || len(ext) < 2 || len(ext) > 3 {
		return Launch{}, false
	}
	rows, cols, batch := ext[0], ext[1], int64(1)
	if rows < 16 || cols < 16 || str[1] != size || str[0] != size*cols {
		return Launch{}, false
	}
	if len(ext) == 3 {
		if batch = ext[2]; str[2] != size*rows*cols || batch > 1<<31 {
			return Launch{}, false
		}
	}
	return Transpose(dst, src, int(size), uint32(batch), rows, cols), true
}
