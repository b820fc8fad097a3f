package image_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// bytesView is n random bytes in a shape.
func bytesView(t *testing.T, shape ...int64) tensor.View {
	t.Helper()
	n, err := tensor.Shape(shape).NumElements()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return must(t)(tensor.FromSlice(b, shape...))
}

// sameMemory reports whether a looks at bytes of b.
func sameMemory(a, b tensor.View) bool {
	x, y := a.Span(), b.Span()
	for i := range y {
		if &y[i] == &x[0] {
			return true
		}
	}
	return false
}

func TestCropsAndFlipsAreViews(t *testing.T) {
	m := must(t)
	v := bytesView(t, 2, 7, 9, 3)
	at := func(v tensor.View, idx ...int64) uint8 {
		t.Helper()
		x, err := tensor.ReadElem[uint8](v, idx...)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	crop := m(image.Crop(v, image.HWC, 2, 3, 4, 5))
	centre := m(image.CropCentre(v, image.HWC, 4, 4)) // 3 rows left: 1 above; 5 columns: 2 left
	flipX, flipY := m(image.FlipX(v, image.HWC)), m(image.FlipY(v, image.HWC))
	chw := m(v.Permute(0, 3, 1, 2))
	cropCHW := m(image.Crop(chw, image.CHW, 2, 3, 4, 5))
	for n := range int64(2) {
		for c := range int64(3) {
			for y := range int64(4) {
				for x := range int64(4) {
					for _, p := range []struct {
						got, want uint8
					}{
						{at(crop, n, y, x, c), at(v, n, y+2, x+3, c)},
						{at(cropCHW, n, c, y, x), at(v, n, y+2, x+3, c)},
						{at(centre, n, y, x, c), at(v, n, y+1, x+2, c)},
						{at(flipX, n, y, x, c), at(v, n, y, 8-x, c)},
						{at(flipY, n, y, x, c), at(v, n, 6-y, x, c)},
					} {
						if p.got != p.want {
							t.Fatalf("%d %d %d %d: %d, want %d", n, y, x, c, p.got, p.want)
						}
					}
				}
			}
		}
	}
	for _, got := range []tensor.View{crop, centre, flipX, flipY, cropCHW} {
		if !sameMemory(got, v) {
			t.Error("copied")
		}
	}
}

func TestMagnify(t *testing.T) {
	m := must(t)
	v := bytesView(t, 2, 5, 3, 4)
	got := m(image.Magnify(v, image.CHW, 3, 2, nil))
	if want := (tensor.Shape{2, 5, 9, 8}); !got.Shape().Equal(want) {
		t.Fatalf("%v, want %v", got.Shape(), want)
	}
	a, b := floats(t, v), floats(t, got)
	for i, x := range b {
		plane, y, col := i/72, i%72/8, i%8
		if want := a[plane*12+y/3*4+col/2]; x != want {
			t.Fatalf("element %d: %v, want %v", i, x, want)
		}
	}
	// Whole factors are exact at any size.
	wide := m(image.Magnify(bytesView(t, 1, 1000), image.HW, 1, 97, nil))
	line := floats(t, bytesView(t, 1, 1000))
	for i, x := range floats(t, wide) {
		if x != line[i/97] {
			t.Fatalf("column %d", i)
		}
	}
}

func TestChannelsThatAreViews(t *testing.T) {
	m := must(t)
	for _, c := range []struct {
		from, to image.Channels
		take     []int
		copied   bool
	}{
		{image.RGB, image.RGB, []int{0, 1, 2}, false},
		{image.RGB, image.BGR, []int{2, 1, 0}, false},
		{image.BGR, image.RGB, []int{2, 1, 0}, false},
		{image.RGBA, image.RGB, []int{0, 1, 2}, false},
		{image.RGBA, image.BGR, []int{2, 1, 0}, false},
		{image.BGRA, image.RGB, []int{2, 1, 0}, false},
		{image.Grey, image.RGB, []int{0, 0, 0}, false},
		{image.GreyAlpha, image.BGR, []int{0, 0, 0}, false},
		{image.GreyAlpha, image.Grey, []int{0}, false},
		{image.RGBA, image.BGRA, []int{2, 1, 0, 3}, true},
		{image.GreyAlpha, image.RGBA, []int{0, 0, 0, 1}, true},
		{image.RGB, image.RGBA, []int{0, 1, 2, -1}, true},
		{image.Grey, image.GreyAlpha, []int{0, -1}, true},
		{image.Grey, image.BGRA, []int{0, 0, 0, -1}, true},
	} {
		for _, layout := range []image.Layout{image.HWC, image.CHW} {
			v := bytesView(t, 2, 4, 5, c.from.Count())
			n := int(c.from.Count())
			in := floats(t, v)
			if layout == image.CHW {
				v = m(v.Permute(0, 3, 1, 2))
			}
			out, copied, err := image.ConvertChannels(v, layout, c.from, c.to, nil)
			if err != nil {
				t.Fatalf("%v to %v: %v", c.from, c.to, err)
			}
			if copied != c.copied || sameMemory(out, v) == copied {
				t.Errorf("%v to %v: copied %v", c.from, c.to, copied)
			}
			if layout == image.CHW {
				out = m(out.Permute(0, 2, 3, 1))
			}
			for i, x := range floats(t, out) {
				want := 255.0
				if from := c.take[i%len(c.take)]; from >= 0 {
					want = in[i/len(c.take)*n+from]
				}
				if x != want {
					t.Fatalf("%v to %v in %v: element %d is %v, want %v", c.from, c.to, layout, i, x, want)
				}
			}
		}
	}
}

func TestChannelsOfOtherDTypes(t *testing.T) {
	m := must(t)
	for _, c := range []struct {
		d           string
		from, to    image.Channels
		background  []float64
		pixel, want []float64
	}{
		{"u16", image.RGB, image.Grey, nil, []float64{65535, 65535, 65535}, []float64{65535}},
		{"u16", image.BGR, image.Grey, nil, []float64{100, 20000, 60001}, []float64{29692}}, // (19595*60001+38470*20000+7471*100+32768)>>16
		{"u16", image.RGBA, image.RGB, []float64{1000}, []float64{50000, 0, 65535, 13107}, []float64{10800, 800, 13907}},
		{"f32", image.RGB, image.Grey, nil, []float64{0.25, 0.5, 2}, []float64{float64(float32(0.299*0.25 + 0.587*0.5 + 0.114*2))}},
		{"f64", image.RGBA, image.Grey, []float64{1}, []float64{1, 1, 1, 0.25}, []float64{0.299 + 0.587 + 0.114 - (0.299+0.587+0.114)*0.75 + 0.75}},
		{"f16", image.GreyAlpha, image.RGB, []float64{0, 1, 2}, []float64{4, 0.5}, []float64{2, 2.5, 3}},
		{"f32", image.Grey, image.RGBA, nil, []float64{7}, []float64{7, 7, 7, 1}},
		{"i32", image.Grey, image.GreyAlpha, nil, []float64{7}, []float64{7, 1}},
		{"u8", image.RGBA, image.Grey, []float64{math.NaN()}, []float64{200, 200, 200, 51}, []float64{40}},
	} {
		d, err := tensor.ParseDType(c.d)
		if err != nil {
			t.Fatal(err)
		}
		v := m(m(tensor.FromSlice(c.pixel, 1, 1, c.from.Count())).Cast(d))
		out, _, err := image.ConvertChannels(v, image.HWC, c.from, c.to, &image.ChannelOptions{Background: c.background})
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		got := floats(t, out)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-15*math.Abs(b) }) {
			t.Errorf("%s %v to %v: %v, want %v", c.d, c.from, c.to, got, c.want)
		}
	}
}

