package tensorfile_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	children["snapshot-writer"] = snapshotWriter
	children["snapshot-reader"] = snapshotReader
}

// snapshotWriter commits one generation after the other, tells each when it is
// acknowledged, and now and then abandons an edit.
func snapshotWriter(arg string) int {
	path, count, _ := strings.Cut(arg, "|")
	n, _ := strconv.ParseUint(count, 10, 64)
	big, err := tensor.Make(tensor.U8, tensor.Shape{300_000})
	if err != nil {
		return 4
	}
	for g := uint64(3); g < n+3; g++ {
		w, err := tensorfile.OpenAppend(path, nil)
		if err == nil && g%5 == 0 {
			err = errors.Join(w.Add(ctx, "never", big, nil), w.Close())
			if err == nil {
				w, err = tensorfile.OpenAppend(path, nil)
			}
		}
		if err == nil {
			// Names come and go, so that catalogs of different generations differ.
			err = w.Add(ctx, fmt.Sprint("g", g), big, nil)
			if g > 5 {
				err = errors.Join(err, w.Delete(fmt.Sprint("g", g-3)))
			}
			err = errors.Join(err, viewCommit(w, g), w.Close())
		}
		if err != nil {
			fmt.Println(err)
			return 5
		}
		fmt.Println(g)
	}
	return 0
}

// snapshotReader looks at the file until its input ends. Each line of that is
// a generation that has been acknowledged.
func snapshotReader(arg string) int {
	path, way, _ := strings.Cut(arg, "|")
	var least atomic.Uint64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			g, _ := strconv.ParseUint(in.Text(), 10, 64)
			least.Store(g)
		}
	}()
	r := &snapshots{path: path, o: tensorfile.OpenOptions{NoMmap: way == "pread"}, seen: map[uint64]bool{}}
	for {
		select {
		case <-ended:
			fmt.Println("snapshots", r.count, len(r.seen), r.older, r.values)
			return 0
		default:
		}
		if err := r.look(least.Load()); err != nil {
			fmt.Println(err)
			return 5
		}
	}
}

type snapshots struct {
	path  string
	o     tensorfile.OpenOptions
	f     *tensorfile.File // refreshed from time to time
	seen  map[uint64]bool
	count int
	older int // snapshots of generations that were not the newest
	vals  [1 << 12]byte

	values int64
}

// look takes a new snapshot, by opening or by refreshing, and checks all of it.
func (r *snapshots) look(least uint64) error {
	r.count++
	if r.f == nil || r.count%7 == 0 {
		f, err := tensorfile.Open(r.path, &r.o)
		if err != nil {
			return err
		}
		if r.f != nil {
			if err := r.f.Close(); err != nil {
				return err
			}
		}
		r.f = f
	} else {
		f, err := r.f.Refresh()
		if err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
		if f != nil {
			if f.Info().Generation <= r.f.Info().Generation {
				return fmt.Errorf("refreshed from %d to %d", r.f.Info().Generation, f.Info().Generation)
			}
			// What is left behind is as whole as ever.
			if err := errors.Join(r.whole(r.f), r.f.Close()); err != nil {
				return err
			}
			r.f = f
		}
	}
	g := r.f.Info().Generation
	if g < least {
		return fmt.Errorf("snapshot of generation %d after %d was acknowledged", g, least)
	}
	r.seen[g] = true
	if err := r.whole(r.f); err != nil {
		return err
	}
	switch r.count % 16 {
	case 3: // at an older generation, which is no less whole
		o := r.o
		if o.Generation = max(g/2, 2); o.Generation == g {
			return nil
		}
		f, err := tensorfile.Open(r.path, &o)
		if err != nil {
			return err
		}
		r.older++
		if f.Info().Generation != o.Generation {
			return fmt.Errorf("opened %d, want %d", f.Info().Generation, o.Generation)
		}
		return errors.Join(r.whole(f), f.Close())
	case 8:
		next := g
		for x, err := range r.f.Generations(ctx) {
			if err != nil {
				return err
			}
			if x.Number != next {
				return fmt.Errorf("generation %d, want %d", x.Number, next)
			}
			next--
		}
		if next != 0 {
			return fmt.Errorf("the history of %d ends at %d", g, next+1)
		}
	case 12:
		rep, err := r.f.Verify(ctx, &tensorfile.VerifyOptions{Quick: true})
		if err == nil {
			err = errors.Join(rep.Findings...)
		}
		if err != nil {
			return fmt.Errorf("verify generation %d: %w", g, err)
		}
	}
	return nil
}

// whole checks that a snapshot holds one generation and nothing of another.
func (r *snapshots) whole(f *tensorfile.File) error {
	s, err := newShown(f)
	if err != nil {
		return err
	}
	want := map[string]bool{"first": true}
	for k := range viewTensors {
		want[fmt.Sprint("t", k)] = true
	}
	for g := max(s.generation, 5) - 2; g <= s.generation; g++ {
		want[fmt.Sprint("g", g)] = true
	}
	for name, err := range f.Names() {
		if err != nil {
			return err
		}
		if !want[name] {
			return fmt.Errorf("generation %d has %q", s.generation, name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		return fmt.Errorf("generation %d has no %v", s.generation, want)
	}
	kinds := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	if !f.Info().Mapped {
		kinds = []int{3, 4, 7, 8}
	}
	for k := range viewTensors {
		if err := s.view(kinds[(r.count+k)%len(kinds)], k, r.vals[:0]); err != nil {
			return err
		}
		r.values += viewElements
	}
	return nil
}

// One process writes, two others read, one mapped and one by positioned reads:
// a snapshot is always a whole generation, and never older than what was
// acknowledged before it was taken.
func TestSnapshotsOfOtherProcesses(t *testing.T) {
	commits := 400
	if testing.Short() {
		commits = 60
	}
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { put(t, w, "first", []byte("first")) })
	w := must(tensorfile.OpenAppend(path, nil))(t)
	ok(t, viewCommit(w, 2))
	ok(t, w.Close())
	readers := []*child{startChild(t, "snapshot-reader", path+"|mapped"), startChild(t, "snapshot-reader", path+"|pread")}
	writer := startChild(t, "snapshot-writer", fmt.Sprint(path, "|", commits))
	acknowledged := 0
	for {
		line := writer.line()
		if line == "" {
			break
		}
		if line != fmt.Sprint(acknowledged+3) {
			t.Error("writer:", line)
			break
		}
		acknowledged++
		for _, r := range readers {
			r.say(line)
		}
	}
	if text, err := writer.wait(); err != nil || acknowledged != commits {
		t.Errorf("writer: %d commits, %v: %s", acknowledged, err, text)
	}
	for i, r := range readers {
		text, err := r.wait()
		if err != nil {
			t.Errorf("reader %d: %v: %s", i, err, text)
			continue
		}
		var count, distinct, older int
		var values int64
		if n, _ := fmt.Sscanf(text, "snapshots %d %d %d %d", &count, &distinct, &older, &values); n != 4 {
			t.Errorf("reader %d: %s", i, text)
			continue
		}
		t.Logf("reader %d: %d snapshots of %d generations, %d older ones, %d values checked; %d commits", i, count, distinct, older, values, commits)
		if count < commits/4 || distinct < commits/10 || older < 1 {
			t.Errorf("reader %d: too few", i)
		}
	}
}
