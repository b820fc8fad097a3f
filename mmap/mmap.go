package mmap

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"weak"

	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options say how to open a file. The zero value maps what it can.
type Options struct {
	// NoMmap reads the file with positioned reads and never maps it.
	// Default: false.
	NoMmap bool

	// MapRemote maps files on network file systems and FUSE too. A server may
	// delete such a file, or drop the connection, under a mapping, and another
	// client's writes show late; without it they are read with positioned
	// reads. (NFS, SMB, FUSE, 9p, Ceph and their like on Linux, what the system
	// calls not local on macOS and the BSDs; elsewhere they are not told
	// apart.) Default: false.
	MapRemote bool
}

// A Map is one source of bytes: an open file with at most one mapping, or an
// io.ReaderAt. All methods may be called from many goroutines.
type Map struct {
	leases
	joined  *Map   // the Map whose leases count for this one; nil: its own
	members []*Map // joined to this one

	region atomic.Pointer[region] // nil: not mapped (yet, ever or any more)

	src  io.ReaderAt
	own  io.Closer // closed with the Map; nil: nothing
	file *os.File  // nil for an io.ReaderAt
	path string    // as the caller named it
	abs  string    // where path led when it was opened; "": do not look there
	size int64
	info fs.FileInfo
	opts Options

	direct direct

	mu     sync.Mutex // orders Map calls; guards reason
	reason string

	done     chan struct{} // closed when everything has been let go
	closeErr error         // set before done is closed
}

// region is a mapping as the system returned it.
type region struct {
	data      []byte
	base, end uintptr // addresses, end rounded up to a whole page
}

// offset returns the file offset mapped at addr.
func (r *region) offset(addr uintptr) (int64, bool) {
	if r == nil || addr < r.base || addr >= r.end {
		return 0, false
	}
	return int64(addr - r.base), true
}

// errNotRegular is the cause of opening anything that has no fixed bytes.
type errNotRegular string

func (e errNotRegular) Error() string { return "not a regular file (" + string(e) + ")" }

// Open opens the regular file at path for reading. Symbolic links are followed.
// It needs no write permission, creates and changes nothing, and reads nothing
// of the file. o may be nil.
//
// Anything but a regular file (a directory, a pipe, a socket, a device, a file
// that the kernel makes up as it is read) is refused at once with ErrFormat;
// what the system refuses is ErrIO, or ErrLocked where another program has
// opened the file for itself alone.
func Open(path string, o *Options) (*Map, error) {
	m := &Map{path: path, reason: "not mapped yet", done: make(chan struct{})}
	if o != nil {
		m.opts = *o
	}
	// Looking first spares devices the side effects of being opened.
	fi, err := os.Stat(path)
	if err == nil {
		err = checkRegular(fi)
	}
	if err == nil {
		m.file, err = openFile(path)
	}
	if err != nil {
		return nil, m.openError(err)
	}
	m.info, err = m.file.Stat()
	if err == nil {
		err = checkRegular(m.info)
	}
	if err == nil {
		err = checkPlain(m.file, m.info.Size())
	}
	if err != nil {
		m.file.Close()
		return nil, m.openError(err)
	}
	m.src, m.size = fsys.Reader(path, m.file), m.info.Size()
	if abs, err := filepath.Abs(path); err == nil {
		m.abs = abs
	}
	return m, nil
}

// NewReaderAt returns a Map that reads the first size bytes of r. name stands
// for the path in errors. The Map does not close r; r must work from many
// goroutines at once, as io.ReaderAt demands. It may return short counts: they
// are read again.
func NewReaderAt(r io.ReaderAt, size int64, name string) *Map {
	return &Map{
		src:    r,
		path:   name,
		size:   max(size, 0),
		reason: "the source is an io.ReaderAt",
		done:   make(chan struct{}),
	}
}

// A Source is a source of bytes that is not a file: an object on a server, say.
// ReadAt works from many goroutines at once. If it also has a method Check() error,
// Map.Check calls it to find out whether the bytes are still those that were opened.
// If it has a method Expect() (more func(extents [][2]int64), done func()), Map.Expect
// calls it.
type Source interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// NewSource is NewReaderAt for a source that the Map owns: closing the Map
// closes it.
func NewSource(src Source, name string) *Map {
	m := NewReaderAt(src, src.Size(), name)
	m.own, m.reason = src, "the source is not a local file"
	return m
}

