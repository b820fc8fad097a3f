package tensorfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A life is what happens to a few files on a file system in memory: writers
// that create, append, edit, repack, give up, are killed, run out of space. It
// knows at each moment what every file may hold if the power fails then.
//
// What it writes depends on its choices alone and on no salt: two lives that do
// the same make the same bytes, and their states count once.
type life struct {
	rng   *rand.Rand
	fs    *crashfs.FS
	start map[string][]byte // what was durable when the log of fs began
	may   may
	all   map[string][]*version // every content that a file was ever to have
	fills uint64
	files int

	w     *tensorfile.Writer
	name  string
	base  *version // that w started from
	now   version  // with what w has changed
	trace []string
	// young are files that opened at a generation that only the trailer at their
	// end tells: nobody had acknowledged it. A writer writes it to its slot. If
	// the power fails then, a torn write may complete the record that was there
	// before, so that both slots hold the generation before. If the writer ends
	// before it has synced the slot, the next one cannot know, and a power cut
	// may show the generation before.
	young   map[string]bool
	dry     bool // keeps no trace
	retried bool
}

// may is what files may hold: the last acknowledged version and those that were
// begun after it, oldest first. A nil version means that the file is not there.
type may map[string][]*version

// A version is one generation of a file, whole.
type version struct {
	uuid    string
	gen     uint64
	tensors map[string]content
	attr    int64 // of the file; 0: none
	prev    *version
	twins   bool // only if both slots hold it
	torn    bool // only if a slot is not sound
}

type content struct {
	data []byte
	attr int64
}

func (v *version) String() string {
	if v == nil {
		return "no file"
	}
	return fmt.Sprintf("generation %d of %.8s", v.gen, v.uuid)
}

// violation is a broken promise. It ends a life.
type violation struct{ error }

func (l *life) broken(format string, args ...any) {
	panic(violation{fmt.Errorf(format, args...)})
}

func (l *life) must(err error) {
	switch {
	case errors.Is(err, errDead):
		panic(errDead)
	case err != nil:
		l.broken("%v", err)
	}
}

func newLife(rng *rand.Rand) *life {
	l := &life{rng: rng, fs: crashfs.New(), may: may{}, all: map[string][]*version{}}
	l.mark()
	return l
}

// from begins another life with what this one's disk holds after a crash.
func (l *life) from(rng *rand.Rand, files map[string][]byte, have map[string]*version) *life {
	n := &life{rng: rng, start: files, fs: crashfs.From(files), may: may{}, all: map[string][]*version{}, fills: l.fills, files: l.files, young: map[string]bool{}}
	n.trace = append(slices.Clone(l.trace), "power failed")
	for name, list := range l.all {
		n.all[name] = slices.Clone(list)
	}
	for name := range l.may {
		v := have[name]
		if v != nil && v.torn {
			whole := *v
			whole.torn = false
			v = &whole
		}
		n.may[name] = []*version{v}
		if v != nil && v.prev != nil && !n.clean(files[name]) {
			before := *v.prev
			before.twins = true
			n.may[name] = []*version{&before, v}
			n.young[name] = true
		}
	}
	n.mark()
	return n
}

// power is a moment at which everything is durable. The log begins anew.
func (l *life) power() {
	l.start = l.fs.Files()
	l.fs = crashfs.From(l.start)
	for name := range l.may {
		l.may[name] = []*version{l.look(name)}
	}
	l.mark()
}

func (l *life) say(format string, args ...any) {
	if !l.dry {
		l.trace = append(l.trace, fmt.Sprintf(format, args...))
	}
}

func (l *life) mark() { l.fs.Mark(maps.Clone(l.may)) }

// begun says that name may hold v, too, from now on; acked that it holds v.
func (l *life) begun(name string, v *version) {
	if _, ok := l.may[name]; !ok {
		l.may[name] = []*version{nil}
	}
	l.may[name] = append(slices.Clone(l.may[name]), v)
	l.all[name] = append(l.all[name], v)
	l.mark()
}

