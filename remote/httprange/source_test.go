package httprange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// Whatever the sizes of object, block and cache, the bytes are those of the
// object.
func TestRead(t *testing.T) {
	for _, size := range []int{0, 1, 1000, tailSize - 1, tailSize, tailSize + 1, tailSize + 1024, 200_000} {
		srv := newServer(t, noise(size))
		for _, cache := range []int64{-1, 3000, 1 << 20} {
			o := quick()
			o.CacheBytes = cache
			src := open(t, srv.URL, o)
			if src.Size() != int64(size) {
				t.Fatalf("size %d, want %d", src.Size(), size)
			}
			if size <= 1000 || size == tailSize+1024 && cache > 0 { // it reads byte by byte
				if err := iotest.TestReader(io.NewSectionReader(src, 0, src.Size()), srv.data); err != nil {
					t.Fatalf("%d bytes, cache %d: %v", size, cache, err)
				}
			}
			for range 20 {
				off := rand.IntN(size + 1)
				srv.read(t, src, off, rand.IntN(size-off+1))
			}
			if n, err := src.ReadAt(make([]byte, 10), int64(size)); n != 0 || err != io.EOF {
				t.Fatal(n, err)
			}
			if n, err := src.ReadAt(make([]byte, size+1), 0); n != size || err != io.EOF {
				t.Fatal(n, err)
			}
			if _, err := src.ReadAt(make([]byte, 1), -1); !errors.Is(err, tensor.ErrIndex) {
				t.Fatal(err)
			}
			if n, _ := src.cache.kept(); n > max(cache, 0) {
				t.Fatalf("%d bytes are kept, limit %d", n, cache)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	const body = 100 * 1024 // before the tail
	srv := newServer(t, noise(body+tailSize))
	src := open(t, srv.URL, quick())
	equal(t, srv.since(0), "-65536")
	step := func(off, n int, want ...string) {
		t.Helper()
		before := len(srv.since(0))
		srv.read(t, src, off, n)
		equal(t, srv.since(before), want...)
	}
	step(body, tailSize)
	step(body+tailSize-1, 1)
	step(0, 1, "0-1023")
	step(0, 1024)
	step(1023, 2, "1024-2047")
	step(5000, 10_000, "4096-15359")            // neighbours together
	step(0, 20_000, "2048-4095", "15360-20479") // around what is there
	step(body-1, 2, "101376-102399")
	step(0, body+tailSize, "20480-101375")
	step(0, body+tailSize)
	if got, want := src.Stats().Bytes, int64(body+tailSize); got != want {
		t.Errorf("%d bytes came, want %d", got, want)
	}
	if st := src.Stats(); st.Requests != int64(len(srv.since(0))) || st.Retries != 0 {
		t.Errorf("%+v", st)
	}

	// A block that starts before the tail ends with it.
	srv = newServer(t, noise(1500+tailSize))
	src = open(t, srv.URL, quick())
	step(1400, 200, "1024-1499")
}

// What is used stays, what is not goes.
func TestEviction(t *testing.T) {
	srv := newServer(t, noise(20*1024+tailSize))
	o := quick()
	o.CacheBytes = 4 * 1024
	src := open(t, srv.URL, o)
	for i := range 10 {
		srv.read(t, src, 0, 1)
		srv.read(t, src, (1+i)*1024, 1)
	}
	if n := len(srv.since(0)); n != 1+1+10 {
		t.Errorf("%d requests", n)
	}
	srv.read(t, src, 1024, 1)
	if n := len(srv.since(0)); n != 13 {
		t.Errorf("%d requests", n)
	}
	if n, blocks := src.cache.kept(); n != 4*1024 || blocks != 4 {
		t.Errorf("%d bytes in %d blocks", n, blocks)
	}
}

func (c *cache) kept() (bytes int64, blocks int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes, max(len(c.blocks), c.order.Len()+c.past.Len())
}

// Many readers of one block make one request, and many requests wait for their
// turn.
func TestConcurrent(t *testing.T) {
	srv := newServer(t, noise(64*1024+tailSize))
	o := quick()
	o.Parallel = 3
	src := open(t, srv.URL, o)
	gate := make(chan struct{})
	var now, most atomic.Int64
	srv.set(func() {
		srv.hook = func(int, http.ResponseWriter, *http.Request) bool {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			<-gate
			return false
		}
	})
	var wg sync.WaitGroup
	for i := range 64 {
		for range 4 {
			wg.Go(func() {
				b := make([]byte, 700)
				off := i*1024 + 100
				if _, err := src.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, srv.data[off:off+700]) {
					t.Error(err)
				}
			})
		}
	}
	for now.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	close(gate)
	wg.Wait()
	if n := len(srv.since(1)); n != 64 {
		t.Errorf("%d requests for 64 blocks", n)
	}
	if most.Load() != 3 {
		t.Errorf("%d requests at a time", most.Load())
	}
}

// A large read is several requests at a time.
func TestLargeRead(t *testing.T) {
	srv := newServer(t, noise(3*maxRun+maxRun/2+tailSize))
	src := open(t, srv.URL, nil)
	srv.read(t, src, 5, len(srv.data)-5)
	if n := len(srv.since(1)); n != 4 {
		t.Errorf("%d requests", n)
	}
}

func TestClose(t *testing.T) {
	srv := newServer(t, noise(64*1024+tailSize))
	src := open(t, srv.URL, quick())
	stuck := make(chan struct{})
	srv.set(func() {
		srv.hook = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			stuck <- struct{}{}
			<-r.Context().Done()
			return true
		}
	})
	failed := make(chan error)
	for i := range 3 {
		go func() {
			_, err := src.ReadAt(make([]byte, 10), int64(i*2000))
			failed <- err
		}()
	}
	for range 3 {
		<-stuck
	}
	for range 2 {
		if err := src.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := <-failed; !errors.Is(err, tensor.ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := src.ReadAt(make([]byte, 10), 0); !errors.Is(err, tensor.ErrClosed) {
		t.Error(err)
	}
	if _, err := src.ReadAt(make([]byte, 10), 70_000); !errors.Is(err, tensor.ErrClosed) {
		t.Error("the tail:", err)
	}
	if err := src.Check(); !errors.Is(err, tensor.ErrClosed) {
		t.Error(err)
	}
	if left := leftovers(); left != "" {
		t.Error(left)
	}
}

// Nothing stays behind an Open that fails, either.
func TestCloseAfterFailure(t *testing.T) {
	srv := newServer(t, nil)
	srv.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	if _, err := Open(t.Context(), srv.URL, quick()); err == nil {
		t.Fatal("opened")
	}
	if left := leftovers(); left != "" {
		t.Error(left)
	}
}

func TestContext(t *testing.T) {
	srv := newServer(t, noise(10_000+tailSize))
	ctx, cancel := context.WithCancel(t.Context())
	src, err := Open(ctx, srv.URL, quick())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	srv.read(t, src, 0, 10)
	srv.set(func() {
		srv.hook = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			cancel()
			<-r.Context().Done()
			return true
		}
	})
	if _, err := src.ReadAt(make([]byte, 10), 5000); !errors.Is(err, context.Canceled) || !errors.Is(err, tensor.ErrIO) {
		t.Error(err)
	}
	if _, err := src.ReadAt(make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	// A deadline ends a storm of errors before a wait that would outlast it.
	srv.set(func() {
		srv.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	})
	late, cancel2 := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel2()
	begin := time.Now()
	var status *StatusError
	if _, err := Open(late, srv.URL, quick()); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &status) || status.Code != 503 {
		t.Error(err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Error("waited", d)
	}
}

// Random reads from many goroutines, with a server that fails now and then.
func TestReadUnderFire(t *testing.T) {
	srv := newServer(t, noise(300*1024))
	o := quick()
	o.CacheBytes, o.Retries = 20*1024, 20
	src := open(t, srv.URL, o)
	srv.set(func() {
		srv.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
			switch n % 7 {
			case 1:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 3:
				panic(http.ErrAbortHandler)
			case 5:
				var a, b int
				fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &a, &b)
				w.Header().Set("ETag", `"v1"`)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b, len(srv.data)))
				w.Header().Set("Content-Length", fmt.Sprint(b-a+1))
				w.WriteHeader(http.StatusPartialContent)
				w.Write(srv.data[a : a+(b-a)/2])
			default:
				return false
			}
			return true
		}
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				off := rand.IntN(len(srv.data))
				b := make([]byte, rand.IntN(min(len(srv.data)-off, 30_000)+1))
				if _, err := src.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, srv.data[off:off+len(b)]) {
					t.Errorf("%d bytes at %d: %v", len(b), off, err)
				}
			}
		})
	}
	wg.Wait()
	if src.Stats().Retries == 0 {
		t.Error("nothing failed")
	}
}
