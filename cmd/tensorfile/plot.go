package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
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

// The kinds of charts.
const (
	plotLine        = "line"
	plotHist        = "hist"
	plotHeat        = "heat"
	plotWave        = "wave"
	plotSpectrogram = "spectrogram"
	plotImage       = "image"
	plotSpy         = "spy"
)

var plotKinds = []string{plotLine, plotHist, plotHeat, plotWave, plotSpectrogram, plotImage, plotSpy}

// plotWords are what the kinds are called.
var plotWords = map[string]string{
	plotLine: "lines", plotHist: "histogram", plotHeat: "heat map", plotWave: "wave", plotSpectrogram: "spectrogram", plotImage: "images", plotSpy: "sparsity pattern",
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
			for name, set := range map[string]func(){
				"title": func() { o.title = &title }, "xlabel": func() { o.xlabel = &xlabel }, "ylabel": func() { o.ylabel = &ylabel },
				"vmin": func() { o.vmin = &vmin }, "vmax": func() { o.vmax = &vmax },
			} {
				if cmd.Flags().Changed(name) {
					set()
				}
			}
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
	for name, x := range map[string]*float64{"vmin": o.vmin, "vmax": o.vmax} {
		if x != nil && *x-*x != 0 {
			return usage(cmd, "--%s is a finite number", name)
		}
	}
	switch {
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

// A chart is a figure on its way, and what the document says of it.
type chart struct {
	t      *tool
	cmd    *cobra.Command
	o      *plotFlags
	figure plot.Figure
	doc    plotJSON
}

// plotJSON is the document of plot.
type plotJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Format  string           `json:"format"`
	Output  plotOutputJSON   `json:"output"`
	Kind    string           `json:"kind"`
	Tensors []plotTensorJSON `json:"tensors"`
	X       *plotRangeJSON   `json:"x,omitempty"`
	Y       *plotRangeJSON   `json:"y,omitempty"`
	Color   *plotColorJSON   `json:"color,omitempty"`
	Drawn   *plotDrawnJSON   `json:"drawn,omitempty"`
}

type plotOutputJSON struct {
	jsonPath
	Format string `json:"format"`
	Width  int    `json:"width"` // in pixels; of SVG those of CSS
	Height int    `json:"height"`
	Bytes  *int64 `json:"bytes,omitempty"`
}

type plotTensorJSON struct {
	Name      string  `json:"name"`
	Selection *string `json:"selection"`
	DType     string  `json:"dtype"`
	Shape     []int64 `json:"shape"`
}

type plotRangeJSON struct {
	Label string    `json:"label"`
	Unit  string    `json:"unit,omitempty"`
	Min   jsonFloat `json:"min"`
	Max   jsonFloat `json:"max"`
	Log   bool      `json:"log"`
}

type plotColorJSON struct {
	Map string `json:"map"`
	plotRangeJSON
}

// plotDrawnJSON counts what was drawn: elements, those that are no finite
// numbers, and the points, bins or pixels that stand for them.
type plotDrawnJSON struct {
	Elements int64   `json:"elements"`
	NaN      int64   `json:"nan"`
	PosInf   int64   `json:"positive_infinity"`
	NegInf   int64   `json:"negative_infinity"`
	Marks    []int64 `json:"marks"`
	Window   int     `json:"window,omitempty"`
	Hop      int     `json:"hop,omitempty"`
	Frames   int64   `json:"frames,omitempty"`
	Pictures int64   `json:"pictures,omitempty"`
}

// plot draws what is picked.
func (t *tool) plot(cmd *cobra.Command, picks []pick, o *plotFlags) error {
	c := &chart{t: t, cmd: cmd, o: o}
	var all []*plotted
	for _, p := range picks {
		d, err := newPlotted(p)
		if err != nil {
			return err
		}
		if err := c.check(d); err != nil {
			return err
		}
		all = append(all, d)
		text := ""
		j := plotTensorJSON{Name: p.Name(), DType: p.DType().String(), Shape: list(d.size)}
		if p.Sel != nil {
			text = p.Sel.String()
			j.Selection = &text
		}
		c.doc.Tensors = append(c.doc.Tensors, j)
	}
	kind := o.kind
	if kind == "" {
		kind = all[0].kind(o)
		if len(all) > 1 {
			kind = plotLine
		}
	}
	if len(all) > 1 && kind != plotLine {
		return usage(cmd, "%d tensors are named; --kind %s takes one", len(all), kind)
	}
	if err := c.suits(kind); err != nil {
		return err
	}
	c.figure = plot.Figure{Width: o.width, Height: o.height, Title: plotTitle(all)}
	if o.title != nil {
		c.figure.Title = *o.title
	}
	if o.theme == "dark" {
		c.figure.Theme = plot.Dark
	}
	in := picks[0].File()
	c.doc.Schema, c.doc.jsonPath, c.doc.Format, c.doc.Kind = schema("plot"), pathJSON(in.Path()), in.Info().Format, kind
	width, height := o.pixels()
	c.doc.Output = plotOutputJSON{jsonPath: pathJSON(o.output), Format: o.to, Width: width, Height: height}
	if o.dryRun {
		return c.tell("would be ")
	}
	if o.output == convert.Stream {
		return c.drawTo(cmd.Context(), t.out, all)
	}
	if err := c.save(cmd.Context(), all); err != nil {
		return err
	}
	return c.tell("")
}

// check refuses what has no numbers.
func (c *chart) check(d *plotted) error {
	if stats.Numeric(d.DType()) && !isUneven(d.Tensor) {
		return nil
	}
	got := d.DType().String()
	if isUneven(d.Tensor) {
		got = layoutName(d.Tensor)
	}
	return survey.Located(&tensorfile.Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "plot", Got: got, Want: "numbers in a dense, quantised or sparse tensor"}, d.Tensor)
}

