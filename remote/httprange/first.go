package httprange

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// first asks for the end of the object, which tells its size and version, too.
func (s *Source) first() error {
	if !s.enter(1) {
		return s.stopped()
	}
	defer s.wg.Done()
	return s.retry(func(r *request) (bool, error) {
		resp, t, err := s.send(r, s.origin, fmt.Sprintf("bytes=-%d", tailSize))
		if err == nil && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			if n, ok := sizeOf(resp.Header); ok && n > 0 {
				// It does not know ranges that count from the end.
				discard(resp)
				resp, t, err = s.send(r, s.origin, fmt.Sprintf("bytes=%d-%d", max(n-tailSize, 0), n-1))
			}
		}
		if err != nil {
			return false, err
		}
		defer discard(resp)
		switch resp.StatusCode {
		case http.StatusPartialContent:
			err = s.firstPart(r, resp)
		case http.StatusOK:
			err = s.firstWhole(r, resp)
		case http.StatusRequestedRangeNotSatisfiable:
			if n, ok := sizeOf(resp.Header); !ok || n > 0 {
				return false, statusError(resp)
			}
			s.id = identityOf(resp.Header, 0)
		default:
			err = statusError(resp)
		}
		if err == nil {
			s.at.Store(t)
		}
		return false, err
	}, -1)
}

// firstPart takes the end of the object from a 206.
func (s *Source) firstPart(r *request, resp *http.Response) error {
	if e := encoded(resp); e != "" {
		return s.refuse(-1, "Content-Encoding", tensor.Quote(e), "none")
	}
	got, ok := rangeOf(resp.Header)
	if !ok && resp.ContentLength == 0 && strings.HasSuffix(resp.Header.Get("Content-Range"), "/0") {
		// Servers differ in what they say of an empty object, "bytes 0--1/0" say.
		s.id = identityOf(resp.Header, 0)
		return nil
	}
	if !ok || got.end != got.size || got.begin != max(got.size-tailSize, 0) {
		return s.badRange(resp.Header, -1, fmt.Sprintf("that of the last %d bytes, and the length", tailSize))
	}
	n := got.end - got.begin
	if resp.ContentLength >= 0 && resp.ContentLength != n {
		return s.refuse(-1, "Content-Length", strconv.FormatInt(resp.ContentLength, 10), strconv.FormatInt(n, 10))
	}
	tail := make([]byte, n)
	if err := r.fill(resp.Body, tail); err != nil {
		return err
	}
	s.id, s.tail, s.tailAt = identityOf(resp.Header, got.size), tail, got.begin
	return nil
}

// firstWhole takes a whole object, if it is small enough.
func (s *Source) firstWhole(r *request, resp *http.Response) error {
	whole, err := s.whole(r, resp)
	if err != nil {
		return err
	}
	s.id, s.tail, s.tailAt = identityOf(resp.Header, int64(len(whole))), whole, 0
	return nil
}

// whole reads the body of a 200.
func (s *Source) whole(r *request, resp *http.Response) ([]byte, error) {
	if e := encoded(resp); e != "" {
		return nil, s.refuse(-1, "Content-Encoding", tensor.Quote(e), "none")
	}
	limit, n := max(s.o.MaxDownload, tailSize), resp.ContentLength
	if n > limit {
		return nil, s.noRanges(bytesText(n))
	}
	if n >= 0 {
		b := make([]byte, n)
		return b, r.fill(resp.Body, b)
	}
	if len(resp.TransferEncoding) == 0 && resp.ProtoMajor < 2 {
		return nil, s.noRanges("a body of unknown length") // one that is cut looks whole
	}
	var b bytes.Buffer
	for buf := make([]byte, 32<<10); ; {
		m, err := resp.Body.Read(buf)
		if m > 0 {
			r.alive()
			s.received.Add(int64(m))
			b.Write(buf[:m])
		}
		switch {
		case int64(b.Len()) > limit:
			return nil, s.noRanges("more than " + bytesText(limit))
		case err == io.EOF:
			return b.Bytes(), nil
		case err != nil:
			return nil, again(fmt.Errorf("the body broke off: %w", err))
		}
	}
}

func (s *Source) noRanges(got string) error {
	return s.refuse(-1, "ranges", "a server that sends the whole object, "+got, "one that sends the part asked for; or a download of the file")
}

// checkWhole is Check for an object that is in memory as a whole: its server
// may not know ranges.
func (s *Source) checkWhole() error {
	return s.retry(func(r *request) (bool, error) {
		body, err := s.ask(r, "bytes=0-0", func(resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return s.check(resp, 0, 1)
			}
			if err := s.sameObject(resp, -1); err != nil {
				return err
			}
			if n := resp.ContentLength; n >= 0 && n != s.id.size {
				return s.change(-1, "length", bytesText(n), bytesText(s.id.size))
			}
			return nil
		})
		if err == nil {
			body.Close()
		}
		return false, err
	}, -1)
}
