//go:build cgo

package main

// #include "tensorfile.h"
import "C"

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// A writer is what a writer handle is of. Calls take turns.
type writer struct {
	mu       sync.Mutex
	w        *tensorfile.Writer // nil: closed on another thread, just now
	storages []tensorfile.StorageID
}

// giveWriter hands a handle over to C, or ends the writer.
func giveWriter(w *tensorfile.Writer, to *C.tensorfile_writer) error {
	n, err := handles.add(&writer{w: w})
	if err != nil {
		return errors.Join(err, w.Close())
	}
	*to = C.tensorfile_writer(n)
	return nil
}

// write runs f with a writer that nobody else uses meanwhile.
func write(n C.tensorfile_writer, e *C.tensorfile_error, f func(w *writer) error) C.int32_t {
	return call(e, func() error {
		w, err := find[*writer](&handles, uint64(n))
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.w == nil {
			return unknown[*writer](uint64(n))
		}
		return f(w)
	})
}

// moment is a time of C, none for 0.
func moment(ns C.int64_t) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(ns)).UTC()
}

//export tfgo_create
func tfgo_create(path *C.char, p *C.tensorfile_create_options, to *C.tensorfile_writer, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		var size C.size_t
		if p != nil {
			size = p.size
		}
		o, err := options("create options", p, size)
		if err != nil {
			return err
		}
		w, err := tensorfile.Create(C.GoString(path), &tensorfile.CreateOptions{
			Overwrite: o.overwrite != 0, Deterministic: o.deterministic != 0, NoSync: o.no_sync != 0, Align: int(o.align), Time: moment(o.time),
		})
		if err != nil {
			return err
		}
		return giveWriter(w, to)
	})
}

//export tfgo_edit
func tfgo_edit(path *C.char, p *C.tensorfile_edit_options, to *C.tensorfile_writer, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		var size C.size_t
		if p != nil {
			size = p.size
		}
		o, err := options("edit options", p, size)
		if err != nil {
			return err
		}
		if o.wait_ms < 0 {
			return argument("edit options: got a wait of %d ms, want 0 or more", int32(o.wait_ms))
		}
		w, err := tensorfile.OpenAppend(C.GoString(path), &tensorfile.AppendOptions{
			Wait: time.Duration(o.wait_ms) * time.Millisecond, RemoteFS: o.remote_fs != 0, Time: moment(o.time),
		})
		if err != nil {
			return err
		}
		return giveWriter(w, to)
	})
}

// attrsOf reads attributes of C.
func attrsOf(p *C.char, rank int) (tensorfile.Attrs, error) {
	return format.ParseAttrs([]byte(C.GoString(p)), -1, rank)
}

// storeOf are options of C for a tensor of that rank, whose chunk has so many
// extents. nil are none.
func storeOf(p *C.tensorfile_store, rank, chunk int) (*tensorfile.TensorOptions, C.tensorfile_store, error) {
	if p == nil {
		return nil, C.tensorfile_store{}, nil
	}
	o, err := options("store", p, p.size)
	if err != nil {
		return nil, o, err
	}
	to := &tensorfile.TensorOptions{Replace: o.replace != 0}
	if o.attributes != nil {
		if to.Attrs, err = attrsOf(o.attributes, rank); err != nil {
			return nil, o, err
		}
	}
	if o.dims != nil {
		to.Dims = make([]string, rank)
		for i, d := range elements(o.dims, rank) {
			if d == nil {
				continue
			}
			if to.Dims[i], err = text("dims", d); err != nil {
				return nil, o, err
			}
		}
	}
	if o.codec != nil {
		if to.Codec, err = text("codec", o.codec); err != nil {
			return nil, o, err
		}
	}
	if o.chunk != nil {
		to.Chunk = extents(o.chunk, chunk)
	}
	if o.fill != nil {
		if o.fill_size > 16 {
			return nil, o, argument("fill: got %d bytes, want one unit of at most 16", uint64(o.fill_size))
		}
		to.Fill = bytes.Clone(elements((*byte)(o.fill), int(o.fill_size)))
	}
	return to, o, nil
}

// growOf are the same options for what changes a tensor.
func growOf(p *C.tensorfile_store, rank, chunk int) (*tensorfile.GrowOptions, error) {
	to, o, err := storeOf(p, rank, chunk)
	if err != nil || to == nil {
		return nil, err
	}
	if to.Attrs != nil || to.Dims != nil || to.Replace {
		return nil, argument("store: got attributes, dims or replace, which have no meaning for rows")
	}
	return &tensorfile.GrowOptions{Shared: o.shared != 0, Chunk: to.Chunk, Codec: to.Codec, Fill: to.Fill}, nil
}

//export tfgo_write
func tfgo_write(n C.tensorfile_writer, name *C.char, array *C.tensorfile_array, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		v, err := arrayOf(s, array)
		if err != nil {
			return err
		}
		o, _, err := storeOf(store, v.Rank(), v.Rank())
		if err != nil {
			return err
		}
		return apart(v.ByteSize(), func() error { return w.w.Add(context.Background(), s, v, o) })
	})
}

