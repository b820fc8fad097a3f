package gpu

import (
	"encoding/binary"
	"fmt"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// A verifier makes the device compute the CRC-32C of what has arrived, window by
// window. Each slot of the ring has room of its own for that on the device.
type verifier struct {
	kernels [2]*Func
	mem     driver.Ptr
	room    int64 // of a slot: the sum, then what the kernels work in
	args    []byte
	offsets []int
}

// newVerifier loads the kernels.
func newVerifier(d *Device) (*verifier, error) {
	v := &verifier{}
	for i, l := range ptx.Checksum(0, 0, 0, 1) {
		f, err := d.Func(l.Module, l.Kernel)
		if err != nil {
			return nil, err
		}
		v.kernels[i] = f
	}
	return v, nil
}

// alloc makes room for windows of n bytes in so many slots.
func (v *verifier) alloc(dev driver.Device, slots int, n int64) (err error) {
	v.room = (alignBytes + ptx.ChecksumScratch(n) + alignBytes - 1) &^ (alignBytes - 1)
	v.mem, err = dev.Alloc(v.room * int64(slots))
	return err
}

func (v *verifier) free(dev driver.Device) error {
	if v.mem == 0 {
		return nil
	}
	mem := v.mem
	v.mem = 0
	return dev.Free(mem)
}

// at is where the sum of a slot goes.
func (v *verifier) at(slot int) driver.Ptr { return v.mem + driver.Ptr(int64(slot)*v.room) }

// enqueue makes the sum of n bytes at p behind the copies of a slot.
func (v *verifier) enqueue(dev driver.Device, on driver.Stream, slot int, p driver.Ptr, n int64) (err error) {
	if n == 0 {
		return nil
	}
	to := v.at(slot)
	for i, l := range ptx.Checksum(to, p, to+alignBytes, n) {
		f := v.kernels[i]
		if v.args, v.offsets, err = f.kernel.Params.Pack(v.args[:0], v.offsets[:0], l.Args); err != nil {
			return err
		}
		if err := dev.Launch(f.h, l.Grid, l.Block, l.Shared, on, v.args, v.offsets); err != nil {
			return err
		}
	}
	return nil
}

// compare looks at the sum that enqueue made, when it is done.
func (v *verifier) compare(dev driver.Device, slot int, w *window, want uint32) error {
	if w.n == 0 {
		return nil
	}
	var b [4]byte
	if err := dev.CopyDtoH(b[:], v.at(slot), 0); err != nil {
		return err
	}
	if got := binary.LittleEndian.Uint32(b[:]); got != want {
		err := bad(tensor.ErrCorrupt, "CRC-32C of what arrived", fmt.Sprintf("%08x", got), fmt.Sprintf("%08x, of what was read", want)).(*tensor.Error)
		err.Tensor = w.segs[0].it.src.name()
		return err
	}
	return nil
}
