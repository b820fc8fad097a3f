package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
	"pgregory.net/rapid"
)

func scanAll(t testing.TB, c *format.Catalog) (names []string, gens []uint64) {
	t.Helper()
	s, err := c.Scanner()
	if err != nil {
		t.Fatal(err)
	}
	for {
		rec, more, err := s.Next()
		if err != nil || !more {
			if err != nil {
				t.Fatal(err)
			}
			return names, gens
		}
		names, gens = append(names, rec.Name), append(gens, rec.Generation)
	}
}

// key makes the i-th name of a pool: long and short, with common prefixes and
// parts.
func key(i int) string {
	switch i % 5 {
	case 0:
		return fmt.Sprintf("layer.%d.weight", i)
	case 1:
		return fmt.Sprintf("%c%d", 'A'+i%26, i)
	case 2:
		return fmt.Sprintf("layer.%d.comp\x00values", i/10)
	case 3:
		return strings.Repeat("long/", i%190+1) + fmt.Sprint(i)
	}
	return fmt.Sprintf("ünicode %d", i)
}

// TestCatalogModel compares catalogs of 1 to 16 runs with a map: the newest
// run wins, deletions hide what is older, and nothing else is there.
func TestCatalogModel(t *testing.T) {
	checks := 0
	rapid.Check(t, func(t *rapid.T) {
		checks++
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		pool := rapid.IntRange(1, 400).Draw(t, "names")
		if checks%20 == 0 {
			pool = 4000 // names, ends and heap of several pages of 64 KiB
		}
		type entry struct {
			gen     int
			offset  uint64
			deleted bool
		}
		model := map[string]entry{}
		owner := map[uint64]uint64{} // storage id -> block exponent
		nextID := uint64(1)
		var gens []forge.Gen
		for g := range rapid.IntRange(1, 16).Draw(t, "runs") {
			gen := forge.Gen{PageExp: byte(rapid.IntRange(12, 16).Draw(t, "page exponent"))}
			if rng.IntN(4) == 0 {
				gen.TensorSize, gen.StorageSize = 64+8*rng.IntN(3), 96+8*rng.IntN(20)
			}
			pick := map[string]bool{}
			share := pool
			if g > 0 {
				share = max(pool/8, 1)
			}
			for range rng.IntN(share + 1) {
				pick[key(rng.IntN(pool))] = true
			}
			if rng.IntN(3) == 0 {
				pick[""] = true
			}
			names := make([]string, 0, len(pick))
			for k := range pick {
				names = append(names, k)
			}
			sort.Strings(names)
			for _, k := range names {
				tr := forge.Tensor{Name: k, DType: forge.U8, Shape: []uint64{0, 3}, Strides: []int64{3, 1}, Offset: 0}
				e := entry{gen: g + 1}
				switch {
				case rng.IntN(4) == 0:
					tr = forge.Tensor{Name: k, Kind: forge.KindDeleted}
					e.deleted = true
				case k == "":
					tr = forge.Tensor{Kind: 3, Attrs: fmt.Sprintf(`{"g":%d}`, g)}
				default:
					e.offset = rng.Uint64N(1 << 40)
					tr.Offset = e.offset
					tr.Attrs = strings.Repeat(" ", rng.IntN(30))
				}
				model[k] = e
				gen.Tensors = append(gen.Tensors, tr)
			}
			// Some storages are new, some are told again, with gaps.
			var ids []uint64
			for id := range owner {
				if rng.IntN(8) == 0 {
					ids = append(ids, id)
				}
			}
			for range rng.IntN(12) {
				nextID += uint64(rng.IntN(2) * rng.IntN(5))
				ids = append(ids, nextID)
				nextID++
			}
			slices.Sort(ids)
			for _, id := range ids {
				exp := 20 + rng.Uint64N(11)
				owner[id] = exp
				gen.Storages = append(gen.Storages, forge.Storage{ID: id, Exp: byte(exp)})
			}
			gens = append(gens, gen)
		}
		im := forge.Build(false, gens...)
		for _, mapped := range []bool{true, false} {
			c, err := catalogOf(im.B, mapped)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for k, e := range model {
				if !e.deleted {
					want = append(want, k)
				}
			}
			sort.Strings(want)
			s, err := c.Scanner()
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; ; i++ {
				rec, more, err := s.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !more {
					if i != len(want) {
						t.Fatalf("scanned %d names, want %d", i, len(want))
					}
					break
				}
				if i >= len(want) || rec.Name != want[i] || rec.Generation != uint64(model[rec.Name].gen) {
					t.Fatalf("name %d is %q of generation %d, want %q", i, rec.Name, rec.Generation, want[min(i, len(want)-1)])
				}
			}
			for range 8 { // a walk from anywhere on, and from there to elsewhere
				from := key(rng.IntN(pool + 10))
				from = from[:rng.IntN(len(from)+1)]
				if err := s.Seek(from); err != nil {
					t.Fatal(err)
				}
				at, _ := slices.BinarySearch(want, from)
				for i := range 1 + rng.IntN(100) {
					rec, more, err := s.Next()
					if err != nil || more != (at+i < len(want)) {
						t.Fatalf("%q: name %d behind it: %v, %v of %d", from, i, err, more, len(want)-at)
					}
					if !more {
						break
					}
					if rec.Name != want[at+i] || rec.Generation != uint64(model[rec.Name].gen) {
						t.Fatalf("%q: name %d behind it is %q of generation %d, want %q", from, i, rec.Name, rec.Generation, want[at+i])
					}
				}
			}
			var rec format.TensorRecord
			for range 60 {
				k := key(rng.IntN(pool + 10))
				if rng.IntN(10) == 0 {
					k = ""
				}
				e, ok := model[k]
				found, err := c.Tensor(k, &rec)
				if err != nil || found != (ok && !e.deleted) {
					t.Fatalf("%q: found %v, %v; want %+v", k, found, err, e)
				}
				if found && (rec.Name != k || rec.Generation != uint64(e.gen) || k != "" && uint64(rec.Offset) != e.offset) {
					t.Fatalf("%q: %+v, want %+v", k, rec, e)
				}
			}
			for id := range nextID + 2 {
				var s format.StorageRecord
				found, err := c.Storage(id, &s)
				exp, ok := owner[id]
				if err != nil || found != ok || found && (s.ID != id || uint64(s.Block) != exp) {
					t.Fatalf("storage %d: %v, %v, %+v; want %v, %d", id, found, err, s, ok, exp)
				}
			}
			seen := map[uint64]bool{}
			if err := c.ScanStorages(func(s *format.StorageRecord) error {
				if seen[s.ID] || uint64(s.Block) != owner[s.ID] {
					t.Errorf("storage %d twice, or an older one of block %d", s.ID, s.Block)
				}
				seen[s.ID] = true
				return nil
			}); err != nil || len(seen) != len(owner) {
				t.Fatalf("%d storages, %v, want %d", len(seen), err, len(owner))
			}
			runs, err := c.Runs()
			if err != nil || len(runs) != len(gens) {
				t.Fatalf("%d runs, %v", len(runs), err)
			}
		}
	})
}

