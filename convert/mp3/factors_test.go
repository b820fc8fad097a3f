package mp3

import "testing"

// TestPositions: of the positions of intensity stereo in MPEG-2 the largest of its
// bits means none, and of no bits all are 0, which is the middle. libmpg123 and
// FFmpeg know no such value, so that no golden file has it.
func TestPositions(t *testing.T) {
	// x>>1 = 1*36 + 2*6 + 0: of long blocks 7 positions of one bit, 7 of two, 7 of none.
	g := &granule{compress: 48 << 1}
	r := &bitReader{b: []byte{0b1010101_1, 0b1_10_01_00_1, 0b1_00_11_000, 0, 0}}
	var f factors
	f.readHalf(r, g, true)
	want := [21]int{1, 0, 1, 0, 1, 0, 1, 3, 2, 1, 0, 3, 0, 3}
	none := [21]bool{0: true, 2: true, 4: true, 6: true, 7: true, 11: true, 13: true}
	for b := range want {
		if f.long[b] != want[b] || f.illegal.long[b] != none[b] {
			t.Errorf("band %d: position %d, none: %v", b, f.long[b], f.illegal.long[b])
		}
	}
	if r.at != 21 || f.halves {
		t.Errorf("%d bits, halves: %v", r.at, f.halves)
	}
	// The same bits of a channel that has no positions.
	f.readHalf(&bitReader{b: make([]byte, 40)}, &granule{compress: 48}, false)
	if f.illegal.long != [22]bool{} {
		t.Error(f.illegal.long)
	}
}
