// Package crc has the arithmetic of CRC-32C in pieces: polynomials over GF(2)
// modulo the Castagnoli polynomial, as their remainders stand in a register of 32
// bits, with the coefficient of x^31 in the lowest bit.
package crc

// Segment is how many bytes of a checksum a block of a device takes.
const Segment = 64 << 10

// Poly is the Castagnoli polynomial, x^32 left out.
const Poly uint32 = 0x82f63b78

const one uint32 = 1 << 31 // x^0

// Multiply returns a*b.
func Multiply(a, b uint32) uint32 {
	p := uint32(0)
	for ; a != 0; a <<= 1 {
		p ^= b & -(a >> 31)
		b = b>>1 ^ Poly&-(b&1)
	}
	return p
}

// Power returns x^n.
func Power(n int64) uint32 { return power(one>>1, n) }

// Inverse returns x^-n.
func Inverse(n int64) uint32 {
	// What times x is 1: one step of division back.
	b := one ^ Poly
	return power(b<<1|1, n)
}

func power(b uint32, n int64) uint32 {
	r := one
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			r = Multiply(r, b)
		}
		b = Multiply(b, b)
	}
	return r
}

// Shift returns what remainder r becomes behind n bytes of zeros.
func Shift(r uint32, n int64) uint32 { return Multiply(r, Power(8*n)) }

// Table returns what the products of each byte and a factor are, for each of the
// four bytes of a remainder: r times the factor is the sum over k of
// t[k][byte k of r].
func Table(factor uint32) *[4][256]uint32 {
	t := new([4][256]uint32)
	for k := range t {
		for i := range t[k] {
			t[k][i] = Multiply(uint32(i)<<(8*k), factor)
		}
	}
	return t
}
