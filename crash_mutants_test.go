//go:build mutants

package tensorfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/internal/mutant"
)

// mutants are mistakes planted in the protocol, and what finds each.
var mutants = []struct {
	name  string
	found string // "crash", "lying disk" or a name in crashRaces
	only  string // scenario, of mistakes that few lives show
}{
	{"barrier of the data", "crash", ""},
	{"barriers of slots", "crash", ""},
	{"both barriers", "crash", ""},
	{"acknowledged early", "crash", ""},
	{"slot before data", "crash", ""},
	{"wrong slot", "crash", ""},
	{"both slots at once", "crash", ""},
	{"slot stays in a session", "crash", ""},
	{"slot of a trailer", "crash", ""},
	{"slots not sound", "crash", ""},
	{"equal slots", "crash", "killed while mending"},
	{"slot lost by a sync", "crash", "failed sync"},
	{"no poison", "crash", ""},
	{"same generation", "crash", ""},
	{"highest of slots and trailer", "crash", ""},
	{"root checksum", "crash", ""},
	{"bytes below L again", "crash", ""},
	{"cut below L", "crash", ""},
	{"leftover stays", "crash", ""},
	{"nothing taken back", "an edit that is given up", ""},
	{"sync of a new file", "crash", ""},
	{"sync of the directory", "crash", ""},
	{"sync of the directory before an append", "crash", "killed create, repack"},
	{"checksum of a run", "a torn run head", ""},
	{"checksum of a page", "lying disk", ""},
	{"checksum of a payload", "lying disk", ""},
	{"inode", "replaced before the lock", ""},
	{"slots read again", "another commit at our barrier", ""},
	{"commit before a repack", "a commit before a repack", ""},
	{"any trailer after none", "roots that do not count", ""},
	{"any trailer after one slot", "roots that do not count", ""},
	{"file size", "roots that do not count", ""},
}

// equivalent are mistakes that change nothing that can be told. They are not
// looked for.
var equivalent = map[string]string{
	"checksum of a reference": "the head of a run has a checksum of its own, so a head that is not the one meant and yet whole is that of a generation that was begun at the same place and given up",
}

// Each planted mistake is found by what is to find it, soon.
func TestMutants(t *testing.T) {
	defer mutant.Set("")
	begin := time.Now()
	killed := 0
	for _, m := range mutants {
		mutant.Set(m.name)
		start := time.Now()
		err, states := findMutant(m.found, m.only)
		mutant.Set("")
		what, _, _ := strings.Cut(strings.TrimSpace(msg(err)), "\n")
		if err == nil {
			t.Errorf("%q lives after %d states", m.name, states)
			continue
		}
		killed++
		t.Logf("%-40s %-30s %7d states %5.2f s  %.200s", m.name, m.found, states, time.Since(start).Seconds(), what)
	}
	for name, why := range equivalent {
		t.Logf("%-40s equivalent: %s", name, why)
	}
	t.Logf("%d of %d mutants killed, %.1f s", killed, len(mutants), time.Since(begin).Seconds())
	if killed < 32 {
		t.Errorf("%d mutants killed, want 32", killed)
	}
}

func msg(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func findMutant(by, only string) (error, int) {
	h := &hunt{seed: 1, want: 150_000, only: only}
	switch by {
	case "lying disk":
		h.lying = true
		fallthrough
	case "crash":
		err := h.run()
		return err, h.seen.Len()
	}
	for _, c := range crashRaces {
		if c.name == by {
			return c.test(), 0
		}
	}
	return nil, 0
}
