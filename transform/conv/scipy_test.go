package conv_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// scipyCase is a line of testdata/scipy.jsonl.gz; see gen_conv.py.
type scipyCase struct {
	In          tensor.Shape `json:"in"`
	Filters     tensor.Shape `json:"w"`
	DType       string       `json:"d"`
	FilterDType string       `json:"wd"`
	Last        bool         `json:"last"`
	Bias        bool         `json:"bias"`
	Flip        bool         `json:"flip"`
	Groups      int64        `json:"groups"`
	Stride      []int64      `json:"stride"`
	Dilation    []int64      `json:"dilation"`
	Pad         [][2]int64   `json:"pad"`
	Origin      []int64      `json:"origin"`
	Err         bool         `json:"err"`
	Shape       tensor.Shape `json:"s"`
	Magnitude   float64      `json:"m"` // the largest sum of magnitudes
	Result      string       `json:"y"` // float64, little-endian, in C order
}

// base makes the array that the script makes.
func base(t testing.TB, name string, s tensor.Shape, salt int64) tensor.View {
	t.Helper()
	order := tensor.LittleEndian
	if name[0] == '>' {
		order = tensor.BigEndian
	}
	d := map[string]tensor.DType{"f4": tensor.F32, "f8": tensor.F64, "f2": tensor.F16, "u1": tensor.U8, "i2": tensor.I16, "?": tensor.Bool}[strings.TrimLeft(name, "<>")]
	n, err := s.NumElements()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(uint32((int64(i)+1000003*salt)*2654435761))/(1<<32) - 0.5
		switch d {
		case tensor.Bool:
			x[i] = max(x[i], 0)
		case tensor.U8:
			x[i] = math.Floor((x[i] + 0.5) * 250)
		case tensor.I16:
			x[i] = math.Floor(x[i] * 250)
		}
	}
	from, err := tensor.FromSlice(x, s...)
	if err != nil {
		t.Fatal(err)
	}
	to, err := tensor.NewView(make([]byte, n*int64(d.UnitBytes)), d, s, nil, 0, order)
	if err != nil {
		t.Fatal(err)
	}
	if err := tensor.Cast(to, from); err != nil {
		t.Fatal(err)
	}
	return to
}

func (c scipyCase) operands(t testing.TB) (in, filters tensor.View, o *conv.Options) {
	spatial := len(c.Filters) - 2
	in = base(t, c.DType, c.In, 1)
	if c.Last {
		lead := len(c.In) - spatial - 1
		stored := append(append(c.In[:lead:lead], c.In[lead+1:]...), c.In[lead])
		in = base(t, c.DType, stored, 1)
		axes := make([]int, len(c.In))
		for i := range axes {
			switch {
			case i < lead:
				axes[i] = i
			case i == lead:
				axes[i] = len(axes) - 1
			default:
				axes[i] = i - 1
			}
		}
		var err error
		if in, err = in.Permute(axes...); err != nil {
			t.Fatal(err)
		}
	}
	o = &conv.Options{Stride: c.Stride, Dilation: c.Dilation, Pad: c.Pad, Origin: c.Origin, Groups: c.Groups}
	if c.Bias {
		o.Bias = base(t, "<f4", c.Filters[:1], 3)
	}
	return in, base(t, c.FilterDType, c.Filters, 2), o
}

func (c scipyCase) check(t *testing.T) (worst float64) {
	in, filters, o := c.operands(t)
	into, fresh := conv.CorrelateInto, conv.Correlate
	if c.Flip {
		into, fresh = conv.ConvolveInto, conv.Convolve
	}
	got, err := fresh(in, filters, o)
	if c.Err {
		var e *tensor.Error
		if !errors.As(err, &e) {
			t.Errorf("error %v, SciPy refuses", err)
		}
		return 0
	}
	if err != nil || !got.Shape().Equal(c.Shape) {
		t.Errorf("shape %v, want %v (%v)", got.Shape(), c.Shape, err)
		return 0
	}
	y, err := base64.StdEncoding.DecodeString(c.Result)
	if err != nil {
		t.Fatal(err)
	}
	// The other precision too, unless it would not hold the operands.
	double, err := tensor.Make(tensor.F64, c.Shape)
	if err != nil {
		t.Fatal(err)
	}
	if err := into(double, in, filters, o); err != nil {
		t.Error(err)
		return 0
	}
	products := float64(1)
	for _, n := range c.Filters[1:] {
		products *= float64(n)
	}
	for _, v := range []tensor.View{got, double} {
		u := 0x1p-53
		if v.DType() == tensor.F32 {
			u = 0x1p-24
		}
		tolerance := (products + 1) * u / (1 - (products+1)*u) * c.Magnitude
		tolerance += (products + 1) * 0x1p-53 * c.Magnitude // SciPy's own
		wide, err := v.Cast(tensor.F64)
		if err != nil {
			t.Fatal(err)
		}
		x, err := tensor.Data[float64](wide)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range x {
			want := math.Float64frombits(binary.LittleEndian.Uint64(y[8*i:]))
			off := math.Abs(x - want)
			if !(off <= tolerance) {
				t.Errorf("%v element %d: %v, want %v +- %v", v.DType(), i, x, want, tolerance)
				return 0
			}
			if tolerance > 0 {
				worst = max(worst, off/tolerance)
			}
		}
	}
	return worst
}

func replay(t *testing.T, r io.Reader) (n, refused, origins int, worst float64) {
	n = golden.Each(t, r, func(c *scipyCase) {
		if c.Err {
			refused++
		} else if len(c.Origin) > 0 {
			origins++
		}
		worst = max(worst, c.check(t))
	})
	return n, refused, origins, worst
}

func TestEqualsSciPy(t *testing.T) {
	n, refused, origins, worst := replay(t, golden.Kept(t, "testdata/scipy.jsonl.gz"))
	t.Logf("%d cases, %d refused, %d with an origin; off by %.2f of the tolerance at most", n, refused, origins, worst)
	if n != 400 || refused < 20 || origins < 100 {
		t.Errorf("%d cases, %d refused, %d with an origin", n, refused, origins)
	}
}

// TestSciPyInterop asks a living SciPy about other cases.
func TestSciPyInterop(t *testing.T) {
	count := 800
	if testing.Short() {
		count = 200
	}
	lines, _ := golden.Fresh(t, "SciPy", "testdata/gen_conv.py", count)
	n, refused, origins, worst := replay(t, lines)
	t.Logf("%d cases, %d refused, %d with an origin; off by %.2f of the tolerance at most", n, refused, origins, worst)
	if n != count || refused < n/50 || origins < n/5 {
		t.Errorf("%d cases, %d refused, %d with an origin", n, refused, origins)
	}
}
