package tensorfile_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// A program that goes through many tensors says so. Of a file on a disk nothing changes;
// of "https://host/model.tensor" or "s3://bucket/model.tensor" the next tensors come while
// one is worked on.
func ExampleReadAhead() {
	ctx := context.Background()
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	if err := tensorfile.Save(path, map[string]any{"bias": []float32{0.5, -1, 2}, "step": int64(1200)}); err != nil {
		log.Fatal(err)
	}
	f, err := convert.Open(ctx, path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var list []*tensorfile.Tensor
	for t, err := range f.Tensors() {
		if err != nil {
			log.Fatal(err)
		}
		list = append(list, t)
	}
	defer tensorfile.ReadAhead(list...)()
	for _, t := range list {
		if err := t.WriteCOrder(ctx, io.Discard); err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name(), t.ByteSize())
	}
	// Output:
	// bias 12
	// step 8
}
