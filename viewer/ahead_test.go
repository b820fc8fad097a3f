package viewer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
)

// aheadOf is what came with the page, as "name?params".
func aheadOf(t *testing.T, s *server) (addresses []string, docs []aheadDoc) {
	t.Helper()
	w := request(s.Server, http.MethodGet, "http://127.0.0.1:4000"+s.Path(), nil)
	_, rest, _ := strings.Cut(w.Body.String(), `id="ahead">`)
	text, end, found := strings.Cut(rest, "</script>")
	if !found || !strings.HasSuffix(strings.TrimSpace(end), "</html>") {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	ok(t, json.Unmarshal([]byte(text), &docs))
	for _, d := range docs {
		var params []string
		for _, p := range d.Params {
			params = append(params, p[0]+"="+p[1])
		}
		addresses = append(addresses, d.Name+"?"+strings.Join(params, "&"))
	}
	return addresses, docs
}

// The page comes with what it asks first, and that is what it would be told. Names
// cannot end the element that holds it.
func TestAhead(t *testing.T) {
	defer func(old time.Duration) { aheadTime = old }(aheadTime)
	aheadTime = time.Minute // on a machine with other work
	dir := t.TempDir()
	const name = "</script><b>&\u2028"
	add := func(w *tensorfile.Writer, names ...string) {
		for i, n := range names {
			ok(t, w.Add(ctx, n, slice(t, []int32{int32(i), 7}), nil))
		}
	}
	one := write(t, filepath.Join(dir, "one.tensor"), func(w *tensorfile.Writer) { add(w, name) })
	two := write(t, filepath.Join(dir, "two.tensor"), func(w *tensorfile.Writer) { add(w, name, "b") })
	tree := "tree?f=0&offset=0&limit=200"
	for path, want := range map[string][]string{
		one: {"files?", "colormaps?", "tensors?f=0&limit=1", "tensor?f=0&t=" + name, tree},
		two: {"files?", "colormaps?", tree, "tensors?f=0&sort=bytes&desc=1&offset=0&limit=12"},
	} {
		s := show(t, nil, path)
		s.ready()
		got, docs := aheadOf(t, s)
		if len(got) != len(want) || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%q, want %q", got, want)
		}
		for _, d := range docs {
			var params []string
			for _, p := range d.Params {
				params = append(params, p[0]+"="+p[1])
			}
			var a, b any
			ok(t, json.Unmarshal(d.Answer, &a))
			ok(t, json.Unmarshal(s.ask(d.Name, params...).Body.Bytes(), &b))
			if fmt.Sprint(a) != fmt.Sprint(b) {
				t.Errorf("%s %v: %v, want %v", d.Name, params, a, b)
			}
		}
	}
	// The newest generation is not what is shown, so nothing is said of it.
	if got, _ := aheadOf(t, show(t, &Options{Generation: 1}, one)); !slices.Equal(got, []string{"files?"}) {
		t.Error(got)
	}
	if w := request(show(t, nil, one).Server, http.MethodGet, "http://127.0.0.1:4000/", nil); strings.Contains(w.Body.String(), "colormaps") {
		t.Error("who has no token is told something")
	}
}

// A file that takes long to open does not hold up the page.
func TestAheadOfASlowFile(t *testing.T) {
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		http.Error(w, "gone", http.StatusGone)
	}))
	defer far.Close()
	defer close(answer)
	if got, _ := aheadOf(t, show(t, nil, far.URL+"/x.tensor")); len(got) != 0 || len(asked) == 0 {
		t.Error(got, len(asked))
	}
}
