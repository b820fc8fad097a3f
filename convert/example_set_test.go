package convert_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
)

// A folder of arrays, one folder a class, becomes one tensor with labels.
func ExampleSet() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "set")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for i, name := range []string{"cats/1.npy", "cats/2.npy", "dogs/1.npy"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		os.Mkdir(filepath.Dir(path), 0o777)
		if err := os.WriteFile(path, npyBytes(i, 4, 6), 0o666); err != nil {
			log.Fatal(err)
		}
	}

	names, err := convert.Folder(dir, true)
	if err != nil {
		log.Fatal(err)
	}
	out := filepath.Join(dir, "set.tensor")
	r, err := convert.Set(ctx, names, out, &convert.SetOptions{
		Each:  &operate.Pipeline{Steps: []operate.Step{{Operator: operate.Cast{To: tensor.F32}}}},
		Label: convert.LabelDir,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Files, "files,", r.Classes)

	f, err := tensorfile.Open(out, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("set")
	if err != nil {
		log.Fatal(err)
	}
	m, err := convert.MembersOf(ctx, t)
	if err != nil {
		log.Fatal(err)
	}
	for i, label := range m.Labels {
		fmt.Println(filepath.Base(m.Files[i]), m.Classes[label])
	}
	fmt.Println(t.DType(), t.Shape())
	// Output:
	// 3 files, [cats dogs]
	// 1.npy cats
	// 2.npy cats
	// 1.npy dogs
	// f32 (3, 4, 6)
}
