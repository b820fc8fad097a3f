//go:build unix

package tensorfile_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// newCase makes a file, dst, in one step.
type newCase struct {
	before   map[string][]byte
	src, dst string
	// make does it. read is the source, over the same faults.
	make func(t *testing.T, fs fsys.FS, read *mmap.Map) error
	// partly says that what cannot be read may be left out: Recover.
	partly bool
	random bool // the UUID is
	reads  int  // of so many faults of reads one is tried
	floor  int
	once   bool
	done   []byte
}

func (n *newCase) run(t *testing.T, fault faultfs.Fault, ref *faultfs.FS, c *faultCount) *faultfs.FS {
	under := crashfs.From(n.before)
	f := faultfs.New(under, fault)
	var m *mmap.Map
	if b := n.before[n.src]; b != nil {
		m = mmap.NewReaderAt(f.Reader(n.src, bytes.NewReader(b)), int64(len(b)), n.src)
		defer m.Close()
	}
	err := n.make(t, fsys.Steady(f), m)
	hit, rest, _ := f.Hit()
	unknown := errors.Is(err, tensorfile.ErrCommitUnknown)
	end := under.Files()
	switch {
	case err == nil:
		c.survived++
	case fault.Soft(syscall.EINTR):
		t.Error(err)
	default:
		c.failed++
		path := n.dst
		var e *tensorfile.Error
		if fault.Mode == faultfs.Dead && errors.As(err, &e) || hit.Path == n.src {
			path = n.src // any of the two
			if e != nil && e.Path == n.dst {
				path = n.dst
			}
		}
		if !n.partly || hit.Kind != "ReadAt" {
			faultError(t, err, path, fault, hit)
		}
	}
	if unknown {
		c.unknown++
		if hit.Kind != "SyncDir" && !strings.HasPrefix(hit.Kind, "Rename") && fault.Mode != faultfs.Dead {
			t.Errorf("commit unknown after %v: %v", hit, err)
		}
	}
	old, now := n.before[n.dst], end[n.dst]
	if n.done == nil {
		n.done = now
	}
	isNew := func() bool {
		a, _, err := holdingOf(now, 0)
		b, _, derr := holdingOf(n.done, 0)
		return err == nil && derr == nil && maps.Equal(a, b) && (n.random || bytes.Equal(now, n.done))
	}
	isOld := bytes.Equal(old, now) && (old == nil) == (now == nil)
	switch {
	case err == nil && n.partly && hit.Kind == "ReadAt" && !fault.Soft(syscall.EINTR):
	case err == nil && !isNew():
		t.Error("done, and the file is not what it should be")
	case err != nil && !isOld && !(unknown && isNew()):
		t.Errorf("the destination changed: %v", err)
	}
	if n.src != n.dst && !bytes.Equal(end[n.src], n.before[n.src]) {
		t.Error("the source changed")
	}
	for name := range end {
		if !strings.HasSuffix(name, fsys.TempSuffix) {
			continue
		}
		switch told := err != nil && strings.Contains(err.Error(), "removal of the temporary file"); {
		case fault.Mode != faultfs.Dead && hit.Kind != "Remove":
			t.Errorf("%s was left after %v", name, hit)
		case !told && !unknown && slices.ContainsFunc(f.Ops(), faultfs.Op.Writes):
			t.Errorf("%s was left, and nobody says so: %v", name, err)
		}
	}
	if hit.Syncs() && !fault.Soft(syscall.EINTR) {
		for _, op := range rest {
			if op.Syncs() || op.Writes() || strings.HasPrefix(op.Kind, "Rename") {
				t.Errorf("after a failed sync: %v", op)
			}
		}
	}
	if err != nil && !unknown && !n.once {
		n.again(t, end)
	}
	return f
}

