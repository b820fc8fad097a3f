package image_test

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// An imageCase is a case of testdata/gen_image.py: images in HWC.
type imageCase struct {
	Op, Filter, Fit, DType string
	Fill                   []float64
	Shape, To              []int64
	Data, Want             []byte
}

// tally is what the cases of a kind came to.
type tally struct {
	cases, elements, differ int
	most                    float64
}

func TestGoldens(t *testing.T) {
	against(t, golden.Kept(t, "testdata/images.jsonl.gz"), 1, 12)
}

// TestInterop compares with a living Pillow.
func TestInterop(t *testing.T) {
	count := 240
	if testing.Short() {
		count = 40
	}
	lines, seed := golden.Fresh(t, "Pillow", "testdata/gen_image.py", count)
	against(t, lines, seed, count)
}

// against runs cases in layouts, strides and byte orders that the seed gives.
func against(t *testing.T, lines io.Reader, seed uint64, count int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	results := map[string]*tally{}
	golden.Each(t, lines, func(g *imageCase) {
		key := g.Op
		if g.Filter != "" {
			key = g.Filter + " " + g.DType
		}
		if results[key] == nil {
			results[key] = &tally{}
		}
		results[key].cases++
		got, want := g.run(t, rng)
		results[key].compare(t, g, got, want)
	})
	for _, name := range []string{"nearest", "bilinear", "bicubic"} {
		for _, d := range []string{"u8", "f32", "u16", "f16", "bf16"} {
			r, want := results[name+" "+d], count
			if d != "u8" && d != "f32" {
				want = (count + 3) / 4
			}
			if r == nil || r.cases < want {
				t.Fatalf("%s %s: %+v, want %d cases", name, d, r, want)
			}
			t.Logf("%s %s: %d resizes, %d elements, %d differ, by %g at most", name, d, r.cases, r.elements, r.differ, r.most)
			// Sums are taken as Pillow takes them: nothing differs at all.
			if r.differ > 0 {
				t.Errorf("%s %s differs from Pillow", name, d)
			}
		}
	}
	for _, op := range []string{"grey", "blend", "mean"} {
		r := results[op]
		if r == nil || r.cases < (count+3)/4 {
			t.Fatalf("%s: %+v", op, r)
		}
		t.Logf("%s: %d cases, %d elements, %d differ, by %g at most", op, r.cases, r.elements, r.differ, r.most)
		if op != "mean" && r.differ > 0 || r.most > 1e-11 {
			t.Errorf("%s differs", op)
		}
	}
}

func (r *tally) compare(t *testing.T, g *imageCase, got, want tensor.View) {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) || got.DType() != want.DType() {
		t.Fatalf("%s %s %v to %v: got %v %v", g.Op, g.Filter, g.Shape, g.To, got.DType(), got.Shape())
	}
	a, b := floats(t, got), floats(t, want)
	for i := range a {
		r.elements++
		if a[i] != b[i] {
			r.differ++
			d := math.Abs(a[i] - b[i])
			if g.Op == "mean" {
				d /= math.Abs(b[i])
			}
			r.most = max(r.most, d)
		}
	}
}

