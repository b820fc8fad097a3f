package transform

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// PadMode says what stands outside the edges of a tensor.
type PadMode uint8

// The modes, those of NumPy's pad. For elements a b c d:
const (
	Constant  PadMode = iota // k k k | a b c d | k k k
	Edge                     // a a a | a b c d | d d d
	Reflect                  // d c b | a b c d | c b a
	Symmetric                // c b a | a b c d | d c b
	Wrap                     // b c d | a b c d | a b c
)

var padModes = [...]string{"constant", "edge", "reflect", "symmetric", "wrap"}

// String is the name that NumPy has for the mode.
func (m PadMode) String() string {
	if int(m) < len(padModes) {
		return padModes[m]
	}
	return "mode " + strconv.Itoa(int(m))
}

// ParsePadMode knows the names that String returns. Others are
// tensor.ErrUnsupported.
func ParsePadMode(s string) (PadMode, error) {
	for m, name := range padModes {
		if s == name {
			return PadMode(m), nil
		}
	}
	return 0, fail(tensor.ErrUnsupported, "pad mode", tensor.Quote(s), "constant, edge, reflect, symmetric or wrap")
}

// PadOptions are the choices of Pad; nil are the defaults.
type PadOptions struct {
	// Mode is Constant by default.
	Mode PadMode

	// Fill is what Constant puts around: a tensor of one element, which is cast
	// to the dtype by the rules of tensor.Cast. By default it is the element whose
	// bytes are zero: 0, false, empty text.
	Fill tensor.View

	// Workers is the largest number of goroutines; see the package.
	Workers int
}

// Pad puts pad[i][0] elements before and pad[i][1] behind those of axis i, for
// every dtype and view. It is NumPy's pad: axes are independent of each other,
// modes that repeat go on repeating if they must, and Reflect of a single
// element is Edge.
//
// Errors are tensor.ErrShape (not one pair for each axis, negative numbers, an
// axis without elements to repeat, a Fill of several), ErrOverflow and ErrLimit
// for sizes, ErrDType for a Fill that cannot be cast, and ErrUnsupported for a
// mode that is not known or a packed axis padded by parts of a unit.
func Pad(v tensor.View, pad [][2]int64, o *PadOptions) (tensor.View, error) {
	s, err := PadShape(v.Shape(), pad)
	if err != nil {
		return tensor.View{}, err
	}
	dst, err := tensor.Make(v.DType(), s)
	if err != nil {
		return tensor.View{}, err
	}
	if err := PadInto(dst, v, pad, o); err != nil {
		return tensor.View{}, err
	}
	return dst, nil
}

// PadShape is the shape of what Pad returns.
func PadShape(s tensor.Shape, pad [][2]int64) (tensor.Shape, error) {
	if len(pad) != len(s) {
		return nil, fail(tensor.ErrShape, "pad", strconv.Itoa(len(pad))+" pairs", "one for each axis of "+s.String())
	}
	out := s.Clone()
	for axis, p := range pad {
		for _, n := range p {
			if n < 0 {
				return nil, fail(tensor.ErrShape, "pad of axis "+strconv.Itoa(axis), strconv.FormatInt(n, 10), "0 or more")
			}
			if n > math.MaxInt64-out[axis] {
				return nil, fail(tensor.ErrOverflow, "pad of axis "+strconv.Itoa(axis), strconv.FormatInt(n, 10), "an extent of at most 2^63-1")
			}
			out[axis] += n
		}
	}
	return out, nil
}

// PadInto is Pad into dst, which has the dtype of v and the shape that PadShape
// says.
func PadInto(dst, v tensor.View, pad [][2]int64, o *PadOptions) error {
	if o == nil {
		o = &PadOptions{}
	}
	s, err := PadShape(v.Shape(), pad)
	if err != nil {
		return err
	}
	if int(o.Mode) >= len(padModes) {
		return fail(tensor.ErrUnsupported, "pad", o.Mode.String(), "a known mode")
	}
	if err := fits("pad", dst, v, s); err != nil {
		return err
	}
	var fill tensor.View
	if o.Mode == Constant {
		if fill, err = fillOf(dst, o.Fill); err != nil {
			return err
		}
	}
	axes := make([]spans, len(s))
	for axis, p := range pad {
		n := v.Shape()[axis]
		if p == ([2]int64{}) {
			axes[axis] = whole(n)
			continue
		}
		if n == 0 && o.Mode != Constant {
			return fail(tensor.ErrShape, "pad of axis "+strconv.Itoa(axis), "no elements to "+o.Mode.String(), "at least one")
		}
		axes[axis] = padded{n: n, before: p[0], after: p[1], mode: o.Mode}
	}
	return mosaic(dst, v, fill, axes, o.Workers)
}

