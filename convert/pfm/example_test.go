package pfm_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/pfm"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A picture of floats.
func ExampleEncode() {
	v, err := tensor.FromSlice([]float32{0, 0.5, 1, 1.5}, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if err := pfm.Encode(&b, v, nil); err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "light.pfm"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			log.Fatal(err)
		}
		back, err := t.Read(context.Background())
		fmt.Println(t.Name(), t.DType(), t.Shape(), err)
		fmt.Println(back)
	}
	// Output:
	// light f32 (2, 2) <nil>
	// [[0.  0.5]
	//  [1.  1.5]]
}
