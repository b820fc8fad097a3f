package httprange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// part answers with bytes [a, b) as a 206 that promises [a, b) and holds n.
func (s *server) part(w http.ResponseWriter, a, b, n int) {
	w.Header().Set("ETag", s.etag)
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b-1, len(s.data)))
	w.Header().Set("Content-Length", fmt.Sprint(b-a))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(s.data[a : a+n])
}

func status(code int) func(*server, http.ResponseWriter, *http.Request) {
	return func(_ *server, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func silent(_ *server, w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Failures in passing are survived, those that last are told, and no byte comes
// twice.
func TestRetry(t *testing.T) {
	const begin, end = 0, 8192 // the one range that is asked for
	type fault = func(*server, http.ResponseWriter, *http.Request)
	for _, c := range []struct {
		name    string
		fault   fault
		resumes string // the range asked for next
		want    error
		text    string
	}{
		{"500", status(500), "0-8191", nil, "the server answered 500 Internal Server Error (attempt 4)"},
		{"502", status(502), "0-8191", nil, "502"},
		{"503", status(503), "0-8191", nil, "503"},
		{"504", status(504), "0-8191", nil, "504"},
		{"429", status(429), "0-8191", nil, "429 Too Many Requests"},
		{"reset", func(_ *server, w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, "0-8191", nil, "attempt 4"},
		{"no answer", silent, "0-8191", errStall, "the server has fallen silent for 1s (attempt 4)"},
		{"no body", func(s *server, w http.ResponseWriter, _ *http.Request) { s.part(w, begin, end, 0) }, "0-8191", io.ErrUnexpectedEOF, "the body broke off"},
		{"part of a block", func(s *server, w http.ResponseWriter, _ *http.Request) { s.part(w, begin, end, 100) }, "", io.ErrUnexpectedEOF, ""},
		{"reset in the body", func(s *server, w http.ResponseWriter, _ *http.Request) {
			s.part(w, begin, end, 5000)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "5000-8191", nil, ""},
		{"stall in the body", func(s *server, w http.ResponseWriter, r *http.Request) {
			s.part(w, begin, end, 3000)
			w.(http.Flusher).Flush()
			silent(s, w, r)
		}, "3000-8191", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, noise(20_000+tailSize))
			o := quick()
			if c.want == errStall || strings.HasPrefix(c.name, "stall") {
				o.Stall = time.Second // answers of a busy machine have taken 150ms
			}
			src := open(t, srv.URL, o)
			srv.set(func() {
				srv.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n == 1 {
						c.fault(srv, w, r)
					}
					return n == 1
				}
			})
			srv.read(t, src, begin, end)
			asked := srv.since(1)
			if len(asked) != 2 || c.resumes != "" && asked[1] != c.resumes {
				t.Errorf("requests %v, want %s second", asked, c.resumes)
			}
			// Where a kept connection breaks the transport itself asks again.
			if st := src.Stats(); st.Retries != 1 && c.name != "reset" {
				t.Errorf("%+v", st)
			}
			if c.text == "" {
				return
			}
			srv.set(func() {
				srv.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool { c.fault(srv, w, r); return true }
			})
			fresh := open2(t, srv, o)
			before := fresh.Stats()
			_, err := fresh.ReadAt(make([]byte, end), begin)
			if !errors.Is(err, tensor.ErrIO) || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) || !strings.Contains(fmt.Sprint(err), srv.URL+": offset 0: ") {
				t.Errorf("error %v", err)
			}
			if got := fresh.Stats(); got.Requests-before.Requests != int64(o.Retries+1) || got.Retries-before.Retries != int64(o.Retries) {
				t.Errorf("before %+v, then %+v", before, got)
			}
		})
	}
}

// open2 opens the object while the server is well.
func open2(t *testing.T, srv *server, o *Options) *Source {
	t.Helper()
	var hook func(int, http.ResponseWriter, *http.Request) bool
	srv.set(func() { hook, srv.hook = srv.hook, nil })
	defer srv.set(func() { srv.hook = hook })
	return open(t, srv.URL, o)
}

// A server that gives a little each time gets as many attempts as it needs.
func TestRetryWithProgress(t *testing.T) {
	srv := newServer(t, noise(20*1024+tailSize))
	o := quick()
	o.Retries = 1
	src := open(t, srv.URL, o)
	srv.set(func() {
		srv.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
			var a, b int
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &a, &b)
			srv.part(w, a, b+1, min(b+1-a, 1500))
			return true
		}
	})
	srv.read(t, src, 0, 20*1024)
}

func TestNoRetries(t *testing.T) {
	srv := newServer(t, noise(10))
	srv.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
	o := quick()
	o.Retries = -1
	if _, err := Open(t.Context(), srv.URL, o); err == nil || strings.Contains(err.Error(), "attempt") || len(srv.since(0)) != 1 {
		t.Error(err, srv.since(0))
	}
}

// A server may ask for patience.
func TestRetryAfter(t *testing.T) {
	at := time.Now().Add(30 * time.Second)
	for v, want := range map[string]time.Duration{"": 0, "0": 0, "7": 7 * time.Second, "-7": 0, "99999999999": time.Minute, "soon": 0, at.UTC().Format(http.TimeFormat): 30 * time.Second, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		got := retryAfter(http.Header{"Retry-After": {v}})
		if d := got - want; d < -3*time.Second || d > 0 && want != 30*time.Second {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

// What cannot get better is asked for once.
func TestStatus(t *testing.T) {
	for code, want := range map[int]error{
		404: fs.ErrNotExist, 410: fs.ErrNotExist, 401: fs.ErrPermission, 403: fs.ErrPermission, 400: nil, 418: nil, 501: nil, 204: nil, 304: nil, 412: nil, 416: nil,
	} {
		srv := newServer(t, noise(100))
		srv.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
		_, err := Open(t.Context(), srv.URL+"/a.tensor", quick())
		var s *StatusError
		if !errors.Is(err, tensor.ErrIO) || !errors.As(err, &s) || s.Code != code || want != nil && !errors.Is(err, want) {
			t.Errorf("%d: %v", code, err)
		}
		if want == nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
			t.Errorf("%d: %v", code, err)
		}
		if n := len(srv.since(0)); n != 1 {
			t.Errorf("%d: %d requests", code, n)
		}
		if code == 404 && err.Error() != srv.URL+"/a.tensor: the server answered 404 Not Found" {
			t.Error(err)
		}
	}
}

// Nobody listens: an error without the address's secrets.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	l.Close()
	_, err = Open(t.Context(), "http://user:secret@"+l.Addr().String()+"/a?key=secret", quick())
	if !errors.Is(err, tensor.ErrIO) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "user") {
		t.Error(err)
	}
}

// A transport's own error may hold the address as well.
func TestTransportErrors(t *testing.T) {
	calls := 0
	o := quick()
	o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		calls++
		_, err := (&http.Client{}).Get("http://user:secret@127.0.0.1:1/a?key=secret")
		return nil, err
	})
	_, err := Open(t.Context(), "http://host/a", o)
	if err == nil || strings.Contains(err.Error(), "secret") || calls != 4 {
		t.Error(calls, err)
	}
	for _, cause := range []error{&net.DNSError{IsNotFound: true}, fmt.Errorf("x: %w", context.Canceled)} {
		calls = 0
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { calls++; return nil, cause })
		_, err := Open(t.Context(), "http://host/a", o)
		if !errors.Is(err, tensor.ErrIO) || !errors.Is(err, cause) {
			t.Error(err)
		}
		if _, dns := cause.(*net.DNSError); dns != (calls == 1) {
			t.Errorf("%d calls: %v", calls, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
