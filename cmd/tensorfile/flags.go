package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tensorfile/tensorfile/internal/argument"
)

// headingOf is the annotation of a flag that says what the heading that it stands
// under in the help ends in: "Flags for ...".
const headingOf = "heading"

// heading puts flags of cmd under a heading: those that are named, or all that have
// none yet.
func heading(cmd *cobra.Command, title string, names ...string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(names, f.Name) || len(names) == 0 && f.Annotations[headingOf] == nil {
			if f.Annotations == nil {
				f.Annotations = map[string][]string{}
			}
			f.Annotations[headingOf] = []string{title}
		}
	})
}

// headed reports whether flags of cmd stand under headings.
func headed(cmd *cobra.Command) (some bool) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { some = some || f.Annotations[headingOf] != nil })
	return some
}

// Headings of commands that have many flags.
const (
	forTensors   = "tensors and names"
	forStorage   = "storage"
	forOperators = "operators, in the order given"
	forSets      = "sets of many files"
	forTables    = "tables and databases"
	forInputs    = "inputs"
	forOutput    = "the output"
)

// choice is the value of a flag that is auto, always or never.
type choice string

var choices = []string{"auto", "always", "never"}

func (c *choice) String() string { return string(*c) }
func (c *choice) Type() string   { return "WHEN" }

func (c *choice) Set(s string) error {
	if !slices.Contains(choices, s) {
		return fmt.Errorf("it is one of %s", strings.Join(choices, ", "))
	}
	*c = choice(s)
	return nil
}

// size is the value of a flag that is a number of bytes: "4096", "512MiB",
// "2G". Letters mean powers of 1024.
type size int64

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return sizeText(int64(*s))
}

func (s *size) Type() string { return "SIZE" }

func (s *size) Set(text string) error {
	n, err := argument.Size(text)
	if err != nil {
		return err
	}
	*s = size(n)
	return nil
}
