package jpeg_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/jpeg"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A picture as JPEG, which loses a little.
func ExampleEncode() {
	v, err := tensor.FromSlice(make([]uint8, 16*16*3), 16, 16, 3)
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, v, nil, &convert.WriteOptions{Quality: 95}); err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "black.jpg"), nil)
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
	// Output:
	// black u8 (16, 16, 3)
}
