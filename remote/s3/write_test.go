package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func create(t testing.TB, f *fake, key string, change func(*Options)) *Upload {
	t.Helper()
	o := f.options(t)
	o.PartSize = leastPart
	if change != nil {
		change(o)
	}
	u, err := Create(t.Context(), "s3://bucket/"+key, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

func TestWrite(t *testing.T) {
	for _, n := range []int{0, 1, leastPart - 1, leastPart, leastPart + 1, 3*leastPart + 17} {
		f := newFake(t)
		want := noise(n)
		u := create(t, f, "x", nil)
		for at := 0; at < n; { // pieces of all sizes
			m := min(n-at, 1+at/3+at%1000)
			if k, err := u.Write(want[at : at+m]); k != m || err != nil {
				t.Fatalf("%d bytes: %d, %v", n, k, err)
			}
			at += m
		}
		if got := f.object(t, "x"); got != nil {
			t.Fatalf("%d bytes: %d are there before Commit", n, len(got))
		}
		if err := u.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
		if got := f.object(t, "x"); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: there are %d, or others", n, len(got))
		}
		if k := f.uploads(t); k != 0 {
			t.Errorf("%d bytes: %d uploads are left", n, k)
		}
		parts := 0
		for _, r := range f.requests() {
			if strings.HasPrefix(r, "PUT") {
				parts++
			}
		}
		if want := max(1, (n+leastPart-1)/leastPart); parts != want {
			t.Errorf("%d bytes: %d requests with bytes, want %d", n, parts, want)
		}
		if _, err := u.Write([]byte{1}); !errors.Is(err, tensor.ErrClosed) {
			t.Errorf("after Commit: %v", err)
		}
	}
}

// Whatever fails, and whenever: what was there is there as it was, and no part stays.
func TestFailedWrites(t *testing.T) {
	is := func(method, query string) func(r *http.Request) bool {
		return func(r *http.Request) bool { return r.Method == method && strings.Contains(r.URL.RawQuery, query) }
	}
	for _, c := range []struct {
		name string
		hit  func(r *http.Request) bool
		code int
		says string
	}{
		{"no upload", is("POST", "uploads"), 403, "403 Forbidden: AccessDenied: no"},
		{"a part", is("PUT", "partNumber=2"), 403, "403 Forbidden: AccessDenied: no"},
		{"the last part", is("PUT", "partNumber=4"), 400, "400 Bad Request: AccessDenied: no"},
		{"the end", is("POST", "uploadId"), 403, "403 Forbidden: AccessDenied: no"},
		{"space", is("PUT", "partNumber=3"), 507, "507 Insufficient Storage"},
	} {
		f := newFake(t)
		f.put(t, "x", []byte("old"))
		f.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if c.hit(r) {
				xmlError(c.code, "AccessDenied", "no")(w)
			}
			return c.hit(r)
		})
		u := create(t, f, "x", func(o *Options) { o.Overwrite = true })
		b := noise(3*leastPart + 5)
		_, err := u.Write(b)
		if err == nil {
			err = u.Commit()
		}
		if !errors.Is(err, tensor.ErrIO) || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "s3://bucket/x") {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := u.Close(); err != nil {
			t.Errorf("%s: close: %v", c.name, err)
		}
		if got := f.object(t, "x"); string(got) != "old" {
			t.Errorf("%s: %d bytes are there", c.name, len(got))
		}
		if n := f.uploads(t); n != 0 {
			t.Errorf("%s: %d uploads are left", c.name, n)
		}
	}
}

