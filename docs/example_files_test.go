package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/ragged"
	_ "github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// README.md and docs/library.md: a slice over the file.
func Example_open() {
	defer inFolder()()
	save("model.tensor", map[string]any{"encoder.weight": []float32{0.5, -1, 2}})
	first := func() error {
		f, err := tensorfile.Open("model.tensor", nil)
		if err != nil {
			return err
		}
		defer f.Close()
		t, err := f.Tensor("encoder.weight")
		if err != nil {
			return err
		}
		w, err := tensorfile.Data[float32](t) // []float32 over the mapping: no copy, no allocation
		if err != nil {
			return err
		}
		fmt.Println(t.DType(), t.Shape(), w[1])
		return nil
	}
	fmt.Println(first())
	// Output:
	// f32 (3,) -1
	// <nil>
}

// README.md: batches in random order of a folder that convert --stack made one
// tensor of.
func Example_batches() {
	defer inFolder()()
	ctx := context.Background()
	save("set.tensor", map[string]any{"set": counting[uint8](5, 4, 4, 3), "set.labels": []int64{0, 0, 1, 1, 2}})
	f, err := tensorfile.Open("set.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	pictures, err := f.Tensor("set")
	if err != nil {
		log.Fatal(err)
	}
	labels, err := f.Tensor("set.labels")
	if err != nil {
		log.Fatal(err)
	}
	l, err := loader.New(&loader.Options{Batch: 2, Shuffle: true, Seed: 1},
		loader.Source{Tensor: pictures, Rearrange: "b h w c -> b c h w", DType: tensor.F32, Scale: []float64{1. / 255}},
		loader.Source{Tensor: labels})
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range l.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Views[0].Shape(), b.Views[1]) // good until the next batch
	}
	// Output:
	// (2, 3, 4, 4) [0 0]
	// (2, 3, 4, 4) [1 1]
	// (1, 3, 4, 4) [2]
}

// docs/loader.md.
func Example_loader() {
	defer inFolder()()
	ctx := context.Background()
	save("train.tensor", map[string]any{"images": counting[uint8](300, 2, 2, 3), "labels": counting[uint8](300)})
	f, err := tensorfile.Open("train.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	images, err := f.Tensor("images")
	if err != nil {
		log.Fatal(err)
	}
	labels, err := f.Tensor("labels")
	if err != nil {
		log.Fatal(err)
	}
	seen := int64(0)
	step := func(x, y tensor.View) { seen += y.NumElements() }
	l, err := loader.New(&loader.Options{Batch: 256, Shuffle: true, Seed: 1, Epochs: 90},
		loader.Source{Tensor: images, Rearrange: "b h w c -> b c h w", DType: tensor.F32, Scale: []float64{1. / 255}},
		loader.Source{Tensor: labels})
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range l.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		step(b.Views[0], b.Views[1])
	}
	fmt.Println(seen)
	// Output: 27000
}

