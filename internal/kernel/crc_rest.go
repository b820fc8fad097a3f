//go:build noasm || !amd64

package kernel

func crc32cFast(sum uint32, _ []byte) (uint32, int) { return sum, 0 }
