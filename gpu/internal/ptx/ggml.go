package ptx

import (
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Blocks of ggml to floats: ggml_BLOCK_RESULT(dst, src, n u64), at any address. The
// reference is quant.DequantiseBlocks; which NaN a result is is not said.
var ggmlModule = module("ggml", ggmlKernels()...)

// ggmlBlocks are q8_0, q4_0 and q4_k.
var ggmlBlocks = []int{8, 2, 12}

func ggmlKernels() (list []driver.Kernel) {
	for _, number := range ggmlBlocks {
		block, _ := tensor.Block(number)
		for _, to := range dequantResults {
			list = append(list, driver.Kernel{Name: ggmlName(block, to), Params: params("ppl"), Go: ggml(block, to)})
		}
	}
	return list
}

func ggmlName(block, to tensor.DType) string { return "ggml_" + block.String() + "_" + to.String() }

func ggml(block, to tensor.DType) func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
	return func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		r := reach{m: m}
		s := tensor.Shape{a.I64(2)}
		src, dst := r.view(a.Ptr(1), block, s, nil), r.view(a.Ptr(0), to, s, nil)
		if r.err != nil {
			return r.err
		}
		return quant.DequantiseBlocks(background, dst, src, 0)
	}
}

// Blocks writes the n elements of blocks of ggml at src to dst, as d. It reports
// false if there is no kernel for that.
func Blocks(dst driver.Ptr, d tensor.DType, src driver.Ptr, block tensor.DType, n int64) (Launch, bool) {
	name := ggmlName(block, d)
	if ggmlModule.Kernel(name) == nil {
		return Launch{}, false
	}
	return launch(ggmlModule, name, n/4, 1, argPtr(dst), argPtr(src), argU64(n)), true
}
