//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// addresses are those of the functions, made once: a callback lasts as long as the
// process, and there are 2000 of them.
var addresses = sync.OnceValue(func() map[string]uintptr {
	table := map[string]uintptr{}
	for name, fn := range functions {
		table[name] = purego.NewCallback(fn)
	}
	return table
})

// call hands a call to the fake that runs. Without one it is CUDA_ERROR_DEINITIALIZED:
// "the CUDA driver is in the process of shutting down".
func call(name string, n need, spoil func(), body func(f *Fake, c *context) driver.Code) int32 {
	f := running.Load()
	if f == nil {
		if spoil != nil {
			spoil()
		}
		return 4
	}
	return int32(f.call(name, n, spoil, func(c *context) driver.Code { return body(f, c) }))
}

// to is what writes rubbish where a result was to go.
func to[T any](p *T) func() {
	return func() {
		if p == nil {
			return
		}
		b := unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p))
		for i := range b {
			b[i] = 0xb0 + byte(i)
		}
	}
}

func both(a, b func()) func() { return func() { a(); b() } }

// put writes a result. The driver does not look whether there is room for it.
func put[T any](p *T, v T) driver.Code {
	if p == nil {
		return driver.InvalidValue
	}
	*p = v
	return driver.Success
}

func putString(p *byte, n int32, s string) driver.Code {
	if p == nil || n <= 0 {
		return driver.InvalidValue
	}
	b := unsafe.Slice(p, n)
	b[copy(b[:n-1], s)] = 0
	return driver.Success
}

// names are the names of results, and what they are.
var names = map[driver.Code][2][]byte{}

