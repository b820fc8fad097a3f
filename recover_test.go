package tensorfile_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// kept is what must be left of a tensor.
type kept struct {
	shape, strides []int64
	offset         int64
	attrs          string
	payload        string
}

// recovered reads the result of a recovery through its catalog.
func recovered(t testing.TB, path string) map[string]kept {
	t.Helper()
	b := must(os.ReadFile(path))(t)
	f := verified(t, path, &tensorfile.OpenOptions{NoMmap: true})
	defer f.Close()
	m := map[string]kept{}
	if a := must(f.Attrs())(t); a != nil {
		m[""] = kept{attrs: string(must(format.AppendAttrs(nil, a, -1))(t))}
	}
	for x, err := range f.Tensors() {
		ok(t, err)
		k := kept{shape: x.Shape(), strides: x.Strides(), offset: x.Offset()}
		if a := must(x.Attrs())(t); a != nil {
			k.attrs = string(must(format.AppendAttrs(nil, a, len(x.Shape())))(t))
		}
		st := x.Storage()
		k.payload = string(b[st.Offset : st.Offset+st.Size])
		m[x.Name()] = k
	}
	return m
}

// sameKept demands that two recoveries are one.
func sameKept(t testing.TB, what string, got, want map[string]kept) {
	t.Helper()
	for name := range maps.Keys(want) {
		if _, ok := got[name]; !ok {
			t.Errorf("%s: %q is intact and not recovered", what, name)
		}
	}
	for name, g := range got {
		w, ok := want[name]
		switch {
		case !ok:
			t.Errorf("%s: %q is recovered and not intact", what, name)
		case !slices.Equal(g.shape, w.shape) || !slices.Equal(g.strides, w.strides) || g.offset != w.offset || g.attrs != w.attrs || g.payload != w.payload:
			t.Errorf("%s: %q differs: shape %v %v, strides %v %v, offset %d %d, attributes %s %s", what, name, g.shape, w.shape, g.strides, w.strides, g.offset, w.offset, g.attrs, w.attrs)
		}
	}
}

// damagedFile is a file of many generations for tests that break it.
func damagedFile(t testing.TB) []byte {
	t.Helper()
	path := temp(t)
	do := mustNoErr(t)
	inner := must(os.ReadFile(func() string {
		p := temp(t)
		write(t, p, func(w *tensorfile.Writer) { put(t, w, "inner", []byte("not of this file")) })
		return p
	}()))(t)
	rng := rand.New(rand.NewPCG(7, 8))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	write(t, path, func(w *tensorfile.Writer) {
		do(w.SetAttrs(tensorfile.Attrs{"v": int64(1)}))
		s := must(w.AddStorage(ctx, 600, bytes.NewReader(noise(600))))(t)
		do(w.TensorOn(s, "view/a", tensor.I16, tensor.Shape{5, 60}, nil, 0, nil))
		do(w.TensorOn(s, "view/b", tensor.U8, tensor.Shape{10}, tensor.Strides{-3}, 500, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"unit": "s"}}))
		put(t, w, "gone", noise(90))
		put(t, w, "replaced", noise(90))
		put(t, w, "large", noise(1<<20+77))
		put(t, w, "file", inner)
		do(w.Add(ctx, "empty", must(tensor.Make(tensor.F32, tensor.Shape{0, 3}))(t), nil))
		for i := range 60 {
			put(t, w, fmt.Sprintf("many/%02d", i), noise(20+i))
		}
	})
	edit(t, path, func(w *tensorfile.Writer) {
		do(w.Delete("gone"))
		put(t, w, "replaced", noise(200))
		put(t, w, "temporary", noise(33))
	})
	edit(t, path, func(w *tensorfile.Writer) { do(w.Revert(1)) })
	edit(t, path, func(w *tensorfile.Writer) {
		do(w.Delete("gone"))
		do(w.Rename("many/07", "renamed"))
		put(t, w, "last but one", noise(5000))
		do(w.SetAttrs(tensorfile.Attrs{"v": int64(4)}))
	})
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "last", noise(100)) })
	return must(os.ReadFile(path))(t)
}

