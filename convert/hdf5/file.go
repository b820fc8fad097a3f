package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// none is the undefined address: all bits set, whatever the size of addresses.
const none = math.MaxUint64

// file is an open HDF5 file. Addresses count from base.
type file struct {
	in         convert.Input
	base       int64 // where the superblock is
	size       int64 // bytes from base to the end of the file
	offsetSize int   // bytes of an address
	lengthSize int   // bytes of a length
	superblock int   // version
	symbols    int   // most of a symbol table node; 0: the superblock does not say
	root       uint64
	sohm       []sharedIndex

	mu     sync.Mutex
	pages  map[int64][]byte
	budget int64 // bytes of description that may still be read

	shared map[uint64]*object // what several others refer to
	heaps  map[uint64]collection
	kept   int // objects in them
}

const (
	pageSize = 16 << 10
	maxPages = 512
)

// allowance is how much description may be read of a file of so many bytes. What
// a writer made is read once or a few times; structures that lie on each other
// to make work end here.
func allowance(size int64) int64 {
	if size > math.MaxInt64/16 {
		return math.MaxInt64
	}
	return 8*size + 1<<20
}

// read returns n bytes at addr, which nobody changes.
func (f *file) read(addr, n uint64, what string) ([]byte, error) {
	if addr == none {
		return nil, fail(tensor.ErrCorrupt, -1, what, "an undefined address", "one inside the file")
	}
	if addr > uint64(f.size) || n > uint64(f.size)-addr {
		return nil, fail(tensor.ErrTruncated, f.place(addr), what, count(n)+" bytes at "+count(addr), "inside the file's "+count(f.size))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.budget -= int64(n) + 16; f.budget < 0 {
		return nil, fail(tensor.ErrLimit, f.place(addr), what, "more than "+count(allowance(f.size))+" bytes of description", "structures that do not lie on each other")
	}
	at := f.base + int64(addr)
	page := at / pageSize
	if n > pageSize || (at+int64(n)-1)/pageSize != page || n == 0 {
		b := make([]byte, n)
		_, err := f.in.ReadAt(b, at)
		return b, ioError(err, at, what)
	}
	p, ok := f.pages[page]
	if !ok {
		if len(f.pages) >= maxPages {
			clear(f.pages)
		}
		p = make([]byte, min(pageSize, f.base+f.size-page*pageSize))
		if _, err := f.in.ReadAt(p, page*pageSize); err != nil {
			return nil, ioError(err, at, what)
		}
		f.pages[page] = p
	}
	i := at - page*pageSize
	return p[i : i+int64(n) : i+int64(n)], nil
}

// renew gives the budget for strings, which may be read again and again: the
// objects of a collection for each.
func (f *file) renew(strings int64) {
	n := allowance(f.size)
	if strings < (math.MaxInt64-n)/(16<<10) {
		n += strings * (16 << 10)
	} else {
		n = math.MaxInt64
	}
	f.mu.Lock()
	f.budget = max(f.budget, n)
	f.mu.Unlock()
}

// ioError is an error of reading; it keeps its kind if it has one.
func ioError(err error, off int64, what string) error {
	if err == nil {
		return nil
	}
	var e *tensor.Error
	if errors.As(err, &e) {
		return err
	}
	return &tensor.Error{Kind: tensor.ErrIO, Offset: off, Field: what, Err: err}
}

// place is the offset in the file of an address, for errors.
func (f *file) place(addr uint64) int64 {
	if addr > uint64(math.MaxInt64-f.base) {
		return -1
	}
	return f.base + int64(addr)
}

// inside reports an error unless n bytes at addr are in the file.
func (f *file) inside(addr, n uint64, what string) error {
	if addr > uint64(f.size) || n > uint64(f.size)-addr {
		return fail(tensor.ErrTruncated, f.place(addr), what, count(n)+" bytes at "+count(addr), "inside the file's "+count(f.size))
	}
	return nil
}

// block is a part of the description, read from front to back. The first error
// stays; from then on numbers are 0.
type block struct {
	f    *file
	b    []byte
	at   int
	addr uint64 // of b[0]
	what string
	err  error
}

// block reads n bytes at addr, called what in errors.
func (f *file) block(addr, n uint64, what string) *block {
	b, err := f.read(addr, n, what)
	return &block{f: f, b: b, addr: addr, what: what, err: err}
}

// sealed is a block of n bytes that begins with a signature and a version and
// ends with a checksum, which are looked at. It is read on from behind the
// version, up to the checksum.
func (f *file) sealed(addr, n uint64, what, signature string, version uint8) *block {
	r := f.block(addr, n, what)
	r.begin(signature, version)
	r.seal()
	return r
}

// begin takes a signature and a version.
func (r *block) begin(signature string, version uint8) {
	if got := r.bytes(4); r.err == nil && string(got) != signature {
		r.fail(tensor.ErrFormat, 0, "signature", tensor.Quote(string(got)), signature)
	}
	if got := r.u8(); r.err == nil && got != version {
		r.fail(tensor.ErrUnsupported, 4, "version", count(got), count(version))
	}
}

// seal compares the last four bytes with the checksum of those before, and
// takes them off.
func (r *block) seal() {
	if r.err != nil {
		return
	}
	n := len(r.b) - 4
	if n < r.at {
		r.fail(tensor.ErrFormat, 0, "size", count(len(r.b)), "room for a checksum")
		return
	}
	if got, want := lookup3(r.b[:n]), binary.LittleEndian.Uint32(r.b[n:]); got != want {
		r.fail(tensor.ErrCorrupt, n, "checksum", fmt.Sprintf("%08x", want), fmt.Sprintf("%08x", got))
	}
	r.b = r.b[:n]
}

// fail makes an error about the byte at i of the block.
func (r *block) fail(kind error, i int, field, got, want string) {
	if r.err == nil {
		off := r.f.place(r.addr)
		if off >= 0 {
			off += int64(i)
		}
		r.err = fail(kind, off, r.what+" "+field, got, want)
	}
}

// wrong is fail with the place that was just read.
func (r *block) wrong(kind error, field, got, want string) { r.fail(kind, r.at, field, got, want) }

func (r *block) left() int { return len(r.b) - r.at }

func (r *block) bytes(n int) []byte {
	if r.err == nil && (n < 0 || n > r.left()) {
		r.fail(tensor.ErrTruncated, r.at, "size", count(r.left())+" bytes left", count(n))
	}
	if r.err != nil {
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *block) skip(n int) { r.bytes(n) }

// align goes on to a multiple of 8 bytes from the place at.
func (r *block) align(from int) { r.skip(-(r.at - from) & 7) }

// uint is a number of n bytes, at most 8.
func (r *block) uint(n int) (v uint64) {
	for i, c := range r.bytes(n) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (r *block) u8() uint8   { return uint8(r.uint(1)) }
func (r *block) u16() uint16 { return uint16(r.uint(2)) }
func (r *block) u32() uint32 { return uint32(r.uint(4)) }

// length is a length or none.
func (r *block) length() uint64 { return r.sized(r.f.lengthSize) }

// address is an address or none.
func (r *block) address() uint64 { return r.sized(r.f.offsetSize) }

func (r *block) sized(n int) uint64 {
	v := r.uint(n)
	if r.err == nil && n < 8 && v == 1<<(8*n)-1 {
		return none
	}
	return v
}

// text is a string that ends with NUL, which is taken, too.
func (r *block) text() string {
	for i := r.at; i < len(r.b) && r.err == nil; i++ {
		if r.b[i] == 0 {
			s := string(r.b[r.at:i])
			r.at = i + 1
			return s
		}
	}
	r.wrong(tensor.ErrFormat, "name", "no end", "a NUL behind it")
	return ""
}

// part is the next n bytes as a block of their own.
func (r *block) part(n int, what string) *block {
	addr := r.addr + uint64(r.at)
	return &block{f: r.f, b: r.bytes(n), addr: addr, what: what, err: r.err}
}

func fail(kind error, off int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: formatName, Offset: off, Field: field, Got: got, Want: want}
}

func count[T ~int | ~int64 | ~uint64 | ~uint32 | ~uint16 | ~uint8](n T) string {
	if n >= 0 {
		return strconv.FormatUint(uint64(n), 10)
	}
	return strconv.FormatInt(int64(n), 10)
}

// product multiplies; false if the product passes 63 bits.
func product(list ...int64) (int64, bool) {
	n := int64(1)
	for _, m := range list {
		if m < 0 || m > 0 && n > math.MaxInt64/m {
			return 0, false
		}
		n *= m
	}
	return n, true
}
