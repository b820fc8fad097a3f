package kernel

// DotF64 is the sum of the products of x and y, which have one length. There
// are sixteen sums, each of every sixteenth product, each product and each sum
// rounded, none fused; s[i] and s[i+8] are added, then s[i] and s[i+4], s[i] and
// s[i+2], s[0] and s[1]. Lengths that are multiples of sixteen are fastest.
func DotF64(x, y []float64) float64 {
	need(len(x) == len(y), badLength)
	if s, ok := dotF64Fast(x, y); ok {
		return s
	}
	var s [16]float64
	for ; len(x) >= 16; x, y = x[16:], y[16:] {
		a, b := (*[16]float64)(x), (*[16]float64)(y)
		for k := range s {
			s[k] += float64(a[k] * b[k])
		}
	}
	for k, v := range x {
		s[k] += float64(v * y[k])
	}
	for n := 8; n > 0; n /= 2 {
		for k := range n {
			s[k] += s[k+n]
		}
	}
	return s[0]
}
