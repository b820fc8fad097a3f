// Package inspect says of every byte of a file what it belongs to: the byte map
// that "tensorfile inspect" prints. It reads damaged files as far as they can be
// read, marks what is wrong and goes on with the rest.
//
// A Map belongs to one goroutine and reads its source until the caller closes
// that.
package inspect

import (
	"cmp"
	"slices"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Kinds of part. They are stable: programs read them in JSON.
const (
	Header         = "header"
	Slot           = "slot"
	Zeros          = "zeros"
	Payload        = "payload"
	BlockSums      = "block-sums"
	ChunkPage      = "chunk-page"
	Chunk          = "chunk"
	TensorRecords  = "tensor-records"
	StorageRecords = "storage-records"
	NameEnds       = "name-ends"
	Names          = "names"
	Heap           = "heap"
	Further        = "further-sections"
	RunHead        = "run-head"
	Trailer        = "trailer"
	Padding        = "padding"
	Unknown        = "unknown"
	Leftover       = "leftover"
	Own            = "format"
)

// Part is one extent of a file and what it is.
type Part struct {
	Offset, Length int64
	Kind           string
	What           string   // for people
	Section        string   // heading in the specification; "" in foreign files
	Tensors        []string // whose bytes these are
	Damage         []string // what is wrong with it

	storage uint64                          // of a payload, a chunk or a chunk page
	rows    func(yield func(Row) bool) bool // nil: the bytes say nothing more
}

// Row is a piece of a part with its bytes.
type Row struct {
	Offset  int64
	Length  int64  // bytes that the row stands for; 0 for a title
	Bytes   []byte // the first of them
	Field   string
	Meaning string
}

// Map is the byte map of a file.
type Map struct {
	Path   string
	Format string // "tensorfile 1.0", "npz 2.0"
	Size   int64
	Parts  []Part // by offset
	// Damage is what is wrong with the file as a whole; parts have their own.
	Damage []error

	src *mmap.Map
}

// Damages counts what is wrong with what was looked at. Payloads are not: their
// checksums are the business of verify.
func (m *Map) Damages() int {
	n := len(m.Damage)
	for i := range m.Parts {
		n += len(m.Parts[i].Damage)
	}
	return n
}

// Rows calls yield with the rows of p until it returns false: the fields of
// structures with their meaning, the first bytes of payloads.
func (m *Map) Rows(p *Part, yield func(Row) bool) bool {
	if p.rows != nil {
		return p.rows(yield)
	}
	return m.plain(p, yield)
}

// shown is how many bytes of a payload are shown.
const shown = 64

// plain shows a part of no structure: zeros as such, else its first bytes.
func (m *Map) plain(p *Part, yield func(Row) bool) bool {
	r := Row{Offset: p.Offset, Length: p.Length}
	b := m.read(p.Offset, min(p.Length, 4096))
	if p.Kind == Padding || p.Kind == Zeros {
		if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) && len(p.Damage) == 0 {
			r.Bytes = b[:min(len(b), 1)]
			r.Field = p.Kind
			return yield(r)
		}
	}
	r.Bytes = b[:min(len(b), shown)]
	r.Field = p.Kind
	return yield(r)
}

// readLimit bounds what is held of a structure: a list of block sums of the
// largest size that writers make is a quarter of it.
const readLimit = 64 << 20

// read returns up to n bytes at off, fewer where the file ends, and at most
// readLimit.
func (m *Map) read(off, n int64) []byte {
	if off < 0 || off >= m.Size || n <= 0 {
		return nil
	}
	b := make([]byte, min(n, m.Size-off, readLimit))
	if _, err := m.src.ReadAt(b, off); err != nil {
		return nil
	}
	return b
}

func (m *Map) add(p Part) *Part {
	m.Parts = append(m.Parts, p)
	return &m.Parts[len(m.Parts)-1]
}

func (m *Map) sort() {
	slices.SortStableFunc(m.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Length, b.Length))
	})
}

// gap is an extent that no part covers.
type gap struct{ begin, end int64 }

// gaps returns what of [0, end) no part covers, and marks parts that overlap
// others. The parts must be sorted.
func (m *Map) gaps(end int64) []gap {
	var gaps []gap
	at := int64(0)
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Offset > at {
			gaps = append(gaps, gap{at, min(p.Offset, end)})
		}
		at = max(at, p.Offset+p.Length)
		if at >= end {
			return gaps
		}
	}
	return append(gaps, gap{at, end})
}

// firstNonZero returns where in [begin, end) the first byte stands that is not
// zero, or -1.
func (m *Map) firstNonZero(begin, end int64) int64 {
	const window = 1 << 20
	for at := begin; at < end; at += window {
		b := m.read(at, min(window, end-at))
		if i := slices.IndexFunc(b, func(c byte) bool { return c != 0 }); i >= 0 {
			return at + int64(i)
		}
	}
	return -1
}

// quoted lists names for people: a few, and how many more.
func quoted(names []string) string {
	const most = 3
	s := ""
	for i, n := range names {
		if i == most {
			return s + " ..."
		}
		if i > 0 {
			s += ", "
		}
		s += tensor.Quote(n)
	}
	return s
}
