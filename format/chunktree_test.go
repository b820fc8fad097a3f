package format

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// pagesFile is a file that pages are put into, and the pages read from it.
type pagesFile struct {
	b    []byte
	read int
	put  int
}

func (f *pagesFile) Mapped() bool { return true }

func (f *pagesFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(f.b)) || len(p) > len(f.b)-int(off) {
		return 0, &tensor.Error{Kind: tensor.ErrTruncated, Offset: off}
	}
	f.read++
	return copy(p, f.b[off:]), nil
}

func (f *pagesFile) Fetch(off uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := f.ReadAt(b, int64(off))
	return b, err
}

func (f *pagesFile) page(p []byte) (int64, error) {
	f.b = append(f.b, make([]byte, -len(f.b)&(Align-1))...)
	at := int64(len(f.b))
	f.b = append(f.b, p...)
	f.put += len(p)
	return at, nil
}

func newPagesFile() *pagesFile { return &pagesFile{b: make([]byte, DataStart)} }

// testRoot lets pages and payloads lie anywhere.
var testRoot = &Root{Length: 1 << 40}

// testGrid is a grid of rows of one byte in slabs of 2, per chunks in each.
func testGrid(rows, per int64, slabs bool) *StorageRecord {
	r := &StorageRecord{ID: 7, Kind: StorageGrid, DType: tensor.U8, Shape: tensor.Shape{rows, per}, Chunk: tensor.Shape{2, 1}, Slabs: uint64((rows + 1) / 2), HasSlabs: slabs}
	r.Size = rows * per
	return r
}

// anEntry is the entry of chunk i, which version tells from others.
func anEntry(r *StorageRecord, i, version int64) ChunkEntry {
	slab := i / r.ChunksPerSlab()
	e := ChunkEntry{Origin: 2 * slab}
	switch (i + version) % 5 {
	case 0:
		e.Coding = CodingMissing
	case 1:
		e.Coding, e.Unit = CodingConstant, [16]byte{byte(i)}
	default:
		e.Coding, e.Offset, e.CRC = CodingRaw, DataStart+64*(i+version), uint32(i)
		e.Length = uint32(min(2, r.Shape[0]-e.Origin))
	}
	return e
}

func sameEntry(a, b ChunkEntry) bool {
	a.At, b.At = 0, 0
	return a == b
}

func TestChunkTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, slabs := range []bool{false, true} {
		for _, n := range []int64{1, 2, 126, 127, 128, 254, 127 * 254, 127*254 + 1, 40_000} {
			per := int64(1)
			if n%2 == 0 {
				per = 2
			}
			r := testGrid(2*n/per, per, slabs)
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
			c := NewChunks(f, r, testRoot)
			if got, err := c.TableBytes(); err != nil || got != b.Bytes {
				t.Errorf("%d: %d bytes of pages, %v, want %d", n, got, err, b.Bytes)
			}
			next := int64(0)
			err := c.Walk(ChunkVisitor{Entry: func(i int64, e *ChunkEntry, _ int64) error {
				for ; next < i && !slabs && anEntry(r, next, 2).Coding == CodingMissing; next++ {
				}
				if i != next || !sameEntry(*e, anEntry(r, i, 2)) {
					return fmt.Errorf("chunk %d, want %d: %+v", i, next, e)
				}
				next++
				return nil
			}})
			for ; next < n && !slabs && anEntry(r, next, 2).Coding == CodingMissing; next++ {
			}
			if err != nil || next != n {
				t.Fatalf("%d: walked %d, %v", n, next, err)
			}
			for try := range 50 {
				i := rng.Int64N(n)
				if try < 4 { // between two pages of the level above the leaves
					i = min(127*254+1, n) - 1 - min(int64(try), n-1)
				}
				k := c.Cursor()
				var e ChunkEntry
				if err := k.Entry(i/per, i%per, &e); err != nil || !sameEntry(e, anEntry(r, i, 2)) {
					t.Fatalf("%d: chunk %d: %+v, %v", n, i, e, err)
				}
				// Down once, and where two pages meet down the other side and back.
				if most := int64(2*c.Depth() + 3); k.Pages > most {
					t.Errorf("%d: %d pages for one chunk, at most %d", n, k.Pages, most)
				}
				if s, err := k.Find(e.Origin + 1); err != nil || s != i/per {
					t.Fatalf("%d: row %d in slab %d, %v, want %d", n, e.Origin+1, s, err, i/per)
				}
			}
		}
	}
}

