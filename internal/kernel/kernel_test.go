package kernel

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of the specification that need no grid.
func TestSpecVectors(t *testing.T) {
	type fn = func(dst, src []byte, size int)
	both := func(a, b fn) fn { return func(dst, src []byte, size int) { a(dst, src, size); b(dst, dst, size) } }
	by := func(f func(dst, src []byte, size, dist int), dist int) fn {
		return func(dst, src []byte, size int) { f(dst, src, size, dist) }
	}
	for _, c := range []struct {
		name         string
		size         int
		encode       fn
		decode       fn
		plain, coded string
	}{
		{"shuffle i32", 4, Shuffle, Unshuffle, "0100000002000000fdffffffaa", "0102fd0000ff0000ff0000ffaa"},
		{"shuffle:2", 2, Shuffle, Unshuffle, "00010203040506", "00020401030506"},
		{"bitshuffle u8", 1, BitShuffle, BitUnshuffle, "0102040810204080ff", "0102040810204080ff"},
		{"bitshuffle u16", 2, BitShuffle, BitUnshuffle, "0100030007000f001f003f007f00ff00ff01", "fffefcf8f0e0c0800000000000000000ff01"},
		{"delta i64", 8, by(DeltaBy, 1), by(UndeltaBy, 1), "050000000000000007000000000000000400000000000000", "05000000000000000200000000000000fdffffffffffffff"},
		{"delta:z i16", 2, both(by(DeltaBy, 1), Zigzag), both(Unzigzag, by(UndeltaBy, 1)), "050007000400040009", "0a0004000500000009"},
		{"delta:1:d3", 1, by(DeltaBy, 3), by(UndeltaBy, 3), "0a141e0b13210c", "0a141e01ff0301"},
		{"xordelta f32", 4, by(XorDeltaBy, 1), by(XorUndeltaBy, 1), "0000803f0000c03f000000c0", "0000803f000040000000c0ff"},
		{"predict f32", 4, both(both(OrderFloats, by(DeltaBy, 1)), Zigzag), both(both(Unzigzag, by(UndeltaBy, 1)), OrderFloats),
			"0000803f0100803f0000008000000000", "0000007f020000000300007f02000000"},
	} {
		plain, coded := unhex(t, c.plain), unhex(t, c.coded)
		got := make([]byte, len(plain))
		if c.encode(got, plain, c.size); !bytes.Equal(got, coded) {
			t.Errorf("%s: encoded as %x, want %x", c.name, got, coded)
		}
		if c.decode(got, coded, c.size); !bytes.Equal(got, plain) {
			t.Errorf("%s: decoded as %x, want %x", c.name, got, plain)
		}
	}
}
