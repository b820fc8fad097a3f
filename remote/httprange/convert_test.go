package httprange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/remote/httprange"
)

// counted serves b and counts requests.
func counted(t *testing.T, b []byte) (address string, n *atomic.Int64) {
	n = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, n
}

func gen(id uint64, name string, size int) forge.Gen {
	return forge.Gen{
		Tensors:  []forge.Tensor{{Name: name, Storage: id, DType: forge.U8, Shape: []uint64{uint64(size)}, Strides: []int64{1}}},
		Storages: []forge.Storage{{ID: id, Data: bytes.Repeat([]byte{byte(id)}, size)}},
	}
}

// A finished file opens with one request, any other with two.
func TestOpenRequests(t *testing.T) {
	ctx := t.Context()
	many := make([]forge.Tensor, 5000)
	for i := range many {
		many[i] = forge.Tensor{Name: fmt.Sprintf("tensor.%05d", i), Storage: 1, DType: forge.U8, Shape: []uint64{1}, Strides: []int64{1}}
	}
	npy := func(n int) []byte {
		head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", n)
		return append(fmt.Appendf(nil, "\x93NUMPY\x01\x00\x76\x00%-117s\n", head), make([]byte, n)...)
	}
	unfinished := append(bytes.Clone(forge.Build(false, gen(1, "a", 300_000), gen(2, "b", 10)).B), make([]byte, 5000)...)
	for _, c := range []struct {
		name string
		b    []byte
		want int64
	}{
		{"small", forge.Build(false, gen(1, "a", 10)).B, 1},
		{"small, appended", forge.Build(false, gen(1, "a", 10), gen(2, "b", 10)).B, 1},
		{"finished", forge.Build(false, gen(1, "a", 300_000)).B, 1},
		{"streamed", forge.Build(true, gen(1, "a", 300_000)).B, 1},
		{"many tensors", forge.Build(false, forge.Gen{Tensors: many, Storages: []forge.Storage{{ID: 1, Data: make([]byte, 1)}}}).B, 1},
		{"appended", forge.Build(false, gen(1, "a", 300_000), gen(2, "b", 10)).B, 2},
		{"appended a lot", forge.Build(false, gen(1, "a", 10), gen(2, "b", 300_000)).B, 2},
		{"appended twice", forge.Build(false, gen(1, "a", 300_000), gen(2, "b", 100_000), gen(3, "c", 100_000)).B, 2},
		{"with a leftover", unfinished, 2},
		{"npy", npy(300_000), 2},
	} {
		for _, format := range []string{"", "tensorfile", "npy"} {
			if (format == "npy") != (c.name == "npy") && format != "" {
				continue
			}
			address, n := counted(t, c.b)
			f, err := convert.Open(ctx, address, &convert.OpenOptions{Format: format})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if n.Load() != c.want {
				t.Errorf("%s, format %q: %d requests, want %d", c.name, format, n.Load(), c.want)
			}
			if f.Path() != address || f.Info().Mapped || f.Info().MapReason == "" {
				t.Errorf("%s: %+v", c.name, f.Info())
			}
			rep, err := f.Verify(ctx, nil)
			if err != nil || !rep.OK() {
				t.Errorf("%s: %v %v", c.name, err, rep.Findings)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What comes over the network equals what is in the file.
func TestTensors(t *testing.T) {
	ctx := t.Context()
	paths, _ := filepath.Glob("../../testdata/accept/*.tensor")
	if len(paths) == 0 {
		t.Fatal("no files")
	}
	srv := httptest.NewServer(http.FileServer(http.Dir("../../testdata/accept")))
	defer srv.Close()
	for _, path := range paths {
		local, err := tensorfile.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		far, err := convert.Open(ctx, srv.URL+"/"+filepath.Base(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for a, err := range local.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			b, err := far.Tensor(a.Name())
			if err != nil {
				t.Fatal(err)
			}
			var x, y bytes.Buffer
			if err := a.WriteCOrder(ctx, &x); err != nil {
				continue // not known here
			}
			if err := b.WriteCOrder(ctx, &y); err != nil || !bytes.Equal(x.Bytes(), y.Bytes()) {
				t.Errorf("%s: %s: %v", path, a.Name(), err)
			}
			n++
		}
		t.Logf("%s: %d tensors", path, n)
		if err := far.Check(); err != nil {
			t.Error(err)
		}
		far.Close()
		local.Close()
	}
}

// An object that is replaced while a file is open is an error of that kind
// through the whole library.
func TestFileChanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tensor")
	if err := os.WriteFile(path, forge.Build(false, gen(1, "a", 300_000)).B, 0o666); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	f, err := convert.Open(t.Context(), srv.URL+"/a.tensor", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := f.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(t.Context()); !errors.Is(err, tensorfile.ErrChanged) || errors.Is(err, tensorfile.ErrIO) {
		t.Error(err)
	}
	if err := f.Check(); !errors.Is(err, tensorfile.ErrChanged) {
		t.Error(err)
	}
}

// Servers without ranges are read whole by convert.Open, up to a limit.
func TestOpenWithoutRanges(t *testing.T) {
	b := forge.Build(false, gen(1, "a", 300_000)).B
	for _, extra := range []int64{0, 65 << 20} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(int64(len(b))+extra))
			w.Write(b)
		}))
		f, err := convert.Open(t.Context(), srv.URL, nil)
		if extra == 0 && err != nil || extra > 0 && !errors.Is(err, tensorfile.ErrUnsupported) {
			t.Error(err)
		}
		if err == nil {
			f.Close()
		}
		srv.Close()
	}
	_, err := convert.Open(t.Context(), "http://user:secret@127.0.0.1:1:2/", nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func ExampleOpen() {
	srv := httptest.NewServer(http.FileServer(http.Dir("../../testdata/accept")))
	defer srv.Close()

	src, err := httprange.Open(context.Background(), srv.URL+"/two-tensors.tensor", &httprange.Options{
		Header:     http.Header{"Authorization": {"Bearer token"}},
		CacheBytes: 16 << 20,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := tensorfile.OpenMap(src.Map(), &tensorfile.OpenOptions{TailFirst: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close() // and the source with it
	n, err := f.Len()
	fmt.Println(n, "tensors,", src.Stats().Requests, "request,", err)
	// Output: 2 tensors, 1 request, <nil>
}
