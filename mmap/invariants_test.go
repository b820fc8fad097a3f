//go:build invariants

package mmap

import "testing"

// TestInvariantsKeepForEver closes more mappings than a normal build keeps:
// the first slice still faults.
func TestInvariantsKeepForEver(t *testing.T) {
	if !canReserve {
		t.Skip("no quarantine here")
	}
	path := writeTemp(t, pattern(100, 1))
	var first []byte
	for range retired.maxCount + 10 {
		m, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Map(100); err != nil || !m.Mapped() {
			t.Fatal(err, m.Reason())
		}
		if first == nil {
			first = m.Bytes()
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if retired.drop() {
		t.Error("drop gave something back")
	}
	if x, fault := touch(first, 5); fault == 0 {
		t.Errorf("the first slice reads %#x", x)
	}
	q := quarantine{maxCount: 1, maxBytes: 1}
	for range 3 {
		if err := q.add(mapTemp(t, path, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if len(q.queue) != 3 {
		t.Errorf("%d regions are left, want all", len(q.queue))
	}
}
