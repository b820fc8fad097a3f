package ptx

import (
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// Casts are the pairs of dtypes that there are kernels for: source, destination.
var Casts = [][2]tensor.DType{
	{tensor.U8, tensor.F32}, {tensor.I16, tensor.F32}, {tensor.F16, tensor.F32},
	{tensor.BF16, tensor.F32}, {tensor.F8E4M3FN, tensor.F32}, {tensor.F8E5M2, tensor.F32},
	{tensor.U8, tensor.F16}, {tensor.I16, tensor.F16},
	{tensor.BF16, tensor.F16}, {tensor.F8E4M3FN, tensor.F16}, {tensor.F8E5M2, tensor.F16},
}

// Its entries cast_S_D(dst, src pointer, n u64) are tensor.Cast of n elements, bit
// for bit. That goes for NaN too: f16 keeps sign and payload in f32, a signalling
// one stays so; bf16 keeps sign and payload in f32, and in f16 too, since its seven
// bits fit; both f8 become the quiet NaN of their sign, 0x7fc00000 or 0x7e00.
var castModule = module("cast", castKernels()...)

func castName(from, to tensor.DType) string { return "cast_" + from.String() + "_" + to.String() }

func castKernels() []driver.Kernel {
	var all []driver.Kernel
	for _, pair := range Casts {
		from, to := pair[0], pair[1]
		all = append(all, driver.Kernel{
			Name:   castName(from, to),
			Params: driver.Signature{driver.Pointer, driver.Pointer, driver.U64},
			Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
				n := a.I64(2)
				dst, err := flat(m, a.Ptr(0), to, n)
				if err != nil {
					return err
				}
				src, err := flat(m, a.Ptr(1), from, n)
				if err != nil {
					return err
				}
				return tensor.CastParallel(background, dst, src, 0)
			},
		})
	}
	return all
}

// Cast is the launch that converts n elements. It reports false if there is no
// kernel for the pair.
func Cast(dst driver.Ptr, to tensor.DType, src driver.Ptr, from tensor.DType, n int64) (Launch, bool) {
	for _, pair := range Casts {
		if pair == [2]tensor.DType{from, to} {
			// A thread writes four times 16 bytes.
			return launch(castModule, castName(from, to), n, 64/int64(to.UnitBytes), argPtr(dst), argPtr(src), argU64(n)), true
		}
	}
	return Launch{}, false
}
