package shard_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

// workspace is a folder with a file "all.tensor" of ten rows.
func workspace() (dir string, done func()) {
	dir, err := os.MkdirTemp("", "shard")
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float32, 20)
	for i := range x {
		x[i] = float32(i)
	}
	v, err := tensor.FromSlice(x, 10, 2)
	if err == nil {
		err = tensorfile.Save(filepath.Join(dir, "all.tensor"), map[string]any{"x": v})
	}
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// Divide a file, read rows that two shards have, and make one file of all.
func Example() {
	dir, done := workspace()
	defer done()
	ctx := context.Background()

	whole, err := tensorfile.Open(filepath.Join(dir, "all.tensor"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer whole.Close()
	index := filepath.Join(dir, "set.shards.json")
	r, err := shard.Split(ctx, whole, index, &shard.SplitOptions{Parts: 3})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range r.Index.Shards {
		fmt.Println(s.Name)
	}

	f, err := convert.Open(ctx, index, nil) // ctx is for as long as f is open
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		log.Fatal(err)
	}
	sel, err := tensor.ParseSelection("[2:5]")
	if err != nil {
		log.Fatal(err)
	}
	v, err := x.Read(ctx, sel)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shape(), v)

	if _, err := shard.Merge(ctx, index, filepath.Join(dir, "again.tensor"), nil); err != nil {
		log.Fatal(err)
	}
	// Output:
	// set-00001-of-00003.tensor
	// set-00002-of-00003.tensor
	// set-00003-of-00003.tensor
	// (10, 2) [[4. 5.]
	//  [6. 7.]
	//  [8. 9.]]
}

// Workers write shards, each by itself, and say what is in them. Who started them
// makes the index.
func ExampleJoin() {
	dir, done := workspace()
	defer done()
	ctx := context.Background()

	worker := func(name string, rows []float32) []byte {
		path := filepath.Join(dir, name)
		if err := tensorfile.Save(path, map[string]any{"loss": rows}); err != nil {
			log.Fatal(err)
		}
		x, err := shard.Describe(ctx, path, nil)
		if err != nil {
			log.Fatal(err)
		}
		b, err := x.AppendJSON(nil)
		if err != nil {
			log.Fatal(err)
		}
		return b
	}
	var sets []*shard.Index
	for _, b := range [][]byte{
		worker("run-0.tensor", []float32{3, 2.5}),
		worker("run-1.tensor", []float32{2.25, 2, 1.5}),
	} {
		x, err := shard.Parse(b)
		if err != nil {
			log.Fatal(err)
		}
		sets = append(sets, x)
	}
	x, err := shard.Join(sets...)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range x.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape, t.Parts)
	}
	// Output: loss f32 (5,) [{0 2} {1 3}]
}

// A shard that goes to a store is not read back: what the index says of it is noted as
// it is sent.
func ExampleStream() {
	var sent bytes.Buffer // or convert.CreateOutput
	x, err := shard.Stream(context.Background(), &sent, "run-2.tensor", nil, func(w *tensorfile.Writer) error {
		loss, err := tensor.FromSlice([]float32{1.25, 1}, 2)
		if err != nil {
			return err
		}
		return w.Add(context.Background(), "loss", loss, nil)
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shards[0].Name, x.Shards[0].Size == int64(sent.Len()), x.Tensors[0].Shape)
	// Output: run-2.tensor true (2,)
}
