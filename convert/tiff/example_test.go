package tiff_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/tiff"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A grey picture as TIFF.
func ExampleEncode() {
	v, err := tensor.FromSlice([]uint8{0, 50, 100, 150, 200, 255}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if err := tiff.Encode(&b, v, nil, nil); err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "grey.tiff"), nil)
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
	// grey u8 (2, 3) <nil>
	// [[  0  50 100]
	//  [150 200 255]]
}
