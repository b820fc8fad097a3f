package image

import (
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// ConvertSamples writes the samples of src to dst, of the same shape and another
// dtype: bool, u8, u16, f16, bf16, f32 or f64. Both may have any strides and byte
// order.
//
// The full scale, which is white, or opaque, is 1 of bool and of floats, 255 of
// u8 and 65535 of u16. A sample is multiplied by the ratio of the two. To
// integers it is then rounded to the nearest, halves to even; what is below 0
// becomes 0, what is above the full scale becomes that, and NaN becomes 0. Floats
// stay as they are between floats, outside of 0 to 1, too. To bool go only bools.
//
// Errors: ErrShape, ErrDType, ErrOverflow.
func ConvertSamples(dst, src tensor.View) error {
	if !dst.Shape().Equal(src.Shape()) {
		return fail(tensor.ErrShape, "samples", src.Shape().String(), dst.Shape().String())
	}
	from, to := src.DType(), dst.DType()
	if from == to {
		return tensor.Copy(dst, src)
	}
	switch {
	case !sampled(from), !sampled(to):
		d := from
		if sampled(from) {
			d = to
		}
		return fail(tensor.ErrDType, "samples", d.String(), "bool, u8, u16, f16, bf16, f32 or f64")
	case to == tensor.Bool:
		return fail(tensor.ErrDType, "samples", from.String(), "bool, as the result is")
	case from.Class == tensor.ClassFloat && to.Class == tensor.ClassFloat:
		return tensor.Cast(dst, src)
	case from == tensor.Bool:
		return samplesOf(dst, src, tensor.U8, func(x uint8) float64 { return float64(x) })
	case from == tensor.U8 && to == tensor.U16:
		return eachPiece(dst, src, tensor.U8, func(out []uint16, in []uint8) {
			for i, x := range in {
				out[i] = uint16(x) * 257
			}
		})
	case from == tensor.U16 && to == tensor.U8:
		return eachPiece(dst, src, tensor.U16, func(out []uint8, in []uint16) {
			for i, x := range in {
				out[i] = uint8((uint32(x) + 128) / 257)
			}
		})
	case from == tensor.U8:
		return samplesOf(dst, src, from, func(x uint8) float64 { return float64(x) / 255 })
	case from == tensor.U16:
		return samplesOf(dst, src, from, func(x uint16) float64 { return float64(x) / 65535 })
	case from == tensor.F64:
		return samplesOf(dst, src, from, func(x float64) float64 { return x })
	}
	return samplesOf(dst, src, tensor.F32, func(x float32) float64 { return float64(x) })
}

func sampled(d tensor.DType) bool {
	switch d {
	case tensor.Bool, tensor.U8, tensor.U16, tensor.F16, tensor.BF16, tensor.F32, tensor.F64:
		return true
	}
	return false
}

// samplesOf converts samples by way of a number of full scale 1.
func samplesOf[S element](dst, src tensor.View, d tensor.DType, unit func(S) float64) error {
	switch dst.DType() {
	case tensor.U8:
		return eachPiece(dst, src, d, func(out []uint8, in []S) {
			for i, x := range in {
				out[i] = uint8(clipped(unit(x)*255, 255))
			}
		})
	case tensor.U16:
		return eachPiece(dst, src, d, func(out []uint16, in []S) {
			for i, x := range in {
				out[i] = uint16(clipped(unit(x)*65535, 65535))
			}
		})
	}
	return eachPiece(dst, src, d, func(out []float64, in []S) {
		for i, x := range in {
			out[i] = unit(x)
		}
	})
}

func clipped(x, most float64) float64 {
	switch {
	case !(x > 0): // NaN, too
		return 0
	case x >= most:
		return most
	}
	return math.RoundToEven(x)
}

// pieceSamples is how many samples are converted at a time.
const pieceSamples = 16 << 10

// eachPiece converts src, read as d, to dst.
func eachPiece[S, D element](dst, src tensor.View, d tensor.DType, convert func([]D, []S)) error {
	var in buffer[S]
	var out buffer[D]
	var walk func(dst, src tensor.View) error
	walk = func(dst, src tensor.View) error {
		n := src.NumElements()
		switch {
		case n == 0:
			return nil
		case n > pieceSamples:
			rows := src.Shape()[0]
			step := max(1, pieceSamples/(n/rows))
			for at := int64(0); at < rows; at += step {
				part := func(v tensor.View) (tensor.View, error) {
					if step == 1 {
						return v.Index(0, at)
					}
					return v.Slice(0, at, min(at+step, rows), 1)
				}
				s, err := part(src)
				if err != nil {
					return err
				}
				t, err := part(dst)
				if err == nil {
					err = walk(t, s)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}
		samples, err := elements(src, &in, d)
		if err != nil {
			return err
		}
		if to, err := tensor.Data[D](dst); err == nil {
			convert(to, samples)
			return nil
		}
		if err := out.grow(int(n)); err != nil {
			return err
		}
		convert(out.data[:n], samples)
		v, err := out.view(0, dst.Shape(), nil)
		if err != nil {
			return err
		}
		return tensor.Cast(dst, v)
	}
	return walk(dst, src)
}
