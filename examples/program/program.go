// Package program is what the main functions of the examples have in common: a
// folder for the files that they make, an end by Ctrl-C, and an exit status.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

// Main parses the flags and runs an example in the folder that the command line
// names, or in one that is removed at the end. What run prints goes to standard
// output. An error ends the program with status 1, wrong usage with 2.
func Main(run func(ctx context.Context, dir string, out io.Writer) error) {
	name := filepath.Base(os.Args[0])
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: %s [flags] [FOLDER]\n\nFOLDER keeps the files, and those that are in it are used. Default: one that is removed.\n", name)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := inFolder(flag.Arg(0), func(dir string) error { return run(ctx, dir, os.Stdout) })
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// inFolder calls run with the folder, which is made if it is not there, or if it
// has no name with one of its own.
func inFolder(dir string, run func(dir string) error) (err error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		return run(dir)
	}
	if dir, err = os.MkdirTemp("", "example"); err != nil {
		return err
	}
	return errors.Join(run(dir), os.RemoveAll(dir))
}