func (l *life) acked(name string, v *version) {
	delete(l.young, name)
	l.may[name] = []*version{v}
	l.mark()
}

// undone says that v was given up before anything referred to it.
func (l *life) undone(name string, v *version) {
	l.may[name] = slices.DeleteFunc(slices.Clone(l.may[name]), func(x *version) bool { return x == v })
	l.mark()
}

// look tells what a file holds as processes see it.
func (l *life) look(name string) *version {
	data, ok := l.fs.Files()[name]
	list := l.may[name]
	if list == nil {
		list = []*version{nil} // nothing was begun
	}
	v, err := checkFile(data, ok, list, true)
	if err != nil {
		l.broken("%s as it was written: %v", name, err)
	}
	return v
}

func (l *life) chance(n int) bool { return l.rng.IntN(n) == 0 }

// data are n bytes that no other tensor of this life has.
func (l *life) data(n int) []byte {
	l.fills++
	r := rand.New(rand.NewPCG(l.fills, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32()) | 1
	}
	return b
}

func (l *life) size() int {
	switch k := l.rng.IntN(40); {
	case k < 2:
		return 0
	case k < 18:
		return 1 + l.rng.IntN(200)
	case k < 30:
		return 1 + l.rng.IntN(5000)
	case k < 35:
		return max(4096*(1+l.rng.IntN(3))+64*l.rng.IntN(5)-128, 1)
	case k < 39:
		return l.rng.IntN(16000)
	}
	return 60000 + l.rng.IntN(12000) // with the alignment of large payloads
}

var someTime = time.Unix(1e9, 0)

// create writes a new file, or gives up before Commit.
func (l *life) create(name string, tensors int, overwrite, commit bool) {
	l.files++
	l.say("create %s", name)
	w, err := tensorfile.Create(name, tensorfile.CreateOptions{Deterministic: true, Seed: []byte{byte(l.files)}, Overwrite: overwrite, Time: someTime}.On(l.fs))
	l.must(err)
	l.w, l.name, l.base, l.now = w, name, nil, version{gen: 1, tensors: map[string]content{}}
	for range tensors {
		l.add(false)
	}
	if !commit {
		l.say("give up")
		l.must(w.Close())
		l.w = nil
		return
	}
	v := l.now
	v.uuid = w.UUID()
	l.begun(name, &v)
	l.must(w.Commit(ctx))
	l.acked(name, &v)
	l.must(w.Close())
	l.w = nil
}

// stream makes a streamed file: its slots are zero. It is durable at once.
func (l *life) stream(name string, tensors int) {
	l.files++
	l.say("stream %s", name)
	var b bytes.Buffer
	w, err := tensorfile.NewWriter(&b, &tensorfile.CreateOptions{Deterministic: true, Seed: []byte{byte(l.files)}, Time: someTime})
	l.must(err)
	l.w, l.name, l.base, l.now = w, name, nil, version{gen: 1, tensors: map[string]content{}}
	for range tensors {
		l.add(false)
	}
	l.must(w.Commit(ctx))
	v := l.now
	v.uuid = w.UUID()
	l.w = nil
	l.start = map[string][]byte{name: b.Bytes()}
	l.fs = crashfs.From(l.start)
	l.all[name] = append(l.all[name], &v)
	l.acked(name, &v)
}

// age takes the end of a writer into account that may not have made durable
// what a young file opened at.
func (l *life) age(name string, list []*version) {
	if l.young[name] && list[0].twins {
		before := *list[0]
		before.twins = false
		l.may[name] = append([]*version{&before}, list[1:]...)
	}
	delete(l.young, name)
}

// seen is look by who goes on with what is there. What was begun later will not come
// any more, but in one way: the write of its slot failed after bytes that are the same in
// the record before, so that both slots are sound, and the power fails before the barrier
// of the next writer and takes that slot's block with it. Then its trailer counts.
func (l *life) seen(name string) *version {
	v := l.look(name)
	list := l.may[name]
	i := slices.Index(list, v) + 1
	l.may[name] = slices.Clone(list[:i])
	for _, later := range list[i:] {
		torn := *later
		torn.torn = true
		l.may[name] = append(l.may[name], &torn)
	}
	l.mark()
	return v
}

