package tensorfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// behind is a with the rows of b behind it.
func behind(t testing.TB, a, b tensor.View) tensor.View {
	t.Helper()
	shape := a.Shape().Clone()
	shape[0] += b.Shape()[0]
	v := must(tensor.Make(a.DType(), shape))(t)
	if a.NumElements() > 0 {
		ok(t, tensor.Copy(must(v.Slice(0, 0, a.Shape()[0], 1))(t), a))
	}
	ok(t, tensor.Copy(must(v.Slice(0, a.Shape()[0], tensor.None, 1))(t), b))
	return v
}

// Tensors that grow and are rewritten in parts hold what arrays in memory hold,
// in every generation.
func TestChunksGrow(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 12
	}
	rng := rand.New(rand.NewPCG(21, 22))
	appends, rewrites, shrunk := 0, 0, 0
	for round := range rounds {
		path := temp(t)
		now := map[string]tensor.View{}
		var past []map[string]tensor.View
		keep := func() {
			m := map[string]tensor.View{}
			for k, v := range now {
				m[k] = v
			}
			past = append(past, m)
		}
		write(t, path, func(w *tensorfile.Writer) {
			for k := range 3 {
				d := someDTypes[rng.IntN(len(someDTypes))]
				shape := randomShape(rng, d, 6)
				if d.Packed() && len(shape) == 1 {
					shape = append(shape, int64(d.UnitElems)+1)
				}
				if rng.IntN(5) == 0 {
					shape[0] = 0
				}
				name := fmt.Sprint("t", k)
				v := chunkData(t, rng, d, shape, nil)
				var o *tensorfile.TensorOptions
				if k > 0 {
					o = randomChunks(rng, d, shape)
					for axis := range o.Chunk {
						if axis == 0 {
							o.Chunk[0] = 1 + rng.Int64N(12)
							if len(shape) == 1 {
								o.Chunk[0] = (o.Chunk[0] + int64(d.UnitElems) - 1) / int64(d.UnitElems) * int64(d.UnitElems)
							}
						}
					}
				}
				ok(t, w.Add(ctx, name, v, o))
				now[name] = v
			}
		})
		keep()
		for range 4 {
			w := must(tensorfile.OpenAppend(path, nil))(t)
			for range 1 + rng.IntN(4) {
				for range 1 + rng.IntN(3) {
					name := fmt.Sprint("t", rng.IntN(3))
					v := now[name]
					if rng.IntN(3) > 0 {
						shape := v.Shape().Clone()
						shape[0] = rng.Int64N(20)
						rows := chunkData(t, rng, v.DType(), shape, nil)
						_, err := w.Append(ctx, name, rows, nil)
						ok(t, err)
						now[name] = behind(t, v, rows)
						appends++
						continue
					}
					if rng.IntN(4) == 0 {
						n := rng.Int64N(v.Shape()[0] + 1)
						if e := int64(v.DType().UnitElems); v.Rank() == 1 {
							n -= n % e
						}
						if _, err := w.Shrink(ctx, name, n); err != nil {
							wantErr(t, err, tensorfile.ErrUnsupported, name)
							continue // plain bytes still
						}
						now[name] = must(must(v.Slice(0, 0, n, 1))(t).Clone())(t)
						shrunk++
						continue
					}
					sel := randomSelection(rng, v.DType(), v.Shape())
					old, err := v.Select(sel)
					if err != nil {
						continue
					}
					part := chunkData(t, rng, v.DType(), old.Shape(), nil)
					if _, err := w.WriteRegion(ctx, name, sel, part, nil); err != nil {
						wantErr(t, err, tensorfile.ErrUnsupported, name)
						continue // plain bytes still
					}
					c := must(v.Clone())(t)
					ok(t, tensor.Copy(must(c.Select(sel))(t), part))
					now[name] = c
					rewrites++
				}
				ok(t, w.Commit(ctx))
				keep()
			}
			ok(t, w.Close())
			checkHistory(t, path, past)
		}
		_ = round
	}
	t.Logf("%d appends, %d rewrites, %d times shrunk", appends, rewrites, shrunk)
	if appends < 50 || rewrites < 10 || shrunk == 0 {
		t.Error("too few")
	}
}

// checkHistory demands what every generation holds, a sound file and a usage
// that adds up.
func checkHistory(t testing.TB, path string, past []map[string]tensor.View) {
	t.Helper()
	for g, want := range past {
		f := must(tensorfile.Open(path, &tensorfile.OpenOptions{Generation: uint64(g + 1)}))(t)
		for name, v := range want {
			sameView(t, fmt.Sprint(name, " of generation ", g+1), must(must(f.Tensor(name))(t).Read(ctx))(t), v)
		}
		if u := must(f.Usage(ctx))(t); u.Total() != f.Info().Size || u.Payload+u.Tables != f.Info().Live {
			t.Fatalf("generation %d: %+v, total %d of %d, live %d", g+1, u, u.Total(), f.Info().Size, f.Info().Live)
		}
		if g == len(past)-1 {
			if r := must(f.Verify(ctx, nil))(t); !r.OK() || len(r.Unknown) > 0 {
				t.Fatalf("%v %v", r.Findings, r.Unknown)
			}
		}
		ok(t, f.Close())
	}
}