// rescue runs Recover on damaged bytes and checks what must hold of any run.
func rescue(t testing.TB, b []byte) (map[string]kept, *tensorfile.RecoverReport, error) {
	t.Helper()
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "damaged"), filepath.Join(dir, "out")
	ok(t, os.WriteFile(path, b, 0o444))
	rep, err := tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{NoSync: true})
	if !bytes.Equal(b, must(os.ReadFile(path))(t)) {
		t.Fatal("the damaged file has changed")
	}
	if err != nil {
		if list := names(t, dir); len(list) != 1 {
			t.Fatal(list)
		}
		return nil, nil, err
	}
	m := recovered(t, dst)
	n := len(m)
	if _, ok := m[""]; ok {
		n--
	}
	if rep.Tensors != n {
		t.Errorf("%d tensors reported, %d recovered", rep.Tensors, n)
	}
	for _, l := range rep.Lost {
		if _, ok := m[l.Name]; ok || l.Err == nil {
			t.Errorf("%q is lost and there: %v", l.Name, l.Err)
		}
	}
	return m, rep, nil
}

func TestRecoverWhole(t *testing.T) {
	b := damagedFile(t)
	want := intact(b, [16]byte(b[16:32]))
	if len(want) != 69 {
		t.Fatalf("%d tensors: %q", len(want), slices.Sorted(maps.Keys(want)))
	}
	got, rep, err := rescue(t, b)
	ok(t, err)
	sameKept(t, "whole", got, want)
	if len(rep.Damage) > 0 || len(rep.Lost) > 0 || !rep.Whole || rep.Generation != 5 || rep.Entries != 0 || len(rep.Unacknowledged) > 0 {
		t.Errorf("%+v", rep)
	}
}

