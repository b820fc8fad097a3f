package tensorfile_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// evict takes a range of a file out of the page cache, as far as the system
// does us the favour.
func evict(t testing.TB, path string, off, n int64) {
	t.Helper()
	f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer f.Close()
	ok(t, f.Sync())
	ok(t, unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED))
}

// The way of a read follows from what the page cache holds, and is told.
func TestPlanRead(t *testing.T) {
	const size = 8 << 20
	defer tensorfile.SmallReads()()
	data := randomBytes(size, 6)
	path, other := temp(t), temp(t)
	for _, p := range []string{path, other} {
		write(t, p, func(w *tensorfile.Writer) {
			ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{size / 1024, 1024}, bytes.NewReader(data), nil))
			ok(t, w.AddReader(ctx, "small", tensor.U8, tensor.Shape{10}, zeros{}, nil))
			ok(t, w.AddReader(ctx, "none", tensor.U8, tensor.Shape{0}, zeros{}, nil))
		})
	}
	sel := func(s string) tensor.Selection { return must(tensor.ParseSelection(s))(t) }
	warm := func() { must(os.ReadFile(path))(t) }
	open := func(o tensorfile.OpenOptions) (*tensorfile.File, *tensorfile.Tensor) {
		f := must(tensorfile.Open(path, &o))(t)
		t.Cleanup(func() { ok(t, f.Close()) })
		return f, must(f.Tensor("x"))(t)
	}
	plan := func(x *tensorfile.Tensor, mode tensorfile.ReadMode, reason string, s ...tensor.Selection) tensorfile.ReadPlan {
		t.Helper()
		p := must(x.PlanRead(s...))(t)
		if p.Mode != mode || !strings.Contains(p.Reason, reason) {
			t.Errorf("%v, want %v (%s)", p, mode, reason)
		}
		return p
	}
	same := func(x *tensorfile.Tensor) {
		t.Helper()
		if b := must(must(x.Read(ctx))(t).Bytes())(t); !bytes.Equal(b, data) {
			t.Error("other bytes")
		}
	}
	warm()
	f, x := open(tensorfile.OpenOptions{})
	p := plan(x, tensorfile.ReadMapped, "the file is mapped; 100% in the page cache")
	if p.Bytes != size || p.Span != size || p.Resident != 1 {
		t.Errorf("%+v", p)
	}
	plan(x, tensorfile.ReadMapped, "elements lie apart", sel(":, :100"))
	plan(must(f.Tensor("small"))(t), tensorfile.ReadMapped, "mapped")
	plan(must(f.Tensor("none"))(t), tensorfile.ReadAuto, "no elements")
	_, y := open(tensorfile.OpenOptions{NoMmap: true})
	plan(y, tensorfile.ReadPositioned, "mapping is turned off")
	_, y = open(tensorfile.OpenOptions{ReadMode: tensorfile.ReadPositioned})
	plan(y, tensorfile.ReadPositioned, "ReadMode")
	b := must(os.ReadFile(path))(t)
	r := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), &tensorfile.OpenOptions{ReadMode: tensorfile.ReadDirect}))(t)
	plan(must(r.Tensor("x"))(t), tensorfile.ReadPositioned, "not a file")
	ok(t, r.Close())

	at := x.Storage().Offset
	evict(t, path, 0, 0)
	p = must(x.PlanRead())(t)
	_, y = open(tensorfile.OpenOptions{ReadMode: tensorfile.ReadDirect})
	if d := must(y.PlanRead())(t); p.Resident > 0.15 || p.Resident < 0 || d.Mode != tensorfile.ReadDirect {
		t.Skipf("pages stay, or the file system refuses: %v; %v", p, d)
	}
	plan(x, tensorfile.ReadDirect, "% in the page cache")
	same(x)
	if s := f.ReadStats(); s.Direct != size || s.NoDirect != "" {
		t.Errorf("%+v", s)
	}
	plan(x, tensorfile.ReadMapped, "read past it once")
	same(x) // and now it is in the cache
	plan(x, tensorfile.ReadMapped, "100%")

	// Half of it. Pages that someone has mapped stay, so it is another file.
	evict(t, other, 0, 0)
	half := must(os.Open(other))(t)
	defer half.Close()
	ok(t, unix.Fadvise(int(half.Fd()), 0, 0, unix.FADV_RANDOM))
	must(half.ReadAt(make([]byte, at+size/2), 0))(t)
	g := must(tensorfile.Open(other, nil))(t)
	defer g.Close()
	x = must(g.Tensor("x"))(t)
	plan(x, tensorfile.ReadAuto, "piece by piece")
	same(x)
	if s := g.ReadStats(); s.Direct < size/4 || s.Mapped < size/4 || s.Direct+s.Mapped != size {
		t.Errorf("%+v", s)
	}
	t.Logf("%+v, %+v", f.ReadStats(), g.ReadStats())
}

