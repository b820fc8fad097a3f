// Package ptxsim runs the PTX of this repository's own kernels in Go, thread by
// thread, to prove without a GPU what a kernel computes and which memory it
// touches. It is for tests, and for the driver that they run against.
//
// It knows a subset of PTX ISA 7.0 for sm_75, and refuses the rest, so that what
// is shipped stays inside it. Where the ISA leaves something open it refuses too,
// or can be told to choose otherwise:
//
//   - a register is read before it was written; a division by zero;
//   - an address is not a multiple of the access, or lies outside of what it may
//     reach: one allocation, the parameters, the shared memory of the block;
//   - two threads touch one byte of shared memory, one of them writing, without a
//     bar.sync between them (atomics excepted). Orders by bar.warp.sync or by
//     shuffles are not counted;
//   - some threads of a block never come to a barrier at which others wait, or
//     wait at another one; a shuffle from a lane that takes no part;
//   - arithmetic of floats without a rounding (.rn), which a compiler may fuse;
//     .ftz and the approximations;
//   - the payload of a NaN that arithmetic makes: Program.NaN chooses it;
//   - the order in which blocks and threads run: Program.Reverse turns it.
//
// It says nothing about speed, and nothing about the order of accesses to global
// memory by different threads but for what runs in both orders.
//
// Sections in comments are those of NVIDIA's "Parallel Thread Execution ISA",
// version 7.0. Global memory is little-endian, as the device's, whatever the
// machine.
package ptxsim

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A Program is a module that was read. Launch does not change it: it may run many
// times at once.
type Program struct {
	// Reverse runs blocks and threads from the last to the first.
	Reverse bool
	// NaN is what floating-point arithmetic in f32 makes where it makes a NaN,
	// of f64 with the same upper bits; 0 is 0x7fffffff, as devices have it.
	NaN uint32
	// Steps is how many instructions a launch may take, 0 for as many as it likes.
	Steps int64

	entries map[string]*entry
}

// Entries are the names of the kernels, sorted.
func (p *Program) Entries() []string {
	names := make([]string, 0, len(p.entries))
	for n := range p.entries {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Params are the types of the parameters of a kernel as PTX writes them, without
// the dot: "u64". Nil if there is no such kernel.
func (p *Program) Params(name string) []string {
	e := p.entries[name]
	if e == nil {
		return nil
	}
	types := make([]string, 0, len(e.params))
	for _, v := range e.params {
		types = append(types, v.typ.String())
	}
	return types
}

// An entry is a kernel.
type entry struct {
	name    string
	params  []variable
	bytes   int // of the parameters
	regs    []register
	shared  int  // bytes of the block's memory that have names
	dynamic bool // or the launch says how many
	require driver.Dim
	limit   uint64 // of threads to the block, 0: none
	consts  []byte
	code    []instr
}

// A variable has a place in a state space.
type variable struct {
	name  string
	space space
	typ   typ
	at    int
	size  int // bytes
}

type register struct {
	name string
	typ  typ
}

// An instr is an instruction, or the part of one that runs as a step.
type instr struct {
	line  int
	text  string // the opcode
	guard int    // register of the predicate, -1: none
	not   bool
	run   func(*thread)
}

// Limits of a launch: sections 4.4 and 10, and the CUDA programming guide's table
// of compute capability 7.5.
const (
	maxThreads = 1024
	maxShared  = 48 << 10
	maxRegs    = 4096
)

// Launch runs a kernel to its end. Errors are of the launch, with the code
// InvalidValue, NotFound or LaunchOutResources, or of a thread: then they name it
// and the line, and wrap that of the memory or a *driver.Error. What was written
// before stays.
func (p *Program) Launch(mem driver.Memory, name string, grid, block driver.Dim, shared uint32, a driver.Args) error {
	e := p.entries[name]
	if e == nil {
		return refuse(driver.NotFound, "no kernel %q", name)
	}
	grid, block = ones(grid), ones(block)
	if block.Size() > maxThreads || block.Z > 64 || grid.X > 1<<31-1 || grid.Y > 65535 || grid.Z > 65535 {
		return refuse(driver.InvalidValue, "%s: a grid of %v by %v", name, grid, block)
	}
	if e.require != (driver.Dim{}) && ones(e.require) != block || e.limit != 0 && block.Size() > e.limit {
		return refuse(driver.InvalidValue, "%s: a block of %v, declared otherwise", name, block)
	}
	if shared != 0 && !e.dynamic {
		return refuse(driver.InvalidValue, "%s: %d bytes of shared memory that it does not declare", name, shared)
	}
	if int64(e.shared)+int64(shared) > maxShared {
		return refuse(driver.LaunchOutResources, "%s: %d bytes of shared memory", name, int64(e.shared)+int64(shared))
	}
	params, err := e.pack(a)
	if err != nil {
		return err
	}
	l := &launch{p: p, e: e, mem: mem, grid: grid, block: block, params: params, shared: e.shared + int(shared), left: p.Steps, nan: p.NaN}
	if l.nan == 0 {
		l.nan = 0x7fffffff
	}
	return l.blocks()
}

func ones(d driver.Dim) driver.Dim { return driver.Dim{X: max(d.X, 1), Y: max(d.Y, 1), Z: max(d.Z, 1)} }

func refuse(code driver.Code, format string, args ...any) error {
	return &driver.Error{Op: "cuLaunchKernel", Code: code, Name: codeName(code), Text: fmt.Sprintf(format, args...)}
}

func codeName(c driver.Code) string {
	switch c {
	case driver.InvalidValue:
		return "CUDA_ERROR_INVALID_VALUE"
	case driver.InvalidPTX:
		return "CUDA_ERROR_INVALID_PTX"
	case driver.NotFound:
		return "CUDA_ERROR_NOT_FOUND"
	case driver.LaunchOutResources:
		return "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"
	case driver.IllegalAddress:
		return "CUDA_ERROR_ILLEGAL_ADDRESS"
	case misaligned:
		return "CUDA_ERROR_MISALIGNED_ADDRESS"
	case timeout:
		return "CUDA_ERROR_LAUNCH_TIMEOUT"
	}
	return "CUDA_ERROR_LAUNCH_FAILED"
}

// Codes beside those of package driver.
const (
	timeout    driver.Code = 702
	misaligned driver.Code = 716
)

// pack lays the arguments out as the kernel's parameter space, little-endian.
func (e *entry) pack(a driver.Args) ([]byte, error) {
	if len(a.Offsets) != len(e.params) {
		return nil, refuse(driver.InvalidValue, "%s: %d arguments, want %d", e.name, len(a.Offsets), len(e.params))
	}
	b := make([]byte, e.bytes)
	for i, v := range e.params {
		at := a.Offsets[i]
		if at < 0 || at > len(a.Bytes)-v.size {
			return nil, refuse(driver.InvalidValue, "%s: argument %d at byte %d of %d", e.name, i, at, len(a.Bytes))
		}
		if v.size == 4 {
			binary.LittleEndian.PutUint32(b[v.at:], binary.NativeEndian.Uint32(a.Bytes[at:]))
		} else {
			binary.LittleEndian.PutUint64(b[v.at:], binary.NativeEndian.Uint64(a.Bytes[at:]))
		}
	}
	return b, nil
}
