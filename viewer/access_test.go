package viewer

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
)

// small is a file to be asked for.
func small(t testing.TB) string {
	return write(t, filepath.Join(t.TempDir(), "small.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", slice(t, []float32{1, 2, 3, 4, 5, 6}, 2, 3), nil))
	})
}

// request asks as a client that is connected to addr.
func request(s http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	a, _ := net.ResolveTCPAddr("tcp", "127.0.0.1:4000")
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(a)))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// E17: a page of another name whose address was made that of this machine.
func TestForeignHost(t *testing.T) {
	s := show(t, &Options{Hosts: []string{"box.example", "other.example:81"}}, small(t))
	target := "http://127.0.0.1:4000" + s.Path() + "api/files"
	for host, want := range map[string]int{
		"127.0.0.1:4000": 200, "localhost:4000": 200, "LOCALHOST:4000": 200, "localhost.:4000": 200, "[::1]:4000": 200, "127.8.9.1:4000": 200,
		"box.example:4000": 200, "Box.Example:4000": 200, "other.example:81": 200,
		"evil.example": 403, "evil.example:4000": 403, "127.0.0.1": 403, "127.0.0.1:4001": 403, "localhost": 403, "localhost:80": 403,
		"box.example": 403, "box.example:81": 403, "other.example": 403, "other.example:4000": 403, "localhost.evil.example:4000": 403,
		"127.0.0.1.evil.example:4000": 403, "0.0.0.0:4000": 403, "[::ffff:10.0.0.1]:4000": 403, "10.0.0.1:4000": 403, "": 403, "user@localhost:4000": 403, "[::1": 403, "::1:4000": 403, "[::1%25lo]:4000": 403,
	} {
		w := request(s, "GET", target, func(r *http.Request) { r.Host = host })
		if w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
		if want == 403 && (strings.Contains(w.Body.String(), "schema") || w.Body.Len() > 100) {
			t.Errorf("Host %q: %s", host, w.Body.String())
		}
	}
	// Before any handler: not even a token is looked at.
	if w := request(s, "POST", "http://127.0.0.1:4000/nothing", func(r *http.Request) { r.Host = "evil.example" }); w.Code != 403 {
		t.Error(w.Code)
	}
}

// E18: requests from pages of other sites, and what is no look.
func TestForeignOrigin(t *testing.T) {
	s := show(t, nil, small(t))
	target := "http://127.0.0.1:4000" + s.Path() + "api/files"
	for origin, want := range map[string]int{
		"http://127.0.0.1:4000": 200,
		"http://evil.example":   403, "null": 403, "": 403, "http://127.0.0.1:4001": 403, "https://127.0.0.1:4000": 403, "http://localhost:4000": 403,
		"http://127.0.0.1:4000/": 403, "http://127.0.0.1:4000@evil.example": 403, "127.0.0.1:4000": 403, "http://127.0.0.1:4000?x": 403,
	} {
		w := request(s, "GET", target, func(r *http.Request) { r.Header["Origin"] = []string{origin} })
		if w.Code != want {
			t.Errorf("Origin %q: %d, want %d", origin, w.Code, want)
		}
	}
	if w := request(s, "GET", target, func(r *http.Request) { r.Header["Origin"] = []string{"http://127.0.0.1:4000", "http://evil.example"} }); w.Code != 403 {
		t.Error("two origins:", w.Code)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "LOOK"} {
		w := request(s, method, target, nil)
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, w.Code)
		}
		if w := request(s, method, target, func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }); w.Code != 403 {
			t.Errorf("%s from another site: %d", method, w.Code)
		}
	}
	if w := request(s, "HEAD", target, nil); w.Code != 200 || w.Body.Len() != 0 {
		t.Error("HEAD:", w.Code, w.Body.Len())
	}
	w := request(s, "GET", target, func(r *http.Request) { r.ContentLength, r.Body = 3, http.NoBody })
	if w.Code != 400 {
		t.Error("a body:", w.Code)
	}
}

// E19: there is nothing but what was given, whatever the path.
func TestPaths(t *testing.T) {
	s := show(t, nil, small(t))
	own := s.Path()
	token := strings.Trim(own, "/")
	wrong := token[:len(token)-1] + "_"
	if strings.HasSuffix(token, "_") {
		wrong = token[:len(token)-1] + "A"
	}
	for _, path := range []string{
		"/", "/index.html", "/api/files", "/favicon.ico", "/" + wrong + "/", "/" + token[1:] + "/", "/" + token + "x/", "/" + strings.ToLower(token) + "x/api/files",
		"//" + token + "/", own + "..%2f..%2fetc/passwd", "/..%2f..%2fetc/passwd", own + "../../etc/passwd", own + "static/../viewer.go", own + "static/..%2fviewer.go",
		own + "static/", own + "static", own + "static//index.html", own + "index.html", own + "api/", own + "api/none", own + "api/files/", own + "api//files", own + "api/../api/files",
		own + "static/%00", own + `static/..\..\x`, own + "static/index.html%00.js",
	} {
		w := request(s, "GET", "http://127.0.0.1:4000"+path, nil)
		if w.Code != 404 || strings.Count(w.Body.String(), "\n") != 1 {
			t.Errorf("%s: %d %q", path, w.Code, w.Body.String())
		}
	}
	for path, kind := range map[string]string{own: "text/html; charset=utf-8", own + "static/index.html": "text/html; charset=utf-8"} {
		w := request(s, "GET", "http://127.0.0.1:4000"+path, nil)
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || strings.Contains(w.Body.String(), hashMark) {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
	w := request(s, "GET", "http://127.0.0.1:4000/"+token, nil)
	if w.Code != 308 || w.Header().Get("Location") != token+"/" {
		t.Error(w.Code, w.Header())
	}
	// A file that was not given has no number.
	for _, f := range []string{"1", "-1", "999999999999", "9223372036854775808", "x", "../x", "0x0"} {
		if w := s.ask("tensors", "f="+f); w.Code != 404 && w.Code != 400 && w.Code != 413 {
			t.Errorf("file %s: %d", f, w.Code)
		}
	}
}

// Every answer has the policy, and none may be kept but what says so.
func TestHeads(t *testing.T) {
	s := show(t, nil, small(t))
	for _, path := range []string{"/", s.Path(), s.Path() + "api/files", s.Path() + "api/none", s.Path() + "api/tile?t=x", s.Path() + "api/tile?t=none", s.Path() + "api/stats?t=x"} {
		h := request(s, "GET", "http://127.0.0.1:4000"+path, nil).Header()
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: no %s in %q", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http") {
			t.Errorf("%s: %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
		if tile := strings.Contains(path, "tile?t=x"); (h.Get("Cache-Control") == "no-store") == tile || (h.Get("ETag") != "") != tile {
			t.Errorf("%s: %v", path, h)
		}
	}
	// What the client has is not sent again.
	first := s.ask("tile", "t=x")
	tag := first.Header().Get("ETag")
	again := request(s, "GET", "http://127.0.0.1:4000"+s.Path()+"api/tile?t=x", func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
	if again.Code != 304 || again.Body.Len() != 0 || first.Body.Len() != 24 {
		t.Error(again.Code, again.Body.Len(), first.Body.Len())
	}
	if other := s.ask("tile", "t=x", "reduce=max").Header().Get("ETag"); other == tag || other == "" {
		t.Error("another tile has the same tag:", other)
	}
	// Two servers have tokens of their own.
	if o := show(t, nil, small(t)); o.token == s.token || len(o.token) != 22 {
		t.Error(o.token, s.token)
	}
}
