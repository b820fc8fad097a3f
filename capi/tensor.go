//go:build cgo

package main

// #include <stdlib.h>
// #include "tensorfile.h"
import "C"

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A handle is what a tensor handle is of: a tensor, and its description once
// somebody has asked for it.
type handle struct {
	f    *tensorfile.File // that it was opened from
	t    *tensorfile.Tensor
	name string // that it was opened by: of a part its role

	mu   sync.Mutex
	info *C.tensorfile_info // in memory of C; nil: none yet
	gone bool               // was released
}

// giveTensor hands a handle over to C.
func giveTensor(f *tensorfile.File, t *tensorfile.Tensor, name string, to *C.tensorfile_tensor) error {
	n, err := handles.add(&handle{f: f, t: t, name: name})
	if err != nil {
		return err
	}
	*to = C.tensorfile_tensor(n)
	return nil
}

// named finds a file, and in it the tensor of a name.
func named(n C.tensorfile_file, name *C.char) (*tensorfile.File, *tensorfile.Tensor, string, error) {
	f, err := find[*tensorfile.File](&handles, uint64(n))
	if err != nil {
		return nil, nil, "", err
	}
	s, err := text("name", name)
	if err != nil {
		return nil, nil, "", err
	}
	t, err := f.Tensor(s)
	return f, t, s, err
}

//export tfgo_lookup
func tfgo_lookup(n C.tensorfile_file, name *C.char, to *C.tensorfile_tensor, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, t, s, err := named(n, name)
		if err != nil {
			return err
		}
		return giveTensor(f, t, s, to)
	})
}

//export tfgo_part
func tfgo_part(n C.tensorfile_tensor, role *C.char, to *C.tensorfile_tensor, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		s, err := text("role", role)
		if err != nil {
			return err
		}
		p, err := h.t.Part(s)
		if err != nil {
			return err
		}
		return giveTensor(h.f, p, s, to)
	})
}

//export tfgo_release_tensor
func tfgo_release_tensor(n C.tensorfile_tensor, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := take[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		C.free(unsafe.Pointer(h.info))
		h.info, h.gone = nil, true
		return nil
	})
}

// A description is what is to be said of a tensor.
type description struct {
	name, dtype, codec    string
	shape, strides, chunk []int64
	info                  C.tensorfile_info // but for what those say
}

// describe looks at a tensor, which was opened from f.
func describe(f *tensorfile.File, t *tensorfile.Tensor, name string, names map[tensor.DType]string) description {
	s := t.Storage()
	d := description{name: name, codec: s.Codec, shape: t.Shape(), strides: t.Strides(), chunk: t.ChunkShape()}
	setDType(&d.info.dtype, t.DType())
	if t.DType() != (tensor.DType{}) {
		var ok bool
		if d.dtype, ok = names[t.DType()]; !ok {
			d.dtype = t.DType().String()
			names[t.DType()] = d.dtype
		}
	}
	layout, flags, composite := t.Composite()
	d.info.rank, d.info.layout, d.info.layout_flags = C.int32_t(len(d.shape)), C.int32_t(layout), C.uint32_t(flags)
	d.info.storage_kind, d.info.big_endian = C.int32_t(s.Kind), truth(t.Order() == tensor.BigEndian)
	d.info.elements, d.info.nbytes, d.info.stored = C.int64_t(t.NumElements()), C.int64_t(t.ByteSize()), C.int64_t(s.Stored)
	d.info.storage, d.info.generation, d.info.offset = C.uint64_t(s.ID), C.uint64_t(t.Generation()), -1
	if s.Kind == tensorfile.StorageRaw && t.File() == f {
		d.info.offset = C.int64_t(s.Offset + t.Offset())
	}
	if composite {
		parts, err := t.Parts()
		d.info.parts = C.int32_t(len(parts))
		if err != nil {
			d.info.parts = -1
		}
	}
	return d
}

// size in bytes of what a record points to.
func (d *description) numbers() int { return 8 * (len(d.shape) + len(d.strides) + len(d.chunk)) }
func (d *description) texts() int   { return len(d.name) + len(d.dtype) + len(d.codec) + 3 }

// place puts descriptions into one block of C, which begins with the records.
func place(list []description) (*C.tensorfile_info, error) {
	size := len(list) * C.sizeof_tensorfile_info
	for i := range list {
		size += list[i].numbers() + list[i].texts()
	}
	b, err := newBlock(size)
	if err != nil {
		return nil, err
	}
	first := (*C.tensorfile_info)(b.take(len(list) * C.sizeof_tensorfile_info))
	records := elements(first, len(list))
	for i := range list {
		d := &list[i]
		records[i] = d.info
		records[i].shape, records[i].strides = b.numbers(d.shape), b.numbers(d.strides)
		if d.chunk != nil {
			records[i].chunk = b.numbers(d.chunk)
		}
	}
	for i := range list { // behind the numbers, which want to be aligned
		d := &list[i]
		records[i].name, records[i].dtype_name, records[i].codec = b.text(d.name), b.text(d.dtype), b.text(d.codec)
	}
	return first, nil
}

func giveList(list []description, to *C.tensorfile_list) error {
	items, err := place(list)
	if err != nil {
		return err
	}
	to.count, to.items = C.size_t(len(list)), items
	return nil
}

