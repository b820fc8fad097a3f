package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A given is a flag in a call: of arguments [at, at+n), or, of a group such as -nf,
// the letters [from, to) of the first of them.
type given struct {
	flag     *pflag.Flag
	at, n    int
	from, to int // 0, 0: all
}

// someRoot is the tree of commands; none of them is run.
var someRoot = sync.OnceValue(func() *cobra.Command { return newRootCmd(&tool{}) })

// flagsIn finds the command of a call, and its flags.
func flagsIn(args []string) (cmd *cobra.Command, list []given) {
	cmd, _, err := someRoot().Find(args)
	if err != nil {
		return nil, nil
	}
	cmd.InheritedFlags() // puts them among those of cmd
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return cmd, list
		case strings.HasPrefix(arg, "--"):
			name, _, assigned := strings.Cut(arg[2:], "=")
			f := cmd.Flags().Lookup(name)
			if f == nil {
				continue
			}
			g := given{flag: f, at: i, n: 1}
			if !assigned && f.NoOptDefVal == "" {
				g.n, i = 2, i+1
			}
			list = append(list, g)
		case len(arg) > 1 && arg[0] == '-':
			for k := 1; k < len(arg); k++ {
				f := cmd.Flags().ShorthandLookup(arg[k : k+1])
				if f == nil {
					break
				}
				g := given{flag: f, at: i, n: 1, from: k, to: k + 1}
				if f.NoOptDefVal == "" {
					if g.to = len(arg); k+1 == len(arg) {
						g.n, i = 2, i+1
					}
				}
				list = append(list, g)
				if f.NoOptDefVal == "" {
					break
				}
			}
		}
	}
	return cmd, list
}

// ignoring takes a flag out of a call: "ls --sort" of that command, "* --mem" of
// any.
func ignoring(args []string, ignored string) []string {
	i := strings.LastIndex(ignored, " --")
	if i < 0 {
		return args
	}
	command, name := ignored[:i], ignored[i+len(" --"):]
	cmd, list := flagsIn(args)
	if cmd == nil || command != "*" && cmd.CommandPath() != "tensorfile "+command {
		return args
	}
	args = slices.Clone(args)
	for _, g := range slices.Backward(list) {
		if g.flag.Name != name {
			continue
		}
		if g.to > 0 {
			rest := args[g.at][:g.from] + args[g.at][g.to:]
			if rest != "-" {
				args[g.at] = rest
				g.at, g.n = g.at+1, g.n-1
			}
		}
		args = slices.Delete(args, g.at, min(g.at+g.n, len(args)))
	}
	return args
}

func TestIgnoring(t *testing.T) {
	for call, want := range map[string]string{
		"ls --sort size m.tensor":         "ls m.tensor",
		"ls --sort=size m.tensor":         "ls m.tensor",
		"ls m.tensor -- --sort":           "ls m.tensor -- --sort",
		"info --sort size":                "info --sort size",
		"ls -lH m.tensor --sort size -- ": "ls -lH m.tensor -- ",
	} {
		if got := strings.Join(ignoring(strings.Split(call, " "), "ls --sort"), " "); got != want {
			t.Errorf("%s: %s", call, got)
		}
	}
	for call, want := range map[string]string{
		"convert -nf a b":     "convert -f a b",
		"convert -n a b":      "convert a b",
		"convert -j 3 -fn a":  "convert -j 3 -f a",
		"convert -j3n -n a b": "convert -j3n a b",
	} {
		if got := strings.Join(ignoring(strings.Split(call, " "), "convert --dry-run"), " "); got != want {
			t.Errorf("%s: %s", call, got)
		}
	}
	for call, want := range map[string]string{"ls -j 3 x": "ls x", "ls -j3 x": "ls x", "stats --jobs 2 x": "stats x", "stats --jobs=2 x": "stats x"} {
		if got := strings.Join(ignoring(strings.Split(call, " "), "* --jobs"), " "); got != want {
			t.Errorf("%s: %s", call, got)
		}
	}
}

// unseen are flags that a script cannot see the effect of, and why.
var unseen = map[string]string{
	"view --no-open": "a server ends when it is interrupted: TestView",
}

