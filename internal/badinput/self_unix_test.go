//go:build unix

package badinput

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A tool that breaks a rule is caught: rules 3, 5 and 6.
func TestEachRuleOfTheTool(t *testing.T) {
	row := liar
	row.Make = File("x.liar", []byte("liar: and so on"))
	good := row
	good.Kind = nil
	// The last argument is the destination of a conversion. Without a limit of
	// memory a sound tool says nothing, and is caught, too.
	const begin = "for last; do :; done\ncommand=$1\n[ \"$(ulimit -v)\" = unlimited ] && exit 0\n"
	const says = "for a; do case $a in *.liar) echo \"$a: liar: word: a lie\" >&2;; esac; done\n"
	for _, x := range []struct {
		what, script string
		row          Row
		want         string
	}{
		{"the truth", says + "exit 2", row, ""},
		{"a sound file", "exit 0", good, ""},
		{"3: memory", says + "ulimit -v | { read n; [ $n -gt 4000000 ] || exit 2; }", row, ""},
		{"5: a destination", says + "[ $command = convert ] && echo new >\"$last\"\nexit 2", row, "left behind"},
		{"5: written to", says + "case \"$last\" in */old.tensor) echo new >\"$last\";; esac\nexit 2", row, "convert -f: the destination was touched"},
		{"5: a temporary file", says + "[ $command = convert ] && touch \"$(dirname \"$last\")/.tmp\"\nexit 2", row, "convert -f: left behind"},
		{"6: success", says + "exit 0", row, "want status 2"},
		{"6: failure", "exit 1", good, "want status 0"},
		{"6: another status of verify", says + "[ $command = verify ] && exit 3\nexit 2", row, "want status 1 or 2"},
		{"6: an answer", says + "echo answer\nexit 2", row, `"answer\n" on stdout`},
		{"6: no words", "exit 2", row, `no format "liar"`},
		{"6: a crash", says + "echo 'panic: runtime error' >&2\nexit 2", row, "a crash"},
		{"6: words for a terminal", says + "printf '\\033[2J' >&2\nexit 2", row, "unprintable"},
	} {
		t.Run(x.what, func(t *testing.T) {
			bin := filepath.Join(t.TempDir(), "tool")
			if err := os.WriteFile(bin, []byte("#!/bin/sh\n"+begin+x.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			c := &complaints{TB: t}
			path := x.row.Make(t, t.TempDir())
			list := c.of(func() { x.row.tool(c, bin, path) })
			if x.want == "" && list != nil || x.want != "" && !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, x.want) }) {
				t.Errorf("complaints %q, want %q", list, x.want)
			}
		})
	}
}
