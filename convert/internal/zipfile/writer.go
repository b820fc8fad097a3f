package zipfile

import (
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"

	"github.com/tensorfile/tensorfile/tensor"
)

// Writer writes an archive in one pass: nothing is sought or patched, so the
// destination may be a pipe. Sizes and checksums follow the data in
// descriptors; equal input gives equal bytes, as every member carries the
// date 1980-01-01. It belongs to one goroutine.
type Writer struct {
	w    countWriter
	dir  []member
	seen map[string]bool
	cur  *memberWriter
	err  error // sticky
}

// MemberOptions says how one member is stored.
type MemberOptions struct {
	Size   int64 // decoded bytes that will be written, exactly
	Method uint16
	Level  int // of deflate, 1 to 9. Default 6.
	Align  int // the data starts at a multiple of it, up to 4096. Default 1.
}

type member struct {
	name         string
	method       uint16
	flags        uint16
	crc          uint32
	stored, size int64
	header       int64
	wide         bool // the local header has a zip64 field
}

// NewWriter returns a Writer on w, which must be at its start.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: countWriter{w: w}, seen: make(map[string]bool)}
}

// Create starts a member and ends the one before. The bytes go to the
// returned writer, which is good until the next call of Create or Close.
// Names must pass CheckName and be new to the archive.
func (w *Writer) Create(name string, o MemberOptions) (io.Writer, error) {
	if err := w.finish(); err != nil {
		return nil, err
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if len(name) > max16 {
		return nil, &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "name", Got: count(int64(len(name))) + " bytes", Want: "at most 65535"}
	}
	if w.seen[name] {
		return nil, &tensor.Error{Kind: tensor.ErrDuplicate, Offset: -1, Field: "member name", Got: tensor.Quote(name) + " twice", Want: "one"}
	}
	w.seen[name] = true
	m := member{name: name, method: o.Method, flags: flagDescriptor, header: w.w.n, size: o.Size}
	if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f }) {
		m.flags |= flagUTF8
	}
	// Deflate may grow what it cannot shrink, by 5 bytes in 64 KiB at most.
	m.wide = o.Size >= max32-1<<24
	w.dir = append(w.dir, m)
	if err := w.put(localHeader(&m, max(o.Align, 1))); err != nil {
		return nil, err
	}
	mw := &memberWriter{w: w, m: &w.dir[len(w.dir)-1], start: w.w.n}
	if o.Method == Deflated {
		level := o.Level
		if level == 0 {
			level = 6
		}
		fw, err := flate.NewWriter(&w.w, level)
		if err != nil {
			return nil, err
		}
		mw.deflate = fw
	}
	w.cur = mw
	return mw, nil
}

// Close ends the last member and writes the directory. It does not close the
// destination.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	start := w.w.n
	for i := range w.dir {
		if err := w.put(directoryEntry(&w.dir[i])); err != nil {
			return err
		}
	}
	if err := w.put(endRecords(int64(len(w.dir)), start, w.w.n)); err != nil {
		return err
	}
	w.err = &tensor.Error{Kind: tensor.ErrClosed, Offset: -1, Field: "zip writer"}
	return nil
}

// finish ends the member under way with its descriptor.
func (w *Writer) finish() error {
	if w.err != nil || w.cur == nil {
		return w.err
	}
	c := w.cur
	w.cur = nil
	c.closed = true
	if c.n != c.m.size {
		w.err = &tensor.Error{Kind: tensor.ErrTruncated, Offset: -1, Member: c.m.name, Field: "bytes written", Got: count(c.n), Want: count(c.m.size)}
		return w.err
	}
	if c.deflate != nil {
		if err := c.deflate.Close(); err != nil {
			w.err = err
			return err
		}
	}
	c.m.stored = w.w.n - c.start
	b := le.AppendUint32(nil, sigDescriptor)
	b = le.AppendUint32(b, c.m.crc)
	if c.m.wide {
		b = le.AppendUint64(b, uint64(c.m.stored))
		b = le.AppendUint64(b, uint64(c.m.size))
	} else {
		b = le.AppendUint32(b, uint32(c.m.stored))
		b = le.AppendUint32(b, uint32(c.m.size))
	}
	return w.put(b)
}

func (w *Writer) put(b []byte) error {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	return w.err
}

type memberWriter struct {
	w       *Writer
	m       *member
	deflate *flate.Writer
	start   int64
	n       int64
	closed  bool
}