//export tfgo_write_storage
func tfgo_write_storage(n C.tensorfile_writer, data unsafe.Pointer, size C.size_t, to *C.uint64_t, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		if uint64(size) > 1<<62 {
			return argument("storage: got %d bytes, want fewer", uint64(size))
		}
		id, err := w.w.AddStorage(context.Background(), int64(size), bytes.NewReader(elements((*byte)(data), int(size))))
		if err != nil {
			return err
		}
		w.storages = append(w.storages, id)
		*to = C.uint64_t(len(w.storages))
		return nil
	})
}

//export tfgo_write_on
func tfgo_write_on(n C.tensorfile_writer, storage C.uint64_t, offset C.int64_t, name *C.char, array *C.tensorfile_array, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		if storage == 0 || uint64(storage) > uint64(len(w.storages)) {
			return &handleError{fmt.Sprintf("tensorfile: got storage %d, want one of this writer, which has %d", uint64(storage), len(w.storages))}
		}
		if array.data != nil {
			return argument("%s: got data, want NULL: the bytes are those of the storage", tensor.Quote(s))
		}
		shape, err := shapeOf(s, array.rank, array.shape)
		if err != nil {
			return err
		}
		var st tensor.Strides
		if array.strides != nil {
			st = extents(array.strides, len(shape))
		}
		o, _, err := storeOf(store, len(shape), len(shape))
		if err != nil {
			return err
		}
		if o != nil && (o.Codec != "" || o.Chunk != nil || o.Fill != nil) {
			return argument("store: got codec, chunk or fill, which have no meaning for a storage of plain bytes")
		}
		return w.w.TensorOn(w.storages[storage-1], s, dtypeOf(array.dtype), shape, st, int64(offset), o)
	})
}

// maxParts is more than any layout has.
const maxParts = 2*tensor.MaxRank + 8

// compositeOf looks at a composite in memory of C. nest says whether a part may be
// one itself.
func compositeOf(c *C.tensorfile_composite, nest bool) (tensorfile.Composite, error) {
	to := tensorfile.Composite{Flags: uint32(c.flags), DType: dtypeOf(c.dtype)}
	if c.layout < 1 || c.layout > 1<<16-1 {
		return to, argument("composite: got layout %d, want one of the header", int32(c.layout))
	}
	to.Layout = uint16(c.layout)
	if c.count > maxParts || c.count > 0 && c.parts == nil {
		return to, argument("composite: got %d parts, want at most %d, and where they are", uint64(c.count), maxParts)
	}
	var err error
	if to.Shape, err = shapeOf("composite", c.rank, c.shape); err != nil {
		return to, err
	}
	for _, p := range elements(c.parts, int(c.count)) {
		if p.role == nil || (p.array == nil) == (p.composite == nil) || p.composite != nil && !nest {
			return to, argument("composite: a part has no role, or not one of array and composite, or is a part of a part of a part")
		}
		var part tensorfile.CompositePart
		if part.Role, err = text("role", p.role); err != nil {
			return to, err
		}
		if p.array != nil {
			part.View, err = arrayOf("part "+part.Role, p.array)
		} else {
			var inner tensorfile.Composite
			inner, err = compositeOf(p.composite, false)
			part.Composite = &inner
		}
		if err != nil {
			return to, err
		}
		to.Parts = append(to.Parts, part)
	}
	return to, nil
}

//export tfgo_write_composite
func tfgo_write_composite(n C.tensorfile_writer, name *C.char, composite *C.tensorfile_composite, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		c, err := compositeOf(composite, true)
		if err != nil {
			return err
		}
		o, _, err := storeOf(store, len(c.Shape), 1)
		if err != nil {
			return err
		}
		return w.w.AddComposite(context.Background(), s, c, o)
	})
}

//export tfgo_write_from
func tfgo_write_from(n C.tensorfile_writer, from C.tensorfile_tensor, name *C.char, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		h, err := find[*handle](&handles, uint64(from))
		if err != nil {
			return err
		}
		item := tensorfile.Item{Tensor: h.t, Name: h.name}
		if name != nil {
			if item.Name, err = text("name", name); err != nil {
				return err
			}
		}
		rank, chunk := len(h.t.Shape()), len(h.t.Shape())
		if _, _, ok := h.t.Composite(); ok {
			chunk = 1
		}
		o, _, err := storeOf(store, rank, chunk)
		if err != nil {
			return err
		}
		if o != nil {
			switch {
			case o.Replace:
				return argument("store: got replace, want a name that is free")
			case o.Dims != nil:
				item.Attrs = o.Attrs.WithDims(o.Dims...)
			default:
				item.Attrs = o.Attrs
			}
			if o.Codec != "" || o.Chunk != nil || o.Fill != nil {
				item.Chunks = &tensorfile.TensorOptions{Codec: o.Codec, Chunk: o.Chunk, Fill: o.Fill}
			}
		}
		return apart(h.t.ByteSize(), func() error { return w.w.Copy(context.Background(), item) })
	})
}

