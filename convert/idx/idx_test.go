package idx_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

const goldens = "../../testdata/idx"

// golden is a file of the manifest; gen_idx.py says what the fields mean.
type golden struct {
	File, Name, DType, SHA256 string
	Shape                     tensor.Shape
}

func manifest(t testing.TB) []golden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldens, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []golden
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 39 {
		t.Fatalf("the manifest lists %d files", len(list))
	}
	return list
}

// only is the one tensor of f.
func only(t testing.TB, f *tensorfile.File) *tensorfile.Tensor {
	t.Helper()
	var found *tensorfile.Tensor
	for x, err := range f.Tensors() {
		if err != nil || found != nil {
			t.Fatalf("one tensor too many, or %v", err)
		}
		found = x
	}
	return found
}

// elements is what x holds, in C order and little-endian.
func elements(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := x.WriteCOrder(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func written(x *tensorfile.Tensor, name string) ([]byte, error) {
	format, _ := convert.ByName(name)
	var out bytes.Buffer
	err := format.Write(context.Background(), &out, []convert.Source{{Tensor: x, As: x.Name()}}, nil)
	return out.Bytes(), err
}

func unzip(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGoldens(t *testing.T) {
	for _, g := range manifest(t) {
		t.Run(g.File, func(t *testing.T) {
			for _, noMmap := range []bool{false, true} {
				o := &convert.OpenOptions{}
				o.NoMmap = noMmap
				path := filepath.Join(goldens, g.File)
				f, err := convert.Open(t.Context(), path, o)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				x := only(t, f)
				if x.Name() != g.Name || x.DType().String() != g.DType || !x.Shape().Equal(g.Shape) {
					t.Errorf("%q: %v %v, want %q: %s %v", x.Name(), x.DType(), x.Shape(), g.Name, g.DType, g.Shape)
				}
				sum := sha256.Sum256(elements(t, x))
				if got := hex.EncodeToString(sum[:]); got != g.SHA256 {
					t.Errorf("SHA-256 of the elements %s, want %s", got, g.SHA256)
				}
				zipped := strings.HasSuffix(g.File, ".gz")
				if _, err := x.View(); !noMmap && !zipped && err != nil {
					t.Errorf("no view of the mapping: %v", err)
				}
				if r, err := f.Verify(t.Context(), nil); err != nil || !r.OK() {
					t.Errorf("Verify: %+v, %v", r, err)
				}

				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if zipped {
					raw = unzip(t, raw)
				}
				if got, err := written(x, "idx"); err != nil || !bytes.Equal(got, raw) {
					t.Errorf("written anew: %v, other bytes", err)
				}
				if got, err := written(x, "idx.gz"); err != nil || !bytes.Equal(unzip(t, got), raw) {
					t.Errorf("written anew with gzip: %v, other bytes", err)
				}
			}
		})
	}
}

// A view of a plain file is the file's own memory.
func TestInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.idx")
	want := file(0x0D, []uint32{3}, 0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0, 0, 0, 0, 1)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := only(t, f).View()
	if errors.Is(err, tensorfile.ErrNotMapped) {
		t.Skip("no mapping here")
	}
	if err != nil {
		t.Fatal(err)
	}
	if v.Order() != tensor.BigEndian || v.String() != "[ 1.0e+00 -2.5e+00  1.4e-45]" {
		t.Errorf("%v %v", v.Order(), v)
	}
	s := f.Layout().Storages
	if len(s) != 1 || s[0].Open != nil || s[0].Offset != 8 || s[0].Size != 12 {
		t.Errorf("storages %+v", s)
	}
}

// file makes an IDX file.
func file(code byte, shape []uint32, data ...byte) []byte {
	b := []byte{0, 0, code, byte(len(shape))}
	for _, n := range shape {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return append(b, data...)
}

func zip(parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		z.Write(p)
		z.Close()
	}
	return b.Bytes()
}

func openBytes(b []byte, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), o)
}

