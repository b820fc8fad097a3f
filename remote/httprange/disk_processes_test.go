package httprange

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a process that shares a cache with others is told.
const (
	cacheAddress = "HTTPRANGE_CACHE_ADDRESS"
	cacheReads   = "HTTPRANGE_CACHE_READS" // how many reads it makes; 0: until it is killed

	sharedSize  = 200 * 1024 // bytes before the tail
	sharedLimit = 64 * 1024
)

// TestCacheProcess is such a process: it reads here and there, and compares.
func TestCacheProcess(t *testing.T) {
	address := os.Getenv(cacheAddress)
	if address == "" {
		t.Skip("it is one of TestDiskCacheProcesses")
	}
	reads, err := strconv.Atoi(os.Getenv(cacheReads))
	if err != nil {
		t.Fatal(err)
	}
	o := cached(os.Getenv(CacheVariable))
	o.CacheDirBytes = sharedLimit
	src, want := open(t, address, o), noise(sharedSize+tailSize)
	for i := 0; reads == 0 || i < reads; i++ {
		off := rand.IntN(sharedSize)
		b := make([]byte, min(rand.IntN(20_000)+1, sharedSize-off))
		if _, err := src.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, want[off:off+len(b)]) {
			t.Fatalf("%d bytes at %d: %v, or others", len(b), off, err)
		}
		if i == 0 {
			fmt.Println("reading")
		}
	}
}

// process starts one and returns when it has read something.
func process(t *testing.T, address, dir string, reads int) (cmd *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd, out = exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCacheProcess$"), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), cacheAddress+"="+address, CacheVariable+"="+dir, fmt.Sprintf("%s=%d", cacheReads, reads))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, out
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	lines := bufio.NewReader(r)
	if line, err := lines.ReadString('\n'); err != nil || line != "reading\n" {
		t.Errorf("%q, %v", line, err)
	}
	go func() {
		defer r.Close()
		io.Copy(io.Discard, lines)
	}()
	return cmd, out
}

// Processes that use a cache at the same time, some of which are killed at any moment,
// leave what is whole: every one reads the right bytes, and there are no more than
// there may be.
func TestDiskCacheProcesses(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 4
	}
	srv := newServer(t, noise(sharedSize+tailSize))
	dir := t.TempDir()
	for range kills {
		stays, out := process(t, srv.URL, dir, 50)
		goes, _ := process(t, srv.URL, dir, 0)
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond)
		if err := goes.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		goes.Wait()
		if err := stays.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		o := cached(dir)
		o.CacheDirBytes = sharedLimit
		srv.read(t, open(t, srv.URL, o), 0, sharedSize)
	}
	list, total := blocks(t, dir)
	parts := 0
	for _, name := range list {
		if strings.HasSuffix(name, diskTemp) {
			parts++
		}
	}
	t.Logf("%d bytes in %d files, %d of them of processes that were killed", total, len(list), parts)
	if parts > kills {
		t.Errorf("%d files that are not whole after %d kills", parts, kills)
	}
	if most := int64(sharedLimit + kills*(1024+diskHead)); total > most || total == 0 {
		t.Errorf("%d bytes in %d files, want %d at most", total, len(list), most)
	}
	// An hour later they go.
	old := time.Now().Add(-2 * staleAfter)
	for _, name := range list {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	diskAt(dir, sharedLimit).sweep()
	if list, _ = blocks(t, dir); strings.Contains(strings.Join(list, "\n"), diskTemp) {
		t.Errorf("%v", list)
	}
}
