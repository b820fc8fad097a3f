//go:build unix

package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// tensorText tells tensors apart.
func tensorText(d tensor.DType, s tensor.Shape, a tensorfile.Attrs, b []byte) string {
	if len(a) == 0 {
		a = nil
	}
	return fmt.Sprintf("%v %v %v %d %08x", d, s, map[string]any(a), len(b), crc32.ChecksumIEEE(b))
}

// someBytes is n bytes that depend on seed.
func someBytes(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + seed*31 + 1)
	}
	return b
}

func bytesText(b []byte, a tensorfile.Attrs) string {
	return tensorText(tensor.U8, tensor.Shape{int64(len(b))}, a, b)
}

// step is a call of a writer, and what it does to the holding. A step without
// do is a commit.
type step struct {
	what string
	do   func(w *tensorfile.Writer) error
	to   func(c holding)
}

var commitStep = step{what: "commit"}

func addStep(name string, n, seed int, replace bool) step {
	b := someBytes(n, seed)
	return step{"add " + name, func(w *tensorfile.Writer) error {
		v, err := tensor.FromSlice(b)
		if err != nil {
			return err
		}
		return w.Add(ctx, name, v, &tensorfile.TensorOptions{Replace: replace})
	}, func(c holding) { c[name] = bytesText(b, nil) }}
}

func deleteStep(name string) step {
	return step{"delete " + name, func(w *tensorfile.Writer) error { return w.Delete(name) }, func(c holding) { delete(c, name) }}
}

func renameStep(name, to string) step {
	return step{"rename " + name, func(w *tensorfile.Writer) error { return w.Rename(name, to) }, func(c holding) {
		c[to] = c[name]
		delete(c, name)
	}}
}

func copyStep(name, to string) step {
	return step{"copy " + name, func(w *tensorfile.Writer) error { return w.CopyTensor(name, to) }, func(c holding) { c[to] = c[name] }}
}

func attrsStep(a tensorfile.Attrs) step {
	return step{"attributes", func(w *tensorfile.Writer) error { return w.SetAttrs(a) }, func(c holding) { c[""] = fmt.Sprint(a) }}
}

const faultPath = "dir/x.tensor"

// baseFile is a file of two generations, whose catalog has several pages.
func baseFile(t *testing.T) ([]byte, holding) {
	t.Helper()
	fs := crashfs.New()
	c := holding{}
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	apply := func(s step) {
		ok(t, s.do(w))
		s.to(c)
	}
	for i := range 120 {
		apply(addStep(fmt.Sprintf("layer.%03d.weight with a name of some length", i), 20+i, i, false))
	}
	for i, name := range []string{"a", "b", "c", "d"} {
		apply(addStep(name, 500+i*3000, 200+i, false))
	}
	apply(attrsStep(tensorfile.Attrs{"title": "one"}))
	ok(t, w.Commit(ctx))
	w = must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(1, 0)}).On(fs)))(t)
	apply(addStep("e", 5000, 300, false))
	apply(deleteStep("layer.007.weight with a name of some length"))
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	return fs.Files()[faultPath], c
}

// editCase is one edit of a file, of several commits.
type editCase struct {
	base   []byte
	length int // that is committed
	gen    uint64
	start  holding
	steps  []step
	mends  bool // the base is what a crash left
	done   []byte
}

