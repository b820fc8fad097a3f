package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
)

// input is an open file of any format.
type input struct {
	*tensorfile.File
	spool *os.File // what was read from standard input, if it did not fit in memory
}

// openOptions are the options that the shared flags ask for. Commands that read
// list what is bad in a foreign file and go on with the rest.
func (t *tool) openOptions() *convert.OpenOptions {
	o := &convert.OpenOptions{Format: t.from}
	o.NoMmap, o.MaxBytes, o.SkipBad = t.noMmap, int64(t.mem), true
	return o
}

// open opens the file that an argument names: a path, or "-" for standard
// input.
func (t *tool) open(ctx context.Context, path string) (*input, error) {
	return t.openWith(ctx, path, t.openOptions())
}

func (t *tool) openWith(ctx context.Context, path string, o *convert.OpenOptions) (*input, error) {
	if path == "-" {
		return t.openStdin(ctx, o)
	}
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		if _, err := os.Lstat(path); err != nil {
			return nil, &hinted{
				&tensorfile.Error{Kind: tensorfile.ErrUnsupported, Path: path, Offset: -1, Field: "address", Got: "one of a server", Want: "a file"},
				"download it first: curl -O " + path,
			}
		}
	}
	f, err := convert.Open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	return &input{File: f}, nil
}

// close closes the file; what it says is of no use to a reader.
func (in *input) close() {
	in.Close()
	if in.spool != nil {
		in.spool.Close()
		os.Remove(in.spool.Name())
	}
}

// spoolLimit is how much of standard input is kept in memory; more goes to a
// temporary file.
const spoolLimit = 64 << 20

// openStdin opens what standard input holds. Formats are read from anywhere in
// the file, so it is read to its end first, unless it is a file itself.
func (t *tool) openStdin(ctx context.Context, o *convert.OpenOptions) (_ *input, err error) {
	in := &input{}
	fail := func(err error) (*input, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &tensorfile.Error{Kind: tensorfile.ErrIO, Path: "-", Offset: -1, Field: "standard input", Err: err}
	}
	if o.Name == "" {
		o.Name = "stdin"
	}
	var src io.ReaderAt
	var size int64
	if fi, e := os.Stdin.Stat(); e == nil && fi.Mode().IsRegular() && fi.Size() > 0 {
		if at, e := os.Stdin.Seek(0, io.SeekCurrent); e == nil && at == 0 {
			src, size = os.Stdin, fi.Size()
		}
	}
	if src == nil {
		var head bytes.Buffer
		size, err = io.Copy(&head, io.LimitReader(t.in, spoolLimit))
		if err != nil {
			return fail(err)
		}
		src = bytes.NewReader(head.Bytes())
		if size == spoolLimit {
			t.note("standard input is kept in a temporary file while it is read")
			if in.spool, err = os.CreateTemp("", "tensorfile-stdin-*"); err != nil {
				return fail(err)
			}
			defer func() {
				if err != nil {
					in.spool.Close()
					os.Remove(in.spool.Name())
				}
			}()
			if size, err = io.Copy(in.spool, io.MultiReader(&head, t.in)); err != nil {
				return fail(err)
			}
			src = in.spool
		}
	}
	in.File, err = convert.OpenMap(ctx, mmap.NewReaderAt(src, size, "-"), o)
	if err != nil {
		return nil, err
	}
	return in, nil
}

// skipped returns what was left out of a foreign file because it cannot be
// read.
func (in *input) skipped() []error {
	if l := in.Layout(); l != nil {
		return l.Skipped
	}
	return nil
}

// failedName is the name of the tensor that an error is about, or "".
func failedName(err error) string {
	var e *tensorfile.Error
	if !errors.As(err, &e) {
		return ""
	}
	if e.Tensor != "" {
		return e.Tensor
	}
	return strings.TrimSuffix(e.Member, filepath.Ext(e.Member))
}

// files are the arguments that name files. Where the shell leaves globs to the
// program, they are expanded here; one that matches nothing stays as it is.
func files(args []string) []string {
	if runtime.GOOS != "windows" {
		return args
	}
	var out []string
	for _, arg := range args {
		if strings.ContainsAny(arg, "*?[") {
			if _, err := os.Lstat(arg); err != nil {
				if found, err := filepath.Glob(arg); err == nil && len(found) > 0 {
					out = append(out, found...)
					continue
				}
			}
		}
		out = append(out, arg)
	}
	return out
}
