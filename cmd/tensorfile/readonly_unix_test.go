//go:build unix

package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asNobody runs the tool without the rights of the superuser, whom permission
// bits do not bind.
func asNobody(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := exec.LookPath("tensorfile")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
		reach(t, filepath.Dir(path))
	}
	if testing.CoverMode() != "" { // the counts of nobody's program go where nobody may write
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		reach(t, dir)
		cmd.Env = append(os.Environ(), "GOCOVERDIR="+dir)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Skipf("no process without the rights of the superuser: %v", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// reach lets everybody pass to dir.
func reach(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err == nil && fi.Mode().Perm()&1 == 0 {
			err = os.Chmod(dir, fi.Mode().Perm()|0o011)
		}
		if err != nil {
			t.Skipf("nobody else can come to %s: %v", dir, err)
		}
	}
}

// A file that cannot be written is one error before any work; repack and
// recover read from it, in a directory that cannot be written either.
func TestReadOnlyFile(t *testing.T) {
	file, in := editedFile(t)
	dir, out := filepath.Dir(file), t.TempDir()
	if err := errors.Join(os.Chmod(file, 0o444), os.Chmod(dir, 0o555), os.Chmod(out, 0o777)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	reach(t, out)
	reach(t, dir)
	before := snapshot(t, dir)
	refused := 0
	for _, args := range append(edits, []string{"repack", "-i", "FILE"}) {
		stdout, stderr, code := asNobody(t, editArgs(args, file, in)...)
		if code != exitBad || stdout != "" || !strings.Contains(stderr, file) || !strings.Contains(stderr, "permission denied") || strings.Count(stderr, "\n") != 2 {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
		refused++
	}
	for _, args := range [][]string{{"repack", file, filepath.Join(out, "a.tensor")}, {"recover", file, "-o", filepath.Join(out, "b.tensor")}} {
		if stdout, stderr, code := asNobody(t, args...); code != 0 {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if stdout, stderr, code := asNobody(t, "verify", filepath.Join(out, "a.tensor"), filepath.Join(out, "b.tensor")); code != 0 {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	// A new file in a directory that takes none.
	for _, args := range [][]string{{"repack", file, filepath.Join(dir, "new.tensor")}, {"recover", file, "-o", filepath.Join(dir, "new.tensor")}, {"convert", file, filepath.Join(dir, "new.npz")}} {
		stdout, stderr, code := asNobody(t, args...)
		if code != exitBad || stdout != "" || !strings.Contains(stderr, "new.") || !strings.Contains(stderr, "permission denied") || strings.Count(stderr, "\n") > 2 {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
		refused++
	}
	if after := snapshot(t, dir); !maps.Equal(before, after) {
		t.Errorf("before %v\nafter %v", before, after)
	}
	t.Logf("%d commands refused", refused)
}

// In a directory that cannot be written a file that can is edited in place.
func TestReadOnlyDirectory(t *testing.T) {
	file, in := editedFile(t)
	dir := filepath.Dir(file)
	if err := errors.Join(os.Chmod(file, 0o666), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	reach(t, dir)
	if stdout, stderr, code := asNobody(t, "append", file, in); code != 0 {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	if stdout, stderr, code := asNobody(t, "verify", file); code != 0 {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
}
