package kernels_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
)

// get returns v and stops the test if there is an error.
func get[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants demands an error of a kind whose text has all the parts.
func wants(t testing.TB, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("no %q in %q", p, err)
		}
	}
}

// A place is a kind of device that the bodies of these tests run on.
type place struct {
	name string
	open func(t testing.TB) *gpu.Device
}

var places = []place{{"host", func(t testing.TB) *gpu.Device { return get(gpu.OpenHost(nil))(t) }}}

// each runs body on every kind of device, with a seed: TENSORFILE_SEED, or another
// one each time.
func each(t *testing.T, body func(t *testing.T, d *gpu.Device, on *gpu.Stream, r *rand.Rand)) {
	t.Helper()
	seed := rand.Uint64N(1e9)
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = get(strconv.ParseUint(s, 10, 64))(t)
	}
	t.Logf("TENSORFILE_SEED=%d", seed)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			d := p.open(t)
			on := get(d.NewStream())(t)
			body(t, d, on, rand.New(rand.NewPCG(seed, 1)))
			fine(t, on.Free())
			fine(t, d.Close())
		})
	}
}

// put copies a view to the device, skew elements into a buffer.
func put(t testing.TB, d *gpu.Device, v tensor.View, skew int64) *gpu.Tensor {
	t.Helper()
	x := room(t, d, v.DType(), v.Shape(), skew)
	fine(t, x.Write(t.Context(), v))
	return x
}

// room is a tensor on the device, skew elements into a buffer.
func room(t testing.TB, d *gpu.Device, dt tensor.DType, s tensor.Shape, skew int64) *gpu.Tensor {
	t.Helper()
	off := skew * int64(dt.UnitBytes)
	b := get(d.Alloc(off + get(tensor.ByteSize(dt, s))(t)))(t)
	return get(gpu.NewTensor(b, dt, s, nil, off, tensor.LittleEndian))(t)
}

// free gives tensors back.
func free(t testing.TB, list ...*gpu.Tensor) {
	t.Helper()
	for _, x := range list {
		if x != nil {
			fine(t, x.Free())
		}
	}
}

// random is a tensor of any values, floats among them of usual size.
func random(t testing.TB, r *rand.Rand, d tensor.DType, s tensor.Shape) tensor.View {
	t.Helper()
	v := get(tensor.Make(d, s))(t)
	b := v.Span()
	for i := range b {
		b[i] = byte(r.Uint32() >> 3)
	}
	if d.Class == tensor.ClassFloat && d.UnitBytes > 1 {
		from := get(tensor.Make(tensor.F64, s))(t)
		x := get(tensor.Data[float64](from))(t)
		for i := range x {
			x[i] = r.NormFloat64() * math.Pow(2, float64(r.IntN(8)))
		}
		fine(t, tensor.Cast(v, from))
	}
	return v
}

// same reads a tensor back and compares bits, but for which NaN a NaN is.
func same(t testing.TB, on *gpu.Stream, got *gpu.Tensor, want tensor.View) error {
	t.Helper()
	fine(t, on.Synchronize())
	v := get(got.Read(t.Context()))(t)
	x, y := get(v.Bytes())(t), get(want.Bytes())(t)
	if bytes.Equal(x, y) {
		return nil
	}
	if !v.Shape().Equal(want.Shape()) || v.DType() != want.DType() {
		return fmt.Errorf("%v %v, want %v %v", v.DType(), v.Shape(), want.DType(), want.Shape())
	}
	size := int(v.DType().UnitBytes)
	floats := v.DType().Class == tensor.ClassFloat
	var p, q []float64
	if floats {
		p, q = get(tensor.Data[float64](get(v.Cast(tensor.F64))(t)))(t), get(tensor.Data[float64](get(want.Cast(tensor.F64))(t)))(t)
	}
	for i := 0; i < len(x); i += size {
		if !bytes.Equal(x[i:i+size], y[i:i+size]) && !(floats && math.IsNaN(p[i/size]) && math.IsNaN(q[i/size])) {
			return fmt.Errorf("element %d: % x, want % x", i/size, x[i:i+size], y[i:i+size])
		}
	}
	return nil
}
