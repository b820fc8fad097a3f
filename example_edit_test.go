package tensorfile_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// exampleDir goes to a new folder, and back.
func exampleDir() (back func()) {
	was, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example")
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
	return func() {
		if err := os.Chdir(was); err != nil {
			log.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}

// A run of training keeps its weights in one file: each commit is a generation,
// and older ones stay readable.
func ExampleOpenAppend() {
	defer exampleDir()()
	ctx := context.Background()
	if err := tensorfile.Save("run.tensor", map[string]any{"w": []float32{0, 0}}); err != nil {
		log.Fatal(err)
	}
	for step := range 2 {
		w, err := tensorfile.OpenAppend("run.tensor", nil)
		if err != nil {
			log.Fatal(err)
		}
		weights, err := tensor.FromSlice([]float32{float32(step) + 1, -1})
		if err != nil {
			log.Fatal(err)
		}
		if err := w.Add(ctx, "w", weights, &tensorfile.TensorOptions{Replace: true}); err != nil {
			log.Fatal(err)
		}
		if err := w.Commit(ctx); err != nil {
			log.Fatal(err)
		}
		if err := w.Close(); err != nil {
			log.Fatal(err)
		}
	}

	f, err := tensorfile.Open("run.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for g, err := range f.Generations(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(g.Number, g.Previous)
	}
	old, err := tensorfile.Open("run.tensor", &tensorfile.OpenOptions{Generation: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer old.Close()
	for _, f := range []*tensorfile.File{f, old} {
		t, err := f.Tensor("w")
		if err != nil {
			log.Fatal(err)
		}
		w, err := tensorfile.Data[float32](t)
		fmt.Println(w, err)
	}
	// Output:
	// 3 2
	// 2 1
	// 1 0
	// [2 -1] <nil>
	// [0 0] <nil>
}

// NewWriter writes to anything that takes bytes, such as a pipe or a request.
func ExampleNewWriter() {
	ctx := context.Background()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	if err := w.AddReader(ctx, "letters", tensor.U8, tensor.Shape{3}, bytes.NewReader([]byte("abc")), nil); err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	n, err := f.Len()
	fmt.Println(n, out.Len(), err)
	// Output: 1 16384 <nil>
}

// A damaged file: what is intact goes to a new one.
func ExampleRecover() {
	defer exampleDir()()
	ctx := context.Background()
	if err := tensorfile.Save("hurt.tensor", map[string]any{"a": []uint8{1, 2, 3}, "b": []uint8{4, 5}}); err != nil {
		log.Fatal(err)
	}
	b, err := os.ReadFile("hurt.tensor")
	if err != nil {
		log.Fatal(err)
	}
	copy(b[4096:12288], make([]byte, 8192)) // both root slots are gone
	copy(b[len(b)-128:], make([]byte, 128)) // and the trailer
	if err := os.WriteFile("hurt.tensor", b, 0o666); err != nil {
		log.Fatal(err)
	}
	r, err := tensorfile.Recover(ctx, "hurt.tensor", "saved.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Tensors, r.Whole, len(r.Lost))
	// Output: 2 false 0
}

// Repack writes a file anew, without what no tensor reaches any more.
func ExampleRepack() {
	defer exampleDir()()
	ctx := context.Background()
	if err := tensorfile.Save("old.tensor", map[string]any{"a": make([]uint8, 1<<20), "b": []uint8{4, 5}}); err != nil {
		log.Fatal(err)
	}
	w, err := tensorfile.OpenAppend("old.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Delete("a"); err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil { // others may write again
		log.Fatal(err)
	}
	f, err := tensorfile.Open("old.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	r, err := tensorfile.Repack(ctx, f, "new.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Tensors, r.Before > 1<<20, r.After)
	// Output: 1 true 16384
}

// The hash of a file follows from the hashes of its tensors, whatever holds them.
func ExampleHashOf() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	ctx := context.Background()
	if err := tensorfile.Save(path, map[string]any{"a": []uint8{1, 2, 3}, "b": []float64{0.5}}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var list []tensorfile.TensorHash
	for h, err := range f.Hashes(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		list = append(list, h)
	}
	whole, err := f.Hash(ctx, nil)
	fmt.Println(len(list), tensorfile.HashOf(list) == whole, err)
	// Output: 2 true <nil>
}

// A slice that outlives a call is protected by a lease: Close waits for it, or
// says that the file is in use.
func ExampleAcquireData() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"x": []int32{7, 8}}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	t, err := f.Tensor("x")
	if err != nil {
		log.Fatal(err)
	}
	x, lease, err := tensorfile.AcquireData[int32](t)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Close() != nil, x)
	lease.Release()
	fmt.Println(f.Close())
	// Output:
	// true [7 8]
	// <nil>
}

// A format of one's own is a description of where its elements lie: here 16 bytes
// of head, then rows of three floats, each padded to 16 bytes.
func ExampleOpenLayout() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	b := make([]byte, 16+2*16)
	b[16+2], b[16+3] = 0x80, 0x3f // row 0, column 0 is 1.0
	b[16+16+8+3] = 0x40           // row 1, column 2 is 2.0
	if err := os.WriteFile(path, b, 0o666); err != nil {
		log.Fatal(err)
	}
	m, err := tensorfile.OpenSource(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.OpenLayout(m, &tensorfile.Layout{
		Format:   "padded rows",
		Storages: []tensorfile.LayoutStorage{{Offset: 16, Size: 32}},
		Tensors:  []tensorfile.LayoutTensor{{Name: "rows", DType: tensor.F32, Shape: tensor.Shape{2, 3}, Strides: tensor.Strides{16, 4}}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close() // and the source with it
	t, err := f.Tensor("rows")
	if err != nil {
		log.Fatal(err)
	}
	v, err := t.Read(context.Background())
	fmt.Println(v, err)
	// Output:
	// [[1. 0. 0.]
	//  [0. 0. 2.]] <nil>
}

// OpenMap opens a source that is there already.
func ExampleOpenMap() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"x": []int32{7, 8}}); err != nil {
		log.Fatal(err)
	}
	m, err := tensorfile.OpenSource(path, &tensorfile.OpenOptions{NoMmap: true})
	if err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.OpenMap(m, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	n, err := f.Len()
	fmt.Println(f.Info().Mapped, n, err)
	// Output: false 1 <nil>
}
