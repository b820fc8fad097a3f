package ptx

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// What a block of a reduction takes: 4096 elements, in lanes of which element i
// goes to i%1024.
const (
	segment      = 4096
	reduceLanes  = 1024
	reduceBlock  = 256
	canonicalNaN = 0x7fc00000
)

// Reduced are the dtypes that there are reductions of. Integers are added as i64,
// floats as f32; results are of these two, sums of integers wrap.
var Reduced = []tensor.DType{tensor.U8, tensor.I16, tensor.I32, tensor.I64, tensor.F16, tensor.BF16, tensor.F32}

// Its entries reduce_OP_D(dst, src pointer, n u64, rows u32), of sum, min and max,
// write for each row of n elements one result for each of its segments, whole
// numbers as i64, floats as f32. The order of additions is fixed: see the text. Min
// and max are NaN if an element is, and -0 is less than +0; of nothing they are the
// infinities or the limits of i64. A float that is NaN is 0x7fc00000. Blocks have
// 256 threads and stand over segments in x and over rows in y.
var reduceModule = module("reduce", reduceKernels()...)

func reduceKernels() []driver.Kernel {
	var all []driver.Kernel
	for _, d := range Reduced {
		for _, op := range []tensor.Reduction{tensor.Sum, tensor.Min, tensor.Max} {
			all = append(all, driver.Kernel{
				Name:   reduceName(op, d),
				Params: driver.Signature{driver.Pointer, driver.Pointer, driver.U64, driver.U32},
				Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
					return reduceGo(m, a, op, d)
				},
			})
		}
	}
	return all
}

func reduceName(op tensor.Reduction, d tensor.DType) string {
	return "reduce_" + op.String() + "_" + d.String()
}

// Accumulator is the dtype of the results of a reduction of elements of d.
func Accumulator(d tensor.DType) tensor.DType {
	if d.Class == tensor.ClassFloat {
		return tensor.F32
	}
	return tensor.I64
}

func reduceSegments(n int64) int64 { return max(1, (n+segment-1)/segment) }

func reduceGo(m driver.Memory, a driver.Args, op tensor.Reduction, d tensor.DType) error {
	n, rows := a.I64(2), int64(a.U32(3))
	size, acc := int64(d.UnitBytes), Accumulator(d)
	segs := reduceSegments(n)
	src, err := span(m, a.Ptr(1), rows*n*size)
	if err != nil {
		return err
	}
	dst, err := span(m, a.Ptr(0), rows*segs*int64(acc.UnitBytes))
	if err != nil {
		return err
	}
	per := max(1, pieceBytes/segment/size)
	start := func() []uint64 { return make([]uint64, segment) }
	return parallel.EachWith(0, (rows*segs+per-1)/per, start, func(room []uint64, i int64) error {
		for at := i * per; at < min(rows*segs, (i+1)*per); at++ {
			row, s := at/segs, at%segs
			b := src[(row*n+s*segment)*size:][:min(segment, n-s*segment)*size]
			r, err := reduceSegment(op, d, b, room)
			switch {
			case err != nil:
				return err
			case acc == tensor.F32:
				binary.LittleEndian.PutUint32(dst[4*at:], uint32(r))
			default:
				binary.LittleEndian.PutUint64(dst[8*at:], r)
			}
		}
		return nil
	})
}

