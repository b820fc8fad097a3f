package httprange

import (
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// A StatusError is an answer that is no success. It is fs.ErrNotExist for 404 and
// 410, and fs.ErrPermission for 401, 403 and 407.
type StatusError struct {
	Code int
	// Detail is what else the server said. A Transport that reads it out of the answer
	// returns the error in the place of the answer. Default: nothing.
	Detail string
}

// Error implements error.
func (e *StatusError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code)))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Is tells what a file system would have said.
func (e *StatusError) Is(target error) bool {
	switch e.Code {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return target == fs.ErrPermission
	}
	return false
}

// passing reports whether the same request may succeed later.
func (e *StatusError) passing() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// transient marks an error after which a request is made again.
type transient struct {
	error
	after time.Duration // the server asked for this much patience
}

func (e *transient) Unwrap() error { return e.error }

// again wraps err.
func again(err error) error { return &transient{error: err} }

// identity is what tells one version of an object from another.
type identity struct {
	etag, modified string
	size           int64
}

// strong reports whether equal ETags mean equal bytes.
func (id identity) strong() bool { return id.etag != "" && !strings.HasPrefix(id.etag, "W/") }

func identityOf(h http.Header, size int64) identity {
	return identity{h.Get("ETag"), h.Get("Last-Modified"), size}
}

// differs says in what an answer is not of the version id, or "".
func (id identity) differs(h http.Header) (field, got, want string) {
	if etag := h.Get("ETag"); etag != id.etag {
		return "ETag", quoteOr(etag), quoteOr(id.etag)
	}
	if modified := h.Get("Last-Modified"); !id.strong() && modified != id.modified {
		return "Last-Modified", quoteOr(modified), quoteOr(id.modified)
	}
	return "", "", ""
}

func quoteOr(s string) string {
	if s == "" {
		return "none"
	}
	return tensor.Quote(s)
}

// contentRange is what a 206 says it holds: bytes [begin, end) of size.
type contentRange struct{ begin, end, size int64 }

// rangeOf reads the Content-Range of a 206.
func rangeOf(h http.Header) (r contentRange, ok bool) {
	values := h.Values("Content-Range")
	if len(values) != 1 {
		return r, false
	}
	unit, text, ok := strings.Cut(strings.TrimSpace(values[0]), " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return r, false
	}
	span, size, ok1 := strings.Cut(strings.TrimSpace(text), "/")
	first, last, ok2 := strings.Cut(span, "-")
	if !ok1 || !ok2 {
		return r, false
	}
	var ok3, ok4, ok5 bool
	r.begin, ok3 = number(first)
	r.end, ok4 = number(last)
	r.size, ok5 = number(size)
	r.end++
	return r, ok3 && ok4 && ok5 && r.begin < r.end && r.end <= r.size
}

// sizeOf reads the size from the Content-Range of a 416: "bytes */1234".
func sizeOf(h http.Header) (int64, bool) {
	size, ok := strings.CutPrefix(strings.TrimSpace(h.Get("Content-Range")), "bytes */")
	if !ok {
		return 0, false
	}
	return number(size)
}

// number reads a decimal number without sign, below 2^62.
func number(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 63)
	return n, err == nil
}

// encoded says how a body is encoded that should be as it is, or "".
func encoded(resp *http.Response) string {
	for _, v := range resp.Header.Values("Content-Encoding") {
		if v = strings.TrimSpace(v); v != "" && !strings.EqualFold(v, "identity") {
			return v
		}
	}
	if resp.Uncompressed {
		return "gzip" // undone on the way, and with it what the range counted
	}
	return ""
}

// retryAfter reads how long the server asks to wait.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, ok := number(v); ok {
		return time.Duration(min(s, int64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}