// A tree that is updated many times holds what a list holds, and only pages on
// the way to a change are written.
func TestChunkUpdate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		per := 1 + rng.Int64N(3)
		r := testGrid(2*rng.Int64N(300), per, false)
		f := newPagesFile()
		b := NewChunkBuilder(r, f.page)
		var want []ChunkEntry
		for i := range r.Chunks() {
			e := anEntry(r, i, 2)
			if round%3 == 0 {
				e = ChunkEntry{Origin: e.Origin}
			}
			want = append(want, e)
			if err := b.Add(&e); err != nil {
				t.Fatal(err)
			}
		}
		for step := range 20 {
			old := NewChunks(f, r, testRoot)
			next := *r
			next.Shape = r.Shape.Clone()
			switch {
			case step == 10 && round%2 == 0:
				next.HasSlabs = true
			case rng.IntN(3) == 0:
				n := rng.Int64N(200)
				next.Shape[0] += 2 * n
				next.Slabs += uint64(n)
			case rng.IntN(4) == 0:
				n := rng.Int64N(int64(next.Slabs) + 1)
				next.Shape[0] -= 2 * n
				next.Slabs -= uint64(n)
			}
			var changes []ChunkChange
			have := int64(len(want))
			want = append(want, make([]ChunkEntry, max(next.Chunks()-have, 0))...)[:next.Chunks()]
			for i := range want {
				at := int64(i)
				if at >= have {
					want[i].Origin = 2 * (at / per)
				}
				if at >= have && (next.HasSlabs || rng.IntN(2) == 0) || rng.IntN(500) == 0 {
					want[i] = anEntry(&next, at, int64(step))
					changes = append(changes, ChunkChange{at, want[i]})
				}
			}
			before := f.put
			if err := UpdateChunks(old, &next, changes, f.page); err != nil {
				t.Fatal(err)
			}
			if most := (len(changes) + 2) * (2 + chunkDepth(next.Chunks())) * MaxChunkPage; f.put-before > most+int(max(next.Chunks()-have, 0))*64 && !next.HasSlabs {
				t.Errorf("%d bytes of pages for %d changes", f.put-before, len(changes))
			}
			r = &next
			k := NewChunks(f, r, testRoot).Cursor()
			for i, w := range want {
				var e ChunkEntry
				if err := k.Entry(int64(i)/per, int64(i)%per, &e); err != nil || !sameEntry(e, w) {
					t.Fatalf("round %d, step %d: chunk %d of %d: %+v, %v, want %+v", round, step, i, len(want), e, err, w)
				}
			}
		}
	}
}