// Older runs win nowhere, also when they are listed but hold a higher offset.
func TestCatalogRunsHide(t *testing.T) {
	one := func(name string, off uint64) forge.Tensor {
		return forge.Tensor{Name: name, Storage: 1, Offset: off, DType: forge.U8}
	}
	im := forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{one("a", 1), one("b", 2), one("c", 3)}, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 100)}}},
		forge.Gen{Tensors: []forge.Tensor{one("a", 11), {Name: "b", Kind: forge.KindDeleted}}},
		forge.Gen{Tensors: []forge.Tensor{one("b", 22), {Name: "c", Kind: forge.KindDeleted}, {Name: "never", Kind: forge.KindDeleted}}},
	)
	bothWays(t, func(t *testing.T, mapped bool) {
		names, gens := scanAll(t, mustCatalog(t, im, mapped))
		if !slices.Equal(names, []string{"a", "b"}) || !slices.Equal(gens, []uint64{2, 3}) {
			t.Errorf("%q %v", names, gens)
		}
	})
	// A run that lists no older ones is the whole catalog.
	im = forge.Build(false, forge.Gen{Tensors: []forge.Tensor{one("a", 1)}}, forge.Gen{Tensors: []forge.Tensor{one("z", 2)}, Alone: true})
	if names, _ := scanAll(t, mustCatalog(t, im, true)); !slices.Equal(names, []string{"z"}) {
		t.Errorf("%q", names)
	}
}

