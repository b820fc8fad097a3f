package operate

import (
	"context"
	"slices"
	"sort"

	"github.com/tensorfile/tensorfile/tensor"
)

// joined is several nodes one behind the other along an axis, which is new if
// they are stacked.
type joined struct {
	parts []node
	ends  []int64 // of each part along the axis
	axis  int
	stack bool
	dtype tensor.DType
	shape tensor.Shape
}

func (j *joined) form() (tensor.DType, tensor.Shape) { return j.dtype, j.shape }
func (j *joined) lent() *source                      { return nil }
func (j *joined) own(r []span) int64                 { return size(j.dtype, counts(r)) }

func (j *joined) grain() []int64 {
	g := make([]int64, len(j.shape))
	for i := range g {
		g[i] = 1
	}
	for k, p := range j.parts {
		if k == 8 {
			break // the others are hardly another way
		}
		below := p.grain()
		if j.stack {
			below = slices.Insert(slices.Clone(below), j.axis, 1)
		}
		for i := range g {
			if below[i] == 0 || g[i] == 0 {
				g[i] = 0
			} else {
				g[i] = max(g[i], below[i])
			}
		}
	}
	return g
}

// part is a box of one part and where it stands in the box that was asked for.
type part struct {
	ask
	at int64 // along the axis
}

// split says which boxes of parts make up a box.
func (j *joined) split(r []span) []part {
	x := r[j.axis]
	lo, hi := ends(x)
	var list []part
	for k := sort.Search(len(j.ends), func(k int) bool { return j.ends[k] > lo }); k < len(j.parts); k++ {
		begin := int64(0)
		if k > 0 {
			begin = j.ends[k-1]
		}
		if begin > hi {
			break
		}
		// Of the indices First + i*Step, those in [begin, end).
		a, b := inside(x, begin, j.ends[k])
		if a >= b {
			continue
		}
		in := slices.Clone(r)
		in[j.axis] = span{First: x.First + a*x.Step - begin, Count: b - a, Step: x.Step}
		if j.stack {
			in = slices.Delete(in, j.axis, j.axis+1)
		}
		list = append(list, part{ask{j.parts[k], in}, a})
	}
	return list
}

// inside returns the range of i for which r.First + i*r.Step lies in
// [begin, end).
func inside(r span, begin, end int64) (a, b int64) {
	first, step := r.First, r.Step
	if step < 0 { // seen in a mirror
		first, step, begin, end = -first, -step, 1-end, 1-begin
	}
	at := func(n int64) int64 { return min(max((n-first+step-1)/step, 0), r.Count) }
	return at(begin), at(end)
}

func (j *joined) back(r []span) []ask {
	parts := j.split(r)
	list := make([]ask, len(parts))
	for i, p := range parts {
		list[i] = p.ask
	}
	return list
}

func (j *joined) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	dst, err := a.view(j.dtype, counts(r))
	if err != nil {
		return dst, err
	}
	for _, p := range j.split(r) {
		mark := a.mark()
		v, err := take(ctx, a, p.n, p.r)
		if err != nil {
			return dst, err
		}
		to := dst
		if j.stack {
			to, err = dst.Index(j.axis, p.at)
		} else {
			n := p.r[j.axis].Count
			to, err = dst.Slice(j.axis, p.at, p.at+n, 1)
		}
		if err == nil {
			err = guarded(p.n, func() error { return tensor.Copy(to, v) })
		}
		a.release(mark)
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}
