package shard

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"hash"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile/mmap"
)

// hashed is a source that finds the SHA-256 of all of its bytes while some of them are
// read, nearly in order: what comes early is kept as far as there is room, and what
// never comes is read at the end.
type hashed struct {
	m *mmap.Map

	mu    sync.Mutex
	hash  hash.Hash
	at    int64     // bytes that were hashed
	early []bytesAt // ascending
	kept  int       // bytes of early
}

type bytesAt struct {
	off int64
	b   []byte
}

// mostEarly bounds what is kept.
const mostEarly = 64 << 20

func newHashed(m *mmap.Map) *hashed { return &hashed{m: m, hash: sha256.New()} }

func (h *hashed) Size() int64 { return h.m.Size() }

// Check is that of the source.
func (h *hashed) Check() error { return h.m.Check() }

// Expect is that of the source.
func (h *hashed) Expect() (more func(extents [][2]int64), done func()) { return h.m.Expect() }

// Close leaves the source open.
func (h *hashed) Close() error { return nil }

// ReadAt reads from the source and hashes what is next.
func (h *hashed) ReadAt(p []byte, off int64) (int, error) {
	n, err := h.m.ReadAt(p, off)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(p[:n], off)
	return n, err
}

// note takes bytes of the source. h.mu is held.
func (h *hashed) note(b []byte, off int64) {
	if off > h.at {
		i, there := slices.BinarySearchFunc(h.early, off, func(e bytesAt, off int64) int { return cmp.Compare(e.off, off) })
		if h.kept+len(b) <= mostEarly && !(there && len(h.early[i].b) >= len(b)) {
			h.early = slices.Insert(h.early, i, bytesAt{off, bytes.Clone(b)})
			h.kept += len(b)
		}
		return
	}
	h.next(b, off)
	for len(h.early) > 0 && h.early[0].off <= h.at {
		e := h.early[0]
		h.early = h.early[1:]
		h.kept -= len(e.b)
		h.next(e.b, e.off)
	}
}

// next hashes what of b, which stands at off or before, was not hashed yet.
func (h *hashed) next(b []byte, off int64) {
	if skip := h.at - off; skip < int64(len(b)) {
		h.hash.Write(b[skip:])
		h.at = off + int64(len(b))
	}
}

// sum reads what was not read, and returns the hash. Nobody else reads any more.
func (h *hashed) sum(ctx context.Context) (*[32]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	buf := make([]byte, min(h.m.Size(), 4<<20))
	for h.at < h.m.Size() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		end := h.m.Size()
		if len(h.early) > 0 {
			end = h.early[0].off
		}
		b := buf[:min(int64(len(buf)), end-h.at)]
		if _, err := h.m.ReadAt(b, h.at); err != nil {
			return nil, err
		}
		h.note(b, h.at)
	}
	var sum [32]byte
	h.hash.Sum(sum[:0])
	return &sum, nil
}
