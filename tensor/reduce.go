package tensor

import (
	"strconv"
)

// Reduction is what Reduce does with the elements that become one.
type Reduction uint8

// The reductions. See Reduction.DType for the dtypes of their results.
const (
	Min  Reduction = iota // the least; NaN if one is NaN; -0 is less than +0
	Max                   // the greatest; NaN if one is NaN
	Sum                   // 0 of no elements
	Mean                  // NaN of no elements
	Prod                  // 1 of no elements
	Any                   // true if one is not zero; NaN is not zero
	All                   // true unless one is zero
)

var reductionNames = [...]string{"min", "max", "sum", "mean", "prod", "any", "all"}

// String is the name that einops uses: "min", "max", "sum", "mean", "prod",
// "any", "all".
func (r Reduction) String() string {
	if int(r) < len(reductionNames) {
		return reductionNames[r]
	}
	return "reduction " + strconv.Itoa(int(r))
}

// ParseReduction reads a name; else it fails with ErrFormat.
func ParseReduction(s string) (Reduction, error) {
	for r, name := range reductionNames {
		if s == name {
			return Reduction(r), nil
		}
	}
	return 0, fail(ErrFormat, "reduction", Quote(s), "min, max, sum, mean, prod, any or all", "")
}

// DType is the dtype of a reduction of elements of d, that of NumPy:
//
//	            min max   sum prod   mean   any all
//	bool        bool      i64        f64    bool
//	i8 to i64   d         i64        f64    bool
//	u8 to u64   d         u64        f64    bool
//	floats      d         d          d      bool
//	complex     d         d          d      bool
//
// Packed dtypes fail with ErrUnsupported (cast them first), what has no numbers
// with ErrDType.
func (r Reduction) DType(d DType) (DType, error) {
	switch {
	case int(r) >= len(reductionNames):
		return DType{}, fail(ErrUnsupported, "reduction", r.String(), "min to all", "")
	case castElem(d) == elemNone:
		return DType{}, fail(ErrDType, "reduce "+r.String(), d.String(), "a numeric dtype", "")
	case d.Packed():
		return DType{}, fail(ErrUnsupported, "reduce "+r.String(), d.String(), "a dtype that is not packed: cast first", "")
	case r == Any || r == All:
		return Bool, nil
	case r == Min || r == Max || d.Class >= ClassFloat:
		return d, nil
	case r == Mean:
		return F64, nil
	case d.Class == ClassUint:
		return U64, nil
	}
	return I64, nil
}

// Reduce turns axes as Rearrange does and makes one element of all that lie
// along those that the right side of the pattern has not: "b c h w -> b c" with
// Mean is a global average, "b c (h 2) (w 2) -> b c h w" with Max pools. The
// result is memory of its own in C order and the byte order of the machine,
// with the dtype of Reduction.DType. Where no axis vanishes nothing is computed,
// as in einops: the result is that of Rearrange, which may be a view.
//
// Integers of 64 bits wrap. Floats of 32 bits and less, f16, bf16 and f8 among
// them, are added in blocks of at most 1024 in float32 and beyond that in
// float64; float64 in blocks of the same size and beyond that with the rounding
// errors carried along. A sum is rounded to the dtype once, and lies within
// 40 (f32) or 80 (f64) units of the last place of the sum of all magnitudes,
// however many they are. Products of floats are taken in float64. Sums and
// products of complex numbers are those of their parts. The extremes of complex
// numbers compare real parts, then imaginary ones; NaN in either makes NaN.
//
// Errors are those of Rearrange and Reduction.DType, and ErrShape for Min and
// Max of no elements.
func Reduce(v View, pattern string, op Reduction, sizes Sizes) (View, error) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return View{}, err
	}
	w, err := p.resolve(reduceOperation, v.shape, sizes)
	if err != nil {
		return View{}, err
	}
	d, err := op.DType(v.dtype)
	if err != nil {
		return View{}, err
	}
	gone := w.reduced()
	if len(gone) == 0 {
		out, _, err := p.arrange(reduceOperation, v, sizes, Copy)
		return out, err
	}
	aligned, err := w.align(v)
	if err != nil {
		return View{}, err
	}
	kept := len(aligned.shape) - len(gone)
	dst, err := Make(d, aligned.shape[:kept])
	if err != nil {
		return View{}, err
	}
	t := newFold(dst, aligned)
	if t.count == 0 && (op == Min || op == Max) {
		return View{}, p.fail(reduceOperation, ErrShape, op.String(), "no elements", "at least one")
	}
	if dst.n > 0 {
		t.reduce(op)
	}
	return dst.Reshape(w.final)
}

// newFold reduces the axes of src behind those of dst.
func newFold(dst, src View) *fold {
	t := &fold{dst: dst, src: src, shape: src.shape, count: 1}
	t.steps = append(dst.strides.Clone(), make(Strides, len(src.shape)-len(dst.shape))...)
	for _, n := range src.shape[len(dst.shape):] {
		t.count *= n
	}
	return t
}

// reduce writes the results, of which there are some.
func (t *fold) reduce(op Reduction) {
	switch e := t.src.elem; {
	case e == elemBool && op == Min:
		op = All
	case e == elemBool && op == Max:
		op = Any
	case (op == Sum || op == Mean) && t.src.dtype.Class == ClassComplex:
		// The parts are numbers of their own.
		part := F32
		if e == elemC128 {
			part = F64
		}
		step := int64(part.UnitBytes)
		t.shape = append(t.shape.Clone(), 2)
		t.src.strides = append(t.src.strides.Clone(), step)
		t.steps = append(t.steps, step)
		t.src.dtype, t.src.elem = part, elemOf(part)
		t.dst.dtype, t.dst.elem = part, elemOf(part)
	}
	switch op {
	case Any, All:
		t.logic(op)
	case Sum, Mean:
		t.sum(op == Mean)
	case Prod:
		t.product()
	default:
		t.extreme(op)
	}
}
