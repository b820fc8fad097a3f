package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// endsWith is a stream that ends with an error.
type endsWith struct {
	io.Reader
	err error
}

func (e *endsWith) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		err = e.err
	}
	return n, err
}

func (e *endsWith) Close() error { return nil }

// A decoded stream that has more bytes than it said, or fewer, or breaks off, is
// told in whatever order its elements are asked for, where its end is reached.
func TestStreamsThatLie(t *testing.T) {
	data := someNoise(1000)
	broken := errors.New("the decoder gives up")
	index := func(at int64) tensor.Selection {
		return tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: tensor.None, Step: 1}}
	}
	for _, c := range []struct {
		what string
		b    []byte
		end  error
		kind error
		got  string
	}{
		{"sound", data, io.EOF, nil, ""},
		{"more", append(bytes.Clone(data), 'x'), io.EOF, tensorfile.ErrCorrupt, "more"},
		{"fewer", data[:999], io.EOF, tensorfile.ErrTruncated, ""},
		{"none", nil, io.EOF, tensorfile.ErrTruncated, ""},
		{"broken", data[:500], broken, broken, ""},
		{"broken at the end", data, broken, broken, ""},
	} {
		l := &tensorfile.Layout{Format: "made", Storages: []tensorfile.LayoutStorage{{Size: 1000, StoredSize: 3, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
			return &endsWith{bytes.NewReader(c.b), c.end}, nil
		}}}, Tensors: []tensorfile.LayoutTensor{
			{Name: "rows", DType: tensor.U8, Shape: tensor.Shape{100, 10}},
			{Name: "columns", DType: tensor.U8, Shape: tensor.Shape{10, 100}, Strides: tensor.Strides{1, 10}},
			{Name: "words", DType: tensor.U16, Shape: tensor.Shape{500}, Order: tensor.BigEndian},
		}}
		f := must(tensorfile.OpenLayout(memMap(nil), l, nil))(t)
		for _, name := range []string{"rows", "columns", "words"} {
			x := must(f.Tensor(name))(t)
			for way, read := range map[string]func() error{
				"Read":        func() error { _, err := x.Read(ctx); return err },
				"the end":     func() error { _, err := x.Read(ctx, index(x.Shape()[0]-1)); return err },
				"ReadInto":    func() error { return x.ReadInto(ctx, must(tensor.Make(x.DType(), x.Shape()))(t)) },
				"WriteCOrder": func() error { return x.WriteCOrder(ctx, io.Discard) },
				"Copy": func() error {
					w := must(tensorfile.Create(temp(t), nil))(t)
					defer w.Close()
					return w.Copy(ctx, tensorfile.Item{Tensor: x})
				},
			} {
				err := read()
				var e *tensorfile.Error
				switch {
				case c.kind == nil && err != nil, c.kind != nil && !errors.Is(err, c.kind):
					t.Errorf("%s, %s of %s: %v, want %v", c.what, way, name, err, c.kind)
				case c.got != "" && (!errors.As(err, &e) || e.Got != c.got || e.Field != "decoded bytes" || e.Tensor != name || e.Path != "memory"):
					t.Errorf("%s, %s of %s: %v", c.what, way, name, err)
				}
			}
		}
		ok(t, f.Close())
	}
	// What is decoded to be turned is held, and limited.
	l := &tensorfile.Layout{Format: "made", Storages: []tensorfile.LayoutStorage{{Size: 1000, StoredSize: 3, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}}, Tensors: []tensorfile.LayoutTensor{{Name: "columns", DType: tensor.U8, Shape: tensor.Shape{10, 100}, Strides: tensor.Strides{1, 10}}}}
	f := must(tensorfile.OpenLayout(memMap(nil), l, &tensorfile.OpenOptions{MaxBytes: 500}))(t)
	defer f.Close()
	x := must(f.Tensor("columns"))(t)
	_, err := x.Read(ctx)
	wantErr(t, err, tensorfile.ErrLimit, "columns")
	err = x.ReadInto(ctx, must(tensor.Make(tensor.U8, tensor.Shape{1, 100}))(t), tensor.Selection{{Kind: tensor.SelectRange, Start: 0, Stop: 1, Step: 1}})
	wantErr(t, err, tensorfile.ErrLimit, "bytes to decode: got 991, want at most 500")
}

