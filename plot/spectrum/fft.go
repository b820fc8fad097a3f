package spectrum

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// An FFT transforms sequences of one length, a power of two: Cooley and Tukey's
// algorithm in place, radix 2. It does not change and may be used by any number
// of goroutines.
type FFT struct {
	n       int
	twiddle []complex128 // exp(-2 pi i k / n) for k < n/2
}

// maxLength keeps indices small, and what a spectrogram needs.
const maxLength = 1 << 20

// NewFFT returns an FFT of a length, which must be a power of two from 1 to
// 2^20, else it is ErrShape.
func NewFFT(n int) (*FFT, error) {
	if n < 1 || n > maxLength || n&(n-1) != 0 {
		return nil, fail("length of a transform", int64(n), "a power of two up to 1048576")
	}
	f := &FFT{n: n, twiddle: make([]complex128, n/2)}
	for k := range f.twiddle {
		sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		f.twiddle[k] = complex(cos, sin)
	}
	return f, nil
}

// Transform replaces x, of the length of f, by its discrete Fourier transform:
// X[k] is the sum of x[j] exp(-2 pi i j k / n), as numpy.fft.fft has it.
func (f *FFT) Transform(x []complex128) {
	x = x[:f.n]
	if f.n == 1 {
		return
	}
	shift := 64 - bits.Len(uint(f.n-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for half := 1; half < f.n; half *= 2 {
		step := f.n / (2 * half)
		for at := 0; at < f.n; at += 2 * half {
			lo, hi := x[at:at+half], x[at+half:at+2*half]
			for k := range lo {
				t := hi[k] * f.twiddle[k*step]
				lo[k], hi[k] = lo[k]+t, lo[k]-t
			}
		}
	}
}

func fail(field string, got int64, want string) error {
	return &tensor.Error{Kind: tensor.ErrShape, Offset: -1, Field: field, Got: strconv.FormatInt(got, 10), Want: want}
}