// calls are the calls of the tool in the scripts, by script.
func calls(t *testing.T) map[string][][]string {
	t.Helper()
	list, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(list) == 0 {
		t.Fatal("no scripts")
	}
	all := map[string][][]string{}
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --") {
				break // files follow
			}
			if strings.HasPrefix(line, "#") {
				continue
			}
			line, _, _ = strings.Cut(line, " #")
			list := words(line)
			if i := slices.Index(list, "tensorfile"); i >= 0 && i <= 3 && !slices.Contains(list, "__complete") {
				all[name] = append(all[name], list[i+1:])
			}
		}
	}
	return all
}

// allFlags are the flags of all commands, as "ls --sort", and those that all
// commands have as "* --mem".
func allFlags() (flags []string, commands []string) {
	root := someRoot()
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			flags = append(flags, "* --"+f.Name)
		}
	})
	for _, p := range pagesBelow(root) {
		name := strings.TrimPrefix(p.name, "tensorfile ")
		if !p.cmd.HasParent() {
			continue
		}
		commands = append(commands, name)
		for _, f := range p.flags {
			if f.long != "help" {
				flags = append(flags, name+" --"+f.long)
			}
		}
	}
	return flags, commands
}

// Each command and flag stands in a line of a script. That the script fails if the
// flag is ignored is tested by "make flags".
func TestFlagsHaveScripts(t *testing.T) {
	in := scriptsOf(t)
	flags, commands := allFlags()
	missing := 0
	for _, f := range flags {
		if len(in[f]) == 0 && unseen[f] == "" {
			missing++
			t.Errorf("%s is in no script", f)
		}
	}
	for _, c := range commands {
		if len(in[c]) == 0 {
			t.Errorf("%s is in no script", c)
		}
	}
	for f := range unseen {
		if !slices.Contains(flags, f) {
			t.Errorf("%s is excused and is not there", f)
		}
	}
	t.Logf("%d commands and %d flags, %d excused, %d missing", len(commands), len(flags), len(unseen), missing)
	if len(commands) < 25 || len(flags) < 150 {
		t.Error("the test looks at too little")
	}
}

// scriptsOf are the scripts that call a command, or give it a flag.
func scriptsOf(t *testing.T) map[string][]string {
	t.Helper()
	in := map[string][]string{}
	add := func(key, script string) {
		if !slices.Contains(in[key], script) {
			in[key] = append(in[key], script)
		}
	}
	for script, list := range calls(t) {
		for _, args := range list {
			cmd, flags := flagsIn(args)
			if cmd == nil {
				continue
			}
			name := strings.TrimPrefix(cmd.CommandPath(), "tensorfile ")
			add(name, script)
			for _, g := range flags {
				if cmd.InheritedFlags().Lookup(g.flag.Name) == g.flag {
					add("* --"+g.flag.Name, script)
				} else {
					add(name+" --"+g.flag.Name, script)
				}
			}
		}
	}
	for _, list := range in {
		slices.Sort(list)
	}
	return in
}

// A script fails if the tool ignores a flag that the script gives it. It takes
// minutes: TEST_FLAGS is a part of the flags' names, or "all".
func TestFlagsAreNoticed(t *testing.T) {
	which := os.Getenv("TEST_FLAGS")
	if which == "" {
		t.Skip("TEST_FLAGS is not set: make flags")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in := scriptsOf(t)
	flags, _ := allFlags()
	noticed, asked := 0, 0
	for _, f := range flags {
		if which != "all" && !strings.Contains(f, which) || unseen[f] != "" {
			continue
		}
		asked++
		how := fmt.Sprintf("none of %v fails", in[f])
		for _, script := range in[f] {
			cmd := exec.Command(self, "-test.run=^TestScript$/^"+script+"$")
			cmd.Env = append(os.Environ(), envIgnore+"="+f)
			if out, err := cmd.CombinedOutput(); err != nil {
				if how = ""; !strings.Contains(string(out), "FAIL: testdata") {
					how = "no line of " + script + " fails:\n" + string(out)
				}
				break
			}
		}
		if how == "" {
			noticed++
			continue
		}
		t.Errorf("%s: %s", f, how)
	}
	t.Logf("%d of %d flags are noticed", noticed, asked)
}
