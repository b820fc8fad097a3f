package jsonl_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func stored(b string) convert.LayoutStorage {
	return convert.LayoutStorage{Size: int64(len(b)), StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(b)), nil
	}}
}

// laid opens a layout that add makes.
func laid(t *testing.T, add func(l *convert.Layout)) *tensorfile.File {
	t.Helper()
	l := &convert.Layout{Format: "test"}
	add(l)
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "test"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func dense(l *convert.Layout, name string, d tensor.DType, b string, shape ...int64) {
	l.Tensors = append(l.Tensors, convert.LayoutTensor{Name: name, Storage: len(l.Storages), DType: d, Shape: shape, Order: tensor.LittleEndian})
	l.Storages = append(l.Storages, stored(b))
}

// strs adds strings.
func strs(l *convert.Layout, name string, list ...string) {
	offsets := []byte{0}
	for _, s := range list {
		offsets = append(offsets, offsets[len(offsets)-1]+byte(len(s)))
	}
	s, n := len(l.Storages), int64(len(list))
	all := strings.Join(list, "")
	l.Storages = append(l.Storages, stored(string(offsets)), stored(all))
	l.Tensors = append(l.Tensors, convert.LayoutTensor{Name: name, Shape: tensor.Shape{n}, Layout: format.LayoutString, Parts: []convert.LayoutTensor{
		{Name: format.RoleOffsets, Storage: s, DType: tensor.U8, Shape: tensor.Shape{n + 1}},
		{Name: format.RoleBytes, Storage: s + 1, DType: tensor.U8, Shape: tensor.Shape{int64(len(all))}},
	}})
}

func floats(list ...float64) string {
	var b []byte
	for _, x := range list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return string(b)
}

// What is written, byte by byte.
func TestWrite(t *testing.T) {
	for _, c := range []struct {
		what string
		add  func(l *convert.Layout)
		want string
	}{
		{"floats", func(l *convert.Layout) {
			dense(l, "x", tensor.F64, floats(1, 0, 1.5, 1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)), 8)
		}, "1.0\n0.0\n1.5\n1e+300\nNaN\nInfinity\n-Infinity\n-0.0\n"},
		{"arrays", func(l *convert.Layout) {
			dense(l, "x", tensor.I8, "\x01\x02\xff\x80\x7f\x00\x05\x06", 2, 2, 2)
		}, "[[1,2],[-1,-128]]\n[[127,0],[5,6]]\n"},
		{"arrays of nothing", func(l *convert.Layout) { dense(l, "x", tensor.I8, "", 2, 0) }, "[]\n[]\n"},
		{"a scalar", func(l *convert.Layout) { dense(l, "x", tensor.Bool, "\x01") }, "true\n"},
		{"strings", func(l *convert.Layout) {
			strs(l, "x", `a"b\c/`, "\n\r\t", "\x00\x08\x1f\x7f", "é漢😀", "")
		}, `"a\"b\\c/"` + "\n" + `"\n\r\t"` + "\n" + `"\u0000\u0008\u001f\u007f"` + "\n\"é漢😀\"\n\"\"\n"},
		{"objects", func(l *convert.Layout) {
			dense(l, "a", tensor.U16, "\x01\x00\xff\xff", 2)
			strs(l, `b"`, "x", "y")
			dense(l, "c", tensor.Bool, "\x00\x01\x01\x00", 2, 2)
		}, `{"a":1,"b\"":"x","c":[false,true]}` + "\n" + `{"a":65535,"b\"":"y","c":[true,false]}` + "\n"},
	} {
		if got, err := written(t, laid(t, c.add)); err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.what, err, got, c.want)
		}
	}
}

// failingAt takes n bytes.
type failingAt struct {
	n   int
	err error
}

func (w *failingAt) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, w.err
	}
	return len(b), nil
}

func TestWriteRefuses(t *testing.T) {
	jsonl, _ := convert.ByName("jsonl")
	for _, c := range []struct {
		what               string
		add                func(l *convert.Layout)
		kind               error
		tensor, field, got string
	}{
		{"nothing", func(*convert.Layout) {}, tensor.ErrUnsupported, "", "tensors", "none"},
		{"no rows", func(l *convert.Layout) { dense(l, "x", tensor.U8, "", 0, 3) }, tensor.ErrUnsupported, "x", "shape", "(0, 3)"},
		{"complex numbers", func(l *convert.Layout) { dense(l, "x", tensor.C64, "12345678", 1) }, tensor.ErrUnsupported, "x", "dtype", "c64"},
		{"no UTF-8", func(l *convert.Layout) { strs(l, "x", "good", "ab\xe6\xbc!") }, tensor.ErrCorrupt, "x", "string, byte 2", "e6 bc"},
		{"no UTF-8 in an array", func(l *convert.Layout) { dense(l, "y", tensor.Text(2), "aba\xff", 1, 2) }, tensor.ErrCorrupt, "y", "string, byte 1", "ff"},
	} {
		_, err := written(t, laid(t, c.add))
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Format != "jsonl" || e.Tensor != c.tensor || e.Field != c.field || e.Got != c.got || e.Offset != -1 {
			t.Errorf("%s: %v, want field %s, got %s", c.what, err, c.field, c.got)
		}
	}
	full := errors.New("full")
	many := laid(t, func(l *convert.Layout) { dense(l, "x", tensor.U8, strings.Repeat("\x09", 300_000), 300_000) })
	x, err := many.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 256 << 10, 599_999} {
		if err := jsonl.Write(t.Context(), &failingAt{n, full}, []convert.Source{{Tensor: x, As: "x"}}, nil); err != full {
			t.Errorf("a writer of %d bytes: %v", n, err)
		}
	}
	if err := jsonl.Write(t.Context(), &failingAt{600_000, full}, []convert.Source{{Tensor: x, As: "x"}}, nil); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	bad := laid(t, func(l *convert.Layout) {
		dense(l, "x", tensor.U8, "abc", 3)
		l.Storages[0].Open = func(context.Context) (io.ReadCloser, error) { return nil, broken }
	})
	if _, err := written(t, bad); !errors.Is(err, broken) {
		t.Error(err)
	}
}
