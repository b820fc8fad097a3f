package httprange

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// Answers that are not what was asked for are refused at once, at opening and
// later.
func TestBadAnswers(t *testing.T) {
	head := func(key, value string) func(*server, http.ResponseWriter, int, int) {
		return func(s *server, w http.ResponseWriter, a, b int) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b-1, len(s.data)))
			w.Header()[key] = []string{value}
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data[a:b])
		}
	}
	crange := func(format string, da, db, ds int) func(*server, http.ResponseWriter, int, int) {
		return func(s *server, w http.ResponseWriter, a, b int) {
			if format == "" {
				format = "bytes %d-%d/%d"
			}
			w.Header().Set("Content-Range", fmt.Sprintf(format, a+da, b-1+db, len(s.data)+ds))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data[a:b])
		}
	}
	for _, c := range []struct {
		name   string
		answer func(s *server, w http.ResponseWriter, a, b int)
		field  string
	}{
		{"gzip", head("Content-Encoding", "gzip"), "Content-Encoding"},
		{"deflate", head("Content-Encoding", "DEFLATE"), "Content-Encoding"},
		{"another unit", crange("lines %d-%d/%d", 0, 0, 0), "Content-Range"},
		{"no unit", crange("%d-%d/%d", 0, 0, 0), "Content-Range"},
		{"shifted", crange("", -1, -1, 0), "Content-Range"},
		{"longer", crange("", -1, 0, 0), "Content-Range"},
		{"shorter", crange("", 0, -1, 0), "Content-Range"},
		{"negative", crange("bytes %d--%d/%d", 0, 0, 0), "Content-Range"},
		{"signed", crange("bytes +%d-%d/%d", 0, 0, 0), "Content-Range"},
		{"backward", crange("bytes %[2]d-%[1]d/%[3]d", 0, 0, 0), "Content-Range"},
		{"beyond the end", crange("bytes %d-%d/5%.0[3]s", 0, 0, 0), "Content-Range"},
		{"huge", crange("bytes %d-%d/9999999999999999999", 0, 0, 0), "Content-Range"},
		{"no length", crange("bytes %d-%d/*", 0, 0, 0), "Content-Range"},
		{"no range", func(s *server, w http.ResponseWriter, a, b int) {
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data[a:b])
		}, "Content-Range"},
		{"two ranges", func(s *server, w http.ResponseWriter, a, b int) {
			v := fmt.Sprintf("bytes %d-%d/%d", a, b-1, len(s.data))
			w.Header()["Content-Range"] = []string{v, v}
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data[a:b])
		}, "Content-Range"},
		{"multipart", func(s *server, w http.ResponseWriter, a, b int) {
			w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data[a:b])
		}, "Content-Range"},
		{"other Content-Length", func(s *server, w http.ResponseWriter, a, b int) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b-1, len(s.data)))
			w.Header().Set("Content-Length", fmt.Sprint(b-a-1))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data[a : b-1])
		}, "Content-Length"},
		{"more than promised", func(s *server, w http.ResponseWriter, a, b int) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b-1, len(s.data)))
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush() // so that it has no Content-Length
			w.Write(s.data[a:b])
			w.Write([]byte("!"))
		}, "body"},
		{"all of it", func(s *server, w http.ResponseWriter, a, b int) { w.Write(s.data) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := newServer(t, noise(10_000+tailSize))
			srv.set(func() {
				srv.etag = ""
				srv.modified = time.Time{}
			})
			src := open(t, srv.URL, quick())
			srv.set(func() {
				srv.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					a, b := len(srv.data)-tailSize, len(srv.data)
					if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &a, &b); n == 2 {
						b++
					} else {
						a = len(srv.data) - tailSize
					}
					c.answer(srv, w, a, b)
					return true
				}
			})
			_, err := src.ReadAt(make([]byte, 1000), 3000)
			var e *tensor.Error
			if !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Path != srv.URL || c.field != "" && e.Field != c.field {
				t.Errorf("reading: %v", err)
			}
			if n := len(srv.since(1)); n != 1 {
				t.Errorf("%d requests", n)
			}
			_, err = Open(t.Context(), srv.URL, quick())
			if !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Path != srv.URL || c.field != "" && e.Field != c.field {
				t.Errorf("opening: %v", err)
			}
			if n := len(srv.since(2)); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// A server that compresses whatever it sends is asked not to, and refused if it
