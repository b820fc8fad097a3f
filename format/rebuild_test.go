package format

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// grownTree is a tree of n chunks and the pages of it by themselves.
func grownTree(t *testing.T, r *StorageRecord) (*pagesFile, []FoundPage) {
	t.Helper()
	f := newPagesFile()
	b := NewChunkBuilder(r, f.page)
	for i := range r.Chunks() {
		e := anEntry(r, i, 2)
		if err := b.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	s, err := ScanStructures(f, int64(len(f.b)), noTick)
	if err != nil {
		t.Fatal(err)
	}
	leaves := slices.DeleteFunc(s.Pages, func(p FoundPage) bool { return p.Level > 0 })
	slices.SortFunc(leaves, func(a, b FoundPage) int { return int(a.First - b.First) })
	return f, leaves
}

// The directory is put together from leaves alone, past those that do not fit,
// and every chunk is where it was; a leaf that is not there is an error.
func TestRebuildChunks(t *testing.T) {
	for _, n := range []int64{1, 127, 128, 300, 127*254 + 1} {
		r := testGrid(2*n, 1, true)
		f, leaves := grownTree(t, r)
		if want := int((n + ChunksPerPage - 1) / ChunksPerPage); len(leaves) != want {
			t.Fatalf("%d leaves of %d chunks, want %d", len(leaves), n, want)
		}
		for _, decoys := range []bool{false, true} {
			list := slices.Clone(leaves)
			if decoys { // of another length, from another chunk, and behind the right one
				var all []FoundPage
				for _, p := range leaves {
					short, odd, later := p, p, p
					short.Ref.Length--
					odd.First++
					later.Ref = Ref{DataStart, p.Ref.Length, 0}
					all = append(all, short, p, later, odd)
				}
				list = append(all, FoundPage{Storage: r.ID, First: n + 1000, Ref: leaves[0].Ref})
			}
			own := *r
			own.Ref = Ref{}
			if err := RebuildChunks(&own, list, f.page); err != nil {
				t.Fatal(err)
			}
			next := int64(0)
			err := NewChunks(f, &own, testRoot).Walk(ChunkVisitor{Entry: func(i int64, e *ChunkEntry, _ int64) error {
				if i != next || !sameEntry(*e, anEntry(r, i, 2)) {
					return fmt.Errorf("chunk %d, want %d: %+v", i, next, e)
				}
				next++
				return nil
			}})
			if err != nil || next != n {
				t.Errorf("%d chunks: walked %d, %v", n, next, err)
			}
		}
		if n > 300 {
			continue
		}
		for miss := range leaves {
			own := *r
			own.Ref = Ref{}
			err := RebuildChunks(&own, slices.Delete(slices.Clone(leaves), miss, miss+1), f.page)
			var e *tensor.Error
			if !errors.As(err, &e) || e.Rule != RuleRefAbsent || own.Ref != (Ref{}) {
				t.Errorf("leaf %d of %d is not there: %v", miss, len(leaves), err)
			}
		}
		stop := errors.New("no room")
		own := *r
		if err := RebuildChunks(&own, leaves, func([]byte) (int64, error) { return 0, stop }); n > ChunksPerPage && err != stop {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// deaf gives its first reads and no more.
type deaf struct {
	*pagesFile
	left int
}

func (f *deaf) ReadAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errNoReads
	}
	return f.pagesFile.ReadAt(p, off)
}

func (f *deaf) Fetch(off uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := f.ReadAt(b, int64(off))
	return b, err
}

// A page that cannot be read is an error of all that asks for what it holds.
func TestUnreadPages(t *testing.T) {
	r := testGrid(2*40_000, 1, true)
	f, _ := grownTree(t, r)
	for left := range 3 {
		k := NewChunks(&deaf{f, left}, r, testRoot).Cursor()
		if begin, end, err := k.Slab(126); !errors.Is(err, errNoReads) || begin != 0 || end != 0 {
			t.Errorf("%d reads: slab [%d, %d), %v", left, begin, end, err)
		}
		var e ChunkEntry
		if err := k.Entry(39_000, 0, &e); !errors.Is(err, errNoReads) {
			t.Errorf("%d reads: entry: %v", left, err)
		}
		if _, err := k.Find(79_000); !errors.Is(err, errNoReads) {
			t.Errorf("%d reads: %v", left, err)
		}
	}
	// The slab behind the last of a page is in the next one.
	k := NewChunks(&deaf{f, 3}, r, testRoot).Cursor()
	if begin, end, err := k.Slab(126); !errors.Is(err, errNoReads) || begin != 0 || end != 0 {
		t.Errorf("slab [%d, %d), %v", begin, end, err)
	}
}

// patched is the error, by rule, of a tree of which entry i was changed.
func patched(t *testing.T, r *StorageRecord, n, i int64, change func(b []byte)) (at, count int64, err error) {
	t.Helper()
	f := newPagesFile()
	b := NewChunkBuilder(r, func(p []byte) (int64, error) {
		if p[cpLevel] == 0 {
			if first := int64(le.Uint64(p[cpFirst:])); first <= i && i < first+ChunksPerPage {
				change(p[ChunkPageSize+(i-first)*ChunkEntrySize:])
				le.PutUint32(p[cpCRC:], Checksum(p[cpStorage:]))
			}
		}
		return f.page(p)
	})
	for i := range n {
		if err := b.Add(&ChunkEntry{Origin: i / r.ChunksPerSlab() * r.Chunk[0], Coding: CodingPipeline, Length: 10, Offset: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	at = -1
	if werr := NewChunks(f, r, testRoot).Walk(ChunkVisitor{
		Entry: func(int64, *ChunkEntry, int64) error { return nil },
		Bad: func(i, n int64, e error) error {
			if at < 0 {
				at, count, err = i, n, e
			}
			return nil
		},
	}); werr != nil {
		t.Fatal(werr)
	}
	return at, count, err
}

// What an entry may hold, at the edges, and of which chunk the error tells.
func TestEntryRules(t *testing.T) {
	large := &StorageRecord{ID: 7, Kind: StorageGrid, DType: tensor.U8, Shape: tensor.Shape{400, 1 << 16}, Chunk: tensor.Shape{2, 1 << 15}, Slabs: 200, Pipelines: "zstd"}
	large.Size = 400 << 16
	put := func(coding byte, length uint32, offset uint64) func(b []byte) {
		return func(b []byte) {
			origin := le.Uint64(b[ceOrigin:])
			clear(b[:ChunkEntrySize])
			le.PutUint64(b[ceOrigin:], origin)
			b[ceCoding] = coding
			le.PutUint32(b[ceLength:], length)
			le.PutUint64(b[ceOffset:], offset)
		}
	}
	for _, c := range []struct {
		what   string
		change func(b []byte)
		rule   string
	}{
		{"raw, on a page", put(CodingRaw, 1<<16, 1<<20), ""},
		{"raw, not on a page", put(CodingRaw, 1<<16, 1<<20+64), RuleChunkAligned},
		{"raw, short", put(CodingRaw, 1<<16-1, 1<<20), RuleChunkExtent},
		{"encoded, not on a page", put(CodingPipeline, 1<<16, 1<<20+64), ""},
		{"encoded, not aligned", put(CodingPipeline, 1<<16, 1<<20+32), RuleChunkAligned},
		{"encoded, empty", put(CodingPipeline, 0, 1<<20), RuleChunkExtent},
		{"encoded, the longest", put(CodingPipeline, MaxChunk, 1<<20), ""},
		{"encoded, too long", put(CodingPipeline, MaxChunk+1, 1<<20), RuleChunkExtent},
		{"a pipeline too many", put(CodingPipeline+1, 1, 1<<20), RuleChunkCoding},
		{"in the header", put(CodingPipeline, 1, DataStart-64), RuleChunkExtent},
		{"first byte of data", put(CodingPipeline, 1, DataStart), ""},
		{"bytes behind a missing one", func(b []byte) { put(CodingMissing, 0, 0)(b); b[0] = 1 }, RuleChunkZero},
		{"a unit", func(b []byte) { put(CodingConstant, 0, 0)(b); b[0] = 1 }, ""},
		{"bytes behind a unit", func(b []byte) { put(CodingConstant, 0, 0)(b); b[1] = 1 }, RuleChunkZero},
		{"the byte before the origin", func(b []byte) { put(CodingConstant, 0, 0)(b); b[ceOrigin-1] = 1 }, RuleChunkZero},
	} {
		for _, i := range []int64{0, 1, 130, 399} {
			at, n, err := patched(t, large, 400, i, c.change)
			var e *tensor.Error
			switch {
			case c.rule == "" && err != nil:
				t.Errorf("%s: %v", c.what, err)
			case c.rule != "" && (!errors.As(err, &e) || e.Rule != c.rule || at != i || n != 1):
				t.Errorf("%s: chunks [%d, +%d), %v, want chunk %d and rule %s", c.what, at, n, err, i, c.rule)
			}
		}
	}
}

// An extent may end where its bounds do, be empty there, and not overflow.
func TestExtents(t *testing.T) {
	for _, c := range []struct {
		off, n, low, high uint64
		kind              error
	}{
		{10, 10, 10, 20, nil}, {20, 0, 10, 20, nil}, {10, 0, 10, 10, nil}, {19, 1, 10, 20, nil},
		{19, 2, 10, 20, tensor.ErrTruncated}, {20, 1, 10, 20, tensor.ErrTruncated}, {9, 1, 10, 20, tensor.ErrCorrupt}, {21, 0, 10, 20, tensor.ErrCorrupt},
		{1<<64 - 1, 1, 10, 20, tensor.ErrOverflow}, {15, 1<<64 - 15, 10, 20, tensor.ErrOverflow}, {15, 1<<64 - 16, 10, 20, tensor.ErrTruncated},
	} {
		if err := checkExtent(c.off, c.n, c.low, c.high, 5, "x", "r"); c.kind == nil && err != nil || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("[%d, +%d) in [%d, %d): %v, want %v", c.off, c.n, c.low, c.high, err, c.kind)
		}
	}
}

// A root record is told by its magic and sum alone.
func TestSniffRoot(t *testing.T) {
	uuid := UUID{1, 2, 3}
	b := (&Root{UUID: uuid, Generation: 7, Length: 20480, Catalog: Ref{12288, 100, 1}, AlignExp: 12}).AppendTo(nil)
	if got, ok := SniffRoot(b); !ok || got != uuid {
		t.Errorf("%v, %v", got, ok)
	}
	if got, ok := SniffRoot(append(slices.Clone(b), 1)); !ok || got != uuid {
		t.Errorf("with a byte behind it: %v, %v", got, ok)
	}
	if got, ok := SniffRoot(b[:len(b)-1]); ok || got != (UUID{}) {
		t.Errorf("short: %v", got)
	}
	for i := range b {
		b[i] ^= 0x40
		if got, ok := SniffRoot(b); ok || got != (UUID{}) {
			t.Errorf("byte %d is wrong: %v", i, got)
		}
		b[i] ^= 0x40
	}
	if n := lengthAt(4)([]byte{0, 0, 0, 0, 9, 1, 0, 0}); n != 265 {
		t.Errorf("length %d", n)
	}
	if n := lengthAt(4)(make([]byte, 7)); n != -1 {
		t.Errorf("length %d of too little", n)
	}
}