// Each structure is destroyed in turn. Of payloads only that tensor is lost, of
// anything else nothing.
func TestRecoverEachStructure(t *testing.T) {
	b := damagedFile(t)
	uuid := [16]byte(b[16:32])
	whole := intact(b, uuid)
	l := scanLayoutOf(b, uuid)
	type hit struct {
		name       string
		begin, end int64
		lost       []string
		more       [][2]int64
	}
	hits := []hit{
		{"header", 0, 64, nil, nil}, {"header page", 0, 4096, nil, nil}, {"slot A", 4096, 4224, nil, nil}, {"slot B", 8192, 8320, nil, nil},
		{"both slots", 4096, 12288, nil, nil}, {"control pages", 0, 12288, nil, nil},
	}
	for i, at := range l.trailers {
		hits = append(hits, hit{fmt.Sprintf("trailer %d", i), at, at + 128, nil, nil})
	}
	for i, r := range l.runs {
		hits = append(hits, hit{fmt.Sprintf("run head %d", i), r.head, r.head + r.length, nil, nil})
		for p := r.begin; p < r.head; p += 4096 {
			hits = append(hits, hit{fmt.Sprintf("page at %d of run %d", p-r.begin, i), p, min(p+4096, r.head), nil, nil})
		}
		// One byte in each section; its page is lost.
		storages := r.begin + 64*r.tensors
		for what, at := range map[string][2]int64{
			"tensor records": {r.begin, storages}, "storage records": {storages, r.ends}, "name ends": {r.ends, r.names},
			"names": {r.names, r.heap}, "heap": {r.heap, r.head},
		} {
			if at[0] < at[1] {
				mid := (at[0] + at[1]) / 2
				hits = append(hits, hit{fmt.Sprintf("%s of run %d", what, i), mid, mid + 1, nil, nil})
			}
		}
		if r.journal {
			hits = append(hits, hit{fmt.Sprintf("journal run %d", i), r.begin, r.head + r.length, nil, nil})
		}
	}
	// All runs of catalogs at once, all journal runs at once, all trailers, all
	// that is in pairs.
	each := func(name string, pick func(r *scanRun) bool, trailers bool) {
		var holes [][2]int64
		for _, r := range l.runs {
			if pick(r) {
				holes = append(holes, [2]int64{r.begin, r.head + r.length})
			}
		}
		for _, at := range l.trailers {
			if trailers {
				holes = append(holes, [2]int64{at, at + 128})
			}
		}
		hits = append(hits, hit{name: name, more: holes})
	}
	each("all trailers", func(*scanRun) bool { return false }, true)
	each("all journal runs", func(r *scanRun) bool { return r.journal }, false)
	each("all catalogs", func(r *scanRun) bool { return !r.journal }, false)
	each("all catalogs and trailers", func(r *scanRun) bool { return !r.journal }, true)
	each("all journal runs and trailers", func(r *scanRun) bool { return r.journal }, true)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
	defer f.Close()
	for x, err := range f.Tensors() {
		ok(t, err)
		if st := x.Storage(); st.Size > 0 && x.Name() != "view/b" {
			h := hit{x.Name(), st.Offset + st.Size/2, st.Offset + st.Size/2 + 1, []string{x.Name()}, nil}
			if x.Name() == "view/a" {
				h.lost = []string{"view/a", "view/b"}
			}
			hits = append(hits, h)
		}
	}
	large := must(f.Tensor("large"))(t).Storage()
	hits = append(hits,
		hit{"last block", large.Offset + large.Size - 1, large.Offset + large.Size, []string{"large"}, nil},
		hit{"block sums", (large.Offset + large.Size + 63) &^ 63, (large.Offset+large.Size+63)&^63 + 8, []string{"large"}, nil})
	checked := 0
	least := 150
	if raceBuild {
		least /= 3
	}
	for i, h := range hits {
		if raceBuild && i%3 != 0 {
			continue
		}
		d := bytes.Clone(b)
		for _, at := range append(h.more, [2]int64{h.begin, h.end}) {
			for i := at[0]; i < at[1]; i++ {
				d[i] ^= 0x5a
			}
		}
		checked++
		scanned := intact(d, uuid)
		got, rep, err := rescue(t, d)
		if err != nil {
			t.Errorf("%s: %v", h.name, err)
			continue
		}
		want := maps.Clone(whole)
		var lost []string
		for _, x := range rep.Lost {
			lost = append(lost, x.Name)
		}
		if !slices.Equal(lost, h.lost) {
			t.Errorf("%s: lost %q, want %q", h.name, lost, h.lost)
		}
		for _, name := range h.lost {
			delete(want, name)
		}
		sameKept(t, h.name, got, want)
		sameKept(t, h.name+" by an independent scan", got, scanned)
		if len(rep.Damage)+len(rep.Lost) == 0 && !strings.HasPrefix(h.name, "trailer") && !strings.HasPrefix(h.name, "run head") && !strings.Contains(h.name, "journal run") {
			t.Errorf("%s: nothing is reported", h.name)
		}
	}
	// The whole index: everything that is no payload and no journal.
	d := bytes.Clone(b)
	clear(d[:12288])
	for _, at := range l.trailers {
		clear(d[at : at+128])
	}
	for _, r := range l.runs {
		if !r.journal {
			clear(d[r.begin : r.head+r.length])
		}
	}
	got, rep, err := rescue(t, d)
	ok(t, err)
	sameKept(t, "no index", got, whole)
	sameKept(t, "no index, by an independent scan", got, intact(d, uuid))
	if rep.Whole || len(rep.Lost) > 0 {
		t.Errorf("%+v", rep)
	}
	// Everything at once: names and descriptions are gone, and nothing is made up.
	for _, r := range l.runs {
		clear(d[r.begin : r.head+r.length])
	}
	if _, _, err := rescue(t, d); len(intact(d, uuid)) != 0 {
		t.Error("the scan finds something in nothing")
	} else {
		wantErr(t, err, tensorfile.ErrCorrupt)
	}
	t.Logf("%d structures destroyed in turn, of %d runs and %d trailers", checked, len(l.runs), len(l.trailers))
	if checked < least {
		t.Error("too few")
	}
}

