package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
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
	if err := run(ctx, stored(t, nil), out, "host", io.Discard); err != nil {
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
		if err := run(ctx, c.in, out, c.device, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s on %s: %v", c.in, c.device, err)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a picture")
	}
	if _, err := gpu.Probe(); err != nil {
		if err := run(ctx, "testdata/images.npy", out, "cuda", io.Discard); !errors.Is(err, gpu.ErrNoDriver) && !errors.Is(err, gpu.ErrNoDevice) && !errors.Is(err, gpu.ErrDriverTooOld) {
			t.Error(err)
		}
	}
}

// The file that is drawn comes in several blocks, and an edge is what its definition
// makes of the pixels around it.
func TestPrepared(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "images.tensor"), filepath.Join(dir, "edges.png")
	if err := prepare(ctx, in); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := prepare(ctx, in); err != nil { // it is there
		t.Fatal(err)
	}
	if after, err := os.ReadFile(in); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was made again (%v)", err)
	}
	var text bytes.Buffer
	if err := run(ctx, in, out, "host", &text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	var pictures, copies, decoded int64
	if _, err := fmt.Sscanf(text.String(), "%d pictures came in %d copies, %d KiB", &pictures, &copies, &decoded); err != nil || pictures != 24 || copies < 2 || decoded != 24*80*120*3>>10 {
		t.Errorf("%q: %v", &text, err)
	}
	sheet := pixels(t, out)
	if s := (tensor.Shape{24 * 80, 120, 3}); !sheet.Shape().Equal(s) {
		t.Fatalf("%v, want %v", sheet.Shape(), s)
	}
	// Picture by picture, the definition: sums over neighbours, in float64.
	original := kept(t, in)
	bright := func(i, y, x int64) float64 {
		if y < 0 || y >= 80 || x < 0 || x >= 120 {
			return 0 // the padding
		}
		sum := 0.
		for c, weight := range []float64{0.299, 0.587, 0.114} {
			v, err := original.Float64At(i, y, x, int64(c))
			if err != nil {
				t.Fatal(err)
			}
			sum += weight * (v/255 - 0.5)
		}
		return sum
	}
	for _, i := range []int64{0, 13, 23} {
		for y := int64(0); y < 80; y += 7 {
			for x := int64(0); x < 120; x += 3 {
				across, down, around := 0., 0., -9*bright(i, y, x)
				for d := int64(-1); d <= 1; d++ {
					weight := float64(2 - d*d)
					across += weight * (bright(i, y+d, x+1) - bright(i, y+d, x-1))
					down += weight * (bright(i, y+1, x+d) - bright(i, y-1, x+d))
					for e := int64(-1); e <= 1; e++ {
						around += bright(i, y+d, x+e)
					}
				}
				for c, want := range []float64{across, down, around} {
					got, err := sheet.Float64At(i*80+y, x, int64(c))
					if err != nil {
						t.Fatal(err)
					}
					if want = min(max(want*0.25*255+128, 0), 255); math.Abs(got-want) > 0.51 {
						t.Fatalf("picture %d, row %d, column %d, channel %d: %v, want %v", i, y, x, c, got, want)
					}
				}
			}
		}
	}
}
