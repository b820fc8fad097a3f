//go:build cgo

package main

// #include <stdlib.h>
// #include "tensorfile.h"
import "C"

import (
	"io"
	"math"
	"runtime/debug"
	"unicode/utf8"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// allocate returns n bytes of C, zeros, for who frees them with
// tensorfile_free.
func allocate(n int) (unsafe.Pointer, error) {
	p := C.calloc(1, C.size_t(max(n, 1)))
	if p == nil {
		return nil, errNoMemory
	}
	return p, nil
}

// giveText hands a text over to C, and its size if somebody wants it.
func giveText(to **C.char, size *C.size_t, s string) error {
	p, err := allocate(len(s) + 1)
	if err != nil {
		return err
	}
	copy(unsafe.Slice((*byte)(p), len(s)), s)
	*to = (*C.char)(p)
	if size != nil {
		*size = C.size_t(len(s))
	}
	return nil
}

// text copies a text of C, which is UTF-8.
func text(what string, p *C.char) (string, error) {
	s := C.GoString(p)
	if !utf8.ValidString(s) {
		return "", argument("%s: got %s, want UTF-8", what, tensor.Quote(s))
	}
	return s, nil
}

// elements is an array of C as a slice, without a copy. n is no negative number.
func elements[T any](p *T, n int) []T {
	if p == nil || n == 0 {
		return nil
	}
	return unsafe.Slice(p, n)
}

// extents copies so many numbers of C.
func extents(p *C.int64_t, n int) []int64 {
	list := make([]int64, n)
	for i, x := range elements(p, n) {
		list[i] = int64(x)
	}
	return list
}

// options returns the options at p, or their default if there are none. size is
// what the caller says that theirs are long: those of an older header are shorter.
func options[T any](what string, p *T, size C.size_t) (T, error) {
	var o T
	if p == nil {
		return o, nil
	}
	if size < C.size_t(unsafe.Sizeof(size)) || uint64(size) > 1<<16 {
		return o, argument("%s: got a size of %d, want sizeof", what, uint64(size))
	}
	n := min(uintptr(size), unsafe.Sizeof(o))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&o)), n), unsafe.Slice((*byte)(unsafe.Pointer(p)), n))
	// What a newer header added must not have been asked for.
	for _, b := range unsafe.Slice((*byte)(unsafe.Pointer(p)), size)[n:] {
		if b != 0 {
			return o, argument("%s: got an option that this version of the library does not know", what)
		}
	}
	return o, nil
}

func dtypeOf(d C.tensorfile_dtype) tensor.DType {
	return tensor.DType{Class: tensor.Class(d.cls), Variant: uint16(d.variant), Bits: uint32(d.bits), UnitElems: uint32(d.unit_elems), UnitBytes: uint32(d.unit_bytes)}
}

func setDType(to *C.tensorfile_dtype, d tensor.DType) {
	*to = C.tensorfile_dtype{cls: C.uint8_t(d.Class), variant: C.uint16_t(d.Variant), bits: C.uint32_t(d.Bits), unit_elems: C.uint32_t(d.UnitElems), unit_bytes: C.uint32_t(d.UnitBytes)}
}

// shapeOf is the shape of an array of C.
func shapeOf(what string, rank C.int32_t, shape *C.int64_t) (tensor.Shape, error) {
	switch {
	case rank < 0 || rank > C.TENSORFILE_MAX_RANK:
		return nil, argument("%s: got rank %d, want 0 to %d", what, int32(rank), C.TENSORFILE_MAX_RANK)
	case rank > 0 && shape == nil:
		return nil, argument("%s: got no shape, want %d extents", what, int32(rank))
	}
	return extents(shape, int(rank)), nil
}

// arrayOf looks at elements in the memory of C.
func arrayOf(what string, a *C.tensorfile_array) (tensor.View, error) {
	s, err := shapeOf(what, a.rank, a.shape)
	if err != nil {
		return tensor.View{}, err
	}
	var st tensor.Strides
	if a.strides != nil {
		st = extents(a.strides, len(s))
	}
	return viewOf(what, a.data, dtypeOf(a.dtype), s, st)
}

// middle is where element (0, ..., 0) stands while it is found out how far the
// others are from it.
const middle = 1 << 61

// viewOf looks at memory of C of which p is element (0, ..., 0). nil strides are
// C order.
func viewOf(what string, p unsafe.Pointer, d tensor.DType, s tensor.Shape, st tensor.Strides) (tensor.View, error) {
	if err := d.Validate(); err != nil {
		return tensor.View{}, err
	}
	reach := st
	if reach == nil {
		var err error
		if reach, err = tensor.Contiguous(d, s); err != nil {
			return tensor.View{}, err
		}
	}
	lo, hi, err := tensor.Reach(d, s, reach, middle)
	switch {
	case err != nil:
		return tensor.View{}, err
	case lo == hi:
		return tensor.NewView(nil, d, s, st, 0, tensor.HostOrder)
	case p == nil:
		return tensor.View{}, argument("%s: data is NULL, want %d bytes", what, hi-lo)
	case hi-lo > math.MaxInt:
		return tensor.View{}, argument("%s: got %d bytes, more than there are addresses", what, hi-lo)
	}
	b := unsafe.Slice((*byte)(unsafe.Add(p, lo-middle)), hi-lo)
	return tensor.NewView(b, d, s, st, middle-lo, tensor.HostOrder)
}

// memory is a file in the memory of C.
type memory []byte

// ReadAt implements io.ReaderAt. Memory that the caller has taken away, or that
// is a mapping of theirs, is an error as far as the system tells.
func (m memory) ReadAt(p []byte, off int64) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(interface{ Addr() uintptr }); !ok {
				panic(r)
			}
			n, err = 0, &tensorfile.Error{Kind: tensorfile.ErrChanged, Offset: off, Field: "memory", Got: "a fault", Want: "the bytes that were there at open"}
		}
	}()
	if off < 0 || off >= int64(len(m)) {
		return 0, io.EOF
	}
	if n = copy(p, m[off:]); n < len(p) {
		err = io.EOF
	}
	return n, err
}

// A block is memory of C in the making: records, numbers and texts behind each
// other, which point to one another. Sizes are added up first.
type block struct {
	p    unsafe.Pointer
	next uintptr
}

func newBlock(n int) (block, error) {
	p, err := allocate(n)
	return block{p: p}, err
}

// take returns the next n bytes.
func (b *block) take(n int) unsafe.Pointer {
	p := unsafe.Add(b.p, b.next)
	b.next += uintptr(n)
	return p
}

func (b *block) numbers(list []int64) *C.int64_t {
	p := (*C.int64_t)(b.take(8 * len(list)))
	for i, x := range list {
		unsafe.Slice(p, len(list))[i] = C.int64_t(x)
	}
	return p
}

func (b *block) text(s string) *C.char {
	p := b.take(len(s) + 1)
	copy(unsafe.Slice((*byte)(p), len(s)), s)
	return (*C.char)(p)
}
