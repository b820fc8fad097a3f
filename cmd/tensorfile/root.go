package main

import (
	"cmp"
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
	"github.com/spf13/pflag"
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

	atExit []func() // leave nothing behind

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
	t.out.Flush()
	fmt.Fprintf(t.err, "tensorfile: %s\n", clean(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintf(t.err, "  %s\n", clean(h))
	}
}

// note prints something worth knowing that is not an error.
func (t *tool) note(format string, args ...any) {
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
			"NAME arguments": `  Names are globs: * any characters, ? one, [a-z] one of a set. A selection as
  in NumPy may follow: 'w[0:10, ::2, -1]'. An argument that equals a tensor's
  name is that tensor, whatever brackets or stars it holds.`,
			exitStatus: exitText("0  done", "1  a negative answer: nothing matched, a difference, damage found", "2  wrong usage, or something could not be read or written"),
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
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd.OutOrStdout(), cmd) })
	root.SetUsageFunc(func(cmd *cobra.Command) error { writeHelp(cmd.OutOrStderr(), cmd); return nil })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%s", err) })
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{
		Use:    "help [COMMAND]",
		Short:  "Help about a command",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return noSuchCommand(cmd.Root(), args)
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
		root.AddCommand(cmd)
	}
	return root
}

// noSuchCommand refuses words where a command should stand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := usage(cmd, "there is no command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2
	switch near := cmd.SuggestionsFor(args[0]); {
	case len(near) > 0:
		far := func(name string) int { return distance(args[0], name, 3) }
		slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(far(a), far(b)) })
		e.hint = "did you mean 'tensorfile " + near[0] + "'?"
	default:
		if fi, err := os.Stat(args[0]); err == nil && fi.Mode().IsRegular() {
			e.hint = "to list what a file holds: tensorfile ls " + args[0]
		}
	}
	return e
}

// nArgs asks for at least min and, unless max is negative, at most max
// arguments, and says which of those in the usage line are missing.
func nArgs(min, max int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		words := strings.Fields(cmd.Use)[1:]
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

// writeHelp prints the help of a command.
func writeHelp(w io.Writer, cmd *cobra.Command) {
	section := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(w, "\n%s:\n%s\n", title, text)
		}
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintln(w, text)
	line := cmd.UseLine()
	if !cmd.HasParent() {
		line = "tensorfile COMMAND [flags]"
	}
	section("Usage", "  "+line)
	section("Examples", cmd.Example)
	if cmd.HasAvailableSubCommands() {
		var b strings.Builder
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-12s%s\n", c.Name(), c.Short)
			}
		}
		section("Commands", b.String())
	}
	section("Flags", flagText(cmd.LocalFlags()))
	section("Flags of all commands", flagText(cmd.InheritedFlags()))
	titles := make([]string, 0, len(cmd.Annotations))
	for title := range cmd.Annotations {
		if title != exitStatus {
			titles = append(titles, title)
		}
	}
	slices.Sort(titles)
	for _, title := range titles {
		section(title, cmd.Annotations[title])
	}
	section(exitStatus, cmd.Annotations[exitStatus])
}

func flagText(f *pflag.FlagSet) string {
	var b strings.Builder
	f.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		arg, text := pflag.UnquoteUsage(f)
		if arg != "" {
			name += " " + arg
		}
		switch f.DefValue {
		case "", "0", "false", "[]":
		default:
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&b, "%-24s  %s\n", name, text)
	})
	return b.String()
}
