package gpu_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
)

// scale is a kernel of one's own: x[i] *= factor for n floats, in PTX for devices
// and in Go for the host backend.
var scale = &gpu.Module{
	Name: "scale",
	PTX: `.version 7.0
.target sm_75
.address_size 64
.visible .entry scale(.param .u64 x, .param .u32 n, .param .f32 factor)
{
	.reg .pred %past;
	.reg .b32 %block, %size, %i, %n;
	.reg .f32 %v, %f;
	.reg .b64 %x, %at;
	ld.param.u64 %x, [x];
	ld.param.u32 %n, [n];
	ld.param.f32 %f, [factor];
	mov.u32 %block, %ctaid.x;
	mov.u32 %size, %ntid.x;
	mov.u32 %i, %tid.x;
	mad.lo.u32 %i, %block, %size, %i;
	setp.ge.u32 %past, %i, %n;
	@%past bra DONE;
	cvta.to.global.u64 %x, %x;
	mul.wide.u32 %at, %i, 4;
	add.u64 %at, %x, %at;
	ld.global.f32 %v, [%at];
	mul.rn.f32 %v, %v, %f;
	st.global.f32 [%at], %v;
DONE:
	ret;
}
`,
	Kernels: []gpu.Kernel{{
		Name:   "scale",
		Params: gpu.Signature{gpu.TypePointer, gpu.TypeU32, gpu.TypeF32},
		Go: func(m gpu.Memory, grid, block gpu.Dim, a gpu.Args) error {
			n := int64(a.U32(1))
			b, err := m.Bytes(a.Ptr(0), 4*n)
			if err != nil {
				return err
			}
			v, err := tensor.NewView(b, tensor.F32, tensor.Shape{n}, nil, 0, tensor.LittleEndian)
			if err != nil {
				return err
			}
			for i := range n {
				x, err := tensor.ReadElem[float32](v, i)
				if err != nil {
					return err
				}
				if err := tensor.WriteElem(v, x*a.F32(2), i); err != nil {
					return err
				}
			}
			return nil
		},
	}},
}

// A tensor goes to the device, a kernel runs on it, and the result comes back. With
// Open or OpenAuto in place of OpenHost it is the same on CUDA.
func Example() {
	ctx := context.Background()
	d, err := gpu.OpenHost(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			log.Fatal(err) // such as what was not freed
		}
	}()

	v, err := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	x, err := d.Make(v.DType(), v.Shape())
	if err != nil {
		log.Fatal(err)
	}
	defer x.Free()
	if err := x.Write(ctx, v); err != nil {
		log.Fatal(err)
	}

	s, err := d.NewStream()
	if err != nil {
		log.Fatal(err)
	}
	defer s.Free()
	f, err := d.Func(scale, "scale")
	if err != nil {
		log.Fatal(err)
	}
	n := uint32(x.NumElements())
	grid, block := gpu.Dim{X: (n + 255) / 256}, gpu.Dim{X: 256}
	if err := f.Launch(s, grid, block, 0, gpu.TensorPtr(x), gpu.U32(n), gpu.F32(0.5)); err != nil {
		log.Fatal(err)
	}

	turned, err := x.Permute(1, 0) // no copy
	if err != nil {
		log.Fatal(err)
	}
	result, err := turned.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
	// Output:
	// [[0.5 2. ]
	//  [1.  2.5]
	//  [1.5 3. ]]
}

// OpenAuto always has a device; Info says which and why.
func ExampleOpenAuto() {
	d, err := gpu.OpenAuto(&gpu.Options{HostMemory: 1 << 30})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	if i := d.Info(); i.Backend == "host" {
		log.Print("no CUDA: ", i.Why)
	}
}

// Two streams work side by side; an event orders what has to be in order.
func ExampleStream_Wait() {
	d, err := gpu.OpenHost(nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	x, _ := d.Alloc(4)
	y, _ := d.Alloc(4)
	first, _ := d.NewStream()
	second, _ := d.NewStream()
	filled, _ := d.NewEvent(nil)

	first.Fill(x, 7)
	filled.Record(first)
	second.Wait(filled) // what follows on second comes after the Fill
	second.Copy(y, x)

	out := make([]byte, 4)
	if err := second.Read(ctx, out, y); err != nil {
		log.Fatal(err) // also for what was enqueued above
	}
	fmt.Println(out)
	for _, free := range []func() error{x.Free, y.Free, first.Free, second.Free, filled.Free, d.Close} {
		if err := free(); err != nil {
			log.Fatal(err)
		}
	}
	// Output: [7 7 7 7]
}
