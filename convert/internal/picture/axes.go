package picture

import (
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/tensor"
)

// Names of axes in the attribute dims.
var (
	rowNames     = []string{"h", "height", "y", "row", "rows"}
	columnNames  = []string{"w", "width", "x", "column", "columns"}
	channelNames = []string{"c", "channel", "channels"}
)

// mostChannels is the largest extent that is taken for channels where axes have
// no names.
const mostChannels = 4

// Axes finds which axes are rows, columns and channels: by their names, or else
// by rank. Of rank 2 they are rows and columns; of rank 3 and 4 the last axis is
// channels if it has 1 to 4, else the one before rows and columns if that has. c
// is -1 where there are no channels.
func Axes(s tensor.Shape, dims []string) (y, x, c int, ok bool) {
	named := func(names []string) int {
		return slices.IndexFunc(dims, func(d string) bool { return slices.Contains(names, strings.ToLower(d)) })
	}
	if len(dims) == len(s) {
		if y, x, c = named(rowNames), named(columnNames), named(channelNames); y >= 0 && x >= 0 {
			return y, x, c, true
		}
	}
	few := func(n int64) bool { return n >= 1 && n <= mostChannels }
	switch n := len(s); {
	case n == 2:
		return 0, 1, -1, true
	case n < 2 || n > 4:
	case few(s[n-1]):
		return n - 3, n - 2, n - 1, true
	case few(s[n-3]):
		return n - 2, n - 1, n - 3, true
	}
	return 0, 0, 0, false
}
