package audio_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

// A stereo recording becomes what a speech model takes: mono, 16 kHz, floats.
func Example() {
	stereo, err := tensor.Make(tensor.I16, tensor.Shape{44100, 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	mono, clipped, err := audio.Mono(stereo, nil, nil)
	fmt.Println(mono.Shape(), clipped, err)
	slow, err := audio.Resample(mono, 44100, 16000, nil)
	fmt.Println(slow.Shape(), slow.DType(), err)
	samples, clipped, err := audio.Convert(slow, tensor.F32, nil)
	fmt.Println(samples.Shape(), samples.DType(), clipped, err)
	// Output:
	// (44100,) 0 <nil>
	// (16000,) i16 <nil>
	// (16000,) f32 0 <nil>
}

// A long recording goes through in pieces.
func ExampleResampler() {
	r, err := audio.NewResampler(48000, 16000, &audio.ResampleOptions{Quality: audio.Best})
	if err != nil {
		fmt.Println(err)
		return
	}
	total := int64(0)
	for range 10 { // seconds
		piece, err := tensor.Make(tensor.F32, tensor.Shape{48000})
		if err != nil {
			fmt.Println(err)
			return
		}
		out, err := r.Push(piece)
		if err != nil {
			fmt.Println(err)
			return
		}
		total += out.NumElements()
	}
	rest, err := r.Flush()
	fmt.Println(total+rest.NumElements(), err)
	// Output: 160000 <nil>
}

func ExampleNormalizePeak() {
	v, _ := tensor.FromSlice([]int16{100, -200, 50})
	loud, clipped, err := audio.NormalizePeak(v, -6.0206, nil) // half of full scale
	fmt.Println(loud, clipped, err)
	// Output: [  8192 -16384   4096] 0 <nil>
}
