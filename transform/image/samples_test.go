package image_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// TestConvertSamples compares each sample with the rule in exact fractions.
func TestConvertSamples(t *testing.T) {
	var bytes, words []float64
	for i := range 256 {
		bytes = append(bytes, float64(i))
	}
	step := 1
	if testing.Short() {
		step = 13
	}
	for i := 0; i < 65536; i += step {
		words = append(words, float64(i))
	}
	floats := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, math.Copysign(0, -1), -1e-30, 1, 2, 1e30, math.Nextafter(1, 0)}
	for i := range 4000 {
		floats = append(floats, float64(float32(i)/3999), float64(float32(i)/510))
	}
	for i := range 511 { // halves between two integers
		floats = append(floats, (float64(i)+0.5)/255, (float64(i)+0.5)/65535)
	}
	full := map[tensor.DType]int64{tensor.Bool: 1, tensor.U8: 255, tensor.U16: 65535, tensor.F16: 1, tensor.BF16: 1, tensor.F32: 1, tensor.F64: 1}
	n := 0
	for _, c := range []struct {
		d tensor.DType
		x []float64
	}{
		{tensor.Bool, []float64{0, 1, 1, 0, 1}}, {tensor.U8, bytes}, {tensor.U16, words},
		{tensor.F16, floats}, {tensor.BF16, floats}, {tensor.F32, floats}, {tensor.F64, floats},
	} {
		for to := range full {
			if to == tensor.Bool && c.d != tensor.Bool {
				continue
			}
			f, err := tensor.FromSlice(c.x, int64(len(c.x)))
			check(t, err)
			src, err := f.Cast(c.d)
			check(t, err)
			dst, err := tensor.Make(to, src.Shape())
			check(t, err)
			check(t, image.ConvertSamples(dst, src))
			for i := range src.Shape()[0] {
				x, err := src.Float64At(i)
				check(t, err)
				got, err := dst.Float64At(i)
				check(t, err)
				want := x
				switch float := to.Class == tensor.ClassFloat; {
				case !float && c.d.Class == tensor.ClassFloat:
					want = rounded(x, full[to])
				case !float:
					q := new(big.Rat).SetFrac64(int64(x)*full[to], full[c.d])
					want = even(q)
				case c.d.Class != tensor.ClassFloat:
					want = x / float64(full[c.d])
					fallthrough
				default:
					one, err := tensor.FromSlice([]float64{want}, 1)
					check(t, err)
					one, err = one.Cast(to)
					check(t, err)
					want, err = one.Float64At(0)
					check(t, err)
				}
				if got != want && (got == got || want == want) {
					t.Fatalf("%v %v to %v: %v, want %v", c.d, x, to, got, want)
				}
				n++
			}
		}
	}
	if t.Logf("%d samples", n); n < 600_000 && !testing.Short() || n < 200_000 {
		t.Error("too few")
	}
}

// rounded is x of full scale 1 as an integer.
func rounded(x float64, full int64) float64 {
	if !(x > 0) {
		return 0
	}
	if x >= 1 {
		return float64(full)
	}
	// The product as the machine has it: halves of float64 are its own.
	return even(new(big.Rat).SetFloat64(x * float64(full)))
}

func even(q *big.Rat) float64 {
	twice := new(big.Rat).Mul(q, big.NewRat(2, 1))
	n := new(big.Int).Div(new(big.Int).Add(twice.Num(), twice.Denom()), new(big.Int).Mul(twice.Denom(), big.NewInt(2)))
	if twice.IsInt() && twice.Num().Bit(0) == 1 && n.Bit(0) == 1 {
		n.Sub(n, big.NewInt(1))
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return f
}

// TestConvertSamplesOfViews goes through strides, byte orders and pieces.
func TestConvertSamplesOfViews(t *testing.T) {
	data := make([]uint16, 3*70*300)
	for i := range data {
		data[i] = uint16(i * 40503)
	}
	v, err := tensor.FromSlice(data, 3, 70, 300)
	check(t, err)
	turned, err := v.Permute(2, 1, 0)
	check(t, err)
	turned, err = turned.Flip(0)
	check(t, err)
	room := make([]byte, 2*len(data))
	big, err := tensor.NewView(room, tensor.F16, turned.Shape(), nil, 0, tensor.BigEndian)
	check(t, err)
	check(t, image.ConvertSamples(big, turned))
	small, err := tensor.Make(tensor.U8, v.Shape())
	check(t, err)
	flat, err := small.Permute(2, 1, 0)
	check(t, err)
	flat, err = flat.Flip(0)
	check(t, err)
	check(t, image.ConvertSamples(flat, turned))
	for i, x := range data {
		c, y, w := int64(i/300/70), int64(i/300%70), int64(i%300)
		if got, _ := small.Float64At(c, y, w); got != math.Round(float64(x)/257) {
			t.Fatalf("%d became %v", x, got)
		}
		if got, _ := big.Float64At(299-w, y, c); got != tensor.ToFloat16(float64(x)/65535).Float64() {
			t.Fatalf("%d became %v", x, got)
		}
	}
	for _, c := range []struct {
		from, to tensor.DType
		shape    tensor.Shape
		kind     error
	}{
		{tensor.U8, tensor.U16, tensor.Shape{2, 3}, tensor.ErrShape},
		{tensor.I32, tensor.U8, tensor.Shape{3, 2}, tensor.ErrDType},
		{tensor.U8, tensor.I16, tensor.Shape{3, 2}, tensor.ErrDType},
		{tensor.U8, tensor.Bool, tensor.Shape{3, 2}, tensor.ErrDType},
		{tensor.F32, tensor.Bool, tensor.Shape{3, 2}, tensor.ErrDType},
		{tensor.F32, tensor.U8, tensor.Shape{3, 2}, nil},
		{tensor.Bool, tensor.Bool, tensor.Shape{3, 2}, nil},
	} {
		src, err := tensor.Make(c.from, tensor.Shape{3, 2})
		check(t, err)
		dst, err := tensor.Make(c.to, c.shape)
		check(t, err)
		if err := image.ConvertSamples(dst, src); !errors.Is(err, c.kind) {
			t.Errorf("%v to %v: %v", c.from, c.to, err)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
