package codec_test

import (
	"encoding/binary"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/tensor"
)

// Choose looks at samples and names the pipeline that suits them.
func ExampleChoose() {
	shape := []int64{1 << 18}
	read := func(dst []byte, box codec.Box, at []int64) error {
		for i := range int(box.Shape[0]) { // ascending numbers
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(3*(at[0]+int64(i))))
		}
		return nil
	}
	c, err := codec.Choose(tensor.U32, shape, read, codec.Auto)
	if err != nil {
		log.Fatal(err)
	}
	p, err := codec.Parse(c.Pipelines[0])
	fmt.Println(p != nil, err, c.Ratio > 10)
	fmt.Println(codec.ChunkShape(tensor.F32, []int64{1000, 512, 512}, 1<<20))
	// Output:
	// true <nil> true
	// [1 512 512]
}

// The stages that there are.
func ExampleNames() {
	for _, s := range codec.Names() {
		if s.Optional {
			fmt.Println(s.Name)
		}
	}
	// Unordered output:
	// s2
	// deflate
}
