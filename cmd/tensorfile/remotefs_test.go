package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// nfs is the machine's file system, as if a server had it.
type nfs struct{ fsys.FS }

func (nfs) Remote(string) string { return "nfs" }

// runHere runs the tool in this process, where its file system can be replaced.
func runHere(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	out, errs := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = files[0], files[1]
	code = run(args)
	os.Stdout, os.Stderr = out, errs
	var text [2]string
	for i, f := range files {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(b)
	}
	return text[0], text[1], code
}

// E14: an edit of a file on a network file system says which one, and goes on
// with --remote-fs. What writes a new file works there.
func TestRemoteFS(t *testing.T) {
	for _, args := range edits {
		file, in := editedFile(t)
		restore := fsys.Replace(nfs{fsys.OS}, nil)
		args = editArgs(args, file, in)
		before, _ := os.ReadFile(file)
		stdout, stderr, code := runHere(t, args...)
		after, _ := os.ReadFile(file)
		if code != exitBad || stdout != "" || !strings.Contains(stderr, file) || !strings.Contains(stderr, "file system: got nfs") || !strings.Contains(stderr, "--remote-fs") || !bytes.Equal(before, after) {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
		if _, stderr, code := runHere(t, append(args, "--remote-fs")...); code != 0 {
			t.Errorf("%v --remote-fs: %d\n%s", args, code, stderr)
		}
		restore()
	}
	file, _ := editedFile(t)
	defer fsys.Replace(nfs{fsys.OS}, nil)()
	for _, args := range [][]string{{"repack", "-i", file}, {"repack", file, file + ".new"}, {"recover", file, "-o", file + ".saved"}, {"convert", file, file + ".npz"}, {"info", file}} {
		if _, stderr, code := runHere(t, args...); code != 0 {
			t.Errorf("%v: %d\n%s", args, code, stderr)
		}
	}
}
