package markdown

import (
	"slices"
	"testing"
)

const page = "# A title, with `code`\n" + `
Text with a [link](other.md#part) and ` + "`[no](link)`" + `.

<!-- run -->
` + "```text\n$ tensorfile ls\n\n# no heading, [no](link)\n```\n" + `
<!-- run -->

` + "```go\nx := 1\n```\n" + `
- an item

    of two paragraphs, [with](a.md) a link

## A title, with code

    indented
    lines

## Ünïcode & more_
`

func TestParse(t *testing.T) {
	p := Parse("docs/x.md", page)
	for _, a := range []string{"a-title-with-code", "a-title-with-code-1", "ünïcode--more_"} {
		if !p.Anchors[a] {
			t.Errorf("no anchor %q in %v", a, p.Anchors)
		}
	}
	if want := []Link{{3, "other.md#part"}, {20, "a.md"}}; !slices.Equal(p.Links, want) {
		t.Errorf("%v, want %v", p.Links, want)
	}
	if len(p.Blocks) != 3 {
		t.Fatalf("%d blocks", len(p.Blocks))
	}
	run, code, in := p.Blocks[0], p.Blocks[1], p.Blocks[2]
	if run.Mark != "run" || run.Language != "text" || run.Text != "$ tensorfile ls\n\n# no heading, [no](link)\n" || page[run.Begin:run.End] != run.Text || run.Line != 7 {
		t.Errorf("%+v", run)
	}
	if code.Mark != "" || code.Language != "go" || code.Text != "x := 1\n" {
		t.Errorf("%+v", code)
	}
	if !in.Indented || in.Text != "indented\nlines\n" || in.Line != 24 {
		t.Errorf("%+v", in)
	}
}

func TestDocuments(t *testing.T) {
	pages, err := Documents("../..")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, p := range pages {
		paths = append(paths, p.Path)
	}
	for _, want := range []string{"README.md", "SECURITY.md", "docs/README.md", "docs/codecs.md", "spec/reader/README.md"} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is not among %q", want, paths)
		}
	}
	if slices.Contains(paths, "CHANGELOG.md") || slices.Contains(paths, "testdata/bad-inputs.md") {
		t.Errorf("%q", paths)
	}
}
