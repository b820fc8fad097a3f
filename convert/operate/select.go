package operate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Select takes a NumPy-style selection.
type Select struct{ Selection tensor.Selection }

func (s Select) String() string { return "select " + s.Selection.String() }

func (s Select) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		before := a.shape()
		ranges, _, err := s.Selection.Resolve(before)
		if err != nil {
			return err
		}
		var from []int
		next := 0
		keep := func(n int) {
			for ; n > 0; n-- {
				if !ranges[next].Drop {
					from = append(from, next)
				}
				next++
			}
		}
		whole := len(before)
		for _, it := range s.Selection {
			if it.Kind == tensor.SelectRange || it.Kind == tensor.SelectIndex {
				whole--
			}
		}
		for _, it := range s.Selection {
			switch it.Kind {
			case tensor.SelectNewAxis:
				from = append(from, -1)
			case tensor.SelectEllipsis:
				keep(whole)
			default:
				keep(1)
			}
		}
		keep(len(before) - next)
		if a.composed() {
			return a.pickEntries(ranges, from, s.String())
		}
		return a.pick("selection "+s.Selection.String(), ranges, from)
	})
}

// pick takes regular elements along the axes of a. from has for each axis of the
// result the axis that it is of, or -1.
func (a *array) pick(what string, axes []span, from []int) error {
	d, before := a.n.form()
	if d.Packed() {
		last := len(before) - 1
		x, e := axes[last], int64(d.UnitElems)
		end := x.First + x.Count
		if x.Drop || x.Step != 1 || x.First%e != 0 || end%e != 0 && end != before[last] || from[len(from)-1] != last {
			return a.fail(tensor.ErrUnsupported, what, "a part of the packed axis "+strconv.Itoa(last), fmt.Sprintf("whole units of %d elements of %v, or another dtype first", e, d))
		}
	}
	a.n = pick(a.n, axes, from)
	a.carry(before, from, func(i int) bool { return !isWhole(axes[from[i]], before[from[i]]) })
	return nil
}

// all takes everything.
func all(s tensor.Shape) (axes []span, from []int) {
	from = make([]int, len(s))
	for i := range from {
		from[i] = i
	}
	return whole(s), from
}

// Flip reverses the order of elements along axes.
type Flip struct {
	// Axes are "h" (left and right of an image), "v" (top and bottom), numbers of
	// axes or their names.
	Axes []string
}

func (f Flip) String() string { return "flip " + strings.Join(f.Axes, ",") }

func (f Flip) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		axes, from := all(a.shape())
		for _, name := range f.Axes {
			axis, err := a.flipped(name)
			if err != nil {
				return err
			}
			if n := axes[axis].Count; n > 0 {
				axes[axis] = within(axes[axis], span{First: n - 1, Count: n, Step: -1})
			}
		}
		return a.pick("flip", axes, from)
	})
}

func (a *array) flipped(name string) (int, error) {
	if name != "h" && name != "v" {
		return a.axis("flip", name)
	}
	im, err := a.image()
	if name == "h" {
		return im.x, err
	}
	return im.y, err
}

// axis finds an axis by its number or its name.
func (a *array) axis(what, text string) (int, error) {
	rank := len(a.shape())
	if n, err := strconv.Atoi(text); err == nil {
		if n < -rank || n >= rank {
			return 0, a.fail(tensor.ErrIndex, what, "axis "+text, fmt.Sprintf("one of the %d axes of %v", rank, a.shape()))
		}
		if n < 0 {
			n += rank
		}
		return n, nil
	}
	dims := a.attrs.Dims()
	if i := slices.Index(dims, text); i >= 0 {
		return i, nil
	}
	got := "axis " + tensor.Quote(text)
	if dims == nil {
		return 0, a.fail(tensor.ErrIndex, what, got, "a number: the axes have no names (attribute dims)")
	}
	return 0, a.fail(tensor.ErrIndex, what, got, "a number or one of "+strings.Join(dims, ", "))
}

func parseFlip(text string) (Operator, error) {
	f := Flip{}
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s == "" {
			return nil, badValue("flip", text, "h, v, or axes by number or name, with commas between")
		}
		f.Axes = append(f.Axes, s)
	}
	return f, nil
}
