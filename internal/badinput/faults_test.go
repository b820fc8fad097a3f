//go:build linux

package badinput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// faulty converts in to out over a fault.
func faulty(in, out string, fault faultfs.Fault) (*faultfs.FS, error) {
	f := faultfs.New(fsys.OS, fault)
	f.NoSync = true
	defer fsys.Replace(fsys.Steady(f), func(path string, r io.ReaderAt) io.ReaderAt { return f.Reader(path, r) })()
	o := &convert.Options{Overwrite: true, Deterministic: true}
	o.Open.NoMmap = true
	_, err := convert.Files(context.Background(), []string{in}, out, o)
	return f, err
}

// sweep converts a good file to files that are there and that are not, and
// fails each operation that want takes in each mode.
func sweep(t *testing.T, errs []error, modes []faultfs.Mode, want func(faultfs.Op) bool, check func(t *testing.T, f faultfs.Fault, hit faultfs.Op, err error, out string)) int {
	t.Helper()
	count := 0
	for _, name := range []string{"new.tensor", "old.tensor", "new.npz", "old.npz"} {
		dir := t.TempDir()
		in, out := good(t, filepath.Join(dir, "in.tensor")), filepath.Join(dir, name)
		was := map[string]state{}
		fresh := func() {
			os.Remove(out)
			if strings.HasPrefix(name, "old") {
				if err := os.WriteFile(out, []byte("what was there before"), 0o640); err != nil {
					t.Fatal(err)
				}
				was[name] = stateOf(t, out)
			}
		}
		fresh()
		before := list(t, dir)
		ref, err := faulty(in, filepath.Join(t.TempDir(), name), faultfs.Fault{N: -1})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range before {
			was[n] = stateOf(t, filepath.Join(dir, n))
		}
		for n, op := range ref.Ops() {
			if !want(op) {
				continue
			}
			for _, errno := range errs {
				for _, mode := range modes {
					if op.Kind == "CreateTemp" && mode == faultfs.After {
						continue // who has no name of it cannot remove it
					}
					fault := faultfs.Fault{N: n, Mode: mode, Err: errno}
					f, err := faulty(in, out, fault)
					hit, _, _ := f.Hit()
					check(t, fault, hit, err, out)
					count++
					if err == nil || errors.Is(err, tensorfile.ErrCommitUnknown) {
						fresh()
					}
					if left := list(t, dir); !slices.Equal(left, before) {
						t.Errorf("%v %v: left behind: %v", hit, fault, left)
					}
					for _, n := range before {
						if !stateOf(t, filepath.Join(dir, n)).same(was[n]) {
							t.Errorf("%v %v: %s was touched", hit, fault, n)
						}
					}
				}
			}
		}
	}
	return count
}

// E07: a disk, quota or limit that is used up, at every write.
func TestE07NoSpace(t *testing.T) {
	n := sweep(t, []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}, []faultfs.Mode{faultfs.Before, faultfs.Half}, faultfs.Op.Writes,
		func(t *testing.T, f faultfs.Fault, hit faultfs.Op, err error, out string) {
			done := 0
			if f.Mode == faultfs.Half {
				done = hit.Len / 2
			}
			wants(t, err, tensorfile.ErrNoSpace, out, f.Err.Error(), fmt.Sprintf("offset %d", hit.Offset+int64(done)), fmt.Sprintf("got %d bytes written, want %d", done, hit.Len))
		})
	t.Logf("%d faults", n)
	if n < 40 {
		t.Error("too few")
	}
}

// E07, by the system itself: a limit on the size of files, at every size that
// the output passes.
func TestE07Limit(t *testing.T) {
	bin := build(t)
	dir := t.TempDir()
	in := good(t, filepath.Join(dir, "in.tensor"))
	old := filepath.Join(dir, "old.npz")
	if err := os.WriteFile(old, []byte("what was there before"), 0o640); err != nil {
		t.Fatal(err)
	}
	before := stateOf(t, old)
	edited := stateOf(t, in)
	more := good(t, filepath.Join(t.TempDir(), "more.tensor"))
	n := 0
	for _, args := range [][]string{{"convert", in, filepath.Join(dir, "new.tensor")}, {"convert", "-f", in, old}, {"append", in, more, "--rename", "t=t2", "--rename", "u=u2"}, {"repack", "-i", in}} {
		for blocks := 0; ; blocks++ { // of 512 bytes
			if args[0] == "append" {
				blocks = max(blocks, int(edited.fi.Size())/512)
			}
			got := call(t, exec.Command("/bin/sh", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, blocks), "sh", bin}, args...)...))
			if got.status == 0 {
				break
			}
			n++
			if got.status != 2 || got.stdout != "" || !strings.Contains(got.stderr, syscall.EFBIG.Error()) || !strings.Contains(got.stderr, dir) || !strings.Contains(got.stderr, "bytes written, want ") {
				t.Fatalf("%v with %d blocks: %+v", args, blocks, got)
			}
			if l := list(t, dir); !slices.Equal(l, []string{"in.tensor", "old.npz"}) || !stateOf(t, old).same(before) {
				t.Fatalf("%v with %d blocks: %v", args, blocks, l)
			}
			if now := stateOf(t, in); now.sum != edited.sum {
				t.Fatalf("%v with %d blocks: the file changed", args, blocks)
			}
		}
		os.Remove(filepath.Join(dir, "new.tensor"))
		os.WriteFile(old, []byte("what was there before"), 0o640)
		before = stateOf(t, old)
		good(t, in)
		edited = stateOf(t, in)
	}
	t.Logf("%d limits", n)
	if n < 40 {
		t.Error("too few")
	}
}

