package tensorfile_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// compositeLife is a file of composites to which rows are appended, and which
// are replaced, renamed and deleted.
type compositeLife struct {
	t     *testing.T
	rng   *rand.Rand
	fs    *crashfs.FS
	now   map[string]tableau
	past  []map[string]tableau // by generation, from 1
	names int
}

// tableau is what a composite holds, row by row: what of a csr matrix, of sorted
// coo, of ragged rows and of strings can be told alike.
type tableau struct {
	layout uint16
	rows   [][]int32 // csr and coo: pairs of column and value; ragged: values; string: characters
}

const compositeWidth = 50

// composite is the tableau in memory.
func (x tableau) composite(t testing.TB) tensorfile.Composite {
	n := int64(len(x.rows))
	ptr, idx, coo, val := []int64{0}, []int32{}, []int32{}, []int32{}
	var text []byte
	longest := int64(0)
	for r, row := range x.rows {
		switch x.layout {
		case format.LayoutCSR, format.LayoutCOO:
			for i := 0; i < len(row); i += 2 {
				idx, val, coo = append(idx, row[i]), append(val, row[i+1]), append(coo, int32(r), row[i])
			}
			ptr = append(ptr, int64(len(idx)))
		case format.LayoutRagged:
			val = append(val, row...)
			ptr = append(ptr, int64(len(val)))
			longest = max(longest, int64(len(row)))
		case format.LayoutString:
			for _, c := range row {
				text = append(text, string(c)...)
			}
			ptr = append(ptr, int64(len(text)))
		}
	}
	pointers := vec(t, nil, ptr...)
	switch x.layout {
	case format.LayoutCSR:
		return tensorfile.Composite{Layout: x.layout, Flags: sortedUnique, DType: tensor.I32, Shape: tensor.Shape{n, compositeWidth}, Parts: parts{{Role: "indptr", View: pointers}, {Role: "indices", View: vec(t, nil, idx...)}, {Role: "values", View: vec(t, nil, val...)}}}
	case format.LayoutCOO:
		return tensorfile.Composite{Layout: x.layout, Flags: sortedUnique, DType: tensor.I32, Shape: tensor.Shape{n, compositeWidth}, Parts: parts{{Role: "indices", View: vec(t, tensor.Shape{int64(len(idx)), 2}, coo...)}, {Role: "values", View: vec(t, nil, val...)}}}
	case format.LayoutRagged:
		return tensorfile.Composite{Layout: x.layout, DType: tensor.I32, Shape: tensor.Shape{n, longest}, Parts: parts{{Role: "offsets", View: pointers}, {Role: "values", View: vec(t, nil, val...)}}}
	}
	return tensorfile.Composite{Layout: x.layout, Shape: tensor.Shape{n}, Parts: parts{{Role: "offsets", View: pointers}, {Role: "bytes", View: vec(t, nil, text...)}}}
}

// tableauOf tells what a composite holds.
func tableauOf(c tensorfile.Composite) (x tableau, err error) {
	x.layout = c.Layout
	x.rows = make([][]int32, c.Shape[0])
	numbers := func(role string) []int32 {
		var list []int32
		if err == nil {
			var v tensor.View
			if v, err = c.Part(role).View.Cast(tensor.I32); err == nil && v.NumElements() > 0 {
				list, err = tensor.Data[int32](v)
			}
		}
		return list
	}
	if c.Layout == format.LayoutCOO {
		val := numbers("values")
		for i, list := 0, numbers("indices"); i < len(list) && err == nil; i += 2 {
			x.rows[list[i]] = append(x.rows[list[i]], list[i+1], val[i/2])
		}
		return x, err
	}
	var ptr, idx, val []int32
	switch c.Layout {
	case format.LayoutCSR:
		ptr, idx, val = numbers("indptr"), numbers("indices"), numbers("values")
	case format.LayoutRagged:
		ptr, val = numbers("offsets"), numbers("values")
	default:
		ptr, val = numbers("offsets"), numbers("bytes")
	}
	for r := range x.rows {
		if err != nil {
			break
		}
		a, b := ptr[r], ptr[r+1]
		switch c.Layout {
		case format.LayoutCSR:
			for i := a; i < b; i++ {
				x.rows[r] = append(x.rows[r], idx[i], val[i])
			}
		case format.LayoutString:
			var text []byte
			for _, c := range val[a:b] {
				text = append(text, byte(c))
			}
			for _, c := range string(text) {
				x.rows[r] = append(x.rows[r], c)
			}
		default:
			x.rows[r] = slices.Clone(val[a:b])
		}
	}
	return x, err
}

