package convert_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// Of rules the last counts, and between "none" and a shape of chunks the one
// that has a name.
func TestRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	must(t, w.Add(ctx, "a.w", ramp(t, 30, 40), nil))
	must(t, w.Add(ctx, "a.b", ramp(t, 7), nil))
	one, err := tensor.Make(tensor.F64, tensor.Shape{})
	must(t, err)
	must(t, w.Add(ctx, "one", one, nil))
	must(t, w.Add(ctx, "grid", ramp(t, 30, 40), &tensorfile.TensorOptions{Chunk: tensor.Shape{8, 8}, Codec: "planes"}))
	must(t, w.Commit(ctx))
	f, err := tensorfile.Open(path, nil)
	must(t, err)
	defer f.Close()
	codec := func(names, c string) convert.Store { return convert.Store{Names: names, Codec: c} }
	chunk := func(names string, s ...int64) convert.Store { return convert.Store{Names: names, Chunk: s} }
	none := (*tensorfile.TensorOptions)(nil)
	is := func(c string, s ...int64) *tensorfile.TensorOptions {
		return &tensorfile.TensorOptions{Codec: c, Chunk: s}
	}
	for i, c := range []struct {
		name   string
		shared bool
		rules  []convert.Store
		want   *tensorfile.TensorOptions
		err    error
	}{
		{"a.w", false, nil, none, nil},
		{"a.w", false, []convert.Store{codec("a.b", "lz4")}, none, nil},
		{"a.w", false, []convert.Store{codec("", "lz4"), codec("*.w", "zstd")}, is("zstd"), nil},
		{"a.w", false, []convert.Store{codec("*.w", "zstd"), codec("", "lz4")}, is("lz4"), nil},
		{"a.w", false, []convert.Store{chunk("", 5), codec("", "lz4")}, is("lz4"), nil},
		{"a.b", false, []convert.Store{chunk("", 5), codec("", "lz4")}, is("lz4", 5), nil},
		{"a.b", false, []convert.Store{codec("a.b", "none"), chunk("", 5)}, is("none"), nil},
		{"a.b", false, []convert.Store{codec("", "none"), chunk("*b", 5)}, is("", 5), nil},
		{"a.b", false, []convert.Store{codec("", "none"), chunk("", 5)}, none, tensorfile.ErrShape},
		{"a.b", false, []convert.Store{codec("a*", "none"), chunk("*b", 5)}, none, tensorfile.ErrShape},
		{"a.b", false, []convert.Store{chunk("a.b", 5, 5)}, none, tensorfile.ErrShape},
		{"a.b", true, []convert.Store{codec("", "lz4")}, none, nil},
		{"a.b", true, []convert.Store{codec("a.*", "lz4")}, is("lz4"), nil},
		{"one", false, []convert.Store{codec("", "auto"), codec("one", "lz4")}, none, nil},
		{"a.w", false, []convert.Store{codec("", "predict:a1|planes")}, is("predict:a1|planes"), nil},
		{"a.b", false, []convert.Store{codec("", "predict:a1|planes")}, none, tensorfile.ErrUnsupported},
		{"a.b", false, []convert.Store{codec("", "lz4\nnope")}, none, tensorfile.ErrUnsupported},
		{"grid", false, []convert.Store{chunk("", 6, 40)}, is("planes", 6, 40), nil},
		{"grid", false, []convert.Store{codec("", "lz4")}, is("lz4", 8, 8), nil},
		{"grid", false, []convert.Store{codec("", "auto")}, is("auto"), nil},
		{"grid", false, []convert.Store{codec("", "none")}, is("none"), nil},
	} {
		x, err := f.Tensor(c.name)
		must(t, err)
		got, err := convert.Rules(c.rules, c.name, x, c.shared, nil)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%d: error %v, want %v", i, err, c.err)
		}
		if err == nil && ((got == nil) != (c.want == nil) || got != nil && (got.Codec != c.want.Codec || !got.Chunk.Equal(c.want.Chunk))) {
			t.Errorf("%d: got %+v, want %+v", i, got, c.want)
		}
	}
}
