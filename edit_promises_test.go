package tensorfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// What came with an edit goes with it, too: a composite that was added, moved
// or deleted before the commit leaves no part behind, and one that was there
// keeps all of its own.
func TestCompositesWithinOneEdit(t *testing.T) {
	path := writtenComposites(t, map[string]tensorfile.Composite{"kept": smallComposites(t)["csr"], "moves": smallComposites(t)["coo"], "goes": smallComposites(t)["bsr"]}, nil)
	edit(t, path, func(w *tensorfile.Writer) {
		for _, name := range []string{"added", "deleted", "renamed", "copied"} {
			ok(t, w.AddComposite(ctx, name, smallComposites(t)["csr"], nil))
		}
		ok(t, w.Delete("deleted"))
		ok(t, w.Rename("renamed", "by another name"))
		ok(t, w.CopyTensor("copied", "copy"))
		ok(t, w.Rename("moves", "moved"))
		ok(t, w.Rename("moved", "moved again"))
		ok(t, w.Delete("goes"))
		ok(t, w.AddComposite(ctx, "goes", smallComposites(t)["string"], nil))
	})
	f := verified(t, path, nil)
	defer f.Close()
	var list []string
	for name, err := range f.Names() {
		ok(t, err)
		list = append(list, name)
	}
	if want := []string{"added", "by another name", "copied", "copy", "goes", "kept", "moved again"}; !slices.Equal(list, want) {
		t.Errorf("%q, want %q", list, want)
	}
	for name, kind := range map[string]string{"added": "csr", "by another name": "csr", "copied": "csr", "copy": "csr", "kept": "csr", "moved again": "coo", "goes": "string"} {
		sameComposite(t, name, must(must(f.Tensor(name))(t).ReadComposite(ctx))(t), smallComposites(t)[kind])
	}
}

// What an append to a composite refuses, and in which words.
func TestAppendCompositeRefuses(t *testing.T) {
	path := writtenComposites(t, map[string]tensorfile.Composite{
		"csr":  smallComposites(t)["csr"],
		"wide": {Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{1, 1 << 62}, Parts: parts{{Role: "indices", View: vec[int64](t, tensor.Shape{0, 2})}, {Role: "values", View: vec[float64](t, nil)}}},
	}, &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "zstd"})
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "dense", []byte("abc")) })
	edit(t, path, func(w *tensorfile.Writer) { ok(t, w.CopyTensor("csr", "twin")) })
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	rows := moreRows(t)["csr"][0]
	_, err := w.AppendComposite(ctx, "dense", rows, nil)
	wantErr(t, err, tensorfile.ErrUnsupported, "got a dense tensor, want a composite one")
	_, err = w.AppendComposite(ctx, "csr", rows, nil)
	wantErr(t, err, tensorfile.ErrInUse)
	_, err = w.AppendComposite(ctx, "wide", tensorfile.Composite{Layout: format.LayoutCOO, DType: tensor.F64, Shape: tensor.Shape{1, 1 << 62}, Parts: parts{{Role: "indices", View: vec[int64](t, tensor.Shape{0, 2})}, {Role: "values", View: vec[float64](t, nil)}}}, nil)
	wantErr(t, err, tensorfile.ErrOverflow)
	res := must(w.AppendComposite(ctx, "csr", rows, &tensorfile.GrowOptions{Shared: true}))(t)
	if res.Chunks == 0 {
		t.Errorf("%+v", res)
	}
}

// Options of a composite have one extent of 1 or more.
func TestChunksOfComposites(t *testing.T) {
	w := must(tensorfile.Create(temp(t), nil))(t)
	defer w.Close()
	for _, chunk := range []tensor.Shape{{}, {0}, {-1}, {2, 3}, {0, 3}} {
		wantErr(t, w.AddComposite(ctx, "x", smallComposites(t)["csr"], &tensorfile.TensorOptions{Chunk: chunk}), tensorfile.ErrShape, "one extent of 1 or more")
	}
	wantErr(t, w.AddComposite(ctx, "x", smallComposites(t)["csr"], &tensorfile.TensorOptions{Fill: []byte{1}}), tensorfile.ErrUnsupported, "fill of chunks")
}

// The bytes of a composite are those of its parts; one without elements has
// none.
func TestSizesOfComposites(t *testing.T) {
	path := writtenComposites(t, map[string]tensorfile.Composite{
		"none": {Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{0, 4}, Parts: parts{{Role: "indices", View: vec[int64](t, tensor.Shape{0, 2})}, {Role: "values", View: vec[float64](t, nil)}}},
		"coo":  smallComposites(t)["coo"],
	}, nil)
	f := opened(t, path, nil)
	for name, want := range map[string]int64{"none": 0, "coo": 6*8 + 3*8} {
		x := must(f.Tensor(name))(t)
		if got := x.ByteSize(); got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
		if got := x.Storage().Stored; got != want {
			t.Errorf("%s: %d bytes stored, want %d", name, got, want)
		}
	}
}

// Payloads of an edit stand where its options want them.
func TestAlignOfEdits(t *testing.T) {
	for _, align := range []int{0, 64 << 10, 2 << 20} {
		path := temp(t)
		write(t, path, func(w *tensorfile.Writer) { put(t, w, "a", someNoise(70_001)) })
		w := must(tensorfile.OpenAppend(path, &tensorfile.AppendOptions{Align: align}))(t)
		for i, name := range []string{"b", "c", "d"} {
			put(t, w, name, someNoise(70_000+i))
		}
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		f := verified(t, path, nil)
		for _, name := range []string{"b", "c", "d"} {
			if at := must(f.Tensor(name))(t).Storage().Offset; at%int64(max(align, 4096)) != 0 {
				t.Errorf("align %d: %s at %d", align, name, at)
			}
		}
		ok(t, f.Close())
	}
	_, err := tensorfile.OpenAppend(temp(t), &tensorfile.AppendOptions{Align: 3})
	if err == nil {
		t.Error("an alignment of 3 is taken")
	}
}

