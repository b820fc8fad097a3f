package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newMvCmd, newCpCmd) }

func newMvCmd(t *tool) *cobra.Command {
	return t.newNameCmd(&cobra.Command{
		Use:   "mv FILE OLD NEW",
		Short: "Give a tensor of a .tensor file another name",
		Long: `Give a tensor of a .tensor file another name, by one commit of a few kilobytes:
no element is copied. Older generations keep the old name.`,
		Example: `  tensorfile mv model.tensor lm_head.weight head.weight`,
	}, "%s is now called %s", (*tensorfile.Writer).Rename, func(d *editJSON, from, to string) { d.Removed = append(d.Removed, from) })
}

func newCpCmd(t *tool) *cobra.Command {
	return t.newNameCmd(&cobra.Command{
		Use:   "cp FILE OLD NEW",
		Short: "Give a tensor of a .tensor file a second name",
		Long: `Give a tensor of a .tensor file a second name, by one commit of a few kilobytes.
Both tensors share their bytes, which stand in the file once; attributes are
their own. Replacing or removing one leaves the other as it is.`,
		Example: `  tensorfile cp model.tensor embed.weight head.weight    # tied weights`,
	}, "%s is also called %s", (*tensorfile.Writer).CopyTensor, func(*editJSON, string, string) {})
}

// newNameCmd completes a command that gives a tensor a name.
func (t *tool) newNameCmd(cmd *cobra.Command, text string, name func(w *tensorfile.Writer, from, to string) error, removed func(*editJSON, string, string)) *cobra.Command {
	var o editFlags
	var force bool
	cmd.Annotations = editStatus()
	cmd.Args = nArgs(3, 3)
	cmd.ValidArgsFunction = t.completeNames
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, to := args[1], args[2]
		if from == to {
			return usage(cmd, "the old name and the new one are the same")
		}
		replaced := false
		return t.edit(cmd, args[0], &o, func(e *edit) error {
			if err := e.existing(from); err != nil {
				return err
			}
			if force {
				switch err := e.Delete(to); {
				case err == nil:
					replaced = true
				case !errors.Is(err, tensorfile.ErrNotFound):
					return err
				}
			}
			err := name(e.Writer, from, to)
			if errors.Is(err, tensorfile.ErrDuplicate) {
				return &hinted{err, "-f takes the name from the tensor that has it"}
			}
			return err
		}, func(e *edit) error {
			if o.json {
				doc := e.json(cmd.Name())
				if removed(&doc, from, to); replaced {
					doc.Replaced = append(doc.Replaced, to)
				} else {
					doc.Added = append(doc.Added, to)
				}
				return t.writeJSON(doc)
			}
			t.say(e, text, tensor.Quote(from), tensor.Quote(to))
			return nil
		})
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&force, "force", "f", false, "take the new name from the tensor that has it")
	t.editFlagSet(cmd, &o)
	return cmd
}
