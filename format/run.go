package format

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/internal/mutant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Run head (spec, "Runs"). It stands right behind the body.
const (
	runMagic       = 0                  // 4 bytes "TSRC"
	runCRC         = runMagic + 4       // u32, of [8, length)
	runUUID        = runCRC + 4         // 16 bytes
	runOffset      = runUUID + 16       // u64
	runGeneration  = runOffset + 8      // u64
	runBody        = runGeneration + 8  // u64
	runHeap        = runBody + 8        // u64
	runNames       = runHeap + 8        // u32
	runTensors     = runNames + 4       // u32
	runStorages    = runTensors + 4     // u32
	runOlder       = runStorages + 4    // u16
	runTensorSize  = runOlder + 2       // u16
	runStorageSize = runTensorSize + 2  // u16
	runPageExp     = runStorageSize + 2 // u8
	runFlags       = runPageExp + 1     // u8
	runLength      = runFlags + 1       // u32
	runNextID      = runLength + 4      // u64
	runZero        = runNextID + 8      // 8 bytes
	runHeadSize    = runZero + 8        // 96
)

var _ = [1]struct{}{runHeadSize - 96: {}}

var runMagicBytes = [4]byte{'T', 'S', 'R', 'C'}

// Limits of runs (spec, "Runs").
const (
	MaxRuns     = 16
	MinPageExp  = 12
	MaxPageExp  = 16
	FlagJournal = 1 << 0
	// MaxRunHead bounds what a reader allocates for a head: the sums of a body
	// of 64 GiB.
	MaxRunHead = 4 << 20
	// largeBody is the body size from which pages are 64 KiB, so that a head
	// stays small.
	largeBody = 32 << 20
)

// RunHead is the validated head of a run.
type RunHead struct {
	Offset      int64 // of the head; the body ends here
	Generation  uint64
	Body        int64 // bytes
	Heap        int64
	Names       int64
	Tensors     int64
	Storages    int64
	Older       []Ref // newest first
	TensorSize  int64 // bytes of a record
	StorageSize int64
	PageExp     uint8
	Journal     bool
	NextID      uint64 // next free storage id
	Sums        []byte // u32 a page of the body

	// Where the sections begin in the body.
	storagesAt, endsAt, namesAt, heapAt int64
}

// Begin is the offset of the run's body.
func (h *RunHead) Begin() int64 { return h.Offset - h.Body }

// sections computes where the sections of a body begin and where the last
// ends, each padded to 64. Every factor is below 2^32 but the heap, which the
// caller has bounded by the file.
func (h *RunHead) sections() (end int64) {
	h.storagesAt = AlignUp(h.Tensors*h.TensorSize, Align)
	h.endsAt = h.storagesAt + AlignUp(h.Storages*h.StorageSize, Align)
	h.namesAt = h.endsAt + AlignUp(4*h.Tensors, Align)
	h.heapAt = h.namesAt + AlignUp(h.Names, Align)
	return h.heapAt + AlignUp(h.Heap, Align)
}