// run edits the file over a fault and checks everything that is promised.
func (e *editCase) run(t *testing.T, fault faultfs.Fault, ref *faultfs.FS, c *faultCount) *faultfs.FS {
	under := crashfs.From(map[string][]byte{faultPath: e.base})
	f := faultfs.New(under, fault)
	file := func() []byte { return under.Files()[faultPath] }
	acked, gen, committed := e.start, e.gen, e.base[:e.length]
	now := acked
	begun, next := gen, holding(nil) // a commit that is under way
	var at step
	opsBefore := 0 // of the step
	w, err := tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(2, 0)}).On(fsys.Steady(f)))
	if err == nil {
		now = maps.Clone(acked)
		for _, at = range e.steps {
			opsBefore = len(f.Ops())
			if at.do != nil {
				if err = at.do(w); err == nil {
					at.to(now)
				}
			} else {
				begun, next = gen+1, now
				if err = w.Commit(ctx); err == nil {
					gen, acked, committed = gen+1, now, file()
					now = maps.Clone(acked)
				}
			}
			if err != nil {
				break
			}
		}
	}
	hit, rest, fired := f.Hit()
	unknown := errors.Is(err, tensorfile.ErrCommitUnknown)
	poisoned := errors.Is(err, tensorfile.ErrPoisoned)
	switch {
	case err == nil:
	case fault.Soft(syscall.EINTR):
		t.Errorf("%s: %v", at.what, err)
	default:
		faultError(t, err, faultPath, fault, hit)
	}
	healed := false
	if w != nil {
		if err != nil {
			n := len(f.Ops())
			perr := w.Delete("there is no such tensor")
			switch {
			case errors.Is(perr, tensorfile.ErrPoisoned):
				poisoned = true
				refuses(t, w)
				editRefuses(t, w)
				if more := len(f.Ops()) - n; more > 0 {
					t.Errorf("a poisoned writer did %v", f.Ops()[n:])
				}
			case !errors.Is(perr, tensorfile.ErrNotFound) && fault.Mode != faultfs.Dead:
				t.Errorf("neither poisoned nor usable: %v", perr)
			}
			// Space that ran out before the first barrier is no end.
			synced := slices.ContainsFunc(f.Ops()[opsBefore:n], faultfs.Op.Syncs)
			if errors.Is(err, tensorfile.ErrNoSpace) && !synced && fault.Mode != faultfs.Dead && hit.Kind != "Truncate" && poisoned && !errors.Is(err, tensorfile.ErrPoisoned) {
				t.Errorf("poisoned by %v in %s, before any barrier", err, at.what)
			}
			if hit.Syncs() && !poisoned {
				t.Errorf("%s: a failed sync did not poison the writer", at.what)
			}
			if hit.Writes() && errors.Is(err, tensorfile.ErrIO) && !poisoned {
				t.Errorf("%s: a failed write did not poison the writer", at.what)
			}
			if !poisoned && at.what != "" {
				// It goes on from the last commit, or with all that it was told.
				if at.do == nil || hit.Writes() {
					now = maps.Clone(acked)
				}
				f.Heal()
				healed = true
				more := addStep("after the fault", 100, 999, false)
				if err := more.do(w); err != nil {
					t.Errorf("it does not go on: %v", err)
				}
				if err := w.Commit(ctx); err != nil {
					t.Errorf("it does not commit: %v", err)
				}
				more.to(now)
				if got, _, err := holdingOf(file(), 0); err == nil && !maps.Equal(got, now) && at.do != nil {
					now = maps.Clone(acked) // it took back all of it
					more.to(now)
				}
				gen, acked, committed = gen+1, now, file()
				wantHolding(t, file(), gen, acked)
			}
		}
		cerr := w.Close()
		if hit, rest, fired = f.Hit(); cerr != nil {
			var e *tensorfile.Error
			if !errors.As(cerr, &e) || e.Path != faultPath || fault.Soft(syscall.EINTR) {
				t.Errorf("close: %v", cerr)
			}
			if fault.Mode != faultfs.Dead && hit.Kind != "Close" && hit.Kind != "Truncate" {
				t.Errorf("close after %v: %v", hit, cerr)
			}
		} else if fault.Mode != faultfs.Dead && fired && hit.Kind == "Close" && len(rest) == 0 && !fault.Soft(syscall.EINTR) {
			t.Error("nobody heard of a failed close")
		}
		if err := w.Close(); err != nil {
			t.Errorf("a second close: %v", err)
		}
	}
	if fired && hit.Syncs() && !fault.Soft(syscall.EINTR) {
		for _, op := range rest {
			slot := op.Offset == 4096 || op.Offset == 8192 // is given once more for the next writer's barrier
			if op.Syncs() || op.Writes() && !slot || op.Kind == "Truncate" {
				t.Errorf("after a failed sync: %v", op)
			}
		}
	}

	// What the disk holds.
	end := file()
	if files := under.Files(); len(files) != 1 {
		t.Errorf("files: %q", slices.Sorted(maps.Keys(files)))
	}
	got, g, rerr := holdingOf(end, 0)
	switch {
	case rerr != nil:
		t.Errorf("the file: %v", rerr)
	case g == gen && maps.Equal(got, acked):
	case unknown && g == begun && maps.Equal(got, next):
	default:
		t.Errorf("generation %d, acknowledged %d, unknown %v", g, gen, unknown)
	}
	from := 0
	if unknown || e.mends {
		from = 3 * 4096 // slots
	}
	if len(end) < len(committed) || !bytes.Equal(end[from:len(committed)], committed[from:]) {
		t.Error("committed bytes changed")
	}
	if w != nil && !poisoned && fault.Mode != faultfs.Dead && hit.Kind != "Truncate" && !e.mends && len(end) != len(committed) {
		t.Errorf("%d bytes, %d committed: something was left", len(end), len(committed))
	}
	switch {
	case err != nil:
		c.failed++
		if unknown {
			c.unknown++
		}
	default:
		c.survived++
		if e.done == nil {
			e.done = end
		}
		if !healed && fault.Mode != faultfs.Dead && hit.Kind != "Truncate" && !bytes.Equal(end, e.done) {
			t.Error("other bytes than without the fault")
		}
	}
	e.goesOn(t, end, g, got)
	return f
}

