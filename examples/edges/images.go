package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// prepare makes a file of images unless there is one: four pictures in a chunk, each
// chunk compressed by itself.
func prepare(ctx context.Context, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	const n, height, width = 24, 80, 120
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]uint8, 0, n*height*width*3)
	for range n {
		b = append(b, discs(rng, height, width)...)
	}
	v, err := tensor.FromSlice(b, n, height, width, 3)
	if err != nil {
		return err
	}
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		return err
	}
	defer w.Close() // takes back what was not committed
	o := &tensorfile.TensorOptions{Dims: []string{"batch", "height", "width", "channel"}, Chunk: tensor.Shape{4, height, width, 3}, Codec: "zstd:1"}
	if err := w.Add(ctx, "images", v, o); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// discs draws discs over a slope of colour.
func discs(rng *rand.Rand, height, width int) []uint8 {
	type disc struct{ y, x, radius, r, g, b float64 }
	list := make([]disc, 7)
	for i := range list {
		list[i] = disc{rng.Float64() * float64(height), rng.Float64() * float64(width), 5 + 20*rng.Float64(), 255 * rng.Float64(), 255 * rng.Float64(), 255 * rng.Float64()}
	}
	b := make([]uint8, 0, height*width*3)
	for y := range height {
		for x := range width {
			c := disc{r: 60 + float64(y), g: 90 + float64(x)/2, b: 150 - float64(y)/2}
			for _, d := range list {
				if math.Hypot(float64(y)-d.y, float64(x)-d.x) < d.radius {
					c = d
				}
			}
			b = append(b, uint8(c.r), uint8(c.g), uint8(c.b))
		}
	}
	return b
}