// again does it once more, on a disk that works: what was left goes away.
func (n *newCase) again(t *testing.T, files map[string][]byte) {
	t.Helper()
	under := crashfs.From(files)
	var m *mmap.Map
	if b := files[n.src]; b != nil {
		m = mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), n.src)
		defer m.Close()
	}
	if err := n.make(t, under, m); err != nil {
		t.Errorf("once more: %v", err)
	}
	for name := range under.Files() {
		if strings.HasSuffix(name, fsys.TempSuffix) {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestFaultsNew fails every operation of what makes new files with every
// error: the destination is as it was, or the new file, whole.
func TestFaultsNew(t *testing.T) {
	base, _ := baseFile(t)
	old, _ := baseFile(t)
	add := func(w *tensorfile.Writer, name string, n int) error {
		v, err := tensor.FromSlice(someBytes(n, len(name)))
		if err != nil {
			return err
		}
		return w.Add(ctx, name, v, nil)
	}
	// write ends a writer as its callers do.
	write := func(t *testing.T, w *tensorfile.Writer, err error, fn func(w *tensorfile.Writer) error) error {
		if err != nil {
			return err
		}
		if err = fn(w); err == nil {
			err = w.Commit(ctx)
		}
		if err != nil && !errors.Is(w.Delete("x"), tensorfile.ErrUnsupported) {
			t.Error("an edit of a new file")
		}
		none := w.TensorOn(tensorfile.StorageID{}, "", tensor.U8, tensor.Shape{0}, nil, 0, nil) // never works
		if poisoned := errors.Is(none, tensorfile.ErrPoisoned); poisoned {
			refuses(t, w)
		} else if err != nil && !strings.Contains(err.Error(), "read") {
			t.Errorf("%v, and the writer goes on", err)
		}
		if cerr := w.Close(); cerr != nil && err != nil {
			err = twice{err, cerr}
		} else if err == nil {
			err = cerr
		}
		return err
	}
	create := func(o tensorfile.CreateOptions, size int) func(t *testing.T, fs fsys.FS, _ *mmap.Map) error {
		o.Deterministic = true
		return func(t *testing.T, fs fsys.FS, _ *mmap.Map) error {
			w, err := tensorfile.Create(faultPath, o.On(fs))
			return write(t, w, err, func(w *tensorfile.Writer) error {
				return errors.Join(w.SetAttrs(tensorfile.Attrs{"title": "new"}), add(w, "one", size), add(w, "two", 300))
			})
		}
	}
	repack := func(dst string, o tensorfile.RepackOptions) func(t *testing.T, fs fsys.FS, m *mmap.Map) error {
		o.Deterministic = true
		return func(t *testing.T, fs fsys.FS, m *mmap.Map) error {
			f, err := tensorfile.OpenMap(m, nil)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = tensorfile.Repack(ctx, f, dst, o.On(fs))
			return err
		}
	}
	const src = "dir/source.tensor"
	broken := bytes.Clone(base)
	copy(broken[len(broken)-4096:], "garbage in the last page, where the trailer is not")
	for i := range 8192 {
		broken[4096+i] = 0xa5 // the slots
	}
	for _, c := range []struct {
		what string
		n    newCase
	}{
		{"create", newCase{dst: faultPath, make: create(tensorfile.CreateOptions{}, 3000), floor: 150}},
		{"create over a file", newCase{before: map[string][]byte{faultPath: old}, dst: faultPath, make: create(tensorfile.CreateOptions{Overwrite: true}, 3000), floor: 200}},
		{"create without sync", newCase{dst: faultPath, make: create(tensorfile.CreateOptions{NoSync: true}, 3000), floor: 120}},
		{"create a large file", newCase{dst: faultPath, make: create(tensorfile.CreateOptions{}, 2100<<10), floor: 200, once: true}},
		{"save", newCase{before: map[string][]byte{faultPath: old}, dst: faultPath, random: true, floor: 200, make: func(t *testing.T, fs fsys.FS, _ *mmap.Map) error {
			defer fsys.Replace(fs, nil)()
			return tensorfile.Save(faultPath, map[string]any{"x": []float32{1, 2, 3}, "y": int64(7)})
		}}},
		{"copy", newCase{before: map[string][]byte{src: base}, src: src, dst: faultPath, floor: 350, make: func(t *testing.T, fs fsys.FS, m *mmap.Map) error {
			f, err := tensorfile.OpenMap(m, nil)
			if err != nil {
				return err
			}
			defer f.Close()
			w, err := tensorfile.Create(faultPath, (tensorfile.CreateOptions{Deterministic: true}).On(fs))
			return write(t, w, err, func(w *tensorfile.Writer) error {
				for _, name := range []string{"a", "d", "layer.050.weight with a name of some length"} {
					x, err := f.Tensor(name)
					if err == nil {
						err = w.Copy(ctx, tensorfile.Item{Tensor: x})
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		}}},
		{"repack", newCase{before: map[string][]byte{src: base}, src: src, dst: faultPath, make: repack(faultPath, tensorfile.RepackOptions{}), floor: 500, reads: 7}},
		{"repack over a file", newCase{before: map[string][]byte{src: base, faultPath: old}, src: src, dst: faultPath, make: repack(faultPath, tensorfile.RepackOptions{Overwrite: true, KeepAll: true}), floor: 500, reads: 7}},
		{"repack in place", newCase{before: map[string][]byte{faultPath: base}, src: faultPath, dst: faultPath, make: repack(faultPath, tensorfile.RepackOptions{KeepAll: true}), floor: 500, reads: 7}},
		{"recover", newCase{before: map[string][]byte{src: broken}, src: src, dst: faultPath, partly: true, make: func(t *testing.T, fs fsys.FS, m *mmap.Map) error {
			_, err := tensorfile.RecoverMap(ctx, m, faultPath, fs)
			return err
		}, floor: 300, reads: 17}},
	} {
		t.Run(c.what, func(t *testing.T) {
			stride := faultStride(23)
			got := sweepFaults(t, stride, max(c.n.reads, 1), c.n.run)
			if got.faults < c.n.floor/stride || got.survived == 0 || got.unknown == 0 && stride == 1 && c.what != "create without sync" {
				t.Errorf("%v: want %d", &got, c.n.floor)
			}
		})
	}
}

// twice is an error and the one of Close behind it.
type twice struct {
	error
	next error
}

func (e twice) Error() string   { return e.error.Error() + " (then " + e.next.Error() + ")" }
func (e twice) Unwrap() []error { return []error{e.error, e.next} }

// A stream that fails ends its writer, at whatever write.
func TestFaultsStream(t *testing.T) {
	count, floor := 0, 20
	errnos := append(slices.Clone(hard), io.ErrClosedPipe, syscall.EPIPE, nil)
	if testing.Short() || raceBuild {
		errnos, floor = []error{syscall.EIO, nil}, 6
	}
	for _, errno := range errnos {
		for n := 0; ; n++ {
			out := &failingWriter{n: n, err: errno}
			w, err := tensorfile.NewWriter(out, &tensorfile.CreateOptions{Deterministic: true, Time: time.Unix(1, 0)})
			ok(t, err)
			err = addStep("large", 4500<<10, 3, false).do(w)
			if err == nil {
				err = addStep("small", 100, 3, false).do(w)
			}
			if err == nil {
				err = w.Commit(ctx)
			}
			if err == nil {
				if out.n < 0 {
					t.Errorf("write %d failed with %v and nobody said so", n, errno)
				}
				ok(t, w.Close())
				wantHolding(t, out.Bytes(), 1, holding{"large": bytesText(someBytes(4500<<10, 3), nil), "small": bytesText(someBytes(100, 3), nil)})
				break
			}
			count++
			kind := tensorfile.ErrIO
			if slices.Contains(hard[1:], errno) {
				kind = tensorfile.ErrNoSpace
			}
			if !errors.Is(err, kind) || errno != nil && !errors.Is(err, errno) || errno == nil && !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("write %d, %v: %v", n, errno, err)
			}
			var e *tensorfile.Error
			if !errors.As(err, &e) || e.Offset != int64(out.Len()) || e.Field == "" {
				t.Errorf("write %d, %v: %v after %d bytes", n, errno, err, out.Len())
			}
			refuses(t, w)
			ok(t, w.Close())
		}
	}
	t.Logf("%d faults of streams", count)
	if count < floor {
		t.Error("too few")
	}
}

// failingWriter fails write n, from 0, after half of its bytes. Without err it
// breaks the rules of io.Writer: a short count that is no error.
type failingWriter struct {
	bytes.Buffer
	n   int
	err error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	w.n--
	if w.n == -1 {
		n, _ := w.Buffer.Write(p[:len(p)/2])
		return n, w.err
	}
	return w.Buffer.Write(p)
}
