package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runTool runs the program with more in its environment.
func runTool(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command("tensorfile", args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// inProcess runs a command here, where its file system can be replaced.
func inProcess(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
			code = -1
		}
	}()
	var out, errs bytes.Buffer
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	tl := &tool{in: strings.NewReader(""), out: &output{Writer: bufio.NewWriter(&out), file: null}, err: &errs}
	code = tl.run(context.Background(), args)
	return out.String(), errs.String(), code
}

// sampleFile is a small native file.
func sampleFile(t *testing.T, path string) {
	t.Helper()
	err := makeFile(path, []string{"w=f32(300,400)", "wt=@w.T", "b=bool(3):0,1", "s=S5(2):ab,cde", "é=i64(2)", "f=f64(3):nan,0.5,1e300"})
	if err != nil {
		t.Fatal(err)
	}
}

// holeFile is an .npy file of n f4 that takes no room.
func holeFile(t *testing.T, path string, n int64) {
	t.Helper()
	if err := writeHole(path, n); err != nil {
		t.Skip(err)
	}
}

// reading are commands that only read, as arguments with FILE in them.
var reading = [][]string{
	{"info", "FILE"}, {"info", "--json", "FILE"}, {"ls", "FILE"}, {"ls", "-l", "FILE"}, {"ls", "--tree", "FILE"}, {"ls", "--json", "FILE"},
	{"show", "FILE", "w"}, {"show", "FILE", "wt[::7, -1]", "s", "é", "f"}, {"show", "FILE", "w", "--as", "csv"}, {"show", "FILE", "f", "--json"},
	{"show", "FILE", "wt", "--as", "npy"}, {"show", "FILE", "w", "--hex"}, {"stats", "FILE"}, {"stats", "FILE", "--hist", "5", "--json"}, {"plot", "FILE", "w", "-o", "-", "--to", "svg", "--size", "64x48"},
	{"ls", "FILE", "nothing"}, {"show", "FILE", "w[1000]"}, {"verify", "FILE"}, {"inspect", "FILE"},
}

func withFile(args []string, path string) []string {
	args = slices.Clone(args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "FILE", path)
	}
	return args
}

// E15: locale, time zone, processors, limits and missing directories change
// nothing.
func TestEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	sampleFile(t, path)
	for _, args := range reading {
		args := withFile(args, path)
		stdout, stderr, code := runTool(t, nil, args...)
		for _, env := range [][]string{
			{"LC_ALL=tr_TR.UTF-8", "LANG=de_DE.UTF-8", "TZ=Asia/Kolkata", "TERM=dumb"},
			{"LC_ALL=C", "TZ=America/St_Johns", "GOMAXPROCS=1", "TMPDIR=/nonexistent", "TMP=/nonexistent", "HOME=/nonexistent", "NO_COLOR=1"},
		} {
			o, e, c := runTool(t, env, args...)
			if o != stdout || e != stderr || c != code {
				t.Errorf("%v under %v: status %d\n%s%s\nelse %d\n%s%s", args, env, c, o, e, code, stdout, stderr)
			}
		}
	}
}

// Reading changes nothing, not even a time, and leaves nothing behind.
func TestReadingIsReadOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.tensor")
	sampleFile(t, path)
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := errors.Join(os.Chtimes(path, past, past), os.Chmod(path, 0o444), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	before := snapshot(t, dir)
	for _, args := range reading {
		runTool(t, []string{"TMPDIR=" + dir}, withFile(args, path)...)
	}
	if after := snapshot(t, dir); !maps.Equal(before, after) {
		t.Errorf("before %v\nafter %v", before, after)
	}
}

// snapshot is what a directory holds: contents, modes and times.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = fi.Mode().String() + fi.ModTime().String() + string(b)
	}
	return m
}

