package mmap

import (
	"os"

	"github.com/tensorfile/tensorfile/internal/fsys"
	"golang.org/x/sys/unix"
)

// addressLimit returns the process's limit on addresses in bytes; 0: none.
func addressLimit() int64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &r) != nil || r.Cur > 1<<62 {
		return 0
	}
	return int64(r.Cur)
}

// fsType returns the magic number of the file system that f is on; 0: unknown.
func fsType(f *os.File) uint32 {
	var st unix.Statfs_t
	for {
		switch err := unix.Fstatfs(int(f.Fd()), &st); err {
		case nil:
			return uint32(st.Type)
		case unix.EINTR:
		default:
			return 0
		}
	}
}

// remoteFS names the network file system that f is on; "": none known.
func remoteFS(f *os.File) string { return fsys.RemoteType(fsType(f)) }

// pseudoFS names the file system of f if its files are made up by the kernel.
func pseudoFS(f *os.File) string { return pseudoTypes[fsType(f)] }

var pseudoTypes = map[uint32]string{
	unix.PROC_SUPER_MAGIC: "procfs", unix.SYSFS_MAGIC: "sysfs", unix.CGROUP_SUPER_MAGIC: "cgroupfs", unix.CGROUP2_SUPER_MAGIC: "cgroupfs",
	unix.DEBUGFS_MAGIC: "debugfs", unix.TRACEFS_MAGIC: "tracefs", unix.SECURITYFS_MAGIC: "securityfs",
}
