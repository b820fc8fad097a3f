package sparse

import (
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// piece is how many indices are looked at at a time where they must be
// converted: 128 KiB as int64.
const piece = 1 << 14

// index is the set of types that indices are worked on as.
type index interface{ int32 | int64 }

// ints is a row of indices of any dtype, byte order and stride, as int64s.
type ints struct {
	v      tensor.View
	wide   []int64 // the memory itself, if it is such
	narrow []int32
	n      int
}

func intsOf(v tensor.View) ints {
	x := ints{v: v, n: int(v.NumElements())}
	// Asking is cheaper than an error that says what else it is.
	switch v.DType() {
	case tensor.I64:
		if wide, err := tensor.Data[int64](v); err == nil {
			x.wide = wide
		}
	case tensor.I32:
		if narrow, err := tensor.Data[int32](v); err == nil {
			x.narrow = narrow
		}
	}
	return x
}

// at returns element i, saturated to int64.
func (x *ints) at(i int) int64 {
	switch {
	case x.wide != nil:
		return x.wide[i]
	case x.narrow != nil:
		return int64(x.narrow[i])
	}
	var one [1]int64
	readAs(one[:], x.v, i)
	return one[0]
}

// read copies the elements from i on to dst, saturated to int64.
func (x *ints) read(dst []int64, i int) {
	switch {
	case x.wide != nil:
		copy(dst, x.wide[i:])
	case x.narrow != nil:
		for j, y := range x.narrow[i : i+len(dst)] {
			dst[j] = int64(y)
		}
	default:
		readAs(dst, x.v, i)
	}
}

// window returns elements lo to hi: the memory itself, or a copy in buf.
func (x *ints) window(buf []int64, lo, hi int) []int64 {
	if x.wide != nil {
		return x.wide[lo:hi]
	}
	x.read(buf[:hi-lo], lo)
	return buf[:hi-lo]
}

// text is element i as it is stored.
func (x *ints) text(i int) string {
	v, err := x.v.Index(0, int64(i))
	if err != nil {
		return ""
	}
	return v.String()
}

// readAs converts the elements of a row from i on to dst. Numbers that do not
// fit become the nearest limit.
func readAs[I index](dst []I, v tensor.View, i int) {
	if len(dst) == 0 {
		return
	}
	src, err := v.Slice(0, int64(i), int64(i+len(dst)), 1)
	if err == nil {
		var to tensor.View
		if to, err = tensor.FromSlice(dst); err == nil {
			err = tensor.Cast(to, src)
		}
	}
	if err != nil { // an index dtype and a range inside: neither can fail
		panic("sparse: " + err.Error())
	}
}

// load returns a row of valid indices as a slice: the memory itself where it
// has the type, else a copy. The caller knows that they fit.
func load[I index](v tensor.View, workers int) []I {
	if x, err := tensor.Data[I](v); err == nil {
		return x
	}
	// Signed and unsigned numbers that fit both have the same bits.
	if u := asSigned(v); u.DType() == tensor.DTypeOf[I]() {
		if x, err := tensor.Data[I](u); err == nil {
			return x
		}
	}
	n := int(v.NumElements())
	out := fresh[I](n)
	split(n, workers, func(_, lo, hi int) { readAs(out[lo:hi], v, lo) })
	return out
}

// asSigned sees u32 as i32 and u64 as i64.
func asSigned(v tensor.View) tensor.View {
	d := v.DType()
	switch d {
	case tensor.U32:
		d = tensor.I32
	case tensor.U64:
		d = tensor.I64
	}
	if s, err := v.Reinterpret(d); err == nil {
		return s
	}
	return v
}

// fresh is a slice that the caller fills.
func fresh[T cast.Plain](n int) []T {
	size := cast.Size[T]()
	if n*size < 1<<18 {
		return make([]T, n)
	}
	if x, ok := cast.Slice[T](cast.Fresh(n * size)); ok {
		return x
	}
	return make([]T, n)
}
