package hdf5_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// golden is what h5py reads of a file.
type golden struct {
	File    string
	Tensors []goldenTensor
	Skipped []string
	Attrs   map[string]any
	Groups  map[string]any
}

type goldenTensor struct {
	Name, DType, SHA256 string
	Shape               []int64
	Attrs               map[string]any
}

// goldens reads the list in a folder.
func goldens(t testing.TB, dir string) []golden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Files []golden }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m.Files
}

// canonical is a value of an attribute as the list has it.
func canonical(v any) any {
	switch v := v.(type) {
	case int64:
		return map[string]any{"i": strconv.FormatInt(v, 10)}
	case uint64:
		return map[string]any{"i": strconv.FormatUint(v, 10)}
	case float32:
		return canonical(float64(v))
	case float64:
		if math.IsNaN(v) {
			return map[string]any{"f": "nan"}
		}
		return map[string]any{"f": v}
	case string:
		return map[string]any{"s": v}
	case []byte:
		return map[string]any{"b": hex.EncodeToString(v)}
	case []any:
		list := []any{}
		for _, x := range v {
			list = append(list, canonical(x))
		}
		return list
	case convert.Attrs:
		return canonical(map[string]any(v))
	case map[string]any:
		return map[string]any{"m": members(v)}
	}
	return v
}

func members(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = canonical(v)
	}
	return out
}

// expected turns floats of the list, which Python writes in hexadecimal, into
// numbers.
func expected(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, x := range v {
			out = append(out, expected(x))
		}
		return out
	case map[string]any:
		if s, ok := v["f"].(string); ok && len(v) == 1 && s != "nan" {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil {
				panic(err)
			}
			return map[string]any{"f": x}
		}
		out := map[string]any{}
		for k, x := range v {
			out[k] = expected(x)
		}
		return out
	}
	return v
}

func sameAttrs(t testing.TB, what string, got map[string]any, want map[string]any) {
	t.Helper()
	g, w := members(got), expected(want)
	if !reflect.DeepEqual(g, w) && len(g)+len(want) > 0 {
		t.Errorf("%s: attributes\n got %.2000v\nwant %.2000v", what, g, w)
	}
}

// sumOf is the SHA-256 of the elements, or of the strings.
func sumOf(t testing.TB, x *tensorfile.Tensor) (string, error) {
	h := sha256.New()
	if layout, _, ok := x.Composite(); ok {
		if layout != format.LayoutString {
			t.Fatalf("layout %d", layout)
		}
		c, err := x.ReadComposite(context.Background())
		if err != nil {
			return "", err
		}
		v, err := c.Part(format.RoleOffsets).View.Cast(tensor.I64)
		if err != nil {
			return "", err
		}
		at, err := tensor.Data[int64](v)
		if err != nil {
			return "", err
		}
		text, err := c.Part(format.RoleBytes).View.Bytes()
		if err != nil {
			return "", err
		}
		for i := range at[:len(at)-1] {
			binary.Write(h, binary.LittleEndian, at[i+1]-at[i])
			h.Write(text[at[i]:at[i+1]])
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	err := x.WriteCOrder(context.Background(), h)
	return hex.EncodeToString(h.Sum(nil)), err
}

// check compares an open file with what h5py reads.
func check(t testing.TB, f *tensorfile.File, g golden) {
	t.Helper()
	l := f.Layout()
	attrs := map[string]any{}
	for k, v := range l.Attrs {
		attrs[k] = v
	}
	groups, _ := attrs["hdf5.groups"].(map[string]any)
	delete(attrs, "hdf5.groups")
	sameAttrs(t, g.File, attrs, g.Attrs)
	for path, want := range g.Groups {
		got, _ := groups[path].(map[string]any)
		sameAttrs(t, g.File+" "+path, got, want.(map[string]any))
	}
	if len(groups) != len(g.Groups) {
		t.Errorf("%s: attributes of %d groups, want %d", g.File, len(groups), len(g.Groups))
	}
	var names, want []string
	for _, x := range l.Tensors {
		names = append(names, x.Name)
	}
	for _, x := range g.Tensors {
		want = append(want, x.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s: tensors\n got %q\nwant %q", g.File, names, want)
	}
	var skipped []string
	for _, err := range l.Skipped {
		skipped = append(skipped, err.(*tensor.Error).Tensor)
	}
	slices.Sort(skipped)
	refused := slices.Clone(g.Skipped)
	slices.Sort(refused)
	if !slices.Equal(skipped, refused) {
		t.Errorf("%s: skipped\n got %q\nwant %q\n%v", g.File, skipped, refused, l.Skipped)
	}
	for _, want := range g.Tensors {
		x, err := f.Tensor(want.Name)
		if err != nil {
			t.Errorf("%s: %v", g.File, err)
			continue
		}
		d := x.DType().String()
		if _, _, ok := x.Composite(); ok {
			d = "string"
		}
		if d != want.DType || !slices.Equal(x.Shape(), want.Shape) {
			t.Errorf("%s: %s is %s %v, want %s %v", g.File, want.Name, d, x.Shape(), want.DType, want.Shape)
			continue
		}
		sum, err := sumOf(t, x)
		if err != nil || sum != want.SHA256 {
			t.Errorf("%s: %s %s %v: other elements (%v)", g.File, want.Name, d, x.Shape(), err)
		}
		a, err := x.Attrs()
		if err != nil {
			t.Error(err)
		}
		sameAttrs(t, g.File+" "+want.Name, a, want.Attrs)
	}
}

func openBytes(b []byte, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), path), o)
}
