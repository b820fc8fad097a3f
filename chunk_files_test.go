package tensorfile_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// grownFile has chunks of every coding in several generations.
func grownFile(t testing.TB, path string) (past []map[string]tensor.View) {
	t.Helper()
	rng := rand.New(rand.NewPCG(31, 32))
	now := map[string]tensor.View{}
	keep := func() {
		m := map[string]tensor.View{}
		for k, v := range now {
			m[k] = v
		}
		past = append(past, m)
	}
	numbers := func(n int64) tensor.View {
		v := must(tensor.Make(tensor.I32, tensor.Shape{n, 6}))(t)
		for i, b := 0, v.Span(); i < len(b); i++ {
			if i%4 == 0 && i/24%7 != 3 {
				b[i] = byte(rng.Uint32())
			}
		}
		return v
	}
	write(t, path, func(w *tensorfile.Writer) {
		now["packed"] = numbers(40)
		ok(t, w.Add(ctx, "packed", now["packed"], &tensorfile.TensorOptions{Chunk: tensor.Shape{4, 3}, Codec: "shuffle|zstd"}))
		now["raw"] = numbers(300)
		ok(t, w.Add(ctx, "raw", now["raw"], &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 6}}))
		now["missing"] = must(tensor.Make(tensor.F64, tensor.Shape{1000, 3}))(t)
		ok(t, w.Add(ctx, "missing", now["missing"], &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 3}}))
		now["plain"] = numbers(5)
		ok(t, w.Add(ctx, "plain", now["plain"], nil))
	})
	keep()
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	for i := range 5 {
		for _, name := range []string{"packed", "raw", "plain"} {
			rows := numbers(int64(3 + i))
			_, err := w.Append(ctx, name, rows, nil)
			ok(t, err)
			now[name] = behind(t, now[name], rows)
		}
		sel := must(tensor.ParseSelection(fmt.Sprintf("%d:%d, 1", 2*i, 2*i+3)))(t)
		part := must(tensor.FromSlice([]int32{int32(i), 2, 3}))(t)
		_, err := w.WriteRegion(ctx, "packed", sel, part, nil)
		ok(t, err)
		c := must(now["packed"].Clone())(t)
		ok(t, tensor.Copy(must(c.Select(sel))(t), part))
		now["packed"] = c
		ok(t, w.Commit(ctx))
		keep()
	}
	return past
}

// A repack copies chunks as they are stored, of one generation or of all, and
// leaves out what is dead.
func TestRepackOfChunks(t *testing.T) {
	path := temp(t)
	past := grownFile(t, path)
	checkHistory(t, path, past)
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	dir := t.TempDir()
	one, all := filepath.Join(dir, "one"), filepath.Join(dir, "all")
	r := must(tensorfile.Repack(ctx, f, one, nil))(t)
	if u := must(f.Usage(ctx))(t); u.Dead == 0 || r.After >= r.Before {
		t.Errorf("%+v of %+v", r, u)
	}
	g := must(tensorfile.Open(one, nil))(t)
	defer g.Close()
	for name, want := range past[len(past)-1] {
		x := must(g.Tensor(name))(t)
		sameView(t, name, must(x.Read(ctx))(t), want)
		if a, b := must(f.Tensor(name))(t).Storage(), x.Storage(); a.Stored != b.Stored || a.Codec != b.Codec {
			t.Errorf("%+v became %+v", a, b)
		}
	}
	rep := must(g.Verify(ctx, nil))(t)
	if u := must(g.Usage(ctx))(t); !rep.OK() || u.Dead != 0 || u.Payload+u.Tables != g.Info().Live {
		t.Errorf("%v, %+v, live %d", rep.Findings, u, g.Info().Live)
	}
	if a, b := must(f.Hash(ctx, nil))(t), must(g.Hash(ctx, nil))(t); a != b {
		t.Error("another hash")
	}
	r = must(tensorfile.Repack(ctx, f, all, &tensorfile.RepackOptions{KeepAll: true}))(t)
	checkHistory(t, all, past)
	t.Logf("%d bytes, with history %d, of %d", must(g.Usage(ctx))(t).Payload, r.After, r.Before)
	if r.After > r.Before {
		t.Error("a history that grows")
	}
	// Into another file, with other chunks, and out of chunks.
	w := must(tensorfile.Create(filepath.Join(dir, "copy"), nil))(t)
	defer w.Close()
	for _, name := range []string{"packed", "raw", "missing"} {
		x := must(f.Tensor(name))(t)
		ok(t, w.Copy(ctx, tensorfile.Item{Tensor: x}, tensorfile.Item{Tensor: x, Name: name + " again"},
			tensorfile.Item{Tensor: x, Name: name + " other", Chunks: &tensorfile.TensorOptions{Chunk: tensor.Shape{7, 2}, Codec: "planes"}},
			tensorfile.Item{Tensor: x, Name: name + " plain", Chunks: &tensorfile.TensorOptions{Codec: "none"}}))
	}
	ok(t, w.Commit(ctx))
	h := must(tensorfile.Open(filepath.Join(dir, "copy"), nil))(t)
	defer h.Close()
	for x, err := range h.Tensors() {
		ok(t, err)
		name, how, _ := strings.Cut(x.Name(), " ")
		sameView(t, x.Name(), must(x.Read(ctx))(t), past[len(past)-1][name])
		s := x.Storage()
		if kind := map[bool]tensorfile.StorageKind{true: tensorfile.StorageRaw, false: tensorfile.StorageGrid}[how == "plain"]; s.Kind != kind || how == "other" && s.Codec != "planes" {
			t.Errorf("%s: %+v", x.Name(), s)
		}
	}
	if rep := must(h.Verify(ctx, nil))(t); !rep.OK() {
		t.Error(rep.Findings)
	}
}

