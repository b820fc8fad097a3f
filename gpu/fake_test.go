//go:build linux && !android && !nogpu && (amd64 || arm64)

package gpu

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
)

// openFake is a device over the fake driver, through all of what calls NVIDIA's.
func openFake(f *fakecuda.Fake) (*Device, error) {
	drv, err := cuda.FromTable(f.Table())
	if err != nil {
		return nil, err
	}
	return openOn(drv, 0)
}

// fakeModule is testModule as the fake loads it.
func fakeModule() *Module {
	m, _ := testModule()
	m.PTX = "// test\n"
	return m
}

func TestFakeLife(t *testing.T) {
	in := aperiodic(8, 5000)
	want := slices.Clone(in)
	for i := range want {
		want[i] += 3
	}
	m := fakeModule()
	life := func(f *fakecuda.Fake) error {
		drv, err := cuda.FromTable(f.Table())
		if f.Failed() == "cuDriverGetVersion" && errors.Is(err, ErrDriverTooOld) {
			return nil // it does not say how old it is
		}
		if err != nil {
			return err
		}
		out, err := wholeLife(drv, m, in)
		if err == nil && !bytes.Equal(out, want) {
			t.Error("wrong result")
		}
		return err
	}
	for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random} {
		for seed := range uint64(20) {
			f := fakecuda.New(fakecuda.Options{Order: order, Seed: seed, Busy: int(seed % 3), Sources: []*Module{m}})
			ok(t, life(f))
			f.Check(t)
		}
	}
	// What is not there is done without.
	for _, missing := range []string{"cuDeviceGetUuid", "cuDeviceGetPCIBusId"} {
		f := fakecuda.New(fakecuda.Options{Missing: []string{missing}, Sources: []*Module{m}})
		ok(t, life(f))
		f.Check(t)
	}
	n := fakecuda.FailEach(t, fakecuda.Options{Sources: []*Module{m}, MayFail: []string{
		// What may be unknown of a driver or of a device.
		"cuDriverGetVersion", "cuDeviceGetUuid", "cuDeviceGetPCIBusId",
	}}, life)
	t.Logf("%d calls of the driver failed, each in a life of its own", n)
	if n < 80 {
		t.Errorf("only %d calls", n)
	}
}

// Work that fails on the device is told by a later call, as the first error ever
// after, and nothing is left behind.
func TestFakeWorkFails(t *testing.T) {
	m := fakeModule()
	runs := 0
	for n := 1; ; n++ {
		for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager} {
			f := fakecuda.New(fakecuda.Options{Order: order, FailWork: n, FailWorkCode: driver.LaunchFailed, Sources: []*Module{m}})
			drv := must(cuda.FromTable(f.Table()))(t)
			_, err := wholeLife(drv, m, aperiodic(8, 5000))
			works := f.Stats().Works
			f.Check(t)
			if works < n {
				ok(t, err)
				t.Logf("%d runs in which work failed", runs)
				if runs < 10 {
					t.Error("too few")
				}
				return
			}
			runs++
			var e *Error
			if !errors.As(err, &e) || e.Code != 719 || !e.Sticky || !e.Deferred || !errors.Is(err, ErrLost) {
				t.Errorf("work %d failed: %v", n, err)
			}
		}
	}
}

func TestFakeProbe(t *testing.T) {
	defer func(was func() (driver.Driver, error)) { cudaDriver = was }(cudaDriver)
	with := func(o fakecuda.Options, check func(f *fakecuda.Fake)) {
		t.Helper()
		f := fakecuda.New(o)
		cudaDriver = func() (driver.Driver, error) {
			d, err := cuda.FromTable(f.Table())
			if err != nil {
				return nil, fmt.Errorf("gpu: %w", wrap(err))
			}
			return d, nil
		}
		check(f)
		f.Check(t)
	}
	with(fakecuda.Options{Devices: 3}, func(*fakecuda.Fake) {
		infos := must(Probe())(t)
		if len(infos) != 3 || infos[2].Ordinal != 2 || infos[0].Backend != "cuda" || infos[0].Memory == 0 || infos[0].Driver != 12080 {
			t.Errorf("%+v", infos)
		}
		d := must(Open(2, nil))(t)
		if d.Info() != infos[2] {
			t.Errorf("%+v, probed %+v", d.Info(), infos[2])
		}
		t.Log(d.Info())
		ok(t, d.Close())
	})
	for _, c := range []struct {
		o    fakecuda.Options
		kind error
		text string
	}{
		{fakecuda.Options{Devices: -1}, ErrNoDevice, ""},
		{fakecuda.Options{InitCode: driver.NoDevice}, ErrNoDevice, "CUDA_ERROR_NO_DEVICE"},
		{fakecuda.Options{Version: 9020}, ErrDriverTooOld, "9.2"},
		{fakecuda.Options{Missing: []string{"cuLaunchKernel"}}, ErrDriverTooOld, "cuLaunchKernel"},
		{fakecuda.Options{InitCode: driver.DriverMismatch}, ErrNoDriver, "803"},
	} {
		with(c.o, func(*fakecuda.Fake) {
			_, err := Probe()
			wantKind(t, err, c.kind, c.text)
			_, err = Open(0, nil)
			wantKind(t, err, c.kind, c.text)
			d := must(OpenAuto(nil))(t)
			if d.Backend() != "host" || d.Info().Why != err.Error() {
				t.Errorf("%+v", d.Info())
			}
			ok(t, d.Close())
		})
	}
	// A context of another binding: attached where it is current, left as it is.
	with(fakecuda.Options{}, func(f *fakecuda.Fake) {
		c := f.NewContext(0)
		d := must(AttachHandle(uintptr(c), nil))(t)
		b := bytesOf(t, d, []byte("theirs"))
		if d.Context() != uintptr(c) || string(readAll(t, b)) != "theirs" {
			t.Error("another context")
		}
		ok(t, b.Free(), d.Close())
		d = must(AttachHandle(uintptr(c), nil))(t)
		ok(t, d.Close())
		f.Destroy(c)
	})
}

// A module that does not compile brings the log of the compiler along.
func TestFakeCompilerLog(t *testing.T) {
	f := fakecuda.New(fakecuda.Options{})
	d := must(openFake(f))(t)
	_, err := d.Load(fakeModule())
	var e *Error
	if !errors.As(err, &e) || e.Name != "CUDA_ERROR_INVALID_PTX" || e.Log == "" || !bytes.Contains([]byte(err.Error()), []byte(e.Log)) {
		t.Errorf("%v", err)
	}
	ok(t, d.Err(), d.Close())
	f.Check(t)
}
