// Command samenpz compares two .npz files member by member and byte by byte,
// with the standard library alone: the tour checks with it that what came back
// is what NumPy wrote.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: samenpz A.npz B.npz")
		os.Exit(2)
	}
	a, err := members(os.Args[1])
	if err == nil {
		var b map[string][]byte
		if b, err = members(os.Args[2]); err == nil {
			err = same(a, b)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d arrays, the same byte for byte\n", len(a))
}

func members(path string) (map[string][]byte, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	m := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		if m[f.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
		r.Close()
	}
	return m, nil
}

func same(a, b map[string][]byte) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d members and %d", len(a), len(b))
	}
	for name, data := range a {
		if other, ok := b[name]; !ok || !bytes.Equal(data, other) {
			return fmt.Errorf("%s differs", name)
		}
	}
	return nil
}
