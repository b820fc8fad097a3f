package gif_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/gif"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Two grey pictures of 1 by 2 pixels as frames of an animation.
func ExampleEncode() {
	v, err := tensor.FromSlice([]uint8{0, 255, 255, 0}, 2, 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if err := gif.Encode(&b, v, convert.Attrs{}.WithDims("t", "h", "w")); err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "frames.gif"), nil)
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
	// frames u8 (2, 1, 2) <nil>
	// [[[  0 255]]
	//
	//  [[255   0]]]
}
