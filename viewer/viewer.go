package viewer

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/tensorfile/tensorfile/convert"
)

// Options says how to show files. The zero value, and nil, are the defaults.
type Options struct {
	// Open says how files are opened. MaxBytes is at most 64 MiB, whatever it says,
	// and what is bad in a foreign file is left out. Default: nil.
	Open *convert.OpenOptions
	// Generation of native files that is shown first. Default: 0, the newest.
	Generation uint64
	// Hosts are names or addresses by which the server may be asked beside those of
	// the loopback interface: "host", with the port of the listener, or "host:port".
	// Default: none.
	Hosts []string
	// Jobs is how many goroutines share the work of one request. Default: one less than
	// GOMAXPROCS, for the browser works on the same machine, but at least one.
	Jobs int
	// Version is shown in the page. Default: "".
	Version string
}

// The memory that a Server holds for what it has computed, and what requests may
// hold while they work.
const (
	cacheBytes = 64 << 20
	workBytes  = 64 << 20
	// lightBytes is for what is small, and must not wait behind what is not.
	lightBytes = 32 << 20
	// mostAtOnce is how many requests are answered or wait; more are refused.
	mostAtOnce = 128
	// copyBytes is the largest piece of a tensor that is copied out of a file.
	copyBytes = 64 << 20
	// decodedBytes is the largest picture that is decoded, if nobody said otherwise.
	decodedBytes = 96 << 20
)

// A Server shows files. It is safe for concurrent use.
type Server struct {
	token   string
	opts    Options
	open    convert.OpenOptions
	files   []*source
	cache   *cache
	results *cache // of statistics and comparisons
	work    *gate
	light   *gate
	streams *gate // answers that take as long as the client
	long    *gate // jobs that read whole tensors

	ctx    context.Context // until Close
	cancel context.CancelFunc
	jobs   sync.WaitGroup // requests and what works in the background

	mu     sync.Mutex
	active int // requests
	closed bool

	ticks counter // tell which file was used last
}

// New makes a Server of the files at paths: files of any format, addresses, and
// folders, of which the files whose names say that they can be read are shown. Files
// are opened when they are looked at; one that cannot be opened is listed with its
// error. It fails if there is nothing to show.
func New(paths []string, o *Options) (*Server, error) {
	s := &Server{cache: newCache(cacheBytes), results: newCache(16 << 20), work: newGate(workBytes, mostAtOnce), light: newGate(lightBytes, mostAtOnce), streams: newGate(4, mostAtOnce), long: newGate(2, mostAtOnce)}
	if o != nil {
		s.opts = *o
	}
	if s.opts.Jobs < 1 {
		s.opts.Jobs = max(runtime.GOMAXPROCS(0)-1, 1)
	}
	if s.opts.Open != nil {
		s.open = *s.opts.Open
	}
	s.open.SkipBad = true
	s.open.Generation = 0
	if s.open.MaxBytes <= 0 || s.open.MaxBytes > copyBytes {
		s.open.MaxBytes = copyBytes
	}
	if s.open.MaxDecoded == 0 {
		s.open.MaxDecoded = decodedBytes
	}
	random := make([]byte, 16)
	rand.Read(random) // never fails
	s.token = base64.RawURLEncoding.EncodeToString(random)
	var err error
	if s.files, err = sources(paths); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Path is where the page is: "/", the token, "/".
func (s *Server) Path() string { return "/" + s.token + "/" }

// Close ends the work of the Server and closes its files. Requests that are being
// answered are given up.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.jobs.Wait()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}

// policy is what the page may do: nothing but show what this server sends.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers a request. Host, Origin and method are looked at before
// anything else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !s.mayAsk(r):
		refuse(w, http.StatusForbidden, "this server is not known by that name")
		return
	case !sameOrigin(r):
		refuse(w, http.StatusForbidden, "another site may not ask this server")
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "this server only shows: GET and HEAD")
		return
	case r.ContentLength != 0:
		h.Set("Connection", "close")
		refuse(w, http.StatusBadRequest, "a request without a body is wanted")
		return
	}
	token, rest, slash := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		refuse(w, http.StatusNotFound, "there is nothing here; the whole address is needed, with its token")
		return
	}
	if !slash {
		h.Set("Location", s.token+"/") // relative: the prefix is not known
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	name, isCall := strings.CutPrefix(rest, "api/")
	if !isCall {
		s.static(w, r, rest)
		return
	}
	fn, ok := routes[name]
	if !ok {
		refuse(w, http.StatusNotFound, "there is nothing of that name")
		return
	}
	if err := s.enter(); err != nil {
		answerError(w, err)
		return
	}
	defer s.leave()
	s.call(w, r, fn)
}

// refuse answers with a line of text.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n"))
}

// enter counts a request that is going to be answered.
func (s *Server) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return &refusal{http.StatusServiceUnavailable, "the server is being closed", ""}
	case s.active >= mostAtOnce:
		return busy()
	}
	s.active++
	s.jobs.Add(1)
	return nil
}

func (s *Server) leave() {
	s.mu.Lock()
	s.active--
	s.mu.Unlock()
	s.jobs.Done()
}

// background runs fn until the server is closed.
func (s *Server) background(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.jobs.Go(fn)
	}
}
