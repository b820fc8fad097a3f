package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
)

func init() { commands = append(commands, newRmCmd) }

func newRmCmd(t *tool) *cobra.Command {
	var o editFlags
	cmd := &cobra.Command{
		Use:   "rm FILE GLOB...",
		Short: "Remove tensors from a .tensor file",
		Long: `Remove tensors from a .tensor file, by one commit of a few kilobytes. Their bytes
stay in the file for its older generations ('tensorfile log' lists them, 'revert'
brings them back) until 'tensorfile repack' drops them.

If a glob matches nothing, nothing is removed.`,
		Example: `  tensorfile rm model.tensor 'optimizer.*'
  tensorfile rm -n model.tensor '*.bias' step`,
		Annotations:       editStatus("1  nothing matches a glob"),
		Args:              nArgs(2, -1),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			var names []string
			return t.edit(cmd, args[0], &o, func(e *edit) (err error) {
				if names, err = t.matches(e, args[1:]); err != nil {
					return err
				}
				for _, name := range names {
					if err := cmd.Context().Err(); err != nil {
						return err
					}
					if err := e.Delete(name); err != nil {
						return err
					}
				}
				return nil
			}, func(e *edit) error {
				if o.json {
					doc := e.json("rm")
					doc.Removed = append(doc.Removed, names...)
					return t.writeJSON(doc)
				}
				t.say(e, "%s removed", counted(int64(len(names)), "tensor"))
				for _, name := range names {
					fmt.Fprintf(t.out, "-  %s\n", clean(name))
				}
				return nil
			})
		},
	}
	t.editFlagSet(cmd, &o)
	return cmd
}

// matches returns the names that globs name, ascending, each once.
func (t *tool) matches(e *edit, globs []string) ([]string, error) {
	var names []string
	for _, g := range globs {
		found, err := e.in.find(g, false, func(p pick, err error) error {
			switch {
			case p.Tensor != nil:
				names = append(names, p.Name())
			case failedName(err) == "" || errors.Is(err, tensorfile.ErrClosed):
				return err
			default: // damaged, and known by name: it can be removed
				names = append(names, failedName(err))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !found {
			t.raise(exitNo)
			t.note("%s: nothing matches %s, and nothing is removed", e.path, g)
			return nil, errNothing
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