// ParseRunHead reads the head b that stands at off, in a file of which root is
// the generation being read. b must be the caller's own memory: the result
// keeps parts of it.
func ParseRunHead(b []byte, off int64, root *Root) (*RunHead, error) {
	e := func(kind error, rule string, field int, name, got, want string) error {
		return fail(kind, rule, off+int64(field), name, got, want)
	}
	if len(b) < runHeadSize {
		return nil, e(tensor.ErrTruncated, RuleRunLength, 0, "run head", fmt.Sprintf("%d bytes", len(b)), fmt.Sprint(runHeadSize))
	}
	if !bytes.Equal(b[:4], runMagicBytes[:]) {
		return nil, e(tensor.ErrCorrupt, RuleRunMagic, 0, "run magic", tensor.Quote(string(b[:4])), tensor.Quote(string(runMagicBytes[:])))
	}
	length := le.Uint32(b[runLength:])
	if int64(length) != int64(len(b)) {
		return nil, e(tensor.ErrCorrupt, RuleRunLength, runLength, "length of the head", fmt.Sprint(length), fmt.Sprint(len(b)))
	}
	if got, want := Checksum(b[runUUID:]), le.Uint32(b[runCRC:]); got != want && !mutant.On("checksum of a run") {
		err := badSum(RuleRunCRC, off+runCRC, "run head checksum", got, want)
		return nil, err
	}
	if id := UUID(b[runUUID:runOffset]); id != root.UUID {
		return nil, e(tensor.ErrCorrupt, RuleRunUUID, runUUID, "run UUID", id.String(), root.UUID.String())
	}
	body, heap := le.Uint64(b[runBody:]), le.Uint64(b[runHeap:])
	h := &RunHead{
		Offset:      off,
		Generation:  le.Uint64(b[runGeneration:]),
		Names:       int64(le.Uint32(b[runNames:])),
		Tensors:     int64(le.Uint32(b[runTensors:])),
		Storages:    int64(le.Uint32(b[runStorages:])),
		TensorSize:  int64(le.Uint16(b[runTensorSize:])),
		StorageSize: int64(le.Uint16(b[runStorageSize:])),
		PageExp:     b[runPageExp],
		Journal:     b[runFlags]&FlagJournal != 0,
		NextID:      le.Uint64(b[runNextID:]),
	}
	strict := root.strict()
	older := int(le.Uint16(b[runOlder:]))
	switch {
	case le.Uint64(b[runOffset:]) != uint64(off) || off%Align != 0:
		return nil, e(tensor.ErrCorrupt, RuleRunOffset, runOffset, "run offset", u(le.Uint64(b[runOffset:])), fmt.Sprintf("%d, a multiple of 64", off))
	case h.Generation == 0 || h.Generation > root.Generation:
		return nil, e(tensor.ErrCorrupt, RuleRunGeneration, runGeneration, "run generation", u(h.Generation), fmt.Sprintf("1..%d", root.Generation))
	case strict && b[runFlags]&^byte(FlagJournal) != 0:
		return nil, e(tensor.ErrCorrupt, RuleRunFlags, runFlags, "run flags", fmt.Sprintf("%#x", b[runFlags]), "only bit 0")
	case strict && zero(b[runZero:runHeadSize]) >= 0:
		return nil, e(tensor.ErrCorrupt, RuleRunZero, runZero, "reserved bytes", hexOf(b[runZero:runHeadSize]), "zero")
	case h.TensorSize < TensorSize || h.TensorSize%8 != 0:
		return nil, e(tensor.ErrCorrupt, RuleRunRecord, runTensorSize, "tensor record size", fmt.Sprint(h.TensorSize), fmt.Sprintf("a multiple of 8 from %d on", TensorSize))
	case h.StorageSize < StorageSize || h.StorageSize%8 != 0:
		return nil, e(tensor.ErrCorrupt, RuleRunRecord, runStorageSize, "storage record size", fmt.Sprint(h.StorageSize), fmt.Sprintf("a multiple of 8 from %d on", StorageSize))
	case h.PageExp < MinPageExp || h.PageExp > MaxPageExp:
		return nil, e(tensor.ErrCorrupt, RuleRunPages, runPageExp, "page exponent", fmt.Sprint(h.PageExp), fmt.Sprintf("%d..%d", MinPageExp, MaxPageExp))
	case older > MaxRuns-1:
		return nil, e(tensor.ErrLimit, RuleRunOlder, runOlder, "older runs", fmt.Sprint(older), fmt.Sprintf("at most %d", MaxRuns-1))
	case body > uint64(off) || uint64(off)-body < DataStart:
		return nil, e(tensor.ErrCorrupt, RuleRunBody, runBody, "body length", u(body), fmt.Sprintf("at most %d", off-DataStart))
	case body%Align != 0:
		return nil, e(tensor.ErrCorrupt, RuleRunBody, runBody, "body length", u(body), "a multiple of 64")
	case heap > body:
		return nil, e(tensor.ErrCorrupt, RuleRunBody, runHeap, "heap length", u(heap), fmt.Sprintf("at most the body's %d", body))
	}
	h.Body, h.Heap = int64(body), int64(heap)
	// Counts are judged by what the body can hold before they are used.
	if most := h.Body / h.TensorSize; h.Tensors > most {
		return nil, e(tensor.ErrCorrupt, RuleRunBody, runTensors, "tensor records", fmt.Sprint(h.Tensors), fmt.Sprintf("at most %d, which fit the body", most))
	}
	if most := h.Body / h.StorageSize; h.Storages > most {
		return nil, e(tensor.ErrCorrupt, RuleRunBody, runStorages, "storage records", fmt.Sprint(h.Storages), fmt.Sprintf("at most %d, which fit the body", most))
	}
	if end := h.sections(); end > h.Body {
		return nil, e(tensor.ErrCorrupt, RuleRunBody, runBody, "body length", u(body), fmt.Sprintf("at least %d for its sections", end))
	}
	if want := headLength(int64(older), h.Body, h.PageExp); want != int64(length) {
		return nil, e(tensor.ErrCorrupt, RuleRunLength, runLength, "length of the head", fmt.Sprint(length), fmt.Sprintf("%d for %d older runs and a body of %d bytes", want, older, body))
	}
	last := uint64(h.Begin())
	for i := range older {
		r := getRef(b[runHeadSize+16*i:])
		at := off + int64(runHeadSize+16*i)
		if err := checkExtent(r.Offset, uint64(r.Length), DataStart, last, at, fmt.Sprintf("older run %d", i), RuleRunOlder); err != nil {
			return nil, err
		}
		if r.Offset%Align != 0 || r.Length < runHeadSize {
			return nil, fail(tensor.ErrCorrupt, RuleRunOlder, at, fmt.Sprintf("older run %d", i), r.String(), "a run head at a multiple of 64")
		}
		last = r.Offset
		h.Older = append(h.Older, r)
	}
	h.Sums = b[runHeadSize+16*older:]
	return h, nil
}