func manyTensors(n int) []forge.Tensor {
	var ts []forge.Tensor
	for i := range n {
		ts = append(ts, forge.Tensor{Name: fmt.Sprintf("tensor.%06d", i), DType: forge.F32, Shape: []uint64{0}, Strides: []int64{4}, Attrs: fmt.Sprintf(`{"i":%d}`, i)})
	}
	return ts
}

// Damage in one page of the catalog is told with its place and leaves every
// tensor readable that does not need the page.
func TestPageDamageIsLocal(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		im := forge.File(manyTensors(2000))
		p := im.Last()
		const bad = 1234
		page := (p.Tensors[bad] - p.Body) >> 12
		im.B[p.Tensors[bad]+60] ^= 0x10
		c := mustCatalog(t, im, mapped)
		var rec format.TensorRecord
		failed := 0
		for i := range 2000 {
			found, err := c.Tensor(fmt.Sprintf("tensor.%06d", i), &rec)
			first, last := (p.Tensors[i]-p.Body)>>12, (p.Tensors[i]+63-p.Body)>>12
			if first == page || last == page {
				failed++
				wantError(t, err, tensor.ErrCorrupt, format.RulePageCRC, p.Body+page<<12)
				continue
			}
			if !found || err != nil {
				t.Fatalf("tensor %d: %v, %v", i, found, err)
			}
		}
		if failed != 64 {
			t.Errorf("%d tensors failed, want the 64 of one page", failed)
		}
		// It was not taken for sound by the first look.
		if _, err := c.Tensor(fmt.Sprintf("tensor.%06d", bad), &rec); err == nil {
			t.Error("the second look finds nothing")
		}
		s, err := c.Scanner()
		if err != nil {
			t.Fatal(err)
		}
		good := 0
		for {
			rec, more, err := s.Next()
			if !more && err == nil {
				break
			}
			if err == nil && rec.Name != "" {
				good++
			}
			if more && (rec == nil || rec.Name == "") {
				t.Fatalf("an error without a name: %v", err)
			}
			if !more {
				t.Fatalf("the walk ended: %v", err)
			}
		}
		if good != 2000-64 {
			t.Errorf("%d tensors after the damage", good)
		}
	})
}

// That other pages were checked says nothing of one: it is checked when it is
// read first, whatever was read before.
func TestEachPageIsChecked(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		for _, bad := range []int64{0, 1, 31, 32, 33, 34, 63, 64, 65, 66} {
			im := forge.File(manyTensors(4500))
			p := im.Last()
			im.B[p.Body+bad<<12+17] ^= 0x10
			c := mustCatalog(t, im, mapped)
			var rec format.TensorRecord
			look := func(in bool) {
				for i := range 4500 {
					if page := (p.Tensors[i] - p.Body) >> 12; (page == bad) != in || in && (p.Tensors[i]+63-p.Body)>>12 != page {
						continue
					}
					if _, err := c.Tensor(fmt.Sprintf("tensor.%06d", i), &rec); in || err != nil && (p.Tensors[i]+63-p.Body)>>12 != bad {
						if in {
							wantError(t, err, tensor.ErrCorrupt, format.RulePageCRC, p.Body+bad<<12)
						} else {
							t.Fatalf("page %d is bad, tensor %d: %v", bad, i, err)
						}
					}
				}
			}
			look(false)
			look(true)
		}
	})
}

// A walk takes names and parts as long as the rules allow, and refuses longer
// ones, first or behind others.
func TestScannerLongNames(t *testing.T) {
	long := func(c string, n int) string {
		return strings.Repeat(c, n) + "\x00" + strings.Repeat("r", 32) + "\x00" + strings.Repeat("s", 32)
	}
	dense := func(name string) forge.Tensor {
		return forge.Tensor{Name: name, DType: forge.U8, Shape: []uint64{0}, Strides: []int64{1}}
	}
	bothWays(t, func(t *testing.T, mapped bool) {
		want := []string{long("a", 1024), long("b", 1024), "c", long("d", 1024)}
		s, err := mustCatalog(t, forge.File([]forge.Tensor{dense(want[0]), dense(want[1]), dense(want[2]), dense(want[3])}), mapped).Scanner()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if rec, _, err := s.Next(); err != nil || rec == nil || rec.Name != name {
				t.Fatalf("%v, %v", rec, err)
			}
		}
		for first, names := range [][]string{{long("a", 1025)}, {"a", long("b", 1025)}, {"a", "b", long("c", 1025)}} {
			var ts []forge.Tensor
			for _, name := range names {
				ts = append(ts, dense(name))
			}
			im := forge.File(ts)
			s, err := mustCatalog(t, im, mapped).Scanner()
			n := 0
			for err == nil {
				var more bool
				if _, more, err = s.Next(); !more {
					break
				}
				n++
			}
			wantError(t, err, tensor.ErrFormat, format.RuleNameLength, im.Last().Names+int64(first))
			if n != first {
				t.Errorf("%d names before the long one, want %d", n, first)
			}
		}
	})
}

