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
