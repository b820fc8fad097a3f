package tensorfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// viewsEnv is how many views TestViewsAgainstWriters takes; CI asks for a
// million under the race detector.
const viewsEnv = "TENSORFILE_VIEWS"

const (
	viewTensors  = 6
	viewElements = 48 // 6 by 8
)

// viewValue is what element i of a tensor holds in a generation.
func viewValue(generation uint64, tensor, i int) uint64 {
	return generation<<20 | uint64(tensor)<<12 | uint64(i)
}

// viewCommit replaces all tensors by those of a generation.
func viewCommit(w *tensorfile.Writer, generation uint64) error {
	for k := range viewTensors {
		s := make([]uint64, viewElements)
		for i := range s {
			s[i] = viewValue(generation, k, i)
		}
		v, err := tensor.FromSlice(s, 6, 8)
		if err == nil && k%2 == 1 {
			v, err = v.Transpose() // stored in another order of axes
		}
		if err == nil {
			err = w.Add(ctx, fmt.Sprint("t", k), v, &tensorfile.TensorOptions{Replace: true})
		}
		if err != nil {
			return err
		}
	}
	return w.Commit(ctx)
}

// shown is a snapshot that readers look at until it is closed.
type shown struct {
	f          *tensorfile.File
	generation uint64
	t          [viewTensors]*tensorfile.Tensor
	inside     atomic.Int64 // functions that run inside a Guard
	gone       atomic.Bool  // closed, as its closer was told
}