func TestFloatsKeepWhatIsNotFinite(t *testing.T) {
	x := []float32{0, 1, 2, 3, 4, 5, 6, float32(math.NaN()), 8, 9, 10, 11, float32(math.Inf(1)), 13, 14, 15}
	v := must(t)(tensor.FromSlice(x, 1, 16))
	got := floats(t, must(t)(image.Resize(v, image.HW, 1, 8, nil)))
	for i, want := range []bool{true, true, true, false, false, false, false, true} {
		if finite := !math.IsNaN(got[i]) && !math.IsInf(got[i], 0); finite != want {
			t.Errorf("pixel %d: %v", i, got[i])
		}
	}
}

func TestResultsDoNotDependOnWorkers(t *testing.T) {
	m := must(t)
	v := bytesView(t, 3, 61, 47, 3)
	f := m(v.Cast(tensor.F32))
	for _, filter := range []image.Filter{image.Nearest, image.Bilinear, image.CatmullRom} {
		for _, src := range []tensor.View{v, f} {
			var first tensor.View
			for i, workers := range []int{1, 2, 7} {
				got := m(image.Resize(src, image.HWC, 130, 22, &image.ResizeOptions{Filter: filter, Options: image.Options{Workers: workers}}))
				if i == 0 {
					first = got
				} else if same, err := tensor.Equal(first, got); err != nil || !same {
					t.Errorf("%v: %d workers differ", filter, workers)
				}
			}
		}
	}
}

