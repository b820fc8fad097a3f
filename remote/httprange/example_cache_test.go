package httprange_test

import (
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/remote/httprange"
)

// A program takes the same setting as the tool.
func ExampleCacheDir() {
	dir, bytes, err := httprange.CacheDir("/var/cache/tensors:20GiB")
	if err != nil {
		log.Fatal(err)
	}
	o := &httprange.Options{CacheDir: dir, CacheDirBytes: bytes}
	fmt.Println(o.CacheDir, o.CacheDirBytes>>30)
	// Output: /var/cache/tensors 20
}
