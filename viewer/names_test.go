package viewer

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// many is a file of n tensors in memory, in the order of their names if sorted, that
// hold nothing.
func many(t testing.TB, names []string) *tensorfile.File {
	l := &tensorfile.Layout{Format: "many", Tensors: make([]tensorfile.LayoutTensor, len(names))}
	for i, n := range names {
		l.Tensors[i] = tensorfile.LayoutTensor{Name: n, Storage: -1, DType: tensor.F32, Shape: tensor.Shape{0, int64(i)}}
	}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(strings.NewReader(""), 0, "many"), l, nil)
	ok(t, err)
	return f
}

// adopt makes a server show a file that is open.
func adopt(t testing.TB, f *tensorfile.File) *server {
	s := show(t, nil, small(t))
	src := s.files[0]
	h := &handle{src: src, file: f, identity: "adopted", index: newIndex(), refs: 1}
	src.open[0] = h
	s.background(func() {
		h.index.build(s.ctx, f)
		h.release()
	})
	return s
}

// ready waits for the list of names.
func (s *server) ready() {
	s.t.Helper()
	s.doc("files")
	for _, f := range s.files {
		ok(s.t, f.open[s.opts.Generation].index.wait(ctx, math.MaxInt, time.Minute))
	}
}

// Pages of names in every order, and those that pass a filter.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	type one struct {
		name  string
		d     tensor.DType
		shape tensor.Shape
	}
	var all []one
	for i := range 700 {
		d := []tensor.DType{tensor.F32, tensor.U8, tensor.I64}[i%3]
		all = append(all, one{fmt.Sprintf("layers.%d.%s/Weight", i*7919%700, []string{"attn", "mlp"}[i%2]), d, tensor.Shape{int64(i % 13), int64(i%5 + 1)}})
	}
	path := write(t, filepath.Join(dir, "a.tensor"), func(w *tensorfile.Writer) {
		for _, x := range all {
			v, err := tensor.Make(x.d, x.shape)
			ok(t, err)
			ok(t, w.Add(ctx, x.name, v, nil))
		}
	})
	npz := filepath.Join(dir, "b.npz")
	_, err := convert.Files(ctx, []string{path}, npz, &convert.Options{NoSync: true})
	ok(t, err)
	slices.SortFunc(all, func(a, b one) int { return strings.Compare(a.name, b.name) })
	bytes := func(x one) int64 { n, _ := tensor.ByteSize(x.d, x.shape); return n }
	for _, p := range []string{path, npz} {
		s := show(t, nil, p)
		s.ready()
		for by, key := range map[string]func(x one) string{
			"name": func(x one) string { return "" }, "order": func(x one) string { return "" }, "dtype": func(x one) string { return x.d.String() },
			"bytes": func(x one) string { return fmt.Sprintf("%09d", bytes(x)) }, "shape": func(x one) string { n, _ := x.shape.NumElements(); return fmt.Sprintf("%09d", n) },
		} {
			for _, filter := range []string{"", "MLP", "mlp", "weight", "layers.6*attn/Weight", "[l]ayers.?.*", "nothing", "*"} {
				for _, desc := range []bool{false, true} {
					want := []one{}
					for _, x := range all {
						pass := strings.Contains(x.name, filter)
						switch filter {
						case "weight":
							pass = true
						case "layers.6*attn/Weight":
							pass = strings.HasPrefix(x.name, "layers.6") && strings.HasSuffix(x.name, "attn/Weight")
						case "[l]ayers.?.*":
							pass = x.name[8] == '.'
						case "*":
							pass = true
						}
						if pass {
							want = append(want, x)
						}
					}
					sort.SliceStable(want, func(i, j int) bool { return key(want[i]) < key(want[j]) })
					if desc {
						slices.Reverse(want)
					}
					d := s.doc("tensors", "sort="+by, "filter="+filter, "desc="+map[bool]string{true: "1"}[desc], "offset=5", "limit=60")
					if d["total"] != 700. || d["matched"] != float64(len(want)) {
						t.Fatalf("%s by %s, %q: %v of %v, want %d", p, by, filter, d["matched"], d["total"], len(want))
					}
					if p == npz && by == "order" {
						continue // the order of that file
					}
					want = want[min(5, len(want)):min(65, len(want))]
					rows := d["rows"].([]any)
					if len(rows) != len(want) {
						t.Fatalf("%s by %s, %q: %d rows, want %d", p, by, filter, len(rows), len(want))
					}
					for i, x := range want {
						r := rows[i].(object)
						if r["name"] != x.name || r["dtype"] != x.d.String() || r["bytes"] != float64(bytes(x)) || fmt.Sprint(r["shape"]) != fmt.Sprint([]int64(x.shape)) {
							t.Fatalf("%s by %s, %q, row %d: %v, want %v", p, by, filter, i, r, x)
						}
					}
				}
			}
		}
		s.status(400, "tensors", "sort=colour")
		s.status(413, "tensors", "limit=1001")
	}
}

