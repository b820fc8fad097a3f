package tensor

import (
	"context"
	"runtime"

	"github.com/tensorfile/tensorfile/internal/parallel"
)

// CopyParallel is Copy shared by up to workers goroutines, the caller's being
// one; 0 or less means GOMAXPROCS. The result is that of Copy for any number.
//
// The work is cut into parts of about 4 MiB, along the axes that lie far apart in
// both, so that workers write to pages of their own as far as the strides allow;
// below two parts, one goroutine does all. A worker looks at
// ctx between parts: an error of ctx, returned as it is, leaves dst written in
// part. Errors of Copy come before anything is written.
func CopyParallel(ctx context.Context, dst, src View, workers int) error {
	src, swap, err := dst.copyable(src)
	if err != nil || dst.n == 0 {
		return err
	}
	stream := dst.streams()
	return parts(ctx, dst, src, workers, func(dst, src View) { dst.copy(src, swap, stream) })
}

// CastParallel is Cast shared by workers, as CopyParallel is Copy.
func CastParallel(ctx context.Context, dst, src View, workers int) error {
	src, same, err := dst.castable(src)
	switch {
	case err != nil || dst.n == 0:
		return err
	case same:
		return CopyParallel(ctx, dst, src, workers)
	}
	stream := dst.streams()
	return parts(ctx, dst, src, workers, func(dst, src View) { dst.cast(src, stream) })
}

// partBytes is what a worker writes before it looks for more.
const partBytes = 4 << 20

// parts calls fn for pairs of parts that together are dst and src.
func parts(ctx context.Context, dst, src View, workers int, fn func(dst, src View)) error {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	depth := 0
	for workers > 1 && max(dst.image, src.image)>>(depth+1) >= partBytes {
		depth++
	}
	return parallel.Each(workers, 1<<depth, func(i int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d, s, ok := part(dst, src, i, depth); ok {
			fn(d, s)
		}
		return nil
	})
}

// part is the i-th of 1<<depth parts: each bit of i, the highest first, says
// which half to take. It reports false for a half of what cannot be halved.
func part(dst, src View, i int64, depth int) (View, View, bool) {
	for depth--; depth >= 0; depth-- {
		upper := i>>depth&1 == 1
		axis, lower := halves(dst, src)
		switch {
		case lower == 0 && upper:
			return dst, src, false
		case lower == 0:
		case upper:
			n := dst.shape[axis] - lower
			dst, src = dst.cut(axis, lower, n), src.cut(axis, lower, n)
		default:
			dst, src = dst.cut(axis, 0, lower), src.cut(axis, 0, lower)
		}
	}
	return dst, src, true
}

// halves returns where to halve, and the extent of the lower half, 0 if nothing
// can be: along the axis that reaches farthest in the operand where it lies
// denser, so that lines of neither are cut up among parts; of two alike along
// the one that reaches farther in dst.
func halves(dst, src View) (axis int, lower int64) {
	units := int64(max(dst.dtype.UnitElems, src.dtype.UnitElems, 1))
	var longest, widest int64
	for i, e := range dst.shape {
		step := int64(1)
		if i == len(dst.shape)-1 {
			step = units
		}
		if e <= step {
			continue
		}
		d, s := abs(dst.strides[i]), abs(src.strides[i])
		if s == 0 {
			s = d
		}
		reach := dst.dtype.extent(dst.shape, i) * min(d, s)
		if lower == 0 || reach > longest || reach == longest && d > widest {
			axis, lower = i, (e+2*step-1)/(2*step)*step
			longest, widest = reach, d
		}
	}
	return axis, lower
}

// cut is the part of v from first on along an axis, whole units of a packed one.
func (v View) cut(axis int, first, count int64) View {
	s := v.shape.Clone()
	s[axis] = count
	if v.packedAxis(axis) {
		first /= int64(v.dtype.UnitElems)
	}
	v.image = v.image / v.dtype.extent(v.shape, axis) * v.dtype.extent(s, axis)
	v.n = v.n / v.shape[axis] * count
	v.offset += first * v.strides[axis]
	v.shape = s
	v.contig = isContiguous(v.dtype, s, v.strides, v.n)
	v.plain = v.contig && v.native && v.elem != elemBool
	return v
}
