package host

import "golang.org/x/sys/unix"

// machineMemory is the memory of the machine, or what a process of 32 bits can
// address of it.
func machineMemory() int64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return assumed
	}
	n := uint64(s.Totalram) * uint64(s.Unit)
	return int64(min(n, addressable))
}
