package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPicturesAreUpToDate(t *testing.T) {
	dir := filepath.Join("..", "img")
	drawn := map[string]bool{}
	for _, p := range pictures {
		svg, err := p.draw()
		if err != nil {
			t.Fatal(err)
		}
		old, err := os.ReadFile(filepath.Join(dir, p.name+".svg"))
		if err != nil || !bytes.Equal(svg, old) {
			t.Errorf("docs/img/%s.svg is not what go run ./docs/pictures draws (%v)", p.name, err)
		}
		if len(svg) > 32<<10 {
			t.Errorf("%s has %d bytes", p.name, len(svg))
		}
		x := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := x.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
		}
		drawn[p.name+".svg"] = true
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if filepath.Ext(e.Name()) == ".svg" && !drawn[e.Name()] {
			t.Errorf("docs/img/%s is drawn by nothing", e.Name())
		}
	}
}

// Pages show pictures that exist.
func TestPagesShowPictures(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		rest := string(text)
		for {
			_, after, ok := strings.Cut(rest, "](img/")
			if !ok {
				break
			}
			name, _, _ := strings.Cut(after, ")")
			if _, err := os.Stat(filepath.Join("..", "img", name)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			shown++
			rest = after
		}
	}
	if shown < 8 {
		t.Errorf("%d pictures are shown", shown)
	}
}
