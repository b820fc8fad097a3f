package audio

import (
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// ResampleOptions say how to change a rate. A nil *ResampleOptions is all
// defaults.
type ResampleOptions struct {
	Quality Quality // default: Good

	Options
}

// Resample changes the rate of v, from and to in samples a second or any other
// unit: 44100 to 48000 is 147 to 160. The result has ceil(T*to/from) frames of
// the same dtype; its first is at the time of the first of v, and the filter has
// linear phase and no delay. Before the beginning and behind the end there is
// silence. Equal rates copy.
//
// Each new sample is a sum of products with a windowed sinc in float64. Rates
// without a common divisor need a filter of their own for each phase: it is
// refused with ErrLimit if it had more than 2^24 coefficients, as for
// 44100 to 44100.001.
func Resample(v tensor.View, from, to int64, o *ResampleOptions) (tensor.View, error) {
	var opts ResampleOptions
	if o != nil {
		opts = *o
	}
	s, err := soundOf(v)
	if err != nil {
		return tensor.View{}, err
	}
	f, err := newFilter(from, to, opts.Quality)
	if err != nil {
		return tensor.View{}, err
	}
	n, err := f.length(s.frames)
	if err != nil {
		return tensor.View{}, err
	}
	out, err := opts.make(v.DType(), s.shape(n))
	if err != nil {
		return tensor.View{}, err
	}
	dst, err := soundOf(out)
	if err != nil || out.NumElements() == 0 {
		return out, err
	}
	type room struct{ in, out planes }
	// Pieces long enough that the samples around them count little.
	block := max(dst.block(), int64(f.taps)*4*f.up/f.down)
	err = parallel.EachWith(opts.Workers, (n+block-1)/block, func() *room { return new(room) }, func(r *room, i int64) error {
		lo := i * block
		hi := min(lo+block, n)
		first, last := f.reach(lo, hi)
		if err := r.in.frames(last-first, s.stride, true); err != nil {
			return err
		}
		if err := r.out.frames(hi-lo, s.stride, false); err != nil {
			return err
		}
		begin := max(first, 0)
		if err := s.load(&r.in, begin-first, begin, min(last, s.frames)); err != nil {
			return err
		}
		for c := range s.stride {
			f.run(r.out.channel(c), r.in.channel(c), lo, first)
		}
		_, err := dst.save(&r.out, lo)
		return err
	})
	return out, err
}

// Resampler changes the rate of a recording that comes in pieces. What it
// returns, piece after piece, is bit for bit what [Resample] makes of the whole.
// It belongs to one goroutine, and keeps as many samples as the filter is long.
type Resampler struct {
	f       *filter
	options ResampleOptions
	like    *sound // the first piece: dtype, channels
	dtype   tensor.DType
	past    [][]float64 // of each channel, the samples that are still needed
	first   int64       // number of the first of them
	in, out int64       // samples so far
	flushed bool
}

// NewResampler designs the filter: see [Resample] for rates and errors.
func NewResampler(from, to int64, o *ResampleOptions) (*Resampler, error) {
	r := &Resampler{}
	if o != nil {
		r.options = *o
	}
	var err error
	r.f, err = newFilter(from, to, r.options.Quality)
	return r, err
}

// Push takes the next samples and returns, in fresh memory, the new ones that
// follow from them, perhaps none. All pieces have the dtype and the channels of
// the first. After an error the resampler is as it was before.
func (r *Resampler) Push(v tensor.View) (tensor.View, error) {
	s, err := soundOf(v)
	if err != nil {
		return tensor.View{}, err
	}
	switch {
	case r.flushed:
		return tensor.View{}, fail(tensor.ErrClosed, "resampler", "samples after Flush", "")
	case r.like != nil && v.DType() != r.dtype:
		return tensor.View{}, fail(tensor.ErrDType, "samples", v.DType().String(), r.dtype.String())
	case r.like != nil && (s.stride != r.like.stride || s.flat != r.like.flat):
		return tensor.View{}, fail(tensor.ErrShape, "samples", v.Shape().String(), r.like.shape(s.frames).String())
	}
	// A new sample needs those up to the last of its taps.
	total := r.in + s.frames
	if _, err := r.f.length(total); err != nil {
		return tensor.View{}, err
	}
	ready := int64(0)
	if last := total + r.f.behind - int64(r.f.taps); last >= 0 {
		ready = ((last+1)*r.f.up-1)/r.f.down + 1
	}
	out, err := r.options.make(v.DType(), s.shape(max(0, ready-r.out)))
	if err != nil {
		return tensor.View{}, err
	}
	var p planes
	if err := p.frames(s.frames, s.stride, false); err != nil {
		return tensor.View{}, err
	}
	if err := s.load(&p, 0, 0, s.frames); err != nil {
		return tensor.View{}, err
	}
	if r.like == nil {
		r.like = &sound{stride: s.stride, flat: s.flat, format: s.format}
		r.dtype = v.DType()
		r.first = -r.f.behind
		r.past = make([][]float64, s.stride)
		for c := range r.past {
			r.past[c] = make([]float64, r.f.behind)
		}
	}
	for c := range s.stride {
		r.past[c] = append(r.past[c], p.channel(c)...)
	}
	r.in = total
	return out, r.emit(out)
}

// Flush returns the new samples that were waiting for what follows: silence. It
// ends the resampler. Without a Push before it is ErrShape.
func (r *Resampler) Flush() (tensor.View, error) {
	if r.flushed {
		return tensor.View{}, fail(tensor.ErrClosed, "resampler", "a second Flush", "")
	}
	if r.like == nil {
		return tensor.View{}, fail(tensor.ErrShape, "resampler", "no samples", "a Push, of none perhaps")
	}
	n, err := r.f.length(r.in)
	if err != nil {
		return tensor.View{}, err
	}
	out, err := r.options.make(r.dtype, r.like.shape(n-r.out))
	if err != nil {
		return tensor.View{}, err
	}
	for c := range r.past {
		r.past[c] = append(r.past[c], make([]float64, r.f.taps)...)
	}
	r.flushed = true
	return out, r.emit(out)
}

// emit computes the samples that follow and forgets what no more is needed.
func (r *Resampler) emit(out tensor.View) error {
	to, err := soundOf(out)
	if err != nil {
		return err
	}
	var p planes
	if err := p.frames(to.frames, to.stride, false); err != nil {
		return err
	}
	for c := range to.stride {
		r.f.run(p.channel(c), r.past[c], r.out, r.first)
	}
	if _, err := to.save(&p, 0); err != nil {
		return err
	}
	r.out += to.frames
	if len(r.past) > 0 {
		first, _ := r.f.reach(r.out, r.out+1)
		gone := min(first-r.first, int64(len(r.past[0])))
		for c, x := range r.past {
			r.past[c] = x[:copy(x, x[gone:])]
		}
		r.first += gone
	}
	return nil
}
