package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
)

func init() { commands = append(commands, newRepackCmd) }

type repackFlags struct {
	inPlace, dryRun, json bool
	keep                  []string
	align                 size
	store                 storeFlags
	wait                  time.Duration
	tensorfile.RepackOptions
}

func newRepackCmd(t *tool) *cobra.Command {
	var o repackFlags
	cmd := &cobra.Command{
		Use:   "repack IN [OUT]",
		Short: "Write a .tensor file anew without dead bytes and old generations",
		Long: `Write a .tensor file anew without what its newest generation does not reach: removed
and replaced tensors, older generations. --keep keeps some of those, under their
numbers. What shared bytes goes on sharing them. Every payload is compared with its
checksum on the way: damage ends the command ('tensorfile recover' is for that).

--codec and --chunk store tensors in another way, as with convert; without them all
bytes are copied as they are stored.

The output is written beside its place, synced and renamed, with -i in the place of
IN: if the command fails or is interrupted, what was there is there as it was.`,
		Example: `  tensorfile repack model.tensor small.tensor
  tensorfile repack -i model.tensor --keep 3,7
  tensorfile repack model.tensor small.tensor --codec auto
  tensorfile repack -n -i model.tensor`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  something could not be read or written; the output is as it was")},
		Args:        nArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := oneFile(args[0])
			out := in
			switch {
			case o.inPlace && len(args) > 1:
				return usage(cmd, "-i writes in the place of IN, so there is no OUT")
			case !o.inPlace && len(args) < 2:
				return usage(cmd, "OUT is missing, or -i to write in the place of IN")
			case !o.inPlace:
				out = args[1]
			}
			if o.wait < 0 {
				return usage(cmd, "--wait %v: a time is not negative", o.wait)
			}
			if err := o.resolve(cmd); err != nil {
				return err
			}
			return t.repack(cmd.Context(), in, out, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.inPlace, "in-place", "i", false, "write in the place of IN")
	f.StringSliceVar(&o.keep, "keep", nil, "keep these generations, too: `GEN,...` (may be repeated)")
	f.BoolVar(&o.KeepAll, "keep-all", false, "keep all generations")
	o.store.add(cmd)
	f.Var(&o.align, "align", "place large tensors at multiples of `SIZE` (4KiB to 2MiB; default: as they are)")
	f.BoolVarP(&o.Overwrite, "force", "f", false, "replace a file that is there")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "say what would be done, and do nothing")
	t.lockFlags(cmd, &o.wait, &o.Unlocked)
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	cmd.RegisterFlagCompletionFunc("keep", func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return t.generations(cmd, args, prefix)
	})
	return cmd
}

// resolve puts what flags and environment say into the options.
func (o *repackFlags) resolve(cmd *cobra.Command) error {
	for _, s := range o.keep {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
		if err != nil || n == 0 {
			return usage(cmd, "--keep %q: it is the number of a generation, 1 or more", s)
		}
		o.Keep = append(o.Keep, n)
	}
	o.Align = int(o.align)
	if len(o.store.rules) > 0 && (o.KeepAll || len(o.Keep) > 0) {
		return usage(cmd, "--codec and --chunk go with the newest generation alone, without --keep")
	}
	_, set, err := sourceDate(cmd)
	o.Deterministic = set
	return err
}

// repack writes the file at path anew to out.
func (t *tool) repack(ctx context.Context, path, out string, o *repackFlags) error {
	if err := editable(path); err != nil {
		return err
	}
	if err := editable(out); err != nil {
		return err
	}
	in, err := t.openWith(ctx, path, t.openOptions())
	if err != nil {
		return err
	}
	defer in.close()
	if in.Layout() == nil && !o.inPlace {
		if err := newPlace(path, out, o.Overwrite); err != nil {
			return err
		}
	}
	recode, err := t.recoding(ctx, in, o.store.rules)
	if err != nil {
		return err
	}
	if o.dryRun {
		return t.repackPlan(ctx, in, out, o, recode)
	}
	if len(recode) > 0 {
		o.Recode, o.Seed = recode.options(), recode.seed()
	}
	defer t.useJobs()()
	var res *tensorfile.RepackResult
	bar := t.newProgress()
	total := in.Info().Live
	if o.KeepAll || len(o.Keep) > 0 {
		total = in.Info().Length
	}
	err = t.waiting(ctx, path, o.wait, func(wait time.Duration) error {
		o.Wait = wait
		res, err = tensorfile.Repack(bar.watch(ctx, total), in.File, out, &o.RepackOptions)
		return err
	})
	bar.end()
	if err != nil {
		return repackError(path, err)
	}
	return t.repacked(in, out, o, res, recode)
}

