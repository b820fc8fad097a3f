package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/shard"
)

func init() { commands = append(commands, newSplitCmd, newMergeCmd) }

func newSplitCmd(t *tool) *cobra.Command {
	var o shard.SplitOptions
	var bytes size
	var axis int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "split IN INDEX",
		Short: "Divide a file into shards with an index that opens as one",
		Long: `Divide a file of any format into shards, which are ordinary .tensor files, and
write an index of them: a JSON file that every reading command takes in the place of
a file, from a folder, a web server or a bucket. The shards stand beside the index and
are called after it: set.shards.json has set-00001-of-00004.tensor.

--size fills shards up to so many bytes of payload, tensor by tensor; one that is larger
is cut along axis 0. --parts gives each of N shards as many rows of every tensor, so that
row i of one is where row i of another is. Composites, and with --size tensors that
share their bytes, are not cut.

INDEX may be an s3:// address: the shards go to the bucket as they are made.

All shards are written before the first one has its name, and the index comes last:
if the command fails or is interrupted, what was there is there as it was.`,
		Example: `  tensorfile split model.safetensors model.shards.json --size 4GiB
  tensorfile split set.tensor set.shards.json --axis 0 --parts 8
  tensorfile split -n model.tensor model.shards.json --size 1GiB
  tensorfile split model.tensor s3://bucket/model.shards.json --size 1GiB
  tensorfile verify model.shards.json`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  something could not be read or written; the output is as it was")},
		Args:        nArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Size = int64(bytes)
			f := cmd.Flags()
			switch {
			case f.Changed("size") == f.Changed("parts"):
				return usage(cmd, "--size says how large a shard is, or --parts how many there are: one of both")
			case f.Changed("parts") && o.Parts < 1:
				return usage(cmd, "--parts %d: it is 1 or more", o.Parts)
			case axis != 0:
				return usage(cmd, "--axis %d: sets are cut along axis 0; 'tensorfile convert --rearrange' puts another one first", axis)
			case f.Changed("axis") && f.Changed("size"):
				return usage(cmd, "--axis goes with --parts")
			}
			if err := writable(args[1]); err != nil {
				return err
			}
			var err error
			if o.Time, o.Deterministic, err = sourceDate(cmd); err != nil {
				return err
			}
			open := t.openOptions()
			open.SkipBad = false
			in, err := t.openWith(cmd.Context(), args[0], open)
			if err != nil {
				return err
			}
			defer in.close()
			defer t.useJobs()()
			bar := t.newProgress()
			o.Progress = bar.set
			r, err := shard.Split(cmd.Context(), in.File, args[1], &o)
			bar.end()
			if err != nil {
				return err
			}
			for _, s := range r.Notes {
				t.note("%s", s)
			}
			if asJSON {
				return t.writeJSON(newSplitJSON(in, args[1], r, o.DryRun))
			}
			t.printShards(args[1], r, o.DryRun)
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&bytes, "size", "fill each shard up to `SIZE` of payload")
	f.IntVar(&axis, "axis", 0, "cut along this `AXIS`, which is 0")
	f.IntVar(&o.Parts, "parts", 0, "make `N` shards, each with as many rows")
	f.BoolVarP(&o.Overwrite, "force", "f", false, "replace files that are there")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "say what would be written, and write nothing")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// writable refuses an output that is neither a path nor the address of an object.
func writable(path string) error {
	if isObject(path) {
		return nil
	}
	err := editable(path)
	var e *tensorfile.Error
	if errors.As(err, &e) {
		e.Field, e.Want = "output", "a path or an s3:// address"
	}
	return err
}

type splitJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Output  jsonPath    `json:"output"`
	DryRun  bool        `json:"dry_run"`
	Tensors int         `json:"tensors"`
	Shards  []shardJSON `json:"shards"`
	Notes   []string    `json:"notes"`
}

type shardJSON struct {
	jsonPath
	Bytes   *int64  `json:"bytes"` // null: not known without doing it
	UUID    *string `json:"uuid"`
	SHA256  *string `json:"sha256"`
	Tensors int     `json:"tensors"` // that it has something of
}

// tensorsIn counts the tensors that each shard has something of.
func tensorsIn(x *shard.Index) []int {
	n := make([]int, len(x.Shards))
	for _, y := range x.Tensors {
		for _, p := range y.Parts {
			n[p.Shard]++
		}
	}
	return n
}