// The tree has every name once, and counts what is below.
func TestTree(t *testing.T) {
	names := []string{"a", "a.", "a.b", "a.b.c", "a.b.d/e", "a.b.d/f", "a/x", "b.only.one.leaf", "c.long.way.p", "c.long.way.q", "c.long.way.q.r", "z"}
	for i := range 500 {
		names = append(names, fmt.Sprintf("m.%d.w", i), fmt.Sprintf("m.%d.bias", i))
	}
	slices.Sort(names)
	s := adopt(t, many(t, names))
	s.ready()
	children := func(path string) []any {
		t.Helper()
		d := s.doc("tree", "path="+path, "limit=1000")
		if d["total"] != float64(len(d["children"].([]any))) {
			t.Errorf("%q: %v", path, d["total"])
		}
		return d["children"].([]any)
	}
	var text []string
	for _, c := range children("") {
		o := c.(object)
		text = append(text, fmt.Sprint(o["label"], " ", o["leaf"], " ", o["count"]))
	}
	if got, want := strings.Join(text, "; "), "a true 1; a. true 1; a. false 4; a/x true 1; b.only.one.leaf true 1; c.long.way. false 3; m. false 1000; z true 1"; got != want {
		t.Errorf("roots: %s", got)
	}
	var leaves []string
	var walk func(path string, count float64)
	walk = func(path string, count float64) {
		sum := 0.0
		for _, c := range children(path) {
			o := c.(object)
			sum += o["count"].(float64)
			if !strings.HasPrefix(o["path"].(string), path) || o["path"] != path+o["label"].(string) {
				t.Fatal(path, o)
			}
			if o["leaf"] == true {
				leaves = append(leaves, o["path"].(string))
			} else {
				walk(o["path"].(string), o["count"].(float64))
			}
		}
		if sum != count {
			t.Errorf("%q: %v, want %v", path, sum, count)
		}
	}
	walk("", float64(len(names)))
	slices.Sort(leaves)
	if !slices.Equal(leaves, names) {
		t.Errorf("%d leaves of %d names", len(leaves), len(names))
	}
	page := s.doc("tree", "path=m.", "offset=10", "limit=3")
	if page["total"] != 500. || len(page["children"].([]any)) != 3 {
		t.Error(page)
	}
	s.status(400, "tree", "path=m")
	if n := len(children("nothing.")); n != 0 {
		t.Error(n)
	}
}

// A million names: the first page, a filter and a sort do not wait for each other, and
// take memory for the names and little more.
func TestMillionNames(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const n = 1_000_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("model.layers.%d.block_%d.weight", i/1000, i*7919%n)
	}
	slices.Sort(names)
	s := adopt(t, many(t, names))
	began := time.Now()
	d := s.doc("tensors", "limit=50")
	first := time.Since(began)
	if len(d["rows"].([]any)) != 50 || d["rows"].([]any)[49].(object)["name"] != names[49] {
		t.Error(d["total"])
	}
	s.ready()
	t.Logf("the first page after %v, all after %v", first, time.Since(began))
	for _, c := range [][]string{{"offset=999990"}, {"filter=block_7919."}, {"filter=*block_99999?.weight"}, {"sort=bytes", "desc=1"}, {"sort=shape", "offset=500000"}} {
		began := time.Now()
		d := s.doc("tensors", append(c, "limit=50")...)
		t.Logf("%v: %v of %v after %v", c, d["matched"], d["total"], time.Since(began))
		if d["total"] != 1.*n {
			t.Error(d["total"])
		}
	}
	if d := s.doc("tensors", "filter=block_7919.", "limit=9"); d["matched"] != 1. {
		t.Error(d["matched"])
	}
	tree := s.doc("tree")
	if c := tree["children"].([]any); len(c) != 1 || c[0].(object)["label"] != "model.layers." || c[0].(object)["count"] != 1.*n {
		t.Error(tree)
	}
	if d := s.doc("tree", "path=model.layers."); d["total"] != 1000. {
		t.Error(d["total"])
	}
	x := s.files[0].open[0].index
	held := cap(x.text) + 8*(cap(x.ends)+cap(x.bytes)+cap(x.stored)+cap(x.elements)+cap(x.storage)+cap(x.sums)) + 2*cap(x.dtype)
	for _, o := range x.orders {
		held += 4 * cap(o)
	}
	if held > 150<<20 {
		t.Errorf("the list takes %d MiB", held>>20)
	}
	t.Logf("the list takes %d MiB", held>>20)
}

// A tensor that cannot be opened is listed with its error, and the others are shown.
func TestFilesAndFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.tensor"), func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "x", slice(t, []float32{1}), nil)) })
	s := show(t, nil, dir, filepath.Join(dir, "none.npy"))
	list := s.doc("files")["files"].([]any)
	if len(list) != 2 || list[0].(object)["name"] != "a.tensor" || list[0].(object)["format"] != "tensorfile" || list[1].(object)["error"] == nil {
		t.Error(list)
	}
	s.status(500, "tensors", "f=1")
	if _, err := New([]string{t.TempDir()}, nil); err == nil {
		t.Error("an empty folder is shown")
	}
}
