package tensor

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Sizes gives axes of a pattern their extents, by name.
type Sizes map[string]int64

// operation is what a pattern is used for.
type operation uint8

const (
	anyOperation operation = iota
	rearrangeOperation
	repeatOperation
	reduceOperation
)

func (o operation) String() string {
	return [...]string{"pattern", "rearrange", "repeat", "reduce"}[o]
}

// plan is a pattern fitted to a shape: every axis is cut into elementary ones,
// which are put together to the axes of the result.
type plan struct {
	left    int     // elementary axes of the left side, the first ones
	names   []term  // of the elementary axes
	extents []int64 // of the elementary axes
	split   [][]int // for each axis of the input its elementary axes
	merge   [][]int // for each axis of the result
	final   Shape   // of the result
}

// resolve fits a pattern to a shape. Faults are looked for in the order in
// which einops does.
func (p *Pattern) resolve(op operation, s Shape, sizes Sizes) (*plan, error) {
	if err := p.legal(op, sizes); err != nil {
		return nil, err
	}
	wild := 0 // axes that the ellipsis stands for
	if p.ellipsis >= 0 {
		if wild = len(s) - (len(p.left) - 1); wild < 0 {
			return nil, p.fail(op, ErrShape, "wrong shape", dims(s), ">="+strconv.Itoa(len(p.left)-1)+" dims")
		}
	} else if len(s) != len(p.left) {
		return nil, p.fail(op, ErrShape, "wrong shape", dims(s), strconv.Itoa(len(p.left))+" dims")
	}
	if err := p.checkSizes(op, sizes); err != nil {
		return nil, err
	}
	w := p.expand(wild)
	for e, t := range w.names {
		w.extents[e] = -1
		if t.name == "" {
			w.extents[e] = t.size
		} else if n, ok := sizes[t.name]; ok {
			w.extents[e] = n
		}
	}
	if err := p.infer(op, w, s); err != nil {
		return nil, err
	}
	w.final = make(Shape, len(w.merge))
	for i, axis := range w.merge {
		n := int64(1)
		for _, e := range axis {
			var ok bool
			if n, ok = mulLen(n, w.extents[e]); !ok {
				return nil, p.fail(op, ErrOverflow, "axis "+strconv.Itoa(i)+" of the result", "the product of "+w.text(axis), "at most 2^63-1")
			}
		}
		w.final[i] = n
	}
	return w, nil
}

// expand writes the ellipsis out as wild axes.
func (p *Pattern) expand(wild int) *plan {
	at := func(t int) int { // the first elementary axis of a term
		if p.ellipsis >= 0 && t > p.ellipsis {
			return t + wild - 1
		}
		return t
	}
	side := func(side [][]int, inside bool) (axes [][]int) {
		for _, words := range side {
			var axis []int
			for _, t := range words {
				if t != p.ellipsis {
					axis = append(axis, at(t))
					continue
				}
				for i := range wild {
					axis = append(axis, t+i)
				}
			}
			if !inside && len(words) == 1 && words[0] == p.ellipsis {
				for i := range axis {
					axes = append(axes, axis[i:i+1])
				}
			} else {
				axes = append(axes, axis)
			}
		}
		return axes
	}
	w := &plan{left: at(p.nleft), split: side(p.left, false), merge: side(p.right, p.inside)}
	w.names = p.terms
	if e := p.ellipsis; e >= 0 {
		w.names = slices.Concat(p.terms[:e], slices.Repeat(p.terms[e:e+1], wild), p.terms[e+1:])
	}
	w.extents = make([]int64, len(w.names))
	return w
}

// reduced lists the elementary axes that the result does not have.
func (w *plan) reduced() (axes []int) {
	for e, t := range w.names[:w.left] {
		if !t.right {
			axes = append(axes, e)
		}
	}
	return axes
}

func (w *plan) text(axis []int) string {
	list := make([]term, len(axis))
	for i, e := range axis {
		list[i] = w.names[e]
	}
	return words(list)
}

