package pcm

import "math/bits"

// The laws of ITU-T G.711: eight segments of sixteen steps for each sign, every
// segment with steps twice as wide as those of the one before. A-law has 13 bits
// and mu-law 14; here they are the upper bits of 16.

var alaw, mulaw = func() (a, m [256]int16) {
	for i := range 256 {
		// A-law: even bits are inverted, and a set sign bit is plus.
		c := uint(i) ^ 0x55
		step, segment := int16(c&15), c>>4&7
		x := step<<4 + 8
		if segment > 0 {
			x = (x + 256) << (segment - 1)
		}
		if c&0x80 == 0 {
			x = -x
		}
		a[i] = x

		// mu-law: all bits are inverted, and magnitudes lie above a bias.
		c = ^uint(i)
		step, segment = int16(c&15), c>>4&7
		x = (step<<3+bias)<<segment - bias
		if c&0x80 != 0 {
			x = -x
		}
		m[i] = x
	}
	return a, m
}()

const bias = 33 << 2

// toALaw is the code of the level nearest to x, the outer one of two.
func toALaw(x int16) byte {
	m, sign := int32(x), byte(0x80)
	if m < 0 {
		m, sign = -m, 0
	}
	m = min(m, 1<<15-1)
	segment := max(bits.Len32(uint32(m))-8, 0)
	step := m >> max(segment+3, 4) & 15
	return (sign | byte(segment)<<4 | byte(step)) ^ 0x55
}

// toMuLaw is the code of the level nearest to x, the outer one of two.
func toMuLaw(x int16) byte {
	m, sign := int32(x), byte(0)
	if m < 0 {
		m, sign = -m, 0x80
	}
	m = min(m+bias, 1<<15-1)
	segment := bits.Len32(uint32(m)) - 8
	return ^(sign | byte(segment)<<4 | byte(m>>(segment+3)&15))
}
