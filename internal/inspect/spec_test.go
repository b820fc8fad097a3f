package inspect

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/spec"
)

var update = flag.Bool("update", false, "put the dumps into the specification")

// The worked dumps of the specification are what inspect --bytes prints.
func TestSpecDumps(t *testing.T) {
	const path = "../../spec/tensorfile-1.0.md"
	text := spec.Text
	if len(spec.Dumps()) < 2 {
		t.Errorf("dumps: %v", spec.Dumps())
	}
	for _, name := range spec.Dumps() {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Native(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), name))
		if err != nil {
			t.Fatal(err)
		}
		covered(t, m)
		var out strings.Builder
		if err := m.WriteText(&out, true, 0); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimRight(out.String(), "\n") + "\n"
		got, err := spec.Dump(name)
		if err != nil {
			t.Fatal(err)
		}
		if got == want {
			continue
		}
		if !*update {
			t.Errorf("the dump of %s is not what inspect prints: run with -update", name)
			continue
		}
		head, rest, ok := strings.Cut(text, "<!-- dump: "+name+" -->\n```text\n")
		if !ok {
			t.Fatalf("no place for the dump of %s", name)
		}
		_, tail, ok := strings.Cut("\n"+rest, "\n```\n")
		if !ok {
			t.Fatalf("the dump of %s has no end", name)
		}
		text = head + "<!-- dump: " + name + " -->\n```text\n" + want + "```\n" + tail
	}
	if text != spec.Text {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// Every section that a part names is a heading of the specification.
func TestSpecSections(t *testing.T) {
	headings := spec.Headings()
	for _, streamed := range []bool{false, true} {
		for _, p := range mapOf(t, sample(t, streamed)).Parts {
			if !slices.Contains(headings, p.Section) {
				t.Errorf("%s: the text has no section %q", p.What, p.Section)
			}
		}
	}
	if !slices.Contains(headings, "Chunk page") {
		t.Error("the text has no section on chunk pages")
	}
}
