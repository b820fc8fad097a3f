package jpeg

// The inverse transform is the accurate one of libjpeg (jidctint), after
// C. Loeffler, A. Ligtenberg and G. Moschytz, "Practical Fast 1-D DCT Algorithms
// with 11 Multiplications", ICASSP 1989: 13 fractional bits of constants, 2 more
// bits between the passes. Its results are the same, number by number.

const (
	constBits = 13
	passBits  = 2

	fix0298 = 2446  // 0.298631336
	fix0390 = 3196  // 0.390180644
	fix0541 = 4433  // 0.541196100
	fix0765 = 6270  // 0.765366865
	fix0899 = 7373  // 0.899976223
	fix1175 = 9633  // 1.175875602
	fix1501 = 12299 // 1.501321110
	fix1847 = 15137 // 1.847759065
	fix1961 = 16069 // 1.961570560
	fix2053 = 16819 // 2.053119869
	fix2562 = 20995 // 2.562915447
	fix3072 = 25172 // 3.072711026
)

// natural is where the k-th coefficient of a block is in rows.
var natural = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// block is the coefficients of 8 by 8 samples, in rows.
type block [64]int16

// transform writes the samples of a block to dst, in rows a stride apart. quant is
// in rows, too.
func transform(dst []byte, stride int, b *block, quant *[64]int32) {
	var work [64]int32
	for i := range 8 {
		c := (*[64]int16)(b)
		q := quant
		if c[i+8]|c[i+16]|c[i+24]|c[i+32]|c[i+40]|c[i+48]|c[i+56] == 0 {
			v := int32(c[i]) * q[i] << passBits
			work[i], work[i+8], work[i+16], work[i+24] = v, v, v, v
			work[i+32], work[i+40], work[i+48], work[i+56] = v, v, v, v
			continue
		}
		z2, z3 := int32(c[i+16])*q[i+16], int32(c[i+48])*q[i+48]
		z1 := (z2 + z3) * fix0541
		t2, t3 := z1-z3*fix1847, z1+z2*fix0765
		z2, z3 = int32(c[i])*q[i], int32(c[i+32])*q[i+32]
		t0, t1 := (z2+z3)<<constBits, (z2-z3)<<constBits
		e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

		t0, t1, t2, t3 = odd(int32(c[i+56])*q[i+56], int32(c[i+40])*q[i+40], int32(c[i+24])*q[i+24], int32(c[i+8])*q[i+8])
		const shift, half = constBits - passBits, 1 << (constBits - passBits - 1)
		work[i], work[i+56] = (e0+t3+half)>>shift, (e0-t3+half)>>shift
		work[i+8], work[i+48] = (e1+t2+half)>>shift, (e1-t2+half)>>shift
		work[i+16], work[i+40] = (e2+t1+half)>>shift, (e2-t1+half)>>shift
		work[i+24], work[i+32] = (e3+t0+half)>>shift, (e3-t0+half)>>shift
	}
	for y := range 8 {
		w := (*[8]int32)(work[8*y:])
		out := (*[8]byte)(dst[y*stride:])
		z1 := (w[2] + w[6]) * fix0541
		t2, t3 := z1-w[6]*fix1847, z1+w[2]*fix0765
		t0, t1 := (w[0]+w[4])<<constBits, (w[0]-w[4])<<constBits
		e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2
		t0, t1, t2, t3 = odd(w[7], w[5], w[3], w[1])
		// Three bits more for the size of the transform, and the middle of the range.
		const shift, half = constBits + passBits + 3, 1<<(constBits+passBits+2) + 128<<(constBits+passBits+3)
		out[0], out[7] = clip((e0+t3+half)>>shift), clip((e0-t3+half)>>shift)
		out[1], out[6] = clip((e1+t2+half)>>shift), clip((e1-t2+half)>>shift)
		out[2], out[5] = clip((e2+t1+half)>>shift), clip((e2-t1+half)>>shift)
		out[3], out[4] = clip((e3+t0+half)>>shift), clip((e3-t0+half)>>shift)
	}
}

// odd is the part of the odd coefficients 7, 5, 3 and 1.
func odd(t0, t1, t2, t3 int32) (int32, int32, int32, int32) {
	z1, z2, z3, z4 := t0+t3, t1+t2, t0+t2, t1+t3
	z5 := (z3 + z4) * fix1175
	z1, z2 = -z1*fix0899, -z2*fix2562
	z3, z4 = z5-z3*fix1961, z5-z4*fix0390
	return t0*fix0298 + z1 + z3, t1*fix2053 + z2 + z4, t2*fix3072 + z2 + z3, t3*fix1501 + z1 + z4
}

// flat writes the samples of a block that has its first coefficient alone.
func flat(dst []byte, stride int, dc int32) {
	v := clip((dc<<passBits+1<<(passBits+2))>>(passBits+3) + 128)
	for y := range 8 {
		*(*[8]byte)(dst[y*stride:]) = [8]byte{v, v, v, v, v, v, v, v}
	}
}

func clip(x int32) byte {
	if uint32(x) <= 255 {
		return byte(x)
	}
	return byte(^x >> 31) // 0 below, 255 above
}
