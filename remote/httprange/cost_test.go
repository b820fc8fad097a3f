package httprange_test

import (
	"io"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// A large tensor costs a request for each 4 MiB, or for each block of checksums,
// and one more where the first and the last are not whole.
func TestReadRequests(t *testing.T) {
	const size = 8 << 20
	b := forge.Build(false, gen(1, "a", size)).B
	for _, c := range []struct {
		name string
		want int64
		read func(*convert.Tensor) error
	}{
		{"Read", 3, func(a *convert.Tensor) error { _, err := a.Read(t.Context()); return err }},
		{"WriteCOrder", 3, func(a *convert.Tensor) error { return a.WriteCOrder(t.Context(), io.Discard) }},
		{"Verify", 10, func(a *convert.Tensor) error { _, err := a.File().Verify(t.Context(), nil); return err }},
	} {
		address, n := counted(t, b)
		f, err := convert.Open(t.Context(), address, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := f.Tensor("a")
		if err != nil {
			t.Fatal(err)
		}
		before := n.Load()
		if err := c.read(a); err != nil {
			t.Error(err)
		}
		if got := n.Load() - before; got > c.want {
			t.Errorf("%s: %d requests, want at most %d", c.name, got, c.want)
		}
		f.Close()
	}
}
