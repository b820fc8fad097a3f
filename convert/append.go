package convert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// AppendOptions says what Append adds. The zero value, and nil, are the
// defaults.
type AppendOptions struct {
	// Open, Stdin, Only, Exclude, Rename, Name, Limit, DryRun and Progress are
	// those of Options.
	Open          OpenOptions
	Stdin         func(ctx context.Context, o *OpenOptions) (*tensorfile.File, error)
	Only, Exclude []string
	Rename        []Rename
	Name          string
	Limit         int64
	DryRun        bool
	Progress      func(done, total int64)
	// Store says how what is added is stored.
	Store []Store

	// Replace puts tensors in the place of those that have their names.
	// Default: false, a name that is taken is ErrDuplicate.
	Replace bool
}

// Appended is what Append added, or would add.
type Appended struct {
	Result
	// Replaced are the names that were taken before, ascending.
	Replaced []string
}

// Append adds the tensors of one or more files, native or of any registered
// format, to the native file that w edits (see tensorfile.OpenAppend) and of
// which to is the newest generation. All names are looked at before a byte is
// written. It does not commit.
//
// Tensors are added, nothing else: the attributes of the inputs themselves are
// listed as losses.
func Append(ctx context.Context, w *tensorfile.Writer, to *tensorfile.File, inputs []string, o *AppendOptions) (*Appended, error) {
	if o == nil {
		o = &AppendOptions{}
	}
	j := &job{out: to.Path(), native: true, o: Options{
		Open: o.Open, Stdin: o.Stdin, Only: o.Only, Exclude: o.Exclude, Rename: o.Rename, Name: o.Name, Limit: o.Limit,
		DryRun: o.DryRun, Progress: o.Progress, Store: o.Store,
	}}
	defer j.close()
	j.res.Format = to.Info().Format
	if err := j.others(inputs); err != nil {
		return nil, err
	}
	if err := j.open(ctx, inputs); err != nil {
		return nil, err
	}
	for _, step := range []func() error{j.choose, j.rename, j.distinct, j.stores, j.limit} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := j.left(); err != nil {
		return nil, err
	}
	taken, err := j.taken(to)
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 && !o.Replace {
		return nil, j.occupied(taken)
	}
	if !o.DryRun {
		if err := j.probe(ctx); err != nil {
			return nil, err
		}
		if taken, err = j.taken(to); err != nil { // some may have been left out
			return nil, err
		}
		if err := j.appendTo(ctx, w, taken); err != nil {
			return nil, err
		}
	}
	j.written()
	return &Appended{j.res, taken}, nil
}

// others reports an error if an input is the file that is added to: its names
// are taken already, and it does not stand still.
func (j *job) others(inputs []string) error {
	if len(inputs) == 0 {
		return j.fail(tensorfile.ErrPath, "inputs", "none", "at least one")
	}
	own, err := os.Stat(j.out)
	if err != nil {
		return nil // opening it has more to say
	}
	for _, in := range inputs {
		if in == Stream {
			continue
		}
		if fi, err := os.Stat(in); err == nil && os.SameFile(own, fi) {
			return j.fail(tensorfile.ErrPath, "input", tensor.Quote(in)+", which is this file", "another file")
		}
	}
	return nil
}

// left lists the inputs' own attributes, which nothing takes over.
func (j *job) left() error {
	for _, f := range j.files {
		a, err := f.Attrs()
		if err != nil {
			return err
		}
		if len(a) > 0 {
			j.res.Losses = append(j.res.Losses, fmt.Sprintf("the file's attributes of %s: %s", tensor.Quote(f.Path()), quoteAll(slices.Sorted(maps.Keys(a)))))
		}
	}
	return nil
}

// taken returns the names of items that the file has already, ascending. A
// tensor that cannot be opened has its name all the same.
func (j *job) taken(to *tensorfile.File) ([]string, error) {
	var names []string
	for _, it := range j.items {
		_, err := to.Tensor(it.name)
		switch {
		case err == nil, failedName(err) == it.name && !errors.Is(err, tensorfile.ErrNotFound):
			names = append(names, it.name)
		case !errors.Is(err, tensorfile.ErrNotFound):
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

func (j *job) occupied(taken []string) error {
	got := "a name that is there"
	if n := len(taken) - 1; n > 0 {
		got += fmt.Sprintf(" (and %d more)", n)
	}
	e := j.fail(tensorfile.ErrDuplicate, "name", got, "names that the file does not have").(*Error)
	e.Tensor = taken[0]
	return e
}

// appendTo writes the items.
func (j *job) appendTo(ctx context.Context, w *tensorfile.Writer, taken []string) error {
	for _, name := range taken {
		if err := w.Delete(name); err != nil {
			return err
		}
	}
	return j.copyTo(ctx, w)
}
