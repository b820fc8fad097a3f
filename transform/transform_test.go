package transform_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(x T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

func floats[T tensor.Elem](t testing.TB, v tensor.View) []T {
	t.Helper()
	return must[[]T](t)(tensor.Data[T](v))
}

// TestWorkers: what is large enough to be shared comes out as with one worker,
// whatever the axis that is cut.
func TestWorkers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	view := must[tensor.View](t)
	compared := 0
	shapes := []tensor.Shape{{2, 3, 300, 301}, {1, 600000}, {700, 801}, {600000, 1}, {5, 1, 120000}}
	if testing.Short() {
		shapes = shapes[:2]
	}
	for _, shape := range shapes {
		v := view(tensor.Make(tensor.U16, shape))
		for i := range floats[uint16](t, v) {
			floats[uint16](t, v)[i] = uint16(r.Uint32())
		}
		turned := view(v.Transpose())
		for _, src := range []tensor.View{v, turned} {
			pad := make([][2]int64, src.Rank())
			shift, axes := make([]int64, src.Rank()), make([]int, src.Rank())
			for i := range pad {
				pad[i] = [2]int64{r.Int64N(4), r.Int64N(4)}
				shift[i], axes[i] = r.Int64N(1000)-500, i
			}
			same := func(what string, run func(workers int) (tensor.View, error)) {
				t.Helper()
				one := view(run(1))
				for _, workers := range []int{2, 7} {
					many := view(run(workers))
					if equal, err := tensor.Equal(one, many); !equal || err != nil {
						t.Errorf("%s of %v with %d workers differs", what, src.Shape(), workers)
					}
					compared++
				}
			}
			for m := transform.Constant; m <= transform.Wrap; m++ {
				same("pad "+m.String(), func(w int) (tensor.View, error) {
					return transform.Pad(src, pad, &transform.PadOptions{Mode: m, Workers: w})
				})
			}
			same("roll", func(w int) (tensor.View, error) {
				return transform.Roll(src, shift, axes, &transform.RollOptions{Workers: w})
			})
			same("scale", func(w int) (tensor.View, error) {
				return transform.ScaleBias(src, tensor.F16, &transform.Scaling{Scale: []float64{0.1}, Bias: []float64{3}, Workers: w})
			})
		}
	}
	t.Logf("%d results compared", compared)
	if compared != 28*len(shapes) {
		t.Error("not all")
	}
}

func TestScaleRounding(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	v := must[tensor.View](t)(tensor.FromSlice([]float64{0.5, 1.5, 2.5, -0.5, -1.5, 254.5, 255.5, 1e9, -1e9, nan, inf, -inf, 8388607.5, 4503599627370497.5}))
	scale := func(d tensor.DType, s *transform.Scaling) tensor.View {
		return must[tensor.View](t)(transform.ScaleBias(v, d, s))
	}
	for i, want := range []uint8{0, 2, 2, 0, 0, 254, 255, 255, 0, 0, 255, 0, 255, 255} {
		if got := floats[uint8](t, scale(tensor.U8, nil))[i]; got != want {
			t.Errorf("u8 element %d: %d, want %d", i, got, want)
		}
	}
	for i, want := range []int64{0, 2, 2, 0, -2, 254, 256, 1e9, -1e9, 0, math.MaxInt64, math.MinInt64, 8388608, 4503599627370498} {
		if got := floats[int64](t, scale(tensor.I64, nil))[i]; got != want {
			t.Errorf("i64 element %d: %d, want %d", i, got, want)
		}
	}
	clamped := floats[float64](t, scale(tensor.F64, &transform.Scaling{Clamp: true, Min: -1, Max: 2}))
	for i, want := range []float64{0.5, 1.5, 2, -0.5, -1, 2, 2, 2, -1, nan, 2, -1, 2, 2} {
		if got := clamped[i]; got != want && !(got != got && want != want) {
			t.Errorf("clamped element %d: %v, want %v", i, got, want)
		}
	}
	// The product is rounded before the sum: fused, this would be -2^-46.
	x := float32(1) + 0x1p-23
	one := must[tensor.View](t)(tensor.FromSlice([]float32{x}))
	y := must[tensor.View](t)(transform.ScaleBias(one, tensor.F32, &transform.Scaling{Scale: []float64{1 - 0x1p-23}, Bias: []float64{-1}}))
	if got := floats[float32](t, y)[0]; got != 0 {
		t.Errorf("fused: %g", got)
	}
}