// Expects reports whether Expect is of use.
func (m *Map) Expects() bool {
	_, ok := m.own.(expecter)
	return ok
}

type expecter interface {
	Expect() (more func(extents [][2]int64), done func())
}

// Expect says that bytes are about to be read, mostly once and in this order: the
// extents [begin, end) that more is called with, until done is called; more without any
// says that these were all. A source where each read is a request reads them ahead, and
// nothing else. For any other source it
// does nothing. The functions are safe for concurrent use; done is called once, and
// more not after it.
func (m *Map) Expect() (more func(extents [][2]int64), done func()) {
	if e, ok := m.own.(expecter); ok {
		return e.Expect()
	}
	return func([][2]int64) {}, func() {}
}

// checkRegular refuses what is not a regular file.
func checkRegular(fi fs.FileInfo) error {
	switch mode := fi.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errNotRegular("a directory")
	case mode&fs.ModeNamedPipe != 0:
		return errNotRegular("a named pipe")
	case mode&fs.ModeSocket != 0:
		return errNotRegular("a socket")
	case mode&fs.ModeDevice != 0:
		return errNotRegular("a device")
	default:
		return errNotRegular("mode " + mode.Type().String())
	}
}

// checkPlain refuses files whose bytes come to be as they are read: they show
// no size, or one page whatever they hold.
func checkPlain(f *os.File, size int64) error {
	if size != 0 && size != int64(os.Getpagesize()) {
		return nil
	}
	if name := pseudoFS(f); name != "" {
		return errNotRegular("made up by the kernel, in " + name)
	}
	if size != 0 {
		return nil
	}
	var b [1]byte
	n, err := f.ReadAt(b[:], 0)
	if n == 0 && err == io.EOF {
		return nil
	}
	if n == 0 && err != nil {
		return err
	}
	// It may have grown meanwhile.
	if fi, err := f.Stat(); err == nil && fi.Size() > 0 {
		return nil
	}
	return errNotRegular("its size is 0, yet it has bytes to read")
}

func (m *Map) openError(err error) error {
	e := &tensor.Error{Kind: tensor.ErrIO, Path: m.path, Offset: -1}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the path is in the error already
	}
	if _, ok := err.(errNotRegular); ok {
		e.Kind = tensor.ErrFormat
	} else {
		e.Field = "open"
		if isLocked(err) {
			e.Kind = tensor.ErrLocked
		}
	}
	e.Err = err
	return e
}

// Path returns the name that the Map was opened under.
func (m *Map) Path() string { return m.path }

// Size returns the number of bytes that the source had when it was opened.
func (m *Map) Size() int64 { return m.size }

// Local reports whether the source is a file that was opened by its path.
func (m *Map) Local() bool { return m.file != nil }

// Mapped reports whether the file is mapped.
func (m *Map) Mapped() bool { return m.region.Load() != nil }

// Reason says why the file is not mapped; "" if it is.
func (m *Map) Reason() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reason
}

// Bytes returns the mapping, or nil if there is none. It is borrowed: see the
// package documentation for how long it lives. Writing to it is a fault. Touch
// it inside Guard, and not by a channel send straight from it, in a goroutine
// without a Guard of its own or in foreign code, which no Guard protects.
func (m *Map) Bytes() []byte {
	if r := m.region.Load(); r != nil {
		return r.data
	}
	return nil
}

