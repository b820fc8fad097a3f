package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Copies of many pages, from and to any place in a line, of any length, and
// not a byte beside them.
func TestCopyStreamPages(t *testing.T) {
	const most = 5 << 14
	src, dst := make([]byte, most+256), make([]byte, most+256)
	rand.NewChaCha8([32]byte{9}).Read(src)
	rng := rand.New(rand.NewPCG(1, 9))
	count := 0
	for i := range 600 {
		n := rng.IntN(most)
		if i%3 == 0 {
			n = max(n>>14<<14+rng.IntN(3)-1, 0)
		}
		a, b := 1+rng.IntN(80), rng.IntN(80)
		for j := range dst {
			dst[j] = 0xa5
		}
		CopyStream(dst[a:a+n], src[b:b+n])
		if !bytes.Equal(dst[a:a+n], src[b:b+n]) {
			t.Fatalf("%d bytes from %d to %d", n, b, a)
		}
		if bytes.Count(dst[:a], []byte{0xa5}) != a || bytes.Count(dst[a+n:], []byte{0xa5}) != len(dst)-a-n {
			t.Fatalf("%d bytes from %d to %d: a byte beside them", n, b, a)
		}
		count++
	}
	t.Logf("%d copies", count)
}

// Rows in any direction, from and to any place in a line, at every level, and
// not a byte beside them.
func TestCopyRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	count := 0
	for range 400 {
		rows, n := rng.IntN(20), rng.IntN(300)
		if rng.IntN(4) == 0 {
			n = rng.IntN(5000)
		}
		stepD, stepS := n+rng.IntN(70)*rng.IntN(2), rng.IntN(400)-200
		a, b := rng.IntN(80), 0
		if rng.IntN(2) == 0 {
			a, stepD = a+max(rows-1, 0)*stepD, -stepD
		}
		if stepS < 0 {
			b = max(rows-1, 0) * -stepS
		}
		src := random(max(rows-1, 0)*max(stepS, -stepS)+n+rng.IntN(3), uint64(count))
		blank := random(rows*max(stepD, -stepD)+n+160, uint64(count)+1)
		want := bytes.Clone(blank)
		for i := range rows {
			copy(want[a+i*stepD:][:n], src[b+i*stepS:])
		}
		for _, stream := range []bool{false, true} {
			atEachLevel(t, func(l level) {
				dst := bytes.Clone(blank)
				CopyRows(dst, a, stepD, src, b, stepS, rows, n, stream)
				Fence()
				if !bytes.Equal(dst, want) {
					t.Fatalf("%v: %d rows of %d bytes, %d and %d apart, past the cache %v: another result", l, rows, n, stepD, stepS, stream)
				}
			})
		}
		count++
	}
	t.Logf("%d copies", count)
}
