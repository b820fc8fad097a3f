package torch_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/alone.pt", nil)
	badinput.EveryRead(t, "testdata/state.pth.pt", nil)
}

// rezipped is a file with its members deflated, and byteorder as it says.
func rezipped(t *testing.T, path, order string) string {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, "/byteorder") {
			body = []byte(order)
		}
		out, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a.pt")
	if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// Members that another program has deflated are read, and those of a big-endian
// machine.
func TestRezipped(t *testing.T) {
	elements := func(path string) map[string][]byte {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all := map[string][]byte{}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := x.WriteCOrder(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			all[x.Name()+" "+x.DType().String()+x.Shape().String()] = b.Bytes()
		}
		return all
	}
	const path = "testdata/state.pth.pt"
	want := elements(path)
	if len(want) < 3 {
		t.Fatal(len(want))
	}
	again := rezipped(t, path, "little")
	got := elements(again)
	turned := elements(rezipped(t, path, "big"))
	differ := 0
	for name, b := range want {
		if !bytes.Equal(got[name], b) {
			t.Errorf("%s: % x, want % x", name, got[name], b)
		}
		if len(turned[name]) != len(b) {
			t.Errorf("%s: %d bytes, want %d", name, len(turned[name]), len(b))
		}
		if !bytes.Equal(turned[name], b) {
			differ++
		}
	}
	if len(got) != len(want) || differ == 0 {
		t.Errorf("%d tensors, want %d; %d differ in the other order", len(got), len(want), differ)
	}
	badinput.EveryRead(t, again, nil)
}
