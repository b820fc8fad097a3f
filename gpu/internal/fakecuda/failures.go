//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"errors"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// FailEach runs a scenario in which the first call fails, then one in which the second
// does, and so on until a run makes fewer calls; it returns how many runs had a call
// that failed. After each run nothing must be left behind or have gone wrong, and the
// error must be a *driver.Error that names the call, but for those of Options.MayFail,
// which a scenario may do without. That what a scenario puts out without an error is
// right it looks itself.
func FailEach(t TB, o Options, scenario func(f *Fake) error) int {
	t.Helper()
	const most = 10_000
	for n := 1; n <= most; n++ {
		o.FailCall = n
		f := New(o)
		done := make(chan error, 1)
		go func() { done <- scenario(f) }()
		var err error
		select {
		case err = <-done:
		case <-time.After(time.Minute):
			t.Errorf("call %d, %s, failed: the scenario does not end", n, f.Failed())
			return n
		}
		failed := f.Failed()
		if failed == "" {
			f.Check(t)
			if err != nil {
				t.Errorf("no call failed: %v", err)
			}
			return n - 1
		}
		c := &collector{}
		f.Check(c)
		for _, s := range c.said {
			t.Errorf("call %d, %s, failed: %s", n, failed, s)
		}
		var e *driver.Error
		switch {
		case err == nil && slices.Contains(o.MayFail, failed):
		case err == nil:
			t.Errorf("call %d, %s, failed: no error", n, failed)
		case !errors.As(err, &e) || e.Op != failed && !slices.Contains(o.MayFail, failed):
			t.Errorf("call %d, %s, failed: the error does not name it: %v", n, failed, err)
		}
	}
	t.Errorf("the scenario makes more than %d calls", most)
	return most
}
