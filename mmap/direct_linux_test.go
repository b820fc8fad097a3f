package mmap

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/tensor"
)

// Offsets, lengths and addresses of any kind, up to the last byte of a file
// that does not end on a block.
func TestReadDirect(t *testing.T) {
	size := 3<<20 + 1234
	data := pattern(size, 3)
	m := openOnly(t, writeTemp(t, data), nil)
	l, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if why := l.Direct(); why != "" {
		t.Skip(why)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	mem := make([]byte, size+10_000)
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for i := range rounds {
		off := rng.IntN(size)
		switch i % 4 {
		case 1:
			off &^= 4095
		case 2:
			off &^= 511
		}
		n := min(1+rng.IntN(1<<rng.IntN(22)), size-off)
		if i%5 == 0 {
			n = size - off
		}
		at := rng.IntN(8192)
		if i%3 == 0 { // the address lies as the offset does
			at = off & 4095
		}
		p := mem[at : at+n]
		clear(p)
		direct, err := l.ReadDirect(p, int64(off))
		if err != nil || !direct {
			t.Fatalf("[%d, +%d): direct %v, %v", off, n, direct, err)
		}
		if !bytes.Equal(p, data[off:off+n]) {
			t.Fatalf("[%d, +%d) at %d: other bytes", off, n, at)
		}
	}
	// Beyond the end it is as ReadAt.
	for _, off := range []int64{int64(size) - 10, int64(size), int64(size) + 5000} {
		p := make([]byte, 100)
		_, want := l.ReadAt(p, off)
		if _, err := l.ReadDirect(p, off); err == nil || err.Error() != want.Error() {
			t.Errorf("at %d: %v, want %v", off, err, want)
		}
	}
	if _, err := l.ReadDirect(make([]byte, 1), -1); err == nil {
		t.Error("an offset of -1")
	}
	// Cut short: the bytes that are left, then the change.
	if err := os.Truncate(m.Path(), 1<<20+77); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 2<<20)
	_, err = l.ReadDirect(p, 100)
	e, ok := err.(*tensor.Error)
	if !ok || e.Kind != tensor.ErrChanged || e.Offset != 1<<20+77 {
		t.Errorf("after the cut: %v", err)
	}
	if got := p[:1<<20+77-100]; !bytes.Equal(got, data[100:1<<20+77]) {
		t.Error("other bytes before the cut")
	}
}

// Where direct reads are refused, half way or at once, the bytes come all the
// same and the reason is told.
func TestReadDirectRefused(t *testing.T) {
	data := pattern(1<<20, 4)
	m := openOnly(t, writeTemp(t, data), nil)
	l, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if why := l.Direct(); why != "" {
		t.Skip(why)
	}
	m.direct.align = 1 // what every disk refuses
	p := make([]byte, 4000)
	if direct, err := l.ReadDirect(p, 3); direct || err != nil || !bytes.Equal(p, data[3:4003]) {
		t.Errorf("direct %v, %v", direct, err)
	}
	if why := l.Direct(); !strings.Contains(why, unix.EINVAL.Error()) {
		t.Errorf("reason %q", why)
	}
	r := NewReaderAt(bytes.NewReader(data), int64(len(data)), "memory")
	defer r.Close()
	k, err := r.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Release()
	if direct, err := k.ReadDirect(p, 9); direct || err != nil || !bytes.Equal(p, data[9:4009]) {
		t.Errorf("of a reader: direct %v, %v", direct, err)
	}
	if _, ok := k.Resident(0, 100); ok || k.Direct() == "" {
		t.Error("a reader has no page cache")
	}
}

// The path may lead elsewhere: it is the open file that is read.
func TestReadDirectReplaced(t *testing.T) {
	data := pattern(100_000, 5)
	path := writeTemp(t, data)
	m := openOnly(t, path, nil)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pattern(100_000, 6), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	p := make([]byte, len(data))
	direct, err := l.ReadDirect(p, 0)
	if err != nil || !bytes.Equal(p, data) {
		t.Errorf("direct %v, %v", direct, err)
	}
	t.Logf("direct: %v %s", direct, l.Direct())
}

func TestResident(t *testing.T) {
	size := 4 << 20
	path := writeTemp(t, pattern(size, 7))
	m := openMapped(t, path)
	l, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	share := func() float64 {
		t.Helper()
		s, ok := l.Resident(0, int64(size))
		if !ok || s < 0 || s > 1 {
			t.Fatal(s, ok)
		}
		return s
	}
	if s := share(); s != 1 {
		t.Errorf("just written: %v", s)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	t.Logf("evicted: %v", share())
	if s, ok := l.Resident(-1, 5); ok {
		t.Error(s)
	}
	// mincore, for kernels without cachestat, says the same.
	for _, n := range []int64{1, 4096, 5000, 1 << 20} {
		a, ok := m.residentAt(70_000, n)
		b, ok2 := m.residentMapped(70_000&^4095, (70_000+n+4095)&^4095)
		if !ok || !ok2 || a != b {
			t.Errorf("%d bytes: %v, by mincore %v %v", n, a, b, ok2)
		}
	}
}