// reduceSegment is the bits of the result of elements of d in b. They are converted
// to room unless their own type will do.
func reduceSegment(op tensor.Reduction, d tensor.DType, b []byte, room []uint64) (uint64, error) {
	if tensor.HostOrder == tensor.LittleEndian && cast.Aligned(b, int(d.UnitBytes)) {
		switch d {
		case tensor.U8:
			return reduceIntegers(op, b), nil
		case tensor.I16:
			x, _ := cast.Slice[int16](b)
			return reduceIntegers(op, x), nil
		case tensor.I32:
			x, _ := cast.Slice[int32](b)
			return reduceIntegers(op, x), nil
		case tensor.I64:
			x, _ := cast.Slice[int64](b)
			return reduceIntegers(op, x), nil
		case tensor.F32:
			x, _ := cast.Slice[float32](b)
			return reduceFloats(op, x), nil
		}
	}
	n, acc := int64(len(b))/int64(d.UnitBytes), Accumulator(d)
	out := cast.Bytes(room)[:n*int64(acc.UnitBytes)]
	src, err := tensor.NewView(b, d, tensor.Shape{n}, nil, 0, tensor.LittleEndian)
	if err != nil {
		return 0, err
	}
	dst, err := tensor.NewView(out, acc, tensor.Shape{n}, nil, 0, tensor.HostOrder)
	if err != nil {
		return 0, err
	}
	if err := tensor.Cast(dst, src); err != nil {
		return 0, err
	}
	if acc == tensor.F32 {
		x, _ := cast.Slice[float32](out)
		return reduceFloats(op, x), nil
	}
	x, _ := cast.Slice[int64](out)
	return reduceIntegers(op, x), nil
}

func reduceIntegers[T uint8 | int16 | int32 | int64](op tensor.Reduction, x []T) uint64 {
	switch {
	case op == tensor.Sum:
		sum := int64(0)
		for _, v := range x {
			sum += int64(v)
		}
		return uint64(sum)
	case len(x) == 0 && op == tensor.Min:
		return math.MaxInt64
	case len(x) == 0:
		return 1 << 63 // the least i64
	case op == tensor.Min:
		return uint64(slices.Min(x))
	}
	return uint64(slices.Max(x))
}

func reduceFloats(op tensor.Reduction, x []float32) uint64 {
	if op == tensor.Sum {
		f := sumTree(x)
		if f != f {
			return canonicalNaN
		}
		return uint64(math.Float32bits(f))
	}
	lo, hi, nan := kernel.MinMaxF32(x)
	switch {
	case nan > 0:
		return canonicalNaN
	case op == tensor.Min:
		return uint64(math.Float32bits(lo))
	}
	return uint64(math.Float32bits(hi))
}

// sumTree adds a segment in the order of the kernel.
func sumTree(x []float32) float32 {
	var acc [reduceLanes]float32
	for ; len(x) >= reduceLanes; x = x[reduceLanes:] {
		for j, v := range (*[reduceLanes]float32)(x) {
			acc[j] += v
		}
	}
	for j, v := range x {
		acc[j] += v
	}
	var t [reduceBlock]float32
	for j := range t {
		l := acc[4*j : 4*j+4]
		t[j] = (l[0] + l[1]) + (l[2] + l[3])
	}
	for h := 16; h > 0; h /= 2 {
		for w := 0; w < reduceBlock; w += 32 {
			for j := range h {
				t[w+j] += t[w+j+h]
			}
		}
	}
	for h := 4; h > 0; h /= 2 {
		for w := range h {
			t[32*w] += t[32*(w+h)]
		}
	}
	return t[0]
}

// ReduceScratch is how many bytes Reduce needs beside: for the results of segments
// but the last.
func ReduceScratch(d tensor.DType, rows, n int64) int64 {
	total := int64(0)
	for n = reduceSegments(n); n > 1; n = reduceSegments(n) {
		total += rows * n * int64(Accumulator(d).UnitBytes)
	}
	return total
}

// Reduce is the launches that reduce each row of n elements to one result, by way
// of scratch. Sums of floats go on as trees over the results of segments.
func Reduce(op tensor.Reduction, d tensor.DType, dst, src, scratch driver.Ptr, rows uint32, n int64) []Launch {
	var all []Launch
	acc := Accumulator(d)
	for {
		segs := reduceSegments(n)
		to := dst
		if segs > 1 {
			to = scratch
			scratch += driver.Ptr(int64(rows) * segs * int64(acc.UnitBytes))
		}
		x := uint32(min(segs, maxBlocks))
		grid := driver.Dim{X: x, Y: max(1, min(rows, 4*maxBlocks/x))}
		all = append(all, Launch{reduceModule, reduceName(op, d), grid, driver.Dim{X: reduceBlock}, 0,
			[]driver.Arg{argPtr(to), argPtr(src), argU64(n), argU32(rows)}})
		if segs == 1 {
			return all
		}
		src, d, n = to, acc, segs
	}
}
