package mmap

// Advice says how a range will be used. It is a hint: where the system does
// not know it, or the file is not mapped and the hint has no meaning for
// positioned reads, nothing happens.
type Advice uint8

const (
	Normal     Advice = iota // no particular order
	Sequential               // in order: read far ahead
	Random                   // in no order: do not read ahead
	WillNeed                 // soon: begin to read it now, in the background
	Populate                 // now: read and map it before returning; on Linux 5.14 and later, else as WillNeed
	HugePages                // with huge pages, if the file system offers them
	DontNeed                 // not soon: take its pages out of this process (they stay in the page cache)
)

// String returns the name of the advice.
func (a Advice) String() string {
	names := [...]string{"normal", "sequential", "random", "will-need", "populate", "huge-pages", "dont-need"}
	if int(a) < len(names) {
		return names[a]
	}
	return "unknown"
}

// Advise gives advice about n bytes at off. The range is cut to the mapping (to
// the file where it is not mapped) and rounded out to whole pages; a negative n
// means to the end. The only errors are ErrClosed and, from Populate, that of a
// page that cannot be read: ErrChanged or ErrIO as for Guard.
func (m *Map) Advise(off, n int64, a Advice) error {
	if !m.enter(1) {
		return m.enterError()
	}
	defer m.leave()
	r, size := m.region.Load(), m.size
	if r != nil {
		size = int64(len(r.data))
	}
	end := size
	if n >= 0 && off < size-n {
		end = off + n
	}
	off = max(off, 0)
	switch {
	case off >= end:
	case r != nil:
		return m.adviseRegion(r, off, end, a)
	case m.file != nil:
		adviseFile(m.file, off, end-off, a)
	}
	return nil
}
