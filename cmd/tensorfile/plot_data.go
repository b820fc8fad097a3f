package main

import (
	"context"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
)

// plotted is a tensor that is drawn: what is picked, and what its axes mean.
type plotted struct {
	pick
	size  tensor.Shape
	attrs tensorfile.Attrs
	axes  []plotAxis
}

// plotAxis is what the places along an axis mean: that of element i is
// start + i*step.
type plotAxis struct {
	name        string // of the dims, or ""
	unit        string
	start, step float64
	whole       bool // the places are indices
}

func (a *plotAxis) at(i float64) float64 { return a.start + i*a.step }

// label is the name of an axis, or other.
func (a *plotAxis) label(other string) string {
	if a.name == "" {
		return other
	}
	return clean(a.name)
}

// is reports whether the axis has one of some names.
func (a *plotAxis) is(names ...string) bool {
	for _, n := range names {
		if strings.EqualFold(a.name, n) {
			return true
		}
	}
	return false
}

// newPlotted looks at what is picked, and reads no elements.
func newPlotted(p pick) (*plotted, error) {
	size, err := p.Extents()
	if err != nil {
		return nil, err
	}
	attrs, err := p.Attrs()
	if err != nil {
		return nil, survey.Located(err, p.Tensor)
	}
	d := &plotted{pick: p, size: size, attrs: attrs}
	ranges, _, err := p.Sel.Resolve(p.Shape())
	if err != nil {
		return nil, survey.Located(err, p.Tensor)
	}
	dims := attrs.Dims()
	stored, _ := attrs["axes"].([]any)
	axis := 0
	keep := func(n int) {
		for ; n > 0; n-- {
			r := ranges[axis]
			a := plotAxis{step: 1, whole: true}
			if axis < len(dims) {
				a.name = dims[axis]
			}
			if axis < len(stored) {
				a.describe(stored[axis])
			}
			a.start, a.step = a.at(float64(r.First)), a.step*float64(r.Step)
			if axis++; !r.Drop {
				d.axes = append(d.axes, a)
			}
		}
	}
	whole := len(ranges)
	for _, it := range p.Sel {
		if it.Kind == tensor.SelectRange || it.Kind == tensor.SelectIndex {
			whole--
		}
	}
	for _, it := range p.Sel {
		switch it.Kind {
		case tensor.SelectNewAxis:
			d.axes = append(d.axes, plotAxis{step: 1, whole: true})
		case tensor.SelectEllipsis:
			keep(whole)
		default:
			keep(1)
		}
	}
	keep(len(ranges) - axis)
	return d, nil
}

// describe takes over what the attribute axes says of an axis.
func (a *plotAxis) describe(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	a.unit, _ = m["unit"].(string)
	start, hasStart := attrNumber(m["start"])
	step, hasStep := attrNumber(m["step"])
	if hasStart {
		a.start, a.whole = start, false
	}
	if hasStep && step != 0 {
		a.step, a.whole = step, false
	}
}

// rate is the samples a second: of the flag, or the attribute, or 0.
func (d *plotted) rate(flag float64) float64 {
	if flag > 0 {
		return flag
	}
	if x, ok := attrNumber(d.attrs["sample_rate"]); ok && x > 0 {
		return x
	}
	return 0
}

// unit is that of the elements.
func (d *plotted) unit() string {
	u, _ := d.attrs["unit"].(string)
	return u
}

// long are the axes of more than one element, in their order.
func (d *plotted) long() []int {
	var list []int
	for axis, n := range d.size {
		if n != 1 {
			list = append(list, axis)
		}
	}
	return list
}

// plane is a block with some of its axes, in that order; the others have one
// element.
func plane(at []int64, v tensor.View, axes ...int) ([]int64, tensor.View, error) {
	order, place := make([]int, 0, v.Rank()), make([]int64, len(axes))
	taken := make([]bool, v.Rank())
	for i, a := range axes {
		place[i], taken[a] = at[a], true
	}
	drop := make([]int, 0, v.Rank())
	for a := range taken {
		if !taken[a] {
			drop = append(drop, len(order))
			order = append(order, a)
		}
	}
	order = append(order, axes...)
	if len(order) == 0 {
		return place, v, nil
	}
	v, err := v.Permute(order...)
	if err == nil && len(drop) > 0 {
		v, err = v.Squeeze(drop...)
	}
	return place, v, err
}

