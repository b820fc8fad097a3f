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

// Operators are written as the flags of the tool are.
func ExampleParse() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.tensor"), filepath.Join(dir, "out.tensor")
	v, err := tensor.FromSlice([]uint8{0, 51, 102, 153, 204, 255}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	if err := tensorfile.Save(in, map[string]any{"grey": v}); err != nil {
		log.Fatal(err)
	}
	var steps []operate.Step
	for _, s := range [][2]string{{"rearrange", "h w -> w h"}, {"dtype", "f32"}, {"scale", "1/255"}} {
		step, err := operate.Parse(s[0], s[1])
		if err != nil {
			log.Fatal(err)
		}
		steps = append(steps, step)
	}
	r, err := convert.Files(ctx, []string{in}, out, &convert.Options{Operate: &operate.Pipeline{Steps: steps}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Tensors[0].DType, r.Tensors[0].Shape)
	// Output: f32 (3, 2)
}
