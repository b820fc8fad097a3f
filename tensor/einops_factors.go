package tensor

// Factors is what a pattern does to a shape, for those who apply it to elements
// that are not in memory: axes are split into factors, which are put into the
// order of the result and joined to its axes.
type Factors struct {
	Extents []int64 // of each factor
	Split   [][]int // for each axis of the input its factors, slowest first
	Merge   [][]int // for each axis of the result its factors, slowest first
	Reduced []int   // factors that the result does not have, of Reduce
	Shape   Shape   // of the result
}

// RearrangeFactors fits the pattern to a shape for Rearrange, which refuses what
// it refuses.
func (p *Pattern) RearrangeFactors(in Shape, sizes Sizes) (*Factors, error) {
	return p.factors(rearrangeOperation, in, sizes)
}

// ReduceFactors fits the pattern to a shape for Reduce, which refuses what it
// refuses.
func (p *Pattern) ReduceFactors(in Shape, sizes Sizes) (*Factors, error) {
	return p.factors(reduceOperation, in, sizes)
}

func (p *Pattern) factors(op operation, in Shape, sizes Sizes) (*Factors, error) {
	w, err := p.resolve(op, in, sizes)
	if err != nil {
		return nil, err
	}
	return &Factors{Extents: w.extents, Split: w.split, Merge: w.merge, Reduced: w.reduced(), Shape: w.final}, nil
}
