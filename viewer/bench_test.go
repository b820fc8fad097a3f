package viewer

import (
	"fmt"
	"testing"
)

// BenchmarkTile is a tile of a 20,000 x 20,000 f32 tensor that stands in memory: at the
// level at which all of it fits a screen, and while panning at full size.
func BenchmarkTile(b *testing.B) {
	path := hole(b, 20_000, 20_000)
	s := show(b, nil, path)
	s.ready()
	name := s.doc("tensors")["rows"].([]any)[0].(object)["name"].(string)
	ask := func(level, ty, tx int) {
		if w := s.ask("tile", "t="+name, fmt.Sprint("level=", level), fmt.Sprint("ty=", ty), fmt.Sprint("tx=", tx)); w.Code != 200 {
			b.Fatal(w.Body.String())
		}
	}
	ask(7, 0, 0) // it stands in memory now
	for _, level := range []int{0, 3, 5, 7} {
		b.Run(fmt.Sprintf("first/level=%d", level), func(b *testing.B) {
			side := min(int64(256)<<level, 20_000)
			b.SetBytes(4 * side * side)
			for b.Loop() {
				s.Server.cache = newCache(cacheBytes)
				ask(level, 0, 0)
			}
		})
	}
	b.Run("pan/level=0", func(b *testing.B) { // a screen of 1920 x 1080 is 5 x 8 tiles
		s.Server.cache = newCache(cacheBytes)
		b.SetBytes(4 * 256 * 256)
		for i := 0; b.Loop(); i++ {
			ask(0, i/78%78, i%78)
		}
	})
	b.Run("kept/level=3", func(b *testing.B) {
		for b.Loop() {
			ask(3, 1, 1)
		}
	})
}

// BenchmarkNames is the first page of a file of 232,670 names that was just opened, and
// a page that a filter leaves.
func BenchmarkNames(b *testing.B) {
	names := make([]string, 232_670)
	for i := range names {
		names[i] = fmt.Sprintf("model.layers.%06d.mlp.experts.weight", i)
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s := adopt(b, many(b, names))
			b.StartTimer()
			if d := s.doc("tensors", "limit=100"); len(d["rows"].([]any)) != 100 {
				b.Fatal(d)
			}
		}
	})
	s := adopt(b, many(b, names))
	s.ready()
	b.Run("filter", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.doc("tensors", fmt.Sprintf("filter=%d.mlp", i%100_000), "limit=100")
		}
	})
	b.Run("tree", func(b *testing.B) {
		for b.Loop() {
			s.doc("tree", "limit=100")
		}
	})
}
