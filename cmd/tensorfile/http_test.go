package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tensorfile/tensorfile"
)

// The scripts in testdata/http read from a server on this machine. $WEB/NAME
// is the file testdata/accept/NAME or testdata/npy/NAME; behind $WEB there are
// also /private, for user and word only, /plain, which does not know ranges, and
// /down. $USER_WEB is $WEB with user and word.
func TestHTTP(t *testing.T) {
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, dir := range []string{"../../testdata/accept/", "../../testdata/npy/"} {
			if f, err := os.Open(dir + path.Base(r.URL.Path)); err == nil {
				defer f.Close()
				http.ServeContent(w, r, r.URL.Path, time.Unix(1e9, 0), f)
				return
			}
		}
		http.NotFound(w, r)
	})
	mux := http.NewServeMux()
	mux.Handle("/", files)
	mux.HandleFunc("/private/", func(w http.ResponseWriter, r *http.Request) {
		if user, word, _ := r.BasicAuth(); user != "user" || word != "word" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files(w, r)
	})
	mux.HandleFunc("/plain/", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		files(w, r)
	})
	mux.HandleFunc("/huge/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000000000")
	})
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/private/"+path.Base(r.URL.Path), http.StatusFound)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close) // after the scripts, which run in parallel
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/http",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("WEB", srv.URL)
			e.Setenv("USER_WEB", strings.Replace(srv.URL, "://", "://user:word@", 1))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", noSleep)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"rc": scriptRC},
	})
}

// A store whose host nobody knows is probably another one than was meant.
func TestHintForUnknownHosts(t *testing.T) {
	lookup := &tensorfile.Error{Kind: tensorfile.ErrIO, Offset: -1, Err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "data.example.org"}}}
	for path, want := range map[string]string{"s3://data/x.tensor": "AWS_ENDPOINT_URL_S3", "S3://data/x.tensor": "AWS_ENDPOINT_URL_S3", "https://data.example.org/x.tensor": ""} {
		var h *hinted
		err := remoteHint(path, lookup)
		if found := errors.As(err, &h); found != (want != "") || found && !strings.Contains(h.hint, want) || !errors.Is(err, tensorfile.ErrIO) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
