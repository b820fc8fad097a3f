// Package ptx holds the kernels: PTX text that the driver compiles, and for each
// entry a twin in Go that makes the same bytes and is what the host backend runs.
//
// One module is one family of kernels, in a file NAME.ptx; most are made by the
// program in gen (go generate). They are of PTX 7.0 for sm_75, which any driver
// from CUDA 11.0 on compiles for any device from Turing on. No device has run them
// yet: what proves them is the interpreter in ptxsim.
//
// Rules that hold for all:
//
//   - Memory is little-endian, as that of the device, on every machine.
//   - An element lies at a multiple of its size, unless an entry says that it takes
//     any address. Wider accesses are made where addresses suit them.
//   - Any grid and any block do, since threads step over what there is, unless an
//     entry wants a certain block (.reqntid). Extents in y and z are said there.
//   - Input and output do not overlap.
//   - Floats are rounded to nearest even after each operation, subnormal numbers
//     are kept, nothing is fused that is not said to be. Where arithmetic makes a
//     NaN, the entry says which.
package ptx

import (
	"context"
	_ "embed"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

//go:generate go run ./gen

// The files, as strings: those of an embed.FS would be copied whenever a program that
// links this package starts.
var (
	//go:embed cast.ptx
	castText string
	//go:embed conv.ptx
	convText string
	//go:embed crc32c.ptx
	crc32cText string
	//go:embed dequant_bf16.ptx
	dequantBF16Text string
	//go:embed dequant_f16.ptx
	dequantF16Text string
	//go:embed dequant_f32.ptx
	dequantF32Text string
	//go:embed gather.ptx
	gatherText string
	//go:embed ggml.ptx
	ggmlText string
	//go:embed picture.ptx
	pictureText string
	//go:embed reduce.ptx
	reduceText string
	//go:embed scatter.ptx
	scatterText string
	//go:embed transpose.ptx
	transposeText string
	//go:embed unshuffle.ptx
	unshuffleText string
)

var texts = map[string]string{
	"cast":         castText,
	"conv":         convText,
	"crc32c":       crc32cText,
	"dequant_bf16": dequantBF16Text,
	"dequant_f16":  dequantF16Text,
	"dequant_f32":  dequantF32Text,
	"gather":       gatherText,
	"ggml":         ggmlText,
	"picture":      pictureText,
	"reduce":       reduceText,
	"scatter":      scatterText,
	"transpose":    transposeText,
	"unshuffle":    unshuffleText,
}

// Modules are all of them, in the order of their files.
var Modules []*driver.Source

// module registers the file NAME.ptx.
func module(name string, kernels ...driver.Kernel) *driver.Source {
	s := &driver.Source{Name: name, PTX: texts[name], Kernels: kernels}
	Modules = append(Modules, s)
	return s
}

// A Launch is a kernel with the extents and the arguments for a piece of work.
type Launch struct {
	Module *driver.Source
	Kernel string
	Grid   driver.Dim
	Block  driver.Dim
	Shared uint32 // bytes of dynamic shared memory
	Args   []driver.Arg
}

// Threads of a block where an entry does not say otherwise.
const blockThreads = 256

// maxBlocks is enough to fill any device with blocks that step.
const maxBlocks = 2048

// launch is a row of blocks, each thread of which has per pieces of n.
func launch(m *driver.Source, kernel string, n, per int64, args ...driver.Arg) Launch {
	per *= blockThreads
	blocks := min(max((n+per-1)/per, 1), maxBlocks)
	return Launch{Module: m, Kernel: kernel, Grid: driver.Dim{X: uint32(blocks)}, Block: driver.Dim{X: blockThreads}, Args: args}
}

func argPtr(p driver.Ptr) driver.Arg { return driver.Arg{Type: driver.Pointer, Bits: uint64(p)} }

func argU64(n int64) driver.Arg { return driver.Arg{Type: driver.U64, Bits: uint64(n)} }

func argI64(n int64) driver.Arg { return driver.Arg{Type: driver.I64, Bits: uint64(n)} }

func argU32(n uint32) driver.Arg { return driver.Arg{Type: driver.U32, Bits: uint64(n)} }

// span is the n bytes at p. Of none nothing is asked.
func span(m driver.Memory, p driver.Ptr, n int64) ([]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	return m.Bytes(p, n)
}

// flat is n elements at p as a view.
func flat(m driver.Memory, p driver.Ptr, d tensor.DType, n int64) (tensor.View, error) {
	b, err := span(m, p, n*int64(d.UnitBytes))
	if err != nil {
		return tensor.View{}, err
	}
	return tensor.NewView(b, d, tensor.Shape{n}, nil, 0, tensor.LittleEndian)
}

// pieceBytes is from where on twins share their work, in pieces of that size.
const pieceBytes = 1 << 20

// share calls f for pieces of per of n, on all cores if there are several.
func share(n, per int64, f func(from, to int64)) {
	if n <= 0 {
		return
	}
	per = max(per, 1)
	parallel.Each(0, (n+per-1)/per, func(i int64) error {
		f(i*per, min(i*per+per, n))
		return nil
	})
}

var background = context.Background()
