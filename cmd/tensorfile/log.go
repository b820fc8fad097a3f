package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
)

func init() { commands = append(commands, newLogCmd) }

func newLogCmd(t *tool) *cobra.Command {
	var long, asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "log FILE",
		Short: "List the generations of a .tensor file",
		Long: `List the generations of a .tensor file, newest first: when each was committed, the
bytes that it added to the file, and how many names it changed, the file itself
counted as one:

  +  added     -  removed     ~  replaced     *  other attributes only

-l lists the names. Any generation can be read with --at GEN and made the newest
again with 'tensorfile revert'.`,
		Example: `  tensorfile log model.tensor
  tensorfile log -l --limit 1 model.tensor
  tensorfile ls --at 3 model.tensor
  tensorfile log --json model.tensor | jq '.generations[].bytes'`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  the file or a part of its history cannot be read; the rest is listed")},
		Args:        nArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usage(cmd, "--limit is a number from 1 on")
			}
			in, err := t.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer in.close()
			if in.Layout() != nil {
				return noHistory(in)
			}
			if asJSON {
				return t.logJSON(cmd.Context(), in, limit)
			}
			return t.log(cmd.Context(), in, limit, long)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&long, "long", "l", false, "the names that each generation changed, and its writer, too")
	f.IntVar(&limit, "limit", 0, "only the newest `N` generations")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// noHistory is the error for a file of another format.
func noHistory(in *input) error {
	return &hinted{
		fmt.Errorf("%s: %s files have no generations: only .tensor files keep what they held before", in.Path(), in.Info().Format),
		"'tensorfile info " + in.Path() + "' says what the file holds",
	}
}

// marks stand for what became of a name.
var marks = map[tensorfile.ChangeKind]string{
	tensorfile.Added: "+", tensorfile.Removed: "-", tensorfile.Replaced: "~", tensorfile.Attributes: "*",
}

var kinds = []tensorfile.ChangeKind{tensorfile.Added, tensorfile.Removed, tensorfile.Replaced, tensorfile.Attributes}

// timeText is a time of a commit for people.
func timeText(when time.Time) string {
	if when.IsZero() {
		return "-"
	}
	return when.UTC().Format("2006-01-02 15:04:05Z")
}

// history calls fn for the generations of a file, newest first, each with what
// it changed, or the error that hides that. What is damaged is reported and
// makes the exit status 2.
func (t *tool) history(ctx context.Context, in *input, limit int, fn func(tensorfile.Generation, []tensorfile.Change, error) error) error {
	n := 0
	one := func(g tensorfile.Generation, err error) error {
		var changes []tensorfile.Change
		if err == nil {
			changes, err = in.Changes(ctx, g.Previous, g.Number)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.fail(err)
		}
		n++
		return fn(g, changes, err)
	}
	// Whether the generation before one is damaged comes behind it.
	var held *tensorfile.Generation
	for g, err := range in.Generations(ctx) {
		switch {
		case err != nil && held == nil:
			return err
		case err != nil:
			return one(*held, err)
		case held != nil:
			if err := one(*held, nil); err != nil {
				return err
			}
		}
		if n == limit && limit > 0 {
			return nil
		}
		held = &g
	}
	return one(*held, nil)
}

// log prints the history for people.
func (t *tool) log(ctx context.Context, in *input, limit int, long bool) error {
	titles := []string{">GEN", "COMMITTED", ">BYTES", "CHANGES"}
	if long {
		titles = append(titles, "<WRITER")
	}
	tab := newTable(titles...)
	err := t.history(ctx, in, limit, func(g tensorfile.Generation, changes []tensorfile.Change, err error) error {
		text, size := "?", "?"
		if err == nil {
			text = summary(changes)
		}
		if err == nil || g.Previous != 0 {
			size = sizeText(g.Bytes)
		}
		for _, s := range []string{fmt.Sprint(g.Number), timeText(g.Time), size, text} {
			tab.cell(s)
		}
		if !long {
			return nil
		}
		tab.cell(clean(g.Writer))
		for _, kind := range kinds {
			for _, c := range changes {
				if c.Kind == kind {
					tab.span("     " + marks[kind] + " " + changedName(c))
				}
			}
		}
		return nil
	})
	if tab.rows() > 0 {
		tab.write(t.out, true, t.colored())
	}
	return err
}

// summary counts changes: "+2 -1", or "-" if there are none.
func summary(changes []tensorfile.Change) string {
	var parts []string
	for _, kind := range kinds {
		n := int64(0)
		for _, c := range changes {
			if c.Kind == kind {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, marks[kind]+countText(n))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " ")
}

// changedName is the name of what changed.
func changedName(c tensorfile.Change) string {
	if c.Name == "" {
		return "(the file)"
	}
	return clean(c.Name)
}

type generationJSON struct {
	Generation uint64     `json:"generation"`
	Previous   uint64     `json:"previous"` // 0: none
	Time       *string    `json:"time"`
	Writer     string     `json:"writer"`
	Bytes      *int64     `json:"bytes"`  // that it added; null: not known
	Length     int64      `json:"length"` // of the file up to it
	Live       int64      `json:"live"`
	Added      []string   `json:"added"`
	Removed    []string   `json:"removed"`
	Replaced   []string   `json:"replaced"`
	Attributes []string   `json:"attributes"` // tensors of which only those changed
	File       bool       `json:"file_attributes"`
	Error      *errorJSON `json:"error,omitempty"`
}

// logJSON prints the history as a document, a generation on a line.
func (t *tool) logJSON(ctx context.Context, in *input, limit int) error {
	n := 0
	err := t.history(ctx, in, limit, func(g tensorfile.Generation, changes []tensorfile.Change, err error) error {
		if n++; n == 1 {
			head, err := marshal(struct {
				Schema string `json:"schema"`
				jsonPath
			}{schema("log"), pathJSON(in.Path())})
			if err != nil {
				return err
			}
			t.out.Write(head[:len(head)-1])
			t.out.WriteString(`,"generations":[`)
		} else {
			t.out.WriteByte(',')
		}
		j := generationJSON{
			Generation: g.Number, Previous: g.Previous, Writer: textJSON(g.Writer), Length: g.Length, Live: g.Live,
			Added: []string{}, Removed: []string{}, Replaced: []string{}, Attributes: []string{}, Error: errorDoc(err),
		}
		if err == nil || g.Previous != 0 {
			j.Bytes = &g.Bytes
		}
		if !g.Time.IsZero() {
			when := g.Time.UTC().Format(time.RFC3339Nano)
			j.Time = &when
		}
		to := map[tensorfile.ChangeKind]*[]string{
			tensorfile.Added: &j.Added, tensorfile.Removed: &j.Removed, tensorfile.Replaced: &j.Replaced, tensorfile.Attributes: &j.Attributes,
		}
		for _, c := range changes {
			if c.Name == "" {
				j.File = true
			} else {
				*to[c.Kind] = append(*to[c.Kind], c.Name)
			}
		}
		b, err := marshal(j)
		if err != nil {
			return err
		}
		t.out.WriteByte('\n')
		t.out.Write(b)
		return nil
	})
	if n > 0 {
		t.out.WriteString("\n]}\n")
	}
	return err
}