// A file is known by its begin and its size, whatever its name is.
func TestDetect(t *testing.T) {
	good := file(0x0B, []uint32{2, 3}, make([]byte, 12)...)
	long := file(0x08, []uint32{40_000}, bytes.Repeat([]byte("abcdefg\xff"), 5000)...)
	for _, c := range []struct {
		what string
		b    []byte
		want string // of the format, "": none
	}{
		{"plain", good, "idx"},
		{"gzip", zip(good), "idx.gz"},
		{"long", long, "idx"},
		{"long, gzip", zip(long), "idx.gz"},
		{"empty", file(0x08, []uint32{0}), "idx"},
		{"one byte more", append(slices.Clone(good), 0), ""},
		{"one byte less", good[:len(good)-1], ""},
		{"a header alone", good[:12], ""},
		{"zeros", make([]byte, 100), ""},
		{"an icon", []byte("\x00\x00\x01\x00\x01\x00\x10\x10"), ""},
		{"a video", []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"), ""},
		{"type 0A", file(0x0A, []uint32{1}, 0), ""},
		{"rank 0", file(0x08, nil, 0), ""},
		{"rank 33", file(0x08, slices.Repeat([]uint32{1}, 33), 0), ""},
		{"text, gzip", zip([]byte("just text")), ""},
		{"more than gzip can hold", zip(file(0x08, []uint32{1 << 30}, 0)), ""},
		{"nothing", nil, ""},
	} {
		f, err := openBytes(c.b, "data", nil)
		if err != nil {
			if c.want != "" || !errors.Is(err, tensor.ErrFormat) || !strings.Contains(err.Error(), "a file of a known format") {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		if got := f.Layout().Format; got != c.want {
			t.Errorf("%s: taken for %s", c.what, got)
		}
		if x := only(t, f); x.Name() != "data" {
			t.Errorf("%s: called %q", c.what, x.Name())
		}
		f.Close()
	}
}

func TestNames(t *testing.T) {
	b := file(0x08, []uint32{1}, 7)
	for path, want := range map[string]string{
		"a/train-labels-idx1-ubyte": "train-labels",
		"t10k-images.idx3-ubyte.gz": "t10k-images",
		"X.IDX":                     "X",
		"x.idx.gz":                  "x",
		"-idx1-ubyte":               "-idx1-ubyte",
		".idx":                      ".idx",
		"noise.gz":                  "noise",
		"a\x01.idx":                 "array",
	} {
		f, err := openBytes(b, path, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := only(t, f).Name(); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
		f.Close()
	}
	o := &convert.OpenOptions{}
	o.Name = "other"
	f, err := openBytes(b, "x.idx", o)
	if err != nil {
		t.Fatal(err)
	}
	if got := only(t, f).Name(); got != "other" {
		t.Errorf("called %q", got)
	}
}

// What follows the elements is passed over on request.
func TestTrailing(t *testing.T) {
	b := file(0x08, []uint32{2}, 5, 6)
	o := &convert.OpenOptions{Format: "idx"}
	o.AllowTrailing = true
	for what, b := range map[string][]byte{
		"plain":         append(slices.Clone(b), "more"...),
		"gzip":          zip(append(slices.Clone(b), "more"...)),
		"behind gzip":   append(zip(b), "more"...),
		"gzip, members": zip(b, b),
	} {
		f, err := openBytes(b, "x", o)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got := elements(t, only(t, f)); string(got) != "\x05\x06" {
			t.Errorf("%s: %v", what, got)
		}
		f.Close()
	}
}

// native writes views to a native file and opens it.
func native(t *testing.T, v tensor.View, o *tensorfile.TensorOptions) *tensorfile.Tensor {
	t.Helper()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err == nil {
		err = w.Add(t.Context(), "x", v, o)
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Any strides and storage are written; more than a buffer of them.
func TestWrite(t *testing.T) {
	const n = 50_021
	values := make([]int32, 3*n)
	for i := range values {
		values[i] = int32(uint32(i*i)*2654435761 + uint32(i))
	}
	v, err := tensor.FromSlice(values, 3, n)
	if err != nil {
		t.Fatal(err)
	}
	turned, err := v.Permute(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := file(0x0C, []uint32{n, 3})
	for i := range n {
		for j := range 3 {
			want = binary.BigEndian.AppendUint32(want, uint32(values[j*n+i]))
		}
	}
	for what, o := range map[string]*tensorfile.TensorOptions{"plain": nil, "chunks": {Codec: "zstd", Chunk: tensor.Shape{777, 2}}} {
		if got, err := written(native(t, turned, o), "idx"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, other bytes", what, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	ok := func(v tensor.View, err error) tensor.View {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	one := ok(tensor.FromSlice([]uint8{1}, 1))
	huge := ok(tensor.NewView([]byte{7}, tensor.U8, tensor.Shape{1 << 32, 0}, nil, 0, tensor.HostOrder))
	for want, v := range map[string]tensor.View{
		"rank: got 0, want 1 to 32":                   ok(one.Index(0, 0)),
		"dimension 0: got 4294967296, want below 2^3": huge,
	} {
		if _, err := written(native(t, v, nil), "idx.gz"); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	refused := 0
	for _, d := range []tensor.DType{tensor.Bool, tensor.U16, tensor.U32, tensor.I64, tensor.U64, tensor.F16, tensor.BF16, tensor.F8E5M2, tensor.I4, tensor.C64, tensor.Text(4)} {
		v := ok(tensor.Make(d, tensor.Shape{2}))
		_, err := written(native(t, v, nil), "idx")
		if !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "dtype: got "+d.String()+", want u8, i8, i16, i32, f32 or f64") {
			t.Errorf("%v: %v", d, err)
		}
		refused++
	}
	t.Logf("%d dtypes refused", refused)
	x := native(t, one, nil)
	format, _ := convert.ByName("idx")
	for _, src := range [][]convert.Source{nil, {{Tensor: x, As: "a"}, {Tensor: x, As: "b"}}} {
		if err := format.Write(t.Context(), io.Discard, src, nil); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "want one") {
			t.Errorf("%d tensors: %v", len(src), err)
		}
	}
}
