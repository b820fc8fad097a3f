package tensorfile_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// A sparse matrix goes into a file as one tensor of three parts. A slice of its
// rows reads no more than these.
func ExampleWriter_AddSparse() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	indptr, _ := tensor.FromSlice([]int32{0, 2, 2, 3})
	indices, _ := tensor.FromSlice([]int32{0, 2, 3})
	values, _ := tensor.FromSlice([]float64{1, 3, -2})
	a, err := sparse.New(sparse.Spec{
		Layout: sparse.CSR, Shape: tensor.Shape{3, 4}, Properties: sparse.Properties{Sorted: true, Unique: true},
		Parts: []sparse.Part{{Role: sparse.RoleIndptr, View: indptr}, {Role: sparse.RoleIndices, View: indices}, {Role: sparse.RoleValues, View: values}},
	})
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "graph.tensor")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	if err := w.AddSparse(ctx, "adjacency", a, nil); err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}

	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("adjacency")
	if err != nil {
		log.Fatal(err)
	}
	rows, err := t.SparseRows(ctx, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	x, err := sparse.Data[float64](rows, sparse.RoleValues)
	fmt.Println(rows.Layout(), rows.Shape(), rows.NNZ(), x, err)
	// Output: csr (2, 4) 1 [-2] <nil>
}

// Strings are bytes and the places where each begins.
func ExampleWriter_AddComposite() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	offsets, _ := tensor.FromSlice([]int64{0, 5, 5, 10})
	text, _ := tensor.FromSlice([]byte("helloworld"))
	path := filepath.Join(dir, "words.tensor")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	err = w.AddComposite(ctx, "words", tensorfile.Composite{
		Layout: format.LayoutString, Shape: tensor.Shape{3},
		Parts: []tensorfile.CompositePart{{Role: format.RoleOffsets, View: offsets}, {Role: format.RoleBytes, View: text}},
	}, nil)
	if err == nil {
		err = w.Commit(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}

	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("words")
	if err != nil {
		log.Fatal(err)
	}
	last, err := t.ReadRows(ctx, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	b, err := tensor.Data[byte](last.Part(format.RoleBytes).View)
	fmt.Println(string(b), err)
	// Output: world <nil>
}
