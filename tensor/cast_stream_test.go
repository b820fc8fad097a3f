package tensor

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestCastPastTheCache casts between all numeric dtypes with and without stores
// past the cache: in rows that are short, fill blocks and pages or just do not,
// from and to any place in a line of the cache.
func TestCastPastTheCache(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	lengths := []int64{1, 2, 3, 7, 63, 64, 65, 255, 256, 257, 1000, 2048, 4097, 8191, 8192, 8193, 17000, 40_000}
	if testing.Short() {
		lengths = []int64{3, 65, 257, 8193, 17000}
	}
	room := make([]byte, 17*40_000+128)
	for i := range room {
		room[i] = byte(rng.Uint32())
	}
	view := func(b []byte, d DType, s Shape) View {
		at := int64(rng.IntN(8)) * 16 * int64(rng.IntN(2))
		v, err := NewView(b, d, s, nil, at, HostOrder)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	runs := 0
	for _, from := range numericTypes {
		for _, to := range numericTypes {
			n := lengths[rng.IntN(len(lengths))]
			for _, s := range []Shape{{n}, {3, min(n, 9000)}} {
				src := view(room, from, s)
				size, err := ByteSize(to, s)
				if err != nil {
					t.Fatal(err)
				}
				plain := view(bytes.Clone(room[:size+128]), to, s)
				past := plain
				past.data = bytes.Clone(plain.data)
				plain.cast(src, false)
				past.cast(src, true)
				if !bytes.Equal(plain.data, past.data) {
					t.Errorf("%v to %v, %v from %d to %d: another result", from, to, s, src.offset, past.offset)
				}
				runs++
			}
		}
	}
	t.Logf("%d casts between %d dtypes", runs, len(numericTypes))
	if len(numericTypes) < 26 {
		t.Error("too few")
	}
}
