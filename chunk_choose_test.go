package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/tensor"
)

// written is a file in memory.
func written(t *testing.T, fn func(w *tensorfile.Writer) error) *tensorfile.File {
	t.Helper()
	var b bytes.Buffer
	w := must(tensorfile.NewWriter(&b, &tensorfile.CreateOptions{Deterministic: true}))(t)
	ok(t, fn(w))
	ok(t, w.Commit(context.Background()))
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), nil))(t)
	t.Cleanup(func() { f.Close() })
	return f
}

// sameBytes reads a tensor and compares.
func sameBytes(t *testing.T, x *tensorfile.Tensor, want []byte) {
	t.Helper()
	v := must(x.Read(context.Background()))(t)
	if !bytes.Equal(little(t, v), want) {
		t.Errorf("%s: other bytes", x.Name())
	}
}

// Codecs that are looked for give the same elements back, by every way into a
// file, and leave alone what does not become smaller.
func TestChosenCodecs(t *testing.T) {
	ctx := context.Background()
	size := 256 << 10
	if testing.Short() {
		size = 64 << 10
	}
	smaller, plain := 0, 0
	for i, s := range sampledata.Sets() {
		if raceBuild && i%4 != 0 {
			continue
		}
		shape, data := s.Make(3, size)
		v := must(tensor.NewView(data, s.DType, shape, nil, 0, tensor.LittleEndian))(t)
		for _, codec := range []string{"fast", "auto", "best", tensorfile.PlainCodec} {
			o := &tensorfile.TensorOptions{Codec: codec}
			f := written(t, func(w *tensorfile.Writer) error {
				if err := w.Add(ctx, "view", v, o); err != nil {
					return err
				}
				return w.AddReader(ctx, "stream", s.DType, shape, bytes.NewReader(data), o)
			})
			g := written(t, func(w *tensorfile.Writer) error {
				src := must(f.Tensor("view"))(t)
				return w.Copy(ctx, tensorfile.Item{Tensor: src, Name: "one", Chunks: o}, tensorfile.Item{Tensor: src, Name: "two", Chunks: o},
					tensorfile.Item{Tensor: must(f.Tensor("stream"))(t), Name: "plain", Chunks: &tensorfile.TensorOptions{Codec: tensorfile.PlainCodec}})
			})
			one, two := must(g.Tensor("one"))(t), must(g.Tensor("two"))(t)
			if one.Storage().ID != two.Storage().ID {
				t.Errorf("%s, %s: a second name is a second copy", s.Name, codec)
			}
			if k := must(g.Tensor("plain"))(t).Storage().Kind; k != tensorfile.StorageRaw {
				t.Errorf("%s: codec none gives %v", s.Name, k)
			}
			for _, x := range []*tensorfile.Tensor{must(f.Tensor("view"))(t), must(f.Tensor("stream"))(t), one, two, must(g.Tensor("plain"))(t)} {
				sameBytes(t, x, data)
			}
			st := must(f.Tensor("view"))(t).Storage()
			switch noise := strings.Contains(s.Name, "noise"); {
			case codec == tensorfile.PlainCodec || noise:
				plain++
				if st.Kind != tensorfile.StorageRaw || st.Stored != int64(len(data)) {
					t.Errorf("%s, %s: %v of %d bytes", s.Name, codec, st.Kind, st.Stored)
				}
			default:
				smaller++
				if codec != "fast" && st.Stored >= int64(len(data)) {
					t.Errorf("%s, %s: %d bytes of %d", s.Name, codec, st.Stored, len(data))
				}
			}
		}
	}
	t.Logf("%d times smaller, %d times plain", smaller, plain)
	if !raceBuild && (smaller < 24 || plain < 10) {
		t.Error("too few")
	}
}

