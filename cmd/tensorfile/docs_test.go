package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	documents "github.com/tensorfile/tensorfile/internal/markdown"
)

// A shownPage has commands that are run in a folder of their own.
type shownPage struct {
	files  func(t *testing.T, dir string)                       // makes what the commands find
	before func(t *testing.T, dir, command string)              // is called before each of them
	plain  func(text string) string                             // leaves out what is another each time
	after  func(t *testing.T, dir, text string)                 // looks at what they made, and at the page
	world  func(t *testing.T, dir string) (there, shown string) // in place of there, the page has shown
}

// Every command that a document shows under <!-- run --> prints what stands below
// it. With -update that is written there. internal/house fails for a command that
// no test runs.
func TestDocs(t *testing.T) {
	if raceBuild {
		t.Skip("one command after the other: run without the race detector")
	}
	pages, err := documents.Documents("../..")
	if err != nil {
		t.Fatal(err)
	}
	commands, left := 0, map[string]bool{}
	for path := range shownPages {
		left[path] = true
	}
	for _, p := range pages {
		runs := false
		for _, b := range p.Blocks {
			runs = runs || b.Mark == "run"
		}
		if !runs {
			continue
		}
		delete(left, p.Path)
		t.Run(p.Path, func(t *testing.T) { commands += runDocument(t, p, shownPages[p.Path]) })
	}
	for path := range left {
		t.Errorf("%s runs nothing", path)
	}
	t.Logf("%d commands", commands)
	if commands < 200 && !*update { // which may be of a page alone
		t.Error("too few")
	}
}

// The README shows five jobs from begin to end, in commands that TestDocs runs and in
// programs that are Examples (docs, and the module root, where a file of 20 GB is
// served: TestGuardServes20GB). The reader of the last is docs/reader_test.go.
func TestReadmeShowsTheJobs(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page := documents.Parse("README.md", string(text))
	for _, job := range []struct {
		title, anchor      string
		commands, programs int
	}{
		{"Serve a large file from Go", "serve-a-large-file-from-go", 0, 2},
		{"From a folder to random batches", "from-a-folder-to-random-batches", 2, 1},
		{"Weights looked into, cut, compressed and compared", "weights-looked-into-cut-compressed-and-compared", 9, 0},
		{"A strange file", "a-strange-file", 4, 0},
		{"A reader of your own", "a-reader-of-your-own", 2, 0},
	} {
		_, section, ok := strings.Cut(page.Text, "\n## "+job.title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok || !page.Anchors[job.anchor] || !strings.Contains(page.Text, "[below](#"+job.anchor+")") {
			t.Errorf("%s: no section, or no link to it", job.title)
		}
		commands, programs := 0, 0
		for _, b := range documents.Parse("", section).Blocks {
			switch {
			case b.Mark == "run" && b.Language == "sh":
				commands += strings.Count(b.Text, "\n")
			case b.Mark == "run":
				commands += strings.Count("\n"+b.Text, "\n$ tensorfile ")
			case b.Language == "go":
				programs++
			}
		}
		if commands < job.commands || programs < job.programs {
			t.Errorf("%s: %d commands and %d programs", job.title, commands, programs)
		}
	}
}

// runDocument runs the commands of a page and returns how many there are.
func runDocument(t *testing.T, p *documents.Page, d shownPage) (commands int) {
	dir := t.TempDir()
	if d.files != nil {
		d.files(t, dir)
	}
	if d.plain == nil {
		d.plain = func(text string) string { return text }
	}
	there, shown := "", ""
	if d.world != nil {
		there, shown = d.world(t, dir)
	}
	var page strings.Builder
	at := 0
	for _, b := range p.Blocks {
		if b.Mark != "run" {
			continue
		}
		if b.Language == "sh" {
			commands++
			runScript(t, dir, p, b)
			continue
		}
		var out strings.Builder
		for line := range strings.Lines(b.Text) {
			command, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			command, ok = strings.CutPrefix(strings.TrimSpace(command), "tensorfile ")
			if !ok {
				t.Fatalf("%s:%d: %q is no command of the tool", p.Path, b.Line, line)
			}
			commands++
			if d.before != nil {
				d.before(t, dir, command)
			}
			if out.Len() > 0 {
				out.WriteByte('\n')
			}
			out.WriteString(line)
			text := runIn(t, dir, words(strings.ReplaceAll(command, shown, there))...)
			if text = strings.ReplaceAll(strings.TrimRight(text, "\n"), there, shown); text != "" {
				out.WriteString(text + "\n")
			}
		}
		got := out.String()
		if d.plain(got) == d.plain(b.Text) {
			got = b.Text
		}
		if got != b.Text && !*update {
			t.Errorf("%s:%d shows\n%s\nthe tool prints\n%s\n(-update writes it)", p.Path, b.Line, b.Text, got)
		}
		page.WriteString(p.Text[at:b.Begin] + got)
		at = b.End
	}
	page.WriteString(p.Text[at:])
	if *update && page.String() != p.Text {
		if err := os.WriteFile(filepath.Join("../..", filepath.FromSlash(p.Path)), []byte(page.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if d.after != nil {
		d.after(t, dir, page.String())
	}
	return commands
}

// runScript runs a block of a shell's commands, none of which may fail.
func runScript(t *testing.T, dir string, p *documents.Page, b documents.Block) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	cmd := exec.Command("sh", "-e", "-c", b.Text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), documentTime)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s", p.Path, b.Line, err, out)
	}
}

// documentTime makes files that are written the same each time.
const documentTime = "SOURCE_DATE_EPOCH=1700000000"

// runIn runs the tool in a directory and returns all that it prints.
func runIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("tensorfile", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), documentTime)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return string(out)
}

