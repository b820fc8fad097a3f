package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newBenchCmd) }

func newBenchCmd(t *tool) *cobra.Command {
	b := &bencher{t: t, each: 300 * time.Millisecond, limit: 32 << 20}
	var asJSON, lines, loads bool
	cmd := &cobra.Command{
		Use:   "bench [FILE [GLOB...]]",
		Short: "Measure reading and codecs on your own tensors",
		Long: `Measure on the tensors of a file how fast they are read, how long it takes to
read one element, and what each codec makes of them: ratio, speed of encoding
and of decoding. Without a file, data of the kinds that people keep in tensors
is made. Every speed stands beside that of a plain copy in memory (memcpy, one
thread) that was measured right before it: x0.50 is half as fast. Files are
read warm: what is read stands in memory already.

Codecs work on the first --size bytes of each tensor, in memory, by -j threads.
--codec may name pipelines and auto, fast and best, whose choice is shown; what a
pipeline is not defined for is left out, with a note if it was asked for. Of a
file with many tensors and no GLOB the eight largest are measured.

--loader measures batches of the rows of tensors zipped together, of the largest
one if none is named: in order and shuffled, with -j workers and --mem for all
that is in memory. DECODES is how often a chunk is decoded in an epoch, BUSY the
share of its time that a consumer works which takes as long for a batch as
reading it does.`,
		Example: `  tensorfile bench model.tensor
  tensorfile bench weights.npz '*.weight' --codec planes --codec 'shuffle|zstd:3'
  tensorfile bench --loader train.tensor images labels --batch 256
  tensorfile bench -j 1 --benchstat > one.txt; tensorfile bench -j 2 --benchstat > two.txt; benchstat one.txt two.txt`,
		Annotations:       map[string]string{exitStatus: exitText("0  done", "1  no tensor matches", "2  something could not be read")},
		Args:              nArgs(0, -1),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && lines {
				return usage(cmd, "--json and --benchstat exclude each other")
			}
			if b.each <= 0 {
				return usage(cmd, "--time %v: it is more than nothing", b.each)
			}
			for _, c := range b.codecs {
				if err := checkCodec(c); err != nil {
					return usage(cmd, "--codec %s: %v", c, err)
				}
			}
			if loads {
				return b.loaderCommand(cmd, args, asJSON, lines)
			}
			if b.batch != 0 {
				return usage(cmd, "--batch goes with --loader")
			}
			if len(args) == 0 && !cmd.Flags().Changed("time") {
				b.each /= 3 // there are many data sets
			}
			if err := b.run(cmd.Context(), args); err != nil {
				return err
			}
			switch {
			case asJSON:
				return t.writeJSON(benchJSON{schema("bench"), t.jobs, append([]benchRow{}, b.rows...), nil})
			case lines:
				b.printLines()
			default:
				b.printTable()
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&b.codecs, "codec", nil, "measure this `PIPELINE` (may be repeated; default: a choice for the dtype)")
	cmd.RegisterFlagCompletionFunc("codec", completeCodec)
	limit := (*size)(&b.limit)
	f.Var(limit, "size", "encode at most `SIZE` of a tensor")
	f.BoolVar(&loads, "loader", false, "measure batches")
	f.Int64Var(&b.batch, "batch", 0, "with --loader: `ROWS` of a batch (default: about 4 MiB)")
	f.DurationVar(&b.each, "time", b.each, "measure each thing for `DURATION`; without FILE a third of the default")
	f.BoolVar(&lines, "benchstat", false, "print lines that benchstat and other tools for Go benchmarks read")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// bencher measures.
type bencher struct {
	t      *tool
	codecs []string
	limit  int64
	each   time.Duration
	batch  int64 // of a loader

	rows     []benchRow
	loads    []loaderRow
	src, dst []byte // of the copy beside each measurement
}

// mostTensors is how many are measured if nobody says which, mostRead how much
// of each is read.
const (
	mostTensors = 8
	mostRead    = 256 << 20
)

// checkCodec reports an error unless c is a word for a choice or a pipeline.
func checkCodec(c string) error {
	switch c {
	case "auto", "fast", "best", "raw":
		return nil
	}
	_, err := codec.Parse(c)
	var e *tensorfile.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%s: got %s", e.Field, e.Got)
	}
	return err
}

type benchJSON struct {
	Schema  string     `json:"schema"`
	Workers int        `json:"workers"`
	Rows    []benchRow `json:"rows"`

	Loader []loaderRow `json:"loader,omitempty"`
}

// benchRow is one thing that was measured.
type benchRow struct {
	Op     string     `json:"op"` // read, element, encode, decode
	Tensor string     `json:"tensor"`
	Codec  *string    `json:"codec"`
	Choice *string    `json:"choice"` // what auto, fast and best chose
	Bytes  int64      `json:"bytes"`
	Runs   int        `json:"runs"`
	NS     float64    `json:"ns"`     // median of one run
	Speed  jsonFloat  `json:"speed"`  // bytes a second
	Memcpy jsonFloat  `json:"memcpy"` // speed beside that of a copy
	Ratio  *jsonFloat `json:"ratio"`  // null where nothing is stored
}

// codecsFor are the pipelines that are tried on a dtype.
func codecsFor(d tensor.DType) []string {
	list := []string{"raw", "lz4", "zstd:1", "zstd:3"}
	w := int(d.UnitBytes)
	if w > 1 && d.UnitElems == 1 {
		list = append(list, "shuffle|lz4", "shuffle|zstd:1", "shuffle|zstd:5", "bitshuffle|lz4")
	}
	switch d.Class {
	case tensor.ClassFloat, tensor.ClassComplex:
		list = append(list, "planes", "predict|planes")
	case tensor.ClassInt, tensor.ClassUint:
		list = append(list, "planes", "delta|planes", "delta|bitpack", "predict|planes")
	}
	return append(list, "fast", "auto", "best")
}

func (b *bencher) run(ctx context.Context, args []string) error {
	defer b.t.useJobs()()
	bar := b.t.newProgress()
	defer bar.end()
	if len(args) == 0 {
		sets := sampledata.Sets()
		for i, s := range sets {
			shape, data := s.Make(1, int(min(b.limit, 8<<20)))
			v, err := tensor.NewView(data, s.DType, shape, nil, 0, tensor.LittleEndian)
			if err == nil {
				err = b.sweep(ctx, s.Name, v)
			}
			if err != nil {
				return err
			}
			bar.steps(float64(i+1)/float64(len(sets)), s.Name)
		}
		return nil
	}
	in, err := b.t.open(ctx, args[0])
	if err != nil {
		return err
	}
	defer in.close()
	list, err := b.chosen(ctx, in, args[1:])
	if err != nil {
		return err
	}
	done, total := int64(0), int64(0)
	for _, x := range list {
		total = addSaturated(total, x.ByteSize())
	}
	for _, x := range list {
		if err := b.tensor(ctx, x); err != nil {
			if ctx.Err() != nil {
				return err
			}
			b.t.fail(err)
		}
		done = addSaturated(done, x.ByteSize())
		bar.steps(float64(done)/float64(max(total, 1)), clean(x.Name()))
	}
	return nil
}

// chosen are the tensors to measure.
func (b *bencher) chosen(ctx context.Context, in *input, globs []string) ([]*tensorfile.Tensor, error) {
	list, err := b.matching(ctx, in, globs)
	if n := len(list); err == nil && len(globs) == 0 && n > mostTensors {
		slices.SortStableFunc(list, func(a, b *tensorfile.Tensor) int { return cmp.Compare(b.ByteSize(), a.ByteSize()) })
		list = list[:mostTensors]
		b.t.note("the %d largest of %d tensors; GLOB... names others", mostTensors, n)
	}
	return list, err
}

// matching are the tensors that the globs name, all without one.
func (b *bencher) matching(ctx context.Context, in *input, globs []string) (list []*tensorfile.Tensor, err error) {
	take := func(p pick, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && failedName(err) == "":
			return err
		case err != nil:
			b.t.fail(err)
			return nil
		case p.Sel != nil:
			return fmt.Errorf("%s: whole tensors are measured, no selections", clean(p.label()))
		}
		if _, _, composite := p.Composite(); !composite && p.NumElements() > 0 {
			list = append(list, p.Tensor)
		}
		return nil
	}
	err = b.t.picked(ctx, in, globs, take, b.t.fail)
	return list, err
}