// Whatever is broken, what is recovered is what an independent scan of the
// bytes finds intact.
func TestRecoverRandomDamage(t *testing.T) {
	b := damagedFile(t)
	uuid := [16]byte(b[16:32])
	n := 200
	if testing.Short() || raceBuild {
		n = 40
	}
	l := scanLayoutOf(b, uuid)
	places := []int64{0, 4096, 8192}
	places = append(places, l.trailers...)
	for _, r := range l.runs {
		places = append(places, r.begin, r.head)
	}
	total, none, hurt, missing := 0, 0, 0, 0
	for seed := range n {
		rng := rand.New(rand.NewPCG(uint64(seed), 99))
		d := bytes.Clone(b)
		var what []string
		for range 1 + rng.IntN(6) {
			at := rng.IntN(len(d))
			if rng.IntN(3) > 0 { // structures are small in a large file
				at = int(places[rng.IntN(len(places))]) + rng.IntN(4096)
			}
			size := 1 << rng.IntN(14)
			end := min(at+size, len(d))
			what = append(what, fmt.Sprintf("[%d, %d)", at, end))
			for i := at; i < end; i++ {
				d[i] = byte(rng.Uint32()) * byte(seed&1)
			}
		}
		if rng.IntN(5) == 0 {
			d = d[:rng.IntN(len(d))]
			what = append(what, fmt.Sprint("cut to ", len(d)))
		}
		want := intact(d, uuid)
		got, rep, err := rescue(t, d)
		name := fmt.Sprintf("seed %d, %v", seed, what)
		if err != nil {
			wantErr(t, err, tensorfile.ErrCorrupt)
			none++
		} else if rep.UUID != fmt.Sprint(format.UUID(uuid)) {
			t.Errorf("%s: UUID %s", name, rep.UUID)
		}
		sameKept(t, name, got, want)
		total += len(got)
		if len(got) < 69 {
			hurt++
			missing += 69 - len(got)
		}
	}
	t.Logf("%d damages: %d tensors recovered, %d lost in %d files, in %d files nothing", n, total, missing, hurt, none)
	if total < 30*n || hurt < n/5 {
		t.Errorf("want %d recovered and %d files that lost something", 30*n, n/5)
	}
}

// A file that was cut anywhere gives what lies before the cut and is described
// there.
func TestRecoverCut(t *testing.T) {
	b := damagedFile(t)
	uuid := [16]byte(b[16:32])
	l := scanLayoutOf(b, uuid)
	var cuts []int64
	for _, r := range l.runs {
		cuts = append(cuts, r.begin, r.begin+1, r.head, r.head+50, r.head+r.length-1, r.head+r.length)
	}
	for _, at := range l.trailers {
		cuts = append(cuts, at, at+1, at+127, at+128)
	}
	cuts = append(cuts, 0, 1, 64, 4096, 12288, 12289, 1<<20)
	for i := range 20 {
		cuts = append(cuts, int64(i*len(b)/20))
	}
	whole := 0
	for _, n := range cuts {
		d := b[:n]
		want := intact(d, uuid)
		got, rep, err := rescue(t, d)
		sameKept(t, fmt.Sprint("cut to ", n), got, want)
		if err == nil && rep.Tensors >= 66 {
			whole++
		}
		// Once its journal is on the disk, nothing of a commit is lost.
		if first := l.runs[0]; n >= first.head+first.length && (err != nil || rep.Tensors < 60) {
			t.Errorf("cut to %d: %v, %+v", n, err, rep)
		}
	}
	if whole < 20 {
		t.Errorf("%d of %d cuts lost nothing", whole, len(cuts))
	}
}

