// Package measure times what a device does beside what it could do at best. A
// figure of a device says something only next to those of its link, its memory and
// the memory of the machine, taken by the same program in the same run: each [Row]
// but those of limits names the limit that it stands beside.
//
// Times are medians. Copies and kernels are timed by events of the device, what
// begins in a file by the clock. Speeds count the bytes that arrive, of work on the
// device those that are read and those that are written.
package measure

import (
	"context"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/gpu"
)

// A Row is one thing that was measured.
type Row struct {
	Name  string
	Bytes int64         // that one run moves
	Runs  int           // that were timed
	Time  time.Duration // of one, the median
	Limit string        // the name of the limit, "" of one
	Share float64       // of the speed of the limit, 0 of one
	Goal  float64       // what Share is to reach, 0 without
	// Same reports whether the result had the bytes that the host backend makes;
	// nil: there was nothing to compare.
	Same *bool
}

// Speed is bytes in a second.
func (r Row) Speed() float64 { return float64(r.Bytes) / max(r.Time, 1).Seconds() }

// beside sets what the row stands beside.
func (r *Row) beside(limit Row, goal float64) {
	r.Limit, r.Goal = limit.Name, goal
	if s := limit.Speed(); s > 0 {
		r.Share = r.Speed() / s
	}
}

// Options are for measuring. Nil means the defaults.
type Options struct {
	// Size of what is copied and computed on, in bytes. Default: 64 MiB.
	Size int64
	// Each thing is measured for so long, at least three times. Default: 300 ms.
	Each time.Duration
}

func (o *Options) resolve() Options {
	var own Options
	if o != nil {
		own = *o
	}
	if own.Size <= 0 {
		own.Size = 64 << 20
	}
	if own.Each <= 0 {
		own.Each = 300 * time.Millisecond
	}
	return own
}

// leastRuns are timed of everything.
const leastRuns = 3

// median times run, once more than it counts: the first touches memory and loads
// kernels.
func (o Options) median(ctx context.Context, r Row, run func() (time.Duration, error)) (Row, error) {
	var took []time.Duration
	var begin time.Time
	for i := 0; i <= leastRuns || time.Since(begin) < o.Each; i++ {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		t, err := run()
		if err != nil {
			return r, err
		}
		if i == 0 {
			begin = time.Now()
			continue
		}
		took = append(took, t)
	}
	slices.Sort(took)
	r.Runs, r.Time = len(took), took[len(took)/2]
	return r, nil
}

// clocked is the time that fn takes.
func clocked(fn func() error) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		begin := time.Now()
		err := fn()
		return time.Since(begin), err
	}
}

// A watch tells the device's time between two places of a stream.
type watch struct{ begin, end *gpu.Event }

func newWatch(d *gpu.Device) (w watch, err error) {
	timing := &gpu.EventOptions{Timing: true}
	if w.begin, err = d.NewEvent(timing); err != nil {
		return w, err
	}
	if w.end, err = d.NewEvent(timing); err != nil {
		w.begin.Free()
	}
	return w, err
}

func (w watch) free() {
	w.begin.Free()
	w.end.Free()
}

// of is the time of what fn enqueues.
func (w watch) of(on *gpu.Stream, fn func() error) (time.Duration, error) {
	if err := w.begin.Record(on); err != nil {
		return 0, err
	}
	if err := fn(); err != nil {
		return 0, err
	}
	if err := w.end.Record(on); err != nil {
		return 0, err
	}
	return w.end.Since(w.begin)
}
