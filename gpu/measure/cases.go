package measure

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
)

// Shares of the speed of the device's memory that kernels are to reach: those that
// go through their operands in order, and those that gather or scatter runs.
const (
	inOrder = 0.75
	inRuns  = 0.40
)

// cases are uses of all families of kernels.
var cases = slices.Concat(castCases(), moveCases(), shuffleCases(), reduceCases(), dequantiseCases(), scatterCases(), convolutionCases())

// finite are random floats that are no NaN and not infinite: the bit below the sign
// is clear. They are of two bytes or of one.
func (m *maker) finite(d tensor.DType, s ...int64) *gpu.Tensor {
	m.n++
	return m.of(func(b []byte) {
		noise(b, m.n)
		for i := int(d.UnitBytes) - 1; i < len(b); i += int(d.UnitBytes) {
			b[i] &^= 0x40
		}
	}, d, s...)
}

// counting are numbers that at makes, i32.
func (m *maker) counting(at func(i int) int, n int64, s ...int64) *gpu.Tensor {
	return m.of(func(b []byte) {
		for i := range int(n) {
			binary.LittleEndian.PutUint32(b[4*i:], uint32(at(i)))
		}
	}, tensor.I32, s...)
}

func bytesOf(list ...*gpu.Tensor) (n int64) {
	for _, t := range list {
		if t != nil {
			n += t.ByteSize()
		}
	}
	return n
}

// moving is the work of a kernel that goes once through what it reads and writes.
func moving(run func(on *gpu.Stream) error, result *gpu.Tensor, reads ...*gpu.Tensor) work {
	return work{run, bytesOf(result) + bytesOf(reads...), []*gpu.Tensor{result}}
}

func castCases() (list []kernelCase) {
	for _, c := range []struct{ from, to tensor.DType }{
		{tensor.U8, tensor.F32}, {tensor.I16, tensor.F32}, {tensor.F16, tensor.F32}, {tensor.BF16, tensor.F32},
		{tensor.F8E4M3FN, tensor.F32}, {tensor.F8E5M2, tensor.F32}, {tensor.BF16, tensor.F16},
	} {
		list = append(list, kernelCase{fmt.Sprintf("cast %v to %v", c.from, c.to), true, inOrder, func(m *maker, size int64) work {
			n := max(1, size/int64(c.to.UnitBytes))
			src := m.finite(c.from, n)
			dst := m.empty(c.to, n)
			return moving(func(on *gpu.Stream) error { return kernels.Cast(on, dst, src) }, dst, src)
		}})
	}
	return append(list, kernelCase{"picture u8 HWC to f32 CHW", true, inOrder, func(m *maker, size int64) work {
		const side = 224
		n := max(1, size/4/(3*side*side))
		src, dst := m.random(tensor.U8, n, side, side, 3), m.empty(tensor.F32, n, 3, side, side)
		scale, bias := []float32{1 / 58.4, 1 / 57.1, 1 / 57.4}, []float32{-2.12, -2.04, -1.80}
		return moving(func(on *gpu.Stream) error { return kernels.Picture(on, dst, src, scale, bias) }, dst, src)
	}})
}

func moveCases() []kernelCase {
	const run = 16 // elements that lie together: 64 bytes
	return []kernelCase{
		{"gather f32, runs of 64 bytes", true, inRuns, func(m *maker, size int64) work {
			n := max(1, size/4/run/64)
			src, dst := m.small(64, n, run), m.empty(tensor.F32, n, 64, run)
			if m.err != nil {
				return work{}
			}
			turned, err := src.Permute(1, 0, 2)
			if err != nil {
				m.fail(err)
			}
			return moving(func(on *gpu.Stream) error { return kernels.Gather(on, dst, turned) }, dst, src)
		}},
		{"transpose f32", true, 0, func(m *maker, size int64) work {
			const cols = 1000
			rows := max(1, size/4/cols)
			src, dst := m.small(rows, cols), m.empty(tensor.F32, cols, rows)
			return moving(func(on *gpu.Stream) error { return kernels.Transpose(on, dst, src) }, dst, src)
		}},
	}
}

