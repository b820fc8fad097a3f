package inspect

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/spec"
	"github.com/tensorfile/tensorfile/tensor"
)

// grids is a file with tensors in chunks: two levels of pages, every coding,
// and two states of a tensor that grew.
func grids(t *testing.T) []byte {
	t.Helper()
	ctx := context.Background()
	path := t.TempDir() + "/a.tensor"
	fail := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Deterministic: true, Time: time.Unix(1700000000, 0)})
	fail(err)
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]int32, 300*64)
	for i := range x {
		switch c := i / 64; c % 4 {
		case 1:
			x[i] = 7 // constant
		case 2:
			x[i] = int32(rng.Uint32()) // raw
		case 3:
			x[i] = int32(i)
		}
	}
	v, err := tensor.FromSlice(x, 300*64)
	fail(err)
	fail(w.Add(ctx, "many", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{64}, Codec: "delta|bitpack"}))
	rows, err := tensor.FromSlice([]uint8{1, 2, 3, 4, 5, 6}, 2, 3)
	fail(err)
	fail(w.Add(ctx, "rows", rows, &tensorfile.TensorOptions{Codec: "raw"}))
	fail(w.Commit(ctx))
	fail(w.Close())
	e, err := tensorfile.OpenAppend(path, &tensorfile.AppendOptions{Time: time.Unix(1700000001, 0)})
	fail(err)
	defer e.Close()
	_, err = e.Append(ctx, "rows", rows, nil)
	fail(err)
	fail(e.Commit(ctx))
	fail(e.Close())
	b, err := os.ReadFile(path)
	fail(err)
	return b
}

func TestGrids(t *testing.T) {
	b := grids(t)
	m := mapOf(t, b)
	covered(t, m)
	rowsCover(t, m, b)
	if m.Damages() > 0 {
		t.Errorf("not sound: %v", m.Damage)
	}
	kinds := map[string]int{}
	for _, p := range m.Parts {
		kinds[p.Kind]++
		if !slices.Contains(spec.Headings(), p.Section) {
			t.Errorf("%s: the text has no section %q", p.What, p.Section)
		}
		if p.Kind == Unknown || (p.Kind == Chunk || p.Kind == ChunkPage) && len(p.Tensors) != 1 {
			t.Errorf("%s: of %v", p.What, p.Tensors)
		}
	}
	// 150 stored chunks and 3 pages below a root; 2 chunks and a page for each
	// state of the other.
	if kinds[Chunk] != 150+2 || kinds[ChunkPage] != 4+2 || kinds[Payload] != 0 {
		t.Errorf("parts: %v", kinds)
	}
	var text strings.Builder
	if err := m.WriteText(&text, true, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`chunk 2 of storage 1, raw: "many"`, `chunk 3 of storage 1, delta|bitpack: "many"`, `root chunk page of storage 1, chunks 0 to 299: "many"`,
		`"TSRP"`, "entry 1: chunks from 127 on", "entry 0: chunk 0, missing", "entry 1: chunk 1, constant", "what all elements are made of", "unit",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the dump lacks %s", want)
		}
	}
}

// A damaged page is marked, and what it does not lead to is unknown, not lost.
func TestDamagedPages(t *testing.T) {
	whole := grids(t)
	for _, p := range mapOf(t, whole).Parts {
		if p.Kind != ChunkPage {
			continue
		}
		for _, at := range []int64{p.Offset, p.Offset + p.Length/2, p.Offset + p.Length - 1} {
			b := bytes.Clone(whole)
			b[at] ^= 0x55
			m := mapOf(t, b)
			covered(t, m)
			if m.Damages() == 0 {
				t.Errorf("%s: a change at %d is not marked", p.What, at)
			}
			i := slices.IndexFunc(m.Parts, func(q Part) bool { return q.Kind == ChunkPage && q.Offset == p.Offset })
			if i < 0 || len(m.Parts[i].Damage) == 0 {
				t.Errorf("%s: a change at %d is not marked there", p.What, at)
			}
		}
	}
}
