package viewer

import "github.com/tensorfile/tensorfile/plot/colour"

// colourMaps answers the colour maps of charts, so that a picture in the page and one
// of "tensorfile plot" are the same.
func (c *call) colourMaps() error {
	type mapDoc struct {
		Name string `json:"name"`
		RGB  []byte `json:"rgb"` // 256 times red, green and blue; base64
	}
	var d struct {
		Schema string   `json:"schema"`
		Maps   []mapDoc `json:"maps"`
	}
	d.Schema = schema("colormaps")
	for _, name := range colour.Names() {
		var rgb []byte
		for _, x := range colour.ByName(name).Table() {
			rgb = append(rgb, x.R, x.G, x.B)
		}
		d.Maps = append(d.Maps, mapDoc{name, rgb})
	}
	return c.json(d)
}