func shuffleCases() []kernelCase {
	undo := func(name string, word int, launch func(on *gpu.Stream, dst, src *gpu.Buffer, word int) error) kernelCase {
		return kernelCase{fmt.Sprintf("%s words of %d bytes", name, word), true, inOrder, func(m *maker, size int64) work {
			src, dst := m.random(tensor.U8, size), m.empty(tensor.U8, size)
			return moving(func(on *gpu.Stream) error { return launch(on, dst.Buffer(), src.Buffer(), word) }, dst, src)
		}}
	}
	return []kernelCase{
		undo("unshuffle", 2, kernels.Unshuffle), undo("unshuffle", 4, kernels.Unshuffle),
		undo("bit unshuffle", 4, kernels.BitUnshuffle),
		{"join planes of bf16", true, inOrder, func(m *maker, size int64) work {
			n := max(1, size/2)
			low, high, dst := m.random(tensor.U8, n), m.random(tensor.U8, n), m.empty(tensor.BF16, n)
			return moving(func(on *gpu.Stream) error {
				return kernels.JoinPlanes(on, dst.Buffer(), []kernels.Plane{{Bytes: low.Buffer()}, {Bytes: high.Buffer()}}, 8, 0)
			}, dst, low, high)
		}},
	}
}

func reduceCases() []kernelCase {
	reduce := func(op tensor.Reduction, d tensor.DType, to tensor.DType) kernelCase {
		return kernelCase{fmt.Sprintf("%v of %v", op, d), true, 0, func(m *maker, size int64) work {
			n := max(1, size/int64(d.UnitBytes))
			src := m.random(d, n)
			if d.Class == tensor.ClassFloat {
				src = m.small(n)
			}
			dst, scratch := m.empty(to), m.empty(tensor.U8, kernels.ReduceScratch(d, 1, n))
			return moving(func(on *gpu.Stream) error { return kernels.Reduce(on, op, dst, src, scratch.Buffer()) }, dst, src)
		}}
	}
	return []kernelCase{
		reduce(tensor.Sum, tensor.F32, tensor.F32), reduce(tensor.Max, tensor.F32, tensor.F32), reduce(tensor.Sum, tensor.U8, tensor.I64),
		{"CRC-32C", true, 0, func(m *maker, size int64) work {
			src, dst, scratch := m.random(tensor.U8, size), m.empty(tensor.U32), m.empty(tensor.U8, kernels.ChecksumScratch(size))
			return moving(func(on *gpu.Stream) error { return kernels.Checksum(on, dst.Buffer(), src.Buffer(), scratch.Buffer()) }, dst, src)
		}},
	}
}

func dequantiseCases() (list []kernelCase) {
	for _, d := range []tensor.DType{tensor.I8, tensor.I4, tensor.F4E2M1} {
		list = append(list, kernelCase{fmt.Sprintf("dequantise %v to f16", d), true, inOrder, func(m *maker, size int64) work {
			const cols, group = 4096, 128
			rows := max(1, size/cols/2)
			values, scales, dst := m.random(d, rows, cols), m.small(rows, cols/group), m.empty(tensor.F16, rows, cols)
			return moving(func(on *gpu.Stream) error {
				return kernels.Dequantise(on, dst, kernels.Groups{Values: values, Scales: scales, Group: []int64{1, group}})
			}, dst, values, scales)
		}})
	}
	for _, name := range []string{"q8_0", "q4_0", "q4_k"} {
		list = append(list, kernelCase{"dequantise " + name + " to f32", true, inOrder, func(m *maker, size int64) work {
			d, err := tensor.ParseDType(name)
			if err != nil {
				m.fail(err)
				return work{}
			}
			n := max(1, size/4/4096) * 4096
			src, dst := m.of(func(b []byte) {
				noise(b, 7)
				for i := 0; i+1 < len(b); i += int(d.UnitBytes) { // scales that are finite
					b[i+1] &^= 0x40
					if name == "q4_k" {
						b[i+3] &^= 0x40
					}
				}
			}, d, n), m.empty(tensor.F32, n)
			return moving(func(on *gpu.Stream) error { return kernels.DequantiseBlocks(on, dst, src) }, dst, src)
		}})
	}
	return list
}

