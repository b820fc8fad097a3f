package mp3

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

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

// TestFactorBits: how many bits scale factors of MPEG-2 have, by the value that says
// so, and which of them (ISO/IEC 13818-3, section 2.4.3.2). All bits are ones, so
// that each factor is the largest that its bits hold.
func TestFactorBits(t *testing.T) {
	for _, c := range []struct {
		what      string
		compress  int
		positions bool
		long      [4]int // factors of the same bits: of long blocks, of short ones, of both
		short     [4]int
		mixed     [4]int
		bits      [4]int
		preflag   int
	}{
		{"below 400", (2*5+3)*16 + 1*4 + 3, false, [4]int{6, 5, 5, 5}, [4]int{9, 9, 9, 9}, [4]int{6, 9, 9, 9}, [4]int{2, 3, 1, 3}, 0},
		{"below 500", 400 + (3*5+1)*4 + 2, false, [4]int{6, 5, 7, 3}, [4]int{9, 9, 12, 6}, [4]int{6, 9, 12, 6}, [4]int{3, 1, 2, 0}, 0},
		{"from 500 on", 500 + 2*3 + 1, false, [4]int{11, 10}, [4]int{18, 18}, [4]int{15, 18}, [4]int{2, 1}, 1},
		{"positions below 180", 2 * (3*36 + 4*6 + 2), true, [4]int{7, 7, 7}, [4]int{12, 12, 12}, [4]int{6, 15, 12}, [4]int{3, 4, 2}, 0},
		{"positions below 244", 2*(180+2*16+3*4+1) + 1, true, [4]int{6, 6, 6, 3}, [4]int{12, 9, 9, 6}, [4]int{6, 12, 9, 6}, [4]int{2, 3, 1}, 0},
		{"positions from 244 on", 2 * (244 + 2*3 + 1), true, [4]int{8, 8, 5}, [4]int{15, 12, 9}, [4]int{6, 18, 9}, [4]int{2, 1}, 0},
	} {
		for _, g := range []*granule{{}, {block: 2}, {block: 2, mixed: true}} {
			counts, kind := c.long, "long"
			if g.mixed {
				counts, kind = c.mixed, "mixed"
			} else if g.short() {
				counts, kind = c.short, "short"
			}
			g.compress = c.compress
			b := make([]byte, 40)
			for i := range b {
				b[i] = 0xff
			}
			r := &bitReader{b: b}
			var f, want factors
			f.readHalf(r, g, c.positions)
			n, all := 0, 0
			for part, many := range counts {
				for range many {
					v := 1<<c.bits[part] - 1
					none := c.positions && v > 0
					switch {
					case kind == "long" || kind == "mixed" && n < 6:
						want.long[n], want.illegal.long[n] = v, none
					default:
						i := n
						if kind == "mixed" {
							i += 3 // three short bands begin where six long ones end
						}
						want.short[i/3][i%3], want.illegal.short[i/3][i%3] = v, none
					}
					n, all = n+1, all+c.bits[part]
				}
			}
			want.halves = c.positions && c.compress%2 == 1
			if f != want || r.at != all || g.preflag != c.preflag {
				t.Errorf("%s, %s blocks: %+v of %d bits, preflag %d, want %+v of %d, %d", c.what, kind, f, r.at, g.preflag, want, all, c.preflag)
			}
		}
	}
}

// TestSeek goes to places that are none.
func TestSeek(t *testing.T) {
	b := bytes.Repeat(append([]byte{0xff, 0xfb, 0x10, 0xc0}, make([]byte, 100)...), 3)
	f, err := scan(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.mp3"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := r.(*stream)
	const size = 3 * 1152 * 2
	for _, c := range []struct {
		offset int64
		whence int
	}{{-1, io.SeekStart}, {size + 1, io.SeekStart}, {0, io.SeekCurrent}, {0, io.SeekEnd}} {
		var e *tensor.Error
		if _, err := s.Seek(c.offset, c.whence); !errors.Is(err, tensor.ErrIndex) || !errors.As(err, &e) || e.Field != "offset" {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, at := range []int64{size, size - 1, 1152*2 + 1, 0} {
		if got, err := s.Seek(at, io.SeekStart); err != nil || got != at {
			t.Fatal(got, err)
		}
		if n, err := s.Read(nil); n != 0 || err != nil {
			t.Errorf("nothing of it: %d, %v", n, err)
		}
		if rest, err := io.ReadAll(s); err != nil || int64(len(rest)) != size-at {
			t.Errorf("%d bytes from %d on, %v", len(rest), at, err)
		}
	}
}