func newSplitJSON(in *input, index string, r *shard.SplitResult, dry bool) splitJSON {
	j := splitJSON{Schema: schema("split"), jsonPath: pathJSON(in.Path()), Output: pathJSON(index), DryRun: dry, Tensors: len(r.Index.Tensors), Notes: append([]string{}, r.Notes...)}
	n := tensorsIn(r.Index)
	for i, s := range r.Index.Shards {
		d := shardJSON{jsonPath: pathJSON(s.Name), Tensors: n[i]}
		if !dry {
			sum := hex.EncodeToString(s.SHA256[:])
			d.Bytes, d.UUID, d.SHA256 = &s.Size, &s.UUID, &sum
		}
		j.Shards = append(j.Shards, d)
	}
	return j
}

// printShards says what was made, or of a plan what would be.
func (t *tool) printShards(index string, r *shard.SplitResult, dry bool) {
	x := r.Index
	what := fmt.Sprintf("%s: %s in %s", clean(index), counted(int64(len(x.Tensors)), "tensor"), counted(int64(len(x.Shards)), "shard"))
	if !dry {
		bytes := int64(0)
		for _, s := range x.Shards {
			bytes += s.Size
		}
		fmt.Fprintf(t.out, "%s, %s\n", what, sizeText(bytes))
		return
	}
	fmt.Fprintf(t.out, "%s would be written\n", what)
	n := tensorsIn(x)
	for i, s := range x.Shards {
		fmt.Fprintf(t.out, "  %s  %s\n", clean(s.Name), counted(int64(n[i]), "tensor"))
	}
}

func newMergeCmd(t *tool) *cobra.Command {
	var o convert.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "merge INDEX OUT",
		Short: "Make one file of a set of shards",
		Long: `Make one file of the set of shards that an index names: all tensors under their
names, rows from several shards in one tensor, attributes and all. What is in one shard
is copied as it is stored, and rows that were in chunks are in chunks again.

'tensorfile convert INDEX OUT' does the same with what convert can do on the way.

The output is written beside its place, synced and renamed: if the command fails or is
interrupted, what was there is there as it was.`,
		Example: `  tensorfile merge model.shards.json model.tensor
  tensorfile merge https://host/sets/model.shards.json model.tensor
  tensorfile merge s3://bucket/model.shards.json model.safetensors`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  something could not be read or written; the output is as it was")},
		Args:        nArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Time, o.Deterministic, err = sourceDate(cmd); err != nil {
				return err
			}
			index, out := oneFile(args[0]), args[1]
			if index == convert.Stream || out == convert.Stream {
				return usage(cmd, "an index has shards beside it, and OUT is a file: neither is a stream")
			}
			o.Open = *t.openOptions()
			o.Open.SkipBad = false
			defer t.useJobs()()
			bar := t.newProgress()
			o.Progress = bar.set
			r, err := shard.Merge(cmd.Context(), index, out, &o)
			bar.end()
			var e *tensorfile.Error
			if errors.As(err, &e) && e.Kind == tensorfile.ErrFormat && e.Format == shard.Format && e.Offset == 0 {
				return &hinted{err, "INDEX is what 'tensorfile split' writes; 'tensorfile convert' takes files of any format"}
			}
			if err != nil {
				return t.convertError(cmd, remoteHint(index, err))
			}
			for _, s := range r.Losses {
				t.note("lost in %s: %s", r.Format, s)
			}
			if asJSON {
				return t.writeJSON(mergeJSON{
					Schema: schema("merge"), jsonPath: pathJSON(shown(index)), Output: pathJSON(shown(out)), Format: r.Format, DryRun: o.DryRun,
					Tensors: len(r.Tensors), Bytes: r.Bytes, Losses: append([]string{}, r.Losses...),
				})
			}
			done := ""
			if o.DryRun {
				done = " would be written"
			}
			fmt.Fprintf(t.out, "%s: %s, %s%s\n", clean(shown(out)), counted(int64(len(r.Tensors)), "tensor"), sizeText(r.Bytes), done)
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.Overwrite, "force", "f", false, "replace a file that is there")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "say what would be written, and write nothing")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

type mergeJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Output  jsonPath `json:"output"`
	Format  string   `json:"format"`
	DryRun  bool     `json:"dry_run"`
	Tensors int      `json:"tensors"`
	Bytes   int64    `json:"bytes"` // logical
	Losses  []string `json:"losses"`
}
