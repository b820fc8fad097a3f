package mmap

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// residentAt looks at every page of a small range: by cachestat, since Linux
// 6.5, else by mincore where the range is mapped.
func (m *Map) residentAt(off, n int64) (float64, bool) {
	page := int64(os.Getpagesize())
	begin, end := off&^(page-1), (off+n+page-1)&^(page-1)
	pages := float64((end - begin) / page)
	var st unix.Cachestat_t
	r := unix.CachestatRange{Off: uint64(begin), Len: uint64(end - begin)}
	if unix.Cachestat(uint(m.file.Fd()), &r, &st, 0) == nil {
		return float64(st.Cache) / pages, true
	}
	return m.residentMapped(begin, end)
}

// residentMapped asks mincore about whole pages of the mapping.
func (m *Map) residentMapped(begin, end int64) (float64, bool) {
	page := int64(os.Getpagesize())
	have := m.region.Load()
	if have == nil || end > int64(have.end-have.base) {
		return 0, false
	}
	var vec [256]byte
	in := 0
	for at := begin; at < end; {
		some := min((end-at)/page, int64(len(vec)))
		addr := unsafe.Add(unsafe.Pointer(unsafe.SliceData(have.data)), at)
		if _, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(addr), uintptr(some*page), uintptr(unsafe.Pointer(&vec))); e != 0 {
			return 0, false
		}
		for _, v := range vec[:some] {
			in += int(v & 1)
		}
		at += some * page
	}
	return float64(in) * float64(page) / float64(end-begin), true
}
