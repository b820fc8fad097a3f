package viewer

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

var update = flag.Bool("update", false, "write static/app.js anew")

// The script of the page is made of the modules in js: one file, since a browser takes
// some milliseconds to ask for each, which is all the time that there is to draw in.
func TestBundle(t *testing.T) {
	r := api.Build(api.BuildOptions{
		EntryPoints: []string{"js/main.js"}, Bundle: true, Format: api.FormatESModule, Target: api.ES2022, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true, Banner: map[string]string{"js": "// Made of viewer/js by go test ./viewer -run '^TestBundle$' -update"},
	})
	for _, e := range append(r.Errors, r.Warnings...) {
		t.Error(e.Text)
	}
	if len(r.OutputFiles) != 1 {
		t.Fatalf("%d files", len(r.OutputFiles))
	}
	const path = "static/app.js"
	if *update {
		if err := os.WriteFile(path, r.OutputFiles[0].Contents, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, r.OutputFiles[0].Contents) {
		t.Errorf("%s is not what js makes: %v; -update writes it", path, err)
	}
}