// Map maps the first n bytes of the file, read-only and shared. The file must
// have them: ErrTruncated, or ErrChanged if it had them when it was opened.
//
// Where mapping is turned off or does not work, Map returns nil, the file stays
// unmapped and Reason says why. A second call for no more bytes does nothing;
// for more bytes it is ErrUnsupported.
func (m *Map) Map(n int64) error {
	if !m.enter(1) {
		return m.enterError()
	}
	defer m.leave()
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.region.Load(); r != nil {
		if n <= int64(len(r.data)) {
			return nil
		}
		return &tensor.Error{Kind: tensor.ErrUnsupported, Path: m.path, Offset: -1, Field: "mapping",
			Got: byteCount(n), Want: "at most the " + byteCount(int64(len(r.data))) + " mapped already"}
	}
	size, err := m.currentSize()
	if err != nil {
		return err
	}
	if n < 0 {
		return m.rangeError("length", n)
	}
	if n > size {
		return m.shortError(size, uint64(n))
	}
	if m.file == nil {
		return nil // reason is set
	}
	m.reason = m.tryMap(n)
	return nil
}

// tryMap maps n bytes and returns "", or the reason why not.
func (m *Map) tryMap(n int64) string {
	switch {
	case m.opts.NoMmap:
		return "mapping is turned off"
	case n == 0:
		return "there is nothing to map"
	case int64(int(n)) != n:
		return byteCount(n) + " do not fit the address space"
	}
	if !m.opts.MapRemote {
		if name := remoteFS(m.file); name != "" {
			return "the file is on a network file system or FUSE (" + name + ")"
		}
	}
	b, err := mapFile(m.file, int(n))
	if err != nil && noRoom(err) && retired.drop() {
		b, err = mapFile(m.file, int(n))
	}
	if err != nil {
		return "mmap: " + err.Error()
	}
	r := newRegion(b)
	m.region.Store(r)
	live.Store(r, weak.Make(m))
	return ""
}

// currentSize returns the number of bytes that the source has now.
func (m *Map) currentSize() (int64, error) {
	if m.file == nil {
		return m.size, nil
	}
	fi, err := m.file.Stat()
	if err != nil {
		return 0, m.readError(-1, err)
	}
	return fi.Size(), nil
}

// ReadAt reads len(p) bytes at offset off with positioned reads, mapped or not:
// it never faults. Interrupted and short reads are continued. If the source
// ends early it returns the count and ErrTruncated (never io.EOF), or
// ErrChanged if a file lost bytes that it had when it was opened; what the
// system refuses is ErrIO. After Close it is ErrClosed.
func (m *Map) ReadAt(p []byte, off int64) (int, error) {
	if !m.enter(1) {
		return 0, m.enterError()
	}
	defer m.leave()
	return m.readAt(p, off)
}

// maxIdle is how many reads in a row may bring nothing before we give up.
const maxIdle = 1000

func (m *Map) readAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, m.rangeError("offset", off)
	}
	want, limit := p, int64(math.MaxInt64)
	if m.file == nil {
		limit = m.size // the caller's word: what lies beyond is not ours
	}
	p = p[:min(int64(len(p)), max(limit-off, 0))]
	done, idle := 0, 0
	for done < len(p) {
		n, err := m.src.ReadAt(p[done:], off+int64(done))
		if n < 0 || n > len(p)-done {
			return done, m.readError(off+int64(done), errors.New("the source returned an invalid count"))
		}
		done += n
		if n > 0 {
			idle = 0
		} else {
			idle++
		}
		switch {
		case done == len(p):
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return done, m.endError(off+int64(done), int64(len(want)-done))
		case err != nil && !errors.Is(err, syscall.EINTR):
			return done, m.readError(off+int64(done), err)
		case idle > maxIdle:
			return done, m.readError(off+int64(done), io.ErrNoProgress)
		}
	}
	if done < len(want) {
		return done, m.endError(off+int64(done), int64(len(want)-done))
	}
	return done, nil
}

// Fetch returns n bytes at off: a slice of the mapping where it covers them,
// else private bytes, freshly read. The caller holds a lease or is inside a
// guarded call for as long as it uses the result, and must not write to it. What
// Bytes says of Guard, channel, goroutine and foreign code holds here.
// No memory is allocated for bytes that the source does not have.
func (m *Map) Fetch(off uint64, n int) ([]byte, error) {
	if r := m.region.Load(); r != nil && n >= 0 {
		if size := uint64(len(r.data)); off <= size && uint64(n) <= size-off {
			return r.data[off : off+uint64(n) : off+uint64(n)], nil
		}
	}
	return m.fetch(off, n)
}

