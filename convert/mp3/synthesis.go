package mp3

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// turns are the cosines and sines of the butterflies between subbands (ISO/IEC
// 11172-3, table B.9).
var turns = func() (t [8][2]float64) {
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		r := math.Sqrt(1 + c*c)
		t[i] = [2]float64{1 / r, c / r}
	}
	return t
}()

// antialias undoes what the filters of neighbouring subbands have in common.
func (d *decoder) antialias(g *granule, c int) {
	bands := min((d.top[c]+17)/18, 31)
	switch {
	case g.mixed:
		bands = 1
	case g.short():
		return
	}
	x := &d.values[c]
	for b := 1; b <= bands; b++ {
		for i, t := range turns {
			lo, hi := 18*b-1-i, 18*b+i
			a, b := x[lo], x[hi]
			x[lo], x[hi] = a*t[0]-b*t[1], b*t[0]+a*t[1]
		}
	}
	d.top[c] = max(d.top[c], min(18*bands+8, 576))
}

// windows are those of long blocks of each type.
var windows = func() (t [4][36]float64) {
	for i := range 36 {
		s := math.Sin(math.Pi / 36 * (float64(i) + 0.5))
		t[0][i], t[1][i] = s, s
		switch {
		case i >= 30:
			t[1][i] = 0
		case i >= 24:
			t[1][i] = math.Sin(math.Pi / 12 * (float64(i) - 18 + 0.5))
		case i >= 18:
			t[1][i] = 1
		}
	}
	for i := range 36 {
		t[3][i] = t[1][35-i]
	}
	for i := range 12 {
		t[2][i] = math.Sin(math.Pi / 12 * (float64(i) + 0.5))
	}
	return t
}()

// The cosines of the transforms: of the 36 and 12 values that are made of 18 and 6,
// half is a mirror image of the other half. Those of long blocks are in rows of what is
// made, one for each value that it is made of.
var longCosines, shortCosines = func() (l [18 * 18]float64, s [6][6]float64) {
	fill := func(n, i, k int) float64 {
		return math.Cos(math.Pi / float64(2*n) * float64(2*i+1+n/2) * float64(2*k+1))
	}
	for i := range 18 {
		for k := range 18 {
			l[18*k+i] = fill(36, i+9, k) // 9 to 26
		}
	}
	for i := range 6 {
		for k := range 6 {
			s[i][k] = fill(12, i+3, k) // 3 to 8
		}
	}
	return l, s
}()

// longTaps are where the rows of longCosines begin.
var longTaps = func() kernel.Taps {
	var at [18]int
	for k := range at {
		at[k] = 18 * k
	}
	return kernel.NewTaps(at[:])
}()

// hybrid makes the samples of each subband of its values, in place, as the second
// filter bank had them: 18 for each of 32 subbands.
func (d *decoder) hybrid(g *granule, c int) {
	x, end := &d.values[c], &d.end[c]
	used := (d.top[c] + 17) / 18
	var y [36]float64
	for b := range 32 {
		v := (*[18]float64)(x[18*b:])
		if b >= used {
			*v, end[b] = end[b], [18]float64{}
		} else {
			kind := g.block
			if g.lowLong && b < 2 {
				kind = 0
			}
			if kind == 2 {
				shortBlocks(&y, v)
			} else {
				longBlock(&y, v, &windows[kind])
			}
			for i := range 18 {
				v[i] = y[i] + end[b][i]
				end[b][i] = y[18+i]
			}
		}
		if b&1 == 1 { // odd subbands have their frequencies upside down
			for i := 1; i < 18; i += 2 {
				v[i] = -v[i]
			}
		}
	}
}

func longBlock(y *[36]float64, x *[18]float64, window *[36]float64) {
	var sums [18]float64
	kernel.AddTapsF64(sums[:], longCosines[:], longTaps, x[:])
	for i, sum := range sums {
		if i < 9 {
			y[9+i], y[8-i] = sum*window[9+i], -sum*window[8-i]
		} else {
			y[9+i], y[44-i] = sum*window[9+i], sum*window[44-i]
		}
	}
}

