package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// edits are the commands that change a file, on one that holds w, and in what
// it is called a file with x.
var edits = [][]string{
	{"append", "FILE", "IN"}, {"rm", "FILE", "w"}, {"mv", "FILE", "w", "y"}, {"cp", "FILE", "w", "y"},
	{"attr", "set", "FILE", "a=1"}, {"attr", "rm", "FILE", "title"}, {"revert", "FILE", "1"},
}

func editedFile(t *testing.T) (file, in string) {
	t.Helper()
	dir := t.TempDir()
	file, in = filepath.Join(dir, "m.tensor"), filepath.Join(dir, "in.tensor")
	for path, args := range map[string][]string{file: {`:{"title":"t"}`, "w=f32(3)"}, in: {"x=i8(2)"}} {
		if err := makeFile(path, args); err != nil {
			t.Fatal(err)
		}
	}
	commitOn(t, file, "b") // something to revert
	return file, in
}

// commitOn adds a tensor to a file.
func commitOn(t *testing.T, file, name string) {
	t.Helper()
	w, err := tensorfile.OpenAppend(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	v, err := tensor.FromSlice([]float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(context.Background(), name, v, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func editArgs(args []string, file, in string) []string {
	args = append([]string(nil), args...)
	for i, a := range args {
		switch a {
		case "FILE":
			args[i] = file
		case "IN":
			args[i] = in
		}
	}
	return args
}

// A second writer gets one clear error that says who is at work, or waits.
func TestSecondWriter(t *testing.T) {
	file, in := editedFile(t)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, err := tensorfile.OpenAppend(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, args := range edits {
		args = editArgs(args, file, in)
		for _, more := range [][]string{nil, {"-n"}, {"--wait", "300ms"}} {
			stdout, stderr, code := runTool(t, nil, append(args, more...)...)
			if code != exitBad || stdout != "" || !strings.Contains(stderr, "lock: got another writer") || !strings.Contains(stderr, "--wait 30s waits for it") {
				t.Errorf("%v %v: %d\n%s%s", args, more, code, stdout, stderr)
			}
			if h := holderText(); h != "" && !strings.Contains(stderr, h) {
				t.Errorf("%v: no %q in %s", args, h, stderr)
			}
		}
	}
	stdout, stderr, code := runTool(t, nil, "repack", "-i", file)
	if code != exitBad || stdout != "" || !strings.Contains(stderr, "lock: got another writer") {
		t.Errorf("repack: %d\n%s%s", code, stdout, stderr)
	}
	// Readers are not disturbed.
	if _, stderr, code := runTool(t, nil, "verify", file); code != 0 {
		t.Error(stderr)
	}
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}

	cmd := exec.Command("tensorfile", "append", file, in, "--wait", "1m")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	if !strings.Contains(out.String(), "generation 3: 1 tensor added") || !strings.Contains(errs.String(), "note: ") || !strings.Contains(errs.String(), "waiting for another writer") {
		t.Errorf("%s%s", out.String(), errs.String())
	}
}

// holderText is what must stand in the message where the system tells who holds
// a lock.
func holderText() string {
	if _, err := os.Stat("/proc/self/fdinfo"); err != nil {
		return ""
	}
	return "process " + strconv.Itoa(os.Getpid())
}

// An append that is interrupted while it reads leaves the file as it was.
func TestInterruptedAppend(t *testing.T) {
	file, _ := editedFile(t)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := exec.Command("tensorfile", "append", file, "-", "--name", "x")
	cmd.Stdin = r
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		cmd.Process.Kill()
		t.Skip(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || errs.Len() > 0 {
		t.Errorf("%d\n%s", code, errs.String())
	}
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
	commitOn(t, file, "free") // and nobody holds it
}

// SOURCE_DATE_EPOCH sets the time of commits, so that edits can be repeated
// byte for byte.
func TestEditTime(t *testing.T) {
	var want []byte
	for range 2 {
		dir := t.TempDir()
		file := filepath.Join(dir, "m.tensor")
		if err := makeFile(file, []string{"w=f32(3)"}); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := runTool(t, []string{"SOURCE_DATE_EPOCH=1700000000"}, "cp", file, "w", "v"); code != 0 {
			t.Fatal(stderr)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Error("two runs differ")
		}
		if stdout, _, _ := runTool(t, nil, "info", "--get", "time", file); stdout != "2023-11-14T22:13:20Z\n" {
			t.Error(stdout)
		}
	}
}
