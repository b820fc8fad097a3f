package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/loader"
)

// loaderRow is what a loader did in one order.
type loaderRow struct {
	Order   string     `json:"order"` // sequential, shuffled
	Tensors []string   `json:"tensors"`
	Ways    []string   `json:"ways"` // how samples are reached, by tensor
	Samples int64      `json:"samples"`
	Batch   int64      `json:"batch"`  // samples
	Bytes   int64      `json:"bytes"`  // of a batch
	Block   int64      `json:"block"`  // samples
	Window  int64      `json:"window"` // samples
	Memory  int64      `json:"memory"` // at most
	Batches int        `json:"batches"`
	NS      float64    `json:"ns"`            // of a batch
	PerSec  jsonFloat  `json:"batches_per_s"` //
	Speed   jsonFloat  `json:"speed"`         // bytes a second
	Memcpy  jsonFloat  `json:"memcpy"`        // speed beside that of a copy
	Decodes *jsonFloat `json:"decodes"`       // of a chunk in an epoch; null where nothing is decoded on the way
	Busy    jsonFloat  `json:"busy"`          // share of its time that a consumer as slow as the reading works
}

// loaderCommand is the command with --loader.
func (b *bencher) loaderCommand(cmd *cobra.Command, args []string, asJSON, lines bool) error {
	switch {
	case len(args) == 0:
		return usage(cmd, "--loader needs a FILE")
	case cmd.Flags().Changed("codec") || cmd.Flags().Changed("size"):
		return usage(cmd, "--codec and --size do not go with --loader")
	case cmd.Flags().Changed("batch") && b.batch < 1:
		return usage(cmd, "--batch %d: a batch has 1 row or more", b.batch)
	}
	if err := b.runLoader(cmd.Context(), args); err != nil {
		return err
	}
	switch {
	case asJSON:
		return b.t.writeJSON(benchJSON{schema("bench"), b.t.jobs, []benchRow{}, b.loads})
	case lines:
		b.printLoaderLines()
	case len(b.loads) > 0:
		b.printLoader()
	}
	return nil
}

// runLoader measures batches of tensors zipped together.
func (b *bencher) runLoader(ctx context.Context, args []string) error {
	defer b.t.useJobs()()
	in, err := b.t.open(ctx, args[0])
	if err != nil {
		return err
	}
	defer in.close()
	list, err := b.matching(ctx, in, args[1:])
	if err != nil || len(list) == 0 {
		return err
	}
	if len(args) == 1 && len(list) > 1 {
		x := slices.MaxFunc(list, func(a, b *tensorfile.Tensor) int { return cmp.Compare(a.ByteSize(), b.ByteSize()) })
		b.t.note("the largest tensor, %s; GLOB... names others", clean(x.Name()))
		list = []*tensorfile.Tensor{x}
	}
	var sources []loader.Source
	rows, rowBytes := int64(1), int64(0)
	for _, x := range list {
		sources = append(sources, loader.Source{Tensor: x})
		if s := x.Shape(); len(s) > 0 {
			rows = max(rows, s[0])
			rowBytes += x.ByteSize() / max(s[0], 1)
		}
	}
	bar := b.t.newProgress()
	defer bar.end()
	for i, shuffled := range []bool{false, true} {
		o := loader.Options{Batch: b.batch, Shuffle: shuffled, Seed: 1, Epochs: -1, Workers: b.t.jobs, Memory: int64(b.t.mem)}
		if o.Batch == 0 {
			o.Batch = max(1, min(4<<20/max(rowBytes, 1), rows))
		}
		if err := b.loader(ctx, &o, sources); err != nil {
			return err
		}
		bar.steps(float64(i+1)/2, b.loads[len(b.loads)-1].Order)
	}
	return nil
}

