package format

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// Header (spec, "Header"): bytes 0..63 of a file, written once.
const (
	hdrMagic   = 0            // 8 bytes
	hdrCRC     = hdrMagic + 8 // u32, of [12, 64)
	hdrMajor   = hdrCRC + 4   // u16
	hdrSize    = hdrMajor + 2 // u16
	hdrUUID    = hdrSize + 2  // 16 bytes
	hdrZero    = hdrUUID + 16 // 32 bytes
	HeaderSize = hdrZero + 32 // 64
	Major      = 1            // the version of the layout that this package reads and writes
	Minor      = 0            // its newest addition
	MediaType  = "application/vnd.tensorfile"
	Extension  = ".tensor"
)

var _ = [1]struct{}{HeaderSize - 64: {}}

// Magic is the first eight bytes of a file. It catches text-mode damage: a
// byte above 0x7F, CR LF, an end-of-file mark, LF.
var Magic = [8]byte{0x89, 'T', 'S', 'R', '\r', '\n', 0x1a, '\n'}

// UUID tells one file from another. Root records and runs repeat it.
type UUID [16]byte

func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Header is the part of a file that can never change.
type Header struct {
	UUID UUID
}

// AppendTo appends the 64 bytes of h to dst.
func (h Header) AppendTo(dst []byte) []byte {
	var b [HeaderSize]byte
	copy(b[hdrMagic:], Magic[:])
	le.PutUint16(b[hdrMajor:], Major)
	le.PutUint16(b[hdrSize:], HeaderSize)
	copy(b[hdrUUID:], h.UUID[:])
	le.PutUint32(b[hdrCRC:], Checksum(b[hdrMajor:]))
	return append(dst, b[:]...)
}

// ParseHeader reads a header from the first bytes of a file; b may be longer,
// and shorter only if the file is.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < len(Magic) {
		return Header{}, fail(tensor.ErrTruncated, RuleHeaderShort, 0, "magic", fmt.Sprintf("%d bytes", len(b)), "8")
	}
	if !bytes.Equal(b[:len(Magic)], Magic[:]) {
		got := hexOf(b[:len(Magic)])
		if like := looksLike(b); like != "" {
			got += ", which looks like " + like
		}
		return Header{}, fail(tensor.ErrFormat, RuleHeaderMagic, 0, "magic", got, hexOf(Magic[:]))
	}
	if len(b) < HeaderSize {
		return Header{}, fail(tensor.ErrTruncated, RuleHeaderShort, int64(len(b)), "header", fmt.Sprintf("%d bytes", len(b)), u(HeaderSize))
	}
	b = b[:HeaderSize]
	// The version comes before the checksum: another major version may keep
	// its checksum elsewhere.
	if v := le.Uint16(b[hdrMajor:]); v != Major {
		return Header{}, fail(tensor.ErrUnsupported, RuleHeaderMajor, hdrMajor, "major version", fmt.Sprint(v), fmt.Sprint(Major))
	}
	if got, want := Checksum(b[hdrMajor:]), le.Uint32(b[hdrCRC:]); got != want {
		return Header{}, badSum(RuleHeaderCRC, hdrCRC, "header checksum", got, want)
	}
	if n := le.Uint16(b[hdrSize:]); n != HeaderSize {
		return Header{}, fail(tensor.ErrFormat, RuleHeaderSize, hdrSize, "header size", fmt.Sprint(n), fmt.Sprint(HeaderSize))
	}
	if i := zero(b[hdrZero:]); i >= 0 {
		return Header{}, fail(tensor.ErrCorrupt, RuleHeaderZero, int64(hdrZero+i), "reserved byte", fmt.Sprint(b[hdrZero+i]), "0")
	}
	return Header{UUID: UUID(b[hdrUUID:hdrZero])}, nil
}