func newShown(f *tensorfile.File) (*shown, error) {
	s := &shown{f: f, generation: f.Info().Generation}
	for k := range s.t {
		var err error
		if s.t[k], err = f.Tensor(fmt.Sprint("t", k)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// check compares one element. Odd tensors are transposed.
func (s *shown) check(k, i int, got uint64) error {
	if k%2 == 1 { // 8 by 6
		i = i%6*8 + i/6
	}
	if want := viewValue(s.generation, k, i); got != want {
		return fmt.Errorf("generation %d, tensor %d, element %d: got %#x (of generation %d), want %#x", s.generation, k, i, got, got>>20, want)
	}
	return nil
}

func (s *shown) checkAll(k int, at func(i int) uint64) error {
	for i := range viewElements {
		if err := s.check(k, i, at(i)); err != nil {
			return err
		}
	}
	return nil
}

// guarded runs fn inside a Guard and notices views of what is closed.
func (s *shown) guarded(k int, fn func(v tensor.View) error) error {
	return s.t[k].Guard(func(v tensor.View) error {
		s.inside.Add(1)
		defer s.inside.Add(-1)
		if s.gone.Load() {
			return errors.New("a view began after Close had returned")
		}
		return fn(v)
	})
}

const viewKinds = 9

// view takes a view of one kind of tensor k and checks every value.
func (s *shown) view(kind, k int, buf []byte) error {
	t := s.t[k]
	columns := int(t.Shape()[1])
	elem := func(x tensor.View) func(i int) uint64 {
		return func(i int) uint64 {
			e, err := tensor.ReadElem[uint64](x, int64(i/columns), int64(i%columns))
			if err != nil {
				panic(err)
			}
			return e
		}
	}
	switch kind {
	case 0:
		return s.guarded(k, func(v tensor.View) error { return s.checkAll(k, elem(v)) })
	case 1: // the lease alone, without a Guard: nobody cuts this file
		if k%2 == 1 {
			k--
			t, columns = s.t[k], 8
		}
		x, l, err := tensorfile.AcquireData[uint64](t)
		if err != nil {
			return err
		}
		defer l.Release()
		return s.checkAll(k, func(i int) uint64 { return x[i] })
	case 2: // a Guard under the lease
		l, err := t.Lease()
		if err != nil {
			return err
		}
		defer l.Release()
		v, err := t.View()
		if err != nil {
			return err
		}
		return l.Guard(func() error { return s.checkAll(k, elem(v)) })
	case 3:
		v, err := t.Read(ctx)
		if err != nil {
			return err
		}
		return s.checkAll(k, elem(v))
	case 4: // backward, in the other byte order
		dst, err := tensor.NewView(buf[:8*viewElements], tensor.U64, t.Shape(), nil, 0, tensor.BigEndian)
		if err != nil {
			return err
		}
		if dst, err = dst.Flip(1); err != nil {
			return err
		}
		if err := t.ReadInto(ctx, dst); err != nil {
			return err
		}
		return s.checkAll(k, elem(dst))
	case 5:
		return s.guarded(k, func(tensor.View) error {
			x, err := tensorfile.View[uint64](t)
			if err != nil {
				return err
			}
			return s.checkAll(k, func(i int) uint64 { return x.At(int64(i/columns), int64(i%columns)) })
		})
	case 6: // by name, through the catalog
		x, err := s.f.Tensor(t.Name())
		if err != nil {
			return err
		}
		return x.Guard(func(v tensor.View) error { return s.checkAll(k, elem(v)) })
	case 7:
		out := bytes.NewBuffer(buf[:0])
		if err := t.WriteCOrder(ctx, out); err != nil {
			return err
		}
		return s.checkAll(k, func(i int) uint64 { return binary.LittleEndian.Uint64(out.Bytes()[8*i:]) })
	default: // one row
		v, err := t.Read(ctx, tensor.Selection{{Kind: tensor.SelectIndex, Start: 2}})
		if err != nil {
			return err
		}
		for j := range columns {
			x, err := tensor.ReadElem[uint64](v, int64(j))
			if err != nil {
				return err
			}
			if err := s.check(k, 2*columns+j, x); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestViewsAgainstWriters takes views of all kinds while generations are
// appended, the file is repacked over its path, and snapshots are exchanged and
// closed. Every value must be that of the snapshot's own generation; a snapshot
// is never older than what was committed before it was opened; nothing is
// closed while it is viewed, and nothing is viewed after it was closed.
func TestViewsAgainstWriters(t *testing.T) {
	want := int64(20_000)
	if s := os.Getenv(viewsEnv); s != "" {
		want = must(strconv.ParseInt(s, 10, 64))(t)
	} else if testing.Short() {
		want = 5_000
	}
	wantCommits, wantRepacks, wantCloses := max(want/1000, 10), max(want/10_000, 1), max(want/1000, 10)

	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		first := must(tensor.FromSlice([]byte{1}))(t)
		ok(t, w.Add(ctx, "first", first, nil))
	})
	var committed atomic.Uint64
	w := must(tensorfile.OpenAppend(path, nil))(t)
	ok(t, viewCommit(w, 2))
	ok(t, w.Close())
	committed.Store(2)
	var now atomic.Pointer[shown]
	now.Store(must(newShown(must(tensorfile.Open(path, nil))(t)))(t))

	var views, refused, commits, repacks, closes, own atomic.Int64
	var failed atomic.Bool
	fail := func(what string, err error) {
		failed.Store(true)
		t.Errorf("%s: %v", what, err)
	}
	ended := func() bool {
		return failed.Load() || views.Load() >= want && commits.Load() >= wantCommits && repacks.Load() >= wantRepacks && closes.Load() >= wantCloses
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 17))
			buf := make([]byte, 0, 1<<12)
			for !ended() {
				runtime.Gosched() // writers have their turn
				s := now.Load()
				for range 16 {
					kind := rng.IntN(viewKinds)
					err := s.view(kind, rng.IntN(viewTensors), buf)
					switch {
					case err == nil:
						views.Add(1)
						continue
					case errors.Is(err, tensorfile.ErrClosed):
						refused.Add(1)
					default:
						fail(fmt.Sprint("view of kind ", kind), err)
						return
					}
					break
				}
				if rng.IntN(64) == 0 {
					n, err := ownFile(path, committed.Load(), buf)
					own.Add(1)
					views.Add(n)
					if err != nil {
						fail("a file of its own", err)
						return
					}
				}
			}
		})
	}
	wg.Go(func() { // the writer
		for !ended() {
			g := committed.Load() + 1
			w, err := tensorfile.OpenAppend(path, nil)
			if err == nil {
				err = errors.Join(viewCommit(w, g), w.Close())
			}
			if err != nil {
				fail("append", err)
				return
			}
			committed.Store(g)
			if n := commits.Add(1); n%8 != 0 {
				continue
			}
			f, err := tensorfile.Open(path, nil)
			if err == nil {
				_, err = tensorfile.Repack(ctx, f, path, &tensorfile.RepackOptions{NoSync: true})
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				fail("repack", err)
				return
			}
			repacks.Add(1)
		}
	})
	wg.Go(func() { // exchanges snapshots and closes the old ones
		for i := 0; !ended(); {
			old := now.Load()
			least := committed.Load()
			f, err := old.f.Refresh()
			if errors.Is(err, tensorfile.ErrChanged) || err == nil && f == nil && i%16 == 15 {
				f, err = tensorfile.Open(path, nil)
			}
			if err != nil {
				fail("refresh", err)
				return
			}
			if f == nil {
				if least > old.generation {
					fail("refresh", fmt.Errorf("stays at generation %d, and %d was committed before", old.generation, least))
					return
				}
				runtime.Gosched()
				continue
			}
			s, err := newShown(f)
			if err != nil || s.generation < least {
				fail("refresh", fmt.Errorf("generation %d, and %d was committed before (%v)", f.Info().Generation, least, err))
				return
			}
			now.Store(s)
			if err := closeShown(old, i); err != nil {
				fail("close", err)
				return
			}
			closes.Add(1)
			i++
		}
	})
	wg.Wait()
	if err := closeShown(now.Load(), 0); err != nil {
		t.Error(err)
	}
	t.Logf("%d views (%d refused after Close, %d files of their own), %d commits, %d repacks, %d snapshots closed",
		views.Load(), refused.Load(), own.Load(), commits.Load(), repacks.Load(), closes.Load())
	if views.Load() < want || commits.Load() < wantCommits || repacks.Load() < wantRepacks || closes.Load() < wantCloses {
		t.Errorf("want at least %d, %d, %d, %d", want, wantCommits, wantRepacks, wantCloses)
	}
}

