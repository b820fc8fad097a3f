package colour

import "image/color"

// MaxLines is how many lines of one chart have colours of their own.
const MaxLines = 8

// Lines are the colours of lines on a light and on a dark ground, most different
// first. They differ in lightness as well as in hue, so that they can be told
// apart by those who see no red or no green.
var (
	Lines = [MaxLines]color.NRGBA{
		{0, 92, 185, 255},    // blue
		{230, 126, 0, 255},   // orange
		{0, 140, 105, 255},   // green
		{178, 44, 130, 255},  // purple
		{88, 180, 240, 255},  // sky
		{120, 40, 0, 255},    // brown
		{240, 150, 180, 255}, // pink
		{70, 70, 78, 255},    // slate
	}
	LinesOnDark = [MaxLines]color.NRGBA{
		{92, 164, 255, 255},  // blue
		{255, 158, 44, 255},  // orange
		{0, 190, 140, 255},   // green
		{226, 104, 190, 255}, // purple
		{168, 222, 255, 255}, // sky
		{196, 100, 60, 255},  // brown
		{240, 228, 90, 255},  // yellow
		{160, 160, 170, 255}, // slate
	}
)
