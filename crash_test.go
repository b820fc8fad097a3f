package tensorfile_test

import (
	"testing"
	"time"
)

// Whenever the power fails, every file opens at the last acknowledged
// generation or, where a commit was under way, at that one, whole; and a writer
// goes on from there. TENSORFILE_CRASH is the number of different states.
func TestCrashes(t *testing.T) {
	h := &hunt{seed: crashSeed(t), want: crashStates(t, "TENSORFILE_CRASH", 50_000, 5_000)}
	huntFor(t, h)
}

// A disk that ignores every sync may lose commits. It never makes a reader that
// looks at checksums see wrong data. TENSORFILE_LYING is the number of states.
func TestLyingDisk(t *testing.T) {
	h := &hunt{seed: crashSeed(t), want: crashStates(t, "TENSORFILE_LYING", 15_000, 3_000), lying: true}
	huntFor(t, h)
	if k := h.total(); k.refused == 0 || k.opened == 0 {
		t.Errorf("%d files opened, %d refused", k.opened, k.refused)
	}
}

func huntFor(t *testing.T, h *hunt) {
	t.Logf("seed %d", h.seed)
	begin := time.Now()
	err := h.run()
	h.report(t)
	if err != nil {
		t.Fatal(err)
	}
	if n := h.seen.Len(); n < h.want {
		t.Errorf("%d different states, want %d", n, h.want)
	}
	t.Logf("%d different states, 0 violations, %.1f s", h.seen.Len(), time.Since(begin).Seconds())
}
