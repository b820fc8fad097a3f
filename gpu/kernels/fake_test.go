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

// Nor does it matter in which of the orders that streams and events allow a device
// does its work.
func TestProgramsInAnyOrder(t *testing.T) {
	if *device != "" {
		t.Skip("it is the fake's order that this is about")
	}
	for name, order := range map[string]fakecuda.Order{"lazy": fakecuda.Lazy, "eager": fakecuda.Eager, "random": fakecuda.Random} {
		t.Run(name, func(t *testing.T) {
			var last *fakecuda.Fake
			likeHost(t, 50, func(t testing.TB, seed uint64) *gpu.Device {
				if last != nil {
					last.Check(t)
				}
				last = fakecuda.New(fakecuda.Options{Order: order, Seed: seed, Busy: int(seed % 4), Sources: []*gpu.Module{adder}})
				return get(hook.Open(get(cuda.FromTable(last.Table()))(t), 0))(t).(*gpu.Device)
			})
			last.Check(t)
		})
	}
}
