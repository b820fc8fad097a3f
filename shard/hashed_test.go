package shard

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile/mmap"
)

// counting counts the bytes that are read of it.
type counting struct {
	*bytes.Reader
	mu sync.Mutex
	n  int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return n, err
}

// The hash is that of all bytes in their order, whatever is read of them, in which
// order and how often; and what was read is not read again for it.
func TestHashed(t *testing.T) {
	const size = 100_000
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(data)
	want := sha256.Sum256(data)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		src := &counting{Reader: bytes.NewReader(data)}
		h := newHashed(mmap.NewReaderAt(src, size, "x"))
		var pieces [][2]int
		for at := 0; at < size; {
			n := min(1+r.IntN(9000), size-at)
			if r.IntN(8) > 0 {
				pieces = append(pieces, [2]int{at, n})
			}
			at += n
		}
		r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		var wg sync.WaitGroup
		for k := range 3 {
			wg.Go(func() {
				for i := k; i < len(pieces); i += 3 {
					b := make([]byte, pieces[i][1])
					if _, err := h.ReadAt(b, int64(pieces[i][0])); err != nil || !bytes.Equal(b, data[pieces[i][0]:pieces[i][0]+len(b)]) {
						t.Errorf("%v, or other bytes", err)
					}
				}
			})
		}
		wg.Wait()
		got, err := h.sum(t.Context())
		if err != nil || *got != want {
			t.Fatalf("%x, %v, want %x", got, err, want)
		}
		if src.n != size {
			t.Fatalf("%d bytes were read of %d", src.n, size)
		}
	}
}
