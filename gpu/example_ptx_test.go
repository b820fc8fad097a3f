package gpu_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptxsim"
)

// block is device memory of one allocation.
type block []byte

const at = 0x1000

func (b block) Bytes(p driver.Ptr, n int64) ([]byte, error) {
	if p < at || uint64(p-at)+uint64(n) > uint64(len(b)) {
		return nil, &driver.Error{Op: "Bytes", Code: driver.IllegalAddress}
	}
	return b[p-at:][:n], nil
}

// The kernel of the example is in PTX what it is in Go.
func TestExamplePTX(t *testing.T) {
	p, err := ptxsim.Load(scale.PTX)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{0, 1, 255, 256, 257, 1000} {
		var mem block
		for i := range n {
			mem = binary.LittleEndian.AppendUint32(mem, math.Float32bits(float32(i)*1.1-37))
		}
		want := slices.Clone(mem)
		k := scale.Kernels[0]
		b, offsets, err := k.Params.Pack(nil, nil, []driver.Arg{{Type: driver.Pointer, Bits: at}, {Type: driver.U32, Bits: uint64(n)}, {Type: driver.F32, Bits: uint64(math.Float32bits(0.3))}})
		if err != nil {
			t.Fatal(err)
		}
		grid, threads := gpu.Dim{X: (n + 255) / 256}, gpu.Dim{X: 256}
		a := driver.Args{Bytes: b, Offsets: offsets}
		if err := p.Launch(mem, k.Name, grid, threads, 0, a); err != nil {
			t.Fatal(err)
		}
		if err := k.Go(want, grid, threads, a); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(mem, want) {
			t.Errorf("%d floats differ", n)
		}
	}
}