// RunParams is what a run says beside its records.
type RunParams struct {
	UUID       UUID
	Generation uint64
	Begin      int64 // offset of the body, a multiple of 64
	Older      []Ref // newest first
	NextID     uint64
	Journal    bool
}

// AppendRun appends a run, body then head, to dst and returns the Ref of its
// head. The tensors must ascend by name and the storages by id, each once.
func AppendRun(dst []byte, tensors []TensorRecord, storages []StorageRecord, p RunParams) ([]byte, Ref, error) {
	bad := func(field, got, want string) error {
		return &tensor.Error{Kind: tensor.ErrLimit, Format: Name, Offset: -1, Field: field, Got: got, Want: want}
	}
	if int64(len(tensors)) >= 1<<32 || int64(len(storages)) >= 1<<32 {
		return nil, Ref{}, bad("records in a run", fmt.Sprint(max(len(tensors), len(storages))), "below 2^32")
	}
	h := RunHead{TensorSize: TensorSize, StorageSize: StorageSize, Tensors: int64(len(tensors)), Storages: int64(len(storages))}
	for i := range tensors {
		h.Names += int64(len(tensors[i].Name))
		h.Heap = AlignUp(h.Heap, 8) + int64(tensors[i].heapLen())
		if i > 0 && tensors[i-1].Name >= tensors[i].Name {
			return nil, Ref{}, &tensor.Error{Kind: tensor.ErrDuplicate, Format: Name, Offset: -1, Field: "names of a run", Got: tensor.Quote(tensors[i].Name), Want: "strictly ascending names", Rule: RuleNameOrder}
		}
	}
	for i := range storages {
		h.Heap = AlignUp(h.Heap, 8) + int64(storages[i].heapLen())
		if i > 0 && storages[i-1].ID >= storages[i].ID {
			return nil, Ref{}, &tensor.Error{Kind: tensor.ErrDuplicate, Format: Name, Offset: -1, Field: "storages of a run", Got: u(storages[i].ID), Want: "strictly ascending ids", Rule: RuleStorageID}
		}
	}
	if h.Names >= 1<<32 {
		return nil, Ref{}, bad("bytes of names in a run", fmt.Sprint(h.Names), "below 2^32")
	}
	size := h.sections()
	if size > math.MaxInt-MaxRunHead {
		return nil, Ref{}, bad("bytes of a run", fmt.Sprint(size), "what this machine can address")
	}
	pageExp := uint8(MinPageExp)
	if size > largeBody {
		pageExp = MaxPageExp
	}
	pages := (size + 1<<pageExp - 1) >> pageExp
	length := runHeadSize + 16*len(p.Older) + 4*int(pages)
	if length > MaxRunHead {
		return nil, Ref{}, bad("bytes of a run", fmt.Sprint(size), "what a run head can cover")
	}
	start := len(dst)
	dst = append(dst, make([]byte, int(size)+length)...)
	body, head := dst[start:start+int(size):start+int(size)], dst[start+int(size):]
	heap := body[h.heapAt:h.heapAt]
	var names int64
	for i := range tensors {
		t := &tensors[i]
		heap = heap[:AlignUp(int64(len(heap)), 8)]
		pos := int64(len(heap))
		if t.heapLen() == 0 {
			pos = 0
		}
		t.put(body[int64(i)*TensorSize:], pos)
		heap = t.appendHeap(heap)
		copy(body[h.namesAt+names:], t.Name)
		names += int64(len(t.Name))
		le.PutUint32(body[h.endsAt+4*int64(i):], uint32(names))
	}
	for i := range storages {
		s := &storages[i]
		heap = heap[:AlignUp(int64(len(heap)), 8)]
		s.put(body[h.storagesAt+int64(i)*StorageSize:], int64(len(heap)))
		heap = s.appendHeap(heap)
	}
	copy(head[runMagic:], runMagicBytes[:])
	copy(head[runUUID:], p.UUID[:])
	offset := p.Begin + size
	le.PutUint64(head[runOffset:], uint64(offset))
	le.PutUint64(head[runGeneration:], p.Generation)
	le.PutUint64(head[runBody:], uint64(size))
	le.PutUint64(head[runHeap:], uint64(h.Heap))
	le.PutUint32(head[runNames:], uint32(h.Names))
	le.PutUint32(head[runTensors:], uint32(len(tensors)))
	le.PutUint32(head[runStorages:], uint32(len(storages)))
	le.PutUint16(head[runOlder:], uint16(len(p.Older)))
	le.PutUint16(head[runTensorSize:], TensorSize)
	le.PutUint16(head[runStorageSize:], StorageSize)
	head[runPageExp] = pageExp
	if p.Journal {
		head[runFlags] = FlagJournal
	}
	le.PutUint32(head[runLength:], uint32(length))
	le.PutUint64(head[runNextID:], p.NextID)
	for i, r := range p.Older {
		r.put(head[runHeadSize+16*i:])
	}
	sums := head[runHeadSize+16*len(p.Older):]
	for i := range pages {
		page := body[i<<pageExp : min((i+1)<<pageExp, size)]
		le.PutUint32(sums[4*i:], Checksum(page))
	}
	le.PutUint32(head[runCRC:], Checksum(head[runUUID:]))
	return dst, Ref{uint64(offset), uint32(length), Checksum(head)}, nil
}

