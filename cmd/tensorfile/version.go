package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
)

func init() { commands = append(commands, newVersionCmd) }

// versionJSON is the document of version.
type versionJSON struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Format   string `json:"format"` // newest that is written
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Module   string `json:"module,omitempty"` // version by which it was installed
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"` // of the revision
	Modified bool   `json:"modified"`       // built from more than the revision
}

func versionInfo() versionJSON {
	v := versionJSON{
		Schema: schema("version"), Version: tensorfile.Version, Format: itoa(format.Major) + "." + itoa(format.Minor),
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if b.Main.Version != "(devel)" {
		v.Module = b.Main.Version
	}
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// versionLine is what --version prints.
func versionLine() string { return "tensorfile " + tensorfile.Version }

func newVersionCmd(t *tool) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Version of the tool, of the format and of Go",
		Example: `  tensorfile version
  tensorfile version --json`,
		Annotations:       map[string]string{exitStatus: exitText("0  done")},
		Args:              nArgs(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			v := versionInfo()
			if asJSON {
				return t.writeJSON(v)
			}
			t.out.WriteString(versionLine() + "\nformat " + v.Format + "\n" + v.Go + " " + v.OS + "/" + v.Arch + "\n")
			if v.Revision != "" {
				line := "revision " + v.Revision + " of " + v.Time
				if v.Modified {
					line += ", modified"
				}
				t.out.WriteString(line + "\n")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
