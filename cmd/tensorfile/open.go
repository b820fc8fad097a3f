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
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/mmap"
)

// input is an open file of any format.
type input struct {
	*tensorfile.File
}

// openOptions are the options that the shared flags ask for. Commands that read
// list what is bad in a foreign file and go on with the rest.
func (t *tool) openOptions() *convert.OpenOptions {
	o := &convert.OpenOptions{Format: t.from}
	t.database.read(&o.ReadOptions)
	o.NoMmap, o.MaxBytes, o.SkipBad, o.Generation = t.noMmap, int64(t.mem), true, uint64(t.at)
	o.NoEXIF, o.MaxDecoded = t.noEXIF, int64(t.maxDecoded)
	return o
}

// open opens the file that an argument names: a path, an http or https address,
// or "-" for standard input.
func (t *tool) open(ctx context.Context, path string) (*input, error) {
	return t.openWith(ctx, path, t.openOptions())
}

func (t *tool) openWith(ctx context.Context, path string, o *convert.OpenOptions) (*input, error) {
	path = oneFile(path)
	if path == convert.Stream {
		f, err := t.stdin(ctx, o)
		if err != nil {
			return nil, err
		}
		return &input{f}, nil
	}
	f, err := convert.Open(ctx, path, o)
	if err != nil {
		return nil, noGeneration(databaseHint(remoteHint(path, err)))
	}
	return &input{f}, nil
}

// close closes the file; what that says is of no use to a reader.
func (in *input) close() { in.Close() }

// spoolLimit is how much of standard input is kept in memory; more goes to a
// temporary file.
const spoolLimit = 64 << 20

// stdin opens what standard input holds. Formats are read from anywhere in the
// file, so it is read to its end first, unless it is a file itself.
func (t *tool) stdin(ctx context.Context, o *convert.OpenOptions) (*tensorfile.File, error) {
	own := *o
	if own.Name == "" {
		own.Name = "stdin"
	}
	src, size, err := t.spool()
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, atomicfile.Fail(err, convert.Stream, "standard input", -1)
	}
	return convert.OpenMap(ctx, mmap.NewReaderAt(src, size, convert.Stream), &own)
}

// spool makes standard input readable from anywhere.
func (t *tool) spool() (io.ReaderAt, int64, error) {
	if fi, err := os.Stdin.Stat(); err == nil && fi.Mode().IsRegular() {
		if at, err := os.Stdin.Seek(0, io.SeekCurrent); err == nil && at == 0 && fi.Size() > 0 {
			return os.Stdin, fi.Size(), nil
		}
	}
	bar := t.newProgress()
	defer bar.end()
	in := bar.reader(t.in)
	var head bytes.Buffer
	size, err := io.Copy(&head, io.LimitReader(in, spoolLimit))
	if err != nil || size < spoolLimit {
		return bytes.NewReader(head.Bytes()), size, err
	}
	t.note("standard input is kept in a temporary file while it is read")
	file, err := os.CreateTemp("", "tensorfile-stdin-*")
	if err != nil {
		return nil, 0, err
	}
	// Where a file can lose its name while it is open, nothing can stay behind.
	if os.Remove(file.Name()) == nil {
		t.atExit = append(t.atExit, func() { file.Close() })
	} else {
		t.atExit = append(t.atExit, func() { file.Close(); os.Remove(file.Name()) })
	}
	size, err = io.Copy(file, io.MultiReader(&head, in))
	return file, size, err
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

// expandGlobs is set where the shell leaves globs to the program.
var expandGlobs = runtime.GOOS == "windows"

// files are the arguments that name files. Where the shell leaves globs to the
// program, they are expanded here; one that matches nothing stays as it is.
func files(args []string) []string {
	if !expandGlobs {
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

// oneFile is the argument that names one file. A glob that matches several stays
// as it is, and is not there.
func oneFile(arg string) string {
	if list := files([]string{arg}); len(list) == 1 {
		return list[0]
	}
	return arg
}
