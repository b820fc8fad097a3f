package tensorfile_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// chunkCodecs are codings of grids: raw chunks, filters, several stages.
var chunkCodecs = []string{"raw", "zstd", "shuffle|lz4", "planes", "delta|bitpack", "bitshuffle|zstd:3", "deflate", "s2"}

// randomChunks are options for a grid over shape.
func randomChunks(rng *rand.Rand, d tensor.DType, shape tensor.Shape) *tensorfile.TensorOptions {
	o := &tensorfile.TensorOptions{Codec: chunkCodecs[rng.IntN(len(chunkCodecs))]}
	if rng.IntN(8) > 0 {
		for axis, n := range shape {
			c := 1 + rng.Int64N(n+2)
			if e := int64(d.UnitElems); axis == len(shape)-1 {
				c = (c + e - 1) / e * e
			}
			o.Chunk = append(o.Chunk, c)
		}
	}
	if d.UnitBytes <= 16 && rng.IntN(3) == 0 {
		o.Fill = make([]byte, d.UnitBytes)
		for i := range o.Fill {
			o.Fill[i] = byte(rng.Uint32())
		}
	}
	return o
}

// chunkData is a view of data of which parts repeat one unit, in C order.
func chunkData(t testing.TB, rng *rand.Rand, d tensor.DType, shape tensor.Shape, fill []byte) tensor.View {
	t.Helper()
	v := must(tensor.Make(d, shape))(t)
	b := v.Span()
	unit := int(d.UnitBytes)
	mode := rng.IntN(4)
	one := make([]byte, unit)
	if fill != nil && rng.IntN(2) == 0 {
		copy(one, fill)
	} else if rng.IntN(2) == 0 {
		one[0] = byte(rng.Uint32())
	}
	for i := range b {
		switch {
		case mode == 0 || mode == 1 && i < len(b)/2:
			b[i] = one[i%unit]
		case mode == 2:
			b[i] = byte(i / unit % 5)
		default:
			b[i] = byte(rng.Uint32())
		}
		if d == tensor.Bool {
			b[i] &= 1
		}
	}
	c := must(v.Clone())(t) // bits behind rows become zero
	return c
}

func randomShape(rng *rand.Rand, d tensor.DType, most int64) tensor.Shape {
	shape := make(tensor.Shape, 1+rng.IntN(5))
	for i := range shape {
		shape[i] = 1 + rng.Int64N(most)
	}
	if d.Packed() {
		shape[len(shape)-1] = 1 + rng.Int64N(3*int64(d.UnitElems))
	}
	return shape
}

// Whatever is put in chunks comes out, whole or in parts, by every way.
func TestChunksHoldWhatTheyGot(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	rng := rand.New(rand.NewPCG(11, 12))
	reads := 0
	for round := range rounds {
		path := temp(t)
		want := map[string]tensor.View{}
		write(t, path, func(w *tensorfile.Writer) {
			for k := range 4 {
				d := someDTypes[rng.IntN(len(someDTypes))]
				shape := randomShape(rng, d, 9)
				o := randomChunks(rng, d, shape)
				v := chunkData(t, rng, d, shape, o.Fill)
				name := string(rune('a' + k))
				if k%2 == 0 {
					ok(t, w.Add(ctx, name, v, o))
				} else {
					ok(t, w.AddReader(ctx, name, d, shape, bytes.NewReader(image(t, v)), o))
				}
				want[name] = v
			}
			v := randomView(rng, tensor.F32)
			if v.Rank() > 0 {
				ok(t, w.Add(ctx, "strided", v, randomChunks(rng, v.DType(), v.Shape())))
				want["strided"] = v
			}
		})
		o := tensorfile.OpenOptions{ReadWorkers: round % 4}
		sources(t, path, o, func(way string, f *tensorfile.File) {
			for name, v := range want {
				x := must(f.Tensor(name))(t)
				if s := x.Storage(); s.Kind != tensorfile.StorageGrid || len(s.Chunk) != v.Rank() {
					t.Fatalf("%+v", s)
				}
				sameView(t, name, must(x.Read(ctx))(t), v)
				var out bytes.Buffer
				ok(t, x.WriteCOrder(ctx, &out))
				if !bytes.Equal(out.Bytes(), image(t, v)) {
					t.Fatalf("%s %s: WriteCOrder gives other bytes", way, name)
				}
				for range 6 {
					sel := randomSelection(rng, v.DType(), v.Shape())
					part, err := v.Select(sel)
					if err != nil {
						continue
					}
					reads++
					got := must(x.Read(ctx, sel))(t)
					sameView(t, name+sel.String(), got, part)
				}
				checkChunks(t, x, v)
			}
			r := must(f.Verify(ctx, nil))(t)
			if !r.OK() || len(r.Unknown) > 0 {
				t.Fatalf("%v %v", r.Findings, r.Unknown)
			}
		})
	}
	t.Logf("%d reads of parts", reads)
}

