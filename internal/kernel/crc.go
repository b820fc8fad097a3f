package kernel

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C returns the CRC-32C (polynomial 0x1EDC6F41 reflected, initial and final
// xor all ones) of bytes with the checksum sum followed by b, as crc32.Update
// of the standard library does.
func CRC32C(sum uint32, b []byte) uint32 {
	for {
		s, n := crc32cFast(sum, b)
		if n == 0 {
			return crc32.Update(sum, castagnoli, b)
		}
		sum, b = s, b[n:]
	}
}
