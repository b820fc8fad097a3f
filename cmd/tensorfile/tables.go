package main

import (
	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/convert"
)

// tableFlags say how tables are read, and CSV is written.
type tableFlags struct {
	delimiter, missing       string
	header, noHeader, matrix bool
}

var missingRules = []string{"nan", "mask", "error"}

func (f *tableFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.delimiter, "delimiter", "", "the `CHARACTER` between fields of CSV, read and written; TSV has tabs")
	fl.BoolVar(&f.header, "header", false, "the first line of CSV has the names of columns, whatever it looks like")
	fl.BoolVar(&f.noHeader, "no-header", false, "there are no names of columns in CSV, neither read nor written")
	fl.BoolVar(&f.matrix, "matrix", false, "a table is one tensor of rank 2; --matrix=false: a tensor for each column")
	fl.StringVar(&f.missing, "missing", "nan", "what a table lacks is `RULE`: nan, mask (and NAME.valid) or error")
	cmd.RegisterFlagCompletionFunc("missing", cobra.FixedCompletions(missingRules, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("delimiter", cobra.NoFileCompletions)
}

// apply puts what the flags say into options.
func (f *tableFlags) apply(cmd *cobra.Command, read *convert.TableOptions, write *convert.WriteOptions) error {
	switch d := f.delimiter; {
	case d == "":
	case d == `\t` || d == "tab":
		read.Delimiter = '\t'
	case len(d) == 1:
		read.Delimiter = d[0]
	default:
		return usage(cmd, "--delimiter %q: it is one ASCII character, or tab", d)
	}
	switch {
	case f.header && f.noHeader:
		return usage(cmd, "--header and --no-header exclude each other")
	case f.header:
		read.Header = convert.Yes
	case f.noHeader:
		read.Header = convert.No
	}
	switch {
	case f.matrix:
		read.Matrix = convert.Yes
	case cmd.Flags().Changed("matrix"):
		read.Matrix = convert.No
	}
	switch f.missing {
	case "nan":
	case "mask":
		read.Missing = convert.MissingMask
	case "error":
		read.Missing = convert.MissingError
	default:
		return usage(cmd, "--missing %q: it is nan, mask or error", f.missing)
	}
	write.Delimiter, write.NoHeader = read.Delimiter, f.noHeader
	return nil
}
