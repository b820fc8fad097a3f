package tensorfile

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// ReadMode is a way for the bytes of a raw tensor into memory.
type ReadMode int

const (
	// ReadAuto copies from the mapping, or reads where there is none. Large
	// reads of what the page cache does not hold go past the cache. The default.
	ReadAuto ReadMode = iota
	// ReadMapped copies from the mapping, also where that means a fault for
	// every page; without a mapping it is ReadPositioned.
	ReadMapped
	// ReadPositioned reads with positioned reads through the page cache.
	ReadPositioned
	// ReadDirect reads past the page cache. It leaves there what is there and
	// adds nothing, so that the next read is no faster. Where the system refuses,
	// it is as ReadAuto otherwise would be.
	ReadDirect
	// ReadDecoded is told by plans only: the bytes are not stored as they are.
	ReadDecoded
)

// String returns the name of the mode.
func (m ReadMode) String() string {
	if m < 0 || m > ReadDecoded {
		return "unknown"
	}
	return [...]string{"auto", "mapped", "positioned", "direct", "decoded"}[m]
}

// A ReadPlan says how a read would go if it began now.
type ReadPlan struct {
	// Mode of the read. ReadAuto means that the cache holds a part of it and each
	// piece goes its own way.
	Mode ReadMode
	// Reason for the mode, in words.
	Reason string
	// Bytes of the result.
	Bytes int64
	// Span of the file from the first to the last byte that is needed.
	Span int64
	// Resident is the share of the span that the page cache holds, estimated
	// from samples; -1 if nobody asked, or the system does not say.
	Resident float64
	// Workers is how many goroutines share the read, the caller's being one.
	Workers int
}

// ReadStats count what Read, ReadInto and what is made of them have read since
// the file was opened: of raw tensors the bytes taken from the file, of chunked
// ones the chunks.
type ReadStats struct {
	Mapped     int64 // copied from the mapping
	Positioned int64 // read through the page cache
	Direct     int64 // read past it
	// Decoded counts the chunks, not the bytes, that a codec has decoded. Those
	// that are stored as they are, or are constant, need none.
	Decoded int64
	// NoDirect says why the file is not read past the page cache; "" if it can
	// be, or nobody tried.
	NoDirect string
}

type readCounts struct {
	mapped, positioned, direct atomic.Int64

	tried  atomic.Pointer[string] // what was said to direct reads
	around sync.Map               // storage id -> *atomic.Int64, bytes that were read directly
}

// ReadStats returns what has been read so far.
func (f *File) ReadStats() ReadStats {
	c := &f.reads
	s := ReadStats{Mapped: c.mapped.Load(), Positioned: c.positioned.Load(), Direct: c.direct.Load(), Decoded: f.decoded.Load()}
	if p := c.tried.Load(); p != nil {
		s.NoDirect = *p
	}
	return s
}

// reading has the sizes by which reads are shared out. Tests make them small.
var reading = struct {
	bulk  int64 // the least that goes past the page cache without being told to: less is worth keeping for the next reader
	solo  int64 // what a goroutine of its own is worth
	piece int64 // the least that is given to a goroutine
	most  int64 // and the most
	stage int64 // of a file in memory of our own, where elements do not lie as they are wanted: what stays in the second cache
	gap   int64 // costs as much to read over as another call
}{bulk: 1 << 30, solo: 1 << 20, piece: 256 << 10, most: pieceBytes, stage: 1 << 20, gap: 16 << 10}

// workers is how many goroutines may share a read of n bytes.
func (f *File) workers(n int64) int {
	w := f.opts.ReadWorkers
	switch {
	case w > 0:
	case !f.m.Local():
		w = 1 // a source may count requests, or serve them one by one
	default:
		w = runtime.GOMAXPROCS(0)
	}
	return int(max(1, min(int64(w), n/reading.solo)))
}