// A thousand commits of a thousand rows write little more than the rows, and
// the file is sound.
func TestAppendWrites(t *testing.T) {
	commits, rows := 1000, int64(1000)
	if testing.Short() {
		commits = 100
	}
	fs := crashfs.New()
	total := int64(0)
	fs.Fault = func(op crashfs.Op) (int, error) {
		if op.Kind == crashfs.Write {
			total += int64(len(op.Data))
		}
		return 0, nil
	}
	w := must(tensorfile.Create("d/x", tensorfile.CreateOptions{}.On(fs)))(t)
	empty := must(tensor.Make(tensor.F32, tensor.Shape{0, 16}))(t)
	ok(t, w.Add(ctx, "x", empty, &tensorfile.TensorOptions{Chunk: tensor.Shape{16384, 16}}))
	ok(t, w.Commit(ctx))
	w = must(tensorfile.OpenAppend("d/x", tensorfile.AppendOptions{}.On(fs)))(t)
	rng := rand.New(rand.NewPCG(1, 1))
	block := must(tensor.Make(tensor.F32, tensor.Shape{rows, 16}))(t)
	b := block.Span()
	for range commits {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		_, err := w.Append(ctx, "x", block, nil)
		ok(t, err)
		ok(t, w.Commit(ctx))
	}
	ok(t, w.Close())
	data := int64(commits) * rows * 64
	t.Logf("%d bytes written for %d: %.3f", total, data, float64(total)/float64(data))
	if total*10 > data*13 {
		t.Error("more than 1.3 times the data")
	}
	file := fs.Files()["d/x"]
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(file), int64(len(file)), nil))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	if n := x.Shape()[0]; n != int64(commits)*rows {
		t.Fatalf("%d rows", n)
	}
	sameView(t, "last rows", must(x.Read(ctx, must(tensor.ParseSelection("-1000:"))(t)))(t), block)
}

func TestAppendRefuses(t *testing.T) {
	path := temp(t)
	v := must(tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 3, 2))(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "grid", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 2}}))
		ok(t, w.Add(ctx, "plain", v, nil))
		ok(t, w.Add(ctx, "scalar", must(tensor.FromSlice([]float32{1}))(t), nil))
	})
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	one := must(tensor.FromSlice([]float32{7, 8}, 1, 2))(t)
	_, err := w.Append(ctx, "grid", must(tensor.FromSlice([]float32{7, 8}))(t), nil)
	wantErr(t, err, tensorfile.ErrShape, "grid")
	_, err = w.Append(ctx, "grid", must(tensor.FromSlice([]int32{7, 8}, 1, 2))(t), nil)
	wantErr(t, err, tensorfile.ErrDType, "grid")
	_, err = w.Append(ctx, "none", one, nil)
	wantErr(t, err, tensorfile.ErrNotFound, "none")
	_, err = w.WriteRegion(ctx, "plain", nil, v, nil)
	wantErr(t, err, tensorfile.ErrUnsupported, "plain", "chunks")
	ok(t, w.CopyTensor("grid", "second"))
	_, err = w.Append(ctx, "grid", one, nil)
	wantErr(t, err, tensorfile.ErrInUse, "grid", "2 names", "Shared")
	_, err = w.WriteRegion(ctx, "second", must(tensor.ParseSelection("0:1"))(t), one, nil)
	wantErr(t, err, tensorfile.ErrInUse, "second")
	_, err = w.WriteRegion(ctx, "second", must(tensor.ParseSelection("0:1"))(t), one, &tensorfile.GrowOptions{Shared: true})
	ok(t, err)
	_, err = w.Append(ctx, "grid", one, &tensorfile.GrowOptions{Shared: true})
	ok(t, err)
	// The second name has fewer rows than the chunks now.
	_, err = w.Append(ctx, "second", one, &tensorfile.GrowOptions{Shared: true})
	wantErr(t, err, tensorfile.ErrUnsupported, "second", "3 rows", "4")
	r, err := w.Append(ctx, "plain", one, nil)
	if ok(t, err); !r.Rewritten {
		t.Error("a first append that rewrites does not say so")
	}
	r, err = w.Append(ctx, "plain", one, nil)
	if ok(t, err); r.Rewritten {
		t.Error("a second append says that it rewrites")
	}
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	for name, want := range map[string][]float32{"grid": {7, 8, 3, 4, 5, 6, 7, 8}, "second": {7, 8, 3, 4, 5, 6}, "plain": {1, 2, 3, 4, 5, 6, 7, 8, 7, 8}} {
		sameView(t, name, must(must(f.Tensor(name))(t).Read(ctx))(t), must(tensor.FromSlice(want, int64(len(want)/2), 2))(t))
	}
	if r := must(f.Verify(ctx, nil))(t); !r.OK() {
		t.Error(r.Findings)
	}
}