// open begins an edit.
func (l *life) open(name string) {
	v := l.seen(name)
	l.say("edit %s from %v", name, v)
	w, err := tensorfile.OpenAppend(name, tensorfile.AppendOptions{Time: someTime}.On(l.fs))
	l.must(err)
	l.w, l.name = w, name
	l.restart(v)
}

// restart is what an edit holds before it changes anything.
func (l *life) restart(v *version) {
	l.base = v
	l.now = version{uuid: v.uuid, gen: v.gen + 1, tensors: maps.Clone(v.tensors), attr: v.attr, prev: v}
}

func (l *life) close() {
	l.say("close")
	w := l.w
	l.w = nil
	l.must(w.Close())
	l.age(l.name, l.may[l.name])
	l.mark()
}

// session is an edit of commits commits.
func (l *life) session(name string, commits int, change func()) {
	l.open(name)
	for range commits {
		change()
		if l.w == nil {
			return
		}
		l.commit()
		if l.w == nil {
			return
		}
	}
	if l.w != nil {
		l.close()
	}
}

// commit makes what was changed the newest generation. It returns whether it
// did.
func (l *life) commit() bool {
	v := l.now
	v.tensors = maps.Clone(v.tensors)
	l.say("commit %d", v.gen)
	l.begun(l.name, &v)
	err := l.w.Commit(ctx)
	switch {
	case err == nil:
		l.acked(l.name, &v)
		l.restart(&v)
		return true
	case errors.Is(err, errDead):
		panic(errDead)
	case errors.Is(err, tensorfile.ErrCommitUnknown):
		l.say("unknown: %v", err)
	default:
		l.say("failed: %v", err)
		l.undone(l.name, &v)
	}
	l.failed(err)
	return false
}

// failed goes on after an operation of the writer failed. A writer that ran out
// of space may go on, any other must not.
func (l *life) failed(err error) {
	if errors.Is(err, errDead) {
		panic(errDead)
	}
	if !injected(err) {
		l.broken("%v", err)
	}
	if errors.Is(err, tensorfile.ErrNoSpace) && !errors.Is(err, tensorfile.ErrCommitUnknown) {
		l.restart(l.base)
		return
	}
	l.fs.Fault = nil
	if !l.retried {
		// It is tried again with the same writer. If that says it succeeded,
		// then this must hold.
		l.retried = true
		v := l.now
		v.gen, v.tensors = l.base.gen+1, maps.Clone(v.tensors)
		l.begun(l.name, &v)
		switch err := l.w.Commit(ctx); {
		case err == nil:
			l.say("commit %d at the second try", v.gen)
			l.acked(l.name, &v)
		case !errors.Is(err, tensorfile.ErrPoisoned):
			l.broken("after a failed sync: %v", err)
		default:
			l.undone(l.name, &v)
		}
	}
	l.w.Close()
	l.w = nil
	l.age(l.name, l.may[l.name])
	l.mark()
}

var errIO = fmt.Errorf("a bad disk: %w", syscall.EIO)

func injected(err error) bool {
	return errors.Is(err, errIO) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, tensorfile.ErrPoisoned)
}

// names of the tensors that there are, and a free one.
func (l *life) names() []string { return slices.Sorted(maps.Keys(l.now.tensors)) }

func (l *life) any() (string, bool) {
	list := l.names()
	if len(list) == 0 {
		return "", false
	}
	return list[l.rng.IntN(len(list))], true
}

func (l *life) free() string {
	for {
		n := fmt.Sprintf("%c%d", 'a'+l.rng.IntN(6), l.rng.IntN(9))
		if _, ok := l.now.tensors[n]; !ok {
			return n
		}
	}
}

