package term

import (
	"os"

	"golang.org/x/sys/windows"
)

func sizeOf(f *os.File) (s Size, ok bool) {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		return s, false
	}
	w := info.Window
	return Size{Columns: int(w.Right-w.Left) + 1, Rows: int(w.Bottom-w.Top) + 1}, true
}
