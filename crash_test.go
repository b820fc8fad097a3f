package tensorfile_test

import (
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/internal/crashfs"
)

// Whenever the power fails, every file opens at the last acknowledged
// generation or, where a commit was under way, at that one, whole; and a writer
// goes on from there. TENSORFILE_CRASH is the number of different states.
func TestCrashes(t *testing.T) {
	h := &hunt{seed: crashSeed(t), want: crashStates(t, "TENSORFILE_CRASH", 50_000, 5_000)}
	huntFor(t, h)
}

// Lives in which a hunt of millions of states found something, as seed and number.
func TestCrashesFound(t *testing.T) {
	for _, x := range [][2]uint64{
		{15147202938066477829, 4738}, // the trailer of a commit that ended as unknown, where the model knew of none
	} {
		h := &hunt{seed: x[0], want: 1 << 20}
		h.seen, h.kinds = crashfs.NewSet(h.want), map[string]*tally{}
		h.life(x[1])
		if h.bad != nil {
			t.Error(h.bad)
		}
		if n := h.seen.Len(); n < 100 {
			t.Errorf("seed %d, life %d: %d states", x[0], x[1], n)
		}
	}
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
