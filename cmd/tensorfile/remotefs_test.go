package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/fsys"
)

// nfs is the machine's file system, as if a server had it.
type nfs struct{ fsys.FS }

func (nfs) Remote(string) string { return "nfs" }

// E14: an edit of a file on a network file system says which one, and goes on
// with --remote-fs. What writes a new file works there.
func TestRemoteFS(t *testing.T) {
	for _, args := range edits {
		file, in := editedFile(t)
		restore := fsys.Replace(nfs{fsys.OS}, nil)
		args = editArgs(args, file, in)
		before, _ := os.ReadFile(file)
		stdout, stderr, code := inProcess(t, args...)
		after, _ := os.ReadFile(file)
		if code != exitBad || stdout != "" || !strings.Contains(stderr, file) || !strings.Contains(stderr, "file system: got nfs") || !strings.Contains(stderr, "--remote-fs") || !bytes.Equal(before, after) {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
		if _, stderr, code := inProcess(t, append(args, "--remote-fs")...); code != 0 {
			t.Errorf("%v --remote-fs: %d\n%s", args, code, stderr)
		}
		restore()
	}
	file, _ := editedFile(t)
	defer fsys.Replace(nfs{fsys.OS}, nil)()
	for _, args := range [][]string{{"repack", "-i", file}, {"repack", file, file + ".new"}, {"recover", file, "-o", file + ".saved"}, {"convert", file, file + ".npz"}, {"info", file}} {
		if _, stderr, code := inProcess(t, args...); code != 0 {
			t.Errorf("%v: %d\n%s", args, code, stderr)
		}
	}
}
