package spectrum

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/parallel"
)

// Options say how samples are cut into frames. The zero value is the default.
type Options struct {
	// Window is how many samples a frame has, a power of two. Default: 1024.
	Window int
	// Hop is how many samples a frame begins behind the one before. Default: a
	// quarter of the window, or as many more as bring the frames down to two a
	// column, but no more than half of the window.
	Hop int
	// Columns and Rows are the most pixels along time and frequency. Frames and
	// bins that fall into one pixel are averaged. Default: no bound.
	Columns, Rows int
	// Workers is how many goroutines transform. Default: as many as there are
	// processors.
	Workers int
}

// A Spectrogram is the power of a recording in pixels of time and frequency. It
// is fed with samples in order and needs memory for the picture and a batch of
// frames. It belongs to one goroutine.
type Spectrogram struct {
	samples int64
	frames  int64
	hop     int
	columns int
	rows    int
	workers int
	fft     *FFT
	taper   []float64
	gain    float64 // power of a bin by the square of its sum

	buf   []float64 // samples from at on
	at    int64
	next  int64       // frame
	batch [][]float64 // powers of frames, by row
	sums  []float64   // columns of rows
	count []int64     // frames of each column
}

// batchFrames are transformed together.
const batchFrames = 64

// NewSpectrogram returns a Spectrogram of so many samples. A window that is no
// power of two, or a hop below 1, is ErrShape.
func NewSpectrogram(samples int64, o *Options) (*Spectrogram, error) {
	var own Options
	if o != nil {
		own = *o
	}
	if own.Window == 0 {
		own.Window = 1024
	}
	f, err := NewFFT(own.Window)
	if err != nil {
		return nil, err
	}
	if own.Hop == 0 {
		own.Hop = max(own.Window/4, 1)
		if own.Columns > 0 {
			want := min(samples/(2*int64(own.Columns)), int64(own.Window/2))
			own.Hop = max(own.Hop, int(want))
		}
	}
	if own.Hop < 1 {
		return nil, fail("hop", int64(own.Hop), "at least 1 sample")
	}
	s := &Spectrogram{samples: samples, hop: own.Hop, workers: own.Workers, fft: f, taper: make([]float64, f.n)}
	switch {
	case samples >= int64(f.n):
		s.frames = 1 + (samples-int64(f.n))/int64(s.hop)
	case samples > 0:
		s.frames = 1 // filled up with silence
	}
	s.columns, s.rows = int(min(s.frames, math.MaxInt32)), f.n/2+1
	if own.Columns > 0 {
		s.columns = min(s.columns, own.Columns)
	}
	if own.Rows > 0 {
		s.rows = min(s.rows, own.Rows)
	}
	sum := 0.0
	for i := range s.taper {
		s.taper[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(f.n))
		if f.n == 1 {
			s.taper[i] = 1
		}
		sum += s.taper[i]
	}
	s.gain = 1 / (sum * sum)
	s.sums, s.count = make([]float64, s.columns*s.rows), make([]int64, s.columns)
	return s, nil
}

// Size is how many columns and rows of pixels there are.
func (s *Spectrogram) Size() (columns, rows int) { return s.columns, s.rows }

// Frames is how many frames there are.
func (s *Spectrogram) Frames() int64 { return s.frames }

// Hop is how many samples lie between the beginnings of frames.
func (s *Spectrogram) Hop() int { return s.hop }

// Window is how many samples a frame has.
func (s *Spectrogram) Window() int { return s.fft.n }

// Add takes the samples that follow those before.
func (s *Spectrogram) Add(x []float64) {
	s.buf = append(s.buf, x...)
	s.take(false)
}

// Close says that no samples follow.
func (s *Spectrogram) Close() { s.take(true) }

// take transforms the frames that are there, in batches, and at the end those
// that are left.
func (s *Spectrogram) take(end bool) {
	for s.next < s.frames {
		first := s.next * int64(s.hop)
		if skip := min(first-s.at, int64(len(s.buf))); skip > 0 {
			s.buf = s.buf[:copy(s.buf, s.buf[skip:])]
			s.at += skip
		}
		if end && len(s.buf) < s.fft.n { // the only frame, or samples are missing
			s.buf = append(s.buf, make([]float64, s.fft.n-len(s.buf))...)
		}
		have := int64(len(s.buf)) - int64(s.fft.n)
		if have < 0 || s.at < first {
			return
		}
		n := min(have/int64(s.hop)+1, batchFrames, s.frames-s.next)
		if n < batchFrames && !end && s.next+n < s.frames {
			return
		}
		s.transform(n)
		s.next += n
	}
	s.buf = s.buf[:0]
}

// transform takes the next n frames, which begin with the buffer.
func (s *Spectrogram) transform(n int64) {
	for int64(len(s.batch)) < n {
		s.batch = append(s.batch, make([]float64, s.rows))
	}
	// No task fails.
	_ = parallel.EachWith(s.workers, n, func() []complex128 { return make([]complex128, s.fft.n) }, func(z []complex128, i int64) error {
		s.frame(s.batch[i], z, s.buf[i*int64(s.hop):])
		return nil
	})
	for i := range n {
		column := s.column(s.next + i)
		sums := s.sums[column*s.rows:][:s.rows]
		for row, p := range s.batch[i] {
			sums[row] += p
		}
		s.count[column]++
	}
}

// column is that of a frame.
func (s *Spectrogram) column(frame int64) int {
	if int64(s.columns) == s.frames {
		return int(frame)
	}
	return int(float64(frame) * float64(s.columns) / float64(s.frames))
}

// frame writes the powers of one, averaged over the bins of each row.
func (s *Spectrogram) frame(out []float64, z []complex128, x []float64) {
	for i, w := range s.taper {
		z[i] = complex(x[i]*w, 0)
	}
	s.fft.Transform(z)
	bins := s.fft.n/2 + 1
	for row := range out {
		from, to := row*bins/s.rows, (row+1)*bins/s.rows
		sum := 0.0
		for k := from; k < to; k++ {
			p := (real(z[k])*real(z[k]) + imag(z[k])*imag(z[k])) * s.gain
			if k > 0 && k < s.fft.n-k { // and its mirror
				p *= 2
			}
			sum += p
		}
		out[row] = sum / float64(to-from)
	}
}

// Power is the mean power in a pixel; row 0 holds frequency 0. It is NaN where a
// sample is no finite number, and where there were no samples.
func (s *Spectrogram) Power(column, row int) float64 {
	return s.sums[column*s.rows+row] / float64(s.count[column])
}
