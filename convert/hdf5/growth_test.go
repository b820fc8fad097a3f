package hdf5_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestGrowth: four times the input makes four times the work, and not more.
func TestGrowth(t *testing.T) {
	linked := func(n int, name func(i int) string) []byte {
		f := newForge()
		var links []message
		for i := range n {
			links = append(links, hard(name(i), f.put(header(dataspace(1), datatype(u8Type), compact("a")))))
		}
		return f.root(links...)
	}
	deep := func(i int) string { return strings.Repeat("layer.", 20) + fmt.Sprint(i) }
	badinput.Growth(t, []badinput.Grower{
		{What: "datasets", From: "hdf5", N: 200, Make: func(n int) []byte { return linked(n, deep) }},
		{What: "a name twice", From: "hdf5", N: 500, Kind: tensor.ErrDuplicate, Make: func(n int) []byte {
			return linked(n, func(i int) string { return deep(i % (n - 1)) })
		}},
		{What: "groups in groups", From: "hdf5", N: 8, Make: func(n int) []byte {
			f := newForge()
			at := f.put(header(dataspace(1), datatype(u8Type), compact("a")))
			for range n - 1 {
				at = f.put(header(isGroup, hard("g", at)))
			}
			return f.root(hard("g", at))
		}},
		{What: "elements", From: "hdf5", N: 10_000, Make: func(n int) []byte {
			f := newForge()
			at := f.put(strings.Repeat("elements", n))
			return f.one(dataspace(uint64(8*n)), datatype(u8Type), contiguous(at, uint64(8*n)))
		}},
	})
}