func scatterCases() []kernelCase {
	const cols, each = 4096, 64 // entries of a row
	// Entries of a row stand in ascending order, at distances that vary.
	column := func(i int) int { return i%each*(cols/each) + int(uint32(i)*2654435761>>26)%(cols/each) }
	once := &kernels.ScatterOptions{Unique: true, Sorted: true}
	return []kernelCase{
		{"scatter COO of f32", true, 0, func(m *maker, size int64) work {
			rows := max(1, size/4/cols)
			n := rows * each
			indices := m.of(func(b []byte) {
				for i := range int(n) {
					binary.LittleEndian.PutUint32(b[8*i:], uint32(i/each))
					binary.LittleEndian.PutUint32(b[8*i+4:], uint32(column(i)))
				}
			}, tensor.I32, n, 2)
			values, dst := m.small(n), m.empty(tensor.F32, rows, cols)
			return moving(func(on *gpu.Stream) error { return kernels.ScatterCOO(on, dst, indices, values, once) }, dst, indices, values)
		}},
		{"scatter CSR of f32", true, 0, func(m *maker, size int64) work {
			rows := max(1, size/4/cols)
			n := rows * each
			pointers := m.counting(func(i int) int { return i * each }, rows+1, rows+1)
			indices, values, dst := m.counting(column, n, n), m.small(n), m.empty(tensor.F32, rows, cols)
			return moving(func(on *gpu.Stream) error { return kernels.ScatterCSR(on, dst, pointers, indices, values, once) }, dst, pointers, indices, values)
		}},
		{"scatter bitmap of f32", true, inRuns, func(m *maker, size int64) work {
			n := max(1, size/4/8) * 8
			mask := m.of(func(b []byte) {
				for i := range b {
					b[i] = 0x55 // every second element
				}
			}, tensor.Bool1, n)
			values, dst := m.small(n/2), m.empty(tensor.F32, n)
			scratch := m.empty(tensor.U8, kernels.ScatterBitmapScratch(n))
			return moving(func(on *gpu.Stream) error {
				return kernels.ScatterBitmap(on, dst, mask, values, &kernels.ScatterOptions{Scratch: scratch.Buffer()})
			}, dst, mask, values)
		}},
	}
}

func convolutionCases() []kernelCase {
	pad := &kernels.ConvOptions{Pad: [][2]int64{{1, 1}, {1, 1}}}
	const channels, side = 32, 56
	images := func(size int64) int64 { return max(1, size/8/(channels*side*side*4)) }
	return []kernelCase{
		{"convolve 3x3, 32 channels, 32 filters", false, 0, func(m *maker, size int64) work {
			n := images(size)
			in, filters, dst := m.small(n, channels, side, side), m.small(channels, channels, 3, 3), m.empty(tensor.F32, n, channels, side, side)
			return moving(func(on *gpu.Stream) error { return kernels.Correlate2D(on, dst, in, filters, pad) }, dst, in, filters)
		}},
		{"im2col 3x3 of f32", true, inOrder, func(m *maker, size int64) work {
			n := images(size)
			in := m.small(n, channels, side, side)
			if in == nil {
				return work{}
			}
			s, err := kernels.ColumnsShape(in.Shape(), [2]int64{3, 3}, pad)
			if err != nil {
				m.fail(err)
				return work{}
			}
			dst := m.empty(tensor.F32, s...)
			return moving(func(on *gpu.Stream) error { return kernels.Im2col(on, dst, in, [2]int64{3, 3}, pad) }, dst, in)
		}},
	}
}
