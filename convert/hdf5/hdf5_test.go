package hdf5_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestGoldens reads the files that h5py, the tools of HDF5 and Keras wrote.
func TestGoldens(t *testing.T) {
	tensors, skipped := 0, 0
	for _, g := range goldens(t, "testdata") {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", g.File), nil)
		if err != nil {
			t.Error(err)
			continue
		}
		check(t, f, g)
		if rep, err := f.Verify(t.Context(), nil); err != nil || !rep.OK() || len(rep.Unknown) != len(g.Skipped) {
			t.Errorf("%s: %v, %v", g.File, rep, err)
		}
		tensors, skipped = tensors+len(g.Tensors), skipped+len(g.Skipped)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if t.Logf("%d tensors, %d refused", tensors, skipped); tensors < 327 || skipped < 16 {
		t.Error("fewer than there should be")
	}
}

// TestKeras finds every weight of models in the files that Keras saved them to.
func TestKeras(t *testing.T) { checkKeras(t, "testdata") }

// TestFullInteropKeras has Keras write the files again, with other weights: "make
// interop-full" sets TENSORFILE_KERAS; TENSORFILE_SEED repeats a run.
func TestFullInteropKeras(t *testing.T) {
	python := os.Getenv("TENSORFILE_KERAS")
	if python == "" {
		t.Skip("TENSORFILE_KERAS names no Python with Keras; make interop-full does")
	}
	seed := os.Getenv("TENSORFILE_SEED")
	if seed == "" {
		seed = fmt.Sprint(time.Now().Unix())
	}
	t.Log("TENSORFILE_SEED=" + seed)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), python, "-B", "testdata/keras_files.py", dir, seed)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkKeras(t, dir)
}

func checkKeras(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "keras.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Weights map[string][]goldenTensor
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	n := 0
	for file, weights := range m.Weights {
		f, err := convert.Open(t.Context(), filepath.Join(dir, file), nil)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			sum, err := sumOf(t, x)
			if err != nil {
				t.Fatal(err)
			}
			found[fmt.Sprint(x.Shape(), sum)] = true
		}
		for _, w := range weights {
			if n++; !found[fmt.Sprint(tensor.Shape(w.Shape), w.SHA256)] {
				t.Errorf("%s has no weight of shape %v with the elements that Keras has", file, w.Shape)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if t.Logf("%d weights of %d files", n, len(m.Weights)); n < 22 || len(m.Weights) != 3 {
		t.Error("fewer than there should be")
	}
}

// TestInPlace maps what lies plain, in either byte order, and shares what has two
// names.
func TestInPlace(t *testing.T) {
	f, err := convert.Open(t.Context(), "testdata/indexes_latest.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]bool{"single plain": true, "padded": true, "extensible": true, "single": false, "implicit": false, "fixed": false} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.View()
		if (err == nil) != want && !errors.Is(err, tensorfile.ErrNotMapped) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g, err := convert.Open(t.Context(), "testdata/links_latest.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ids := map[uint64]bool{}
	for _, name := range []string{"a/b/data", "a/hard", "soft", "a/relative", "soft to soft"} {
		x, err := g.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		ids[x.Storage().ID] = true
	}
	if notes := strings.Join(g.Layout().Notes, "\n"); len(ids) != 1 || !strings.Contains(notes, `"again" is "/a/b"`) || !strings.Contains(notes, `"dangling" to "/nowhere"`) {
		t.Errorf("%d storages, %s", len(ids), notes)
	}
}

// TestParts reads parts of chunked datasets, and decodes only the chunks that
// they are in.
func TestParts(t *testing.T) {
	f, err := convert.Open(t.Context(), "testdata/indexes_earliest.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name, sel string
		chunks    int64
	}{
		{"tree", "[0]", 7}, {"tree", "[5:7, 5:7]", 4}, {"tree", "[-1, -1]", 1}, {"tree", "[::19, ::19]", 4},
		{"fixed filtered", "[:, 0]", 3}, {"extensible paged", "[140000]", 1}, {"masked", "[20:]", 1},
	} {
		x, err := f.Tensor(c.name)
		if err != nil {
			t.Fatal(err)
		}
		sel, err := tensor.ParseSelection(c.sel)
		if err != nil {
			t.Fatal(err)
		}
		before := f.ReadStats().Decoded
		got, err := x.Read(t.Context(), sel)
		if err != nil {
			t.Fatal(err)
		}
		n := f.ReadStats().Decoded - before
		all, err := x.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, err := all.Select(sel)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() || n != c.chunks {
			t.Errorf("%s%s: %v of %d chunks, want %v of %d", c.name, c.sel, got, n, want, c.chunks)
		}
	}
}

// TestChecksums are values that others have published: those of lookup3.c, and of
// the filter's algorithm by hand.
func TestChecksums(t *testing.T) {
	for s, want := range map[string]uint32{"": 0xdeadbeef, "Four score and seven years ago": 0x17770551} {
		if got := hdf5.Lookup3([]byte(s)); got != want {
			t.Errorf("lookup3 of %q is %08x, want %08x", s, got, want)
		}
	}
	// Words 0x6162, 0x6364, 0x6500: sums modulo 65535.
	for s, want := range map[string]uint32{"": 0, "ab": 0x61626162, "abcde": 0x4ff029c7, "\xff\xff\xff\xff": 0xffffffff, "\x00\x00": 0} {
		if got := hdf5.Fletcher32([]byte(s)); got != want {
			t.Errorf("fletcher32 of %q is %08x, want %08x", s, got, want)
		}
	}
}

// TestDetect finds files by their first bytes, those of MATLAB, too, and those
// with another user block by their names.
func TestDetect(t *testing.T) {
	for path, want := range map[string]string{"testdata/latest.h5": "hdf5", "testdata/matlab.bin": "hdf5", "testdata/userblock.h5": "hdf5"} {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if f.Layout().Format != want {
			t.Errorf("%s is %s", path, f.Layout().Format)
		}
		f.Close()
	}
	for name, want := range map[string]string{"a.H5": "hdf5", "m.weights.h5": "hdf5", "b.hdf5": "hdf5", "c.he5": "hdf5", "d.nc4": "hdf5", "e.mat": "hdf5", "f.hdf": "hdf5", "g.keras": ""} {
		if f, _ := convert.ByExtension(name); f.Name != want {
			t.Errorf("%s is %q", name, f.Name)
		}
	}
}