// suits refuses flags that a kind has no use for.
func (c *chart) suits(kind string) error {
	uses := map[string][]string{
		"bins": {plotHist}, "rate": {plotLine, plotWave, plotSpectrogram}, "window": {plotSpectrogram}, "hop": {plotSpectrogram},
		"cmap": {plotHeat, plotSpectrogram, plotImage}, "symmetric": {plotLine, plotHist, plotHeat, plotWave},
		"log":        {plotLine, plotHist, plotHeat},
		"percentile": {plotLine, plotHist, plotHeat, plotSpectrogram, plotImage},
		"vmin":       {plotLine, plotHist, plotHeat, plotWave, plotSpectrogram, plotImage},
		"vmax":       {plotLine, plotHist, plotHeat, plotWave, plotSpectrogram, plotImage},
	}
	for _, name := range []string{"bins", "rate", "window", "hop", "cmap", "symmetric", "log", "percentile", "vmin", "vmax"} {
		if c.cmd.Flags().Changed(name) && !slices.Contains(uses[name], kind) {
			return usage(c.cmd, "--%s is of no use for --kind %s, which this is", name, kind)
		}
	}
	if c.cmd.Flags().Changed("scale") && c.o.to != "png" {
		return usage(c.cmd, "--scale is of no use for svg")
	}
	return nil
}

// pixels is how large the picture is: of SVG in pixels of CSS.
func (o *plotFlags) pixels() (width, height int) {
	if o.to == "svg" {
		return o.width, o.height
	}
	return int(math.Round(float64(o.width) * o.scale)), int(math.Round(float64(o.height) * o.scale))
}

// plotTitle says what is drawn.
func plotTitle(list []*plotted) string {
	if len(list) > 1 {
		var names []string
		for _, d := range list {
			names = append(names, d.label())
		}
		return strings.Join(names, ", ")
	}
	d := list[0]
	return d.label() + "  " + d.DType().String() + " " + d.size.String()
}

// fill fills the figure.
func (c *chart) fill(ctx context.Context, all []*plotted) error {
	d := all[0]
	switch c.doc.Kind {
	case plotHist:
		return c.hist(ctx, d)
	case plotHeat:
		return c.heat(ctx, d)
	case plotWave:
		return c.wave(ctx, d)
	case plotSpectrogram:
		return c.spectrogram(ctx, d)
	case plotImage:
		return c.images(ctx, d)
	case plotSpy:
		return c.spy(ctx, d)
	}
	return c.lines(ctx, all)
}

