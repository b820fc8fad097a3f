package tensorfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func laidOut(t *testing.T, text string, l *Layout, o *OpenOptions) (*File, error) {
	t.Helper()
	l.Format = "small"
	f, err := OpenLayout(mmap.NewReaderAt(strings.NewReader(text), int64(len(text)), "x"), l, o)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

// Names and tensors of a foreign file come in its order, until nobody wants more;
// what only native files have is refused with the format's name.
func TestLayoutNames(t *testing.T) {
	o := &OpenOptions{MaxBytes: 123, ReadWorkers: 3}
	f, err := laidOut(t, "abc", &Layout{Storages: []LayoutStorage{{Size: 3}}, Tensors: []LayoutTensor{
		{Name: "z", DType: tensor.U8, Shape: tensor.Shape{3}},
		{Name: "a", DType: tensor.U8, Shape: tensor.Shape{2}},
		{Name: "m", DType: tensor.U8, Shape: tensor.Shape{1}},
	}}, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Options(); got.MaxBytes != 123 || got.ReadWorkers != 3 {
		t.Errorf("%+v", got)
	}
	var names []string
	for name, err := range f.Names() {
		if names = append(names, name); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(names) != "[z a m]" {
		t.Error(names)
	}
	for name := range f.Names() {
		if name != "z" {
			t.Error(name)
		}
		break
	}
	for x, err := range f.Tensors() {
		if err != nil || x.Name() != "z" {
			t.Error(x, err)
		}
		break
	}
	var e *Error
	if _, err := f.Tensor("q"); !errors.Is(err, ErrNotFound) || !errors.As(err, &e) || e.Tensor != "q" || e.Path != "x" {
		t.Error(err)
	}
	_, refresh := f.Refresh()
	_, changes := f.Changes(t.Context(), 1, 2)
	refused := []error{refresh, changes}
	for _, err := range f.Generations(t.Context()) {
		refused = append(refused, err)
	}
	for _, err := range refused {
		if !errors.Is(err, ErrUnsupported) || !errors.As(err, &e) || e.Format != "small" {
			t.Error(err)
		}
	}
	if len(refused) != 3 {
		t.Errorf("%d refusals", len(refused))
	}
}

// csr is a matrix of 2 by 3 with 3 entries, whose parts are storages 0 to 2.
func csr(parts ...LayoutTensor) LayoutTensor {
	if parts == nil {
		parts = []LayoutTensor{
			{Name: format.RoleIndptr, Storage: 0, DType: tensor.U8, Shape: tensor.Shape{3}},
			{Name: format.RoleIndices, Storage: 1, DType: tensor.U8, Shape: tensor.Shape{3}},
			{Name: format.RoleValues, Storage: 2, DType: tensor.U8, Shape: tensor.Shape{3}},
		}
	}
	return LayoutTensor{Name: "m", DType: tensor.U8, Shape: tensor.Shape{2, 3}, Layout: format.LayoutCSR, Parts: parts}
}

// Composites may be parts, and no deeper; their sizes are checked as others' are.
func TestLayoutComposites(t *testing.T) {
	stores := func() []LayoutStorage {
		return []LayoutStorage{{Size: 3}, {Offset: 3, Size: 3}, {Offset: 6, Size: 3}}
	}
	nested := func(depth int) LayoutTensor {
		m := csr()
		for range depth {
			outer := csr()
			m.Name = format.RoleValues
			outer.Parts[2] = m
			m = outer
		}
		return m
	}
	for what, c := range map[string]struct {
		m     LayoutTensor
		kind  error
		field string
	}{
		"a part in a part":        {nested(2), ErrFormat, "part values"},
		"too many elements":       {LayoutTensor{Name: "m", DType: tensor.U8, Shape: tensor.Shape{math.MaxInt64, 3}, Layout: format.LayoutCSR}, ErrOverflow, ""},
		"a dtype without strides": {csr(LayoutTensor{Name: format.RoleIndptr, DType: tensor.U64, Shape: tensor.Shape{math.MaxInt64 / 4}}), ErrOverflow, ""},
	} {
		_, err := laidOut(t, "\x00\x02\x03\x00\x02\x01\x07\x08\x09", &Layout{Storages: stores(), Tensors: []LayoutTensor{c.m}}, nil)
		var e *Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || c.field != "" && e.Field != c.field {
			t.Errorf("%s: %v", what, err)
		}
	}
	// One deep is looked at, whatever is thought of its shape.
	_, err := laidOut(t, "\x00\x02\x03\x00\x02\x01\x07\x08\x09", &Layout{Storages: stores(), Tensors: []LayoutTensor{nested(1)}}, nil)
	if err != nil && strings.Contains(err.Error(), "part of a part") {
		t.Error(err)
	}
}

// Parts of composites that a format decodes by itself, of one value for all, and of
// none are the same tensor as any other.
func TestLayoutParts(t *testing.T) {
	text := "\x00\x02\x03\x00\x02\x01\x05"
	opened, failed := 0, errors.New("not today")
	var fail error
	given := []byte{5, 5, 5}
	layout := func() *Layout {
		return &Layout{Storages: []LayoutStorage{{Size: 3}, {Offset: 3, Size: 3}, {
			Size: 3, Codec: "own", StoredSize: 1,
			Open: func(context.Context) (io.ReadCloser, error) {
				opened++
				return io.NopCloser(bytes.NewReader(given)), fail
			},
			Bytes: func(context.Context) ([]byte, error) { return given, fail },
		}, {Offset: 6, Size: 1}}, Tensors: []LayoutTensor{csr()}}
	}
	read := func(l *Layout, o *OpenOptions) (string, error) {
		f, err := laidOut(t, text, l, o)
		if err != nil {
			return "", err
		}
		m, err := f.Tensor("m")
		if err != nil {
			return "", err
		}
		c, err := m.ReadComposite(t.Context())
		if err != nil {
			return "", err
		}
		return c.Part(format.RoleValues).View.String(), nil
	}
	one := layout()
	one.Tensors[0].Parts[2].Storage, one.Tensors[0].Parts[2].Strides = 3, tensor.Strides{0}
	a, err := read(layout(), nil)
	b, err2 := read(one, nil)
	if err != nil || err2 != nil || a != b || !strings.Contains(a, "5") || opened != 0 {
		t.Errorf("%q, %v; %q, %v; opened %d times", a, err, b, err2, opened)
	}
	none := layout()
	none.Tensors[0].Shape = tensor.Shape{2, 0}
	none.Storages[0] = LayoutStorage{Codec: "own", Size: 3, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(make([]byte, 3))), nil
	}}
	for i := range 2 {
		p := &none.Tensors[0].Parts[1+i]
		p.Storage, p.Shape = -1, tensor.Shape{0}
	}
	if s, err := read(none, nil); err != nil || strings.ContainsAny(s, "0123456789") && !strings.Contains(s, "shape") {
		t.Errorf("%q, %v", s, err)
	}

	var e *Error
	if _, err := read(layout(), &OpenOptions{MaxBytes: 2}); !errors.Is(err, ErrLimit) || !errors.As(err, &e) || e.Format != "small" {
		t.Error(err)
	}
	fail = failed
	if _, err := read(layout(), nil); !errors.Is(err, failed) {
		t.Error(err)
	}
	fail, given = nil, given[:2] // fewer bytes than it says
	if _, err := read(layout(), nil); err == nil {
		t.Error("a part of too few bytes was read")
	}
}

// A foreign tensor in chunks is copied as one stream, which is decoded chunk by
// chunk; a copy that is called off leaves nothing behind.
func TestLayoutStream(t *testing.T) {
	var reads atomic.Int64
	x, all := chunkedLayout(t, tensor.Shape{7, 9}, tensor.Shape{2, 4}, tensor.LittleEndian, &reads, nil)
	path := filepath.Join(t.TempDir(), "y")
	w, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Copy(t.Context(), Item{Tensor: x}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	y, err := g.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	v, err := y.Read(t.Context())
	if err != nil || v.String() != all.String() || reads.Load() != 12 {
		t.Errorf("%v, %v after %d chunks", v, err, reads.Load())
	}
	in, err := x.openStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := all.WriteCOrder(&want, tensor.LittleEndian); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := io.ReadFull(in, head); err != nil || !bytes.Equal(head, want.Bytes()[:12]) {
		t.Errorf("%x, %v", head, err)
	}
	if err := in.Close(); err != nil { // with most of it unread
		t.Error(err)
	}
}

// Chunks that do not show all of a storage in C order are left alone: the storage
// is read as a stream.
func TestLayoutChunksLeftAlone(t *testing.T) {
	data := []byte{1, 2, 3, 4, 5, 6}
	for what, change := range map[string]func(l *Layout){
		"part of the storage": func(l *Layout) { l.Tensors[0].Shape = tensor.Shape{5} },
		"another shape":       func(l *Layout) { l.Storages[0].Chunks.Shape = tensor.Shape{2, 3} },
		"another rank":        func(l *Layout) { l.Storages[0].Chunks.Chunk = tensor.Shape{2, 3} },
		"another size": func(l *Layout) {
			l.Tensors[0].Shape, l.Storages[0].Chunks.Shape = tensor.Shape{5}, tensor.Shape{5}
		},
		"strides":           func(l *Layout) { l.Tensors[0].Strides, l.Tensors[0].Offset = tensor.Strides{-1}, 5 },
		"chunks of nothing": func(l *Layout) { l.Storages[0].Chunks.Chunk = tensor.Shape{0} },
	} {
		l := &Layout{Storages: []LayoutStorage{{Size: 6, Codec: "own", Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data)), nil
		}, Chunks: &LayoutChunks{Shape: tensor.Shape{6}, Chunk: tensor.Shape{2}, Read: func(int64, []byte) error { return errors.New("read by chunks") }}}},
			Tensors: []LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{6}}}}
		change(l)
		f, err := laidOut(t, "", l, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		x, _ := f.Tensor("x")
		v, err := x.Read(t.Context())
		if err != nil || x.ChunkShape() != nil {
			t.Errorf("%s: chunks of %v, %v", what, x.ChunkShape(), err)
			continue
		}
		got, _ := tensor.Data[uint8](v)
		want := slices.Clone(data[:len(got)])
		if what == "strides" {
			slices.Reverse(want)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// Verify of a foreign file looks at as many of its sums as it is told to.
func TestLayoutVerify(t *testing.T) {
	l := &Layout{Storages: []LayoutStorage{{Size: 3}}, Tensors: []LayoutTensor{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{3}}},
		Checks: []LayoutCheck{{Size: 3, CRC32: 1, Member: "bad"}}}
	f, err := laidOut(t, "abc", l, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    VerifyOptions
		want int
	}{{VerifyOptions{}, 1}, {VerifyOptions{Quick: true}, 0}, {VerifyOptions{Sample: 1e-300}, 0}} {
		if r, err := f.Verify(t.Context(), &c.o); err != nil || len(r.Findings) != c.want || r.Tensors != 1 {
			t.Errorf("%+v: %v, %v", c.o, r, err)
		}
	}
	l.Checks = []LayoutCheck{{Offset: 2, Size: 3, Member: "behind the end"}}
	if f, err = laidOut(t, "abc", l, nil); err == nil {
		_, err = f.Verify(t.Context(), nil)
	}
	if err == nil {
		t.Error("a sum of bytes that are not there was made")
	}
}
