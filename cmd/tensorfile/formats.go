package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/term"
)

func init() { commands = append(commands, newFormatsCmd) }

type formatJSON struct {
	Name        string   `json:"name"`
	Read        bool     `json:"read"`
	Write       bool     `json:"write"`
	Single      bool     `json:"single"` // holds one tensor
	Extensions  []string `json:"extensions"`
	Schemes     []string `json:"schemes,omitempty"` // of addresses
	Description string   `json:"description"`
}

// knownFormats is the native format and those that are registered.
func knownFormats() []formatJSON {
	list := []formatJSON{{format.Name, true, true, false, []string{format.Extension}, nil, "tensorfile's own: mapped, checked, any strides and aliases"}}
	for _, f := range convert.Formats() {
		list = append(list, formatJSON{f.Name, f.Open != nil || f.Connect != nil, f.Write != nil || f.WriteTo != nil, f.Single, append([]string{}, f.Extensions...), f.Schemes, f.Description})
	}
	return list
}

func newFormatsCmd(t *tool) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "formats",
		Short: "List the formats that are read and written",
		Long: `List the formats that are read and written.

A file's format is found by its first bytes, then by its extension; --from
settles it where neither tells.`,
		Example: `  tensorfile formats
  tensorfile formats --json`,
		Annotations:       map[string]string{exitStatus: exitText("0  done")},
		Args:              nArgs(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			list := knownFormats()
			if asJSON {
				return t.writeJSON(struct {
					Schema  string       `json:"schema"`
					Formats []formatJSON `json:"formats"`
				}{schema("formats"), list})
			}
			t.printFormats(list)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// printFormats prints a table. On a terminal that is too narrow for it extensions and
// descriptions go on in the lines below, and if it is narrower still, descriptions
// have lines of their own.
func (t *tool) printFormats(list []formatJSON) {
	yes := map[bool]string{true: "yes", false: "-"}
	words := func(f *formatJSON) string {
		names := f.Extensions
		for _, scheme := range f.Schemes {
			names = append(names, scheme+"://")
		}
		return strings.Join(names, " ")
	}
	names, texts := 0, 0 // columns of those two
	before := len("  READ  WRITE  TENSORS  ") + 2
	for i := range list {
		names, texts = max(names, len(words(&list[i]))), max(texts, term.Width(list[i].Description))
	}
	for _, f := range list {
		before = max(before, len("  READ  WRITE  TENSORS  ")+2+len(f.Name))
	}
	titles := []string{"FORMAT", "READ", "WRITE", "TENSORS", "EXTENSIONS", "DESCRIPTION"}
	below := false
	if room := t.out.columns() - before; t.out.columns() > 0 && names+texts > room {
		if below = room < 80; below {
			names, titles = max(room+2, 24), titles[:5]
		} else {
			names = room / 2
			texts = room - names
		}
	}
	tab := newTable(titles...)
	for i := range list {
		f := &list[i]
		many := "many"
		if f.Single {
			many = "one"
		}
		first := []string{f.Name, yes[f.Read], yes[f.Write], many}
		lines := [][]string{term.Wrap(words(f), names), term.Wrap(f.Description, texts)}
		rows := max(len(lines[0]), len(lines[1]))
		if below {
			lines, rows = lines[:1], len(lines[0])
		}
		for k := range rows {
			for _, s := range first {
				tab.cell(s)
			}
			for _, list := range lines {
				if k < len(list) {
					tab.cell(list[k])
				} else {
					tab.cell("")
				}
			}
			first = []string{"", "", "", ""}
		}
		if below {
			tab.span("  " + f.Description)
		}
	}
	tab.write(t.out, true, t.colored())
}