// maxPrivate bounds what Fetch allocates: 1 GiB on 32-bit machines, else 1 TiB.
const maxPrivate = 1 << (30 + 10*(^uint(0)>>63))

func (m *Map) fetch(off uint64, n int) ([]byte, error) {
	if m.closed() {
		return nil, m.enterError()
	}
	if n < 0 {
		return nil, m.rangeError("length", int64(n))
	}
	size := m.size
	if off > uint64(size) || uint64(n) > uint64(size)-off {
		var err error
		if size, err = m.currentSize(); err != nil { // it may have grown
			return nil, err
		}
		if off > uint64(size) || uint64(n) > uint64(size)-off {
			return nil, &tensor.Error{Kind: tensor.ErrTruncated, Path: m.path, Offset: size,
				Got: byteCount(size), Want: byteCount(int64(n)) + " at offset " + strconv.FormatUint(off, 10)}
		}
	}
	if uint64(n) > maxPrivate {
		return nil, &tensor.Error{Kind: tensor.ErrLimit, Path: m.path, Offset: int64(off), Field: "length",
			Got: byteCount(int64(n)), Want: "at most " + byteCount(maxPrivate) + " in one piece of an unmapped file"}
	}
	b := make([]byte, n)
	if _, err := m.readAt(b, int64(off)); err != nil {
		return nil, err
	}
	return b, nil
}

// finish lets everything go. It runs once, when the closing bit is set and the
// last user has left.
func (m *Map) finish() {
	var errs []error
	for _, o := range m.members {
		if o.finish(); o.closeErr != nil {
			errs = append(errs, o.closeErr)
		}
	}
	if r := m.region.Swap(nil); r != nil {
		live.Delete(r)
		if err := retired.add(r.data); err != nil {
			errs = append(errs, err)
		}
	}
	if m.file != nil {
		if err := m.file.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	if f := m.direct.file; f != nil {
		if err := f.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	if m.own != nil {
		if err := m.own.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	if errs != nil {
		m.closeErr = &tensor.Error{Kind: tensor.ErrIO, Path: m.path, Offset: -1, Field: "close", Err: errors.Join(errs...)}
	}
	m.mu.Lock()
	m.reason = "closed"
	m.mu.Unlock()
	close(m.done)
}

// enterError says why a new user was not let in.
func (m *Map) enterError() error {
	if m.head().state.Load()&closingBit == 0 {
		return &tensor.Error{Kind: tensor.ErrLimit, Path: m.path, Offset: -1, Field: "leases",
			Got: "one more", Want: "at most " + strconv.Itoa(countMask)}
	}
	return &tensor.Error{Kind: tensor.ErrClosed, Path: m.path, Offset: -1}
}

func (m *Map) rangeError(field string, n int64) error {
	return &tensor.Error{Kind: tensor.ErrIndex, Path: m.path, Offset: -1, Field: field,
		Got: strconv.FormatInt(n, 10), Want: "0 or more"}
}

// shortError says that the source ends at end, before want.
func (m *Map) shortError(end int64, want uint64) error {
	kind := tensor.ErrTruncated
	if m.file != nil && want <= uint64(m.size) {
		kind = tensor.ErrChanged
	}
	return &tensor.Error{Kind: kind, Path: m.path, Offset: end, Field: "size",
		Got: byteCount(end) + " (" + kind.Error() + ")", Want: strconv.FormatUint(want, 10) + " bytes"}
}

// endError says that a read found no bytes at off, where it wanted n more.
func (m *Map) endError(off, n int64) error {
	end := off
	if size, err := m.currentSize(); err == nil {
		end = min(end, size)
	}
	return m.shortError(end, uint64(off)+uint64(n))
}

func (m *Map) readError(off int64, err error) error {
	if m.file != nil && errors.Is(err, fs.ErrClosed) {
		return &tensor.Error{Kind: tensor.ErrClosed, Path: m.path, Offset: -1}
	}
	if e, ok := err.(*tensor.Error); ok && m.file == nil {
		return e // the source knows better what went wrong
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &tensor.Error{Kind: tensor.ErrIO, Path: m.path, Offset: off, Field: "read", Err: err}
}

func byteCount(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
