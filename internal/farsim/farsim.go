// Package farsim is a model of a store that is far away: answers begin after a time,
// each connection has a speed, and all of them share a link. It is an
// http.RoundTripper without a network and waits with time.Sleep, so that in a bubble of
// testing/synctest its clock is virtual, and its times follow from the model alone. What
// reads from it is the real code.
package farsim

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Store has objects by the paths of their addresses, any host, and takes one upload at
// a time. Its fields are set before the first request.
type Store struct {
	FirstByte  time.Duration // from a request to the first byte of its answer
	Connection float64       // bytes a second of one answer
	Link       float64       // bytes a second of all answers together
	Objects    map[string][]byte

	mu    sync.Mutex
	free  time.Time // when the link has sent what was given to it
	log   []Request
	now   int // requests under way
	width int
	parts map[string][]byte // of the one upload that is under way
}

// A Request is one that was made.
type Request struct {
	Path        string
	Begin, End  time.Time // of the virtual clock; End is when its body was read or closed
	First, Last int64     // bytes of the object, or of what is sent, both of them included
	Write       bool      // none that reads
}

// slice is what the link sends of one answer before it turns to another.
const slice = 64 << 10

// RoundTrip answers a GET for a range, and the requests by which an object is written.
func (s *Store) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return s.write(r)
	}
	data, ok := s.Objects[r.URL.Path]
	if !ok {
		return answer(r, http.StatusNotFound, ""), nil
	}
	size := int64(len(data))
	first, last, err := span(r.Header.Get("Range"), size)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	i := len(s.log)
	s.log = append(s.log, Request{Path: r.URL.Path, Begin: time.Now(), First: first, Last: last})
	s.now++
	s.width = max(s.width, s.now)
	s.mu.Unlock()
	time.Sleep(s.FirstByte)
	h := http.Header{}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
	h.Set("ETag", `"1"`)
	b := &body{s: s, i: i, left: bytes.NewReader(data[first : last+1]), at: time.Now()}
	return &http.Response{StatusCode: http.StatusPartialContent, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, ContentLength: last + 1 - first, Body: b, Request: r}, nil
}

// write takes what a request to write sends, at the speed of a connection, and answers.
func (s *Store) write(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	i := len(s.log)
	s.log = append(s.log, Request{Path: r.URL.Path, Begin: time.Now(), Write: true})
	s.now++
	s.width = max(s.width, s.now)
	s.mu.Unlock()
	var b []byte
	if r.Body != nil {
		var err error
		if b, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	at := time.Now()
	for n := len(b); n > 0; n -= slice {
		at = s.send(min(n, slice), at)
		time.Sleep(time.Until(at))
	}
	time.Sleep(s.FirstByte)
	query, status, text := r.URL.Query(), http.StatusOK, ""
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, begins := query["uploads"]; {
	case r.Method == http.MethodHead && s.Objects[r.URL.Path] == nil:
		status = http.StatusNotFound
	case begins:
		text = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
		s.parts = map[string][]byte{}
	case query.Has("partNumber"):
		s.parts[fmt.Sprintf("%6s", query.Get("partNumber"))] = b
	case query.Has("uploadId"):
		s.Objects[r.URL.Path] = nil
		for _, k := range slices.Sorted(maps.Keys(s.parts)) {
			s.Objects[r.URL.Path] = append(s.Objects[r.URL.Path], s.parts[k]...)
		}
	case r.Method == http.MethodPut:
		s.Objects[r.URL.Path] = b
	}
	s.log[i].Last, s.log[i].End = int64(len(b))-1, time.Now()
	s.now--
	return answer(r, status, text), nil
}

// answer is a short answer.
func answer(r *http.Request, status int, text string) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Etag": {`"1"`}},
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)), Request: r}
}

// span reads "bytes=A-B" and "bytes=-N".
func span(text string, size int64) (first, last int64, err error) {
	a, b, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	if !ok {
		return 0, 0, fmt.Errorf("farsim: range %q", text)
	}
	if last, err = strconv.ParseInt(b, 10, 64); err != nil {
		return 0, 0, err
	}
	if a == "" {
		return max(size-last, 0), size - 1, nil
	}
	if first, err = strconv.ParseInt(a, 10, 64); err == nil && (first > last || last >= size) {
		err = fmt.Errorf("farsim: range %q of %d bytes", text, size)
	}
	return first, last, err
}

// body is an answer on its way.
type body struct {
	s    *Store
	i    int // in the log
	left *bytes.Reader
	at   time.Time // when the connection has sent what was read
	done bool
}

// Read gives the next bytes when they have come.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.left.Read(p[:min(len(p), slice)])
	if n > 0 {
		b.at = b.s.send(n, b.at)
		time.Sleep(time.Until(b.at))
	}
	if b.left.Len() == 0 {
		b.end()
	}
	return n, err
}

// Close ends the answer.
func (b *body) Close() error {
	b.end()
	return nil
}

func (b *body) end() {
	if !b.done {
		b.done = true
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		b.s.log[b.i].End = time.Now()
		b.s.now--
	}
}

// send is when n bytes have come on a connection that is free from at on.
func (s *Store) send(n int, at time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(seconds(float64(n) / s.Link))
	own := at.Add(seconds(float64(n) / s.Connection))
	if own.After(s.free) {
		return own
	}
	return s.free
}

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }

// Requests are those made so far.
func (s *Store) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Width is the most requests that were under way at a time.
func (s *Store) Width() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.width
}

// Rounds is how many of the requests stood one after the other: the length of the
// longest chain in which each began when the one before it had ended.
func Rounds(requests []Request) int {
	list := slices.Clone(requests)
	slices.SortFunc(list, func(a, b Request) int { return a.End.Compare(b.End) })
	n, end := 0, time.Time{}
	for _, r := range list {
		if n == 0 || !r.Begin.Before(end) {
			n, end = n+1, r.End
		}
	}
	return n
}