func floats(t *testing.T, v tensor.View) []float64 {
	t.Helper()
	f, err := v.Cast(tensor.F64)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tensor.Data[float64](f)
	if err != nil {
		if f, err = f.Clone(); err == nil {
			s, err = tensor.Data[float64](f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func must(t *testing.T) func(tensor.View, error) tensor.View {
	return func(v tensor.View, err error) tensor.View {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// view is an image as NumPy wrote it.
func view(t *testing.T, data []byte, dtype string, shape ...int64) tensor.View {
	t.Helper()
	d, err := tensor.ParseDType(dtype)
	if err != nil {
		t.Fatal(err)
	}
	return must(t)(tensor.NewView(data, d, shape, nil, 0, tensor.LittleEndian))
}

// scattered is v, in HWC, in another layout, with other strides and in either
// byte order, and that layout.
func scattered(t *testing.T, rng *rand.Rand, v tensor.View) (tensor.View, image.Layout) {
	t.Helper()
	m := must(t)
	layout := image.HWC
	if v.Shape()[2] == 1 && rng.IntN(2) == 0 {
		v, layout = m(v.Squeeze(2)), image.HW
	} else if rng.IntN(2) == 0 {
		v, layout = m(v.Permute(2, 0, 1)), image.CHW
	}
	return m(spread(rng, v)), layout
}

// spread is a view of other memory with the same elements: axes in any order in
// memory, some of them reversed or with gaps, in either byte order.
func spread(rng *rand.Rand, v tensor.View) (tensor.View, error) {
	rank := v.Rank()
	order := rng.Perm(rank)
	if rng.IntN(3) == 0 {
		for i := range order {
			order[i] = i
		}
	}
	size := int64(v.DType().UnitBytes)
	strides := make(tensor.Strides, rank)
	step := size
	for i := rank - 1; i >= 0; i-- {
		strides[order[i]] = step
		step *= v.Shape()[order[i]]
		if rng.IntN(2) == 0 {
			step += size * int64(rng.IntN(4))
		}
	}
	offset := int64(rng.IntN(3))
	for axis := range strides {
		if rng.IntN(4) == 0 {
			offset += strides[axis] * (v.Shape()[axis] - 1)
			strides[axis] = -strides[axis]
		}
	}
	bytes := make([]byte, step+16)
	for i := range bytes {
		bytes[i] = 0xA5
	}
	to, err := tensor.NewView(bytes, v.DType(), v.Shape(), strides, offset, tensor.ByteOrder(rng.IntN(2)))
	if err != nil {
		return to, err
	}
	return to, tensor.Copy(to, v)
}

// run returns the result of a case and what it should be.
func (g *imageCase) run(t *testing.T, rng *rand.Rand) (got, want tensor.View) {
	t.Helper()
	m := must(t)
	options := image.Options{Workers: 1 + rng.IntN(3)}
	src := view(t, g.Data, g.DType, g.Shape...)
	if g.Op == "mean" {
		return g.mean(t, rng, src, options)
	}
	v, layout := scattered(t, rng, src)
	switch g.Op {
	case "resize":
		want = view(t, g.Want, g.DType, g.To[0], g.To[1], g.Shape[2])
		filter, err := image.ParseFilter(g.Filter)
		if err != nil {
			t.Fatal(err)
		}
		fit, err := image.ParseFit(g.Fit)
		if err != nil {
			t.Fatal(err)
		}
		o := &image.ResizeOptions{Filter: filter, Fit: fit, Fill: g.Fill, Options: options}
		if rng.IntN(3) == 0 { // into memory of any form
			shape := tensor.Shape{g.To[0], g.To[1], g.Shape[2]}
			switch layout {
			case image.CHW:
				shape = tensor.Shape{shape[2], shape[0], shape[1]}
			case image.HW:
				shape = shape[:2]
			}
			got = m(spread(rng, m(tensor.Make(v.DType(), shape))))
			if err := image.ResizeInto(got, v, layout, o); err != nil {
				t.Fatal(err)
			}
		} else {
			got = m(image.Resize(v, layout, g.To[0], g.To[1], o))
			if !got.IsContiguous() {
				t.Errorf("strides %v", got.Strides())
			}
		}
	case "grey":
		want = view(t, g.Want, g.DType, g.Shape[0], g.Shape[1], 1)
		var copied bool
		var err error
		got, copied, err = image.ConvertChannels(v, layout, image.RGB, image.Grey, &image.ChannelOptions{Options: options})
		if err != nil || !copied {
			t.Fatal(err, copied)
		}
	case "blend":
		want = view(t, g.Want, g.DType, g.Shape[0], g.Shape[1], 3)
		var err error
		got, _, err = image.ConvertChannels(v, layout, image.RGBA, image.RGB, &image.ChannelOptions{Background: g.Fill, Options: options})
		if err != nil {
			t.Fatal(err)
		}
	}
	switch layout {
	case image.CHW:
		got = m(got.Permute(1, 2, 0))
	case image.HW:
		got = m(got.ExpandDims(-1))
	}
	return got, want
}

// mean adds a set one by one, in pieces and by parts that are merged.
func (g *imageCase) mean(t *testing.T, rng *rand.Rand, batch tensor.View, o image.Options) (got, want tensor.View) {
	t.Helper()
	m := must(t)
	n := g.Shape[0]
	sets := []*image.Set{{Options: o}, {Options: o}, {}}
	layout := image.HWC
	if rng.IntN(2) == 0 {
		batch, layout = m(batch.Permute(0, 3, 1, 2)), image.CHW
	}
	batch = m(spread(rng, batch))
	for at := int64(0); at < n; {
		end := min(n, at+1+rng.Int64N(4))
		part := m(batch.Slice(0, at, end, 1))
		if end-at == 1 && rng.IntN(2) == 0 {
			part = m(part.Index(0, 0))
		}
		if err := sets[rng.IntN(len(sets))].Add(part, layout); err != nil {
			t.Fatal(err)
		}
		at = end
	}
	all := &image.Set{}
	for _, s := range sets {
		if err := all.Merge(s); err != nil {
			t.Fatal(err)
		}
	}
	if all.Len() != n {
		t.Errorf("%d images of %d", all.Len(), n)
	}
	var list []float64
	for _, v := range []tensor.View{m(all.Mean()), m(all.Std())} {
		if layout == image.CHW {
			v = m(v.Permute(1, 2, 0))
		}
		list = append(list, floats(t, v)...)
	}
	mean, std, err := all.Channels()
	if err != nil {
		t.Fatal(err)
	}
	list = append(append(list, mean...), std...)
	return m(tensor.FromSlice(list)), view(t, g.Want, "f64", int64(len(g.Want)/8))
}

func is(t *testing.T, err, kind error) {
	t.Helper()
	var e *tensor.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Errorf("got %v, want %v", err, kind)
	}
}
