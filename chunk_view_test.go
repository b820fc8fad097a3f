package tensorfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// Permutations of a grid's axes, and first rows, read as views on memory do;
// other views over a grid are refused.
func TestViewsOverGrids(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	views := 0
	for range 40 {
		d := someDTypes[rng.IntN(len(someDTypes))]
		shape := randomShape(rng, d, 7)
		v := chunkData(t, rng, d, shape, nil)
		path := temp(t)
		want := map[string]tensor.View{}
		write(t, path, func(w *tensorfile.Writer) {
			ok(t, w.Add(ctx, "image", v, randomChunks(rng, d, shape)))
			id := w.LastStorage()
			for k := range 5 {
				x := v
				if rng.IntN(2) == 0 && !(d.Packed() && len(shape) == 1) {
					x = must(x.Slice(0, 0, 1+rng.Int64N(shape[0]), 1))(t)
				}
				order := rng.Perm(len(shape))
				if d.Packed() {
					for i, a := range order {
						if a == len(shape)-1 {
							order[i], order[len(order)-1] = order[len(order)-1], a
						}
					}
				}
				x = must(x.Permute(order...))(t)
				name := fmt.Sprint("view ", k)
				ok(t, w.TensorOn(id, name, d, x.Shape(), x.Strides(), 0, nil))
				want[name] = x
				views++
			}
			if shape[0] > 2 && !d.Packed() {
				x := must(v.Slice(0, 0, tensor.None, 2))(t)
				err := w.TensorOn(id, "bad", d, x.Shape(), x.Strides(), 0, nil)
				wantErr(t, err, tensorfile.ErrCorrupt, "bad", "permutation")
			}
		})
		sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
			for name, v := range want {
				x := must(f.Tensor(name))(t)
				sameView(t, name, must(x.Read(ctx))(t), v)
				var out bytes.Buffer
				ok(t, x.WriteCOrder(ctx, &out))
				if !bytes.Equal(out.Bytes(), image(t, v)) {
					t.Fatalf("%s %s: WriteCOrder gives other bytes", way, name)
				}
				checkChunks(t, x, v)
				for range 4 {
					sel := randomSelection(rng, v.DType(), v.Shape())
					if part, err := v.Select(sel); err == nil {
						sameView(t, name+sel.String(), must(x.Read(ctx, sel))(t), part)
					}
				}
			}
			if r := must(f.Verify(ctx, nil))(t); !r.OK() {
				t.Fatal(r.Findings)
			}
		})
	}
	t.Logf("%d views", views)
}

// Rows are appended to a tensor whose other axes are permuted as it shows them.
func TestAppendThroughPermutation(t *testing.T) {
	rng := rand.New(rand.NewPCG(73, 74))
	v := chunkData(t, rng, tensor.I16, tensor.Shape{5, 4, 3}, nil)
	turned := must(v.Permute(0, 2, 1))(t)
	across := must(v.Permute(1, 0, 2))(t)
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "image", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3, 2}, Codec: "lz4"}))
		ok(t, w.TensorOn(w.LastStorage(), "turned", tensor.I16, turned.Shape(), turned.Strides(), 0, nil))
		ok(t, w.TensorOn(w.LastStorage(), "across", tensor.I16, across.Shape(), across.Strides(), 0, nil))
	})
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	shared := &tensorfile.GrowOptions{Shared: true}
	_, err := w.Append(ctx, "across", chunkData(t, rng, tensor.I16, tensor.Shape{2, 5, 3}, nil), shared)
	wantErr(t, err, tensorfile.ErrUnsupported, "across", "axis 0")
	rows := chunkData(t, rng, tensor.I16, tensor.Shape{4, 3, 4}, nil)
	_, err = w.Append(ctx, "turned", rows, shared)
	ok(t, err)
	sel := must(tensor.ParseSelection("1, 0:2, ::-1"))(t)
	part := chunkData(t, rng, tensor.I16, tensor.Shape{2, 4}, nil)
	_, err = w.WriteRegion(ctx, "turned", sel, part, shared)
	ok(t, err)
	ok(t, w.Commit(ctx))
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	want := behind(t, must(turned.Clone())(t), rows)
	ok(t, tensor.Copy(must(want.Select(sel))(t), part))
	sameView(t, "turned", must(must(f.Tensor("turned"))(t).Read(ctx))(t), want)
	first := must(must(want.Slice(0, 0, 5, 1))(t).Permute(0, 2, 1))(t)
	sameView(t, "image", must(must(f.Tensor("image"))(t).Read(ctx))(t), first)
	if r := must(f.Verify(ctx, nil))(t); !r.OK() {
		t.Error(r.Findings)
	}
}

// Chunks land in memory of any strides and byte order.
func TestReadChunksInto(t *testing.T) {
	rng := rand.New(rand.NewPCG(75, 76))
	for _, codec := range chunkCodecs {
		shape := tensor.Shape{13, 9, 7}
		o := &tensorfile.TensorOptions{Chunk: tensor.Shape{4, 5, 7}, Codec: codec, Fill: []byte{1, 2, 3, 4}}
		v := chunkData(t, rng, tensor.I32, shape, o.Fill)
		path := temp(t)
		write(t, path, func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "x", v, o)) })
		sources(t, path, tensorfile.OpenOptions{ReadWorkers: 2}, func(way string, f *tensorfile.File) {
			x := must(f.Tensor("x"))(t)
			for _, order := range []tensor.ByteOrder{tensor.LittleEndian, tensor.BigEndian} {
				buf := make([]byte, 4*13*9*7*2)
				for what, st := range map[string]struct {
					strides tensor.Strides
					offset  int64
				}{"C": {nil, 0}, "Fortran": {tensor.Strides{4, 52, 468}, 0}, "gaps": {tensor.Strides{504, 56, 8}, 0}, "backwards": {tensor.Strides{-252, 28, -4}, 12*252 + 24}} {
					dst := must(tensor.NewView(buf, tensor.I32, shape, st.strides, st.offset, order))(t)
					ok(t, x.ReadInto(ctx, dst))
					sameView(t, fmt.Sprint(codec, way, order, what), dst, v)
				}
			}
		})
	}
}

func TestChunkShape(t *testing.T) {
	v := must(tensor.Make(tensor.F32, tensor.Shape{30, 20, 10}))(t)
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "image", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{7, 20, 3}, Codec: "lz4"}))
		turned := must(v.Permute(2, 0, 1))(t)
		ok(t, w.TensorOn(w.LastStorage(), "turned", tensor.F32, turned.Shape(), turned.Strides(), 0, nil))
		ok(t, w.Add(ctx, "plain", v, nil))
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	for name, want := range map[string]tensor.Shape{"image": {7, 20, 3}, "turned": {3, 7, 20}, "plain": nil} {
		x := must(f.Tensor(name))(t)
		if got := x.ChunkShape(); !got.Equal(want) || (got == nil) != (want == nil) {
			t.Errorf("%s: chunks of %v, want %v", name, got, want)
		}
	}
}
