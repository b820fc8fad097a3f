// Package markdown finds in the documents of the repository what tests hold
// against the rest of it: blocks of code with the marks that say who runs them,
// links, and the anchors of headings.
//
// A mark is a comment in the line above a block:
//
//	<!-- run -->               its commands are run, and print what stands below them
//	<!-- not run: WHY -->      nothing can run it here
//	<!-- checked by FILE -->   the test in FILE compares it
//
// A block of Go has none: its lines stand in an Example or in a program of
// examples/. A block without a mark shows no command.
package markdown

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Page is one document.
type Page struct {
	Path    string // with slashes, from the root of the repository
	Text    string
	Blocks  []Block
	Links   []Link
	Anchors map[string]bool // of its headings, without #
}

// A Block is code between fences, or indented by four blanks.
type Block struct {
	Line       int    // of its first line, from 1
	Language   string // behind the fence
	Indented   bool
	Mark       string // what the comment above it says, "" without one
	Text       string // its lines
	Begin, End int    // of Text in the page; of no use where it is indented
}

// A Link leads to a file, an address, or an anchor.
type Link struct {
	Line   int
	Target string
}

var (
	comment = regexp.MustCompile(`^<!-- (.*) -->$`)
	span    = regexp.MustCompile("`[^`]*`")
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	item    = regexp.MustCompile(`^ *([-*]|[0-9]+\.) `)
)

// Parse reads a page.
func Parse(path, text string) *Page {
	p := &Page{Path: path, Text: text, Anchors: map[string]bool{}}
	var (
		open   *Block // the block that the line is in
		mark   string // of the line before
		blank  = true // the line before is
		inList bool   // indented lines belong to an item
		at     int
		n      int
	)
	for line := range strings.Lines(text) {
		n++
		begin := at
		at += len(line)
		bare := strings.TrimRight(line, "\n")
		switch {
		case open != nil && !open.Indented:
			if strings.TrimSpace(bare) == "```" {
				open.End = begin
				open.Text = text[open.Begin:open.End]
				open = nil
			}
			continue
		case strings.HasPrefix(strings.TrimSpace(bare), "```"):
			p.Blocks = append(p.Blocks, Block{Line: n + 1, Language: strings.TrimPrefix(strings.TrimSpace(bare), "```"), Mark: mark, Begin: at})
			open = &p.Blocks[len(p.Blocks)-1]
			mark, blank = "", false
			continue
		}
		mark = ""
		if m := comment.FindStringSubmatch(bare); m != nil {
			mark = m[1]
		}
		if bare == "" {
			blank = true
			continue
		}
		indented := strings.HasPrefix(bare, "    ") || strings.HasPrefix(bare, "\t")
		if indented && !inList && (blank || open != nil) {
			if open == nil {
				p.Blocks = append(p.Blocks, Block{Line: n, Indented: true})
				open = &p.Blocks[len(p.Blocks)-1]
			}
			open.Text += strings.TrimLeft(line, " \t")
			blank = false
			continue
		}
		open = nil
		switch {
		case item.MatchString(bare):
			inList = true
		case blank && bare[0] != ' ':
			inList = false
		}
		blank = false
		if strings.HasPrefix(bare, "#") {
			p.heading(strings.TrimSpace(strings.TrimLeft(bare, "#")))
		}
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(bare, "``"), -1) {
			p.Links = append(p.Links, Link{n, m[1]})
		}
	}
	return p
}

// heading adds the anchor of a heading, made as GitHub makes it.
func (p *Page) heading(text string) {
	text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			b.WriteRune(r)
		}
	}
	anchor := b.String()
	for i := 1; p.Anchors[anchor]; i++ {
		anchor = b.String() + "-" + strconv.Itoa(i)
	}
	p.Anchors[anchor] = true
}

// Find reads the pages that match, below the root of the repository, in the order
// of their names. Hidden folders, and those of builds, are left out.
func Find(root string, match func(path string) bool) ([]*Page, error) {
	var pages []*Page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "dist"}, rel)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".md") || !match(rel) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pages = append(pages, Parse(rel, string(text)))
		return nil
	})
	return pages, err
}

// Documents reads the pages that tell people how to use what is here: all that
// they show has to be true. docs/cli.md is left out: it is made of the help texts.
func Documents(root string) ([]*Page, error) {
	return Find(root, func(name string) bool {
		dir := name[:strings.LastIndexByte(name, '/')+1]
		return dir == "docs/" && name != "docs/cli.md" || dir == "spec/reader/" || name == "bench/README.md" || dir == "" && name != "CHANGELOG.md"
	})
}