// ownFile opens the file, views all of it and closes it at once.
func ownFile(path string, least uint64, buf []byte) (views int64, err error) {
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		return 0, err
	}
	s, err := newShown(f)
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	if s.generation < least {
		return 0, fmt.Errorf("opened at generation %d after %d was committed", s.generation, least)
	}
	for k := range viewTensors {
		if err := s.view(k%viewKinds, k, buf); err != nil {
			return 0, err
		}
	}
	x, l, err := tensorfile.AcquireData[uint64](s.t[0])
	if err != nil {
		return 0, err
	}
	if err := f.Close(); !errors.Is(err, tensorfile.ErrInUse) {
		return 0, fmt.Errorf("closed under a lease: %v", err)
	}
	if err := s.check(0, 0, x[0]); err != nil {
		return 0, err
	}
	l.Release()
	if err := f.Close(); err != nil {
		return 0, fmt.Errorf("the last lease is released: %w", err)
	}
	if _, err := f.Tensor("t0"); !errors.Is(err, tensorfile.ErrClosed) {
		return 0, fmt.Errorf("after Close: %v", err)
	}
	return viewTensors + 1, nil
}

// closeShown closes a snapshot that readers may be looking at, in one of three
// ways. When it returns nobody is inside, and nobody gets in.
func closeShown(s *shown, way int) error {
	switch way % 3 {
	case 0:
		if err := s.f.Shutdown(ctx); err != nil {
			return err
		}
	case 1: // readers have another snapshot to look at, so this ends
		for {
			err := s.f.Close()
			if err == nil {
				break
			}
			if !errors.Is(err, tensorfile.ErrInUse) {
				return err
			}
			runtime.Gosched()
		}
	case 2: // what is held stays, what comes is refused, the last one out closes
		x, l, err := tensorfile.AcquireData[uint64](s.t[2])
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- s.f.Shutdown(ctx) }()
		for {
			other, err := s.t[2].Lease()
			if err != nil {
				if !errors.Is(err, tensorfile.ErrClosed) {
					return err
				}
				break
			}
			other.Release()
			runtime.Gosched()
		}
		err = l.Guard(func() error { return s.checkAll(2, func(i int) uint64 { return x[i] }) })
		select {
		case e := <-done:
			err = errors.Join(err, fmt.Errorf("closed under a lease: %v", e))
		default:
		}
		l.Release()
		if err != nil {
			return err
		}
		if err := <-done; err != nil {
			return err
		}
	}
	s.gone.Store(true)
	if n := s.inside.Load(); n != 0 {
		return fmt.Errorf("closed with %d inside", n)
	}
	return nil
}
