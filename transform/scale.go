package transform

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Scaling is y = x*Scale + Bias, for all elements alike or by channel.
type Scaling struct {
	// Scale and Bias have one number for all elements, or one for each index of
	// Axis. Without numbers Scale is 1 and Bias 0.
	Scale, Bias []float64

	// Axis is the axis of the channels, negative from the back, if Scale or Bias
	// has several numbers.
	Axis int

	// Clamp limits y to Min and Max. NaN stays NaN.
	Clamp    bool
	Min, Max float64

	// Workers is the largest number of goroutines; see the package.
	Workers int
}

// ScaleBias computes y = x*scale + bias for every x of v, bool, integer or
// float, and converts it to dtype d: what takes pixels to the range a model
// wants, and back.
//
// The arithmetic is that of float32, and of float64 where v or d is f64 or an
// integer of 32 or 64 bits. Scale, bias, minimum and maximum are rounded to it
// first; the product is rounded, then the sum. Clamping comes next. For an
// integer d, y is then rounded to the nearest whole number, halves to the even
// one, where Cast would cut the fraction off. What tensor.Cast does comes last:
// y beyond the range of d becomes its nearest limit, NaN in an integer 0.
//
// Errors are tensor.ErrDType (not numbers, or complex ones), ErrShape (neither
// one number nor one for each channel, Min above Max), ErrIndex (no such axis),
// ErrLimit and ErrOverflow.
func ScaleBias(v tensor.View, d tensor.DType, s *Scaling) (tensor.View, error) {
	if err := real(d); err != nil {
		return tensor.View{}, err
	}
	dst, err := tensor.Make(d, v.Shape())
	if err != nil {
		return tensor.View{}, err
	}
	if err := ScaleBiasInto(dst, v, s); err != nil {
		return tensor.View{}, err
	}
	return dst, nil
}

// ScaleBiasInto is ScaleBias into dst, which has the shape of v and the dtype
// wanted.
func ScaleBiasInto(dst, v tensor.View, s *Scaling) error {
	for _, d := range []tensor.DType{dst.DType(), v.DType()} {
		if err := real(d); err != nil {
			return err
		}
	}
	if !dst.Shape().Equal(v.Shape()) {
		return fail(tensor.ErrShape, "scale", "a destination of "+dst.Shape().String(), v.Shape().String())
	}
	if s == nil {
		s = &Scaling{}
	}
	if s.Clamp && !(s.Min <= s.Max) {
		return fail(tensor.ErrShape, "clamp", text(s.Min)+" to "+text(s.Max), "a range")
	}
	axis, err := s.axis(v.Shape())
	if err != nil {
		return err
	}
	if v.NumElements() == 0 {
		return nil
	}
	if double(v.DType()) || double(dst.DType()) {
		return scaleAll[float64](dst, v, s, axis)
	}
	return scaleAll[float32](dst, v, s, axis)
}

