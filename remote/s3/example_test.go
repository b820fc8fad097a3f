package s3_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/remote/s3"
	"github.com/tensorfile/tensorfile/tensor"
)

// Write a file into a bucket while it is made, and read some of it back.
func Example() {
	ctx := context.Background()
	backend := s3mem.New() // a store in this process
	if err := backend.CreateBucket("bucket"); err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	o := &s3.Options{Endpoint: server.URL, AccessKey: "key", SecretKey: "secret"} // nil: what environment and files say

	out, err := s3.Create(ctx, "s3://bucket/run/m.tensor", o)
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close() // without Commit nothing is there
	w, err := tensorfile.NewWriter(out, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	v, err := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Add(ctx, "w", v, nil); err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		log.Fatal(err)
	}

	src, err := s3.Open(ctx, "s3://bucket/run/m.tensor", o)
	if err != nil {
		log.Fatal(err)
	}
	f, err := convert.OpenMap(ctx, src.Map(), nil) // and closes src
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("w")
	if err != nil {
		log.Fatal(err)
	}
	row, err := t.Read(ctx, tensor.Selection{{Kind: tensor.SelectIndex, Start: 1}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Path(), row)
	// Output:
	// s3://bucket/run/m.tensor [3. 4.]
}
