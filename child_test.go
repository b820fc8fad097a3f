package tensorfile_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// childEnv names what a copy of the test binary does instead of testing: a
// name of children and its argument, with a space between.
const childEnv = "TENSORFILE_CHILD"

// children are what a copy may do; they return the exit status.
var children = map[string]func(arg string) int{}

// runChild does not return in a copy that is to do something else than test.
func runChild() {
	v, found := os.LookupEnv(childEnv)
	if !found {
		return
	}
	name, arg, _ := strings.Cut(v, " ")
	if f := children[name]; f != nil {
		os.Exit(f(arg))
	}
	fmt.Fprintln(os.Stderr, "no such child:", v)
	os.Exit(3)
}

// child is a running copy of the test binary.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// startChild starts a copy of the test binary, or skips the test where there
// are no processes to start.
func startChild(t testing.TB, name, arg string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	c := &child{cmd: exec.Command(exe)}
	// A copy under the race detector would sleep a second before it exits.
	c.cmd.Env = append(os.Environ(), childEnv+"="+name+" "+arg, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = &c.stderr
	c.in = must(c.cmd.StdinPipe())(t)
	out := must(c.cmd.StdoutPipe())(t)
	c.out = bufio.NewReader(out)
	ok(t, c.cmd.Start())
	return c
}

// say writes a line to the child.
func (c *child) say(line string) { io.WriteString(c.in, line+"\n") }

// line reads a line of the child, without its end; "" if there is none.
func (c *child) line() string {
	s, _ := c.out.ReadString('\n')
	return strings.TrimSuffix(s, "\n")
}

// wait closes the child's input and returns what it printed until its end, and
// how that came.
func (c *child) wait() (text string, err error) {
	c.in.Close()
	rest, _ := io.ReadAll(c.out)
	err = c.cmd.Wait()
	if s := c.stderr.String(); s != "" {
		rest = append(rest, s[:min(len(s), 3000)]...)
	}
	return string(rest), err
}
