package viewer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// A value that several want at the same time is made once; who cannot make it leaves
// it to the next.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(1 << 20)
		size := func(int) int64 { return 8 }
		var made atomic.Int32
		begun, end := make(chan struct{}), make(chan error)
		leave, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { // fails
			if _, err := share(t.Context(), c, "x", size, func() (int, error) { close(begun); return 0, <-end }); err == nil {
				t.Error("no error")
			}
		})
		<-begun
		all.Go(func() { // does not wait for ever
			if _, err := share(leave, c, "x", size, func() (int, error) { return 0, nil }); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		for range 8 {
			all.Go(func() {
				v, err := share(t.Context(), c, "x", size, func() (int, error) { made.Add(1); return 7, nil })
				if v != 7 || err != nil {
					t.Error(v, err)
				}
			})
		}
		synctest.Wait()
		end <- errors.New("no")
		all.Wait()
		if made.Load() != 1 || len(c.made) != 0 {
			t.Errorf("made %d times, %d are left", made.Load(), len(c.made))
		}
	})
}
