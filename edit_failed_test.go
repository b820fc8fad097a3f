package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// An edit whose source ends early leaves the file byte for byte as it was, and
// its writer useless.
func TestFailedEditLeavesNoTrace(t *testing.T) {
	h := newHistory(t)
	h.create("a", "b")
	before := h.fs.Files()[h.name]
	w, err := tensorfile.OpenAppend(h.name, (&tensorfile.AppendOptions{}).On(h.fs))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	short := bytes.NewReader(make([]byte, 5<<20))
	err = w.AddReader(ctx, "c", tensor.U8, tensor.Shape{6 << 20}, short, nil)
	if !errors.Is(err, tensorfile.ErrTruncated) {
		t.Fatalf("a short source: %v", err)
	}
	if err := w.Commit(ctx); !errors.Is(err, tensorfile.ErrPoisoned) {
		t.Errorf("commit after a failure: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if after := h.fs.Files()[h.name]; !bytes.Equal(before, after) {
		t.Errorf("%d bytes before, %d after", len(before), len(after))
	}
}
