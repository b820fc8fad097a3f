package bench

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/jpeg"
)

// photos are the number of JPEG files of a set.
func (e *Env) photos() int {
	if e.Full {
		return 1000
	}
	return 20
}

// jpegFiles is a folder of pictures of 500 by 375 pixels, all different: waves of
// colour, and noise as a camera has it.
func (e *Env) jpegFiles(b *testing.B) []string {
	return get(b, e, "jpeg files", func() ([]string, error) {
		dir := e.path("pictures")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		r := rand.New(rand.NewPCG(11, 12))
		var names []string
		for i := range e.photos() {
			img := image.NewYCbCr(image.Rect(0, 0, 500, 375), image.YCbCrSubsampleRatio420)
			across, down := make([]float64, 500), make([]float64, 375)
			fx, fy := 0.01+0.1*r.Float64(), 0.01+0.1*r.Float64()
			for x := range across {
				across[x] = math.Sin(fx * float64(x))
			}
			for y := range down {
				down[y] = math.Cos(fy * float64(y))
			}
			for k := range img.Y {
				img.Y[k] = uint8(120 + 70*across[k%img.YStride]*down[k/img.YStride] + 16*r.Float64())
			}
			for k := range img.Cb {
				x, y := k%img.CStride, k/img.CStride
				img.Cb[k], img.Cr[k] = uint8(128+50*across[x]), uint8(128+50*down[y])
			}
			var out bytes.Buffer
			if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 90}); err != nil {
				return nil, err
			}
			names = append(names, filepath.Join(dir, fmt.Sprintf("%04d.jpg", i)))
			if err := os.WriteFile(names[i], out.Bytes(), 0o666); err != nil {
				return nil, err
			}
		}
		return names, nil
	})
}

// setCases import a folder of JPEG files as one tensor, on one processor and on
// two, beside Pillow with as many threads.
func setCases(e *Env) []Case {
	size := int64(e.photos()) * 227 * 227 * 3
	var list []Case
	for _, workers := range []int{1, 2} {
		name := fmt.Sprintf("op=jpeg-set/files=%d/to=227x227/workers=%d/", e.photos(), workers)
		list = append(list, stream("convert", name+"impl=tensorfile", size, func(b *testing.B) {
			names, path := e.jpegFiles(b), e.path("set.tensor")
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
			each := operators(b, []string{"resize 227x227"})
			each.Workers = workers
			fresh(b, path, func() error {
				_, err := convert.Set(context.Background(), names, path, &convert.SetOptions{Each: each, Workers: workers, NoSync: true})
				return err
			})
		}), stream("convert", name+"impl=pillow", size, func(b *testing.B) {
			e.inPythonAs(b, size, func(b *testing.B) outcome {
				names, path := e.jpegFiles(b), e.path("set-compared.tensor")
				_, err := convert.Set(ctx, names, path, &convert.SetOptions{Each: operators(b, []string{"resize 227x227"}), NoSync: true, Overwrite: true})
				check(b, err)
				return e.readAll(tensorfile.Open(path, nil))
			}, "pillow_folder", filepath.Dir(e.jpegFiles(b)[0]), e.path("set.npy"), 227, workers)
		}))
	}
	return list
}

func (e *Env) setGoals() []Goal {
	name := fmt.Sprintf("convert/op=jpeg-set/files=%d/to=227x227/workers=", e.photos())
	return []Goal{
		{"1,000 JPEG files as a tensor, two processors beside one", name + "2/impl=tensorfile", name + "1/impl=tensorfile", 1.8, 0, true},
		{"on two processors, beside Pillow with two threads", name + "2/impl=tensorfile", name + "2/impl=pillow", 1, 0, false},
	}
}
