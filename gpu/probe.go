package gpu

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
	"github.com/tensorfile/tensorfile/tensor"
)

// Info describes a device.
type Info struct {
	Backend string // "cuda" or "host"
	Why     string // what led to this backend, if it was not asked for: why it is not CUDA

	Ordinal         int
	Name            string
	UUID            string // "GPU-..." as nvidia-smi writes it, or ""
	PCI             string // "0000:3b:00.0", or ""
	NUMANode        int    // of the machine's memory next to the device, -1 if not known
	Major, Minor    int    // compute capability
	Memory          int64  // bytes
	CopyEngines     int    // how many copies run beside kernels
	Multiprocessors int
	Driver          int  // the CUDA version that the driver supports: 12080 is 12.8; 0 of the host backend
	HostRegister    bool // memory that is there can be pinned
}

// String is one line: backend, name and what limits the device.
func (i Info) String() string {
	s := i.Backend + ": " + i.Name
	if i.Backend == "cuda" {
		s += fmt.Sprintf(", compute capability %d.%d, CUDA %d.%d", i.Major, i.Minor, i.Driver/1000, i.Driver%1000/10)
	}
	s += fmt.Sprintf(", %d MiB", i.Memory>>20)
	if i.Why != "" {
		s += " (" + i.Why + ")"
	}
	return s
}

// Options are for opening a device. Nil means the defaults.
type Options struct {
	// HostMemory bounds the device memory of the host backend, in bytes. Default:
	// the memory of the machine.
	HostMemory int64
}

func (o *Options) resolve() (Options, error) {
	if o == nil {
		return Options{}, nil
	}
	if o.HostMemory < 0 {
		return Options{}, bad(tensor.ErrIndex, "HostMemory", itoa(o.HostMemory), "0 or more bytes")
	}
	return *o, nil
}

// cudaDriver is NVIDIA's driver, which the first call loads.
var cudaDriver = func() (driver.Driver, error) {
	d, err := cuda.Load()
	if err != nil {
		return nil, fmt.Errorf("gpu: %w", wrap(err))
	}
	return d, nil
}

// Probe lists the CUDA devices without opening one. The error wraps ErrNoDriver,
// ErrNoDevice or ErrDriverTooOld, or is what the driver said.
func Probe() ([]Info, error) {
	drv, err := cudaDriver()
	if err != nil {
		return nil, err
	}
	return probe(drv)
}

func probe(drv driver.Driver) ([]Info, error) {
	n, err := drv.Count()
	if err != nil {
		return nil, wrap(err)
	}
	if n == 0 {
		return nil, fmt.Errorf("gpu: %w", ErrNoDevice)
	}
	infos := make([]Info, n)
	for i := range infos {
		p, err := drv.Properties(i)
		if err != nil {
			return nil, wrap(err)
		}
		infos[i] = newInfo(drv.Backend(), p)
	}
	return infos, nil
}

// Open opens a CUDA device by its ordinal, from 0: it retains the primary context,
// which is also what the CUDA runtime and the libraries above it use. Errors are
// those of Probe, and ErrIndex for an ordinal that there is not.
func Open(ordinal int, o *Options) (*Device, error) {
	if _, err := o.resolve(); err != nil {
		return nil, err
	}
	drv, err := cudaDriver()
	if err != nil {
		return nil, err
	}
	return openOn(drv, ordinal)
}

// OpenHost opens the host backend, which works everywhere. Each call is a device of
// its own. The error is about the options.
func OpenHost(o *Options) (*Device, error) {
	own, err := o.resolve()
	if err != nil {
		return nil, err
	}
	return openOn(host.New(host.Options{Memory: own.HostMemory}), 0)
}

// OpenAuto opens the first CUDA device, or the host backend if there is none that
// can be used: Info.Backend and Info.Why of the device say which and why. The error
// is about the options.
func OpenAuto(o *Options) (*Device, error) {
	if _, err := o.resolve(); err != nil {
		return nil, err
	}
	drv, err := cudaDriver()
	if err == nil {
		var d *Device
		if d, err = openOn(drv, 0); err == nil {
			return d, nil
		}
	}
	return hostInstead(o, err)
}

// hostInstead opens the host backend because of an error of CUDA.
func hostInstead(o *Options, why error) (*Device, error) {
	d, err := OpenHost(o)
	if err == nil {
		d.info.Why = why.Error()
	}
	return d, err
}

func openOn(drv driver.Driver, ordinal int) (*Device, error) {
	n, err := drv.Count()
	switch {
	case err != nil:
		return nil, wrap(err)
	case n == 0:
		return nil, fmt.Errorf("gpu: %w", ErrNoDevice)
	case ordinal < 0 || ordinal >= n:
		return nil, bad(tensor.ErrIndex, "device", strconv.Itoa(ordinal), fmt.Sprintf("0 to %d", n-1))
	}
	dev, err := drv.Open(ordinal)
	if err != nil {
		return nil, wrap(err)
	}
	return newDevice(dev, newInfo(drv.Backend(), dev.Properties())), nil
}

func newInfo(backend string, p driver.Properties) Info {
	return Info{
		Backend: backend,
		Ordinal: p.Ordinal, Name: p.Name, UUID: p.UUID, PCI: p.PCI, NUMANode: numaNode(p.PCI),
		Major: p.Major, Minor: p.Minor, Memory: p.Memory,
		CopyEngines: p.CopyEngines, Multiprocessors: p.Multiprocessor,
		Driver: p.Driver, HostRegister: p.HostRegister,
	}
}

// numaNode asks Linux where a device hangs; -1 is also its own answer for a machine
// with one node.
func numaNode(pci string) int {
	if pci == "" || strings.ContainsAny(pci, "/\x00") {
		return -1
	}
	b, err := os.ReadFile("/sys/bus/pci/devices/" + strings.ToLower(pci) + "/numa_node")
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func init() {
	hook.Open = func(drv driver.Driver, ordinal int) (any, error) {
		if drv == nil {
			return nil, errors.New("gpu: no driver")
		}
		return openOn(drv, ordinal)
	}
	hook.Driver = func(d any, fn func(driver.Device) error) error { return d.(*Device).do(fn) }
}
