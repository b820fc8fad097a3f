// Package zipfile reads and writes zip archives the way a converter needs
// them: a directory of members with the extents of their bytes, and streams
// that are checked to the last byte.
//
// The reader is strict where programs differ in how they read an archive,
// because a file that means two things to two programs is how checks are
// bypassed. One archive has one end record, its directory lies right before
// it, and the members fill everything from offset 0 up to the directory:
// no leading bytes, no gaps, no overlaps, no two members of one name, and a
// local header that says what the directory says. Names are checked as if
// they were to become paths. Only methods 0 (stored) and 8 (deflate) are read.
//
// Opening costs time and memory linear in the directory and never allocates by
// a number that the file claims. An Archive is safe for use by many
// goroutines; a stream belongs to one.
package zipfile

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Compression methods.
const (
	Stored   = 0
	Deflated = 8
)

// Options limits what Open accepts. The zero value is ready to use.
type Options struct {
	// Format is the name that errors give the archive's format. Default "zip".
	Format string
	// Path is the name of the file in errors.
	Path string
	// MaxEntries limits the number of members. Default 1048576.
	MaxEntries int64
	// MaxInflated limits the sum of the sizes that deflated members declare,
	// in bytes: a budget, whatever the ratio. A stream never gives more than
	// its declared size. Default: no limit.
	MaxInflated int64
	// KeepBad leaves members that cannot be read (a method, a name, a mode
	// that is not accepted) in the directory with Entry.Err set. Damage to
	// the archive itself still fails Open.
	KeepBad bool
}

const defaultMaxEntries = 1 << 20

// Entry is one member of an archive.
type Entry struct {
	Name       string // as the directory spells it; valid UTF-8
	Header     int64  // offset of the local header in the archive
	Offset     int64  // offset of the stored bytes in the archive
	StoredSize int64  // their number
	Size       int64  // bytes after decoding, as declared
	CRC32      uint32 // CRC-32 (IEEE) of the decoded bytes, as declared
	Method     uint16 // Stored or Deflated
	Err        error  // why the member cannot be read; only with Options.KeepBad

	flags uint16
	index int32 // position in the directory
}

// Archive is the checked directory of a zip file.
type Archive struct {
	r       io.ReaderAt
	size    int64
	opts    Options
	entries []Entry // in directory order
}

// Open reads and checks the directory of the archive that r holds in its
// first size bytes. It fails with an *tensor.Error whose offset counts from
// the start of the archive.
func Open(r io.ReaderAt, size int64, o *Options) (*Archive, error) {
	a := &Archive{r: r, size: size}
	if o != nil {
		a.opts = *o
	}
	if a.opts.Format == "" {
		a.opts.Format = "zip"
	}
	if a.opts.MaxEntries <= 0 {
		a.opts.MaxEntries = defaultMaxEntries
	}
	end, err := a.findEnd()
	if err != nil {
		return nil, err
	}
	if err := a.readDirectory(end); err != nil {
		return nil, err
	}
	if err := a.checkLayout(end); err != nil {
		return nil, err
	}
	return a, nil
}

// Entries returns the members in directory order. The slice belongs to the
// archive.
func (a *Archive) Entries() []Entry { return a.entries }

// fail makes an error about the archive. An offset of -1 means none.
func (a *Archive) fail(kind error, offset int64, field, got, want string) *tensor.Error {
	return &tensor.Error{Kind: kind, Path: a.opts.Path, Format: a.opts.Format, Offset: offset, Field: field, Got: got, Want: want}
}

// failEntry makes an error about a member; the offset counts from the start
// of the archive and stands for the structure that is wrong.
func (a *Archive) failEntry(kind error, e *Entry, offset int64, field, got, want string) *tensor.Error {
	err := a.fail(kind, offset, "member "+tensor.Quote(e.Name)+": "+field, got, want)
	return err
}

// readFull reads exactly len(p) bytes at off; the caller has checked that they
// lie in the file, so a short read means that the file shrank.
func (a *Archive) readFull(p []byte, off int64, field string) error {
	n, err := a.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return a.fail(tensor.ErrTruncated, off+int64(n), field, count(int64(n))+" bytes", count(int64(len(p))))
	}
	e := a.fail(tensor.ErrIO, off, field, "", "")
	e.Err = err
	return e
}

// checkLayout sorts the members by position and checks that they fill the
// archive up to the directory, each once and each as its local header says.
func (a *Archive) checkLayout(end endRecord) error {
	if len(a.entries) == 0 {
		if end.dirOffset != 0 {
			return a.fail(tensor.ErrFormat, end.dirOffset, "leading bytes", count(end.dirOffset)+" bytes before the directory of an empty archive", "0")
		}
		return nil
	}
	order := make([]*Entry, len(a.entries))
	sorted := true
	for i := range a.entries {
		order[i] = &a.entries[i]
		sorted = sorted && (i == 0 || order[i-1].Header <= order[i].Header)
	}
	if !sorted {
		slices.SortFunc(order, func(x, y *Entry) int {
			switch {
			case x.Header < y.Header:
				return -1
			case x.Header > y.Header:
				return 1
			}
			return int(x.index) - int(y.index)
		})
	}
	if h := order[0].Header; h != 0 {
		return a.fail(tensor.ErrFormat, h, "leading bytes", count(h)+" bytes before the first local header", "0")
	}
	w := &window{a: a}
	for i, e := range order {
		var next *Entry
		limit := end.dirOffset
		if i+1 < len(order) {
			next = order[i+1]
			limit = next.Header
			if limit == e.Header {
				return a.fail(tensor.ErrCorrupt, e.Header, "local header", "shared by the members "+tensor.Quote(e.Name)+" and "+tensor.Quote(next.Name), "one member")
			}
		}
		if err := a.checkLocal(w, e, next, limit, end.dirOffset); err != nil {
			return err
		}
	}
	return nil
}

// window serves small reads at rising offsets from one buffer, so that
// checking a directory of small members does not cost a system call each.
type window struct {
	a   *Archive
	buf []byte
	off int64
}

const windowSize = 4096

// bytes returns n bytes at off, valid until the next call.
func (w *window) bytes(off int64, n int, field string) ([]byte, error) {
	if off >= w.off && off-w.off <= int64(len(w.buf)) && int64(len(w.buf))-(off-w.off) >= int64(n) {
		return w.buf[off-w.off:][:n], nil
	}
	want := int64(max(n, windowSize))
	want = max(min(want, w.a.size-off), int64(n))
	if int64(cap(w.buf)) < want {
		w.buf = make([]byte, want)
	}
	w.buf = w.buf[:want]
	w.off = off
	if err := w.a.readFull(w.buf, off, field); err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf[:n], nil
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func ucount(n uint64) string { return strconv.FormatUint(n, 10) }

func hex(n uint64, digits int) string { return fmt.Sprintf("0x%0*x", digits, n) }
