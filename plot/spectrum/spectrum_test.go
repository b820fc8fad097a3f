package spectrum_test

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/plot/spectrum"
	"github.com/tensorfile/tensorfile/tensor"
)

// scipyCase is a line of testdata/scipy.jsonl.gz; see gen_spectrum.py.
type scipyCase struct {
	Op     string `json:"op"`
	N      int    `json:"n"`
	Window int    `json:"window"`
	Hop    int    `json:"hop"`
	In     []byte `json:"in"`
	Out    []byte `json:"out"`
}

func floats(b []byte) []float64 {
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

func (c *scipyCase) check(t testing.TB) {
	in, want := floats(c.In), floats(c.Out)
	if c.Op == "fft" {
		f, err := spectrum.NewFFT(c.N)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]complex128, c.N)
		for i := range x {
			x[i] = complex(in[2*i], in[2*i+1])
		}
		f.Transform(x)
		for i, z := range x {
			if math.Hypot(real(z)-want[2*i], imag(z)-want[2*i+1]) > 1e-12*float64(c.N) {
				t.Errorf("%d of %d: %v, want %v", i, c.N, z, want[2*i:2*i+2])
				return
			}
		}
		return
	}
	s, err := spectrum.NewSpectrogram(int64(c.N), &spectrum.Options{Window: c.Window, Hop: c.Hop, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(in, 37) {
		s.Add(piece)
	}
	s.Close()
	columns, rows := s.Size()
	if columns*rows != len(want) || int64(columns) != s.Frames() {
		t.Errorf("%d x %d, want %d", columns, rows, len(want))
		return
	}
	for i, p := range want {
		if got := s.Power(i/rows, i%rows); math.Abs(got-p) > 1e-12*max(p, 1e-3) {
			t.Errorf("frame %d, bin %d: %v, want %v", i/rows, i%rows, got, p)
			return
		}
	}
}

func TestSciPy(t *testing.T) {
	n := golden.Each(t, golden.Kept(t, "testdata/scipy.jsonl.gz"), func(c *scipyCase) { c.check(t) })
	t.Logf("%d cases", n)
	if n < 40 {
		t.Error("too few")
	}
}

func TestInteropSciPy(t *testing.T) {
	lines, _ := golden.Fresh(t, "SciPy", "testdata/gen_spectrum.py", 300)
	n := golden.Each(t, lines, func(c *scipyCase) { c.check(t) })
	t.Logf("%d cases", n)
	if n < 300 {
		t.Error("too few")
	}
}

func sine(n int, cycles float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Sin(2 * math.Pi * cycles * float64(i))
	}
	return x
}

// A sine of amplitude 1 on a bin has half the power there, whatever is averaged.
func TestPixels(t *testing.T) {
	const n, window = 100_000, 256
	s, err := spectrum.NewSpectrogram(n, &spectrum.Options{Window: window, Columns: 50, Rows: 43})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(sine(n, 32.0/window))
	s.Close()
	columns, rows := s.Size()
	if columns != 50 || rows != 43 || s.Hop() != 128 || s.Window() != window {
		t.Fatalf("%d x %d, hop %d", columns, rows, s.Hop())
	}
	for c := range columns {
		sum := 0.0
		best := 0
		for r := range rows { // three bins each
			sum += 3 * s.Power(c, r)
			if s.Power(c, r) > s.Power(c, best) {
				best = r
			}
		}
		// Hann spreads a sine over three bins: 1/4, 1, 1/4 of its power.
		if best != 32/3 || math.Abs(sum-0.5*1.5) > 1e-6 {
			t.Fatalf("column %d: row %d, power %v", c, best, sum)
		}
	}
}

func TestEdges(t *testing.T) {
	s, err := spectrum.NewSpectrogram(3, &spectrum.Options{Window: 8})
	if err != nil {
		t.Fatal(err)
	}
	s.Add([]float64{1, 1, 1})
	s.Close()
	if c, r := s.Size(); c != 1 || r != 5 || !(s.Power(0, 0) > 0) {
		t.Errorf("short: %d x %d, %v", c, r, s.Power(0, 0))
	}
	if s, err = spectrum.NewSpectrogram(0, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if c, _ := s.Size(); c != 0 {
		t.Errorf("nothing has %d columns", c)
	}
	x := sine(64, 0.1)
	x[20] = math.NaN()
	if s, err = spectrum.NewSpectrogram(64, &spectrum.Options{Window: 16, Hop: 16}); err != nil {
		t.Fatal(err)
	}
	s.Add(x)
	s.Close()
	if !math.IsNaN(s.Power(1, 3)) || math.IsNaN(s.Power(0, 3)) || math.IsNaN(s.Power(2, 3)) {
		t.Error("NaN is not where it was")
	}
	for _, o := range []spectrum.Options{{Window: 12}, {Window: -1}, {Hop: -1}, {Window: 1 << 30}} {
		if _, err := spectrum.NewSpectrogram(100, &o); !errors.Is(err, tensor.ErrShape) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
