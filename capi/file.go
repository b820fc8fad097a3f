//go:build cgo

package main

// #include "tensorfile.h"
import "C"

import (
	"context"
	"errors"
	"strings"
	"time"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/remote/httprange"
	"github.com/tensorfile/tensorfile/tensor"

	// Formats of models and arrays, which open as views of their own bytes.
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
)

// openFlags are those that there are.
const openFlags = C.TENSORFILE_NO_MMAP | C.TENSORFILE_MAP_REMOTE | C.TENSORFILE_VERIFY_FIRST_USE | C.TENSORFILE_NATIVE_ONLY

// openOptions are options of C as the engine has them.
func openOptions(p *C.tensorfile_open_options) (*convert.OpenOptions, error) {
	var size C.size_t
	if p != nil {
		size = p.size
	}
	o, err := options("open options", p, size)
	if err != nil {
		return nil, err
	}
	switch {
	case o.flags&^openFlags != 0:
		return nil, argument("open options: got flags %#x, want those of the header", uint32(o.flags))
	case o.workers < 0:
		return nil, argument("open options: got %d workers, want 0 or more", int32(o.workers))
	}
	to := &convert.OpenOptions{OpenOptions: tensorfile.OpenOptions{
		NoMmap:      o.flags&C.TENSORFILE_NO_MMAP != 0,
		MapRemote:   o.flags&C.TENSORFILE_MAP_REMOTE != 0,
		MaxBytes:    int64(o.max_bytes),
		Generation:  uint64(o.generation),
		ReadWorkers: int(o.workers),
	}}
	if o.flags&C.TENSORFILE_VERIFY_FIRST_USE != 0 {
		to.Verify = tensorfile.VerifyOnFirstUse
	}
	if o.flags&C.TENSORFILE_NATIVE_ONLY != 0 {
		to.Format = format.Name
	}
	return to, nil
}

// give opens a source and hands a handle over to C.
func give(m *mmap.Map, o *convert.OpenOptions, to *C.tensorfile_file) error {
	f, err := convert.OpenMap(context.Background(), m, o)
	if err != nil {
		return err
	}
	return giveFile(f, to)
}

func giveFile(f *tensorfile.File, to *C.tensorfile_file) error {
	n, err := handles.add(f)
	if err != nil {
		f.Close()
		return err
	}
	*to = C.tensorfile_file(n)
	return nil
}

//export tfgo_open
func tfgo_open(path *C.char, options *C.tensorfile_open_options, to *C.tensorfile_file, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		name := C.GoString(path) // of whatever bytes the system takes
		o, err := openOptions(options)
		if err != nil {
			return err
		}
		m, err := tensorfile.OpenSource(name, &o.OpenOptions)
		if err != nil {
			return err
		}
		return give(m, o, to)
	})
}

//export tfgo_open_memory
func tfgo_open_memory(data unsafe.Pointer, size C.size_t, options *C.tensorfile_open_options, to *C.tensorfile_file, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		o, err := openOptions(options)
		if err != nil {
			return err
		}
		if uint64(size) > 1<<62 {
			return argument("memory: got %d bytes, want fewer", uint64(size))
		}
		return give(mmap.NewReaderAt(memory(elements((*byte)(data), int(size))), int64(size), "memory"), o, to)
	})
}

//export tfgo_open_url
func tfgo_open_url(address *C.char, options *C.tensorfile_open_options, to *C.tensorfile_file, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		url, err := text("address", address)
		if err != nil {
			return err
		}
		o, err := openOptions(options)
		if err != nil {
			return err
		}
		// An address of another kind may hold a password, too, and is not repeated.
		if scheme, _, ok := strings.Cut(url, "://"); !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			return &tensorfile.Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "address", Got: "another one", Want: "http://host/path or https://host/path"}
		}
		src, err := httprange.Open(context.Background(), url, nil)
		if err != nil {
			return err
		}
		o.TailFirst = true
		return give(src.Map(), o, to)
	})
}

//export tfgo_close
func tfgo_close(n C.tensorfile_file, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := take[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		// Nobody is waited for: the last lease or call closes the file.
		ctx, now := context.WithCancel(context.Background())
		now()
		if err = f.Shutdown(ctx); errors.Is(err, tensorfile.ErrInUse) {
			return nil
		}
		return err
	})
}

//export tfgo_refresh
func tfgo_refresh(n C.tensorfile_file, to *C.tensorfile_file, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		newer, err := f.Refresh()
		if err != nil || newer == nil {
			return err
		}
		return giveFile(newer, to)
	})
}

//export tfgo_check
func tfgo_check(n C.tensorfile_file, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		return f.Check()
	})
}

//export tfgo_describe_file
func tfgo_describe_file(n C.tensorfile_file, to *C.tensorfile_file_info, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		count, err := f.Len()
		if err != nil {
			return err
		}
		i := f.Info()
		copyText(unsafe.Slice((*byte)(unsafe.Pointer(&to.format)), len(to.format)), i.Format)
		copyText(unsafe.Slice((*byte)(unsafe.Pointer(&to.uuid)), len(to.uuid)), i.UUID)
		to.generation, to.length, to.size, to.tensors = C.uint64_t(i.Generation), C.int64_t(i.Length), C.int64_t(i.Size), C.int64_t(count)
		to.time, to.mapped, to.read_only = nanoseconds(i.Time), truth(i.Mapped), truth(i.ReadOnly)
		return nil
	})
}

