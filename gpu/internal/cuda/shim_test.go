//go:build linux && !android && !nogpu && (amd64 || arm64)

package cuda

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A shim is a library of C with the driver's functions, which do next to nothing:
// what is loaded, and found to be missing, is a file.
type shim struct {
	missing string            // functions, with blanks between
	bodies  map[string]string // in place of "return 0;"
	set     answers           // at first
}

// answers are what a shim says of itself; what is less than 0 is not said, and
// CUDA_ERROR_SYSTEM_DRIVER_MISMATCH returned.
type answers struct{ version, init, count int }

// compiler is a C compiler for this machine, or the test is skipped.
func compiler(t testing.TB) string {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	for _, name := range []string{os.Getenv("CC"), "cc", "gcc", "clang", machine + "-linux-gnu-gcc"} {
		if name == "" {
			continue
		}
		if out, err := exec.Command(name, "-dumpmachine").Output(); err == nil && strings.HasPrefix(string(out), machine+"-") {
			return name
		}
	}
	t.Skipf("there is no C compiler for %s: neither $CC nor cc, gcc, clang or %s-linux-gnu-gcc", machine, machine)
	return ""
}

// signatures are those of the functions that do something.
var signatures = map[string]string{
	"cuInit":               "unsigned flags",
	"cuDriverGetVersion":   "int *p",
	"cuDeviceGetCount":     "int *p",
	"cuGetErrorName":       "int code, const char **p",
	"cuGetErrorString":     "int code, const char **p",
	"cuCtxSynchronize":     "void",
	"cuMemcpyHtoDAsync_v2": "unsigned long long dst, const void *src, size_t n, void *stream",
	"cuMemcpy2DAsync_v2":   "const struct rectangle *r, void *stream",
	"cuLaunchKernel": "void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, " +
		"void *stream, void **params, void **extra",
}

