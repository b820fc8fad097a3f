package sparse

import (
	"context"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Dense returns the tensor with all its elements, in memory of its own, C order
// and the byte order of the machine. It is refused with ErrLimit, before
// anything is allocated, if it takes more than Options.MaxBytes or the array is
// less dense than Options.MinDensity.
func (a *Array) Dense(ctx context.Context, o *Options) (tensor.View, error) {
	p, err := o.plan()
	if err != nil {
		return tensor.View{}, err
	}
	size, err := tensor.ByteSize(a.dtype, a.shape)
	if err != nil {
		return tensor.View{}, err
	}
	if err := p.limit.bytes("dense "+a.dtype.String()+" "+a.shape.String(), size); err != nil {
		return tensor.View{}, err
	}
	if d := a.Density(); d < p.MinDensity {
		return tensor.View{}, fail(tensor.ErrLimit, "density", text(d), "at least "+text(p.MinDensity), "")
	}
	if err := a.ready(ctx, &p); err != nil {
		return tensor.View{}, err
	}
	k, err := a.keyed(nil, p.workers)
	if err != nil {
		return tensor.View{}, err
	}
	if !k.unique {
		k.sum(p.workers)
	}
	v, err := tensor.Make(a.dtype, a.shape)
	if err != nil {
		return v, err
	}
	b, err := v.Bytes()
	if err != nil {
		return v, err
	}
	a.background(b, p.workers)
	out := words{b: b, dtype: a.dtype, size: int(a.dtype.UnitBytes), per: 1}
	place := func(keys []int64, val words) {
		split(len(keys), p.workers, func(_, lo, hi int) {
			if val.one {
				for _, key := range keys[lo:hi] {
					copy(out.at(int(key)), val.b)
				}
				return
			}
			part := val.slice(lo, hi)
			switch out.size {
			case 1:
				put(as[uint8](out), keys[lo:hi], as[uint8](part))
			case 2:
				put(as[uint16](out), keys[lo:hi], as[uint16](part))
			case 4:
				put(as[uint32](out), keys[lo:hi], as[uint32](part))
			case 8:
				put(as[uint64](out), keys[lo:hi], as[uint64](part))
			default:
				put(as[complex128](out), keys[lo:hi], as[complex128](part))
			}
		})
	}
	if a.props.Structure != General {
		n := len(k.keys)
		k.mirror(a.props.Structure, p.workers)
		place(k.keys[:n], k.val.slice(0, n))
		place(k.keys[n:], k.val.slice(n, len(k.keys)))
		return v, nil
	}
	place(k.keys, k.val)
	return v, nil
}

func put[V word](dst []V, at []int64, val []V) {
	val = val[:len(at)]
	for i, key := range at {
		dst[key] = val[i]
	}
}

// background sets all elements to what they are without an entry.
func (a *Array) background(b []byte, workers int) {
	fill := a.fillBytes()
	if fill == nil {
		return
	}
	size := len(fill)
	split(len(b)/size, workers, func(_, lo, hi int) { repeat(b[lo*size:hi*size], fill) })
	other := a.mirroredFill()
	if a.props.Structure == General || string(other) == string(fill) {
		return
	}
	n := int(a.shape[0])
	for row := range n {
		lo, hi := 0, row // the lower triangle
		if !a.props.Upper {
			lo, hi = row+1, n
		}
		repeat(b[(row*n+lo)*size:(row*n+hi)*size], other)
	}
}

// FromDense returns the elements of v that differ from fill, as bits, as an
// array in the layout given. The zero View as fill means zero. Nothing is
// shared with v. It is refused with ErrLimit if the elements are denser than
// Options.MaxDensity. Other errors are those of Convert, and ErrDType for a
// fill of another dtype.
func FromDense(ctx context.Context, v tensor.View, fill tensor.View, to Layout, o *Options) (*Array, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if err := workable(v.DType()); err != nil {
		return nil, err
	}
	if v.Rank() == 0 {
		return nil, fail(tensor.ErrShape, "rank", "0", "1 to "+strconv.Itoa(tensor.MaxRank), "")
	}
	if err := p.fit(to, v.Shape()); err != nil {
		return nil, err
	}
	bare := &Array{dtype: v.DType(), shape: v.Shape().Clone(), size: v.NumElements(), props: Properties{Sorted: true, Unique: true}}
	if fill.DType() != (tensor.DType{}) {
		if fill.DType() != v.DType() || fill.Rank() != 0 {
			return nil, fail(tensor.ErrDType, "fill", fill.DType().String()+" "+fill.Shape().String(), v.DType().String()+" ()", "")
		}
		bare.parts = []Part{{RoleFill, fill}}
	}
	flat := v
	if !v.IsContiguous() || v.Order() != tensor.HostOrder {
		need, err := tensor.ByteSize(v.DType(), v.Shape())
		if err != nil {
			return nil, err
		}
		if err := p.limit.bytes("a copy in C order", need); err != nil {
			return nil, err
		}
		if flat, err = v.Clone(); err != nil {
			return nil, err
		}
	}
	if flat, err = flat.Reshape(tensor.Shape{v.NumElements()}); err != nil {
		return nil, err
	}
	val, err := valuesOf(flat)
	if err != nil {
		return nil, err
	}
	val = val.whole(int(v.NumElements()), p.workers)
	k := keyed{shape: bare.shape, bound: bare.size, val: val, sorted: true, unique: true}
	if k.keys, err = differing(ctx, val, bare.fillElement(), p.MaxDensity, p.workers); err != nil {
		return nil, err
	}
	k.val = gather(val, k.keys, p.workers)
	switch to {
	case CSC:
		k.turn([]int{1, 0}, p.workers)
	case CSF:
		if p.Order != nil {
			k.turn(p.Order, p.workers)
			return pack(&k, bare.spec(to), p.Order, &p)
		}
		return pack(&k, bare.spec(to), allAxes(len(bare.shape)), &p)
	case BSR:
		a, err := pack(&k, bare.spec(CSR), nil, &p)
		if err != nil {
			return nil, err
		}
		return a.Convert(ctx, BSR, o)
	}
	return pack(&k, bare.spec(to), nil, &p)
}

// differing are the positions of the elements that are not x.
func differing(ctx context.Context, w words, x []byte, most float64, workers int) ([]int64, error) {
	n := len(w.b) / w.size
	find := func(lo, hi int, found func(i int)) {
		part := w.slice(lo, hi)
		switch w.size {
		case 1:
			unlike(as[uint8](part), elements[uint8](x)[0], found)
		case 2:
			unlike(as[uint16](part), elements[uint16](x)[0], found)
		case 4:
			unlike(as[uint32](part), elements[uint32](x)[0], found)
		case 8:
			unlike(as[uint64](part), elements[uint64](x)[0], found)
		default: // two words an element
			y := elements[uint64](x)
			b := elements[uint64](part.b)
			for i := 0; i < len(b); i += 2 {
				if b[i] != y[0] || b[i+1] != y[1] {
					found(i / 2)
				}
			}
		}
	}
	counts := make([]int, parts(n, workers)+1)
	split(n, workers, func(p, lo, hi int) {
		c := 0
		find(lo, hi, func(int) { c++ })
		counts[p+1] = c
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for p := range len(counts) - 1 {
		counts[p+1] += counts[p]
	}
	m := counts[len(counts)-1]
	if most > 0 && float64(m) > most*float64(n) {
		return nil, fail(tensor.ErrLimit, "density", text(float64(m)/float64(n)), "at most "+text(most), "")
	}
	keys := fresh[int64](m)
	split(n, workers, func(p, lo, hi int) {
		at := counts[p]
		find(lo, hi, func(i int) {
			keys[at] = int64(lo + i)
			at++
		})
	})
	return keys, nil
}

func unlike[V word](x []V, y V, found func(i int)) {
	for i, v := range x {
		if v != y {
			found(i)
		}
	}
}

func text(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
