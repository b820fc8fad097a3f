package term

import (
	"os"
	"strconv"
)

// Size is that of a terminal in characters, and that of a character in pixels
// where the terminal tells; else those are 0.
type Size struct {
	Columns, Rows         int
	CellWidth, CellHeight int
}

// SizeOf is the size of the terminal that f is. The environment variables COLUMNS
// and LINES stand above it.
func SizeOf(f *os.File) (Size, bool) {
	s, ok := sizeOf(f)
	number := func(name string, n *int) {
		if x, err := strconv.ParseUint(os.Getenv(name), 10, 15); err == nil && x > 0 {
			*n = int(x)
		}
	}
	number("COLUMNS", &s.Columns)
	number("LINES", &s.Rows)
	return s, ok && s.Columns > 0
}
