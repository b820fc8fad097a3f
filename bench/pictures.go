package bench

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/jpeg"
	"github.com/tensorfile/tensorfile/convert/png"
	"github.com/tensorfile/tensorfile/tensor"
)

// photograph is a picture of waves of colour with the noise of a camera.
func (e *Env) photograph(b *testing.B) tensor.View {
	return get(b, e, "photograph", func() (tensor.View, error) {
		height, width := int64(2000), int64(3000)
		if !e.Full {
			height, width = 200, 300
		}
		r := rand.New(rand.NewPCG(21, 22))
		x := make([]uint8, 0, height*width*3)
		for i := range height {
			for j := range width {
				y, x0 := float64(i), float64(j)
				noise := 3 * r.NormFloat64()
				for _, v := range []float64{math.Sin(x0/97 + y/310), math.Cos(y/71 - x0/500), math.Sin((x0 + y) / 133)} {
					x = append(x, uint8(min(max(128+85*v+noise, 0), 255)))
				}
			}
		}
		return tensor.FromSlice(x, height, width, 3)
	})
}

// photoFile is the picture in a file that both sides read.
func (e *Env) photoFile(b *testing.B, format string) string {
	return get(b, e, "photograph "+format, func() (string, error) {
		var out bytes.Buffer
		path := e.path("photograph." + format)
		if err := encodePhoto(&out, e.photograph(b), format); err != nil {
			return "", err
		}
		return path, os.WriteFile(path, out.Bytes(), 0o666)
	})
}

func encodePhoto(out *bytes.Buffer, v tensor.View, format string) error {
	if format == "png" {
		return png.Encode(out, v, nil)
	}
	return jpeg.Encode(out, v, nil, &convert.WriteOptions{Quality: 90})
}

// pictureCases read and write a picture, on one processor, beside Pillow.
func pictureCases(e *Env) []Case {
	size := int64(3 * 2000 * 3000)
	if !e.Full {
		size /= 100
	}
	var list []Case
	for _, format := range []string{"png", "jpeg"} {
		name := fmt.Sprintf("dtype=u8/bytes=%d/impl=", size)
		list = append(list, stream("convert", "op=decode-"+format+"/"+name+"tensorfile", size, func(b *testing.B) {
			path := e.photoFile(b, format)
			for b.Loop() {
				f, err := convert.Open(context.Background(), path, nil)
				check(b, err)
				for t, err := range f.Tensors() {
					check(b, err)
					_, err = t.Read(context.Background())
					check(b, err)
				}
				check(b, f.Close())
			}
		}), stream("convert", "op=decode-"+format+"/"+name+"pillow", size, func(b *testing.B) {
			e.inPythonAs(b, size, func(b *testing.B) outcome { return e.readAll(convert.Open(ctx, e.photoFile(b, format), nil)) }, "pillow_decode", e.photoFile(b, format))
		}), stream("convert", "op=encode-"+format+"/"+name+"tensorfile", size, func(b *testing.B) {
			v := e.photograph(b)
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				check(b, encodePhoto(&out, v, format))
			}
			b.ReportMetric(float64(size)/float64(out.Len()), Compression)
		}), stream("convert", "op=encode-"+format+"/"+name+"pillow", size, func(b *testing.B) {
			if format == "jpeg" { // whose pixels depend on who encodes them
				e.inPython(b, size, "pillow_encode", e.photoFile(b, "png"), format)
				return
			}
			e.inPythonAs(b, size, func(b *testing.B) outcome { return e.outcome(e.photograph(b), nil) }, "pillow_encode", e.photoFile(b, "png"), format)
		}))
	}
	return list
}

func (e *Env) pictureGoals() []Goal {
	size := int64(3 * 2000 * 3000)
	if !e.Full {
		size /= 100
	}
	var list []Goal
	for _, g := range []struct {
		op    string
		ratio float64
	}{{"decode-png", 1}, {"encode-png", 1}, {"decode-jpeg", 0.7}, {"encode-jpeg", 0.1}} {
		name := fmt.Sprintf("convert/op=%s/dtype=u8/bytes=%d/impl=", g.op, size)
		list = append(list, Goal{g.op + ", one processor, beside Pillow", name + "tensorfile", name + "pillow", g.ratio, 0, false})
	}
	return list
}
