package main

import (
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// The kinds of charts.
const (
	plotLine        = "line"
	plotHist        = "hist"
	plotHeat        = "heat"
	plotWave        = "wave"
	plotSpectrogram = "spectrogram"
	plotImage       = "image"
	plotSpy         = "spy"
)

var plotKinds = []string{plotLine, plotHist, plotHeat, plotWave, plotSpectrogram, plotImage, plotSpy}

// plotWords are what the kinds are called.
var plotWords = map[string]string{
	plotLine: "lines", plotHist: "histogram", plotHeat: "heat map", plotWave: "wave", plotSpectrogram: "spectrogram", plotImage: "images", plotSpy: "sparsity pattern",
}

// kind is what is drawn of a tensor unless it is said.
func (d *plotted) kind(o *plotFlags) string {
	long := d.long()
	switch {
	case isSparse(d.Tensor) && len(d.size) == 2:
		return plotSpy
	case d.rate(o.rate) > 0 && len(long) <= 2 && d.sound() >= 0:
		return plotWave
	case d.isImage():
		return plotImage
	case len(long) <= 1:
		return plotLine
	case len(long) > 2:
		return plotHist
	}
	a, b := d.size[long[0]], d.size[long[1]]
	if lo, hi := min(a, b), max(a, b); lo <= plotLines && lo > 0 && hi >= 4*lo && hi >= 32 {
		return plotLine
	}
	return plotHeat
}

func isSparse(t *tensorfile.Tensor) bool {
	_, ok := entriesOf(t)
	return ok
}

// Axes of pictures, -1 for one that there is not.
type imageAxes struct{ n, h, w, c int }

// imageAxes finds the axes of pictures by their names or by their extents.
func (d *plotted) imageAxes() (imageAxes, bool) {
	a := imageAxes{-1, -1, -1, -1}
	for i := range d.axes {
		switch x := &d.axes[i]; {
		case x.is("h", "y", "height"):
			a.h = i
		case x.is("w", "x", "width"):
			a.w = i
		case x.is("c", "channel", "channels"):
			a.c = i
		case x.is("n", "b", "t", "batch"):
			a.n = i
		}
	}
	if a.h >= 0 && a.w >= 0 {
		left := 0
		for i := range d.axes {
			if i != a.h && i != a.w && i != a.c && i != a.n {
				left++
				if a.n < 0 {
					a.n, left = i, left-1
				}
			}
		}
		return a, left == 0 && (a.c < 0 || channels(d.size[a.c]))
	}
	s := d.size
	switch {
	case len(s) == 2:
		return imageAxes{-1, 0, 1, -1}, true
	case len(s) == 3 && channels(s[2]):
		return imageAxes{-1, 0, 1, 2}, true
	case len(s) == 3 && channels(s[0]) && s[0] != 2:
		return imageAxes{-1, 1, 2, 0}, true
	case len(s) == 3:
		return imageAxes{0, 1, 2, -1}, true
	case len(s) == 4 && channels(s[3]):
		return imageAxes{0, 1, 2, 3}, true
	case len(s) == 4 && channels(s[1]):
		return imageAxes{0, 2, 3, 1}, true
	}
	return a, false
}

func channels(n int64) bool { return n >= 1 && n <= 4 }

// isImage reports whether a tensor looks like pictures.
func (d *plotted) isImage() bool {
	a, ok := d.imageAxes()
	if !ok || d.size[a.h] < 2 || d.size[a.w] < 2 {
		return false
	}
	for name := range d.attrs {
		if strings.HasPrefix(name, "image.") {
			return true
		}
	}
	named := d.axes[a.h].name != "" && d.axes[a.w].name != ""
	bytes := d.DType() == tensor.U8 && len(d.size) > 2 && min(d.size[a.h], d.size[a.w]) >= 8
	return named && (a.c >= 0 || d.DType() == tensor.U8) || bytes
}
