package gpu

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
	"golang.org/x/sys/unix"
)

// evict takes a part of a file out of the page cache, as far as the system does us
// the favour.
func evict(t testing.TB, path string, off, n int64) {
	t.Helper()
	f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer f.Close()
	ok(t, f.Sync(), unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED))
}

// What the page cache holds decides how a large file is read, piece by piece.
func TestUploadColdAndWarm(t *testing.T) {
	before := directFrom
	directFrom = 1 << 20
	defer func() { directFrom = before }()
	const size = 4 << 20
	var views []tensor.View
	path := write(t, func(w *tensorfile.Writer) {
		for i := range 2 {
			views = append(views, sample(t, uint64(i), tensor.F32, size/4))
			ok(t, w.Add(ctx, fmt.Sprint(i), views[i], nil))
		}
	})
	f := must(tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: true}))(t)
	defer f.Close()
	_, u := staged(t, UploadOptions{SlotBytes: 256 << 10})
	for i, c := range []struct {
		off, n    int64
		cold, hot bool
	}{{0, 2*size + 1<<20, true, false}, {0, size, true, true}, {0, 0, false, true}} {
		for i := range views { // all of it into the cache
			must(must(f.Tensor(fmt.Sprint(i)))(t).Read(ctx))(t)
		}
		if c.n > 0 {
			evict(t, path, c.off, c.n)
		}
		l := must(f.Map().Acquire())(t)
		share, known := l.Resident(0, f.Map().Size())
		l.Release()
		if !known || c.cold == (share > 0.9) || c.hot == (share < 0.1) {
			t.Logf("case %d: the system does not let go of what it holds (%v), or does not say", i, share)
			continue
		}
		up := must(u.Upload(ctx, sourcesOf(t, f)...))(t)
		for i, x := range up.Tensors {
			same(t, fmt.Sprint(i), x, views[i])
		}
		s := up.Stats
		t.Logf("case %d: %.2f in the cache: %s %v", i, share, s.Path, s.Notes)
		if len(s.Notes) == 0 && (c.cold != (s.Direct > 0) || c.hot != (s.Cached > 0)) {
			t.Errorf("case %d: %+v", i, s)
		}
		ok(t, up.Buffer.Free())
	}
}

// Straight to their place, elements are copied from the mapping, if the cache holds
// them, and are the same.
func TestUploadMapped(t *testing.T) {
	before := mappedFrom
	mappedFrom = 1
	defer func() { mappedFrom = before }()
	var views []tensor.View
	path := write(t, func(w *tensorfile.Writer) {
		for i, s := range []tensor.Shape{{70_001}, {3, 50_000}, {400, 7, 33}, {1}, {}} {
			views = append(views, sample(t, uint64(i), tensor.I16, s...))
			ok(t, w.Add(ctx, fmt.Sprint(i), views[i], nil))
		}
	})
	f := must(tensorfile.Open(path, nil))(t)
	d := openClean(t, nil)
	u := must(d.NewUploader(&UploadOptions{SlotBytes: 32 << 10}))(t)
	sources := sourcesOf(t, f)
	up := must(u.Upload(ctx, sources...))(t)
	for i, x := range up.Tensors {
		same(t, fmt.Sprint(i), x, views[i])
	}
	if s := up.Stats; s.Cached != s.Bytes || s.Decoded != 0 || s.Copies != 0 {
		t.Errorf("%+v", s)
	}
	it := must(newItem(sources[0], false))(t)
	l := must(f.Map().Acquire())(t)
	if b := (&fileBytes{m: f.Map(), lease: l, mode: DirectNever}); !b.mapped(it.begin, it.size) {
		t.Error("not copied from the mapping")
	}
	l.Release()
	ok(t, up.Buffer.Free())
	ok(t, os.Truncate(path, it.begin+5000))
	_, err := u.Upload(ctx, sources[0])
	wantKind(t, err, tensor.ErrChanged)
	ok(t, u.Close(), f.Close())
}

// The processors near a device, and the thread's own given back.
func TestNearbyProcessors(t *testing.T) {
	for list, want := range map[string][]int{
		"0\n": {0}, "0-3,8": {0, 1, 2, 3, 8}, "1,1-2": {1, 2}, "": nil, "-1": nil, "3-1": nil, "x": nil, "0-99999999": nil, "1,": nil,
	} {
		set := parseCPUs(list)
		if (set == nil) != (want == nil) {
			t.Errorf("%q: %v", list, set)
			continue
		}
		for _, i := range want {
			if !set.IsSet(i) || set.Count() != len(want) {
				t.Errorf("%q: processor %d of %d", list, i, set.Count())
			}
		}
	}
	if nodeCPUs("") != nil || nodeCPUs("../../nothing") != nil {
		t.Error("processors near no device")
	}
	var before, after unix.CPUSet
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ok(t, unix.SchedGetaffinity(0, &before))
	var one unix.CPUSet
	for i := range 1024 {
		if before.IsSet(i) {
			one.Set(i)
			break
		}
	}
	b, release, err := anonymous(1 << 20)
	ok(t, err)
	restore := runOn(&one)
	populate(b)
	restore()
	ok(t, release())
	ok(t, unix.SchedGetaffinity(0, &after))
	if before != after {
		t.Error("the thread stays where it was put")
	}
}
