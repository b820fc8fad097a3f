package tensorfile_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// unevenRows are rows of pairs, and strings, the same for a seed.
func unevenRows(t testing.TB, n int) (*ragged.Array, *ragged.Strings, [][]float32, []string) {
	r := rand.New(rand.NewPCG(5, uint64(n)))
	var rows [][]float32
	var list []string
	var views []tensor.View
	for i := range n {
		row := make([]float32, 2*r.IntN(9))
		for k := range row {
			row[k] = r.Float32()
		}
		text := ""
		for range r.IntN(7) {
			text += string([]rune("aß€😀")[r.IntN(4)])
		}
		rows, list = append(rows, row), append(list, fmt.Sprint(i, text))
		views = append(views, must(tensor.FromSlice(row, int64(len(row)/2), 2))(t))
	}
	return must(ragged.FromRows(views...))(t), must(ragged.FromStrings(list))(t), rows, list
}

func sameRows(t testing.TB, a *ragged.Array, rows [][]float32) {
	t.Helper()
	if a.Len() != int64(len(rows)) {
		t.Fatalf("%d rows, want %d", a.Len(), len(rows))
	}
	for i, want := range rows {
		v := must(must(a.Row(int64(i)))(t).Clone())(t)
		if got := must(tensor.Data[float32](v))(t); !slices.Equal(got, want) {
			t.Fatalf("row %d is %v, want %v", i, got, want)
		}
	}
}

// Rows and strings come back as they were: on the mapping as the same memory for
// every call, in chunks decoded; rows that are appended in one commit with them.
func TestRaggedAndStrings(t *testing.T) {
	a, s, rows, list := unevenRows(t, 300)
	for _, o := range []*tensorfile.TensorOptions{nil, {Chunk: tensor.Shape{16}, Codec: "zstd"}} {
		path := filepath.Join(t.TempDir(), "x.tensor")
		w := must(tensorfile.Create(path, nil))(t)
		ok(t, w.AddRagged(ctx, "rows", must(a.Slice(0, 200))(t), o))
		ok(t, w.AddStrings(ctx, "words", must(s.Slice(0, 200))(t), o))
		ok(t, w.AddStrings(ctx, "grid", must(s.Reshape(tensor.Shape{20, 5, 3}))(t), o))
		ok(t, w.AddStrings(ctx, "one", must(ragged.FromStrings([]string{"€"}))(t), nil))
		ok(t, w.AddStrings(ctx, "scalar", must(must(ragged.FromStrings([]string{"€"}))(t).Reshape(tensor.Shape{}))(t), nil))
		ok(t, w.Commit(ctx))
		w = must(tensorfile.OpenAppend(path, nil))(t)
		res := must(w.AppendRagged(ctx, "rows", must(a.Slice(200, 300))(t), &tensorfile.GrowOptions{Chunk: tensor.Shape{16}}))(t)
		if res.Rewritten != (o == nil) || res.Chunks == 0 {
			t.Errorf("%+v", res)
		}
		must(w.AppendStrings(ctx, "words", must(s.Slice(200, 300))(t), nil))(t)
		ok(t, w.Commit(ctx))
		ok(t, w.Close())

		old := opened(t, path, &tensorfile.OpenOptions{Generation: 1})
		for _, c := range []struct {
			f *tensorfile.File
			n int64
		}{{old, 200}, {opened(t, path, nil), 300}} {
			x := must(c.f.Tensor("rows"))(t)
			got := must(x.Ragged(ctx))(t)
			sameRows(t, got, rows[:c.n])
			if longest := must(got.Longest(ctx))(t); !x.Shape().Equal(tensor.Shape{c.n, longest, 2}) {
				t.Errorf("shape %v, longest %d", x.Shape(), longest)
			}
			words := must(must(c.f.Tensor("words"))(t).Strings(ctx))(t)
			if all := must(words.List(ctx))(t); !slices.Equal(all, list[:c.n]) {
				t.Error("other strings")
			}
			mapped := c.f == old && o == nil
			if again := must(x.Ragged(ctx))(t); (again == got) != mapped {
				t.Errorf("the same array: %v, mapped: %v", again == got, mapped)
			}
			if mapped && hostOfFiles {
				i := slices.IndexFunc(rows, func(row []float32) bool { return len(row) > 0 })
				part := must(tensorfile.Data[float32](must(x.Part("values"))(t)))(t)
				if row := must(ragged.Data[float32](got, int64(i)))(t); &row[0] != &part[0] {
					t.Error("a copy of the mapping")
				}
			}
			grid := must(must(c.f.Tensor("grid"))(t).Strings(ctx))(t)
			if got := must(grid.At(-1, 2, 0))(t); got != list[19*15+6] {
				t.Error(got)
			}
			if got := must(must(must(c.f.Tensor("scalar"))(t).Strings(ctx))(t).At())(t); got != "€" {
				t.Error(got)
			}
			sameRows(t, must(x.RaggedRows(ctx, 50, 90))(t), rows[50:90])
			if got := must(must(must(c.f.Tensor("grid"))(t).StringRows(ctx, 2, 5))(t).List(ctx))(t); !slices.Equal(got, list[30:75]) {
				t.Error(got)
			}
			if _, err := x.Strings(ctx); !errors.Is(err, tensorfile.ErrUnsupported) {
				t.Error(err)
			}
			if _, err := must(c.f.Tensor("words"))(t).RaggedRows(ctx, 0, 1); !errors.Is(err, tensorfile.ErrUnsupported) {
				t.Error(err)
			}
			if rep := must(c.f.Verify(ctx, nil))(t); !rep.OK() {
				t.Error(rep.Findings)
			}
		}
	}
}

