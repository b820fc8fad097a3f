// Package plot draws charts of tensors, as PNG and as SVG: lines, envelopes,
// histograms, maps of colours, pictures, with axes, units, colour bars and
// legends.
//
// A [Figure] has panels below each other, a [Panel] has two axes and marks. What
// is drawn has been reduced before, by package reduce, to about as many numbers
// as there are pixels; plot knows no files.
//
//	f := plot.Figure{Title: "loss", Panels: []*plot.Panel{{
//		X:     plot.Axis{Label: "step", Lo: 0, Hi: 1000},
//		Y:     plot.Axis{Label: "loss", Lo: 0.01, Hi: 10, Log: true},
//		Marks: []plot.Mark{&plot.Line{X: steps, Y: loss}},
//	}}}
//	err := f.WritePNG(w, 2)
//
// # Type
//
// Text is set in the Go fonts, which are part of the program, and is written to
// SVG as outlines: a chart looks the same in a browser, in a text processor, in
// print and as PNG, and no label can grow into another because a font is
// missing. Each label keeps its text beside the outlines (aria-label). The fonts
// have Latin, Greek and Cyrillic letters; others are written as escapes.
//
// No label leaves the picture or overlaps another. Where there is no room,
// labels are shortened or left out, ticks first; a picture that is too small for
// axes is the chart alone.
//
// # Concurrency and determinism
//
// Drawing changes nothing, so that a Figure may be drawn by any number of
// goroutines. The same Figure makes the same bytes, on any machine.
package plot