// An upload that is given up, or whose context ends, leaves nothing.
func TestAbandonedWrites(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := f.options(t)
	o.PartSize = leastPart
	for i, stop := range []func(){func() {}, cancel} {
		u, err := Create(ctx, fmt.Sprintf("s3://bucket/%d", i), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(noise(3 * leastPart)); err != nil {
			t.Fatal(err)
		}
		if f.uploads(t) != 1 {
			t.Error("no upload is under way")
		}
		stop()
		if i == 1 {
			if _, err := u.Write([]byte{1}); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if err := u.Commit(); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
		if n := f.uploads(t); n != 0 || f.object(t, fmt.Sprint(i)) != nil {
			t.Errorf("%d uploads are left", n)
		}
	}
}

// Two that write one object: the first one to finish has it.
func TestExists(t *testing.T) {
	f := newFake(t)
	a, b := create(t, f, "x", nil), create(t, f, "x", nil)
	a.Write([]byte("first"))
	b.Write([]byte("second"))
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); !errors.Is(err, tensor.ErrExists) {
		t.Errorf("%v", err)
	}
	if _, err := Create(t.Context(), "s3://bucket/x", f.options(t)); !errors.Is(err, tensor.ErrExists) {
		t.Errorf("%v", err)
	}
	if got := f.object(t, "x"); string(got) != "first" {
		t.Errorf("%q", got)
	}
	c := create(t, f, "x", func(o *Options) { o.Overwrite = true })
	c.Write([]byte("third"))
	if err := c.Commit(); err != nil || string(f.object(t, "x")) != "third" {
		t.Errorf("%v, %q", err, f.object(t, "x"))
	}
	d, err := Create(t.Context(), "s3://nobody/x", f.options(t)) // the answer to a look says not of what there is none
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("no such bucket: %v", err)
	}
	o := f.options(t)
	f.set(func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true })
	if _, err := Create(t.Context(), "s3://bucket/y", o); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not for us: %v", err)
	}
}

// Where the way is encrypted the body is not signed, and is checked all the same.
func TestWriteEncrypted(t *testing.T) {
	f := newFake(t)
	srv := httptest.NewTLSServer(f)
	defer srv.Close()
	o := f.options(t)
	o.Endpoint, o.Transport, o.PartSize = srv.URL, srv.Client().Transport, leastPart
	bodies := 0
	f.set(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			bodies++
			if r.Header.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" || r.Header.Get("Content-MD5") == "" {
				t.Errorf("%v", r.Header)
			}
		}
		return false
	})
	want := noise(leastPart + 100)
	u, err := Create(t.Context(), "s3://bucket/x", o)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	u.Write(want)
	if err := u.Commit(); err != nil || !bytes.Equal(f.object(t, "x"), want) || bodies != 2 {
		t.Errorf("%v, %d bodies", err, bodies)
	}
	s, err := Open(t.Context(), "s3://bucket/x", o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := make([]byte, len(want))
	if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Error(err)
	}
}

// A store that does not know conditions gets the object without.
func TestWithoutConditions(t *testing.T) {
	f := newFake(t)
	f.set(func(_ int, w http.ResponseWriter, r *http.Request) bool {
		bad := r.Header.Get("If-None-Match") != ""
		if bad {
			xmlError(501, "NotImplemented", "A header you provided implies functionality that is not implemented")(w)
		}
		return bad
	})
	u := create(t, f, "x", nil)
	u.Write([]byte("abc"))
	if err := u.Commit(); err != nil || string(f.object(t, "x")) != "abc" {
		t.Errorf("%v, %q", err, f.object(t, "x"))
	}
}

func TestPartLimit(t *testing.T) {
	f := newFake(t)
	u := create(t, f, "x", nil)
	if _, err := u.Write(noise(leastPart + 1)); err != nil {
		t.Fatal(err)
	}
	u.wg.Wait()
	for len(u.parts) < maxParts {
		u.parts = append(u.parts, u.parts[0])
	}
	_, err := u.Write(noise(leastPart + 1))
	if !errors.Is(err, tensor.ErrLimit) || !strings.Contains(fmt.Sprint(err), "PartSize") {
		t.Errorf("%v", err)
	}
	if err := u.Close(); err != nil || f.uploads(t) != 0 {
		t.Errorf("%v, %d uploads", err, f.uploads(t))
	}
}
