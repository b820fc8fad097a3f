package safetensors_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// set writes a set of two files and its index into dir.
func set(t testing.TB, dir, index string) string {
	t.Helper()
	for name, b := range map[string][]byte{
		"model-1.safetensors":          file(`{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"extra":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}`, 1, 2, 3, 4, 9),
		"model-2.safetensors":          file(`{"b":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},"c":{"dtype":"NEW","shape":[2],"data_offsets":[4,9]}}`, 5, 0, 6, 1, 0, 0, 0, 0, 0),
		"model.safetensors.index.json": []byte(index),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "model.safetensors.index.json")
}

func TestSet(t *testing.T) {
	path := set(t, t.TempDir(), `{"metadata":{"total_size":8,"version":3},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}`)
	// A tensor that nobody asks for may be of a dtype that is not known.
	if f, err := convert.Open(t.Context(), path, nil); !errors.Is(err, tensorfile.ErrUnsupported) {
		t.Errorf("%v, %v", f, err)
	}
	o := &convert.OpenOptions{}
	o.SkipBad = true
	f, err := convert.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]string{"a": "\x01\x02\x03\x04", "b": "\x05\x00\x06\x01"} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(elements(t, x)); got != want {
			t.Errorf("%s: %q", name, got)
		}
		if shard := map[string]string{"a": "model-1", "b": "model-2"}[name]; !strings.HasSuffix(x.File().Path(), shard+".safetensors") {
			t.Errorf("%s is in %s", name, x.File().Path())
		}
	}
	if n, err := f.Len(); n != 2 || err != nil {
		t.Errorf("%d tensors, %v", n, err)
	}
	if a, err := f.Attrs(); err != nil || len(a) != 2 || a["version"] != int64(3) || a["format"] != "pt" {
		t.Errorf("%v, %v", a, err)
	}
	if notes := strings.Join(f.Info().Notes, "; "); notes != `"model-1.safetensors" has 1 tensors that the index does not name` {
		t.Errorf("%q", notes)
	}
	out := filepath.Join(t.TempDir(), "whole.tensor")
	co := &convert.Options{}
	co.Open.SkipBad = true
	if _, err := convert.Files(t.Context(), []string{path}, out, co); err != nil {
		t.Fatal(err)
	}
	h, err := f.Hash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := convert.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if again, err := g.Hash(t.Context(), nil); err != nil || again != h {
		t.Errorf("hash %v, want %v, %v", again, h, err)
	}
}

func TestSetWithFaults(t *testing.T) {
	for _, c := range []struct {
		index string
		kind  error
		says  string
	}{
		{`{"weight_map":{"a":"../model-1.safetensors"}}`, tensorfile.ErrFormat, `file name: got "../model-1.safetensors", want a plain name`},
		{`{"weight_map":{"a":"/etc/passwd"}}`, tensorfile.ErrFormat, "a plain name"},
		{`{"weight_map":{"a":"sub/model-1.safetensors"}}`, tensorfile.ErrFormat, "a plain name"},
		{`{"weight_map":{"a":""}}`, tensorfile.ErrFormat, "a plain name"},
		{`{"weight_map":{"a":"model-3.safetensors"}}`, tensorfile.ErrIO, "model-3.safetensors"},
		{`{"weight_map":{"missing":"model-1.safetensors"}}`, tensorfile.ErrNotFound, "missing"},
		{`{"weight_map":{"a":7}}`, tensorfile.ErrFormat, `weight_map: "a": got int64`},
		{`{"weight_map":["a"]}`, tensorfile.ErrFormat, "weight_map: got none"},
		{`{"metadata":{}}`, tensorfile.ErrFormat, "weight_map: got none"},
		{`{"weight_map":{"a":"model-1.safetensors","a":"model-2.safetensors"}}`, tensorfile.ErrDuplicate, ""},
		{`{"weight_map":{"a":"model-1.safetensors"}`, tensorfile.ErrFormat, "offset"},
		{`{"weight_map":` + strings.Repeat(`{"a":`, 1000), tensorfile.ErrLimit, "offset"},
		{`{"weight_map":{"a":"model.safetensors.index.json"}}`, nil, ""},
	} {
		path := set(t, t.TempDir(), c.index)
		f, err := convert.Open(t.Context(), path, nil)
		if err == nil {
			f.Close()
		}
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.index, err)
		}
	}
	// With SkipBad what another file has is read.
	path := set(t, t.TempDir(), `{"weight_map":{"a":"model-1.safetensors","z":"model-3.safetensors"}}`)
	o := &convert.OpenOptions{}
	o.SkipBad = true
	f, err := convert.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Len(); n != 1 || err != nil || len(f.Layout().Skipped) != 1 || !strings.Contains(f.Layout().Skipped[0].Error(), "z") {
		t.Errorf("%d tensors, skipped %v, %v", n, f.Layout().Skipped, err)
	}
}
