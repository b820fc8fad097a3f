package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// A chart is a figure on its way, and what the document says of it.
type chart struct {
	t      *tool
	cmd    *cobra.Command
	o      *plotFlags
	figure plot.Figure
	doc    plotJSON
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

// labels sets those that were asked for.
func (c *chart) labels(x, y *plot.Axis) {
	if c.o.xlabel != nil {
		x.Label = *c.o.xlabel
	}
	if c.o.ylabel != nil {
		y.Label = *c.o.ylabel
	}
	c.doc.X, c.doc.Y = rangeDoc(x), rangeDoc(y)
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
