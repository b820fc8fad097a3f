package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
)

// Kernels runs those kernels whose names match, or all if match is nil, on made-up
// data, and yields a row for each beside limit, which is that of the device's memory.
// On CUDA the results are compared with those of the host backend, bit for bit.
func Kernels(ctx context.Context, d *gpu.Device, o *Options, limit Row, match func(name string) bool, yield func(Row) error) error {
	own := o.resolve()
	for _, c := range cases {
		if match != nil && !match(c.name) {
			continue
		}
		r, err := own.kernel(ctx, d, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.moves {
			r.beside(limit, c.goal)
		}
		if d.Backend() == "host" {
			r.Goal = 0 // goals are those of devices
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// KernelNames are the names of all rows of Kernels.
func KernelNames() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// A kernelCase is a use of a family of kernels.
type kernelCase struct {
	name  string
	moves bool    // memory is what limits it
	goal  float64 // share of the memory's speed
	// set makes operands of about so many bytes.
	set func(m *maker, size int64) work
}

// work is what a case enqueues, and what it moves.
type work struct {
	run     func(on *gpu.Stream) error
	bytes   int64 // read and written
	results []*gpu.Tensor
}

// kernel measures one case.
func (o Options) kernel(ctx context.Context, d *gpu.Device, c kernelCase) (r Row, err error) {
	m := &maker{ctx: ctx, d: d}
	defer func() { err = errors.Join(err, m.free()) }()
	w := c.set(m, o.Size)
	if m.err != nil {
		return r, m.err
	}
	s, err := d.NewStream()
	if err != nil {
		return r, err
	}
	defer s.Free()
	watch, err := newWatch(d)
	if err != nil {
		return r, err
	}
	defer watch.free()
	r, err = o.median(ctx, Row{Name: c.name, Bytes: w.bytes}, func() (time.Duration, error) {
		return watch.of(s, func() error { return w.run(s) })
	})
	if err != nil || d.Backend() == "host" {
		return r, err
	}
	same, err := c.sameOnHost(ctx, w.results, o.Size)
	r.Same = &same
	return r, err
}

// sameOnHost computes the case on the host backend and compares the results.
func (c kernelCase) sameOnHost(ctx context.Context, results []*gpu.Tensor, size int64) (same bool, err error) {
	host, err := gpu.OpenHost(nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	m := &maker{ctx: ctx, d: host}
	defer func() { err = errors.Join(err, m.free()) }()
	w := c.set(m, size)
	if m.err != nil {
		return false, m.err
	}
	s, err := host.NewStream()
	if err != nil {
		return false, err
	}
	defer s.Free()
	if err := w.run(s); err != nil {
		return false, err
	}
	if err := s.Synchronize(); err != nil {
		return false, err
	}
	for i, want := range w.results {
		a, err := results[i].Read(ctx)
		if err != nil {
			return false, err
		}
		b, err := want.Read(ctx)
		if err != nil {
			return false, err
		}
		if !bytes.Equal(a.Span(), b.Span()) {
			return false, nil
		}
	}
	return true, nil
}

// A maker makes tensors on a device, the same for each device. Its first error
// stays, and what comes after it makes nothing.
type maker struct {
	ctx  context.Context
	d    *gpu.Device
	made []*gpu.Buffer
	n    uint64
	err  error
}

func (m *maker) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// empty is a tensor that holds anything.
func (m *maker) empty(d tensor.DType, s ...int64) *gpu.Tensor {
	if m.err != nil {
		return nil
	}
	t, err := m.d.Make(d, s)
	if err != nil {
		m.fail(err)
		return nil
	}
	m.made = append(m.made, t.Buffer())
	return t
}

// of is a tensor with bytes that fill makes, in the device's order.
func (m *maker) of(fill func(b []byte), d tensor.DType, s ...int64) *gpu.Tensor {
	t := m.empty(d, s...)
	if t == nil {
		return nil
	}
	b := make([]byte, t.ByteSize())
	fill(b)
	v, err := tensor.NewView(b, d, s, nil, 0, t.Order())
	if err == nil {
		err = t.Write(m.ctx, v)
	}
	if err != nil {
		m.fail(err)
		return nil
	}
	return t
}

// random is a tensor with bytes without a period.
func (m *maker) random(d tensor.DType, s ...int64) *gpu.Tensor {
	m.n++
	return m.of(func(b []byte) { noise(b, m.n) }, d, s...)
}

// small is a tensor of f32 from -1 to 1.
func (m *maker) small(s ...int64) *gpu.Tensor {
	m.n++
	return m.of(func(b []byte) {
		noise(b, m.n)
		for i := 0; i+4 <= len(b); i += 4 {
			x := float32(int16(uint16(b[i])|uint16(b[i+1])<<8)) / 32768
			putF32(b[i:], x)
		}
	}, tensor.F32, s...)
}

func putF32(b []byte, x float32) {
	u := math.Float32bits(x)
	b[0], b[1], b[2], b[3] = byte(u), byte(u>>8), byte(u>>16), byte(u>>24)
}

func (m *maker) free() (err error) {
	for _, b := range m.made {
		err = errors.Join(err, b.Free())
	}
	return err
}
