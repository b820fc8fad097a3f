package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// databaseCommands are the commands that read tables and queries of databases.
var databaseCommands = []string{"info", "ls", "show", "stats", "verify", "convert", "append", "hash", "diff", "plot", "bench"}

// databaseFlags say what of a database is read, and written.
type databaseFlags struct{ query, table string }

// databaseFlags adds --query and --table to such a command.
func (t *tool) databaseFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.database.query, "query", "", "read the rows of this `SQL` of a database")
	what := "read this `TABLE` of a database"
	if cmd.Name() == "convert" {
		what = "read this `TABLE` of a database that is an input, write it in one that is the output"
	}
	f.StringVar(&t.database.table, "table", "", what)
	for _, name := range []string{"query", "table"} {
		cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

// read puts the flags into o. A table beside a query is that of the output.
func (d *databaseFlags) read(o *convert.ReadOptions) {
	o.Query, o.Table = d.query, d.table
	if d.query != "" {
		o.Table = ""
	}
}

// databaseHint adds to an error about a database what to try.
func databaseHint(err error) error {
	var e *tensorfile.Error
	switch {
	case !errors.As(err, &e):
	case e.Field == "table" && e.Got == "none" && errors.Is(err, tensorfile.ErrNotFound):
		return &hinted{err, "--table NAME or --query SQL says what to read"}
	case e.Field == "destination" && errors.Is(err, tensorfile.ErrExists):
		if f, ok := convert.ByExtension(e.Path); ok && f.WriteTo != nil {
			return &hinted{err, "--table NAME adds a table to a database that is there"}
		}
	}
	return err
}