// add adds a tensor, or replaces one.
func (l *life) add(replace bool) {
	name := l.free()
	if replace {
		if n, ok := l.any(); ok {
			name = n
		}
	}
	n := l.size()
	l.say("add %s of %d bytes", name, n)
	c := content{data: l.data(n)}
	v, err := tensor.FromSlice(c.data)
	if err == nil {
		o := &tensorfile.TensorOptions{Replace: replace}
		if l.chance(4) {
			c.attr = int64(l.fills)
			o.Attrs = tensorfile.Attrs{"n": c.attr}
		}
		err = l.w.Add(ctx, name, v, o)
	}
	if err != nil {
		if l.base == nil {
			l.must(err)
		}
		l.failed(err)
		return
	}
	l.now.tensors[name] = c
}

// change edits something.
func (l *life) change() {
	name, ok := l.any()
	k := l.rng.IntN(9)
	if !ok {
		k = 0
	}
	var err error
	switch k {
	case 0, 1:
		l.add(false)
		return
	case 2:
		l.add(true)
		return
	case 3:
		l.say("delete %s", name)
		if err = l.w.Delete(name); err == nil {
			delete(l.now.tensors, name)
		}
	case 4:
		to := l.free()
		l.say("rename %s to %s", name, to)
		if err = l.w.Rename(name, to); err == nil {
			l.now.tensors[to] = l.now.tensors[name]
			delete(l.now.tensors, name)
		}
	case 5:
		to := l.free()
		l.say("copy %s to %s", name, to)
		if err = l.w.CopyTensor(name, to); err == nil {
			l.now.tensors[to] = l.now.tensors[name]
		}
	case 6:
		l.fills++
		l.say("attributes of %s", name)
		c := l.now.tensors[name]
		c.attr = int64(l.fills)
		if err = l.w.SetTensorAttrs(name, tensorfile.Attrs{"n": c.attr}); err == nil {
			l.now.tensors[name] = c
		}
	case 7:
		l.fills++
		l.say("attributes of the file")
		if err = l.w.SetAttrs(tensorfile.Attrs{"n": int64(l.fills)}); err == nil {
			l.now.attr = int64(l.fills)
		}
	case 8:
		v := l.base
		for v.prev != nil && !l.chance(3) {
			v = v.prev
		}
		l.say("revert to %d", v.gen)
		if err = l.w.Revert(v.gen); err == nil {
			l.now.tensors, l.now.attr = maps.Clone(v.tensors), v.attr
		}
	}
	if err != nil {
		l.failed(err)
	}
}

// abandon changes things and gives up: the file is byte for byte as before.
func (l *life) abandon(name string) {
	before := l.fs.Files()[name]
	sound := l.look(name)
	l.open(name)
	for range 1 + l.rng.IntN(3) {
		l.change()
	}
	l.say("give up")
	l.close()
	after := l.fs.Files()[name]
	if l.clean(before) && !bytes.Equal(before, after) {
		l.broken("an edit of %v that was given up left %d bytes of %d", sound, len(after), len(before))
	}
}

// clean reports whether a file has nothing that a writer must mend first.
func (l *life) clean(b []byte) bool {
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		return false
	}
	defer f.Close()
	i := f.Info()
	return i.Leftover == 0 && len(i.Notes) == 0 && !i.Streamed
}

