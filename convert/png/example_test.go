package png_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/png"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A grey picture of 2 by 3 pixels as a PNG file, and what a reader makes of it.
func ExampleEncode() {
	v, err := tensor.FromSlice([]uint8{0, 50, 100, 150, 200, 255}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, v, nil); err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "grey.png"), nil)
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
