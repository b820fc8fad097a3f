package sparse

import (
	"slices"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// words are the values of entries in the byte order of the machine, moved by
// size and looked at only where numbers are added or compared.
type words struct {
	b     []byte // of all entries, or of a single one
	dtype tensor.DType
	size  int  // bytes of an element: 1, 2, 4, 8 or 16
	per   int  // elements of an entry: those of a block, else 1
	one   bool // all entries have the same value
}

// word is the set of types that elements are moved as.
type word interface {
	uint8 | uint16 | uint32 | uint64 | complex128
}

// workable refuses dtypes whose elements cannot be moved one by one or are no
// numbers.
func workable(d tensor.DType) error {
	if d.Known() && !d.Packed() && d.Class >= tensor.ClassBool && d.Class <= tensor.ClassComplex {
		return nil
	}
	return fail(tensor.ErrDType, "dtype", d.String(), "a bool or number of 8 bits or more: cast the values first", "")
}

// valuesOf returns the values in v, without a copy where they lie in order.
func valuesOf(v tensor.View) (words, error) {
	d := v.DType()
	w := words{dtype: d, size: int(d.UnitBytes), per: 1}
	s := v.Shape()
	for _, n := range s[1:] {
		w.per *= int(n)
	}
	if s[0] > 1 && v.Strides()[0] == 0 {
		var err error
		if v, err = v.Slice(0, 0, 1, 1); err != nil {
			return w, err
		}
		w.one = true
	}
	if v.IsContiguous() && (v.Order() == tensor.HostOrder || w.size == 1) {
		b, err := v.Bytes()
		if err != nil {
			return w, err
		}
		if cast.Aligned(b, min(w.size, 8)) && !w.one {
			w.b = b
			return w, nil
		}
	}
	c, err := v.Clone()
	if err != nil {
		return w, err
	}
	w.b, err = c.Bytes()
	return w, err
}

// like returns room for n entries of w's kind.
func (w words) like(n int) words {
	w.b = cast.Bytes(fresh[uint64]((n*w.size*w.per + 7) / 8))[:n*w.size*w.per]
	w.one = false
	return w
}

// own returns the values in memory that nobody else has.
func (w words) own() words {
	b := w.b
	w.b = cast.Bytes(fresh[uint64]((len(b) + 7) / 8))[:len(b)]
	copy(w.b, b)
	return w
}

// whole returns the values of n entries one by one.
func (w words) whole(n, workers int) words {
	if !w.one {
		return w
	}
	out := w.like(n)
	k := w.size * w.per
	split(n, workers, func(_, lo, hi int) { repeat(out.b[lo*k:hi*k], w.b) })
	return out
}

// repeat fills dst with copies of x.
func repeat(dst, x []byte) {
	for n := copy(dst, x); n > 0 && n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// slice returns entries [lo, hi).
func (w words) slice(lo, hi int) words {
	if !w.one {
		k := w.size * w.per
		w.b = w.b[lo*k : hi*k]
	}
	return w
}

// at is the bytes of an entry.
func (w words) at(i int) []byte {
	if w.one {
		return w.b
	}
	k := w.size * w.per
	return w.b[i*k : (i+1)*k]
}

// as is the elements as words of their size, nil if there is one for all.
func as[V word](w words) []V {
	if w.one {
		return nil
	}
	return elements[V](w.b)
}

// elements sees bytes that are aligned, as words are.
func elements[T cast.Plain](b []byte) []T {
	x, ok := cast.Slice[T](b)
	if !ok {
		panic("sparse: values that are not aligned")
	}
	return x
}

// gather returns the entries from[0], from[1] ...
func gather[I index](w words, from []I, workers int) words {
	if w.one {
		return w
	}
	out := w.like(len(from))
	split(len(from), workers, func(_, lo, hi int) {
		to := out.slice(lo, hi)
		switch {
		case w.per > 1:
			for i, e := range from[lo:hi] {
				copy(to.at(i), w.at(int(e)))
			}
		case w.size == 1:
			take(as[uint8](to), as[uint8](w), from[lo:hi])
		case w.size == 2:
			take(as[uint16](to), as[uint16](w), from[lo:hi])
		case w.size == 4:
			take(as[uint32](to), as[uint32](w), from[lo:hi])
		case w.size == 8:
			take(as[uint64](to), as[uint64](w), from[lo:hi])
		default:
			take(as[complex128](to), as[complex128](w), from[lo:hi])
		}
	})
	return out
}

func take[V any, I index](dst, src []V, from []I) {
	dst = dst[:len(from)]
	for i, e := range from {
		dst[i] = src[e]
	}
}

// view is the values of n entries as a part, whose blocks have the extents
// given.
func (w words) view(n int, block ...int64) (tensor.View, error) {
	s := append(tensor.Shape{int64(n)}, block...)
	st, err := tensor.Contiguous(w.dtype, s)
	if err != nil {
		return tensor.View{}, err
	}
	if w.one {
		st[0] = 0
	}
	return tensor.NewView(w.b, w.dtype, s, st, 0, tensor.HostOrder)
}

// join is the entries of a and then those of b.
func join(a words, n int, b words, m, workers int) words {
	if a.one && b.one && slices.Equal(a.b, b.b) {
		return a
	}
	out := a.like(n + m)
	k := a.size * a.per
	split(n, workers, func(_, lo, hi int) {
		if a.one {
			repeat(out.b[lo*k:hi*k], a.b)
		} else {
			copy(out.b[lo*k:hi*k], a.b[lo*k:])
		}
	})
	to := out.b[n*k:]
	split(m, workers, func(_, lo, hi int) {
		if b.one {
			repeat(to[lo*k:hi*k], b.b)
		} else {
			copy(to[lo*k:hi*k], b.b[lo*k:])
		}
	})
	return out
}