func someNoise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + 3)
	}
	return b
}

// A file whose header is damaged is not edited, and the error says that it is
// the header.
func TestEditOfDamagedHeader(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "a", []byte("abc")) })
	good := must(os.ReadFile(path))(t)
	for _, at := range []int{0, 8, 12, 14, 20, 63} {
		b := bytes.Clone(good)
		b[at] ^= 0x10
		ok(t, os.WriteFile(path, b, 0o666))
		_, err := tensorfile.OpenAppend(path, nil)
		var rule string
		if e, isError := err.(*tensorfile.Error); isError {
			rule = e.Rule
		}
		if want := map[int]string{0: format.RuleHeaderMagic, 12: format.RuleHeaderMajor}[at]; rule != want && (want != "" || rule != format.RuleHeaderCRC) {
			t.Errorf("byte %d: %v", at, err)
		}
		if !bytes.Equal(must(os.ReadFile(path))(t), b) {
			t.Errorf("byte %d: the file has changed", at)
		}
	}
}

// Rows are not put behind plain bytes whose checksum is wrong.
func TestAppendToDamage(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "a", someNoise(5000)) })
	f := opened(t, path, nil)
	at := must(f.Tensor("a"))(t).Storage().Offset
	b := must(os.ReadFile(path))(t)
	b[at+100] ^= 1
	ok(t, os.WriteFile(path, b, 0o666))
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	_, err := w.Append(ctx, "a", must(tensor.FromSlice([]byte("more")))(t), nil)
	wantErr(t, err, tensorfile.ErrCorrupt, "a")
}

// The result of an append counts the chunks and bytes that it wrote.
func TestGrowResults(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		v := must(must(tensor.FromSlice(someNoise(64 * 1000)))(t).Reshape(tensor.Shape{64, 1000}))(t)
		ok(t, w.Add(ctx, "x", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{16, 1000}}))
	})
	before := must(os.Stat(path))(t).Size()
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	more := must(must(tensor.FromSlice(someNoise(32 * 1000)))(t).Reshape(tensor.Shape{32, 1000}))(t)
	res := must(w.Append(ctx, "x", more, nil))(t)
	if res.Rewritten || res.Chunks != 2 || res.Bytes < 32_000 || res.Bytes > 33_000 {
		t.Errorf("%+v, want 2 chunks of 16000 bytes and a page", res)
	}
	ok(t, w.Commit(ctx))
	if grown := must(os.Stat(path))(t).Size() - before; grown < res.Bytes {
		t.Errorf("%+v, and the file grew by %d", res, grown)
	}
}

// Streams of other formats are copied into the chunks that are asked for, and
// chunks that do not fit are refused.
func TestCopyIntoChunks(t *testing.T) {
	f := must(convert.Open(ctx, filepath.Join("testdata", "npy", "deflated.npz"), nil))(t)
	defer f.Close()
	n := 0
	for x, err := range f.Tensors() {
		ok(t, err)
		if len(x.Shape()) == 0 || x.NumElements() < 4 || x.DType().Packed() {
			continue
		}
		n++
		chunk := slices.Clone(x.Shape())
		chunk[0] = (chunk[0] + 1) / 2
		g := copied(t, []tensorfile.Item{{Tensor: x, Chunks: &tensorfile.TensorOptions{Chunk: chunk, Codec: "zstd"}}})
		u := must(g.Tensor(x.Name()))(t)
		if s := u.Storage(); s.Kind != tensorfile.StorageGrid || !s.Chunk.Equal(chunk) {
			t.Errorf("%s: %+v, want chunks of %v", x.Name(), s, chunk)
		}
		sameView(t, x.Name(), must(u.Read(ctx))(t), must(x.Read(ctx))(t))
		w := must(tensorfile.Create(temp(t), nil))(t)
		wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: x, Chunks: &tensorfile.TensorOptions{Chunk: append(chunk, 1)}}), tensorfile.ErrShape, x.Name())
		ok(t, w.Close())
	}
	if n == 0 {
		t.Error("nothing to copy")
	}
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "plain", someNoise(500)) })
	own := opened(t, path, nil)
	w := must(tensorfile.Create(temp(t), nil))(t)
	defer w.Close()
	wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: must(own.Tensor("plain"))(t), Chunks: &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 2}, Codec: "auto"}}), tensorfile.ErrShape, "plain")
	if _, err := f.Refresh(); err == nil {
		t.Error("a file of another format is refreshed")
	}
}

// Attributes that cannot be written are refused, and what was there stays.
func TestAttrsThatCannotBeWritten(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", must(tensor.Make(tensor.U8, tensor.Shape{2}))(t), &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"a": "b"}}))
	})
	w := must(tensorfile.OpenAppend(path, nil))(t)
	if err := w.SetTensorAttrs("x", tensorfile.Attrs{"a": make(chan int)}); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), `"x"`) {
		t.Error(err)
	}
	ok(t, w.SetAttrs(tensorfile.Attrs{"k": "v"}))
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	if a := must(must(f.Tensor("x"))(t).Attrs())(t); a["a"] != "b" || len(a) != 1 {
		t.Error(a)
	}
}
