//go:build unix

package term

import (
	"os"

	"golang.org/x/sys/unix"
)

func sizeOf(f *os.File) (s Size, ok bool) {
	c, err := f.SyscallConn()
	if err != nil {
		return s, false
	}
	c.Control(func(fd uintptr) {
		w, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
		if err != nil {
			return
		}
		s.Columns, s.Rows, ok = int(w.Col), int(w.Row), true
		if w.Xpixel > 0 && w.Ypixel > 0 && w.Col > 0 && w.Row > 0 {
			s.CellWidth, s.CellHeight = int(w.Xpixel/w.Col), int(w.Ypixel/w.Row)
		}
	})
	return s, ok
}