func (x tableau) equal(y tableau) bool {
	return x.layout == y.layout && slices.EqualFunc(x.rows, y.rows, func(a, b []int32) bool { return slices.Equal(a, b) })
}

// fresh makes rows of a layout that no other has.
func (l *compositeLife) fresh(layout uint16, rows int) tableau {
	x := tableau{layout: layout, rows: make([][]int32, rows)}
	for r := range x.rows {
		switch layout {
		case format.LayoutCSR, format.LayoutCOO:
			for c := l.rng.Int32N(20); c < compositeWidth; c += 1 + l.rng.Int32N(20) {
				x.rows[r] = append(x.rows[r], c, int32(l.rng.Uint32()))
			}
		case format.LayoutRagged:
			for range l.rng.IntN(6) {
				x.rows[r] = append(x.rows[r], int32(l.rng.Uint32()))
			}
		default:
			for range l.rng.IntN(9) {
				x.rows[r] = append(x.rows[r], 'a'+l.rng.Int32N(2000))
			}
		}
	}
	return x
}

func (l *compositeLife) commit(w *tensorfile.Writer) {
	l.t.Helper()
	l.past = append(l.past, maps.Clone(l.now))
	l.fs.Mark(ack{uint64(len(l.past)), false})
	ok(l.t, w.Commit(ctx))
	l.fs.Mark(ack{uint64(len(l.past)), true})
}

func (l *compositeLife) change(w *tensorfile.Writer) {
	l.t.Helper()
	names := slices.Sorted(maps.Keys(l.now))
	name := names[l.rng.IntN(len(names))]
	x := l.now[name]
	switch k := l.rng.IntN(8); {
	case k == 0:
		y := l.fresh(x.layout, 1+l.rng.IntN(30))
		ok(l.t, w.AddComposite(ctx, name, y.composite(l.t), &tensorfile.TensorOptions{Replace: true, Chunk: tensor.Shape{16}}))
		l.now[name] = y
	case k == 1:
		l.names++
		to := fmt.Sprintf("%s %d", name, l.names)
		ok(l.t, w.Rename(name, to))
		delete(l.now, name)
		l.now[to] = x
	case k == 2 && len(names) > 3:
		ok(l.t, w.Delete(name))
		delete(l.now, name)
	default:
		y := l.fresh(x.layout, 1+l.rng.IntN(9))
		_, err := w.AppendComposite(ctx, name, y.composite(l.t), nil)
		ok(l.t, err)
		l.now[name] = tableau{x.layout, slices.Concat(x.rows, y.rows)}
	}
}

func newCompositeLife(t *testing.T, seed uint64) *compositeLife {
	l := &compositeLife{t: t, rng: rand.New(rand.NewPCG(seed, 8)), fs: crashfs.New(), now: map[string]tableau{}}
	w := must(tensorfile.Create(crashFile, tensorfile.CreateOptions{}.On(l.fs)))(t)
	how := map[uint16]*tensorfile.TensorOptions{
		format.LayoutCSR: {Chunk: tensor.Shape{8}, Codec: "zstd"}, format.LayoutCOO: {Chunk: tensor.Shape{5}}, format.LayoutRagged: nil, format.LayoutString: {Codec: "lz4"},
	}
	for _, layout := range slices.Sorted(maps.Keys(how)) {
		x, o := l.fresh(layout, 20), how[layout]
		ok(t, w.AddComposite(ctx, format.LayoutName(layout), x.composite(t), o))
		l.now[format.LayoutName(layout)] = x
	}
	l.commit(w)
	ok(t, w.Close())
	for range 1 + l.rng.IntN(2) {
		w := must(tensorfile.OpenAppend(crashFile, tensorfile.AppendOptions{}.On(l.fs)))(t)
		for range 1 + l.rng.IntN(3) {
			for range 1 + l.rng.IntN(3) {
				l.change(w)
			}
			l.commit(w)
		}
		if l.rng.IntN(3) == 0 {
			before := maps.Clone(l.now)
			l.change(w)
			l.now = before // never committed
		}
		ok(t, w.Close())
	}
	return l
}

