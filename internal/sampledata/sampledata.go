// Package sampledata makes data that looks like what people keep in tensors:
// weights, photos, sound, indices, fields, masks, and noise. Benchmarks and
// tests of compression use it, and dump the same bytes for other programs.
//
// The bytes depend on the name, the seed and the size alone. Nothing repeats: a
// codec that finds a match found it by chance. Results are the caller's own;
// all functions may be used concurrently.
package sampledata

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// Set is a kind of data.
type Set struct {
	Name  string
	DType tensor.DType
	What  string
	Goal  bool // one of the seven of the table of compressed tensors

	row  []int64 // extents behind axis 0
	fill func(b []byte, shape []int64, r *rand.Rand)
}

// Shape returns the shape of about size bytes: never fewer than one row.
func (s Set) Shape(size int) []int64 {
	row := int64(s.DType.UnitBytes)
	for _, n := range s.row {
		row *= n
	}
	return append([]int64{max(1, int64(size)/row)}, s.row...)
}

// Make returns about size bytes in C order, little-endian, and their shape.
func (s Set) Make(seed uint64, size int) (shape []int64, data []byte) {
	shape = s.Shape(size)
	n := int64(s.DType.UnitBytes)
	for _, extent := range shape {
		n *= extent
	}
	data = make([]byte, n)
	var name uint64
	for _, c := range s.Name {
		name = name*131 + uint64(c)
	}
	s.fill(data, shape, rand.New(rand.NewPCG(seed, name)))
	return shape, data
}

// Sets returns all kinds, those of the table of goals first.
func Sets() []Set { return slices.Clone(sets) }

// Get returns the kind of a name.
func Get(name string) (Set, bool) {
	i := slices.IndexFunc(sets, func(s Set) bool { return s.Name == name })
	if i < 0 {
		return Set{}, false
	}
	return sets[i], true
}

var sets = []Set{
	{"f32weights", tensor.F32, "a normal distribution of deviation 0.02", true, []int64{1024}, weights32},
	{"bf16weights", tensor.BF16, "the same, rounded", true, []int64{1024}, weights16},
	{"u8image", tensor.U8, "224 x 224 x 3: gradients, blobs, noise of deviation 2.5", true, []int64{224, 224, 3}, images},
	{"i16audio", tensor.I16, "five partials that wander, noise of deviation 30", true, nil, audio},
	{"i64index", tensor.I64, "ascending, gaps of mean 37", true, nil, indices},
	{"f32field", tensor.F32, "721 x 1440 temperatures: waves and 0.02 K of noise", true, []int64{721, 1440}, field},
	{"f32sparse", tensor.F32, "zeros, and one normal number in 200, in runs of three or so", true, nil, sparse},
	{"boolmask", tensor.Bool, "512 x 512 masks of blobs", false, []int64{512, 512}, masks},
	{"u8noise", tensor.U8, "random bytes", false, nil, noise},
	{"f32constant", tensor.F32, "one number, and another one in 5000", false, nil, nearly},
	{"i32tokens", tensor.I32, "token numbers by a power law", false, nil, tokens},
	{"f64steps", tensor.F64, "a walk in steps of 1/64", false, nil, steps},
	{"u8labels", tensor.U8, "256 x 256 maps of few labels with noise", false, []int64{256, 256}, labels},
	{"i16stereo", tensor.I16, "two channels that resemble each other", false, []int64{2}, stereo},
}

var le = binary.LittleEndian

func weights32(b []byte, _ []int64, r *rand.Rand) {
	for ; len(b) >= 4; b = b[4:] {
		le.PutUint32(b, math.Float32bits(float32(r.NormFloat64()*0.02)))
	}
}

func weights16(b []byte, _ []int64, r *rand.Rand) {
	for ; len(b) >= 2; b = b[2:] {
		x := math.Float32bits(float32(r.NormFloat64() * 0.02))
		x += 0x7fff + x>>16&1
		le.PutUint16(b, uint16(x>>16))
	}
}

// blob is a round hill.
type blob struct{ y, x, width, height float64 }

func (l blob) at(y, x float64) float64 {
	d := ((y-l.y)*(y-l.y) + (x-l.x)*(x-l.x)) / (l.width * l.width)
	return l.height / (1 + d)
}

func images(b []byte, shape []int64, r *rand.Rand) {
	h, w, c := int(shape[1]), int(shape[2]), int(shape[3])
	for range shape[0] {
		var blobs [6]blob
		for i := range blobs {
			blobs[i] = blob{r.Float64() * float64(h), r.Float64() * float64(w), 12 + 40*r.Float64(), 160*r.Float64() - 80}
		}
		base, down, right, tint := 60+100*r.Float64(), 0.4*r.Float64()-0.2, 0.4*r.Float64()-0.2, 0.4+0.6*r.Float64()
		for y := range h {
			for x := range w {
				light := base + down*float64(y) + right*float64(x)
				for _, l := range blobs {
					light += l.at(float64(y), float64(x))
				}
				for k := range c {
					v := light*(1-tint*0.2*float64(k)) + 2.5*r.NormFloat64()
					b[0] = uint8(min(max(math.Round(v), 0), 255))
					b = b[1:]
				}
			}
		}
	}
}

