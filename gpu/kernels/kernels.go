// Package kernels launches the kernels that come with gpu.
//
// Every function enqueues its work on a stream and returns: operands must stay as
// they are, and the result is there, when the stream is past it. What the arguments
// say is checked before anything is enqueued; contents of tensors are not looked at.
// On the host backend the same calls run references in Go, which make the same bits.
//
// # Operands
//
// Tensors are on the device of the stream, little-endian, in C order without gaps,
// with elements at multiples of their size, unless a function says otherwise. A
// result shares no memory with what is read. Errors about operands are *tensor.Error:
// ErrShape, ErrDType, ErrByteOrder, ErrNotContiguous, ErrMisaligned, and
// ErrUnsupported for what there is no kernel for. Those of the driver are *gpu.Error.
//
// # Arithmetic
//
// Floats are rounded to nearest even after each operation, in an order that each
// function states; subnormal numbers are kept and nothing is fused. So results are
// the same bits on all devices and on the host. Which NaN comes out where arithmetic
// makes one is not said, unless a function says it.
//
// No device has run the kernels yet: they are proved by an interpreter of PTX.
package kernels

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
)

// run enqueues launches. Their pointers lie in the buffers that are given, or are 0.
func run(on *gpu.Stream, uses []*gpu.Buffer, list ...ptx.Launch) error {
	for _, l := range list {
		f, err := on.Device().Func(l.Module, l.Kernel)
		if err != nil {
			return err
		}
		args := make([]gpu.Arg, len(l.Args))
		for i, a := range l.Args {
			switch a.Type {
			case driver.Pointer:
				if args[i], err = pointer(uintptr(a.Bits), uses); err != nil {
					return err
				}
			case driver.U32:
				args[i] = gpu.U32(uint32(a.Bits))
			case driver.U64:
				args[i] = gpu.U64(a.Bits)
			case driver.I32:
				args[i] = gpu.I32(int32(uint32(a.Bits)))
			case driver.F32:
				args[i] = gpu.F32(math.Float32frombits(uint32(a.Bits)))
			default:
				args[i] = gpu.I64(int64(a.Bits))
			}
		}
		if err := f.Launch(on, l.Grid, l.Block, l.Shared, args...); err != nil {
			return err
		}
	}
	return nil
}

// scratched is run with n bytes to work in: scratch, or what is allocated for it.
func scratched(on *gpu.Stream, uses []*gpu.Buffer, scratch *gpu.Buffer, n int64, launches func(scratch driver.Ptr) []ptx.Launch) error {
	if n == 0 {
		return run(on, uses, launches(0)...)
	}
	if b := scratch; b != nil {
		if b.Len() < n || b.Ptr()%8 != 0 {
			return bad(tensor.ErrShape, "scratch", strconv.FormatInt(b.Len(), 10)+" bytes", strconv.FormatInt(n, 10)+", at a multiple of 8")
		}
		return run(on, append(uses, b), launches(driver.Ptr(b.Ptr()))...)
	}
	b, err := on.Device().Alloc(n)
	if err != nil {
		return err
	}
	err = run(on, append(uses, b), launches(driver.Ptr(b.Ptr()))...)
	if err == nil {
		err = on.Synchronize()
	}
	return errors.Join(err, b.Free())
}

// buffers checks memory that is no tensor; the first is what is written.
func buffers(on *gpu.Stream, names []string, list ...*gpu.Buffer) error {
	if on == nil {
		return bad(tensor.ErrUnsupported, "stream", "nil", "a stream")
	}
	for i, b := range list {
		if b == nil {
			return bad(tensor.ErrUnsupported, names[i], "nil", "a buffer")
		}
		first := list[0]
		if i > 0 && b.Len() > 0 && first.Len() > 0 && first.Ptr() < b.Ptr()+uintptr(b.Len()) && b.Ptr() < first.Ptr()+uintptr(first.Len()) {
			return bad(tensor.ErrUnsupported, names[i], "memory of "+names[0], "memory apart from it")
		}
	}
	return nil
}

// pointer is an address in one of the buffers, or else at the end of one: another may
// begin there.
func pointer(p uintptr, uses []*gpu.Buffer) (gpu.Arg, error) {
	if p == 0 {
		return gpu.Ptr(nil), nil
	}
	for _, beyond := range []int64{0, 1} {
		for _, b := range uses {
			if off := int64(p - b.Ptr()); p >= b.Ptr() && off < b.Len()+beyond {
				part, err := b.Slice(off, b.Len()-off)
				return gpu.Ptr(part), err
			}
		}
	}
	return gpu.Arg{}, bad(tensor.ErrUnsupported, "pointer", fmt.Sprintf("%#x", p), "one into a buffer of the launch")
}

// An operand is a tensor and what it is called in errors.
type operand struct {
	name string
	*gpu.Tensor
}

// check looks at what all operands have to be; the first is the one that is written.
// It returns their buffers.
func check(on *gpu.Stream, operands ...operand) ([]*gpu.Buffer, error) {
	if on == nil {
		return nil, bad(tensor.ErrUnsupported, "stream", "nil", "a stream")
	}
	var uses []*gpu.Buffer
	for i, t := range operands {
		if t.Tensor == nil {
			return nil, bad(tensor.ErrUnsupported, t.name, "nil", "a tensor")
		}
		d := t.DType()
		if t.Order() != tensor.LittleEndian && d.UnitBytes > 1 && d.Class != tensor.ClassBlock {
			return nil, bad(tensor.ErrByteOrder, t.name, t.Order().String(), tensor.LittleEndian.String())
		}
		if !t.IsContiguous() {
			return nil, bad(tensor.ErrNotContiguous, t.name, "strides "+t.Strides().String()+" of "+t.Shape().String(), "C order without gaps")
		}
		if n := d.Align(); !t.Aligned(n) {
			return nil, bad(tensor.ErrMisaligned, t.name, "at "+fmt.Sprintf("%#x", t.Ptr()), "elements at multiples of "+strconv.Itoa(n))
		}
		if i > 0 && overlap(operands[0].Tensor, t.Tensor) {
			return nil, bad(tensor.ErrUnsupported, t.name, "memory of "+operands[0].name, "memory apart from it")
		}
		uses = append(uses, t.Buffer())
	}
	return uses, nil
}

func overlap(a, b *gpu.Tensor) bool {
	if a.ByteSize() == 0 || b.ByteSize() == 0 {
		return false
	}
	p, q := a.Ptr(), b.Ptr()
	return p < q+uintptr(b.ByteSize()) && q < p+uintptr(a.ByteSize())
}

// ptr is where a tensor begins; 0 where there is none or nothing of it.
func ptr(t *gpu.Tensor) driver.Ptr {
	if t == nil || t.ByteSize() == 0 {
		return 0
	}
	return driver.Ptr(t.Ptr())
}

func wantShape(name string, got, want tensor.Shape) error {
	if !got.Equal(want) {
		return bad(tensor.ErrShape, name, got.String(), want.String())
	}
	return nil
}

func wantDType(name string, got tensor.DType, want ...tensor.DType) error {
	text := ""
	for i, d := range want {
		if got == d {
			return nil
		}
		if i > 0 {
			text += ", "
		}
		text += d.String()
	}
	return bad(tensor.ErrDType, name, got.String(), text)
}

func bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "gpu", Offset: -1, Field: field, Got: got, Want: want}
}
