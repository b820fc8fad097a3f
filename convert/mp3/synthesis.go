package mp3

import "math"

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
// half is a mirror image of the other half.
var longCosines, shortCosines = func() (l [18][18]float64, s [6][6]float64) {
	fill := func(n, i, k int) float64 {
		return math.Cos(math.Pi / float64(2*n) * float64(2*i+1+n/2) * float64(2*k+1))
	}
	for i := range 18 {
		for k := range 18 {
			l[i][k] = fill(36, i+9, k) // 9 to 26
		}
	}
	for i := range 6 {
		for k := range 6 {
			s[i][k] = fill(12, i+3, k) // 3 to 8
		}
	}
	return l, s
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
	for i := range 18 {
		sum, row := 0.0, &longCosines[i]
		for k, v := range x {
			sum += v * row[k]
		}
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

// synthesis is the first filter bank of a channel: it makes sound of 32 subbands.
type synthesis struct {
	v  [1024]float64 // what the last 16 steps made of subbands, in a ring
	at int           // where the last of them begins
}

// window is that of synthesis, with both halves.
var window = func() (t [512]float64) {
	for i, v := range halfWindow {
		t[i] = float64(v) / 65536
		if i > 0 && i < 256 {
			t[512-i] = -t[i]
			if i%64 == 0 {
				t[512-i] = t[i]
			}
		}
	}
	return t
}()

// granule makes 576 samples of 18 samples of each subband.
func (s *synthesis) granule(out, x *[576]float64) {
	var bands [32]float64
	for step := range 18 {
		for b := range bands {
			bands[b] = x[18*b+step]
		}
		s.step((*[32]float64)(out[32*step:]), &bands)
	}
}

func (s *synthesis) step(out, bands *[32]float64) {
	s.at = (s.at - 64) & 1023
	v := (*[64]float64)(s.v[s.at:])
	cosine32(bands)
	// cos((16 + i)(2k + 1)pi/64), by those of the transform.
	for i := range 16 {
		v[i] = bands[16+i]
	}
	v[16] = 0
	for i := 17; i <= 48; i++ {
		v[i] = -bands[48-i]
	}
	for i := 49; i < 64; i++ {
		v[i] = -bands[i-48]
	}
	*out = [32]float64{}
	for j := range 8 {
		a := (*[32]float64)(s.v[(s.at+128*j)&1023:])
		b := (*[32]float64)(s.v[(s.at+128*j+96)&1023:])
		w := (*[64]float64)(window[64*j:])
		for i := range 32 {
			out[i] += a[i]*w[i] + b[i]*w[32+i]
		}
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

// cosine32 makes the sums of x[k] cos(n(2k + 1)pi/64) of x, in place, for n from 0
// to 31 (Lee's fast transform).
func cosine32(x *[32]float64) {
	var y [32]float64
	cosines(x[:], y[:], halves[:])
}

func cosines(x, y, c []float64) {
	n := len(x)
	if n == 1 {
		return
	}
	h := n / 2
	even, odd := y[:h], y[h:n]
	for k := range h {
		a, b := x[k], x[n-1-k]
		even[k], odd[k] = a+b, (a-b)*c[k]
	}
	cosines(even, x[:h], c[h:])
	cosines(odd, x[h:n], c[h:])
	for k := range h - 1 {
		x[2*k], x[2*k+1] = even[k], odd[k]+odd[k+1]
	}
	x[n-2], x[n-1] = even[h-1], odd[h-1]
}