// sound is a tone of five partials of which pitch and loudness wander.
type sound struct {
	phase       [5]float64
	pitch, loud float64
	r           *rand.Rand
}

func (s *sound) next() float64 {
	s.pitch += 0.002*s.r.NormFloat64() + (220-s.pitch)*1e-5
	s.loud += 2e-4*s.r.NormFloat64() + (1-s.loud)*1e-4
	v := 0.0
	for k := range s.phase {
		s.phase[k] += 2 * math.Pi * s.pitch * float64(k+1) / 48000
		if s.phase[k] > 2*math.Pi {
			s.phase[k] -= 2 * math.Pi
		}
		v += 3400 / float64(k+1) * s.loud * math.Sin(s.phase[k])
	}
	return v
}

func sample(v float64) uint16 { return uint16(int16(min(max(math.Round(v), -32768), 32767))) }

func audio(b []byte, _ []int64, r *rand.Rand) {
	s := sound{pitch: 220, loud: 1, r: r}
	for ; len(b) >= 2; b = b[2:] {
		le.PutUint16(b, sample(s.next()+30*r.NormFloat64()))
	}
}

func stereo(b []byte, _ []int64, r *rand.Rand) {
	s := sound{pitch: 220, loud: 1, r: r}
	for ; len(b) >= 4; b = b[4:] {
		v := s.next()
		le.PutUint16(b, sample(v+10*r.NormFloat64()))
		le.PutUint16(b[2:], sample(0.7*v+10*r.NormFloat64()))
	}
}

func indices(b []byte, _ []int64, r *rand.Rand) {
	at := uint64(0)
	for ; len(b) >= 8; b = b[8:] {
		at += 1 + uint64(r.ExpFloat64()*36.5)
		le.PutUint64(b, at)
	}
}

func field(b []byte, shape []int64, r *rand.Rand) {
	h, w := int(shape[1]), int(shape[2])
	for range shape[0] {
		type wave struct{ ky, kx, phase, height float64 }
		var waves [8]wave
		for i := range waves {
			waves[i] = wave{8 * r.Float64(), float64(r.IntN(9)), 2 * math.Pi * r.Float64(), 1 + 4*r.Float64()}
		}
		for y := range h {
			lat := (float64(y)/float64(h-1) - 0.5) * math.Pi
			zone := 245 + 55*math.Cos(lat)
			for x := range w {
				v := zone
				for _, k := range waves {
					v += k.height * math.Cos(k.ky*lat+k.kx*2*math.Pi*float64(x)/float64(w)+k.phase)
				}
				le.PutUint32(b, math.Float32bits(float32(v+0.02*r.NormFloat64())))
				b = b[4:]
			}
		}
	}
}

func sparse(b []byte, _ []int64, r *rand.Rand) {
	run := false
	for ; len(b) >= 4; b = b[4:] {
		if run = run && r.IntN(3) > 0 || r.IntN(600) == 0; run {
			le.PutUint32(b, math.Float32bits(float32(r.NormFloat64())))
		}
	}
}

func masks(b []byte, shape []int64, r *rand.Rand) {
	h, w := int(shape[1]), int(shape[2])
	for range shape[0] {
		var blobs [5]blob
		for i := range blobs {
			blobs[i] = blob{r.Float64() * float64(h), r.Float64() * float64(w), 10 + 50*r.Float64(), 1}
		}
		for y := range h {
			for x := range w {
				v := 0.0
				for _, l := range blobs {
					v += l.at(float64(y), float64(x))
				}
				if v > 0.6 {
					b[0] = 1
				}
				b = b[1:]
			}
		}
	}
}

func noise(b []byte, _ []int64, r *rand.Rand) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func nearly(b []byte, _ []int64, r *rand.Rand) {
	for ; len(b) >= 4; b = b[4:] {
		v := float32(math.Pi)
		if r.IntN(5000) == 0 {
			v = float32(r.NormFloat64())
		}
		le.PutUint32(b, math.Float32bits(v))
	}
}

func tokens(b []byte, _ []int64, r *rand.Rand) {
	for ; len(b) >= 4; b = b[4:] {
		le.PutUint32(b, uint32(math.Exp(r.Float64()*math.Log(50000))))
	}
}

func steps(b []byte, _ []int64, r *rand.Rand) {
	at := 1000.0
	for ; len(b) >= 8; b = b[8:] {
		at += float64(r.IntN(9)-4) / 64
		le.PutUint64(b, math.Float64bits(at))
	}
}

func labels(b []byte, shape []int64, r *rand.Rand) {
	h, w := int(shape[1]), int(shape[2])
	for range shape[0] {
		var seeds [12]blob
		for i := range seeds {
			seeds[i] = blob{r.Float64() * float64(h), r.Float64() * float64(w), 20, float64(i)}
		}
		for y := range h {
			for x := range w {
				best, label := math.Inf(1), 0.0
				for _, s := range seeds {
					if d := (float64(y)-s.y)*(float64(y)-s.y) + (float64(x)-s.x)*(float64(x)-s.x); d < best {
						best, label = d, s.height
					}
				}
				b[0] = byte(label)
				if r.IntN(100) == 0 {
					b[0] = byte(r.IntN(12))
				}
				b = b[1:]
			}
		}
	}
}
