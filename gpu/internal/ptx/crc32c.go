package ptx

import (
	"encoding/binary"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/gpu/internal/crc"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// Its entry crc32c_parts(parts, src pointer, bytes u64) writes the CRC of each
// segment of 64 KiB, as a remainder without the complements that begin and end a
// CRC-32C. Segments begin at the last multiple of 16 that is not behind src; what
// lies before src and behind the last byte counts as zeros. Blocks have 256 threads.
//
// crc32c_join(dst, parts pointer, count u64, factor, last u32) joins them to one,
// multiplies by factor, and adds last: for one block of 256 threads.
var crcModule = module("crc32c",
	driver.Kernel{Name: "crc32c_parts", Params: driver.Signature{driver.Pointer, driver.Pointer, driver.U64}, Go: crcPartsGo},
	driver.Kernel{Name: "crc32c_join", Params: driver.Signature{driver.Pointer, driver.Pointer, driver.U64, driver.U32, driver.U32}, Go: crcJoinGo},
)

// crcSegments is how many segments n bytes at src reach into.
func crcSegments(src driver.Ptr, n int64) int64 {
	return max(1, (int64(src&15)+n+crc.Segment-1)/crc.Segment)
}

func crcPartsGo(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	src, n := a.Ptr(1), a.I64(2)
	lead, segs := int64(src&15), crcSegments(src, n)
	b, err := span(m, src, n)
	if err != nil {
		return err
	}
	parts, err := span(m, a.Ptr(0), 4*segs)
	if err != nil {
		return err
	}
	share(segs, pieceBytes/crc.Segment, func(from, to int64) {
		for ; from < to; from++ {
			begin, end := max(0, from*crc.Segment-lead), min(n, (from+1)*crc.Segment-lead)
			// Zeros before change nothing, those behind are a shift.
			r := ^format.UpdateChecksum(^uint32(0), b[begin:max(begin, end)])
			r = crc.Shift(r, (from+1)*crc.Segment-lead-max(begin, end))
			binary.LittleEndian.PutUint32(parts[4*from:], r)
		}
	})
	return nil
}

func crcJoinGo(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
	count := a.I64(2)
	parts, err := span(m, a.Ptr(1), 4*count)
	if err != nil {
		return err
	}
	dst, err := span(m, a.Ptr(0), 4)
	if err != nil {
		return err
	}
	step := crc.Power(8 * crc.Segment)
	r := uint32(0)
	for ; len(parts) > 0; parts = parts[4:] {
		r = crc.Multiply(r, step) ^ binary.LittleEndian.Uint32(parts)
	}
	binary.LittleEndian.PutUint32(dst, crc.Multiply(r, a.U32(3))^a.U32(4))
	return nil
}

// ChecksumScratch is how many bytes Checksum needs beside, wherever the n lie.
func ChecksumScratch(n int64) int64 { return 4 * crcSegments(15, n) }

// Checksum is the launches that write the CRC-32C of the n bytes at src, of any
// address, to dst, as format.Checksum has it: u32, little-endian. Scratch is at a
// multiple of 4.
func Checksum(dst, src, scratch driver.Ptr, n int64) [2]Launch {
	segs := crcSegments(src, n)
	behind := segs*crc.Segment - int64(src&15) - n
	factor := crc.Inverse(8 * behind)
	last := ^crc.Shift(^uint32(0), n)
	return [2]Launch{
		{Module: crcModule, Kernel: "crc32c_parts", Grid: driver.Dim{X: uint32(min(segs, maxBlocks))}, Block: driver.Dim{X: blockThreads},
			Args: []driver.Arg{argPtr(scratch), argPtr(src), argU64(n)}},
		{Module: crcModule, Kernel: "crc32c_join", Grid: driver.Dim{X: 1}, Block: driver.Dim{X: blockThreads},
			Args: []driver.Arg{argPtr(dst), argPtr(scratch), argU64(segs), argU32(factor), argU32(last)}},
	}
}
