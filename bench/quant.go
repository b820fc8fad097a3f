package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// quantCases dequantise weights, to floats whose bytes are what counts, and
// quantise them, whose bytes are those of the source.
func quantCases(e *Env) []Case {
	const columns = 4096
	rows := e.Big / 4 / columns
	weights := func(b *testing.B) tensor.View {
		v, err := tensor.FromSlice(e.floats(b)[:rows*columns], rows, columns)
		check(b, err)
		return v
	}
	array := func(b *testing.B, scheme string) *quant.Array {
		return get(b, e, "quantised "+scheme, func() (*quant.Array, error) {
			s, err := quant.ParseScheme(scheme)
			if err != nil {
				return nil, err
			}
			return quant.Quantise(b.Context(), weights(b), s, 0)
		})
	}
	var list []Case
	for _, scheme := range []string{"i8:axis=0", "i4:group=32", "u4:group=128", "mxfp8_e4m3", "mxfp4"} {
		key := strings.NewReplacer(":", "_", "=", "").Replace(scheme)
		for _, to := range []tensor.DType{tensor.F32, tensor.BF16} {
			bytes := rows * columns * int64(to.UnitBytes)
			name := fmt.Sprintf("op=dequantise/scheme=%s/to=%s/", key, to)
			for _, workers := range []int{1, 2} {
				list = append(list, stream("quant", fmt.Sprintf("%sworkers=%d/impl=tensorfile", name, workers), bytes, func(b *testing.B) {
					a := array(b, scheme)
					dst := made(b, e, "out", to, rows, columns)
					for b.Loop() {
						check(b, a.DequantiseInto(b.Context(), dst, workers))
					}
				}))
			}
			list = append(list, stream("quant", name+"impl=numpy", bytes, func(b *testing.B) {
				e.inPython(b, bytes, "dequantise", scheme, rows, columns, to.String())
			}))
		}
	}
	for _, scheme := range []string{"i8:axis=0", "i4:group=32", "mxfp4"} {
		key := strings.NewReplacer(":", "_", "=", "").Replace(scheme)
		for _, workers := range []int{1, 2} {
			list = append(list, stream("quant", fmt.Sprintf("op=quantise/scheme=%s/workers=%d/impl=tensorfile", key, workers), 4*rows*columns, func(b *testing.B) {
				s, err := quant.ParseScheme(scheme)
				check(b, err)
				v := weights(b)
				for b.Loop() {
					_, err := quant.Quantise(b.Context(), v, s, workers)
					check(b, err)
				}
			}))
		}
	}
	return list
}
