package main

import (
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
	pictures "github.com/tensorfile/tensorfile/transform/image"
)

var ctx = context.Background()

// kept is the one tensor of a file in testdata.
func kept(t *testing.T, path string) tensor.View {
	t.Helper()
	f, err := convert.Open(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Fatal("no tensor")
	return tensor.View{}
}

// stored writes the kept images to a file of ours.
func stored(t *testing.T, o *tensorfile.TensorOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := errors.Join(w.Add(ctx, "images", kept(t, "testdata/images.npy"), o), w.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	return path
}

// The numbers are those of NumPy, bit for bit, however the images are stored and
// in blocks of any size.
func TestEdges(t *testing.T) {
	want := kept(t, "testdata/edges.npy")
	for name, o := range map[string]*tensorfile.TensorOptions{
		"raw": nil, "chunks": {Codec: "shuffle|zstd:1", Chunk: tensor.Shape{2, 21, 26, 3}}, "one chunk": {Codec: "lz4", Chunk: tensor.Shape{7, 21, 26, 3}},
	} {
		for _, block := range []int64{1, 4 << 10, 0} {
			d, err := gpu.OpenHost(nil)
			if err != nil {
				t.Fatal(err)
			}
			f, err := tensorfile.Open(stored(t, o), nil)
			if err != nil {
				t.Fatal(err)
			}
			images, err := f.Tensor("images")
			if err != nil {
				t.Fatal(err)
			}
			got, stats, err := edges(ctx, d, images, block)
			if err := errors.Join(err, f.Close(), d.Close()); err != nil { // Close tells what was not freed
				t.Fatalf("%s, %d: %v", name, block, err)
			}
			if same, err := tensor.Equal(got, want); err != nil || !same || got.DType() != tensor.F32 {
				t.Errorf("%s, blocks of %d: the numbers differ (%v)", name, block, err)
			}
			t.Logf("%s, %d: %d copies, %s", name, block, stats.Copies, stats.Path)
		}
	}
}

// The picture is that of NumPy, pixel for pixel.
func TestSheet(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.png")
	if err := run(ctx, stored(t, nil), out, "host"); err != nil {
		t.Fatal(err)
	}
	got, want := pixels(t, out), pixels(t, "testdata/sheet.png")
	if s := (tensor.Shape{7 * 21, 26, 3}); !got.Shape().Equal(s) {
		t.Fatalf("%v, want %v", got.Shape(), s)
	}
	if same, err := tensor.Equal(got, want); err != nil || !same {
		t.Errorf("the pixels differ (%v)\n%v\n%v", err, got, want)
	}
}

func pixels(t *testing.T, path string) tensor.View {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	v, l, c, _, err := pictures.FromImage(m, nil)
	if err == nil {
		v, _, err = pictures.ConvertChannels(v, l, c, pictures.RGB, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRefusals(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.png")
	grey := filepath.Join(t.TempDir(), "grey.tensor")
	v, err := tensor.FromSlice(make([]uint8, 12), 3, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := tensorfile.Save(grey, map[string]any{"images": v}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, device, want string }{
		{"testdata/images.npy", "tpu", `device "tpu"`},
		{"testdata/none.npy", "host", "none.npy"},
		{grey, "host", "u8 (3, 2, 2)"},
	} {
		if err := run(ctx, c.in, out, c.device); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s on %s: %v", c.in, c.device, err)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a picture")
	}
	if _, err := gpu.Probe(); err != nil {
		if err := run(ctx, "testdata/images.npy", out, "cuda"); !errors.Is(err, gpu.ErrNoDriver) && !errors.Is(err, gpu.ErrNoDevice) && !errors.Is(err, gpu.ErrDriverTooOld) {
			t.Error(err)
		}
	}
}