// A region is what some blocks of a tensor reach over.
type region struct{ from, to []int64 }

// eachPlaced calls fn with everything that is picked, and where its first
// element is: as survey.Each does, with all axes in their order and elements that
// are repeated repeated. begin is called first, with what each part reaches
// over. Views are of dtypes that are not packed.
func (t *tool) eachPlaced(ctx context.Context, d *plotted, begin func([]region), fn func(part int, at []int64, v tensor.View) error) error {
	seen, end := t.plotProgress(d.pick, 1)
	defer end()
	give := func(part int, at []int64, v tensor.View) error {
		n := v.ByteSize()
		if v.DType().Packed() {
			wide, err := v.Cast(tensor.F32)
			if err != nil {
				return err
			}
			v = wide
		}
		defer seen(n)
		return fn(part, at, v)
	}
	whole := region{make([]int64, len(d.size)), d.size}
	at := make([]int64, len(d.size))
	switch {
	case isQuantised(d.Tensor):
		begin([]region{whole})
		return survey.EachQuantised(ctx, d.Pick, func(v tensor.View) error {
			err := give(0, at, v)
			if len(at) > 0 {
				at[0] += v.Shape()[0]
			}
			return err
		})
	case d.Storage().Kind == tensorfile.StorageEncoded:
		begin([]region{whole})
		pos := int64(0)
		return survey.Decoded(ctx, d.Pick, func(v tensor.View) error {
			if d.Sel != nil { // at once
				return give(0, at, v)
			}
			err := reduce.Boxes(d.size, pos, v, func(at []int64, v tensor.View) error { return give(0, at, v) })
			pos += v.NumElements()
			return err
		})
	}
	pl, err := survey.NewPlan(d.Pick, false)
	if err != nil {
		return err
	}
	n := pl.Parts()
	regions := make([]region, n)
	for i := range n {
		regions[i] = spread(pl, survey.CutAt(pl.Blocks, i, n), survey.CutAt(pl.Blocks, i+1, n), d.size)
	}
	begin(regions)
	back := make([]int, len(pl.Axes))
	for k, axis := range pl.Axes {
		back[axis] = k
	}
	return pl.Each(ctx, t.jobs, n, func(part int, block int64, v tensor.View) error {
		sel, shape := pl.Block(block)
		at := make([]int64, len(shape))
		for axis := range at {
			at[axis] = sel[axis].Start
			if pl.Size[axis] != d.size[axis] { // one element stands for all
				shape[axis] = d.size[axis]
			}
		}
		var err error
		if len(back) > 0 {
			if v, err = v.Permute(back...); err == nil && v.DType().Packed() {
				v, err = v.Cast(tensor.F32)
			}
			if err == nil {
				v, err = v.BroadcastTo(shape)
			}
		}
		if err != nil {
			return err
		}
		return give(part, at, v)
	})
}

// spread is what blocks [first, end) of a plan reach over, of a tensor of that size.
func spread(pl *survey.Plan, first, end int64, size tensor.Shape) region {
	r := region{size.Clone(), make([]int64, len(size))}
	for b := first; b < end; b++ {
		sel, _ := pl.Block(b)
		for axis := range size {
			from, to := sel[axis].Start, sel[axis].Stop
			if pl.Size[axis] != size[axis] {
				to = size[axis]
			}
			r.from[axis], r.to[axis] = min(r.from[axis], from), max(r.to[axis], to)
		}
	}
	return r
}

// plotProgress makes a progress line for so many passes over what is picked, and
// the functions that move it, from any goroutine, and take it away.
func (t *tool) plotProgress(p pick, passes int64) (seen func(int64), end func()) {
	bar := t.newProgress()
	var mu sync.Mutex
	done, total := int64(0), int64(0)
	if size, err := p.Extents(); err == nil {
		n, _ := tensor.ByteSize(p.DType(), size)
		total = survey.Saturated(n, passes)
	}
	return func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		done = addSaturated(done, n)
		bar.set(done, total)
	}, bar.end
}