//export tfgo_describe
func tfgo_describe(n C.tensorfile_tensor, to **C.tensorfile_info, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.gone { // on another thread, just now
			return unknown[*handle](uint64(n))
		}
		if h.info == nil {
			d := describe(h.f, h.t, h.name, map[tensor.DType]string{})
			if h.info, err = place([]description{d}); err != nil {
				return err
			}
		}
		*to = h.info
		return nil
	})
}

//export tfgo_list_tensors
func tfgo_list_tensors(n C.tensorfile_file, to *C.tensorfile_list, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		count, err := f.Len()
		if err != nil {
			return err
		}
		list, names := make([]description, 0, count), map[tensor.DType]string{}
		for t, err := range f.Tensors() {
			if err != nil {
				return err
			}
			list = append(list, describe(f, t, t.Name(), names))
		}
		return giveList(list, to)
	})
}

//export tfgo_list_named
func tfgo_list_named(n C.tensorfile_file, name *C.char, to *C.tensorfile_list, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, t, s, err := named(n, name)
		if err != nil {
			return err
		}
		return giveList([]description{describe(f, t, s, map[tensor.DType]string{})}, to)
	})
}

//export tfgo_list_parts
func tfgo_list_parts(n C.tensorfile_tensor, to *C.tensorfile_list, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		parts, err := h.t.Parts()
		if err != nil {
			return err
		}
		list, names := make([]description, len(parts)), map[tensor.DType]string{}
		for i, p := range parts {
			list[i] = describe(h.f, p.Tensor, p.Role, names)
		}
		return giveList(list, to)
	})
}

//export tfgo_check_parts
func tfgo_check_parts(n C.tensorfile_tensor, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		if _, _, ok := h.t.Composite(); !ok {
			return nil
		}
		_, err = h.t.ReadComposite(context.Background())
		return err
	})
}

//export tfgo_attributes
func tfgo_attributes(n C.tensorfile_tensor, to **C.char, size *C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		a, err := h.t.Attrs()
		if err != nil {
			return err
		}
		return giveAttrs(a, len(h.t.Shape()), to, size)
	})
}

//export tfgo_dim
func tfgo_dim(n C.tensorfile_tensor, axis C.int32_t, to **C.char, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		a, err := h.t.Attrs()
		if err != nil {
			return err
		}
		if rank := len(h.t.Shape()); axis < 0 || int(axis) >= rank {
			return &tensorfile.Error{Kind: tensorfile.ErrIndex, Path: h.f.Path(), Tensor: h.name, Offset: -1, Field: "axis", Got: fmt.Sprint(axis), Want: fmt.Sprintf("one of %d", rank)}
		}
		name := ""
		if dims := a.Dims(); dims != nil {
			name = dims[axis]
		}
		if strings.Contains(name, "\x00") {
			return argument("the name of axis %d, %s, has a NUL in it: see tensorfile_attributes", axis, tensor.Quote(name))
		}
		return giveText(to, nil, name)
	})
}

//export tfgo_hash
func tfgo_hash(n C.tensorfile_tensor, to *C.uint8_t, e *C.tensorfile_error) C.int32_t {
	return work(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		sum, err := h.t.Hash(context.Background())
		if err != nil {
			return err
		}
		for i, b := range sum {
			elements(to, len(sum))[i] = C.uint8_t(b)
		}
		return nil
	})
}

// A lease is what a lease handle is of.
type lease struct{ mmap.Lease }

// giveLease hands a lease over to C, or gives it back.
func giveLease(l mmap.Lease, to *C.tensorfile_lease) error {
	n, err := handles.add(&lease{l})
	if err != nil {
		l.Release()
		return err
	}
	*to = C.tensorfile_lease(n)
	return nil
}

//export tfgo_map
func tfgo_map(n C.tensorfile_tensor, to *C.tensorfile_lease, data *unsafe.Pointer, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		l, err := h.t.Lease()
		if err != nil {
			return err
		}
		v, err := h.t.View()
		if err == nil {
			err = giveLease(l, to)
		} else {
			l.Release()
		}
		if err == nil && v.NumElements() > 0 {
			s := h.t.Storage()
			*data = unsafe.Add(unsafe.Pointer(unsafe.SliceData(h.t.File().Map().Bytes())), s.Offset+h.t.Offset())
		}
		return err
	})
}

//export tfgo_map_file
func tfgo_map_file(n C.tensorfile_file, to *C.tensorfile_lease, data *unsafe.Pointer, size *C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		l, err := f.Map().Acquire()
		if err != nil {
			return err
		}
		b := f.Map().Bytes()
		if b == nil {
			l.Release()
			return &tensorfile.Error{Kind: tensorfile.ErrNotMapped, Path: f.Path(), Offset: -1, Field: "map", Got: "a file that is not mapped (" + f.Info().MapReason + ")", Want: "tensorfile_read, which copies"}
		}
		if err := giveLease(l, to); err != nil {
			return err
		}
		*data = unsafe.Pointer(unsafe.SliceData(b))
		if size != nil {
			*size = C.size_t(len(b))
		}
		return nil
	})
}

//export tfgo_release_lease
func tfgo_release_lease(n C.tensorfile_lease, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		l, err := take[*lease](&handles, uint64(n))
		if err == nil {
			l.Release()
		}
		return err
	})
}
