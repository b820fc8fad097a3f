package httprange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// A request is one attempt: its context ends when the server falls silent.
type request struct {
	s     *Source
	ctx   context.Context
	watch *time.Timer
}

var errStall = errors.New("the server has fallen silent")

// retry calls attempt until it succeeds, fails for good, or has failed too often
// without progress. off is for the error.
func (s *Source) retry(attempt func(*request) (progress bool, err error), off int64) error {
	for failed := 0; ; {
		progress, err := s.once(attempt)
		if err == nil {
			return nil
		}
		if stop := s.stopped(); stop != nil {
			return stop
		}
		var t *transient
		if !errors.As(err, &t) {
			return s.located(err, off)
		}
		if progress {
			failed = 0
		}
		if failed == s.o.Retries {
			e := s.located(t.error, off)
			if failed > 0 {
				e = s.located(fmt.Errorf("%w (attempt %d)", t.error, failed+1), off)
			}
			return e
		}
		if err := s.sleep(failed, t); err != nil {
			return s.located(err, off)
		}
		failed++
		s.retries.Add(1)
	}
}

func (s *Source) once(attempt func(*request) (bool, error)) (progress bool, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.ctx.Done():
		return false, s.ctx.Err()
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	r := &request{s: s, ctx: ctx, watch: time.AfterFunc(s.o.Stall, func() { cancel(errStall) })}
	defer r.watch.Stop()
	progress, err = attempt(r)
	if err != nil && context.Cause(ctx) == errStall {
		err = again(fmt.Errorf("%w for %v", errStall, s.o.Stall))
	}
	return progress, err
}

// sleep waits before the retry after failed ones. It does not begin a wait that
// the context would cut short.
func (s *Source) sleep(failed int, t *transient) error {
	d := s.o.Backoff << min(failed, 7)
	d = min(d, 100*s.o.Backoff)
	d = max(d/2+rand.N(d/2+1), t.after)
	if end, ok := s.ctx.Deadline(); ok && time.Until(end) < d {
		return fmt.Errorf("%w; no time for another attempt: %w", t.error, context.DeadlineExceeded)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// located makes err a *tensor.Error with the path.
func (s *Source) located(err error, off int64) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = s.path
		}
		if e.Offset < 0 {
			e.Offset = off
		}
		return e
	}
	return &tensor.Error{Kind: tensor.ErrIO, Path: s.path, Offset: off, Err: err}
}

// send makes one request for a range and follows redirects. The answer is no
// redirect.
func (s *Source) send(r *request, t *target, span string) (*http.Response, *target, error) {
	for hop := 0; ; hop++ {
		h := http.Header{}
		if t.trust {
			for k, v := range s.o.Header {
				h[k] = v
			}
		}
		h.Set("Accept-Encoding", "identity")
		h.Set("Range", span)
		h.Del("If-Range")
		if s.id.strong() {
			h.Set("If-Range", s.id.etag)
		}
		req := (&http.Request{Method: http.MethodGet, URL: t.url, Host: t.url.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(r.ctx)
		s.requests.Add(1)
		resp, err := s.rt.RoundTrip(req)
		if err != nil {
			return nil, t, failure(err)
		}
		r.alive()
		switch resp.StatusCode {
		default:
			return resp, t, nil
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		}
		discard(resp)
		if hop == maxRedirects {
			return nil, t, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "redirect", Got: "another one", Want: "at most " + strconv.Itoa(maxRedirects)}
		}
		if t, err = t.follow(resp.Header); err != nil {
			return nil, t, err
		}
	}
}

// failure says whether a request that brought no answer may bring one next time.
func failure(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address and what is secret in it
	}
	var (
		status  *StatusError
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		plain   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &status) && !status.passing(), errors.As(err, &dns) && dns.IsNotFound, errors.As(err, &cert), errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &plain):
		return err
	}
	return again(err)
}

// discard ends an answer that is not wanted; a short one is read, so that its
// connection can be used again.
func discard(resp *http.Response) {
	if resp.ContentLength >= 0 && resp.ContentLength <= 4096 {
		io.CopyN(io.Discard, resp.Body, 4097)
	}
	resp.Body.Close()
}

// get asks for [begin, end) and returns the body of a good answer.
func (s *Source) get(r *request, begin, end int64) (io.ReadCloser, error) {
	return s.ask(r, fmt.Sprintf("bytes=%d-%d", begin, end-1), func(resp *http.Response) error {
		return s.check(resp, begin, end)
	})
}

