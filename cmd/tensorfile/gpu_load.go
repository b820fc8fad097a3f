package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/measure"
)

// gpuLoadJSON is the document of gpu load. Times are nanoseconds, speeds bytes a
// second.
type gpuLoadJSON struct {
	Schema string `json:"schema"`
	jsonPath
	Format   string         `json:"format"`
	Device   string         `json:"device"`
	Name     string         `json:"name"`
	Tensors  int            `json:"tensors"`
	Bytes    int64          `json:"bytes"`
	NS       int64          `json:"ns"`
	Speed    jsonFloat      `json:"speed"`
	Way      string         `json:"way"`
	Streamed bool           `json:"streamed"`
	Direct   int64          `json:"direct"` // bytes, as those that follow
	Cached   int64          `json:"cached"`
	Decoded  int64          `json:"decoded"`
	Wire     int64          `json:"wire"`
	Verified int64          `json:"verified"`
	Pinned   int64          `json:"pinned"`
	Copies   int64          `json:"copies"`
	Read     int64          `json:"read_ns"` // of all workers
	Decode   int64          `json:"decode_ns"`
	CopyWait int64          `json:"copy_wait_ns"`
	Copy     int64          `json:"copy_ns"` // in flight
	Idle     int64          `json:"idle_ns"`
	Limits   []gpuLimitJSON `json:"limits"`
	Notes    []string       `json:"notes"`
}

type gpuLimitJSON struct {
	Name  string    `json:"name"` // link, memcpy, feed, decode, disk
	Bytes int64     `json:"bytes"`
	NS    int64     `json:"ns"`
	Speed jsonFloat `json:"speed"`
	Share jsonFloat `json:"share"` // of it that the load reached
}

// gpuLoader times loads.
type gpuLoader struct {
	t      *tool
	where  where
	direct choice
	slot   size
	o      measure.LoadOptions
	asJSON bool
}