// A composite that is not what a call is for, or whose parts are not in memory,
// is refused with what it is; options that do not fit a part, too.
func TestCompositesOfAnotherSort(t *testing.T) {
	small := smallComposites(t)
	with := func(name, role string, change func(p *tensorfile.CompositePart)) *tensorfile.Composite {
		c := small[name]
		c.Parts = append(parts(nil), c.Parts...)
		change(c.Part(role))
		return &c
	}
	stream := func(p *tensorfile.CompositePart) {
		p.Reader, p.DType, p.Shape = bytes.NewReader(image(t, p.View)), p.View.DType(), p.View.Shape()
	}
	csr, str, rag := small["csr"], small["string"], small["ragged"]
	one := func(_ any, err error) error { return err }
	for what, c := range map[string]struct {
		err        error
		kind       error
		field, got string
	}{
		"strings of a stream":       {one(with("string", "bytes", stream).Strings()), tensorfile.ErrUnsupported, "part bytes", "a composite, or a stream"},
		"ragged without a part":     {one((&tensorfile.Composite{Layout: format.LayoutRagged, DType: tensor.F32, Shape: tensor.Shape{3, 2, 2}, Parts: rag.Parts[:1]}).Ragged()), tensorfile.ErrFormat, "", ""},
		"a role that it has not":    {one(with("string", "bytes", func(p *tensorfile.CompositePart) { p.Role = "text" }).Strings()), tensorfile.ErrFormat, "role", `"text"`},
		"a quantised of a stream":   {one(with("quantised", "values", stream).Quantised(ctx)), tensorfile.ErrUnsupported, "part values", "a stream, or a composite of another layout"},
		"a quantised of nothing":    {one((&tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: tensor.Shape{3, 4}}).Quantised(ctx)), nil, "", ""},
		"a quantised of a bad part": {one(with("quantised", "values", func(p *tensorfile.CompositePart) { p.Composite = &tensorfile.Composite{Layout: format.LayoutQuantised} }).Quantised(ctx)), nil, "", ""},
	} {
		var e *tensorfile.Error
		switch {
		case c.err == nil:
			t.Errorf("%s: taken", what)
		case c.kind == nil:
		case !errors.Is(c.err, c.kind) || !errors.As(c.err, &e) || c.field != "" && e.Field != c.field || c.got != "" && e.Got != c.got:
			t.Errorf("%s: %v, want %v, %s, %s", what, c.err, c.kind, c.field, c.got)
		}
	}
	if got := fmt.Sprint(must(must(str.Strings())(t).List(ctx))(t)); got != "[abc  \u20ac def]" {
		t.Errorf("%q", got)
	}

	path := writtenComposites(t, small, nil)
	f := opened(t, path, nil)
	w := must(tensorfile.Create(temp(t), nil))(t)
	defer w.Close()
	csrOf, dense := must(f.Tensor("csr"))(t), must(must(f.Tensor("csr"))(t).Part("values"))(t)
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"Quantised":      {one(csrOf.Quantised(ctx)), "a quantised tensor"},
		"Dequantise":     {one(csrOf.Dequantise(ctx, tensor.F32)), "a quantised tensor"},
		"Sparse":         {one(dense.Sparse(ctx)), ""},
		"DequantiseInto": {csrOf.DequantiseInto(ctx, tensor.View{}), "a quantised tensor"},
	} {
		var e *tensorfile.Error
		if !errors.Is(c.err, tensorfile.ErrUnsupported) || !errors.As(c.err, &e) || c.want != "" && e.Want != c.want || e.Path != path {
			t.Errorf("%s: %v, want %s", what, c.err, c.want)
		}
	}
	part := must(quant.New(quant.Spec{DType: tensor.F32, Values: vec(t, nil, int8(1), 2, 3), Scales: vec(t, nil, float32(1), 2), Group: []int64{2}, First: []int64{1}}))(t)
	wantErr(t, w.AddQuantised(ctx, "q", part, nil), tensorfile.ErrUnsupported, "first", "a tensor that begins with a group")
	bad := must(ragged.New(vec(t, nil, int64(0), 5, 2), vec(t, nil, 1.0, 2), 9))(t)
	wantErr(t, w.AddRagged(ctx, "r", bad, nil), tensorfile.ErrCorrupt)
	for what, err := range map[string]error{
		"attributes": w.AddComposite(ctx, "x", csr, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"f": func() {}}}),
		"attributes of a part": w.AddComposite(ctx, "x", *with("csr", "values", func(p *tensorfile.CompositePart) {
			p.Options = &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"f": func() {}}}
		}), nil),
		"chunks of a part":  w.AddComposite(ctx, "x", *with("csr", "values", func(p *tensorfile.CompositePart) { p.Options = &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 2}} }), nil),
		"a codec of a part": w.AddComposite(ctx, "x", *with("csr", "values", func(p *tensorfile.CompositePart) { p.Options = &tensorfile.TensorOptions{Codec: "zst"} }), nil),
	} {
		var e *tensorfile.Error
		if err == nil || !errors.As(err, &e) || e.Tensor != "x" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Maps of slices and values are saved and loaded; what is no element is refused
// before a file is made.
func TestSaveRefuses(t *testing.T) {
	path := temp(t)
	wantErr(t, tensorfile.Save(path, map[string]any{"a": []float32{1}, "b": "text"}), tensorfile.ErrDType, "a string")
	if _, err := tensorfile.Load(path); !errors.Is(err, tensorfile.ErrIO) {
		t.Errorf("a file was made: %v", err)
	}
	ok(t, tensorfile.Save(path, map[string]any{"a": []int16{1, -2}, "b": complex64(3i), "c": true}))
	views := must(tensorfile.Load(path))(t)
	for name, want := range map[string]string{"a": "i16(2,) [ 1 -2]", "b": "c64() 0.+3.j", "c": "bool() True"} {
		if v := views[name]; fmt.Sprintf("%v%v %v", v.DType(), v.Shape(), v) != want {
			t.Errorf("%s is %v%v %v, want %s", name, v.DType(), v.Shape(), v, want)
		}
	}
}
