package driver

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Type is the type of a parameter of a kernel.
type Type uint8

// Types of parameters, as PTX calls them; a pointer is an address in the memory of
// the device.
const (
	Pointer Type = iota + 1 // .u64
	U32
	I32
	U64
	I64
	F32
)

// Size is that of an argument in bytes, and its alignment.
func (t Type) Size() int {
	switch t {
	case U32, I32, F32:
		return 4
	}
	return 8
}

func (t Type) String() string {
	names := [...]string{"?", "pointer", "u32", "i32", "u64", "i64", "f32"}
	if int(t) < len(names) {
		return names[t]
	}
	return names[0]
}

// Signature is the types of the parameters.
type Signature []Type

// Arg is an argument: its bits, and what it is.
type Arg struct {
	Type Type
	Bits uint64
}

// Pack appends the arguments to b, which is empty, each at its alignment, and to at
// where each begins.
func (g Signature) Pack(b []byte, at []int, args []Arg) ([]byte, []int, error) {
	if len(args) != len(g) {
		return b, at, fmt.Errorf("arguments: got %d, want %d", len(args), len(g))
	}
	for i, a := range args {
		if a.Type != g[i] {
			return b, at, fmt.Errorf("argument %d: got %v, want %v", i, a.Type, g[i])
		}
		n := a.Type.Size()
		for len(b)%n != 0 {
			b = append(b, 0)
		}
		at = append(at, len(b))
		if n == 4 {
			b = binary.NativeEndian.AppendUint32(b, uint32(a.Bits))
		} else {
			b = binary.NativeEndian.AppendUint64(b, a.Bits)
		}
	}
	return b, at, nil
}

// Memory is the memory of a device for a kernel that runs in Go.
type Memory interface {
	// Bytes are the n bytes at p, which lie in one allocation; an error with the
	// code IllegalAddress else.
	Bytes(p Ptr, n int64) ([]byte, error)
}

// Args are the arguments of a launch for a kernel that runs in Go.
type Args struct {
	Bytes   []byte
	Offsets []int
}

// Ptr, U32, I32, U64, I64 and F32 are argument i.
func (a Args) Ptr(i int) Ptr { return Ptr(a.U64(i)) }

func (a Args) U32(i int) uint32 { return binary.NativeEndian.Uint32(a.Bytes[a.Offsets[i]:]) }

func (a Args) I32(i int) int32 { return int32(a.U32(i)) }

func (a Args) U64(i int) uint64 { return binary.NativeEndian.Uint64(a.Bytes[a.Offsets[i]:]) }

func (a Args) I64(i int) int64 { return int64(a.U64(i)) }

func (a Args) F32(i int) float32 { return math.Float32frombits(a.U32(i)) }

// Kernel is an entry of a module.
type Kernel struct {
	Name   string
	Params Signature
	// Go is the reference: it makes, for a launch with the grid, the block and the
	// arguments, every byte that the entry makes, and is what the host backend runs.
	// Nil: the host backend cannot run it.
	Go func(m Memory, grid, block Dim, a Args) error
}

// Source is a module: text in PTX, and what its entries are.
type Source struct {
	Name    string // in errors
	PTX     string
	Kernels []Kernel
}

// Kernel finds an entry.
func (s *Source) Kernel(name string) *Kernel {
	for i := range s.Kernels {
		if s.Kernels[i].Name == name {
			return &s.Kernels[i]
		}
	}
	return nil
}
