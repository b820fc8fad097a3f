package httprange

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// A target is where requests go.
type target struct {
	url   *url.URL // without user and password
	trust bool     // on the host of the address, all the way: credentials may be sent
}

// parse splits an address into the target and the credentials in it.
func parse(address string) (t *target, authorization string, err error) {
	bad := func(got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Path: Redact(address), Offset: -1, Field: "address", Got: got, Want: want}
	}
	u, err := url.Parse(address)
	if err != nil {
		// The cause may repeat a password that it took for something else.
		return nil, "", bad("a malformed one", "http://host/path or https://host/path")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", bad("another one", "http://host/path or https://host/path")
	}
	if u.User != nil {
		password, _ := u.User.Password()
		authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return &target{clean(u), true}, authorization, nil
}

// clean returns u without what is not sent or not to be sent.
func clean(u *url.URL) *url.URL {
	c := *u
	c.User, c.Fragment, c.RawFragment = nil, "", ""
	return &c
}

// Redact returns an http or https address as errors show it: without user,
// password, query and fragment. Anything else it returns as it is.
func Redact(address string) string {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return scheme + "://..."
	}
	u = clean(u)
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// follow returns where a redirect from t leads.
func (t *target) follow(header http.Header) (*target, error) {
	bad := func(got, want string) error {
		return &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: "redirect", Got: got, Want: want}
	}
	location := header.Get("Location")
	ref, err := url.Parse(location)
	if err != nil || location == "" {
		return nil, bad("no address that can be read", "one")
	}
	u := t.url.ResolveReference(ref)
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, bad("one to "+tensor.Quote(u.Scheme), "one to http or https")
	case t.url.Scheme == "https" && u.Scheme == "http":
		return nil, bad("one from https to http, host "+tensor.Quote(u.Host), "one that stays encrypted")
	}
	return &target{clean(u), t.trust && sameHost(t.url, u)}, nil
}

// sameHost reports whether credentials for a may go to b: host and port are the
// same, or both ports are the usual ones.
func sameHost(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	usual := map[string]string{"http": "80", "https": "443"}
	pa, pb := a.Port(), b.Port()
	if pa == usual[a.Scheme] {
		pa = ""
	}
	if pb == usual[b.Scheme] {
		pb = ""
	}
	return pa == pb
}