// repack writes src anew to dst, which may be src.
func (l *life) repack(src, dst string, keep bool) {
	v := l.seen(src)
	var gens []uint64
	nv := &version{gen: v.gen, tensors: v.tensors, attr: v.attr}
	if keep {
		last := nv
		for p := v.prev; p != nil; p = p.prev {
			if l.chance(2) {
				gens = append(gens, p.gen)
				last.prev = &version{gen: p.gen, tensors: p.tensors, attr: p.attr}
				last = last.prev
			}
		}
	}
	l.say("repack %s to %s, keeping %v", src, dst, gens)
	do := func(f *crashfs.FS) error {
		r, err := f.OpenWrite(src)
		if err != nil {
			return err
		}
		defer r.Close()
		fi, err := r.Stat()
		if err != nil {
			return err
		}
		file, err := tensorfile.OpenMap(mmap.NewReaderAt(r, fi.Size(), src), nil)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = tensorfile.Repack(ctx, file, dst, tensorfile.RepackOptions{Deterministic: true, Overwrite: true, Keep: gens}.On(f))
		return err
	}
	// What UUID the new file will have is found out on another disk.
	scratch := crashfs.From(l.fs.Files())
	if err := do(scratch); err != nil {
		l.broken("%v", err)
	}
	b := scratch.Files()[dst]
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		l.broken("%v", err)
	}
	for p := nv; p != nil; p = p.prev {
		p.uuid = f.Info().UUID
	}
	f.Close()
	l.begun(dst, nv)
	err = do(l.fs)
	switch {
	case err == nil:
		l.acked(dst, nv)
	case errors.Is(err, errDead):
		panic(errDead)
	case errors.Is(err, tensorfile.ErrCommitUnknown):
		l.say("unknown: %v", err)
	case injected(err):
		l.say("failed: %v", err)
		l.undone(dst, nv)
	default:
		l.broken("%v", err)
	}
}

var errDead = crashfs.ErrKilled

// killed runs fn in a process that is killed at an operation that chance tells,
// or that ends well before.
func (l *life) killed(within int, fn func()) {
	n := l.rng.IntN(within)
	l.killedWhen(func(crashfs.Op) bool { n--; return n < 0 }, fn)
}

// killedWhen runs fn in a process that is killed at the first operation that
// when tells.
func (l *life) killedWhen(when func(crashfs.Op) bool, fn func()) {
	dead := false
	l.fs.Fault = func(op crashfs.Op) (int, error) {
		if !dead && !when(op) {
			return len(op.Data), nil
		}
		short := 0
		if op.Kind == crashfs.Write && !dead && len(op.Data) > 4096 {
			// A kill ends a write between pages.
			short = l.rng.IntN(len(op.Data)/4096+1) * 4096
		}
		dead = true
		return short, errDead
	}
	defer func() {
		r := recover()
		l.fs.Fault = nil
		l.fs.Kill()
		l.w = nil
		if r != nil && r != any(errDead) {
			panic(r)
		}
		if r != nil {
			l.say("killed")
		}
		for name, list := range l.may {
			l.age(name, list)
			l.look(name)
		}
		l.mark()
	}()
	fn()
}

// tear harms the slot with the older record, as a power cut during a commit
// does.
func (l *life) tear(name string) {
	v := l.look(name)
	b := l.fs.Files()[name]
	at := int64(format.SlotA)
	if g := binary.LittleEndian.Uint64(b[at+24:]); g == v.gen {
		at = format.SlotB
	}
	for i := range b[at : at+512] {
		b[at+int64(i)] = byte(l.rng.Uint32())
	}
	l.say("the slot at %d is torn", at)
	l.start = map[string][]byte{name: b}
	l.fs = crashfs.From(l.start)
	l.mark()
}

// failing runs fn while an operation of the given kind fails, and some of those
// that follow.
func (l *life) failing(kind crashfs.Kind, within, times int, err error, fn func()) {
	n := l.rng.IntN(within)
	l.retried = false
	l.fs.Fault = func(op crashfs.Op) (int, error) {
		if op.Kind != kind || strings.HasSuffix(op.Name, fsys.TempSuffix) {
			return len(op.Data), nil
		}
		if n--; n >= 0 || n < -times {
			return len(op.Data), nil
		}
		return l.rng.IntN(len(op.Data) + 1), err
	}
	fn()
	l.fs.Fault = nil
}

// check compares a state of the disk with what it may be. With older it looks
// at the whole history and every checksum.
func (m may) check(files map[string][]byte, older bool) (map[string]*version, error) {
	have := map[string]*version{}
	for name, list := range m {
		data, ok := files[name]
		v, err := checkFile(data, ok, list, older)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		have[name] = v
	}
	for name := range files {
		if _, ok := m[name]; !ok && !strings.HasSuffix(path.Base(name), fsys.TempSuffix) {
			return nil, fmt.Errorf("%s: a file that nobody made", name)
		}
	}
	return have, nil
}

