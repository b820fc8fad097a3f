package audio

import (
	"math"
	"testing"
)

// impulse puts the phases of a filter together again: its coefficients from
// the first to the last, in the grid that both rates divide.
func (f *filter) impulse() []float64 {
	n := int64(f.taps) * f.up
	h := make([]float64, n)
	for phase := range f.up {
		for t := range int64(f.taps) {
			k := phase + (f.behind-t)*f.up // of the coefficient, 0 the middle
			h[k+n-1-f.behind*f.up-(f.up-1)] = f.phases[phase*int64(f.taps)+t]
		}
	}
	return h
}

// gain is the size of the response at a frequency, 1 being the lower of the
// two Nyquist frequencies.
func (f *filter) gain(h []float64, frequency float64) float64 {
	w := math.Pi * frequency / float64(max(f.up, f.down))
	var re, im float64
	const block = 512
	sinW, cosW := math.Sincos(w)
	for at := 0; at < len(h); at += block {
		s, c := math.Sincos(w * float64(at)) // turned on from here
		for _, x := range h[at:min(at+block, len(h))] {
			re += x * c
			im += x * s
			c, s = c*cosW-s*sinW, s*cosW+c*sinW
		}
	}
	return math.Hypot(re, im) / float64(f.up)
}

// The figures of docs/audio.md: ripple up to the end of the pass band, and what
// is left of anything above the lower Nyquist frequency.
func TestFigures(t *testing.T) {
	for _, c := range []struct {
		quality        Quality
		pass           float64
		ripple, reject float64 // dB, at most
	}{
		{Fast, 0.80, 0.009, -61},
		{Good, 0.90, 0.0001, -101},
		{Best, 0.95, 0.000001, -141},
	} {
		for _, rates := range [][2]int64{{44100, 48000}, {48000, 44100}, {48000, 16000}, {16000, 48000}} {
			f, err := newFilter(rates[0], rates[1], c.quality)
			if err != nil {
				t.Fatal(err)
			}
			h := f.impulse()
			var ripple, worst, half float64
			for i := range 200 {
				g := f.gain(h, c.pass*float64(i)/199)
				ripple = max(ripple, math.Abs(20*math.Log10(g)))
			}
			for i := range 300 { // densest at the edge
				x := float64(i) / 299
				worst = max(worst, f.gain(h, 1+(float64(max(f.up, f.down))-1)*x*x*x))
			}
			half = 20 * math.Log10(f.gain(h, (1+c.pass)/2))
			reject := 20 * math.Log10(worst)
			t.Logf("%v %d to %d: %d taps, ripple %.7f dB up to %.2f, %.1f dB from 1 on, %.2f dB between", c.quality, rates[0], rates[1], f.taps, ripple, c.pass, reject, half)
			if ripple > c.ripple || reject > c.reject || math.Abs(half+6.02) > 0.05 {
				t.Errorf("%v %v: ripple %v dB, %v dB rejected, %v dB in the middle", c.quality, rates, ripple, reject, half)
			}
			for i := range h { // linear phase
				if j := len(h) - 1 - i - shift(h); j >= 0 && j < len(h) && h[i] != h[j] {
					t.Fatalf("%v %v: not symmetric at %d", c.quality, rates, i)
				}
			}
		}
	}
}

// shift is how much more zeros stand behind the coefficients than before.
func shift(h []float64) int {
	first, last := 0, len(h)-1
	for h[first] == 0 {
		first++
	}
	for h[last] == 0 {
		last--
	}
	return len(h) - 1 - last - first
}
