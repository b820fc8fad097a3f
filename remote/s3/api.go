package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/remote/httprange"
)

// The operations by which objects are written (Amazon S3 API Reference: HeadObject,
// PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload,
// AbortMultipartUpload, DeleteObject). The client of minio-go has them, too, but a
// program that links it reads the number of the machine when it starts.

// How often, and how long after each other, a request is made that fails in passing.
const (
	tries     = 8
	firstWait = 200 * time.Millisecond
	mostWait  = 5 * time.Second
)

// maxAnswer bounds what is read of a success.
const maxAnswer = 1 << 20

// A refusal is an answer that is no success.
type refusal struct {
	httprange.StatusError
	header http.Header
	said   apiError // with no code if the store said none
	signer identity // whose request it was
}

// refusedWith is the status of an answer that is no success and the code in it; 0 and
// "" of other errors, and of none.
func refusedWith(err error) (status int, code string) {
	var r *refusal
	if errors.As(err, &r) {
		return r.StatusError.Code, r.said.Code
	}
	return 0, ""
}

// A request is one to write.
type request struct {
	method, key string
	query       url.Values
	header      http.Header
	body        []byte
	unsigned    bool // the sum of the body: the way is protected
}

// do makes a request until it is answered for good, and returns the head and body of
// the answer.
func (s *store) do(ctx context.Context, q *request) (http.Header, []byte, error) {
	sum := "UNSIGNED-PAYLOAD"
	if !q.unsigned {
		sha := sha256.Sum256(q.body)
		sum = hex.EncodeToString(sha[:])
	}
	again := true // with what an answer told of region and credentials
	for try, wait := 1, firstWait; ; {
		h, b, err := s.once(ctx, q, sum)
		if err == nil {
			return h, b, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if r, ok := err.(*refusal); ok && again && (s.moved(r.header, r.said) || expired(r.said.Code) && s.renew(r.signer)) {
			again = false
			continue
		}
		if status, _ := refusedWith(err); try == tries || status != 0 && !passing(status) {
			return nil, nil, err
		}
		try++
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		wait = min(2*wait, mostWait)
	}
}

// passing reports whether a status says that the next try may succeed.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (s *store) once(ctx context.Context, q *request, sum string) (http.Header, []byte, error) {
	at := s.url(q.key)
	at.RawQuery = strings.ReplaceAll(q.query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, q.method, at.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, nil, err
	}
	for k, v := range q.header {
		req.Header[k] = v
	}
	r, signer, err := s.sign(req, sum)
	if err != nil {
		return nil, nil, err
	}
	resp, err := s.base.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	status := resp.StatusCode
	if status/100 == 2 {
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		resp.Body.Close()
		// An upload is completed while the answer is under way, which may begin as a
		// success.
		if err != nil || !bytes.Contains(b, []byte("<Error>")) {
			return resp.Header, b, err
		}
		resp.Body, status = io.NopCloser(bytes.NewReader(b)), http.StatusInternalServerError
	}
	no := &refusal{StatusError: httprange.StatusError{Code: status}, header: resp.Header, said: readError(resp), signer: signer}
	if no.said.Code != "" {
		no.Detail = strings.TrimSpace(no.said.Code + ": " + no.said.Message)
	}
	return nil, nil, no
}

// there reports whether there is an object.
func (s *store) there(ctx context.Context, key string) (bool, error) {
	_, _, err := s.do(ctx, &request{method: http.MethodHead, key: key})
	if status, _ := refusedWith(err); status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// content is the head of a request with bytes of an object. The store finds out by the
// sum that they came as they were sent.
func content(b []byte, more http.Header) http.Header {
	sum := md5.Sum(b)
	h := http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}}
	for k, v := range more {
		h[k] = v
	}
	return h
}

// put writes an object in one request.
func (s *store) put(ctx context.Context, key string, b []byte, head http.Header) error {
	_, _, err := s.do(ctx, &request{method: http.MethodPut, key: key, header: content(b, head), body: b, unsigned: s.secure()})
	return err
}

// begin begins an upload in parts, and returns its name.
func (s *store) begin(ctx context.Context, key string, head http.Header) (id string, err error) {
	_, b, err := s.do(ctx, &request{method: http.MethodPost, key: key, query: url.Values{"uploads": {""}}, header: head})
	if err != nil {
		return "", err
	}
	var d struct{ UploadId string }
	if err := xml.Unmarshal(b, &d); err != nil || d.UploadId == "" {
		return "", fmt.Errorf("the store's answer names no upload: %q", short(string(b)))
	}
	return d.UploadId, nil
}

// putPart writes a part, from 1, and returns what the store knows it by.
func (s *store) putPart(ctx context.Context, key, id string, number int, b []byte) (etag string, err error) {
	h, _, err := s.do(ctx, &request{method: http.MethodPut, key: key, header: content(b, nil), body: b, unsigned: s.secure(),
		query: url.Values{"partNumber": {strconv.Itoa(number)}, "uploadId": {id}}})
	if err == nil && h.Get("ETag") == "" {
		err = errors.New("the store's answer to a part has no ETag")
	}
	return h.Get("ETag"), err
}

// complete makes an object of the parts of an upload.
func (s *store) complete(ctx context.Context, key, id string, etags []string, head http.Header) error {
	type part struct {
		PartNumber int
		ETag       string
	}
	var d struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Parts   []part   `xml:"Part"`
	}
	for i, e := range etags {
		d.Parts = append(d.Parts, part{i + 1, e})
	}
	b, err := xml.Marshal(&d)
	if err != nil {
		return err
	}
	h := http.Header{"Content-Type": {"application/xml"}}
	for k, v := range head {
		h[k] = v
	}
	_, _, err = s.do(ctx, &request{method: http.MethodPost, key: key, query: url.Values{"uploadId": {id}}, header: h, body: b})
	return err
}

// abort removes the parts of an upload.
func (s *store) abort(ctx context.Context, key, id string) error {
	_, _, err := s.do(ctx, &request{method: http.MethodDelete, key: key, query: url.Values{"uploadId": {id}}})
	return err
}

// remove removes an object.
func (s *store) remove(ctx context.Context, key string) error {
	_, _, err := s.do(ctx, &request{method: http.MethodDelete, key: key})
	return err
}

// secure reports whether nobody on the way can change what is sent.
func (s *store) secure() bool { return s.endpoint.Scheme == "https" }
