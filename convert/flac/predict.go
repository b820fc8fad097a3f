package flac

import (
	"math"
	"math/bits"
)

// restore undoes a prediction in place: behind the first samples, of which there
// are as many as coefficients, x holds what the prediction left. Coefficients are
// those of the oldest sample first.
func restore(x []int64, c []int64, shift uint) {
	// The sample before is kept apart: the others can be multiplied while it is not
	// known yet.
	n := len(c)
	if n == 8 {
		c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
		for before := x[7]; len(x) > 8; x = x[1:] {
			sum := c0*x[0] + c1*x[1] + c2*x[2] + c3*x[3] + c4*x[4] + c5*x[5] + c6*x[6]
			before = x[8] + (sum+c7*before)>>shift
			x[8] = before
		}
		return
	}
	older, newest := c[:n-1], c[n-1]
	for before := x[n-1]; len(x) > n; x = x[1:] {
		sum := int64(0)
		for i, k := range older {
			sum += k * x[i]
		}
		before = x[n] + (sum+newest*before)>>shift
		x[n] = before
	}
}

// leave is what a prediction leaves of x, behind the first samples.
func leave(dst, x []int64, c []int64, shift uint) {
	if len(c) == 8 {
		c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
		for i := range dst {
			y := x[i : i+9 : i+9]
			dst[i] = y[8] - (c0*y[0]+c1*y[1]+c2*y[2]+c3*y[3]+c4*y[4]+c5*y[5]+c6*y[6]+c7*y[7])>>shift
		}
		return
	}
	for i := range dst {
		y := x[i : i+len(c)+1]
		sum := int64(0)
		for j, k := range c {
			sum += k * y[j]
		}
		dst[i] = y[len(c)] - sum>>shift
	}
}

// differences are the sums of the magnitudes of the differences of orders 0 to 4,
// from the fifth sample on.
func differences(x []int64) (sums [5]uint64) {
	if len(x) < 5 {
		return sums
	}
	magnitude := func(v int64) uint64 { return uint64(v ^ v>>63) }
	a0, a1, a2, a3 := x[3], x[3]-x[2], x[3]-2*x[2]+x[1], x[3]-3*(x[2]-x[1])-x[0]
	for _, v := range x[4:] {
		d1 := v - a0
		d2 := d1 - a1
		d3 := d2 - a2
		sums[0] += magnitude(v)
		sums[1] += magnitude(d1)
		sums[2] += magnitude(d2)
		sums[3] += magnitude(d3)
		sums[4] += magnitude(d3 - a3)
		a0, a1, a2, a3 = v, d1, d2, d3
	}
	return sums
}

// difference is the difference of some order of x, from the sample of that
// number on.
func difference(dst, x []int64, order int) {
	for i := range dst {
		y := x[i : i+order+1]
		switch order {
		case 0:
			dst[i] = y[0]
		case 1:
			dst[i] = y[1] - y[0]
		case 2:
			dst[i] = y[2] - 2*y[1] + y[0]
		case 3:
			dst[i] = y[3] - 3*(y[2]-y[1]) - y[0]
		case 4:
			dst[i] = y[4] - 4*(y[3]+y[1]) + 6*y[2] + y[0]
		}
	}
}

// maxOrder is that of the predictions that are tried.
const maxOrder = 8

// taperPower is what a window leaves of the energy.
const taperPower = 1 - 0.5*5.0/8

// taper is a window of n points whose first and last quarter are those of Hann's:
// Tukey's of 0.5.
func taper(n int) []float64 {
	w := make([]float64, n)
	edge := n / 4
	for i := range w {
		w[i] = 1
		if d := min(i, n-1-i); d < edge {
			w[i] = (1 - math.Cos(math.Pi*float64(d)/float64(edge))) / 2
		}
	}
	return w
}

// autocorrelation of y, which has maxOrder zeros in front. Products are rounded on
// their own: machines that fuse a product with a sum would write other files.
func autocorrelation(y []float64) (r [maxOrder + 1]float64) {
	var r0, r1, r2, r3, r4 float64
	for i := maxOrder; i < len(y); i++ {
		z := y[i-4 : i+1 : i+1]
		v := z[4]
		r0 += float64(v * v)
		r1 += float64(v * z[3])
		r2 += float64(v * z[2])
		r3 += float64(v * z[1])
		r4 += float64(v * z[0])
	}
	var r5, r6, r7, r8 float64
	for i := maxOrder; i < len(y); i++ {
		z := y[i-8 : i+1 : i+1]
		v := z[8]
		r5 += float64(v * z[3])
		r6 += float64(v * z[2])
		r7 += float64(v * z[1])
		r8 += float64(v * z[0])
	}
	return [maxOrder + 1]float64{r0, r1, r2, r3, r4, r5, r6, r7, r8}
}

// levinson solves for predictions of all orders from 1 on: their coefficients,
// that of the newest sample first, and what energy they leave.
func levinson(r [maxOrder + 1]float64) (c [maxOrder][maxOrder]float64, left [maxOrder]float64, orders int) {
	var a [maxOrder]float64
	e := r[0]
	for i := range maxOrder {
		if !(e > 0) {
			return c, left, i
		}
		k := r[i+1]
		for j := range i {
			k -= float64(a[j] * r[i-j])
		}
		k /= e
		b := a
		b[i] = k
		for j := range i {
			b[j] = a[j] - float64(k*a[i-1-j])
		}
		a = b
		e *= 1 - float64(k*k)
		c[i], left[i] = a, e
	}
	return c, left, maxOrder
}

// quantise makes whole numbers of some bits of coefficients: those of the oldest
// sample first, and the shift that goes with them. What one loses in rounding the
// next gets.
func quantise(c []float64, precision int) (q []int64, shift int, ok bool) {
	most := 0.0
	for _, v := range c {
		most = max(most, math.Abs(v))
	}
	if !(most > 0) || math.IsInf(most, 0) {
		return nil, 0, false
	}
	_, exponent := math.Frexp(most)
	shift = min(precision-1-exponent, 15)
	if shift < 0 {
		return nil, 0, false
	}
	high := float64(int(1)<<(precision-1) - 1)
	q = make([]int64, len(c))
	rest := 0.0
	for i, v := range c {
		rest += float64(v * float64(int(1)<<shift))
		whole := min(max(math.RoundToEven(rest), -high-1), high)
		rest -= whole
		q[len(c)-1-i] = int64(whole)
	}
	return q, shift, true
}

// precisionOf is in how many bits coefficients are best stored: in long blocks
// exact ones pay.
func precisionOf(samples int, depth uint) int {
	switch n := bits.Len(uint(samples - 1)); {
	case depth < 16:
		return max(5, 2+int(depth)/2)
	case depth == 16:
		return min(max(n, 7), 13)
	default:
		return min(n+5, 15)
	}
}