// checkChunks puts a tensor together from its chunks.
func checkChunks(t testing.TB, x *tensorfile.Tensor, want tensor.View) {
	t.Helper()
	all := must(tensor.Make(want.DType(), want.Shape()))(t)
	elements, last := int64(0), int64(-1)
	for c, err := range x.Chunks(ctx, nil) {
		ok(t, err)
		part := all
		for axis, n := range c.View.Shape() {
			part = must(part.Slice(axis, c.Origin[axis], c.Origin[axis]+n, 1))(t)
		}
		ok(t, tensor.Copy(part, c.View))
		elements += c.View.NumElements()
		if c.Number <= last {
			t.Fatalf("chunk %d behind %d", c.Number, last)
		}
		last = c.Number
	}
	if elements != want.NumElements() {
		t.Fatalf("%d elements in chunks, want %d", elements, want.NumElements())
	}
	sameView(t, "chunks", all, want)
}

// One element decodes one chunk, and a row those that it crosses.
func TestChunksTouched(t *testing.T) {
	path := temp(t)
	rng := rand.New(rand.NewPCG(1, 2))
	v := must(tensor.Make(tensor.I32, tensor.Shape{64, 64, 64}))(t)
	for i, b := 0, v.Span(); i < len(b); i += 4 {
		b[i] = byte(rng.Uint32())
	}
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{16, 16, 16}, Codec: "shuffle|zstd"}))
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	for _, c := range []struct {
		sel  string
		want int64
	}{{"5, 6, 7", 1}, {"-1, -1, -1", 1}, {"15:17, 3, 3", 2}, {"3, 3, :", 4}, {":, ::20, 63", 16}, {"::16, ::16, ::16", 64}, {"::-1, 0, 0", 4}, {"20:10:-1, 0, 0", 2}, {"0:0", 0}} {
		before := f.ChunksDecoded()
		sel := must(tensor.ParseSelection(c.sel))(t)
		got := must(x.Read(ctx, sel))(t)
		sameView(t, c.sel, got, must(v.Select(sel))(t))
		if n := f.ChunksDecoded() - before; n != c.want {
			t.Errorf("[%s] decodes %d chunks, want %d", c.sel, n, c.want)
		}
	}
	if _, err := x.View(); err == nil {
		t.Error("a view of chunks")
	} else {
		wantErr(t, err, tensorfile.ErrEncoded, "Read")
	}
	_, err := tensorfile.Data[int32](x)
	wantErr(t, err, tensorfile.ErrEncoded)
	if s := x.Storage(); s.Ratio() > 0.5 || s.Codec != "shuffle|zstd" || !s.Chunk.Equal(tensor.Shape{16, 16, 16}) {
		t.Errorf("%+v", s)
	}
}

// Equal input gives equal bytes, and the same content hash as plain storage.
func TestChunksAreDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	v := chunkData(t, rng, tensor.F32, tensor.Shape{100, 333}, nil)
	make1 := func(o *tensorfile.TensorOptions) []byte {
		var out bytes.Buffer
		w := must(tensorfile.NewWriter(&out, &tensorfile.CreateOptions{Deterministic: true}))(t)
		ok(t, w.Add(ctx, "x", v, o))
		ok(t, w.Commit(ctx))
		return out.Bytes()
	}
	hash := func(b []byte) tensorfile.Hash {
		f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
		defer f.Close()
		return must(f.Hash(ctx, nil))(t)
	}
	plain := hash(make1(nil))
	for _, codec := range chunkCodecs {
		o := &tensorfile.TensorOptions{Chunk: tensor.Shape{7, 50}, Codec: codec}
		a := make1(o)
		for range 3 {
			if !bytes.Equal(a, make1(o)) {
				t.Errorf("%s: other bytes", codec)
			}
		}
		if hash(a) != plain {
			t.Errorf("%s: another hash", codec)
		}
	}
}

func TestChunkOptions(t *testing.T) {
	w := must(tensorfile.NewWriter(&bytes.Buffer{}, nil))(t)
	defer w.Close()
	v := must(tensor.Make(tensor.I4, tensor.Shape{4, 6}))(t)
	for _, c := range []struct {
		o    tensorfile.TensorOptions
		kind error
		says string
	}{
		{tensorfile.TensorOptions{Chunk: tensor.Shape{2}}, tensorfile.ErrShape, "rank 2"},
		{tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3}}, tensorfile.ErrShape, "multiple of 2"},
		{tensorfile.TensorOptions{Chunk: tensor.Shape{0, 2}}, tensorfile.ErrShape, "1 or more"},
		{tensorfile.TensorOptions{Chunk: tensor.Shape{1 << 40, 2}}, tensorfile.ErrLimit, "2^30"},
		{tensorfile.TensorOptions{Fill: []byte{1, 2}}, tensorfile.ErrShape, "one unit"},
		{tensorfile.TensorOptions{Codec: "ZSTD"}, tensorfile.ErrFormat, "stages"},
		{tensorfile.TensorOptions{Codec: "zstd9"}, tensorfile.ErrUnsupported, "zstd9"},
		{tensorfile.TensorOptions{Codec: "predict|zstd"}, tensorfile.ErrUnsupported, "predict"},
	} {
		wantErr(t, w.Add(ctx, "x", v, &c.o), c.kind, c.says, `"x"`)
	}
	ok(t, w.Add(ctx, "x", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{4, 100}}))
}
