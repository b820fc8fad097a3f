package npy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

const goldens = "../../testdata/npy"

// golden is one file of the manifest; gen_npy.py says what the fields mean.
type golden struct {
	File    string
	Refused string
	Void2   string
	Saved   string `json:"saved_sha256"`
	Skipped []string
	Tensors []goldenTensor
}

type goldenTensor struct {
	Name, DType, SHA256, Order, Unit string
	Shape                            []int64
	Fortran                          bool
}

func manifest(t testing.TB) []golden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldens, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Files []golden }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) < 100 {
		t.Fatalf("the manifest lists %d files", len(m.Files))
	}
	return m.Files
}

var kinds = map[string]error{
	"unsupported": tensor.ErrUnsupported,
	"limit":       tensor.ErrLimit,
}

// openBytes opens b as a file called path.
func openBytes(b []byte, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), o)
}

func options(t testing.TB, g golden) *convert.OpenOptions {
	t.Helper()
	o := &convert.OpenOptions{}
	o.SkipBad = len(g.Skipped) > 0
	if g.Void2 != "" {
		var err error
		if o.Void2, err = tensor.ParseDType(g.Void2); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// all returns the tensors of f in order.
func all(t testing.TB, f *tensorfile.File) []*tensorfile.Tensor {
	t.Helper()
	var list []*tensorfile.Tensor
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// sum is the SHA-256 of the logical bytes of x.
func sum(t testing.TB, x *tensorfile.Tensor) string {
	t.Helper()
	h := sha256.New()
	if err := x.WriteCOrder(context.Background(), h); err != nil {
		t.Fatalf("%s: %v", x.Name(), err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write writes the tensors of f in a format.
func write(t testing.TB, f *tensorfile.File, name string, o *convert.WriteOptions) []byte {
	t.Helper()
	var src []convert.Source
	for _, x := range all(t, f) {
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	format, _ := convert.ByName(name)
	var buf bytes.Buffer
	if err := format.Write(context.Background(), &buf, src, o); err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
	return buf.Bytes()
}

// check compares the tensors of f with what the manifest says.
func check(t *testing.T, f *tensorfile.File, g golden) {
	t.Helper()
	if n, err := f.Len(); err != nil || n != len(g.Tensors) {
		t.Fatalf("%d tensors, want %d (%v)", n, len(g.Tensors), err)
	}
	for _, want := range g.Tensors {
		x, err := f.Tensor(want.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		if x.DType().String() != want.DType || !x.Shape().Equal(want.Shape) {
			t.Errorf("%q: got %v %v, want %s %v", x.Name(), x.DType(), x.Shape(), want.DType, want.Shape)
			continue
		}
		if got := sum(t, x); got != want.SHA256 {
			t.Errorf("%s: bytes have SHA-256 %s, want %s", x.Name(), got, want.SHA256)
		}
		attrs, err := x.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		if unit, _ := attrs["unit"].(string); unit != want.Unit {
			t.Errorf("%s: unit %q, want %q", x.Name(), unit, want.Unit)
		}
	}
}

func TestGoldens(t *testing.T) {
	for _, g := range manifest(t) {
		t.Run(g.File+g.Void2, func(t *testing.T) {
			path := filepath.Join(goldens, g.File)
			if g.Refused != "" {
				_, err := convert.Open(context.Background(), path, nil)
				if !errors.Is(err, kinds[g.Refused]) {
					t.Fatalf("got %v, want it refused as %s", err, g.Refused)
				}
				return
			}
			for _, noMmap := range []bool{false, true} {
				o := options(t, g)
				o.NoMmap = noMmap
				f, err := convert.Open(context.Background(), path, o)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				check(t, f, g)
				for i, x := range all(t, f) {
					want := g.Tensors[i]
					if big := x.Order() == tensor.BigEndian; big != (want.Order == "big") {
						t.Errorf("%s: byte order %v, want %q", x.Name(), x.Order(), want.Order)
					}
					if v, err := x.View(); err == nil && want.Fortran && !rises(v) {
						t.Errorf("%s: strides %v are not those of Fortran order", x.Name(), v.Strides())
					}
				}
				if got := len(f.Layout().Skipped); got != len(g.Skipped) {
					t.Errorf("%d skipped, want %d", got, len(g.Skipped))
				}
				r, err := f.Verify(context.Background(), nil)
				if err != nil || len(r.Findings)+len(r.Unknown) != len(g.Skipped) {
					t.Errorf("Verify: %+v, %v", r, err)
				}
				roundTrip(t, f, g)
			}
		})
	}
}

// rises reports whether the first two axes of more than one element do.
func rises(v tensor.View) bool {
	last := int64(0)
	axes := 0
	for i, n := range v.Shape() {
		if n == 1 {
			continue
		}
		if axes++; axes > 2 {
			break
		}
		if v.Strides()[i] <= last {
			return false
		}
		last = v.Strides()[i]
	}
	return true
}

// roundTrip writes f again, as the format it has and by way of a native file,
// and reads that.
func roundTrip(t *testing.T, f *tensorfile.File, g golden) {
	t.Helper()
	ctx := context.Background()
	o := options(t, g)
	if filepath.Ext(g.File) == ".npy" {
		for i, src := range []*tensorfile.File{f, native(t, f)} {
			b := write(t, src, "npy", nil)
			if got := sha256.Sum256(b); g.Saved != "" && hex.EncodeToString(got[:]) != g.Saved {
				head, _, _ := bytes.Cut(b, []byte("\n"))
				t.Errorf("source %d: NumPy writes other bytes; ours begin %q", i, head)
			}
			if g.File == "float8_e5m2.npy" {
				continue // NumPy cannot read its own spelling, so it comes back opaque
			}
			again, err := openBytes(b, g.File, o)
			if err != nil {
				t.Fatal(err)
			}
			check(t, again, g)
		}
	}
	if len(g.Tensors) == 0 || g.File == "float8_e5m2.npy" {
		return
	}
	for _, compress := range []bool{false, true} {
		for _, src := range []*tensorfile.File{f, native(t, f)} {
			b := write(t, src, "npz", &convert.WriteOptions{Compress: compress})
			again, err := openBytes(b, "again.npz", o)
			if err != nil {
				t.Fatal(err)
			}
			check(t, again, g)
			for _, s := range again.Layout().Storages {
				if compress != (s.Open != nil) || !compress && s.Offset%64 != 0 {
					t.Errorf("member %q: codec %q, offset %d", s.Member, s.Codec, s.Offset)
				}
			}
			if r, err := again.Verify(ctx, nil); err != nil || len(r.Findings) > 0 {
				t.Errorf("Verify of what was written: %+v, %v", r, err)
			}
		}
	}
}

// native copies f to a native file and opens that.
func native(t *testing.T, f *tensorfile.File) *tensorfile.File {
	t.Helper()
	var buf bytes.Buffer
	w, err := tensorfile.NewWriter(&buf, nil)
	if err != nil {
		t.Fatal(err)
	}
	var items []tensorfile.Item
	for _, x := range all(t, f) {
		items = append(items, tensorfile.Item{Tensor: x})
	}
	if err := w.Copy(context.Background(), items...); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	n, err := tensorfile.OpenReaderAt(bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
