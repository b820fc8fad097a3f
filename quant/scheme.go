package quant

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Rule says how scales follow from the elements of a group.
type Rule uint8

const (
	// AbsMax: the scale is the largest magnitude divided by the largest value of
	// the type, 127 for i8 and 7 for i4; -128 and -8 are not used. There are no
	// zero points.
	AbsMax Rule = iota
	// MinMax: the scale is (hi-lo)/(number of values-1), where lo and hi are the
	// least and the largest element and 0 if that lies outside; the zero point,
	// of the dtype of the values, is the least value less lo/scale, rounded to
	// nearest even: 0 comes back as 0. For integers.
	MinMax
	// MX: the scale is the power of two of the OCP Microscaling specification
	// 1.0: 2^(floor(log2(absmax)) - emax), at least 2^-127, where emax is the
	// exponent of the largest value of the type: 8 for f8_e4m3fn, 15 for f8_e5m2,
	// 2 for f6_e2m3, 4 for f6_e3m2, 2 for f4_e2m1, and 6 for i8, whose elements
	// that specification counts in 64ths.
	MX
)

// Scheme says how Quantise makes an array.
//
// Elements and scales are computed in binary32. The scale is kept within the
// positive finite values of its dtype and rounded up to one of f16 or bf16; that
// of a group of zeros is 1, by MX 2^-127. With this scale s and the zero point z
// a value is round(x/s) + z, to nearest even, or x/s rounded to nearest
// even to a float type; what lies beyond the largest value becomes that one.
//
// What comes back differs from x by at most these multiples of the scale, times
// 1 + 2^-14, if the scale was in the range of its dtype, and then by the rounding
// to the dtype of the array:
//
//	            AbsMax, MinMax    MX
//	i4 u4 i8 u8     1/2           1 (i8)
//	f4_e2m1         1             2
//	f6_e2m3         1/4           1/2
//	f6_e3m2         2             4
//	f8_e4m3fn       16            64
//	f8_e5m2         4096          8192
//	f8_e4m3fnuz     8
//	f8_e5m2fnuz     4096
//
// NaN and infinities, and what is one as binary32, are refused.
type Scheme struct {
	// Values is a dtype of the table above.
	Values tensor.DType
	// Scales is f16, bf16, f32 or f64; default f32. By MX it is f8_e8m0.
	Scales tensor.DType
	// Rule is how scales follow from elements. Default: AbsMax, and MinMax for u4
	// and u8, which have no other.
	Rule Rule
	// Block has the extents of a group along Axes or, without these, along the
	// last axes; along the others a group has one index. Extents may be larger
	// than those of the tensor. Default: nil; by MX 32 along each of Axes, or along
	// the last axis.
	Block []int64
	// Axes, counted from the end if negative, have without Block a scale for each
	// of their indices, common to all other axes. Default: nil, and without Block
	// one scale for the tensor.
	Axes []int
}

// limits are what is to be known of a type of values.
type limits struct {
	dtype  tensor.DType
	name   string // of the MX format; "" if it is none
	lo, hi float32
	emax   int // exponent of hi, of the format
	whole  bool
}

var types = []limits{
	{tensor.I4, "", -7, 7, 0, true},
	{tensor.U4, "", 0, 15, 0, true},
	{tensor.I8, "mxint8", -127, 127, 6, true},
	{tensor.U8, "", 0, 255, 0, true},
	{tensor.F4E2M1, "mxfp4", -6, 6, 2, false},
	{tensor.F6E2M3, "mxfp6_e2m3", -7.5, 7.5, 2, false},
	{tensor.F6E3M2, "mxfp6_e3m2", -28, 28, 4, false},
	{tensor.F8E4M3FN, "mxfp8_e4m3", -448, 448, 8, false},
	{tensor.F8E5M2, "mxfp8_e5m2", -57344, 57344, 15, false},
	{tensor.F8E4M3FNUZ, "", -240, 240, 0, false},
	{tensor.F8E5M2FNUZ, "", -57344, 57344, 0, false},
}

