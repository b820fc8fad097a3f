package gpu

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func hugePages(b []byte) { unix.Madvise(b, unix.MADV_HUGEPAGE) }

// populate makes the pages of b present. Kernels before 5.14 give them one by
// one.
func populate(b []byte) {
	if len(b) == 0 || unix.Madvise(b, unix.MADV_POPULATE_WRITE) == nil {
		return
	}
	for i := 0; i < len(b); i += pageBytes {
		b[i] = 0
	}
}

// nodeCPUs is the processors near a device by its PCI address, nil if the system
// does not tell, or all are.
func nodeCPUs(pci string) *unix.CPUSet {
	if pci == "" {
		return nil
	}
	list, err := os.ReadFile(filepath.Join("/sys/bus/pci/devices", strings.ToLower(filepath.Base(pci)), "local_cpulist"))
	if err != nil {
		return nil
	}
	return parseCPUs(string(list))
}

// parseCPUs reads a list such as "0-3,8".
func parseCPUs(list string) *unix.CPUSet {
	var set unix.CPUSet
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, more := strings.Cut(part, "-")
		if !more {
			last = first
		}
		a, err := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err != nil || err2 != nil || a < 0 || b < a || b >= 1<<16 {
			return nil
		}
		for i := a; i <= b; i++ {
			set.Set(i)
		}
	}
	if set.Count() == 0 {
		return nil
	}
	return &set
}

// runOn keeps this OS thread, to which the caller has locked its goroutine, on
// some processors, until the result is called: memory comes from the node of the
// processor that touches it first.
func runOn(near *unix.CPUSet) func() {
	var before unix.CPUSet
	if near == nil || unix.SchedGetaffinity(0, &before) != nil || unix.SchedSetaffinity(0, near) != nil {
		return func() {}
	}
	return func() { unix.SchedSetaffinity(0, &before) }
}
