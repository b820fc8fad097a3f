package loader_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
	"pgregory.net/rapid"
)

// pick is what a batch of these samples is, the slow way.
func pick(t testing.TB, all tensor.View, axis int, samples []int64) tensor.View {
	t.Helper()
	shape := all.Shape().Clone()
	shape[axis] = int64(len(samples))
	out := must(tensor.Make(all.DType(), shape))(t)
	for i, s := range samples {
		ok(t, tensor.Copy(must(out.Slice(axis, int64(i), int64(i)+1, 1))(t), must(all.Slice(axis, s, s+1, 1))(t)))
	}
	return out
}

// expected is what becomes of it by a source, element by element.
func expected(t testing.TB, v tensor.View, s loader.Source) tensor.View {
	t.Helper()
	if s.Rearrange != "" {
		var err error
		v, _, err = tensor.Rearrange(v, s.Rearrange, s.Sizes)
		ok(t, err)
	}
	d := s.DType
	if d == (tensor.DType{}) {
		d = v.DType()
	}
	if s.Scale == nil && s.Bias == nil {
		if d == v.DType() {
			return v
		}
		return must(v.Cast(d))(t)
	}
	at := func(list []float64, c int64, rest float64) float64 {
		switch len(list) {
		case 0:
			return rest
		case 1:
			return list[0]
		}
		return list[c]
	}
	out := must(tensor.Make(tensor.F64, v.Shape()))(t)
	idx := make([]int64, v.Rank())
	for n := v.NumElements(); n > 0; n-- {
		x, err := v.Float64At(idx...)
		if err != nil {
			t.Fatal(err) // not by must, which takes longer than all else
		}
		c := idx[s.Channel]
		y := float64(float32(float32(x)*float32(at(s.Scale, c, 1))) + float32(at(s.Bias, c, 0)))
		if d == tensor.F64 {
			y = float64(x*at(s.Scale, c, 1)) + at(s.Bias, c, 0)
		}
		if err := tensor.WriteElem(out, y, idx...); err != nil {
			t.Fatal(err)
		}
		for k := len(idx) - 1; k >= 0; k-- {
			if idx[k]++; idx[k] < v.Shape()[k] {
				break
			}
			idx[k] = 0
		}
	}
	return must(out.Cast(d))(t)
}

// Every way that a tensor is stored, and every thing that is done to its
// elements, gives the batches that slices of it give.
func TestBatches(t *testing.T) {
	const n = 211
	images := made(t, 1, tensor.U8, n, 6, 5, 3)
	floats := made(t, 2, tensor.F32, n, 9)
	across := made(t, 3, tensor.I16, 4, n, 5)
	cases := []struct {
		name string
		all  tensor.View
		src  loader.Source
	}{
		{"plain", images, loader.Source{}},
		{"cast", images, loader.Source{DType: tensor.F32}},
		{"arranged", images, loader.Source{Rearrange: "b h w c -> b c h w"}},
		{"arranged, cast, scaled", images, loader.Source{Rearrange: "b h w c -> b c h w", DType: tensor.F32, Scale: []float64{1. / 255, 1. / 128, 1. / 64}, Bias: []float64{-.5, .25, 1}, Channel: 1}},
		{"channels last", images, loader.Source{DType: tensor.F32, Scale: []float64{.1, .2, .3}, Channel: 3}},
		{"samples inside", images, loader.Source{Rearrange: "b h w c -> h (b w) c", DType: tensor.F32, Bias: []float64{1, 2, 3}, Channel: 2}},
		{"samples last", floats, loader.Source{Rearrange: "b f -> f b"}},
		{"half", images, loader.Source{Rearrange: "b h (w w2) c -> b c h w w2", Sizes: tensor.Sizes{"w2": 5}, DType: tensor.F16, Scale: []float64{.125}}},
		{"back to bytes", floats, loader.Source{DType: tensor.U8, Scale: []float64{.5}, Bias: []float64{3}}},
		{"axis 1", across, loader.Source{Axis: 1}},
		{"axis 1, cast", across, loader.Source{Axis: -2, DType: tensor.F32, Scale: []float64{2}, Bias: []float64{1, 2, 3, 4}, Channel: 0}},
		{"axis 1, all at once", across, loader.Source{Axis: 1, Rearrange: "a b c -> c a b", DType: tensor.F16, Scale: []float64{2, .5, 1, 3, .25}, Bias: []float64{1, 2, 3, 4, 5}, Channel: 0}},
		{"signed bytes", made(t, 4, tensor.I8, n, 7, 2), loader.Source{Rearrange: "b x y -> b y x", DType: tensor.I16, Scale: []float64{100, -3}, Channel: 1}},
		{"doubles", made(t, 4, tensor.U8, n, 70, 2), loader.Source{Rearrange: "b x y -> b y x", DType: tensor.F64, Bias: []float64{.5}}},
		{"many of a channel", made(t, 4, tensor.U8, n, 70, 2), loader.Source{Rearrange: "b x y -> y b x", DType: tensor.F32, Scale: []float64{.5, 3}, Channel: 0}},
		{"axis 1, arranged", across, loader.Source{Axis: 1, Rearrange: "a b c -> b c a"}},
	}
	count := 0
	for _, w := range ways {
		for _, c := range cases {
			for _, shuffle := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/shuffle=%v", w.name, c.name, shuffle), func(t *testing.T) {
					axis := c.src.Axis
					if axis < 0 {
						axis += c.all.Rank()
					}
					src := c.src
					src.Tensor = store(t, c.all, axis, w)
					l := must(loader.New(&loader.Options{Batch: 20, Shuffle: shuffle, Seed: 5, Epochs: 2, Memory: 4 << 20}, src))(t)
					seen := map[int64]int{}
					for b, err := range l.Batches(ctx) {
						ok(t, err)
						want := expected(t, pick(t, c.all, axis, b.Samples), c.src)
						same(t, fmt.Sprintf("epoch %d batch %d", b.Epoch, b.Index), b.Views[0], want)
						if !b.Views[0].IsContiguous() || b.Views[0].Order() != tensor.HostOrder {
							t.Error("not in C order and that of the machine")
						}
						for _, s := range b.Samples {
							seen[s]++
						}
						count++
					}
					for s := range int64(n) {
						if seen[s] != 2 {
							t.Fatalf("sample %d came %d times in two epochs", s, seen[s])
						}
					}
				})
			}
		}
	}
	t.Logf("%d batches", count)
	if count < 6000 {
		t.Error("fewer batches than there should be")
	}
}

