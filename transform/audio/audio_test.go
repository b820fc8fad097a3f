package audio_test

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

// A soundCase is a case of testdata/gen_audio.py: frames of channels.
type soundCase struct {
	Op, DType, Quality, Converted string
	Rates, Shape, To              []int64
	Weights                       []float64
	Factor, Peak, RMS             float64
	Data, Want                    []byte
	Mono, Mixed, Gain, Normal     []byte
}

// names are the dtypes of NumPy as tensor has them.
var names = map[string]string{"f8": "f64", "f4": "f32", "i4": "i32", "i2": "i16", "i1": "i8", "u8": "u8"}

func TestGoldens(t *testing.T) {
	against(t, golden.Kept(t, "testdata/audio.jsonl.gz"), 1, 7)
}

// TestInterop compares with a living SciPy.
func TestInterop(t *testing.T) {
	count := 60
	if testing.Short() {
		count = 20
	}
	lines, seed := golden.Fresh(t, "SciPy", "testdata/gen_audio.py", count)
	against(t, lines, seed, count)
}

// tally is what the cases of a kind came to.
type tally struct {
	cases, samples, differ int
	most                   float64 // difference
}

func (r *tally) compare(t *testing.T, g *soundCase, got, want tensor.View) {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) || got.DType() != want.DType() {
		t.Fatalf("%s %s %v %v: got %v %v, want %v %v", g.Op, g.DType, g.Shape, g.Rates, got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	r.cases++
	a, b := floats(t, got), floats(t, want)
	for i := range a {
		r.samples++
		if a[i] != b[i] {
			r.differ++
			r.most = max(r.most, math.Abs(a[i]-b[i]))
		}
	}
}

func against(t *testing.T, lines io.Reader, seed uint64, count int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	results := map[string]*tally{}
	golden.Each(t, lines, func(g *soundCase) {
		g.run(t, rng, func(kind string) *tally {
			kind += " " + names[g.DType]
			if results[kind] == nil {
				results[kind] = &tally{}
			}
			return results[kind]
		})
	})
	for _, d := range names {
		for _, op := range []string{"resample", "mono", "mixed", "gain", "normal", "convert"} {
			r := results[op+" "+d]
			if r == nil || r.cases < count {
				t.Fatalf("%s %s: %+v, want %d", op, d, r, count)
			}
			// Sums of products are taken in another order, and may round to the
			// neighbour; the rest is the same arithmetic.
			most, share := 1.0, 1e-4
			switch {
			case op != "resample":
				most = 0
			case d == "f64":
				most, share = 1e-13, 1
			case d == "f32":
				most = 1e-6
			}
			t.Logf("%s %s: %d cases, %d samples, %d differ, by %.2g at most", op, d, r.cases, r.samples, r.differ, r.most)
			if r.most > most || float64(r.differ) > share*float64(r.samples)+1 {
				t.Errorf("%s %s differs", op, d)
			}
		}
	}
}

func (g *soundCase) run(t *testing.T, rng *rand.Rand, tallies func(string) *tally) {
	t.Helper()
	m := must(t)
	o := audio.Options{Workers: 1 + rng.IntN(3)}
	v := m(spread(rng, view(t, g.Data, names[g.DType], g.Shape...)))
	flat := g.Shape[1] == 1 && rng.IntN(2) == 0
	if flat {
		v = m(v.Squeeze(1))
	}
	framed := func(v tensor.View) tensor.View {
		if flat {
			v = m(v.ExpandDims(-1))
		}
		return v
	}
	if g.Op == "resample" {
		q, err := audio.ParseQuality(g.Quality)
		if err != nil {
			t.Fatal(err)
		}
		got := m(audio.Resample(v, g.Rates[0], g.Rates[1], &audio.ResampleOptions{Quality: q, Options: o}))
		tallies("resample").compare(t, g, framed(got), view(t, g.Want, names[g.DType], g.To...))
		inPieces(t, rng, g, v, got, q)
		return
	}
	count := func(v tensor.View, clipped int64, err error) tensor.View {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if clipped < 0 || clipped > v.NumElements() {
			t.Fatalf("%d of %d clipped", clipped, v.NumElements())
		}
		return v
	}
	like := view(t, g.Mono, names[g.DType], g.Shape[0])
	tallies("mono").compare(t, g, count(audio.Mono(v, nil, &o)), like)
	tallies("mixed").compare(t, g, count(audio.Mono(v, g.Weights, &o)), view(t, g.Mixed, names[g.DType], g.Shape[0]))
	tallies("gain").compare(t, g, framed(count(audio.Gain(v, g.Factor, &o))), view(t, g.Gain, names[g.DType], g.Shape...))
	d, err := tensor.ParseDType(g.Converted)
	if err != nil {
		t.Fatal(err)
	}
	other := view(t, g.Want, g.Converted, g.Shape...)
	tallies("convert").compare(t, g, framed(count(audio.Convert(v, d, &o))), other)
	if len(g.Normal) > 0 {
		tallies("normal").compare(t, g, framed(count(audio.NormalizePeak(v, -3, &o))), view(t, g.Normal, names[g.DType], g.Shape...))
	} else {
		tallies("normal").cases++
	}
	l, err := audio.Measure(v, &o)
	if err != nil || math.Abs(l.Peak-g.Peak) > 1e-14*g.Peak || math.Abs(l.RMS-g.RMS) > 1e-13*g.RMS {
		t.Errorf("levels %v, %v, want %v and %v", l, err, g.Peak, g.RMS)
	}
}

// inPieces pushes v in pieces of random lengths, and wants the bits of the whole.
func inPieces(t *testing.T, rng *rand.Rand, g *soundCase, v, whole tensor.View, q audio.Quality) {
	t.Helper()
	m := must(t)
	r, err := audio.NewResampler(g.Rates[0], g.Rates[1], &audio.ResampleOptions{Quality: q})
	if err != nil {
		t.Fatal(err)
	}
	at, n := int64(0), v.Shape()[0]
	next := func(piece tensor.View) {
		t.Helper()
		end := at + piece.Shape()[0]
		if end > whole.Shape()[0] {
			t.Fatalf("%d samples of %d", end, whole.Shape()[0])
		}
		if same, err := tensor.Equal(piece, m(whole.Slice(0, at, end, 1))); err != nil || !same {
			t.Fatalf("%v %v in pieces: samples %d to %d differ (%v)", g.Rates, g.Shape, at, end, err)
		}
		at = end
	}
	for lo := int64(0); lo < n; {
		hi := min(n, lo+1+rng.Int64N(1+n/3))
		next(m(r.Push(m(v.Slice(0, lo, hi, 1)))))
		lo = hi
		if rng.IntN(20) == 0 {
			next(m(r.Push(m(v.Slice(0, 0, 0, 1)))))
		}
	}
	next(m(r.Flush()))
	if at != whole.Shape()[0] {
		t.Fatalf("%d samples in pieces, %d at once", at, whole.Shape()[0])
	}
}

func floats(t *testing.T, v tensor.View) []float64 {
	t.Helper()
	f, err := v.Cast(tensor.F64)
	if err == nil {
		f, err = f.Clone()
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := tensor.Data[float64](f)
	if err != nil {
		t.Fatal(err)
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

func view(t *testing.T, data []byte, dtype string, shape ...int64) tensor.View {
	t.Helper()
	d, err := tensor.ParseDType(dtype)
	if err != nil {
		t.Fatal(err)
	}
	return must(t)(tensor.NewView(data, d, shape, nil, 0, tensor.LittleEndian))
}

// spread is a view of other memory with the same elements: planar or
// interleaved, backwards or with gaps, in either byte order.
func spread(rng *rand.Rand, v tensor.View) (tensor.View, error) {
	size := int64(v.DType().UnitBytes)
	frames, channels := v.Shape()[0], v.Shape()[1]
	strides := tensor.Strides{size * (channels + rng.Int64N(3)), size}
	if rng.IntN(2) == 0 {
		strides = tensor.Strides{size, size * (frames + rng.Int64N(3))}
	}
	b := make([]byte, (frames+3)*(channels+3)*size+8)
	offset := int64(rng.IntN(3))
	if rng.IntN(3) == 0 {
		offset += strides[0] * (frames - 1)
		strides[0] = -strides[0]
	}
	to, err := tensor.NewView(b, v.DType(), v.Shape(), strides, offset, tensor.ByteOrder(rng.IntN(2)))
	if err != nil {
		return to, err
	}
	return to, tensor.Copy(to, v)
}

func is(t *testing.T, err, kind error) {
	t.Helper()
	var e *tensor.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Errorf("got %v, want %v", err, kind)
	}
}
