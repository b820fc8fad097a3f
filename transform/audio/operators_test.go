package audio_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

// sine is n samples of frequency f, in cycles a sample.
func sine(n int, f, amplitude float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = amplitude * math.Sin(2*math.Pi*f*float64(i))
	}
	return x
}

// A tone keeps its height, its time and its size: no delay, no image, no alias.
func TestTonesStayWhereTheyAre(t *testing.T) {
	for _, rates := range [][2]int64{{44100, 48000}, {48000, 44100}, {48000, 16000}, {8000, 44100}} {
		lower := float64(min(rates[0], rates[1])) / 2
		for _, part := range []float64{0.01, 0.37, 0.8999} {
			hz := part * lower
			v := must(t)(tensor.FromSlice(sine(20000, hz/float64(rates[0]), 1)))
			got := floats(t, must(t)(audio.Resample(v, rates[0], rates[1], nil)))
			want := sine(len(got), hz/float64(rates[1]), 1)
			worst := 0.0
			for i := len(got) / 5; i < len(got)*4/5; i++ {
				worst = max(worst, math.Abs(got[i]-want[i]))
			}
			t.Logf("%d to %d: %.0f Hz within %.1f dB", rates[0], rates[1], hz, 20*math.Log10(worst))
			if worst > 2e-5 {
				t.Errorf("%d to %d: %v Hz is off by %v", rates[0], rates[1], hz, worst)
			}
		}
	}
	// What the lower rate cannot hold is gone.
	v := must(t)(tensor.FromSlice(sine(48000, 8001.0/48000, 1)))
	got := floats(t, must(t)(audio.Resample(v, 48000, 16000, nil)))
	for i, x := range got[1000:15000] {
		if math.Abs(x) > 1e-5 {
			t.Fatalf("sample %d of an alias: %v", i, x)
		}
	}
}

func TestRounding(t *testing.T) {
	m := must(t)
	check := func(what string, got tensor.View, clipped int64, err error, lost int64, want ...float64) {
		t.Helper()
		if err != nil {
			t.Fatal(what, err)
		}
		if fmt.Sprint(floats(t, got)) != fmt.Sprint(want) || clipped != lost {
			t.Errorf("%s: %v, %d clipped; want %v, %d", what, floats(t, got), clipped, want, lost)
		}
	}
	f := m(tensor.FromSlice([]float32{0, 0.5 / 32768, 1.5 / 32768, 1, -1, -1.5, float32(math.NaN()), float32(math.Inf(1))}))
	v, n, err := audio.Convert(f, tensor.I16, nil)
	check("i16", v, n, err, 3, 0, 0, 2, 32767, -32768, -32768, 0, 32767)
	v, n, err = audio.Convert(f, tensor.U8, nil)
	check("u8", v, n, err, 3, 128, 128, 128, 255, 0, 0, 128, 255)
	i := m(tensor.FromSlice([]int16{-32768, 100, 128, 384, 32767}))
	v, n, err = audio.Convert(i, tensor.U8, nil)
	check("i16 to u8", v, n, err, 1, 0, 128, 128, 130, 255)
	v, n, err = audio.Convert(i, tensor.F32, nil)
	check("i16 to f32", v, n, err, 0, -1, 100./32768, 1./256, 3./256, 32767./32768)
	v, n, err = audio.Convert(i, tensor.I32, nil)
	check("i16 to i32", v, n, err, 0, -32768*65536, 100*65536, 128*65536, 384*65536, 32767*65536)
	v, n, err = audio.Gain(i, 2, nil)
	check("gain", v, n, err, 2, -32768, 200, 256, 768, 32767)
	stereo := m(tensor.FromSlice([]int16{1, 2, 3, 4, -32768, -32768}, 3, 2))
	v, n, err = audio.Mono(stereo, nil, nil)
	check("mono", v, n, err, 0, 2, 4, -32768) // 1.5 and 3.5, halves to even
	v, n, err = audio.Mono(stereo, []float64{1, 1}, nil)
	check("sum", v, n, err, 1, 3, 7, -32768)
	v, n, err = audio.NormalizePeak(m(tensor.FromSlice([]float64{0.25, -0.5, 0})), 0, nil)
	check("peak", v, n, err, 0, 0.5, -1, 0)
	v, n, err = audio.NormalizeRMS(m(tensor.FromSlice([]float64{3, -4, 3, 4, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0})), 20*math.Log10(0.75), nil) // the mean square is 9.375
	if err != nil || math.Abs(floats(t, v)[0]-3*0.75/math.Sqrt(9.375)) > 1e-15 || n != 0 {
		t.Error(floats(t, v), n, err)
	}
	v, n, err = audio.NormalizePeak(m(tensor.FromSlice([]int16{0, 0})), -1, nil)
	check("silence", v, n, err, 0, 0, 0)
}

