package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func init() { commands = append(commands, newCompletionCmd) }

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCmd(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands, flags and tensor names",
		Long: `Print a script that completes commands, flags and the names of the tensors in
a file, for bash, zsh, fish or powershell.`,
		Example: `  source <(tensorfile completion bash)           # in ~/.bashrc
  tensorfile completion zsh > "${fpath[1]}/_tensorfile"
  tensorfile completion fish > ~/.config/fish/completions/tensorfile.fish
  tensorfile completion powershell | Out-String | Invoke-Expression`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "2  wrong usage")},
		Args:        nArgs(1, 1),
		ValidArgs:   shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(t.out, true)
			case "zsh":
				return root.GenZshCompletion(t.out)
			case "fish":
				return root.GenFishCompletion(t.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(t.out)
			}
			return usage(cmd, "%q is none of %s", args[0], strings.Join(shells, ", "))
		},
	}
}

// maxCompletions is how many names a shell is offered.
const maxCompletions = 1000

// completeNames completes a file, then names of the tensors in it.
func (t *tool) completeNames(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if args[0] == "-" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	in, err := t.open(ctx, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer in.close()
	var names []string
	for name, err := range in.NamesWith(prefix) {
		if err != nil || len(names) == maxCompletions {
			break
		}
		if !slices.Contains(args[1:], name) && clean(name) == name {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeDiff completes two files, then names of the tensors in the first.
func (t *tool) completeDiff(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) < 2 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return t.completeNames(cmd, slices.Delete(slices.Clone(args), 1, 2), prefix)
}

// nameFlags makes flags complete the names of the tensors in the files that args
// say are inputs; "OLD=NEW" what stands before the "=".
func (t *tool) nameFlags(cmd *cobra.Command, inputs func(args []string) []string, flags ...string) {
	for _, flag := range flags {
		cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, path := range inputs(args) {
				more, _ := t.completeNames(cmd, []string{path}, prefix)
				names = append(names, more...)
			}
			directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
			if flag == "rename" {
				for i := range names {
					names[i] += "="
				}
				directive |= cobra.ShellCompDirectiveNoSpace
			}
			return names, directive
		})
	}
}

// completeFormat completes the names of formats that are read.
func completeFormat(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return formatNames(func(f formatJSON) bool { return f.Read }), cobra.ShellCompDirectiveNoFileComp
}

// completeWritten completes the names of formats that are written.
func completeWritten(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return formatNames(func(f formatJSON) bool { return f.Write }), cobra.ShellCompDirectiveNoFileComp
}

func formatNames(wanted func(formatJSON) bool) (names []string) {
	for _, f := range knownFormats() {
		if wanted(f) {
			names = append(names, f.Name+"\t"+f.Description)
		}
	}
	return names
}

// completeCommands completes the words of a command.
func completeCommands(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	c, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, c := range c.Commands() {
		if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), prefix) {
			names = append(names, c.Name()+"\t"+c.Short)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
