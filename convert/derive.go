package convert

import (
	"context"

	"github.com/tensorfile/tensorfile"
)

// Operators make other tensors of those that are converted. Package operate has
// them.
type Operators interface {
	// Derive says what takes the place of src. It reads no elements, which are
	// computed when the tensors of the result are read; but what is sparse is made
	// at once, as its size follows from what it holds.
	Derive(ctx context.Context, src []Source) (*Derived, error)
	// String is a text that differs where results do.
	String() string
	// KeepsRows reports whether along axis 0 each element of a result is made of
	// the one of its source in the same place, so that what is known of rows stays
	// true.
	KeepsRows() bool
}

// Derived is what Operators make of tensors.
type Derived struct {
	// Tensors are those to write, in order: of File, or of the sources as they
	// are.
	Tensors []Source
	// From has for each of Tensors the indices of the sources that it is made of.
	From [][]int
	// Close ends what is under way and gives back what is held. It comes before
	// the files of the sources are closed.
	Close func() error
}

// derive puts what operators make in the place of the tensors that were chosen.
func (j *job) derive(ctx context.Context) error {
	if j.o.Operate == nil {
		return nil
	}
	if j.derived != nil {
		j.derived.Close()
	}
	j.derived = nil
	d, err := j.o.Operate.Derive(ctx, sources(j.chosen))
	if err != nil {
		return err
	}
	j.derived = d
	j.items = make([]item, len(d.Tensors))
	for i, s := range d.Tensors {
		it := item{t: s.Tensor, name: s.As, from: make([]*tensorfile.Tensor, len(d.From[i]))}
		for k, n := range d.From[i] {
			it.from[k] = j.chosen[n].t
		}
		j.items[i] = it
	}
	return nil
}
