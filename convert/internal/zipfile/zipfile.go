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
	"errors"
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
	return a.fail(kind, offset, memberField(e.Name)+field, got, want)
}

func memberField(name string) string { return "member " + tensor.Quote(name) + ": " }

// readFull reads exactly len(p) bytes at off; the caller has checked that they
// lie in the file, so a short read means that the file shrank.
func (a *Archive) readFull(p []byte, off int64, field string) error {
	return a.readFrom(a.r, p, off, field)
}

func (a *Archive) readFrom(r io.ReaderAt, p []byte, off int64, field string) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if te := (*tensor.Error)(nil); errors.As(err, &te) {
		return err
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
	w := &headers{a: a, w: NewWindow(a.r, a.size)}
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

// headers reads one local header or descriptor after the other.
type headers struct {
	a   *Archive
	w   *Window
	buf []byte
}

// bytes returns n bytes at off, valid until the next call.
func (h *headers) bytes(off int64, n int, field string) ([]byte, error) {
	if cap(h.buf) < n {
		h.buf = make([]byte, max(n, 256))
	}
	b := h.buf[:n]
	return b, h.a.readFrom(h.w, b, off, field)
}

// Window serves small reads at rising offsets from one buffer of 4 KiB, so that
// looking at one small thing after the other does not cost a system call each.
// It belongs to one goroutine.
type Window struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	off  int64
}

const windowSize = 4096

// NewWindow returns a Window on the first size bytes of r.
func NewWindow(r io.ReaderAt, size int64) *Window { return &Window{r: r, size: size} }

// ReadAt implements io.ReaderAt.
func (w *Window) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > w.size {
		return 0, io.EOF
	}
	if off < w.off || off-w.off > int64(len(w.buf)) || int64(len(w.buf))-(off-w.off) < int64(len(p)) {
		if len(p) > windowSize {
			return w.r.ReadAt(p, off)
		}
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		w.buf = w.buf[:min(windowSize, w.size-off)]
		n, err := w.r.ReadAt(w.buf, off)
		w.buf, w.off = w.buf[:n], off
		if n < len(p) && err != nil && err != io.EOF {
			return copy(p, w.buf), err
		}
	}
	n := copy(p, w.buf[off-w.off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func ucount(n uint64) string { return strconv.FormatUint(n, 10) }

func hex(n uint64, digits int) string { return fmt.Sprintf("0x%0*x", digits, n) }
