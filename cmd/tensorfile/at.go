package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
)

// atCommands are the commands that look at one generation of a file.
var atCommands = []string{"info", "ls", "show", "stats", "verify", "convert", "hash", "plot", "repack", "bench", "view"}

// generation is the value of --at.
type generation uint64

func (g *generation) Type() string { return "GEN" }

func (g *generation) String() string {
	if *g == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*g), 10)
}

func (g *generation) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return fmt.Errorf("a generation is a number from 1 on; 'tensorfile log' lists those of a file")
	}
	*g = generation(n)
	return nil
}

// atFlag adds --at to a command that reads.
func (t *tool) atFlag(cmd *cobra.Command) {
	cmd.Flags().Var(&t.at, "at", "read .tensor files as they were at generation `GEN` (see 'tensorfile log')")
	cmd.RegisterFlagCompletionFunc("at", func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return t.generations(cmd, args, prefix)
	})
}

// noGeneration adds advice to an error about a generation that is not there.
func noGeneration(err error) error {
	var e *tensorfile.Error
	if errors.Is(err, tensorfile.ErrNotFound) && errors.As(err, &e) && e.Field == "generation" {
		return &hinted{err, "'tensorfile log " + e.Path + "' lists the generations"}
	}
	return err
}

// completeGenerations completes a file, then the number of a generation.
func (t *tool) completeGenerations(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return nil, cobra.ShellCompDirectiveDefault
	case 1:
		return t.generations(cmd, args, prefix)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// generations are those of the file that args begin with, with their times.
func (t *tool) generations(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	if len(args) == 0 || args[0] == "-" {
		return nil, directive
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	in, err := t.open(ctx, args[0])
	if err != nil {
		return nil, directive
	}
	defer in.close()
	var found []string
	for g, err := range in.Generations(ctx) {
		if err != nil || len(found) == maxCompletions {
			break
		}
		if n := strconv.FormatUint(g.Number, 10); strings.HasPrefix(n, prefix) {
			found = append(found, n+"\t"+timeText(g.Time))
		}
	}
	return slices.Clip(found), directive
}