// What was never acknowledged is told apart, unless it is asked for.
func TestRecoverUnacknowledged(t *testing.T) {
	b := damagedFile(t)
	l := scanLayoutOf(b, [16]byte(b[16:32]))
	d := bytes.Clone(b)
	// The newest commit is in no slot and in no trailer, as before its barrier.
	for _, at := range []int64{4096, 8192} {
		copy(d[at:at+128], b[l.trailers[3]:])
	}
	clear(d[l.trailers[4] : l.trailers[4]+128])
	got, rep, err := rescue(t, d)
	ok(t, err)
	if _, there := got["last"]; there || rep.Generation != 4 || !slices.Equal(rep.Unacknowledged, []string{"last"}) || !rep.Whole || len(rep.Lost) > 0 {
		t.Errorf("%+v", rep)
	}
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	ok(t, os.WriteFile(path, d, 0o600))
	rep = must(tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{Unacknowledged: true, DryRun: true}))(t)
	if rep.Generation != 5 || rep.Tensors != 68 || len(names(t, dir)) != 1 {
		t.Errorf("%+v", rep)
	}
	must(tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{Unacknowledged: true}))(t)
	if _, ok := recovered(t, dst)["last"]; !ok {
		t.Error("not recovered")
	}
	// Equal input gives equal output, and nothing is replaced unasked.
	first := must(os.ReadFile(dst))(t)
	_, err = tensorfile.Recover(ctx, path, dst, nil)
	wantErr(t, err, tensorfile.ErrExists)
	must(tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{Unacknowledged: true, Overwrite: true}))(t)
	if !bytes.Equal(first, must(os.ReadFile(dst))(t)) {
		t.Error("two recoveries differ")
	}
	_, err = tensorfile.Recover(ctx, path, path, &tensorfile.RecoverOptions{Overwrite: true})
	wantErr(t, err, tensorfile.ErrPath)
	_, err = tensorfile.Recover(ctx, filepath.Join(dir, "none"), dst, nil)
	wantErr(t, err, tensorfile.ErrIO)
	ok(t, os.WriteFile(path, bytes.Repeat([]byte("no tensors here "), 5000), 0o600))
	_, err = tensorfile.Recover(ctx, path, filepath.Join(dir, "c"), nil)
	wantErr(t, err, tensorfile.ErrCorrupt, "no run")
}

// A run that lies in a payload, forged or copied there, is data.
func TestRecoverIgnoresPayloads(t *testing.T) {
	trap := make([]byte, 8192)
	im := forge.Build(false, forge.Gen{Journal: true, Tensors: []forge.Tensor{u8("good", 1, 4), u8("trap", 2, 8192)},
		Storages: []forge.Storage{{ID: 1, Data: []byte("good")}, {ID: 2, Data: trap}}})
	at := im.Gens[0].Payloads[1]
	evil := format.TensorRecord{Name: "evil", Kind: format.KindDense, DType: tensor.U8, Shape: tensor.Shape{4}, Strides: tensor.Strides{1}, Storage: 1, Generation: 1}
	b, _, err := format.AppendRun(nil, []format.TensorRecord{evil}, nil, format.RunParams{UUID: forge.UUID, Generation: 1, Begin: at, NextID: 9})
	ok(t, err)
	im.Put(at, string(b)).Seal()
	for _, index := range []bool{true, false} {
		d := bytes.Clone(im.B)
		if !index {
			clear(d[:12288])
			g := im.Gens[0]
			clear(d[g.Run.Body : g.Run.Head+g.Run.Len])
			clear(d[g.Trailer:])
		}
		got, rep, err := rescue(t, d)
		ok(t, err)
		if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, []string{"good", "trap"}) {
			t.Errorf("%q, %+v", keys, rep)
		}
	}
}