// does.
func TestEncodedBody(t *testing.T) {
	srv := newServer(t, noise(1000))
	srv.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("Accept-Encoding %q", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(srv.data)
		z.Close()
		return true
	}
	_, err := Open(t.Context(), srv.URL, quick())
	if !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), `Content-Encoding: got "gzip"`) {
		t.Error(err)
	}
	// A transport that decodes unasked is found out.
	o := quick()
	o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Del("Accept-Encoding")
		r.Header.Del("Range")
		return http.DefaultTransport.RoundTrip(r)
	})
	srv.set(func() {
		hook := srv.hook
		srv.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
			r.Header.Set("Accept-Encoding", "identity")
			return hook(n, w, r)
		}
	})
	if _, err := Open(t.Context(), srv.URL, o); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), `Content-Encoding`) {
		t.Error(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// Servers that do not know ranges.
func TestNoRanges(t *testing.T) {
	plain := func(s *server, chunked bool) {
		s.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("ETag", s.etag)
			if chunked {
				w.(http.Flusher).Flush()
			} else {
				w.Header().Set("Content-Length", fmt.Sprint(len(s.data)))
			}
			w.Write(s.data)
			return true
		}
	}
	for _, chunked := range []bool{false, true} {
		for _, c := range []struct {
			size int
			max  int64
			ok   bool
		}{{0, 0, true}, {tailSize, 0, true}, {tailSize + 1, 0, false}, {200_000, 199_999, false}, {200_000, 200_000, true}} {
			srv := newServer(t, noise(c.size))
			plain(srv, chunked)
			o := quick()
			o.MaxDownload = c.max
			src, err := Open(t.Context(), srv.URL, o)
			if !c.ok {
				if !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "ranges: got a server that sends the whole object") {
					t.Errorf("%+v: %v", c, err)
				}
				continue
			}
			if err != nil || src.Size() != int64(c.size) {
				t.Errorf("%+v: %v", c, err)
				continue
			}
			srv.read(t, src, 0, c.size)
			equal(t, srv.since(1))
			if err := src.Check(); err != nil {
				t.Error(err)
			}
			srv.set(func() { srv.etag = `"v2"` })
			if err := src.Check(); c.size > 0 && !errors.Is(err, tensor.ErrChanged) {
				t.Error(err)
			}
			src.Close()
		}
	}

	// Without length and chunks a body that was cut looks whole.
	srv := newServer(t, nil)
	srv.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		c, rw, _ := w.(http.Hijacker).Hijack()
		rw.WriteString("HTTP/1.0 200 OK\r\n\r\nsome bytes")
		rw.Flush()
		c.Close()
		return true
	}
	if _, err := Open(t.Context(), srv.URL, quick()); !errors.Is(err, tensor.ErrUnsupported) {
		t.Error(err)
	}

	// A whole body that is cut is asked for again.
	srv = newServer(t, noise(5000))
	srv.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "5000")
		w.Write(srv.data[:5000-min(1-n, 1)*10])
		return true
	}
	src := open(t, srv.URL, quick())
	srv.read(t, src, 0, 5000)
	equal(t, srv.since(0), "-65536", "-65536")
}

// Servers that know no ranges from the end tell the length, and are asked with
// two numbers.
func TestNoSuffixRanges(t *testing.T) {
	for _, size := range []int{0, 100, 200_000} {
		srv := newServer(t, noise(size))
		srv.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.Header.Get("Range"), "bytes=-") {
				return false
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		}
		src := open(t, srv.URL, quick())
		srv.read(t, src, 0, size)
		if src.Size() != int64(size) || size == 100 && len(srv.since(0)) != 2 {
			t.Error(src.Size(), srv.since(0))
		}
	}
	srv := newServer(t, noise(100))
	srv.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Range", "bytes */100")
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return true
	}
	if _, err := Open(t.Context(), srv.URL, quick()); !errors.Is(err, tensor.ErrIO) || len(srv.since(0)) != 2 {
		t.Error(err, srv.since(0))
	}
}

