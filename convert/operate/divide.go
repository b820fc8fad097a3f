package operate

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tensorfile/tensorfile/tensor"
)

// Divide divides steps at the first Stack: those in front of it, which are
// applied to each tensor by itself, and those behind it, for the one tensor that
// it makes. That is how convert.Set works on many files, of which few are open at
// a time.
//
// Steps behind the Stack that change each of its tensors by itself (resize, crop,
// channels, dtype, scale, mono, rate, and select, flip, pad, rearrange and reduce
// if they leave axis 0 alone) are moved in front of it, up to the first that does
// not. Results stay the same, and tensors that a Stack could not take become alike
// in time: Stack, Resize is Resize, Stack. They see tensors without the new axis:
// a stack of vectors is no image to them.
//
// ok is false if no step stacks all tensors, or if one before it joins tensors or
// is for some of them only.
func Divide(steps []Step) (each []Step, stack Stack, whole []Step, ok bool) {
	at := slices.IndexFunc(steps, func(s Step) bool {
		_, stacks := s.Operator.(Stack)
		_, joins := s.Operator.(Concat)
		return stacks || joins || s.Names != ""
	})
	if at < 0 || steps[at].Names != "" {
		return nil, stack, nil, false
	}
	if stack, ok = steps[at].Operator.(Stack); !ok {
		return nil, stack, nil, false
	}
	each, whole = slices.Clone(steps[:at]), steps[at+1:]
	for len(whole) > 0 && whole[0].Names == "" {
		s, ok := withinStack(whole[0].Operator)
		if !ok {
			break
		}
		each, whole = append(each, s...), whole[1:]
	}
	return each, stack, whole, true
}

// KeepsRows reports whether no step moves, drops or joins what lies along axis 0.
func (p *Pipeline) KeepsRows() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool {
		switch s.Operator.(type) {
		case Cast, Layout, Quantise, Dequantise:
			return false
		}
		_, inside := withinStack(s.Operator)
		return !inside
	})
}

// withinStack says what an operator on a stack is to each of its tensors. No step at
// all leaves them as they are.
func withinStack(op Operator) ([]Step, bool) {
	one := func(op Operator) ([]Step, bool) { return []Step{{Operator: op}}, true }
	switch x := op.(type) {
	case Resize, Crop, Channels, Scale, Mono, Rate:
		return one(op)
	case Cast:
		// Packed elements lie along the last axis, which a tensor may not have.
		if !x.To.Packed() {
			return one(op)
		}
	case Select:
		open := tensor.SelectionItem{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: tensor.None}
		switch {
		case len(x.Selection) == 0:
			return nil, true
		case x.Selection[0] == open:
			return one(Select{x.Selection[1:]})
		}
	case Flip:
		return flipInside(x)
	case Pad:
		switch {
		case len(x.Amounts) == 1:
			return one(op)
		case x.Amounts[0] == [2]int64{}:
			x.Amounts = x.Amounts[1:]
			return one(x)
		}
	case Rearrange:
		if p := patternInside(x.Pattern, x.Sizes); p != nil {
			x.Pattern = p
			return one(x)
		}
	case Reduce:
		if p := patternInside(x.Pattern, x.Sizes); p != nil {
			x.Pattern = p
			return one(x)
		}
	}
	return nil, false
}

// flipInside is a Flip that does not count axis 0. Numbers from the back may mean
// that one.
func flipInside(f Flip) ([]Step, bool) {
	axes := make([]string, len(f.Axes))
	for i, name := range f.Axes {
		axes[i] = name
		n, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if n < 1 {
			return nil, false
		}
		axes[i] = strconv.Itoa(n - 1)
	}
	return []Step{{Operator: Flip{axes}}}, true
}

// patternInside is a pattern without the axis that it begins with on both sides,
// or nil if it does not leave axis 0 alone.
func patternInside(p *tensor.Pattern, sizes tensor.Sizes) *tensor.Pattern {
	left, right, _ := strings.Cut(p.String(), "->")
	first, left, _ := strings.Cut(strings.TrimSpace(left), " ")
	same, right, _ := strings.Cut(strings.TrimSpace(right), " ")
	if _, sized := sizes[first]; first != same || sized || !unicode.IsLetter([]rune(first + " ")[0]) {
		return nil
	}
	in, err := tensor.ParsePattern(left + " -> " + right)
	if err != nil {
		return nil
	}
	return in
}
