package httprange

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// FuzzAnswer reads any headers of an answer. What is taken for a range is one
// that an object of that size can have, and says so when it is written again.
func FuzzAnswer(f *testing.F) {
	f.Add("bytes 0-99/100", "\"a\"", "Sat, 01 Nov 2025 10:00:00 GMT", "120")
	f.Add("bytes */1234", "W/\"a\"", "", "Fri, 31 Dec 1999 23:59:59 GMT")
	f.Add("bytes 0--1/0", "", "", "-1")
	f.Add("BYTES  5-5/6 ", "", "x", "99999999999999999999")
	f.Add("bytes 4611686018427387902-4611686018427387903/4611686018427387904", "", "", "")
	f.Fuzz(func(t *testing.T, span, etag, modified, patience string) {
		h := http.Header{"Content-Range": {span}, "Etag": {etag}, "Last-Modified": {modified}, "Retry-After": {patience}}
		if r, ok := rangeOf(h); ok {
			if r.begin < 0 || r.end <= r.begin || r.size < r.end || r.size >= 1<<62 {
				t.Fatalf("%q is %+v", span, r)
			}
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", r.begin, r.end-1, r.size))
			if again, ok := rangeOf(h); !ok || again != r {
				t.Fatalf("%q is %+v, then %+v", span, r, again)
			}
			if _, ok := sizeOf(h); ok {
				t.Fatalf("%q is a range and a size", span)
			}
			h.Add("Content-Range", span)
			if _, ok := rangeOf(h); ok {
				t.Fatal("two ranges in one answer are taken")
			}
			h.Set("Content-Range", span)
		}
		if n, ok := sizeOf(h); ok && (n < 0 || n >= 1<<62) {
			t.Fatalf("%q is %d", span, n)
		}
		if d := retryAfter(h); d < 0 || d > maxRetryAfter {
			t.Fatalf("%q asks for %v", patience, d)
		}
		id := identityOf(h, 1)
		if field, _, _ := id.differs(h); field != "" {
			t.Fatalf("%q, %q differs from itself in %s", etag, modified, field)
		}
		h.Set("ETag", etag+"x")
		if field, _, _ := id.differs(h); field != "ETag" {
			t.Fatalf("another ETag than %q is not seen", etag)
		}
	})
}

// FuzzAddress reads any address and any redirect from it. Credentials are in
// nothing that is shown, and follow only to the same host.
func FuzzAddress(f *testing.F) {
	f.Add("https://name:secret-word@example.com/a?b=c#d", "/x")
	f.Add("http://example.com:80/", "https://example.com/")
	f.Add("HTTP://[::1]:8080/%2F", "//other/")
	f.Add("http://a:b:c@d@e/", "ftp://x")
	f.Add("https://a/", "http://a/")
	f.Fuzz(func(t *testing.T, address, location string) {
		shown := Redact(address)
		from, authorization, err := parse(address)
		if err != nil {
			return
		}
		if from.url.User != nil || from.url.Fragment != "" {
			t.Fatalf("%q is sent as %v", address, from.url)
		}
		if strings.Contains(shown, "@") && !strings.Contains(from.url.EscapedPath()+from.url.Host, "@") {
			t.Fatalf("%q is shown as %q", address, shown)
		}
		if again, none, err := parse(shown); err != nil || none != "" || again.url.Host != from.url.Host || again.url.RawQuery != "" {
			t.Fatalf("%q is shown as %q: %v", address, shown, err)
		}
		if authorization != "" && strings.Contains(shown, authorization) {
			t.Fatalf("%q is shown as %q", address, shown)
		}
		to, err := from.follow(http.Header{"Location": {location}})
		if err != nil {
			return
		}
		if from.url.Scheme == "https" && to.url.Scheme != "https" {
			t.Fatalf("%q leads from %q to %v", location, address, to.url)
		}
		if to.trust && !strings.EqualFold(to.url.Hostname(), from.url.Hostname()) {
			t.Fatalf("credentials for %v go to %v", from.url, to.url)
		}
		if to.url.User != nil {
			t.Fatalf("%q is sent as %v", location, to.url)
		}
	})
}