// Bytes that are in memory only, not yet on the disk, are read past the cache
// as they are in the cache.
func TestReadDirectOfDirtyPages(t *testing.T) {
	path := temp(t)
	data := randomBytes(3<<20, 7)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{int64(len(data))}, bytes.NewReader(data), nil))
	})
	f := must(tensorfile.Open(path, &tensorfile.OpenOptions{ReadMode: tensorfile.ReadDirect}))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	w := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer w.Close()
	for i := range 20 {
		at := i * 151_111
		data[at] ^= 0xff
		must(w.WriteAt(data[at:at+1], x.Storage().Offset+int64(at)))(t)
		if b := must(must(x.Read(ctx))(t).Bytes())(t); !bytes.Equal(b, data) {
			t.Fatalf("change %d is not seen", i)
		}
	}
	t.Logf("%+v", f.ReadStats())
}

// A file that is cut short while it is read, by several goroutines and in every
// way, gives an error with an offset, or all its bytes.
func TestReadIntoOfShrinkingFile(t *testing.T) {
	const size = 8 << 20
	data := randomBytes(size, 8)
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	path := temp(t)
	mem := make([]byte, size)
	changed, whole := 0, 0
	for _, way := range readWays {
		if way.readerAt {
			continue
		}
		for i := range rounds {
			write(t, path, func(w *tensorfile.Writer) {
				ok(t, w.AddReader(ctx, "x", tensor.F32, tensor.Shape{2048, 1024}, bytes.NewReader(data), nil))
			})
			o := way.o
			f := must(tensorfile.Open(path, &o))(t)
			x := must(f.Tensor("x"))(t)
			st := tensor.Strides{4096, 4}
			if i%2 == 1 {
				st = tensor.Strides{4, 8192}
			}
			dst := must(tensor.NewView(mem, tensor.F32, x.Shape(), st, 0, tensor.LittleEndian))(t)
			left := x.Storage().Offset + int64(i)*size/int64(rounds) + 1234
			cut := make(chan error)
			go func() {
				time.Sleep(time.Duration(i) * 300 * time.Microsecond)
				cut <- os.Truncate(path, left)
			}()
			for over := false; !over; {
				select {
				case err := <-cut:
					ok(t, err)
					over = true
				default:
				}
				err := x.ReadInto(ctx, dst)
				if err == nil && !over {
					whole++
					continue
				}
				wantErr(t, err, tensorfile.ErrChanged, path, `"x"`, "offset")
				changed++
				if !over {
					ok(t, <-cut)
					over = true
				}
			}
			ok(t, f.Close())
		}
	}
	t.Logf("%d reads failed, %d before were whole", changed, whole)
	if changed < 9*rounds {
		t.Error("too few")
	}
}

// What goes wrong with the caller's memory is the caller's to catch, whichever
// goroutine it happened in.
func TestReadIntoBadMemory(t *testing.T) {
	const size = 8 << 20
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{size}, zeros{}, nil))
	})
	f := must(tensorfile.Open(path, &tensorfile.OpenOptions{ReadWorkers: 4}))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	ok(t, err)
	defer unix.Munmap(b)
	dst := must(tensor.FromSlice(b, size))(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for range 5 {
		func() {
			defer func() {
				if s := fmt.Sprint(recover()); !strings.Contains(s, "fault") && !strings.Contains(s, "invalid memory address") {
					t.Error(s)
				}
			}()
			t.Error("no panic: ", x.ReadInto(ctx, dst))
		}()
	}
}
