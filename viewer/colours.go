package viewer

import (
	"strings"

	"github.com/tensorfile/tensorfile/plot/colour"
)

// colourMaps answers the colour maps of charts, so that a picture in the page and one
// of "tensorfile plot" are the same.
func (c *call) colourMaps() error {
	names := colour.Names()
	var b []byte
	for _, name := range names {
		for _, x := range colour.ByName(name).Table() {
			b = append(b, x.R, x.G, x.B)
		}
	}
	c.header().Set("X-Names", strings.Join(names, ","))
	return c.raw("u8", []int64{int64(len(names)), 256, 3}, b)
}
