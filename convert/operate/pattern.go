package operate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Rearrange moves, splits and merges axes as an einops pattern says.
type Rearrange struct {
	Pattern *tensor.Pattern
	Sizes   tensor.Sizes
}

func (r Rearrange) String() string { return "rearrange " + patternText(r.Pattern, r.Sizes) }

func (r Rearrange) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		f, err := r.Pattern.RearrangeFactors(a.shape(), r.Sizes)
		if err != nil {
			return err
		}
		d, before := a.n.form()
		if d.Packed() {
			last := len(before) - 1
			end := len(f.Merge) - 1
			if end < 0 || len(f.Split[last]) != 1 || !slices.Equal(f.Merge[end], f.Split[last]) {
				return a.fail(tensor.ErrUnsupported, r.String(), "the last axis of "+d.String(), "it to stay as it is, or another dtype first")
			}
		}
		order, groups := merges(f)
		a.n = merge(align(a.n, splits(f), order), groups)
		a.follow(before, f)
		return nil
	})
}

// Reduce moves and splits axes as Rearrange does and makes one element of all
// that lie along the axes that the right side has not. The dtype is that of
// tensor.Reduction.DType.
type Reduce struct {
	Reduction tensor.Reduction
	Pattern   *tensor.Pattern
	Sizes     tensor.Sizes
}

func (r Reduce) String() string {
	return "reduce " + r.Reduction.String() + " " + patternText(r.Pattern, r.Sizes)
}

func (r Reduce) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		before := a.shape()
		f, err := r.Pattern.ReduceFactors(before, r.Sizes)
		if err != nil {
			return err
		}
		d, err := r.Reduction.DType(a.dtype())
		if err != nil {
			return err
		}
		order, groups := merges(f)
		kept := len(order)
		n := align(a.n, splits(f), append(order, f.Reduced...))
		if len(f.Reduced) > 0 {
			n, err = r.fold(a, n, d, kept)
		}
		if err != nil {
			return err
		}
		a.n = merge(n, groups)
		a.follow(before, f)
		return nil
	})
}

// fold reduces the axes of n behind those kept.
func (r Reduce) fold(a *array, n node, d tensor.DType, kept int) (node, error) {
	_, s := n.form()
	if (r.Reduction == tensor.Min || r.Reduction == tensor.Max) && slices.Contains(s[kept:], 0) {
		return nil, a.fail(tensor.ErrShape, "reduce "+r.Reduction.String(), "no elements", "at least one")
	}
	var left, right []string
	for i := range s {
		left = append(left, "a"+strconv.Itoa(i))
	}
	right = left[:kept]
	pattern := strings.Join(left, " ") + " -> " + strings.Join(right, " ")
	_, from := all(s[:kept])
	return &blockwise{
		unary: unary{n, d, s[:kept:kept]}, from: from,
		fn: func(dst, src tensor.View) error {
			v, err := tensor.Reduce(src, pattern, r.Reduction, nil)
			if err != nil {
				return err
			}
			return tensor.Copy(dst, v)
		},
		extra: func(out, _ int64) int64 { return out },
	}, nil
}

func parseReduce(text string) (Operator, error) {
	name, pattern, _ := strings.Cut(strings.TrimSpace(text), " ")
	op, err := tensor.ParseReduction(name)
	if err != nil {
		return nil, badValue("reduce", text, "min, max, sum, mean, prod, any or all and a pattern")
	}
	p, sizes, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	if p.Repeats() {
		_, err := p.ReduceFactors(nil, sizes) // says which axes
		return nil, err
	}
	return Reduce{op, p, sizes}, nil
}

// splits are the factors of each axis.
func splits(f *tensor.Factors) [][]int64 {
	out := make([][]int64, len(f.Split))
	for i, axis := range f.Split {
		for _, k := range axis {
			out[i] = append(out[i], f.Extents[k])
		}
	}
	return out
}

// merges are the factors in the order of the result, and how many of them make
// up each of its axes.
func merges(f *tensor.Factors) (order, groups []int) {
	groups = make([]int, len(f.Merge))
	for i, axis := range f.Merge {
		order = append(order, axis...)
		groups[i] = len(axis)
	}
	return order, groups
}

// follow carries the attributes of axes that a pattern leaves whole.
func (a *array) follow(before tensor.Shape, f *tensor.Factors) {
	from := make([]int, len(f.Merge))
	for i, axis := range f.Merge {
		from[i] = -1
		if len(axis) != 1 {
			continue
		}
		from[i] = slices.IndexFunc(f.Split, func(s []int) bool { return slices.Equal(s, axis) })
	}
	a.carry(before, from, func(int) bool { return false })
}

// patternText is a pattern and its sizes as parsePattern reads them.
func patternText(p *tensor.Pattern, sizes tensor.Sizes) string {
	text := p.String()
	for i, name := range slices.Sorted(maps.Keys(sizes)) {
		sep := ", "
		if i == 0 {
			sep = "; "
		}
		text += sep + name + "=" + strconv.FormatInt(sizes[name], 10)
	}
	return text
}

// parsePattern reads "PATTERN" or "PATTERN; a=1, b=2".
func parsePattern(text string) (*tensor.Pattern, tensor.Sizes, error) {
	pattern, list, some := strings.Cut(text, ";")
	p, err := tensor.ParsePattern(strings.TrimSpace(pattern))
	if err != nil || !some {
		return p, nil, err
	}
	sizes := tensor.Sizes{}
	for s := range strings.SplitSeq(list, ",") {
		name, value, ok := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if _, twice := sizes[name]; !ok || name == "" || err != nil || n < 0 || twice {
			return nil, nil, badValue("sizes", strings.TrimSpace(list), "NAME=NUMBER with commas between, each name once")
		}
		sizes[name] = n
	}
	return p, sizes, nil
}

func parseRearrange(text string) (Operator, error) {
	p, sizes, err := parsePattern(text)
	if err != nil {
		return nil, err
	}
	if p.Reduces() || p.Repeats() {
		// Its own error says which axes.
		_, err := p.RearrangeFactors(nil, sizes)
		return nil, err
	}
	return Rearrange{p, sizes}, nil
}

// badValue is an error about the text of an operator.
func badValue(name, text, want string) error {
	return &tensor.Error{Kind: tensor.ErrFormat, Offset: -1, Field: name, Got: tensor.Quote(text), Want: want}
}
