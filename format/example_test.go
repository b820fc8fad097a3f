package format_test

import (
	"fmt"
	"log"
	"os"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
)

// From the first bytes of a file to the record of a tensor.
func Example() {
	const path = "../testdata/accept/two-tensors.tensor"
	b, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	h, err := format.ParseHeader(b)
	if err != nil {
		log.Fatal(err)
	}
	c, err := format.ChooseRoot(h.UUID, b[format.SlotA:format.SlotA+format.RootSize], b[format.SlotB:format.SlotB+format.RootSize], int64(len(b)), func() ([]byte, error) {
		return b[len(b)-format.RootSize:], nil
	})
	if err != nil {
		log.Fatal(err)
	}
	m, err := mmap.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	catalog, err := format.OpenCatalog(m, &c.Root)
	if err != nil {
		log.Fatal(err)
	}
	s, err := catalog.Scanner()
	if err != nil {
		log.Fatal(err)
	}
	for {
		record, more, err := s.Next()
		if err != nil {
			log.Fatal(err)
		}
		if !more {
			break
		}
		if record.Kind == format.KindDense { // and no attributes of the file
			fmt.Println(record.Name, record.DType, record.Shape)
		}
	}
	fmt.Println("generation", c.Root.Generation)
	// Output:
	// bias f32 (3,)
	// weight f32 (3, 2)
	// generation 1
}
