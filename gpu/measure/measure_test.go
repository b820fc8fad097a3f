package measure_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/gpu/measure"
	"github.com/tensorfile/tensorfile/tensor"
)

var ctx = context.Background()

func host(t *testing.T) *gpu.Device {
	t.Helper()
	d, err := gpu.OpenHost(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil { // it tells what was not freed
			t.Error(err)
		}
	})
	return d
}

var short = &measure.Options{Size: 100_000, Each: time.Microsecond}

func TestLimits(t *testing.T) {
	d := host(t)
	rows, err := measure.Limits(ctx, d, short)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
		if r.Runs < 3 || r.Time <= 0 || r.Speed() <= 0 || r.Limit != "" || r.Share != 0 {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{measure.Memcpy, measure.Memory}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, err := measure.Limits(ended, d, short); err != context.Canceled {
		t.Error(err)
	}
}

// Every family of kernels is measured, on what is odd, too.
func TestKernels(t *testing.T) {
	d := host(t)
	for _, size := range []int64{1, 100_000} {
		seen := 0
		err := measure.Kernels(ctx, d, &measure.Options{Size: size, Each: time.Microsecond}, measure.Row{Name: measure.Memory, Bytes: 1e9, Time: time.Second}, nil, func(r measure.Row) error {
			if seen++; r.Runs < 3 || r.Bytes <= 0 || r.Goal != 0 || r.Same != nil || r.Limit != "" && r.Share <= 0 {
				t.Errorf("%+v", r)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if want := len(measure.KernelNames()); seen != want || want < 25 {
			t.Errorf("%d rows of %d", seen, want)
		}
	}
	// The names tell their families.
	words := map[string]string{"cast": "cast ", "picture": "picture ", "gather": "gather ", "transpose": "transpose ", "unshuffle": "unshuffle ", "reduce": "sum ", "crc32c": "CRC-32C", "dequant": "dequantise ", "ggml": "dequantise q", "scatter": "scatter ", "conv": "convolve "}
	for _, f := range kernels.Families() {
		family, _, _ := strings.Cut(f.Name, "_")
		if w := words[family]; w == "" || !slices.ContainsFunc(measure.KernelNames(), func(n string) bool { return strings.HasPrefix(n, w) }) {
			t.Errorf("family %s is not measured", f.Name)
		}
	}
}

func TestTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	x := make([]float32, 50_000)
	for i := range x {
		x[i] = float32(i*i%1013) / 7
	}
	v, err := tensor.FromSlice(x, 500, 100)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]*tensorfile.TensorOptions{"raw": nil, "packed": {Codec: "shuffle|zstd:1", Chunk: tensor.Shape{100, 100}}} {
		if err := w.Add(ctx, name, v, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := host(t)
	for _, name := range []string{"raw", "packed"} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []measure.LoadOptions{{}, {Stream: true}, {Upload: gpu.UploadOptions{Staged: true, SlotBytes: 4096}}} {
			o.Options = *short
			l, err := measure.Time(ctx, d, &o, x)
			if err != nil {
				t.Fatal(err)
			}
			if l.Bytes != 200_000 || l.Stats.Bytes != l.Bytes || l.Streamed != o.Stream || l.Row.Time <= 0 {
				t.Errorf("%s: %+v", name, l)
			}
			names := ""
			for _, r := range l.Limits {
				names += r.Name + " "
				if r.Bytes <= 0 || r.Time <= 0 || r.Share <= 0 {
					t.Errorf("%s: %+v", name, r)
				}
			}
			want := "memcpy feed "
			if name == "packed" {
				want += "decode "
			}
			if len(l.Notes) == 0 {
				want += "disk "
			}
			if names != want {
				t.Errorf("%s: limits %q, want %q (%q)", name, names, want, l.Notes)
			}
			if b := l.Bound(); b.Name == measure.Disk && l.Stats.Direct == 0 || b.Name == "" {
				t.Errorf("%s: bound by %+v", name, b)
			}
		}
	}
}
