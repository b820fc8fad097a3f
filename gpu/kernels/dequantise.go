package kernels

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// Groups is a quantised tensor on a device: the parts of a quant.Array.
type Groups struct {
	Values *gpu.Tensor // i8, u8, i4, u4, f4_e2m1, f8_e4m3fn or f8_e5m2; at any address
	Scales *gpu.Tensor // f32, f16, bf16, f64 or f8_e8m0; one for each group
	Zeros  *gpu.Tensor // f32, f16, bf16, i8, u8, i4 or u4; nil: none
	Group  []int64     // extent of a group along each axis, 1 to 2^32-1
	First  []int64     // where in its group the first element stands; nil: at its beginning
}

// Dequantise writes (value - zero) * scale to dst, of the shape of the values and the
// dtype f32, f16 or bf16. Each of the three is converted to binary32; difference and
// product are rounded, and the result is rounded once more to f16 or bf16: what
// quant.Array.DequantiseInto makes, bit for bit.
//
// A thread makes four elements of a group, or one where groups are shorter. Groups
// that cut more than four axes, apart from each other, are ErrUnsupported.
func Dequantise(on *gpu.Stream, dst *gpu.Tensor, g Groups) error {
	list := []operand{{"result", dst}, {"values", g.Values}, {"scales", g.Scales}}
	if g.Zeros != nil {
		list = append(list, operand{"zeros", g.Zeros})
	}
	uses, err := check(on, list...)
	if err != nil {
		return err
	}
	shape := g.Values.Shape()
	if err := wantShape("result", dst.Shape(), shape); err != nil {
		return err
	}
	if len(g.Group) != len(shape) || g.First != nil && len(g.First) != len(shape) {
		return bad(tensor.ErrShape, "group", tensor.Shape(g.Group).String()+" from "+tensor.Shape(g.First).String(), "extents for "+shape.String())
	}
	groups := make(tensor.Shape, len(shape))
	for k, n := range shape {
		first := int64(0)
		if g.First != nil {
			first = g.First[k]
		}
		if e := g.Group[k]; e < 1 || e > math.MaxUint32 || first < 0 || first >= e || n > math.MaxInt64-e {
			return bad(tensor.ErrShape, "group along axis "+strconv.Itoa(k), strconv.FormatInt(e, 10)+" from "+strconv.FormatInt(first, 10), "1 to 4294967295, from less")
		}
		if n > 0 {
			groups[k] = (first+n-1)/g.Group[k] + 1
		}
	}
	for _, t := range list[2:] {
		if err := wantShape(t.name, t.Shape(), groups); err != nil {
			return err
		}
	}
	p := &ptx.Groups{Values: ptr(g.Values), Scales: ptr(g.Scales), From: g.Values.DType(), Scale: g.Scales.DType(), Shape: shape, Group: g.Group, First: g.First}
	if g.Zeros != nil {
		p.Zeros, p.Zero = ptr(g.Zeros), g.Zeros.DType()
	}
	l, err := p.Launch(ptr(dst), dst.DType())
	if err != nil || dst.NumElements() == 0 {
		return err
	}
	return run(on, uses, l)
}

// DequantiseBlocks writes the numbers of src, of ggml's q8_0, q4_0 or q4_k
// (tensor.Block), to dst, which has its shape and is f32, f16 or bf16. src may lie at
// any address. The bits are those of quant.DequantiseBlocks: binary32, each operation
// rounded, in ggml's order, and a last rounding to f16 or bf16.
func DequantiseBlocks(on *gpu.Stream, dst, src *gpu.Tensor) error {
	uses, err := check(on, operand{"result", dst}, operand{"blocks", src})
	if err != nil {
		return err
	}
	if err := wantShape("result", dst.Shape(), src.Shape()); err != nil {
		return err
	}
	l, ok := ptx.Blocks(ptr(dst), dst.DType(), ptr(src), src.DType(), src.NumElements())
	if !ok {
		return bad(tensor.ErrUnsupported, "dequantise", src.DType().String()+" to "+dst.DType().String(), "q8_0, q4_0 or q4_k to f32, f16 or bf16")
	}
	if dst.NumElements() == 0 {
		return nil
	}
	return run(on, uses, l)
}
