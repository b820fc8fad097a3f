package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
	"github.com/tensorfile/tensorfile/transform/image"
)

// mediaCases are images and sound, on one and on all processors. Bytes are
// those of the larger side.
func mediaCases(e *Env) []Case {
	height, width, seconds := int64(2000), int64(3000), int64(60)
	if !e.Full {
		height, width, seconds = 200, 300, 2
	}
	var list []Case
	for _, c := range []struct {
		filter image.Filter
		to     [2]int64
	}{
		{image.Bilinear, [2]int64{227, 227}},
		{image.CatmullRom, [2]int64{227, 227}},
		{image.Nearest, [2]int64{2 * height, 2 * width}},
		{image.Bilinear, [2]int64{2 * height, 2 * width}},
		{image.CatmullRom, [2]int64{2 * height, 2 * width}},
	} {
		bytes := 3 * max(height*width, c.to[0]*c.to[1])
		name := fmt.Sprintf("op=resize/dtype=u8/from=%dx%dx3/to=%dx%d/filter=%v/", width, height, c.to[1], c.to[0], c.filter)
		for _, workers := range []int{1, 2} {
			list = append(list, Case{Group: "transform", Name: fmt.Sprintf("%sworkers=%d/impl=tensorfile", name, workers), Bytes: bytes, Run: func(b *testing.B) {
				b.SetBytes(bytes)
				v, err := tensor.FromSlice(e.bytesOf(b, 3*height*width), height, width, 3)
				check(b, err)
				dst := made(b, e, "out", tensor.U8, c.to[0], c.to[1], 3)
				o := &image.ResizeOptions{Filter: c.filter, Options: image.Options{Workers: workers}}
				for b.Loop() {
					check(b, image.ResizeInto(dst, v, image.HWC, o))
				}
			}})
		}
		list = append(list, Case{Group: "transform", Name: name + "impl=pillow", Bytes: bytes, Run: func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome {
				v, err := tensor.FromSlice(e.bytesOf(b, 3*height*width), height, width, 3)
				check(b, err)
				dst := made(b, e, "out", tensor.U8, c.to[0], c.to[1], 3)
				return e.outcome(dst, image.ResizeInto(dst, v, image.HWC, &image.ResizeOptions{Filter: c.filter}))
			}, "pillow_resize", e.bytesFile(b, "picture", e.bytesOf(b, 3*height*width)), height, width, c.to[0], c.to[1], c.filter.String())
		}})
	}
	samples := seconds * 44100
	bytes := 4 * samples * 160 / 147
	for _, q := range []audio.Quality{audio.Fast, audio.Good, audio.Best} {
		name := fmt.Sprintf("op=resample/dtype=f32/seconds=%d/from=44100/to=48000/", seconds)
		for _, workers := range []int{1, 2} {
			list = append(list, Case{Group: "transform", Name: fmt.Sprintf("%squality=%v/workers=%d/impl=tensorfile", name, q, workers), Bytes: bytes, Run: func(b *testing.B) {
				b.SetBytes(bytes)
				v, err := tensor.FromSlice(e.samples(b, samples))
				check(b, err)
				o := &audio.ResampleOptions{Quality: q, Options: audio.Options{Workers: workers}}
				for b.Loop() {
					_, err := audio.Resample(v, 44100, 48000, o)
					check(b, err)
				}
			}})
		}
		// SciPy with the same filter.
		list = append(list, Case{Group: "transform", Name: fmt.Sprintf("%squality=%v/impl=scipy", name, q), Bytes: bytes, Run: func(b *testing.B) {
			e.inPythonAs(b, bytes, func(b *testing.B) outcome {
				v, err := tensor.FromSlice(e.samples(b, samples))
				check(b, err)
				return e.outcome(audio.Resample(v, 44100, 48000, &audio.ResampleOptions{Quality: q})).about(1e-2)
			}, "resample_poly", e.bytesFile(b, "samples", cast.Bytes(e.samples(b, samples))), 160, 147, q.String())
		}})
	}
	return append(list, Case{Group: "transform", Name: fmt.Sprintf("op=resample/dtype=f32/seconds=%d/from=44100/to=48000/impl=scipy-default", seconds), Bytes: bytes, Run: func(b *testing.B) {
		e.inPython(b, bytes, "resample_poly", e.bytesFile(b, "samples", cast.Bytes(e.samples(b, samples))), 160, 147, "default")
	}})
}

// samples is noise.
func (e *Env) samples(b *testing.B, n int64) []float32 {
	return get(b, e, fmt.Sprint("samples", n), func() ([]float32, error) {
		r := rand.New(rand.NewPCG(5, 6))
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(0.1 * r.NormFloat64())
		}
		return x, nil
	})
}

// bytesOf is n random bytes.
func (e *Env) bytesOf(b *testing.B, n int64) []byte {
	return get(b, e, fmt.Sprint("bytes", n), func() ([]byte, error) {
		x := make([]byte, n)
		c := [32]byte{1}
		rand.NewChaCha8(c).Read(x)
		return x, nil
	})
}

func (e *Env) mediaGoals() []Goal {
	resize := "transform/op=resize/dtype=u8/from=3000x2000x3/to="
	sound := "transform/op=resample/dtype=f32/seconds=60/from=44100/to=48000/"
	var list []Goal
	for _, g := range []struct {
		to, filter string
		ratio      float64
	}{
		{"227x227", "bilinear", 2}, {"227x227", "bicubic", 2},
		{"6000x4000", "nearest", 0.95}, {"6000x4000", "bilinear", 2}, {"6000x4000", "bicubic", 2},
	} {
		name := resize + g.to + "/filter=" + g.filter + "/"
		list = append(list, Goal{"3000x2000 to " + g.to + ", " + g.filter + ", one worker, beside Pillow", name + "workers=1/impl=tensorfile", name + "impl=pillow", g.ratio, 0, false})
	}
	for _, q := range []string{"fast", "good", "best"} {
		list = append(list, Goal{"44.1 to 48 kHz, " + q + ", one worker, beside SciPy with that filter", sound + "quality=" + q + "/workers=1/impl=tensorfile", sound + "quality=" + q + "/impl=scipy", 1, 0, false})
	}
	return list
}
