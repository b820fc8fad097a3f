package convert_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// pigeonhole is an object on its way into a map.
type pigeonhole struct {
	bytes.Buffer
	keep func(b []byte)
}

func (p *pigeonhole) Commit() error { p.keep(p.Bytes()); return nil }
func (p *pigeonhole) Close() error  { return nil }

// A program teaches convert.Files a place of its own to write to.
func ExampleRegisterOutput() {
	ctx := context.Background()
	objects := map[string][]byte{}
	convert.RegisterOutput("pigeon", func(_ context.Context, address string, overwrite bool) (convert.Output, error) {
		if _, taken := objects[address]; taken && !overwrite {
			return nil, tensorfile.ErrExists
		}
		return &pigeonhole{keep: func(b []byte) { objects[address] = b }}, nil
	})

	dir, err := os.MkdirTemp("", "output")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.tensor")
	if err := tensorfile.Save(path, map[string]any{"w": []float32{1, 2, 3}}); err != nil {
		log.Fatal(err)
	}
	if _, err := convert.Files(ctx, []string{path}, "pigeon://far/a.tensor", nil); err != nil {
		log.Fatal(err)
	}
	b := objects["pigeon://far/a.tensor"]
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	w, err := f.Tensor("w")
	if err != nil {
		log.Fatal(err)
	}
	v, err := w.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)

	// What is no tensor goes the same way.
	out, ok, err := convert.CreateOutput(ctx, "pigeon://far/a.json", false)
	if err != nil || !ok {
		log.Fatal(ok, err)
	}
	defer out.Close()
	if _, err := io.WriteString(out, "{}"); err != nil {
		log.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", objects["pigeon://far/a.json"])
	// Output:
	// [1. 2. 3.]
	// {}
}

// What an index names stands beside it.
func ExampleBeside() {
	for _, name := range []string{"part-1.tensor", "../../etc/passwd"} {
		if !convert.PlainName(name) {
			fmt.Printf("%q leads elsewhere\n", name)
			continue
		}
		place, err := convert.Beside("sets/a.shards.json", name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(filepath.ToSlash(place))
	}
	// Output:
	// sets/part-1.tensor
	// "../../etc/passwd" leads elsewhere
}
