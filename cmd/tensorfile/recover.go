package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newRecoverCmd) }

type recoverFlags struct {
	out   string
	json  bool
	align size
	tensorfile.RecoverOptions
}

func newRecoverCmd(t *tool) *cobra.Command {
	var o recoverFlags
	cmd := &cobra.Command{
		Use:   "recover FILE -o OUT",
		Short: "Save what is intact of a damaged .tensor file",
		Long: `Save every tensor of a damaged .tensor file whose checksums hold, and say what is
damaged and what is lost. It needs neither header nor root records nor catalog:
every record stands twice in a file, and each copy is found by itself. Of a tensor
in chunks OUT has all that are intact; the damaged ones stay what they are, and
reading them fails there, too.

Records stand behind the tensors that they are about: at the end of a file that was
written at once, and in a large one after each 64 MiB of tensors, too. If the end is
cut off, what stands behind the last of them is lost; of a small file that is all.

FILE is only read. OUT holds the content of the last commit, without the
generations before it. It is no more to be trusted than FILE: whoever could write
the bytes could forge what is found in them. Nor is it more right: indices of a
sparse tensor that are wrong under right checksums stay so, and 'tensorfile verify'
tells of them.`,
		Example: `  tensorfile recover -n broken.tensor
  tensorfile recover broken.tensor -o saved.tensor`,
		Annotations: map[string]string{exitStatus: exitText("0  done, and nothing is lost", "2  nothing was found, or something could not be read or written", "3  done, and something is lost, or may be")},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && o.out == "" {
				return usage(cmd, "-o is missing before %q, where to write what is saved", args[1])
			}
			return nArgs(1, 1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" && !o.DryRun {
				return usage(cmd, "-o OUT is missing: where to write what is saved")
			}
			return t.recover(cmd.Context(), oneFile(args[0]), &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.out, "output", "o", "", "write to `OUT`")
	f.BoolVar(&o.Unacknowledged, "unacknowledged", false, "take what belongs to commits that never ended, too")
	f.Var(&o.align, "align", "place large tensors at multiples of `SIZE` (4KiB to 2MiB)")
	f.BoolVarP(&o.Overwrite, "force", "f", false, "replace a file that is there")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "say what could be saved, and write nothing")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

// recover saves what is intact of the file at path.
func (t *tool) recover(ctx context.Context, path string, o *recoverFlags) error {
	for _, p := range []string{path, o.out} {
		if err := editable(p); err != nil {
			return err
		}
	}
	o.Align = int(o.align)
	bar := t.newProgress()
	total := int64(0)
	if fi, err := os.Stat(path); err == nil && bar.w != nil {
		total = 3 * fi.Size() // it is looked through, checked and copied
		if o.DryRun {
			total = 2 * fi.Size()
		}
	}
	rep, err := tensorfile.Recover(bar.watch(ctx, total), path, o.out, &o.RecoverOptions)
	bar.end()
	if err != nil {
		return recoverError(err)
	}
	if len(rep.Lost) > 0 || rep.Entries > 0 || rep.DamagedChunks > 0 {
		t.raise(exitPartly)
	}
	if o.json {
		return t.writeJSON(newRecoverJSON(rep, path, o))
	}
	t.recovered(rep, path, o)
	return nil
}

// noRuns is what an error of recover says of a file that has a header or root
// records, but no catalog.
const noRuns = "no run of a catalog"

func recoverError(err error) error {
	var e *tensorfile.Error
	if errors.Is(err, tensorfile.ErrCorrupt) && errors.As(err, &e) && e.Field == "structures" {
		if e.Got == noRuns {
			return &hinted{err, "what says where its tensors lie is gone; of a small file it stands at the end"}
		}
		return &hinted{err, "nothing of a .tensor file was found in it"}
	}
	return err
}

// recovered prints the report: what is damaged, what is lost, what is saved.
func (t *tool) recovered(rep *tensorfile.RecoverReport, path string, o *recoverFlags) {
	state := "its catalog is whole"
	if !rep.Whole {
		state = "its catalog was put together from " + counted(int64(rep.Runs), "piece")
	}
	fmt.Fprintf(t.out, "%s: generation %d, %s\n", clean(path), rep.Generation, state)
	for _, err := range rep.Damage {
		fmt.Fprintf(t.out, "  damaged: %s\n", clean(err.Error()))
	}
	if rep.Unreadable > 0 {
		fmt.Fprintf(t.out, "  the disk does not give %s\n", counted(rep.Unreadable, "byte"))
	}
	for _, l := range rep.Lost {
		fmt.Fprintf(t.out, "  lost: %s: %s\n", tensor.Quote(l.Name), clean(reason(l)))
	}
	if rep.Entries > 0 {
		fmt.Fprintf(t.out, "  perhaps lost: %s of the catalog without a name\n", strings.Replace(counted(rep.Entries, "entry"), "entrys", "entries", 1))
	}
	for _, name := range rep.Unacknowledged {
		fmt.Fprintf(t.out, "  never acknowledged: %s\n", tensor.Quote(name))
	}
	out := clean(o.out) + ": "
	if o.DryRun {
		out = "would save: "
	}
	fmt.Fprintf(t.out, "%s%s, %s", out, counted(int64(rep.Tensors), "tensor"), sizeText(rep.Bytes))
	if n := len(rep.Lost); n > 0 {
		fmt.Fprintf(t.out, "; %d lost", n)
	}
	if n := rep.DamagedChunks; n > 0 {
		fmt.Fprintf(t.out, "; %s kept as found", strings.Replace(counted(n, "chunk"), "chunk", "damaged chunk", 1))
	}
	fmt.Fprintln(t.out)
}

// reason is why a tensor is lost, without the names that stand beside it.
func reason(l tensorfile.LostTensor) string {
	var e *tensorfile.Error
	if !errors.As(l.Err, &e) {
		return l.Err.Error()
	}
	own := *e
	own.Path, own.Tensor, own.Format = "", "", ""
	return own.Error()
}

type recoverJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Output         *jsonPath    `json:"output"` // null: none is written
	DryRun         bool         `json:"dry_run"`
	UUID           string       `json:"uuid"`
	Generation     uint64       `json:"generation"`
	Whole          bool         `json:"catalog_whole"`
	Tensors        int          `json:"tensors"`
	Storages       int          `json:"storages"`
	Bytes          int64        `json:"bytes"`
	Damage         []*errorJSON `json:"damage"`
	Lost           []lostJSON   `json:"lost"`
	Entries        int64        `json:"unnamed_entries"`
	DamagedChunks  int64        `json:"damaged_chunks"` // that were kept as they are
	Unacknowledged []string     `json:"unacknowledged"`
	Unreadable     int64        `json:"unreadable"`
}

type lostJSON struct {
	Name  string     `json:"name"`
	Error *errorJSON `json:"error"`
}

func newRecoverJSON(rep *tensorfile.RecoverReport, path string, o *recoverFlags) recoverJSON {
	j := recoverJSON{
		Schema: schema("recover"), jsonPath: pathJSON(path), DryRun: o.DryRun, UUID: rep.UUID, Generation: rep.Generation, Whole: rep.Whole,
		Tensors: rep.Tensors, Storages: rep.Storages, Bytes: rep.Bytes, Damage: errorDocs(rep.Damage), Lost: []lostJSON{},
		Entries: rep.Entries, DamagedChunks: rep.DamagedChunks, Unacknowledged: append([]string{}, rep.Unacknowledged...), Unreadable: rep.Unreadable,
	}
	if !o.DryRun {
		out := pathJSON(o.out)
		j.Output = &out
	}
	for _, l := range rep.Lost {
		j.Lost = append(j.Lost, lostJSON{textJSON(l.Name), errorDoc(l.Err)})
	}
	return j
}
