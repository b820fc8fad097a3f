// Command readserver reads one tensor again and again into memory that is there, once
// for each line of its input, and prints how many nanoseconds each time took. It is
// the reader in Go beside which python/bench measures others, sample by sample:
//
//	readserver FILE TENSOR
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: readserver FILE TENSOR")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "readserver:", err)
		os.Exit(1)
	}
}

func serve(path, name string) error {
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := f.Tensor(name)
	if err != nil {
		return err
	}
	dst, err := tensor.NewView(make([]byte, t.ByteSize()), t.DType(), t.Shape(), nil, 0, tensor.HostOrder)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		begin := time.Now()
		if err := t.ReadInto(context.Background(), dst); err != nil {
			return err
		}
		fmt.Println(time.Since(begin).Nanoseconds())
	}
	return in.Err()
}
