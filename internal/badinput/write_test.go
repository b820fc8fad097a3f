//go:build unix

package badinput

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// Files that can be read and that a writer must leave alone, and such that it
// must not: what it writes behind is sound.
func TestRefusedEdits(t *testing.T) {
	bin := build(t)
	for _, c := range []struct {
		id   string
		make func() []byte
		kind error // nil: the edit works
		rule string
		says []string
	}{
		{"N05 must-write bit", head(forge.RMustWrite, 1<<40), tensorfile.ErrUnsupported, format.RuleRootMustWrite, []string{"0x10000000000"}},
		{"N10 run of the newest generation", func() []byte { im := two(); im.B[im.Last().Head+60] ^= 1; return im.B }, tensorfile.ErrCorrupt, format.RuleRefCRC, nil},
		{"N11 cut", func() []byte { im := two(); return im.B[:len(im.B)-4096] }, tensorfile.ErrTruncated, format.RuleRootTruncated, nil},
		{"N16 slots of one generation", func() []byte {
			im := two()
			copy(im.B[4096:4096+128], im.B[8192:])
			im.P64(4096+forge.RTime, 1).P32(4096+forge.RCRC, forge.CRC(im.B[4096+8:4096+128]))
			return im.B
		}, tensorfile.ErrCorrupt, format.RuleRootTwins, nil},
		{"N17 generation 2^64-1", head(forge.RGen, math.MaxUint64), tensorfile.ErrLimit, format.RuleRootGeneration, []string{"18446744073709551615"}},
		{"N17 generation 2^64-2", head(forge.RGen, math.MaxUint64-1), tensorfile.ErrLimit, format.RuleRootGeneration, []string{"18446744073709551614"}},
		{"N17 generation 2^64-3", head(forge.RGen, math.MaxUint64-2), nil, "", nil},
		{"N49 history that points to itself", head(forge.RPrevious, uint64(two().Last().Trailer)), tensorfile.ErrCorrupt, format.RuleRootPrevious, nil},
		{"N50 leftover", func() []byte { return append(two().B, bytes.Repeat([]byte{0xaa}, 5000)...) }, nil, "", nil},
		{"N50 leftover of one byte", func() []byte { return append(two().B, 1) }, nil, "", nil},
		{"N09 torn slot", func() []byte { im := two(); clear(im.B[8192+60 : 8192+100]); return im.B }, nil, "", nil},
	} {
		t.Run(c.id, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.tensor")
			data := c.make()
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"rm", path, "b"}, {"attr", "set", path, "k=1"}, {"append", path, path, "--rename", "a=c", "--only", "a"}} {
				if c.kind == nil {
					break
				}
				got := call(t, exec.Command(bin, args...))
				if got.status != 2 || got.stdout != "" || !strings.Contains(got.stderr, path) || !strings.Contains(got.stderr, c.rule) {
					t.Errorf("%v: %+v", args, got)
				}
			}
			w, err := tensorfile.OpenAppend(path, nil)
			if c.kind == nil {
				if err != nil {
					t.Fatal(err)
				}
				goOn(t, w, path)
				return
			}
			var e *tensorfile.Error
			if !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.rule) || e.Path != path {
				t.Fatalf("got %v, want %v by %s", err, c.kind, c.rule)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("no %q in %v", s, err)
				}
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
				t.Errorf("the file changed (%v)", err)
			}
		})
	}
}

// goOn commits a tensor, after which nothing is wrong with the file.
func goOn(t *testing.T, w *tensorfile.Writer, path string) {
	t.Helper()
	defer w.Close()
	v, err := tensor.FromSlice([]int16{1, 2})
	if err == nil {
		err = w.Add(ctx, "new", v, nil)
	}
	if err == nil {
		err = w.Commit(ctx)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Tensor("new"); err != nil {
		t.Error(err)
	}
	r, err := f.Verify(ctx, nil)
	if err != nil || !r.OK() || f.Info().Leftover != 0 {
		t.Errorf("%v, %v, %d bytes left over", err, r.Findings, f.Info().Leftover)
	}
}

// N58: a file that is replaced by a rename while it is open for append. The
// commit says so, with both inodes, and the new file stays as it is.
func TestN58Replaced(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "x.tensor"), filepath.Join(dir, "y.tensor")
	for _, p := range []string{path, other} {
		if err := os.WriteFile(p, two().B, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := os.Rename(other, path); err != nil {
		t.Skip(err)
	}
	if err := w.Delete("a"); err != nil {
		t.Fatal(err)
	}
	err = w.Commit(ctx)
	if !errors.Is(err, tensorfile.ErrChanged) || strings.Count(err.Error(), "inode ") != 2 || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, two().B) {
		t.Errorf("the new file changed (%v)", err)
	}
}
