// Command licences says under which terms the modules are that the tool and the
// library link, on every system that they are built for. It fails if one has no
// licence text, or one that is not among the kinds that may be linked.
//
//	licences            the table of docs/licences.md
//	licences -w         writes it there
//	licences -texts     the texts themselves, which go with a binary
package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const document = "docs/licences.md"

// targets are the systems whose packages are looked at: each pulls in modules of
// its own.
var targets = []string{"linux/amd64", "linux/386", "linux/arm64", "linux/s390x", "darwin/arm64", "windows/amd64"}

// A module is what is linked, at the version of go.mod.
type module struct {
	Path, Version, Dir string

	engine bool   // the library without converters links it
	by     string // links it, if it is no module of Go
	texts  []text
}

// copied are works of others that lie in this repository as they were published, with
// their terms beside them.
var copied = []module{
	{Path: "uPlot", Version: "1.6.32", Dir: "viewer/static/uplot", by: "page of the viewer"},
}

// A text is a file with terms.
type text struct {
	name  string
	kinds []string
	body  []byte
}

func main() {
	write := flag.Bool("w", false, "write "+document)
	texts := flag.Bool("texts", false, "print the texts")
	flag.Parse()
	if err := run(os.Stdout, *write, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, write, texts bool) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return err
	}
	dir := strings.TrimSpace(string(root))
	list, err := linked(dir)
	if err != nil {
		return err
	}
	if texts {
		version, text, err := goText()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Go, its standard library and runtime, %s, LICENSE\n\n%s\n\n", version, text)
		for _, m := range list {
			for _, t := range m.texts {
				fmt.Fprintf(out, "%s %s, %s\n\n%s\n\n", m.Path, m.Version, t.name, t.body)
			}
		}
		return nil
	}
	path := filepath.Join(dir, document)
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := page(string(old), list)
	if err != nil || !write {
		io.WriteString(out, page)
		return err
	}
	return os.WriteFile(path, []byte(page), 0o666)
}

// goText is the licence of Go itself, which every program links.
func goText() (version string, text []byte, err error) {
	out, err := exec.Command("go", "env", "GOVERSION", "GOROOT").Output()
	if err != nil {
		return "", nil, err
	}
	version, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	text, err = os.ReadFile(filepath.Join(root, "LICENSE"))
	return version, text, err
}

// linked lists the modules of what is not a test, by their paths, and what is copied.
func linked(dir string) ([]*module, error) {
	all := map[string]*module{}
	for _, target := range targets {
		for _, pattern := range []string{".", "./..."} {
			goos, goarch, _ := strings.Cut(target, "/")
			cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{\"Path\":{{printf \"%q\" .Path}},\"Version\":{{printf \"%q\" .Version}},\"Dir\":{{printf \"%q\" .Dir}}}{{end}}{{end}}", pattern)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
			out, err := cmd.Output()
			if err != nil {
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					return nil, fmt.Errorf("go list for %s: %w\n%s", target, err, exit.Stderr)
				}
				return nil, err
			}
			for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
				var m module
				if err := dec.Decode(&m); err == io.EOF {
					break
				} else if err != nil {
					return nil, err
				}
				if all[m.Path] == nil {
					all[m.Path] = &m
				}
				all[m.Path].engine = all[m.Path].engine || pattern == "."
			}
		}
	}
	list := slices.SortedFunc(maps.Values(all), func(a, b *module) int { return strings.Compare(a.Path, b.Path) })
	for _, m := range copied {
		m.Dir = filepath.Join(dir, m.Dir)
		list = append(list, &m)
	}
	for _, m := range list {
		if err := m.read(); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
	}
	return list, nil
}

