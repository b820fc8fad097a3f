//go:build !nogpu && ((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

func (l *library) Backend() string { return "cuda" }

func (l *library) Count() (int, error) {
	f := newFrame()
	defer f.done()
	if err := l.call(f, cuDeviceGetCount, f.result(0)); err != nil {
		return 0, err
	}
	return f.int(0), nil
}

// device is the driver's handle of the ordinal.
func (l *library) device(ordinal int) (uintptr, error) {
	if ordinal != int(int32(ordinal)) {
		return 0, &driver.Error{Op: symbols[cuDeviceGet].name, Code: driver.InvalidDevice, Name: "CUDA_ERROR_INVALID_DEVICE", Text: fmt.Sprintf("ordinal %d", ordinal)}
	}
	f := newFrame()
	defer f.done()
	if err := l.call(f, cuDeviceGet, f.result(0), uintptr(uint32(ordinal))); err != nil {
		return 0, err
	}
	return uintptr(uint32(f.int(0))), nil
}

func (l *library) Properties(ordinal int) (driver.Properties, error) {
	dev, err := l.device(ordinal)
	if err != nil {
		return driver.Properties{}, err
	}
	return l.properties(ordinal, dev)
}

func (l *library) properties(ordinal int, dev uintptr) (driver.Properties, error) {
	f := newFrame()
	defer f.done()
	p := driver.Properties{Ordinal: ordinal, Driver: l.version}
	name := make([]byte, 256)
	if err := l.call(f, cuDeviceGetName, f.host(name), uintptr(len(name)), dev); err != nil {
		return p, err
	}
	p.Name = cString(name)
	if err := l.call(f, cuDeviceTotalMem, f.result(0), dev); err != nil {
		return p, err
	}
	p.Memory = int64(f.word(0))
	for _, a := range []struct {
		attribute uintptr
		to        *int
	}{{attrMajor, &p.Major}, {attrMinor, &p.Minor}, {attrCopyEngines, &p.CopyEngines}, {attrMultiprocessors, &p.Multiprocessor}} {
		if err := l.call(f, cuDeviceGetAttribute, f.result(0), a.attribute, dev); err != nil {
			return p, err
		}
		*a.to = f.int(0)
	}
	// A driver that does not know the attribute may well register memory.
	switch c := l.code(f, cuDeviceGetAttribute, f.result(0), attrHostRegister, dev); c {
	case driver.Success:
		p.HostRegister = f.int(0) != 0
	case driver.InvalidValue:
		p.HostRegister = true
	default:
		return p, l.fail(cuDeviceGetAttribute, c)
	}
	if l.fn[cuDeviceGetUuid] != 0 {
		if err := l.call(f, cuDeviceGetUuid, f.result(0), dev); err != nil {
			return p, err
		}
		u := *(*[16]byte)(unsafe.Pointer(&f.out))
		p.UUID = fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	}
	if l.fn[cuDeviceGetPCIBusId] != 0 {
		id := make([]byte, 32) // "large enough to store 13 characters"
		if err := l.call(f, cuDeviceGetPCIBusId, f.host(id), uintptr(len(id)), dev); err != nil {
			return p, err
		}
		p.PCI = strings.ToLower(cString(id))
	}
	return p, nil
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func (l *library) Open(ordinal int) (driver.Device, error) {
	dev, err := l.device(ordinal)
	if err != nil {
		return nil, err
	}
	p, err := l.properties(ordinal, dev)
	if err != nil {
		return nil, err
	}
	f := newFrame()
	defer f.done()
	if err := l.call(f, cuDevicePrimaryCtxRetain, f.result(0), dev); err != nil {
		return nil, err
	}
	d := &device{lib: l, properties: p, context: uintptr(f.word(0)), handle: dev}
	d.owned.Store(true)
	return d, nil
}

func (l *library) Attach(c driver.Context) (driver.Device, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f := newFrame()
	defer f.done()
	d := &device{lib: l, context: uintptr(c)}
	if c == 0 {
		if err := l.call(f, cuCtxGetCurrent, f.result(0)); err != nil {
			return nil, err
		}
		if d.context = uintptr(f.word(0)); d.context == 0 {
			return nil, noContext(cuCtxGetCurrent, "no context is current on this thread")
		}
		return d, d.attach()
	}
	if err := d.Bind(); err != nil {
		return nil, err
	}
	err := d.attach()
	if e := d.Unbind(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// attach finds the device of the context that is current.
func (d *device) attach() error {
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuCtxGetDevice, f.result(0)); err != nil {
		return err
	}
	d.handle = uintptr(uint32(f.int(0)))
	n, err := d.lib.Count()
	if err != nil {
		return err
	}
	for ordinal := range n {
		dev, err := d.lib.device(ordinal)
		if err != nil {
			return err
		}
		if dev == d.handle {
			d.properties, err = d.lib.properties(ordinal, dev)
			return err
		}
	}
	return noContext(cuCtxGetDevice, fmt.Sprintf("the context is of device %d, which none of %d is", d.handle, n))
}

func noContext(s symbol, text string) error {
	return &driver.Error{Op: symbols[s].name, Code: driver.InvalidContext, Name: "CUDA_ERROR_INVALID_CONTEXT", Text: text}
}
