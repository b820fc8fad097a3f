package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// synonyms are words under which people look for a command.
var synonyms = map[string][]string{
	"append":  {"add", "insert", "push"},
	"attr":    {"attrs", "attributes", "meta", "metadata", "tag"},
	"bench":   {"benchmark", "measure", "time"},
	"convert": {"import", "export", "save", "transform", "to", "create", "make", "new", "concat", "join", "stack", "cut", "slice", "extract"},
	"split":   {"shard", "divide", "partition"},
	"cp":      {"copy", "alias"},
	"diff":    {"compare", "cmp"},
	"formats": {"types"},
	"hash":    {"sum", "sha256", "sha256sum", "checksum", "digest"},
	"info":    {"about", "file", "stat"},
	"inspect": {"bytes", "hexdump", "layout", "map"},
	"log":     {"history", "generations", "snapshots"},
	"ls":      {"dir", "list", "names", "tensors"},
	"man":     {"manual"},
	"mv":      {"move", "rename"},
	"plot":    {"chart", "draw", "graph"},
	"recover": {"fix", "repair", "rescue", "salvage"},
	"repack":  {"compact", "compress", "defrag", "gc", "optimize", "vacuum"},
	"revert":  {"checkout", "reset", "restore", "rollback", "undo"},
	"rm":      {"del", "delete", "remove"},
	"show":    {"cat", "display", "dump", "head", "open", "print", "read", "tail", "values", "view"},
	"stats":   {"describe", "hist", "histogram", "statistics", "summary"},
	"verify":  {"check", "fsck", "test", "validate"},

	"set": {"add", "put"}, // of attr
	"get": {"cat", "print", "show"},
}

// noSuchCommand refuses words where a command should stand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := usage(cmd, "there is no command %q", args[0])
	switch near := nearCommand(cmd, args[0]); {
	case near != "":
		e.hint = "did you mean '" + cmd.CommandPath() + " " + near + "'?"
	case !cmd.HasParent():
		if fi, err := os.Stat(args[0]); err == nil && fi.Mode().IsRegular() {
			e.hint = "to list what a file holds: tensorfile ls " + args[0]
		}
	}
	return e
}

// namedCommand is the command that words name, such as "attr set".
func namedCommand(root *cobra.Command, words []string) (*cobra.Command, error) {
	c, rest, err := root.Find(words)
	switch {
	case err != nil:
		return nil, noSuchCommand(root, words)
	case len(rest) > 0:
		return nil, noSuchCommand(c, rest)
	}
	return c, nil
}

// needsCommand refuses a command of which one of several stands behind it.
func needsCommand(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	last := len(names) - 1
	list := strings.Join(names[:last], ", ") + " or " + names[last]
	if len(args) == 0 {
		return usage(cmd, "COMMAND is missing: %s", list)
	}
	e := usage(cmd, "there is no command %q: it is %s", args[0], list)
	if near := nearCommand(cmd, args[0]); near != "" {
		e.hint = "did you mean '" + cmd.CommandPath() + " " + near + "'?"
	}
	return e
}

// nearCommand is the command below cmd that is called almost like a word, or that
// others call so, or "".
func nearCommand(cmd *cobra.Command, word string) string {
	word = strings.ToLower(word)
	best, least := "", 3
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		name := c.Name()
		far := distance(word, name, least)
		switch {
		case slices.Contains(synonyms[name], word):
			return name
		case len(word) >= 2 && strings.HasPrefix(name, word):
			far = 1
		case far >= len(name): // nothing of it is left
			continue
		}
		if far < least {
			best, least = name, far
		}
	}
	return best
}

// flagError says what is wrong with a flag, and which one may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	e := usage(cmd, "%s", err)
	var none *pflag.NotExistError
	var bad *pflag.InvalidValueError
	var lacks *pflag.ValueRequiredError
	switch {
	case errors.As(err, &none):
		word := none.GetSpecifiedName()
		if group := none.GetSpecifiedShortnames(); group != "" {
			word = group
		}
		if hint := nearFlag(cmd, word); hint != "" {
			e.hint = hint
		}
	case errors.As(err, &lacks):
		e.text = "--" + lacks.GetFlag().Name + " needs a value"
	case errors.As(err, &bad):
		f, value := bad.GetFlag(), bad.GetValue()
		why := errors.Unwrap(bad).Error()
		var number *strconv.NumError
		switch {
		case f.Value.Type() == "duration":
			why = "it is a time such as 500ms, 30s or 5m"
		case f.Value.Type() == "bool":
			why = "it is true or false"
		case errors.Is(err, strconv.ErrRange):
			why = "it is a number, and not one so far from 0"
		case errors.As(err, &number):
			why = "it is a number"
		}
		e.text = "--" + f.Name + " " + strconv.Quote(value) + ": " + why
		// -json is -j with the value "son".
		if long := f.Shorthand + value; f.Shorthand != "" && cmd.Flags().Lookup(long) != nil {
			e.hint = "did you mean --" + long + "?"
		}
	}
	return e
}

// nearFlag is advice about a flag that a command does not have: one that is called
// almost like it, or the commands that have it.
func nearFlag(cmd *cobra.Command, word string) string {
	best, least := "", 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		far := distance(word, f.Name, least)
		if len(word) >= 3 && strings.HasPrefix(f.Name, word) {
			far = 1
		}
		if far < least && far < len(f.Name) && !f.Hidden {
			best, least = f.Name, far
		}
	})
	if least == 1 {
		return "did you mean --" + best + "?"
	}
	var have []string
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, c := range c.Commands() {
			if f := c.LocalFlags().Lookup(word); f != nil && c.IsAvailableCommand() {
				have = append(have, "'"+c.CommandPath()+"'")
			}
			walk(c)
		}
	}
	walk(cmd.Root())
	slices.Sort(have)
	switch n := len(have); {
	case n == 0 && best != "":
		return "did you mean --" + best + "?"
	case n == 0 || n > 6:
		return ""
	case n == 1:
		return have[0] + " has --" + word
	default:
		return strings.Join(have[:n-1], ", ") + " and " + have[n-1] + " have --" + word
	}
}

// nearWord is the word of a list that is almost like one, or "".
func nearWord(word string, list []string) string {
	best, least := "", 3
	for _, w := range list {
		if far := distance(word, w, least); far < least && far < len(w) {
			best, least = w, far
		}
	}
	return best
}
