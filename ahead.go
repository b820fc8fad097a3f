package tensorfile

import (
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
)

// ReadAhead says that tensors are about to be read, each as a whole and in this order,
// until done is called. A source where each read is a request, such as those of packages
// httprange and s3, then asks for the bytes of those that come next while one is worked
// on; nothing else changes, and other sources do nothing. The tensors may be of several
// files; a composite stands for its parts. Functions that go through the tensors of a
// file by themselves say so on their own: Writer.Copy, File.Hashes, File.Verify, the
// converters. done is called once, before the files are closed.
func ReadAhead(tensors ...*Tensor) (done func()) {
	var plans map[*mmap.Map]*ahead
	for _, t := range tensors {
		if !t.f.m.Expects() {
			continue
		}
		p := plans[t.f.m]
		if p == nil {
			if plans == nil {
				plans = map[*mmap.Map]*ahead{}
			}
			p = newAhead(t.f.m)
			plans[t.f.m] = p
		}
		parts, err := t.Parts()
		if err != nil {
			continue // who reads it hears of it
		}
		p.payload(t)
		for _, part := range parts {
			p.payload(part.Tensor)
		}
	}
	if plans == nil {
		return noAhead.done
	}
	return endAll(plans)
}

func endAll(plans map[*mmap.Map]*ahead) (done func()) {
	for _, p := range plans {
		p.end()
	}
	return func() {
		for _, p := range plans {
			p.done()
		}
	}
}

// ahead tells a source what is about to be read. Its methods do nothing for sources
// that do not read ahead.
type ahead struct {
	more  func(extents [][2]int64)
	done  func()
	batch [][2]int64
	last  uint64 // storage that was told of
}

// aheadAtOnce is how many extents a source is told of at a time.
const aheadAtOnce = 1024

// noAhead is that of all sources that do not read ahead: nothing is allocated for them.
var noAhead = &ahead{done: func() {}}

func newAhead(m *mmap.Map) *ahead {
	if !m.Expects() {
		return noAhead
	}
	a := &ahead{}
	a.more, a.done = m.Expect()
	return a
}

// extent adds [begin, end) of the file.
func (a *ahead) extent(begin, end int64) {
	if a.more == nil || begin >= end {
		return
	}
	if a.batch = append(a.batch, [2]int64{begin, end}); len(a.batch) == aheadAtOnce {
		a.tell()
	}
}

// run adds a run of the catalog.
func (a *ahead) run(r *format.Run) { a.extent(r.Begin(), r.Begin()+r.Body+r.Length()) }

// catalogAhead says that all of the catalog is about to be read.
func (f *File) catalogAhead() (done func()) {
	a := newAhead(f.m)
	if f.m.Expects() {
		f.m.Guard(func() error {
			runs, err := f.cat.Runs() // who scans them hears of errors
			for _, r := range runs {
				a.run(r)
			}
			return err
		})
		a.end()
	}
	return a.done
}

// payload adds the bytes of a dense tensor. Those of a large grid are told by who reads
// it, chunk by chunk: see gridReader.expect.
func (a *ahead) payload(t *Tensor) {
	if a.more == nil || t.st.ID == a.last && a.last != 0 {
		return
	}
	switch a.last = t.st.ID; t.st.Kind {
	case StorageRaw:
		if r, err := t.region(); err == nil {
			a.extent(t.stretch(r))
		}
	case StorageEncoded:
		if t.st.Offset > 0 {
			a.extent(t.st.Offset, t.st.Offset+t.st.more.Stored)
		}
	case StorageGrid:
		// A writer puts the table of a grid that is written once right behind its chunks.
		if rec := t.st.more.grid.rec; rec.Stored <= smallGrid && !rec.Ref.Absent() {
			table := int64(rec.Ref.Offset)
			a.extent(max(table-rec.Stored, 0), table+int64(rec.Ref.Length))
		}
	}
}

// smallGrid is up to how many bytes a grid is asked for in one piece.
const smallGrid = 1 << 20

func (a *ahead) tell() {
	if len(a.batch) > 0 {
		a.more(a.batch)
		a.batch = a.batch[:0]
	}
}

// end says that this was all.
func (a *ahead) end() {
	if a.more != nil {
		a.tell()
		a.more(nil)
	}
}

// stretch is where in the file r lies, if it does in one piece or nearly so.
func (t *Tensor) stretch(r region) (begin, end int64) {
	lo, hi := r.reach()
	if hi-lo > 2*r.bytes() {
		return 0, 0
	}
	return t.st.Offset + lo, t.st.Offset + hi
}
