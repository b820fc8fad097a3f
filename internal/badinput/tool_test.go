//go:build unix

package badinput

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the tool")
	}
	path, err := Tool()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// nobody runs a command without the rights of the superuser, who may read and
// write everything.
func nobody(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
	}
	return cmd
}

// open makes a directory of the test open to everybody.
func open(t *testing.T) string {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// E02, E06: no permission to read the input, or to write to the directory.
func TestE02Permission(t *testing.T) {
	bin := build(t)
	dir := open(t)
	// The tool's own directory need not be one that everybody may enter.
	own := filepath.Join(open(t), "tensorfile")
	b, err := os.ReadFile(bin)
	if err == nil {
		err = os.WriteFile(own, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	bin = own
	in := good(t, filepath.Join(dir, "in.tensor"))
	secret := good(t, filepath.Join(dir, "secret.tensor"))
	locked := filepath.Join(dir, "locked")
	if err := errors.Join(os.Chmod(secret, 0), os.Mkdir(locked, 0o555)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(secret, 0o600)
	out := filepath.Join(dir, "out.tensor")
	for _, c := range [][]string{{"info", secret}, {"ls", secret}, {"verify", secret}, {"convert", secret, out}, {"convert", in, filepath.Join(locked, "out.tensor")}} {
		got := call(t, nobody(exec.Command(bin, c...)))
		if got.status != 2 || !strings.Contains(got.stderr, "permission denied") || !strings.Contains(got.stderr, c[len(c)-1]) && !strings.Contains(got.stderr, c[1]) || got.stdout != "" {
			t.Errorf("%v: %+v", c[0], got)
		}
	}
	if l := list(t, dir); !slices.Equal(l, []string{"in.tensor", "locked", "secret.tensor"}) || len(list(t, locked)) != 0 {
		t.Errorf("left behind: %v", l)
	}
	// What may only be read is read, from a directory that cannot be written to.
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "ro.tensor"), plain().B, 0o444), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o777)
	if got := call(t, nobody(exec.Command(bin, "verify", filepath.Join(dir, "ro.tensor")))); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// E15: locale, time zone, one processor, few descriptors, no temporary
// directory, no home: the same bytes and the same messages.
func TestE15Environment(t *testing.T) {
	bin := build(t)
	dir := t.TempDir()
	in := good(t, filepath.Join(dir, "in.tensor"))
	bad := text("not one")(t, dir)
	type outcome struct{ file, npz, ls, info, message string }
	var first outcome
	for i, env := range [][]string{
		{}, {"LC_ALL=C"}, {"LC_ALL=de_DE.UTF-8", "LANG=de_DE.UTF-8"}, {"LC_ALL=tr_TR.UTF-8"}, {"TZ=Pacific/Kiritimati"}, {"TZ=:/nowhere"},
		{"GOMAXPROCS=1"}, {"TMPDIR=/nonexistent"}, {"HOME="}, {"TERM=dumb", "NO_COLOR=1"}, {"COLUMNS=7"},
	} {
		var o outcome
		run := func(args ...string) result {
			cmd := exec.Command("/bin/sh", append([]string{"-c", `ulimit -n 64; exec "$@"`, "sh", bin}, args...)...)
			cmd.Env = append([]string{"SOURCE_DATE_EPOCH=1700000000", "PATH=/usr/bin:/bin"}, env...)
			cmd.Dir = "/"
			return call(t, cmd)
		}
		for _, ext := range []string{".tensor", ".npz"} {
			out := filepath.Join(dir, "out"+ext)
			if r := run("convert", "-f", in, out); r.status != 0 {
				t.Fatalf("%v: %+v", env, r)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if ext == ".npz" {
				o.npz = string(b)
			} else {
				o.file = string(b)
			}
		}
		o.ls, o.info = run("ls", "-l", in).stdout, run("info", in).stdout
		o.message = run("info", bad).stderr
		if i == 0 {
			first = o
			continue
		}
		if o != first {
			t.Errorf("%v: %v %v\n%s\n%s\n%s\nwant\n%s\n%s\n%s", env, o.file == first.file, o.npz == first.npz, o.ls, o.info, o.message, first.ls, first.info, first.message)
		}
	}
}
