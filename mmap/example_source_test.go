package mmap_test

import (
	"fmt"
	"strings"

	"github.com/tensorfile/tensorfile/mmap"
)

// letters is a source that is no file: what has ReadAt, Size and Close.
type letters struct{ *strings.Reader }

func (letters) Close() error { return nil }

// Any source is read like a file, whether it can be mapped or not.
func ExampleNewSource() {
	m := mmap.NewSource(letters{strings.NewReader("abcdef")}, "letters")
	b, err := m.Fetch(2, 3)
	fmt.Printf("%s %v %v %v\n", b, err, m.Mapped(), m.Close())
	// Output: cde <nil> false <nil>
}
