package httprange

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// redirectTo makes a server send all requests on.
func (s *server) redirectTo(code int, location string) {
	s.set(func() {
		s.hook = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", location)
			w.WriteHeader(code)
			return true
		}
	})
}

func withUser(address, path string) string {
	return strings.Replace(address, "http://", "http://user:secret@", 1) + path
}

// sent reports which credentials the n-th request had.
func (s *server) sent(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, k := range []string{"Authorization", "Cookie", "X-Token", "Proxy-Authorization"} {
		if s.headers[n].Get(k) != "" {
			list = append(list, k)
		}
	}
	return strings.Join(list, " ")
}

// Credentials go to the host of the address, and to no other.
func TestRedirectCredentials(t *testing.T) {
	const all = "Authorization Cookie X-Token"
	origin, other := newServer(t, noise(100_000)), newServer(t, noise(100_000))
	o := quick()
	o.Header = http.Header{"Cookie": {"a=b"}, "X-Token": {"t"}}

	src := open(t, withUser(origin.URL, "/a?sig=secret#f"), o)
	src.ReadAt(make([]byte, 10), 0)
	if origin.sent(0) != all || origin.sent(1) != all {
		t.Error(origin.sent(0), origin.sent(1))
	}
	user, password, _ := (&http.Request{Header: origin.headers[0]}).BasicAuth()
	if user != "user" || password != "secret" {
		t.Error(user, password)
	}
	if src.Path() != origin.URL+"/a" || src.Map().Path() != src.Path() {
		t.Error(src.Path())
	}
	if o.Header.Get("Authorization") != "" {
		t.Error("the caller's header was changed")
	}

	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{other.URL + "/b", withUser(other.URL, "/b")} {
			origin.redirectTo(code, location)
			n, m := len(origin.since(0)), len(other.since(0))
			src := open(t, withUser(origin.URL, "/a"), o)
			other.read(t, src, 0, 10)
			if origin.sent(n) != all || other.sent(m) != "" || other.sent(m+1) != "" {
				t.Errorf("%d: %q to the origin, %q and %q to the other host", code, origin.sent(n), other.sent(m), other.sent(m+1))
			}
			if len(origin.since(n)) != 1 || len(other.since(m)) != 2 {
				t.Errorf("%d: %d requests to the origin, %d to the other", code, len(origin.since(n)), len(other.since(m)))
			}
		}
	}

	// There and back: once they have been dropped they stay dropped.
	other.redirectTo(302, origin.URL+"/end")
	origin.set(func() {
		origin.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/end" {
				return false
			}
			http.Redirect(w, r, other.URL, http.StatusFound)
			return true
		}
	})
	n := len(origin.since(0))
	open(t, withUser(origin.URL, "/a"), o)
	if origin.sent(n) != all || origin.sent(n+1) != "" {
		t.Error(origin.sent(n), "then", origin.sent(n+1))
	}

	// On the same host they go along.
	origin.set(func() {
		origin.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/end" {
				return false
			}
			w.Header().Set("Location", "end")
			w.WriteHeader(http.StatusFound)
			return true
		}
	})
	n = len(origin.since(0))
	open(t, withUser(origin.URL, "/a"), o)
	if origin.sent(n) != all || origin.sent(n+1) != all {
		t.Error(origin.sent(n), "then", origin.sent(n+1))
	}
}

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"http://h/x", "http://h/y", true},
		{"http://h/x", "http://H:80/y", true},
		{"http://h/x", "https://h/y", true},
		{"https://h:443/x", "https://h/y", true},
		{"http://h/x", "https://h:8443/y", false},
		{"http://h:8080/x", "http://h/y", false},
		{"http://h/x", "http://h.example/y", false},
		{"http://example/x", "http://sub.example/y", false},
		{"http://[::1]/x", "http://[::1]:80/y", true},
	} {
		a, _ := url.Parse(c.a)
		b, _ := url.Parse(c.b)
		if got := sameHost(a, b); got != c.want {
			t.Errorf("%s to %s: %v", c.a, c.b, got)
		}
	}
}

