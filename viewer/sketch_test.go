package viewer

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// A sketch of a plane in chunks decodes a few of them, whatever the size: it has their
// elements in their places, and around them their means. It says what it is of.
func TestSketch(t *testing.T) {
	defer func(n int64) { sketchElements = n }(sketchElements)
	sketchElements = 4 * 32 * 32
	const n, side = 128, 32
	rng := rand.New(rand.NewPCG(8, 2))
	list := make([]float32, n*n)
	for i := range list {
		list[i] = float32(i/n/side*1000+i%n/side*100) + float32(rng.IntN(64))/64
	}
	path := write(t, filepath.Join(t.TempDir(), "s.tensor"), func(f *tensorfile.Writer) {
		ok(t, f.Add(ctx, "x", slice(t, list, n, n), &tensorfile.TensorOptions{Chunk: tensor.Shape{side, side}, Codec: "zstd"}))
		ok(t, f.Add(ctx, "raw", slice(t, list, n, n), nil))
	})
	chunkMean := func(r, c int) float64 {
		sum := 0.0
		for y := r * side; y < (r+1)*side; y++ {
			for x := c * side; x < (c+1)*side; x++ {
				sum += float64(list[y*n+x])
			}
		}
		return sum / side / side
	}
	// Of 4 x 4 chunks 2 x 2 are decoded: the first of each two along each axis.
	want := func(y, x int, dead func(r, c int) bool) float32 {
		r, c := y/(2*side)*2, x/(2*side)*2
		inside := y/side == r && x/side == c
		switch {
		case inside && dead(r, c):
			d, _ := marks[float32]()
			return d
		case inside:
			return list[y*n+x]
		case dead(r, c):
			sum, k := 0.0, 0
			for i := range 4 {
				if a, b := i/2*2, i%2*2; !dead(a, b) {
					sum, k = sum+float64(float32(chunkMean(a, b))), k+1
				}
			}
			return float32(sum / float64(k))
		}
		return float32(chunkMean(r, c))
	}
	check := func(s *server, what string, dead func(r, c int) bool) {
		t.Helper()
		for l := range 4 {
			got, _ := raw[float32](s, "tile", "t=x", "reduce=sketch", fmt.Sprint("level=", l))
			cells := n >> l
			for i, v := range got {
				if w := want(i/cells<<l, i%cells<<l, dead); v != w && !(isDamaged(v) && isDamaged(w)) {
					t.Fatalf("%s, level %d, cell (%d, %d): %v, want %v", what, l, i/cells, i%cells, v, w)
				}
			}
			if len(got) != cells*cells {
				t.Fatalf("%s, level %d: %d cells", what, l, len(got))
			}
		}
	}
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	defer f.Close()
	x, err := f.Tensor("x")
	ok(t, err)
	p, err := newPlane(&handle{identity: "s"}, x, 0, 1, []int64{0, 0}, 2)
	ok(t, err)
	if _, seen, err := p.sketchTile(ctx, newCache(1<<20), levels{1, 1}, 0, 0); err != nil || seen.String() != "4 of 16 chunks" || f.ReadStats().Decoded != 4 {
		t.Errorf("%v, %v, %d chunks decoded", seen, err, f.ReadStats().Decoded)
	}
	s := show(t, nil, path)
	check(s, "sound", func(_, _ int) bool { return false })
	if got := s.ask("tile", "t=x", "reduce=sketch").Header().Get("X-Seen"); got != "4 of 16 chunks" {
		t.Error(got)
	}
	got, _ := raw[float32](s, "tile", "t=raw", "reduce=sketch", "level=2")
	same(t, "raw", got, cellsWanted(n, n, func(r, c int64) float64 { return float64(list[r*n+c]) }, "nearest", 2, 2, 0, 0))
	s.status(400, "tile", "t=x", "reduce=sketch", "op=absdiff", "g=0", "u=x")

	// A chunk that is damaged is marked, and what it stood for has the mean of the others.
	hurt(t, path, "x", 2) // row 0, column 2
	check(show(t, nil, path), "damaged", func(r, c int) bool { return r == 0 && c == 2 })

	// Of a stream the rows that come first are decoded.
	npz := filepath.Join(filepath.Dir(path), "s.npz")
	_, err = convert.Files(ctx, []string{write(t, filepath.Join(t.TempDir(), "a.tensor"), func(f *tensorfile.Writer) { ok(t, f.Add(ctx, "x", slice(t, list, n, n), nil)) })}, npz, &convert.Options{NoSync: true, Write: convert.WriteOptions{Compress: true}})
	ok(t, err)
	s = show(t, nil, npz)
	if got := s.ask("tile", "t=x", "reduce=sketch", "level=1").Header().Get("X-Seen"); got != "128 of 128 rows" { // all of it fits
		t.Error(got)
	}
	got, _ = raw[float32](s, "tile", "t=x", "reduce=sketch", "level=1")
	same(t, "stream", got, cellsWanted(n, n, func(r, c int64) float64 { return float64(list[r*n+c]) }, "nearest", 1, 1, 0, 0))
	got, _ = raw[float32](s, "tile", "t=x", "y=1", "x=0", "reduce=sketch") // turned: 32 of its columns
	sum := 0.0
	for i := range n * side {
		sum += float64(list[i])
	}
	for i, v := range got {
		w := list[i%n*n+i/n]
		if i%n >= side {
			w = float32(sum / n / side)
		}
		if v != w {
			t.Fatalf("turned, cell (%d, %d): %v, want %v", i/n, i%n, v, w)
		}
	}
}

// Things along two axes are taken as evenly along one as along the other, and no more
// than there are.
func TestSpread(t *testing.T) {
	for _, c := range []struct{ n, want [2]int64 }{
		{[2]int64{1, 1}, [2]int64{1, 1}}, {[2]int64{4, 4}, [2]int64{4, 4}}, {[2]int64{20, 20}, [2]int64{8, 8}}, {[2]int64{100, 1}, [2]int64{64, 1}},
		{[2]int64{3, 1000}, [2]int64{1, 64}}, {[2]int64{40, 10}, [2]int64{16, 4}}, {[2]int64{5, 7}, [2]int64{5, 7}},
	} {
		if got := spread(c.n, mostSketched); got != c.want {
			t.Errorf("%v of %v, want %v", got, c.n, c.want)
		}
	}
}
