package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

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
