package tensorfile

import (
	"bytes"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// hugePages asks for huge pages for b and reports whether they will come.
func hugePages(b []byte) bool {
	b = b[min(cast.Skew(b, hugePage), len(b)):]
	b = b[:len(b)&^(hugePage-1)]
	return len(b) > 0 && hugePagesOn() && unix.Madvise(b, unix.MADV_HUGEPAGE) == nil
}

// hugePagesOn reports whether the system gives huge pages to who asks.
var hugePagesOn = sync.OnceValue(func() bool {
	s, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	return err == nil && !bytes.Contains(s, []byte("[never]"))
})

// touch makes the pages of b present. Kernels before 5.14 give them one by one.
func touch(b []byte) {
	page := os.Getpagesize()
	b = b[min(cast.Skew(b, page), len(b)):]
	b = b[:len(b)&^(page-1)]
	if len(b) == 0 || unix.Madvise(b, unix.MADV_POPULATE_WRITE) == nil {
		return
	}
	for i := 0; i < len(b); i += page {
		b[i] = 0
	}
}