// E08: an error of the disk at every operation.
func TestE08IO(t *testing.T) {
	kinds := map[string]bool{}
	n := sweep(t, []error{syscall.EIO}, []faultfs.Mode{faultfs.Before, faultfs.After}, func(faultfs.Op) bool { return true },
		func(t *testing.T, f faultfs.Fault, hit faultfs.Op, err error, out string) {
			kinds[hit.Kind] = true
			if err == nil {
				// Only what is not needed may fail and not be told.
				if hit.Writes() || hit.Syncs() || f.Mode == faultfs.Before && (hit.Kind == "ReadAt" || strings.HasPrefix(hit.Kind, "Rename")) {
					t.Errorf("%v: nobody heard of it", hit)
				}
				return
			}
			var e *tensorfile.Error
			if !errors.As(err, &e) || e.Field == "" || hit.Transfer() && e.Offset < 0 {
				t.Errorf("%v: %v", hit, err)
			}
			wants(t, err, tensorfile.ErrIO, filepath.Dir(out), syscall.EIO.Error())
		})
	t.Logf("%d faults", n)
	for _, k := range []string{"ReadAt", "Write", "Sync", "Close", "Rename", "SyncDir", "CreateTemp", "Chmod"} {
		if !kinds[k] {
			t.Errorf("%s never failed", k)
		}
	}
	// After a failed sync a writer is of no use.
	for n := range 2 {
		path := good(t, filepath.Join(t.TempDir(), "x.tensor"))
		edited(t, path) // the first edit of a file has a barrier more
		barrier := 0
		f := faultfs.New(fsys.OS, faultfs.Fault{N: -1})
		fs := &failedSync{FS: f, n: n, seen: &barrier}
		restore := fsys.Replace(fs, nil)
		w, err := tensorfile.OpenAppend(path, nil)
		restore()
		if err != nil {
			t.Fatal(err)
		}
		v, _ := tensor.FromSlice([]int8{1})
		if err := w.Add(context.Background(), "new", v, nil); err != nil {
			t.Fatal(err)
		}
		err = w.Commit(context.Background())
		wants(t, err, tensorfile.ErrIO, path)
		if errors.Is(err, tensorfile.ErrCommitUnknown) != (n == 1) {
			t.Errorf("barrier %d: %v", n, err)
		}
		wants(t, w.Commit(context.Background()), tensorfile.ErrPoisoned)
		wants(t, w.Delete("t"), tensorfile.ErrPoisoned)
		if barrier != n+1 {
			t.Errorf("%d barriers after one of them failed", barrier)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// failedSync fails the n-th barrier.
// edited commits a tensor to the file at path.
func edited(t *testing.T, path string) {
	t.Helper()
	v, err := tensor.FromSlice([]int8{2})
	if err != nil {
		t.Fatal(err)
	}
	w, err := tensorfile.OpenAppend(path, nil)
	if err == nil {
		err = errors.Join(w.Add(context.Background(), "before", v, nil), w.Commit(context.Background()), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

type failedSync struct {
	fsys.FS
	n    int
	seen *int
}

type failedSyncFile struct {
	fsys.File
	fs *failedSync
}

func (f *failedSync) OpenWrite(path string) (fsys.File, error) {
	x, err := f.FS.OpenWrite(path)
	return failedSyncFile{x, f}, err
}

func (f failedSyncFile) Datasync() error {
	*f.fs.seen++
	if *f.fs.seen == f.fs.n+1 {
		return syscall.EIO
	}
	return f.File.Datasync()
}

// E09: signals and short transfers at every operation change nothing.
func TestE09Interrupted(t *testing.T) {
	want := map[string][]byte{}
	n := sweep(t, []error{syscall.EINTR}, []faultfs.Mode{faultfs.Before, faultfs.Half, faultfs.Short}, func(op faultfs.Op) bool { return op.Len != 1 },
		func(t *testing.T, f faultfs.Fault, hit faultfs.Op, err error, out string) {
			if f.Mode != faultfs.Before && !hit.Transfer() {
				return
			}
			if err != nil {
				t.Errorf("%v %v: %v", hit, f, err)
				return
			}
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			key := filepath.Ext(out)
			if want[key] == nil {
				want[key] = got
			}
			if !bytes.Equal(got, want[key]) {
				t.Errorf("%v %v: other bytes", hit, f)
			}
		})
	t.Logf("%d faults", n)
	if n < 150 {
		t.Error("too few")
	}
}

// sector is a disk that does not give one of its sectors.
type sector struct {
	r   io.ReaderAt
	off int64
}

const sectorSize = 512

func (s sector) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= s.off || off >= s.off+sectorSize {
		return s.r.ReadAt(p, off)
	}
	n := 0
	if off < s.off {
		n, _ = s.r.ReadAt(p[:s.off-off], off)
	}
	return n, syscall.EIO
}

// E12: a sector that the disk does not give, wherever it lies: what does not
// need it is right, and everything else is an error that says where. (That a
// mapping of such a sector faults, and that this becomes an error, is tested
// with mappings.)
func TestE12Unreadable(t *testing.T) {
	path := good(t, filepath.Join(t.TempDir(), "x.tensor"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elems := func(f *tensorfile.File) map[string]string {
		m := map[string]string{}
		for x, err := range f.Tensors() {
			if err != nil {
				continue
			}
			if v, err := x.Read(context.Background()); err == nil {
				raw, _ := v.Bytes()
				m[x.Name()] = fmt.Sprint(x.DType(), x.Shape(), raw)
			}
		}
		return m
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := elems(f)
	f.Close()
	hit := 0
	for off := int64(0); off < int64(len(b)); off += sectorSize {
		for _, way := range []string{"pread", "readerat"} {
			row := Row{ID: "E12", What: fmt.Sprintf("%s at %d", way, off), Kind: tensorfile.ErrIO}
			open := func() (*tensorfile.File, error) {
				if way == "pread" {
					defer fsys.Replace(nil, func(_ string, r io.ReaderAt) io.ReaderAt { return sector{r, off} })()
					return convert.Open(context.Background(), path, row.options(true))
				}
				return convert.OpenMap(context.Background(), mmap.NewReaderAt(sector{bytes.NewReader(b), off}, int64(len(b)), path), row.options(false))
			}
			row.bounded(t, way, int64(len(b)), func() {
				_, _, err := row.use(t, open)
				if err == nil {
					return // nobody needs the sector: zeros between pages
				}
				hit++
				row.text(t, way, err, path)
				var e *tensorfile.Error
				if errors.As(err, &e) && (e.Offset < off || e.Offset >= off+sectorSize) && way == "readerat" {
					t.Errorf("%s at %d: the error says %d", way, off, e.Offset)
				}
			})
			if f, err := open(); err == nil {
				for name, got := range elems(f) {
					if got != want[name] {
						t.Errorf("%s at %d: %s is wrong", way, off, name)
					}
				}
				f.Close()
			}
		}
	}
	t.Logf("%d of %d sectors are needed", hit/2, len(b)/sectorSize)
	if hit < 20 {
		t.Error("too few")
	}
}

// E13: a second writer is told who holds the file, or waits for it; a writer
// does not mind readers that map it, nor they the writer.
func TestE13TwoWriters(t *testing.T) {
	path := good(t, filepath.Join(t.TempDir(), "x.tensor"))
	before := stateOf(t, path)
	reader, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	first, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tensorfile.OpenAppend(path, nil)
	who := []string{path, "lock", "another writer"}
	if _, serr := os.Stat("/proc/self/fdinfo"); serr == nil {
		who = append(who, fmt.Sprintf("process %d", os.Getpid()))
	}
	wants(t, err, tensorfile.ErrLocked, who...)
	if !stateOf(t, path).same(before) {
		t.Error("touched")
	}
	v, _ := tensor.FromSlice([]int8{1, 2, 3})
	if err := first.Add(context.Background(), "first", v, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		second, err := tensorfile.OpenAppend(path, &tensorfile.AppendOptions{Wait: time.Minute})
		if err == nil {
			if err = second.Add(context.Background(), "second", v, nil); err == nil {
				err = second.Commit(context.Background())
			}
			err = errors.Join(err, second.Close())
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("the second writer did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := errors.Join(first.Commit(context.Background()), first.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// The reader keeps what it opened.
	x, err := reader.Tensor("t")
	if err == nil {
		_, err = x.Read(context.Background())
	}
	if _, gone := reader.Tensor("first"); err != nil || !errors.Is(gone, tensorfile.ErrNotFound) || reader.Info().Generation != 1 {
		t.Errorf("the reader: %v, %v", err, gone)
	}
	now, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	for _, name := range []string{"t", "u", "first", "second"} {
		if _, err := now.Tensor(name); err != nil {
			t.Error(err)
		}
	}
	if g := now.Info().Generation; g != 3 {
		t.Errorf("generation %d", g)
	}
}

// E13 with the tool: status 2 and the process that holds the file.
func TestE13Tool(t *testing.T) {
	bin := build(t)
	path := good(t, filepath.Join(t.TempDir(), "x.tensor"))
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"rm", path, "t"}, {"append", path, good(t, filepath.Join(t.TempDir(), "in.tensor")), "--replace"}, {"repack", "-i", path}} {
		got := call(t, exec.Command(bin, args...))
		if got.status != 2 || got.stdout != "" || !strings.Contains(got.stderr, path) || !strings.Contains(got.stderr, fmt.Sprintf("process %d", os.Getpid())) || !strings.Contains(got.stderr, "--wait") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	cmd := exec.Command(bin, "rm", "--wait", "1m", path, "t")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &errs)
	}
}
