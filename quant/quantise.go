package quant

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Quantise makes an array of floats: one whose dtype is that of v, by a scheme.
// It reads v twice, once for the scales and once for the values. workers is as
// for DequantiseInto. Errors are ErrDType unless v has whole-byte floats,
// ErrUnsupported for a scheme that is not known and for NaN and infinities,
// ErrIndex for axes that v does not have, ErrShape for packed values of rank 0,
// and that of the context.
func Quantise(ctx context.Context, v tensor.View, s Scheme, workers int) (*Array, error) {
	s, t, err := s.normal()
	if err != nil {
		return nil, err
	}
	if d := v.DType(); d.Class != tensor.ClassFloat || d.Packed() {
		return nil, fail(tensor.ErrDType, "quantise", d.String(), "floats of whole bytes", "")
	}
	group, err := s.Group(v.Shape())
	if err != nil {
		return nil, err
	}
	if v.Rank() == 0 && t.dtype.Packed() {
		return nil, fail(tensor.ErrShape, "quantise", t.dtype.String()+" of rank 0", "an axis to pack along", "")
	}
	q := &quantiser{s: s, t: t, v: v, group: group, first: make([]int64, len(group)), boxes: cutBoxes(whole(v.Shape()), group, t.dtype.Packed())}
	q.shape = make(tensor.Shape, len(group))
	for k, n := range v.Shape() {
		q.shape[k] = n/group[k] + min(n%group[k], 1)
	}
	return q.run(ctx, workers)
}

type quantiser struct {
	s            Scheme
	t            limits
	v            tensor.View
	group, first []int64
	boxes        boxes
	shape        tensor.Shape // of the scales

	mu     sync.Mutex
	lo, hi []float32 // of each group; then its scale and its zero point
}

