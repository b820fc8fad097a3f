package tensorfile_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// pattern gives n bytes that compress.
type pattern struct{ at, n int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.n {
		return 0, io.EOF
	}
	m := int(min(int64(len(b)), p.n-p.at))
	for i := range b[:m] {
		x := p.at + int64(i)
		b[i] = byte(x >> 5)
	}
	p.at += int64(m)
	return m, nil
}

// allocatedBy is how many bytes fn allocates.
func allocatedBy(fn func()) int64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	fn()
	runtime.ReadMemStats(&b)
	return int64(b.TotalAlloc - a.TotalAlloc)
}

// Chunks are written and read in memory that does not grow with the tensor.
func TestChunkMemory(t *testing.T) {
	if raceBuild {
		t.Skip("pools forget on purpose under the race detector")
	}
	shape := tensor.Shape{96, 1 << 20}
	if testing.Short() {
		shape[0] = 32
	}
	size := shape[0] << 20
	o := &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 1 << 20}, Codec: "lz4"}
	var out bytes.Buffer
	out.Grow(int(size))
	// The second time everything that is kept for later use is there.
	var wrote int64
	for range 2 {
		out.Reset()
		wrote = allocatedBy(func() {
			w := must(tensorfile.NewWriter(&out, nil))(t)
			ok(t, w.AddReader(ctx, "x", tensor.U8, shape, &pattern{n: size}, o))
			ok(t, w.Commit(ctx))
		})
	}
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), &tensorfile.OpenOptions{ReadWorkers: 2}))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	dst := must(tensor.Make(tensor.U8, shape))(t)
	var read, walked, streamed int64
	for range 2 {
		read = allocatedBy(func() { ok(t, x.ReadInto(ctx, dst)) })
		walked = allocatedBy(func() {
			for _, err := range x.Chunks(ctx, nil) {
				ok(t, err)
			}
		})
		streamed = allocatedBy(func() { ok(t, x.WriteCOrder(ctx, io.Discard)) })
	}
	t.Logf("%d MiB stored in %d: allocated %d KiB to write, %d to read, %d to walk, %d to stream", size>>20, out.Len()>>20, wrote>>10, read>>10, walked>>10, streamed>>10)
	for what, n := range map[string]int64{"write": wrote, "read": read, "walk": walked} {
		if n > 14<<20 {
			t.Errorf("%d KiB allocated to %s", n>>10, what)
		}
	}
	if streamed > 40<<20 {
		t.Errorf("%d KiB allocated to stream", streamed>>10)
	}
	want := make([]byte, size)
	if _, err := io.ReadFull(&pattern{n: size}, want); err != nil || !bytes.Equal(dst.Span(), want) {
		t.Error("other bytes")
	}
}
