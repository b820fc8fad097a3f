//go:build unix

package tensorfile_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

var touched byte

// cutFile is a file that another process cuts short while it is open.
func cutFile(t *testing.T) (path string, size int64) {
	t.Helper()
	path = temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "a", tensor.F32, tensor.Shape{1 << 10, 1 << 10}, zeros{}, nil))
		ok(t, w.AddReader(ctx, "flags", tensor.Bool, tensor.Shape{3 << 20}, zeros{}, nil))
		ok(t, w.AddReader(ctx, "small", tensor.U8, tensor.Shape{10}, zeros{}, nil))
	})
	return path, must(os.Stat(path))(t).Size()
}

// Whatever is under way when a mapped file is cut short ends with an error that
// names file, tensor and offset; the process lives (N55).
func TestTruncatedWhileMapped(t *testing.T) {
	for _, noMmap := range []bool{false, true} {
		for _, left := range []int64{0, 4096, format.DataStart, 1<<20 + 777, 5 << 20} {
			t.Run(fmt.Sprintf("noMmap=%v/left=%d", noMmap, left), func(t *testing.T) {
				path, _ := cutFile(t)
				f := must(tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: noMmap}))(t)
				defer f.Close()
				a, flags := must(f.Tensor("a"))(t), must(f.Tensor("flags"))(t)
				ok(t, os.Truncate(path, left))
				_, err := flags.Read(ctx)
				wantErr(t, err, tensorfile.ErrChanged, path, `"flags"`, "offset", "changed while open")
				wantErr(t, flags.WriteCOrder(ctx, io.Discard), tensorfile.ErrChanged, path, `"flags"`, "offset")
				part := must(tensor.ParseSelection("::-1000"))(t)
				_, err = flags.Read(ctx, part)
				wantErr(t, err, tensorfile.ErrChanged, `"flags"`)
				dst := must(tensor.Make(tensor.Bool, flags.Shape()))(t)
				wantErr(t, flags.ReadInto(ctx, dst), tensorfile.ErrChanged)
				if !noMmap {
					_, err = tensorfile.Data[bool](flags)
					wantErr(t, err, tensorfile.ErrChanged, `"flags"`)
					_, err = tensorfile.View[bool](flags)
					wantErr(t, err, tensorfile.ErrChanged)
					v := must(flags.View())(t)
					wantErr(t, flags.Guard(func(v tensor.View) error {
						b, err := v.Bytes()
						touched += b[len(b)-1]
						return err
					}), tensorfile.ErrChanged, path, `"flags"`)
					// A view of it is as good, or bad, a source as any.
					w := must(tensorfile.NewWriter(io.Discard, nil))(t)
					wantErr(t, w.Add(ctx, "x", v, nil), tensorfile.ErrChanged, `"x"`)
					w = must(tensorfile.NewWriter(io.Discard, nil))(t)
					wantErr(t, w.Add(ctx, "x", must(v.Slice(0, tensor.None, tensor.None, -2))(t), nil), tensorfile.ErrChanged, `"x"`)
				}
				// A file is written by a system call, which does not fault.
				out := must(os.Create(filepath.Join(t.TempDir(), "out")))(t)
				wantErr(t, flags.WriteCOrder(ctx, out), tensorfile.ErrChanged, path, `"flags"`)
				ok(t, out.Close())
				for _, how := range []string{"share", "cut"} {
					dir := t.TempDir()
					w := must(tensorfile.Create(filepath.Join(dir, "y"), &tensorfile.CreateOptions{NoSync: true}))(t)
					it := tensorfile.Item{Tensor: flags}
					if how == "cut" {
						it = tensorfile.Item{Tensor: a}
						if left > 1<<20+777 {
							it = tensorfile.Item{Tensor: flags}
						}
					}
					wantErr(t, w.Copy(ctx, it), tensorfile.ErrChanged, path, "offset")
					wantErr(t, w.Commit(ctx), tensorfile.ErrPoisoned)
					ok(t, w.Close())
					if l := names(t, dir); len(l) != 0 {
						t.Error(l)
					}
				}
				r, err := f.Verify(ctx, nil)
				if err == nil && len(r.Findings) > 0 {
					err = r.Findings[0]
				}
				wantErr(t, err, tensorfile.ErrChanged, path)
				for _, err = range f.Names() {
				}
				if !noMmap { // what was read before may be remembered
					wantErr(t, err, tensorfile.ErrChanged, path)
				}
				wantErr(t, f.Check(), tensorfile.ErrChanged, path, fmt.Sprint(left), "changed while open")
			})
		}
	}
}

// A file cut inside its last page faults nowhere: it reads as zeros, so size
// and checksums must tell (N56).
func TestTruncatedInLastPage(t *testing.T) {
	for _, noMmap := range []bool{false, true} {
		path := temp(t)
		data := bytes.Repeat([]byte{0xaa}, 3000)
		write(t, path, func(w *tensorfile.Writer) {
			ok(t, w.AddReader(ctx, "a", tensor.U8, tensor.Shape{3000}, bytes.NewReader(data), nil))
		})
		f := must(tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: noMmap}))(t)
		a := must(f.Tensor("a"))(t)
		ok(t, os.Truncate(path, format.DataStart+1000))
		_, err := a.Read(ctx)
		wantErr(t, err, tensorfile.ErrChanged, path, `"a"`)
		wantErr(t, a.WriteCOrder(ctx, io.Discard), tensorfile.ErrChanged, path, `"a"`)
		w := must(tensorfile.NewWriter(io.Discard, nil))(t)
		wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: a}), tensorfile.ErrChanged, path, `"a"`)
		wantErr(t, f.Check(), tensorfile.ErrChanged)
		r, err := f.Verify(ctx, nil)
		if err == nil && len(r.Findings) > 0 {
			err = r.Findings[len(r.Findings)-1]
		}
		wantErr(t, err, tensorfile.ErrChanged, path)
		ok(t, f.Close())
	}
}

// Bytes written over while the file is mapped: what was checked and copied
// stays as it was, and Verify names the tensor and the change (N57).
func TestOverwrittenWhileMapped(t *testing.T) {
	for _, noMmap := range []bool{false, true} {
		path, size := cutFile(t)
		f := must(tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: noMmap}))(t)
		a := must(f.Tensor("a"))(t)
		shape := a.Shape().Clone()
		out := must(os.OpenFile(path, os.O_WRONLY, 0))(t)
		must(out.WriteAt([]byte{1}, a.Storage().Offset+100))(t)
		must(out.WriteAt(bytes.Repeat([]byte{0xff}, 64), size-4096))(t)
		ok(t, out.Close())
		ok(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Second)))
		if !a.Shape().Equal(shape) {
			t.Error("the description changed")
		}
		w := must(tensorfile.NewWriter(io.Discard, nil))(t)
		wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: a}), tensorfile.ErrChanged, path, `"a"`)
		wantErr(t, f.Check(), tensorfile.ErrChanged, path)
		r, err := f.Verify(ctx, nil)
		ok(t, err)
		named, changed := false, false
		for _, err := range r.Findings {
			named = named || bytes.Contains([]byte(err.Error()), []byte(`"a"`))
			changed = changed || bytes.Contains([]byte(err.Error()), []byte("changed while open"))
		}
		if !named || !changed {
			t.Errorf("noMmap %v: tensor named %v, change told %v: %v", noMmap, named, changed, r.Findings)
		}
		ok(t, f.Close())
	}
}