// An object that changes is never mixed with what it was.
func TestChanged(t *testing.T) {
	later := time.Unix(2e9, 0)
	for _, c := range []struct {
		name         string
		before, then func(*server)
		field        string
	}{
		{"ETag", nil, func(s *server) { s.etag = `"v2"` }, "ETag"},
		{"ETag gone", nil, func(s *server) { s.etag = "" }, "ETag"},
		{"ETag new", func(s *server) { s.etag = "" }, func(s *server) { s.etag = `"v1"` }, "ETag"},
		{"weak ETag", func(s *server) { s.etag = `W/"v1"` }, func(s *server) { s.etag = `W/"v2"` }, "ETag"},
		{"date under a weak ETag", func(s *server) { s.etag = `W/"v1"` }, func(s *server) { s.modified = later }, "Last-Modified"},
		{"date", func(s *server) { s.etag = "" }, func(s *server) { s.modified = later }, "Last-Modified"},
		{"date gone", func(s *server) { s.etag = "" }, func(s *server) { s.modified = time.Time{} }, "Last-Modified"},
		{"longer", func(s *server) { s.etag, s.modified = "", time.Time{} }, func(s *server) { s.data = append(s.data, 1) }, "length"},
		{"cut", func(s *server) { s.etag, s.modified = "", time.Time{} }, func(s *server) { s.data = s.data[:10] }, "length"},
		{"cut, same ETag", nil, func(s *server) { s.data = s.data[:90_000] }, "length"},
		{"412", nil, func(s *server) {
			s.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(412); return true }
		}, "version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := newServer(t, noise(100_000))
			if c.before != nil {
				srv.set(func() { c.before(srv) })
			}
			src, sleeper := open(t, srv.URL, quick()), open(t, srv.URL, quick())
			srv.read(t, src, 0, 1)
			if err := sleeper.Check(); err != nil {
				t.Fatal(err)
			}
			srv.set(func() { srv.data = bytes.Clone(srv.data); c.then(srv) })
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					_, err := src.ReadAt(make([]byte, 1000), int64(5000+i*2000))
					var e *tensor.Error
					if !errors.Is(err, tensor.ErrChanged) || !errors.As(err, &e) || e.Field != c.field || e.Path != srv.URL {
						t.Error(err)
					}
					e.Tensor = fmt.Sprint(i) // as the engine does: no race
				})
			}
			wg.Wait()
			n := len(srv.since(0))
			for _, off := range []int64{0, 99_999, 20_000} {
				if _, err := src.ReadAt(make([]byte, 1), off); !errors.Is(err, tensor.ErrChanged) {
					t.Errorf("after the change, at %d: %v", off, err)
				}
			}
			if len(srv.since(n)) != 0 {
				t.Error("requests after the change")
			}
			if err := sleeper.Check(); !errors.Is(err, tensor.ErrChanged) {
				t.Error(err)
			}
		})
	}

	// A date that another server of the same name has is no change under one
	// strong ETag.
	srv := newServer(t, noise(100_000))
	src := open(t, srv.URL, quick())
	srv.set(func() { srv.modified = later })
	srv.read(t, src, 0, 10)
	if err := src.Check(); err != nil {
		t.Error(err)
	}
	srv.mu.Lock()
	if got := srv.headers[1].Get("If-Range"); got != `"v1"` || srv.headers[0].Get("If-Range") != "" {
		t.Errorf("If-Range %q", got)
	}
	srv.mu.Unlock()
}

// A change in the middle of a range, between two attempts.
func TestChangedMidway(t *testing.T) {
	srv := newServer(t, noise(10_000+tailSize))
	src := open(t, srv.URL, quick())
	srv.set(func() {
		srv.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 1 {
				return false
			}
			srv.part(w, 0, 8192, 5000)
			srv.set(func() { srv.etag = `"v2"` })
			return true
		}
	})
	_, err := src.ReadAt(make([]byte, 8192), 0)
	if !errors.Is(err, tensor.ErrChanged) {
		t.Error(err)
	}
	equal(t, srv.since(1), "0-8191", "5000-8191")
}