// tensor measures one tensor of a file.
func (b *bencher) tensor(ctx context.Context, x *tensorfile.Tensor) error {
	most := int64(mostRead)
	if b.t.mem > 0 {
		most = min(most, int64(b.t.mem))
	}
	var sel []tensor.Selection
	if rows := x.ByteSize(); rows > most {
		n := max(1, int64(float64(x.Shape()[0])*float64(most)/float64(rows)))
		sel = []tensor.Selection{{{Kind: tensor.SelectRange, Start: 0, Stop: n, Step: tensor.None}}}
	}
	v, err := x.Read(ctx, sel...)
	if err != nil {
		return err
	}
	row := benchRow{Op: "read", Tensor: x.Name(), Bytes: v.ByteSize()}
	if err := b.measure(ctx, row, func() error { return x.ReadInto(ctx, v, sel...) }); err != nil {
		return err
	}
	if err := b.element(ctx, x); err != nil {
		return err
	}
	return b.sweep(ctx, x.Name(), v)
}

// element measures the read of one element at a place that nobody could
// foresee.
func (b *bencher) element(ctx context.Context, x *tensorfile.Tensor) error {
	if x.DType().UnitElems > 1 {
		return nil
	}
	rng := rand.New(rand.NewPCG(1, 2))
	ones := make(tensor.Shape, len(x.Shape()))
	for i := range ones {
		ones[i] = 1
	}
	one, err := tensor.Make(x.DType(), ones)
	if err != nil {
		return err
	}
	sel := make(tensor.Selection, len(ones))
	row := benchRow{Op: "element", Tensor: x.Name(), Bytes: one.ByteSize()}
	return b.measure(ctx, row, func() error {
		for i, n := range x.Shape() {
			at := rng.Int64N(n)
			sel[i] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: at, Stop: at + 1, Step: tensor.None}
		}
		return x.ReadInto(ctx, one, sel)
	})
}

