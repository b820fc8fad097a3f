package ptx_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// All values of all sources, and all ends and alignments; the twin is tensor.Cast,
// whose own tests compare it with ml_dtypes.
func TestCast(t *testing.T) {
	t.Parallel()
	for _, pair := range ptx.Casts {
		t.Run(fmt.Sprintf("%v to %v", pair[0], pair[1]), func(t *testing.T) {
			from, to := pair[0], pair[1]
			size, wide := int(from.UnitBytes), int(to.UnitBytes)
			r := rand.New(rand.NewPCG(1, uint64(size)))
			all := 1 << (8 * size)
			for skew := range 2 { // in units, and one by one
				if skew > 0 && size > 1 && testing.Short() {
					break
				}
				var d device
				src, b := d.alloc(r, all*size, skew*size)
				for i := range all {
					for k := range size {
						b[i*size+k] = byte(i >> (8 * k))
					}
				}
				dst, _ := d.alloc(r, all*wide, 0)
				l, ok := ptx.Cast(dst, to, src, from, int64(all))
				if !ok {
					t.Fatal("no kernel")
				}
				check(t, &d, l)
			}
			for i, n := range append(sizes(64), 255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097) {
				if n > 64 && testing.Short() {
					break
				}
				for j, skew := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {3, 1}, {2, 6}} {
					if n > 200 && i%5 != j {
						continue
					}
					var d device
					src, _ := d.alloc(r, n*size, skew[0]*size)
					dst, _ := d.alloc(r, n*wide, skew[1]*wide)
					l, _ := ptx.Cast(dst, to, src, from, int64(n))
					check(t, &d, l)
					check(t, &d, small(l, 2, 3))
					check(t, &d, small(l, 1, 1))
				}
			}
		})
	}
	if _, ok := ptx.Cast(0, tensor.F16, 0, tensor.F16, 1); ok {
		t.Error("a cast that is none")
	}
}
