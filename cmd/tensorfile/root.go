package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// commands makes the commands of the tool. Each file adds its own:
//
//	func init() { commands = append(commands, newLsCmd) }
var commands []func(*tool) *cobra.Command

// A tool is one run of the program: its streams, the flags that all commands
// share, and the exit status so far.
type tool struct {
	in   io.Reader
	out  *output   // results
	err  io.Writer // everything else
	code int

	atExit []func()  // leave nothing behind
	bar    *progress // the newest; nil: none yet

	jobs       int
	mem        size
	noMmap     bool
	color      choice
	progress   choice
	from       string
	noEXIF     bool
	maxDecoded size       // 0: the default
	at         generation // 0: the newest
	database   databaseFlags
}

// run is the program. It returns the exit status.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)

	t := &tool{
		in:  interruptibleReader{ctx, os.Stdin},
		out: newOutput(ctx, os.Stdout),
		err: os.Stderr,
	}
	defer func() {
		for _, fn := range t.atExit {
			fn()
		}
	}()
	return t.run(ctx, args)
}

// run runs a command and returns the exit status.
func (t *tool) run(ctx context.Context, args []string) int {
	root := newRootCmd(t)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if e := t.out.Flush(); err == nil {
		err = e
	}
	return t.finish(err)
}

// finish reports the error that ended a command and returns the exit status.
func (t *tool) finish(err error) int {
	t.wipe()
	switch {
	case err == nil:
		return t.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case isBrokenPipe(err):
		return exitPipe
	}
	t.report(err)
	return exitBad
}

// fail reports an error and lets the command go on: it will end with 2.
func (t *tool) fail(err error) {
	t.raise(exitBad)
	t.report(err)
}

// raise sets the exit status unless a higher one is set already.
func (t *tool) raise(code int) { t.code = max(t.code, code) }

// report prints an error and what to try, behind all results so far.
func (t *tool) report(err error) {
	t.wipe()
	t.out.Flush()
	fmt.Fprintf(t.err, "tensorfile: %s\n", clean(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintf(t.err, "  %s\n", clean(h))
	}
}

// note prints something worth knowing that is not an error.
func (t *tool) note(format string, args ...any) {
	t.wipe()
	t.out.Flush()
	fmt.Fprintf(t.err, "tensorfile: note: %s\n", clean(fmt.Sprintf(format, args...)))
}

func newRootCmd(t *tool) *cobra.Command {
	root := &cobra.Command{
		Use:   "tensorfile",
		Short: "Look into, convert and check files of tensors",
		Long: `tensorfile looks into, converts and checks files of tensors: its own format,
.tensor, and those of others ('tensorfile formats' lists them), which it reads
in place.`,
		Example: `  tensorfile info model.tensor
  tensorfile ls weights.npz 'layers.*.weight'
  tensorfile show weights.npz 'conv1[0, :, ::2]'`,
		Annotations: map[string]string{
			"FILE arguments": `  A path, an http://, https:// or s3:// address, or - for standard input. The
  format is found by the first bytes, then by the extension; --from settles it.
  Behind -- nothing is a flag: for names that begin with -.`,
			"Environment": `  NO_COLOR             no colours, unless --color always asks for them
  TERM=dumb            neither colours nor progress lines nor pictures
  COLUMNS, LINES       the size of the terminal, instead of what it says
  SOURCE_DATE_EPOCH    the time of commits: equal inputs give equal bytes
  TENSORFILE_CACHE     DIR or DIR:SIZE: what was read of addresses is kept there
  AWS_...              where a bucket is, and who asks: docs/remote.md
  GOMAXPROCS           the default of -j`,
			"NAME arguments": `  Names are globs: * any characters, ? one, [a-z] one of a set. An argument that
  equals a tensor's name is that tensor, whatever brackets or stars it holds. In
  show, stats and plot a selection as in NumPy may follow: 'w[0:10, ::2, -1]'.`,
			exitStatus: exitText(
				"0    done", "1    a negative answer: nothing matched, a difference, damage found", "2    wrong usage, or something could not be read or written",
				"3    done but for what had to be left out", "130  interrupted", "141  nobody read the output to its end"),
		},
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       versionLine(),
	}
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if words := cmd.Flags().Args(); cmd.HasAvailableSubCommands() && len(words) > 0 {
			t.fail(noSuchCommand(cmd, words)) // lst --help
			return
		}
		t.writeHelp(cmd.OutOrStdout(), cmd)
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error { t.writeHelp(cmd.OutOrStderr(), cmd); return nil })
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{
		Use:               "help [COMMAND]",
		Short:             "Help about a command",
		Hidden:            true,
		ValidArgsFunction: completeCommands,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := namedCommand(cmd.Root(), args)
			if err != nil {
				return err
			}
			return c.Help()
		},
	})

	f := root.PersistentFlags()
	f.SortFlags = false
	t.jobs, t.color, t.progress = runtime.GOMAXPROCS(0), "auto", "auto"
	f.IntVarP(&t.jobs, "jobs", "j", t.jobs, "work on `N` things at once (default: as many as there are processors)")
	f.Lookup("jobs").DefValue = "0"
	f.Var(&t.mem, "mem", "hold at most `SIZE` of a tensor in memory (512MiB, 2G)")
	f.BoolVar(&t.noMmap, "no-mmap", false, "read the files, do not map them")
	f.StringVar(&t.from, "from", "", "take the input for this `FORMAT`, whatever it looks like")
	f.BoolVar(&t.noEXIF, "no-exif", false, "leave pictures as they are stored where EXIF says to turn them")
	f.Var(&t.maxDecoded, "max-decoded", "decode pictures of at most `SIZE` (default 1 GiB)")
	f.Var(&t.color, "color", "auto, always or never")
	f.Var(&t.progress, "progress", "auto, always or never")
	f.BoolP("help", "h", false, "print this help")
	root.Flags().Bool("version", false, "print the version")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if t.jobs < 1 {
			return usage(cmd, "-j must be at least 1")
		}
		return nil
	}
	root.RegisterFlagCompletionFunc("from", completeFormat)
	for _, name := range []string{"color", "progress"} {
		root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	}

	for _, make := range commands {
		cmd := make(t)
		if slices.Contains(atCommands, cmd.Name()) {
			t.atFlag(cmd)
		}
		if slices.Contains(databaseCommands, cmd.Name()) {
			t.databaseFlags(cmd)
		}
		if headed(cmd) {
			heading(cmd, forInputs, "at")
			heading(cmd, forTables, "query", "table")
		}
		root.AddCommand(cmd)
	}
	return root
}

// nArgs asks for at least min and, unless max is negative, at most max
// arguments, and says which of those in the usage line are missing: the first
// that cannot be left out.
func nArgs(min, max int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		words := slices.DeleteFunc(strings.Fields(cmd.Use)[1:], func(s string) bool { return strings.HasPrefix(s, "[") })
		switch {
		case len(args) < min:
			return usage(cmd, "%s is missing", words[len(args)])
		case max >= 0 && len(args) > max:
			return usage(cmd, "%q is one argument too many", args[max])
		}
		return nil
	}
}

// exitStatus is the annotation that holds a command's exit status section.
// Other annotations become sections, too.
const exitStatus = "Exit status"

func exitText(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