// A composite is recovered with all of its parts or not at all.
func TestRecoverComposite(t *testing.T) {
	comp := func(name string) forge.Tensor {
		return forge.Tensor{Name: name, Kind: 2, Layout: 2, DType: forge.U8, Shape: []uint64{5, 5}, Strides: []int64{0, 0}}
	}
	im := forge.Build(false, forge.Gen{Journal: true, Tensors: []forge.Tensor{
		comp("a"), u8("a\x00indices", 1, 4), u8("a\x00indptr", 3, 6), u8("a\x00values", 2, 4),
		comp("b"), u8("b\x00indices", 3, 4), u8("b\x00indptr", 3, 6), u8("b\x00values", 3, 4), u8("c", 2, 2),
		comp("d"), u8("d\x00indices", 3, 4), u8("d\x00values", 3, 4), // whose pointers are gone
	}, Storages: []forge.Storage{{ID: 1, Data: []byte("abcd")}, {ID: 2, Data: []byte("efgh")}, {ID: 3, Data: []byte{0, 1, 2, 3, 4, 4}}}})
	d := bytes.Clone(im.B)
	d[im.Gens[0].Payloads[0]] ^= 1
	clear(d[:4096])
	_, rep, err := rescueDense(t, d)
	ok(t, err)
	if rep.Tensors != 2 || rep.Storages != 2 || len(rep.Lost) != 2 || rep.Lost[0].Name != "a" || !strings.Contains(rep.Lost[0].Err.Error(), "indices") {
		t.Errorf("%+v", rep)
	}
	if rep.Lost[1].Name != "d" || !isRule(rep.Lost[1].Err, tensorfile.ErrFormat, format.RuleLayoutPart) {
		t.Errorf("%+v", rep.Lost)
	}
}

// Checksums hold of indices that their writer got wrong, and so they are kept: what
// else the tensor holds is worth having, and Verify says what is wrong, as before.
func TestRecoverKeepsWrongIndices(t *testing.T) {
	im := forge.Build(false, forge.Gen{Journal: true, Tensors: []forge.Tensor{
		{Name: "a", Kind: 2, Layout: 2, DType: forge.U8, Shape: []uint64{5, 5}, Strides: []int64{0, 0}},
		u8("a\x00indices", 1, 4), u8("a\x00indptr", 3, 6), u8("a\x00values", 2, 4),
	}, Storages: []forge.Storage{{ID: 1, Data: []byte{0, 1, 2, 5}}, {ID: 2, Data: []byte("efgh")}, {ID: 3, Data: []byte{0, 1, 2, 3, 4, 4}}}})
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "wrong"), filepath.Join(dir, "out")
	ok(t, os.WriteFile(path, im.B, 0o444))
	rep, err := tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{NoSync: true})
	ok(t, err)
	if rep.Tensors != 1 || rep.Storages != 3 || len(rep.Damage)+len(rep.Lost) != 0 {
		t.Errorf("%+v", rep)
	}
	for _, p := range []string{path, dst} {
		f, err := tensorfile.Open(p, nil)
		ok(t, err)
		v, err := f.Verify(ctx, nil)
		ok(t, err)
		if len(v.Findings) != 1 || !isRule(v.Findings[0], tensorfile.ErrCorrupt, format.RuleLayoutIndex) {
			t.Errorf("%s: %v", p, v.Findings)
		}
		f.Close()
	}
}

// rescueDense recovers and returns the names of the tensors.
func rescueDense(t testing.TB, b []byte) ([]string, *tensorfile.RecoverReport, error) {
	t.Helper()
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "damaged"), filepath.Join(dir, "out")
	ok(t, os.WriteFile(path, b, 0o444))
	rep, err := tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{NoSync: true})
	if err != nil {
		return nil, nil, err
	}
	f := verified(t, dst, nil)
	defer f.Close()
	var list []string
	for name, err := range f.Names() {
		ok(t, err)
		list = append(list, name)
	}
	return list, rep, nil
}
