package ragged

import (
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// offsets are numbers of any int or uint dtype, byte order and stride, read as
// int64s. Those that int64 cannot hold come out as its largest or as a negative
// number, both of which are out of every range.
type offsets struct {
	v      tensor.View
	wide   []int64 // the memory itself, where it is such
	narrow []int32
	plain  []uint32
}

func offsetsOf(v tensor.View) offsets {
	x := offsets{v: v}
	// Asking is cheaper than an error that says what else it is.
	switch d := v.DType(); d {
	case tensor.I64, tensor.U64:
		if s, err := v.Reinterpret(tensor.I64); err == nil {
			x.wide, _ = tensor.Data[int64](s)
		}
	case tensor.I32:
		x.narrow, _ = tensor.Data[int32](v)
	case tensor.U32:
		x.plain, _ = tensor.Data[uint32](v)
	}
	return x
}

// slice is the offsets from lo up to hi.
func (x *offsets) slice(lo, hi int64) (offsets, error) {
	v, err := x.v.Slice(0, lo, hi, 1)
	if err != nil {
		return offsets{}, err
	}
	y := offsets{v: v}
	switch {
	case x.wide != nil:
		y.wide = x.wide[lo:hi]
	case x.narrow != nil:
		y.narrow = x.narrow[lo:hi]
	case x.plain != nil:
		y.plain = x.plain[lo:hi]
	}
	return y, nil
}

// pair is numbers i and i+1.
func (x *offsets) pair(i int64) (lo, hi int64) {
	switch {
	case x.wide != nil:
		return x.wide[i], x.wide[i+1]
	case x.narrow != nil:
		return int64(x.narrow[i]), int64(x.narrow[i+1])
	case x.plain != nil:
		return int64(x.plain[i]), int64(x.plain[i+1])
	}
	var both [2]int64
	x.read(both[:], i)
	return both[0], both[1]
}

// read copies the numbers from i on to dst.
func (x *offsets) read(dst []int64, i int64) {
	switch {
	case x.wide != nil:
		copy(dst, x.wide[i:])
	case x.narrow != nil:
		for j, y := range x.narrow[i : i+int64(len(dst))] {
			dst[j] = int64(y)
		}
	case x.plain != nil:
		for j, y := range x.plain[i : i+int64(len(dst))] {
			dst[j] = int64(y)
		}
	default:
		src, err := x.v.Slice(0, i, i+int64(len(dst)), 1)
		if err == nil && len(dst) > 0 {
			var to tensor.View
			if to, err = tensor.FromSlice(dst); err == nil {
				err = tensor.Cast(to, src)
			}
		}
		if err != nil { // an index dtype and a range inside: neither can fail
			panic("ragged: " + err.Error())
		}
	}
}

// text is number i as it is stored.
func (x *offsets) text(i int64) string {
	v, err := x.v.Index(0, i)
	if err != nil {
		return ""
	}
	return v.String()
}

// isIndex reports whether a dtype can be that of offsets.
func isIndex(d tensor.DType) bool {
	return (d.Class == tensor.ClassInt || d.Class == tensor.ClassUint) && d.Known() && d.Bits >= 8
}

// viewOf is numbers from 0 up as offsets: of 32 bits where they fit.
func viewOf(list []int64) tensor.View {
	if list[len(list)-1] > math.MaxInt32 {
		return vector(list)
	}
	narrow := make([]int32, len(list))
	for i, x := range list {
		narrow[i] = int32(x)
	}
	return vector(narrow)
}

func vector[T int32 | int64](list []T) tensor.View {
	v, err := tensor.FromSlice(list)
	if err != nil { // a slice of integers: it cannot fail
		panic("ragged: " + err.Error())
	}
	return v
}