func init() {
	for code, s := range map[driver.Code][2]string{
		driver.Success:            {"CUDA_SUCCESS", "no error"},
		driver.InvalidValue:       {"CUDA_ERROR_INVALID_VALUE", "invalid argument"},
		driver.OutOfMemory:        {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
		driver.NotInitialized:     {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
		driver.NoDevice:           {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
		driver.InvalidDevice:      {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
		driver.InvalidContext:     {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
		driver.InvalidPTX:         {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
		driver.InvalidHandle:      {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
		driver.NotFound:           {"CUDA_ERROR_NOT_FOUND", "named symbol not found"},
		driver.NotReady:           {"CUDA_ERROR_NOT_READY", "device not ready"},
		driver.IllegalAddress:     {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
		driver.ContextDestroyed:   {"CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
		driver.AlreadyRegistered:  {"CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED", "part or all of the requested memory range is already mapped"},
		driver.NotRegistered:      {"CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", "pointer does not correspond to a registered memory region"},
		driver.LaunchFailed:       {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
		driver.NotSupported:       {"CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
		driver.DriverMismatch:     {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
		driver.LaunchOutResources: {"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
		driver.Unknown:            {"CUDA_ERROR_UNKNOWN", "unknown error"},
	} {
		names[code] = [2][]byte{append([]byte(s[0]), 0), append([]byte(s[1]), 0)}
	}
}

// word is cuGetErrorName and cuGetErrorString: "If the error code is not recognized,
// CUDA_ERROR_INVALID_VALUE will be returned and *pStr will be set to the NULL address."
func word(code int32, i int, p *unsafe.Pointer) driver.Code {
	s, ok := names[driver.Code(code)]
	if !ok {
		return driver.InvalidValue
	}
	return put(p, unsafe.Pointer(unsafe.SliceData(s[i])))
}

// stream is the stream of a handle; 0 is the default stream of the current context.
func (f *Fake) stream(c *context, name string, h uintptr) (*stream, driver.Code) {
	if h == 0 {
		return c.null, driver.Success
	}
	s, ok := find[*stream](f, name, h)
	if !ok {
		return nil, driver.InvalidHandle
	}
	return s, driver.Success
}

// onStream is call with a stream.
func onStream(name string, h uintptr, body func(f *Fake, s *stream) driver.Code) int32 {
	return call(name, current, nil, func(f *Fake, c *context) driver.Code {
		s, code := f.stream(c, name, h)
		if code != driver.Success {
			return code
		}
		return body(f, s)
	})
}

// onEvent is call with an event.
func onEvent(name string, h uintptr, n need, body func(f *Fake, c *context, e *event) driver.Code) int32 {
	return call(name, n, nil, func(f *Fake, c *context) driver.Code {
		e, ok := find[*event](f, name, h)
		if !ok {
			return driver.InvalidHandle
		}
		return body(f, c, e)
	})
}

// onCard is call with a device, of which nothing need be current.
func onCard(name string, dev int32, spoil func(), body func(f *Fake, d *device) driver.Code) int32 {
	return call(name, initialized, spoil, func(f *Fake, _ *context) driver.Code {
		d := f.device(name, dev)
		if d == nil {
			return driver.InvalidDevice
		}
		return body(f, d)
	})
}

// functions are the driver.
var functions = map[string]any{
	"cuInit": func(flags uint32) int32 {
		return call("cuInit", nothing, nil, func(f *Fake, _ *context) driver.Code {
			// "Currently, the Flags parameter must be 0."
			if flags != 0 {
				return driver.InvalidValue
			}
			if f.o.InitCode == 0 && len(f.devices) == 0 {
				return driver.NoDevice
			}
			f.initialized = f.o.InitCode == 0
			return f.o.InitCode
		})
	},
	"cuDriverGetVersion": func(p *int32) int32 {
		return call("cuDriverGetVersion", nothing, to(p), func(f *Fake, _ *context) driver.Code { return put(p, int32(f.o.Version)) })
	},
	"cuGetErrorName": func(code int32, p *unsafe.Pointer) int32 {
		*p = nil
		return call("cuGetErrorName", nothing, nil, func(*Fake, *context) driver.Code { return word(code, 0, p) })
	},
	"cuGetErrorString": func(code int32, p *unsafe.Pointer) int32 {
		*p = nil
		return call("cuGetErrorString", nothing, nil, func(*Fake, *context) driver.Code { return word(code, 1, p) })
	},
	"cuDeviceGetCount": func(p *int32) int32 {
		return call("cuDeviceGetCount", initialized, to(p), func(f *Fake, _ *context) driver.Code { return put(p, int32(len(f.devices))) })
	},
	"cuDeviceGet": func(p *int32, ordinal int32) int32 {
		return call("cuDeviceGet", initialized, to(p), func(f *Fake, _ *context) driver.Code {
			// "Device ordinals are in the range [0, cuDeviceGetCount()-1]."
			if ordinal < 0 || int(ordinal) >= len(f.devices) {
				return driver.InvalidDevice
			}
			return put(p, deviceBase+ordinal)
		})
	},
	"cuDeviceGetName": func(p *byte, n, dev int32) int32 {
		return onCard("cuDeviceGetName", dev, to(p), func(*Fake, *device) driver.Code { return putString(p, n, "Fake H100") })
	},
	"cuDeviceTotalMem_v2": func(p *uint64, dev int32) int32 {
		return onCard("cuDeviceTotalMem_v2", dev, to(p), func(f *Fake, _ *device) driver.Code { return put(p, uint64(f.o.Memory)) })
	},
	"cuDeviceGetAttribute": func(p *int32, attribute, dev int32) int32 {
		return onCard("cuDeviceGetAttribute", dev, to(p), func(f *Fake, _ *device) driver.Code {
			v, ok := f.attribute(int(attribute))
			if !ok {
				return driver.InvalidValue
			}
			return put(p, v)
		})
	},
	"cuDeviceGetUuid": func(p *[16]byte, dev int32) int32 {
		return onCard("cuDeviceGetUuid", dev, to(p), func(_ *Fake, d *device) driver.Code {
			return put(p, [16]byte{0xfa, 0xce, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, byte(d.ordinal)})
		})
	},
	"cuDeviceGetPCIBusId": func(p *byte, n, dev int32) int32 {
		return onCard("cuDeviceGetPCIBusId", dev, to(p), func(_ *Fake, d *device) driver.Code {
			return putString(p, n, "0000:"+string("3456"[d.ordinal%4])+"B:00.0")
		})
	},
	"cuDevicePrimaryCtxRetain": func(p *uintptr, dev int32) int32 {
		return onCard("cuDevicePrimaryCtxRetain", dev, to(p), func(f *Fake, d *device) driver.Code { return put(p, f.retain(d).handle) })
	},
	"cuDevicePrimaryCtxRelease_v2": func(dev int32) int32 {
		const name = "cuDevicePrimaryCtxRelease_v2"
		return call(name, initialized|givesBack, nil, func(f *Fake, _ *context) driver.Code {
			d := f.device(name, dev)
			if d == nil {
				return driver.InvalidDevice
			}
			return f.release(d)
		})
	},
	"cuCtxGetCurrent": func(p *uintptr) int32 {
		return call("cuCtxGetCurrent", initialized, to(p), func(f *Fake, c *context) driver.Code {
			// "If no context is bound to the calling CPU thread then *pctx is set to
			// NULL and CUDA_SUCCESS is returned."
			if c == nil {
				return put(p, 0)
			}
			return put(p, c.handle)
		})
	},
	"cuCtxPushCurrent_v2": func(ctx uintptr) int32 {
		return call("cuCtxPushCurrent_v2", initialized, nil, func(f *Fake, _ *context) driver.Code { return f.push(ctx) })
	},
	"cuCtxPopCurrent_v2": func(p *uintptr) int32 {
		return call("cuCtxPopCurrent_v2", initialized|givesBack, to(p), func(f *Fake, _ *context) driver.Code {
			ctx, code := f.pop()
			if code != driver.Success || p == nil {
				return code
			}
			return put(p, ctx)
		})
	},
	"cuCtxGetDevice": func(p *int32) int32 {
		return call("cuCtxGetDevice", current, to(p), func(f *Fake, c *context) driver.Code {
			return put(p, int32(deviceBase+c.device.ordinal))
		})
	},
	"cuCtxSynchronize": func() int32 {
		return call("cuCtxSynchronize", current, nil, func(f *Fake, c *context) driver.Code {
			for _, s := range append([]*stream(nil), c.streams...) {
				f.wait(s.tail)
			}
			return c.broken
		})
	},
	"cuMemGetInfo_v2": func(free, total *uint64) int32 {
		return call("cuMemGetInfo_v2", current, both(to(free), to(total)), func(f *Fake, c *context) driver.Code {
			put(free, uint64(f.o.Memory-c.device.used))
			return put(total, uint64(f.o.Memory))
		})
	},
	"cuMemAlloc_v2": func(p *uint64, n uint64) int32 {
		return call("cuMemAlloc_v2", current, to(p), func(f *Fake, c *context) driver.Code {
			at, code := f.alloc(c, int64(min(n, 1<<62)))
			if code != driver.Success {
				return code
			}
			return put(p, uint64(at))
		})
	},
	"cuMemFree_v2": func(p uint64) int32 {
		return call("cuMemFree_v2", current|givesBack, nil, func(f *Fake, _ *context) driver.Code { return f.free(driver.Ptr(p)) })
	},
	"cuMemHostAlloc": func(p *unsafe.Pointer, n uintptr, flags uint32) int32 {
		spoil := func() { to((*uintptr)(unsafe.Pointer(p)))() }
		return call("cuMemHostAlloc", current, spoil, func(f *Fake, c *context) driver.Code {
			at, code := f.hostAlloc(c, n)
			if code != driver.Success {
				return code
			}
			return put(p, at)
		})
	},
	"cuMemFreeHost": func(p unsafe.Pointer) int32 {
		return call("cuMemFreeHost", current|givesBack, nil, func(f *Fake, _ *context) driver.Code { return f.unpin("cuMemFreeHost", p, true) })
	},
	"cuMemHostRegister_v2": func(p unsafe.Pointer, n uintptr, flags uint32) int32 {
		return call("cuMemHostRegister_v2", current, nil, func(f *Fake, c *context) driver.Code { return f.register(c, p, n, flags) })
	},
	"cuMemHostUnregister": func(p unsafe.Pointer) int32 {
		return call("cuMemHostUnregister", current|givesBack, nil, func(f *Fake, _ *context) driver.Code {
			return f.unpin("cuMemHostUnregister", p, false)
		})
	},
	"cuStreamCreate": func(p *uintptr, flags uint32) int32 {
		return call("cuStreamCreate", current, to(p), func(f *Fake, c *context) driver.Code {
			s := &stream{context: c, free: flags&1 != 0, temper: f.temper()}
			c.streams = append(c.streams, s)
			return put(p, f.handle(s))
		})
	},
	"cuStreamDestroy_v2": func(h uintptr) int32 {
		return call("cuStreamDestroy_v2", current|givesBack, nil, func(f *Fake, _ *context) driver.Code {
			s, ok := find[*stream](f, "cuStreamDestroy_v2", h)
			if !ok {
				return driver.InvalidHandle
			}
			// "In case the device is still doing work in the stream hStream when
			// cuStreamDestroy() is called, the function will return immediately and
			// the resources associated with hStream will be released automatically
			// once the device has completed all work in hStream."
			s.gone = true
			if len(s.queue) == 0 {
				s.context.forget(s)
			}
			f.drop(h, "stream")
			return driver.Success
		})
	},
	"cuStreamSynchronize": func(h uintptr) int32 {
		return onStream("cuStreamSynchronize", h, func(f *Fake, s *stream) driver.Code {
			return f.wait(s.tail)
		})
	},
	"cuStreamQuery": func(h uintptr) int32 {
		return onStream("cuStreamQuery", h, func(f *Fake, s *stream) driver.Code { return f.ready(s.tail) })
	},
	"cuStreamWaitEvent": func(h, e uintptr, flags uint32) int32 {
		return onStream("cuStreamWaitEvent", h, func(f *Fake, s *stream) driver.Code {
			// "Makes all future work submitted to hStream wait for all work captured
			// in hEvent." "hEvent may be from a different context or device than
			// hStream." An event that was never recorded "represents an empty set of
			// work".
			x, ok := find[*event](f, "cuStreamWaitEvent", e)
			if !ok || flags != 0 {
				return driver.InvalidHandle
			}
			if x.last != nil {
				f.enqueue(s, &op{name: "cuStreamWaitEvent", after: []*op{x.last}}, nil)
			}
			return driver.Success
		})
	},
	"cuEventCreate": func(p *uintptr, flags uint32) int32 {
		return call("cuEventCreate", current, to(p), func(f *Fake, c *context) driver.Code {
			return put(p, f.handle(&event{context: c, timing: flags&2 == 0}))
		})
	},
	"cuEventDestroy_v2": func(h uintptr) int32 {
		return onEvent("cuEventDestroy_v2", h, current|givesBack, func(f *Fake, _ *context, _ *event) driver.Code {
			// "An event may be destroyed before it is complete": "the call does not
			// block on completion of the event".
			f.drop(h, "event")
			return driver.Success
		})
	},
	"cuEventRecord": func(h, sh uintptr) int32 {
		return onEvent("cuEventRecord", h, current, func(f *Fake, c *context, e *event) driver.Code {
			s, code := f.stream(c, "cuEventRecord", sh)
			if code != driver.Success {
				return code
			}
			// "hEvent and hStream must be from the same context otherwise
			// CUDA_ERROR_INVALID_HANDLE is returned."
			if s.context != e.context {
				f.fault("cuEventRecord: event and stream of different contexts")
				return driver.InvalidHandle
			}
			e.last = &op{name: "cuEventRecord"}
			f.enqueue(s, e.last, nil)
			return driver.Success
		})
	},
	"cuEventQuery": func(h uintptr) int32 {
		return onEvent("cuEventQuery", h, current, func(f *Fake, _ *context, e *event) driver.Code { return f.ready(e.last) })
	},
	"cuEventSynchronize": func(h uintptr) int32 {
		return onEvent("cuEventSynchronize", h, current, func(f *Fake, _ *context, e *event) driver.Code {
			return f.wait(e.last)
		})
	},
	"cuEventElapsedTime": func(p *float32, from, until uintptr) int32 {
		const name = "cuEventElapsedTime"
		return call(name, current, to(p), func(f *Fake, _ *context) driver.Code {
			a, ok := find[*event](f, name, from)
			b, ok2 := find[*event](f, name, until)
			// "If either event has not been recorded the function will return
			// CUDA_ERROR_INVALID_HANDLE. If both events have been recorded but one or
			// both of them has not yet been completed (that is, cuEventQuery() would
			// return CUDA_ERROR_NOT_READY on at least one of the events),
			// CUDA_ERROR_NOT_READY is returned. If either event was created with the
			// CU_EVENT_DISABLE_TIMING flag, then this function will return
			// CUDA_ERROR_INVALID_HANDLE."
			if !ok || !ok2 || a.last == nil || b.last == nil || !a.timing || !b.timing {
				return driver.InvalidHandle
			}
			if !a.last.known || !b.last.known {
				return driver.NotReady
			}
			return put(p, float32(b.last.end.Sub(a.last.end).Seconds()*1000))
		})
	},
	"cuMemcpyHtoD_v2": func(dst uint64, src unsafe.Pointer, n uint64) int32 {
		const name = "cuMemcpyHtoD_v2"
		return onStream(name, 0, func(f *Fake, s *stream) driver.Code {
			return f.copy(&transfer{name: name, toDevice: true, device: driver.Ptr(dst), host: src, width: n, rows: 1, stream: s, sync: true})
		})
	},
	"cuMemcpyDtoH_v2": func(dst unsafe.Pointer, src, n uint64) int32 {
		const name = "cuMemcpyDtoH_v2"
		return onStream(name, 0, func(f *Fake, s *stream) driver.Code {
			return f.copy(&transfer{name: name, device: driver.Ptr(src), host: dst, width: n, rows: 1, stream: s, sync: true})
		})
	},
	// "A memory copy will succeed even if it is issued to a stream that is not
	// associated to the current device": "CUDA C++ Programming Guide", "Stream and Event
	// Behavior".
	"cuMemcpyHtoDAsync_v2": func(dst uint64, src unsafe.Pointer, n uint64, h uintptr) int32 {
		const name = "cuMemcpyHtoDAsync_v2"
		return onStream(name, h, func(f *Fake, s *stream) driver.Code {
			return f.copy(&transfer{name: name, toDevice: true, device: driver.Ptr(dst), host: src, width: n, rows: 1, stream: s})
		})
	},
	"cuMemcpyDtoHAsync_v2": func(dst unsafe.Pointer, src, n uint64, h uintptr) int32 {
		const name = "cuMemcpyDtoHAsync_v2"
		return onStream(name, h, func(f *Fake, s *stream) driver.Code {
			return f.copy(&transfer{name: name, device: driver.Ptr(src), host: dst, width: n, rows: 1, stream: s})
		})
	},
	"cuMemcpyDtoDAsync_v2": func(dst, src, n uint64, h uintptr) int32 {
		const name = "cuMemcpyDtoDAsync_v2"
		return onStream(name, h, func(f *Fake, s *stream) driver.Code {
			return f.copyOnDevice(name, driver.Ptr(dst), driver.Ptr(src), n, s)
		})
	},
	"cuMemcpy2DAsync_v2": func(r *rectangle, h uintptr) int32 {
		const name = "cuMemcpy2DAsync_v2"
		return onStream(name, h, func(f *Fake, s *stream) driver.Code { return f.copy2D(name, r, s) })
	},
	"cuMemsetD8Async": func(dst uint64, v uint8, n uint64, h uintptr) int32 {
		const name = "cuMemsetD8Async"
		return onStream(name, h, func(f *Fake, s *stream) driver.Code { return f.set(name, driver.Ptr(dst), []byte{v}, n, s) })
	},
	"cuMemsetD32Async": func(dst uint64, v uint32, n uint64, h uintptr) int32 {
		const name = "cuMemsetD32Async"
		return onStream(name, h, func(f *Fake, s *stream) driver.Code { return f.set(name, driver.Ptr(dst), value32(v), n, s) })
	},
	"cuModuleLoadDataEx": func(p *uintptr, image *byte, n uint32, options *uint32, values *unsafe.Pointer) int32 {
		return call("cuModuleLoadDataEx", current, to(p), func(f *Fake, c *context) driver.Code {
			m, code := f.load(c, image, n, options, values)
			if code != driver.Success {
				return code
			}
			return put(p, m)
		})
	},
	"cuModuleUnload": func(h uintptr) int32 {
		return call("cuModuleUnload", current|givesBack, nil, func(f *Fake, _ *context) driver.Code { return f.unload(h) })
	},
	"cuModuleGetFunction": func(p *uintptr, m uintptr, name *byte) int32 {
		return call("cuModuleGetFunction", current, to(p), func(f *Fake, _ *context) driver.Code {
			fn, code := f.function(m, cString(name))
			if code != driver.Success {
				return code
			}
			return put(p, fn)
		})
	},
	"cuLaunchKernel": func(fn uintptr, gx, gy, gz, bx, by, bz, shared uint32, h uintptr, params, extra *unsafe.Pointer) int32 {
		return call("cuLaunchKernel", current, nil, func(f *Fake, c *context) driver.Code {
			if extra != nil {
				f.fault("cuLaunchKernel: extra is not modelled")
				return driver.InvalidValue
			}
			return f.launch(c, fn, driver.Dim{X: gx, Y: gy, Z: gz}, driver.Dim{X: bx, Y: by, Z: bz}, shared, h, params)
		})
	},
}
