//go:build unix

package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

var errDecoder = errors.New("the decoder fails")

// A stream is opened once to be copied, to find out which codec suits it
// included, and an error in opening it is the error of the copy.
func TestCopyOpensStreamsOnce(t *testing.T) {
	data := someNoise(3000)
	opens := 0
	var fail error
	l := &tensorfile.Layout{Format: "made", Storages: []tensorfile.LayoutStorage{{Size: 3000, StoredSize: 9, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
		if opens++; fail != nil {
			return nil, fail
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}}}, Tensors: []tensorfile.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{3000}}}}
	f := must(tensorfile.OpenLayout(memMap(nil), l, nil))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	for _, o := range []*tensorfile.TensorOptions{nil, {Codec: "fast"}, {Codec: "auto", Chunk: tensor.Shape{1000}}, {Codec: "zstd"}} {
		opens, fail = 0, nil
		g := copied(t, []tensorfile.Item{{Tensor: x, Chunks: o}})
		if opens != 1 {
			t.Errorf("%+v: opened %d times", o, opens)
		}
		sameView(t, "copy", must(must(g.Tensor("x"))(t).Read(ctx))(t), must(tensor.FromSlice(data))(t))
		fail = errDecoder
		w := must(tensorfile.Create(temp(t), nil))(t)
		if err := w.Copy(ctx, tensorfile.Item{Tensor: x, Chunks: o}); !errors.Is(err, errDecoder) {
			t.Errorf("%+v: %v, want the decoder's error", o, err)
		}
		ok(t, w.Close())
	}
}

// A verification that is called off finds nothing of it wrong.
func TestForeignVerifyCalledOff(t *testing.T) {
	indptr, indices := []byte{0, 2, 3}, []byte{0, 2, 1}
	l := &tensorfile.Layout{Format: "made", Storages: []tensorfile.LayoutStorage{{Size: 9},
		{Size: 4, StoredSize: 2, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader([]byte("abcd"))), nil
		}}},
		Checks: []tensorfile.LayoutCheck{{Size: 3, CRC32: crc32.ChecksumIEEE(indptr)}},
		Tensors: []tensorfile.LayoutTensor{
			{Name: "encoded", Storage: 1, DType: tensor.U8, Shape: tensor.Shape{4}},
			{Name: "m", DType: tensor.I8, Shape: tensor.Shape{2, 3}, Layout: format.LayoutCSR, Flags: sortedUnique, Parts: []tensorfile.LayoutTensor{
				{Name: format.RoleValues, Offset: 6, DType: tensor.I8, Shape: tensor.Shape{3}},
				{Name: format.RoleIndptr, DType: tensor.U8, Shape: tensor.Shape{3}},
				{Name: format.RoleIndices, DType: tensor.U8, Offset: 3, Shape: tensor.Shape{3}},
			}}}}
	b := append(append(indptr, indices...), 7, 8, 9)
	open := func() *tensorfile.File { return must(tensorfile.OpenLayout(memMap(b), l, nil))(t) }
	f := open()
	count := calledOffAfter(1 << 40)
	rep := must(f.Verify(count, nil))(t)
	ok(t, f.Close())
	if len(rep.Findings) != 0 || rep.Blocks != 2 || rep.Bytes != 7 {
		t.Errorf("%+v", rep)
	}
	n := count.asked.Load()
	if n < 5 {
		t.Errorf("asked %d times", n)
	}
	for at := range n {
		f := open() // what was checked is known for good
		rep, err := f.Verify(calledOffAfter(at), nil)
		ok(t, f.Close())
		if !errors.Is(err, context.Canceled) || len(rep.Findings) != 0 {
			t.Errorf("asked %d times of %d: %v, %+v", at, n, err, rep)
		}
	}
}

// Many appends of few rows do not make ever more slabs: the sixteenth short one
// makes one of all.
func TestAppendFoldsSlabs(t *testing.T) {
	fs := crashfs.New()
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	ok(t, w.Add(ctx, "x", must(tensor.Make(tensor.U8, tensor.Shape{0}))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{1000}}))
	ok(t, w.Commit(ctx))
	var all []byte
	slabs := 0
	for i := range 40 {
		w := must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{}).On(fs)))(t)
		row := someBytes(1, i)
		all = append(all, row...)
		must(w.Append(ctx, "x", must(tensor.FromSlice(row))(t), nil))(t)
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		if slabs++; slabs == 16 {
			slabs = 1
		}
		b := fs.Files()[faultPath]
		f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
		x := must(f.Tensor("x"))(t)
		got := 0
		for _, err := range x.Chunks(ctx, nil) {
			ok(t, err)
			got++
		}
		if got != slabs {
			t.Errorf("%d slabs after %d rows, want %d", got, i+1, slabs)
		}
		sameView(t, "rows", must(x.Read(ctx))(t), must(tensor.FromSlice(all))(t))
		ok(t, f.Close())
	}
}
