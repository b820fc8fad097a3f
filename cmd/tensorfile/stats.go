package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/argument"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

func init() { commands = append(commands, newStatsCmd) }

type statsFlags struct {
	quantiles []float64
	hist      int
	json      bool
}

// maxBins bounds --hist: more than anybody looks at.
const maxBins = 1_000_000

func newStatsCmd(t *tool) *cobra.Command {
	var o statsFlags
	quantiles := "0.25,0.5,0.75"
	cmd := &cobra.Command{
		Use:   "stats FILE [NAME...]",
		Short: "Minimum, maximum, mean, quantiles and more of tensors",
		Long: `Minimum, maximum, mean, standard deviation (of the population), zeros, NaN,
infinities and quantiles of tensors, in bounded memory whatever their size: block by
block, tensors in chunks by whole chunks.

NaN is counted and otherwise left out. Infinities count for extremes and
quantiles, not for mean and deviation. Complex numbers are described by their
magnitude. Extremes of integers are exact. Quantiles are exact for dtypes up to
16 bits and for up to 1,048,576 elements; beyond, they are marked ~ and off by at
most 1/4096 of their value. Blocks of ggml are described by the numbers that they
stand for; bytes, text and blocks of other layouts have no statistics. Ragged tensors
have a second line for the lengths of rows, in values, and strings one for theirs,
in bytes.

Where chunks are damaged, the elements in them are left out, and it is said which
they are; COUNT is of the rest.`,
		Example: `  tensorfile stats model.tensor
  tensorfile stats weights.npz 'layers.*.weight' --quantiles 0.01,0.5,0.99
  tensorfile stats --hist 20 weights.npz 'conv1[0]'
  tensorfile stats --json model.tensor | jq '.tensors[] | select(.nan > 0) | .name'`,
		Annotations: map[string]string{exitStatus: exitText(
			"0  done",
			"1  no tensor matches",
			"2  the file or a tensor in it cannot be read; the others are shown")},
		Args:              nArgs(1, -1),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.quantiles, err = argument.Fractions(quantiles); err != nil {
				return usage(cmd, "--quantiles: %v", err)
			}
			if o.hist < 0 || o.hist > maxBins {
				return usage(cmd, "--hist is a number of bins up to %d", maxBins)
			}
			in, err := t.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer in.close()
			return t.stats(cmd, in, args[1:], &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&quantiles, "quantiles", quantiles, "numbers from 0 to 1, as a `LIST`; none: \"\"")
	f.IntVar(&o.hist, "hist", 0, "count in `N` bins of equal width, too")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

// stats prints the statistics of an open file.
func (t *tool) stats(cmd *cobra.Command, in *input, names []string, o *statsFlags) error {
	ctx := cmd.Context()
	titles := []string{"~NAME", "DTYPE", ">COUNT", ">?DENSITY", ">MIN", ">MAX", ">MEAN", ">STD", ">ZEROS", ">NAN", ">INF"}
	for _, q := range o.quantiles {
		titles = append(titles, ">P"+strconv.FormatFloat(q*100, 'g', 6, 64))
	}
	tab := newTable(titles...)
	docs := []any{}
	var hists []*survey.Description
	var damaged []lost
	bar, seen, err := t.statsProgress(ctx, in, names, o)
	if err != nil {
		return err
	}
	defer bar.end()
	err = t.picked(ctx, in, names, func(p pick, err error) error {
		if err == nil {
			var d, lengths *survey.Description
			if d, err = t.describe(ctx, p, o, seen); err == nil && isUneven(p.Tensor) {
				lengths, err = describeLengths(ctx, p, o)
			}
			if err == nil {
				for _, d := range []*survey.Description{d, lengths} {
					switch {
					case d == nil:
						continue
					case o.json:
						docs = append(docs, d.Doc(o.quantiles))
					default:
						statsRow(tab, d, o)
					}
					damaged = append(damaged, lostOf(d)...)
				}
				if d.Hist != nil && !o.json {
					hists = append(hists, d)
				}
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name := failedName(err)
		if p.Tensor != nil {
			name = p.label()
		}
		t.raise(exitBad)
		if o.json {
			docs = append(docs, failedJSON{textJSON(name), errorDoc(err)})
		} else {
			tab.cell(clean(name))
			tab.span("error: " + clean(err.Error()))
		}
		return nil
	}, func(err error) { t.fail(err) })
	bar.end()
	if err != nil {
		return err
	}
	if o.json {
		d, err := t.openDoc("stats", in)
		for _, doc := range docs {
			if err == nil {
				err = d.add(doc)
			}
		}
		if err != nil {
			return err
		}
		d.end()
		t.sayLost(damaged)
		return nil
	}
	if tab.rows() > 0 {
		tab.write(t.out, true, t.colored())
	}
	for _, d := range hists {
		writeHistogram(t.out, d)
	}
	t.sayLost(damaged)
	return nil
}

// lost is what statistics leave out because it is damaged.
type lost struct {
	err  error
	text string
}

// mostTold is how many boxes of a tensor that are lost are told on the terminal.
const mostTold = 20

// lostOf says what is lost of a tensor.
func lostOf(d *survey.Description) (list []lost) {
	for i := range d.Lost {
		if i == mostTold {
			text := fmt.Sprintf("and %s more of %s: %s in all", counted(int64(len(d.Lost)-i), "part"), d.Name(), counted(d.LostElements, "element"))
			return append(list, lost{text: text})
		}
		l := &d.Lost[i]
		text := fmt.Sprintf("left out: %s%v, %s", d.Name(), l.Selection(d.LostOf()), counted(l.Elements(), "element"))
		if d.Stored != nil {
			text += " of the stored values"
		}
		list = append(list, lost{survey.Located(l.Err, d.Tensor), text})
	}
	return list
}

// sayLost says what is lost, and sets the exit status.
func (t *tool) sayLost(list []lost) {
	for _, l := range list {
		if l.err != nil {
			t.fail(&hinted{l.err, l.text})
		} else {
			t.note("%s", l.text)
		}
	}
}

// statsProgress makes a progress line, and the function that moves it, which may
// be called from any goroutine.
func (t *tool) statsProgress(ctx context.Context, in *input, names []string, o *statsFlags) (*progress, func(tensor.View), error) {
	bar := t.newProgress()
	if bar.w == nil {
		return bar, func(tensor.View) {}, nil
	}
	var mu sync.Mutex
	done, total := int64(0), int64(0)
	err := t.picked(ctx, in, names, func(p pick, err error) error {
		if shape, err := p.Extents(); err == nil {
			n, _ := tensor.ByteSize(p.DType(), shape)
			total = addSaturated(total, n)
			if o.hist > 0 {
				total = addSaturated(total, n)
			}
		}
		return nil
	}, nil)
	return bar, func(v tensor.View) {
		mu.Lock()
		defer mu.Unlock()
		done = addSaturated(done, v.ByteSize())
		bar.set(done, total)
	}, err
}

// picked calls fn with what the arguments name, or with all tensors. A tensor
// that cannot be opened comes with its error. missing, if not nil, gets an error
// for an argument that names nothing.
func (t *tool) picked(ctx context.Context, in *input, names []string, fn func(pick, error) error, missing func(error)) error {
	one := func(p pick, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case missing == nil && err != nil:
			return nil
		case err != nil && p.Tensor == nil && failedName(err) == "":
			return err
		}
		return fn(p, err)
	}
	if len(names) == 0 {
		for x, err := range in.Tensors() {
			if err := one(picked(x, nil), err); err != nil {
				return err
			}
		}
		for _, err := range in.skipped() {
			if err := one(pick{}, err); err != nil {
				return err
			}
		}
		return nil
	}
	seen := map[string]bool{}
	for _, name := range names {
		found, err := in.find(name, true, func(p pick, err error) error {
			if p.Tensor != nil {
				if seen[p.label()] {
					return nil
				}
				seen[p.label()] = true
			}
			return one(p, err)
		})
		switch {
		case err != nil && errors.Is(err, tensorfile.ErrNotFound):
			if missing != nil {
				missing(err)
			}
		case err != nil:
			return err
		case !found && missing != nil:
			t.raise(exitNo)
			t.note("%s: nothing matches %s", in.Path(), name)
		}
	}
	return nil
}

// describe takes the statistics of what is picked.
func (t *tool) describe(ctx context.Context, p pick, o *statsFlags, seen func(tensor.View)) (*survey.Description, error) {
	if layout, _, composite := p.Composite(); composite && layout == format.LayoutRagged && p.Sel != nil && stats.Numeric(p.DType()) {
		d, err := describeRows(ctx, p, o)
		return d, survey.Located(err, p.Tensor)
	}
	p.Blocks = true
	return survey.Describe(ctx, p.Pick, &survey.StatsOptions{Quantiles: o.quantiles, Bins: o.hist, Jobs: t.jobs, Seen: seen})
}

// floatText is a number for people.
func floatText(x float64) string {
	switch {
	case math.IsNaN(x):
		return "-"
	case math.IsInf(x, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(x, 'g', 6, 64), "+"))
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

func numberText(n stats.Number) string {
	if n.IsInt() {
		return n.String()
	}
	return floatText(n.Float64())
}

// statsRow fills the columns of one tensor.
func statsRow(tab *table, d *survey.Description, o *statsFlags) {
	name := clean(pick{d.Pick}.label())
	if d.Rows {
		name += " (lengths)"
	}
	tab.cell(name)
	tab.cell(d.Counted().String())
	tab.cell(itoa(d.Count()))
	share := ""
	if n, ok := entriesOf(d.Tensor); ok {
		share = strconv.FormatFloat(density(d.Tensor, n), 'g', 3, 64)
	}
	tab.cell(share)
	if d.Acc == nil {
		for range 7 + len(o.quantiles) {
			tab.cell("-")
		}
		return
	}
	s := &d.Sum
	for _, text := range []string{
		numberText(s.Min), numberText(s.Max), floatText(s.Mean), floatText(s.Std),
		itoa(s.Zeros), itoa(s.NaN), itoa(addSaturated(s.PosInf, s.NegInf)),
	} {
		tab.cell(text)
	}
	for _, q := range o.quantiles {
		x, exact := d.Acc.Quantile(q)
		text := floatText(x)
		if !exact && !math.IsNaN(x) {
			text = "~" + text
		}
		tab.cell(text)
	}
}

// barWidth is the length of the longest bar of a histogram.
const barWidth = 40

// writeHistogram draws a histogram.
func writeHistogram(w *output, d *survey.Description) {
	h := d.Hist
	w.WriteString("\n" + clean(pick{d.Pick}.label()) + "\n")
	most := int64(1)
	for _, n := range h.Counts {
		most = max(most, n)
	}
	tab := newTable(">FROM", ">TO", ">COUNT", "")
	for i, n := range h.Counts {
		tab.cell(floatText(h.Edge(i)))
		tab.cell(floatText(h.Edge(i + 1)))
		tab.cell(itoa(n))
		tab.cell(bar(float64(n) / float64(most)))
	}
	tab.write(w, false, false)
}

// bar is a bar of eighths of characters. What is not zero shows.
func bar(share float64) string {
	n := int(math.Ceil(share * barWidth * 8))
	text := strings.Repeat("█", n/8)
	if n%8 > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[n%8-1])
	}
	return text
}
