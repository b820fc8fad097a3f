//go:build linux && !android && !nogpu && (amd64 || arm64)

package measure_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
	"github.com/tensorfile/tensorfile/gpu/measure"
	"github.com/tensorfile/tensorfile/tensor"
)

// fake is a device of the fake driver, which interprets the PTX.
func fake(t *testing.T) *gpu.Device {
	t.Helper()
	f := fakecuda.New(fakecuda.Options{})
	driver, err := cuda.FromTable(f.Table())
	if err != nil {
		t.Fatal(err)
	}
	d, err := hook.Open(driver, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.(*gpu.Device).Close(); err != nil {
			t.Error(err)
		}
		f.Check(t)
	})
	return d.(*gpu.Device)
}

// What is asked of a driver is asked of the fake one: limits of a link, and kernels
// whose results are compared.
func TestDriver(t *testing.T) {
	d := fake(t)
	o := &measure.Options{Size: 1 << 20, Each: time.Microsecond}
	rows, err := measure.Limits(ctx, d, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		if names = append(names, r.Name); r.Runs < 3 || r.Bytes < o.Size {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{measure.Memcpy, measure.Link, measure.Back, measure.Pageable, measure.Memory}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if got := measure.Upload(d); got != measure.Link {
		t.Errorf("uploads are limited by the %s", got)
	}
	link := measure.Find(rows, measure.Link)
	copies, err := measure.Copies(ctx, d, o, link)
	if err != nil || len(copies) != 4 {
		t.Errorf("%v, %+v", err, copies)
	}
	ring, err := measure.Ring(ctx, d, o)
	if err != nil || len(ring) != 2 || ring[1].Goal != 2 {
		t.Errorf("%v, %+v", err, ring)
	}
	modules, err := measure.Modules(ctx, d)
	if err != nil || len(modules) < 20 {
		t.Errorf("%v, %+v", err, modules)
	}
}

func TestKernelsAreCompared(t *testing.T) {
	d := fake(t)
	size := int64(2000)
	if testing.Short() {
		size = 200
	}
	n := 0
	limit := measure.Row{Name: measure.Memory, Bytes: 1e9, Time: time.Second}
	err := measure.Kernels(ctx, d, &measure.Options{Size: size, Each: time.Microsecond}, limit, func(name string) bool {
		return name != "convolve 3x3, 32 channels, 32 filters" && name != "im2col 3x3 of f32" && name != "picture u8 HWC to f32 CHW" // pictures have their size
	}, func(r measure.Row) error {
		if n++; r.Same == nil || !*r.Same {
			t.Errorf("%s: the result is not that of the host", r.Name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d kernels", n)
	if n < 24 {
		t.Error("too few")
	}
}

func TestTimeOfDriver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	v, err := tensor.FromSlice(make([]uint8, 100_000), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	if err := tensorfile.Save(path, map[string]any{"x": v}); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	l, err := measure.Time(ctx, fake(t), &measure.LoadOptions{Options: *short, Upload: gpu.UploadOptions{SlotBytes: 16 << 10}}, x)
	if err != nil {
		t.Fatal(err)
	}
	if l.Stats.Copies != 7 || l.Stats.Wire != 100_000 || l.Limits[0].Name != measure.Link || l.Limits[1].Name != measure.Feed {
		t.Errorf("%+v", l)
	}
}
