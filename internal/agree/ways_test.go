package agree_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/agree"
	"github.com/tensorfile/tensorfile/mmap"
)

// sameWays demands that a file says the same mapped, read with positioned reads,
// and from memory: the same tensors with the same bytes, or the same error.
func sameWays(t *testing.T, s source, path string, b []byte) (ok bool) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Skip(err)
	}
	o := s.options()
	mapped := said(t, s, func() (*tensorfile.File, error) { return convert.Open(ctx, path, o) })
	o.NoMmap = true
	read := said(t, s, func() (*tensorfile.File, error) { return convert.Open(ctx, path, o) })
	memory := said(t, s, func() (*tensorfile.File, error) {
		return convert.OpenMap(ctx, mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), o)
	})
	if mapped != read {
		t.Errorf("%s: mapped:\n%.2000s\nread:\n%.2000s", s.format, mapped, read)
	}
	if memory != read {
		t.Errorf("%s: from memory:\n%.2000s\nread:\n%.2000s", s.format, memory, read)
	}
	return len(read) < 5 || read[:5] != "open:" && read[:5] != "read:"
}

// TestWaysAgree is sameWays of every format on files of others, and on those with
// a few changes.
func TestWaysAgree(t *testing.T) {
	changes := 2
	if testing.Short() {
		changes = 1
	}
	for _, s := range sources {
		t.Run(s.format, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(20261121, 9))
			path := filepath.Join(t.TempDir(), "x"+s.ext)
			seeds := s.seeds(t)
			sound, taken, n := 0, 0, 0
			for i, b := range seeds {
				if sameWays(t, s, path, b) {
					sound++
				}
				for range changes {
					c := agree.Mutate(rng, b, seeds[rng.IntN(len(seeds))])
					if i%2 == 0 {
						agree.Reseal(c)
					}
					if n++; sameWays(t, s, path, c) {
						taken++
					}
					if t.Failed() {
						t.Fatalf("%x", c[:min(len(c), 300)])
					}
				}
			}
			t.Logf("%d files read, %d of %d seeds; %d of %d changed ones", sound+taken, sound, len(seeds), taken, n)
			if sound < len(seeds)*2/3 {
				t.Errorf("only %d of %d seeds are read", sound, len(seeds))
			}
		})
	}
}

// wayFile is one file a process, which each input replaces.
var wayFile = sync.OnceValue(func() string {
	f, err := os.CreateTemp("", "fuzz*.any")
	if err != nil {
		panic(err)
	}
	f.Close()
	return f.Name()
})

// FuzzWays is sameWays of any bytes as a file of any format.
func FuzzWays(f *testing.F) {
	for i, s := range sources {
		n := 0
		for _, b := range s.seeds(f) {
			if len(b) <= 4<<10 && n < 12 {
				n++
				f.Add(uint8(i), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		sameWays(t, sources[int(which)%len(sources)], wayFile(), b)
	})
}

// TestSourcesAreComplete compares the list of formats with the registry.
func TestSourcesAreComplete(t *testing.T) {
	listed := map[string]bool{"safetensors-index": true} // names other files
	for _, s := range sources {
		listed[s.format] = true
	}
	for _, f := range convert.Formats() {
		if f.Open != nil && !listed[f.Name] {
			t.Errorf("%s has no source", f.Name)
		}
		delete(listed, f.Name)
	}
	for name := range listed {
		t.Errorf("%s is no format", name)
	}
}
