package viewer

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// The page in all is less than 200 KB as gzip packs it.
func TestPageSize(t *testing.T) {
	total, packed := 0, 0
	for name, b := range page().files {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Close()
		if total, packed = total+len(b), packed+out.Len(); len(b) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	t.Logf("%d files, %d bytes, %d with gzip", len(page().files), total, packed)
	if packed >= 200_000 || len(page().files) < 7 {
		t.Error("the page is too large, or not there")
	}
}
