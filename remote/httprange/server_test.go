package httprange

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server serves one object, and counts. hook, if it is set, may answer the
// n-th request, from 0, itself.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	data     []byte
	etag     string
	modified time.Time
	hook     func(n int, w http.ResponseWriter, r *http.Request) (done bool)
	ranges   []string
	headers  []http.Header
}

func newServer(t testing.TB, data []byte) *server {
	s := &server{data: data, etag: `"v1"`, modified: time.Unix(1e9, 0)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.ranges)
	s.ranges = append(s.ranges, strings.TrimPrefix(r.Header.Get("Range"), "bytes="))
	s.headers = append(s.headers, r.Header.Clone())
	data, etag, modified, hook := s.data, s.etag, s.modified, s.hook
	s.mu.Unlock()
	if hook != nil && hook(n, w, r) {
		return
	}
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	http.ServeContent(w, r, "object", modified, bytes.NewReader(data))
}

// set changes the server under its lock.
func (s *server) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// since returns the ranges that were asked for from the n-th request on.
func (s *server) since(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.ranges[n:]...)
}

// noise is n bytes that differ from place to place.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

// quick are options that do not make tests wait.
func quick() *Options {
	return &Options{BlockSize: 1024, Backoff: time.Millisecond, Stall: 5 * time.Second, Retries: 3}
}

func open(t testing.TB, address string, o *Options) *Source {
	t.Helper()
	s, err := Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *server) read(t testing.TB, src *Source, off, n int) {
	t.Helper()
	b := make([]byte, n)
	if m, err := src.ReadAt(b, int64(off)); err != nil || m != n {
		t.Fatalf("ReadAt(%d, %d): %d, %v", off, n, m, err)
	}
	if !bytes.Equal(b, s.data[off:off+n]) {
		t.Fatalf("ReadAt(%d, %d): other bytes", off, n)
	}
}

// equal compares the ranges of requests in any order.
func equal(t testing.TB, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

// leftovers waits until nothing of a client runs any more, or returns what does.
func leftovers() string {
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "http.(*persistConn)") || strings.Contains(g, "http.(*Transport)") || strings.Contains(g, "httprange.(*Source)") {
				left = append(left, g)
			}
		}
		if left == nil {
			return ""
		}
		if time.Now().After(end) {
			return strings.Join(left, "\n\n")
		}
	}
}