// drawTo draws, and writes the picture.
func (c *chart) drawTo(ctx context.Context, w io.Writer, all []*plotted) error {
	if err := c.fill(ctx, all); err != nil {
		return err
	}
	var b bytes.Buffer
	var err error
	if c.o.to == "svg" {
		err = c.figure.WriteSVG(&b)
	} else {
		err = c.figure.WritePNG(&b, c.o.scale)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	n := int64(b.Len())
	c.doc.Output.Bytes = &n
	_, err = w.Write(b.Bytes())
	return err
}

// save draws to the file that is wanted.
func (c *chart) save(ctx context.Context, all []*plotted) (err error) {
	for _, d := range all {
		switch same, err := atomicfile.Same(fsys.Default(), d.File().Path(), c.o.output); {
		case err != nil:
			return err
		case same:
			return &tensorfile.Error{Kind: tensorfile.ErrPath, Path: c.o.output, Offset: -1, Field: "output", Got: "the file that is read", Want: "another file"}
		}
	}
	f, err := atomicfile.Create(c.o.output, &atomicfile.Options{Overwrite: c.o.force})
	if err != nil {
		return err
	}
	defer func() { err = atomicfile.Also(err, f.Close()) }()
	if err := c.drawTo(ctx, f, all); err != nil {
		return err
	}
	return f.Commit()
}

// tell prints what was drawn, or would be.
func (c *chart) tell(would string) error {
	if c.o.json {
		return c.t.writeJSON(c.doc)
	}
	out := &c.doc.Output
	size := ""
	if out.Bytes != nil {
		size = ", " + sizeText(*out.Bytes)
	}
	fmt.Fprintf(c.t.out, "%s: %s%s, %d x %d pixels%s\n", clean(out.Path), would, plotWords[c.doc.Kind], out.Width, out.Height, size)
	return nil
}

// label sets what was asked for.
func (c *chart) labels(x, y *plot.Axis) {
	if c.o.xlabel != nil {
		x.Label = *c.o.xlabel
	}
	if c.o.ylabel != nil {
		y.Label = *c.o.ylabel
	}
	c.doc.X, c.doc.Y = rangeDoc(x), rangeDoc(y)
}

func rangeDoc(a *plot.Axis) *plotRangeJSON {
	return &plotRangeJSON{Label: a.Label, Unit: a.Unit, Min: jsonFloat(a.Lo), Max: jsonFloat(a.Hi), Log: a.Log}
}

// values is the range of an axis of values, or of colours, of which those that
// are drawn are finite and ascend.
func (c *chart) values(drawn []float64) (lo, hi float64) {
	if c.o.log {
		drawn = drawn[len(drawn)-countAbove(drawn, 0):]
	}
	lo, hi = math.NaN(), math.NaN()
	if len(drawn) > 0 {
		lo, hi = quantileOf(drawn, c.o.clip[0]), quantileOf(drawn, c.o.clip[1])
	}
	return c.bounds(lo, hi)
}

// bounds puts the ends in place that were asked for. NaN is none.
func (c *chart) bounds(lo, hi float64) (float64, float64) {
	if c.o.symmetric {
		hi = max(math.Abs(lo), math.Abs(hi))
		if c.o.vmax != nil {
			hi = math.Abs(*c.o.vmax)
		} else if c.o.vmin != nil {
			hi = math.Abs(*c.o.vmin)
		}
		return -hi, hi
	}
	if c.o.vmin != nil {
		lo = *c.o.vmin
		if !(hi > lo) {
			hi = lo + max(math.Abs(lo), 1)
		}
	}
	if c.o.vmax != nil {
		hi = *c.o.vmax
		if !(lo < hi) {
			lo = hi - max(math.Abs(hi), 1)
			if c.o.log {
				lo = hi / 1000
			}
		}
	}
	return lo, hi
}

// countAbove is how many of ascending numbers are above x.
func countAbove(ascending []float64, x float64) int {
	i, _ := slices.BinarySearchFunc(ascending, x, func(v, x float64) int {
		if v <= x {
			return -1
		}
		return 1
	})
	return len(ascending) - i
}

// quantileOf ascending numbers, with linear interpolation.
func quantileOf(ascending []float64, q float64) float64 {
	at := q * float64(len(ascending)-1)
	i := int(at)
	if i >= len(ascending)-1 {
		return ascending[len(ascending)-1]
	}
	t := at - float64(i)
	return ascending[i]*(1-t) + ascending[i+1]*t
}

// finite are those of some numbers, ascending.
func finite(lists ...[]float64) []float64 {
	var out []float64
	for _, list := range lists {
		for _, x := range list {
			if x-x == 0 {
				out = append(out, x)
			}
		}
	}
	slices.Sort(out)
	return out
}

// kind is what is drawn of a tensor unless it is said.
func (d *plotted) kind(o *plotFlags) string {
	long := d.long()
	switch {
	case isSparse(d.Tensor) && len(d.size) == 2:
		return plotSpy
	case d.rate(o.rate) > 0 && len(long) <= 2 && d.sound() >= 0:
		return plotWave
	case d.isImage():
		return plotImage
	case len(long) <= 1:
		return plotLine
	case len(long) > 2:
		return plotHist
	}
	a, b := d.size[long[0]], d.size[long[1]]
	if lo, hi := min(a, b), max(a, b); lo <= plotLines && lo > 0 && hi >= 4*lo && hi >= 32 {
		return plotLine
	}
	return plotHeat
}

func isSparse(t *tensorfile.Tensor) bool {
	_, ok := entriesOf(t)
	return ok
}

// sound is the axis of time of a recording, whose other axis has few channels,
// or -1.
func (d *plotted) sound() int {
	long := d.long()
	switch len(long) {
	case 0:
		return max(len(d.size)-1, -1)
	case 1:
		return long[0]
	case 2:
	default:
		return -1
	}
	for i, axis := range long {
		other := long[1-i]
		if d.axes[axis].is("t", "time", "frame", "frames", "sample", "samples") || d.axes[other].is("c", "channel", "channels") {
			return axis
		}
	}
	if d.size[long[0]] >= d.size[long[1]] {
		return long[0]
	}
	return long[1]
}

// Axes of pictures, -1 for one that there is not.
type imageAxes struct{ n, h, w, c int }

// imageAxes finds the axes of pictures by their names or by their extents.
func (d *plotted) imageAxes() (imageAxes, bool) {
	a := imageAxes{-1, -1, -1, -1}
	for i := range d.axes {
		switch x := &d.axes[i]; {
		case x.is("h", "y", "height"):
			a.h = i
		case x.is("w", "x", "width"):
			a.w = i
		case x.is("c", "channel", "channels"):
			a.c = i
		case x.is("n", "b", "t", "batch"):
			a.n = i
		}
	}
	if a.h >= 0 && a.w >= 0 {
		left := 0
		for i := range d.axes {
			if i != a.h && i != a.w && i != a.c && i != a.n {
				left++
				if a.n < 0 {
					a.n, left = i, left-1
				}
			}
		}
		return a, left == 0 && (a.c < 0 || channels(d.size[a.c]))
	}
	s := d.size
	switch {
	case len(s) == 2:
		return imageAxes{-1, 0, 1, -1}, true
	case len(s) == 3 && channels(s[2]):
		return imageAxes{-1, 0, 1, 2}, true
	case len(s) == 3 && channels(s[0]) && s[0] != 2:
		return imageAxes{-1, 1, 2, 0}, true
	case len(s) == 3:
		return imageAxes{0, 1, 2, -1}, true
	case len(s) == 4 && channels(s[3]):
		return imageAxes{0, 1, 2, 3}, true
	case len(s) == 4 && channels(s[1]):
		return imageAxes{0, 2, 3, 1}, true
	}
	return a, false
}

func channels(n int64) bool { return n >= 1 && n <= 4 }

// isImage reports whether a tensor looks like pictures.
func (d *plotted) isImage() bool {
	a, ok := d.imageAxes()
	if !ok || d.size[a.h] < 2 || d.size[a.w] < 2 {
		return false
	}
	for name := range d.attrs {
		if strings.HasPrefix(name, "image.") {
			return true
		}
	}
	named := d.axes[a.h].name != "" && d.axes[a.w].name != ""
	bytes := d.DType() == tensor.U8 && len(d.size) > 2 && min(d.size[a.h], d.size[a.w]) >= 8
	return named && (a.c >= 0 || d.DType() == tensor.U8) || bytes
}
