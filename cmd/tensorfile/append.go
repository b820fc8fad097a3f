package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newAppendCmd) }

func newAppendCmd(t *tool) *cobra.Command {
	var e editFlags
	var o convert.AppendOptions
	var renames []string
	var void2 string
	var limit size
	var store storeFlags
	var tables tableFlags
	var shared bool
	cmd := &cobra.Command{
		Use:   "append FILE [NAME] IN...",
		Short: "Add tensors, or rows to a tensor, to a .tensor file",
		Long: `Add tensors of files of any format to a .tensor file, by one commit. With three
or more arguments the second one is the name to give to the one tensor of IN,
unless a file, an address or "-" answers to it; --name says the same without
doubt.

With the name of a tensor that is there, the rows of IN, along axis 0, go behind
its own: dtype and the other axes must be the same. Only a tensor in chunks can
grow; one of plain bytes is rewritten once, in chunks as --codec and --chunk say.

Without a name, a tensor whose name is taken is refused before a byte is
written, unless --replace gives the name to the new tensor. Earlier generations
keep the old one. What fails or is interrupted leaves the file at its last
commit; readers are not disturbed.`,
		Example: `  tensorfile append model.tensor adapter.npz
  tensorfile append model.tensor head.bias bias.npy
  tensorfile append log.tensor ticks monday.npy tuesday.npy --codec 'delta|planes'
  tensorfile append -n model.tensor new.npz --only 'layers.*' --replace
  generate | tensorfile append model.tensor noise -`,
		Annotations: editStatus("1  no tensor matches --only, or --exclude leaves none", "3  done but for what --skip-bad left out"),
		Args:        nArgs(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := args[1:]
			name, given := "", o.Name != ""
			if len(in) > 1 && !given && !answers(in[0]) {
				name, in = in[0], in[1:]
				o.Name = name
			}
			in = files(in)
			if err := t.appendOptions(cmd, &o, in, renames, void2); err != nil {
				return err
			}
			if err := tables.apply(cmd, &o.Open.Columns, &convert.WriteOptions{}); err != nil {
				return err
			}
			o.Limit, o.DryRun, o.Store = int64(limit), e.dryRun, store.rules
			var res *convert.Appended
			var rows *convert.Rows
			defer t.useJobs()()
			return t.edit(cmd, args[0], &e, func(e *edit) (err error) {
				if there, err := e.has(o.Name); err != nil || there && !o.Replace {
					if err == nil {
						rows, err = t.addRows(cmd, e, in, &o, shared)
					}
					return err
				}
				if shared {
					return usage(cmd, "--shared is for rows, and no tensor of that name is there")
				}
				bar := t.newProgress()
				o.Progress = bar.set
				res, err = convert.Append(cmd.Context(), e.Writer, e.in.File, in, &o)
				bar.end()
				switch {
				case err != nil && errors.Is(err, convert.ErrNoMatch):
					t.report(err)
					t.raise(exitNo)
					return errNothing
				case err != nil:
					return t.appendError(cmd, err, name)
				}
				return nil
			}, func(e *edit) error {
				if rows != nil {
					return t.appendedRows(e, rows)
				}
				return t.appended(e, res)
			})
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.Name, "name", "", "call the one tensor `NAME`")
	f.BoolVar(&o.Replace, "replace", false, "take the place of tensors whose names are taken")
	f.BoolVar(&shared, "shared", false, "add rows to chunks that other names show, too")
	f.StringArrayVar(&o.Only, "only", nil, "take only tensors called `NAME`, which may be a glob (may be repeated)")
	f.StringArrayVar(&o.Exclude, "exclude", nil, "leave out tensors called `NAME`, which may be a glob (may be repeated)")
	f.StringArrayVar(&renames, "rename", nil, "give a tensor another name, `OLD=NEW` (may be repeated)")
	f.StringVar(&void2, "void2-as", "", "read NumPy's |V2 as this `DTYPE`: bf16, f16, i16 or u16")
	f.BoolVar(&o.Open.SkipBad, "skip-bad", false, "leave out what is damaged or cannot be read")
	store.add(cmd)
	tables.add(cmd)
	f.Var(&limit, "max-size", "write at most `SIZE` (default 4 GiB, or eight times the input)")
	t.editFlagSet(cmd, &e)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names, _ := t.completeNames(cmd, args, prefix) // of a tensor that grows, or a file
		return names, cobra.ShellCompDirectiveDefault
	}
	cmd.RegisterFlagCompletionFunc("void2-as", cobra.FixedCompletions([]string{"bf16", "f16", "i16", "u16"}, cobra.ShellCompDirectiveNoFileComp))
	t.nameFlags(cmd, func(args []string) []string { return args[min(1, len(args)):] }, "only", "exclude", "rename")
	t.nameFlags(cmd, func(args []string) []string { return args[:min(1, len(args))] }, "name")
	return cmd
}

