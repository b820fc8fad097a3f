package tensorfile_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

func exampleFile() string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "model.tensor")
}

// Write a few tensors, open the file, look at one without a copy.
func Example() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	err := tensorfile.Save(path, map[string]any{
		"layers.0.bias": []float32{0.5, -1, 2},
		"step":          int64(1200),
	})
	if err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name(), t.DType(), t.Shape())
	}
	t, err := f.Tensor("layers.0.bias")
	if err != nil {
		log.Fatal(err)
	}
	bias, err := tensorfile.Data[float32](t)
	fmt.Println(bias, err)
	// Output:
	// layers.0.bias f32 (3,)
	// step i64 ()
	// [0.5 -1 2] <nil>
}

// A Writer streams tensors of any strides and lets several share their bytes.
func ExampleWriter() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	ctx := context.Background()
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close() // leaves nothing behind unless Commit succeeded

	v, err := tensor.FromSlice([]int32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	transposed, err := v.Transpose()
	if err != nil {
		log.Fatal(err)
	}
	// The transpose keeps its order in memory: it is stored as strides.
	err = w.Add(ctx, "a.T", transposed, &tensorfile.TensorOptions{Dims: []string{"column", "row"}})
	if err != nil {
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
	t, err := f.Tensor("a.T")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Shape(), t.Strides(), t.Dims())
	_, err = tensorfile.Data[int32](t)
	fmt.Println(errors.Is(err, tensorfile.ErrNotContiguous))
	x, err := tensorfile.View[int32](t)
	fmt.Println(x.At(2, 1), err)
	// Output:
	// (3, 2) (4, 12) [column row]
	// true
	// 6 <nil>
}

// Read copies a selection to memory of its own, whatever the file is read from.
func ExampleTensor_Read() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"x": []float64{0, 1, 2, 3, 4, 5, 6, 7}}); err != nil {
		log.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(in, fi.Size(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("x")
	if err != nil {
		log.Fatal(err)
	}
	sel, err := tensor.ParseSelection("[::-3]")
	if err != nil {
		log.Fatal(err)
	}
	v, err := t.Read(context.Background(), sel)
	fmt.Println(v, err)
	// Output:
	// [7. 4. 1.] <nil>
}

// Guard gives a view that cannot crash the process if the file is cut short
// while it is read.
func ExampleTensor_Guard() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"x": []uint8{3, 1, 4, 1, 5}}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("x")
	if err != nil {
		log.Fatal(err)
	}
	sum := 0
	err = t.Guard(func(v tensor.View) error {
		x, err := tensor.Data[uint8](v)
		for _, b := range x {
			sum += int(b)
		}
		return err
	})
	fmt.Println(sum, err)
	// Output:
	// 14 <nil>
}

// Verify accounts for every byte of a file.
func ExampleFile_Verify() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"x": []uint8{3, 1, 4, 1, 5}}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	report, err := f.Verify(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.OK(), report.Tensors, report.Bytes)
	// Output:
	// true 1 5
}

func ExampleLoad() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"x": []int16{-1, 0, 1}}); err != nil {
		log.Fatal(err)
	}
	all, err := tensorfile.Load(path)
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensor.Data[int16](all["x"])
	fmt.Println(x, err)
	// Output:
	// [-1 0 1] <nil>
}
