package kernel

import "encoding/binary"

// Spread writes elements of 1, 4 or 6 bits, the lowest bits of a byte first,
// from the start of src on, one to each byte of dst. Signed ones, of 4 bits,
// keep their sign.
func Spread(dst, src []byte, bits int, signed bool) {
	need(bits == 1 || bits == 4 || bits == 6, badSize)
	need(len(src) >= (len(dst)*bits+7)/8, badLength)
	i := spreadFast(dst, src, bits, signed)
	spreadElemsGo(dst[i:], src[i*bits/8:], bits, signed)
}

// Join is the way back: the lowest bits of each byte of src. What the last byte
// of dst, the last three for 6 bits, have left over becomes zero. dst may begin
// where src does.
func Join(dst, src []byte, bits int) {
	need(bits == 1 || bits == 4 || bits == 6, badSize)
	i := joinElemsFast(dst, src, bits)
	joinElemsGo(dst[i*bits/8:], src[i:], bits)
}

// spreadElemsGo goes by 8 elements, by 4 of 6 bits; the rest one by one.
func spreadElemsGo(p, units []byte, bits int, signed bool) {
	order := binary.LittleEndian
	switch bits {
	case 1:
		for ; len(p) >= 8; p, units = p[8:], units[1:] {
			x := uint64(units[0]) * 0x0101010101010101 & 0x8040201008040201
			order.PutUint64(p, (x+0x7f7f7f7f7f7f7f7f)>>7&0x0101010101010101)
		}
		for i := range p {
			p[i] = units[0] >> i & 1
		}
	case 4:
		for ; len(p) >= 8; p, units = p[8:], units[4:] {
			order.PutUint64(p, spreadNibbles(order.Uint32(units), signed))
		}
		var rest [8]byte
		var last [4]byte
		copy(last[:], units[:(len(p)+1)/2])
		order.PutUint64(rest[:], spreadNibbles(order.Uint32(last[:]), signed))
		copy(p, rest[:])
	case 6:
		for ; len(p) > 0; units = units[3:] {
			u := uint32(units[0]) | uint32(units[1])<<8 | uint32(units[2])<<16
			u = u&0x3f | u<<2&0x3f00 | u<<4&0x3f0000 | u<<6&0x3f000000
			if len(p) < 4 {
				var rest [4]byte
				order.PutUint32(rest[:], u)
				copy(p, rest[:])
				return
			}
			order.PutUint32(p, u)
			p = p[4:]
		}
	}
}

// spreadNibbles gives each nibble a byte, with its sign if it has one.
func spreadNibbles(u uint32, signed bool) uint64 {
	x := uint64(u)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	if signed {
		x |= x >> 3 & 0x0101010101010101 * 0xf0
	}
	return x
}

func joinElemsGo(units, p []byte, bits int) {
	order := binary.LittleEndian
	var rest [8]byte
	switch bits {
	case 1:
		for ; len(p) >= 8; p, units = p[8:], units[1:] {
			units[0] = lastBits(order.Uint64(p))
		}
		if copy(rest[:], p) > 0 {
			units[0] = lastBits(order.Uint64(rest[:]))
		}
	case 4:
		for ; len(p) >= 8; p, units = p[8:], units[4:] {
			order.PutUint32(units, joinNibbles(order.Uint64(p)))
		}
		var last [4]byte
		copy(rest[:], p)
		order.PutUint32(last[:], joinNibbles(order.Uint64(rest[:])))
		copy(units, last[:(len(p)+1)/2])
	case 6:
		for ; len(p) > 0; units = units[3:] {
			k := min(4, len(p))
			if k < 4 {
				copy(rest[:], p)
				p = rest[:k:4]
			}
			u := order.Uint32(p[:4])
			u = u&0x3f | u>>2&0xfc0 | u>>4&0x3f000 | u>>6&0xfc0000
			units[0], units[1], units[2] = byte(u), byte(u>>8), byte(u>>16)
			p = p[k:]
		}
	}
}

// lastBits collects the last bit of each byte.
func lastBits(x uint64) byte {
	return byte(x & 0x0101010101010101 * 0x0102040810204080 >> 56)
}

// joinNibbles collects the low half of each byte.
func joinNibbles(x uint64) uint32 {
	x &= 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}