// PlanRead says how Read of a selection would go if it began now: from the
// mapping, with positioned reads or past the page cache, and why. It looks at
// samples of what the cache holds and reads nothing.
func (t *Tensor) PlanRead(sel ...tensor.Selection) (ReadPlan, error) {
	r, err := t.region(sel...)
	if err != nil {
		return ReadPlan{}, err
	}
	l, err := t.f.m.Acquire()
	if err != nil {
		return ReadPlan{}, err
	}
	defer l.Release()
	return t.plan(l, r), nil
}

func (t *Tensor) plan(l mmap.Lease, r region) ReadPlan {
	p := ReadPlan{Bytes: r.bytes(), Resident: -1, Workers: 1}
	if r.empty() {
		p.Reason = "there are no elements"
		return p
	}
	if t.st.Kind != StorageRaw {
		p.Mode, p.Reason = ReadDecoded, "the storage is "+t.st.Kind.String()
		return p
	}
	lo, hi := r.reach()
	p.Span, p.Workers = hi-lo, t.f.workers(p.Bytes)
	plain, why := ReadMapped, "the file is mapped"
	if t.access().err != nil {
		plain, why = ReadPositioned, "the tensor is not mapped"
		if t.f.reason != "" {
			why = t.f.reason
		}
	}
	switch t.f.opts.ReadMode {
	case ReadMapped:
		p.Mode, p.Reason = plain, why
	case ReadPositioned:
		p.Mode, p.Reason = ReadPositioned, "OpenOptions.ReadMode"
	case ReadDirect:
		p.Mode, p.Reason = ReadDirect, "OpenOptions.ReadMode"
		if no := t.f.direct(l); no != "" {
			p.Mode, p.Reason = plain, no
		}
	default:
		p.Mode, p.Reason = plain, why
		t.planBulk(l, &p, t.st.Offset+lo)
	}
	if p.Mode == ReadDirect && t.f.opts.ReadWorkers == 0 && p.Bytes >= 2*reading.solo {
		p.Workers = max(p.Workers, 2) // requests in flight, not processors
	}
	return p
}

// planBulk finds out whether a read that starts at off of the file should go
// past the page cache.
func (t *Tensor) planBulk(l mmap.Lease, p *ReadPlan, off int64) {
	switch {
	case p.Span < reading.bulk || !t.f.m.Local():
		return
	case p.Bytes > p.Span:
		p.Reason += "; elements are repeated"
		return
	case p.Bytes < p.Span/2:
		p.Reason += "; elements lie apart"
		return
	}
	share, ok := l.Resident(off, p.Span)
	if !ok {
		p.Reason += "; what the page cache holds is not known"
		return
	}
	p.Resident = share
	cached := fmt.Sprintf("%.0f%% in the page cache", 100*share)
	if share > 0.95 {
		p.Reason += "; " + cached
		return
	}
	if fs := t.f.m.Network(); fs != "" {
		p.Reason += "; " + cached + ", on a network file system (" + fs + ")"
		return
	}
	// What is read again and again belongs into the cache.
	if n, ok := t.f.reads.around.Load(t.st.ID); ok && n.(*atomic.Int64).Load() >= t.st.Size {
		p.Reason += "; " + cached + ", read past it once"
		return
	}
	if no := t.f.direct(l); no != "" {
		p.Reason += "; " + cached + ", " + no
		return
	}
	if p.Mode, p.Reason = ReadDirect, cached; share > 0.15 {
		p.Mode, p.Reason = ReadAuto, cached+", piece by piece"
	}
}

// direct prepares direct reads and says why there are none.
func (f *File) direct(l mmap.Lease) string {
	why := l.Direct()
	if p := f.reads.tried.Load(); p == nil || *p != why {
		f.reads.tried.Store(&why)
	}
	return why
}

// readAround notes that n bytes of a storage were read past the page cache.
func (f *File) readAround(id uint64, n int64) {
	f.reads.direct.Add(n)
	x, ok := f.reads.around.Load(id)
	if !ok {
		x, _ = f.reads.around.LoadOrStore(id, new(atomic.Int64))
	}
	x.(*atomic.Int64).Add(n)
}