func TestSetForgetsNothing(t *testing.T) {
	// Far from zero the naive formula loses all digits.
	var s image.Set
	base := 1e9
	for _, x := range []float64{4, 7, 13, 16} {
		if err := s.Add(must(t)(tensor.FromSlice([]float64{base + x, x}, 1, 2)), image.HW); err != nil {
			t.Fatal(err)
		}
	}
	mean, std := floats(t, must(t)(s.Mean())), floats(t, must(t)(s.Std()))
	want := math.Sqrt(22.5)
	if mean[0] != base+10 || mean[1] != 10 || math.Abs(std[0]-want) > 1e-6 || math.Abs(std[1]-want) > 1e-14 {
		t.Errorf("mean %v, deviation %v", mean, std)
	}
	if s.Len() != 4 {
		t.Error(s.Len())
	}
}

func TestErrors(t *testing.T) {
	v := bytesView(t, 4, 5, 3)
	resize := func(v tensor.View, l image.Layout, h, w int64, o *image.ResizeOptions) error {
		_, err := image.Resize(v, l, h, w, o)
		return err
	}
	channels := func(v tensor.View, l image.Layout, from, to image.Channels, o *image.ChannelOptions) error {
		_, _, err := image.ConvertChannels(v, l, from, to, o)
		return err
	}
	crop := func(y, x, h, w int64) error { _, err := image.Crop(v, image.HWC, y, x, h, w); return err }
	bits := must(t)(tensor.Make(tensor.U4, tensor.Shape{4, 6}))
	huge, err := bytesView(t, 1, 1, 1).BroadcastTo(tensor.Shape{1 << 30, 1 << 30, 1})
	if err != nil {
		t.Fatal(err)
	}
	empty := must(t)(tensor.Make(tensor.U8, tensor.Shape{0, 5, 3}))
	magnify := func(v tensor.View, h, w int64) error { _, err := image.Magnify(v, image.HWC, h, w, nil); return err }
	into := func(dst, src tensor.View) error { return image.ResizeInto(dst, src, image.HWC, nil) }
	made := func(d tensor.DType, s ...int64) tensor.View { return must(t)(tensor.Make(d, s)) }
	var none, set image.Set
	if err := set.Add(v, image.HWC); err != nil {
		t.Fatal(err)
	}
	_, noMean := none.Mean()
	_, _, noChannels := none.Channels()
	unlimited := image.Options{MaxBytes: -1}
	for i, c := range []struct{ err, kind error }{
		{resize(bytesView(t, 4), image.HW, 2, 2, nil), tensor.ErrShape},
		{resize(bytesView(t, 4, 4), image.HWC, 2, 2, nil), tensor.ErrShape},
		{resize(v, image.Layout(9), 2, 2, nil), tensor.ErrUnsupported},
		{resize(v, image.HWC, 0, 2, nil), tensor.ErrShape},
		{resize(v, image.HWC, 2, -1, nil), tensor.ErrShape},
		{resize(empty, image.HWC, 2, 2, nil), tensor.ErrShape},
		{resize(v, image.HWC, 2, 2, &image.ResizeOptions{Filter: 7}), tensor.ErrUnsupported},
		{resize(v, image.HWC, 2, 2, &image.ResizeOptions{Fit: 7}), tensor.ErrUnsupported},
		{resize(v, image.HWC, 2, 9, &image.ResizeOptions{Fit: image.FitPad, Fill: []float64{1, 2}}), tensor.ErrShape},
		{resize(must(t)(v.Cast(tensor.I32)), image.HWC, 2, 2, nil), tensor.ErrDType},
		{resize(bits, image.HW, 2, 2, &image.ResizeOptions{Filter: image.Nearest}), tensor.ErrDType},
		{resize(v, image.HWC, 1<<20, 1<<20, nil), tensor.ErrLimit},
		{resize(v, image.HWC, 1<<62, 1<<62, nil), tensor.ErrOverflow},
		{resize(v, image.HWC, 20, 20, &image.ResizeOptions{Options: image.Options{MaxBytes: 1199}}), tensor.ErrLimit},
		{resize(huge, image.HWC, 2, 2, nil), tensor.ErrLimit},
		{resize(huge, image.HWC, 2, 2, &image.ResizeOptions{Filter: image.CatmullRom, Options: unlimited}), tensor.ErrLimit},
		{magnify(v, 0, 1), tensor.ErrShape},
		{magnify(v, 1<<40, 1), tensor.ErrLimit},
		{magnify(v, 1<<30, 1<<30), tensor.ErrOverflow},
		{into(made(tensor.U16, 2, 2, 3), v), tensor.ErrDType},
		{into(made(tensor.U8, 2, 2, 4), v), tensor.ErrShape},
		{into(made(tensor.U8, 1, 2, 2, 3), v), tensor.ErrShape},
		{crop(0, 0, 5, 5), tensor.ErrIndex},
		{crop(-1, 0, 1, 1), tensor.ErrIndex},
		{crop(0, math.MaxInt64, 1, 1), tensor.ErrIndex},
		{crop(1, 1, math.MaxInt64, 1), tensor.ErrIndex},
		{crop(0, 0, -1, 1), tensor.ErrIndex},
		{channels(v, image.HWC, image.RGBA, image.RGB, nil), tensor.ErrShape},
		{channels(bytesView(t, 2, 2), image.HW, image.Grey, image.RGB, nil), tensor.ErrShape},
		{channels(v, image.HWC, image.RGB, 77, nil), tensor.ErrUnsupported},
		{channels(must(t)(v.Cast(tensor.I16)), image.HWC, image.RGB, image.Grey, nil), tensor.ErrDType},
		{channels(bytesView(t, 2, 2, 4), image.HWC, image.RGBA, image.RGB, &image.ChannelOptions{Background: []float64{1, 2}}), tensor.ErrShape},
		{set.Add(bytesView(t, 4, 5, 2), image.HWC), tensor.ErrShape},
		{set.Add(bytesView(t, 5, 4, 3), image.HWC), tensor.ErrShape},
		{set.Add(must(t)(v.Cast(tensor.C64)), image.HWC), tensor.ErrDType},
		{(&image.Set{}).Add(huge, image.HWC), tensor.ErrOverflow},
		{(&image.Set{Options: image.Options{MaxBytes: 959}}).Add(v, image.HWC), tensor.ErrLimit},
		{noMean, tensor.ErrShape},
		{noChannels, tensor.ErrShape},
	} {
		if c.err == nil {
			t.Errorf("case %d: no error, want %v", i, c.kind)
			continue
		}
		is(t, c.err, c.kind)
	}
	for _, parse := range []func(string) error{
		func(s string) error { _, err := image.ParseLayout(s); return err },
		func(s string) error { _, err := image.ParseFilter(s); return err },
		func(s string) error { _, err := image.ParseFit(s); return err },
		func(s string) error { _, err := image.ParseChannels(s); return err },
	} {
		is(t, parse("\x1b[m"), tensor.ErrUnsupported)
	}
}