// Sizes near the limits are counted without a wrap.
func TestChunkCounts(t *testing.T) {
	for _, x := range []struct {
		n     int64
		depth int
	}{{0, 0}, {1, 0}, {127, 0}, {128, 1}, {127 * 254, 1}, {127*254 + 1, 2}, {8_193_532, 2}, {8_193_533, 3}, {math.MaxInt64, 8}} {
		if d := chunkDepth(x.n); d != x.depth {
			t.Errorf("%d entries: depth %d, want %d", x.n, d, x.depth)
		}
	}
	r := &StorageRecord{ID: 1, Kind: StorageGrid, DType: tensor.U8, Shape: tensor.Shape{1 << 31, 1<<32 - 1}, Chunk: tensor.Shape{1, 1}, Slabs: 1 << 31}
	c := NewChunks(newPagesFile(), r, testRoot)
	if c.Len() != 1<<31*(1<<32-1) || c.Depth() != 8 {
		t.Errorf("%d entries, depth %d", c.Len(), c.Depth())
	}
	// All are missing, and found to be at once.
	k := c.Cursor()
	var e ChunkEntry
	if err := k.Entry(1<<31-1, 1<<32-2, &e); err != nil || e.Coding != CodingMissing || e.Origin != 1<<31-1 {
		t.Errorf("%+v, %v", e, err)
	}
	if err := c.Walk(ChunkVisitor{}); err != nil {
		t.Error(err)
	}
	// One change writes one page a level.
	f := newPagesFile()
	next := *r
	if err := UpdateChunks(c, &next, []ChunkChange{{1 << 62, ChunkEntry{Coding: CodingConstant, Origin: (1 << 62) / (1<<32 - 1)}}}, f.page); err != nil {
		t.Fatal(err)
	}
	if most := 9 * MaxChunkPage; f.put > most {
		t.Errorf("%d bytes of pages, at most %d", f.put, most)
	}
	k = NewChunks(f, &next, testRoot).Cursor()
	slab := int64(1<<62) / (1<<32 - 1)
	if err := k.Entry(slab, 1<<62-slab*(1<<32-1), &e); err != nil || e.Coding != CodingConstant {
		t.Errorf("%+v, %v", e, err)
	}
}

// Long runs of missing chunks are skipped as pages, and found where they are.
func TestChunkSkip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		n := 1 + rng.Int64N(1<<rng.IntN(40))
		r := testGrid(2*n, 1, false)
		f := newPagesFile()
		b := NewChunkBuilder(r, f.page)
		want := map[int64]ChunkEntry{}
		for b.next < n {
			if rng.IntN(3) == 0 {
				e := ChunkEntry{Coding: CodingConstant, Unit: [16]byte{1}, Origin: 2 * b.next}
				want[b.next] = e
				if err := b.Add(&e); err != nil {
					t.Fatal(err)
				}
			} else if err := b.Skip(min(1+rng.Int64N(n), n-b.next)); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		found := 0
		err := NewChunks(f, r, testRoot).Walk(ChunkVisitor{Entry: func(i int64, e *ChunkEntry, _ int64) error {
			w, ok := want[i]
			if ok != (e.Coding == CodingConstant) || ok && !sameEntry(*e, w) {
				return fmt.Errorf("chunk %d: %+v", i, e)
			}
			if ok {
				found++
			}
			return nil
		}})
		if err != nil || found != len(want) {
			t.Fatalf("%d of %d chunks, %v", found, len(want), err)
		}
	}
}

