package tensorfile_test

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// E14: a file on a file system with another machine or a program behind it is
// refused for append before anything is opened, and edited if that is asked
// for. What is written anew and renamed needs no lock and is written there.
func TestRemoteFileSystem(t *testing.T) {
	for _, name := range []string{"nfs", "smb", "fuse", "9p"} {
		h := newHistory(t)
		h.fs.Type = name
		h.create("a") // a new file is no append
		ops := len(h.fs.Log())
		before := h.fs.Files()[h.name]
		_, err := tensorfile.OpenAppend(h.name, tensorfile.AppendOptions{}.On(h.fs))
		wantErr(t, err, tensorfile.ErrUnsupported, h.name, "file system", name, "RemoteFS")
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Got != name || e.Offset != -1 {
			t.Errorf("%s: %+v", name, e)
		}
		if len(h.fs.Log()) != ops || !slices.Equal(h.fs.Files()[h.name], before) {
			t.Errorf("%s: a refused append did something: %v", name, h.fs.Log()[ops:])
		}
		// A file that is not there is not refused for where it is not.
		_, err = tensorfile.OpenAppend("dir/none.tensor", tensorfile.AppendOptions{}.On(h.fs))
		wantErr(t, err, fs.ErrNotExist)

		w := must(tensorfile.OpenAppend(h.name, tensorfile.AppendOptions{RemoteFS: true}.On(h.fs)))(t)
		h.add(w, "b", 10, false)
		h.commit(w)
		ok(t, w.Close())
		src, r := h.source()
		defer r.Close()
		defer src.Close()
		for _, dst := range []string{"dir/new.tensor", h.name} {
			res := must(tensorfile.Repack(ctx, src, dst, tensorfile.RepackOptions{}.On(h.fs)))(t)
			if res.Tensors != 2 || res.InPlace != (dst == h.name) {
				t.Errorf("%s: %+v", name, res)
			}
		}
	}
}

// locked is a file system on which files or directories are read-only.
type locked struct {
	*crashfs.FS
	open, create error
}

func (l locked) OpenWrite(path string) (fsys.File, error) {
	if l.open != nil && path == "dir/x.tensor" {
		return nil, &fs.PathError{Op: "open", Path: path, Err: l.open}
	}
	return l.FS.OpenWrite(path)
}

func (l locked) CreateTemp(path string, perm fs.FileMode) (fsys.File, error) {
	if l.create != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: l.create}
	}
	return l.FS.CreateTemp(path, perm)
}

// A file that cannot be written and a directory that takes no new file are each
// one error, before a byte is read or written for the work.
func TestReadOnly(t *testing.T) {
	for _, errno := range []error{syscall.EACCES, syscall.EROFS, syscall.EPERM} {
		h := newHistory(t)
		h.create("a")
		before, ops := h.fs.Files(), len(h.fs.Log())

		file := locked{FS: h.fs, open: errno}
		_, err := tensorfile.OpenAppend(h.name, tensorfile.AppendOptions{}.On(file))
		wantErr(t, err, tensorfile.ErrIO, h.name, "open for writing", errno.Error())
		wantErr(t, err, errno)

		// A new file beside it, and a source that cannot be locked because nobody
		// else of us can write it, are all right.
		src, r := h.source()
		defer r.Close()
		dir := locked{FS: h.fs, create: errno}
		v := must(tensor.FromSlice([]int8{1}))(t)
		_, err = tensorfile.Create("dir/new.tensor", tensorfile.CreateOptions{}.On(dir))
		wantErr(t, err, tensorfile.ErrIO, "dir/new.tensor", "temporary file", errno.Error())
		for _, dst := range []string{"dir/new.tensor", h.name} {
			_, err = tensorfile.Repack(ctx, src, dst, tensorfile.RepackOptions{}.On(dir))
			wantErr(t, err, errno, dst, "temporary file")
		}
		for _, op := range h.fs.Log()[ops:] {
			if op.Kind != crashfs.Open && op.Kind != crashfs.Close {
				t.Errorf("%v: %v", errno, op)
			}
		}
		if after := h.fs.Files(); len(after) != 1 || !slices.Equal(after[h.name], before[h.name]) {
			t.Errorf("%v: the file changed", errno)
		}

		must(tensorfile.Repack(ctx, src, "elsewhere/new.tensor", tensorfile.RepackOptions{}.On(file)))(t)
		ok(t, src.Close())

		// In a directory that takes no new file a file that may be written is
		// edited in place.
		w := must(tensorfile.OpenAppend(h.name, tensorfile.AppendOptions{}.On(dir)))(t)
		ok(t, w.Add(ctx, "b", v, nil))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
	}
}
