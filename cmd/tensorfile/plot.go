package main

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/colour"
)

func init() { commands = append(commands, newPlotCmd) }

type plotFlags struct {
	output, to            string
	force, dryRun, json   bool
	kind                  string
	size                  string
	scale                 float64
	theme                 string
	title, xlabel, ylabel *string // nil: as the data says
	cmap                  string
	vmin, vmax            *float64
	percentile            string
	log, symmetric        bool
	bins                  int
	rate                  float64
	window, hop           int

	width, height int        // of size
	clip          [2]float64 // of percentile: shares
}

// maxBins of histograms is that of stats; --window has a bound for memory.
const maxWindow = 1 << 16

// Pictures have from 32 to 16,384 pixels of CSS each way.
const minPlotSide, maxPlotSide = 32, 16384

func newPlotCmd(t *tool) *cobra.Command {
	var o plotFlags
	var title, xlabel, ylabel string
	var vmin, vmax float64
	cmd := &cobra.Command{
		Use:   "plot FILE [NAME...]",
		Short: "Draw a chart of a tensor, as PNG or SVG",
		Long: `Draw a chart of a tensor, or of a selection of it, to a PNG or SVG file. The
name may be left out where a file holds one tensor. Several names are lines of
one chart.

What is drawn depends on the tensor, unless --kind says it:

  line         one axis, or two of which one is short: up to 8 lines
  hist         how often values occur; three axes and more
  heat         a matrix in colours; the mean of what falls into a pixel
  wave         sound (a sample rate is known): least and greatest by column
  spectrogram  sound by time and frequency, in decibels
  image        pictures (HW, HWC, CHW), several as a grid
  spy          where a sparse matrix has entries

Tensors of any size are reduced to the picture block by block, in bounded memory.
NaN and infinities have colours of their own, which the chart names.`,
		Example: `  tensorfile plot model.tensor encoder.weight -o weight.png
  tensorfile plot model.tensor 'encoder.weight[0]' 'encoder.weight[1]' -o rows.svg
  tensorfile plot model.tensor encoder.weight --kind hist --log -o values.svg
  tensorfile plot speech.flac --kind spectrogram --window 512 -o speech.png
  tensorfile plot mnist.npz 'images[:40]' -o digits.png --size 600x400
  tensorfile plot matrix.mtx -o - --to svg > matrix.svg`,
		Annotations: map[string]string{exitStatus: exitText(
			"0  done", "1  no tensor matches", "2  the tensor or the file cannot be read, or the picture not written")},
		Args:              nArgs(1, -1),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.title, o.xlabel, o.ylabel = ifSet(cmd, "title", &title), ifSet(cmd, "xlabel", &xlabel), ifSet(cmd, "ylabel", &ylabel)
			o.vmin, o.vmax = ifSet(cmd, "vmin", &vmin), ifSet(cmd, "vmax", &vmax)
			if err := o.check(t, cmd); err != nil {
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
			return t.plot(cmd, picks, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.output, "output", "o", "", "write to this `FILE`, - is standard output")
	f.StringVar(&o.to, "to", "", "write `FORMAT` png or svg (default: by the name of the file)")
	f.BoolVarP(&o.force, "force", "f", false, "replace a file that is there")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "say what would be drawn; read no values, write nothing")
	f.BoolVar(&o.json, "json", false, "print one JSON document about what was drawn")
	f.StringVar(&o.kind, "kind", "", "draw this `KIND` of chart: "+strings.Join(plotKinds, ", "))
	f.StringVar(&o.size, "size", "800x500", "make the picture `WxH` pixels large, 96 to the inch")
	f.Float64Var(&o.scale, "scale", 2, "`N` pixels of PNG to one of --size")
	f.StringVar(&o.theme, "theme", "light", "`THEME` light or dark")
	f.StringVar(&title, "title", "", "`TEXT` above the chart; none: \"\"")
	f.StringVar(&xlabel, "xlabel", "", "`TEXT` below the chart")
	f.StringVar(&ylabel, "ylabel", "", "`TEXT` beside the chart")
	f.StringVar(&o.cmap, "cmap", "", "`MAP` of colours: "+strings.Join(colour.Names(), ", "))
	f.Float64Var(&vmin, "vmin", 0, "`X` at the low end of values or colours")
	f.Float64Var(&vmax, "vmax", 0, "`X` at the high end of values or colours")
	f.StringVar(&o.percentile, "percentile", "", "values or colours from percentile `P` to 100-P of what is drawn, or from P,Q")
	f.BoolVar(&o.log, "log", false, "logarithmic values, counts or colours")
	f.BoolVar(&o.symmetric, "symmetric", false, "as far below zero as above it")
	f.IntVar(&o.bins, "bins", 0, "`N` bins of a histogram (default: by the count)")
	f.Float64Var(&o.rate, "rate", 0, "sound has `HZ` samples a second (default: its attribute sample_rate)")
	f.IntVar(&o.window, "window", 0, "`N` samples a frame of a spectrogram, a power of two (default 1024)")
	f.IntVar(&o.hop, "hop", 0, "`N` samples from frame to frame (default: a quarter of the window or more)")
	for name, words := range map[string][]string{"to": {"png", "svg"}, "kind": plotKinds, "theme": {"light", "dark"}, "cmap": colour.Names()} {
		cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// ifSet is the value of a flag, nil if the flag is not there.
func ifSet[T any](cmd *cobra.Command, name string, value *T) *T {
	if !cmd.Flags().Changed(name) {
		return nil
	}
	return value
}

// check looks at the flags and completes them.
func (o *plotFlags) check(t *tool, cmd *cobra.Command) error {
	flags := cmd.Flags()
	oneOf := func(name, value string, words []string) error {
		if flags.Changed(name) && !slices.Contains(words, value) {
			return usage(cmd, "--%s is one of %s", name, strings.Join(words, ", "))
		}
		return nil
	}
	for _, err := range []error{
		oneOf("kind", o.kind, plotKinds), oneOf("to", o.to, []string{"png", "svg"}),
		oneOf("theme", o.theme, []string{"light", "dark"}), oneOf("cmap", o.cmap, colour.Names()),
	} {
		if err != nil {
			return err
		}
	}
	if o.output == "" {
		return usage(cmd, "-o FILE says where to draw: a .png or .svg file, or - with --to")
	}
	if o.to == "" {
		o.to = strings.TrimPrefix(strings.ToLower(filepath.Ext(o.output)), ".")
		if o.to != "png" && o.to != "svg" {
			return usage(cmd, "%s is neither .png nor .svg; --to says which it is", o.output)
		}
	}
	if o.output == convert.Stream && !o.dryRun {
		if o.json {
			return usage(cmd, "--json and -o - exclude each other")
		}
		if o.to == "png" && terminal(t.out.file) {
			return usage(cmd, "standard output is a terminal, and png is binary: -o FILE or a pipe takes it")
		}
	}
	var ok bool
	if o.width, o.height, ok = plotSize(o.size); !ok {
		return usage(cmd, "--size is WIDTHxHEIGHT, each from %d to %d", minPlotSide, maxPlotSide)
	}
	if !(o.scale >= 0.25 && o.scale <= 16) {
		return usage(cmd, "--scale is a number from 0.25 to 16")
	}
	if o.to == "png" && float64(o.width)*o.scale*float64(o.height)*o.scale > plot.MaxPixels {
		return usage(cmd, "--size %s and --scale %v make more than %s pixels", o.size, o.scale, countText(plot.MaxPixels))
	}
	number := func(x *float64) bool { return x == nil || *x-*x == 0 }
	switch {
	case !number(o.vmin) || !number(o.vmax):
		return usage(cmd, "--vmin and --vmax are finite numbers")
	case o.vmin != nil && o.vmax != nil && *o.vmin >= *o.vmax:
		return usage(cmd, "--vmin must be below --vmax")
	case o.log && (o.vmin != nil && *o.vmin <= 0 || o.vmax != nil && *o.vmax <= 0):
		return usage(cmd, "--log needs --vmin and --vmax above 0")
	case o.log && o.symmetric:
		return usage(cmd, "--log and --symmetric exclude each other")
	case flags.Changed("bins") && (o.bins < 1 || o.bins > maxBins):
		return usage(cmd, "--bins is a number of bins up to %d", maxBins)
	case flags.Changed("rate") && !(o.rate > 0 && o.rate <= 1e12):
		return usage(cmd, "--rate is a number of samples a second, above 0")
	case flags.Changed("window") && (o.window < 2 || o.window > maxWindow || o.window&(o.window-1) != 0):
		return usage(cmd, "--window is a power of two from 2 to %d", maxWindow)
	case flags.Changed("hop") && (o.hop < 1 || o.hop > 1<<30):
		return usage(cmd, "--hop is a number of samples, at least 1")
	}
	if o.clip, ok = plotPercentiles(o.percentile); !ok {
		return usage(cmd, "--percentile is a number from 0 to below 50, or two from 0 to 100: 1,99")
	}
	return nil
}

// plotSize reads WIDTHxHEIGHT.
func plotSize(text string) (width, height int, ok bool) {
	a, b, ok := strings.Cut(strings.ToLower(text), "x")
	width, err := strconv.Atoi(a)
	height, err2 := strconv.Atoi(b)
	ok = ok && err == nil && err2 == nil && min(width, height) >= minPlotSide && max(width, height) <= maxPlotSide
	return width, height, ok
}

// plotPercentiles reads P or P,Q, and returns shares. No text is everything.
func plotPercentiles(text string) (clip [2]float64, ok bool) {
	if text == "" {
		return [2]float64{0, 1}, true
	}
	a, b, two := strings.Cut(text, ",")
	lo, err := strconv.ParseFloat(strings.TrimSpace(a), 64)
	hi := 100 - lo
	if two && err == nil {
		hi, err = strconv.ParseFloat(strings.TrimSpace(b), 64)
	}
	return [2]float64{lo / 100, hi / 100}, err == nil && lo >= 0 && lo < hi && hi <= 100
}