// Every byte of a page counts: a changed one is an error of a chunk rule, or
// the same entries.
func TestChunkPageBytes(t *testing.T) {
	r := testGrid(600, 1, false)
	f := newPagesFile()
	b := NewChunkBuilder(r, f.page)
	for i := range r.Chunks() {
		e := anEntry(r, i, 2)
		if err := b.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	whole := bytes.Clone(f.b)
	bad := 0
	for at := DataStart; at < len(f.b); at++ {
		f.b[at] ^= 0x10
		found := 0
		err := NewChunks(f, r, testRoot).Walk(ChunkVisitor{Bad: func(_, _ int64, err error) error {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Rule != RuleRefCRC || e.Offset < DataStart {
				t.Fatalf("byte %d: %v", at, err)
			}
			found++
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		bad += found
		copy(f.b, whole)
	}
	t.Logf("%d of %d changed bytes found", bad, len(f.b)-DataStart)
	if bad < len(f.b)-DataStart-2*Align {
		t.Error("too few") // but for padding
	}
}

// FuzzChunkPages walks trees of any bytes behind right checksums.
func FuzzChunkPages(f *testing.F) {
	for _, rows := range []int64{6, 130} { // small, as the engine spends its time on large ones
		r := testGrid(rows, 2, true)
		p := newPagesFile()
		b := NewChunkBuilder(r, p.page)
		for i := range r.Chunks() {
			e := anEntry(r, i, 0)
			if err := b.Add(&e); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(p.b[DataStart:], rows, int64(2), uint32(r.Slabs), true, uint32(r.Ref.Offset-DataStart), r.Ref.Length)
		f.Add(p.b[DataStart:], int64(1)<<62, int64(1), uint32(1), false, uint32(0), uint32(4096))
	}
	f.Fuzz(func(t *testing.T, data []byte, rows, per int64, slabs uint32, flag bool, at, n uint32) {
		if rows < 0 || per < 1 || rows > math.MaxInt64/per || len(data) > 1<<20 {
			return
		}
		r := &StorageRecord{ID: 7, Kind: StorageGrid, DType: tensor.U8, Shape: tensor.Shape{rows, per}, Chunk: tensor.Shape{max((rows+1)/2, 1), 1}, Slabs: uint64(slabs), HasSlabs: flag, Pipelines: "a\nb"}
		if !flag || int64(slabs) > rows || int64(slabs) < rows/r.Chunk[0]+min(rows%r.Chunk[0], 1) {
			r.HasSlabs, r.Slabs = false, uint64(rows/r.Chunk[0]+min(rows%r.Chunk[0], 1))
		}
		file := &pagesFile{b: append(make([]byte, DataStart), data...)}
		r.Ref = Ref{Offset: DataStart + uint64(at)&^63, Length: n & 8191}
		reseal(file.b, r)
		root := &Root{Length: int64(len(file.b)) + RootSize}
		entries := 0
		NewChunks(file, r, root).Walk(ChunkVisitor{
			Entry: func(i int64, e *ChunkEntry, raw int64) error {
				if e.IsStored() && (e.Offset < DataStart || e.Offset+int64(e.Length) > int64(len(file.b))) {
					t.Fatalf("chunk %d outside: %+v", i, e)
				}
				if raw <= 0 || raw > MaxChunk && e.Coding == CodingRaw {
					t.Fatalf("chunk %d: %d raw bytes", i, raw)
				}
				if entries++; entries > len(data)/ChunkEntrySize+1 {
					t.Fatal("more entries than bytes")
				}
				return nil
			},
			Bad: func(i, n int64, err error) error {
				var e *tensor.Error
				if n <= 0 || !errors.As(err, &e) || e.Kind == nil {
					t.Fatalf("chunk %d, %d: %v", i, n, err)
				}
				return nil
			},
		})
		if file.read > 4*(len(data)/Align+4) {
			t.Fatalf("%d reads of %d bytes", file.read, len(data))
		}
		k := NewChunks(file, r, root).Cursor()
		for _, row := range []int64{0, rows / 2, rows - 1} {
			if row >= 0 && row < rows {
				if s, err := k.Find(row); err == nil {
					var e ChunkEntry
					k.Entry(s, per-1, &e)
				}
			}
		}
	})
}

// reseal gives the root page, and what it leads to, right checksums.
func reseal(b []byte, r *StorageRecord) {
	done := map[uint64]bool{}
	var fix func(ref *Ref, deep int)
	fix = func(ref *Ref, deep int) {
		if deep > 3 || done[ref.Offset] || ref.Offset < DataStart || ref.Length < ChunkPageSize || ref.Offset+uint64(ref.Length) > uint64(len(b)) || ref.Offset+uint64(ref.Length) < ref.Offset {
			return
		}
		p := b[ref.Offset:][:ref.Length]
		done[ref.Offset] = true
		if p[cpLevel] > 0 {
			for at := ChunkPageSize; at+DirEntrySize <= len(p); at += DirEntrySize {
				child := getRef(p[at:])
				if child.Offset != ref.Offset {
					fix(&child, deep+1)
				}
				child.put(p[at:])
			}
		}
		le.PutUint32(p[cpCRC:], Checksum(p[cpStorage:]))
		ref.CRC = Checksum(p)
	}
	fix(&r.Ref, 0)
}
