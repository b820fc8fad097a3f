package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func openBytes(t testing.TB, b []byte, o *convert.OpenOptions) (*tensorfile.File, error) {
	t.Helper()
	return convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "a.gguf"), o)
}

// refused checks that an error is of a kind, at an offset, about a field.
func refused(t testing.TB, what string, err, kind error, offset int64, field string) {
	t.Helper()
	var e *tensor.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Offset != offset || e.Field != field {
		t.Errorf("%s: %v, want %v at %d about %s", what, err, kind, offset, field)
	}
}

// A header that ends inside of what its counts allow.
func TestHeaderEnds(t *testing.T) {
	key := strings.Repeat("k", 40)
	cut := func(n int, pairs []string, infos ...string) []byte {
		b := []byte(head(pairs, infos...))
		return b[:len(b)-n]
	}
	long := strings.Repeat("n", 60)
	for _, c := range []struct {
		what   string
		b      []byte
		kind   error
		offset int64
		field  string
	}{
		{"type of a key", cut(4, []string{kv(key, 4, "")}), tensor.ErrTruncated, 72, `type of "` + key + `"`},
		{"type of elements", cut(8, []string{kv(key, 9, array(4, 0, ""))}), tensor.ErrTruncated, 80, `value of "` + key + `"`},
		{"number of elements", cut(1, []string{kv(key, 9, array(4, 0, ""))}), tensor.ErrTruncated, 80, `value of "` + key + `"`},
		{"elements", cut(1, []string{kv(key, 9, array(4, 2, u32(1)+u32(2)))}), tensor.ErrTruncated, 80, `value of "` + key + `"`},
		{"strings", cut(1, []string{kv(key, 9, array(8, 2, str("a")+str("b")))}), tensor.ErrTruncated, 97, `"` + key + `"[1]: string`},
		{"many strings", cut(1, []string{kv(key, 9, array(8, 1025, strings.Repeat(str("ab"), 1025)))}), tensor.ErrTruncated, 88 + 1024*10, `"` + key + `"[1024]: string`},
		{"number", cut(1, []string{kv(key, 10, u64(7))}), tensor.ErrTruncated, 76, `value of "` + key + `"`},
		{"text", cut(1, []string{kv(key, 8, str("seven"))}), tensor.ErrTruncated, 76, `value of "` + key + `"`},
		{"rank", cut(24, nil, info(long, 0, 0, 4)), tensor.ErrTruncated, 92, "number of dimensions"},
		{"dimension", cut(14, nil, info(long, 0, 0, 4)), tensor.ErrTruncated, 96, "dimension 0"},
		{"type", cut(10, nil, info(long, 0, 0, 4)), tensor.ErrTruncated, 104, "type"},
		{"offset", cut(1, nil, info(long, 0, 0, 4)), tensor.ErrTruncated, 108, "offset"},
		{"dimension of 64 bits", cut(0, nil, info(long, 0, 0, 1<<63)), tensor.ErrFormat, 24, "dimension 0"},
		{"offset of 64 bits", cut(0, nil, info(long, 0, 1<<63, 1)), tensor.ErrCorrupt, 24, "offset"},
		{"bool", cut(0, []string{kv(key, 9, array(7, 2, "\x01\x02"))}), tensor.ErrFormat, 89, `"` + key + `"[1]: value`},
		{"key as text", cut(0, []string{kv("split.count", 4, u32(2))}), tensor.ErrFormat, -1, `type of "split.count"`},
	} {
		_, err := openBytes(t, c.b, nil)
		refused(t, c.what, err, c.kind, c.offset, c.field)
	}
	// Behind a tensor of an unknown type any offset may stand.
	b := file(head(nil, info("odd", 99, 0, 4), info("far", 0, 1<<63-64, 1<<59)), "1234")
	_, err := openBytes(t, b, nil)
	refused(t, "an end beyond 63 bits", err, tensor.ErrOverflow, 24+8+3+4+8+4+8, "dimensions")
}

