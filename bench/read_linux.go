package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// openRaw opens a file, maps it, touches it, and closes it: what an open of ours
// cannot do without.
func openRaw(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	m, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	sink = float32(m[0])
	return unix.Munmap(m)
}

// evict takes a file that is on the disk out of the page cache. It says why
// that does not work.
func evict(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return err.Error()
	}
	var st unix.Cachestat_t
	err = unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &st, 0)
	if err == nil && st.Cache > 1024 {
		return "pages stay in the cache"
	}
	return ""
}
