package sparse

import (
	"context"

	"github.com/tensorfile/tensorfile/tensor"
)

// Mul multiplies a matrix with a dense vector or matrix x of the same dtype:
// any int or uint, f32, f64, c64 or c128 (others: cast first, ErrDType). The
// result is dense, of that dtype, in memory of its own. The last extent of the
// matrix must be the first of x (ErrShape).
//
// Sums are made row by row, in the order in which the entries are kept: of f32
// in float64, of c64 in complex128, of the others in their own type, integers
// wrapping. They are the same for any number of workers, and for all layouts
// of a sorted array. Where the fill value is zero, elements without an entry
// add nothing, also where x is infinite or NaN; where it is not, duplicates are
// summed first and all elements multiplied, which takes as long as for a dense
// matrix.
//
// The work is done on rows: what is not CSR, or has a structure, is converted
// first. Who multiplies often converts once.
func (a *Array) Mul(ctx context.Context, x tensor.View, o *Options) (tensor.View, error) {
	p, err := o.plan()
	if err != nil {
		return tensor.View{}, err
	}
	s := x.Shape()
	switch {
	case len(a.shape) != 2 || len(s) != 1 && len(s) != 2 || s[0] != a.shape[1]:
		return tensor.View{}, fail(tensor.ErrShape, "product", a.shape.String()+" by "+s.String(), "(m, n) by (n,) or (n, k)", "")
	case x.DType() != a.dtype || multiplier[int32](a.dtype) == nil:
		return tensor.View{}, fail(tensor.ErrDType, "product", a.dtype.String()+" by "+x.DType().String(), "one dtype, int, uint, f32, f64, c64 or c128", "")
	}
	shape := append(tensor.Shape{a.shape[0]}, s[1:]...)
	size, err := tensor.ByteSize(a.dtype, shape)
	if err != nil {
		return tensor.View{}, err
	}
	if err := p.limit.bytes("product "+shape.String(), size); err != nil {
		return tensor.View{}, err
	}
	if a, err = a.General(ctx, o); err != nil {
		return tensor.View{}, err
	}
	if err := a.ready(ctx, &p); err != nil {
		return tensor.View{}, err
	}
	if a.fillBytes() != nil && !a.props.Unique {
		if a, err = a.Canonical(ctx, o); err != nil {
			return tensor.View{}, err
		}
	}
	out, err := tensor.Make(a.dtype, shape)
	if err != nil {
		return out, err
	}
	to, err := out.Bytes()
	if err != nil {
		return out, err
	}
	dense := x
	if !dense.IsContiguous() || dense.Order() != tensor.HostOrder {
		if dense, err = x.Clone(); err != nil {
			return out, err
		}
	}
	factors, err := valuesOf(dense)
	if err != nil {
		return out, err
	}
	factors = factors.whole(int(s[0]), 1)
	k := 1
	if len(s) == 2 {
		k = int(s[1])
	}
	wide, err := p.wide(a.nnz, a.shape)
	if err != nil {
		return out, err
	}
	if wide {
		return out, mulRows[int64](ctx, a, to, factors.b, k, &p)
	}
	return out, mulRows[int32](ctx, a, to, factors.b, k, &p)
}

// mulRows multiplies a valid matrix with a dense one of k columns.
func mulRows[I index](ctx context.Context, a *Array, to, by []byte, k int, p *plan) error {
	m, err := linesOf[I](a, 0, p.limit, p.workers)
	if err != nil {
		return err
	}
	m.val = m.val.whole(len(m.idx), p.workers)
	mul := multiplier[I](a.dtype)
	line := k * m.val.size // bytes of a row of the result
	fill := a.fillBytes()
	errs := make([]error, lineParts(m.ptr, p.workers))
	run(len(errs), func(part int) {
		lo, hi := lineCut(m.ptr, len(errs), part), lineCut(m.ptr, len(errs), part+1)
		var full lines[I] // a row with all elements
		if fill != nil {
			full = lines[I]{ptr: []I{0, I(m.width)}, idx: make([]I, m.width), val: m.val.like(int(m.width))}
			for i := range full.idx {
				full.idx[i] = I(i)
			}
		}
		for at := lo; at < hi; at += 256 {
			if errs[part] = ctx.Err(); errs[part] != nil {
				return
			}
			end := min(at+256, hi)
			if fill == nil {
				mul(to[at*line:end*line], by, k, m.ptr[at:end+1], m.idx, m.val.b)
				continue
			}
			for row := at; row < end; row++ {
				repeat(full.val.b, fill)
				for e := m.ptr[row]; e < m.ptr[row+1]; e++ {
					copy(full.val.at(int(m.idx[e])), m.val.at(int(e)))
				}
				mul(to[row*line:(row+1)*line], by, k, full.ptr, full.idx, full.val.b)
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

type realNumber interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// multiply multiplies the rows of ptr with a dense matrix of k columns.
type multiply[I index] func(to, by []byte, k int, ptr, idx []I, val []byte)

// multiplier is the product of a dtype, nil if it has none.
func multiplier[I index](d tensor.DType) multiply[I] {
	switch d {
	case tensor.I8:
		return mulReal[I, int8, int8]
	case tensor.I16:
		return mulReal[I, int16, int16]
	case tensor.I32:
		return mulReal[I, int32, int32]
	case tensor.I64:
		return mulReal[I, int64, int64]
	case tensor.U8:
		return mulReal[I, uint8, uint8]
	case tensor.U16:
		return mulReal[I, uint16, uint16]
	case tensor.U32:
		return mulReal[I, uint32, uint32]
	case tensor.U64:
		return mulReal[I, uint64, uint64]
	case tensor.F32:
		return mulReal[I, float32, float64]
	case tensor.F64:
		return mulReal[I, float64, float64]
	case tensor.C64:
		return mulComplex[I, complex64]
	case tensor.C128:
		return mulComplex[I, complex128]
	}
	return nil
}

// mulReal adds up in A.
func mulReal[I index, T, A realNumber](to, by []byte, k int, ptr, idx []I, val []byte) {
	y, x, v := elements[T](to), elements[T](by), elements[T](val)
	if k == 1 {
		for row := range len(ptr) - 1 {
			var sum A
			values := v[ptr[row]:ptr[row+1]]
			for e, i := range idx[ptr[row]:ptr[row+1]] {
				sum += A(values[e]) * A(x[i])
			}
			y[row] = T(sum)
		}
		return
	}
	sums := make([]A, k)
	for row := range len(ptr) - 1 {
		clear(sums)
		for e := ptr[row]; e < ptr[row+1]; e++ {
			value, line := A(v[e]), x[int(idx[e])*k:][:k]
			for c, z := range line {
				sums[c] += value * A(z)
			}
		}
		line := y[row*k:][:k]
		for c, sum := range sums {
			line[c] = T(sum)
		}
	}
}

// mulComplex adds up in complex128.
func mulComplex[I index, T complex64 | complex128](to, by []byte, k int, ptr, idx []I, val []byte) {
	y, x, v := elements[T](to), elements[T](by), elements[T](val)
	sums := make([]complex128, k)
	for row := range len(ptr) - 1 {
		clear(sums)
		for e := ptr[row]; e < ptr[row+1]; e++ {
			value, line := complex128(v[e]), x[int(idx[e])*k:][:k]
			for c, z := range line {
				sums[c] += value * complex128(z)
			}
		}
		line := y[row*k:][:k]
		for c, sum := range sums {
			line[c] = T(sum)
		}
	}
}
