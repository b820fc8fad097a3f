package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/measure"
	"github.com/tensorfile/tensorfile/internal/glob"
)

// gpuBenchJSON is the document of gpu bench. Times are nanoseconds of one run,
// speeds bytes a second.
type gpuBenchJSON struct {
	Schema string        `json:"schema"`
	Device string        `json:"device"`
	Name   string        `json:"name"`
	Size   int64         `json:"size"`
	Rows   []gpuBenchRow `json:"rows"`
}

type gpuBenchRow struct {
	Name  string     `json:"name"`
	Bytes int64      `json:"bytes"` // that are read and written
	Runs  int        `json:"runs"`
	NS    int64      `json:"ns"`
	Speed jsonFloat  `json:"speed"`
	Limit *string    `json:"limit"` // null of a limit, and of what none stands for
	Share *jsonFloat `json:"share"`
	Goal  *jsonFloat `json:"goal"`
	Same  *bool      `json:"same"` // as the host computes it; null: not compared
}

func newGPUBenchCmd(t *tool) *cobra.Command {
	var w where
	var asJSON bool
	o := measure.Options{Each: 100 * time.Millisecond}
	amount := size(64 << 20)
	cmd := &cobra.Command{
		Use:   "bench [GLOB...]",
		Short: "Measure the limits of the device, and kernels beside them",
		Long: `Measure the limits of the device: memcpy on the host, the link in both directions
from pinned memory and from such that is not, and copies within the device's memory,
read and written bytes counted. Then run the kernels whose names match a GLOB, or
all, and say what share of the memory's speed they reach, and what they should. What
a CUDA device computes is compared with what the host computes, bit for bit.`,
		Example: `  tensorfile gpu bench
  tensorfile gpu bench 'dequantise *' --size 256MiB
  tensorfile gpu bench --device host --json`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "1  no kernel matches, or one made what it should not", "2  there is no driver or no device")},
		Args:        nArgs(0, -1),
		ValidArgs:   measure.KernelNames(),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Each <= 0 {
				return usage(cmd, "--time %v: it is more than nothing", o.Each)
			}
			o.Size = int64(amount)
			match, err := kernelGlobs(t, args)
			if err != nil {
				return err
			}
			d, err := w.open()
			if err != nil {
				return err
			}
			defer closeDevice(d, &err)
			defer t.useJobs()()
			rows, err := t.gpuBench(cmd.Context(), d, &o, match)
			if err != nil {
				return err
			}
			info := deviceJSON(d.Info())
			if asJSON {
				return t.writeJSON(gpuBenchJSON{schema("gpu-bench"), info.id(), info.Name, o.Size, benchRows(rows)})
			}
			fmt.Fprintf(t.out, "%s: %s, %s\n\n", info.id(), clean(info.Name), sizeText(o.Size))
			t.printGPUBench(rows)
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	w.deviceFlag(cmd)
	f.Var(&amount, "size", "copy and compute on about `SIZE`")
	f.DurationVar(&o.Each, "time", o.Each, "measure each thing for `DURATION`")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// kernelGlobs reports by name whether a kernel is meant. What matches nothing is told.
func kernelGlobs(t *tool, globs []string) (func(string) bool, error) {
	if len(globs) == 0 {
		return nil, nil
	}
	wanted := map[string]bool{}
	for _, g := range globs {
		found := false
		for _, name := range measure.KernelNames() {
			if name == g || glob.Match(g, name) {
				wanted[name], found = true, true
			}
		}
		if !found {
			t.raise(exitNo)
			t.report(fmt.Errorf("no kernel matches %s", g))
		}
	}
	return func(name string) bool { return wanted[name] }, nil
}

// gpuBench measures the limits and the kernels.
func (t *tool) gpuBench(ctx context.Context, d *gpu.Device, o *measure.Options, match func(string) bool) ([]measure.Row, error) {
	bar := t.newProgress()
	defer bar.end()
	rows, err := measure.Limits(ctx, d, o)
	if err != nil {
		return nil, err
	}
	all := 0
	for _, name := range measure.KernelNames() {
		if match == nil || match(name) {
			all++
		}
	}
	limits := len(rows)
	err = measure.Kernels(ctx, d, o, measure.Find(rows, measure.Memory), match, func(r measure.Row) error {
		rows = append(rows, r)
		bar.steps(float64(len(rows)-limits)/float64(all), r.Name)
		if r.Same != nil && !*r.Same {
			t.raise(exitNo)
		}
		return nil
	})
	return rows, err
}

func benchRows(rows []measure.Row) (list []gpuBenchRow) {
	for _, r := range rows {
		j := gpuBenchRow{Name: r.Name, Bytes: r.Bytes, Runs: r.Runs, NS: int64(r.Time), Speed: jsonFloat(r.Speed()), Same: r.Same}
		if r.Limit != "" {
			share := jsonFloat(r.Share)
			j.Limit, j.Share = &r.Limit, &share
		}
		if r.Goal > 0 {
			goal := jsonFloat(r.Goal)
			j.Goal = &goal
		}
		list = append(list, j)
	}
	return list
}

// printGPUBench prints the limits, then the kernels.
func (t *tool) printGPUBench(rows []measure.Row) {
	limits := newTable("LIMIT", ">SPEED")
	kernels := newTable("KERNEL", ">TIME", ">SPEED", ">OF DEVICE MEMORY", ">GOAL", "RESULT")
	for _, r := range rows {
		speed := fmt.Sprintf("%.2f GB/s", r.Speed()/1e9)
		if isLimit(r.Name) {
			limits.cell(r.Name)
			limits.cell(speed)
			continue
		}
		share, goal, result := "-", "-", "the reference" // in Go
		if r.Limit != "" {
			share = fmt.Sprintf("x%.2f", r.Share)
		}
		if r.Goal > 0 {
			goal = fmt.Sprintf("x%.2f", r.Goal)
		}
		if r.Same != nil {
			result = map[bool]string{true: "as on the host", false: "WRONG"}[*r.Same]
		}
		for _, s := range []string{r.Name, rounded(r.Time).String(), speed, share, goal, result} {
			kernels.cell(s)
		}
	}
	limits.write(t.out, true, t.colored())
	if kernels.rows() > 0 {
		fmt.Fprintln(t.out)
		kernels.write(t.out, true, t.colored())
	}
}

func isLimit(name string) bool {
	switch name {
	case measure.Memcpy, measure.Link, measure.Back, measure.Pageable, measure.Memory:
		return true
	}
	return false
}