// Damage under a part is an error of all that asks for the parts, not a part
// that is not there.
func TestPartsOfDamage(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		ts := manyTensors(200)
		ts = append(ts, forge.Tensor{Name: "z", Kind: 2, Layout: 1, DType: forge.F32, Shape: []uint64{2}, Strides: []int64{0}})
		for i := range 100 {
			ts = append(ts, forge.Tensor{Name: fmt.Sprintf("z\x00r%02d", i), DType: forge.F32, Shape: []uint64{0}, Strides: []int64{4}})
		}
		im := forge.File(ts)
		if recs, err := mustCatalog(t, im, mapped).Parts("z"); err != nil || len(recs) != 100 || recs[0].Name != "z\x00r00" || recs[99].Name != "z\x00r99" {
			t.Fatalf("%d parts, %v", len(recs), err)
		}
		p := im.Last()
		im.B[p.Tensors[250]+9] ^= 1
		_, err := mustCatalog(t, im, mapped).Parts("z")
		wantError(t, err, tensor.ErrCorrupt, format.RulePageCRC, p.Body+(p.Tensors[250]-p.Body)>>12<<12)
	})
}

// A salvage loses the records that lie in a damaged page, with their ends, and
// not one more.
func TestSalvageLosesOnePage(t *testing.T) {
	const n = 2000
	im := forge.File(manyTensors(n))
	p := im.Last()
	for page := range (p.Heap - p.Body) >> 12 {
		b := bytes.Clone(im.B)
		b[p.Body+page<<12+5] ^= 1
		at, end := p.Body+page<<12, p.Body+(page+1)<<12
		meets := func(from, size int64) bool { return from < end && from+size > at }
		name := p.Names
		want := 0
		for i := range int64(n) {
			hit := meets(p.Tensors[i], 64) || meets(p.Ends+4*i, 4) || i > 0 && meets(p.Ends+4*i-4, 4) || meets(name, 13)
			if name += 13; hit || meets(p.THeaps[i], 1) {
				want++
			}
		}
		c, err := catalogOf(b, true)
		if err != nil {
			t.Fatal(err)
		}
		runs, err := c.Runs()
		if err != nil {
			t.Fatal(err)
		}
		kept, told := 0, 0
		lost := runs[0].Salvage(func(*format.TensorRecord) { kept++ }, func(*format.StorageRecord) { t.Error("a storage") }, func(error) { told++ })
		if kept != n-want || lost != int64(want) || told != want {
			t.Errorf("page %d: %d kept, %d lost, %d told, want %d lost", page, kept, lost, told, want)
		}
	}
}

// Opening reads the head; a lookup reads a logarithm of the pages.
func TestLookupReadsLittle(t *testing.T) {
	im := forge.File(manyTensors(20_000))
	reads := 0
	src := memSource{b: im.B, reads: &reads}
	ch, err := rootOf(im.B)
	if err != nil {
		t.Fatal(err)
	}
	c, err := format.OpenCatalog(src, &ch.Root)
	if err != nil {
		t.Fatal(err)
	}
	if int64(reads) != im.Last().Len {
		t.Errorf("open read %d bytes, the head has %d", reads, im.Last().Len)
	}
	reads = 0
	var rec format.TensorRecord
	if found, err := c.Tensor("tensor.010101", &rec); !found || err != nil || string(rec.Attrs) != `{"i":10101}` {
		t.Fatalf("%v %v %s", found, err, rec.Attrs)
	}
	if reads > 32*4096 {
		t.Errorf("a lookup read %d pages", reads/4096)
	}
	first := reads
	if _, err := c.Tensor("tensor.010101", &rec); err != nil || reads != first {
		t.Errorf("the second lookup read %d bytes more, %v", reads-first, err)
	}
}

