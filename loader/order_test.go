package loader

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestPermutationIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 5000).Draw(t, "n")
		p := newPermutation(n, rapid.Uint64().Draw(t, "key"))
		seen := make([]bool, n)
		for i := range n {
			x := p.at(i)
			if x < 0 || x >= n || seen[x] {
				t.Fatalf("%d of %d goes to %d", i, n, x)
			}
			if seen[x] = true; p.find(x) != i {
				t.Fatalf("%d goes to %d, from where %d came", i, x, p.find(x))
			}
		}
	})
	for _, n := range []int64{1<<40 + 7, 1 << 62, 1<<63 - 1} {
		p := newPermutation(n, 5)
		for i := int64(0); i < 1000; i++ {
			at := n - 1 - i*(n/1001)
			if x := p.at(at); x < 0 || x >= n || p.find(x) != at {
				t.Fatalf("%d of %d goes to %d", at, n, x)
			}
		}
	}
}

// Each element goes to each place about as often, also where there are few, and
// each pair of neighbours is parted.
func TestPermutationIsUniform(t *testing.T) {
	for _, n := range []int64{2, 3, 5, 10, 64, 100} {
		const times = 6000
		counts := make([]int, n*n)
		neighbours := 0
		for seed := range uint64(times) {
			p := newPermutation(n, permutationKey(seed, 3, 1))
			for i := range n {
				x := p.at(i)
				counts[i*n+x]++
				if i > 0 && p.at(i-1)+1 == x {
					neighbours++
				}
			}
		}
		want := float64(times) / float64(n)
		chi := 0.0
		for _, c := range counts {
			d := float64(c) - want
			chi += d * d / want
		}
		// n*n cells with (n-1)^2 degrees of freedom: the mean is that, and the
		// deviation its root of twice.
		free := float64((n - 1) * (n - 1))
		if limit := free + 6*math.Sqrt(2*free) + 6; chi > limit {
			t.Errorf("n %d: chi-square %.1f of %.0f degrees of freedom", n, chi, free)
		}
		// A pair keeps its neighbourhood in one case of n.
		expect := float64(times) * float64(n-1) / float64(n)
		if d := float64(neighbours) - expect; d*d > 36*expect*2 {
			t.Errorf("n %d: %d neighbours stay together, want about %.0f", n, neighbours, expect)
		}
		t.Logf("n %d: chi-square %.1f, %.0f degrees of freedom; neighbours %d, expected %.0f", n, chi, free, neighbours, expect)
	}
}

// Every sample comes once in an epoch over all ranks, windows stay among
// themselves, and what is repeated or left out is what was said.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := order{
			n: rapid.Int64Range(1, 400).Draw(t, "n"), block: rapid.Int64Range(1, 40).Draw(t, "block"), group: rapid.Int64Range(1, 9).Draw(t, "group"),
			seed: rapid.Uint64().Draw(t, "seed"), shuffle: rapid.Bool().Draw(t, "shuffle"), inOrder: rapid.Bool().Draw(t, "in order"),
		}
		world := rapid.Int64Range(1, 7).Draw(t, "world")
		d := rapid.SampledFrom([]Division{DivideAll, DivideDrop, DivideRepeat}).Draw(t, "division")
		e := o.epoch(rapid.Int64Range(0, 3).Draw(t, "epoch"))
		for p := range o.n {
			if at := e.placeOf(p); p < e.start(at) || at+1 < o.blocks() && p >= e.start(at+1) {
				t.Fatalf("position %d is at place %d, which begins at %d", p, at, e.start(at))
			}
		}
		counts := make([]int, o.n)
		sizes := map[int64]bool{}
		total := int64(0)
		for rank := range world {
			lo, hi := share(o.n, rank, world, d)
			sizes[hi-lo] = true
			total += hi - lo
			for u := lo; u < hi; {
				s := e.window(u, lo, hi)
				if s.begin != u || s.end <= u || s.count > o.group {
					t.Fatalf("window %d to %d of %d blocks at %d", s.begin, s.end, s.count, u)
				}
				for ; u < s.end; u++ {
					x, place := e.sample(&s, u)
					if place < s.place || place >= s.place+s.count || e.blockAt(place) != x/o.block {
						t.Fatalf("sample %d at place %d of %d and %d more", x, place, s.place, s.count)
					}
					counts[x]++
					if !o.shuffle && x != u%o.n {
						t.Fatalf("sample %d at %d without a shuffle", x, u)
					}
				}
			}
		}
		var least, most int
		for i, c := range counts {
			if i == 0 {
				least, most = c, c
			}
			least, most = min(least, c), max(most, c)
		}
		switch {
		case d == DivideAll && (least != 1 || most != 1 || len(sizes) > 2):
			t.Fatalf("samples come %d to %d times, sizes %v", least, most, sizes)
		case d == DivideDrop && (most > 1 || len(sizes) != 1 || o.n-total >= world):
			t.Fatalf("samples come %d to %d times, sizes %v, %d left out", least, most, sizes, o.n-total)
		case d == DivideRepeat && (least < 1 || len(sizes) != 1 || total-o.n >= world):
			t.Fatalf("samples come %d to %d times, sizes %v, %d repeated", least, most, sizes, total-o.n)
		}
	})
}

func BenchmarkPermutation(b *testing.B) {
	p := newPermutation(1_281_167, 1)
	i := int64(0)
	for b.Loop() {
		i = p.at(i)
	}
}