// nanoseconds since 1970, 0 for no time and what 64 bits cannot hold.
func nanoseconds(t time.Time) C.int64_t {
	if t.IsZero() || t.Year() < 1678 || t.Year() > 2261 {
		return 0
	}
	return C.int64_t(t.UnixNano())
}

func truth(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}

// giveAttrs hands attributes over as the file has them.
func giveAttrs(a tensorfile.Attrs, rank int, to **C.char, size *C.size_t) error {
	b, err := format.AppendAttrs(nil, a, rank)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		b = []byte("{}")
	}
	return giveText(to, size, string(b))
}

//export tfgo_file_attributes
func tfgo_file_attributes(n C.tensorfile_file, to **C.char, size *C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		a, err := f.Attrs()
		if err != nil {
			return err
		}
		return giveAttrs(a, -1, to, size)
	})
}

//export tfgo_generations
func tfgo_generations(n C.tensorfile_file, to **C.tensorfile_generation, count *C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		var list []C.tensorfile_generation
		for g, err := range f.Generations(context.Background()) {
			if err != nil {
				return err
			}
			list = append(list, C.tensorfile_generation{
				number: C.uint64_t(g.Number), previous: C.uint64_t(g.Previous), time: nanoseconds(g.Time),
				length: C.int64_t(g.Length), bytes: C.int64_t(g.Bytes), live: C.int64_t(g.Live),
			})
		}
		p, err := allocate(len(list) * C.sizeof_tensorfile_generation)
		if err != nil {
			return err
		}
		*to, *count = (*C.tensorfile_generation)(p), C.size_t(len(list))
		copy(elements(*to, len(list)), list)
		return nil
	})
}

// A finding is an error as JSON.
type finding struct {
	Message string `json:"message"`
	Kind    string `json:"kind,omitempty"`
	Offset  *int64 `json:"offset,omitempty"`
	Tensor  string `json:"tensor,omitempty"`
	Chunk   string `json:"chunk,omitempty"`
	Field   string `json:"field,omitempty"`
	Got     string `json:"got,omitempty"`
	Want    string `json:"want,omitempty"`
	Rule    string `json:"rule,omitempty"`
}

func findings(errs []error) []finding {
	list := make([]finding, len(errs))
	for i, err := range errs {
		list[i].Message = err.Error()
		var e *tensorfile.Error
		if !errors.As(err, &e) {
			continue
		}
		list[i] = finding{Message: err.Error(), Tensor: e.Tensor, Chunk: e.Chunk, Field: e.Field, Got: e.Got, Want: e.Want, Rule: e.Rule}
		if e.Kind != nil {
			list[i].Kind = e.Kind.Error()
		}
		if e.Offset >= 0 {
			list[i].Offset = &e.Offset
		}
	}
	return list
}

//export tfgo_verify
func tfgo_verify(n C.tensorfile_file, p *C.tensorfile_verify_options, ok *C.int32_t, to **C.char, size *C.size_t, e *C.tensorfile_error) C.int32_t {
	return work(e, func() error {
		f, err := find[*tensorfile.File](&handles, uint64(n))
		if err != nil {
			return err
		}
		var given C.size_t
		if p != nil {
			given = p.size
		}
		o, err := options("verify options", p, given)
		if err != nil {
			return err
		}
		if o.workers < 0 || !(o.sample >= 0 && o.sample <= 1) {
			return argument("verify options: got %d workers and a share of %v, want 0 or more and 0 to 1", int32(o.workers), float64(o.sample))
		}
		r, err := f.Verify(context.Background(), &tensorfile.VerifyOptions{Quick: o.quick != 0, Decode: o.decode != 0, Workers: int(o.workers), Sample: float64(o.sample)})
		if err != nil {
			return err
		}
		status := "ok"
		switch {
		case !r.OK():
			status = "damaged"
		case len(r.Unknown) > 0:
			status = "unknown"
		}
		*ok = truth(r.OK())
		return giveJSON(to, size, struct {
			Status      string    `json:"status"`
			Generations int       `json:"generations"`
			Tensors     int       `json:"tensors"`
			Storages    int       `json:"storages"`
			Blocks      int64     `json:"blocks"`
			Bytes       int64     `json:"bytes"`
			Decoded     int64     `json:"decoded"`
			Findings    []finding `json:"findings"`
			Unknown     []finding `json:"unknown"`
		}{status, r.Generations, r.Tensors, r.Storages, r.Blocks, r.Bytes, r.Decoded, findings(r.Findings), findings(r.Unknown)})
	})
}

//export tfgo_dtype_parse
func tfgo_dtype_parse(name *C.char, to *C.tensorfile_dtype, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		s, err := text("dtype", name)
		if err != nil {
			return err
		}
		d, err := tensor.ParseDType(s)
		if err != nil {
			return err
		}
		setDType(to, d)
		return nil
	})
}