func checkFile(data []byte, there bool, list []*version, older bool) (*version, error) {
	if !there {
		if slices.Contains(list, nil) {
			return nil, nil
		}
		return nil, fmt.Errorf("gone, and it may be %v", list)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(data), int64(len(data)), &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
	if err != nil {
		return nil, fmt.Errorf("it may be %v: %w", list, err)
	}
	defer f.Close()
	info := f.Info()
	err = fmt.Errorf("generation %d of %.8s, and it may be %v", info.Generation, info.UUID, list)
	for _, v := range list { // two may have one number
		if v == nil || v.uuid != info.UUID || v.gen != info.Generation || v.twins && len(info.Notes) > 0 || v.torn && len(info.Notes) == 0 {
			continue
		}
		if e := v.compare(f, false); e != nil {
			err = fmt.Errorf("%v: %w", v, e)
			continue
		}
		if older {
			return v, v.history(f, data)
		}
		return v, nil
	}
	return nil, err
}

// compare compares a file with v, every tensor bit for bit. If torn, errors of
// reading are no difference.
func (v *version) compare(f *tensorfile.File, torn bool) error {
	n := 0
	for t, err := range f.Tensors() {
		if err != nil {
			if torn {
				n = -1
				continue
			}
			return err
		}
		want, ok := v.tensors[t.Name()]
		if !ok {
			return fmt.Errorf("tensor %q should not be there", t.Name())
		}
		if n >= 0 {
			n++
		}
		if t.NumElements() != int64(len(want.data)) || t.DType() != tensor.U8 {
			return fmt.Errorf("tensor %q: %d of %v", t.Name(), t.NumElements(), t.DType())
		}
		switch got, err := t.Read(ctx); {
		case err != nil && !torn:
			return err
		case err == nil:
			if b, err := got.Bytes(); err != nil || !bytes.Equal(b, want.data) {
				return fmt.Errorf("tensor %q has other bytes (%v)", t.Name(), err)
			}
		}
		if a, err := t.Attrs(); err != nil && !torn || err == nil && !isAttr(a, want.attr) {
			return fmt.Errorf("attributes of %q: %v %v, want %d", t.Name(), a, err, want.attr)
		}
	}
	if n >= 0 && n != len(v.tensors) {
		return fmt.Errorf("%d tensors, want %d", n, len(v.tensors))
	}
	if a, err := f.Attrs(); err != nil && !torn || err == nil && !isAttr(a, v.attr) {
		return fmt.Errorf("attributes of the file: %v %v, want %d", a, err, v.attr)
	}
	return nil
}

func isAttr(a tensorfile.Attrs, want int64) bool {
	if want == 0 {
		return len(a) == 0
	}
	return len(a) == 1 && a["n"] == want
}

// history compares every generation of a file with what it was, and verifies
// all of it.
func (v *version) history(f *tensorfile.File, data []byte) error {
	p := v
	for g, err := range f.Generations(ctx) {
		if err != nil {
			return fmt.Errorf("history: %w", err)
		}
		if p == nil || p.gen != g.Number {
			return fmt.Errorf("history: generation %d, want %v", g.Number, p)
		}
		old, err := tensorfile.OpenReaderAt(bytes.NewReader(data), int64(len(data)), &tensorfile.OpenOptions{Generation: g.Number, Verify: tensorfile.VerifyOnFirstUse})
		if err != nil {
			return fmt.Errorf("history: %w", err)
		}
		err = p.compare(old, false)
		old.Close()
		if err != nil {
			return fmt.Errorf("history: %v: %w", p, err)
		}
		p = p.prev
	}
	if p != nil {
		return fmt.Errorf("history: %v is missing", p)
	}
	r, err := f.Verify(ctx, nil)
	if err != nil {
		return err
	}
	for _, err := range r.Findings {
		// A slot that was torn is mended, or not, by the next writers.
		var e *tensorfile.Error
		if !errors.As(err, &e) || e.Offset < format.SlotA || e.Offset >= format.DataStart {
			return err
		}
	}
	return nil
}