func Example_quantised() {
	defer inFolder()()
	ctx := context.Background()
	weights := counting[float32](4, 64)
	rows, err := tensor.ParseSelection("1:3")
	if err != nil {
		log.Fatal(err)
	}
	w, err := tensorfile.Create("small.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	s, err := quant.ParseScheme("i4:group=32")
	if err != nil {
		log.Fatal(err)
	}
	a, err := quant.Quantise(ctx, weights, s, 0) // floats of any dtype, by all cores
	if err != nil {
		log.Fatal(err)
	}
	err = w.AddQuantised(ctx, "layer.weight", a, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open("small.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("layer.weight")
	if err != nil {
		log.Fatal(err)
	}
	all, err := t.Dequantise(ctx, tensor.BF16) // all of it
	if err != nil {
		log.Fatal(err)
	}
	some, err := t.Dequantise(ctx, tensor.F32, rows) // a selection: its chunks alone are read
	if err != nil {
		log.Fatal(err)
	}
	parts, err := t.Quantised(ctx) // values and scales, as views of the mapping
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(all.DType(), all.Shape(), some.Shape(), parts.Values().DType(), parts.Scales().Shape())
	// Output: bf16 (4, 64) (2, 64) i4 (4, 2)
}

func Example_ragged() {
	defer inFolder()()
	ctx := context.Background()
	tokens, err := ragged.FromSlices([][]int32{{1, 2}, {}, {3}})
	if err != nil {
		log.Fatal(err)
	}
	words, err := ragged.FromStrings([]string{"one", "", "three"})
	if err != nil {
		log.Fatal(err)
	}
	w, err := tensorfile.Create("corpus.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	err = w.AddRagged(ctx, "tokens", tokens, &tensorfile.TensorOptions{Codec: "auto"})
	if err != nil {
		log.Fatal(err)
	}
	err = w.AddStrings(ctx, "words", words, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	w, err = tensorfile.OpenAppend("corpus.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	_, err = w.AppendRagged(ctx, "tokens", tokens, nil) // offsets and values in one commit
	if err != nil {
		log.Fatal(err)
	}
	_, err = w.AppendStrings(ctx, "words", words, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open("corpus.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("tokens")
	if err != nil {
		log.Fatal(err)
	}
	a, err := t.Ragged(ctx) // on the mapping: no copy; in chunks: decoded
	if err != nil {
		log.Fatal(err)
	}
	some, err := t.RaggedRows(ctx, 2, 4) // decodes the chunks that hold these rows
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Len(), some.Len())
	// Output: 6 2
}

func Example_raggedSet() {
	defer inFolder()()
	ctx := context.Background()
	for name, shape := range map[string][]int64{"a.npy": {2, 3}, "b.npy": {4, 1}} {
		save("x.tensor", map[string]any{"x": counting[uint8](shape...)})
		if _, err := convert.Files(ctx, []string{"x.tensor"}, name, nil); err != nil {
			log.Fatal(err)
		}
		os.Remove("x.tensor")
	}
	if _, err := convert.Set(ctx, []string{"a.npy", "b.npy"}, "set.tensor", nil); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open("set.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("set")
	if err != nil {
		log.Fatal(err)
	}
	i := int64(1)
	m, err := convert.MembersOf(ctx, t) // Files, Sizes, Shapes, Labels, Classes
	if err != nil {
		log.Fatal(err)
	}
	a, err := t.Ragged(ctx)
	if err != nil {
		log.Fatal(err)
	}
	row, err := a.Row(i) // pixels, a view of the mapping
	if err != nil {
		log.Fatal(err)
	}
	picture, err := row.Reshape(m.Shapes[i])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Files[i], picture.Shape())
	// Output: b.npy (4, 1)
}

func Example_sparseFile() {
	defer inFolder()()
	ctx := context.Background()
	a, err := sparse.FromDense(ctx, counting[float32](40, 3), tensor.View{}, sparse.CSR, nil)
	if err != nil {
		log.Fatal(err)
	}
	w, err := tensorfile.Create("graph.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	err = w.AddSparse(ctx, "adjacency", a, &tensorfile.TensorOptions{Codec: "auto"})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open("graph.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("adjacency")
	if err != nil {
		log.Fatal(err)
	}
	all, err := t.Sparse(ctx) // plain bytes: views of the mapping; chunks: decoded by all cores
	if err != nil {
		log.Fatal(err)
	}
	part, err := t.SparseRows(ctx, 10, 20) // the pointers of ten rows and what they point to, no more
	if err != nil {
		log.Fatal(err)
	}
	values, err := t.Part(sparse.RoleValues) // a tensor like any other
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(all.NNZ(), part.Shape(), part.NNZ(), values.Shape())
	// Output: 119 (10, 3) 30 (119,)
}

func Example_http() {
	defer inFolder()()
	ctx := context.Background()
	save("model.tensor", map[string]any{"w": []float32{1, 2, 3}})
	srv := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer srv.Close()
	address := srv.URL + "/model.tensor"
	f, err := convert.Open(ctx, address, nil) // ctx is for as long as f is open
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("w")
	if err != nil {
		log.Fatal(err)
	}
	v, err := t.Read(ctx)
	fmt.Println(v, err)
	// Output: [1. 2. 3.] <nil>
}

// docs/library.md: a foreign file is opened like a native one.
func Example_foreign() {
	defer inFolder()()
	ctx := context.Background()
	save("model.tensor", map[string]any{"layers.0.weight": counting[float32](2, 3), "layers.0.bias": []float32{1, 2}})
	r, err := convert.Files(ctx, []string{"model.tensor"}, "model.safetensors", nil)
	if err != nil {
		log.Fatal(err)
	}
	f, err := convert.Open(ctx, "model.safetensors", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("layers.0.weight")
	if err != nil {
		log.Fatal(err)
	}
	w, err := tensorfile.Data[float32](t) // the bytes of the foreign file, mapped
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Format, len(r.Tensors), f.Info().Mapped, w)
	// Output: safetensors 2 true [0 1 2 3 4 5]
}

// docs/library.md: an error says what, where, and of which kind.
func Example_errors() {
	defer inFolder()()
	save("model.tensor", map[string]any{"w": []float32{1, 2, 3}})
	if err := os.Truncate("model.tensor", 5000); err != nil {
		log.Fatal(err)
	}
	_, err := tensorfile.Open("model.tensor", nil)
	fmt.Println(kindOf(err))
	_, err = tensorfile.Open("nothing.tensor", nil)
	fmt.Println(kindOf(err))
	// Output:
	// damaged
	// not there
}

func Example_upload() {
	defer inFolder()()
	ctx := context.Background()
	save("model.tensor", map[string]any{"layers.0.weight": counting[float32](4, 8)})
	if _, err := convert.Files(ctx, []string{"model.tensor"}, "model.safetensors", nil); err != nil {
		log.Fatal(err)
	}
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	upload := func() error {
		d, err := gpu.OpenAuto(nil) // CUDA, or the host; d.Info().Why says why
		if err != nil {
			return err
		}
		defer d.Close() // it tells what was not freed

		u, err := d.NewUploader(nil) // a ring of pinned memory
		if err != nil {
			return err
		}
		defer u.Close()
		f, err := convert.Open(ctx, "model.safetensors", nil)
		if err != nil {
			return err
		}
		defer f.Close()
		w, err := f.Tensor("layers.0.weight")
		if err != nil {
			return err
		}
		up, err := u.Upload(ctx, gpu.FromTensor(w))
		if err != nil {
			return err
		}
		defer up.Buffer.Free()
		log.Print(up.Tensors[0], up.Stats.Path) // dtype, shape, and which way it came
		fmt.Println(up.Tensors[0])
		return nil
	}
	fmt.Println(upload())
	// Output:
	// gpu tensor f32 (4, 8)
	// <nil>
}

func Example_pictures() {
	defer inFolder()()
	ctx := context.Background()
	save("set.tensor", map[string]any{"set": counting[uint8](2, 4, 6, 3)})
	f, err := tensorfile.Open("set.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	images, err := f.Tensor("set")
	if err != nil {
		log.Fatal(err)
	}
	d, err := gpu.OpenHost(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	u, err := d.NewUploader(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()
	on, err := d.NewStream()
	if err != nil {
		log.Fatal(err)
	}
	defer on.Free()
	planes, err := d.Make(tensor.F32, tensor.Shape{2, 3, 4, 6})
	if err != nil {
		log.Fatal(err)
	}
	defer planes.Free()
	scale, bias := []float32{1. / 255}, []float32{-0.5}
	stream := func() error {
		for b, err := range u.Stream(ctx, on, gpu.FromTensor(images)) {
			if err != nil {
				return err
			}
			if err := kernels.Picture(on, planes, b.Tensor(), scale, bias); err != nil {
				return err
			}
		}
		return nil
	}
	if err := stream(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(on.Synchronize())
	// Output: <nil>
}

// kindOf tells the kinds of errors apart that a program treats in its own way.
func kindOf(err error) string {
	var e *tensorfile.Error
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, tensorfile.ErrCorrupt), errors.Is(err, tensorfile.ErrTruncated):
		return "damaged" // e.Path, e.Offset and e.Field say where
	case errors.Is(err, tensorfile.ErrChanged):
		return "changed under the mapping"
	case errors.As(err, &e):
		return e.Kind.Error()
	}
	return err.Error()
}
