package conv_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

func floats(t testing.TB, v tensor.View) []float32 {
	t.Helper()
	x, err := tensor.Data[float32](v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func random(t testing.TB, r *rand.Rand, s ...int64) tensor.View {
	t.Helper()
	v, err := tensor.Make(tensor.F32, s)
	if err != nil {
		t.Fatal(err)
	}
	x := floats(t, v)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return v
}

// documented is the definition in the order of additions that the package
// promises, for two spatial axes, an input with a batch and kernels as applied.
func documented(t testing.TB, in, filters tensor.View, bias []float32, o *conv.Options, s tensor.Shape) []float32 {
	x, w := floats(t, in), floats(t, filters)
	channels, h, wide := in.Shape()[1], in.Shape()[2], in.Shape()[3]
	per, kh, kw := filters.Shape()[1], filters.Shape()[2], filters.Shape()[3]
	var out []float32
	for n := range s[0] {
		for f := range s[1] {
			first := f / (s[1] / o.Groups) * per
			for i := range s[2] {
				for j := range s[3] {
					var sum float32
					if bias != nil {
						sum = bias[f]
					}
					for c := range per {
						for y := range kh {
							for z := range kw {
								value := float32(0)
								a := i*o.Stride[0] + y*o.Dilation[0] - o.Pad[0][0]
								b := j*o.Stride[1] + z*o.Dilation[1] - o.Pad[1][0]
								if a >= 0 && a < h && b >= 0 && b < wide {
									value = x[((n*channels+first+c)*h+a)*wide+b]
								}
								sum += float32(w[((f*per+c)*kh+y)*kw+z] * value)
							}
						}
					}
					out = append(out, sum)
				}
			}
		}
	}
	return out
}

// TestOrderOfAdditions: every bit is that of the documented order, whatever the
// geometry, the number of workers and the memory of the result.
func TestOrderOfAdditions(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	pick := func(least, most int64) int64 { return least + r.Int64N(most-least+1) }
	compared, cases := 0, 0
	for i := range 150 {
		o := &conv.Options{
			Groups:   pick(1, 3),
			Stride:   []int64{pick(1, 3), pick(1, 3)},
			Dilation: []int64{pick(1, 2), pick(1, 3)},
			Pad:      [][2]int64{{pick(0, 3), pick(0, 3)}, {pick(0, 3), pick(0, 3)}},
			Workers:  int(pick(1, 4)),
		}
		h, w := pick(1, 40), pick(1, 90)
		switch i { // blocks of several rows, of parts of rows, and shared ones
		case 0:
			o.Groups, h, w = 1, 300, 500
		case 1:
			o.Groups, h, w, o.Stride[1] = 1, 3, 9000, 1
		case 2:
			o.Groups, h, w, o.Stride[1] = 1, 7, 20000, 2
		}
		in := random(t, r, pick(1, 2), o.Groups*pick(1, 3), h, w)
		filters := random(t, r, o.Groups*pick(1, 3), in.Shape()[1]/o.Groups, pick(1, 4), pick(1, 5))
		var bias []float32
		if r.IntN(2) == 0 {
			o.Bias = random(t, r, filters.Shape()[0])
			bias = floats(t, o.Bias)
		}
		s, err := conv.OutShape(in.Shape(), filters.Shape(), o)
		if err != nil {
			continue // smaller than the kernel
		}
		cases++
		want := documented(t, in, filters, bias, o, s)
		same := func(what string, v tensor.View, err error) {
			t.Helper()
			if err == nil {
				v, err = v.Clone()
			}
			if err != nil {
				t.Fatal(err)
			}
			for k, x := range floats(t, v) {
				if math.Float32bits(x) != math.Float32bits(want[k]) {
					t.Fatalf("%s: input %v, filters %v, %+v: result %d is %v, want %v", what, in.Shape(), filters.Shape(), o, k, x, want[k])
				}
				compared++
			}
		}
		got, err := conv.Correlate(in, filters, o)
		same("correlate", got, err)
		flipped, err := filters.Flip(2, 3)
		if err != nil {
			t.Fatal(err)
		}
		got, err = conv.Convolve(in, flipped, o)
		same("convolve with flipped kernels", got, err)

		// Into every second element of memory in the other order of axes.
		wide, err := tensor.Make(tensor.F32, tensor.Shape{s[3], s[2], s[1], s[0], 2})
		if err != nil {
			t.Fatal(err)
		}
		dst, err := wide.Index(-1, 1)
		if err == nil {
			dst, err = dst.Transpose()
		}
		if err != nil {
			t.Fatal(err)
		}
		same("into strided memory", dst, conv.CorrelateInto(dst, in, filters, o))
		for k, x := range floats(t, wide) {
			if k%2 == 0 && x != 0 {
				t.Fatal("wrote between the elements of the destination")
			}
		}
	}
	t.Logf("%d convolutions, %d results compared", cases, compared)
	if cases < 120 || compared < 1_000_000 {
		t.Error("too few")
	}
}

// TestOverItsInput: a result may take the place of its input.
func TestOverItsInput(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	in, filters := random(t, r, 1, 20, 30), random(t, r, 1, 1, 3, 3)
	o := &conv.Options{Origin: []int64{1, 1}}
	want, err := conv.Correlate(in, filters, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := conv.CorrelateInto(in, in, filters, o); err != nil {
		t.Fatal(err)
	}
	if same, err := tensor.Equal(in, want); !same || err != nil {
		t.Error("differs", err)
	}
}

func TestPackedOperands(t *testing.T) {
	x := []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	wide, err := tensor.FromSlice(x, 1, 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	in, err := wide.Cast(tensor.U4)
	if err != nil {
		t.Fatal(err)
	}
	k, err := tensor.FromSlice([]float32{1, -1, 0.5}, 1, 1, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	filters, err := k.Cast(tensor.F4E2M1)
	if err != nil {
		t.Fatal(err)
	}
	a, err := conv.Convolve(in, filters, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{1*0.5 - 2 + 3, 1 - 3 + 4, 1.5 - 4 + 5, 3 - 7 + 8, 3.5 - 8 + 9, 4 - 9 + 10} {
		if got := floats(t, a)[i]; got != want {
			t.Errorf("element %d: %v, want %v", i, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	in, filters := random(t, r, 2, 5, 6), random(t, r, 4, 2, 3, 3)
	word, err := tensor.Make(tensor.Text(3), tensor.Shape{2, 5, 6})
	if err != nil {
		t.Fatal(err)
	}
	half, err := tensor.Make(tensor.F16, tensor.Shape{4, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	complex64s, err := tensor.Make(tensor.C64, tensor.Shape{4})
	if err != nil {
		t.Fatal(err)
	}
	try := func(in, filters tensor.View, o conv.Options) error {
		_, err := conv.Correlate(in, filters, &o)
		return err
	}
	const most = math.MaxInt64
	for _, c := range []struct {
		err  error
		kind error
		text string
	}{
		{try(word, filters, conv.Options{}), tensor.ErrDType, "input: got S3, want a real number"},
		{try(random(t, r, 2, 5), filters, conv.Options{}), tensor.ErrShape, "input: got (2, 5), want axes ([batch,] channels, spatial...), 2 of them spatial as in the filters"},
		{try(in, filters, conv.Options{Bias: complex64s}), tensor.ErrDType, "bias: got c64, want a real number"},
		{try(in, filters, conv.Options{Bias: in}), tensor.ErrShape, "bias: got (2, 5, 6), want one number for each of 4 filters"},
		{try(in, random(t, r, 4, 2), conv.Options{}), tensor.ErrShape, "filters: got (4, 2), want axes (filters, channels/groups, kernel...)"},
		{try(random(t, r, 3, 5, 6), filters, conv.Options{}), tensor.ErrShape, "channels: got 3 in 1 groups, want 2 for each filter, at least one"},
		{try(in, filters, conv.Options{Groups: 3}), tensor.ErrShape, "groups: got 3, want a divisor of 2 channels and 4 filters"},
		{try(in, filters, conv.Options{Groups: -1}), tensor.ErrShape, "groups: got -1, want a divisor of 2 channels and 4 filters"},
		{try(in, filters, conv.Options{Stride: []int64{1}}), tensor.ErrShape, "stride: got 1 numbers, want one for each of 2 spatial axes"},
		{try(in, filters, conv.Options{Stride: []int64{1, 0}}), tensor.ErrShape, "stride on spatial axis 1: got 0, want at least 1"},
		{try(in, filters, conv.Options{Dilation: []int64{1, 3}}), tensor.ErrShape, "kernel on spatial axis 1: got a span of 7, want at most the padded input, 6"},
		{try(in, filters, conv.Options{Dilation: []int64{most, 1}}), tensor.ErrOverflow, "kernel on spatial axis 0: got 3 elements 9223372036854775807 apart, want a span of at most 2^63-1"},
		{try(in, filters, conv.Options{Pad: [][2]int64{{most, 0}, {0, 0}}}), tensor.ErrOverflow, "pad on spatial axis 0: got 9223372036854775807 and 0, want an extent of at most 2^63-1"},
		{try(in, filters, conv.Options{Pad: [][2]int64{{0, 0}, {0, -1}}}), tensor.ErrShape, "pad on spatial axis 1: got -1, want at least 0"},
		{try(in, filters, conv.Options{Origin: []int64{0, 3}}), tensor.ErrShape, "origin on spatial axis 1: got 3, want an element of a kernel of 3"},
		{try(in, filters, conv.Options{Origin: []int64{0, 0}, Pad: make([][2]int64, 2)}), tensor.ErrShape, "convolution: got both pad and origin, want one of them"},
		{try(in, filters, conv.Options{Pad: [][2]int64{{1 << 40, 0}, {0, 0}}, Dilation: []int64{1 << 39, 1}}), tensor.ErrLimit, ""},
		{conv.CorrelateInto(in, in, filters, nil), tensor.ErrShape, "convolution: got a destination of (2, 5, 6), want (4, 3, 4)"},
		{conv.CorrelateInto(half, in, filters, nil), tensor.ErrDType, "convolution: got a destination of f16, want f32 or f64"},
	} {
		if !errors.Is(c.err, c.kind) || c.text != "" && c.err.Error() != c.text {
			t.Errorf("error %v\nwant  %v", c.err, c.text)
		}
	}
}

// FuzzCorrelate convolves by numbers of any kind: refused, or the number of
// results is that of OutShape and the first is the sum that it should be.
func FuzzCorrelate(f *testing.F) {
	f.Add(int64(7), int64(3), int64(1), int64(1), int64(0), int64(2), int64(0), false)
	f.Add(int64(7), int64(3), int64(1<<40), int64(1<<30), int64(1<<31), int64(0), int64(-1), true)
	f.Add(int64(40), int64(5), int64(3), int64(4), int64(9), int64(9), int64(2), false)
	f.Fuzz(func(t *testing.T, n, size, stride, dilation, before, after, origin int64, flip bool) {
		n, size = n&63, size&15
		r := rand.New(rand.NewPCG(uint64(n), uint64(size)))
		in, filters := random(t, r, 1, n), random(t, r, 1, 1, size)
		o := &conv.Options{Stride: []int64{stride}, Dilation: []int64{dilation}, Pad: [][2]int64{{before, after}}}
		if origin >= 0 {
			o.Pad, o.Origin = nil, []int64{origin}
		}
		s, err := conv.OutShape(in.Shape(), filters.Shape(), o)
		run := conv.Correlate
		if flip {
			run = conv.Convolve
		}
		if err == nil && (s[1] > 1<<12 || dilation > 1<<16) {
			return // legal, and a matter of time and memory
		}
		got, err2 := run(in, filters, o)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("OutShape says %v, the convolution %v", err, err2)
		}
		if err != nil {
			if e := (*tensor.Error)(nil); !errors.As(err, &e) {
				t.Errorf("%T is no *Error", err)
			}
			return
		}
		if !got.Shape().Equal(s) {
			t.Errorf("shape %v, want %v", got.Shape(), s)
		}
		if got.NumElements() == 0 {
			return
		}
		x, w := floats(t, in), floats(t, filters)
		if origin >= 0 {
			if before = origin * dilation; flip {
				before = (size - 1 - origin) * dilation
			}
		}
		var sum float32
		for k := range size {
			weight := w[k]
			if flip {
				weight = w[size-1-k]
			}
			if at := k*dilation - before; at >= 0 && at < n {
				sum += float32(weight * x[at])
			}
		}
		if y := floats(t, got)[0]; y != sum {
			t.Errorf("%v, want %v", y, sum)
		}
	})
}