// A walk from a name on reads a logarithm of the pages and what it walks.
func TestSeekReadsLittle(t *testing.T) {
	im := forge.File(manyTensors(20_000))
	reads := 0
	ch, err := rootOf(im.B)
	if err != nil {
		t.Fatal(err)
	}
	c, err := format.OpenCatalog(memSource{b: im.B, reads: &reads}, &ch.Root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Scanner()
	if err != nil {
		t.Fatal(err)
	}
	reads = 0
	if err := s.Seek("tensor.0177"); err != nil {
		t.Fatal(err)
	}
	for i := 17_700; i < 17_720; i++ {
		if rec, _, err := s.Next(); err != nil || rec.Name != fmt.Sprintf("tensor.%06d", i) || string(rec.Attrs) != fmt.Sprintf(`{"i":%d}`, i) {
			t.Fatalf("%d: %+v, %v", i, rec, err)
		}
	}
	if all := int(im.Last().Trailer) - int(im.Last().Heap); reads > 40*4096 || all < 100*4096 {
		t.Errorf("%d pages of more than %d read", reads/4096, all/4096)
	}
	if err := s.Seek("u"); err != nil {
		t.Fatal(err)
	}
	if rec, more, err := s.Next(); rec != nil || more || err != nil {
		t.Errorf("behind the last name stands %+v, %v", rec, err)
	}
}

// The body of a run past 32 MiB has pages of 64 KiB, so that its head stays
// small; a source that is not mapped keeps a bounded number of them.
func TestLargeBody(t *testing.T) {
	if testing.Short() {
		t.Skip("80 MiB of catalog")
	}
	attrs := bytes.Repeat([]byte{' '}, 1<<20)
	var ts []format.TensorRecord
	for i := range 80 {
		ts = append(ts, format.TensorRecord{Name: fmt.Sprintf("t%02d", i), Kind: format.KindDense, Generation: 1, DType: tensor.U8, Shape: tensor.Shape{0}, Strides: tensor.Strides{1}, Attrs: attrs})
	}
	b, ref, err := format.AppendRun(make([]byte, 12288), ts, nil, format.RunParams{UUID: forge.UUID, Generation: 1, Begin: 12288, NextID: 1})
	if err != nil {
		t.Fatal(err)
	}
	if ref.Length > 36<<10 || b[ref.Offset+forge.NPageExp] != 16 {
		t.Errorf("head of %d bytes, page exponent %d", ref.Length, b[ref.Offset+forge.NPageExp])
	}
	root := format.Root{UUID: forge.UUID, Generation: 1, Length: 1 << 40, Catalog: ref}
	c, err := format.OpenCatalog(memSource{b: b}, &root)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 80 {
			var rec format.TensorRecord
			if found, err := c.Tensor(fmt.Sprintf("t%02d", i), &rec); !found || err != nil || len(rec.Attrs) != 1<<20 {
				t.Fatal(found, err)
			}
		}
	}
}