func text(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// real refuses what is not a real number of a known kind.
func real(d tensor.DType) error {
	if !d.Known() || d.Class < tensor.ClassBool || d.Class > tensor.ClassFloat {
		return fail(tensor.ErrDType, "scale", d.String(), "a real number")
	}
	return nil
}

// double reports whether elements of d have more bits than a float32 holds.
func double(d tensor.DType) bool { return d.Bits >= 32 && d != tensor.F32 }

func integer(d tensor.DType) bool {
	return d.Class == tensor.ClassInt || d.Class == tensor.ClassUint
}

// axis is the axis of the channels, -1 if all elements are treated alike.
func (s *Scaling) axis(shape tensor.Shape) (int, error) {
	if len(s.Scale) <= 1 && len(s.Bias) <= 1 {
		return -1, nil
	}
	axis, rank := s.Axis, len(shape)
	if axis < -rank || axis >= rank {
		return 0, fail(tensor.ErrIndex, "axis", strconv.Itoa(axis), "-"+strconv.Itoa(rank)+" to "+strconv.Itoa(rank-1))
	}
	if axis < 0 {
		axis += rank
	}
	for _, list := range []struct {
		name string
		n    int
	}{{"scale", len(s.Scale)}, {"bias", len(s.Bias)}} {
		if list.n > 1 && int64(list.n) != shape[axis] {
			return 0, fail(tensor.ErrShape, list.name, strconv.Itoa(list.n)+" numbers", "one, or one for each of "+strconv.FormatInt(shape[axis], 10)+" channels")
		}
	}
	return axis, nil
}

// scaleBlock is the number of elements that are converted at a time: a whole
// number of units of every packed dtype, and well inside the first-level cache.
const scaleBlock = 4096

// scaler is what the goroutines of a call share.
type scaler[T float32 | float64] struct {
	scale, bias []T // one for each channel, or one
	low, high   T
	clamp       bool
	round       bool

	dst, src tensor.View
	channel  int // axis of the channels, -1 if none

	// Blocks are whole indices of the axes behind cut, and at most each ones of
	// cut itself, pieces of them to an index of the axes before it.
	cut          int
	each, pieces int64
}

func scaleAll[T float32 | float64](dst, v tensor.View, s *Scaling, channel int) error {
	n := 1
	if channel >= 0 {
		n = int(v.Shape()[channel])
	}
	c := &scaler[T]{
		scale: numbers[T](s.Scale, n, 1), bias: numbers[T](s.Bias, n, 0),
		low: T(s.Min), high: T(s.Max), clamp: s.Clamp,
		round: integer(dst.DType()),
		dst:   dst, src: v, channel: channel,
	}
	if v.Rank() == 0 {
		var err error
		if c.dst, err = dst.ExpandDims(0); err != nil {
			return err
		}
		if c.src, err = v.ExpandDims(0); err != nil {
			return err
		}
	}
	blocks := c.plan()
	workers := s.Workers
	if max(dst.ByteSize(), v.ByteSize()) < shareMin {
		workers = 1
	}
	return parallel.EachWith(workers, blocks, func() []T { return make([]T, scaleBlock) }, c.block)
}

// numbers is list, rounded, with a number for each channel.
func numbers[T float32 | float64](list []float64, n int, without float64) []T {
	out := make([]T, n)
	for i := range out {
		switch len(list) {
		case 0:
			out[i] = T(without)
		case 1:
			out[i] = T(list[0])
		default:
			out[i] = T(list[i])
		}
	}
	return out
}

// plan cuts the elements to blocks and returns their number.
func (c *scaler[T]) plan() int64 {
	shape := c.src.Shape()
	inner := int64(1)
	for c.cut = len(shape) - 1; c.cut > 0 && inner*shape[c.cut] <= scaleBlock/2; c.cut-- {
		inner *= shape[c.cut]
	}
	c.each = min(scaleBlock/inner, shape[c.cut])
	c.pieces = count(shape[c.cut], c.each)
	blocks := c.pieces
	for _, n := range shape[:c.cut] {
		blocks *= n
	}
	return blocks
}

// block converts one block.
func (c *scaler[T]) block(room []T, i int64) error {
	shape := c.src.Shape()
	first := i % c.pieces * c.each
	i /= c.pieces
	src, err := c.src.Slice(c.cut, first, min(first+c.each, shape[c.cut]), 1)
	if err != nil {
		return err
	}
	dst, err := c.dst.Slice(c.cut, first, min(first+c.each, shape[c.cut]), 1)
	if err != nil {
		return err
	}
	channel := int64(0) // the first one of the block
	if c.channel == c.cut {
		channel = first
	}
	for axis := c.cut - 1; axis >= 0; axis-- {
		at := i % shape[axis]
		i /= shape[axis]
		if axis == c.channel {
			channel = at
		}
		if src, err = src.Index(axis, at); err != nil {
			return err
		}
		if dst, err = dst.Index(axis, at); err != nil {
			return err
		}
	}
	// In place if dst holds Ts as they are computed with, else by way of room.
	values, err := tensor.Data[T](dst)
	direct := err == nil
	work := dst
	if !direct {
		values = room[:src.NumElements()]
		if work, err = tensor.FromSlice(values, src.Shape()...); err != nil {
			return err
		}
	}
	if err := tensor.Cast(work, src); err != nil {
		return err
	}
	channels, inner := 1, len(values)
	if c.channel >= c.cut {
		channels = int(src.Shape()[c.channel-c.cut])
		inner = 1
		for _, n := range src.Shape()[c.channel-c.cut+1:] {
			inner *= int(n)
		}
	}
	c.compute(values, c.scale[channel:][:channels], c.bias[channel:][:channels], inner)
	if direct {
		return nil
	}
	return tensor.Cast(dst, work)
}

// compute works on values in C order: again and again inner of each channel.
func (c *scaler[T]) compute(values, scale, bias []T, inner int) {
	if inner == 1 {
		for at := 0; at < len(values); at += len(scale) {
			row, bias := values[at:][:len(scale)], bias[:len(scale)]
			for i, a := range scale {
				row[i] = T(row[i]*a) + bias[i]
			}
		}
	} else {
		for at := 0; at < len(values); {
			for i, a := range scale {
				b := bias[i]
				row := values[at : at+inner]
				for j, x := range row {
					row[j] = T(x*a) + b // the conversion forbids a fused multiply-add
				}
				at += inner
			}
		}
	}
	if c.clamp {
		for i, x := range values {
			if x < c.low {
				values[i] = c.low
			} else if x > c.high {
				values[i] = c.high
			}
		}
	}
	if c.round {
		for i, x := range values {
			values[i] = T(math.RoundToEven(float64(x)))
		}
	}
}
