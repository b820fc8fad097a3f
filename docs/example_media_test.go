package docs_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	stdimage "image"
	"log"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/bmp"
	tensorsql "github.com/tensorfile/tensorfile/convert/sql"
	_ "github.com/tensorfile/tensorfile/convert/sql/sqlite"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
	"github.com/tensorfile/tensorfile/transform/image"
)

func Example_sound() {
	stereo := counting[int16](44100, 2)
	mono, clipped, err := audio.Mono(stereo, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	slow, err := audio.Resample(mono, 44100, 16000, nil)
	if err != nil {
		log.Fatal(err)
	}
	samples, more, err := audio.Convert(slow, tensor.F32, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(samples.DType(), samples.Shape(), clipped+more)
	// Output: f32 (16000,) 0
}

func Example_resampler() {
	pieces := []tensor.View{counting[int16](480), counting[int16](4320)}
	total := int64(0)
	r, err := audio.NewResampler(48000, 16000, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, piece := range pieces {
		out, err := r.Push(piece)
		if err != nil {
			log.Fatal(err)
		}
		total += out.NumElements()
	}
	rest, err := r.Flush()
	fmt.Println(total+rest.NumElements(), err)
	// Output: 1600 <nil>
}

func Example_wav() {
	var w bytes.Buffer
	view := counting[int16](1000, 2)
	err := wav.Encode(&w, view, tensorfile.Attrs{"sample_rate": 48000, "encoding": "i24"})
	fmt.Println(w.Len(), err)
	// Output: 6044 <nil>
}

func Example_resize() {
	pixels := counting[uint8](480, 640, 3)
	small, err := image.Resize(pixels, image.HWC, 224, 224, &image.ResizeOptions{
		Filter: image.CatmullRom,
		Fit:    image.FitCrop,
	})
	fmt.Println(small.Shape(), err)
	// Output: (224, 224, 3) <nil>
}

func Example_meanOfASet() {
	defer inFolder()()
	ctx := context.Background()
	save("set.tensor", map[string]any{"set": counting[uint8](4, 2, 2, 3)})
	f, err := tensorfile.Open("set.tensor", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("set")
	if err != nil {
		log.Fatal(err)
	}
	l, err := loader.New(&loader.Options{Batch: 2}, loader.Source{Tensor: t})
	if err != nil {
		log.Fatal(err)
	}
	var set image.Set
	for b, err := range l.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		err = set.Add(b.Views[0], image.HWC)
		if err != nil {
			log.Fatal(err)
		}
	}
	mean, err := set.Mean() // f64, (H, W, C)
	if err != nil {
		log.Fatal(err)
	}
	channel, std, err := set.Channels() // three numbers each, for ScaleBias
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(mean.Shape(), channel, len(std))
	// Output: (2, 2, 3) [22.5 23.5 24.5] 3
}

func Example_standardPictures() {
	img := stdimage.NewNRGBA(stdimage.Rect(0, 0, 3, 2))
	v, layout, channels, copied, err := image.FromImage(img, nil) // grey, NRGBA and opaque RGBA without a copy
	if err != nil {
		log.Fatal(err)
	}
	back, _, err := image.ToImage(v, layout, channels, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Shape(), copied, back.Bounds())
	// Output: (2, 3, 4) false (0,0)-(3,2)
}

func Example_bmp() {
	var w bytes.Buffer
	view := counting[uint8](2, 3, 3)
	err := bmp.Encode(&w, view, nil)
	fmt.Println(string(w.Bytes()[:2]), err)
	// Output: BM <nil>
}

func Example_database() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if _, err := db.ExecContext(ctx, "CREATE TABLE points (x REAL, y REAL, day INTEGER); INSERT INTO points VALUES (1, 2, 7), (3, 4, 8), (5, 6, 7)"); err != nil {
		log.Fatal(err)
	}
	day := 7
	f, err := tensorsql.Read(ctx, db, "SELECT x, y FROM points WHERE day = ?", nil, day)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			log.Fatal(err)
		}
		v, err := t.Read(ctx)
		fmt.Println(t.Name(), v, err)
	}
	// Output:
	// x [1. 5.] <nil>
	// y [2. 6.] <nil>
}