func TestNames(t *testing.T) {
	for _, l := range []image.Layout{image.HWC, image.CHW, image.HW} {
		if got, err := image.ParseLayout(l.String()); err != nil || got != l {
			t.Error(l, got, err)
		}
	}
	for f := image.Bilinear; f <= image.CatmullRom; f++ {
		if got, err := image.ParseFilter(f.String()); err != nil || got != f {
			t.Error(f, got, err)
		}
	}
	for f := image.FitStretch; f <= image.FitPad; f++ {
		if got, err := image.ParseFit(f.String()); err != nil || got != f {
			t.Error(f, got, err)
		}
	}
	for c := image.Grey; c <= image.BGRA; c++ {
		if got, err := image.ParseChannels(c.String()); err != nil || got != c {
			t.Error(c, got, err)
		}
	}
}

// FuzzResize gives any arguments to a resize: it makes what was asked for or
// says why not.
func FuzzResize(f *testing.F) {
	f.Add(int64(3), int64(5), int64(7), int64(2), uint8(0), uint8(0), uint8(0), uint8(0), []byte("pixels"))
	f.Add(int64(1), int64(9), int64(1<<40), int64(1), uint8(2), uint8(2), uint8(1), uint8(1), []byte{})
	f.Add(int64(8), int64(8), int64(-1), int64(1<<62), uint8(1), uint8(1), uint8(2), uint8(2), []byte{255})
	f.Fuzz(func(t *testing.T, h, w, toH, toW int64, filter, fit, layout, kind uint8, pixels []byte) {
		d := []tensor.DType{tensor.U8, tensor.U16, tensor.F32, tensor.F16, tensor.BF16, tensor.F64, tensor.I32, tensor.Bool}[kind%8]
		h, w = h&31, w&31
		c := int64(fit>>4&3) + 1
		shape := []tensor.Shape{{h, w, c}, {c, h, w}, {h, w}, {2, h, w, c}}[layout%4]
		v, err := tensor.Make(d, shape)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := v.Bytes(); err == nil && len(pixels) > 0 {
			for i := range b {
				b[i] = pixels[i%len(pixels)] + byte(i/len(pixels)) // not a valid bool, perhaps
			}
		}
		if filter>>4&1 > 0 {
			if v, err = v.Flip(); err != nil {
				t.Fatal(err)
			}
		}
		o := &image.ResizeOptions{Filter: image.Filter(filter & 3), Fit: image.Fit(fit & 3), Options: image.Options{MaxBytes: 1 << 20, Workers: 2}}
		got, err := image.Resize(v, image.Layout(layout%4%3), toH, toW, o)
		if err != nil {
			return
		}
		gotH, gotW, _, err := image.Size(got, image.Layout(layout%4%3))
		if err != nil || gotH != toH || gotW != toW || got.DType() != d {
			t.Errorf("%v %v, %v", got.Shape(), got.DType(), err)
		}
		// What is one colour stays it, unless something is padded.
		if fit&3 != uint8(image.FitPad) && len(pixels) == 0 {
			for _, x := range floats(t, got) {
				if x != 0 {
					t.Fatalf("%v from zeros", x)
				}
			}
		}
	})
}
