package fsys

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// remote implements FS.Remote: a share, by its own name or by a drive's.
func remote(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return ""
	}
	root := make([]uint16, windows.MAX_PATH+1)
	if windows.GetVolumePathName(p, &root[0], uint32(len(root))) == nil && windows.GetDriveType(&root[0]) == windows.DRIVE_REMOTE {
		return "smb"
	}
	return ""
}
