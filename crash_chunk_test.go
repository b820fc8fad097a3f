package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// chunkLife is a file of tensors in chunks that grow and are rewritten.
type chunkLife struct {
	t    *testing.T
	rng  *rand.Rand
	fs   *crashfs.FS
	now  map[string]tensor.View
	past []map[string]tensor.View // by generation, from 1
}

func (l *chunkLife) numbers(rows int64) tensor.View {
	v := must(tensor.Make(tensor.I32, tensor.Shape{rows, 3}))(l.t)
	for i, b := 0, v.Span(); i < len(b); i++ {
		if l.rng.IntN(3) > 0 {
			b[i] = byte(l.rng.Uint32())
		}
	}
	return v
}

func (l *chunkLife) commit(w *tensorfile.Writer) {
	l.t.Helper()
	m := map[string]tensor.View{}
	for k, v := range l.now {
		m[k] = v
	}
	l.past = append(l.past, m)
	l.fs.Mark(ack{uint64(len(l.past)), false})
	ok(l.t, w.Commit(ctx))
	l.fs.Mark(ack{uint64(len(l.past)), true})
}

// change appends rows to a tensor or rewrites some of them.
func (l *chunkLife) change(w *tensorfile.Writer) {
	l.t.Helper()
	name := []string{"packed", "raw", "plain"}[l.rng.IntN(3)]
	v := l.now[name]
	if name != "plain" && l.rng.IntN(3) == 0 {
		a := l.rng.Int64N(v.Shape()[0])
		b := a + 1 + l.rng.Int64N(min(4, v.Shape()[0]-a))
		sel := must(tensor.ParseSelection(fmt.Sprintf("%d:%d", a, b)))(l.t)
		part := l.numbers(b - a)
		_, err := w.WriteRegion(ctx, name, sel, part, nil)
		ok(l.t, err)
		c := must(v.Clone())(l.t)
		ok(l.t, tensor.Copy(must(c.Select(sel))(l.t), part))
		l.now[name] = c
		return
	}
	rows := l.numbers(1 + l.rng.Int64N(9))
	_, err := w.Append(ctx, name, rows, nil)
	ok(l.t, err)
	l.now[name] = behind(l.t, v, rows)
}

func newChunkLife(t *testing.T, seed uint64) *chunkLife {
	l := &chunkLife{t: t, rng: rand.New(rand.NewPCG(seed, 7)), fs: crashfs.New(), now: map[string]tensor.View{}}
	w := must(tensorfile.Create(crashFile, tensorfile.CreateOptions{}.On(l.fs)))(t)
	for name, o := range map[string]*tensorfile.TensorOptions{
		"packed": {Chunk: tensor.Shape{4, 3}, Codec: "shuffle|zstd"}, "raw": {Chunk: tensor.Shape{1, 2}}, "plain": nil,
	} {
		l.now[name] = l.numbers(150)
		ok(t, w.Add(ctx, name, l.now[name], o))
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
			before := map[string]tensor.View{}
			for k, v := range l.now {
				before[k] = v
			}
			l.change(w)
			l.now = before // never committed
		}
		ok(t, w.Close())
	}
	return l
}

// check demands of a state of the disk the last acknowledged generation, or the
// one in commit, whole.
func (l *chunkLife) check(c crashfs.Crash) error {
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
		v, err := x.Read(ctx)
		if err != nil {
			return err
		}
		if same, err := tensor.Equal(v, want); err != nil || !same {
			return fmt.Errorf("generation %d: tensor %q holds something else", g, name)
		}
	}
	return nil
}

// Whenever the power fails while rows are appended or chunks rewritten, the
// file holds a generation whole, and a writer goes on from there.
func TestChunkCrashes(t *testing.T) {
	lives, limit := 12, 20_000
	if testing.Short() {
		lives, limit = 3, 4000
	}
	if raceBuild {
		lives = 1
	}
	states, went, ends := 0, 0, 0
	for seed := range lives {
		l := newChunkLife(t, uint64(seed))
		bad := 0
		last := 0
		l.fs.Crashes(nil, crashfs.Options{Max: limit, Seed: uint64(seed), Thin: 2, Torn: 1}, func(c crashfs.Crash) bool {
			if n := len(c.Marks); n == 2*len(l.past) {
				last++
			}
			if err := l.check(c); err != nil {
				t.Errorf("life %d, before operation %d, %s: %v", seed, c.Op, c.What(), err)
				bad++
			}
			if states++; states%211 == 0 && c.Files[crashFile] != nil {
				l.goOn(c.Files[crashFile])
				went++
			}
			return bad < 3
		})
		if last > 0 {
			ends++
		}
	}
	t.Logf("%d states of %d lives, %d walked to the end, %d gone on from", states, lives, ends, went)
	if states < 500*lives || went == 0 || ends == 0 {
		t.Error("too few states")
	}
}

// goOn appends to what a crash left and demands a sound file.
func (l *chunkLife) goOn(b []byte) {
	l.t.Helper()
	fs := crashfs.From(map[string][]byte{crashFile: b})
	w := must(tensorfile.OpenAppend(crashFile, tensorfile.AppendOptions{}.On(fs)))(l.t)
	rows := l.numbers(5)
	for _, name := range []string{"packed", "raw", "plain"} {
		_, err := w.Append(ctx, name, rows, nil)
		ok(l.t, err)
	}
	ok(l.t, w.Commit(ctx))
	ok(l.t, w.Close())
	b = fs.Files()[crashFile]
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(l.t)
	defer f.Close()
	for _, err := range must(f.Verify(ctx, nil))(l.t).Findings {
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Rule != format.RuleControlZero { // behind a record that was torn
			l.t.Fatalf("after a crash: %v", err)
		}
	}
	last := must(tensor.ParseSelection("-5:"))(l.t)
	sameView(l.t, "appended rows", must(must(f.Tensor("packed"))(l.t).Read(ctx, last))(l.t), rows)
}