// newPlace refuses an output that is the input, or that must stay.
func newPlace(in, out string, overwrite bool) error {
	same, err := atomicfile.Same(fsys.Default(), in, out)
	if err != nil {
		return err
	}
	if same {
		return &hinted{&tensorfile.Error{Kind: tensorfile.ErrPath, Path: out, Offset: -1, Field: "output", Got: "the same file as the input", Want: "another file"}, "-i writes in the place of the input"}
	}
	return atomicfile.Check(out, &atomicfile.Options{Overwrite: overwrite})
}

func repackError(path string, err error) error {
	var e *tensorfile.Error
	switch {
	case errors.As(err, &e) && errors.Is(err, tensorfile.ErrUnsupported) && e.Field == "repack":
		return &hinted{err, "'tensorfile convert' writes files of any format anew"}
	case errors.As(err, &e) && e.Tensor != "" && ruleField(e.Field):
		return &hinted{err, ruleAdvice}
	case errors.As(err, &e) && errors.Is(err, tensorfile.ErrCorrupt):
		return &hinted{err, "'tensorfile recover " + path + " -o OUT' saves what is intact"}
	case errors.Is(err, tensorfile.ErrChanged):
		return err
	}
	return noGeneration(editError(path, err))
}

type repackJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Output      jsonPath      `json:"output"`
	DryRun      bool          `json:"dry_run"`
	Before      int64         `json:"before"` // bytes of the file
	After       *int64        `json:"after"`  // null: not known without doing it
	Dead        *int64        `json:"dead"`   // of the plan
	Generations []uint64      `json:"generations"`
	Tensors     *int          `json:"tensors"`
	Recoded     []recodedJSON `json:"recoded"` // what is, or would be, stored in another way
}

// repackPlan says what a repack would give back, by what the bytes of the file
// are for.
func (t *tool) repackPlan(ctx context.Context, in *input, out string, o *repackFlags, recode recoding) error {
	u, err := in.Usage(ctx)
	if err != nil {
		return repackError(in.Path(), err)
	}
	before, dead := u.Total(), u.Dead+u.Leftover
	if o.json {
		doc := repackJSON{Schema: schema("repack"), jsonPath: pathJSON(in.Path()), Output: pathJSON(out), DryRun: true, Before: before, Dead: &dead, Recoded: recode.json()}
		doc.Generations = append(append([]uint64{}, o.Keep...), in.Info().Generation)
		return t.writeJSON(doc)
	}
	kept := ""
	if o.KeepAll || len(o.Keep) > 0 {
		kept = "; what kept generations hold of that stays"
	}
	fmt.Fprintf(t.out, "%s: would be written anew without %s of %s%s\n", clean(out), sizeText(dead), sizeText(before), kept)
	recode.print(t)
	return nil
}

// repacked says what was done.
func (t *tool) repacked(in *input, out string, o *repackFlags, r *tensorfile.RepackResult, recode recoding) error {
	if o.json {
		return t.writeJSON(repackJSON{
			Schema: schema("repack"), jsonPath: pathJSON(in.Path()), Output: pathJSON(out), Before: r.Before, After: &r.After,
			Generations: r.Generations, Tensors: &r.Tensors, Recoded: recode.json(),
		})
	}
	numbers := make([]string, len(r.Generations))
	for i, g := range r.Generations {
		numbers[i] = strconv.FormatUint(g, 10)
	}
	noun := "generation "
	if len(numbers) > 1 {
		noun = "generations "
	}
	how := ""
	if n := len(recode); n > 0 {
		how = fmt.Sprintf("; %s encoded anew", countText(int64(n)))
	}
	fmt.Fprintf(t.out, "%s: %s, before %s; %s, %s%s%s\n", clean(out), sizeText(r.After), sizeText(r.Before), counted(int64(r.Tensors), "tensor"), noun, strings.Join(numbers, ", "), how)
	return nil
}