// A repack stores tensors in another way where it is told to: into chunks, into
// others, out of them. What they hold stays.
func TestRepackRecodes(t *testing.T) {
	path := temp(t)
	past := grownFile(t, path)
	want := past[len(past)-1]
	w := must(tensorfile.OpenAppend(path, nil))(t)
	ok(t, w.CopyTensor("packed", "second"))
	want["second"] = want["packed"]
	v := must(tensor.FromSlice([]float64{1, 2, 3, 4, 5, 6}, 2, 3))(t)
	ok(t, w.Add(ctx, "turned", must(v.Transpose())(t), nil))
	want["turned"] = must(v.Transpose())(t)
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	dst := filepath.Join(t.TempDir(), "new")
	recode := func(name string, d tensor.DType, shape tensor.Shape) *tensorfile.TensorOptions {
		switch name {
		case "packed", "turned":
			return &tensorfile.TensorOptions{Chunk: tensor.Shape{16, 2}, Codec: "planes"}
		case "raw":
			return &tensorfile.TensorOptions{Codec: "none"}
		}
		return nil
	}
	_, err := tensorfile.Repack(ctx, f, dst, &tensorfile.RepackOptions{KeepAll: true, Recode: recode})
	wantErr(t, err, tensorfile.ErrUnsupported, "generations")
	must(tensorfile.Repack(ctx, f, dst, &tensorfile.RepackOptions{Recode: recode}))(t)
	g := must(tensorfile.Open(dst, nil))(t)
	defer g.Close()
	n := 0
	for x, err := range g.Tensors() {
		ok(t, err)
		sameView(t, x.Name(), must(x.Read(ctx))(t), want[x.Name()])
		s := x.Storage()
		if planes := x.Name() == "packed" || x.Name() == "second" || x.Name() == "turned"; planes != (s.Codec == "planes") || (x.Name() == "raw") != (s.Kind == tensorfile.StorageRaw) {
			t.Errorf("%s: %+v", x.Name(), s)
		}
		n++
	}
	if n != len(want) || must(g.Tensor("packed"))(t).Storage().ID != must(g.Tensor("second"))(t).Storage().ID {
		t.Errorf("%d tensors, or two that do not share", n)
	}
	if rep, u := must(g.Verify(ctx, nil))(t), must(g.Usage(ctx))(t); !rep.OK() || u.Payload+u.Tables != g.Info().Live {
		t.Errorf("%v, %+v, live %d", rep.Findings, u, g.Info().Live)
	}
	if a, b := must(f.Hash(ctx, nil))(t), must(g.Hash(ctx, nil))(t); a != b {
		t.Error("another hash")
	}
}

// Whatever byte of a file with chunks changes: verify says so if it counts, and
// recovery keeps every tensor but those that are hit, and of these the chunks.
func TestDamagedChunks(t *testing.T) {
	path := temp(t)
	past := grownFile(t, path)
	want := past[len(past)-1]
	b := must(os.ReadFile(path))(t)
	rng := rand.New(rand.NewPCG(41, 42))
	tries := 120
	if testing.Short() {
		tries = 40
	}
	kept, damaged, lost := 0, 0, 0
	bad := filepath.Join(t.TempDir(), "bad")
	for try := range tries {
		c := append([]byte(nil), b...)
		at := rng.IntN(len(c)-12288) + 12288
		for c[at] == 0 {
			at = rng.IntN(len(c)-12288) + 12288
		}
		c[at] ^= 1 << rng.IntN(8)
		ok(t, os.WriteFile(bad, c, 0o666))
		dst := fmt.Sprint(bad, try)
		rep := must(tensorfile.Recover(ctx, bad, dst, nil))(t)
		f := must(tensorfile.Open(dst, nil))(t)
		found := map[string]bool{}
		for x, err := range f.Tensors() {
			ok(t, err)
			found[x.Name()] = true
			v, err := x.Read(ctx)
			if err == nil {
				sameView(t, fmt.Sprintf("byte %d: %s", at, x.Name()), v, want[x.Name()])
				kept++
				continue
			}
			var e *tensorfile.Error
			if !errors.As(err, &e) || e.Kind != tensorfile.ErrCorrupt || e.Chunk == "" || e.Tensor != x.Name() || e.Offset <= 0 || rep.DamagedChunks == 0 {
				t.Fatalf("byte %d: %v, %+v", at, err, rep)
			}
			damaged++
			good := 0
			for ch, err := range x.Chunks(ctx, nil) {
				if err != nil {
					continue
				}
				good++
				part := want[x.Name()]
				for axis, n := range ch.View.Shape() {
					part = must(part.Slice(axis, ch.Origin[axis], ch.Origin[axis]+n, 1))(t)
				}
				sameView(t, "a sound chunk", ch.View, part)
			}
			if good == 0 {
				t.Error("no chunk of a damaged tensor can be read")
			}
		}
		for name := range want {
			if !found[name] {
				lost++
			}
		}
		if len(found)+len(rep.Lost) != len(want) {
			t.Fatalf("byte %d: %v found, %v lost", at, found, rep.Lost)
		}
		ok(t, f.Close())
		ok(t, os.Remove(dst))
	}
	t.Logf("%d bytes changed: %d tensors whole, %d with a damaged chunk, %d lost", tries, kept, damaged, lost)
	if damaged == 0 || lost > tries/4 {
		t.Error("too few")
	}
}
