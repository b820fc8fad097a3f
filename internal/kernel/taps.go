package kernel

// Taps are places of a source relative to another, in the order in which what
// stands there is added up.
type Taps struct {
	off []int
	top int // the largest
}

// NewTaps keeps off. Places are not negative.
func NewTaps(off []int) Taps {
	t := Taps{off: off}
	for _, o := range off {
		need(o >= 0, "a tap before its source")
		t.top = max(t.top, o)
	}
	return t
}

func (t Taps) check(dst, src, weights int) {
	need(weights == len(t.off), "not one weight for each tap")
	need(dst == 0 || len(t.off) == 0 || t.top <= src-dst, "taps behind the end of their source")
}

// AddTapsF32 adds to each dst[i] weights[t] * src[off[t]+i], for t in order.
// Each product is rounded, then each sum: no multiply-add is fused.
func AddTapsF32(dst, src []float32, taps Taps, weights []float32) {
	taps.check(len(dst), len(src), len(weights))
	if len(weights) == 0 {
		return
	}
	i := addTapsF32Fast(dst, src, taps.off, weights)
	addTaps(dst[i:], src[min(i, len(src)):], taps.off, weights)
}

// AddTapsF64 is AddTapsF32 for float64.
func AddTapsF64(dst, src []float64, taps Taps, weights []float64) {
	taps.check(len(dst), len(src), len(weights))
	if len(weights) == 0 {
		return
	}
	i := addTapsF64Fast(dst, src, taps.off, weights)
	addTaps(dst[i:], src[min(i, len(src)):], taps.off, weights)
}

// tapBlock is how many results stay in the first-level cache while all taps are
// added.
const tapBlock = 256

// addTaps takes four taps at a time, so that a result is loaded and stored a
// quarter as often. The conversions forbid to fuse a product and a sum.
func addTaps[T float32 | float64](dst, src []T, off []int, weights []T) {
	for len(dst) > 0 {
		n := min(len(dst), tapBlock)
		d, w := dst[:n], weights
		t := 0
		for ; len(w) >= 4; t, w = t+4, w[4:] {
			w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
			a, b := src[off[t]:][:n], src[off[t+1]:][:n]
			c, e := src[off[t+2]:][:n], src[off[t+3]:][:n]
			for i, x := range d {
				x += T(w0 * a[i])
				x += T(w1 * b[i])
				x += T(w2 * c[i])
				x += T(w3 * e[i])
				d[i] = x
			}
		}
		for j, w := range w {
			s := src[off[t+j]:][:n]
			for i, x := range d {
				d[i] = x + T(w*s[i])
			}
		}
		dst = dst[n:]
		if len(dst) > 0 {
			src = src[n:]
		}
	}
}
