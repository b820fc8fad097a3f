package convert_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/mmap"
)

// readCounter counts the reads outside the last 64 KiB.
type readCounter struct {
	*bytes.Reader
	far, closed int
}

func (r *readCounter) ReadAt(p []byte, off int64) (int, error) {
	if off < r.Size()-64<<10 {
		r.far++
	}
	return r.Reader.ReadAt(p, off)
}

func (r *readCounter) Close() error { r.closed++; return nil }

func TestSchemes(t *testing.T) {
	ctx := context.Background()
	gen := func(id uint64, name string) forge.Gen {
		return forge.Gen{
			Tensors:  []forge.Tensor{{Name: name, Storage: id, DType: forge.U8, Shape: []uint64{90_000}, Strides: []int64{1}}},
			Storages: []forge.Storage{{ID: id, Data: make([]byte, 90_000)}},
		}
	}
	var src *readCounter
	objects := map[string][]byte{
		"Test://once":     forge.Build(false, gen(1, "a")).B,
		"test://appended": forge.Build(false, gen(1, "a"), gen(2, "b")).B,
		"test://noise":    bytes.Repeat([]byte{7}, 100_000),
	}
	convert.RegisterScheme("test", func(_ context.Context, address string) (*mmap.Map, error) {
		b, ok := objects[address]
		if !ok {
			return nil, &convert.Error{Kind: tensorfile.ErrIO, Path: address, Offset: -1}
		}
		src = &readCounter{Reader: bytes.NewReader(b)}
		return mmap.NewSource(src, address), nil
	})
	for address, far := range map[string]bool{"Test://once": false, "test://appended": true} {
		for _, format := range []string{"", "tensorfile"} {
			f, err := convert.Open(ctx, address, &convert.OpenOptions{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			if (src.far > 0) != far {
				t.Errorf("%s: %d reads outside the end", address, src.far)
			}
			if err := f.Close(); err != nil || src.closed != 1 {
				t.Errorf("%s: closed %d times: %v", address, src.closed, err)
			}
		}
	}
	if _, err := convert.Open(ctx, "test://noise", nil); !errors.Is(err, tensorfile.ErrFormat) || src.closed != 1 {
		t.Errorf("closed %d times: %v", src.closed, err)
	}
	if _, err := convert.Open(ctx, "test://nothing", nil); !errors.Is(err, tensorfile.ErrIO) {
		t.Error(err)
	}
	// Here nothing of HTTP is linked, and the error must not show a password.
	_, err := convert.Open(ctx, "https://user:secret@host/a.tensor", nil)
	if !errors.Is(err, tensorfile.ErrUnsupported) || !strings.Contains(err.Error(), "remote/httprange") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	// What is no address is a path.
	for _, path := range []string{"://a", "c://x", "odd://y", "http:/z"} {
		if _, err := convert.Open(ctx, path, nil); !errors.Is(err, tensorfile.ErrIO) {
			t.Errorf("%s: %v", path, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a scheme was registered twice")
		}
	}()
	convert.RegisterScheme("TEST", nil)
}