func drawOptions(t *rapid.T, n int64) loader.Options {
	return loader.Options{
		Batch: rapid.Int64Range(1, n+10).Draw(t, "batch"), DropLast: rapid.Bool().Draw(t, "drop last"),
		Shuffle: rapid.Bool().Draw(t, "shuffle"), Seed: rapid.Uint64().Draw(t, "seed"),
		Block: rapid.SampledFrom([]int64{0, 0, 1, 7, 16, 50}).Draw(t, "block"), Window: rapid.SampledFrom([]int64{0, 0, 1, 30, 64, 1000}).Draw(t, "window"),
		Epochs: rapid.Int64Range(1, 3).Draw(t, "epochs"), World: rapid.Int64Range(1, 4).Draw(t, "world"),
		Division: rapid.SampledFrom([]loader.Division{loader.DivideAll, loader.DivideDrop, loader.DivideRepeat}).Draw(t, "division"),
		Memory:   8 << 20,
	}
}

// Samples of all ranks are each there once in every epoch, tensors stay zipped,
// and neither workers nor prefetch nor a break anywhere change a batch.
func TestProperties(t *testing.T) {
	const n = 203
	images, labels := made(t, 1, tensor.U8, n, 6, 5), made(t, 2, tensor.I64, n)
	pairs := [][2]way{{ways[0], ways[0]}, {ways[3], ways[0]}, {ways[3], ways[4]}, {ways[2], ways[6]}, {ways[5], ways[1]}}
	type pair struct{ x, y loader.Source }
	var stored []pair
	for _, p := range pairs {
		stored = append(stored, pair{
			loader.Source{Tensor: store(t, images, 0, p[0]), DType: tensor.F32, Rearrange: "b h w -> b w h"},
			loader.Source{Tensor: store(t, labels, 0, p[1])},
		})
	}
	loops, breaks := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		src := rapid.SampledFrom(stored).Draw(rt, "sources")
		o := drawOptions(rt, n)
		counts := make([][]int, o.Epochs)
		for e := range counts {
			counts[e] = make([]int, n)
		}
		perRank := map[int64]bool{}
		for o.Rank = 0; o.Rank < o.World; o.Rank++ {
			l := must(loader.New(&o, src.x, src.y))(t)
			list := take(t, l, -1)
			loops++
			perRank[int64(len(list))] = true
			if want := l.Plan().Batches * o.Epochs; int64(len(list)) != want {
				rt.Fatalf("%d batches, want %d", len(list), want)
			}
			for i, d := range list {
				if e := int64(i) / l.Plan().Batches; d.epoch != e || d.index != int64(i)%l.Plan().Batches {
					rt.Fatalf("batch %d is number %d of epoch %d", i, d.index, d.epoch)
				}
				for _, s := range d.samples {
					counts[d.epoch][s]++
				}
				same(t, "labels", d.views[1], pick(t, labels, 0, d.samples))
			}
			if len(list) > 0 {
				d := list[len(list)/2]
				same(t, "images", d.views[0], expected(t, pick(t, images, 0, d.samples), src.x))
			}
			// The same in other circumstances, cut in two.
			other := o
			other.Workers, other.Prefetch = rapid.IntRange(1, 5).Draw(rt, "workers"), rapid.IntRange(1, 9).Draw(rt, "prefetch")
			l = must(loader.New(&other, src.x, src.y))(t)
			at := rapid.IntRange(0, len(list)).Draw(rt, "break")
			head := take(t, l, at)
			state := must(loader.ParseState(mustJSON(t, l.State())))(t)
			other.Workers, other.Prefetch = rapid.IntRange(1, 5).Draw(rt, "workers"), rapid.IntRange(1, 9).Draw(rt, "prefetch")
			other.Resume = &state
			l = must(loader.New(&other, src.x, src.y))(t)
			equal(t, "resumed", append(head, take(t, l, -1)...), list)
			breaks++
		}
		for e, c := range counts {
			least, most := slices.Min(c), slices.Max(c)
			switch {
			case o.DropLast:
				if o.Division != loader.DivideRepeat && most > 1 {
					rt.Fatalf("epoch %d: a sample comes %d times", e, most)
				}
			case o.Division == loader.DivideAll && (least != 1 || most != 1):
				rt.Fatalf("epoch %d: samples come %d to %d times", e, least, most)
			case o.Division == loader.DivideDrop && most > 1, o.Division == loader.DivideRepeat && least < 1:
				rt.Fatalf("epoch %d: samples come %d to %d times", e, least, most)
			}
		}
		if o.Division != loader.DivideAll && len(perRank) > 1 {
			rt.Fatalf("ranks have %v batches", perRank)
		}
	})
	t.Logf("%d loops, %d cut and resumed", loops, breaks)
}
