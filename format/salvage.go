package format

import (
	"bytes"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// Structures is what a scan of a file found by itself, without anything that
// points to it (spec, "Recovery"), ascending by place. Structures of different
// files, told by their UUIDs, may be among them.
type Structures struct {
	Roots []Root // where trailers stand, sound and valid
	Runs  []FoundRun
	Pages []FoundPage // of chunks, with right checksums of their own
}

// FoundRun is a run whose head was found.
type FoundRun struct {
	*RunHead
	UUID UUID
	Ref  Ref // as a root record or a newer run would point to it
	size int64
}

// scanWindow is how much of a file a scan holds at a time.
const scanWindow = 1 << 20

// ScanStructures reads the first size bytes of a file once and returns the
// trailers and run heads in them, journal runs included. tick is called before
// each window with its place; its error ends the scan. Heads that turn out
// wrong cost no more than the file has bytes.
func ScanStructures(src Source, size int64, tick func(at int64) error) (*Structures, error) {
	s := &Structures{}
	wrong := size + MaxRunHead // bytes of false heads that may yet be read
	window := make([]byte, min(size, scanWindow+MaxChunkPage))
	for at := int64(DataStart); at < size; at += scanWindow {
		if err := tick(at); err != nil {
			return nil, err
		}
		b := window[:min(size-at, int64(len(window)))]
		if _, err := src.ReadAt(b, at); err != nil {
			return nil, err
		}
		for i := int64(0); i < min(scanWindow, int64(len(b))); i += Align {
			p := b[i:]
			if page, ok := sniffPage(p, at+i); ok {
				s.Pages = append(s.Pages, page)
			}
			if len(p) < runHeadSize || [4]byte(p) != runMagicBytes {
				continue
			}
			r, n, err := findRun(src, at+i, size, p[:runHeadSize], wrong)
			if err != nil {
				return nil, err
			}
			if wrong -= n; r != nil {
				s.Runs = append(s.Runs, *r)
			}
		}
		for i := int64(PageSize - RootSize); i < scanWindow && i+RootSize <= int64(len(b)); i += PageSize {
			if p := b[i : i+RootSize]; [4]byte(p) == rootMagicBytes {
				if r, err := ParseTrailer(p, at+i, UUID(p[rootUUID:rootGeneration])); err == nil {
					s.Roots = append(s.Roots, r)
				}
			}
		}
	}
	return s, nil
}

// ParseAnySlot reads the root record b of slot p of a file whose UUID is not
// known.
func ParseAnySlot(b []byte, p Place) (Root, error) {
	return ParseSlot(b, p, UUID(b[rootUUID:rootGeneration]))
}

// findRun reads the run head at off, of which fixed is the begin, if it is one.
// n is what was read in vain, at most budget.
func findRun(src Source, off, size int64, fixed []byte, budget int64) (r *FoundRun, n int64, err error) {
	body, exp, older := le.Uint64(fixed[runBody:]), fixed[runPageExp], int64(le.Uint16(fixed[runOlder:]))
	if le.Uint64(fixed[runOffset:]) != uint64(off) || body > uint64(off-DataStart) || exp < MinPageExp || exp > MaxPageExp || older >= MaxRuns {
		return nil, 0, nil
	}
	n = int64(le.Uint32(fixed[runLength:]))
	if n != headLength(older, int64(body), exp) || n > min(size-off, MaxRunHead, budget) {
		return nil, 0, nil
	}
	b := make([]byte, n)
	if _, err := src.ReadAt(b, off); err != nil {
		return nil, 0, err
	}
	uuid := UUID(b[runUUID:runOffset])
	// Reserved bytes are not looked at: which features the file has is not known.
	h, err := ParseRunHead(b, off, &Root{UUID: uuid, Generation: math.MaxUint64, Info: 1})
	if err != nil {
		return nil, n, nil
	}
	return &FoundRun{h, uuid, Ref{uint64(off), uint32(n), Checksum(b)}, size}, 0, nil
}

// Open gives the records of the run, which are read when they are asked for.
func (f *FoundRun) Open(src Source) *Run {
	// Extents are judged by the file: which generation the run is of, and so
	// its length, is not known.
	root := &Root{UUID: f.UUID, Generation: f.Generation, Length: AlignUp(f.size, PageSize) + RootSize, Info: 1}
	return &Run{*f.RunHead, pagedRun(src, f.RunHead, root)}
}

// Salvage calls tensor and storage with every record of the run that can be
// read: a page with a wrong sum costs only what lies in it. It returns how many
// records cannot, and calls bad with an error for each of them.
func (r *Run) Salvage(tensor func(*TensorRecord), storage func(*StorageRecord), bad func(error)) (lost int64) {
	h := &r.RunHead
	broken := make(map[int64]error) // by page
	for i := range int64(len(h.Sums) / 4) {
		if _, err := r.r.page(i); err != nil {
			broken[i] = err
		}
	}
	// whole says whether [pos, pos+n) of the body can be read, without reading a
	// broken page once more for each record in it.
	whole := func(pos, n int64) error {
		for i := pos >> h.PageExp; i <= (pos+n-1)>>h.PageExp; i++ {
			if err := broken[i]; err != nil {
				return err
			}
		}
		return nil
	}
	fail := func(err error) {
		lost++
		bad(err)
	}
	for i := range h.Tensors {
		err := whole(i*h.TensorSize, h.TensorSize)
		if first := max(i-1, 0); err == nil {
			err = whole(h.endsAt+4*first, 4*(i-first)+4)
		}
		if err != nil {
			fail(err)
			continue
		}
		rec := &TensorRecord{}
		if rec.Name, err = r.key(i); err == nil {
			err = r.r.tensor(i, rec, nil)
		}
		if err != nil {
			fail(inTensor(err, rec.Name))
			continue
		}
		tensor(rec)
	}
	for i := range h.Storages {
		rec := &StorageRecord{}
		err := whole(h.storagesAt+i*h.StorageSize, h.StorageSize)
		if err == nil {
			err = r.r.storage(i, rec)
		}
		if err != nil {
			fail(err)
			continue
		}
		storage(rec)
	}
	return lost
}

// key is name i, valid as a key.
func (r *Run) key(i int64) (string, error) {
	b, err := r.r.name(i)
	if err != nil || len(b) == 0 {
		return "", err
	}
	return string(bytes.Clone(b)), checkKey(string(b), r.Begin()+r.RunHead.namesAt)
}

// RunMissing is the error of a catalog whose newest run is not where its root
// record says.
func RunMissing(root *Root) error {
	return fail(tensor.ErrCorrupt, RuleRefCRC, int64(root.Catalog.Offset), fmt.Sprintf("catalog of generation %d", root.Generation), "no run head", "the head that its root record points to")
}
