package gpu_test

import (
	"context"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu"
)

// The types below stand for those of gorgonia.org/cu, which this module does not
// import: it wants cgo and NVIDIA's toolkit. In a program that has both they are
//
//	cuContext    *cu.Ctx, of cu.NewContext
//	cuDevicePtr  cu.DevicePtr, of ctx.MemAlloc
//	cuStream     cu.Stream, of ctx.MakeStream
type (
	// cuContext runs functions on the thread on which its context is current.
	cuContext interface{ Do(func() error) error }
	// cuDevicePtr is a number there too: uintptr(p), and cu.DevicePtr(n) back.
	cuDevicePtr uintptr
	// cuStream hands out its handle, a pointer of C, by C.
	cuStream interface{ C() unsafe.Pointer }
)

// How memory, a stream and a context of gorgonia.org/cu are used here, and memory
// from here there. The same goes for every binding that has the driver's handles.
func Example_gorgonia() {
	var (
		ctx cuContext   // cu.NewContext(device, flags)
		ptr cuDevicePtr // ctx.MemAlloc(n)
		cus cuStream    // ctx.MakeStream(cu.DefaultStream)
		n   int64
	)
	use := func() (err error) {
		// Their context into ours: cu makes it current on the thread of Do, and
		// there it is found. It stays theirs, so that Close does not destroy it.
		var d *gpu.Device
		if err = ctx.Do(func() error { d, err = gpu.AttachCurrent(nil); return err }); err != nil {
			return err
		}
		defer d.Close()

		// Their memory and stream into ours. The buffer holds ctx: a *cu.Ctx that
		// nobody holds destroys its context when it is collected.
		theirs, err := d.WrapPtr(uintptr(ptr), n, ctx)
		if err != nil {
			return err
		}
		defer theirs.Free() // lets go of it
		s, err := d.WrapStream(uintptr(cus.C()))
		if err != nil {
			return err
		}
		defer s.Free()

		// Our memory into theirs: pass cu.DevicePtr(ours.Ptr()) to their calls.
		ours, err := d.Alloc(n)
		if err != nil {
			return err
		}
		defer ours.Free()
		_ = cuDevicePtr(ours.Ptr())

		// On their stream this comes after what they have enqueued there, and
		// before what they enqueue now. Between two streams there is an event.
		if err := s.Copy(ours, theirs); err != nil {
			return err
		}
		mine, err := d.NewStream()
		if err != nil {
			return err
		}
		defer mine.Free()
		done, err := d.NewEvent(nil)
		if err != nil {
			return err
		}
		defer done.Free()
		if err := done.Record(s); err != nil {
			return err
		}
		if err := mine.Wait(done); err != nil {
			return err
		}
		return mine.Read(context.Background(), make([]byte, n), ours)
	}
	_ = use
}

// Our context into theirs: where it is current, theirs to find, such as by
// cu.CurrentContext.
func ExampleDevice_MakeCurrent() {
	use := func(d *gpu.Device, theirs func(ctx uintptr) error) error {
		restore, err := d.MakeCurrent()
		if err != nil {
			return err
		}
		defer restore()
		return theirs(d.Context())
	}
	_ = use
}
