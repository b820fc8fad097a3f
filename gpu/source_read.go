package gpu

import (
	"context"
	"io"
	"slices"

	"github.com/tensorfile/tensorfile/mmap"
)

// DirectMode says whether plain bytes of files are read past the page cache.
type DirectMode uint8

const (
	// DirectAuto reads past the page cache what it does not hold, if the bytes of
	// a file that an upload reads are many: less is worth keeping for who reads it
	// next. Not on network file systems. The default.
	DirectAuto DirectMode = iota
	// DirectNever reads through the page cache.
	DirectNever
	// DirectAlways reads past the page cache wherever the system lets it.
	DirectAlways
)

// directFrom is how many bytes of one file are many. Tests make it small.
var directFrom int64 = 1 << 30

// fileBytes is a file that plain bytes are read of, with positioned reads:
// foreign code, and a copy from pageable memory is made by it, sees no mapped
// page.
type fileBytes struct {
	m      *mmap.Map
	lease  mmap.Lease
	bytes  int64 // that are wanted
	mode   DirectMode
	sample bool // look at what the cache holds, piece by piece
	counts *counts
}

// decide finds out how the file is read and says why.
func (f *fileBytes) decide(mode DirectMode) {
	f.mode, f.sample = DirectNever, false
	switch {
	case mode == DirectNever:
	case mode == DirectAlways:
		if why := f.lease.Direct(); why == "" {
			f.mode = DirectAlways
		} else {
			f.counts.note(why)
		}
	case f.bytes < directFrom || !f.m.Local() || f.m.Network() != "":
	default:
		share, ok := f.lease.Resident(0, f.m.Size())
		if !ok || share > 0.95 {
			return
		}
		if why := f.lease.Direct(); why != "" {
			f.counts.note(why)
			return
		}
		f.mode, f.sample = DirectAlways, share > 0.15
	}
}

// read reads bytes of the file to where a device copies from.
func (f *fileBytes) read(dst []byte, off int64) error {
	past := f.mode == DirectAlways
	if past && f.sample {
		share, ok := f.lease.Resident(off, int64(len(dst)))
		past = ok && share < 0.5
	}
	var err error
	if past {
		past, err = f.lease.ReadDirect(dst, off)
	} else {
		_, err = f.lease.ReadAt(dst, off)
	}
	if past {
		f.counts.direct.Add(int64(len(dst)))
	} else {
		f.counts.cached.Add(int64(len(dst)))
	}
	return err
}

// mappedFrom is how many bytes are worth a copy past the caches. Tests make it small.
var mappedFrom int64 = 4 << 20

// mapped reports whether the page cache holds n bytes, and the mapping shows them:
// then they can be copied from there.
func (f *fileBytes) mapped(off, n int64) bool {
	if n < mappedFrom || f.mode != DirectNever || !f.m.Mapped() {
		return false
	}
	share, ok := f.lease.Resident(off, n)
	return ok && share > 0.95
}

// files holds the files of an upload open.
type files struct{ list []*fileBytes }

// of returns the file that a tensor's bytes are in.
func (x *files) of(s Source, c *counts) (*fileBytes, error) {
	m := s.t.File().Map()
	if i := slices.IndexFunc(x.list, func(f *fileBytes) bool { return f.m == m }); i >= 0 {
		return x.list[i], nil
	}
	l, err := m.Acquire()
	if err != nil {
		return nil, s.located(err)
	}
	f := &fileBytes{m: m, lease: l, counts: c}
	x.list = append(x.list, f)
	return f, nil
}

func (x *files) release() {
	for _, f := range x.list {
		f.lease.Release()
	}
	x.list = nil
}

// A stream is what decodes from its begin to its end, in a goroutine of its
// own. Workers take its bytes in turn.
type stream struct {
	src  Source
	r    *io.PipeReader
	done chan struct{} // the goroutine has ended
	last chan struct{} // the turn that was given out last is over
}

// A place in a queue: when a worker may take bytes of a stream, and when it has.
type queued struct {
	now, over   chan struct{}
	first, last bool
}

// turn gives out the next place.
func (x *stream) turn(last bool) queued {
	t := queued{x.last, make(chan struct{}), x.last == nil, last}
	x.last = t.over
	return t
}

// read waits for its turn and fills dst.
func (x *stream) read(ctx context.Context, dst []byte, t queued) error {
	if t.first {
		x.start(ctx)
	} else {
		select {
		case <-t.now:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if _, err := io.ReadFull(x.r, dst); err != nil {
		return err
	}
	if t.last {
		// Its decoder looks at checksums behind the last byte.
		var one [1]byte
		if _, err := x.r.Read(one[:]); err != io.EOF {
			return err
		}
	}
	close(t.over)
	return nil
}

func (x *stream) start(ctx context.Context) {
	var w *io.PipeWriter
	x.r, w = io.Pipe()
	x.done = make(chan struct{})
	go func() {
		defer close(x.done)
		w.CloseWithError(x.src.t.WriteCOrder(ctx, w))
	}()
}

// close ends the goroutine. Nobody reads any more.
func (x *stream) close() {
	if x.r != nil {
		x.r.Close()
		<-x.done
	}
}
