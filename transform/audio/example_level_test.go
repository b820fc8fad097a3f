package audio_test

import (
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

// Levels are those of full scale; a gain says how many samples it clipped.
func ExampleMeasure() {
	v, err := tensor.FromSlice([]int16{16384, -16384, 16384, -16384})
	if err != nil {
		log.Fatal(err)
	}
	l, err := audio.Measure(v, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f dB peak, %.2f dB RMS\n", audio.DBFS(l.Peak), audio.DBFS(l.RMS))
	loud, clipped, err := audio.Gain(v, 3, nil)
	fmt.Println(loud, clipped, err)
	even, clipped, err := audio.NormalizeRMS(v, -12.0412, nil) // a quarter
	fmt.Println(even, clipped, err)
	// Output:
	// -6.02 dB peak, -6.02 dB RMS
	// [ 32767 -32768  32767 -32768] 4 <nil>
	// [ 8192 -8192  8192 -8192] 0 <nil>
}

func ExampleParseQuality() {
	q, err := audio.ParseQuality("best")
	fmt.Println(q == audio.Best, err)
	// Output: true <nil>
}
