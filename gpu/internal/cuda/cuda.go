// Package cuda is the driver that comes with NVIDIA's hardware, libcuda.so.1, found
// and loaded when it is asked for. Nothing of CUDA is needed to build, and without
// the library a program runs all the same: Load says why there is none.
//
// The library is called through github.com/ebitengine/purego, which needs no cgo
// but makes a program need libc and its loader. The tag nogpu leaves both out. This
// package alone knows of purego.
//
//	Linux        amd64, arm64
//	Windows      amd64; only built, never run
//	elsewhere    Load says that nothing is looked for
//
// Each call is one function of the driver API, by the exported name of the ABI that
// is meant: cuda.h renames cuMemAlloc to cuMemAlloc_v2 by a macro, which dlsym does
// not see. What a function of the API means is in "CUDA Driver API", TRM-06703-001.
// A call takes as long as three to four calls through cgo (BenchmarkBinding), and
// allocates nothing once it has been made a few times, but for those that load
// modules, look names up, or fail.
//
// What has been written here was tested with a stand-in (package fakecuda) and not
// confirmed on a device.
package cuda