// answers reports whether an argument is an input and no name.
func answers(arg string) bool {
	if arg == convert.Stream || strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") {
		return true
	}
	if _, err := os.Lstat(arg); err == nil {
		return true
	}
	found := files([]string{arg})
	return len(found) > 1 || found[0] != arg
}

// appendOptions puts what flags say into o.
func (t *tool) appendOptions(cmd *cobra.Command, o *convert.AppendOptions, in, renames []string, void2 string) error {
	if count(in, convert.Stream) > 1 {
		return usage(cmd, "standard input can be read only once")
	}
	var c convert.Options
	c.Open.ReadOptions = o.Open.ReadOptions
	if err := t.convertOptions(cmd, &c, "", renames, void2); err != nil {
		return err
	}
	o.Open, o.Rename, o.Stdin = c.Open, c.Rename, t.stdin
	return nil
}

// appendError adds advice to an error of an append. name is the argument that
// was taken for one.
func (t *tool) appendError(cmd *cobra.Command, err error, name string) error {
	var e *tensorfile.Error
	if errors.Is(err, tensorfile.ErrDuplicate) && errors.As(err, &e) && e.Field == "name" {
		if name != "" && strings.HasSuffix(e.Want, "one input") {
			return &hinted{err, tensor.Quote(name) + " was taken for a name, since no file is called that"}
		}
		if strings.HasPrefix(e.Got, "a name that is there") {
			return &hinted{err, "'append FILE NAME IN' adds rows to it, --replace takes its place; --name, --rename, --only and --exclude change what is added"}
		}
	}
	return t.convertError(cmd, err)
}

// appended says what was added.
func (t *tool) appended(e *edit, r *convert.Appended) error {
	for _, s := range r.Losses {
		t.note("%s is not added", s)
	}
	for _, s := range r.Notes {
		t.note("%s", s)
	}
	for _, err := range r.Skipped {
		t.report(err)
		t.raise(exitPartly)
	}
	replaced := make(map[string]bool, len(r.Replaced))
	for _, name := range r.Replaced {
		replaced[name] = true
	}
	if e.o.json {
		doc := appendJSON{editJSON: e.json("append"), Grown: []grownJSON{}, Bytes: r.Bytes}
		c := newConvertJSON(&r.Result, e.path, e.o.dryRun)
		doc.Tensors, doc.Losses, doc.Notes, doc.Skipped = c.Tensors, c.Losses, c.Notes, c.Skipped
		for _, w := range r.Tensors {
			if !replaced[w.Name] {
				doc.Added = append(doc.Added, w.Name)
			}
		}
		slices.Sort(doc.Added)
		doc.Replaced = append(doc.Replaced, r.Replaced...)
		return t.writeJSON(doc)
	}
	var parts []string
	if n := len(r.Tensors) - len(replaced); n > 0 {
		parts = append(parts, counted(int64(n), "tensor")+" added")
	}
	if n := len(replaced); n > 0 {
		parts = append(parts, counted(int64(n), "tensor")+" replaced")
	}
	t.say(e, "%s", strings.Join(append(parts, sizeText(r.Bytes)), ", "))
	titles := []string{"", "~NAME", "DTYPE", "SHAPE", ">SIZE", "~FROM"}
	rules := e.o.dryRun && slices.ContainsFunc(r.Tensors, func(w convert.Written) bool { return w.Ruled() })
	if rules {
		titles = slices.Insert(titles, 5, "CODEC", "CHUNK")
	}
	tab := newTable(titles...)
	for _, w := range r.Tensors {
		mark := "+"
		if replaced[w.Name] {
			mark = "~"
		}
		tab.cell(mark)
		writtenRow(tab, w, false, rules)
	}
	tab.write(t.out, false, t.colored())
	return nil
}

type appendJSON struct {
	editJSON
	Grown   []grownJSON   `json:"grown"`
	Bytes   int64         `json:"bytes"`
	Tensors []writtenJSON `json:"tensors"` // of a tensor that grew: where the rows come from
	Losses  []string      `json:"losses"`
	Notes   []string      `json:"notes"`
	Skipped []*errorJSON  `json:"skipped"`
}