// The way up to https is open, the way down is not.
func TestRedirectSchemes(t *testing.T) {
	plain := newServer(t, noise(100_000))
	secure := httptest.NewTLSServer(plain)
	defer secure.Close()
	o := quick()
	o.Transport = secure.Client().Transport
	src := open(t, secure.URL, o)
	plain.read(t, src, 0, 10)

	from := newServer(t, nil)
	from.redirectTo(302, secure.URL)
	src = open(t, from.URL, o)
	plain.read(t, src, 0, 10)

	n := len(plain.since(0))
	down := httptest.NewTLSServer(from)
	defer down.Close()
	o.Transport = down.Client().Transport
	for location, want := range map[string]string{
		plain.URL + "/x?sig=secret": "https to http",
		"ftp://host/x":              "want one to http or https",
		"file:///etc/passwd":        "want one to http or https",
		"":                          "no address",
		"http://a:b:c/":             "no address",
		"//":                        "",
	} {
		from.redirectTo(302, location)
		_, err := Open(t.Context(), down.URL+"/a", o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), down.URL) {
			t.Errorf("%q: %v", location, err)
		}
		if want != "" && !errors.Is(err, tensor.ErrUnsupported) {
			t.Errorf("%q: %v", location, err)
		}
	}
	if len(plain.since(n)) != 0 {
		t.Error("a request went out in the clear")
	}

	// Without trust in its certificate the server is not asked again.
	o.Transport = nil
	n = len(from.since(0))
	if _, err := Open(t.Context(), down.URL, o); !errors.Is(err, tensor.ErrIO) || strings.Contains(err.Error(), "attempt") || len(from.since(n)) != 0 {
		t.Error(err)
	}
}

func TestRedirectLoop(t *testing.T) {
	srv := newServer(t, nil)
	srv.redirectTo(302, "/again")
	if _, err := Open(t.Context(), srv.URL, quick()); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "at most 10") {
		t.Error(err)
	}
	if n := len(srv.since(0)); n != 11 {
		t.Errorf("%d requests", n)
	}
}

// Where a redirect leads may be valid for a while: then the address is asked
// again.
func TestRedirectExpires(t *testing.T) {
	origin, store := newServer(t, nil), newServer(t, noise(100_000))
	ticket := 0
	origin.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		ticket++
		http.Redirect(w, r, fmt.Sprintf("%s/?ticket=%d", store.URL, ticket), http.StatusFound)
		return true
	}
	valid := "1"
	store.hook = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("ticket") != valid {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	src := open(t, origin.URL, quick())
	store.read(t, src, 0, 10)
	if len(origin.since(0)) != 1 {
		t.Error("the redirect was not remembered")
	}
	store.set(func() { valid = "2" })
	store.read(t, src, 5000, 10)
	store.read(t, src, 9000, 10)
	if len(origin.since(0)) != 2 || src.Stats().Retries != 0 {
		t.Error(len(origin.since(0)), src.Stats())
	}
	// Where it only fails in passing it is asked again itself.
	store.set(func() {
		hook, bad := store.hook, true
		store.hook = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if bad {
				bad = false
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			return hook(n, w, r)
		}
	})
	store.read(t, src, 12_000, 10)
	if len(origin.since(0)) != 2 || src.Stats().Retries != 1 {
		t.Error(len(origin.since(0)), src.Stats())
	}
	store.set(func() { valid = "none" })
	var status *StatusError
	if _, err := src.ReadAt(make([]byte, 1), 20_000); !errors.As(err, &status) || status.Code != 403 {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://h/a.tensor":                "http://h/a.tensor",
		"https://user:pa%20ss@h:8/a?b=c#d": "https://h:8/a",
		"HTTPS://user@h/a":                 "https://h/a",
		"http://user:p#w@h/a":              "http://...",
		"http://user:p w@h/a":              "http://...",
		"http://u:p/w@h/a":                 "http://...",
		"http://h/a%20b?":                  "http://h/a%20b",
		"a.tensor":                         "a.tensor",
		"s3://user@h/a":                    "s3://user@h/a",
		"http://%zz":                       "http://...",
	} {
		if got := Redact(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for _, address := range []string{"", "h/a", "ftp://h/a", "http://", "http:///a", "http://user:secret@", "http://user:secret#x@h/", "http://user:se cret@h/", "https:opaque"} {
		_, err := Open(t.Context(), address, nil)
		if !errors.Is(err, tensor.ErrUnsupported) || strings.Contains(fmt.Sprint(err), "secret") || strings.Contains(fmt.Sprint(err), "cret@") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
