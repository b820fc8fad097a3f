package audio

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Quality chooses the low-pass filter of a change of rate: up to which part of
// the lower of the two Nyquist frequencies sound passes, and how far below it
// what lies above that frequency is pushed. Figures are measured by the tests of
// this package; see docs/audio.md.
type Quality uint8

// The qualities. Taps are source samples for each new one when the rate rises;
// when it falls there are more, by the factor of the rates.
const (
	Good Quality = iota // up to 0.90, 100 dB, 132 taps
	Fast                // up to 0.80, 60 dB, 39 taps
	Best                // up to 0.95, 140 dB, 383 taps
)

// String is "good", "fast" or "best".
func (q Quality) String() string {
	switch q {
	case Good:
		return "good"
	case Fast:
		return "fast"
	case Best:
		return "best"
	}
	return "quality " + itoa(int64(q))
}

// ParseQuality knows the names that String returns. Others are ErrUnsupported.
func ParseQuality(s string) (Quality, error) {
	for q := Good; q <= Best; q++ {
		if q.String() == s {
			return q, nil
		}
	}
	return 0, fail(tensor.ErrUnsupported, "quality", tensor.Quote(s), "good, fast or best")
}

// band is the end of the pass band, as a part of the lower Nyquist frequency,
// and the attenuation beyond it in decibels.
func (q Quality) band() (pass, db float64) {
	switch q {
	case Fast:
		return 0.80, 62
	case Best:
		return 0.95, 145
	}
	return 0.90, 102
}

// filter is a polyphase low-pass for a change of rate by up/down, lowest terms.
// New sample n stands at n*down in the grid of the rate that both divide; the
// source samples around it, up apart, meet every up-th coefficient of the
// filter: a phase for each place of n*down between two of them.
type filter struct {
	up, down int64
	behind   int64     // source samples before the one at or before n
	taps     int       // in each phase
	phases   []float64 // up times taps, in the order of the source
}

// maxHalf bounds half the length of a filter: 2^24 coefficients, 128 MiB.
const maxHalf = 1 << 23

// newFilter designs a windowed sinc by Kaiser's formulas. Its response falls to
// half in the middle between the end of the pass band and the lower Nyquist
// frequency, where the stop band begins.
func newFilter(from, to int64, q Quality) (*filter, error) {
	if q > Best {
		return nil, fail(tensor.ErrUnsupported, "quality", q.String(), "good, fast or best")
	}
	const most = 1 << 31
	if min(from, to) < 1 || max(from, to) >= most {
		return nil, fail(tensor.ErrLimit, "rates", itoa(from)+" to "+itoa(to), "from 1 to below "+itoa(most))
	}
	a, b := from, to
	for b != 0 {
		a, b = b, a%b
	}
	f := &filter{up: to / a, down: from / a}
	if from == to {
		f.taps, f.phases = 1, []float64{1}
		return f, nil
	}
	pass, db := q.band()
	nyquist := 1 / float64(max(f.up, f.down)) // the lower one, in the common grid
	length := (db - 7.95) / (2.285 * math.Pi * (1 - pass) * nyquist)
	if length > 2*maxHalf {
		return nil, fail(tensor.ErrLimit, "rates", itoa(from)+" to "+itoa(to), "rates with a greater common divisor: a filter of at most "+itoa(2*maxHalf)+" coefficients")
	}
	half := int64(math.Ceil(length / 2))
	f.behind = half / f.up
	f.taps = int(f.behind+(half+f.up-1)/f.up+1+15) &^ 15 // what sums go fastest by
	f.phases = make([]float64, int64(f.taps)*f.up)
	h := design(half, (1+pass)/2*nyquist, 0.1102*(db-8.7), float64(f.up))
	for phase := range f.up {
		row := f.phases[phase*int64(f.taps):][:f.taps]
		for t := range row {
			if k := phase + (f.behind-int64(t))*f.up; -half <= k && k <= half {
				row[t] = h[max(k, -k)]
			}
		}
	}
	return f, nil
}

// design returns the coefficients from the middle to the end of a symmetric
// filter, which passes up to cutoff (1 is half the rate), in a Kaiser window;
// all add up to sum.
func design(half int64, cutoff, beta, sum float64) []float64 {
	h := make([]float64, half+1)
	total, top := 0.0, bessel(beta)
	for k := len(h) - 1; k >= 0; k-- { // small ones first
		t := float64(k) / float64(half)
		h[k] = cutoff * sinc(cutoff*float64(k)) * bessel(beta*math.Sqrt(1-t*t)) / top
		total += 2 * h[k]
	}
	total -= h[0]
	for k := range h {
		h[k] *= sum / total
	}
	return h
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of the first kind of order 0, by its
// power series: the terms are (x/2)^2k / (k!)^2. x is that of a window, below 20.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for _, s := range besselSteps {
		term *= x * x * s
		if sum += term; term < sum*1e-17 {
			break
		}
	}
	return sum
}

// besselSteps are 1/(2k)^2, enough for windows.
var besselSteps = func() (s [64]float64) {
	for i := range s {
		k := float64(i + 1)
		s[i] = 1 / (4 * k * k)
	}
	return s
}()

// length is the number of new samples of n: those before the end of the sound.
func (f *filter) length(n int64) (int64, error) {
	if n > math.MaxInt64/2/max(f.up, f.down) {
		return 0, fail(tensor.ErrOverflow, "sound", itoa(n)+" samples", "times "+itoa(max(f.up, f.down))+" below 2^62")
	}
	return (n*f.up + f.down - 1) / f.down, nil
}

// reach is the range of source samples that the new ones from lo to hi-1 need.
func (f *filter) reach(lo, hi int64) (first, last int64) {
	first = lo*f.down/f.up - f.behind
	return first, (hi-1)*f.down/f.up - f.behind + int64(f.taps)
}

// run computes the new samples from lo on from the source samples x, of which
// the first is number first. The order of additions is that of kernel.DotF64,
// the same for any number of pieces.
func (f *filter) run(out, x []float64, lo, first int64) {
	if f.taps == 1 { // equal rates
		copy(out, x[lo-first:])
		return
	}
	at := lo * f.down
	phase, base := at%f.up, at/f.up-f.behind-first
	step, left := f.down/f.up, f.down%f.up
	for i := range out {
		h := f.phases[phase*int64(f.taps):][:f.taps]
		out[i] = kernel.DotF64(h, x[base:][:f.taps])
		base += step
		if phase += left; phase >= f.up {
			phase -= f.up
			base++
		}
	}
}