// Odd shapes, too, and a stream that ends too soon.
func TestChosenShapes(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		d     tensor.DType
		shape tensor.Shape
	}{
		{tensor.I32, tensor.Shape{}}, {tensor.I32, tensor.Shape{1}}, {tensor.I32, tensor.Shape{0, 5}}, {tensor.I32, tensor.Shape{1, 700_000}},
		{tensor.U8, tensor.Shape{3, 5_000_000}}, {tensor.U4, tensor.Shape{7, 333}}, {tensor.U4, tensor.Shape{9_000_001}}, {tensor.Text(5), tensor.Shape{1000}},
		{tensor.Bool1, tensor.Shape{100, 70}}, {tensor.F64, tensor.Shape{2, 3, 2, 5, 7}}, {tensor.Opaque(24), tensor.Shape{40, 3}},
	} {
		if testing.Short() && c.shape.String() == "(9000001,)" || raceBuild && c.shape.String() == "(3, 5000000)" {
			continue
		}
		n := must(tensor.ByteSize(c.d, c.shape))(t)
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i/97) & 0x11 // no bits behind the end of a row
		}
		v := must(tensor.NewView(data, c.d, c.shape, nil, 0, tensor.LittleEndian))(t)
		want := little(t, must(v.Clone())(t))
		o := &tensorfile.TensorOptions{Codec: "auto"}
		f := written(t, func(w *tensorfile.Writer) error {
			if err := w.Add(ctx, "view", v, o); err != nil {
				return err
			}
			return w.AddReader(ctx, "stream", c.d, c.shape, bytes.NewReader(data), o)
		})
		for x, err := range f.Tensors() {
			ok(t, err)
			sameBytes(t, x, want)
		}
		if r := must(f.Verify(ctx, nil))(t); !r.OK() {
			t.Errorf("%v %v: %v", c.d, c.shape, r.Findings)
		}
		if n > 100 {
			w := must(tensorfile.NewWriter(&bytes.Buffer{}, nil))(t)
			if err := w.AddReader(ctx, "short", c.d, c.shape, bytes.NewReader(data[:n-1]), o); err == nil {
				t.Errorf("%v %v: a stream that is too short was taken", c.d, c.shape)
			}
		}
	}
}

// Rows that follow find room in the chunks of a tensor that began small.
func TestChosenChunksGrow(t *testing.T) {
	ctx := context.Background()
	v := must(tensor.FromSlice(make([]int32, 160), 10, 16))(t)
	for i := range int64(10) {
		row := must(v.Index(0, i))(t)
		for j := range int64(16) {
			row.Span()[4*j] = byte(i + j)
		}
	}
	f := written(t, func(w *tensorfile.Writer) error {
		return errors.Join(w.Add(ctx, "view", v, &tensorfile.TensorOptions{Codec: "auto"}),
			w.AddReader(ctx, "stream", tensor.I32, tensor.Shape{10, 16}, bytes.NewReader(must(v.Bytes())(t)), &tensorfile.TensorOptions{Codec: "auto"}))
	})
	for _, name := range []string{"view", "stream"} {
		s := must(f.Tensor(name))(t).Storage()
		if s.Kind != tensorfile.StorageGrid || s.Chunk[0] != 16384 || s.Chunk[1] != 16 {
			t.Errorf("%s: %v in chunks of %v", name, s.Kind, s.Chunk)
		}
	}
}

// Without options a chunk is about 1 MiB: whole axes from the last on, a part of
// the next, one of what is before.
func TestDefaultChunks(t *testing.T) {
	for _, c := range []struct {
		d           tensor.DType
		shape, want tensor.Shape
	}{
		{tensor.F32, tensor.Shape{1000}, tensor.Shape{1 << 18}}, {tensor.F32, tensor.Shape{1000, 3}, tensor.Shape{87381, 3}},
		{tensor.F32, tensor.Shape{5, 1, 7}, tensor.Shape{37449, 1, 7}}, {tensor.F32, tensor.Shape{5, 7, 1}, tensor.Shape{37449, 7, 1}},
		{tensor.F32, tensor.Shape{10, 1 << 20}, tensor.Shape{1, 1 << 18}}, {tensor.F32, tensor.Shape{10, 3, 1 << 17}, tensor.Shape{1, 2, 1 << 17}},
		{tensor.F32, tensor.Shape{5, 0}, tensor.Shape{1 << 18, 1}}, {tensor.Bool1, tensor.Shape{5, 12}, tensor.Shape{1 << 19, 16}},
		{tensor.C128, tensor.Shape{9, 1 << 16}, tensor.Shape{1, 1 << 16}}, {tensor.C128, tensor.Shape{9, 1<<16 + 1}, tensor.Shape{1, 1 << 16}},
	} {
		if got := tensorfile.DefaultChunk(c.d, c.shape); !got.Equal(c.want) {
			t.Errorf("%v of %v: chunks of %v, want %v", c.d, c.shape, got, c.want)
		}
	}
}
