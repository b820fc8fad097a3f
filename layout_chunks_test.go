package tensorfile

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// chunkedLayout is a file of another format that has a tensor in chunks, and the
// bytes of the tensor, whose elements are all different.
func chunkedLayout(t *testing.T, shape, chunk tensor.Shape, order tensor.ByteOrder, reads *atomic.Int64, o *OpenOptions) (*Tensor, tensor.View) {
	t.Helper()
	all, err := tensor.Make(tensor.U32, shape)
	if err != nil {
		t.Fatal(err)
	}
	list, err := tensor.Data[uint32](all)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i] = uint32(i)*2654435761 + 1
	}
	read := func(i int64, dst []byte) error {
		reads.Add(1)
		part := all
		steps := make([]int64, len(shape))
		for k := range shape {
			steps[k] = (shape[k] + chunk[k] - 1) / chunk[k]
		}
		for k := len(shape) - 1; k >= 0; k-- {
			first := i % steps[k] * chunk[k]
			i /= steps[k]
			var err error
			if part, err = part.Slice(k, first, min(first+chunk[k], shape[k]), 1); err != nil {
				return err
			}
		}
		var b bytes.Buffer
		if err := part.WriteCOrder(&b, order); err != nil {
			return err
		}
		if copy(dst, b.Bytes()) != b.Len() || len(dst) != b.Len() {
			t.Errorf("%d bytes for %d of a chunk", len(dst), b.Len())
		}
		return nil
	}
	l := &Layout{
		Format: "chunks",
		Storages: []LayoutStorage{{
			Size: all.ByteSize(), StoredSize: 7, Codec: "none",
			Open: func(context.Context) (io.ReadCloser, error) {
				var b bytes.Buffer
				err := all.WriteCOrder(&b, order)
				return io.NopCloser(&b), err
			},
			Chunks: &LayoutChunks{Shape: shape, Chunk: chunk, Read: read},
		}},
		Tensors: []LayoutTensor{{Name: "x", DType: tensor.U32, Shape: shape, Order: order}},
	}
	f, err := OpenLayout(mmap.NewReaderAt(strings.NewReader("nothing"), 7, "x"), l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	return x, all
}

// TestLayoutChunks compares selections of a foreign tensor in chunks with those
// of the same elements in memory, and counts the chunks that were decoded.
func TestLayoutChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	selections := 0
	for range 60 {
		rank := 1 + r.IntN(4)
		shape, chunk := make(tensor.Shape, rank), make(tensor.Shape, rank)
		for i := range shape {
			shape[i] = 1 + r.Int64N(12)
			chunk[i] = 1 + r.Int64N(shape[i]+2)
		}
		order := []tensor.ByteOrder{tensor.LittleEndian, tensor.BigEndian}[r.IntN(2)]
		var reads atomic.Int64
		x, all := chunkedLayout(t, shape, chunk, order, &reads, &OpenOptions{ReadWorkers: 1 + r.IntN(3)})
		if !x.ChunkShape().Equal(chunk) || x.Storage().Kind != StorageEncoded {
			t.Fatalf("chunks of %v, want %v", x.ChunkShape(), chunk)
		}
		var want, got bytes.Buffer
		if err := all.WriteCOrder(&want, tensor.LittleEndian); err != nil {
			t.Fatal(err)
		}
		if err := x.WriteCOrder(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("%v in %v: other bytes, %v", shape, chunk, err)
		}
		for range 8 {
			sel := make(tensor.Selection, rank)
			touched := int64(1)
			for i, n := range shape {
				a := r.Int64N(n)
				b := a + 1 + r.Int64N(n-a)
				sel[i] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: a, Stop: b, Step: 1 + r.Int64N(2)}
				touched *= touches(a, b, sel[i].Step, chunk[i])
			}
			want, err := all.Select(sel)
			if err != nil {
				t.Fatal(err)
			}
			reads.Store(0)
			got, err := x.Read(t.Context(), sel)
			if err != nil || got.String() != want.String() || reads.Load() != touched {
				t.Fatalf("%v in %v [%v]: %d chunks, want %d, %v\n%v\n%v", shape, chunk, sel, reads.Load(), touched, err, got, want)
			}
			selections++
		}
		seen := int64(0)
		for c, err := range x.Chunks(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			box := all
			for i, at := range c.Origin {
				if box, err = box.Slice(i, at, at+c.View.Shape()[i], 1); err != nil {
					t.Fatal(err)
				}
			}
			if c.View.String() != box.String() {
				t.Fatalf("chunk %d at %v", c.Number, c.Origin)
			}
			seen += c.View.NumElements()
		}
		if seen != all.NumElements() {
			t.Fatalf("%d elements in chunks, want %d", seen, all.NumElements())
		}
	}
	if t.Logf("%d selections", selections); selections != 480 {
		t.Error("fewer than 480 selections")
	}
}

// TestLayoutChunksLimit refuses a chunk that needs more memory than is allowed.
func TestLayoutChunksLimit(t *testing.T) {
	var reads atomic.Int64
	x, _ := chunkedLayout(t, tensor.Shape{100}, tensor.Shape{60}, tensor.LittleEndian, &reads, &OpenOptions{MaxBytes: 100})
	if _, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectIndex, Start: 3}}); err == nil || reads.Load() != 0 || !strings.Contains(err.Error(), `: chunks: tensor "x": `) || !strings.Contains(err.Error(), "bytes to decode: got 240") {
		t.Error(err, reads.Load())
	}
}

// touches is how many chunks of an axis hold one of the elements from a to b.
func touches(a, b, step, chunk int64) int64 {
	n, last := int64(0), int64(-1)
	for ; a < b; a += step {
		if a/chunk != last {
			n, last = n+1, a/chunk
		}
	}
	return n
}

// A grid of few chunks is read by its chunks however long they are.
func TestLayoutChunksLong(t *testing.T) {
	var reads atomic.Int64
	x, all := chunkedLayout(t, tensor.Shape{1 << 21}, tensor.Shape{1 << 20}, tensor.LittleEndian, &reads, nil)
	sel := tensor.Selection{{Kind: tensor.SelectRange, Start: 1<<20 + 7, Stop: 1<<20 + 12, Step: 1}}
	got, err := x.Read(context.Background(), sel)
	if err != nil {
		t.Fatal(err)
	}
	want, err := all.Select(sel)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := tensor.Equal(got, want); err != nil || !same || reads.Load() != 1 {
		t.Errorf("%d chunks read, equal %v, %v", reads.Load(), same, err)
	}
}
