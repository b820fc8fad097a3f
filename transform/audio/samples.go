package audio

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Options bound what an operator uses. A nil *Options is all defaults.
type Options struct {
	// Workers is how many goroutines share the work. Default: GOMAXPROCS.
	Workers int

	// MaxBytes is the largest result. Default: 1 GiB; negative: no limit.
	MaxBytes int64
}

const defaultMaxBytes = 1 << 30

func (o *Options) workers() int {
	if o == nil {
		return 0
	}
	return o.Workers
}

// make allocates a result.
func (o *Options) make(d tensor.DType, s tensor.Shape) (tensor.View, error) {
	size, err := tensor.ByteSize(d, s)
	if err != nil {
		return tensor.View{}, err
	}
	limit := int64(defaultMaxBytes)
	if o != nil && o.MaxBytes != 0 {
		limit = o.MaxBytes
	}
	if limit >= 0 && size > limit {
		return tensor.View{}, fail(tensor.ErrLimit, "result", itoa(size)+" bytes", "at most "+itoa(limit))
	}
	return tensor.Make(d, s)
}

// format is what the numbers of a dtype mean.
type format struct {
	full      float64 // full scale
	silence   float64
	whole     bool
	low, high float64 // of integers, silence subtracted
}

func formatOf(d tensor.DType) (format, error) {
	switch d {
	case tensor.F64, tensor.F32, tensor.F16, tensor.BF16:
		return format{full: 1}, nil
	case tensor.U8:
		return format{128, 128, true, -128, 127}, nil
	case tensor.I8, tensor.I16, tensor.I32:
		full := float64(uint64(1) << (d.Bits - 1))
		return format{full, 0, true, -full, full - 1}, nil
	}
	return format{}, fail(tensor.ErrDType, "samples", d.String(), "f64, f32, f16, bf16, i32, i16, i8 or u8")
}

// store rounds samples in place to what the format has, silence added, and
// counts those that were clipped.
func (f *format) store(x []float64) (clipped int64) {
	if !f.whole {
		return 0
	}
	for i, v := range x {
		v = math.RoundToEven(v)
		switch {
		case v > f.high:
			v = f.high
			clipped++
		case v < f.low:
			v = f.low
			clipped++
		case v != v:
			v = 0
		}
		x[i] = v + f.silence
	}
	return clipped
}

// sound is a view as frames of channels.
type sound struct {
	v              tensor.View // (T, C)
	format         format
	frames, stride int64 // stride: channels
	flat           bool  // the view had one axis
}

func soundOf(v tensor.View) (sound, error) {
	s := sound{v: v, flat: v.Rank() == 1}
	var err error
	if s.format, err = formatOf(v.DType()); err != nil {
		return s, err
	}
	switch v.Rank() {
	case 1:
		if s.v, err = v.ExpandDims(-1); err != nil {
			return s, err
		}
	case 2:
	default:
		return s, fail(tensor.ErrShape, "sound", v.Shape().String(), "(samples) or (samples, channels)")
	}
	s.frames, s.stride = s.v.Shape()[0], s.v.Shape()[1]
	return s, nil
}

// shape is that of frames frames like those of s.
func (s *sound) shape(frames int64) tensor.Shape {
	if s.flat {
		return tensor.Shape{frames}
	}
	return tensor.Shape{frames, s.stride}
}

// block is how many frames a task takes.
func (s *sound) block() int64 { return max(1, 1<<15/max(1, s.stride)) }

// planes is scratch memory for some frames, channel by channel.
type planes struct {
	view tensor.View
	data []float64
	n    int64 // frames
}

// frames makes room for n frames, all silent where zero is set.
func (p *planes) frames(n, channels int64, zero bool) error {
	p.n = n
	if need := n * channels; need > int64(len(p.data)) {
		v, err := tensor.Make(tensor.F64, tensor.Shape{need})
		if err != nil {
			return err
		}
		p.view = v
		if p.data, err = tensor.Data[float64](v); err != nil {
			return err
		}
	} else if zero {
		clear(p.data[:need])
	}
	return nil
}

// channel is the samples of one.
func (p *planes) channel(c int64) []float64 { return p.data[c*p.n : (c+1)*p.n] }

// at looks at count frames from the given one as (count, channels).
func (p *planes) at(frame, count, channels int64) (tensor.View, error) {
	b, err := p.view.Bytes()
	if err != nil {
		return tensor.View{}, err
	}
	return tensor.NewView(b, tensor.F64, tensor.Shape{count, channels}, tensor.Strides{8, 8 * p.n}, 8*frame, tensor.HostOrder)
}

// load brings the frames from lo to hi of a sound to p, from the given frame
// on, silence at zero.
func (s *sound) load(p *planes, frame, lo, hi int64) error {
	if lo >= hi || s.stride == 0 {
		return nil
	}
	from, err := s.v.Slice(0, lo, hi, 1)
	if err != nil {
		return err
	}
	to, err := p.at(frame, hi-lo, s.stride)
	if err == nil {
		err = tensor.Cast(to, from)
	}
	if err != nil {
		return err
	}
	if s.format.silence != 0 {
		for c := range s.stride {
			for i, x := range p.channel(c)[frame : frame+hi-lo] {
				p.channel(c)[frame+int64(i)] = x - s.format.silence
			}
		}
	}
	return nil
}

// save rounds the frames in p and brings them to s, from frame lo on.
func (s *sound) save(p *planes, lo int64) (clipped int64, err error) {
	if p.n == 0 || s.stride == 0 {
		return 0, nil
	}
	clipped = s.format.store(p.data[:p.n*s.stride])
	from, err := p.at(0, p.n, s.stride)
	if err != nil {
		return 0, err
	}
	to, err := s.v.Slice(0, lo, lo+p.n, 1)
	if err != nil {
		return 0, err
	}
	return clipped, tensor.Cast(to, from)
}

// each runs fn on pieces of s that together are all of it.
func (s *sound) each(o *Options, fn func(p *planes, lo, hi int64) error) error {
	block := s.block()
	return parallel.EachWith(o.workers(), (s.frames+block-1)/block, func() *planes { return new(planes) }, func(p *planes, i int64) error {
		lo := i * block
		hi := min(lo+block, s.frames)
		if err := p.frames(hi-lo, s.stride, false); err != nil {
			return err
		}
		if err := s.load(p, 0, lo, hi); err != nil {
			return err
		}
		return fn(p, lo, hi)
	})
}

func fail(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func ftoa(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
