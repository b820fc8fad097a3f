package ptx

import (
	"fmt"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// Its entries transpose_1, _2, _4 and _8 (dst, src pointer, rows, cols u64, batch
// u32) turn matrices of elements of so many bytes: dst[b][c][r] = src[b][r][c]. The
// block is 32 by 8; blocks stand over squares of 32 in x (columns) and y (rows) and
// over matrices in z.
var transposeModule = module("transpose", transposeKernels()...)

// units are the elements that are only moved, by their size.
func unit(size int) tensor.DType {
	switch size {
	case 1:
		return tensor.U8
	case 2:
		return tensor.U16
	case 4:
		return tensor.U32
	case 8:
		return tensor.U64
	}
	return tensor.Opaque(size)
}

func transposeKernels() []driver.Kernel {
	var all []driver.Kernel
	for _, size := range []int{1, 2, 4, 8} {
		d := unit(size)
		all = append(all, driver.Kernel{
			Name:   fmt.Sprintf("transpose_%d", size),
			Params: driver.Signature{driver.Pointer, driver.Pointer, driver.U64, driver.U64, driver.U32},
			Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
				rows, cols, batch := a.I64(2), a.I64(3), int64(a.U32(4))
				dst, err := flat(m, a.Ptr(0), d, rows*cols*batch)
				if err != nil {
					return err
				}
				src, err := flat(m, a.Ptr(1), d, rows*cols*batch)
				if err != nil {
					return err
				}
				if dst, err = dst.Reshape(tensor.Shape{batch, cols, rows}); err != nil {
					return err
				}
				if src, err = src.Reshape(tensor.Shape{batch, rows, cols}); err != nil {
					return err
				}
				if src, err = src.Permute(0, 2, 1); err != nil {
					return err
				}
				return tensor.CopyParallel(background, dst, src, 0)
			},
		})
	}
	return all
}

// Transpose is the launch for elements of 1, 2, 4 or 8 bytes.
func Transpose(dst, src driver.Ptr, size int, batch uint32, rows, cols int64) Launch {
	tiles := func(n int64) uint32 { return uint32(max(1, min((n+31)/32, maxBlocks))) }
	grid := driver.Dim{X: tiles(cols), Y: tiles(rows), Z: max(1, min(batch, maxBlocks))}
	return Launch{Module: transposeModule, Kernel: fmt.Sprintf("transpose_%d", size), Grid: grid, Block: driver.Dim{X: 32, Y: 8},
		Args: []driver.Arg{argPtr(dst), argPtr(src), argU64(rows), argU64(cols), argU32(batch)}}
}