// fits checks a destination.
func fits(op string, dst, v tensor.View, s tensor.Shape) error {
	if dst.DType() != v.DType() {
		return fail(tensor.ErrDType, op, "a destination of "+dst.DType().String(), v.DType().String())
	}
	if !dst.Shape().Equal(s) {
		return fail(tensor.ErrShape, op, "a destination of "+dst.Shape().String(), s.String())
	}
	return nil
}

// fillOf is an element to fill dst with or, of a packed dtype, a row of them.
func fillOf(dst, fill tensor.View) (tensor.View, error) {
	s := tensor.Shape{}
	if dst.DType().Packed() {
		s = dst.Shape()[dst.Rank()-1:]
	}
	out, err := tensor.Make(dst.DType(), s)
	if err != nil || fill.DType() == (tensor.DType{}) {
		return out, err
	}
	if fill.NumElements() != 1 {
		return out, fail(tensor.ErrShape, "fill", fill.Shape().String(), "one element")
	}
	if fill.Rank() > len(s) || fill.DType().Packed() {
		if fill, err = unpacked(fill); err != nil {
			return out, err
		}
	}
	if fill, err = fill.BroadcastTo(s); err != nil {
		return out, err
	}
	if fill.DType() == out.DType() {
		return out, tensor.Copy(out, fill)
	}
	return out, tensor.Cast(out, fill)
}

// unpacked is one element as a view of rank 0, cast to f32 if it was packed,
// which holds them all.
func unpacked(v tensor.View) (tensor.View, error) {
	var err error
	if v.DType().Packed() {
		if v, err = v.Cast(tensor.F32); err != nil {
			return v, err
		}
	}
	return v.Squeeze()
}

// padded is an axis of n elements with more around it.
type padded struct {
	n, before, after int64
	mode             PadMode
}

// period is the length of a span outside, the longest that one step can say.
func (p padded) period() int64 {
	switch {
	case p.mode == Constant || p.mode == Edge || p.n == 1:
		return math.MaxInt64
	case p.mode == Reflect:
		return p.n - 1
	}
	return p.n
}

func count(n, each int64) int64 {
	if n == 0 {
		return 0
	}
	return (n-1)/each + 1
}

func (p padded) len() int64 {
	each, n := p.period(), int64(0)
	if p.n > 0 {
		n = 1
	}
	return count(p.before, each) + n + count(p.after, each)
}

func (p padded) at(i int64) span {
	each := p.period()
	front := count(p.before, each)
	if i < front {
		return p.front(front-1-i, each)
	}
	i -= front
	if p.n > 0 {
		if i == 0 {
			return span{at: p.before, count: p.n, step: 1}
		}
		i--
	}
	return p.back(i, each)
}

// front is span j before the elements, counted away from them.
func (p padded) front(j, each int64) span {
	n := min(each, p.before-j*each)
	s := span{at: p.before - j*each - n, count: n, step: 1}
	even := j%2 == 0
	switch {
	case p.mode == Constant:
		s.outside = true
	case each == math.MaxInt64:
		s.step = 0
	case p.mode == Wrap:
		s.first = p.n - n
	case p.mode == Reflect && even:
		s.first, s.step = n, -1
	case p.mode == Reflect:
		s.first = p.n - 1 - n
	case even:
		s.first, s.step = n-1, -1
	default:
		s.first = p.n - n
	}
	return s
}

// back is span j behind the elements.
func (p padded) back(j, each int64) span {
	n := min(each, p.after-j*each)
	s := span{at: p.before + p.n + j*each, count: n, step: 1}
	even := j%2 == 0
	switch {
	case p.mode == Constant:
		s.outside = true
	case each == math.MaxInt64:
		s.first, s.step = p.n-1, 0
	case p.mode == Wrap:
	case p.mode == Reflect && even:
		s.first, s.step = p.n-2, -1
	case p.mode == Reflect:
		s.first = 1
	case even:
		s.first, s.step = p.n-1, -1
	}
	return s
}
