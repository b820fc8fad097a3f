package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// The result is that of testdata/gen_superres.py, pixel for pixel.
func TestSuperres(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.png")
	if err := run("testdata/in.png", out, "host"); err != nil {
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

func TestUnknownDevice(t *testing.T) {
	err := run("testdata/in.png", filepath.Join(t.TempDir(), "out.png"), "cuda")
	if err == nil || !strings.Contains(err.Error(), `device "cuda"`) {
		t.Error(err)
	}
}
