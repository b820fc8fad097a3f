package fsys

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// LockHolder names the process that holds the lock of the file at path, or
// returns "" if the system does not tell. An open file description lock has no
// owner; the descriptors of processes that we may look at do show it.
func LockHolder(path string) string {
	fi, err := os.Stat(path)
	if err != nil {
		return ""
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	inode := fmt.Sprintf(":%d ", st.Ino)
	infos, _ := filepath.Glob("/proc/[0-9]*/fdinfo/*")
	for _, info := range infos {
		b, err := os.ReadFile(info)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "lock:") && strings.Contains(line, "OFDLCK") && strings.Contains(line, inode) {
				pid := strings.Split(info, "/")[2]
				comm, _ := os.ReadFile("/proc/" + pid + "/comm")
				return strings.TrimSpace("process " + pid + " " + strings.TrimSpace(string(comm)))
			}
		}
	}
	return ""
}