// refuses checks that no call of a poisoned writer does anything.
func refuses(t *testing.T, w *tensorfile.Writer) {
	t.Helper()
	v := must(tensor.FromSlice([]byte{1, 2}))(t)
	_, serr := w.AddStorage(ctx, 4096, bytes.NewReader(make([]byte, 4096)))
	for what, err := range map[string]error{
		"Commit": w.Commit(ctx), "Add": w.Add(ctx, "new", v, nil), "AddStorage": serr, "SetAttrs": w.SetAttrs(nil),
		"AddReader": w.AddReader(ctx, "new", tensor.U8, tensor.Shape{2}, bytes.NewReader([]byte{1, 2}), nil),
		"TensorOn":  w.TensorOn(tensorfile.StorageID{}, "new", tensor.U8, tensor.Shape{0}, nil, 0, nil),
	} {
		if !errors.Is(err, tensorfile.ErrPoisoned) {
			t.Errorf("%s of a poisoned writer: %v", what, err)
		}
	}
}

// editRefuses is refuses for what only edits have.
func editRefuses(t *testing.T, w *tensorfile.Writer) {
	t.Helper()
	for what, err := range map[string]error{
		"Delete": w.Delete("a"), "Rename": w.Rename("a", "new"), "CopyTensor": w.CopyTensor("a", "new"),
		"SetTensorAttrs": w.SetTensorAttrs("a", nil), "Revert": w.Revert(1),
	} {
		if !errors.Is(err, tensorfile.ErrPoisoned) {
			t.Errorf("%s of a poisoned writer: %v", what, err)
		}
	}
}

// goesOn lets another writer go on from what a fault has left.
func (e *editCase) goesOn(t *testing.T, b []byte, gen uint64, c holding) {
	t.Helper()
	fs := crashfs.From(map[string][]byte{faultPath: b})
	w, err := tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{}).On(fs))
	if err != nil {
		t.Errorf("the next writer: %v", err)
		return
	}
	defer w.Close()
	s := addStep("of the next writer", 10, 5, false)
	ok(t, s.do(w))
	ok(t, w.Commit(ctx))
	c = maps.Clone(c)
	s.to(c)
	wantHolding(t, fs.Files()[faultPath], gen+1, c)
}

// TestFaultsEdit fails every operation of edits with every error.
func TestFaultsEdit(t *testing.T) {
	base, start := baseFile(t)
	other := must(tensorfile.OpenReaderAt(bytes.NewReader(base), int64(len(base)), nil))(t)
	defer other.Close()
	foreign := step{"copy from another file", func(w *tensorfile.Writer) error {
		x, err := other.Tensor("d")
		if err != nil {
			return err
		}
		return w.Copy(ctx, tensorfile.Item{Tensor: x, Name: "d from another file"})
	}, func(c holding) { c["d from another file"] = start["d"] }}
	shared := someBytes(3000, 77)
	onStorage := step{"tensors on a storage", func(w *tensorfile.Writer) error {
		id, err := w.AddStorage(ctx, int64(len(shared)), bytes.NewReader(shared))
		if err != nil {
			return err
		}
		return w.TensorOn(id, "s", tensor.U8, tensor.Shape{1000}, nil, 500, nil)
	}, func(c holding) { c["s"] = bytesText(shared[500:1500], nil) }}
	unit := step{"attributes of a tensor", func(w *tensorfile.Writer) error { return w.SetTensorAttrs("c", tensorfile.Attrs{"unit": "m"}) }, func(c holding) {
		c["c"] = bytesText(someBytes(500+2*3000, 202), tensorfile.Attrs{"unit": "m"})
	}}
	revert := step{"revert", func(w *tensorfile.Writer) error { return w.Revert(2) }, func(c holding) {
		clear(c)
		maps.Copy(c, start)
	}}
	steps := []step{
		addStep("new", 7000, 1, false), attrsStep(tensorfile.Attrs{"title": "two"}), commitStep,
		deleteStep("a"), renameStep("b", "b moved"), copyStep("d", "d again"), commitStep,
		addStep("c", 900, 2, true), foreign, onStorage, commitStep,
		revert, commitStep,
		unit, commitStep,
		addStep("never committed", 9000, 3, false),
	}
	large := []step{addStep("large", 2100<<10, 8, false), commitStep, addStep("given up", 2100<<10, 9, false)}
	torn := bytes.Clone(base)
	copy(torn[4096+100:], "garbage")
	torn = append(torn, someBytes(9000, 4)...)
	total := 0
	for _, c := range []struct {
		what   string
		e      editCase
		stride int
		floor  int
	}{
		{"several commits", editCase{base: base, steps: steps}, faultStride(61), 1300},
		{"large", editCase{base: base, steps: large}, faultStride(97), 400},
		{"after a crash", editCase{base: torn, steps: steps[:3], mends: true}, faultStride(41), 400},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.e.gen, c.e.start, c.e.length = 2, start, len(base)
			got := sweepFaults(t, c.stride, 1, c.e.run)
			if got.faults < c.floor/c.stride || got.survived == 0 || got.unknown == 0 && c.stride == 1 {
				t.Errorf("%v: want %d", &got, c.floor)
			}
			total += got.faults
		})
	}
	t.Logf("%d faults in edits", total)
}
