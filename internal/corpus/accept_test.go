package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// expected is the JSON beside a file: what a reader in any language must find.
type expected struct {
	Generation uint64         `json:"generation"`
	Attributes map[string]any `json:"attributes"`
	Tensors    []struct {
		Name       string         `json:"name"`
		DType      string         `json:"dtype"`
		Descriptor [5]uint32      `json:"descriptor"` // class, variant, bits, e, b
		Shape      []int64        `json:"shape"`
		Dims       []any          `json:"dims"`
		Attributes map[string]any `json:"attributes"`
		Bytes      int64          `json:"bytes"`
		SHA256     string         `json:"sha256"`
		Layout     string         `json:"layout"` // of a composite, as all below
		Flags      uint32         `json:"flags"`
		Hash       string         `json:"hash"`
		Elements   any            `json:"elements"`
	} `json:"tensors"`
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}

// equalJSON compares values in which numbers are json.Numbers: integers by
// their digits, others by the float64 that they mean.
func equalJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		whole := func(n json.Number) bool { return !strings.ContainsAny(string(n), ".eE") }
		if whole(a) || whole(b) {
			return a == b
		}
		x, err1 := strconv.ParseFloat(string(a), 64)
		y, err2 := strconv.ParseFloat(string(b), 64)
		return err1 == nil && err2 == nil && x == y && (x != 0 || a.String()[0] == b.String()[0])
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalJSON(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if _, ok := b[k]; !ok || !equalJSON(a[k], b[k]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

// attrsAsJSON is what the JSON beside the file holds of attributes that were
// read: their text.
func attrsAsJSON(t *testing.T, a tensorfile.Attrs) map[string]any {
	t.Helper()
	b, err := format.AppendAttrs(nil, a, -1)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if len(b) > 0 {
		decode(t, b, &m)
	}
	return m
}

// The library finds in every file what the independent reader found, however
// the file is opened, and Verify finds nothing wrong.
func TestAccept(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(acceptDir, "*.tensor"))
	if err != nil || len(files) < 13 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".tensor"), func(t *testing.T) {
			b, err := os.ReadFile(strings.TrimSuffix(path, ".tensor") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want expected
			decode(t, b, &want)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []*tensorfile.OpenOptions{nil, {NoMmap: true}, {Verify: tensorfile.VerifyOnFirstUse}} {
				f, err := tensorfile.Open(path, o)
				if err != nil {
					t.Fatal(err)
				}
				check(t, f, &want)
				f.Close()
			}
			f, err := tensorfile.OpenReaderAt(bytes.NewReader(file), int64(len(file)), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			check(t, f, &want)
			rep, err := f.Verify(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.Unknown) > 0 {
				t.Errorf("unknown: %v", rep.Unknown)
			}
			// A torn slot is normal after a power cut, and reported.
			if strings.Contains(path, "torn-slot") == rep.OK() {
				t.Errorf("findings: %v", rep.Findings)
			}
		})
	}
}

func check(t *testing.T, f *tensorfile.File, want *expected) {
	t.Helper()
	if g := f.Info().Generation; g != want.Generation {
		t.Errorf("generation %d, want %d", g, want.Generation)
	}
	a, err := f.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	if got := attrsAsJSON(t, a); !equalJSON(got, want.Attributes) {
		t.Errorf("attributes %v, want %v", got, want.Attributes)
	}
	i := 0
	for _, x := range every(t, f) {
		if i == len(want.Tensors) {
			t.Errorf("%q is one too many", x.Name())
			break
		}
		w := &want.Tensors[i]
		i++
		d := x.DType()
		if x.Name() != w.Name || d.String() != w.DType || !x.Shape().Equal(w.Shape) {
			t.Errorf("%q %v %v, want %q %s %v", x.Name(), d, x.Shape(), w.Name, w.DType, w.Shape)
			continue
		}
		if got := [5]uint32{uint32(d.Class), uint32(d.Variant), d.Bits, d.UnitElems, d.UnitBytes}; got != w.Descriptor {
			t.Errorf("%q: descriptor %v, want %v", w.Name, got, w.Descriptor)
		}
		if got, err := tensor.ParseDType(w.DType); w.DType != "none" && (err != nil || got != d) {
			t.Errorf("%q: the name %s means %v, %v", w.Name, w.DType, got, err)
		}
		checkDims(t, x, w.Dims)
		a, err := x.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		if got := attrsAsJSON(t, a); !equalJSON(got, w.Attributes) {
			t.Errorf("%q: attributes %v, want %v", w.Name, got, w.Attributes)
		}
		if w.Layout != "" {
			checkComposite(t, x, w.Layout, w.Flags, w.Hash)
			continue
		}
		h := sha256.New()
		n := countWriter{h, 0}
		if err := x.WriteCOrder(ctx, &n); err != nil {
			t.Errorf("%q: %v", w.Name, err)
			continue
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != w.SHA256 || n.n != w.Bytes || x.ByteSize() != w.Bytes {
			t.Errorf("%q: %d bytes with SHA-256 %s, want %d with %s", w.Name, n.n, got, w.Bytes, w.SHA256)
		}
		v, err := x.Read(ctx)
		if err != nil {
			t.Errorf("%q: %v", w.Name, err)
			continue
		}
		h.Reset()
		if err := v.WriteCOrder(h, tensor.LittleEndian); err != nil || hex.EncodeToString(h.Sum(nil)) != w.SHA256 {
			t.Errorf("%q: Read gives other elements, %v", w.Name, err)
		}
	}
	if i < len(want.Tensors) {
		t.Errorf("%d tensors, want %d", i, len(want.Tensors))
	}
}

func checkDims(t *testing.T, x *tensorfile.Tensor, want []any) {
	t.Helper()
	got := x.Dims()
	if len(got) != len(want) || (got == nil) != (want == nil) {
		t.Errorf("%q: dims %q, want %v", x.Name(), got, want)
		return
	}
	for i := range got {
		w, _ := want[i].(string) // null: no name
		if got[i] != w {
			t.Errorf("%q: dims %q, want %v", x.Name(), got, want)
		}
	}
}

type countWriter struct {
	w interface{ Write([]byte) (int, error) }
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
