package main

import (
	"math"

	"github.com/tensorfile/tensorfile/examples/digits"
)

const (
	side   = 28
	pixels = side * side
)

// set is images of pixels bytes each, and what they show.
type set struct{ images, labels []byte }

// model gives each class a score that is linear in the pixels.
type model struct {
	weights []float32 // (pixels, classes)
	bias    []float32 // (classes)
}

func newModel() *model {
	return &model{make([]float32, pixels*digits.Classes), make([]float32, digits.Classes)}
}

// classify returns the probabilities of the classes of an image, whose pixels x
// are from 0 to 1.
func (m *model) classify(x []float32) (p [digits.Classes]float32) {
	copy(p[:], m.bias)
	for k, v := range x {
		for c, w := range m.weights[k*digits.Classes : (k+1)*digits.Classes] {
			p[c] += v * w
		}
	}
	most, sum := p[0], float32(0)
	for _, v := range p {
		most = max(most, v)
	}
	for c, v := range p {
		p[c] = float32(math.Exp(float64(v - most)))
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

// image returns the pixels of image i in x.
func (s set) image(i int, x []float32) []float32 {
	for k, v := range s.images[i*pixels : (i+1)*pixels] {
		x[k] = float32(v) / 255
	}
	return x
}

// epoch takes a step down the gradient of the cross entropy for each image, which
// for a score is its probability, less one for the class that is right.
func (m *model) epoch(s set, rate float32) {
	x := make([]float32, pixels)
	for i, label := range s.labels {
		s.image(i, x)
		p := m.classify(x)
		p[label]--
		for k, v := range x {
			w := m.weights[k*digits.Classes : (k+1)*digits.Classes]
			for c, e := range &p {
				w[c] -= rate * v * e
			}
		}
		for c, e := range &p {
			m.bias[c] -= rate * e
		}
	}
}

// evaluate returns the mean cross entropy and the part that is right.
func (m *model) evaluate(s set) (loss, accuracy float64) {
	x := make([]float32, pixels)
	right := 0
	for i, label := range s.labels {
		p := m.classify(s.image(i, x))
		best := 0
		for c, v := range p {
			if v > p[best] {
				best = c
			}
		}
		if best == int(label) {
			right++
		}
		// A probability that is too small for a float32 counts as the smallest.
		loss -= math.Log(max(float64(p[label]), math.SmallestNonzeroFloat32))
	}
	n := float64(len(s.labels))
	return loss / n, float64(right) / n
}
