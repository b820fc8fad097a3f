package tensorfile_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// countedReader counts the bytes that are read of a file.
type countedReader struct {
	io.ReaderAt
	n atomic.Int64
}

func (c *countedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

// Names that begin alike are found without a walk over those before them: the first
// takes a logarithm of the pages of the catalog, and then what there is.
func TestNamesWith(t *testing.T) {
	const n = 30_000
	var b bytes.Buffer
	w := must(tensorfile.NewWriter(&b, nil))(t)
	v := must(tensor.FromSlice([]float32{1}))(t)
	var all []string
	for i := range n {
		name := fmt.Sprintf("layers.%05d.%s", i, []string{"bias", "weight"}[i%2])
		all = append(all, name)
		ok(t, w.Add(ctx, name, v, nil))
	}
	ok(t, w.Commit(ctx))
	slices.Sort(all)
	src := &countedReader{ReaderAt: bytes.NewReader(b.Bytes())}
	f := must(tensorfile.OpenReaderAt(src, int64(b.Len()), nil))(t)
	defer f.Close()
	for _, prefix := range []string{"layers.29", "layers.1234", "layers.15000.bias", "layers.00000", "z", "a", "layers.299999", "layers.07.", ""} {
		var want, got []string
		for _, name := range all {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		before := src.n.Load()
		for name, err := range f.NamesWith(prefix) {
			ok(t, err)
			got = append(got, name)
		}
		read := src.n.Load() - before
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d names, want %d", prefix, len(got), len(want))
		}
		if most := int64(60*4096 + 500*len(want)); read > most || most > int64(b.Len())/4 && prefix != "" && len(want) < 1000 {
			t.Errorf("%q: %d bytes read for %d names, of %d", prefix, read, len(want), b.Len())
		}
	}
	for range f.NamesWith("layers.2") { // a loop that is left
		break
	}
}
