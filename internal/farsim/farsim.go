// Package farsim is a model of a store that is far away: answers begin after a time,
// each connection has a speed, and all of them share a link. It is an
// http.RoundTripper without a network and waits with time.Sleep, so that in a bubble of
// testing/synctest its clock is virtual, and its times follow from the model alone. What
// reads from it is the real code.
package farsim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Store has objects by the paths of their addresses, any host. Its fields are set
// before the first request.
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
}

// A Request is one that was made.
type Request struct {
	Path        string
	Begin, End  time.Time // of the virtual clock; End is when its body was read or closed
	First, Last int64     // bytes of the object, both of them included
}

// slice is what the link sends of one answer before it turns to another.
const slice = 64 << 10

// RoundTrip answers a GET for a range.
func (s *Store) RoundTrip(r *http.Request) (*http.Response, error) {
	data, ok := s.Objects[r.URL.Path]
	if !ok || r.Method != http.MethodGet {
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
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
