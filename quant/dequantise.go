package quant

import (
	"context"
	"math"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// streamMin is the size of a result from which on it is written past the cache.
const streamMin = 4 << 20

// Dequantise returns the elements, or those of a selection, as a dtype, in C
// order and memory of their own: f16, bf16, f32, f64 or any other that a number
// can be cast to and that is not packed. It is DequantiseInto by as many
// goroutines as there are processors.
func (a *Array) Dequantise(ctx context.Context, d tensor.DType, sel ...tensor.Selection) (tensor.View, error) {
	shape := a.Shape()
	for i, s := range sel {
		if i > 0 {
			return tensor.View{}, errSelections()
		}
		var err error
		if _, shape, err = s.Resolve(shape); err != nil {
			return tensor.View{}, err
		}
	}
	dst, err := fresh(d, shape)
	if err != nil {
		return dst, err
	}
	return dst, a.DequantiseInto(ctx, dst, 0, sel...)
}

// fresh is memory that is written before it is seen.
func fresh(d tensor.DType, shape tensor.Shape) (tensor.View, error) {
	n, err := tensor.ByteSize(d, shape)
	if err != nil || n < streamMin || n > math.MaxInt>>16 || d.Packed() {
		return tensor.Make(d, shape)
	}
	return tensor.NewView(cast.Fresh(int(n)), d, shape, nil, 0, tensor.HostOrder)
}

func errSelections() error {
	return fail(tensor.ErrIndex, "selection", "several", "one", "")
}

// DequantiseInto writes the elements, or those of a selection, to dst, which has
// their shape, any strides and byte order, and a dtype that is not packed. It
// must not repeat memory, nor overlap a part. workers is the number of
// goroutines, the caller's being one; 0 or less means GOMAXPROCS. Errors are
// ErrShape, ErrDType, ErrIndex, those of Cast, and that of the context, after
// which dst is written in part.
func (a *Array) DequantiseInto(ctx context.Context, dst tensor.View, workers int, sel ...tensor.Selection) error {
	all, want := whole(a.Shape()), a.Shape()
	if len(sel) > 1 {
		return errSelections()
	}
	if len(sel) == 1 {
		var err error
		if all, want, err = sel[0].Resolve(a.Shape()); err != nil {
			return err
		}
	}
	if !dst.Shape().Equal(want) {
		return fail(tensor.ErrShape, "destination", dst.Shape().String(), want.String(), "")
	}
	if dst.DType().Packed() {
		return fail(tensor.ErrDType, "destination", dst.DType().String(), "a dtype of whole bytes", "")
	}
	if dst.NumElements() == 0 {
		return nil
	}
	// dst with the axes of the array, all of which go forward.
	shape, _ := counts(all)
	dst, err := dst.Reshape(shape)
	if err != nil {
		return err
	}
	for k := range all {
		if r := &all[k]; r.Step < 0 {
			r.First, r.Step = r.First+(r.Count-1)*r.Step, -r.Step
			if dst, err = dst.Flip(k); err != nil {
				return err
			}
		}
	}
	b := cutBoxes(all, a.group, a.values.DType().Packed())
	stream := dst.ByteSize() >= streamMin
	return parallel.EachWith(workers, b.n, func() *room { return newRoom(len(all)) }, func(w *room, i int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.box(i, w.part, w.taken)
		to, err := dst.Select(selection(w.taken))
		if err != nil {
			return err
		}
		return a.dequantise(w, to, stream)
	})
}

// room is what a goroutine works with.
type room struct {
	part, taken, scales []span
	groups              groups
	x, s, z             []float32
}

func newRoom(rank int) *room {
	all := make([]span, 3*rank)
	return &room{part: all[:rank:rank], taken: all[rank : 2*rank : 2*rank], scales: all[2*rank:]}
}

// open loads the box w.part: its values, scales and zeros, which are nil if there
// are none.
func (w *room) open(values, scales, zeros tensor.View, group, first []int64, asymmetric bool) (x, s, z []float32, err error) {
	w.groups.of(w.part, group, first, w.scales)
	if x, err = load(&w.x, values, w.part); err != nil {
		return nil, nil, nil, err
	}
	if s, err = load(&w.s, scales, w.scales); err != nil {
		return nil, nil, nil, err
	}
	if asymmetric {
		z, err = load(&w.z, zeros, w.scales)
	}
	return x, s, z, err
}

// dequantise writes the box w.part to dst.
func (a *Array) dequantise(w *room, dst tensor.View, stream bool) error {
	x, s, z, err := w.open(a.values, a.scales, a.zeros, a.group, a.first, a.asymmetric)
	if err != nil {
		return err
	}
	if to, err := tensor.Data[float32](dst); err == nil {
		w.rescale(to, x, s, z, stream)
		if stream {
			kernel.Fence()
		}
		return nil
	}
	w.rescale(x, x, s, z, false)
	if d := dst.DType(); d == tensor.F16 || d == tensor.BF16 {
		if to, ok := halves(dst); ok {
			if d == tensor.F16 {
				kernel.F32ToF16(to, x, stream)
			} else {
				kernel.F32ToBF16(to, x, stream)
			}
			if stream {
				kernel.Fence()
			}
			return nil
		}
	}
	from, err := over(x, dst.Shape())
	if err != nil {
		return err
	}
	return tensor.Cast(dst, from)
}

// halves is the memory of a view of words of two bytes, if they can be written in
// order.
func halves(v tensor.View) ([]uint16, bool) {
	b, err := v.Bytes()
	if err != nil || v.Order() != tensor.HostOrder {
		return nil, false
	}
	return cast.Slice[uint16](b)
}

// rescale computes dst, which may be x, of a box and its scales.
func (w *room) rescale(dst, x, s, z []float32, stream bool) {
	w.groups.rows(func(d *dim, at, scale int64) {
		dst, x, s := dst[at:at+d.n], x[at:at+d.n], s[scale:scale+d.m]
		z := z
		if z != nil {
			z = z[scale : scale+d.m]
		}
		if d.step == 1 {
			if d.first > 0 {
				n := min(d.group-d.first, d.n)
				kernel.Rescale(dst[:n], x[:n], s[:1], part(z, 0, 1), int(n), false)
				dst, x, s, z = dst[n:], x[n:], s[1:], part(z, 1, d.m)
			}
			kernel.Rescale(dst, x, s, z, int(min(d.group, max(d.n, 1))), stream)
			return
		}
		d.runs(func(begin, end, j int64) {
			kernel.Rescale(dst[begin:end], x[begin:end], s[j:j+1], part(z, j, j+1), int(end-begin), false)
		})
	})
}

func part(z []float32, lo, hi int64) []float32 {
	if z == nil {
		return nil
	}
	return z[lo:hi]
}