// TestScaleLongChannels: channels longer than a block, first and last.
func TestScaleLongChannels(t *testing.T) {
	const n = 10007
	x, scale := make([]float32, 3*n), make([]float64, n)
	for i := range x {
		x[i] = float32(i%1009) - 500
	}
	for i := range scale {
		scale[i] = float64(i%13) - 6
	}
	v := must[tensor.View](t)(tensor.FromSlice(x, 3, n))
	last := must[tensor.View](t)(transform.ScaleBias(v, tensor.I16, &transform.Scaling{Scale: scale, Axis: 1}))
	first := must[tensor.View](t)(transform.ScaleBias(must[tensor.View](t)(v.Transpose()), tensor.I16, &transform.Scaling{Scale: scale, Axis: 0}))
	a, b := floats[int16](t, last), floats[int16](t, first)
	for i := range 3 {
		for j := range n {
			want := int16(x[i*n+j] * float32(scale[j]))
			if a[i*n+j] != want || b[j*3+i] != want {
				t.Fatalf("(%d, %d): %d and %d, want %d", i, j, a[i*n+j], b[j*3+i], want)
			}
		}
	}
}

func TestPacked(t *testing.T) {
	view := must[tensor.View](t)
	x := []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	v := view(view(tensor.FromSlice(x, 2, 5)).Cast(tensor.U4))
	fill := view(tensor.FromSlice([]uint8{15}))
	want := func(what string, v tensor.View, rows ...[]uint8) {
		t.Helper()
		u := view(v.Cast(tensor.U8))
		for i, row := range rows {
			for j, x := range row {
				if got := must[uint8](t)(tensor.ReadElem[uint8](u, int64(i), int64(j))); got != x {
					t.Errorf("%s: element (%d, %d) is %d, want %d", what, i, j, got, x)
				}
			}
		}
	}
	want("rows around", view(transform.Pad(v, [][2]int64{{1, 0}, {0, 0}}, &transform.PadOptions{Fill: fill})), []uint8{15, 15, 15, 15, 15}, x[:5], x[5:])
	want("whole units before", view(transform.Pad(v, [][2]int64{{0, 1}, {2, 0}}, &transform.PadOptions{Fill: fill})),
		[]uint8{15, 15, 1, 2, 3, 4, 5}, []uint8{15, 15, 6, 7, 8, 9, 10}, []uint8{15, 15, 15, 15, 15, 15, 15})
	want("rolled rows", view(transform.Roll(v, []int64{1}, []int{0}, nil)), x[5:], x[:5])
	packed := view(view(tensor.FromSlice([]uint8{9})).Cast(tensor.U4))
	want("a packed fill", view(transform.Pad(v, [][2]int64{{1, 0}, {0, 0}}, &transform.PadOptions{Fill: packed})), []uint8{9, 9, 9, 9, 9})
	want("scaled", view(transform.ScaleBias(v, tensor.U4, &transform.Scaling{Scale: []float64{2}, Bias: []float64{-3}})), []uint8{0, 1, 3, 5, 7}, []uint8{9, 11, 13, 15, 15})
	if _, err := transform.Pad(v, [][2]int64{{0, 0}, {1, 0}}, nil); !errors.Is(err, tensor.ErrUnsupported) {
		t.Errorf("half a unit: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	view := must[tensor.View](t)
	v := view(tensor.FromSlice([]int16{1, 2, 3, 4, 5, 6}, 2, 3))
	empty := view(v.Slice(1, 0, 0, 1))
	word := view(tensor.Make(tensor.Text(3), tensor.Shape{2, 3}))
	two := view(tensor.FromSlice([]float64{1, 2}))
	none := [][2]int64{{0, 0}, {0, 0}}
	pad := func(p [][2]int64, o *transform.PadOptions) error {
		_, err := transform.Pad(v, p, o)
		return err
	}
	scale := func(v tensor.View, d tensor.DType, s transform.Scaling) error {
		_, err := transform.ScaleBias(v, d, &s)
		return err
	}
	_, emptyPad := transform.Pad(empty, [][2]int64{{0, 0}, {1, 0}}, &transform.PadOptions{Mode: transform.Edge})
	_, shifts := transform.Roll(v, []int64{1}, []int{0, 1}, nil)
	_, axis := transform.Roll(v, []int64{1}, []int{2}, nil)
	_, mode := transform.ParsePadMode("mirror\x1b")
	for _, c := range []struct {
		err  error
		kind error
		text string
	}{
		{pad(nil, nil), tensor.ErrShape, "pad: got 0 pairs, want one for each axis of (2, 3)"},
		{pad([][2]int64{{0, 0}, {0, -1}}, nil), tensor.ErrShape, "pad of axis 1: got -1, want 0 or more"},
		{pad([][2]int64{{math.MaxInt64, 0}, {}}, nil), tensor.ErrOverflow, "pad of axis 0: got 9223372036854775807, want an extent of at most 2^63-1"},
		{pad([][2]int64{{1 << 60, 0}, {}}, nil), tensor.ErrLimit, ""},
		{pad(none, &transform.PadOptions{Mode: 9}), tensor.ErrUnsupported, "pad: got mode 9, want a known mode"},
		{pad(none, &transform.PadOptions{Fill: two}), tensor.ErrShape, "fill: got (2,), want one element"},
		{pad(none, &transform.PadOptions{Fill: view(tensor.Make(tensor.Text(2), tensor.Shape{}))}), tensor.ErrDType, "cast: got from S2 on S2 (), want a numeric dtype"},
		{emptyPad, tensor.ErrShape, "pad of axis 1: got no elements to edge, want at least one"},
		{transform.PadInto(two, v, none, nil), tensor.ErrDType, "pad: got a destination of f64, want i16"},
		{transform.PadInto(v, v, [][2]int64{{1, 0}, {}}, nil), tensor.ErrShape, "pad: got a destination of (2, 3), want (3, 3)"},
		{shifts, tensor.ErrShape, "roll: got 1 shifts, want one for each of 2 axes"},
		{axis, tensor.ErrIndex, "axis: got 2, want -2 to 1"},
		{mode, tensor.ErrUnsupported, `pad mode: got "mirror\x1b", want constant, edge, reflect, symmetric or wrap`},
		{scale(word, tensor.F32, transform.Scaling{}), tensor.ErrDType, "scale: got S3, want a real number"},
		{scale(v, tensor.C64, transform.Scaling{}), tensor.ErrDType, "scale: got c64, want a real number"},
		{scale(v, tensor.F32, transform.Scaling{Bias: []float64{1, 2}, Axis: 1}), tensor.ErrShape, "bias: got 2 numbers, want one, or one for each of 3 channels"},
		{scale(v, tensor.F32, transform.Scaling{Bias: []float64{1, 2}, Axis: -3}), tensor.ErrIndex, "axis: got -3, want -2 to 1"},
		{scale(v, tensor.F32, transform.Scaling{Clamp: true, Min: 1, Max: math.NaN()}), tensor.ErrShape, "clamp: got 1 to NaN, want a range"},
		{transform.ScaleBiasInto(two, v, nil), tensor.ErrShape, "scale: got a destination of (2,), want (2, 3)"},
	} {
		if !errors.Is(c.err, c.kind) || c.text != "" && c.err.Error() != c.text {
			t.Errorf("error %v\nwant  %v", c.err, c.text)
		}
	}
}

// FuzzPad pads and rolls by numbers of any kind: refused, or every element is
// one of the source that the definition names.
func FuzzPad(f *testing.F) {
	f.Add(int64(3), int64(2), int64(1), int64(7), uint8(2), int64(-5))
	f.Add(int64(1), int64(1<<62), int64(1<<62), int64(-1), uint8(0), int64(math.MinInt64))
	f.Add(int64(2), int64(40), int64(41), int64(0), uint8(4), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, n, before, after, other int64, mode uint8, shift int64) {
		n &= 15
		data := make([]uint16, n)
		for i := range data {
			data[i] = uint16(i) + 1
		}
		v, err := tensor.FromSlice(data, n)
		if err != nil {
			t.Fatal(err)
		}
		if before > 1<<16 || after > 1<<16 || other > 1<<4 {
			// Sizes only: what would be allocated may be anything.
			if _, err := transform.PadShape(tensor.Shape{n, 1}, [][2]int64{{before, after}, {other, 0}}); err == nil && (before < 0 || after < 0 || other < 0) {
				t.Error("negative numbers accepted")
			}
			return
		}
		m := transform.PadMode(mode)
		got, err := transform.Pad(v, [][2]int64{{before, after}}, &transform.PadOptions{Mode: m})
		if err == nil {
			x := floats[uint16](t, got)
			for i, x := range x {
				if want := padded(data, int64(i)-before, m); x != want {
					t.Fatalf("%v of %d elements, %d before: element %d is %d, want %d", m, n, before, i, x, want)
				}
			}
		} else if e := (*tensor.Error)(nil); !errors.As(err, &e) {
			t.Errorf("%T is no *Error", err)
		}
		rolled, err := transform.Roll(v, []int64{shift}, []int{0}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range floats[uint16](t, rolled) {
			// i-shift does not overflow in two steps.
			if want := data[mod(mod(int64(i), n)-mod(shift, n), n)]; x != want {
				t.Fatalf("rolled by %d: element %d is %d, want %d", shift, i, x, want)
			}
		}
	})
}

func mod(a, n int64) int64 { return (a%n + n) % n }

// padded is the definition of the modes, place by place.
func padded(x []uint16, i int64, m transform.PadMode) uint16 {
	n := int64(len(x))
	if i >= 0 && i < n {
		return x[i]
	}
	switch m {
	case transform.Edge:
		return x[max(min(i, n-1), 0)]
	case transform.Wrap:
		return x[mod(i, n)]
	case transform.Reflect:
		if n == 1 {
			return x[0]
		}
		i = mod(i, 2*n-2)
		return x[min(i, 2*n-2-i)]
	case transform.Symmetric:
		i = mod(i, 2*n)
		return x[min(i, 2*n-1-i)]
	}
	return 0
}
