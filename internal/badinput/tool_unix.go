//go:build unix

package badinput

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// addressSpace is what a child may reserve beyond a multiple of its input. Of it
// the runtime takes some 600 MiB before main, untouched, and each thread of libc
// its stack; a buffer by the claim of a header does not fit into the rest.
const addressSpace = 2 << 30

// Tool builds the command-line tool, once for all packages, and returns its
// path. The build is the go command's business, which looks whether anything
// changed; the lock keeps packages that are tested at once from each other.
var Tool = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	// What the tool is made of is what a cached result of this test depends on.
	sources, err := filepath.Glob(filepath.Join(root, "cmd", "tensorfile", "*.go"))
	if err != nil {
		return "", err
	}
	for _, s := range sources {
		if _, err := os.Stat(s); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(root, "bin", "test", runtime.GOOS+"-"+runtime.GOARCH)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tensorfile")
	cmd := exec.Command("go", "build", "-o", path, module+"/cmd/tensorfile")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

type result struct {
	status         int
	stdout, stderr string
}

func call(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// hasTools says that rows go through the tool here.
func hasTools() bool { return !testing.Short() && !raceBuild }

// tool gives the input to the tool, in processes of its own with a limit on
// their address space: conversions to a destination that is not there and to
// one that is, and a verification.
func (r *Row) tool(t testing.TB, bin, path string) {
	t.Helper()
	var size int64
	if fi, err := os.Stat(path); err == nil {
		size = fi.Size()
	}
	limit := (addressSpace + 8*min(size, 1<<40) + r.Memory) >> 10
	child := func(command string, args ...string) result {
		all := []string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$@"`, limit), "sh", bin}
		all = append(all, strings.Fields(command)...)
		if r.From != "" {
			all = append(all, "--from", r.From)
		}
		cmd := exec.Command("/bin/sh", append(append(all, "--"), args...)...)
		cmd.Env = append(os.Environ(), "MALLOC_ARENA_MAX=1")
		got := call(t, cmd)
		for _, s := range []string{got.stdout, got.stderr} {
			if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xfffd }) {
				t.Errorf("%s: unprintable characters in %q", command, s)
			}
		}
		for _, crash := range []string{"goroutine ", "panic", "fatal error", "runtime:", "runtime/cgo"} {
			if strings.Contains(got.stderr, crash) {
				t.Errorf("%s: a crash: %.2000s", command, got.stderr)
			}
		}
		return got
	}
	works := r.Kind == nil || r.Converts || r.At == Write
	there, gone := r.destination(t)
	got := child("convert", path, filepath.Join(gone, "out.tensor"))
	switch {
	case works && got.status != 0 && !(got.status == 1 && strings.Contains(got.stderr, "no tensor")):
		t.Errorf("convert: %+v, want status 0", got)
	case works:
	default:
		r.refusal(t, "convert", got, path)
		if l := list(t, gone); len(l) != 0 {
			t.Errorf("convert: left behind: %q", l)
		}
		old := filepath.Join(there, "old.tensor")
		before := stateOf(t, old)
		r.refusal(t, "convert -f", child("convert -f", path, old), path)
		if !stateOf(t, old).same(before) {
			t.Error("convert -f: the destination was touched")
		}
		if l := list(t, there); len(l) != 1 {
			t.Errorf("convert -f: left behind: %q", l)
		}
	}
	got = child("verify", path)
	found := r.Kind != nil && r.At != Write
	switch {
	case !found && got.status != 0:
		t.Errorf("verify: %+v, want status 0", got)
	case found && r.At == Verify && got.status != 1:
		t.Errorf("verify: %+v, want status 1", got)
	case found && got.status == 0 && r.At == Use && (r.Converts || errors.Is(r.Kind, tensorfile.ErrLimit)):
		// Its parts are sound and only too large, or not decoded.
	case found && got.status != 1 && got.status != 2:
		t.Errorf("verify: %+v, want status 1 or 2", got)
	case got.status == 2 && got.stdout != "" && !strings.HasPrefix(got.stdout, tensor.Escape(path)+": "):
		t.Errorf("verify: %q on stdout, which holds answers only", got.stdout)
	}
	r.children = true
}

// refusal checks what the tool says of an input that it does not convert.
func (r *Row) refusal(t testing.TB, what string, got result, path string) {
	t.Helper()
	if got.status != 2 {
		t.Errorf("%s: %+v, want status 2", what, got)
	}
	if got.stdout != "" {
		t.Errorf("%s: %q on stdout", what, got.stdout)
	}
	r.words(t, what, got.stderr, path, r.Says)
}
