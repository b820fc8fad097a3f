package viewer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// More files than are kept open: each is there when it is asked for, and those that
// nobody uses are closed.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	const n = mostOpen + 20
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("sub%d", i%3))
		ok(t, os.MkdirAll(sub, 0o700))
		write(t, filepath.Join(sub, fmt.Sprintf("%03d.tensor", i)), func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "x", slice(t, []int32{int32(i)}), nil)) })
	}
	ok(t, os.WriteFile(filepath.Join(dir, "notes.txt.bak"), []byte("x"), 0o600))
	ok(t, os.Mkdir(filepath.Join(dir, ".hidden"), 0o700))
	write(t, filepath.Join(dir, ".hidden", "a.tensor"), func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "x", slice(t, []int32{1}), nil)) })
	s := show(t, nil, dir)
	list := s.doc("files")["files"].([]any)
	if len(list) != n || list[0].(object)["format"] != nil {
		t.Fatal(len(list), list[0])
	}
	for round := range 2 {
		for i, f := range list {
			want := strings.TrimLeft(strings.TrimSuffix(filepath.Base(f.(object)["name"].(string)), ".tensor"), "0")
			if want == "" {
				want = "0"
			}
			if got := fmt.Sprint(s.doc("values", fmt.Sprint("f=", i), "t=x")["cells"]); got != "[["+want+"]]" {
				t.Fatalf("round %d, file %d: %s, want %s", round, i, got, want)
			}
		}
	}
	s.jobs.Wait() // what looks through opened files in the background uses them
	open := 0
	for _, f := range s.files {
		f.mu.Lock()
		open += len(f.open)
		f.mu.Unlock()
	}
	if open > mostOpen {
		t.Errorf("%d files are open", open)
	}
}

// A long job says how far it is, and its result is told again without another look.
func TestProgress(t *testing.T) {
	path := hole(t, 4000, 5000)
	s := show(t, &Options{Jobs: 1}, path)
	s.ready()
	name := s.doc("tensors")["rows"].([]any)[0].(object)["name"].(string)
	lines := strings.Split(strings.TrimSpace(s.ask("stats", "t="+name).Body.String()), "\n")
	last := int64(-1)
	for i, l := range lines {
		var d struct {
			Done, Total int64
			Result      object
		}
		ok(t, json.Unmarshal([]byte(l), &d))
		if i == len(lines)-1 {
			if d.Result["count"] != 2e7 {
				t.Error(l)
			}
			break
		}
		if d.Done < last || d.Done > d.Total || d.Total != 8e7 {
			t.Errorf("after %d: %s", last, l)
		}
		last = d.Done
	}
	if again := strings.TrimSpace(s.ask("stats", "t="+name).Body.String()); again != lines[len(lines)-1] {
		t.Errorf("%d lines, then %s", len(lines), again)
	}
	t.Logf("%d lines", len(lines))
}

// Of a file of very many tensors the map tells where payloads lie.
func TestCoarseBytes(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		for i := range 50 {
			ok(t, w.Add(ctx, fmt.Sprint("x", i), slice(t, make([]int32, 100+i)), nil))
		}
	})
	f, err := tensorfile.Open(path, nil)
	ok(t, err)
	defer f.Close()
	m, err := payloads(ctx, f)
	ok(t, err)
	at, n := int64(0), 0
	for _, s := range m.segments {
		if s.offset != at {
			t.Fatalf("a segment begins at %d, want %d", s.offset, at)
		}
		at += s.length
		if len(s.tensors) == 1 {
			x, err := f.Tensor(s.tensors[0])
			ok(t, err)
			if st := x.Storage(); st.Offset != s.offset || st.Size != s.length {
				t.Error(s, st)
			}
			n++
		}
	}
	if at != m.size || n != 50 {
		t.Error(at, m.size, n)
	}
}

// Rows in a damaged chunk are told as such, and the others are shown; names of tensors
// with the same bytes are told.
func TestDamagedRows(t *testing.T) {
	offsets, values := []int64{0}, []int32{}
	for i := range 100 {
		for range i % 7 {
			values = append(values, int32(len(values)*3))
		}
		offsets = append(offsets, int64(len(values)))
	}
	rows, err := ragged.New(slice(t, offsets), slice(t, values), 6)
	ok(t, err)
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) {
		ok(t, w.AddRagged(ctx, "rows", rows, &tensorfile.TensorOptions{Chunk: tensor.Shape{60}, Codec: "zstd"}))
		ok(t, w.Add(ctx, "x", slice(t, values), nil))
	})
	w, err := tensorfile.OpenAppend(path, nil)
	ok(t, err)
	ok(t, w.CopyTensor("x", "y"))
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	hurt(t, path, "rows\x00values", 2) // values 120 to 179
	s := show(t, nil, path)
	s.ready()
	list := s.doc("rows", "t=rows", "count=100")["rows"].([]any)
	bad := 0
	for i, r := range list {
		o := r.(object)
		a, b := offsets[i], offsets[i+1]
		if damaged := a < 180 && b > 120 && a < b; damaged != (o["error"] != nil) {
			t.Errorf("row %d (%d to %d): %v", i, a, b, o)
		} else if damaged {
			bad++
		} else if got := o["values"]; b > a && fmt.Sprint(got.([]any)[0]) != fmt.Sprint(a*3) {
			t.Errorf("row %d: %v", i, got)
		}
	}
	if len(list) != 100 || bad < 15 {
		t.Error(len(list), bad)
	}
	if d := s.doc("tensor", "t=x"); fmt.Sprint(d["shared"], d["shared_by"]) != "[y] 1" {
		t.Error(d["shared"], d["shared_by"])
	}
}

// Of a matrix of which a triangle is stored all entries are shown.
func TestSymmetric(t *testing.T) {
	const n = 30
	dense := make([]float32, n*n)
	for i := range n {
		for j := range i + 1 {
			if (i*7+j*3)%5 == 0 {
				dense[i*n+j], dense[j*n+i] = float32(i+j+1), float32(i+j+1)
			}
		}
	}
	a, err := sparse.FromDense(ctx, slice(t, dense, n, n), tensor.View{}, sparse.CSR, nil)
	ok(t, err)
	if a, err = a.Structured(ctx, sparse.Symmetric, true, nil); err != nil {
		t.Fatal(err)
	}
	path := write(t, filepath.Join(t.TempDir(), "a.tensor"), func(w *tensorfile.Writer) { ok(t, w.AddSparse(ctx, "s", a, nil)) })
	s := show(t, nil, path)
	got, _ := raw[uint32](s, "sparse", "t=s", "h=30", "w=30")
	for i, x := range dense {
		if (got[i] == 1) != (x != 0) || got[i] > 1 {
			t.Fatalf("%d entries at %d, %d", got[i], i/n, i%n)
		}
	}
	for _, row := range []int{0, 4, 29} {
		want := []any{}
		for c := range n {
			if x := dense[row*n+c]; x != 0 {
				want = append(want, []any{float64(c), fmt.Sprint(x)})
			}
		}
		if d := s.doc("sparserow", "t=s", fmt.Sprint("row=", row)); !reflect.DeepEqual(d["entries"], want) {
			t.Errorf("row %d: %v, want %v", row, d["entries"], want)
		}
	}
}