// sweep encodes and decodes elements with all codecs.
func (b *bencher) sweep(ctx context.Context, name string, v tensor.View) error {
	if v.Rank() == 0 {
		return nil
	}
	if rows := v.Shape()[0]; v.ByteSize() > b.limit {
		keep := max(1, rows*b.limit/v.ByteSize())
		var err error
		if v, err = v.Slice(0, 0, keep, 1); err != nil {
			return err
		}
	}
	codecs := b.codecs
	if len(codecs) == 0 {
		codecs = codecsFor(v.DType())
	}
	for _, c := range codecs {
		err := b.codec(ctx, name, c, v)
		var e *tensorfile.Error
		switch {
		case err == nil:
		case errors.As(err, &e) && ruleField(e.Field):
			if len(b.codecs) > 0 {
				b.t.note("%s: %s is not defined for %v", name, c, v.DType())
			}
		default:
			return err
		}
	}
	return nil
}

// codec measures one codec on the elements of v.
func (b *bencher) codec(ctx context.Context, name, codec string, v tensor.View) error {
	var file bytes.Buffer
	encode := func() error {
		file.Reset()
		w, err := tensorfile.NewWriter(&file, nil)
		if err == nil {
			err = w.Add(ctx, "x", v, &tensorfile.TensorOptions{Codec: codec})
		}
		if err == nil {
			err = w.Commit(ctx)
		}
		return err
	}
	if err := encode(); err != nil {
		return err
	}
	row := benchRow{Op: "encode", Tensor: name, Codec: &codec, Bytes: v.ByteSize()}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(slices.Clone(file.Bytes())), int64(file.Len()), nil)
	if err != nil {
		return err
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		return err
	}
	st := x.Storage()
	if st.Stored > 0 {
		r := jsonFloat(ratio(row.Bytes, st.Stored))
		row.Ratio = &r
	}
	switch codec {
	case "auto", "fast", "best":
		choice := cmp.Or(codecOf(x), "none")
		row.Choice = &choice
	}
	if err := b.measure(ctx, row, encode); err != nil {
		return err
	}
	out, err := tensor.Make(v.DType(), v.Shape())
	if err != nil {
		return err
	}
	row.Op = "decode"
	return b.measure(ctx, row, func() error { return x.ReadInto(ctx, out) })
}

// measure runs fn for a while and adds the row. Each time a copy of as many
// bytes is timed first: what else the machine does slows both down.
func (b *bencher) measure(ctx context.Context, row benchRow, fn func() error) error {
	n := int(min(max(row.Bytes, 1<<16), 64<<20))
	var took, ratios []float64
	small := row.Bytes < 1<<16 // many runs a sample
	for begin := time.Now(); len(took) < 5 || time.Since(begin) < b.each; {
		if err := ctx.Err(); err != nil {
			return err
		}
		perByte := b.copied(n)
		times := 1
		if small {
			times = 16
		}
		// Where the clock stands still for long, as on Windows, a sample lasts until it
		// moves.
		var d time.Duration
		done := 0
		for at := time.Now(); done < times || d == 0; done++ {
			if err := fn(); err != nil {
				return err
			}
			if done+1 >= times {
				d = time.Since(at)
			}
		}
		ns := float64(d) / float64(done)
		took = append(took, ns)
		ratios = append(ratios, perByte*float64(row.Bytes)/max(ns, 1))
		row.Runs += done
	}
	slices.Sort(took)
	slices.Sort(ratios)
	row.NS = took[len(took)/2]
	row.Speed, row.Memcpy = jsonFloat(float64(row.Bytes)*1e9/row.NS), jsonFloat(ratios[len(ratios)/2])
	b.rows = append(b.rows, row)
	return nil
}