// check demands of a state of the disk the last acknowledged generation, or the
// one in commit, whole: every composite with all its parts of that generation.
func (l *compositeLife) check(c crashfs.Crash) error {
	var acked, begun uint64
	for _, m := range c.Marks {
		if a := m.(ack); a.done {
			acked = a.generation
		} else {
			begun = a.generation
		}
	}
	b, there := c.Files[crashFile]
	if !there {
		if acked > 0 {
			return fmt.Errorf("the file is gone, generation %d was acknowledged", acked)
		}
		return nil
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), &tensorfile.OpenOptions{ReadWorkers: 1, Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return err
	}
	defer f.Close()
	g := f.Info().Generation
	if g < acked || g > begun {
		return fmt.Errorf("generation %d, acknowledged %d, begun %d", g, acked, begun)
	}
	for name, want := range l.past[g-1] {
		x, err := f.Tensor(name)
		if err != nil {
			return err
		}
		c, err := x.ReadComposite(ctx)
		if err != nil {
			return err
		}
		have, err := tableauOf(c)
		if err != nil {
			return err
		}
		if !have.equal(want) {
			return fmt.Errorf("generation %d: composite %q holds something else", g, name)
		}
	}
	if n, err := f.Len(); err != nil || n != len(l.past[g-1]) {
		return fmt.Errorf("generation %d: %d tensors, want %d (%v)", g, n, len(l.past[g-1]), err)
	}
	return nil
}

// Whenever the power fails while rows are appended to composites, while they are
// replaced, renamed or deleted, no part is there without the others.
func TestCompositeCrashes(t *testing.T) {
	lives, limit := 8, 6000
	if testing.Short() {
		lives, limit = 3, 2000
	}
	states, ends, went := 0, 0, 0
	for seed := range lives {
		l := newCompositeLife(t, uint64(seed))
		bad, last := 0, false
		l.fs.Crashes(nil, crashfs.Options{Max: limit, Seed: uint64(seed), Thin: 2, Torn: 1}, func(c crashfs.Crash) bool {
			last = last || len(c.Marks) == 2*len(l.past)
			if err := l.check(c); err != nil {
				t.Errorf("life %d, before operation %d, %s: %v", seed, c.Op, c.What(), err)
				bad++
			}
			if states++; states%307 == 0 && c.Files[crashFile] != nil {
				l.goOn(c.Files[crashFile])
				went++
			}
			return bad < 3
		})
		if last {
			ends++
		}
	}
	t.Logf("%d states of %d lives, %d walked to the end, %d gone on from", states, lives, ends, went)
	if states < 500*lives || ends == 0 || went == 0 {
		t.Error("too few states")
	}
}

// goOn appends to what a crash left and demands a sound file.
func (l *compositeLife) goOn(b []byte) {
	l.t.Helper()
	fs := crashfs.From(map[string][]byte{crashFile: b})
	w := must(tensorfile.OpenAppend(crashFile, tensorfile.AppendOptions{}.On(fs)))(l.t)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(l.t)
	defer f.Close()
	want := map[string]tableau{}
	for name, x := range l.past[f.Info().Generation-1] {
		y := l.fresh(x.layout, 4)
		_, err := w.AppendComposite(ctx, name, y.composite(l.t), nil)
		ok(l.t, err)
		want[name] = tableau{x.layout, slices.Concat(x.rows, y.rows)}
	}
	ok(l.t, w.Commit(ctx))
	ok(l.t, w.Close())
	b = fs.Files()[crashFile]
	g := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(l.t)
	defer g.Close()
	for name, x := range want {
		have, err := tableauOf(must(must(g.Tensor(name))(l.t).ReadComposite(ctx))(l.t))
		ok(l.t, err)
		if !have.equal(x) {
			l.t.Errorf("after a crash: composite %q holds something else", name)
		}
	}
}
