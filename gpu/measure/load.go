package measure

import (
	"context"
	"errors"
	"slices"
	"time"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/internal/parallel"
)

// Names of the limits of what comes out of a file, beside those of the device.
const (
	Feed   = "feed"   // the same workers filling the ring, and nothing copied
	Decode = "decode" // what of that the decoders take, were they all that workers do
	Disk   = "disk"   // as many bytes of the file, past the page cache
)

// LoadOptions are for timing a load. Nil means the defaults.
type LoadOptions struct {
	Options
	Upload gpu.UploadOptions
	// Stream brings the tensors up block by block, as is done with what the device
	// has no room for.
	Stream bool
	// Step is told what is measured next, and what share of the time is over, about.
	// Default: nobody.
	Step func(share float64, what string)
}

// A Load is how tensors of a file came to a device, and what limited that.
type Load struct {
	Row
	Streamed bool
	Stats    gpu.Stats // of the median run
	// Limits in the order of Upload, Feed, Decode and Disk, those that apply. Share
	// of each is the part of it that the load reached.
	Limits []Row
	// Notes say what could not be measured, and why.
	Notes []string

	inPlace bool // there was no ring
}

// Held reports whether a limit held for the way that was taken: that of the disk
// does if the disk was read, that of the feed if there was a ring between.
func (l *Load) Held(r Row) bool {
	switch r.Name {
	case Disk:
		return l.Stats.Direct > 0
	case Feed:
		return !l.inPlace
	}
	return true
}

// Bound is the lowest of the limits that held.
func (l *Load) Bound() Row {
	var low Row
	for _, r := range l.Limits {
		if l.Held(r) && r.Share > low.Share {
			low = r
		}
	}
	return low
}

// manyBytes are loaded once instead of several times.
const manyBytes = 4 << 30

// Time times the tensors, all of which are of one open file, on their way to memory
// of the device that is there, and the limits beside them.
func Time(ctx context.Context, d *gpu.Device, o *LoadOptions, tensors ...*tensorfile.Tensor) (_ *Load, err error) {
	var own LoadOptions
	if o != nil {
		own = *o
	}
	own.Options = own.Options.resolve()
	u, err := d.NewUploader(&own.Upload)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, u.Close()) }()
	sources := make([]gpu.Source, len(tensors))
	for i, x := range tensors {
		sources[i] = gpu.FromTensor(x)
	}
	need, err := u.UploadBytes(sources...)
	if err != nil {
		return nil, err
	}
	free, _, err := d.Memory()
	if err != nil {
		return nil, err
	}
	l := &Load{Streamed: own.Stream || need > free}
	l.inPlace = d.Backend() == "host" && !l.Streamed && !own.Upload.Staged && !own.Upload.Verify
	var load func() (gpu.Stats, error)
	if !l.Streamed {
		dst, err := d.Alloc(need)
		if err != nil {
			return nil, err
		}
		defer dst.Free()
		load = func() (gpu.Stats, error) {
			up, err := u.UploadTo(ctx, dst, nil, sources...)
			if err != nil {
				return gpu.Stats{}, err
			}
			return up.Stats, nil
		}
	} else {
		s, err := d.NewStream()
		if err != nil {
			return nil, err
		}
		defer s.Free()
		load = func() (gpu.Stats, error) { return streamed(ctx, u, s, sources) }
	}
	var stored int64
	for _, x := range tensors {
		l.Bytes += x.ByteSize()
		stored += x.Storage().Stored
	}
	step := func(share float64, what string) {
		if own.Step != nil {
			own.Step(share, what)
		}
	}
	step(0, "load")
	if l.Stats, err = own.repeat(ctx, l.Bytes, load); err != nil {
		return nil, err
	}
	l.Name, l.Time, l.Runs = "load", l.Stats.Total, 1

	// The limits, right behind.
	step(0.4, Upload(d))
	var limit Row
	if d.Backend() == "host" {
		beside := own.Options
		if o == nil || o.Size == 0 { // as many bytes are copied, in the cache or beyond it
			beside.Size = min(max(l.Bytes, 1<<20), 256<<20)
		}
		limit, err = beside.memcpy(ctx)
	} else {
		var rows []Row
		rows, err = own.links(ctx, d, Link)
		limit = Find(rows, Link)
	}
	if err != nil {
		return nil, err
	}
	l.limit(limit, float64(l.Bytes)/limit.Speed())
	step(0.5, Feed)
	fed, err := own.repeat(ctx, l.Bytes, func() (gpu.Stats, error) { return u.Feed(ctx, sources...) })
	if err != nil {
		return nil, err
	}
	l.limit(Row{Name: Feed, Bytes: l.Bytes, Runs: 1, Time: fed.Total}, fed.Total.Seconds())
	if fed.Decode > 0 {
		alone := fed.Decode / time.Duration(u.Options().Workers)
		l.limit(Row{Name: Decode, Bytes: fed.Decoded, Runs: 1, Time: alone}, alone.Seconds())
	}
	step(0.9, Disk)
	r, why, err := disk(ctx, tensors, stored, u.Options().Workers)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		l.Notes = append(l.Notes, "the disk was not measured: "+why)
	case r.Bytes > 0:
		l.limit(r, r.Time.Seconds()*float64(stored)/float64(r.Bytes))
	}
	return l, nil
}