// normal is s with its defaults, checked, and the limits of its type.
func (s Scheme) normal() (Scheme, limits, error) {
	bad := func(field, got, want string) (Scheme, limits, error) {
		return s, limits{}, fail(tensor.ErrUnsupported, field, got, want, "")
	}
	i := slices.IndexFunc(types, func(t limits) bool { return t.dtype == s.Values })
	if i < 0 {
		return bad("quantised values", s.Values.String(), "one of "+typeNames())
	}
	t := types[i]
	if t.lo == 0 && s.Rule == AbsMax {
		s.Rule = MinMax
	}
	switch s.Rule {
	case AbsMax:
	case MinMax:
		if !t.whole {
			return bad("zero points", "values of "+s.Values.String(), "integers")
		}
		if t.lo < 0 {
			t.lo--
		}
	case MX:
		if t.name == "" {
			return bad("mx values", s.Values.String(), "f4_e2m1, f6_e2m3, f6_e3m2, f8_e4m3fn, f8_e5m2 or i8")
		}
		if s.Block == nil {
			s.Block = slices.Repeat([]int64{32}, max(len(s.Axes), 1))
		}
	default:
		return bad("rule", strconv.Itoa(int(s.Rule)), "AbsMax, MinMax or MX")
	}
	if s.Scales == (tensor.DType{}) {
		s.Scales = tensor.F32
		if s.Rule == MX {
			s.Scales = tensor.F8E8M0
		}
	}
	if s.Rule == MX {
		if s.Scales != tensor.F8E8M0 {
			return bad("scales of mx", s.Scales.String(), "f8_e8m0")
		}
	} else if _, hi := scaleRange(s.Scales); hi == 0 {
		return bad("scales", s.Scales.String(), "f16, bf16, f32 or f64")
	}
	if s.Block != nil && s.Axes != nil && len(s.Block) != len(s.Axes) {
		return bad("block", tensor.Shape(s.Block).String(), fmt.Sprintf("extents for the axes %v", s.Axes))
	}
	for _, n := range s.Block {
		if n < 1 || n > math.MaxUint32 {
			return bad("block", tensor.Shape(s.Block).String(), "extents of 1 to 4294967295")
		}
	}
	return s, t, nil
}

func typeNames() string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.dtype.String()
	}
	return strings.Join(names, ", ")
}

// scaleRange is the least positive and the largest finite value of a dtype of
// scales as binary32; hi is 0 for other dtypes.
func scaleRange(d tensor.DType) (lo, hi float32) {
	switch d {
	case tensor.F16:
		return 0x1p-24, 65504
	case tensor.BF16:
		return 0x1p-133, 0x1.fep127
	case tensor.F32, tensor.F64:
		return math.SmallestNonzeroFloat32, math.MaxFloat32
	}
	return 0, 0
}

// Check reports an error if the scheme is not one that Quantise knows.
func (s Scheme) Check() error {
	_, _, err := s.normal()
	return err
}

// Group is the extent of the groups along each axis of a shape. An axis of which
// groups take all has its extent, or 1 if that is 0.
func (s Scheme) Group(shape tensor.Shape) ([]int64, error) {
	s, _, err := s.normal()
	if err != nil {
		return nil, err
	}
	rank := len(shape)
	axes := s.Axes
	if axes == nil {
		for k := range s.Block {
			axes = append(axes, k-len(s.Block))
		}
	}
	group := make([]int64, rank)
	for k, n := range shape {
		if group[k] = max(n, 1); s.Block != nil {
			group[k] = 1
		}
	}
	seen := make([]bool, rank)
	for i, axis := range axes {
		if axis < 0 {
			axis += rank
		}
		if axis < 0 || axis >= rank || seen[axis] {
			return nil, fail(tensor.ErrIndex, "axes of groups", fmt.Sprint(axes), fmt.Sprintf("axes of the shape %v", shape), "")
		}
		seen[axis] = true
		if group[axis] = 1; s.Block != nil {
			group[axis] = s.Block[i]
		}
	}
	for _, g := range group {
		if g > math.MaxUint32 {
			return nil, fail(tensor.ErrUnsupported, "group", fmt.Sprint(group), "extents up to 4294967295", "")
		}
	}
	return group, nil
}

