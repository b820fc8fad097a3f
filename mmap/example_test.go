package mmap_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "greeting")
	if err := os.WriteFile(path, []byte("hello, mapping"), 0o644); err != nil {
		fmt.Println(err)
		return
	}

	m, err := mmap.Open(path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Map(m.Size()); err != nil {
		fmt.Println(err)
		return
	}

	// A guarded call: if another program cuts the file now, it is an error.
	err = m.Guard(func() error {
		b, err := m.Fetch(7, 7)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", b)
		return nil
	})
	fmt.Println("guarded:", err)

	// A lease keeps slices good for longer than one call.
	lease, err := m.Acquire()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("in use:", errors.Is(m.Close(), tensor.ErrInUse))
	lease.Release()
	fmt.Println("close:", m.Close())
	// Output:
	// mapping
	// guarded: <nil>
	// in use: true
	// close: <nil>
}

// The guarded call without a closure, for functions with results of their own.
func ExampleMap_Enter() {
	m := mmap.NewReaderAt(readerAt("a file of letters"), 17, "letters")
	defer m.Close()
	count := func(c byte) (n int, err error) {
		fence, err := m.Enter()
		if err != nil {
			return 0, err
		}
		defer fence.Leave(&err)
		b, err := m.Fetch(0, int(m.Size()))
		if err != nil {
			return 0, err
		}
		for _, x := range b {
			if x == c {
				n++
			}
		}
		return n, nil
	}
	fmt.Println(count('e'))
	// Output:
	// 3 <nil>
}

type readerAt string

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return copy(p, r[off:]), nil }
