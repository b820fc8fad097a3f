package fsys_test

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
)

// What signals interrupt is done again, once for each, and short transfers go
// on where they stopped.
func TestSteady(t *testing.T) {
	for _, errno := range []error{syscall.EINTR, nil} {
		under := crashfs.From(map[string][]byte{"d/x": []byte("0123456789")})
		f := faultfs.New(under, faultfs.Fault{Mode: faultfs.Every, Err: errno})
		fs := fsys.Steady(f)
		x, err := fs.OpenWrite("d/x")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		n, rerr := x.ReadAt(b, 0)
		m, werr := x.WriteAt([]byte("abcdefg"), 3)
		k, eof := x.ReadAt(b[:5], 8)
		if n != 10 || rerr != nil || m != 7 || werr != nil || k != 2 || eof != io.EOF {
			t.Errorf("%v: %d %v, %d %v, %d %v", errno, n, rerr, m, werr, k, eof)
		}
		_, serr := x.Stat()
		_, lerr := fs.Lstat("d/x")
		_, perr := fs.Resolve("d/x")
		tmp, terr := fs.CreateTemp("d/x", 0o600)
		if err := errors.Join(serr, lerr, perr, terr, x.Lock(), x.Truncate(9), x.Sync(), x.Datasync(), x.Close(), tmp.Close(),
			fs.Chmod(tmp.Name(), 0o644), fs.Rename(tmp.Name(), "d/y"), fs.RenameNew("d/y", "d/z"), fs.SyncDir("d"), fs.Remove("d/z")); err != nil {
			t.Error(err)
		}
		if got := under.Files(); len(got) != 1 || !bytes.Equal(got["d/x"], []byte("012abcdef")) {
			t.Errorf("%v: %q", errno, got)
		}
	}
}

// An error stays one, with what was transferred before it; a transfer that
// moves nothing and says nothing ends.
func TestSteadyErrors(t *testing.T) {
	f := faultfs.New(crashfs.From(map[string][]byte{"x": make([]byte, 10)}), faultfs.Fault{N: 1, Mode: faultfs.Half, Err: syscall.EIO})
	x, err := fsys.Steady(f).OpenWrite("x")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := x.WriteAt(make([]byte, 8), 0); n != 4 || !errors.Is(err, syscall.EIO) {
		t.Errorf("%d, %v", n, err)
	}
	if len(f.Ops()) != 2 {
		t.Errorf("%v was tried again", f.Ops())
	}
	still, err := fsys.Steady(stillFS{crashfs.From(map[string][]byte{"x": nil})}).OpenWrite("x")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := still.Write([]byte("abc")); n != 0 || err != io.ErrShortWrite {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := still.ReadAt(make([]byte, 3), 0); n != 0 || err != io.ErrNoProgress {
		t.Errorf("%d, %v", n, err)
	}
}

type stillFS struct{ fsys.FS }

type stillFile struct{ fsys.File }

func (s stillFS) OpenWrite(path string) (fsys.File, error) {
	f, err := s.FS.OpenWrite(path)
	return stillFile{f}, err
}

func (stillFile) Write([]byte) (int, error)         { return 0, nil }
func (stillFile) ReadAt([]byte, int64) (int, error) { return 0, nil }

// A test's file system counts until it is taken away, for files opened since.
func TestReplace(t *testing.T) {
	fs := crashfs.New()
	restore := fsys.Replace(fs, nil)
	in := fsys.Default()
	r := bytes.NewReader(nil)
	same := fsys.Reader("x", r)
	restore()
	if in != fs || fsys.Default() != fsys.OS || same != r {
		t.Error("not what was put there")
	}
	defer fsys.Replace(nil, func(string, io.ReaderAt) io.ReaderAt { return nil })()
	if fsys.Default() != fsys.OS || fsys.Reader("x", r) != nil {
		t.Error("reads are not replaced on their own")
	}
}
