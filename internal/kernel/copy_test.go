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
