package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// editFlags are those of the commands that edit a file in place.
type editFlags struct {
	dryRun, unlocked, remoteFS, json bool
	wait                             time.Duration
}

// editFlagSet adds them to a command, behind its own.
func (t *tool) editFlagSet(cmd *cobra.Command, o *editFlags) {
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "say what would be done, and do nothing")
	t.lockFlags(cmd, &o.wait, &o.unlocked)
	f.BoolVar(&o.remoteFS, "remote-fs", false, "edit a file on NFS, SMB, FUSE or the like: no other host may write it meanwhile")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
}

// lockFlags are those of commands that keep writers from a file.
func (t *tool) lockFlags(cmd *cobra.Command, wait *time.Duration, unlocked *bool) {
	f := cmd.Flags()
	f.DurationVar(wait, "wait", 0, "wait for another writer as long as `TIME` (30s, 5m)")
	f.BoolVar(unlocked, "unlocked", false, "go on where the file system has no locks: nobody else may write the file")
}

// editStatus is the section on exit statuses of a command that edits.
func editStatus(lines ...string) map[string]string {
	return map[string]string{exitStatus: exitText(append([]string{"0  done"}, append(lines,
		"2  it could not be done; the file opens at its last commit")...)...)}
}

// An edit is a native file in the hands of its one writer.
type edit struct {
	*tensorfile.Writer
	in         *input // the generation that the edit starts from
	path       string
	o          *editFlags
	generation uint64 // that the edit makes
}

// errNothing ends an edit that has nothing to commit. It is no failure.
var errNothing = errors.New("nothing to commit")

// edit opens the native file at path, has fn change it and commits, unless fn
// fails or this is a dry run. done then says what was done.
func (t *tool) edit(cmd *cobra.Command, path string, o *editFlags, fn func(*edit) error, done func(*edit) error) error {
	path = oneFile(path)
	ctx := cmd.Context()
	if o.wait < 0 {
		return usage(cmd, "--wait %v: a time is not negative", o.wait)
	}
	if err := editable(path); err != nil {
		return err
	}
	when, _, err := sourceDate(cmd)
	if err != nil {
		return err
	}
	w, err := t.openAppend(ctx, path, tensorfile.AppendOptions{Unlocked: o.unlocked, RemoteFS: o.remoteFS, Time: when}, o.wait)
	if err != nil {
		return editError(path, err)
	}
	defer func() {
		if cerr := w.Close(); cerr != nil {
			t.note("%v", cerr)
		}
	}()
	in, err := t.openEdited(path)
	if err != nil {
		return err
	}
	defer in.close()
	e := &edit{w, in, path, o, in.Info().Generation + 1}
	err = fn(e)
	in.close() // where a mapped file cannot be cut, it must not be mapped now
	if err == nil && !o.dryRun {
		err = w.Commit(ctx)
	}
	switch {
	case errors.Is(err, errNothing):
		return w.Close()
	case err != nil:
		return editError(path, err)
	}
	switch err := w.Close(); {
	case err != nil && o.dryRun:
		return editError(path, err)
	case err != nil: // the commit is durable: who heard of a failure would repeat it
		t.note("%v, behind the commit, which is done", err)
	}
	return done(e)
}

// editable refuses what is no place of a file.
func editable(path string) error {
	got, want := "", "a .tensor file"
	switch {
	case path == convert.Stream:
		got = "standard input"
	case isObject(path):
		got, want = "an object, which is not changed in place", "a .tensor file; a set of shards grows by one more shard and its index"
	case strings.Contains(path, "://"):
		if _, err := os.Lstat(path); err != nil {
			got = "an address"
		}
	}
	if got == "" {
		return nil
	}
	return &tensorfile.Error{Kind: tensorfile.ErrPath, Path: path, Offset: -1, Field: "file to edit", Got: got, Want: want}
}

// openEdited opens the generation that an edit starts from. The writer holds the
// lock, so that it is the newest one and stays that.
func (t *tool) openEdited(path string) (*input, error) {
	f, err := tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: t.noMmap, MaxBytes: int64(t.mem)})
	if err != nil {
		return nil, err
	}
	return &input{f}, nil
}

