// Package compare says how two files of tensors differ: in names, dtypes,
// shapes, elements and, if asked, attributes. Containers, codecs, strides and
// byte orders do not count; of native files nor does the order of tensors.
//
// Elements are compared bit for bit, so that NaN equals a NaN with the same
// payload and -0 differs from +0, unless a Tolerance allows more. A tolerance
// only forgives: what is equal bit for bit is equal under any.
//
// Memory is bounded by the number of workers, not by the size of tensors: both
// sides are read block by block, raw bytes by several workers at once. The
// exception is a tensor that decodes as a stream (a deflated member of an .npz)
// in another order of axes than the other side's: it is held whole, up to
// OpenOptions.MaxBytes of its file, and one at a time. Results do not depend on
// the number of workers.
//
// Files must stay open until the last result was taken; a Close meanwhile is
// refused. All functions are safe for concurrent use.
package compare

import (
	"context"
	"iter"
	"runtime"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options says what counts as a difference. The zero value, and nil, are the
// defaults.
type Options struct {
	// Tolerance allows numbers to differ a little. Default: nil, bit for bit.
	Tolerance *Tolerance
	// NaNEqual makes all NaNs equal to each other. Default: false, those with
	// the same bits.
	NaNEqual bool
	// Attrs compares the attributes of tensors, too. Default: false.
	Attrs bool
	// Values compares the numbers that tensors stand for, whatever their dtypes
	// are: quantised tensors and blocks of ggml are dequantised, and numbers of
	// different dtypes are compared in one that holds both, as NumPy's result type
	// does (integers of 64 bits beside floats are rounded to f64). The differences
	// and ULP are in that dtype. What decodes as a stream is held whole, up to
	// OpenOptions.MaxBytes. Default: false, another dtype is a difference.
	Values bool
	// Largest is how many of the largest differences of a tensor are kept.
	// Default: 0, none.
	Largest int
	// Match chooses tensors by name. Default: nil, all.
	Match func(name string) bool
	// Workers that compare. Default: GOMAXPROCS.
	Workers int
}

// Tolerance says how far apart two numbers x and y of one dtype may be. They
// are equal if any of these holds: |x - y| <= Abs + Rel * max(|x|, |y|), or
// they are floats and at most ULP representable numbers apart. -0 is 0 whatever
// the limits; infinities are near nothing but themselves. Complex numbers go by
// the magnitude of their difference, and by ULP part by part. Bools, text,
// opaque bytes, quantised blocks and what is not known have no tolerance.
type Tolerance struct {
	Abs, Rel float64
	ULP      uint64
}

// Status is what came out for a tensor.
type Status uint8

const (
	// Equal tensors have the same dtype, shape and elements; with Options.Values,
	// the same shape and numbers.
	Equal Status = iota
	// Different tensors differ in elements; composites, in layout or parts.
	Different
	// DType, Shape: they differ in that, and elements were not looked at.
	DType
	Shape
	// OnlyA, OnlyB: the other file has no tensor of that name.
	OnlyA
	OnlyB
	// Failed: one of them could not be read; Result.Err says why.
	Failed
)

func (s Status) String() string {
	return [...]string{"equal", "different", "dtype", "shape", "only_a", "only_b", "failed"}[s]
}

// Result is what came out for a name.
type Result struct {
	Name   string
	A, B   *tensorfile.Tensor // nil where there is none, or it cannot be opened
	Status Status
	Err    error

	// DType is that of the elements that were compared; with Options.Values it may
	// be neither tensor's.
	DType tensor.DType
	// Elements were compared, and so many differ, NaNs among them on one side or
	// both. Of blocks and dtypes that are not known, all elements of a unit that
	// differs do. Composites are compared by their hashes, and not counted.
	Elements, Different, NaN int64
	// Numeric says that the elements are numbers, and MaxAbs and MaxRel the
	// largest of |x - y| and |x - y| / max(|x|, |y|) of those that differ, NaN
	// left out. Beside an infinity both are infinite.
	Numeric        bool
	MaxAbs, MaxRel float64
	// First is the index, first in C order, of an element that differs; nil if
	// none does.
	First []int64
	// Largest differences first: those with NaN or an infinity, then by Abs, then
	// in C order. Elements that repeat others by strides of 0 on both sides are
	// counted, and stand here once.
	Largest []Difference
	// Attrs are the attributes that differ, ascending by key.
	Attrs []AttrDifference
}

// Same reports whether there is no difference.
func (r *Result) Same() bool { return r.Status == Equal && len(r.Attrs) == 0 }

// Difference is an element that differs.
type Difference struct {
	Index []int64
	// A and B are bool, int64, uint64, float32 (of up to 32 bits), float64,
	// complex64, complex128, or []byte, the unit, of what is no number.
	A, B any
	// Abs and Rel are as in Result; NaN beside a NaN, and 0 for no numbers.
	Abs, Rel float64
}

// Files compares two files and yields a result for each name that is in either,
// equal ones included, ascending. What cannot be read is in the result; damage
// to a catalog, a file that changed meanwhile and the end of ctx come as an
// error and end it.
func Files(ctx context.Context, a, b *tensorfile.File, o *Options) iter.Seq2[*Result, error] {
	c := newComparer(o)
	return func(yield func(*Result, error) bool) {
		for r, err := range c.run(ctx, a, b, join(a, b, c.o.Match)) {
			if !yield(r, err) || err != nil {
				return
			}
		}
		for _, f := range []*tensorfile.File{a, b} {
			if err := f.Check(); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// Tensors compares two tensors, whatever their names. The result has the name
// of a. The error is that of ctx or of a file that changed meanwhile.
func Tensors(ctx context.Context, a, b *tensorfile.Tensor, o *Options) (*Result, error) {
	one := func(yield func(pair, error) bool) { yield(pair{name: a.Name(), a: a, b: b}, nil) }
	var found *Result
	for r, err := range newComparer(o).run(ctx, a.File(), b.File(), one) {
		if err != nil {
			return nil, err
		}
		found = r
	}
	for _, t := range []*tensorfile.Tensor{a, b} {
		if err := t.File().Check(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func newComparer(o *Options) *comparer {
	c := &comparer{}
	if o != nil {
		c.o = *o
	}
	if c.o.Workers <= 0 {
		c.o.Workers = runtime.GOMAXPROCS(0)
	}
	return c
}