// E16: names of files that would command a terminal, or are no text at all.
func TestOddNames(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	long := strings.Repeat("x", 255-len(".tensor")) + ".tensor"
	for _, name := range []string{"new\nline.tensor", "esc\x1b[31m.tensor", "bad\xff\xfe.tensor", "-l.tensor", "--help", "a b.tensor", "rtl\u202e.tensor", "c1\u009b.tensor", long, "Ünïcødé.tensor"} {
		if err := makeFile(name, []string{"w=u8(3)", "other=u8(1)"}); err != nil {
			t.Logf("%q: %v", name, err)
			continue
		}
		for _, args := range [][]string{
			{"info", "--", name}, {"info", "--json", "--", name}, {"ls", "--json", "--", name}, {"ls", "--", name}, {"show", "--", name, "w"},
			{"show", "--json", "--", name, "w"}, {"stats", "--json", "--", name},
			{"ls", "--", name, "nope"}, {"show", "--", name}, {"show", "--", name, "w[9]"}, {"ls", "--from", "npy", "--", name}, {"stats", "--", name, "zz*"}, {"ls", "--", name + "-"},
			{"verify", "--", name}, {"inspect", "--", name},
		} {
			stdout, stderr, code := runTool(t, nil, args...)
			if bad := slices.Contains(args, "npy") || slices.Contains(args, "nope") || strings.HasSuffix(args[len(args)-1], "-"); bad != (code == 2) && !slices.Contains(args, "zz*") && code != 2 {
				t.Errorf("%q: status %d\n%s", args, code, stderr)
			}
			for _, text := range []string{stdout, stderr} {
				for _, r := range strings.ReplaceAll(text, "\n", "") {
					if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\ufffd' {
						t.Errorf("%q prints %q", args, text)
						break
					}
				}
			}
			if strings.Contains(stdout+stderr, "new\nline") {
				t.Errorf("%q prints the line feed", args)
			}
		}
		stdout, _, _ := runTool(t, nil, "ls", "--json", "--", name)
		if invalid := strings.Contains(name, "\xff"); strings.Contains(stdout, `"path_base64":"YmFk//4udGVuc29y"`) != invalid {
			t.Errorf("%q: %s", name, stdout)
		}
	}
	if _, stderr, code := runTool(t, nil, "info", strings.Repeat("y", 256)); code != 2 || !strings.Contains(stderr, "name too long") {
		t.Errorf("256 bytes: %d %s", code, stderr)
	}
}

// A sparse file of 100 GB is looked at as fast as a small one.
func TestHuge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.npy")
	holeFile(t, path, 25_000_000_000)
	begin := time.Now()
	for _, args := range [][]string{{"ls", path}, {"info", path}, {"show", path}, {"show", path, "big[24999999990::3]"}, {"show", "--no-mmap", path}, {"show", path, "--hex"}, {"stats", path, "big[::100000000]"}} {
		if stdout, stderr, code := runTool(t, nil, args...); code != 0 || stdout == "" {
			t.Errorf("%v: %d %s", args, code, stderr)
		}
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

// E11: a reader that has seen enough ends the program without a word.
func TestClosedStdout(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE")
	}
	path := filepath.Join(t.TempDir(), "big.npy")
	holeFile(t, path, 1_000_000)
	for _, args := range [][]string{{"show", path, "--as", "csv"}, {"show", path, "--as", "raw"}, {"show", path, "--full"}, {"show", path, "--hex", "--full"}, {"show", path, "--json"}} {
		cmd := exec.Command("tensorfile", args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		out.Close()
		cmd.Wait()
		if state := cmd.ProcessState; !diedOfPipe(state) && state.ExitCode() != exitPipe || stderr.Len() > 0 {
			t.Errorf("%v: %v\n%s", args[2:], state, stderr.String())
		}
	}
}

// An interrupt is heard while the program works, reads and writes, ends it with
// 130, and nothing stays behind.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be interrupted by another")
	}
	dir, temp := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "big.npy")
	holeFile(t, path, 25_000_000_000)
	out := filepath.Join(dir, "out.npy")
	for i, args := range [][]string{
		{"stats", path},
		{"show", path, "--as", "raw"},
		{"show", path, "--as", "npy", "-o", out},
		{"show", path, "--as", "csv"},
		{"show", path, "--full"},
		{"ls", "-"},
	} {
		t.Run(args[0]+strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("tensorfile", args...)
			cmd.Env = append(os.Environ(), "TMPDIR="+temp)
			in, inW := pipe(t)
			_, outW := pipe(t) // nobody reads it
			defer inW.Close()
			var stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = in, outW, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started := time.Second // before that an interrupt ends it as any program
			if raceBuild {
				started *= 6
			}
			time.Sleep(started)
			begin := time.Now()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || stderr.Len() > 0 {
				t.Errorf("%v: %v\n%s", args, cmd.ProcessState, stderr.String())
			}
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("%v: heard after %v", args, d)
			}
		})
	}
	t.Cleanup(func() {
		for _, dir := range []string{dir, temp} {
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if e.Name() != "big.npy" {
					t.Errorf("%s stays behind", e.Name())
				}
			}
		}
	})
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// What comes through a pipe and is large goes to a file that is gone at the end.
func TestSpool(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "big.npy")
	holeFile(t, path, spoolLimit/4+1000)
	for _, c := range []struct {
		env, stderr string
		code        int
	}{
		{"TMPDIR=" + temp, "tensorfile: note: standard input is kept in a temporary file while it is read\n", 0},
		{"TMPDIR=" + filepath.Join(temp, "none"), "no such file or directory", 2},
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd := exec.Command("tensorfile", "show", "-", "stdin[-2:]")
		cmd.Env = append(os.Environ(), c.env)
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = io.MultiReader(f), &out, &errs // no file: a pipe
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(errs.String(), c.stderr) || code == 0 && !strings.Contains(out.String(), "[0. 0.]") {
			t.Errorf("status %d\n%s%s", code, out.String(), errs.String())
		}
		if left := snapshot(t, temp); len(left) > 0 {
			t.Errorf("%d files stay behind", len(left))
		}
	}
}
