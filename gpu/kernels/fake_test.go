//go:build linux && !android && !nogpu && (amd64 || arm64)

package kernels_test

import (
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/gpu/internal/ptxsim"
)

// The fake driver, which runs the PTX itself.
func init() {
	places = append(places, place{"ptx", func(t *testing.T) *gpu.Device {
		f := fakecuda.New(fakecuda.Options{Sources: ptx.Modules, Run: interpret})
		t.Cleanup(func() { f.Check(t) })
		d := get(cuda.FromTable(f.Table()))(t)
		return get(hook.Open(d, 0))(t).(*gpu.Device)
	}})
}

var programs sync.Map

func interpret(m driver.Memory, s *driver.Source, k *driver.Kernel, grid, block driver.Dim, shared uint32, a driver.Args) error {
	p, ok := programs.Load(s)
	if !ok {
		read, err := ptxsim.Load(s.PTX)
		if err != nil {
			return err
		}
		p, _ = programs.LoadOrStore(s, read)
	}
	return p.(*ptxsim.Program).Launch(m, k.Name, grid, block, shared, a)
}
