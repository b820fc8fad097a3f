package format

import (
	"encoding/binary"
	"fmt"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

// Checksum returns the CRC-32C of b (polynomial 0x1EDC6F41 reflected, initial
// and final xor all ones), the one checksum of the format.
func Checksum(b []byte) uint32 { return kernel.CRC32C(0, b) }

// UpdateChecksum returns the checksum of the bytes behind sum followed by b.
func UpdateChecksum(sum uint32, b []byte) uint32 { return kernel.CRC32C(sum, b) }

// Name is the name of the format in errors and listings.
const Name = "tensorfile"

// Fixed places and sizes (spec, "File map").
const (
	PageSize     = 4096
	SlotA        = 1 * PageSize
	SlotB        = 2 * PageSize
	DataStart    = 3 * PageSize
	MinLength    = DataStart + PageSize // a file without tensors
	Align        = 64                   // of every payload and structure
	LargePayload = 64 << 10             // raw payloads from here on stand at pages
	MaxOffset    = 1<<62 - 1            // of any byte of a file
)

// AlignUp returns the smallest multiple of n, a power of two, that is not
// below x. x must be at most MaxOffset.
func AlignUp(x, n int64) int64 { return (x + n - 1) &^ (n - 1) }

// fail makes the error of a broken rule. off is absolute in the file.
func fail(kind error, rule string, off int64, field, got, want string) *tensor.Error {
	return &tensor.Error{Kind: kind, Format: Name, Offset: off, Field: field, Got: got, Want: want, Rule: rule}
}

func badSum(rule string, off int64, field string, got, want uint32) *tensor.Error {
	return fail(tensor.ErrCorrupt, rule, off, field, fmt.Sprintf("%08x", got), fmt.Sprintf("%08x", want))
}

// zero returns the index of the first byte of b that is not zero, or -1.
func zero(b []byte) int {
	begin := 0
	for begin+8 <= len(b) && le.Uint64(b[begin:]) == 0 {
		begin += 8
	}
	for i, c := range b[begin:] {
		if c != 0 {
			return begin + i
		}
	}
	return -1
}

func u(x uint64) string { return fmt.Sprint(x) }

// hexOf prints bytes for an error. It copies them, so that the buffers of the
// callers stay on their stacks.
func hexOf(b []byte) string { return fmt.Sprintf("% x", string(b)) }
