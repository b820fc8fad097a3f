package httprange

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// blocks lists the files of a cache but for the count, and their bytes.
func blocks(t testing.TB, dir string) (list []string, total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == diskCount {
			return err
		}
		fi, err := e.Info()
		if err == nil {
			list, total = append(list, path), total+fi.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, total
}

// cached are options with a cache of its own for each call.
func cached(dir string) *Options {
	o := quick()
	o.CacheDir, o.CacheBytes = dir, -1 // nothing stays in memory
	return o
}

func TestDiskCache(t *testing.T) {
	const body = 50 * 1024
	srv := newServer(t, noise(body+tailSize))
	dir := filepath.Join(t.TempDir(), "made", "here")
	src := open(t, srv.URL, cached(dir))
	srv.read(t, src, 3000, 20_000)
	list, _ := blocks(t, dir)
	if len(list) != 21 { // blocks 2 to 22
		t.Errorf("%d files", len(list))
	}
	// Another Source, or process, asks for what is not there alone.
	src = open(t, srv.URL, cached(dir))
	before := len(srv.since(0))
	srv.read(t, src, 3000, 20_000)
	equal(t, srv.since(before))
	srv.read(t, src, 0, body)
	equal(t, srv.since(before), "0-2047", "23552-51199")
	before = len(srv.since(0))
	srv.read(t, src, 0, body)
	equal(t, srv.since(before))

	// What is torn, short, or another's is asked for again, and right again then.
	list, _ = blocks(t, dir)
	for i, damage := range []func(b []byte) []byte{
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { b[500] ^= 1; return b },
		func(b []byte) []byte { b[9] ^= 1; return b },
		func(b []byte) []byte { b[0] ^= 1; return b },
		func(b []byte) []byte { return append(b, 0) },
		func(b []byte) []byte { return make([]byte, len(b)) },
	} {
		b, err := os.ReadFile(list[i])
		if err == nil {
			err = os.WriteFile(list[i], damage(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before = len(srv.since(0))
	srv.read(t, src, 0, body)
	n := len(srv.since(before))
	if n == 0 || n > 7 {
		t.Errorf("%d requests for 7 damaged blocks", n)
	}
	before = len(srv.since(0))
	srv.read(t, src, 0, body)
	equal(t, srv.since(before))

	// Another version has nothing there, and nothing of it is mixed in.
	srv.set(func() { srv.etag = `"v2"`; srv.data[100] ^= 1 })
	src = open(t, srv.URL, cached(dir))
	before = len(srv.since(0))
	srv.read(t, src, 0, 1000)
	if len(srv.since(before)) != 1 {
		t.Errorf("requests %v", srv.since(before))
	}
	// One that does not say its version is not kept.
	srv.set(func() { srv.etag = `W/"v3"` })
	was, _ := blocks(t, dir)
	src = open(t, srv.URL, cached(dir))
	srv.read(t, src, 0, 10_000)
	if now, _ := blocks(t, dir); len(now) != len(was) {
		t.Errorf("%d files, before %d", len(now), len(was))
	}
}

// The cache stays within its bound, and keeps what was used last.
func TestDiskCacheBound(t *testing.T) {
	const limit = 64 * 1024
	srv := newServer(t, noise(300*1024+tailSize))
	dir := t.TempDir()
	o := cached(dir)
	o.CacheDirBytes = limit
	src := open(t, srv.URL, o)
	stale := filepath.Join(dir, "left"+diskTemp)
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	os.Chtimes(stale, old, old)
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < 300*1024; at += 5000 {
		srv.read(t, src, at, 4999) // no stream, which would be read ahead meanwhile
		list, total := blocks(t, dir)
		if total -= 100_000; total > limit {
			t.Fatalf("%d bytes in %d files, limit %d", total, len(list), limit)
		}
	}
	list, _ := blocks(t, dir)
	for _, name := range list {
		if name != foreign && !strings.HasSuffix(name, diskSuffix) {
			t.Errorf("%s is there", name)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a file that is no block was removed")
	}
	before := len(srv.since(0))
	srv.read(t, src, 290*1024, 10*1024)
	if n := len(srv.since(before)); n != 0 {
		t.Errorf("%d requests for what was read last", n)
	}
}

// Many read, write and remove at a time: several processes are to each other what
// several caches of one directory are here.
func TestDiskCacheShared(t *testing.T) {
	srv := newServer(t, noise(200*1024+tailSize))
	dir := t.TempDir()
	var wg sync.WaitGroup
	for k := range 6 {
		wg.Go(func() {
			o := cached(dir)
			o.CacheDirBytes = int64(50_000 + k) // each counts for itself
			src := open(t, srv.URL, o)
			for range 60 {
				off := rand.IntN(200 * 1024)
				b := make([]byte, rand.IntN(20_000)+1)
				n := min(len(b), 200*1024-off)
				if _, err := src.ReadAt(b[:n], int64(off)); err != nil || !bytes.Equal(b[:n], srv.data[off:off+n]) {
					t.Errorf("%d bytes at %d: %v", n, off, err)
				}
			}
		})
	}
	wg.Wait()
	list, total := blocks(t, dir)
	for _, name := range list {
		if strings.HasSuffix(name, diskTemp) {
			t.Errorf("%s is left", name)
		}
	}
	if total > 60_000+60_000/16 {
		t.Errorf("%d bytes", total)
	}
}

// A directory that cannot be used is none.
func TestDiskCacheNowhere(t *testing.T) {
	srv := newServer(t, noise(20*1024+tailSize))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	src := open(t, srv.URL, cached(file))
	srv.read(t, src, 0, 20*1024)
}

func TestCacheDir(t *testing.T) {
	for text, want := range map[string]struct {
		dir   string
		bytes int64
		bad   bool
	}{
		"": {}, "/a/b": {dir: "/a/b"}, "/a/b:20GiB": {"/a/b", 20 << 30, false}, "rel:1KiB": {"rel", 1024, false}, "/a:b/c": {dir: "/a:b/c"},
		`C:\cache`: {dir: `C:\cache`}, `C:\cache:2MiB`: {`C:\cache`, 2 << 20, false}, "C:/cache": {dir: "C:/cache"}, "/a:lots": {bad: true}, "/a:": {bad: true}, "/a:0": {bad: true},
	} {
		dir, n, err := CacheDir(text)
		if dir != want.dir || n != want.bytes || (err != nil) != want.bad {
			t.Errorf("%q: %q, %d, %v", text, dir, n, err)
		}
	}
}
