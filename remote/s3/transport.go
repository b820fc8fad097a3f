package s3

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
	"github.com/tensorfile/tensorfile/remote/httprange"
)

// emptySHA256 is the SHA-256 of the body of a request to read.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// maxError bounds what is read of an error.
const maxError = 64 << 10

// An apiError is what a store says in the body of an answer that is no success.
type apiError struct {
	Code, Message, Region string
	ActualObjectSize      string
}

// A reader signs requests to read, and takes care of answers that say that it was done
// for another region or by credentials that have run out.
type reader struct{ *store }

// RoundTrip makes a request. What is no success and will not be one is a
// *httprange.StatusError that tells the words of the store.
func (t reader) RoundTrip(req *http.Request) (*http.Response, error) {
	for first := true; ; first = false {
		r, used, err := t.sign(req, emptySHA256)
		if err != nil {
			return nil, err
		}
		resp, err := t.base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		switch resp.StatusCode {
		case http.StatusRequestedRangeNotSatisfiable:
			return t.withSize(req, resp), nil
		case http.StatusMovedPermanently, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict:
		default:
			return resp, nil
		}
		said := readError(resp)
		if first && (t.moved(resp.Header, said) || expired(said.Code) && t.renew(used)) {
			continue
		}
		detail := strings.TrimSpace(said.Code + ": " + said.Message)
		if said.Code == "" {
			detail = ""
		}
		return nil, &httprange.StatusError{Code: resp.StatusCode, Detail: detail}
	}
}

// withSize completes an answer 416 by the length of the object, which stores tell in
// the body, or only if they are asked: some refuse the last 64 KiB of less than that.
func (t reader) withSize(req *http.Request, resp *http.Response) *http.Response {
	if resp.Header.Get("Content-Range") != "" {
		return resp
	}
	size := readError(resp).ActualObjectSize
	resp.Body, resp.ContentLength = http.NoBody, 0
	if size == "" {
		head := req.Clone(req.Context())
		head.Method = http.MethodHead
		head.Header.Del("Range")
		if r, _, err := t.sign(head, emptySHA256); err == nil {
			if h, err := t.base.RoundTrip(r); err == nil {
				h.Body.Close()
				if h.StatusCode == http.StatusOK {
					size = h.Header.Get("Content-Length")
					for _, k := range []string{"ETag", "Last-Modified"} { // what an empty object is known by
						resp.Header[k] = h.Header[k]
					}
				}
			}
		}
	}
	resp.Header.Set("Content-Range", "bytes */"+size)
	return resp
}

// identity is who makes a request.
type identity = credentials.Value

// sign returns a signed copy of a request whose body has a SHA-256, and with whose
// credentials.
func (t *store) sign(req *http.Request, sha string) (*http.Request, identity, error) {
	r := req.Clone(req.Context())
	if v := r.Header.Get("If-Range"); v != "" {
		// Of another version nothing is wanted, least of all the whole object.
		r.Header.Del("If-Range")
		r.Header.Set("If-Match", v)
	}
	if !t.ours(r) {
		return r, identity{}, nil
	}
	t.mu.Lock()
	region := t.region
	t.mu.Unlock()
	if t.amazon {
		r.URL.Host = t.hostNow()
		r.Host = r.URL.Host
	}
	if t.creds == nil {
		return r, identity{}, nil
	}
	v, err := t.creds.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil || v.AccessKeyID == "" {
		return r, v, err
	}
	r.Header.Set("X-Amz-Content-Sha256", sha)
	return signer.SignV4(*r, v.AccessKeyID, v.SecretAccessKey, v.SessionToken, region), v, nil
}

// ours reports whether a request goes to the store itself, which alone is to see a
// signature: redirects may lead elsewhere.
func (t *store) ours(r *http.Request) bool {
	host := strings.TrimPrefix(r.URL.Host, t.bucket+".")
	return host == t.endpoint.Host || t.amazon && strings.HasSuffix(host, ".amazonaws.com")
}

// hostNow is the host of requests in the region that is known by now.
func (t *store) hostNow() string {
	if t.pathStyle {
		return t.host()
	}
	return t.bucket + "." + t.host()
}

// moved notes the region that an answer names, and reports whether it is another one.
func (t *store) moved(h http.Header, said apiError) bool {
	region := h.Get("X-Amz-Bucket-Region")
	if region == "" {
		region = said.Region
	}
	if region == "" || len(region) > 64 || strings.ContainsAny(region, "./:@?#%\\ ") {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if region == t.region {
		return false
	}
	t.region = region
	return true
}

// expired reports whether an error says that credentials are no longer good.
func expired(code string) bool {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestExpired":
		return true
	}
	return false
}

// renew asks for credentials anew, and reports whether there are others.
func (t *store) renew(used identity) bool {
	if t.creds == nil {
		return false
	}
	now, err := t.creds.GetWithContext(nil)
	if err == nil && now == used { // else another request has renewed them
		t.creds.Expire()
		now, err = t.creds.GetWithContext(nil)
	}
	return err == nil && now != used
}

// readError reads and closes the body of an answer that is no success.
func readError(resp *http.Response) (said apiError) {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err == nil && bytes.Contains(b, []byte("<Error")) {
		xml.Unmarshal(b, &said) // what is no XML says nothing
	}
	said.Code, said.Message = short(said.Code), short(said.Message)
	return said
}

// short is a text of a store as an error may show it.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "..."
	}
	return s
}
