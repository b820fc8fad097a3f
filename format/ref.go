package format

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// RefSize is the size of a Ref on disk.
const RefSize = 16

// Offsets in a Ref (spec, "Ref").
const (
	refOffset = 0             // u64
	refLength = refOffset + 8 // u32
	refCRC    = refLength + 4 // u32
)

// A Ref points to bytes that carry their checksum with the pointer. The zero
// Ref is absent.
type Ref struct {
	Offset uint64 // absolute
	Length uint32
	CRC    uint32 // CRC-32C of exactly [Offset, Offset+Length)
}

// Absent reports whether r points nowhere.
func (r Ref) Absent() bool { return r == Ref{} }

func (r Ref) String() string { return fmt.Sprintf("[%d, +%d)", r.Offset, r.Length) }

func (r Ref) put(b []byte) {
	le.PutUint64(b[refOffset:], r.Offset)
	le.PutUint32(b[refLength:], r.Length)
	le.PutUint32(b[refCRC:], r.CRC)
}

func getRef(b []byte) Ref {
	return Ref{le.Uint64(b[refOffset:]), le.Uint32(b[refLength:]), le.Uint32(b[refCRC:])}
}

// checkExtent reports an error unless [off, off+n) lies in [low, high). at and
// field name the place that holds the extent.
func checkExtent(off, n, low, high uint64, at int64, field, rule string) error {
	if off >= low && off <= high && n <= high-off {
		return nil
	}
	got := fmt.Sprintf("[%d, +%d)", off, n)
	switch {
	case off > ^uint64(0)-n:
		return fail(tensor.ErrOverflow, rule, at, field, got, "an end below 2^64 (offset plus length overflows)")
	case off < low || off > high:
		return fail(tensor.ErrCorrupt, rule, at, field, got, fmt.Sprintf("inside [%d, %d)", low, high))
	}
	return fail(tensor.ErrTruncated, rule, at, field, got, fmt.Sprintf("inside [%d, %d), %d bytes remain", low, high, high-off))
}
