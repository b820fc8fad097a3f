package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// The result is that of testdata/gen_superres.py, pixel for pixel.
func TestSuperres(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.png")
	if err := run(context.Background(), "testdata/in.png", out, "host"); err != nil {
		t.Fatal(err)
	}
	got, err := load(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := load("testdata/out.png")
	if err != nil {
		t.Fatal(err)
	}
	if s := (tensor.Shape{38, 46, 3}); !got.Shape().Equal(s) {
		t.Fatalf("%v, want %v", got.Shape(), s)
	}
	if same, err := tensor.Equal(got, want); err != nil || !same {
		t.Errorf("the pixels differ (%v)\n%v\n%v", err, got, want)
	}
}

// What convolves on a device gives the bits of package conv.
func TestConvolve(t *testing.T) {
	v, err := load("testdata/in.png")
	if err != nil {
		t.Fatal(err)
	}
	if v, err = transform.ScaleBias(v, tensor.F32, &transform.Scaling{Scale: []float64{1. / 255}, Bias: []float64{-0.5}}); err != nil {
		t.Fatal(err)
	}
	if v, err = v.Permute(2, 0, 1); err != nil { // strides that no device has seen
		t.Fatal(err)
	}
	filters, err := interpolation(3)
	if err != nil {
		t.Fatal(err)
	}
	d, err := gpu.OpenHost(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := convolve(context.Background(), d, v, filters)
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	want, err := conv.Correlate(v, filters, &conv.Options{Groups: 3})
	if err != nil {
		t.Fatal(err)
	}
	if same, err := tensor.Equal(got, want); err != nil || !same {
		t.Errorf("(%v)\n%v\n%v", err, got, want)
	}
}

func TestNoDevice(t *testing.T) {
	run := func(device string) error {
		return run(context.Background(), "testdata/in.png", filepath.Join(t.TempDir(), "out.png"), device)
	}
	if err := run("tpu"); err == nil || !strings.Contains(err.Error(), `device "tpu"`) {
		t.Error(err)
	}
	if _, why := gpu.Probe(); why != nil {
		if err := run("cuda"); err == nil || err.Error() != why.Error() {
			t.Errorf("%v, want %v", err, why)
		}
	}
}

// Without a picture a scene is drawn, and the filter comes nearer to it than
// repeated pixels do; with one it is taken.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if err := inFolder(context.Background(), dir, &out); err != nil {
		t.Fatal(err)
	}
	var repeated, filtered float64
	n, err := fmt.Sscanf(out.String(), "in.png (48, 72, 3), out.png (96, 144, 3)\npixels repeated %f dB from the scene\nout.png %f dB from the scene\n", &repeated, &filtered)
	if n != 2 || err != nil || filtered < repeated+0.5 || repeated < 20 {
		t.Errorf("%v, %d:\n%s", err, n, &out)
	}
	t.Log("\n" + out.String())
	large, err := load(filepath.Join(dir, "out.png"))
	if err != nil {
		t.Fatal(err)
	}
	scene, err := landscape(96, 144)
	if err != nil {
		t.Fatal(err)
	}
	if db, err := psnr(large, scene); err != nil || math.Abs(db-filtered) > 0.051 {
		t.Errorf("%v dB, it said %v (%v)", db, filtered, err)
	}
	out.Reset()
	if err := inFolder(context.Background(), dir, &out); err != nil || out.String() != "in.png (48, 72, 3), out.png (96, 144, 3)\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

func TestPSNR(t *testing.T) {
	a, err := tensor.FromSlice([]uint8{0, 100, 200, 255}, 2, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tensor.FromSlice([]uint8{10, 100, 190, 255}, 2, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if db, err := psnr(a, b); err != nil || math.Abs(db-31.1411) > 1e-4 { // 10 log10(65025/50)
		t.Error(db, err)
	}
}
