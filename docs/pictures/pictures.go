package main

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// A picture is a row of memory and views of it.
type picture struct {
	paint  func(d *drawing) // in place of memory and views
	name   string
	title  string // for who cannot see it
	memory tensor.View
	panels []panel
	label  func(cell int) string // what stands in a cell of memory; its number without
	colour func(cell int) int    // which of the six colours it has, 0 for none
}

// A panel is a view and how it was made.
type panel struct {
	code string
	view tensor.View
}

// The pictures, by the page that shows them.
var pictures = []picture{
	// docs/views.md
	slice(), flip(), transpose(), broadcast(), diagonal(), windows(), windows2d(), channels(),
	// docs/einops.md
	spaceToDepth(),
	// docs/casts.md
	nhwcToNCHW(),
	// docs/images.md
	imageLayouts(),
	// docs/audio.md
	stereo(),
	// docs/loader.md
	batches(),
	// docs/gpu.md
	pipeline(),
}

// must is for views of this file, which are legal or a bug of it.
func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// numbers is memory of n cells as a view of shape s.
func numbers(d tensor.DType, n int, s ...int64) tensor.View {
	return must(tensor.NewView(make([]byte, n*int(d.UnitBytes)), d, s, nil, 0, tensor.HostOrder))
}

// rows colours cells by the row of n that they lie in.
func rows(n int) func(int) int { return func(cell int) int { return cell/n%6 + 1 } }

func slice() picture {
	v := numbers(tensor.I16, 15, 3, 5)
	sel := must(tensor.ParseSelection("[1:, ::2]"))
	return picture{name: "slice", title: "A slice moves the first element and makes strides longer.", memory: v, colour: rows(5), panels: []panel{
		{"v", v}, {"v[1:, ::2]", must(v.Select(sel))},
	}}
}

func flip() picture {
	v := numbers(tensor.I16, 10, 2, 5)
	return picture{name: "flip", title: "A flipped axis begins at its end and has a negative stride.", memory: v, colour: rows(5), panels: []panel{
		{"v", v}, {"v.Flip(1)", must(v.Flip(1))}, {"v.Flip(0)", must(v.Flip(0))},
	}}
}

func transpose() picture {
	v := numbers(tensor.I16, 12, 3, 4)
	return picture{name: "transpose", title: "A transposition exchanges extents and strides.", memory: v, colour: rows(4), panels: []panel{
		{"v", v}, {"v.Transpose()", must(v.Transpose())},
	}}
}

func broadcast() picture {
	v := numbers(tensor.I16, 4, 4)
	return picture{name: "broadcast", title: "A repeated axis has stride 0.", memory: v, colour: func(c int) int { return c + 1 }, panels: []panel{
		{"v", v}, {"v.BroadcastTo(3, 4)", must(v.BroadcastTo(tensor.Shape{3, 4}))},
		{"column.BroadcastTo(4, 3)", must(must(v.ExpandDims(1)).BroadcastTo(tensor.Shape{4, 3}))},
	}}
}

func diagonal() picture {
	v := numbers(tensor.I16, 20, 4, 5)
	return picture{name: "diagonal", title: "A diagonal steps along two axes at once.", memory: v, colour: rows(5), panels: []panel{
		{"v", v}, {"v.Diagonal(0, 0, 1)", must(v.Diagonal(0, 0, 1))}, {"v.Diagonal(1, 0, 1)", must(v.Diagonal(1, 0, 1))},
	}}
}

func windows() picture {
	v := numbers(tensor.I16, 8, 8)
	return picture{name: "windows", title: "Windows of three elements share their elements: two axes step through one.", memory: v, colour: func(c int) int { return c%6 + 1 }, panels: []panel{
		{"size 3", must(v.Windows(nil, []int64{3}, nil, nil))},
		{"size 3, stride 2", must(v.Windows(nil, []int64{3}, []int64{2}, nil))},
		{"size 3, dilation 2", must(v.Windows(nil, []int64{3}, nil, []int64{2}))},
	}}
}

