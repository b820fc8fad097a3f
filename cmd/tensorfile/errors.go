package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
)

// Exit statuses (see the help of each command).
const (
	exitOK          = 0
	exitNo          = 1 // a negative answer: differences, damage, nothing matched
	exitBad         = 2 // wrong usage, or something could not be read or written
	exitPartly      = 3 // done but for what was skipped
	exitInterrupted = 130
	exitPipe        = 141 // as a shell shows a death by SIGPIPE
)

// usageError is a call that makes no sense.
type usageError struct {
	text string
	hint string
}

func (e *usageError) Error() string { return e.text }

// usage is an error about how cmd was called.
func usage(cmd *cobra.Command, format string, args ...any) *usageError {
	return &usageError{fmt.Sprintf(format, args...), "see '" + cmd.CommandPath() + " --help'"}
}

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// hint says what to try after err, if there is something to say.
func hint(err error) string {
	var u *usageError
	var h *hinted
	var e *tensorfile.Error
	switch {
	case errors.As(err, &u):
		return u.hint
	case errors.As(err, &h):
		return h.hint
	case !errors.As(err, &e):
		return ""
	}
	is := func(kind error) bool { return errors.Is(err, kind) }
	switch {
	case is(tensorfile.ErrFormat) && isFolder(e.Path):
		return "'tensorfile convert " + e.Path + " OUT --stack' makes one tensor of the files in it"
	case is(fs.ErrNotExist) && e.Field == "temporary file":
		return "there is no directory " + filepath.Dir(e.Path)
	case is(tensorfile.ErrCommitUnknown):
		return "'tensorfile info " + e.Path + "' says which one it is"
	case is(tensorfile.ErrLimit) && strings.Contains(e.Want, "MaxBytes"):
		return "a larger --mem allows it; a selection such as '" + e.Tensor + "[:10]' needs less"
	case is(tensorfile.ErrLimit) && strings.Contains(e.Want, "MaxDecoded"):
		return "a larger --max-decoded allows it"
	case strings.HasPrefix(e.Field, "shard "):
		return "'tensorfile verify' of the index lists all shards that are not what it says"
	case is(tensorfile.ErrChanged):
		return "the file was changed while it was read; run the command again when it is at rest"
	case is(tensorfile.ErrFormat) && e.Field == "magic":
		return "'tensorfile formats' lists what is read; --from FORMAT says what the file is"
	case is(tensorfile.ErrTruncated) && e.Rule == format.RuleRootTruncated:
		return "a copy of it may not have come to its end; 'tensorfile recover " + e.Path + " -o OUT' saves what is intact"
	case is(tensorfile.ErrCorrupt), is(tensorfile.ErrTruncated):
		return "'tensorfile verify' lists all that is wrong with a file"
	case is(tensorfile.ErrExists):
		return "-f replaces a file that is there"
	case is(fs.ErrPermission):
		return "check the permissions of the file and of the directories above it"
	}
	return ""
}

func isFolder(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// isBrokenPipe reports whether nobody reads what was written. A closed standard
// output normally ends the program by SIGPIPE before it comes to this.
func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
