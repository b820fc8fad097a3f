// Package gpu brings tensors to a device, runs kernels on them and brings results
// back. It is pure Go: the CUDA driver is loaded when it is first asked for, by a
// program that was built without cgo and without NVIDIA's toolkit, and where there
// is none the host backend runs the same code on ordinary memory.
//
//	d, err := gpu.OpenAuto(nil)
//	if err != nil {
//		return err
//	}
//	defer d.Close()
//	fmt.Println(d.Info()) // which device, and why this one
//
//	s, err := d.NewStream()
//	x, err := d.Make(tensor.F32, tensor.Shape{1 << 20})
//	err = x.Write(ctx, view)
//	err = kernels.Cast(s, y, x)
//	err = s.Synchronize()
//	err = y.ReadTo(ctx, result)
//
// # Backends
//
// [Open] wants CUDA and says why there is none: [ErrNoDriver], [ErrNoDevice],
// [ErrDriverTooOld]. [OpenHost] always works: device memory is memory outside of
// the Go heap, a stream is a queue that a goroutine works off, and a kernel is its
// reference in Go. [OpenAuto] takes CUDA if it can and the host backend else, and
// Info.Why says what it was. Nothing here ends the program or panics because of a
// driver, a device or an argument.
//
// CUDA is there on Linux, amd64 and arm64; on Windows, amd64, it is built and has not
// been run. A binary for Linux that links this package needs the system's C library
// and its loader, unless it is built with the tag "nogpu", which leaves the host
// backend and a binary that is static.
//
// # What belongs to a device
//
// A [Buffer] is device memory, a [Tensor] a strided look at one, a [Stream] a queue
// of work in order, an [Event] a place in a queue that others wait for, a [Func] a
// kernel. Each is made by a device, used with that device only, and freed by its
// Free. [Device.Close] waits for the device, frees what was not, and reports it.
// There are no finalizers: what is dropped stays until Close.
//
// # Order
//
// What is enqueued on one stream happens in order; different streams are ordered
// by events alone. Every stream is independent of the driver's default stream,
// which is never used. Methods that take or return bytes of host memory
// ([Buffer.ReadTo], [Stream.Read] and their like) are done when they return; those
// that do not, such as [Func.Launch], [Stream.Copy] and [Stream.Fill], enqueue and
// return, and may report an error of earlier work.
//
// # Uploads
//
// An [Uploader] brings tensors of files and views to the device at the speed of the
// slowest of disk, decoder and link: workers read or decode straight into slots of
// pinned memory while others are copied. [Uploader.Upload] makes device tensors of
// whole ones, small neighbours of a file in one copy; [Uploader.Stream] and
// [Uploader.Batches] hand blocks to a loop while the next are on their way, for what
// is larger than the device and for loaders:
//
//	u, err := d.NewUploader(nil)
//	defer u.Close()
//	up, err := u.Upload(ctx, gpu.FromTensor(weights), gpu.FromTensor(bias))
//	...
//	for b, err := range u.Stream(ctx, s, gpu.FromTensor(images)) {
//		if err != nil {
//			return err
//		}
//		err = kernels.Cast(s, y, b.Tensor())
//	}
//	fmt.Println(u.Stats().Path)
//
// [Stats] say which way was taken and where time went. Foreign code never sees a
// page of a mapped file: one that is cut short under an upload is an error.
//
// # Errors
//
// What the driver says is an *[Error]. An error that leaves the context unusable
// (an illegal address, a failed launch) is Sticky: from then on every call returns
// that first error, and [Device.Close] still frees what the host holds. Wrong
// arguments are *tensor.Error and change nothing: ErrClosed (freed or closed),
// ErrIndex (out of range), ErrShape, ErrDType, ErrNotContiguous, ErrUnsupported.
//
// # Concurrency
//
// Everything may be used from any goroutine: each call locks its OS thread, makes
// the context current, and puts back what was. Free and Close wait for calls that
// are under way; later ones are ErrClosed.
//
// # Other users of CUDA
//
// Handles are plain numbers, so that memory, streams and contexts can be shared
// with any other binding in the process: see [AttachCurrent], [AttachHandle],
// [Device.WrapPtr], [Device.WrapStream], [Device.WrapEvent] and [Device.MakeCurrent].
// The example "Gorgonia" shows it with gorgonia.org/cu.
package gpu
