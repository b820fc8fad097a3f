package shard_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

// at is element i of the data of a test: no run of it comes twice.
func at(i int64) int32 { return int32(uint32(i)*2654435761 ^ uint32(i)>>3) }

// numbers is a view of n elements from element first on, in a shape.
func numbers(t testing.TB, first int64, shape ...int64) tensor.View {
	t.Helper()
	n := int64(1)
	for _, e := range shape {
		n *= e
	}
	data := make([]int32, n)
	for i := range data {
		data[i] = at(first + int64(i))
	}
	v, err := tensor.FromSlice(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// write makes a file of tensors, with options for some.
func write(t testing.TB, path string, attrs tensorfile.Attrs, tensors map[string]tensor.View, o map[string]*tensorfile.TensorOptions) {
	t.Helper()
	w := must(tensorfile.Create(path, nil))(t)
	defer w.Close()
	if attrs != nil {
		if err := w.SetAttrs(attrs); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		if err := w.Add(t.Context(), name, tensors[name], o[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sample writes a file with a tensor of 100 rows in chunks, one of 97 rows, a small one
// and a scalar.
func sample(t testing.TB, path string) {
	write(t, path, tensorfile.Attrs{"title": "sample"}, map[string]tensor.View{
		"b/chunked": numbers(t, 1000, 100, 7),
		"a":         numbers(t, 0, 97, 5),
		"c.small":   numbers(t, 5000, 2, 3),
		"d":         numbers(t, 6000),
	}, map[string]*tensorfile.TensorOptions{
		"b/chunked": {Codec: "shuffle|zstd:1", Chunk: tensor.Shape{8, 7}},
		"a":         {Attrs: tensorfile.Attrs{"unit": "m", "dims": []any{"time", "x"}}},
	})
}

func open(t testing.TB, path string) *tensorfile.File {
	t.Helper()
	f := must(convert.Open(t.Context(), path, nil))(t)
	t.Cleanup(func() { f.Close() })
	return f
}

func read(t testing.TB, x *tensorfile.Tensor, sel string) []int32 {
	t.Helper()
	v := must(x.Read(t.Context(), must(tensor.ParseSelection(sel))(t)))(t)
	return must(tensor.Data[int32](v))(t)
}

// split divides the sample and opens the set.
func split(t testing.TB, o *shard.SplitOptions) (in, index string, f *tensorfile.File) {
	t.Helper()
	dir := t.TempDir()
	in, index = filepath.Join(dir, "in.tensor"), filepath.Join(dir, "set.shards.json")
	sample(t, in)
	if _, err := shard.Split(t.Context(), open(t, in), index, o); err != nil {
		t.Fatal(err)
	}
	return in, index, open(t, index)
}

func TestSplitByRows(t *testing.T) {
	in, index, f := split(t, &shard.SplitOptions{Parts: 3})
	names, _ := filepath.Glob(filepath.Join(filepath.Dir(index), "*"))
	var base []string
	for _, n := range names {
		base = append(base, filepath.Base(n))
	}
	if got, want := strings.Join(base, " "), "in.tensor set-00001-of-00003.tensor set-00002-of-00003.tensor set-00003-of-00003.tensor set.shards.json"; got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
	// Each shard is an ordinary file: rows 32, 32 and 33 of a; 33, 33, 34 of b.
	for i, want := range []string{"[32 5] [33 7]", "[32 5] [33 7]", "[33 5] [34 7]"} {
		s := open(t, filepath.Join(filepath.Dir(index), fmt.Sprintf("set-%05d-of-00003.tensor", i+1)))
		a, b := must(s.Tensor("a"))(t), must(s.Tensor("b/chunked"))(t)
		if got := fmt.Sprint([]int64(a.Shape()), []int64(b.Shape())); got != want {
			t.Errorf("shard %d: %s, want %s", i, got, want)
		}
		if got, first := read(t, a, "")[0], at(int64(32*i*5)); got != first {
			t.Errorf("shard %d begins with %d, want %d", i, got, first)
		}
		if st := b.Storage(); st.Codec != "shuffle|zstd:1" || fmt.Sprint(b.ChunkShape()) != "(8, 7)" {
			t.Errorf("shard %d: codec %q, chunks %v", i, st.Codec, b.ChunkShape())
		}
		if _, err := s.Tensor("c.small"); (err == nil) != (i == 0) {
			t.Errorf("shard %d: c.small: %v", i, err)
		}
	}
	a := must(f.Tensor("a"))(t)
	if d := a.Dims(); fmt.Sprint(d) != "[time x]" || a.DType() != tensor.I32 || fmt.Sprint(a.Shape()) != "(97, 5)" || a.Storage().Kind != tensorfile.StorageRows {
		t.Errorf("a: %v %v %v %v", d, a.DType(), a.Shape(), a.Storage())
	}
	// The index says how rows are stored: no shard is opened for it.
	if b := must(f.Tensor("b/chunked"))(t); a.Storage().Codec != "" || b.Storage().Codec != "shuffle|zstd:1" {
		t.Errorf("codecs %q, %q", a.Storage().Codec, b.Storage().Codec)
	}
	if at, err := f.Attrs(); err != nil || at["title"] != "sample" {
		t.Errorf("attributes %v, %v", at, err)
	}
	// Any selection is the one of the whole: here each element is told by its number.
	for _, c := range []struct {
		sel   string
		index func(i int64) int64 // element of the result -> element of a
		n     int
	}{
		{"", func(i int64) int64 { return i }, 485},
		{"30:36", func(i int64) int64 { return 150 + i }, 30},
		{"63:65", func(i int64) int64 { return 315 + i }, 10},
		{"96", func(i int64) int64 { return 480 + i }, 5},
		{"::-1", func(i int64) int64 { return (96-i/5)*5 + i%5 }, 485},
		{"5:95:30, 1::3", func(i int64) int64 { return (5+i/2*30)*5 + 1 + i%2*3 }, 6},
		{"90:2:-29, -1", func(i int64) int64 { return (90-29*i)*5 + 4 }, 4},
		{"newaxis, ..., 2", func(i int64) int64 { return i*5 + 2 }, 97},
		{"5:5", nil, 0},
	} {
		got := read(t, a, c.sel)
		if len(got) != c.n {
			t.Fatalf("[%s]: %d elements, want %d", c.sel, len(got), c.n)
		}
		for i := range got {
			if want := at(c.index(int64(i))); got[i] != want {
				t.Fatalf("[%s]: element %d is %d, want %d", c.sel, i, got[i], want)
			}
		}
	}
	// In another order of axes, and as streams.
	var out strings.Builder
	if err := a.WriteOrder(t.Context(), &out, []int{1, 0}); err != nil {
		t.Fatal(err)
	}
	for i := range int64(485) {
		b := out.String()[4*i:]
		if got, want := int32(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24), at(i%97*5+i/97); got != want {
			t.Fatalf("transposed: element %d is %d, want %d", i, got, want)
		}
	}
	next := int64(0)
	for c, err := range a.Chunks(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range must(tensor.Data[int32](c.View))(t) {
			if x != at(next) {
				t.Fatalf("chunks: element %d is %d", next, x)
			}
			next++
		}
	}
	if next != 485 {
		t.Errorf("%d elements in chunks", next)
	}
	if got := read(t, must(f.Tensor("b/chunked"))(t), "31:35, 6"); !slices.Equal(got, []int32{at(1223), at(1230), at(1237), at(1244)}) {
		t.Errorf("b/chunked: %v", got)
	}
	if _, err := a.View(); !errors.Is(err, tensorfile.ErrNotMapped) {
		t.Errorf("a view of rows in several files: %v", err)
	}
	// What one shard has is used in place.
	small := must(f.Tensor("c.small"))(t)
	if got, err := tensorfile.Data[int32](small); err != nil || !slices.Equal(got, []int32{at(5000), at(5001), at(5002), at(5003), at(5004), at(5005)}) {
		t.Errorf("c.small: %v, %v", got, err)
	}
	whole := open(t, in)
	if a, b := must(whole.Hash(t.Context(), nil))(t), must(f.Hash(t.Context(), nil))(t); a != b {
		t.Errorf("hash %v, want %v", b, a)
	}
	if rep, err := f.Verify(t.Context(), nil); err != nil || !rep.OK() {
		t.Errorf("verify: %v, %v", rep.Findings, err)
	}
	merged := filepath.Join(t.TempDir(), "merged.tensor")
	if _, err := shard.Merge(t.Context(), index, merged, nil); err != nil {
		t.Fatal(err)
	}
	m := open(t, merged)
	if a, b := must(whole.Hash(t.Context(), nil))(t), must(m.Hash(t.Context(), nil))(t); a != b {
		t.Errorf("hash of the merged file %v, want %v", b, a)
	}
	if b := must(m.Tensor("b/chunked"))(t); b.Storage().Codec != "shuffle|zstd:1" || fmt.Sprint(b.ChunkShape()) != "(8, 7)" {
		t.Errorf("merged: %v %v", b.Storage(), b.ChunkShape())
	}
	if a := must(m.Tensor("a"))(t); fmt.Sprint(a.Dims()) != "[time x]" {
		t.Errorf("merged: dims %v", a.Dims())
	}
}

func TestSplitBySize(t *testing.T) {
	// a is 1940 bytes in rows of 20, b some hundreds, c 24, d 4.
	_, index, f := split(t, &shard.SplitOptions{Size: 700})
	x := must(shard.Parse(must(os.ReadFile(index))(t)))(t)
	if fmt.Sprintf("%s %v", x.Tensors[0].Name, x.Tensors[0].Parts) != "a [{0 35} {1 35} {2 27}]" {
		t.Errorf("%v %v", x.Tensors[0].Name, x.Tensors[0].Parts)
	}
	for _, s := range x.Tensors[1:] {
		if s.Name != "b/chunked" && len(s.Parts) != 1 {
			t.Errorf("%v", s)
		}
	}
	a := must(f.Tensor("a"))(t)
	for i, got := range read(t, a, "") {
		if got != at(int64(i)) {
			t.Fatalf("element %d is %d", i, got)
		}
	}
	for i := range x.Shards {
		var bytes int64
		s := open(t, filepath.Join(filepath.Dir(index), x.Shards[i].Name))
		for y, err := range s.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			bytes += y.Storage().Stored
		}
		if bytes > 700 && i < 3 {
			t.Errorf("shard %d has %d bytes", i, bytes)
		}
	}
}

// Tensors that share their bytes, and composites, stay together.
func TestSplitKeepsTogether(t *testing.T) {
	dir := t.TempDir()
	in, index := filepath.Join(dir, "in.tensor"), filepath.Join(dir, "set.shards.json")
	write(t, in, nil, map[string]tensor.View{"embed": numbers(t, 0, 50, 4), "other": numbers(t, 900, 30, 4)}, nil)
	w := must(tensorfile.OpenAppend(in, nil))(t)
	defer w.Close()
	if err := w.CopyTensor("embed", "head"); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := must(shard.Split(t.Context(), open(t, in), index, &shard.SplitOptions{Size: 480}))(t)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], `"embed"`) || len(r.Index.Shards) != 2 {
		t.Errorf("%v %v", r.Notes, r.Index.Shards)
	}
	f := open(t, index)
	a, b := must(f.Tensor("embed"))(t), must(f.Tensor("head"))(t)
	if a.File() != b.File() || a.Storage().ID != b.Storage().ID {
		t.Errorf("%v, %v", a.Storage(), b.Storage())
	}
}

// A set is not opened before its shards are wanted, and only those that are.
func TestShardsThatAreNotThere(t *testing.T) {
	_, index, _ := split(t, &shard.SplitOptions{Parts: 3})
	dir := filepath.Dir(index)
	shards := []string{filepath.Join(dir, "set-00001-of-00003.tensor"), filepath.Join(dir, "set-00002-of-00003.tensor"), filepath.Join(dir, "set-00003-of-00003.tensor")}
	second := must(os.ReadFile(shards[1]))(t)
	third := must(os.ReadFile(shards[2]))(t)
	uuid := must(shard.Parse(must(os.ReadFile(index))(t)))(t).Shards[1].UUID
	longer := append(slices.Clone(second), 0)
	flipped := slices.Clone(second)
	flipped[len(flipped)/2] ^= 1
	// A file of the same size that is another one.
	other := filepath.Join(t.TempDir(), "o.tensor")
	write(t, other, tensorfile.Attrs{"title": "sample"}, map[string]tensor.View{"a": numbers(t, 7, 32, 5), "b/chunked": numbers(t, 8, 33, 7)}, nil)
	o := must(os.ReadFile(other))(t)
	for len(o) < len(second) {
		o = append(o, 0)
	}
	for _, c := range []struct {
		name  string
		bytes []byte // nil: no file
		kind  error
		says  string
	}{
		{"missing", nil, os.ErrNotExist, "shard 1 of 3: got no file, want one of " + fmt.Sprint(len(second)) + " bytes, UUID " + uuid},
		{"truncated", second[:len(second)-1], tensorfile.ErrTruncated, fmt.Sprintf("shard 1 of 3: size: got %d bytes, want %d", len(second)-1, len(second))},
		{"stale", longer, tensorfile.ErrChanged, fmt.Sprintf("shard 1 of 3: size: got %d bytes, want %d", len(second)+1, len(second))},
		{"swapped", o[:len(second)], tensorfile.ErrChanged, "shard 1 of 3: UUID: got "},
		{"no tensor file", make([]byte, len(second)), tensorfile.ErrFormat, "set-00002-of-00003.tensor"},
	} {
		if c.bytes == nil {
			os.Remove(shards[1])
		} else if err := os.WriteFile(shards[1], c.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		f := open(t, index)
		a := must(f.Tensor("a"))(t)
		if got := read(t, a, "64:97"); got[0] != at(320) {
			t.Errorf("%s: what other shards have: %d", c.name, got[0])
		}
		_, err := a.Read(t.Context())
		if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "set-00002-of-00003.tensor") {
			t.Errorf("%s: %v", c.name, err)
		}
		if rep, err := f.Verify(t.Context(), nil); err != nil || rep.OK() || !strings.Contains(rep.Findings[0].Error(), "set-00002-of-00003.tensor") {
			t.Errorf("%s: verify: %v, %v", c.name, rep, err)
		}
		// It is tried again when it is there.
		if err := os.WriteFile(shards[1], second, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := read(t, a, "31:33"); got[5] != at(160) {
			t.Errorf("%s: again: %d", c.name, got[5])
		}
		f.Close()
	}
	// What only the hash tells.
	if err := os.WriteFile(shards[1], flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, index)
	rep, err := f.Verify(t.Context(), nil)
	if err != nil || rep.OK() || !strings.Contains(fmt.Sprint(rep.Findings), "shard 1 of 3: SHA-256: got ") {
		t.Errorf("a changed byte: %v, %v", rep.Findings, err)
	}
	// Two shards in each other's place.
	os.WriteFile(shards[1], third, 0o600)
	os.WriteFile(shards[2], second, 0o600)
	g := open(t, index)
	_, err = must(g.Tensor("a"))(t).Read(t.Context())
	if !errors.Is(err, tensorfile.ErrChanged) && !errors.Is(err, tensorfile.ErrTruncated) {
		t.Errorf("shards that changed places: %v", err)
	}
}

func TestLives(t *testing.T) {
	_, index, f := split(t, &shard.SplitOptions{Parts: 4})
	a := must(f.Tensor("a"))(t)
	var wg sync.WaitGroup
	for k := range 8 { // shards are opened by whoever comes first
		wg.Go(func() {
			if got := read(t, a, fmt.Sprintf("%d", k*12)); got[0] != at(int64(k*60)) {
				t.Errorf("row %d begins with %d", k*12, got[0])
			}
		})
	}
	wg.Wait()
	small := must(f.Tensor("c.small"))(t)
	lease := must(small.Lease())(t)
	if err := f.Close(); !errors.Is(err, tensorfile.ErrInUse) {
		t.Errorf("closed under a lease of a shard: %v", err)
	}
	lease.Release()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := a.Read(t.Context()); !errors.Is(err, tensorfile.ErrClosed) {
		t.Errorf("read of a closed set: %v", err)
	}
	if _, err := tensorfile.Data[int32](small); !errors.Is(err, tensorfile.ErrClosed) && !errors.Is(err, tensorfile.ErrNotMapped) {
		t.Errorf("a shard of a closed set: %v", err)
	}
	// A set that has not been read opens nothing of its shards, and closes.
	g := must(convert.Open(t.Context(), index, nil))(t)
	if n, err := g.Len(); n != 4 || err != nil {
		t.Errorf("%d tensors, %v", n, err)
	}
	if err := g.Check(); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Tensor("c.small"); !errors.Is(err, tensorfile.ErrClosed) {
		t.Errorf("a shard of a set that is closed: %v", err)
	}
}

// Whoever writes shards makes the index of them.
func TestDescribeAndJoin(t *testing.T) {
	dir := t.TempDir()
	var sets []*shard.Index
	for i, rows := range []int64{3, 0, 4} {
		path := filepath.Join(dir, fmt.Sprintf("part-%d.tensor", i))
		write(t, path, tensorfile.Attrs{"made": int64(i)}, map[string]tensor.View{
			"x": numbers(t, 10*int64(i), rows, 2), fmt.Sprintf("only%d", i): numbers(t, 77, 1),
		}, nil)
		x := must(shard.Describe(t.Context(), path, nil))(t)
		// From one process to another.
		sets = append(sets, must(shard.Parse(must(x.AppendJSON(nil))(t)))(t))
	}
	x := must(shard.Join(sets...))(t)
	index := filepath.Join(dir, "all.shards.json")
	if err := os.WriteFile(index, must(x.AppendJSON(nil))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, index)
	want := []int32{at(0), at(1), at(2), at(3), at(4), at(5), at(20), at(21), at(22), at(23), at(24), at(25), at(26), at(27)}
	if got := read(t, must(f.Tensor("x"))(t), ""); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if a, _ := f.Attrs(); a["made"] != int64(0) {
		t.Errorf("%v", a)
	}
	if n, _ := f.Len(); n != 4 {
		t.Errorf("%d tensors", n)
	}
	path := filepath.Join(dir, "other.tensor")
	write(t, path, nil, map[string]tensor.View{"x": numbers(t, 0, 3, 3)}, nil)
	if _, err := shard.Join(x, must(shard.Describe(t.Context(), path, nil))(t)); !errors.Is(err, tensor.ErrShape) || !strings.Contains(fmt.Sprint(err), `got i32 (3, 3) in "other.tensor" and i32 (7, 2) in "part-0.tensor"`) {
		t.Errorf("rows of another length: %v", err)
	}
}

func TestSplitRefuses(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.tensor")
	sample(t, in)
	f := open(t, in)
	list := func() string {
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		return strings.Join(names, " ")
	}
	before := list()
	for _, c := range []struct {
		o    shard.SplitOptions
		path string
		kind error
		says string
	}{
		{shard.SplitOptions{}, "x.shards.json", tensor.ErrUnsupported, "got size 0, parts 0"},
		{shard.SplitOptions{Size: 1, Parts: 1}, "x.shards.json", tensor.ErrUnsupported, "one of both"},
		{shard.SplitOptions{Parts: -1}, "x.shards.json", tensor.ErrUnsupported, "parts -1"},
		{shard.SplitOptions{Parts: 101}, "x.shards.json", tensor.ErrShape, "got 101"},
		{shard.SplitOptions{Parts: 2}, "in.tensor", tensor.ErrPath, "the same file as the input"},
		{shard.SplitOptions{Parts: 2}, "no/x.shards.json", tensor.ErrIO, "no"},
	} {
		_, err := shard.Split(t.Context(), f, filepath.Join(dir, c.path), &c.o)
		if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%+v %s: %v", c.o, c.path, err)
		}
		if now := list(); now != before {
			t.Errorf("%+v %s leaves %s", c.o, c.path, now)
		}
	}
	index := filepath.Join(dir, "x.shards.json")
	if r, err := shard.Split(t.Context(), f, index, &shard.SplitOptions{Parts: 2, DryRun: true}); err != nil || len(r.Index.Shards) != 2 || r.Index.Shards[1].Name != "x-00002-of-00002.tensor" || list() != before {
		t.Errorf("%+v, %v, %s", r, err, list())
	}
	// One of the shards is there.
	taken := filepath.Join(dir, "x-00002-of-00002.tensor")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	before = list()
	if _, err := shard.Split(t.Context(), f, index, &shard.SplitOptions{Parts: 2}); !errors.Is(err, tensorfile.ErrExists) || list() != before {
		t.Errorf("%v, %s", err, list())
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	o := &shard.SplitOptions{Parts: 2, Overwrite: true, Progress: func(done, total int64) {
		if calls++; done > total/2 {
			cancel()
		}
	}}
	if _, err := shard.Split(ctx, f, index, o); !errors.Is(err, context.Canceled) || list() != before || calls == 0 {
		t.Errorf("%v, %s, %d calls", err, list(), calls)
	}
	if string(must(os.ReadFile(taken))(t)) != "mine" {
		t.Error("a shard that was there is another one")
	}
	if _, err := shard.Split(t.Context(), f, index, &shard.SplitOptions{Parts: 2, Overwrite: true}); err != nil {
		t.Error(err)
	}
	g := open(t, index)
	if got := read(t, must(g.Tensor("a"))(t), "90"); got[0] != at(450) {
		t.Errorf("%v", got)
	}
}