func shortBlocks(y *[36]float64, x *[18]float64) {
	*y = [36]float64{}
	window := &windows[2]
	for w := range 3 {
		z := y[6+6*w:]
		for i := range 6 {
			sum := 0.0
			for k := range 6 {
				sum += x[3*k+w] * shortCosines[i][k]
			}
			if i < 3 {
				z[3+i] += sum * window[3+i]
				z[2-i] -= sum * window[2-i]
			} else {
				z[3+i] += sum * window[3+i]
				z[14-i] += sum * window[14-i]
			}
		}
	}
}

// steps is how often a granule has a sample of each subband.
const steps = 18

// synthesis is the first filter bank of a channel: it makes sound of 32 subbands. All
// that it does it does to rows: of the steps of a granule, for a subband or a sample.
type synthesis struct {
	// For each of the cosine transforms of the subbands a row: those of the 15 steps
	// before, and of the granule's.
	sums [32 * width]float64
}

const width = 15 + steps

// A sample of a step is a sum of 16 of sums, of this step and of those before.
type sum struct {
	taps    kernel.Taps
	weights [16]float64
}

// window is that of synthesis, by sample: cos((16 + i)(2k + 1)pi/64) is one of the
// transforms, or the negative of one.
var window = func() (t [32]sum) {
	var w [512]float64
	for i, v := range halfWindow {
		w[i] = float64(v) / 65536
		if i > 0 && i < 256 {
			w[512-i] = -w[i]
			if i%64 == 0 {
				w[512-i] = w[i]
			}
		}
	}
	of := func(i int) (row int, sign float64) {
		switch {
		case i < 16:
			return 16 + i, 1
		case i == 16:
			return 0, 0
		case i <= 48:
			return 48 - i, -1
		}
		return i - 48, -1
	}
	for i := range t {
		var places [16]int
		for j := range 16 {
			row, sign := of(i + j&1*32)
			places[j] = row*width + 15 - j
			t[i].weights[j] = sign * w[32*j+i]
		}
		t[i].taps = kernel.NewTaps(places[:])
	}
	return t
}()

// granule makes 576 samples of 18 samples of each subband, by sample of a step.
func (s *synthesis) granule(out *[32][steps]float64, x *[576]float64) {
	var rows [32][steps]float64
	for b := range rows {
		rows[b] = [steps]float64(x[steps*b:])
	}
	var room [32][steps]float64
	cosines(rows[:], room[:], halves[:])
	for i := range rows {
		row := s.sums[width*i:][:width]
		copy(row, row[steps:])
		copy(row[15:], rows[i][:])
	}
	for i := range window {
		out[i] = [steps]float64{}
		kernel.AddTapsF64(out[i][:], s.sums[:], window[i].taps, window[i].weights[:])
	}
}

// halves are 1 / (2 cos((2k + 1)pi/2n)) for n of 32, 16, 8, 4 and 2, in a row.
var halves = func() (t [31]float64) {
	at := 0
	for n := 32; n > 1; n /= 2 {
		for k := range n / 2 {
			t[at] = 0.5 / math.Cos(math.Pi*float64(2*k+1)/float64(2*n))
			at++
		}
	}
	return t
}()

// cosines makes the sums of x[k] cos(n(2k + 1)pi/2N) of N rows, in place, for n from 0 to
// N-1 (Lee's fast transform). y is room for as much, c are those of halves from N on.
func cosines(x, y [][steps]float64, c []float64) {
	n := len(x)
	if n == 1 {
		return
	}
	h := n / 2
	even, odd := y[:h], y[h:n]
	for k := range h {
		a, b, e, o, c := &x[k], &x[n-1-k], &even[k], &odd[k], c[k]
		for i := range steps {
			e[i], o[i] = a[i]+b[i], (a[i]-b[i])*c
		}
	}
	cosines(even, x[:h], c[h:])
	cosines(odd, x[h:n], c[h:])
	for k := range h - 1 {
		x[2*k] = even[k]
		a, b, to := &odd[k], &odd[k+1], &x[2*k+1]
		for i := range steps {
			to[i] = a[i] + b[i]
		}
	}
	x[n-2], x[n-1] = even[h-1], odd[h-1]
}
