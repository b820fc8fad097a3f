package ptx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Its entries picture_1, _3 and _4 (dst, src pointer, plane u64, images u32, scales
// and biases f32 for each channel) turn images of bytes in HWC to f32 in CHW:
// dst[image][c][p] = src[image][p][c]*scale[c] + bias[c], where the product is
// rounded, then the sum, as transform.ScaleBias has it; what is NaN becomes
// 0x7fc00000. Blocks stand over pixels in x and over images in y.
//
// picture_part(dst, src, plane, images, channels, first, count u32, four scales,
// four biases) does that for count channels from first on, at most four.
var pictureModule = module("picture", pictureKernels()...)

func pictureKernels() []driver.Kernel {
	var all []driver.Kernel
	floats := func(n int) (list driver.Signature) {
		for range 2 * n {
			list = append(list, driver.F32)
		}
		return list
	}
	for _, k := range []int{1, 3, 4} {
		all = append(all, driver.Kernel{
			Name:   fmt.Sprintf("picture_%d", k),
			Params: append(driver.Signature{driver.Pointer, driver.Pointer, driver.U64, driver.U32}, floats(k)...),
			Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
				return pictureGo(m, a, k, 0, k, 4, k)
			},
		})
	}
	return append(all, driver.Kernel{
		Name:   "picture_part",
		Params: append(driver.Signature{driver.Pointer, driver.Pointer, driver.U64, driver.U32, driver.U32, driver.U32, driver.U32}, floats(4)...),
		Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
			return pictureGo(m, a, int(a.U32(4)), int(a.U32(5)), int(a.U32(6)), 7, 4)
		},
	})
}

// pictureGo does count channels from first on. Argument at is the first scale, of
// factors.
func pictureGo(m driver.Memory, a driver.Args, channels, first, count, at, factors int) error {
	plane, images := a.I64(2), int64(a.U32(3))
	n := plane * images * int64(channels)
	if n == 0 || count == 0 {
		return nil
	}
	dst, err := span(m, a.Ptr(0), 4*n)
	if err != nil {
		return err
	}
	src, err := span(m, a.Ptr(1), n)
	if err != nil {
		return err
	}
	var tables [4]*kernel.Table // of a byte in each channel
	var values [256 * 4]byte
	for c := range count {
		scale, bias := a.F32(at+c), a.F32(at+factors+c)
		for x := range 256 {
			y := float32(float32(x)*scale) + bias
			bits := math.Float32bits(y)
			if y != y {
				bits = canonicalNaN
			}
			binary.LittleEndian.PutUint32(values[4*x:], bits)
		}
		tables[c] = kernel.NewTable(values[:], 4)
	}
	const row = 1 << 14 // pixels, few enough to stay in the cache for all channels
	rows := (plane + row - 1) / row
	type lines struct {
		bytes  []byte // of the channels
		floats []uint32
	}
	per := max(1, int64(pieceBytes/row/4))
	start := func() lines { return lines{make([]byte, 4*row), make([]uint32, row)} }
	return parallel.EachWith(0, (rows*images+per-1)/per, start, func(room lines, i int64) error {
		for at := i * per; at < min(rows*images, (i+1)*per); at++ {
			image, p := at/rows, at%rows*row
			pixels := min(row, plane-p)
			s := src[(image*plane+p)*int64(channels):][:pixels*int64(channels)]
			line, err := channelsOf(room.bytes, s, channels, first, count)
			if err != nil {
				return err
			}
			for c := range count {
				d := dst[4*((image*int64(channels)+int64(first+c))*plane+p):][:4*pixels]
				f := d
				if !cast.Aligned(d, 4) {
					f = cast.Bytes(room.floats)[:4*pixels]
				}
				kernel.Lookup(f, line[int64(c)*pixels:][:pixels], tables[c], false)
				if !cast.Same(f, d) {
					copy(d, f)
				}
			}
		}
		return nil
	})
}

// channelsOf is count channels of pixels from first on, one behind the other, in
// room where they do not lie so.
func channelsOf(room, pixels []byte, channels, first, count int) ([]byte, error) {
	if channels == 1 {
		return pixels, nil
	}
	n := int64(len(pixels) / channels)
	room = room[:int64(count)*n]
	dst, err := tensor.NewView(room, tensor.U8, tensor.Shape{int64(count), n}, nil, 0, tensor.LittleEndian)
	if err != nil {
		return nil, err
	}
	src, err := tensor.NewView(pixels, tensor.U8, dst.Shape(), tensor.Strides{1, int64(channels)}, int64(first), tensor.LittleEndian)
	if err != nil {
		return nil, err
	}
	return room, tensor.Copy(dst, src)
}

// Picture is the launches that convert images of plane pixels. Scale and bias have
// a number for each channel.
func Picture(dst, src driver.Ptr, images uint32, plane int64, scale, bias []float32) []Launch {
	k := len(scale)
	number := func(list []float32, c int) driver.Arg {
		if c >= len(list) {
			return driver.Arg{Type: driver.F32}
		}
		return driver.Arg{Type: driver.F32, Bits: uint64(math.Float32bits(list[c]))}
	}
	begin := []driver.Arg{argPtr(dst), argPtr(src), argU64(plane), argU32(images)}
	finish := func(name string, args []driver.Arg, c, n int) Launch {
		for i := range n {
			args = append(args, number(scale, c+i))
		}
		for i := range n {
			args = append(args, number(bias, c+i))
		}
		l := launch(pictureModule, name, plane, 4, args...)
		l.Grid.Y = max(1, min(images, max(1, 4*maxBlocks/l.Grid.X)))
		return l
	}
	if k == 1 || k == 3 || k == 4 {
		return []Launch{finish(fmt.Sprintf("picture_%d", k), begin, 0, k)}
	}
	var all []Launch
	for c := 0; c < k; c += 4 {
		args := append(append([]driver.Arg(nil), begin...), argU32(uint32(k)), argU32(uint32(c)), argU32(uint32(min(4, k-c))))
		all = append(all, finish("picture_part", args, c, 4))
	}
	return all
}
