package parallel_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile/internal/parallel"
)

func TestEach(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 3, 100} {
		for _, n := range []int64{0, 1, 2, 57} {
			done := make([]atomic.Int32, n)
			var rooms atomic.Int64
			err := parallel.EachWith(workers, n, func() *int64 { rooms.Add(1); return new(int64) }, func(room *int64, i int64) error {
				*room++ // the race detector sees a room that is shared
				done[i].Add(1)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range done {
				if got := done[i].Load(); got != 1 {
					t.Errorf("%d workers: task %d of %d ran %d times", workers, i, n, got)
				}
			}
			if r := rooms.Load(); r > n || workers > 0 && r > int64(workers) {
				t.Errorf("%d workers: %d rooms for %d tasks", workers, r, n)
			}
		}
	}
}

func TestEachStopsAtAnError(t *testing.T) {
	bad := errors.New("bad")
	var begun atomic.Int64
	err := parallel.Each(2, 1_000_000_000, func(i int64) error {
		begun.Add(1)
		if i == 5 {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) || begun.Load() > 100_000_000 {
		t.Errorf("%v after %d tasks", err, begun.Load())
	}
}
