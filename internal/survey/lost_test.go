package survey

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// hurt changes a byte in the middle of chunks of a tensor, "m/values" being a part.
func hurt(t *testing.T, path, name string, chunks ...int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	src, err := mmap.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	m, err := inspect.Native(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	name = strings.Replace(name, "/", "\x00", 1)
	for _, n := range chunks {
		done := false
		for _, p := range m.Parts {
			if p.Kind == inspect.Chunk && slices.Contains(p.Tensors, name) && strings.HasPrefix(p.What, fmt.Sprintf("chunk %d of", n)) {
				b[p.Offset+p.Length/2] ^= 0x40
				done = true
			}
		}
		if !done {
			t.Fatalf("%q has no chunk %d of its own", name, n)
		}
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// ramp is 0, 1, 2, ... as f32.
func ramp(t *testing.T, shape ...int64) tensor.View {
	t.Helper()
	list := make([]float32, Product(shape))
	for i := range list {
		list[i] = float32(i)
	}
	v, err := tensor.FromSlice(list, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Of a tensor with damaged chunks the boxes that are lost are just those chunks, and
// the statistics are those of all other elements.
func TestLost(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "l.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(err)
	chunks := func(shape ...int64) *tensorfile.TensorOptions {
		return &tensorfile.TensorOptions{Chunk: shape, Codec: "zstd"}
	}
	must(w.Add(ctx, "plain", ramp(t, 70, 50), chunks(16, 16)))
	must(w.Add(ctx, "deep", ramp(t, 6, 7, 50), chunks(2, 3, 20)))
	must(w.Add(ctx, "line", ramp(t, 5000), chunks(512)))
	must(w.Add(ctx, "grown", ramp(t, 30, 12), chunks(8, 12)))
	must(w.Add(ctx, "sound", ramp(t, 30, 12), chunks(8, 12)))
	must(w.Add(ctx, "raw", ramp(t, 30, 12), nil))
	i4, err := tensor.Make(tensor.I4, tensor.Shape{20, 40})
	must(err)
	for i, b := 0, i4.Span(); i < len(b); i++ {
		b[i] = byte(i*i) & 0x77
	}
	must(w.Add(ctx, "packed", i4, chunks(8, 16)))
	scheme, err := quant.ParseScheme("i8:axis=0")
	must(err)
	q, err := quant.Quantise(ctx, ramp(t, 40, 32), scheme, 1)
	must(err)
	must(w.AddQuantised(ctx, "quantised", q, chunks(8)))
	must(w.Commit(ctx))
	must(w.Close())
	edit, err := tensorfile.OpenAppend(path, nil)
	must(err)
	_, err = edit.Append(ctx, "grown", ramp(t, 11, 12), nil) // from row 30 on, which begins no chunk
	must(err)
	must(edit.Commit(ctx))
	must(edit.Close())
	hurt(t, path, "plain", 5, 19)
	hurt(t, path, "deep", 0, 13)
	hurt(t, path, "line", 2, 3, 9)
	hurt(t, path, "grown", 1, 4)
	hurt(t, path, "packed", 4)
	hurt(t, path, "quantised/values", 2)
	f, err := tensorfile.Open(path, nil)
	must(err)
	defer f.Close()
	for name, want := range map[string]string{
		"plain": "[16:32, 16:32] [64:70, 48:50]",
		"deep":  "[0:2, 0:3, 0:20] [2:4, 3:6, 20:40]",
		"line":  "[1024:1536] [1536:2048] [4608:5000]",
		"grown": "[8:16, :] [30:38, :]", "packed": "[8:16, 16:32]", "quantised": "[16:24, :]", "sound": "", "raw": "",
	} {
		x, err := f.Tensor(name)
		must(err)
		for _, jobs := range []int{1, 3} {
			d, err := Describe(ctx, Pick{Tensor: x}, &StatsOptions{Quantiles: []float64{0.5}, Bins: 4, Jobs: jobs})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			gone := map[[3]int64]bool{}
			for i := range d.Lost {
				l := &d.Lost[i]
				got = append(got, l.Selection(x.Shape()).String())
				if l.Err == nil || !IsDamage(l.Err) {
					t.Errorf("%s: %v", name, l.Err)
				}
				at := [3]int64{}
				for k := range l.Elements() {
					for axis, rest := len(l.Shape)-1, k; axis >= 0; axis-- {
						at[axis] = l.First[axis] + rest%l.Shape[axis]
						rest /= l.Shape[axis]
					}
					gone[at] = true
				}
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s with %d jobs: lost %s, want %s", name, jobs, s, want)
			}
			if lost, is := map[string]int64{"packed": 8 * 16, "quantised": 8 * 32}[name]; is {
				if d.LostElements != lost || d.Count() != x.NumElements()-lost || d.Sum.Count != d.Count() {
					t.Errorf("%s: %d lost, %d counted of %d", name, d.LostElements, d.Sum.Count, d.Count())
				}
				continue
			}
			// The rest, from the numbers that were written.
			shape := x.Shape()
			n, sum, least, most := int64(0), 0.0, math.Inf(1), math.Inf(-1)
			for k := range x.NumElements() {
				at := [3]int64{}
				for axis, rest := len(shape)-1, k; axis >= 0; axis-- {
					at[axis] = rest % shape[axis]
					rest /= shape[axis]
				}
				if gone[at] {
					continue
				}
				v := float64(k)
				if name == "grown" && k >= 30*12 {
					v -= 30 * 12
				}
				n, sum, least, most = n+1, sum+v, min(least, v), max(most, v)
			}
			if d.Sum.Count != n || d.Count() != n || d.LostElements != x.NumElements()-n || d.Sum.Min.Float64() != least || d.Sum.Max.Float64() != most || math.Abs(d.Sum.Mean-sum/float64(n)) > 1e-9*most {
				t.Errorf("%s: %+v, want %d from %v to %v, mean %v", name, d.Sum, n, least, most, sum/float64(n))
			}
			counted := int64(0)
			for _, c := range d.Hist.Counts {
				counted += c
			}
			if counted != n {
				t.Errorf("%s: %d in the histogram, want %d", name, counted, n)
			}
		}
	}
}
