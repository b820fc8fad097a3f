package mmap

import (
	"os"
	"sync"
	"sync/atomic"
	"unsafe"
)

// direct is a second descriptor of a file, which reads past the page cache.
//
// Past the cache means past what other programs have in it. What we read this
// way was committed before: its pages were written and synced, and nobody
// writes to them again, so disk and cache hold the same bytes. Where a page is
// dirty all the same, Linux writes it back before it reads around it.
type direct struct {
	once  sync.Once
	file  *os.File // nil: refused
	align int64    // of offsets, lengths and addresses
	why   atomic.Pointer[string]
}

const (
	// directPiece is how much one request reads. Two requests of this size in
	// flight keep a disk busy; larger ones were slower.
	directPiece = 1 << 20
	// maxDirectAlign is the largest alignment that we care to meet.
	maxDirectAlign = 1 << 16
)

// refuse notes why nothing is read past the cache any more.
func (d *direct) refuse(why string) { d.why.CompareAndSwap(nil, &why) }

func (d *direct) reason() string {
	if s := d.why.Load(); s != nil {
		return *s
	}
	return ""
}

// Direct prepares reads past the page cache (O_DIRECT) when it is first called.
// It returns "", or the reason why they are not to be had: the file system
// refuses them, the system does not know them, the source is no file.
func (l Lease) Direct() string { return l.check().openDirect() }

func (m *Map) openDirect() string {
	d := &m.direct
	d.once.Do(func() {
		if m.file == nil {
			d.refuse("the source is not a file")
			return
		}
		f, align, err := openDirect(m)
		switch {
		case err != nil:
			d.refuse("direct I/O: " + err.Error())
		case align > maxDirectAlign:
			f.Close()
			d.refuse("direct I/O: blocks of " + byteCount(align))
		default:
			d.file, d.align = f, align
		}
	})
	return d.reason()
}

// bounces are aligned buffers for what cannot be read to where it belongs.
var bounces = sync.Pool{New: func() any {
	b := make([]byte, directPiece+maxDirectAlign)
	skip := -addressOf(b) & (maxDirectAlign - 1)
	b = b[skip : skip+directPiece]
	return &b
}}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// ReadDirect is Lease.ReadAt past the page cache. Offset, length and address
// may be any: what lies across blocks goes through a buffer, so it pays to have
// p begin at an address that is congruent to off modulo 4096. Where direct
// reads are refused, at once or half way, it reads as ReadAt does and reports
// false: Direct then says why, unless it was a passing failure.
func (l Lease) ReadDirect(p []byte, off int64) (direct bool, err error) {
	m := l.check()
	if off < 0 {
		return false, m.rangeError("offset", off)
	}
	if m.openDirect() != "" {
		_, err := m.readAt(p, off)
		return false, err
	}
	d := &m.direct
	for len(p) > 0 {
		n, err := d.step(p, off)
		if err != nil {
			if refused(err) {
				d.refuse("direct I/O: " + err.Error())
			}
			n = 0
		}
		if n == 0 { // the end of the file, or a failure: the plain way tells which
			_, err := m.readAt(p, off)
			return false, err
		}
		p, off = p[n:], off+int64(n)
	}
	return true, nil
}

// step reads the begin of p with one request and returns how much it read.
func (d *direct) step(p []byte, off int64) (int, error) {
	head := int(off & (d.align - 1))
	skew := int(-addressOf(p) & uintptr(d.align-1)) // to the next aligned address
	size := int(d.align)
	if head == 0 && skew == 0 && len(p) >= size {
		n, err := preadDirect(d.file, p[:min(len(p), directPiece)&^(size-1)], off)
		return n &^ (size - 1), err
	}
	// Through a buffer: all of it, or, if the rest of p lies well, one block.
	want := min((head+len(p)+size-1)&^(size-1), directPiece)
	if head != 0 && (head+skew)%size == 0 {
		want = size
	}
	buf := bounces.Get().(*[]byte)
	defer bounces.Put(buf)
	n, err := preadDirect(d.file, (*buf)[:want], off-int64(head))
	return copy(p, (*buf)[min(head, max(n, 0)):max(n, 0)]), err
}
