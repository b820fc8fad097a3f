package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// has reports whether a tensor of that name is there, damaged or not.
func (e *edit) has(name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	_, err := e.in.Tensor(name)
	switch {
	case err == nil, failedName(err) == name && !errors.Is(err, tensorfile.ErrNotFound):
		return true, nil
	case errors.Is(err, tensorfile.ErrNotFound):
		return false, nil
	}
	return false, err
}

// addRows adds the rows of the inputs to the tensor called o.Name.
func (t *tool) addRows(cmd *cobra.Command, e *edit, in []string, o *convert.AppendOptions, shared bool) (*convert.Rows, error) {
	switch {
	case len(o.Rename) > 0:
		return nil, usage(cmd, "--rename is for tensors, and these are rows of one that is there (--replace takes its place)")
	case o.Open.SkipBad:
		return nil, usage(cmd, "--skip-bad is for tensors, and these are rows of one that is there")
	}
	bar := t.newProgress()
	r, err := convert.AppendRows(cmd.Context(), e.Writer, e.in.File, o.Name, in, &convert.RowsOptions{
		Open: o.Open, Stdin: o.Stdin, Limit: o.Limit, DryRun: o.DryRun, Progress: bar.set, Only: o.Only, Exclude: o.Exclude, Shared: shared, Store: o.Store,
	})
	bar.end()
	var x *tensorfile.Error
	is := func(kind error, field string) bool {
		return errors.Is(err, kind) && errors.As(err, &x) && x.Field == field
	}
	switch {
	case err == nil:
		return r, nil
	case is(tensorfile.ErrInUse, "chunks"):
		return nil, &hinted{err, "--shared adds the rows; the other names keep their shapes"}
	case is(tensorfile.ErrFormat, "rows"):
		return nil, &hinted{err, "--only and --exclude choose one"}
	case is(tensorfile.ErrDType, "rows"), is(tensorfile.ErrShape, "shape of rows"):
		return nil, &hinted{err, "--replace would put the input in the place of the tensor"}
	case errors.Is(err, convert.ErrNoMatch):
		t.report(err)
		t.raise(exitNo)
		return nil, errNothing
	}
	return nil, t.convertError(cmd, err)
}

// grownJSON is a tensor that has more rows.
type grownJSON struct {
	Name      string  `json:"name"`
	DType     string  `json:"dtype"`
	Before    []int64 `json:"before"` // its shape
	Shape     []int64 `json:"shape"`
	Rows      int64   `json:"rows"`
	Rewritten bool    `json:"rewritten"` // from plain bytes to chunks
	Shared    int     `json:"shared"`    // other names on what it stood on
	Chunks    *int    `json:"chunks"`    // that were written; null: not known without doing it
	Stored    *int64  `json:"stored"`    // bytes of them
}

// appendedRows says what was added.
func (t *tool) appendedRows(e *edit, r *convert.Rows) error {
	for _, s := range r.Notes {
		t.note("%s", s)
	}
	if e.o.json {
		doc := appendJSON{editJSON: e.json("append"), Bytes: r.Bytes, Losses: []string{}, Notes: append([]string{}, r.Notes...), Skipped: []*errorJSON{}}
		g := grownJSON{Name: r.Name, DType: r.DType.String(), Before: r.Before, Shape: r.Shape, Rows: r.Rows, Rewritten: r.Rewritten, Shared: r.Shared}
		if !e.o.dryRun {
			g.Chunks, g.Stored = &r.Chunks, &r.Stored
		}
		doc.Grown = []grownJSON{g}
		for _, w := range r.From {
			doc.Tensors = append(doc.Tensors, newWrittenJSON(w))
		}
		return t.writeJSON(doc)
	}
	text := fmt.Sprintf("%s added to %s, %s", counted(r.Rows, "row"), r.Name, sizeText(r.Bytes))
	if !e.o.dryRun {
		text += fmt.Sprintf(" in %s of %s", counted(int64(r.Chunks), "chunk"), sizeText(r.Stored))
	}
	t.say(e, "%s", text)
	tab := newTable("", "~NAME", "DTYPE", "SHAPE", ">SIZE", "~FROM")
	for _, w := range r.From {
		for _, s := range []string{"+", clean(w.Name), w.DType.String(), w.Shape.String(), sizeText(w.Bytes), source(w)} {
			tab.cell(s)
		}
	}
	tab.write(t.out, false, t.colored())
	if r.Rewritten {
		was := "was"
		if e.o.dryRun {
			was = "would be"
		}
		fmt.Fprintf(t.out, "%s, plain bytes until now, %s rewritten in chunks, once: from then on only new rows are written\n", clean(r.Name), was)
	}
	return nil
}
