package operate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
)

// Two pictures become a batch of planes: the results are tensors of an open file
// whose elements are computed when they are read.
func ExamplePipeline_Derive() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "pictures.tensor")
	a, _ := tensor.FromSlice([]uint8{0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32}, 2, 2, 3)
	b, _ := tensor.FromSlice([]uint8{5, 6, 7, 15, 16, 17, 25, 26, 27, 35, 36, 37}, 2, 2, 3)
	if err := tensorfile.Save(path, map[string]any{"a": a, "b": b}); err != nil {
		log.Fatal(err)
	}

	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var src []convert.Source
	for t, err := range f.Tensors() {
		if err != nil {
			log.Fatal(err)
		}
		src = append(src, convert.Source{Tensor: t, As: t.Name()})
	}
	planes, err := tensor.ParsePattern("b h w c -> b c h w")
	if err != nil {
		log.Fatal(err)
	}
	p := &operate.Pipeline{Steps: []operate.Step{
		{Operator: operate.Flip{Axes: []string{"h"}}},
		{Operator: operate.Stack{Name: "batch"}},
		{Operator: operate.Rearrange{Pattern: planes}},
		{Operator: operate.Cast{To: tensor.F32}},
	}}
	d, err := p.Derive(ctx, src)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	batch := d.Tensors[0]
	fmt.Println(batch.As, batch.DType(), batch.Shape())
	v, err := batch.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	first, err := v.Select(tensor.Selection{{Kind: tensor.SelectIndex, Start: 1}, {Kind: tensor.SelectIndex, Start: 0}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first)
	// Output:
	// batch f32 (2, 3, 2, 2)
	// [[15.  5.]
	//  [35. 25.]]
}
