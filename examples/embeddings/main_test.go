package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
)

var places = []string{"the forest", "a garden", "the old town"}

// filled is a store of all sentences, and these.
func filled(t *testing.T) (store, []string) {
	t.Helper()
	ctx := context.Background()
	s, err := create(ctx, filepath.Join(t.TempDir(), "s.tensor"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, place := range places {
		if err := s.add(ctx, place, sentences(place)); err != nil {
			t.Fatal(err)
		}
		all = append(all, sentences(place)...)
	}
	return s, all
}

// cosine is that of the letter triples themselves, each counted at a place and
// with a sign, in whole numbers up to the last division.
func cosine(a, b string) float64 {
	count := func(text string) map[uint32]int {
		m := map[uint32]int{}
		for _, word := range strings.Fields(text) {
			word = "^" + word + "$"
			for i := 0; i+3 <= len(word); i++ {
				h := uint32(2166136261)
				for _, c := range []byte(word[i : i+3]) {
					h = (h ^ uint32(c)) * 16777619
				}
				if h < 1<<31 {
					m[h%dims]++
				} else {
					m[h%dims]--
				}
			}
		}
		return m
	}
	x, y := count(a), count(b)
	var xy, xx, yy int
	for k, n := range x {
		xy, xx = xy+n*y[k], xx+n*n
	}
	for _, n := range y {
		yy += n * n
	}
	return float64(xy) / math.Sqrt(float64(xx)*float64(yy))
}

// What is found is what a sort of all sentences finds.
func TestNearest(t *testing.T) {
	s, all := filled(t)
	questions := []string{"sleepy foxes are resting in a forest", "toads", "why does the old cat watch rain", "a hungry deer looks for food in a garden", "x"}
	for _, q := range questions {
		of := map[string]float64{}
		for _, text := range all {
			of[text] = cosine(q, text)
		}
		want := slices.Clone(all)
		slices.SortFunc(want, func(a, b string) int { return cmp.Compare(of[b], of[a]) })
		for _, n := range []int{1, 7, len(all) + 5} {
			got, err := s.nearest(context.Background(), q, n, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != min(n, len(all)) {
				t.Fatalf("%q: %d, want %d", q, len(got), n)
			}
			for i, h := range got {
				// Sentences of equal cosine may change places, so cosines are compared.
				if c := of[want[i]]; math.Abs(float64(h.cosine)-c) > 1e-6 || math.Abs(of[h.text]-c) > 1e-6 {
					t.Errorf("%q: place %d: %v, want %.7f as of %q", q, i, h, c, want[i])
				}
				if i > 0 && h.text == got[i-1].text {
					t.Errorf("%q: %q twice", q, h.text)
				}
			}
		}
	}
	best, err := s.nearest(context.Background(), all[100], 1, 0)
	if err != nil || len(best) != 1 || best[0].text != all[100] || math.Abs(float64(best[0].cosine)-1) > 1e-6 {
		t.Errorf("%q is nearest to %v (%v)", all[100], best, err)
	}
}

// An addition writes what is new and nothing else; what is removed goes, is still
// in the generation before, and is gone for good after a repack.
func TestLife(t *testing.T) {
	ctx := context.Background()
	s, all := filled(t)
	size := func() int64 {
		fi, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	before := size()
	more := []string{"a submarine", "two submarines"}
	if err := s.add(ctx, "sea", more); err != nil {
		t.Fatal(err)
	}
	if grown := size() - before; grown > 64<<10 {
		t.Errorf("two sentences took %d bytes", grown)
	}
	if err := s.add(ctx, "sea", more); err == nil {
		t.Error("a batch twice")
	}
	old, err := tensorfile.Open(s.path, nil) // a reader that stays
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	gone := all[400]
	generation, err := s.remove(ctx, gone)
	if err != nil {
		t.Fatal(err)
	}
	if generation != old.Info().Generation {
		t.Errorf("it is in generation %d, not in %d", generation, old.Info().Generation)
	}
	count := func(generation uint64) (n int, has bool) {
		hits, err := s.nearest(ctx, gone, 5000, generation)
		if err != nil {
			t.Fatal(err)
		}
		return len(hits), slices.ContainsFunc(hits, func(h hit) bool { return h.text == gone })
	}
	if n, has := count(0); n != len(all)+1 || has {
		t.Errorf("%d sentences, %v", n, has)
	}
	if n, has := count(generation); n != len(all)+2 || !has {
		t.Errorf("%d sentences before, %v", n, has)
	}
	if _, err := s.remove(ctx, gone); err == nil || !strings.Contains(err.Error(), "no sentence") {
		t.Error(err)
	}

	now, err := tensorfile.Open(s.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	want, err := now.Hash(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	before = size()
	if _, err := s.compact(ctx); err != nil {
		t.Fatal(err)
	}
	if after := size(); after > before-int64(len(sentences(places[0])))*dims*4 {
		t.Errorf("%d bytes became %d: less than the batch that was written twice", before, after)
	}
	packed, err := tensorfile.Open(s.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	if got, err := packed.Hash(ctx, nil); err != nil || got != want {
		t.Errorf("the repack holds something else: %v, %v", got, err)
	}
	if _, err := s.nearest(ctx, gone, 1, generation); err == nil {
		t.Error("the repack kept what was removed")
	}
	// The reader from before still has all of it.
	list, err := old.Tensor(places[1] + "/texts")
	if err != nil {
		t.Fatal(err)
	}
	strs, err := list.Strings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if texts, err := strs.List(ctx); err != nil || !slices.Contains(texts, gone) {
		t.Errorf("an open reader lost %q (%v)", gone, err)
	}
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	parts := strings.Split(out.String(), ":\n")
	if len(parts) != 4 {
		t.Fatalf("%d parts", len(parts))
	}
	top := func(part string) string { return strings.SplitN(part, "\n", 2)[0] }
	if a, b := top(parts[1]), top(parts[3]); a != b || a == top(parts[2]) || !strings.Contains(a, "a sleepy fox rests in the forest") {
		t.Errorf("%q, %q, %q", a, top(parts[2]), b)
	}
	var after, before int64
	last := strings.TrimSpace(out.String())
	if _, err := fmt.Sscanf(last[strings.LastIndex(last, "\n")+1:], "repacked: %d KiB, %d before", &after, &before); err != nil || after >= before {
		t.Errorf("%d to %d (%v)", before, after, err)
	}
}
