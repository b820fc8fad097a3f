package spectrum_test

import (
	"fmt"
	"log"
	"math"

	"github.com/tensorfile/tensorfile/plot/spectrum"
)

// The transform of a constant is its sum.
func ExampleNewFFT() {
	f, err := spectrum.NewFFT(4)
	if err != nil {
		log.Fatal(err)
	}
	x := []complex128{1, 1, 1, 1}
	f.Transform(x)
	fmt.Println(x)
	// Output: [(4+0i) (0+0i) (0+0i) (0+0i)]
}

// A tone is one line of a spectrogram: here the eighth of 64 steps up to half the
// rate.
func ExampleNewSpectrogram() {
	s, err := spectrum.NewSpectrogram(1024, &spectrum.Options{Window: 128, Hop: 64})
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float64, 1024)
	for i := range x {
		x[i] = math.Sin(2 * math.Pi * 8 * float64(i) / 128)
	}
	s.Add(x)
	s.Close()
	columns, rows := s.Size()
	loudest := 0
	for row := range rows {
		if s.Power(3, row) > s.Power(3, loudest) {
			loudest = row
		}
	}
	fmt.Println(columns, rows, loudest)
	// Output: 15 65 8
}
