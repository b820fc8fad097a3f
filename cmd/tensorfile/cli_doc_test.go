package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/term"
)

// docs/cli.md is made of the help texts. "make cli-docs" writes it.
func TestCLIDoc(t *testing.T) {
	const path = "../../docs/cli.md"
	want := cliDoc()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Error("docs/cli.md is not what the commands say: make cli-docs")
	}
	// Every page has what a reader looks for.
	for _, p := range pagesBelow(someRoot()) {
		if p.examples == "" || p.exit == "" || p.short == "" || strings.HasSuffix(p.short, ".") {
			t.Errorf("%s: examples, exit status or the line that it is listed with: %+v", p.name, p)
		}
		for line := range strings.Lines(p.text + "\n" + p.examples) {
			if n := term.Width(strings.TrimSuffix(line, "\n")); n > 130 {
				t.Errorf("%s: a line of %d columns: %s", p.name, n, line)
			}
		}
	}
}

// cliDoc is the reference of all commands.
func cliDoc() string {
	var b strings.Builder
	b.WriteString("# The commands\n\n")
	b.WriteString(fill("What `tensorfile help COMMAND` prints, and the manual pages have (`tensorfile man COMMAND`). This page is made of the same texts by `make cli-docs`, and a test compares them. What `--json` prints is in [schema](schema/README.md).") + "\n\n")
	pages := pagesBelow(someRoot())
	b.WriteString("| command | what |\n| --- | --- |\n")
	for _, p := range pages[1:] {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", p.name, strings.ReplaceAll(p.name, " ", "-"), markdown(p.short))
	}
	for _, p := range pages {
		fmt.Fprintf(&b, "\n## %s\n\n", p.name)
		for _, par := range paragraphs(p.text) {
			b.WriteString(paragraph(par) + "\n\n")
		}
		fmt.Fprintf(&b, "```text\n%s\n```\n", p.usage)
		for _, g := range p.groups() {
			title := "flag"
			if len(p.groups()) > 1 {
				title = strings.ToLower(g.title)
			}
			fmt.Fprintf(&b, "\n| %s | |\n| --- | --- |\n", title)
			for _, f := range g.flags {
				fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(f.String(), "|", `\|`), markdown(f.text))
			}
		}
		for _, s := range p.sections {
			fmt.Fprintf(&b, "\n### %s\n\n```text\n%s\n```\n", s.title, unindented(s.text))
		}
		fmt.Fprintf(&b, "\nExamples:\n\n```text\n%s\n```\n", unindented(p.examples))
		fmt.Fprintf(&b, "\nExit status:\n\n```text\n%s\n```\n", unindented(p.exit))
	}
	return b.String()
}

// paragraph is one of a help text; lines that are indented stay as they are.
func paragraph(text string) string {
	if strings.HasPrefix(text, "  ") {
		return "```text\n" + unindented(text) + "\n```"
	}
	return fill(markdown(text))
}

func fill(text string) string { return strings.Join(term.Wrap(text, 118), "\n") }

func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return b.String()
}

var (
	markdownEscapes = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", "&lt;", "|", `\|`, "[", `\[`, "`", "\\`")
	flagWord        = regexp.MustCompile(`(^|[ (])(--?[a-zA-Z][a-z0-9-]*)`)
)

// markdown is text as it stands, with flags as code.
func markdown(text string) string {
	return flagWord.ReplaceAllString(markdownEscapes.Replace(text), "$1`$2`")
}
