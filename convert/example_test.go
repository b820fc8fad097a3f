package convert_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/tensor"
)

// folder is a new folder with a file of two tensors in it.
func folder() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "convert")
	if err != nil {
		log.Fatal(err)
	}
	v, err := tensor.FromSlice([]float32{0, 1, 2, 3, 4, 5}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	if err := tensorfile.Save(filepath.Join(dir, "model.tensor"), map[string]any{"w": v, "bias": []float32{1, 2}}); err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// A file of NumPy is opened as it is; its elements are those of the mapping.
func ExampleOpen() {
	ctx := context.Background()
	dir, remove := folder()
	defer remove()
	npy := filepath.Join(dir, "w.npy")
	if _, err := convert.Files(ctx, []string{filepath.Join(dir, "model.tensor")}, npy, &convert.Options{Only: []string{"w"}}); err != nil {
		log.Fatal(err)
	}
	f, err := convert.Open(ctx, npy, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("w")
	if err != nil {
		log.Fatal(err)
	}
	w, err := tensorfile.Data[float32](t)
	fmt.Println(f.Layout().Format, t.Shape(), w, err)
	// Output: npy (3, 2) [0 1 2 3 4 5] <nil>
}

// What goes into the output is chosen, renamed and stored as options say.
func ExampleFiles() {
	ctx := context.Background()
	dir, remove := folder()
	defer remove()
	r, err := convert.Files(ctx, []string{filepath.Join(dir, "model.tensor")}, filepath.Join(dir, "out.npz"), &convert.Options{
		Exclude: []string{"b*"},
		Rename:  []convert.Rename{{Old: "w", New: "weight"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range r.Tensors {
		fmt.Println(r.Format, t.Name, t.Shape)
	}
	// Output: npz weight (3, 2)
}

// Tensors of other files are added to one that is there, and rows to a tensor. Both
// count when they are committed.
func ExampleAppend() {
	ctx := context.Background()
	dir, remove := folder()
	defer remove()
	path, more := filepath.Join(dir, "model.tensor"), filepath.Join(dir, "more.npz")
	if _, err := convert.Files(ctx, []string{path}, more, nil); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	added, err := convert.Append(ctx, w, f, []string{more}, &convert.AppendOptions{Only: []string{"bias"}, Rename: []convert.Rename{{Old: "bias", New: "bias 2"}}})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(added.Tensors[0].Name, added.Tensors[0].Shape)
	// Output: bias 2 (2,)
}

func ExampleAppendRows() {
	ctx := context.Background()
	dir, remove := folder()
	defer remove()
	path, more := filepath.Join(dir, "model.tensor"), filepath.Join(dir, "w.npy")
	if _, err := convert.Files(ctx, []string{path}, more, &convert.Options{Only: []string{"w"}}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	w, err := tensorfile.OpenAppend(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	rows, err := convert.AppendRows(ctx, w, f, "w", []string{more}, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows.Before, rows.Shape, rows.Rewritten)
	// Output: (3, 2) (6, 2) true
}

// The formats that a program has linked.
func ExampleFormats() {
	for _, f := range convert.Formats() {
		if strings.HasPrefix(f.Name, "np") {
			fmt.Println(f.Name, f.Extensions, f.Single)
		}
	}
	f, ok := convert.ByName("npy")
	fmt.Println(f.Name, ok)
	f, ok = convert.ByExtension("weights.npz")
	fmt.Println(f.Name, ok)
	// Output:
	// npy [.npy] true
	// npz [.npz] false
	// npy true
	// npz true
}

// A format of one's own: eight bytes that say what it is, a count, and floats. It
// is registered once, by an init function as a rule.
func ExampleRegister() {
	const magic = "FLOATS\r\n"
	convert.Register(convert.Format{
		Name:        "floats",
		Extensions:  []string{".floats"},
		Description: "a count and floats",
		Single:      true,
		Detect:      func(prefix []byte) bool { return strings.HasPrefix(string(prefix), magic) },
		Open: func(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
			head := make([]byte, 16)
			if _, err := in.ReadAt(head, 0); err != nil {
				return nil, err
			}
			n := binary.LittleEndian.Uint64(head[8:])
			if n > uint64(in.Size()-16)/4 { // before it is believed
				return nil, &convert.Error{Kind: tensorfile.ErrTruncated, Path: in.Path(), Offset: 8, Field: "count"}
			}
			return &convert.Layout{
				Format:   "floats",
				Storages: []convert.LayoutStorage{{Offset: 16, Size: 4 * int64(n)}},
				Tensors:  []convert.LayoutTensor{{Name: "x", DType: tensor.F32, Shape: tensor.Shape{int64(n)}}},
			}, nil
		},
	})
	dir, remove := folder()
	defer remove()
	path := filepath.Join(dir, "a.floats")
	b := binary.LittleEndian.AppendUint64([]byte(magic), 2)
	if err := os.WriteFile(path, append(b, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40), 0o666); err != nil {
		log.Fatal(err)
	}
	f, err := convert.Open(context.Background(), path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("x")
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensorfile.Data[float32](t) // of the mapped file
	fmt.Println(x, err)
	// Output: [1 2] <nil>
}

// OpenMap takes a source that is open already.
func ExampleOpenMap() {
	ctx := context.Background()
	dir, remove := folder()
	defer remove()
	m, err := tensorfile.OpenSource(filepath.Join(dir, "model.tensor"), nil)
	if err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(ctx, m, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	n, err := f.Len()
	fmt.Println(n, err)
	// Output: 2 <nil>
}

// Lists of files are lines, or what find -print0 prints.
func ExampleReadList() {
	list, err := convert.ReadList(strings.NewReader("a.npy\nb.npy\n"))
	fmt.Println(list, err)
	list, err = convert.ReadList(strings.NewReader("a file.npy\x00b.npy\x00"))
	fmt.Println(len(list), err)
	// Output:
	// [a.npy b.npy] <nil>
	// 2 <nil>
}
