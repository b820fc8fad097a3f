package colour_test

import (
	"fmt"
	"image/color"
	"slices"

	"github.com/tensorfile/tensorfile/plot/colour"
)

// A map goes evenly from dark to light, so that it is read in grey, too.
func ExampleByName() {
	m := colour.ByName(colour.Names()[0])
	fmt.Println(colour.Lightness(m.At(0)) < colour.Lightness(m.At(0.5)), colour.Lightness(m.At(0.5)) < colour.Lightness(m.At(1)))
	fmt.Println(colour.ByName("no such map") == nil, slices.Contains(colour.Names(), "grey"))
	// Output:
	// true true
	// true true
}

// Shades of an ink.
func ExampleRamp() {
	m := colour.Ramp("ink", color.NRGBA{255, 255, 255, 255}, color.NRGBA{0, 0, 0, 255})
	fmt.Println(m.At(0), m.At(1))
	// Output: {255 255 255 255} {0 0 0 255}
}
