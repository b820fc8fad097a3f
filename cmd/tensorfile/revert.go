package main

import (
	"strconv"

	"github.com/spf13/cobra"
)

func init() { commands = append(commands, newRevertCmd) }

func newRevertCmd(t *tool) *cobra.Command {
	var o editFlags
	cmd := &cobra.Command{
		Use:   "revert FILE GEN",
		Short: "Make an older generation of a .tensor file the newest",
		Long: `Make a new generation that holds what generation GEN held: its tensors and its
attributes. Nothing is lost: the generations between stay in the file, and one of
them can be reverted to in turn. 'tensorfile log' lists them.`,
		Example: `  tensorfile log model.tensor
  tensorfile revert model.tensor 3`,
		Annotations:       editStatus(),
		Args:              nArgs(2, 2),
		ValidArgsFunction: t.completeGenerations,
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil || gen == 0 {
				return usage(cmd, "GEN is %q: it is the number of a generation, 1 or more", args[1])
			}
			return t.edit(cmd, args[0], &o, func(e *edit) error {
				if gen == e.in.Info().Generation {
					t.note("%s: generation %d is the newest already, and nothing is done", e.path, gen)
					return errNothing
				}
				return noGeneration(e.Revert(gen))
			}, func(e *edit) error {
				if o.json {
					return t.writeJSON(struct {
						editJSON
						Content uint64 `json:"content_of"`
					}{e.json("revert"), gen})
				}
				t.say(e, "holds what generation %d held", gen)
				return nil
			})
		},
	}
	t.editFlagSet(cmd, &o)
	return cmd
}
