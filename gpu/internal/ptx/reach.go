package ptx

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// reach is device memory as a twin sees it. The first error stays, and what is
// asked for after it is nil.
type reach struct {
	m   driver.Memory
	err error
}

// bytes are those of count elements of size bytes at p.
func (r *reach) bytes(p driver.Ptr, count, size uint64) []byte {
	if r.err != nil || count == 0 {
		return nil
	}
	hi, n := bits.Mul64(count, size)
	if hi != 0 || n > math.MaxInt64 {
		r.err = &driver.Error{Op: "cuLaunchKernel", Code: driver.IllegalAddress, Name: "CUDA_ERROR_ILLEGAL_ADDRESS", Text: fmt.Sprintf("%d elements of %d bytes", count, size)}
		return nil
	}
	b, err := r.m.Bytes(p, int64(n))
	if err != nil {
		r.err = err
		return nil
	}
	return b
}

// view is elements of dtype d at p, little-endian, whatever the machine.
func (r *reach) view(p driver.Ptr, d tensor.DType, s tensor.Shape, st tensor.Strides) tensor.View {
	if r.err != nil {
		return tensor.View{}
	}
	if st == nil {
		if st, r.err = tensor.Contiguous(d, s); r.err != nil {
			return tensor.View{}
		}
	}
	_, hi, err := tensor.Reach(d, s, st, 0)
	if err != nil {
		r.err = err
		return tensor.View{}
	}
	b := r.bytes(p, uint64(hi), 1)
	if r.err != nil {
		return tensor.View{}
	}
	var v tensor.View
	v, r.err = tensor.NewView(b, d, s, st, 0, tensor.LittleEndian)
	return v
}

// fail is for arguments that no launcher makes.
func (r *reach) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &driver.Error{Op: "cuLaunchKernel", Code: driver.InvalidValue, Name: "CUDA_ERROR_INVALID_VALUE", Text: fmt.Sprintf(format, args...)}
	}
}

// share calls fn for parts of n, of grain each, on several goroutines, unless there
// was an error.
func (r *reach) share(n, grain uint64, fn func(lo, hi uint64)) error {
	if r.err == nil {
		share(int64(n), int64(grain), func(from, to int64) { fn(uint64(from), uint64(to)) })
	}
	return r.err
}

// params are types of parameters: p is a pointer, l and w are unsigned numbers of
// 64 and 32 bits.
func params(s string) driver.Signature {
	g := make(driver.Signature, len(s))
	for i, c := range s {
		switch c {
		case 'p':
			g[i] = driver.Pointer
		case 'l':
			g[i] = driver.U64
		default:
			g[i] = driver.U32
		}
	}
	return g
}
