package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tensorfile/tensorfile/internal/term"
)

// A page is what there is to say about a command. The help, the manual page and
// the reference in docs/cli.md are made of it.
type page struct {
	cmd      *cobra.Command
	name     string // as it is called: "tensorfile attr set"
	short    string
	text     string // paragraphs; those with two spaces in front stay as they are
	usage    string
	examples string
	commands []command
	flags    []flagHelp
	global   []flagHelp // of all commands
	sections []section
	exit     string
}

type command struct{ name, short string }

type section struct{ title, text string }

// flagHelp is a flag: "-o, --output FILE", what it is for, and the end of the
// heading that it stands under, if it has one.
type flagHelp struct{ short, long, arg, text, heading string }

// flagGroup is flags under a heading.
type flagGroup struct {
	title string // "Flags", "Flags for inputs"
	flags []flagHelp
}

// groups are the flags of a page by headings, those without one last.
func (p *page) groups() (list []flagGroup) {
	var rest []flagHelp
	for _, f := range p.flags {
		if f.heading == "" {
			rest = append(rest, f)
			continue
		}
		title := "Flags for " + f.heading
		i := slices.IndexFunc(list, func(g flagGroup) bool { return g.title == title })
		if i < 0 {
			i, list = len(list), append(list, flagGroup{title: title})
		}
		list[i].flags = append(list[i].flags, f)
	}
	switch {
	case len(rest) == 0:
		return list
	case len(list) == 0:
		return []flagGroup{{"Flags", rest}}
	}
	return append(list, flagGroup{"Other flags", rest})
}

func (f *flagHelp) String() string {
	s := "--" + f.long
	if f.short != "" {
		s = "-" + f.short + ", " + s
	}
	if f.arg != "" {
		s += " " + f.arg
	}
	return s
}

// pageOf is the page of a command.
func pageOf(cmd *cobra.Command) *page {
	p := &page{
		cmd: cmd, name: cmd.CommandPath(), short: cmd.Short, text: cmd.Long, usage: cmd.UseLine(), examples: cmd.Example,
		flags: flagsOf(cmd.LocalFlags()), global: flagsOf(cmd.InheritedFlags()), exit: cmd.Annotations[exitStatus],
	}
	if p.text == "" {
		p.text = cmd.Short + "."
	}
	if !cmd.HasParent() {
		p.usage = "tensorfile COMMAND [flags]"
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			p.commands = append(p.commands, command{c.Name(), c.Short})
		}
	}
	for title, text := range cmd.Annotations {
		if title != exitStatus {
			p.sections = append(p.sections, section{title, text})
		}
	}
	slices.SortFunc(p.sections, func(a, b section) int { return strings.Compare(a.title, b.title) })
	return p
}

// pagesBelow are the pages of a command and of all below it, in order.
func pagesBelow(cmd *cobra.Command) []*page {
	list := []*page{pageOf(cmd)}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, pagesBelow(c)...)
		}
	}
	return list
}

func flagsOf(set *pflag.FlagSet) (list []flagHelp) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		arg, text := pflag.UnquoteUsage(f)
		switch f.DefValue {
		case "", "0", "0s", "false", "[]":
		default:
			text += " (default " + f.DefValue + ")"
		}
		list = append(list, flagHelp{f.Shorthand, f.Name, arg, text, strings.Join(f.Annotations[headingOf], "")})
	})
	return list
}

// helpColumns are those of help that does not go to a terminal; wider terminals
// than helpWidest leave some empty.
const (
	helpColumns = 80
	helpWidest  = 110
	helpText    = 90 // of paragraphs
)

// writeHelp prints the help of a command.
func (t *tool) writeHelp(w io.Writer, cmd *cobra.Command) {
	columns := helpColumns
	if n := t.out.columns(); n > 0 {
		columns = min(max(n, 40), helpWidest)
	}
	p := pageOf(cmd)
	section := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(w, "\n%s:\n%s\n", title, text)
		}
	}
	for i, par := range paragraphs(p.text) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if !strings.HasPrefix(par, "  ") {
			par = strings.Join(term.Wrap(par, min(columns, helpText)), "\n")
		}
		fmt.Fprintln(w, par)
	}
	section("Usage", "  "+p.usage)
	section("Examples", p.examples)
	var b strings.Builder
	for _, c := range p.commands {
		hang(&b, 2, fmt.Sprintf("%-12s", c.name), 14, c.short, columns)
	}
	section("Commands", b.String())
	for _, g := range p.groups() {
		section(g.title, flagText(g.flags, columns))
	}
	section("Flags of all commands", flagText(p.global, columns))
	for _, s := range p.sections {
		section(s.title, s.text)
	}
	section(exitStatus, p.exit)
}

// flagText lists flags: texts stand in a column of their own.
func flagText(list []flagHelp, columns int) string {
	const left = 26
	var b strings.Builder
	for _, f := range list {
		indent := 2
		if f.short == "" {
			indent = 6
		}
		hang(&b, indent, f.String(), left, f.text, columns)
	}
	return b.String()
}

// hang prints a head and, from column left on, a text, the lines of which are
// broken. A head that is too long has a line of its own.
func hang(b *strings.Builder, indent int, head string, left int, text string, columns int) {
	line := strings.Repeat(" ", indent) + head
	if n := term.Width(line); n+2 <= left || strings.HasSuffix(line, " ") {
		line += strings.Repeat(" ", max(left-n, 0))
	} else {
		b.WriteString(line + "\n")
		line = strings.Repeat(" ", left)
	}
	for i, s := range term.Wrap(text, max(columns-left, 20)) {
		if i > 0 {
			line = strings.Repeat(" ", left)
		}
		b.WriteString(line + s + "\n")
	}
}