// Commands that no test can run, because they want a server, say, and those of
// the help texts are at least understood: there are such commands, flags and
// numbers of arguments.
func TestShownCommandsParse(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fresh := func() *cobra.Command {
		return newRootCmd(&tool{in: bytes.NewReader(nil), out: newOutput(t.Context(), null), err: null})
	}
	n := 0
	check := func(where, line string) {
		for _, args := range shellWords(line) {
			if len(args) == 0 || args[0] != "tensorfile" {
				continue
			}
			n++
			cmd, rest, err := fresh().Find(args[1:])
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil && !cmd.HasSubCommands() {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %s: %v", where, line, err)
			}
		}
	}
	pages, err := documents.Documents("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		for _, b := range p.Blocks {
			if strings.HasPrefix(b.Mark, "not run") {
				for line := range strings.Lines(b.Text) {
					check(p.Path, strings.TrimPrefix(strings.TrimSpace(line), "$ "))
				}
			}
		}
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Example == "" && cmd.Runnable() && !cmd.Hidden {
			t.Errorf("%s: its help has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			check("help of "+cmd.CommandPath(), strings.TrimSpace(line))
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(fresh())
	t.Logf("%d commands", n)
	if n < 80 {
		t.Error("too few")
	}
}

// shellWords splits a line into commands, and these into words, as a shell does:
// quotes of both kinds, comments, and what ends a command. What is redirected is
// left out.
func shellWords(line string) (commands [][]string) {
	var (
		args  []string
		word  strings.Builder
		have  bool // a word, perhaps an empty one
		quote rune
		file  bool // the next word is redirected to
	)
	end := func() {
		if have && !file {
			args = append(args, word.String())
		}
		file = file && !have
		word.Reset()
		have = false
	}
	stop := func() {
		end()
		commands = append(commands, args)
		args, file = nil, false
	}
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, have = r, true
		case r == ' ' || r == '\t':
			end()
		case r == '#' && !have:
			stop()
			return commands
		case strings.ContainsRune("|;&()", r):
			stop()
		case r == '<' || r == '>':
			end()
			file = true
		default:
			word.WriteRune(r)
			have = true
		}
	}
	stop()
	return commands
}