// textName is the name of a file with terms. A page that repeats those of what a
// module is made of is one, too.
var textName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)`)

// noTerms are files of such names that say nothing about code.
var noTerms = []string{"modernc.org/memory LICENSE-LOGO"}

// inventories repeat the terms of all that a module is made of or tested with,
// linked or not. Of what is linked, MIT (musl, go-netdb, nixpkgs) and BSD-3-Clause
// (Go) are in them; they were read, and a change of one shows by its hash.
var inventories = map[string]bool{
	"modernc.org/libc LICENSE-3RD-PARTY.md":   true,
	"modernc.org/sqlite LICENSE-3RD-PARTY.md": true,
}

// read finds the texts of a module.
func (m *module) read() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !textName.MatchString(e.Name()) || e.IsDir() || slices.Contains(noTerms, m.Path+" "+e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return err
		}
		kinds := []string{"a list"}
		if !inventories[m.Path+" "+e.Name()] {
			kinds, err = kindsOf(string(b))
		}
		if err == errNoKind && strings.EqualFold(e.Name(), "NOTICE") {
			kinds, err = []string{"a notice"}, nil // which Apache-2.0 wants to go along
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		m.texts = append(m.texts, text{e.Name(), kinds, b})
	}
	if len(m.texts) == 0 {
		return errors.New("there is no licence text")
	}
	return nil
}

// kinds are the terms under which code may be linked, by sentences that each text
// has, in lower case, without line breaks and marks.
var kinds = []struct {
	name      string
	sentences []string
	without   string
}{
	{"Apache-2.0", []string{"apache license version 2 0 january 2004", "grant of patent license", "disclaimer of warranty"}, ""},
	{"BSD-2-Clause", []string{"redistributions of source code must retain", "redistributions in binary form must reproduce", "this software is provided by"}, "neither the name"},
	{"BSD-3-Clause", []string{"redistributions of source code must retain", "redistributions in binary form must reproduce", "neither the name", "this software is provided by"}, ""},
	{"ISC", []string{"permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted", "the software is provided as is"}, ""},
	{"MIT", []string{"permission is hereby granted free of charge to any person obtaining a copy", "the above copyright notice and this permission notice shall be included", "the software is provided as is"}, ""},
	{"public domain", []string{"public domain", "all of the code and documentation in sqlite has been dedicated to the public domain"}, ""},
}

// refused are words of terms under which nothing may be linked.
var refused = []string{
	"gnu general public", "gnu lesser general", "gnu affero", "mozilla public license", "eclipse public license", "common development and distribution",
	"commons clause", "business source license", "server side public license", "non commercial use only", "noncommercial use only", "attribution noncommercial", "all rights reserved no part",
}

var marks = regexp.MustCompile(`[^a-z0-9]+`)

var errNoKind = errors.New("its terms are of no kind that is known")

// kindsOf says what a text is, which may be several.
func kindsOf(body string) (list []string, err error) {
	plain := strings.TrimSpace(marks.ReplaceAllString(strings.ToLower(body), " "))
	for _, words := range refused {
		if strings.Contains(plain, words) {
			return nil, fmt.Errorf("it has %q: such terms are not linked", words)
		}
	}
	for _, k := range kinds {
		has := func(s string) bool { return strings.Contains(plain, s) }
		if !slices.ContainsFunc(k.sentences, func(s string) bool { return !has(s) }) && (k.without == "" || !has(k.without)) {
			list = append(list, k.name)
		}
	}
	if len(list) == 0 {
		return nil, errNoKind
	}
	return list, nil
}

const begin, end = "<!-- licences -->\n", "<!-- end -->\n"

// page puts the table of modules into the document.
func page(old string, list []*module) (string, error) {
	before, rest, ok := strings.Cut(old, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("%s has no place for the table", document)
	}
	var b strings.Builder
	b.WriteString("| module | version | linked by | text | terms | SHA-256 of the text |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, m := range list {
		by := "converters, tool"
		switch {
		case m.engine:
			by = "engine"
		case m.by != "":
			by = m.by
		}
		for _, t := range m.texts {
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s | `%x` |\n", m.Path, m.Version, by, t.name, strings.Join(t.kinds, ", "), sha256.Sum256(t.body))
		}
	}
	return before + begin + b.String() + end + after, nil
}
