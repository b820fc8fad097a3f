package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
)

// TestRegroupAtTheEnd takes patterns out of memory behind which there is none.
func TestRegroupAtTheEnd(t *testing.T) {
	page := syscall.Getpagesize()
	const pages = 64
	memory, err := syscall.Mmap(-1, 0, (pages+1)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(memory)
	if err := syscall.Mprotect(memory[pages*page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	atEachLevel(t, func(l level) {
		rng := rand.New(rand.NewPCG(43, 44))
		var g Regrouping
		count := 0
		for range 1000 {
			c := newRegroupCase(rng)
			if c.src > pages*page || g.Set(c.unit, c.axes) == 0 {
				continue
			}
			src := memory[pages*page-c.src : pages*page]
			copy(src, random(c.src, uint64(count)))
			g.At(c.places)
			dst := make([]byte, c.dst)
			g.Run(dst, 0, src, c.from, false)
			c.each(func(d, s int) {
				if dst[d] != src[s] {
					t.Fatalf("%v: units of %d along %v: byte %d", l, c.unit, c.axes, d)
				}
			})
			count++
		}
		t.Logf("%v: %d patterns", l, count)
		if count < 500 {
			t.Errorf("%v: too few", l)
		}
	})
}