// limit adds a limit by which the load takes as many seconds at least.
func (l *Load) limit(r Row, least float64) {
	if t := l.Time.Seconds(); t > 0 {
		r.Share = least / t
	}
	l.Limits = append(l.Limits, r)
}

// repeat runs fn a few times and returns the stats of the median run.
func (o Options) repeat(ctx context.Context, bytes int64, fn func() (gpu.Stats, error)) (gpu.Stats, error) {
	var all []gpu.Stats
	least := leastRuns + 1 // the first opens files past the cache, and touches memory
	if bytes >= manyBytes {
		least = 1
	}
	for begin := time.Now(); len(all) < least || time.Since(begin) < o.Each; {
		if err := ctx.Err(); err != nil {
			return gpu.Stats{}, err
		}
		s, err := fn()
		if err != nil {
			return s, err
		}
		all = append(all, s)
	}
	if len(all) > 1 {
		all = all[1:]
	}
	slices.SortFunc(all, func(a, b gpu.Stats) int { return int(a.Total - b.Total) })
	return all[len(all)/2], nil
}

func streamed(ctx context.Context, u *gpu.Uploader, on *gpu.Stream, sources []gpu.Source) (gpu.Stats, error) {
	for _, err := range u.Stream(ctx, on, sources...) {
		if err != nil {
			return gpu.Stats{}, err
		}
	}
	return u.Stats(), nil
}

// Disks are measured on as many bytes at most, by reads of as many.
const (
	diskBytes = 1 << 30
	diskPiece = 8 << 20
)

// diskTime is for how long reads are repeated: the fastest of them counts.
const diskTime = time.Second

// disk reads what the tensors take in the file, or its begin where that is not one
// piece, past the page cache. why says what stands against it.
func disk(ctx context.Context, tensors []*tensorfile.Tensor, stored int64, workers int) (r Row, why string, err error) {
	r.Name = Disk
	if len(tensors) == 0 {
		return r, "", nil
	}
	m := tensors[0].File().Map()
	lease, err := m.Acquire()
	if err != nil {
		return r, "", err
	}
	defer lease.Release()
	switch {
	case !m.Local():
		return r, "the file is not on this machine", nil
	case m.Network() != "":
		return r, "the file is on " + m.Network(), nil
	}
	if why = lease.Direct(); why != "" {
		return r, why, nil
	}
	type piece struct{ off, n int64 }
	var pieces []piece
	add := func(off, n int64) {
		for n = min(n, m.Size()-off, diskBytes-r.Bytes); n > 0; {
			k := min(n, diskPiece)
			pieces = append(pieces, piece{off, k})
			off, n, r.Bytes = off+k, n-k, r.Bytes+k
		}
	}
	for _, x := range tensors {
		if st := x.Storage(); st.Kind == tensorfile.StorageRaw {
			add(st.Offset, st.Stored)
		}
	}
	if r.Bytes < min(stored, diskBytes) {
		add(0, stored-r.Bytes)
	}
	workers = min(workers, len(pieces))
	buffers := make(chan []byte, workers)
	for range workers {
		b := pageBuffer()
		clear(b) // memory that is there
		buffers <- b
	}
	for begin := time.Now(); r.Runs == 0 || r.Runs < leastRuns && time.Since(begin) < diskTime; r.Runs++ {
		pass := time.Now()
		err := parallel.Each(workers, int64(len(pieces)), func(i int64) error {
			b := <-buffers
			defer func() { buffers <- b }()
			if err := ctx.Err(); err != nil {
				return err
			}
			_, err := lease.ReadDirect(b[:pieces[i].n], pieces[i].off)
			return err
		})
		if err != nil {
			return r, "", err
		}
		if t := time.Since(pass); r.Runs == 0 || t < r.Time {
			r.Time = t
		}
	}
	return r, "", nil
}

// pageBuffer is memory that begins with a page.
func pageBuffer() []byte {
	const page = 4 << 10
	b := make([]byte, diskPiece+page)
	return b[-uintptr(unsafe.Pointer(unsafe.SliceData(b)))%page:]
}
