package torch_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// use opens b and reads what is small.
func use(t *testing.T, b []byte) {
	o := &convert.OpenOptions{Format: "torch"}
	o.MaxBytes, o.SkipBad = 1<<20, true
	f, err := convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.pt"), o)
	kind := func(err error) {
		t.Helper()
		var te *tensorfile.Error
		if err != nil && (!errors.As(err, &te) || te.Kind == nil) {
			t.Fatalf("%v is no Error", err)
		}
	}
	if kind(err); err != nil {
		return
	}
	defer f.Close()
	for x, err := range f.Tensors() {
		if kind(err); err == nil {
			_, err = x.Read(context.Background())
			kind(err)
		}
	}
	for _, err := range f.Layout().Skipped {
		kind(err)
	}
	if _, err := f.Verify(context.Background(), nil); err != nil && !errors.Is(err, tensor.ErrLimit) {
		kind(err)
	}
}

// FuzzRead opens any bytes as a file.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"*.pt", "*.pth"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(files) == 0 {
			f.Fatal(files, err)
		}
		for _, path := range files {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(use)
}

// FuzzPickle opens any pickle in an archive that is sound.
func FuzzPickle(f *testing.F) {
	good := rebuild(storage("ByteStorage", "0", 10), 1, []int{2, 2}, []int{3, 1})
	for _, s := range []string{
		"\x80\x02" + dict(str("a"), good, str("n"), num(7), str("f"), "G\x3f\xf0\x00\x00\x00\x00\x00\x00", str("l"), "](N\x88\x89e") + ".",
		"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94" + good + "s.",
		"\x80\x02cos\nsystem\n" + tuple(str("id")) + "R.",
		"\x80\x02" + tuple(good, good, "]q\x00h\x00a") + ".",
		"(dp0\nS'a'\np1\nI01\nsVb\nL7L\ns.",
		"\x80\x05\x8f(K\x01K\x02\x90\x91C\x03abc\x96\x01\x00\x00\x00\x00\x00\x00\x00x\x87.",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) { use(t, pickled(string(p))) })
}
