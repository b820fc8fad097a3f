package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/rogpeppe/go-internal/testscript"
)

// stores are those of the scripts that run.
var stores sync.Map // *testscript.TestScript -> *store

type store struct {
	backend gofakes3.Backend
	handler http.Handler
}

// scriptBucket makes an empty bucket in a store in this process, which the environment
// names from then on.
func scriptBucket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bucket NAME")
	}
	s := &store{backend: s3mem.New()}
	ts.Check(s.backend.CreateBucket(args[0]))
	s.handler = gofakes3.New(s.backend).Server()
	srv := httptest.NewServer(s.handler)
	stores.Store(ts, s)
	ts.Defer(func() {
		srv.Close()
		stores.Delete(ts)
	})
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": srv.URL, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"} {
		ts.Setenv(k, v)
	}
}

// scriptObjects says what a bucket holds: these objects, and no unfinished upload.
func scriptObjects(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: objects BUCKET KEY...")
	}
	v, ok := stores.Load(ts)
	if !ok {
		ts.Fatalf("there is no bucket")
	}
	s := v.(*store)
	list, err := s.backend.ListBucket(args[0], nil, gofakes3.ListBucketPage{})
	ts.Check(err)
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, o.Key)
	}
	slices.Sort(keys)
	if want := slices.Sorted(slices.Values(args[1:])); !slices.Equal(keys, want) {
		ts.Fatalf("%s holds %q, want %q", args[0], keys, want)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+args[0]+"?uploads", nil))
	if strings.Contains(w.Body.String(), "<Upload>") {
		ts.Fatalf("%s has unfinished uploads: %s", args[0], w.Body)
	}
}
