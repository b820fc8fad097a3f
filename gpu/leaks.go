package gpu

import (
	"cmp"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// resource is what a device owns until its user frees it.
type resource interface {
	// describe is for the report of Close: "buffer", and its bytes.
	describe() (kind string, bytes int64)
	// release ends its life, which waits for calls that use it, and frees it with
	// the context current. It is called by free when nothing that is enqueued uses
	// it any more, or by Close, and again by Close if free failed: what the driver
	// was once told to free is not freed twice. A driver that is nil cannot be
	// reached, or has lost the device. Memory of the host is freed in any case, whatever the driver says.
	release(dev driver.Device) error
}

// origin is a resource with its number in the order of making, and who made it.
type origin struct {
	resource resource
	serial   uint64
	callers  [8]uintptr
}

// own enters a resource of which the device is not to lose sight.
func (d *Device) own(r resource) {
	o := origin{resource: r}
	runtime.Callers(3, o.callers[:])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made++
	o.serial = d.made
	d.owned[r] = o
}

// free releases a resource for its user after wait. One that could not be freed
// stays the device's.
func (d *Device) free(r resource, wait func(dev driver.Device) error) error {
	err := d.bound(func(dev driver.Device) error {
		if err := wait(dev); err != nil {
			return err
		}
		return r.release(dev)
	})
	if err != nil {
		return err
	}
	d.disown(r)
	return nil
}

func (d *Device) disown(r resource) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.owned, r)
}

// disownAll takes all that is left, the youngest first: it may need the older.
func (d *Device) disownAll() []origin {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []origin
	for _, o := range d.owned {
		all = append(all, o)
	}
	clear(d.owned)
	slices.SortFunc(all, func(a, b origin) int { return cmp.Compare(b.serial, a.serial) })
	return all
}

// where is the line outside of this package that made it.
func (o origin) where() string {
	n := slices.Index(o.callers[:], 0)
	if n < 0 {
		n = len(o.callers)
	}
	frames := runtime.CallersFrames(o.callers[:n])
	for {
		f, more := frames.Next()
		if inside := strings.Contains(f.Function, "/tensorfile/gpu.") && !strings.HasSuffix(f.File, "_test.go"); !inside || !more {
			return fmt.Sprintf("%s:%d", path.Base(f.File), f.Line)
		}
	}
}

// A Leak is something that had not been freed when its device was closed.
type Leak struct {
	Kind  string // "buffer", "stream", "event", "module", "uploader"
	Bytes int64  // of memory, or 0
	Where string // file and line that made it
}

// LeakError is what Device.Close had to free. It is all freed.
type LeakError struct {
	Leaks []Leak // in the order in which they were made
}

func newLeakError(all []origin) *LeakError {
	e := &LeakError{}
	for _, o := range slices.Backward(all) {
		kind, bytes := o.resource.describe()
		e.Leaks = append(e.Leaks, Leak{Kind: kind, Bytes: bytes, Where: o.where()})
	}
	return e
}

// Error counts the leaks by kind, and says where the first was made.
func (e *LeakError) Error() string {
	type sum struct {
		kind     string
		n, bytes int64
	}
	var sums []*sum
	for _, l := range e.Leaks {
		i := slices.IndexFunc(sums, func(s *sum) bool { return s.kind == l.Kind })
		if i < 0 {
			i = len(sums)
			sums = append(sums, &sum{kind: l.Kind})
		}
		sums[i].n++
		sums[i].bytes += l.Bytes
	}
	var parts []string
	for _, s := range sums {
		part := fmt.Sprintf("%d %s", s.n, s.kind)
		if s.n > 1 {
			part += "s"
		}
		if s.bytes > 0 {
			part += fmt.Sprintf(" (%d bytes)", s.bytes)
		}
		parts = append(parts, part)
	}
	text := "gpu: device closed before what belongs to it was freed: " + strings.Join(parts, ", ")
	if len(e.Leaks) > 0 {
		text += "; the first made at " + e.Leaks[0].Where
	}
	return text
}
