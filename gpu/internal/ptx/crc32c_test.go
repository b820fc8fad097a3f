package ptx_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
)

func TestChecksum(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(16, 17))
	const block = 64 << 10
	cases := 0
	for i, n := range []int{0, 1, 15, 16, 17, 4095, 4096, 4097, block - 1, block, block + 1, 2*block + 777} {
		for j, skew := range []int{0, 1, 15} {
			if n > 4097 && (skew != n%16%2 || testing.Short()) || i%3 != j && testing.Short() {
				continue // slow enough
			}
			var d device
			src, s := d.alloc(r, n, skew)
			dst, out := d.alloc(r, 4, 0)
			scratch, _ := d.alloc(r, int(ptx.ChecksumScratch(int64(n))), 0)
			for i, l := range ptx.Checksum(dst, src, scratch, int64(n)) {
				if i == 0 && cases%2 == 1 {
					l.Grid.X = 1
				}
				check(t, &d, l)
			}
			if got := binary.LittleEndian.Uint32(out); got != format.Checksum(s) {
				t.Fatalf("%d bytes at %d: %#x, want %#x", n, skew, got, format.Checksum(s))
			}
			cases++
		}
	}
	// Many parts, so that each thread has several.
	for _, count := range []int{257, 255, 256, 700} {
		if count != 257 && testing.Short() {
			break
		}
		var d device
		n := count * 64 << 10
		scratch, _ := d.alloc(r, 4*count, 0)
		dst, _ := d.alloc(r, 4, 0)
		l := ptx.Checksum(dst, 1<<20, scratch, int64(n))
		check(t, &d, l[1])
	}
	t.Logf("%d cases", cases)
}
