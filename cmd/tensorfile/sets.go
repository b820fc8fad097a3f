package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
)

// setFlags are the flags that are for many files alone.
type setFlags struct {
	labels    string
	filesFrom string
}

func (f *setFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.labels, "labels", "", "with --stack, also write a tensor of labels: `WHICH` is dir, the folder of each file")
	cmd.Flags().StringVar(&f.filesFrom, "files-from", "", "with --stack, take the files whose names stand in `LIST`, a line each, or with NULs between; - is standard input")
	cmd.RegisterFlagCompletionFunc("labels", cobra.FixedCompletions([]string{"dir"}, cobra.ShellCompDirectiveNoFileComp))
}

// args counts the arguments: a list stands for inputs.
func (f *setFlags) args(cmd *cobra.Command, args []string) error {
	if f.filesFrom != "" {
		return nArgs(1, -1)(cmd, args)
	}
	return nArgs(2, -1)(cmd, args)
}

// set makes a set of many files, if that is asked for, or if it is what --stack
// comes to. It returns nil if neither is so.
func (t *tool) set(cmd *cobra.Command, f *setFlags, steps []operate.Step, in []string, out string, o *convert.Options) (*convert.SetResult, error) {
	folder := func(name string) bool {
		fi, err := os.Stat(name)
		return err == nil && fi.IsDir()
	}
	stacks := slices.ContainsFunc(steps, func(s operate.Step) bool { _, is := s.Operator.(operate.Stack); return is })
	what := "" // that only sets have
	switch {
	case f.filesFrom != "":
		what = "--files-from"
	case f.labels != "":
		what = "--labels"
	case stacks && slices.ContainsFunc(in, folder):
		what = "a folder"
	}
	each, stack, whole, ok := operate.Divide(steps)
	chosen := len(o.Only) > 0 || len(o.Exclude) > 0 || len(o.Rename) > 0
	stdin := slices.Contains(in, convert.Stream)
	switch {
	case what == "" && (!ok || chosen || stdin):
		return nil, nil
	case f.labels != "" && f.labels != "dir":
		return nil, usage(cmd, "--labels %q: it is dir", f.labels)
	case !stacks:
		return nil, usage(cmd, "%s makes one tensor of many files: it comes with --stack", what)
	case !ok:
		return nil, usage(cmd, "with %s operators in front of --stack are for all files: without GLOB=, and not --concat", what)
	case chosen:
		return nil, usage(cmd, "with %s every file is taken: --only, --exclude and --rename choose among tensors", what)
	case stdin:
		return nil, usage(cmd, "with %s standard input is no file to take", what)
	}
	names, err := t.setNames(cmd, f, in, folder)
	if err != nil {
		return nil, err
	}
	workers := t.jobs
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	mem := int64(t.mem+1) / 2 // for rows that wait, and as much for making them
	so := &convert.SetOptions{
		Open: o.Open, Name: stack.Name, Workers: workers, MaxBytes: mem,
		To: o.To, Limit: o.Limit, Overwrite: o.Overwrite, DryRun: o.DryRun, Strict: o.Strict, Stdout: o.Stdout, Align: o.Align,
		Deterministic: o.Deterministic, Time: o.Time, NoSync: o.NoSync, Store: o.Store, Write: o.Write,
	}
	if len(each) > 0 {
		so.Each = &operate.Pipeline{Steps: each, MaxBytes: (mem + int64(workers) - 1) / int64(workers), Workers: t.jobs}
	}
	if len(whole) > 0 {
		so.Operate = &operate.Pipeline{Steps: whole, MaxBytes: int64(t.mem), Workers: t.jobs}
	}
	if f.labels != "" {
		so.Label = convert.LabelDir
	}
	bar := t.newProgress()
	so.Progress = bar.setFiles
	r, err := convert.Set(cmd.Context(), names, out, so)
	bar.end()
	switch {
	case errors.Is(err, convert.ErrNotOne) && what == "":
		return nil, nil // convert.Files stacks all tensors of files
	case errors.Is(err, convert.ErrNotOne):
		return nil, &hinted{err, "--only NAME makes a file of one of its tensors"}
	}
	return r, setAdvice(err, o)
}

// setNames lists the files of a set.
func (t *tool) setNames(cmd *cobra.Command, f *setFlags, in []string, folder func(string) bool) (names []string, err error) {
	for _, name := range in {
		if !folder(name) {
			names = append(names, name)
			continue
		}
		list, err := convert.Folder(name, f.labels != "")
		if err != nil {
			return nil, err
		}
		names = append(names, list...)
	}
	if f.filesFrom == "" {
		return names, nil
	}
	list, from := os.Stdin, f.filesFrom
	if from != convert.Stream {
		if list, err = os.Open(from); err != nil {
			return nil, atomicfile.Fail(err, from, "list of files", -1)
		}
		defer list.Close()
	}
	more, err := convert.ReadList(list)
	if err != nil {
		return nil, atomicfile.Fail(err, from, "list of files", -1)
	}
	return append(names, more...), nil
}

// setAdvice says what to do about a file that is bad.
func setAdvice(err error, o *convert.Options) error {
	var e *tensorfile.Error
	if err == nil || o.Open.SkipBad || !errors.As(err, &e) || e.Field == "stack" || e.Path == "" {
		return err
	}
	if e.Field == "layout" { // a text among pictures
		return &hinted{err, "--skip-bad leaves it out"}
	}
	for _, kind := range []error{tensorfile.ErrFormat, tensorfile.ErrTruncated, tensorfile.ErrCorrupt} {
		if errors.Is(err, kind) {
			return &hinted{err, "--skip-bad leaves out files that are bad, and lists them"}
		}
	}
	return err
}

// setFiles says how many files of a set are done.
func (p *progress) setFiles(s convert.SetProgress) {
	if s.Of == 0 {
		return
	}
	files := fmt.Sprintf("%d of %d files", s.Files, s.Of)
	switch s.Stage {
	case convert.Opening:
		p.steps(float64(s.Files)/float64(s.Of), files+" looked at")
	case convert.Checking:
		p.steps(float64(s.Files)/float64(s.Of), files+" checked")
	default:
		p.show(float64(s.Files)/float64(s.Of), fmt.Sprintf("%s, %s of %s", files, sizeText(s.Bytes), sizeText(s.Size)), float64(s.Bytes))
	}
}
