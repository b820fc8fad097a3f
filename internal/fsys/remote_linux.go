package fsys

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// remoteTypes are the file systems that have another machine, the host of a
// virtual one, or a program behind them. virtiofs says that it is fuse. Cluster
// file systems that share a disk and keep the rules of local ones (GFS2, OCFS2)
// are not among them.
var remoteTypes = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "nfs",
	unix.SMB_SUPER_MAGIC:  "smb",
	unix.SMB2_SUPER_MAGIC: "smb",
	unix.CIFS_SUPER_MAGIC: "smb",
	unix.FUSE_SUPER_MAGIC: "fuse",
	unix.V9FS_MAGIC:       "9p",
	unix.CEPH_SUPER_MAGIC: "ceph",
	unix.AFS_SUPER_MAGIC:  "afs",
	unix.AFS_FS_MAGIC:     "afs",
	unix.CODA_SUPER_MAGIC: "coda",
	0x564c:                "ncp",
	0x0bd00bd0:            "lustre",
	0x47504653:            "gpfs",
	0x19830326:            "beegfs",
	0x20030528:            "pvfs2",
	0x786f4256:            "vboxsf",
	0xbacbacbc:            "hgfs",
}

// RemoteType names a file system by the magic number that statfs gives, or
// returns "" for one that is local or not known.
func RemoteType(magic uint32) string { return remoteTypes[magic] }

// remote implements FS.Remote.
func remote(path string) string {
	for _, p := range [...]string{path, filepath.Dir(path)} { // path need not exist
		var st unix.Statfs_t
		err := unix.Statfs(p, &st)
		for err == unix.EINTR {
			err = unix.Statfs(p, &st)
		}
		if err == nil {
			return RemoteType(uint32(st.Type))
		}
	}
	return ""
}
