package kernels

import (
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// Casts reports whether there is a kernel from one dtype to another: from u8, i16,
// f16, bf16, f8_e4m3fn and f8_e5m2 to f32 and f16, but from f16 to f16.
func Casts(from, to tensor.DType) bool {
	_, ok := ptx.Cast(0, to, 0, from, 0)
	return ok
}

// Cast writes the elements of src, converted, to dst, which has the same shape: see
// Casts for the dtypes. Results are those of tensor.Cast, bit for bit: exact in f32,
// rounded to nearest even in f16, beyond 65520 infinite. A NaN stays one: from f16
// to f32 and from bf16 sign and payload stay, signalling ones too; from both f8 it
// becomes the quiet NaN of its sign, 0x7fc00000 or 0x7e00.
func Cast(on *gpu.Stream, dst, src *gpu.Tensor) error {
	uses, err := check(on, operand{"result", dst}, operand{"source", src})
	if err != nil {
		return err
	}
	if err := wantShape("result", dst.Shape(), src.Shape()); err != nil {
		return err
	}
	l, ok := ptx.Cast(ptr(dst), dst.DType(), ptr(src), src.DType(), src.NumElements())
	if !ok {
		return bad(tensor.ErrUnsupported, "cast", src.DType().String()+" to "+dst.DType().String(), "u8, i16, f16, bf16 or f8 to f32 or f16")
	}
	if src.NumElements() == 0 {
		return nil
	}
	return run(on, uses, l)
}

// Picture writes pictures of bytes, (height, width, channels) or (pictures, height,
// width, channels) of u8, as planes of f32, (channels, height, width) or (pictures,
// channels, height, width): x*scale + bias, where the product is rounded to f32,
// then the sum, as transform.ScaleBias has it. Scale and bias have a number for each
// channel, one for all, or none, which is 1 and 0. What is NaN becomes 0x7fc00000.
func Picture(on *gpu.Stream, dst, src *gpu.Tensor, scale, bias []float32) error {
	uses, err := check(on, operand{"result", dst}, operand{"pictures", src})
	if err != nil {
		return err
	}
	if err := wantDType("pictures", src.DType(), tensor.U8); err != nil {
		return err
	}
	if err := wantDType("result", dst.DType(), tensor.F32); err != nil {
		return err
	}
	s := src.Shape()
	images := int64(1)
	var want tensor.Shape
	switch len(s) {
	case 3:
	case 4:
		images, want, s = s[0], append(want, s[0]), s[1:]
	default:
		return bad(tensor.ErrShape, "pictures", s.String(), "axes ([pictures,] height, width, channels)")
	}
	if err := wantShape("result", dst.Shape(), append(want, s[2], s[0], s[1])); err != nil {
		return err
	}
	channels := s[2]
	if scale, err = factors("scale", scale, channels, 1); err != nil {
		return err
	}
	if bias, err = factors("bias", bias, channels, 0); err != nil {
		return err
	}
	if images > most32 || channels > most32 {
		return bad(tensor.ErrLimit, "pictures", src.Shape().String(), "fewer than 2^32 of them, and channels")
	}
	if src.NumElements() == 0 {
		return nil
	}
	return run(on, uses, ptx.Picture(ptr(dst), ptr(src), uint32(images), s[0]*s[1], scale, bias)...)
}

// most32 is what a u32 holds.
const most32 = 1<<32 - 1

// factors are list with a number for each channel.
func factors(name string, list []float32, channels int64, without float32) ([]float32, error) {
	if len(list) > 1 {
		return list, wantShape(name, tensor.Shape{int64(len(list))}, tensor.Shape{channels})
	}
	if len(list) == 1 {
		without = list[0]
	}
	list = make([]float32, min(channels, most32))
	for i := range list {
		list[i] = without
	}
	return list, nil
}