// ask makes a request for a range of the object that was opened and returns the
// body of an answer that judge finds good. It begins where redirects led last,
// and goes back to the address itself when that place turns it away: what a
// redirect gives may be valid for a while only.
func (s *Source) ask(r *request, span string, judge func(*http.Response) error) (io.ReadCloser, error) {
	for from := s.at.Load(); ; from = s.origin {
		resp, t, err := s.send(r, from, span)
		if err != nil {
			return nil, err
		}
		err = judge(resp)
		if err == nil {
			s.at.Store(t)
			return resp.Body, nil
		}
		discard(resp)
		var status *StatusError
		if from == s.origin || !errors.As(err, &status) || status.Code/100 != 4 || status.passing() {
			return nil, err
		}
	}
}

// check reports what is wrong with an answer that should hold [begin, end).
func (s *Source) check(resp *http.Response, begin, end int64) error {
	switch resp.StatusCode {
	case http.StatusPartialContent, http.StatusOK:
		if err := s.sameObject(resp, begin); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusOK {
			return s.refuse(begin, "answer", "the whole object where a range was asked for", "the range")
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if size, ok := sizeOf(resp.Header); ok && size != s.id.size {
			return s.change(begin, "length", bytesText(size), bytesText(s.id.size))
		}
		return statusError(resp)
	case http.StatusPreconditionFailed:
		return s.change(begin, "version", "another one", "")
	default:
		return statusError(resp)
	}
	got, ok := rangeOf(resp.Header)
	if ok && got.size != s.id.size {
		return s.change(begin, "length", bytesText(got.size), bytesText(s.id.size))
	}
	if !ok || got.begin != begin || got.end != end {
		return s.badRange(resp.Header, begin, fmt.Sprintf("bytes %d-%d/%d", begin, end-1, s.id.size))
	}
	if resp.ContentLength >= 0 && resp.ContentLength != end-begin {
		return s.refuse(begin, "Content-Length", strconv.FormatInt(resp.ContentLength, 10), strconv.FormatInt(end-begin, 10))
	}
	return nil
}

// sameObject checks that a 200 or 206 is of the version that was opened, and
// not encoded.
func (s *Source) sameObject(resp *http.Response, off int64) error {
	if field, got, want := s.id.differs(resp.Header); field != "" {
		return s.change(off, field, got, want)
	}
	if e := encoded(resp); e != "" {
		return s.refuse(off, "Content-Encoding", tensor.Quote(e), "none")
	}
	return nil
}

// statusError is an answer that is no success.
func statusError(resp *http.Response) error {
	e := &StatusError{Code: resp.StatusCode}
	if e.passing() {
		return &transient{e, retryAfter(resp.Header)}
	}
	return e
}

func (s *Source) refuse(off int64, field, got, want string) error {
	return &tensor.Error{Kind: tensor.ErrUnsupported, Path: s.path, Offset: off, Field: field, Got: got, Want: want}
}

func (s *Source) badRange(h http.Header, off int64, want string) error {
	got := "none"
	if v := h.Values("Content-Range"); len(v) > 0 {
		got = tensor.Quote(v[0])
	}
	return s.refuse(off, "Content-Range", got, want)
}

func bytesText(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

// alive notes that the server has sent something.
func (r *request) alive() { r.watch.Reset(r.s.o.Stall) }

// read fills p from a body. A body that ends early can be asked for again.
func (r *request) read(body io.Reader, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := body.Read(p[n:])
		if m > 0 {
			n += m
			r.alive()
			r.s.received.Add(int64(m))
		}
		if err != nil && n < len(p) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, again(fmt.Errorf("the body broke off: %w", err))
		}
	}
	return n, nil
}

// end checks that a body has nothing more, and with that gives its connection
// back.
func (r *request) end(body io.Reader) error {
	var b [1]byte
	if n, _ := io.ReadFull(body, b[:]); n > 0 {
		return r.s.refuse(-1, "body", "more bytes than the range has", "as many")
	}
	return nil
}

// fill reads p, which is all of a body.
func (r *request) fill(body io.Reader, p []byte) error {
	if _, err := r.read(body, p); err != nil {
		return err
	}
	return r.end(body)
}