func (s shim) build(t testing.TB) string {
	t.Helper()
	cc := compiler(t)
	bodies := map[string]string{
		"cuInit":             "return init;",
		"cuDriverGetVersion": "*p = version; return version < 0 ? 803 : 0;",
		"cuDeviceGetCount":   "*p = count; return count < 0 ? 803 : 0;",
		"cuGetErrorName":     `*p = code == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : 0; return *p ? 0 : 1;`,
		"cuGetErrorString":   `*p = code == 803 ? "versions differ" : 0; return *p ? 0 : 1;`,
	}
	for name, body := range s.bodies {
		bodies[name] = body
	}
	var c strings.Builder
	c.WriteString(`#include <stddef.h>
struct rectangle { /* CUDA_MEMCPY2D */
	size_t srcXInBytes, srcY; int srcMemoryType; const void *srcHost; unsigned long long srcDevice; void *srcArray; size_t srcPitch;
	size_t dstXInBytes, dstY; int dstMemoryType; void *dstHost; unsigned long long dstDevice; void *dstArray; size_t dstPitch;
	size_t WidthInBytes, Height;
};
`)
	fmt.Fprintf(&c, "static int version = %d, init = %d, count = %d;\nvoid shim_set(int v, int i, int c) { version = v, init = i, count = c; }\n",
		s.set.version, s.set.init, s.set.count)
	for i := range symbols {
		name := symbols[i].name
		if slices.Contains(strings.Fields(s.missing), name) {
			continue
		}
		body := bodies[name]
		if body == "" {
			body = "return 0;"
		}
		result := "int"
		if name == "cuCtxSynchronize" {
			result = "long" // to leave something in the upper half of the register
		}
		fmt.Fprintf(&c, "%s %s(%s) { %s }\n", result, name, signatures[name], body)
	}
	dir := t.TempDir()
	src, lib := filepath.Join(dir, "shim.c"), filepath.Join(dir, "libshim.so")
	if err := os.WriteFile(src, []byte(c.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-O1", "-o", lib, src).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, out)
	}
	return lib
}

func TestLoadingALibrary(t *testing.T) {
	built := map[string]string{}
	for _, c := range []struct {
		name    string
		missing string
		set     answers
		is      error
		text    string
	}{
		{"all is there", "", answers{12080, 0, 1}, nil, ""},
		{"the oldest", "", answers{11000, 0, 1}, nil, ""},
		{"without what may be absent", "cuDeviceGetUuid cuDeviceGetPCIBusId", answers{13000, 0, 1}, nil, ""},
		{"too old", "", answers{10020, 0, 1}, driver.ErrDriverTooOld, "libshim.so is of CUDA 10.2; needed is CUDA 11.0 or later"},
		{"a function is missing", "cuMemHostRegister_v2", answers{12080, 0, 1}, driver.ErrDriverTooOld,
			"libshim.so is of CUDA 12.8 and lacks cuMemHostRegister_v2; needed is CUDA 11.0 or later"},
		{"old, and a function is missing", "cuMemHostRegister_v2", answers{4000, 0, 1}, driver.ErrDriverTooOld, "is of CUDA 4.0 and lacks cuMemHostRegister_v2"},
		{"the version and the words are missing", "cuDriverGetVersion cuGetErrorName", answers{0, 803, 1}, driver.ErrDriverTooOld, "is of unknown version and lacks cuDriverGetVersion"},
		{"it does not start", "", answers{12080, 803, 1}, driver.ErrNoDriver,
			"libshim.so, of CUDA 12.8: cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803): versions differ"},
		{"it says something without a name", "", answers{12080, 12345, 1}, driver.ErrNoDriver, "cuInit: CUresult 12345 (12345)"},
		{"no device at the start", "", answers{12080, 100, 1}, driver.ErrNoDevice, "cuInit: CUresult 100 (100)"},
		{"no device to count", "", answers{12080, 0, 0}, driver.ErrNoDevice, "of CUDA 12.8, counts none"},
		{"counting fails", "", answers{12080, 0, -1}, driver.ErrNoDriver, "of CUDA 12.8: cuDeviceGetCount: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"},
		{"the version fails", "", answers{-1, 0, 1}, driver.ErrNoDriver, "cuDriverGetVersion: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"},
	} {
		lib := built[c.missing]
		if lib == "" {
			lib = shim{missing: c.missing}.build(t)
			built[c.missing] = lib
		}
		t.Run(c.name, func(t *testing.T) {
			// What open loads is the same library, once more.
			h, err := purego.Dlopen(lib, purego.RTLD_NOW)
			if err != nil {
				t.Fatal(err)
			}
			set, err := purego.Dlsym(h, "shim_set")
			if err != nil {
				t.Fatal(err)
			}
			purego.SyscallN(set, uintptr(c.set.version), uintptr(c.set.init), uintptr(c.set.count))
			_, err = open(filepath.Join(t.TempDir(), "libcuda.so.1"), lib)
			switch {
			case c.is == nil && c.text == "" && err != nil:
				t.Error(err)
			case (c.is != nil || c.text != "") && err == nil:
				t.Error("no error")
			case c.is != nil && !errors.Is(err, c.is), err != nil && !strings.Contains(err.Error(), c.text):
				t.Errorf("%v, want %v with %q", err, c.is, c.text)
			}
		})
	}
}

func TestNoLibrary(t *testing.T) {
	dir := t.TempDir()
	absent, text := filepath.Join(dir, "libcuda.so.1"), filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("this is no library"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := open(absent, text)
	if !errors.Is(err, driver.ErrNoDriver) || !strings.Contains(err.Error(), absent) || !strings.Contains(err.Error(), text) {
		t.Error(err)
	}
}

// Load looks where the loader of the system does, and says what it found. The library
// that it finds here does not start, so that nobody takes it for a driver.
func TestLoad(t *testing.T) {
	const child = "TENSORFILE_LOAD_CUDA"
	if os.Getenv(child) != "" {
		for range 2 {
			_, err := Load()
			fmt.Println(err)
		}
		return
	}
	run := func(t *testing.T, dir string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLoad$", "-test.v=false")
		cmd.Env = append(os.Environ(), child+"=1", "LD_LIBRARY_PATH="+dir)
		out, err := cmd.CombinedOutput()
		switch {
		case errors.Is(err, syscall.ENOEXEC):
			t.Skip("this program runs emulated, and cannot start itself: ", err)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	t.Run("absent", func(t *testing.T) {
		if _, err := Load(); err == nil || !errors.Is(err, driver.ErrNoDriver) {
			t.Skip("there is a driver: ", err)
		}
		if out := run(t, t.TempDir()); strings.Count(out, "no CUDA driver: libcuda.so.1: cannot open shared object file") != 2 {
			t.Error(out)
		}
	})
	t.Run("does not start", func(t *testing.T) {
		lib := shim{set: answers{12080, 803, 1}}.build(t)
		if err := os.Rename(lib, filepath.Join(filepath.Dir(lib), "libcuda.so.1")); err != nil {
			t.Fatal(err)
		}
		if out := run(t, filepath.Dir(lib)); strings.Count(out, "no CUDA driver that works: libcuda.so.1, of CUDA 12.8: cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)") != 2 {
			t.Error(out)
		}
	})
}

// Arguments arrive in C as its functions declare them, and of what they return only
// the half that is declared counts.
func TestABI(t *testing.T) {
	lib, err := open(shim{set: answers{12080, 0, 1}, bodies: map[string]string{
		"cuCtxSynchronize":     "return 0x7ff00000000L;",
		"cuMemcpyHtoDAsync_v2": `return dst == 0x123456789abcdef0ULL && n == 5 && stream == (void *)0x70 && ((const char *)src)[4] == 'o' ? 0 : 1;`,
		"cuMemcpy2DAsync_v2": `return sizeof *r == 128 && r->srcXInBytes == 0 && r->srcY == 0 && r->srcMemoryType == 1 && ((const char *)r->srcHost)[0] == 'h' &&
			r->srcDevice == 0 && r->srcArray == 0 && r->srcPitch == 2 && r->dstXInBytes == 0 && r->dstY == 0 && r->dstMemoryType == 2 && r->dstHost == 0 &&
			r->dstDevice == 0xfedcba9876543210ULL && r->dstArray == 0 && r->dstPitch == 3 && r->WidthInBytes == 1 && r->Height == 3 && stream == (void *)0x71 ? 0 : 1;`,
		"cuLaunchKernel": `return f == (void *)0x72 && gx == 1 && gy == 2 && gz == 0xffffffffU && bx == 4 && by == 5 && bz == 6 && shared == 7 && stream == (void *)0x73 &&
			*(int *)params[0] == -8 && *(unsigned long long *)params[1] == 0xfedcba9876543210ULL && *(float *)params[2] == 1.5f && extra == 0 ? 0 : 1;`,
	}}.build(t))
	if err != nil {
		t.Fatal(err)
	}
	d := &device{lib: lib}
	sign := driver.Signature{driver.I32, driver.U64, driver.F32}
	args, at, err := sign.Pack(nil, nil, []driver.Arg{{Type: driver.I32, Bits: 0xfffffff8}, {Type: driver.U64, Bits: 0xfedcba9876543210}, {Type: driver.F32, Bits: 0x3fc00000}})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a result":  d.Synchronize(),
		"a copy":    d.CopyHtoD(0x123456789abcdef0, []byte("hello"), 0x70),
		"rows":      d.CopyHtoD2D(0xfedcba9876543210, 3, []byte("hello"), 2, 1, 3, 0x71),
		"arguments": d.Launch(0x72, driver.Dim{X: 1, Y: 2, Z: 0xffffffff}, driver.Dim{X: 4, Y: 5, Z: 6}, 7, 0x73, args, at),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