func newGPULoadCmd(t *tool) *cobra.Command {
	l := &gpuLoader{t: t, direct: "auto", o: measure.LoadOptions{Options: measure.Options{Each: 500 * time.Millisecond}}}
	cmd := &cobra.Command{
		Use:   "load FILE [GLOB...]",
		Short: "Time tensors on their way to the device",
		Long: `Time tensors of a file of any format, all of them if no GLOB is given, on their way
to the device, and say which way they went. Beside the time stand the limits, which
are measured right after it: the link to the device (or memcpy, for the host), the
feed, which is the same workers reading into the same memory without a copy, what of
that decoding takes, and the disk, read past the page cache. Each is told with the
share of it that the load reached. Times are medians of several loads, so that what
the page cache can hold is read from there; --direct always reads the disk.

Tensors that the device has no room for are streamed, block by block.`,
		Example: `  tensorfile gpu load model.safetensors
  tensorfile gpu load weights.tensor 'layers.*' --direct always
  tensorfile gpu load weights.npz --device host --staged --json`,
		Annotations:       map[string]string{exitStatus: exitText("0  done", "1  no tensor matches", "2  there is no driver or no device, or something could not be read")},
		Args:              nArgs(1, -1),
		ValidArgsFunction: t.completeNames,
		RunE:              l.run,
	}
	f := cmd.Flags()
	f.SortFlags = false
	l.where.deviceFlag(cmd)
	f.Var(&l.direct, "direct", "read past the page cache: auto, always or never")
	cmd.RegisterFlagCompletionFunc("direct", cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	f.Var(&l.slot, "slot", "read and copy `SIZE` at a time (default 8 MiB)")
	f.IntVar(&l.o.Upload.Slots, "slots", 0, "have `N` of them in memory (default: workers and 4; less if --mem says so)")
	f.BoolVar(&l.o.Stream, "stream", false, "stream block by block what the device would have room for, too")
	f.BoolVar(&l.o.Upload.Verify, "verify", false, "let the device compare the CRC-32C of what arrives")
	f.BoolVar(&l.o.Upload.Staged, "staged", false, "with --device host: copy as a device has to, do not read in place")
	f.DurationVar(&l.o.Each, "time", l.o.Each, "repeat for `DURATION`")
	f.BoolVar(&l.asJSON, "json", false, "print one JSON document")
	t.atFlag(cmd)
	t.databaseFlags(cmd)
	return cmd
}

func (l *gpuLoader) run(cmd *cobra.Command, args []string) (err error) {
	ctx, t := cmd.Context(), l.t
	if l.o.Each <= 0 {
		return usage(cmd, "--time %v: it is more than nothing", l.o.Each)
	}
	if err := l.options(cmd); err != nil {
		return err
	}
	d, err := l.where.open()
	if err != nil {
		return err
	}
	defer closeDevice(d, &err)
	defer t.useJobs()()
	in, err := t.open(ctx, args[0])
	if err != nil {
		return err
	}
	defer in.close()
	list, err := t.wholeTensors(ctx, in, args[1:])
	if err != nil || len(list) == 0 {
		return err
	}
	bar := t.newProgress()
	l.o.Step = bar.steps
	m, err := measure.Time(ctx, d, &l.o, list...)
	bar.end()
	if err != nil {
		return err
	}
	if l.asJSON {
		return t.writeJSON(l.document(in, d, list, m))
	}
	l.print(in, d, list, m)
	return nil
}

// options are those of the flags that all commands share.
func (l *gpuLoader) options(cmd *cobra.Command) error {
	o := &l.o.Upload
	o.Workers, o.SlotBytes = min(l.t.jobs, 1<<10), int64(l.slot)
	o.Direct = map[choice]gpu.DirectMode{"auto": gpu.DirectAuto, "always": gpu.DirectAlways, "never": gpu.DirectNever}[l.direct]
	if cmd.Flags().Changed("slots") && (o.Slots < 2 || o.Slots > 1<<16) {
		return usage(cmd, "--slots %d: there are 2 to 65536", o.Slots)
	}
	const slot, least = 8 << 20, 64 << 10
	if most := int64(l.t.mem); most > 0 && o.Slots == 0 {
		if o.SlotBytes == 0 {
			o.SlotBytes = max(min(slot, most/4), least)
		}
		if most/o.SlotBytes < 2 {
			return usage(cmd, "--mem %s: two slots of %s are the least", sizeText(most), sizeText(o.SlotBytes))
		}
		o.Slots = int(min(most/o.SlotBytes, int64(o.Workers)+4))
	}
	return nil
}

func (l *gpuLoader) document(in *input, d *gpu.Device, list []*tensorfile.Tensor, m *measure.Load) gpuLoadJSON {
	s := m.Stats
	info := deviceJSON(d.Info())
	doc := gpuLoadJSON{
		Schema: schema("gpu-load"), jsonPath: pathJSON(in.Path()), Format: in.Info().Format, Device: info.id(), Name: info.Name,
		Tensors: len(list), Bytes: m.Bytes, NS: int64(m.Row.Time), Speed: jsonFloat(m.Speed()), Way: s.Path, Streamed: m.Streamed,
		Direct: s.Direct, Cached: s.Cached, Decoded: s.Decoded, Wire: s.Wire, Verified: s.Verified, Pinned: s.Pinned, Copies: s.Copies,
		Read: int64(s.Read), Decode: int64(s.Decode), CopyWait: int64(s.CopyWait), Copy: int64(s.Copy), Idle: int64(s.Idle),
		Notes: append(append([]string{}, s.Notes...), m.Notes...),
	}
	for _, r := range m.Limits {
		doc.Limits = append(doc.Limits, gpuLimitJSON{r.Name, r.Bytes, int64(r.Time), jsonFloat(r.Speed()), jsonFloat(r.Share)})
	}
	return doc
}

// print says how it went, then the limits.
func (l *gpuLoader) print(in *input, d *gpu.Device, list []*tensorfile.Tensor, m *measure.Load) {
	t, s := l.t, m.Stats
	how := ""
	if m.Streamed {
		how = ", block by block"
	}
	info := deviceJSON(d.Info())
	facts := newTable("", "")
	fact := func(name, format string, args ...any) {
		facts.cell(name)
		facts.cell(fmt.Sprintf(format, args...))
	}
	fact("tensors", "%s, %s of %s", counted(int64(len(list)), "tensor"), sizeText(m.Bytes), clean(in.Path()))
	fact("device", "%s, %s", info.id(), clean(info.Name))
	fact("way", "%s%s", s.Path, how)
	fact("time", "%v, %.2f GB/s", rounded(m.Row.Time), m.Speed()/1e9)
	workers := l.o.Upload.Workers
	fact("workers", "%d: %v reading, %v decoding, %v waiting for a slot", workers, rounded(s.Read), rounded(s.Decode), rounded(s.CopyWait))
	if s.Copies > 0 {
		fact("copies", "%s: %v in flight, %v idle", countText(s.Copies), rounded(s.Copy), rounded(s.Idle))
	}
	if l.o.Upload.Verify {
		fact("verified", "%s of %s", sizeText(s.Verified), sizeText(s.Wire))
	}
	facts.write(t.out, false, false)
	for _, n := range append(append([]string{}, s.Notes...), m.Notes...) {
		t.note("%s", n)
	}
	fmt.Fprintln(t.out)
	limits := newTable("LIMIT", ">SPEED", ">THE LOAD REACHED", "REMARK")
	low := m.Bound()
	for _, r := range m.Limits {
		share, mark := fmt.Sprintf("x%.2f", r.Share), ""
		switch {
		case !m.Held(r) && r.Name == measure.Disk:
			share, mark = "-", "not read: the page cache held it"
		case !m.Held(r):
			share, mark = "-", "not used: no ring on this way"
		case r == low:
			mark = "the lowest"
		}
		for _, c := range []string{r.Name, fmt.Sprintf("%.2f GB/s", r.Speed()/1e9), share, mark} {
			limits.cell(c)
		}
	}
	limits.write(t.out, true, t.colored())
}

// rounded is a time with three digits.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// wholeTensors are the tensors that the globs name, all without one, but for those
// without elements and composites, of which nothing goes to a device as it is.
func (t *tool) wholeTensors(ctx context.Context, in *input, globs []string) ([]*tensorfile.Tensor, error) {
	var left []string
	for x, err := range in.Tensors() {
		if err != nil {
			continue // told below, if it is wanted
		}
		if _, _, composite := x.Composite(); composite {
			left = append(left, clean(x.Name()))
		}
	}
	if len(left) > 0 {
		t.note("composites are left out: %s", strings.Join(left[:min(len(left), 5)], ", "))
	}
	return (&bencher{t: t}).matching(ctx, in, globs)
}