// SortRecords returns the records as AppendRun wants them: tensors by name,
// storages by id. Of records with one key the last stays. A list that is in
// order comes back as it is, else in memory of its own.
func SortRecords(tensors []TensorRecord, storages []StorageRecord) ([]TensorRecord, []StorageRecord) {
	ts := lastOf(tensors, func(a, b *TensorRecord) int { return strings.Compare(a.Name, b.Name) })
	ss := lastOf(storages, func(a, b *StorageRecord) int { return cmp.Compare(a.ID, b.ID) })
	return ts, ss
}

func lastOf[T any](list []T, compare func(a, b *T) int) []T {
	sorted := true
	for i := 1; i < len(list) && sorted; i++ {
		sorted = compare(&list[i-1], &list[i]) < 0
	}
	if sorted {
		return list
	}
	order := make([]int, len(list)) // records are large to move about
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(compare(&list[a], &list[b]), cmp.Compare(a, b))
	})
	out := make([]T, 0, len(list))
	for i, at := range order {
		if i+1 < len(order) && compare(&list[at], &list[order[i+1]]) == 0 {
			continue
		}
		out = append(out, list[at])
	}
	return out
}

// Length is the number of bytes of the head.
func (h *RunHead) Length() int64 {
	return runHeadSize + RefSize*int64(len(h.Older)) + int64(len(h.Sums))
}

// maxFalseHeads is how many run heads that turn out wrong FindRun reads: only a
// forged file has one.
const maxFalseHeads = 16

// FindRun looks for the journal run whose first record holds the byte at begin,
// the first that is not zero: its head stands at a multiple of 64 before end,
// has its magic and checksum, and says that its body reaches back to that
// record. It returns nil if there is none. It reads the range about once.
func FindRun(src Source, root *Root, begin, end int64) (*Run, error) {
	first := begin &^ (Align - 1) // no record begins with 64 zero bytes
	window := make([]byte, min(end-first, 64<<10+runHeadSize))
	var from int64
	have, wrong := 0, 0
	for at := first; at+runHeadSize <= end; at += Align {
		if have == 0 || at+runHeadSize > from+int64(have) {
			from, have = at, int(min(end-at, int64(len(window))))
			if _, err := src.ReadAt(window[:have], at); err != nil {
				return nil, err
			}
		}
		fixed := window[at-from:][:runHeadSize]
		if !bytes.Equal(fixed[:4], runMagicBytes[:]) || le.Uint64(fixed[runOffset:]) != uint64(at) || le.Uint64(fixed[runBody:]) != uint64(at-first) {
			continue
		}
		// The length follows from the rest, which bounds it by the body.
		exp, older := fixed[runPageExp], int64(le.Uint16(fixed[runOlder:]))
		if exp < MinPageExp || exp > MaxPageExp || older >= MaxRuns {
			continue
		}
		n := int64(le.Uint32(fixed[runLength:]))
		if n != headLength(older, at-first, exp) || n > min(end-at, MaxRunHead) {
			continue
		}
		b := make([]byte, n)
		if _, err := src.ReadAt(b, at); err != nil {
			return nil, err
		}
		h, err := ParseRunHead(b, at, root)
		if err != nil || !h.Journal {
			if wrong++; wrong == maxFalseHeads {
				break
			}
			continue
		}
		r, err := newRun(src, h, root)
		if err != nil {
			return nil, err
		}
		return &Run{*h, r}, nil
	}
	return nil, nil
}

// headLength is the size of a run head for a body with pages of 1<<exp bytes.
func headLength(older, body int64, exp uint8) int64 {
	return runHeadSize + RefSize*older + 4*((body+1<<exp-1)>>exp)
}
