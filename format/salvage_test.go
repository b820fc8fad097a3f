package format

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func noTick(int64) error { return nil }

// A scan finds every chunk page by itself, with its storage, place and sum, and
// none of which a byte is wrong.
func TestScanFindsPages(t *testing.T) {
	r := testGrid(600, 1, false)
	f := newPagesFile()
	var want []FoundPage
	b := NewChunkBuilder(r, func(p []byte) (int64, error) {
		at, err := f.page(p)
		page := FoundPage{Storage: r.ID, First: int64(le.Uint64(p[cpFirst:])), Level: int(p[cpLevel]), Ref: Ref{uint64(at), uint32(len(p)), Checksum(p)}}
		want = append(want, page)
		return at, err
	})
	for i := range r.Chunks() {
		e := anEntry(r, i, 2)
		if err := b.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	scan := func() []FoundPage {
		s, err := ScanStructures(f, int64(len(f.b)), noTick)
		if err != nil {
			t.Fatal(err)
		}
		return s.Pages
	}
	got := scan()
	if len(got) != len(want) || len(want) < 3 {
		t.Fatalf("%d pages, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("page %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	last := want[len(want)-1]
	for at := last.Ref.Offset; at < last.Ref.Offset+uint64(last.Ref.Length); at++ {
		f.b[at] ^= 0x20
		if n := len(scan()); n != len(want)-1 {
			t.Errorf("byte %d of the last page is wrong, and %d pages are found", at-last.Ref.Offset, n)
		}
		f.b[at] ^= 0x20
	}
	// A page of no entry, of a negative first one, of a level too high.
	for what, change := range map[string]func(p []byte){
		"no entry":       func(p []byte) { le.PutUint32(p[cpLength:], ChunkPageSize) },
		"negative first": func(p []byte) { p[cpFirst+7] |= 0x80 },
		"level":          func(p []byte) { p[cpLevel] = MaxChunkLevel + 1 },
	} {
		p := bytes.Clone(f.b[last.Ref.Offset:][:last.Ref.Length])
		change(p)
		n := le.Uint32(p[cpLength:])
		le.PutUint32(p[cpCRC:], Checksum(p[cpStorage:n]))
		if x, ok := sniffPage(p, 0); ok {
			t.Errorf("%s: %+v", what, x)
		}
	}
}

type noReads struct{ pagesFile }

var errNoReads = errors.New("no reads")

func (*noReads) ReadAt([]byte, int64) (int, error) { return 0, errNoReads }

// What the disk does not give, and who asks to stop, end a scan.
func TestScanStops(t *testing.T) {
	f := newPagesFile()
	f.b = append(f.b, make([]byte, 3*scanWindow)...)
	stop := &tensor.Error{Kind: tensor.ErrLimit}
	var ticks []int64
	if s, err := ScanStructures(f, int64(len(f.b)), func(at int64) error {
		if ticks = append(ticks, at); len(ticks) == 3 {
			return stop
		}
		return nil
	}); err != error(stop) || s != nil {
		t.Errorf("%v, %v", s, err)
	}
	if want := int64(DataStart + 2*scanWindow); len(ticks) != 3 || ticks[2] != want {
		t.Errorf("asked at %v, want the third at %d", ticks, want)
	}
	if s, err := ScanStructures(&noReads{}, 1<<20, noTick); !errors.Is(err, errNoReads) || s != nil {
		t.Errorf("%v, %v", s, err)
	}
}
