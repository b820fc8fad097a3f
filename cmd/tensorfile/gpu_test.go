package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/measure"
)

// What is printed of a CUDA device, which this machine need not have.
func TestGPUInfoOfDevice(t *testing.T) {
	info := gpu.Info{
		Backend: "cuda", Ordinal: 1, Name: "Device\x1b[0m", UUID: "GPU-1", PCI: "0000:3b:00.0", NUMANode: 0, Major: 9, Minor: 0,
		Memory: 80 << 30, CopyEngines: 3, Multiprocessors: 132, Driver: 12080,
	}
	var out bytes.Buffer
	tool := &tool{out: &output{Writer: bufio.NewWriter(&out)}, color: "never"}
	doc := gpuInfoJSON{Devices: []gpuDeviceJSON{deviceJSON(info)}, Kernels: []gpuFamilyJSON{
		{"cast", []string{"a", "b"}, []string{"Device, CUDA 12.8, 2026-12-01"}}, {"conv", []string{"c"}, nil},
	}}
	doc.write(tool)
	tool.out.Flush()
	const want = `cuda:1: Device\x1b[0m
  memory              80.0 GiB
  compute capability  9.0
  driver              CUDA 12.8
  multiprocessors     132
  copy engines        3
  uuid                GPU-1
  pci                 0000:3b:00.0
  numa node           0
  pins memory         no, memory of the driver is used

KERNELS  ENTRIES  CONFIRMED ON
cast           2  Device, CUDA 12.8, 2026-12-01
conv           1  not confirmed
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// What is compared with the host is told, and what no limit stands for has none.
func TestGPUBenchOfDevice(t *testing.T) {
	right, wrong := true, false
	var out bytes.Buffer
	tool := &tool{out: &output{Writer: bufio.NewWriter(&out)}, color: "never"}
	tool.printGPUBench([]measure.Row{
		{Name: measure.Link, Bytes: 1e9, Time: 4e7},
		{Name: "a", Bytes: 1e9, Time: 1e6, Limit: measure.Memory, Share: 0.5, Goal: 0.75, Same: &right},
		{Name: "b", Bytes: 1e9, Time: 1e6, Same: &wrong},
	})
	tool.out.Flush()
	const want = `LIMIT       SPEED
link   25.00 GB/s

KERNEL  TIME         SPEED  OF DEVICE MEMORY   GOAL  RESULT
a        1ms  1000.00 GB/s             x0.50  x0.75  as on the host
b        1ms  1000.00 GB/s                 -      -  WRONG
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// Errors of the driver are one line.
func TestNoDevice(t *testing.T) {
	err := noDevice(fmt.Errorf("gpu: %w: libcuda.so.1:\n\tnot found", gpu.ErrNoDriver))
	if want := "no CUDA driver: libcuda.so.1: not found (--device host works without)"; err.Error() != want {
		t.Errorf("%q", err)
	}
	other := errors.New("two\nlines")
	if noDevice(other) != other || noDevice(nil) != nil {
		t.Error("other errors changed")
	}
	for text, ok := range map[string]bool{"cuda": true, "cuda:0": true, "cuda:12": true, "host": true, "auto": true, "cuda:": false, "cuda:-1": false, "cuda:x": false, "": false, "Host": false} {
		var w where
		if err := w.Set(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	var w where
	w.Set("cuda:12")
	if n, isCUDA := w.ordinal(); n != 12 || !isCUDA || !strings.Contains(w.String(), "12") {
		t.Error(n, isCUDA)
	}
}