// Write implements io.Writer.
func (c *memberWriter) Write(p []byte) (int, error) {
	if c.w.err != nil {
		return 0, c.w.err
	}
	if c.closed {
		return 0, &tensor.Error{Kind: tensor.ErrClosed, Offset: -1, Member: c.m.name}
	}
	if int64(len(p)) > c.m.size-c.n {
		return 0, &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Member: c.m.name, Field: "bytes written", Got: "more than " + count(c.m.size), Want: count(c.m.size)}
	}
	c.m.crc = crc32.Update(c.m.crc, crc32.IEEETable, p)
	var n int
	if c.deflate != nil {
		n, c.w.err = c.deflate.Write(p)
	} else {
		n, c.w.err = c.w.w.Write(p)
	}
	c.n += int64(n)
	return n, c.w.err
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// dosDate is 1980-01-01, the first day that the format knows.
const dosDate = 1<<5 | 1

// localHeader returns the header of m, padded so that the data which follows
// starts at a multiple of align.
func localHeader(m *member, align int) []byte {
	var zip64 []byte
	size := uint32(0)
	if m.wide {
		// The values are in the descriptor; the field says how wide they are.
		zip64 = le.AppendUint16(zip64, extraZip64)
		zip64 = le.AppendUint16(zip64, 16)
		zip64 = append(zip64, make([]byte, 16)...)
		size = max32
	}
	pad := 0
	if head := m.header + localSize + int64(len(m.name)) + int64(len(zip64)); head%int64(align) != 0 {
		// The padding field takes 6 bytes at least: id, size, alignment.
		pad = int((int64(align)-(head+6)%int64(align))%int64(align)) + 6
	}
	b := make([]byte, 0, localSize+len(m.name)+len(zip64)+pad)
	b = le.AppendUint32(b, sigLocal)
	b = le.AppendUint16(b, m.version())
	b = le.AppendUint16(b, m.flags)
	b = le.AppendUint16(b, m.method)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, dosDate)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, size)
	b = le.AppendUint16(b, uint16(len(m.name)))
	b = le.AppendUint16(b, uint16(len(zip64)+pad))
	b = append(b, m.name...)
	b = append(b, zip64...)
	if pad > 0 {
		b = le.AppendUint16(b, extraAlign)
		b = le.AppendUint16(b, uint16(pad-4))
		b = le.AppendUint16(b, uint16(align))
		b = append(b, make([]byte, pad-6)...)
	}
	return b
}

func (m *member) version() uint16 {
	if m.wide || m.size >= max32 || m.stored >= max32 || m.header >= max32 {
		return 45
	}
	return 20
}

func directoryEntry(m *member) []byte {
	var zip64 []byte
	short := func(v int64) uint32 {
		if v < max32 {
			return uint32(v)
		}
		zip64 = le.AppendUint64(zip64, uint64(v))
		return max32
	}
	size, stored := short(m.size), short(m.stored)
	header := short(m.header)
	if len(zip64) > 0 {
		zip64 = append(le.AppendUint16(le.AppendUint16(nil, extraZip64), uint16(len(zip64))), zip64...)
	}
	b := make([]byte, 0, directorySize+len(m.name)+len(zip64))
	b = le.AppendUint32(b, sigDirectory)
	b = le.AppendUint16(b, 3<<8|m.version()) // 3: the mode below is that of Unix
	b = le.AppendUint16(b, m.version())
	b = le.AppendUint16(b, m.flags)
	b = le.AppendUint16(b, m.method)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, dosDate)
	b = le.AppendUint32(b, m.crc)
	b = le.AppendUint32(b, stored)
	b = le.AppendUint32(b, size)
	b = le.AppendUint16(b, uint16(len(m.name)))
	b = le.AppendUint16(b, uint16(len(zip64)))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, 0o100644<<16)
	b = le.AppendUint32(b, header)
	b = append(b, m.name...)
	return append(b, zip64...)
}

// endRecords returns the end record, with the zip64 records before it where
// a value does not fit, for a directory in [start, end).
func endRecords(n, start, end int64) []byte {
	var b []byte
	size := end - start
	if n >= max16 || size >= max32 || start >= max32 {
		b = le.AppendUint32(b, sigEnd64)
		b = le.AppendUint64(b, end64Size-12)
		b = le.AppendUint16(b, 3<<8|45)
		b = le.AppendUint16(b, 45)
		b = le.AppendUint64(b, 0) // both disk numbers
		b = le.AppendUint64(b, uint64(n))
		b = le.AppendUint64(b, uint64(n))
		b = le.AppendUint64(b, uint64(size))
		b = le.AppendUint64(b, uint64(start))
		b = le.AppendUint32(b, sigLocator64)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(end))
		b = le.AppendUint32(b, 1)
	}
	b = le.AppendUint32(b, sigEnd)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, uint16(min(n, max16)))
	b = le.AppendUint16(b, uint16(min(n, max16)))
	b = le.AppendUint32(b, uint32(min(size, max32)))
	b = le.AppendUint32(b, uint32(min(start, max32)))
	return le.AppendUint16(b, 0)
}