// ParseScheme reads a scheme: a dtype or the name of an MX format, and behind a
// colon, between commas, what differs from the defaults:
//
//	i8                       one scale for the tensor
//	i8:axis=0                a scale for each index of axis 0
//	i8:axis=0+2              one for each pair of indices of axes 0 and 2
//	i4:group=32              one for each 32 elements along the last axis
//	u4:group=128,scales=f16  with zero points, as u4 and u8 always
//	i8:zeros                 with zero points
//	f8_e4m3fn:block=128x128  tiles of the last two axes
//	mxfp8_e4m3, mxfp8_e5m2, mxfp6_e2m3, mxfp6_e3m2, mxfp4, mxint8
//	mxfp4:axis=0             groups of 32 along axis 0
//
// Errors are ErrFormat, or ErrUnsupported for what Quantise does not know.
func ParseScheme(text string) (Scheme, error) {
	name, rest, more := strings.Cut(strings.TrimSpace(text), ":")
	var s Scheme
	if i := slices.IndexFunc(types, func(t limits) bool { return t.name != "" && t.name == name }); i >= 0 {
		s.Values, s.Rule = types[i].dtype, MX
	} else {
		var err error
		if s.Values, err = tensor.ParseDType(name); err != nil {
			return s, err
		}
	}
	bad := func(got, want string) (Scheme, error) {
		return s, fail(tensor.ErrFormat, "scheme", tensor.Quote(got), want, "")
	}
	if more && rest == "" {
		return bad(text, "axis=N, group=N, block=AxB, scales=DTYPE or zeros behind the colon")
	}
	for _, item := range strings.Split(rest, ",") {
		key, value, _ := strings.Cut(item, "=")
		switch key {
		case "":
			if more {
				return bad(text, "no empty item")
			}
		case "zeros":
			s.Rule = MinMax
			if item != key || slices.ContainsFunc(types, func(t limits) bool { return t.name == name && name != "" }) {
				return bad(item, "zeros by itself, and none of an mx format")
			}
		case "axis":
			if s.Axes != nil {
				return bad(item, "axis once")
			}
			for _, n := range strings.Split(value, "+") {
				axis, err := strconv.Atoi(n)
				if err != nil {
					return bad(item, "axes by their numbers, between them +")
				}
				s.Axes = append(s.Axes, axis)
			}
		case "group", "block":
			if s.Block != nil {
				return bad(item, "one group or block")
			}
			for _, n := range strings.Split(value, "x") {
				g, err := strconv.ParseUint(n, 10, 32)
				if err != nil || g == 0 {
					return bad(item, "extents of 1 to 4294967295, between them x")
				}
				s.Block = append(s.Block, int64(g))
			}
			if key == "group" && len(s.Block) > 1 {
				return bad(item, "one number; tiles are block=AxB")
			}
		case "scales":
			var err error
			if s.Scales, err = tensor.ParseDType(value); err != nil {
				return s, err
			}
		default:
			return bad(item, "axis=N, group=N, block=AxB, scales=DTYPE or zeros")
		}
	}
	return s, s.Check()
}

// String is the scheme as ParseScheme reads it.
func (s Scheme) String() string {
	s, t, err := s.normal()
	if err != nil {
		return s.Values.String()
	}
	name := s.Values.String()
	var list []string
	switch {
	case s.Rule == MX:
		if name = t.name; s.Axes == nil && len(s.Block) == 1 && s.Block[0] == 32 {
			return name
		}
	case s.Rule == MinMax && s.Values.Class == tensor.ClassInt:
		list = append(list, "zeros")
	}
	if len(s.Axes) > 0 {
		list = append(list, "axis="+strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Axes), "[]"), " ", "+"))
	}
	if len(s.Block) > 0 {
		parts := make([]string, len(s.Block))
		for i, n := range s.Block {
			parts[i] = strconv.FormatInt(n, 10)
		}
		key := "group="
		if len(parts) > 1 {
			key = "block="
		}
		list = append(list, key+strings.Join(parts, "x"))
	}
	if s.Rule != MX && s.Scales != tensor.F32 {
		list = append(list, "scales="+s.Scales.String())
	}
	if len(list) == 0 {
		return name
	}
	return name + ":" + strings.Join(list, ",")
}