func TestLevels(t *testing.T) {
	l, err := audio.Measure(must(t)(tensor.FromSlice(sine(48000, 1000.0/48000, 1))), nil)
	if err != nil || math.Abs(audio.DBFS(l.Peak)) > 1e-9 || math.Abs(audio.DBFS(l.RMS)+3.0103) > 1e-4 {
		t.Errorf("a sine has %v and %v dBFS, %v", audio.DBFS(l.Peak), audio.DBFS(l.RMS), err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 300_001)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	v := must(t)(tensor.FromSlice(x))
	one, err := audio.Measure(v, &audio.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{2, 5} {
		if l, err := audio.Measure(v, &audio.Options{Workers: workers}); err != nil || l != one {
			t.Errorf("%d workers: %v, %v; one: %v", workers, l, err, one)
		}
	}
}

func TestEdges(t *testing.T) {
	m := must(t)
	// Equal rates copy, bit for bit.
	x := m(tensor.FromSlice([]float32{math.MaxFloat32, float32(math.Copysign(0, -1)), 1e-45}))
	if same, err := tensor.Equal(x, m(audio.Resample(x, 7, 7, nil))); err != nil || !same {
		t.Error("equal rates", err)
	}
	for _, shape := range []tensor.Shape{{0}, {0, 2}, {5, 0}} {
		v := m(tensor.Make(tensor.I16, shape))
		got := m(audio.Resample(v, 2, 3, nil))
		want := shape.Clone()
		want[0] = (want[0]*3 + 1) / 2
		if !got.Shape().Equal(want) {
			t.Errorf("%v became %v, want %v", shape, got.Shape(), want)
		}
		if l, err := audio.Measure(v, nil); err != nil || l != (audio.Levels{}) {
			t.Error(l, err)
		}
		r, err := audio.NewResampler(2, 3, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, b := m(r.Push(v)), m(r.Flush())
		if n := a.Shape()[0] + b.Shape()[0]; n != want[0] {
			t.Errorf("%v in pieces: %d samples", shape, n)
		}
	}
}

func TestErrors(t *testing.T) {
	v := must(t)(tensor.FromSlice([]int16{1, 2, 3, 4}, 2, 2))
	resample := func(v tensor.View, from, to int64, o *audio.ResampleOptions) error {
		_, err := audio.Resample(v, from, to, o)
		return err
	}
	third := func(_ tensor.View, _ int64, err error) error { return err }
	long, err := must(t)(tensor.FromSlice([]int16{1})).BroadcastTo(tensor.Shape{1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	r, err := audio.NewResampler(2, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, early := r.Flush()
	if _, err := r.Push(v); err != nil {
		t.Fatal(err)
	}
	_, kind := r.Push(must(t)(v.Cast(tensor.F32)))
	_, channels := r.Push(must(t)(tensor.FromSlice([]int16{1, 2, 3})))
	if _, err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	_, late := r.Push(v)
	_, again := r.Flush()
	_, quality := audio.ParseQuality("\n")
	nan := must(t)(tensor.FromSlice([]float64{math.NaN()}))
	for i, c := range []struct{ err, kind error }{
		{resample(must(t)(v.ExpandDims(0)), 1, 2, nil), tensor.ErrShape},
		{resample(must(t)(v.Cast(tensor.I64)), 1, 2, nil), tensor.ErrDType},
		{resample(v, 0, 2, nil), tensor.ErrLimit},
		{resample(v, 1, -2, nil), tensor.ErrLimit},
		{resample(v, 1<<31, 1, nil), tensor.ErrLimit},
		{resample(v, 1<<30, 1, nil), tensor.ErrLimit},
		{resample(v, 44100000, 44100001, nil), tensor.ErrLimit},
		{resample(v, 1, 2, &audio.ResampleOptions{Quality: 9}), tensor.ErrUnsupported},
		{resample(v, 1, 2, &audio.ResampleOptions{Options: audio.Options{MaxBytes: 15}}), tensor.ErrLimit},
		{resample(long, 1, 3, nil), tensor.ErrLimit},
		{resample(long, 3, 1, nil), tensor.ErrLimit},
		{resample(long, 1, 7, nil), tensor.ErrOverflow},
		{third(audio.Mono(v, []float64{1}, nil)), tensor.ErrShape},
		{third(audio.Mono(must(t)(tensor.Make(tensor.I16, tensor.Shape{3, 0})), nil, nil)), tensor.ErrShape},
		{third(audio.Convert(v, tensor.I64, nil)), tensor.ErrDType},
		{third(audio.Gain(long, 1, nil)), tensor.ErrLimit},
		{third(audio.NormalizePeak(nan, 0, nil)), tensor.ErrUnsupported},
		{third(audio.NormalizeRMS(v, math.Inf(1), nil)), tensor.ErrUnsupported},
		{early, tensor.ErrShape},
		{kind, tensor.ErrDType},
		{channels, tensor.ErrShape},
		{late, tensor.ErrClosed},
		{again, tensor.ErrClosed},
		{quality, tensor.ErrUnsupported},
	} {
		if c.err == nil {
			t.Errorf("case %d: no error, want %v", i, c.kind)
			continue
		}
		is(t, c.err, c.kind)
	}
}

// FuzzResample gives any rates and samples, whole and in pieces.
func FuzzResample(f *testing.F) {
	f.Add(int64(44100), int64(48000), uint8(1), uint8(0), []byte("samples of a recording"))
	f.Add(int64(3), int64(-1), uint8(9), uint8(2), []byte{})
	f.Add(int64(1<<31-1), int64(1), uint8(4), uint8(1), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, from, to int64, kind, quality uint8, data []byte) {
		if max(from, to) > 100 {
			from, to = from%100, to%100 // short filters
		}
		d := []tensor.DType{tensor.F64, tensor.F32, tensor.F16, tensor.BF16, tensor.I32, tensor.I16, tensor.I8, tensor.U8}[kind%8]
		data = data[:min(len(data), 600)]
		channels := int64(kind>>3&3) + 1
		frames := int64(len(data)) / int64(d.UnitBytes) / channels
		v, err := tensor.NewView(data, d, tensor.Shape{frames, channels}, nil, 0, tensor.ByteOrder(kind>>5&1))
		if err != nil {
			t.Fatal(err)
		}
		o := &audio.ResampleOptions{Quality: audio.Quality(quality & 3), Options: audio.Options{MaxBytes: 1 << 20}}
		whole, err := audio.Resample(v, from, to, o)
		if err != nil {
			return
		}
		if want := (frames*to + from - 1) / from; whole.Shape()[0] != want {
			t.Fatalf("%d frames became %d, want %d", frames, whole.Shape()[0], want)
		}
		r, err := audio.NewResampler(from, to, o)
		if err != nil {
			t.Fatal(err)
		}
		cut := frames * int64(quality>>2) / 64
		at := int64(0)
		for i := range 3 {
			var piece tensor.View
			switch i {
			case 0:
				piece, err = v.Slice(0, 0, cut, 1)
			case 1:
				piece, err = v.Slice(0, cut, frames, 1)
			}
			if err == nil && i < 2 {
				piece, err = r.Push(piece)
			} else if err == nil {
				piece, err = r.Flush()
			}
			if err != nil {
				t.Fatal(err)
			}
			part, err := whole.Slice(0, at, at+piece.Shape()[0], 1)
			if err != nil {
				t.Fatal(err)
			}
			if d.Class == tensor.ClassFloat { // NaNs may have another payload
				a, b := floats(t, piece), floats(t, part)
				for k := range a {
					if a[k] != b[k] && !(math.IsNaN(a[k]) && math.IsNaN(b[k])) {
						t.Fatalf("%d to %d: sample %d differs in pieces", from, to, at)
					}
				}
			} else if same, err := tensor.Equal(piece, part); err != nil || !same {
				t.Fatalf("%d to %d: piece at %d differs", from, to, at)
			}
			at += piece.Shape()[0]
		}
		if at != whole.Shape()[0] {
			t.Fatalf("%d samples in pieces, %d at once", at, whole.Shape()[0])
		}
	})
}

func BenchmarkResample(b *testing.B) {
	x := make([]int16, 10*44100)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = int16(rng.Uint32() >> 17)
	}
	v, err := tensor.FromSlice(x)
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []audio.Quality{audio.Fast, audio.Good, audio.Best} {
		b.Run(fmt.Sprintf("dtype=i16/from=44100/to=48000/quality=%v", q), func(b *testing.B) {
			b.SetBytes(v.ByteSize())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := audio.Resample(v, 44100, 48000, &audio.ResampleOptions{Quality: q, Options: audio.Options{Workers: 1}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