// legal finds what an operation forbids whatever the shape.
func (p *Pattern) legal(op operation, sizes Sizes) error {
	left, right := p.terms[:p.nleft], p.terms[p.nleft:]
	var lost []term
	for _, t := range left {
		if !t.right {
			lost = append(lost, t)
		}
	}
	switch op {
	case rearrangeOperation:
		if slices.ContainsFunc(p.terms, func(t term) bool { return t.name == "" }) {
			return p.fail(op, ErrFormat, "non-unitary anonymous axes are not supported in rearrange (exception is length 1)", "", "")
		}
		if len(lost)+len(right) > 0 {
			return p.fail(op, ErrFormat, "identifiers only on one side of expression (should be on both)", words(append(lost, right...)), "")
		}
	case repeatOperation:
		if len(lost) > 0 {
			return p.fail(op, ErrFormat, "unexpected identifiers on the left side of repeat", words(lost), "identifiers of the right side")
		}
		var unknown []term
		for _, t := range right {
			if _, ok := sizes[t.name]; !ok && t.name != "" {
				unknown = append(unknown, t)
			}
		}
		if len(unknown) > 0 {
			return p.fail(op, ErrShape, "specify sizes for new axes in repeat", "none for "+words(unknown), "")
		}
	case reduceOperation:
		if len(right) > 0 {
			return p.fail(op, ErrFormat, "unexpected identifiers on the right side of reduce", words(right), "identifiers of the left side")
		}
	case anyOperation:
		if len(lost) > 0 && len(right) > 0 {
			return p.fail(op, ErrFormat, "identifiers only on one side of expression", words(lost)+" left, "+words(right)+" right", "one side at most with such")
		}
		if len(right) > 0 {
			return p.legal(repeatOperation, sizes)
		}
	}
	return nil
}

// infer finds the extents that are not given, or which axis does not fit.
func (p *Pattern) infer(op operation, w *plan, s Shape) error {
	for i, axis := range w.split {
		var unknown []int
		for _, e := range axis {
			if w.extents[e] < 0 {
				unknown = append(unknown, e)
			}
		}
		if len(unknown) > 1 {
			return p.fail(op, ErrShape, "could not infer sizes for "+w.text(unknown), "axis "+strconv.Itoa(i)+" ("+w.text(axis)+")", "at most one unknown size")
		}
	}
	for i, axis := range w.split {
		known, ok, open := int64(1), true, -1
		for _, e := range axis {
			if w.extents[e] < 0 {
				open = e
			} else if ok {
				known, ok = mulLen(known, w.extents[e])
			}
		}
		place := "shape mismatch: axis " + strconv.Itoa(i) + " (" + w.text(axis) + ")"
		switch {
		case !ok:
			return p.fail(op, ErrShape, place, "length "+itoa(s[i]), "a product above 2^63-1")
		case open < 0 && known != s[i]:
			return p.fail(op, ErrShape, place, "length "+itoa(s[i]), itoa(known))
		case open < 0:
		case known == 0 || s[i]%known != 0:
			return p.fail(op, ErrShape, place, "length "+itoa(s[i]), "one that can be divided in chunks of "+itoa(known))
		default:
			w.extents[open] = s[i] / known
		}
	}
	return nil
}

// checkSizes looks for sizes of no use.
func (p *Pattern) checkSizes(op operation, sizes Sizes) error {
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		if name == ellipsis || name == "" || !slices.ContainsFunc(p.terms, func(t term) bool { return t.name == name }) {
			return p.fail(op, ErrShape, "axis "+Quote(name)+" is not used in transform", "", "")
		}
		if n := sizes[name]; n < 0 {
			return p.fail(op, ErrShape, "size of axis "+name, itoa(n), "0 or more")
		}
	}
	return nil
}

// fail is an error about an operation with this pattern.
func (p *Pattern) fail(op operation, kind error, what, got, want string) error {
	return fail(kind, op.String()+" "+Quote(p.text)+": "+what, got, want, "")
}

func words(list []term) string {
	s := make([]string, len(list))
	for i, t := range list {
		s[i] = t.String()
	}
	return strings.Join(s, " ")
}

func dims(s Shape) string { return strconv.Itoa(len(s)) + "-dim tensor " + s.String() }
