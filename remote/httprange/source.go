package httprange

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Source is an object on a server.
type Source struct {
	o      Options
	path   string // Options.Name
	ctx    context.Context
	cancel context.CancelCauseFunc
	rt     http.RoundTripper
	idle   func() // closes idle connections; nil: they are not ours
	slots  chan struct{}

	origin *target
	at     atomic.Pointer[target] // where redirects led last

	id     identity
	tail   []byte // the end of the object
	tailAt int64  // where it begins

	cache   cache
	disk    *disk  // nil: none
	name    string // of its blocks there
	plans   plans
	mu      sync.Mutex // guards changed and closed
	changed error
	closed  bool
	wg      sync.WaitGroup // requests under way

	requests, retries, received atomic.Int64
}

// errClosed is why the context of a closed Source has ended.
var errClosed = errors.New("closed")

// Open opens the object at an http or https address. It makes one request, and
// more where the server redirects or fails in passing.
//
// ctx is the context of all that the Source does until it is closed: when it
// ends, reads fail.
func Open(ctx context.Context, address string, o *Options) (*Source, error) {
	origin, authorization, err := parse(address)
	if err != nil {
		return nil, err
	}
	s := &Source{o: o.filled(), path: Redact(address), origin: origin}
	if s.o.Name != "" {
		s.path = s.o.Name
	}
	if authorization != "" && s.o.Header.Get("Authorization") == "" {
		if s.o.Header == nil {
			s.o.Header = http.Header{}
		}
		s.o.Header.Set("Authorization", authorization)
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.slots = make(chan struct{}, s.o.Parallel)
	s.at.Store(origin)
	s.cache.init(s.o.CacheBytes)
	s.plans.moved.L = &s.plans.mu
	if s.rt = s.o.Transport; s.rt == nil {
		t := newTransport(s.o.Parallel)
		s.rt, s.idle = t, t.CloseIdleConnections
	}
	if err := s.first(); err != nil {
		s.Close()
		return nil, err
	}
	if s.id.strong() { // of what else would not say which version it is nothing is kept
		if s.disk = diskAt(s.o.CacheDir, s.o.CacheDirBytes); s.disk != nil {
			s.name = s.diskName()
		}
	}
	return s, nil
}

func newTransport(parallel int) *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	}
	t.DisableCompression = true
	t.MaxIdleConnsPerHost = parallel
	t.MaxResponseHeaderBytes = 256 << 10
	return t
}

// Size is the length of the object in bytes.
func (s *Source) Size() int64 { return s.id.size }

// Path is the address as errors show it: see Redact.
func (s *Source) Path() string { return s.path }

// Map returns a Map that owns s: closing it, or the file that is opened on it,
// closes s.
func (s *Source) Map() *mmap.Map { return mmap.NewSource(s, s.path) }

// Stats counts what a Source has done so far.
type Stats struct {
	Requests int64 // each hop of a redirect and each retry is one
	Retries  int64
	Bytes    int64 // of bodies
}

// Stats returns the counts.
func (s *Source) Stats() Stats {
	return Stats{s.requests.Load(), s.retries.Load(), s.received.Load()}
}

// ReadAt reads len(p) bytes at off from the cache and, where it has them not,
// from the server. Fewer come with an error: io.EOF at the end of the object,
// else a *tensor.Error of kind ErrChanged, ErrIO, ErrUnsupported or ErrClosed.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &tensor.Error{Kind: tensor.ErrIndex, Path: s.path, Offset: -1, Field: "offset", Got: strconv.FormatInt(off, 10), Want: "0 or more"}
	}
	if err := s.stopped(); err != nil {
		return 0, err
	}
	defer s.ahead(off, len(p))
	n := 0
	for n < len(p) && off < s.id.size {
		var c int
		if off >= s.tailAt {
			c = copy(p[n:], s.tail[off-s.tailAt:])
		} else {
			// Only so much is asked for at a time as can be under way.
			window := min(int64(len(p)-n), s.tailAt-off, int64(s.o.Parallel)*maxRun)
			s.claim(off, window)
			s.follow(off, off+window)
			var err error
			if c, err = s.readBlocks(p[n:n+int(window)], off); err != nil {
				return n + c, err
			}
		}
		n, off = n+c, off+int64(c)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Check asks the server whether the object is still the one that was opened;
// ErrChanged if not. It costs a request.
func (s *Source) Check() error {
	if err := s.stopped(); err != nil {
		return err
	}
	if s.id.size == 0 {
		return nil
	}
	if !s.enter(1) {
		return s.stopped()
	}
	defer s.wg.Done()
	if s.tailAt == 0 {
		return s.checkWhole()
	}
	return s.retry(func(r *request) (bool, error) {
		body, err := s.get(r, 0, 1)
		if err != nil {
			return false, err
		}
		defer body.Close()
		var b [1]byte
		return false, r.fill(body, b[:])
	}, 0)
}

// Close ends all that is under way and lets connections go. Later reads are
// ErrClosed.
func (s *Source) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(errClosed)
	s.wg.Wait()
	if s.idle != nil {
		s.idle()
	}
	s.cache.drop()
	return nil
}

// enter counts n requests that Close is to wait for, unless it has begun.
func (s *Source) enter(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(n)
	return true
}

// stopped says why nothing can be read any more, or nil.
func (s *Source) stopped() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return &tensor.Error{Kind: tensor.ErrClosed, Path: s.path, Offset: -1}
	case s.changed != nil:
		return own(s.changed)
	case s.ctx.Err() != nil:
		return &tensor.Error{Kind: tensor.ErrIO, Path: s.path, Offset: -1, Err: context.Cause(s.ctx)}
	}
	return nil
}

// own returns a copy of an error that several readers get: each may be told
// later for which tensor it was.
func own(err error) error {
	if e, ok := err.(*tensor.Error); ok {
		c := *e
		return &c
	}
	return err
}

// change notes that the object is another one than that which was opened:
// nothing can be read any more.
func (s *Source) change(off int64, field, got, want string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		if got != "" {
			got += ", changed while open"
		}
		s.changed = &tensor.Error{Kind: tensor.ErrChanged, Path: s.path, Offset: off, Field: field, Got: got, Want: want}
	}
	return s.changed
}
