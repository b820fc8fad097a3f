package viewer

import (
	"fmt"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
)

// glanceOf is what stands in the place of the view before the script begins, its markup
// left out: ends of cells are bars, those of rows and paragraphs new lines.
func glanceOf(t *testing.T, s *server) string {
	t.Helper()
	body := request(s.Server, http.MethodGet, "http://127.0.0.1:4000"+s.Path(), nil).Body.String()
	_, rest, _ := strings.Cut(body, `<div id="view" role="tabpanel" aria-label="View">`)
	text, _, found := strings.Cut(rest, "</main>")
	if !found {
		t.Fatal(body)
	}
	text = strings.NewReplacer("\n", "", "</h1>", "\n", "</h2>", "\n", "</p>", "\n", "</tr>", "\n", "</td>", "|", "</th>", "|").Replace(text)
	return strings.TrimSpace(html.UnescapeString(regexp.MustCompile("<[^>]*>").ReplaceAllString(text, "")))
}

// What is in the first file can be read before, and without, the script.
func TestGlance(t *testing.T) {
	defer func(old time.Duration) { aheadTime = old }(aheadTime)
	aheadTime = time.Minute
	dir := t.TempDir()
	const name = "</script></td><b>&\u2028"
	path := write(t, filepath.Join(dir, "<i>&.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "small", slice(t, []int32{5, 7}), nil))
		ok(t, w.Add(ctx, name, slice(t, make([]int32, 2000)), nil))
	})
	s := show(t, nil, path)
	s.ready()
	info, err := os.Stat(path)
	ok(t, err)
	want := fmt.Sprintf("<i>&.tensor\n2 tensors%s filetensorfile\n%s\nLargest tensors\nName|DType|Shape|Size|\n%s|i32|2000|7.81 KiB|\nsmall|i32|2|8 B|", sizeText(number(info.Size())), path, name)
	if got := glanceOf(t, s); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	one := write(t, filepath.Join(dir, "one.tensor"), func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "a", slice(t, []int32{1}), nil)) })
	s = show(t, nil, one)
	s.ready()
	if got := glanceOf(t, s); !strings.Contains(got, "\n1 tensor") || !strings.Contains(got, "\na|i32|1|4 B") {
		t.Errorf("%q", got)
	}
	s = show(t, &Options{Generation: 1}, one)
	if got := glanceOf(t, s); got != "" {
		t.Errorf("%q of the newest generation", got)
	}
}

// Sizes and counts are written as the script writes them: see js/format.js.
func TestGlanceNumbers(t *testing.T) {
	for n, want := range map[number]string{0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 10239: "10.00 KiB", 10240: "10.0 KiB", 20164000128: "18.8 GiB", 1<<63 - 1: "8.00 EiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[number]string{0: "0", 999: "999", 1000: "1\u2009000", 232670: "232\u2009670", 1234567: "1\u2009234\u2009567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
