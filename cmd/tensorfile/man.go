package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/term"
)

func init() { commands = append(commands, newManCmd) }

func newManCmd(t *tool) *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Print manual pages, or write them all",
		Long: `Print the manual page of a command, or of the tool, as roff. --dir writes those of
all commands, each to a file such as tensorfile-ls.1.`,
		Example: `  tensorfile man ls | man -l -
  tensorfile man attr set | man -l -
  tensorfile man --dir ~/.local/share/man/man1`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  there is no such command, or a file cannot be written")},
		RunE: func(cmd *cobra.Command, args []string) error {
			when, set, err := sourceDate(cmd)
			if err != nil {
				return err
			}
			if v := versionInfo(); !set && v.Time != "" {
				when, _ = time.Parse(time.RFC3339, v.Time) // without it there is no date
			}
			if dir != "" {
				if len(args) > 0 {
					return usage(cmd, "--dir writes the pages of all commands, not that of one")
				}
				return writePages(cmd.Root(), dir, force, when)
			}
			c, err := namedCommand(cmd.Root(), args)
			if err != nil {
				return err
			}
			_, err = t.out.Write(manPage(pageOf(c), when))
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&dir, "dir", "", "write all pages into `DIR`, which is made if it is not there")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "with --dir: replace files that are there")
	cmd.MarkFlagDirname("dir")
	cmd.ValidArgsFunction = completeCommands
	return cmd
}

// writePages writes the pages of a command and of all below it.
func writePages(root *cobra.Command, dir string, force bool, when time.Time) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return atomicfile.Fail(err, dir, "directory", -1)
	}
	for _, p := range pagesBelow(root) {
		if err := writePage(filepath.Join(dir, p.file()), manPage(p, when), force); err != nil {
			return err
		}
	}
	return nil
}

func writePage(path string, text []byte, force bool) (err error) {
	f, err := atomicfile.Create(path, &atomicfile.Options{Overwrite: force})
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Commit()
}

// file is how the manual page is called.
func (p *page) file() string { return strings.ReplaceAll(p.name, " ", "-") + ".1" }

// manPage is a page as roff, with the macros of man(7).
func manPage(p *page, when time.Time) []byte {
	var b bytes.Buffer
	date := ""
	if !when.IsZero() {
		date = when.UTC().Format(time.DateOnly)
	}
	name := strings.ReplaceAll(p.name, " ", "-")
	request := func(name string, args ...string) {
		b.WriteString("." + name)
		for _, a := range args {
			b.WriteString(" \"" + roff(a) + "\"")
		}
		b.WriteByte('\n')
	}
	b.WriteString(".TH \"" + strings.ToUpper(roff(name)) + "\" 1 \"" + date + "\" \"tensorfile " + tensorfile.Version + "\" \"tensorfile manual\"\n")
	b.WriteString(".SH NAME\n" + roff(name) + " \\- " + roff(lowerFirst(p.short)) + "\n.SH SYNOPSIS\n")
	words := strings.Fields(p.usage)
	k := len(strings.Fields(p.name))
	b.WriteString("\\fB" + roff(p.name) + "\\fR " + roff(strings.Join(words[k:], " ")) + "\n")
	b.WriteString(".SH DESCRIPTION\n")
	roffText(&b, p.text)
	if len(p.commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range p.commands {
			b.WriteString(".TP\n\\fB" + roff(c.name) + "\\fR\n")
			roffLines(&b, c.short)
		}
	}
	options := func(list []flagHelp) {
		for _, f := range list {
			b.WriteString(".TP\n")
			if f.short != "" {
				b.WriteString("\\fB\\-" + roff(f.short) + "\\fR, ")
			}
			b.WriteString("\\fB\\-\\-" + roff(f.long) + "\\fR")
			if f.arg != "" {
				b.WriteString(" \\fI" + roff(f.arg) + "\\fR")
			}
			b.WriteByte('\n')
			roffLines(&b, f.text)
		}
	}
	for i, g := range p.groups() {
		if i == 0 {
			b.WriteString(".SH OPTIONS\n")
		}
		if len(p.groups()) > 1 {
			request("SS", g.title)
		}
		options(g.flags)
	}
	if len(p.global) > 0 {
		b.WriteString(".SH OPTIONS OF ALL COMMANDS\n")
		options(p.global)
	}
	for _, s := range p.sections {
		request("SH", strings.ToUpper(s.title))
		roffBlock(&b, s.text)
	}
	if p.examples != "" {
		b.WriteString(".SH EXAMPLES\n")
		roffBlock(&b, p.examples)
	}
	if p.exit != "" {
		b.WriteString(".SH EXIT STATUS\n")
		for line := range strings.Lines(strings.Trim(p.exit, "\n")) {
			code, text, _ := strings.Cut(strings.TrimSpace(line), "  ")
			b.WriteString(".TP\n\\fB" + code + "\\fR\n")
			roffLines(&b, text)
		}
	}
	b.WriteString(".SH SEE ALSO\n")
	if p.cmd.HasParent() {
		b.WriteString("\\fB" + roff(strings.ReplaceAll(p.cmd.Parent().CommandPath(), " ", "-")) + "\\fR(1)")
	}
	for i, c := range p.commands {
		if i > 0 {
			b.WriteString(",\n")
		}
		if i == 0 && p.cmd.HasParent() {
			b.WriteString(",\n")
		}
		b.WriteString("\\fB" + roff(name+"-"+c.name) + "\\fR(1)")
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// lowerFirst begins a text small, unless its first word is all capitals.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

var roffEscapes = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`)

// roff is text that roff shows as it stands, wherever on a line it is.
func roff(s string) string {
	s = roffEscapes.Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// roffLines appends a text that is filled.
func roffLines(b *bytes.Buffer, text string) {
	for _, line := range term.Wrap(text, 72) {
		b.WriteString(roff(line) + "\n")
	}
}

// roffBlock appends lines that stay as they are.
func roffBlock(b *bytes.Buffer, text string) {
	b.WriteString(".nf\n")
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		if line = strings.TrimSuffix(strings.TrimPrefix(line, "  "), "\n"); line == "" {
			line = `\&`
		} else {
			line = roff(line)
		}
		b.WriteString(line + "\n")
	}
	b.WriteString(".fi\n")
}

// roffText appends paragraphs.
func roffText(b *bytes.Buffer, text string) {
	for i, par := range paragraphs(text) {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(par, "  ") {
			roffBlock(b, par)
		} else {
			roffLines(b, par)
		}
	}
}

// paragraphs are the parts of a help text, between empty lines.
func paragraphs(text string) []string {
	return strings.Split(strings.Trim(text, "\n"), "\n\n")
}