func TestCatalogConcurrent(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		im := forge.Build(false, forge.Gen{Tensors: manyTensors(3000)}, forge.Gen{Tensors: manyTensors(10)})
		c := mustCatalog(t, im, mapped)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				var rec format.TensorRecord
				for i := range 300 {
					n := (i*7919 + w*31) % 3000
					found, err := c.Tensor(fmt.Sprintf("tensor.%06d", n), &rec)
					if !found || err != nil || string(rec.Attrs) != fmt.Sprintf(`{"i":%d}`, n) {
						t.Error(n, found, err, string(rec.Attrs))
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// Records that a lookup returns are the caller's: reuse keeps their memory, and
// a change of the file behind a mapping does not reach them.
func TestRecordsAreCopies(t *testing.T) {
	im := forge.File([]forge.Tensor{{Name: "a", DType: forge.U8, Shape: []uint64{0, 9}, Strides: []int64{9, 1}, Attrs: `{"x":1}`}})
	c := mustCatalog(t, im, true)
	var rec format.TensorRecord
	if _, err := c.Tensor("a", &rec); err != nil {
		t.Fatal(err)
	}
	before := &rec.Shape[0]
	p := im.Last()
	clear(im.B[p.Body:p.Head])
	if !rec.Shape.Equal(tensor.Shape{0, 9}) || string(rec.Attrs) != `{"x":1}` {
		t.Errorf("%+v changed with the file", rec)
	}
	im = forge.File([]forge.Tensor{{Name: "b", DType: forge.U8, Shape: []uint64{0, 8}, Strides: []int64{8, 1}}})
	if _, err := mustCatalog(t, im, true).Tensor("b", &rec); err != nil || &rec.Shape[0] != before {
		t.Errorf("memory was not reused: %v", err)
	}
}

// What a walk says of names that break a rule, and that it then ends.
func TestScannerNames(t *testing.T) {
	three := func() *forge.Image {
		return forge.File([]forge.Tensor{{Name: "aa", DType: forge.U8, Shape: []uint64{0}, Strides: []int64{1}}, {Name: "bb", DType: forge.U8, Shape: []uint64{0}, Strides: []int64{1}}, {Name: "cc", DType: forge.U8, Shape: []uint64{0}, Strides: []int64{1}}})
	}
	for _, c := range []struct {
		what  string
		brk   func(im *forge.Image, p *forge.Pos)
		kind  error
		rule  string
		at    func(p *forge.Pos) int64
		first int // names before the error
	}{
		{"order", func(im *forge.Image, p *forge.Pos) { im.Put(p.Names+4, "ab") }, tensor.ErrCorrupt, format.RuleNameOrder, func(p *forge.Pos) int64 { return p.Names + 4 }, 2},
		{"twice", func(im *forge.Image, p *forge.Pos) { im.Put(p.Names+4, "bb") }, tensor.ErrDuplicate, format.RuleNameOrder, func(p *forge.Pos) int64 { return p.Names + 4 }, 2},
		{"control", func(im *forge.Image, p *forge.Pos) { im.Put(p.Names+4, "c\n") }, tensor.ErrFormat, format.RuleNameByte, func(p *forge.Pos) int64 { return p.Names + 5 }, 2},
		{"utf8", func(im *forge.Image, p *forge.Pos) { im.Put(p.Names+4, "c\xff") }, tensor.ErrFormat, format.RuleNameUTF8, func(p *forge.Pos) int64 { return p.Names + 5 }, 2},
		{"ends fall", func(im *forge.Image, p *forge.Pos) { im.P32(p.Ends+4, 1) }, tensor.ErrCorrupt, format.RuleNameEnds, func(p *forge.Pos) int64 { return p.Ends + 4 }, 1},
		{"ends leave", func(im *forge.Image, p *forge.Pos) { im.P32(p.Ends+8, 7) }, tensor.ErrCorrupt, format.RuleNameEnds, func(p *forge.Pos) int64 { return p.Ends + 8 }, 2},
	} {
		bothWays(t, func(t *testing.T, mapped bool) {
			im := three()
			p := im.Last()
			c.brk(im, p)
			s, err := mustCatalog(t, im.Seal(), mapped).Scanner()
			n := 0
			for err == nil {
				var more bool
				if _, more, err = s.Next(); !more {
					break
				}
				n++
			}
			wantError(t, err, c.kind, c.rule, c.at(p))
			if n != c.first {
				t.Errorf("%s: %d names before the error, want %d", c.what, n, c.first)
			}
			if _, more, again := s.Next(); more || again == nil {
				t.Errorf("%s: goes on: %v, %v", c.what, more, again)
			}
		})
	}
}

// An error of the source comes through as it is.
type failing struct {
	memSource
	after int64
}

var errDisk = errors.New("disk")

func (f failing) Fetch(off uint64, n int) ([]byte, error) {
	if int64(off)+int64(n) > f.after {
		return nil, errDisk
	}
	return f.memSource.Fetch(off, n)
}

func TestSourceErrors(t *testing.T) {
	im := forge.File(manyTensors(500))
	ch, err := rootOf(im.B)
	if err != nil {
		t.Fatal(err)
	}
	for _, mapped := range []bool{true, false} {
		c, err := format.OpenCatalog(failing{memSource{b: im.B, mapped: mapped}, im.Last().Body + 8192}, &ch.Root)
		if mapped {
			if !errors.Is(err, errDisk) { // it asks for the whole body at once
				t.Error(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var rec format.TensorRecord
		if _, err := c.Tensor("tensor.000001", &rec); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		if _, err := c.Scanner(); !errors.Is(err, errDisk) {
			t.Error(err)
		}
	}
}
