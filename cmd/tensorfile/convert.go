package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newConvertCmd) }

func newConvertCmd(t *tool) *cobra.Command {
	var o convert.Options
	var asJSON bool
	var renames []string
	var void2 string
	var align, limit size
	var store storeFlags
	var operators operatorFlags
	var tables tableFlags
	var sets setFlags
	cmd := &cobra.Command{
		Use:   "convert IN... OUT",
		Short: "Convert files of any format to a file of any format",
		Long: `Convert files of any format to a file of any format. Several inputs become one
file, in which no name may occur twice. "-" is standard input or output.

The output's format is that of its extension, or --to. It is written beside its
place, synced and renamed: if the command fails or is interrupted, what was there
is there as it was. With SOURCE_DATE_EPOCH set, equal inputs give equal bytes.

Tensors of a .tensor file are stored as plain bytes, which programs map, unless
--codec or --chunk asks for chunks: "auto" finds the pipeline that makes a tensor
smallest and is still decoded at a fifth of the speed of memory or more, "fast"
at half of it, "best" at any; "none" is plain bytes. Of the rules that match a
tensor the last one counts. Tensors that share bytes go on sharing them unless a
rule has their names. docs/codecs.md says more.

Operators change tensors on the way, in the order in which they are given:
--flip h --crop 99x99+0+0 is not --crop 99x99+0+0 --flip h. GLOB= in front of a
value makes it count for tensors of these names only. Images have the axes HW,
HWC or CHW with 1 to 4 channels, alone or behind a batch axis, or axes called
h, w and c. --mem bounds the memory. docs/convert.md has each operator with an
example; -n shows what comes out without reading an element, but of what is or
becomes sparse (--layout), the size of which follows from that.

With --stack many files with one tensor each, and the files of a folder, become
one tensor: as many at a time are open and decoded as there are processors. If
their shapes differ, and --resize or another operator does not make them alike,
the set is ragged. Names, sizes and labels are kept: docs/sets.md.`,
		Example: `  tensorfile convert weights.npz weights.tensor
  tensorfile convert weights.tensor weights.npz --only 'layers.*.weight'
  tensorfile convert a.npy b.npy both.tensor --rename a=left --rename b=right
  tensorfile convert weights.npz small.tensor --codec auto --codec '*.bias=none'
  tensorfile convert photos.npy photos.tensor --chunk 1,227,227,3 --codec 'predict:a1,2|planes'
  tensorfile convert photos.npy batch.npy --resize 256x256 --fit crop --crop 227x227 --dtype f32 --scale 1/255
  tensorfile convert frame*.npy video.tensor --stack --rearrange 't h w c -> t c h w'
  tensorfile convert photos/ set.tensor --stack --labels dir --channels 3 --resize 227x227 --skip-bad
  find photos -name '*.jpg' -print0 | tensorfile convert --files-from - set.tensor --stack`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "1  no tensor matches --only, or --exclude leaves none", "2  something could not be read or written; the output is as it was", "3  done but for what --skip-bad left out")},
		Args:        sets.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := args[len(args)-1]
			in := files(args[:len(args)-1])
			if err := t.convertOptions(cmd, &o, out, renames, void2); err != nil {
				return err
			}
			if err := tables.apply(cmd, &o.Open.Columns, &o.Write); err != nil {
				return err
			}
			o.Align, o.Limit, o.Store = int(align), int64(limit), store.rules
			if err := operators.operators(t, cmd, &o, out); err != nil {
				return err
			}
			if n := count(in, convert.Stream); n > 1 {
				return usage(cmd, "standard input can be read only once")
			}
			o.Stdin = t.stdin
			defer t.useJobs()()
			r, from, err := t.convert(cmd, &sets, operators.steps, in, out, &o)
			if err != nil {
				return t.convertError(cmd, err)
			}
			for _, s := range r.Losses {
				t.note("lost in %s: %s", r.Format, s)
			}
			for _, s := range r.Notes {
				t.note("%s", s)
			}
			for _, err := range r.Skipped {
				t.report(err)
				t.raise(exitPartly)
			}
			switch {
			case out == convert.Stream && !o.DryRun:
			case asJSON:
				return t.writeJSON(newConvertJSON(r, out, o.DryRun))
			case o.DryRun:
				t.printPlan(r, out)
			default:
				smaller := ""
				if fi, err := os.Stat(out); err == nil && len(o.Store) > 0 {
					smaller = " in a file of " + sizeText(fi.Size())
				}
				fmt.Fprintf(t.out, "%s: %s%s, %s%s\n", clean(shown(out)), from, counted(int64(len(r.Tensors)), "tensor"), sizeText(r.Bytes), smaller)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&o.Only, "only", nil, "take only tensors called `NAME`, which may be a glob (may be repeated)")
	f.StringArrayVar(&o.Exclude, "exclude", nil, "leave out tensors called `NAME`, which may be a glob (may be repeated)")
	f.StringArrayVar(&renames, "rename", nil, "give a tensor another name, `OLD=NEW` (may be repeated)")
	f.StringVar(&o.Name, "name", "", "call the one tensor `NAME`")
	heading(cmd, forTensors)
	f.StringVar(&o.To, "to", "", "write this `FORMAT`, whatever the output is called")
	f.BoolVarP(&o.Overwrite, "force", "f", false, "replace a file that is there")
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "say what would be written, and write nothing")
	f.BoolVar(&o.Strict, "strict", false, "fail where the output cannot hold all that the input says")
	f.IntVar(&o.Write.Quality, "quality", 0, "write lossy pictures with `QUALITY`, 1 to 100 (default 90)")
	f.BoolVar(&o.Write.Compress, "compress", false, "compress what the output's format compresses by choice (.npz, TIFF)")
	f.StringVar(&o.Write.Encoding, "encoding", "", "write samples of sound as `ENCODING`: u8, i8, i16, i24, i32, f32, f64, alaw or mulaw; those of PNM as ascii")
	f.Var(&limit, "max-size", "write at most `SIZE` (default 4 GiB, or eight times the input)")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	heading(cmd, forOutput)
	store.add(cmd)
	f.Var(&align, "align", "place large tensors of a .tensor file at multiples of `SIZE` (4KiB to 2MiB)")
	heading(cmd, forStorage)
	operators.add(cmd)
	heading(cmd, forOperators)
	sets.add(cmd)
	heading(cmd, forSets)
	f.StringVar(&void2, "void2-as", "", "read NumPy's |V2 as this `DTYPE`: bf16, f16, i16 or u16")
	f.BoolVar(&o.Open.ReplaceInvalid, "replace-invalid", false, "read what is no UTF-8 in text as U+FFFD")
	f.BoolVar(&o.Open.SkipBad, "skip-bad", false, "leave out what is damaged or cannot be read")
	heading(cmd, forInputs)
	tables.add(cmd)
	heading(cmd, forTables)
	cmd.RegisterFlagCompletionFunc("to", completeWritten)
	t.nameFlags(cmd, func(args []string) []string { return args }, "only", "exclude", "rename")
	cmd.RegisterFlagCompletionFunc("encoding", cobra.FixedCompletions([]string{"u8", "i8", "i16", "i24", "i32", "f32", "f64", "alaw", "mulaw"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("void2-as", cobra.FixedCompletions([]string{"bf16", "f16", "i16", "u16"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// convert makes a set of the inputs, or writes their tensors. from says how many
// files a set is made of.
func (t *tool) convert(cmd *cobra.Command, sets *setFlags, steps []operate.Step, in []string, out string, o *convert.Options) (r *convert.Result, from string, err error) {
	made, err := t.set(cmd, sets, steps, in, out, o)
	if err != nil {
		return nil, "", err
	}
	if made != nil {
		return &made.Result, counted(int64(made.Files), "file") + " in ", nil
	}
	bar := t.newProgress()
	o.Progress = bar.set
	r, err = convert.Files(cmd.Context(), in, out, o)
	bar.end()
	return r, "", err
}

func count(list []string, s string) int {
	n := 0
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// convertOptions puts what flags and environment say into o.
func (t *tool) convertOptions(cmd *cobra.Command, o *convert.Options, out string, renames []string, void2 string) error {
	for _, r := range renames {
		from, to, ok := strings.Cut(r, "=")
		if !ok || from == "" || to == "" {
			return usage(cmd, "--rename %q: it has the form OLD=NEW", r)
		}
		o.Rename = append(o.Rename, convert.Rename{Old: from, New: to})
	}
	if void2 != "" {
		d, err := tensor.ParseDType(void2)
		if err != nil || d.UnitBytes != 2 || d.UnitElems != 1 {
			return usage(cmd, "--void2-as %q: it is a dtype of two bytes: bf16, f16, i16 or u16", void2)
		}
		o.Open.Void2 = d
	}
	switch when, set, err := sourceDate(cmd); {
	case err != nil:
		return err
	case set:
		o.Deterministic, o.Time = true, when
	}
	if out == convert.Stream && !o.DryRun {
		if terminal(t.out.file) {
			return usage(cmd, "standard output is a terminal, and the output is binary")
		}
		o.Stdout = t.out
	} else if out == convert.Stream {
		o.Stdout = io.Discard
	}
	read := o.Open.ReadOptions
	o.Open = *t.openOptions()
	read.NoEXIF, read.MaxDecoded = o.Open.NoEXIF, o.Open.MaxDecoded
	t.database.read(&read)
	o.Open.ReadOptions = read
	o.Write.Table = t.database.table
	return nil
}

// sourceDate is the time that SOURCE_DATE_EPOCH sets for commits, if it does.
func sourceDate(cmd *cobra.Command) (when time.Time, set bool, err error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return when, false, nil
	}
	sec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || sec < 0 || sec > 1<<33 {
		return when, false, usage(cmd, "SOURCE_DATE_EPOCH is %q: it is a number of seconds since 1970", text)
	}
	return time.Unix(sec, 0), true, nil
}

// convertError adds advice to an error of a conversion.
func (t *tool) convertError(cmd *cobra.Command, err error) error {
	var e *tensorfile.Error
	switch {
	case errors.As(err, &e) && operatorAdvice(e) != "":
		return &hinted{err, operatorAdvice(e)}
	case errors.Is(err, convert.ErrNoMatch):
		t.report(err)
		t.raise(exitNo)
		return nil
	case errors.Is(err, tensorfile.ErrNotFound) && errors.As(err, &e) && e.Tensor != "" && e.Path != convert.Stream:
		if in, openErr := t.open(cmd.Context(), e.Path); openErr == nil {
			defer in.close()
			return in.notFound(e.Tensor)
		}
	case errors.As(err, &e) && e.Tensor != "" && e.Offset < 0 && ruleField(e.Field):
		return &hinted{err, ruleAdvice}
	case errors.As(err, &e) && e.Field == "layout" && strings.HasSuffix(e.Want, "alone"):
		return &hinted{err, "--only NAME takes one; a .tensor file holds all of them"}
	case errors.Is(err, tensorfile.ErrUnsupported) && errors.As(err, &e) && e.Field == "tensors" && strings.HasPrefix(e.Want, "one"):
		return &hinted{err, "--only NAME takes one; a .tensor file holds all of them"}
	case errors.As(err, &e) && e.Field == "layout" && e.Got == "ragged":
		return &hinted{err, "rows differ in length: 'show --as json' and '--as csv' print them; a .tensor file holds them"}
	case errors.As(err, &e) && e.Field == "layout" && sparseWord(e.Got):
		return &hinted{err, "--layout dense writes all elements; a .tensor file holds any layout"}
	case errors.Is(err, tensorfile.ErrLimit) && errors.As(err, &e) && e.Field == "bytes to write":
		return &hinted{err, "--max-size allows more"}
	case errors.Is(err, tensorfile.ErrDuplicate) && errors.As(err, &e) && e.Field == "name":
		return &hinted{err, "--rename OLD=NEW, --only and --exclude change what is taken"}
	case errors.Is(err, tensorfile.ErrUnsupported) && errors.As(err, &e) && e.Field == "output format":
		return &hinted{err, "--to FORMAT says what to write; 'tensorfile formats' lists what there is"}
	}
	return noGeneration(databaseHint(err))
}

func (t *tool) printPlan(r *convert.Result, out string) {
	fmt.Fprintf(t.out, "%s: %s, %s, %s\n", clean(shown(out)), r.Format, counted(int64(len(r.Tensors)), "tensor"), sizeText(r.Bytes))
	if len(r.Tensors) == 0 {
		return
	}
	titles := []string{"~NAME", "DTYPE", "SHAPE", ">SIZE", "~FROM"}
	rules := slices.ContainsFunc(r.Tensors, func(w convert.Written) bool { return w.Ruled() })
	if rules {
		titles = slices.Insert(titles, 4, "CODEC", "CHUNK")
	}
	layouts := slices.ContainsFunc(r.Tensors, func(w convert.Written) bool { return w.Layout != "" })
	if layouts {
		titles = slices.Insert(titles, 3, "LAYOUT")
	}
	tab := newTable(titles...)
	for _, w := range r.Tensors {
		writtenRow(tab, w, layouts, rules)
	}
	tab.write(t.out, true, t.colored())
}

// sparseWord reports whether a text begins with the name of a sparse layout.
func sparseWord(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	_, err := sparse.ParseLayout(word)
	return err == nil
}

// writtenRow fills a row: what is written, in which layout if there are some,
// how if there are rules, and from where.
func writtenRow(tab *table, w convert.Written, layouts, rules bool) {
	cells := []string{clean(w.Name), w.DType.String(), w.Shape.String(), sizeText(w.Bytes), source(w)}
	if rules {
		codec, chunk := ruleCells(w)
		cells = slices.Insert(cells, 4, codec, chunk)
	}
	if layouts {
		cells = slices.Insert(cells, 3, cmp.Or(w.Layout, "dense"))
	}
	for _, s := range cells {
		tab.cell(s)
	}
}

// source is where a tensor comes from.
func source(w convert.Written) string {
	from := clean(w.From)
	if w.Old != w.Name {
		from += ": " + clean(w.Old)
	}
	if w.Parts > 1 {
		from += " and " + itoa(w.Parts-1) + " more"
	}
	return from
}

// ruleCells say how a tensor will be stored: "-" is as it is.
func ruleCells(w convert.Written) (codec, chunk string) {
	codec, chunk = "-", "-"
	switch {
	case w.Codec != "":
		codec = clean(survey.CodecText(w.Codec))
	case w.Chunk != nil:
		codec = "raw"
	}
	if w.Chunk != nil {
		chunk = w.Chunk.String()
	}
	return codec, chunk
}

type convertJSON struct {
	Schema  string        `json:"schema"`
	Output  jsonPath      `json:"output"`
	Format  string        `json:"format"`
	DryRun  bool          `json:"dry_run"`
	Bytes   int64         `json:"bytes"`
	Tensors []writtenJSON `json:"tensors"`
	Losses  []string      `json:"losses"`
	Notes   []string      `json:"notes"`
	Skipped []*errorJSON  `json:"skipped"`
}

type writtenJSON struct {
	Name   string   `json:"name"`
	DType  string   `json:"dtype"`
	Shape  []int64  `json:"shape"`
	Layout string   `json:"layout"` // "dense", or that of a composite
	Bytes  int64    `json:"bytes"`
	Source jsonPath `json:"source"`
	Old    string   `json:"source_name"`
	Codec  *string  `json:"codec"` // what rules ask for; null: as it is
	Chunk  []int64  `json:"chunk"`
	Parts  int      `json:"parts"` // how many tensors it is made of; source is the first
}

func newConvertJSON(r *convert.Result, out string, dry bool) convertJSON {
	j := convertJSON{Schema: schema("convert"), Output: pathJSON(shown(out)), Format: r.Format, DryRun: dry, Bytes: r.Bytes, Tensors: []writtenJSON{}, Losses: []string{}, Notes: []string{}, Skipped: errorDocs(r.Skipped)}
	for _, w := range r.Tensors {
		j.Tensors = append(j.Tensors, newWrittenJSON(w))
	}
	j.Losses, j.Notes = append(j.Losses, r.Losses...), append(j.Notes, r.Notes...)
	return j
}

func newWrittenJSON(w convert.Written) writtenJSON {
	j := writtenJSON{Name: w.Name, DType: w.DType.String(), Shape: append([]int64{}, w.Shape...), Layout: cmp.Or(w.Layout, "dense"), Bytes: w.Bytes, Source: pathJSON(w.From), Old: w.Old, Parts: max(w.Parts, 1), Chunk: w.Chunk}
	if codec, _ := ruleCells(w); codec != "-" {
		j.Codec = &codec
	}
	return j
}
