package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile/internal/term"
	"golang.org/x/sys/unix"
)

// newTerminal makes a terminal with so many columns: what a screen and a keyboard would
// hold, and what a program gets.
func newTerminal(t *testing.T, columns int) (screen, program *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)})
	}
	if err != nil {
		t.Skip(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// bare are variables under which a terminal is of no known kind.
var bare = []string{"TERM=xterm", "NO_COLOR=", "COLUMNS=", "LINES=", "COLORTERM=", "TERM_PROGRAM=", "KITTY_WINDOW_ID=", "WT_SESSION=", "TMUX=", "STY="}

// onTerminal runs the tool with its standard output or error on a terminal with so
// many columns, and returns what the terminal and the other one got.
func onTerminal(t *testing.T, columns int, out bool, env []string, args ...string) (screen, other string, code int) {
	t.Helper()
	master, slave := newTerminal(t, columns)
	defer master.Close()
	cmd := exec.Command("tensorfile", args...)
	cmd.Env = append(os.Environ(), append(slices.Clone(bare), env...)...)
	var rest bytes.Buffer
	cmd.Stdout, cmd.Stderr = &rest, slave
	if out {
		cmd.Stdout, cmd.Stderr = slave, &rest
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	done := make(chan string)
	go func() {
		var b bytes.Buffer
		b.ReadFrom(master) // until nobody has the other end
		done <- b.String()
	}()
	cmd.Wait()
	return strings.ReplaceAll(<-done, "\r\n", "\n"), rest.String(), cmd.ProcessState.ExitCode()
}

// A terminal of which the environment says nothing is asked what pictures it shows; one
// that does not answer gets blocks, and is not waited for.
func TestTerminalsAreAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	if err := makeFile(path, []string{`p:{"dims":["h","w"]}`, "p=u8(4,4)"}); err != nil {
		t.Fatal(err)
	}
	const question, kitty, sixel, half = "\x1b[c", "\x1b_Ga=T", "\x1bP0;1;0q", "\x1b[38;5;"
	for _, c := range []struct {
		env, answer, want string
		asked             bool
	}{
		{"", "\x1b[?62;4;22c", sixel, true},
		{"", "\x1b_Gi=31;OK\x1b\\\x1b[?62;c", kitty, true},
		{"", "\x1b_Gi=31;OK\x1b\\\x1b[?62;4c", kitty, true},
		{"", "\x1b[?1;2c", half, true},
		{"", "", half, true},
		{"TMUX=x", "\x1b[?62;4;22c", half, false},
		{"SSH_CONNECTION=x", "\x1b[?62;4;22c", half, false},
	} {
		master, slave := newTerminal(t, 80)
		cmd := exec.Command("tensorfile", "show", path, "p")
		cmd.Env = append(append(os.Environ(), bare...), "TERM=xterm-256color", "SSH_CONNECTION=", "SSH_TTY=", "CI=", "EMACS=", "INSIDE_EMACS=", c.env)
		cmd.Stdin, cmd.Stdout = slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		slave.Close()
		var screen []byte
		asked := false
		for p := make([]byte, 4096); ; {
			n, err := master.Read(p)
			screen = append(screen, p[:n]...)
			if !asked && bytes.Contains(screen, []byte(question)) {
				asked = true
				master.WriteString(c.answer)
			}
			if err != nil {
				break // nobody has the other end
			}
		}
		err := cmd.Wait()
		for _, how := range []string{kitty, sixel, half} {
			if got := bytes.Contains(screen, []byte(how)); got != (how == c.want) {
				t.Errorf("%q %s: %q: %v\n%.300q", c.answer, c.env, how, got, screen)
			}
		}
		if err != nil || asked != c.asked {
			t.Errorf("%q %s: %v, asked: %v", c.answer, c.env, err, asked)
		}
	}
}

// Every command that can take long shows how far it is on a terminal, takes that
// away, and leaves results alone.
func TestProgressOnTerminal(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, args := range [][]string{{"m.tensor", "w=f32(300,400)", "x=u8(9000)"}, {"more.tensor", "y=f64(20000)"}} {
		if err := makeFile(args[0], args[1:]); err != nil {
			t.Fatal(err)
		}
	}
	runIn(t, dir, "convert", "m.tensor", "m.npz")
	runIn(t, dir, "convert", "m.tensor", "packed.tensor", "--codec", "planes", "--chunk", "w=100,100")
	env := []string{envAtOnce + "=1"}
	for _, c := range []string{
		"convert m.npz out.tensor", "convert m.tensor out.npz", "append m.tensor more.tensor", "repack packed.tensor again.tensor", "recover m.tensor -o saved.tensor",
		"split m.tensor set.shards.json --parts 3", "merge set.shards.json merged.tensor",
		"verify m.tensor", "verify packed.tensor", "verify m.npz", "stats m.tensor", "hash m.npz", "diff m.tensor m.npz", "diff packed.tensor m.npz w", "bench more.tensor --time 1us --codec lz4",
		"bench --loader packed.tensor w --time 1us", "gpu load m.tensor --device host --time 1us", "gpu bench cast* --device host --size 1KiB --time 1us",
		"show m.tensor w --as csv", "show m.npz w --as raw", "show m.tensor w --as npy -o w.npy",
	} {
		screen, stdout, code := onTerminal(t, 60, false, env, strings.Fields(c)...)
		if code != 0 && !strings.HasPrefix(c, "diff") {
			t.Errorf("%s: %d\n%s", c, code, screen)
		}
		if !strings.Contains(screen, "%") {
			t.Errorf("%s shows no progress: %q", c, screen)
		}
		// What is left is the notes, if there are some.
		for line := range strings.Lines(screen) {
			parts := strings.Split(line, "\r")
			for _, p := range parts {
				if term.Width(strings.TrimRight(p, "\n")) > 59 && strings.Contains(p, "%") {
					t.Errorf("%s: a line of %d columns: %q", c, term.Width(p), p)
				}
			}
			if last := strings.TrimSpace(parts[len(parts)-1]); last != "" && !strings.HasPrefix(last, "tensorfile: ") {
				t.Errorf("%s leaves %q", c, last)
			}
		}
		if strings.ContainsAny(stdout, "\r") && !strings.Contains(c, "raw") {
			t.Errorf("%s: %q in a pipe", c, stdout)
		}
	}
	for _, c := range [][]string{{"hash", "m.npz", "--progress", "never"}, {"hash", "m.npz"}} {
		more := []string{envAtOnce + "=1"}
		if len(c) == 2 {
			more = append(more, "TERM=dumb")
		}
		if screen, _, _ := onTerminal(t, 60, false, more, c...); screen != "" {
			t.Errorf("%v: %q", c, screen)
		}
	}
	if _, stderr, _ := runTool(t, env, "hash", "m.npz"); stderr != "" {
		t.Errorf("in a pipe: %q", stderr)
	}
}

// Tables fit on a terminal, and are whole in a pipe. Names are lined up by the columns
// that they take.
func TestTablesOnTerminal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.tensor")
	long := "encoder." + strings.Repeat("very.", 200) + "long.weight"
	names := []string{long, "重み.バイアス", "e\u0301te\u0301", "a b[0]", "w"}
	var args []string
	for _, name := range names {
		args = append(args, name+"=f32(2,3)")
	}
	if err := makeFile(path, args); err != nil {
		t.Fatal(err)
	}
	for _, columns := range []int{80, 200} {
		for _, c := range [][]string{{"ls", path}, {"ls", "--sort", "name", path}, {"ls", "--tree", path}, {"stats", path, "--quantiles", ""}, {"formats"}, {"help"}, {"ls", "--help"}, {"info", path}, {"inspect", path}, {"inspect", "--bytes", path}, {"convert", "-n", path, filepath.Join(dir, "out.npz")}} {
			screen, _, code := onTerminal(t, columns, true, nil, c...)
			if code != 0 {
				t.Errorf("%v: %d\n%s", c, code, screen)
			}
			for line := range strings.Lines(screen) {
				line = strings.TrimSuffix(line, "\n")
				line = strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(line)
				if n := term.Width(line); n > columns && !strings.HasPrefix(line, dir) {
					t.Errorf("%v: %d columns of %d: %s", c, n, columns, line)
				}
			}
		}
		screen, _, _ := onTerminal(t, columns, true, nil, "ls", "-H", path)
		if !strings.Contains(screen, "encoder.very") || !strings.Contains(screen, "long.weight") || !strings.Contains(screen, "…") {
			t.Errorf("%d columns:\n%s", columns, screen)
		}
		starts := map[int]bool{}
		for line := range strings.Lines(screen) {
			starts[term.Width(line[:strings.Index(line, "f32")])] = true
		}
		if len(starts) != 1 {
			t.Errorf("dtypes begin in columns %v\n%s", starts, screen)
		}
	}
	if stdout, _, _ := runTool(t, []string{"COLUMNS=80"}, "ls", path); !strings.Contains(stdout, long+"  f32") || strings.Contains(stdout, "…") {
		t.Errorf("in a pipe:\n%s", stdout)
	}
}

// What says that it is a picture is drawn on a terminal that has colours.
func TestPicturesOnTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	if err := makeFile(path, []string{`p:{"dims":["h","w"]}`, "p=u8(4,4)", `s:{"sample_rate":8000}`, "s=i16(100)", "plain=u8(4,4)", "rgb=u8(20,20,3)", "wide=f32(20,20,3)"}); err != nil {
		t.Fatal(err)
	}
	const blocks, values = "▀", "[["
	for _, c := range []struct{ name, env, want string }{
		{"p", "COLORTERM=truecolor", "\x1b[38;2;"}, {"p", "TERM=xterm-256color", "\x1b[38;5;"}, {"p", "TERM=xterm-kitty", "\x1b_Ga=T"}, {"p", "TERM=foot", "\x1bP0;1;0q"},
		{"p", "TERM=xterm", values}, {"p", "TERM=dumb", values}, {"p", "NO_COLOR=1 COLORTERM=truecolor", values},
		{"s", "COLORTERM=truecolor", "100 samples, 1 channel, 8000 Hz"}, {"s", "NO_COLOR=1", "100 samples"}, {"s", "TERM=dumb", "[ 0  1"},
		{"plain", "COLORTERM=truecolor", values}, {"rgb", "COLORTERM=truecolor", blocks}, {"wide", "COLORTERM=truecolor", values},
	} {
		screen, stderr, code := onTerminal(t, 80, true, strings.Fields(c.env), "show", path, c.name)
		if code != 0 || !strings.Contains(screen, c.want) {
			t.Errorf("%s with %s: %d %s\n%.300q", c.name, c.env, code, stderr, screen)
		}
		if drawn := strings.Contains(screen, "--picture never prints values"); drawn == (c.want == values || strings.HasPrefix(c.want, "[ 0")) {
			t.Errorf("%s with %s: the advice is %v", c.name, c.env, drawn)
		}
	}
}
