package flac_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/flac"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Sound in FLAC, which loses nothing.
func ExampleEncode() {
	v, err := tensor.FromSlice([]int16{1, -1, 2, -2, 3, -3}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if err := flac.Encode(&b, v, convert.Attrs{"sample_rate": 48000}); err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "talk.flac"), nil)
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
	// talk i16 (3, 2) <nil>
	// [[ 1 -1]
	//  [ 2 -2]
	//  [ 3 -3]]
}