func (q *quantiser) run(ctx context.Context, workers int) (*Array, error) {
	spec := Spec{DType: q.v.DType(), Group: q.group}
	var err error
	if spec.Values, err = tensor.Make(q.t.dtype, q.v.Shape()); err != nil {
		return nil, err
	}
	if spec.Scales, err = tensor.Make(q.s.Scales, q.shape); err != nil {
		return nil, err
	}
	if q.s.Rule == MinMax {
		if spec.Zeros, err = tensor.Make(q.t.dtype, q.shape); err != nil {
			return nil, err
		}
	}
	n := spec.Scales.NumElements()
	if n == 0 {
		return New(spec)
	}
	q.lo, q.hi = make([]float32, n), make([]float32, n) // 0 is always inside
	start := func() *room { return newRoom(len(q.group)) }
	err = parallel.EachWith(workers, q.boxes.n, start, func(w *room, i int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		q.boxes.box(i, w.part, w.taken)
		return q.extremes(w)
	})
	if err != nil {
		return nil, err
	}
	scales, err := over(q.lo, q.shape)
	if err != nil {
		return nil, err
	}
	zeros, err := over(q.hi, q.shape)
	if err != nil {
		return nil, err
	}
	const step = 1 << 16
	err = parallel.Each(workers, (n+step-1)/step, func(i int64) error {
		q.choose(i*step, min((i+1)*step, n))
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	if err := tensor.CastParallel(ctx, spec.Scales, scales, workers); err != nil {
		return nil, err
	}
	if q.s.Rule == MinMax {
		if err := tensor.CastParallel(ctx, spec.Zeros, zeros, workers); err != nil {
			return nil, err
		}
	}
	err = parallel.EachWith(workers, q.boxes.n, start, func(w *room, i int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		q.boxes.box(i, w.part, w.taken)
		x, s, z, err := w.open(q.v, scales, zeros, q.group, q.first, q.s.Rule == MinMax)
		if err != nil {
			return err
		}
		w.groups.rows(func(d *dim, at, scale int64) {
			row := x[at : at+d.n]
			d.runs(func(begin, end, j int64) {
				zero := float32(0)
				if z != nil {
					zero = z[scale+j]
				}
				q.t.encode(row[begin:end], s[scale+j], zero)
			})
		})
		shape, _ := counts(w.part)
		from, err := over(x, shape)
		if err != nil {
			return err
		}
		to, err := spec.Values.Select(selection(w.part))
		if err != nil {
			return err
		}
		return tensor.Cast(to, from)
	})
	if err != nil {
		return nil, err
	}
	return New(spec)
}

// extremes adds what is in the box w.part to lo and hi.
func (q *quantiser) extremes(w *room) error {
	w.groups.of(w.part, q.group, q.first, w.scales)
	x, err := load(&w.x, q.v, w.part)
	if err != nil {
		return err
	}
	if lo, hi, nan := kernel.MinMaxF32(x); nan > 0 || lo < -math.MaxFloat32 || hi > math.MaxFloat32 {
		return q.notFinite(w.part, x)
	}
	_, n := counts(w.scales)
	if cap(w.s) < n {
		w.s, w.z = make([]float32, max(n, boxElems)), make([]float32, max(n, boxElems))
	}
	low, high := w.s[:n], w.z[:n]
	clear(low)
	clear(high)
	w.groups.rows(func(d *dim, at, scale int64) {
		row, low, high := x[at:at+d.n], low[scale:scale+d.m], high[scale:scale+d.m]
		if d.group == 1 {
			kernel.MinRow(low, row)
			kernel.MaxRow(high, row)
			return
		}
		d.runs(func(begin, end, j int64) {
			lo, hi, _ := kernel.MinMaxF32(row[begin:end])
			low[j], high[j] = min(low[j], lo), max(high[j], hi)
		})
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	at := int64(0)
	eachRow(q.shape, w.scales, func(off, n int64) {
		kernel.MinRow(q.lo[off:off+n], low[at:at+n])
		kernel.MaxRow(q.hi[off:off+n], high[at:at+n])
		at += n
	})
	return nil
}

// eachRow calls fn for the rows of a box of a shape: where they lie in C order,
// and how long they are.
func eachRow(shape tensor.Shape, r []span, fn func(off, n int64)) {
	last := len(r) - 1
	if last < 0 {
		fn(0, 1)
		return
	}
	at := make([]int64, last)
	for {
		off := int64(0)
		for k := range at {
			off = (off + r[k].First + at[k]) * shape[k+1]
		}
		fn(off+r[last].First, r[last].Count)
		k := last - 1
		for ; k >= 0; k-- {
			if at[k]++; at[k] < r[k].Count {
				break
			}
			at[k] = 0
		}
		if k < 0 {
			return
		}
	}
}

// notFinite is the error of a box that holds NaN or an infinity.
func (q *quantiser) notFinite(r []span, x []float32) error {
	for i, v := range x {
		if v-v == 0 {
			continue
		}
		at, rest := make(tensor.Shape, len(r)), int64(i)
		for k := len(r) - 1; k >= 0; k-- {
			at[k] = r[k].First + rest%r[k].Count
			rest /= r[k].Count
		}
		return fail(tensor.ErrUnsupported, "element "+at.String(), fmt.Sprint(v), "a number that is finite as binary32", "")
	}
	return nil
}

// choose makes scales and zero points of the extremes of groups.
func (q *quantiser) choose(from, to int64) {
	least, most := scaleRange(q.s.Scales)
	for i := from; i < to; i++ {
		lo, hi := q.lo[i], q.hi[i]
		size, s := max(-lo, hi), float32(1)
		switch {
		case q.s.Rule == MX:
			s = 0x1p-127
			if size > 0 {
				_, e := math.Frexp(float64(size))
				s = float32(math.Ldexp(1, max(e-1-q.t.emax, -127)))
			}
		case size > 0:
			if q.s.Rule == MinMax {
				s = float32((float64(hi) - float64(lo)) / (float64(q.t.hi) - float64(q.t.lo)))
			} else {
				s = size / q.t.hi
			}
			s = roundUp(q.s.Scales, min(max(s, least), most))
		}
		q.lo[i] = s
		if q.s.Rule == MinMax {
			z := math.RoundToEven(float64(q.t.lo) - float64(lo/s))
			q.hi[i] = float32(min(max(z, float64(q.t.lo)), float64(q.t.hi)))
		}
	}
}

// roundUp is the least number of a dtype that is not below s, which is between
// its least positive and its largest value.
func roundUp(d tensor.DType, s float32) float32 {
	switch d {
	case tensor.F16:
		h := tensor.ToFloat16(s)
		if h.Float32() < s {
			h++
		}
		return h.Float32()
	case tensor.BF16:
		h := tensor.ToBFloat16(s)
		if h.Float32() < s {
			h++
		}
		return h.Float32()
	}
	return s
}

// encode replaces elements of a group by values.
func (t *limits) encode(x []float32, scale, zero float32) {
	if !t.whole {
		for i, v := range x {
			x[i] = min(max(v/scale, t.lo), t.hi)
		}
		return
	}
	// Adding 1.5 * 2^23 leaves no bits for a fraction.
	const far, magic = 1 << 20, 3 << 22
	for i, v := range x {
		y := min(max(v/scale, -far), far) + magic
		x[i] = min(max(float32(y-magic)+zero, t.lo), t.hi)
	}
}