// A range of rows decodes the chunks that hold it and no others.
func TestRaggedRowsReadFewChunks(t *testing.T) {
	n := 9999
	values := make([]int16, 4*n)
	offsets := make([]int32, n+1)
	for i := range values {
		values[i] = int16(i / 5)
		offsets[i/4+1] = int32(i + 1)
	}
	a := must(ragged.New(must(tensor.FromSlice(offsets))(t), must(tensor.FromSlice(values))(t), 4))(t)
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%04d", i/50)
	}
	path := filepath.Join(t.TempDir(), "x.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	o := &tensorfile.TensorOptions{Chunk: tensor.Shape{1000}, Codec: "shuffle|zstd"}
	ok(t, w.AddRagged(ctx, "rows", a, o)) // 10 chunks of offsets, 40 of values
	ok(t, w.AddStrings(ctx, "words", must(ragged.FromStrings(list))(t), o))
	ok(t, w.Commit(ctx))
	f := opened(t, path, nil)
	for _, c := range []struct{ from, to, chunks int64 }{
		{0, 1, 2},       // a chunk of each
		{100, 250, 2},   // values 400 to 1000
		{100, 251, 3},   // and four more
		{999, 1000, 3},  // offsets 999 and 1000 are in two chunks, values 3996 to 4000 in one
		{1200, 1201, 2}, // elsewhere
		{0, 9999, 50},   // all
		{5000, 5000, 1}, // one offset
		{9499, 9999, 4}, // the last
		{3000, 3250, 2}, // one whole chunk of values
		{3249, 3251, 3}, // some of two
	} {
		for _, name := range []string{"rows", "words"} {
			x := must(f.Tensor(name))(t)
			before := f.ReadStats().Decoded
			if name == "rows" {
				got := must(x.RaggedRows(ctx, c.from, c.to))(t)
				for i := range got.Len() {
					if row := must(ragged.Data[int16](got, i))(t); !slices.Equal(row, values[4*(c.from+i):][:4]) {
						t.Errorf("row %d: %v", c.from+i, row)
					}
				}
			} else if got := must(must(x.StringRows(ctx, c.from, c.to))(t).List(ctx))(t); !slices.Equal(got, list[c.from:c.to]) {
				t.Errorf("strings %d:%d: %q", c.from, c.to, got)
			}
			if n := f.ReadStats().Decoded - before; n != c.chunks {
				t.Errorf("%s %d:%d: %d chunks, want %d", name, c.from, c.to, n, c.chunks)
			}
		}
	}
}

// What is wrong changes nothing in a file.
func TestBadRaggedAndStringsAreNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	defer w.Close()
	bad := must(ragged.New(vec(t, nil, int64(0), 2, 1), vec(t, nil, 1.0), -1))(t)
	if err := w.AddRagged(ctx, "rows", bad, nil); !errors.Is(err, tensorfile.ErrCorrupt) {
		t.Error(err)
	}
	latin := must(ragged.NewStrings(vec(t, nil, int64(0), 1), vec(t, nil, byte(0xe9)), nil))(t)
	if err := w.AddStrings(ctx, "words", latin, nil); !errors.Is(err, tensorfile.ErrCorrupt) {
		t.Error(err)
	}
	ok(t, w.AddStrings(ctx, "words", must(ragged.FromStrings([]string{"a"}))(t), nil))
	ok(t, w.Commit(ctx))
	if n := must(opened(t, path, nil).Len())(t); n != 1 {
		t.Error(n)
	}
}
