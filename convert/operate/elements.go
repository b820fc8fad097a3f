package operate

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

// Cast converts elements to another dtype, as tensor.Cast does.
type Cast struct{ To tensor.DType }

func (c Cast) String() string { return "dtype " + c.To.String() }

func (c Cast) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		from, s := a.n.form()
		if from == c.To {
			return nil
		}
		if a.composed() {
			return a.castEntries(c.To)
		}
		if err := try(from, c.To, tensor.Cast); errors.Is(err, tensor.ErrDType) {
			return a.fail(tensor.ErrDType, "cast", "from "+from.String()+" to "+c.To.String(), "numeric dtypes")
		} else if err != nil {
			return err
		}
		if c.To.Packed() && len(s) == 0 {
			return a.fail(tensor.ErrShape, "dtype", c.To.String()+" of rank 0", "an axis to pack along")
		}
		a.n = point(a.n, c.To, tensor.Cast)
		return nil
	})
}

// try calls fn with a few elements, to see whether it knows the dtypes.
func try(from, to tensor.DType, fn func(dst, src tensor.View) error) error {
	n := int64(max(from.UnitElems, to.UnitElems, 1))
	src, err := tensor.Make(from, tensor.Shape{n})
	if err != nil {
		return err
	}
	dst, err := tensor.Make(to, tensor.Shape{n})
	if err != nil {
		return err
	}
	return fn(dst, src)
}

// Scale computes y = Scale*x + Bias, limited to Min and Max if Clamp is set, and
// gives y the dtype of x: see transform.ScaleBias for the arithmetic and the
// rounding of integers.
type Scale struct {
	Scale, Bias float64
	Clamp       bool
	Min, Max    float64
}

func (s Scale) String() string {
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	out := "scale " + text(s.Scale)
	if s.Bias != 0 || s.Clamp {
		out += "," + text(s.Bias)
	}
	if s.Clamp {
		out += "," + text(s.Min) + ":" + text(s.Max)
	}
	return out
}

func (s Scale) apply(in []*array) ([]*array, error) {
	how := &transform.Scaling{Scale: []float64{s.Scale}, Bias: []float64{s.Bias}, Clamp: s.Clamp, Min: s.Min, Max: s.Max, Workers: 1}
	fn := func(dst, src tensor.View) error { return transform.ScaleBiasInto(dst, src, how) }
	return each(in, func(a *array) error {
		d := a.dtype()
		if err := try(d, d, fn); err != nil {
			return err
		}
		a.n = point(a.n, d, fn)
		return nil
	})
}

func parseScale(text string) (Operator, error) {
	bad := badValue("scale", text, "A, A,B or A,B,LO:HI for y = A*x + B within LO to HI")
	parts := strings.Split(text, ",")
	if len(parts) > 3 {
		return nil, bad
	}
	s := Scale{}
	var err error
	if s.Scale, err = number(parts[0]); err != nil {
		return nil, bad
	}
	if len(parts) > 1 {
		if s.Bias, err = number(parts[1]); err != nil {
			return nil, bad
		}
	}
	if len(parts) > 2 {
		lo, hi, ok := strings.Cut(parts[2], ":")
		if !ok {
			return nil, bad
		}
		if s.Min, err = number(lo); err != nil {
			return nil, bad
		}
		if s.Max, err = number(hi); err != nil || s.Min > s.Max {
			return nil, bad
		}
		s.Clamp = true
	}
	return s, nil
}

// number reads a finite number, also as a fraction: 1/255.
func number(text string) (float64, error) {
	text = strings.TrimSpace(text)
	over, under, fraction := strings.Cut(text, "/")
	x, err := strconv.ParseFloat(strings.TrimSpace(over), 64)
	if fraction && err == nil {
		var y float64
		if y, err = strconv.ParseFloat(strings.TrimSpace(under), 64); err == nil {
			x /= y
		}
	}
	if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = fmt.Errorf("%v is not finite", x)
	}
	return x, err
}
