//go:build linux && !android && !nogpu && (amd64 || arm64)

package kernels_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
)

// The fake driver, which runs the PTX itself.
func init() {
	places = append(places, place{"ptx", func(t testing.TB) *gpu.Device {
		f := fakecuda.New(fakecuda.Options{})
		t.Cleanup(func() { f.Check(t) })
		d := get(cuda.FromTable(f.Table()))(t)
		return get(hook.Open(d, 0))(t).(*gpu.Device)
	}})
}
