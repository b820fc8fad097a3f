package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newShowCmd) }

type showFlags struct {
	full, hex, force, json bool
	precision              int
	as, output, picture    string

	canvas *canvas // nil: values are printed
}

var showForms = []string{"text", "csv", "json", "npy", "raw"}

func newShowCmd(t *tool) *cobra.Command {
	var o showFlags
	cmd := &cobra.Command{
		Use:   "show FILE NAME[SEL]",
		Short: "Print the values of a tensor",
		Long: `Print the values of a tensor, or of a selection of it, as NumPy does: large ones
as a summary of their corners, of which nothing else is read. Several names, and
globs, are shown one after the other. The name may be left out where a file holds
one tensor.

On a terminal pictures and recordings are drawn instead: what attributes say to be
one, and u8 of the shape (H, W, 3) or the like. --picture draws anything with the
axes HW, HWC or CHW, or with one axis, in a pipe, too: half is half blocks in colours
of 24 bits, half256 in 256 colours, sixel and kitty are for terminals that have
them. auto finds out what there is. Each pixel is the mean of those that it stands
for. Recordings are drawn with dots, from the least to the largest sample.

--as text prints a line about the tensor and its values. csv is a line for each
row of the last axis, rows of all other axes below each other. json is nested
lists. npy is a file of NumPy's. raw is the elements' bytes, in C order, numbers
little-endian. All but text are whole tensors, not summaries. --hex shows the
first bytes of raw, with --full all of them.`,
		Example: `  tensorfile show weights.npz conv1
  tensorfile show weights.npz 'conv1[0, :, ::2]' --precision 3
  tensorfile show model.tensor bias --as csv > bias.csv
  tensorfile show model.tensor 'tokens[-100:]' --as npy -o last.npy
  tensorfile show array.npy --hex
  tensorfile show photo.jpg
  tensorfile show weights.npz 'conv1[0, 0]' --picture half`,
		Annotations: map[string]string{
			"Selections": `  As in NumPy: items for the axes, between commas. 3 or -1 is one element,
  2:10, ::2 and ::-1 are ranges, ... stands for all axes that are left.`,
			exitStatus: exitText("0  done", "1  no tensor matches", "2  the tensor or the file cannot be read, or the output not written")},
		Args:              nArgs(1, -1),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.json && cmd.Flags().Changed("as") && o.as != "json" {
				return usage(cmd, "--json and --as %s exclude each other", o.as)
			}
			if o.json {
				o.as = "json"
			}
			if !slices.Contains(showForms, o.as) {
				return usage(cmd, "--as is one of %s", strings.Join(showForms, ", "))
			}
			if o.hex && o.as != "text" {
				return usage(cmd, "--hex and --as %s exclude each other", o.as)
			}
			if o.output == "" && (o.as == "npy" || o.as == "raw") && terminal(t.out.file) {
				return usage(cmd, "standard output is a terminal, and %s is binary: -o FILE or a pipe takes it", o.as)
			}
			var err error
			if o.canvas, err = t.canvas(cmd, &o); err != nil {
				return err
			}
			in, err := t.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer in.close()
			picks, err := t.choose(cmd, in, args[1:])
			if err != nil || len(picks) == 0 {
				return err
			}
			if len(picks) > 1 && o.as != "text" {
				return usage(cmd, "%d tensors are named; --as %s takes one", len(picks), o.as)
			}
			return t.show(cmd.Context(), picks, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.full, "full", false, "all values, no summary")
	f.IntVar(&o.precision, "precision", 8, "at most `N` digits behind the decimal point, in text")
	f.BoolVar(&o.hex, "hex", false, "bytes instead of values")
	f.StringVar(&o.as, "as", "text", "in this `FORM`: text, csv, json, npy or raw")
	f.BoolVar(&o.json, "json", false, "the same as --as json")
	f.StringVarP(&o.output, "output", "o", "", "write to this `FILE`")
	f.BoolVarP(&o.force, "force", "f", false, "replace a file that is there")
	f.StringVar(&o.picture, "picture", "auto", "draw pictures and recordings: `HOW` is auto, never, half, half256, sixel or kitty")
	cmd.RegisterFlagCompletionFunc("picture", cobra.FixedCompletions(pictureForms, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(showForms, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// choose finds what to show.
func (t *tool) choose(cmd *cobra.Command, in *input, names []string) ([]pick, error) {
	ctx := cmd.Context()
	if len(names) == 0 {
		n, err := in.Len()
		if err != nil {
			return nil, err
		}
		if skipped := in.skipped(); n == 0 && len(skipped) > 0 {
			return nil, skipped[0]
		}
		if n != 1 {
			e := usage(cmd, "%s holds %s: name one", in.Path(), plural(int64(n), "tensor"))
			e.hint = "'tensorfile ls " + in.Path() + "' lists them"
			return nil, e
		}
	}
	var picks []pick
	err := t.picked(ctx, in, names, func(p pick, err error) error {
		if err != nil {
			return err
		}
		picks = append(picks, p)
		return nil
	}, func(err error) { t.fail(err) })
	return picks, err
}

// show writes what was chosen to where it is wanted.
func (t *tool) show(ctx context.Context, picks []pick, o *showFlags) (err error) {
	if o.output == "" {
		return t.showTo(ctx, t.out, picks, o)
	}
	for _, p := range picks {
		switch same, err := atomicfile.Same(fsys.Default(), p.File().Path(), o.output); {
		case err != nil:
			return err
		case same:
			return &tensorfile.Error{Kind: tensorfile.ErrPath, Path: o.output, Offset: -1, Field: "output", Got: "the file that is read", Want: "another file"}
		}
	}
	f, err := atomicfile.Create(o.output, &atomicfile.Options{Overwrite: o.force})
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := t.showTo(ctx, w, picks, o); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Commit()
}

func (t *tool) showTo(ctx context.Context, w io.Writer, picks []pick, o *showFlags) error {
	for i, p := range picks {
		bar := t.newOutputProgress(w)
		err := t.showOne(bar.watch(ctx, p.size()), w, p, i > 0, o)
		if bar.end(); err != nil {
			return survey.Located(err, p.Tensor)
		}
	}
	return nil
}

// size is how many bytes what is picked has.
func (p pick) size() int64 {
	shape, err := p.Extents()
	if err != nil {
		return 0 // told when it is read
	}
	n, _ := tensor.ByteSize(p.DType(), shape)
	return n
}

// showOne writes one tensor, with a line between it and the one before.
func (t *tool) showOne(ctx context.Context, w io.Writer, p pick, next bool, o *showFlags) error {
	_, _, composite := p.Composite()
	if next && (composite || o.as == "text") {
		io.WriteString(w, "\n")
	}
	switch {
	case composite && o.canvas != nil && o.canvas.asked:
		return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "picture", Got: "layout " + layoutName(p.Tensor), Want: "a dense tensor"}
	case composite:
		return t.showComposite(ctx, w, p, o)
	case o.as == "csv":
		return t.showCSV(ctx, w, p)
	case o.as == "json":
		return t.showJSON(ctx, w, p)
	case o.as == "npy":
		return t.showNPY(ctx, w, p)
	case o.as == "raw":
		return t.writeBytes(ctx, w, p)
	}
	return t.showText(ctx, w, p, o)
}

// showTitle prints the line above the values of a tensor: its name and what it is.
func (t *tool) showTitle(w io.Writer, name string, about []string) {
	bold, plain := "", ""
	if w == io.Writer(t.out) && t.colored() {
		bold, plain = "\x1b[1m", "\x1b[0m"
	}
	fmt.Fprintf(w, "%s%s%s  %s\n", bold, clean(name), plain, strings.Join(about, "  "))
}

// withCodec appends how a tensor is stored, unless that is as plain bytes.
func withCodec(about []string, x *tensorfile.Tensor) []string {
	if codec := codecOf(x); codec != "" {
		about = append(about, codec)
	}
	return about
}

// showText prints a line about a tensor, and its values.
func (t *tool) showText(ctx context.Context, w io.Writer, p pick, o *showFlags) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	n, err := tensor.ByteSize(p.DType(), shape)
	if err != nil {
		return err
	}
	about := []string{p.DType().String() + " " + shape.String(), sizeText(n)}
	if p.Sel == nil {
		about = append(about, layoutWord(p.Tensor))
	}
	about = withCodec(about, p.Tensor)
	for _, n := range notes(p.Tensor, nil) {
		if p.Sel == nil || !strings.HasPrefix(n, "axes ") { // some of which may be gone
			about = append(about, n)
		}
	}
	t.showTitle(w, p.label(), about)
	if o.hex {
		return t.showHex(ctx, w, p, n, o.full)
	}
	if drawn, err := t.draw(ctx, w, p, o.canvas); drawn || err != nil {
		return err
	}
	fo := &tensor.FormatOptions{Precision: o.precision, Full: o.full}
	if o.precision <= 0 {
		fo.Precision = -1
	}
	if err := t.format(ctx, w, p, shape, fo); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// format prints values straight from the mapping, or of a copy of what is
// shown.
func (t *tool) format(ctx context.Context, w io.Writer, p pick, shape tensor.Shape, o *tensor.FormatOptions) error {
	if _, err := p.View(); err == nil {
		g := &gate{ctx: ctx, w: w}
		return abandonable(ctx, func() error {
			return p.Guard(func(v tensor.View) (err error) {
				if p.Sel != nil {
					if v, err = v.Select(p.Sel); err != nil {
						return err
					}
				}
				return tensor.Fprint(g, v, o)
			})
		}, g.shut)
	}
	n, err := shape.NumElements()
	if err != nil {
		return err
	}
	if o.Full || n <= summaryThreshold {
		v, err := p.ReadAll(ctx)
		if err != nil {
			return err
		}
		g := &gate{ctx: ctx, w: w}
		return abandonable(ctx, func() error { return tensor.Fprint(g, v, o) }, g.shut)
	}
	v, err := corners(ctx, p, shape, int64(t.mem))
	if err != nil {
		return err
	}
	short := *o
	short.Threshold = -1
	return tensor.Fprint(w, v, &short)
}

// abandonable calls fn, which can take very long before it writes a first byte,
// in a goroutine. If the context ends before it, fn is left alone and abandon is
// called.
func abandonable(ctx context.Context, fn func() error, abandon func()) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		abandon()
		return ctx.Err()
	}
}

// A gate lets writes through until it is shut.
type gate struct {
	ctx  context.Context
	mu   sync.Mutex
	down bool
	w    io.Writer
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down || g.ctx.Err() != nil {
		return 0, context.Canceled
	}
	return g.w.Write(p)
}

// shut waits for a write that is under way, and lets none through afterwards.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = true
}

// errEnough ends a stream of which no more is wanted.
var errEnough = errors.New("enough")

// hexHead is how many bytes --hex shows without --full.
const hexHead = 256

// showHex prints bytes in hexadecimal digits, grouped by elements, and as text.
func (t *tool) showHex(ctx context.Context, w io.Writer, p pick, size int64, full bool) error {
	h := &hexWriter{w: w, left: size, group: 1}
	if n := int(p.DType().UnitBytes); n == 2 || n == 4 || n == 8 || n == 16 {
		h.group = n
	}
	if !full {
		h.left = min(size, hexHead)
	}
	more := size - h.left
	err := t.writeBytes(ctx, h, p)
	if err == nil || errors.Is(err, errEnough) {
		err = h.line()
	}
	if err == nil && more > 0 {
		_, err = fmt.Fprintf(w, "... %s more\n", sizeText(more))
	}
	return err
}

type hexWriter struct {
	w     io.Writer
	group int
	at    int64
	left  int64
	buf   []byte
	out   []byte
}

func (h *hexWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if h.left == 0 {
			return total - len(p), errEnough
		}
		n := int(min(int64(len(p)), h.left, int64(16-len(h.buf))))
		h.buf = append(h.buf, p[:n]...)
		h.left, p = h.left-int64(n), p[n:]
		if len(h.buf) == 16 {
			if err := h.line(); err != nil {
				return total - len(p), err
			}
		}
	}
	return total, nil
}

// line prints what is in the buffer.
func (h *hexWriter) line() error {
	if len(h.buf) == 0 {
		return nil
	}
	const digits = "0123456789abcdef"
	b := fmt.Appendf(h.out[:0], "%08x ", h.at)
	for i := range 16 {
		if i%h.group == 0 {
			b = append(b, ' ')
		}
		if i < len(h.buf) {
			b = append(b, digits[h.buf[i]>>4], digits[h.buf[i]&15])
		} else {
			b = append(b, "  "...)
		}
	}
	b = append(b, "  |"...)
	for _, c := range h.buf {
		if c < ' ' || c >= 0x7f {
			c = '.'
		}
		b = append(b, c)
	}
	b = append(b, "|\n"...)
	h.at += int64(len(h.buf))
	h.buf, h.out = h.buf[:0], b
	_, err := h.w.Write(b)
	return err
}