// bigEndian is a file of the other byte order: one string array, and one tensor
// of quantised blocks.
func bigEndian(strs int) []byte {
	be := binary.BigEndian
	b := append([]byte("GGUF"), 0, 0, 0, 3)
	b = be.AppendUint64(be.AppendUint64(b, 2), 1)
	text := func(s string) { b = append(be.AppendUint64(b, uint64(len(s))), s...) }
	text("list")
	b = be.AppendUint32(be.AppendUint32(b, 9), 8)
	b = be.AppendUint64(b, uint64(strs))
	for i := range strs {
		text(fmt.Sprint("s", i))
	}
	tensorOf := func(name string, kind uint32, n, offset uint64) {
		text(name)
		b = be.AppendUint32(b, 1)
		b = be.AppendUint64(b, n)
		b = be.AppendUint64(be.AppendUint32(b, kind), offset)
	}
	tensorOf("q", 8, 64, 0)   // two blocks of q8_0
	tensorOf("m", 39, 32, 96) // one of mxfp4, bytes alone
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	for k := range 2 {
		b = be.AppendUint16(b, 0x3c00+uint16(k))
		for i := range 32 {
			b = append(b, byte(k*32+i))
		}
	}
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	for i := range 17 {
		b = append(b, byte(100+i))
	}
	return b
}