// loader measures one order: first as fast as it goes, then with a consumer that
// takes as long for a batch.
func (b *bencher) loader(ctx context.Context, o *loader.Options, sources []loader.Source) error {
	l, err := loader.New(o, sources...)
	if err != nil {
		return err
	}
	p := l.Plan()
	r := loaderRow{
		Order: "sequential", Samples: p.Samples, Batch: o.Batch, Bytes: p.BatchBytes, Block: p.Block, Window: p.Window, Memory: p.Memory,
	}
	if o.Shuffle {
		r.Order = "shuffled"
	}
	for i, s := range sources {
		r.Tensors, r.Ways = append(r.Tensors, s.Tensor.Name()), append(r.Ways, p.Ways[i].String())
	}
	chunks := int64(0)
	for i, s := range sources {
		if c := s.Tensor.ChunkShape(); c != nil && p.Ways[i] == loader.Blocked {
			n := int64(1)
			for k, e := range c {
				n *= (s.Tensor.Shape()[k] + e - 1) / e
			}
			chunks += n
		}
	}
	file := sources[0].Tensor.File()
	decoded := file.ReadStats().Decoded
	perByte := b.copiedMedian(int(min(max(r.Bytes, 1<<16), 64<<20)))
	var begin time.Time
	var took time.Duration
	n := 0
	for _, err := range l.Batches(ctx) {
		if err != nil {
			return err
		}
		// What is ready before the first batch is asked for is not measured.
		if n++; n == 1+p.Buffers {
			begin = time.Now()
		} else if n > 1+p.Buffers {
			if took = time.Since(begin); took > b.each && n > 3+p.Buffers {
				break
			}
		}
	}
	r.Batches = max(n-1-p.Buffers, 0)
	if r.Batches == 0 {
		return fmt.Errorf("%s: no samples to make batches of", clean(strings.Join(r.Tensors, ", ")))
	}
	r.NS = max(float64(took)/float64(r.Batches), 1)
	r.PerSec, r.Speed = jsonFloat(1e9/r.NS), jsonFloat(float64(r.Bytes)*1e9/r.NS)
	r.Memcpy = jsonFloat(perByte * float64(r.Bytes) / r.NS)
	blocks := (p.Samples + p.Block - 1) / p.Block
	if s := l.Stats(); chunks > 0 && s.Blocks > 0 {
		d := jsonFloat(float64(file.ReadStats().Decoded-decoded) / (float64(chunks) * float64(s.Blocks) / float64(blocks)))
		r.Decodes = &d
	}
	busy, err := b.busy(ctx, l, time.Duration(r.NS))
	r.Busy = jsonFloat(busy)
	b.loads = append(b.loads, r)
	return err
}

// copiedMedian is copied in the middle of a few times.
func (b *bencher) copiedMedian(n int) float64 {
	var list []float64
	for range 9 {
		list = append(list, b.copied(n))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// busy is the share of its time that a consumer works which takes d for a
// batch, as a device does: it needs no processor.
func (b *bencher) busy(ctx context.Context, l *loader.Loader, d time.Duration) (float64, error) {
	var begin time.Time
	var worked, late time.Duration // late: how much longer a sleep takes
	n := 0
	for _, err := range l.Batches(ctx) {
		if err != nil {
			return 0, err
		}
		at := time.Now()
		if n++; n == 1 {
			begin = at
		}
		if ask := d - late; ask > 0 {
			time.Sleep(ask)
			late += (time.Since(at) - ask - late) / 8
		}
		for time.Since(at) < d {
			runtime.Gosched()
		}
		worked += time.Since(at)
		if all := time.Since(begin); all > b.each && n > 3 {
			return float64(worked) / float64(all), nil
		}
	}
	return 0, nil
}

// printLoader prints a table for people.
func (b *bencher) printLoader() {
	t := newTable("ORDER", "WAYS", ">BATCH", ">SIZE", ">WINDOW", ">BATCHES/S", ">READ", ">DECODES", ">BUSY", ">MEMORY")
	for _, r := range b.loads {
		decodes := "-"
		if r.Decodes != nil {
			decodes = fmt.Sprintf("%.2f", float64(*r.Decodes))
		}
		ways := slices.Clone(r.Ways)
		slices.Sort(ways)
		for _, s := range []string{
			r.Order, strings.Join(slices.Compact(ways), "+"), fmt.Sprint(r.Batch), sizeText(r.Bytes), fmt.Sprint(r.Window),
			fmt.Sprintf("%.1f", float64(r.PerSec)), speedText(r.Speed, r.Memcpy), decodes, fmt.Sprintf("%.3f", float64(r.Busy)), sizeText(r.Memory),
		} {
			t.cell(s)
		}
	}
	t.write(b.t.out, true, b.t.colored())
}

// printLoaderLines prints what the testing package prints.
func (b *bencher) printLoaderLines() {
	b.printMachine()
	for _, r := range b.loads {
		fmt.Fprintf(b.t.out, "BenchmarkLoader/order=%s/batch=%d-%d\t%d\t%.1f ns/op\t%.2f MB/s\t%.4f x-memcpy\t%.4f busy\n", r.Order, r.Batch, b.t.jobs, r.Batches, r.NS, float64(r.Speed)/1e6, float64(r.Memcpy), float64(r.Busy))
	}
}