// lockSlice is how long one try for the lock lasts: an interrupt is heard after
// it.
const lockSlice = 200 * time.Millisecond

// openAppend opens path for its one writer, after another if --wait allows it.
func (t *tool) openAppend(ctx context.Context, path string, o tensorfile.AppendOptions, wait time.Duration) (w *tensorfile.Writer, err error) {
	err = t.waiting(ctx, path, wait, func(wait time.Duration) error {
		o.Wait = wait
		w, err = tensorfile.OpenAppend(path, &o)
		return err
	})
	return w, err
}

// waiting calls fn, which tries for the lock of path, until it has it or the
// time to wait is over.
func (t *tool) waiting(ctx context.Context, path string, wait time.Duration, fn func(wait time.Duration) error) error {
	deadline := time.Now().Add(wait)
	for said := false; ; {
		left := max(0, time.Until(deadline))
		err := fn(min(left, lockSlice))
		switch {
		case !errors.Is(err, tensorfile.ErrLocked) || left <= lockSlice:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !said:
			said = true
			var e *tensorfile.Error
			errors.As(err, &e)
			t.note("%s: waiting for %s", path, e.Got)
		}
	}
}

// editError adds advice to an error of an edit.
func editError(path string, err error) error {
	var e *tensorfile.Error
	var h *hinted
	is := func(kind error) bool { return errors.Is(err, kind) }
	own := func() bool { return errors.As(err, &e) && e.Path == path } // not about an output
	switch {
	case errors.As(err, &h):
	case is(tensorfile.ErrCommitUnknown):
		return &hinted{err, "'tensorfile info " + path + "' says which one it is"}
	case is(tensorfile.ErrLocked):
		return &hinted{err, "--wait 30s waits for it"}
	case is(tensorfile.ErrUnsupported) && errors.As(err, &e) && e.Field == "lock":
		return &hinted{err, "--unlocked goes on without; nobody else may write the file meanwhile"}
	case is(tensorfile.ErrUnsupported) && errors.As(err, &e) && e.Field == "file system":
		return &hinted{err, "--remote-fs goes on; or copy the file to a local disk, edit it there and copy it back"}
	case (is(fs.ErrPermission) || is(syscall.EROFS)) && own():
		return &hinted{err, "'tensorfile repack " + path + " OUT' writes a copy that can be edited"}
	case is(tensorfile.ErrFormat) && errors.As(err, &e) && e.Field == "magic":
		return &hinted{err, "only .tensor files are edited in place; 'tensorfile convert' makes one of any format"}
	case is(fs.ErrNotExist) && own():
		return &hinted{err, "'tensorfile convert IN... " + path + "' makes a new file"}
	}
	return err
}

// existing finds the one tensor called name that an edit is about.
func (e *edit) existing(name string) error {
	_, err := e.in.Tensor(name)
	if errors.Is(err, tensorfile.ErrNotFound) {
		return e.in.notFound(name)
	}
	if err != nil && failedName(err) != name {
		return err
	}
	return nil // one that is damaged can still be named
}

// editJSON is the document of a command that edits.
type editJSON struct {
	Schema string `json:"schema"`
	jsonPath
	DryRun     bool     `json:"dry_run"`
	Generation uint64   `json:"generation"` // that is, or would be, the newest
	Added      []string `json:"added"`      // names
	Removed    []string `json:"removed"`
	Replaced   []string `json:"replaced"`
}

func (e *edit) json(command string) editJSON {
	return editJSON{
		Schema: schema(command), jsonPath: pathJSON(e.path), DryRun: e.o.dryRun, Generation: e.generation,
		Added: []string{}, Removed: []string{}, Replaced: []string{},
	}
}

// say prints the line that ends an edit: the file, its new generation, what was
// done.
func (t *tool) say(e *edit, format string, args ...any) {
	would := "generation"
	if e.o.dryRun {
		would = "would be generation"
	}
	fmt.Fprintf(t.out, "%s: %s %d: %s\n", clean(e.path), would, e.generation, clean(fmt.Sprintf(format, args...)))
}
