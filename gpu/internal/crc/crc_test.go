package crc_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/gpu/internal/crc"
)

// Pieces join to the checksum of the whole, and shifts go both ways.
func TestJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 3000)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	raw := func(b []byte) uint32 { return ^format.UpdateChecksum(^uint32(0), b) }
	for range 200 {
		b := b[:r.IntN(len(b)+1)]
		at := r.IntN(len(b) + 1)
		whole := crc.Shift(raw(b[:at]), int64(len(b)-at)) ^ raw(b[at:])
		if whole != raw(b) {
			t.Fatalf("%d and %d bytes", at, len(b)-at)
		}
		if got := whole ^ ^crc.Shift(^uint32(0), int64(len(b))); got != format.Checksum(b) {
			t.Fatalf("%d bytes: %#x, want %#x", len(b), got, format.Checksum(b))
		}
		n := r.Int64N(1 << 40)
		if got := crc.Multiply(crc.Shift(whole, n), crc.Inverse(8*n)); got != whole {
			t.Fatalf("%d bytes forth and back: %#x, want %#x", n, got, whole)
		}
	}
}

func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		a, f := r.Uint32(), r.Uint32()
		tab := crc.Table(f)
		if got := tab[0][a&255] ^ tab[1][a>>8&255] ^ tab[2][a>>16&255] ^ tab[3][a>>24]; got != crc.Multiply(a, f) {
			t.Fatalf("%#x times %#x", a, f)
		}
	}
}