func windows2d() picture {
	v := numbers(tensor.I16, 12, 3, 4)
	return picture{name: "windows-2d", title: "Windows of 2 by 2 in two dimensions: places and windows are two axes each.", memory: v, colour: rows(4), panels: []panel{
		{"v", v}, {"v.Windows(nil, 2x2)", must(v.Windows(nil, []int64{2, 2}, nil, nil))},
	}}
}

// pixel names what lies in cell k of interleaved pixels.
func pixel(k int) string { return fmt.Sprintf("%c%d", "rgb"[k%3], k/3) }

func channel(k int) int { return []int{1, 3, 5}[k%3] }

func channels() picture {
	v := numbers(tensor.U8, 18, 2, 3, 3)
	parts := must(v.Split(2, 3))
	return picture{name: "channels", title: "One channel of interleaved pixels is every third byte.", memory: v, colour: channel, label: pixel, panels: []panel{
		{"image: h w c", v},
		{"red", must(parts[0].Squeeze(2))}, {"green", must(parts[1].Squeeze(2))}, {"blue", must(parts[2].Squeeze(2))},
	}}
}

func spaceToDepth() picture {
	v := numbers(tensor.U8, 16, 4, 4)
	deep := must(must(v.Reshape(tensor.Shape{2, 2, 2, 2})).Permute(1, 3, 0, 2))
	return picture{name: "space-to-depth", title: "Space to depth splits both axes and permutes the parts: each of four channels takes one pixel of every square.", memory: v, colour: rows(4), panels: []panel{
		{"h w", v}, {"(h h1) (w w1) -> h1 w1 h w", deep},
	}}
}

func nhwcToNCHW() picture {
	v := numbers(tensor.U8, 24, 2, 2, 2, 3)
	return picture{name: "nhwc-nchw", title: "Interleaved pixels as planes: a permutation of strides, and one copy where they must lie so.", memory: v, colour: channel, label: pixel, panels: []panel{
		{"n h w c", v}, {"n h w c -> n c h w", must(v.Permute(0, 3, 1, 2))},
	}}
}

func imageLayouts() picture {
	// Two rows of three pixels and three bytes of padding; the last row comes first.
	data := make([]byte, 24)
	bmp := must(tensor.NewView(data, tensor.U8, tensor.Shape{2, 3, 3}, tensor.Strides{-12, 3, -1}, 14, tensor.HostOrder))
	return picture{name: "bmp-rows", title: "A BMP file holds rows from below, padded to four bytes, with blue first: a view with two negative strides is the picture.",
		memory: must(tensor.FromSlice(data)),
		label: func(k int) string {
			if k%12 >= 9 {
				return ""
			}
			return fmt.Sprintf("%c%d", "bgr"[k%12%3], (1-k/12)*3+k%12/3)
		},
		colour: func(k int) int {
			if k%12 >= 9 {
				return 0
			}
			return []int{5, 3, 1}[k%12%3]
		},
		panels: []panel{
			{"h w c, from the top, red first", bmp},
			{"c h w", must(bmp.Permute(2, 0, 1))},
		}}
}

func stereo() picture {
	v := numbers(tensor.I16, 16, 8, 2)
	turned := must(v.Transpose())
	return picture{name: "stereo", title: "Stereo sound interleaves its channels: time and channel are two strides.", memory: v,
		label:  func(k int) string { return fmt.Sprintf("%c%d", "LR"[k%2], k/2) },
		colour: func(k int) int { return []int{1, 5}[k%2] },
		panels: []panel{{"t c -> c t", turned}, {"the right channel", must(v.Index(1, 1))}}}
}

func batches() picture {
	v := numbers(tensor.F32, 24, 8, 3)
	list := []panel{{"8 samples of 3", v}}
	for i, b := range must(v.ArraySplit(0, 3)) {
		list = append(list, panel{fmt.Sprintf("batch %d", i), b})
	}
	return picture{name: "batches", title: "Batches are slices along the axis of the samples; the last one is shorter.", memory: v, colour: func(k int) int { return []int{1, 1, 1, 3, 3, 3, 5, 5}[k/3] }, panels: list}
}