// copied is how many nanoseconds a copy of n bytes takes now, by byte.
func (b *bencher) copied(n int) float64 {
	for len(b.src) < n {
		b.src, b.dst = bytes.Repeat([]byte{1}, n), bytes.Repeat([]byte{2}, n)
	}
	var d time.Duration
	done := 0
	for at := time.Now(); d == 0; done++ {
		copy(b.dst[:n], b.src[:n])
		d = time.Since(at)
	}
	return float64(d) / float64(n) / float64(done)
}

// printLines prints what the testing package prints.
func (b *bencher) printLines() {
	b.printMachine()
	name := strings.NewReplacer(" ", "_", "/", "_").Replace
	for _, r := range b.rows {
		fmt.Fprintf(b.t.out, "Benchmark%s/tensor=%s", strings.ToUpper(r.Op[:1])+r.Op[1:], name(clean(r.Tensor)))
		if r.Codec != nil {
			fmt.Fprintf(b.t.out, "/codec=%s", name(clean(*r.Codec)))
		}
		fmt.Fprintf(b.t.out, "-%d\t%d\t%.1f ns/op\t%.2f MB/s\t%.4f x-memcpy", b.t.jobs, r.Runs, r.NS, float64(r.Speed)/1e6, float64(r.Memcpy))
		if r.Ratio != nil {
			fmt.Fprintf(b.t.out, "\t%.4f ratio", float64(*r.Ratio))
		}
		fmt.Fprintln(b.t.out)
	}
}

func (b *bencher) printMachine() {
	fmt.Fprintf(b.t.out, "goos: %s\ngoarch: %s\npkg: github.com/tensorfile/tensorfile/cmd/tensorfile\n", runtime.GOOS, runtime.GOARCH)
}

// printTable prints tables for people: reads first, then one for each tensor with a line
// for each codec.
func (b *bencher) printTable() {
	speed := func(r benchRow) string { return speedText(r.Speed, r.Memcpy) }
	gap := ""
	print := func(t *table, title string) {
		if t != nil && t.rows() > 0 {
			b.t.out.WriteString(gap + title)
			t.write(b.t.out, true, b.t.colored())
			gap = "\n"
		}
	}
	reads := newTable("~TENSOR", ">SIZE", ">READ", ">ONE ELEMENT")
	for i, r := range b.rows {
		if r.Op != "read" {
			continue
		}
		one := "-"
		if i+1 < len(b.rows) && b.rows[i+1].Op == "element" {
			one = time.Duration(b.rows[i+1].NS).Round(10 * time.Nanosecond).String()
		}
		for _, s := range []string{clean(r.Tensor), sizeText(r.Bytes), speed(r), one} {
			reads.cell(s)
		}
	}
	print(reads, "")
	var codecs *table
	title, last := "", ""
	for i, r := range b.rows {
		if r.Op != "encode" {
			continue
		}
		if codecs == nil || r.Tensor != last {
			print(codecs, title)
			codecs, title, last = newTable("~CODEC", ">RATIO", ">ENCODE", ">DECODE"), clean(r.Tensor)+", "+sizeText(r.Bytes)+"\n", r.Tensor
		}
		ratio, codec := "-", clean(*r.Codec)
		if r.Ratio != nil {
			ratio = string(appendRatio(nil, float64(*r.Ratio)))
		}
		if r.Choice != nil {
			codec += ": " + *r.Choice
		}
		for _, s := range []string{codec, ratio, speed(r), speed(b.rows[i+1])} {
			codecs.cell(s)
		}
	}
	print(codecs, title)
}

// speedText is a speed, and what it is beside a copy.
func speedText(speed, memcpy jsonFloat) string {
	if speed < 1e8 {
		return fmt.Sprintf("%.2f MB/s x%.2f", float64(speed)/1e6, float64(memcpy))
	}
	return fmt.Sprintf("%.2f GB/s x%.2f", float64(speed)/1e9, float64(memcpy))
}