//export tfgo_append
func tfgo_append(n C.tensorfile_writer, name *C.char, rows *C.tensorfile_array, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		v, err := arrayOf(s, rows)
		if err != nil {
			return err
		}
		o, err := growOf(store, v.Rank(), v.Rank())
		if err != nil {
			return err
		}
		return apart(v.ByteSize(), func() error {
			_, err := w.w.Append(context.Background(), s, v, o)
			return err
		})
	})
}

//export tfgo_append_composite
func tfgo_append_composite(n C.tensorfile_writer, name *C.char, rows *C.tensorfile_composite, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		c, err := compositeOf(rows, true)
		if err != nil {
			return err
		}
		o, err := growOf(store, len(c.Shape), 1)
		if err != nil {
			return err
		}
		_, err = w.w.AppendComposite(context.Background(), s, c, o)
		return err
	})
}

//export tfgo_write_region
func tfgo_write_region(n C.tensorfile_writer, name *C.char, ranges *C.tensorfile_range, array *C.tensorfile_array, store *C.tensorfile_store, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		v, err := arrayOf(s, array)
		if err != nil {
			return err
		}
		sel, err := regionOf(ranges, v.Shape())
		if err != nil {
			return err
		}
		o, err := growOf(store, v.Rank(), v.Rank())
		if err != nil {
			return err
		}
		return apart(v.ByteSize(), func() error {
			_, err := w.w.WriteRegion(context.Background(), s, sel, v, o)
			return err
		})
	})
}

// regionOf is where an array of that shape goes in a tensor that only the writer
// knows: the extents must be those of the ranges, and the writer clips nothing
// then without noticing.
func regionOf(ranges *C.tensorfile_range, shape tensor.Shape) (tensor.Selection, error) {
	if ranges == nil {
		return nil, nil
	}
	sel := make(tensor.Selection, len(shape))
	for axis, r := range elements(ranges, len(shape)) {
		start, stop, step := int64(r.start), int64(r.stop), int64(r.step)
		if step == 0 || start < 0 || rangeLen(start, stop, step) != uint64(shape[axis]) {
			return nil, &tensorfile.Error{Kind: tensorfile.ErrIndex, Offset: -1, Field: fmt.Sprintf("range on axis %d", axis), Got: fmt.Sprintf("%d, %d, %d", start, stop, step), Want: fmt.Sprintf("%d elements, as the array has", shape[axis])}
		}
		item := tensor.SelectionItem{Kind: tensor.SelectRange, Start: start, Stop: stop, Step: step}
		switch {
		case shape[axis] == 0:
			item = tensor.SelectionItem{Kind: tensor.SelectRange, Start: 0, Stop: 0, Step: 1}
		case shape[axis] == 1:
			item.Stop, item.Step = start+1, 1
		case step > 0:
			item.Stop = start + (shape[axis]-1)*step + 1
		case start+(shape[axis]-1)*step > 0:
			item.Stop = start + (shape[axis]-1)*step - 1
		default:
			item.Stop = tensor.None
		}
		sel[axis] = item
	}
	return sel, nil
}

//export tfgo_shrink
func tfgo_shrink(n C.tensorfile_writer, name *C.char, rows C.int64_t, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		_, err = w.w.Shrink(context.Background(), s, int64(rows))
		return err
	})
}

//export tfgo_remove
func tfgo_remove(n C.tensorfile_writer, name *C.char, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		s, err := text("name", name)
		if err != nil {
			return err
		}
		return w.w.Delete(s)
	})
}

// names2 gives f two names.
func names2(name, to *C.char, f func(name, to string) error) error {
	s, err := text("name", name)
	if err != nil {
		return err
	}
	t, err := text("new name", to)
	if err != nil {
		return err
	}
	return f(s, t)
}

//export tfgo_rename
func tfgo_rename(n C.tensorfile_writer, name, to *C.char, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error { return names2(name, to, w.w.Rename) })
}

//export tfgo_copy
func tfgo_copy(n C.tensorfile_writer, name, to *C.char, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error { return names2(name, to, w.w.CopyTensor) })
}

//export tfgo_set_attributes
func tfgo_set_attributes(n C.tensorfile_writer, name *C.char, json *C.char, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		a, err := attrsOf(json, -1) // the writer knows the rank
		if err != nil {
			return err
		}
		if name == nil {
			return w.w.SetAttrs(a)
		}
		s, err := text("name", name)
		if err != nil {
			return err
		}
		return w.w.SetTensorAttrs(s, a)
	})
}

//export tfgo_revert
func tfgo_revert(n C.tensorfile_writer, generation C.uint64_t, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error { return w.w.Revert(uint64(generation)) })
}

//export tfgo_commit
func tfgo_commit(n C.tensorfile_writer, e *C.tensorfile_error) C.int32_t {
	return write(n, e, func(w *writer) error {
		w.storages = nil // a commit ends them
		return w.w.Commit(context.Background())
	})
}

//export tfgo_close_writer
func tfgo_close_writer(n C.tensorfile_writer, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		w, err := take[*writer](&handles, uint64(n))
		if err != nil {
			return err
		}
		w.mu.Lock() // what runs ends first
		defer w.mu.Unlock()
		engine := w.w
		w.w = nil
		return engine.Close()
	})
}
