package jpeg

// Components of fewer samples than others are interpolated as libjpeg does it
// ("fancy upsampling"): along an axis of half as many samples each new one is 3/4
// of the nearest and 1/4 of the next. Other ratios repeat samples, as do rows of
// one or two samples of which there are half as many.

// samples is how a plane lies.
type samples struct {
	x, y          int // pixels of a sample
	width, height int // samples
	stride        int
}

// rows gives the rows of a plane with as many samples as there are pixels.
func (c samples) rows(pix []byte, width int) func(y int) []byte {
	row := func(i int) []byte { return pix[i*c.stride : i*c.stride+c.width] }
	if c.x == 1 && c.y == 1 {
		return row
	}
	out := make([]byte, c.width*c.x)
	sums := make([]int32, c.width)
	last := -1
	return func(y int) []byte {
		near := row(y / c.y)
		if c.y != 2 || c.x > 2 {
			if last == y/c.y {
				return out[:width]
			}
			last = y / c.y
		}
		// The row next to it on the side that y is on.
		next := near
		if c.y == 2 {
			i := y/2 - 1 + y%2*2
			next = row(min(max(i, 0), c.height-1))
		}
		switch {
		case c.x == 1 && c.y == 2:
			bias := int32(1 + y%2)
			for i, a := range near {
				out[i] = byte((3*int32(a) + int32(next[i]) + bias) >> 2)
			}
		case c.x == 2 && c.width > 2 && c.y == 1:
			widen(out, near)
		case c.x == 2 && c.width > 2 && c.y == 2:
			for i, a := range near {
				sums[i] = 3*int32(a) + int32(next[i])
			}
			widenSums(out, sums)
		default:
			for i, a := range near {
				for j := range c.x {
					out[i*c.x+j] = a
				}
			}
		}
		return out[:width]
	}
}

// widen doubles the samples of a row.
func widen(out, in []byte) {
	n := len(in)
	out[0], out[2*n-1] = in[0], in[n-1]
	for i := 1; i < n; i++ {
		a, b := int32(in[i-1]), int32(in[i])
		out[2*i-1] = byte((3*a + b + 2) >> 2)
		out[2*i] = byte((3*b + a + 1) >> 2)
	}
}

// widenSums is widen for rows of sums that are four times too large.
func widenSums(out []byte, in []int32) {
	n := len(in)
	out[0], out[2*n-1] = byte((4*in[0]+8)>>4), byte((4*in[n-1]+7)>>4)
	for i := 1; i < n; i++ {
		a, b := in[i-1], in[i]
		out[2*i-1] = byte((3*a + b + 7) >> 4)
		out[2*i] = byte((3*b + a + 8) >> 4)
	}
}

// rgb writes a row of YCbCr as RGB, by the numbers of JFIF in 16 fractional bits.
func rgb(dst, luma, cb, cr []byte) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	for i, y := range luma {
		const half = 1 << 15
		b, r := int32(cb[i])-128, int32(cr[i])-128
		p := dst[3*i : 3*i+3 : 3*i+3]
		l := int32(y)
		p[0] = clip(l + (91881*r+half)>>16)
		p[1] = clip(l + (-22554*b-46802*r+half)>>16)
		p[2] = clip(l + (116130*b+half)>>16)
	}
}

// rgbk writes a row of YCCK: the first three as RGB, and the fourth inverted.
func rgbk(dst, luma, cb, cr, k []byte) {
	var p [3]byte
	for i := range luma {
		rgb(p[:], luma[i:i+1], cb[i:i+1], cr[i:i+1])
		copy(dst[4*i:], p[:])
		dst[4*i+3] = 255 - k[i]
	}
}

// join writes rows side by side, each sample with the bits of flip turned round.
func join(dst []byte, flip byte, rows ...[]byte) {
	for j, row := range rows {
		for i, v := range row {
			dst[i*len(rows)+j] = v ^ flip
		}
	}
}
