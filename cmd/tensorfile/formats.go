package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
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
			yes := map[bool]string{true: "yes", false: "-"}
			tab := newTable("FORMAT", "READ", "WRITE", "TENSORS", "EXTENSIONS", "DESCRIPTION")
			for _, f := range list {
				many := "many"
				if f.Single {
					many = "one"
				}
				names := f.Extensions
				for _, scheme := range f.Schemes {
					names = append(names, scheme+"://")
				}
				for _, s := range []string{f.Name, yes[f.Read], yes[f.Write], many, strings.Join(names, " "), f.Description} {
					tab.cell(s)
				}
			}
			tab.write(t.out, true, t.colored())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