// The blocks of a big-endian file are read as the little-endian ones of the others.
func TestBigEndianBlocks(t *testing.T) {
	for _, strs := range []int{3, 1500} {
		b := bigEndian(strs)
		f, err := openBytes(t, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x, err := f.Tensor("q")
		if err != nil {
			t.Fatal(err)
		}
		got := elements(t, x)
		want := []byte{}
		for k := range 2 {
			want = append(want, byte(k), 0x3c)
			for i := range 32 {
				want = append(want, byte(k*32+i))
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("blocks % x, want % x", got, want)
		}
		m, err := f.Tensor("m")
		if err != nil {
			t.Fatal(err)
		}
		if got := elements(t, m); len(got) != 17 || got[0] != 100 || got[16] != 116 {
			t.Errorf("bytes % x", got)
		}
		if strs > 1024 {
			x, err := f.Tensor("list")
			if err != nil {
				t.Fatal(err)
			}
			s, err := x.Strings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if last, err := s.At(1499); err != nil || last != "s1499" {
				t.Errorf("%q, %v", last, err)
			}
		}
	}
}

// Arrays that are tensors: of nothing but empty strings, of no text, and one whose
// name is none of a tensor.
func TestLongArrays(t *testing.T) {
	name := strings.Repeat("k", 1025)
	b := file(head([]string{
		kv("empty", 9, array(8, 1025, strings.Repeat(str(""), 1025))),
		kv("bytes", 9, array(8, 2, str("a")+str("\xff\xfe\xfd"))),
		kv(name, 9, array(0, 1025, strings.Repeat("x", 1025))),
		kv("large", 9, array(8, 2, str(strings.Repeat("a", 40000))+str(strings.Repeat("b", 40000)))),
		kv("truth", 9, array(7, 1030, strings.Repeat("\x01\x00", 515))),
	}, info("x", 0, 0, 1)), "1234")
	o := &convert.OpenOptions{}
	o.SkipBad = true
	f, err := openBytes(t, b, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		layout, _, _ := x.Composite()
		got = append(got, fmt.Sprint(x.Name(), x.Shape(), layout))
	}
	want := "empty(1025,) 8 bytes(2, 3) 7 large(2,) 8 truth(1030,) 0 x(1,) 0"
	if strings.Join(got, " ") != want {
		t.Errorf("%q, want %s", got, want)
	}
	rep, err := f.Verify(t.Context(), nil)
	if err != nil || len(rep.Findings) != 1 {
		t.Fatalf("%v, %v", rep.Findings, err)
	}
	refused(t, "a long key", rep.Findings[0], tensor.ErrFormat, int64(bytes.Index(b, []byte(strings.Repeat("x", 1025)))), "key")
}

// Parts of a set that do not belong together.
func TestSplitParts(t *testing.T) {
	part := func(no, n uint16, total uint32, name string) []byte {
		return file(head([]string{kv("split.no", 2, string(le.AppendUint16(nil, no))), kv("split.count", 2, string(le.AppendUint16(nil, n))), kv("split.tensors.count", 5, u32(total))}, info(name, 0, 0, 1)), "1234")
	}
	for _, c := range []struct {
		what          string
		first, second []byte
		kind          error
		offset        int64
		field, path   string
	}{
		{"broken", part(0, 2, 2, "a"), []byte("GGUF"), tensor.ErrTruncated, 4, "version", "m-00002-of-00002.gguf"},
		{"another number", part(0, 2, 2, "a"), part(0, 2, 2, "b"), tensor.ErrCorrupt, -1, "split", "m-00002-of-00002.gguf"},
		{"of another set", part(0, 2, 2, "a"), part(1, 3, 2, "b"), tensor.ErrCorrupt, -1, "split", "m-00002-of-00002.gguf"},
		{"too few", part(0, 2, 3, "a"), part(1, 2, 3, "b"), tensor.ErrCorrupt, -1, "split.tensors.count", "m-00001-of-00002.gguf"},
	} {
		dir := t.TempDir()
		for name, b := range map[string][]byte{"m-00001-of-00002.gguf": c.first, "m-00002-of-00002.gguf": c.second} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := convert.Open(t.Context(), filepath.Join(dir, "m-00001-of-00002.gguf"), nil)
		refused(t, c.what, err, c.kind, c.offset, c.field)
		if err != nil && !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %s", c.what, err, c.path)
		}
	}
}

// native makes a native file of views.
func native(t testing.TB, attrs tensorfile.Attrs, views map[string]tensor.View) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.SetAttrs(attrs); err != nil {
		t.Fatal(err)
	}
	for name, v := range views {
		if err := w.Add(t.Context(), name, v, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return path
}

// What the format does not hold.
func TestWriteRefused(t *testing.T) {
	f32, _ := tensor.FromSlice([]float32{1})
	c64, _ := tensor.FromSlice([]complex64{1})
	five, err := f32.Reshape(tensor.Shape{1, 1, 1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field string
		attrs tensorfile.Attrs
		views map[string]tensor.View
		want  string
	}{
		{"dtype", nil, map[string]tensor.View{"x": c64}, "got c64, want f32, f16, bf16, f64, i8, i16, i32, i64 or blocks"},
		{"rank", nil, map[string]tensor.View{"x": five}, "got 5, want at most 4"},
		{"name", nil, map[string]tensor.View{strings.Repeat("n", 64): f32}, "got 64 bytes, want at most 63"},
		{"general.alignment", tensorfile.Attrs{"general.alignment": 48}, map[string]tensor.View{"x": f32}, "got 48, want a power of two"},
	} {
		out := filepath.Join(t.TempDir(), "a.gguf")
		_, err := convert.Files(t.Context(), []string{native(t, c.attrs, c.views)}, out, nil)
		refused(t, c.field, err, tensor.ErrUnsupported, -1, c.field)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", c.field, err)
		}
	}
}

// Values are written as the types that the attribute source names, if they fit, and
// else as what holds them.
func TestWriteTypes(t *testing.T) {
	empty, err := tensor.Make(tensor.F32, tensor.Shape{0, 3})
	if err != nil {
		t.Fatal(err)
	}
	f32, _ := tensor.FromSlice([]float32{1, 2})
	types := "f64 half\nf32 wide\nu8 small\nu8 large\nbool no\nu64[] many\ni32 text\nu16 minus"
	path := native(t, tensorfile.Attrs{
		"source": map[string]any{"format": "gguf", "types": types},
		"half":   float32(0.5), "wide": 0.1, "small": 7, "large": 300, "no": false, "text": "t", "minus": -1,
		"many": []any{int64(1), int64(2)}, "mixed": []any{float32(0.5), 0.1}, "odd": []any{int64(1), []any{int64(2)}},
		"general.alignment": 64,
	}, map[string]tensor.View{"empty": empty, "x": f32})
	out := filepath.Join(t.TempDir(), "a.gguf")
	r, err := convert.Files(t.Context(), []string{path}, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Losses, "\n"); !strings.Contains(got, `attribute "odd"`) || len(r.Losses) != 1 {
		t.Errorf("lost %q", got)
	}
	f, err := convert.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := f.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	want := "f64 half\nf64 wide\nu8 small\nu32 large\nbool no\nu64[] many\nstring text\ni32 minus\nu32 general.alignment\nf64[] mixed"
	if got := a["source"].(map[string]any)["types"]; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if a["half"] != 0.5 || a["wide"] != 0.1 || a["small"] != int64(7) || a["large"] != int64(300) || a["no"] != false || fmt.Sprint(a["mixed"]) != "[0.5 0.1]" {
		t.Errorf("%v", a)
	}
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	if got := elements(t, x); math.Float32frombits(le.Uint32(got[4:])) != 2 {
		t.Errorf("% x", got)
	}
	if e, err := f.Tensor("empty"); err != nil || e.NumElements() != 0 || !e.Shape().Equal(tensor.Shape{0, 3}) {
		t.Errorf("%v, %v", e, err)
	}
}

// TestLongEvery fails the reads under arrays that become tensors.
func TestLongEvery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gguf")
	if err := os.WriteFile(path, bigEndian(1500), 0o600); err != nil {
		t.Fatal(err)
	}
	everyReadAndWrite(t, path)
}
