package fsys

import (
	"os"
	"path/filepath"
	"testing"
)

// The numbers are those of statfs(2), of the kernel's linux/magic.h and of the
// file systems outside of it.
func TestRemoteTypes(t *testing.T) {
	for magic, name := range map[uint32]string{
		0x6969: "nfs", 0x517b: "smb", 0xff534d42: "smb", 0xfe534d42: "smb", 0x65735546: "fuse", 0x01021997: "9p", 0x00c36400: "ceph",
		0x5346414f: "afs", 0x6b414653: "afs", 0x73757245: "coda", 0x564c: "ncp", 0x0bd00bd0: "lustre", 0x47504653: "gpfs",
		0x19830326: "beegfs", 0x20030528: "pvfs2", 0x786f4256: "vboxsf", 0xbacbacbc: "hgfs",
		// Local ones: ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS, exFAT, NTFS3,
		// bcachefs, eCryptfs, ramfs, squashfs, and none.
		0xef53: "", 0x58465342: "", 0x9123683e: "", 0x01021994: "", 0x794c7630: "", 0x2fc12fc1: "", 0xf2f52010: "", 0x2011bab0: "", 0x7366746e: "",
		0xca451a4e: "", 0xf15f: "", 0x858458f6: "", 0x73717368: "", 0: "",
	} {
		if got := RemoteType(magic); got != name {
			t.Errorf("%#x is %q, want %q", magic, got, name)
		}
	}
}

func TestRemote(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "not there"), "/proc/version"} {
		if got := OS.Remote(path); got != "" {
			// A place for tests may be a shared folder of a virtual machine.
			t.Logf("%s is on %s", path, got)
		}
	}
	f, err := os.Create(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if a, b := OS.Remote(f.Name()), OS.Remote(dir); a != b {
		t.Errorf("a file is on %q, its directory on %q", a, b)
	}
}
