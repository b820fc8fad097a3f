package operate

import (
	"fmt"
	"maps"
	"math/big"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/audio"
)

// mostVoices is the largest extent that is taken for the channels of a recording
// where axes have no names.
const mostVoices = 8

// sound finds the axes of a recording: by their names, or else by rank. Of rank
// 1 the axis is time; of rank 2 the last is channels if it has 1 to 8, else the
// first if that has. c is -1 if there is none.
func (a *array) sound() (t, c int, err error) {
	s := a.shape()
	if dims := a.attrs.Dims(); dims != nil && len(s) <= 2 {
		t, c = named(dims, timeNames), named(dims, channelNames)
		if t >= 0 && (c >= 0 || len(s) == 1) {
			return t, c, nil
		}
	}
	few := func(n int64) bool { return n >= 1 && n <= mostVoices }
	switch {
	case len(s) == 1:
		return 0, -1, nil
	case len(s) == 2 && few(s[1]):
		return 0, 1, nil
	case len(s) == 2 && few(s[0]):
		return 1, 0, nil
	}
	return 0, 0, a.fail(tensor.ErrShape, "axes of a recording", s.String(), "T, TC or CT with 1 to 8 channels, or axes called t and c (attribute dims); rearrange puts them so")
}

// Mono mixes the channels of recordings to one, each with the same weight, as
// audio.Mono does. The axis of the channels goes away.
type Mono struct{}

func (Mono) String() string { return "mono" }

func (Mono) apply(in []*array) ([]*array, error) {
	o := &audio.Options{Workers: 1, MaxBytes: -1}
	return each(in, func(a *array) error {
		t, c, err := a.sound()
		if err != nil || c < 0 {
			return err
		}
		d, before := a.n.form()
		mix := func(dst, src tensor.View) error {
			src, err := src.Permute(t, c)
			if err != nil {
				return err
			}
			v, _, err := audio.Mono(src, nil, o)
			if err != nil {
				return err
			}
			return tensor.Copy(dst, v)
		}
		if err := tryFrames(d, mix); err != nil {
			return err
		}
		a.n = &blockwise{unary: unary{a.n, d, tensor.Shape{before[t]}}, from: []int{t}, fn: mix, extra: func(out, _ int64) int64 { return out + 1<<20 }}
		a.carry(before, []int{t}, func(int) bool { return false })
		return nil
	})
}

// tryFrames calls fn with one frame of one channel, to see whether it knows the
// dtype.
func tryFrames(d tensor.DType, fn func(dst, src tensor.View) error) error {
	src, err := tensor.Make(d, tensor.Shape{1, 1})
	if err != nil {
		return err
	}
	dst, err := tensor.Make(d, tensor.Shape{1})
	if err != nil {
		return err
	}
	return fn(dst, src)
}

// Rate changes the sampling rate of recordings, as audio.Resample does, and
// notes it in the attribute sample_rate.
type Rate struct {
	// From is the rate of the samples. Default: 0, that of the attribute
	// sample_rate.
	From int64
	To   int64
}

func (r Rate) String() string {
	if r.From == 0 {
		return fmt.Sprintf("rate %d", r.To)
	}
	return fmt.Sprintf("rate %d:%d", r.From, r.To)
}

func (r Rate) apply(in []*array) ([]*array, error) {
	o := &audio.ResampleOptions{Options: audio.Options{Workers: 1, MaxBytes: -1}}
	return each(in, func(a *array) error {
		t, c, err := a.sound()
		if err != nil {
			return err
		}
		from := r.From
		if from == 0 {
			if from, err = a.rate(); err != nil {
				return err
			}
		}
		d, before := a.n.form()
		if from == r.To {
			return nil
		}
		if _, err := audio.NewResampler(from, r.To, o); err != nil {
			return err
		}
		frames, ok := resampled(before[t], from, r.To)
		if !ok {
			return a.fail(tensor.ErrOverflow, r.String(), before.String(), "at most 2^62 frames")
		}
		shape := before.Clone()
		shape[t] = frames
		fn := func(dst, src tensor.View) error {
			var err error
			if c >= 0 {
				if src, err = src.Permute(t, c); err == nil {
					dst, err = dst.Permute(t, c)
				}
			}
			if err != nil {
				return err
			}
			v, err := audio.Resample(src, from, r.To, o)
			if err != nil {
				return err
			}
			return tensor.Copy(dst, v)
		}
		one, err := tensor.Make(d, tensor.Shape{0})
		if err == nil {
			_, err = audio.Resample(one, from, r.To, o)
		}
		if err != nil {
			return err
		}
		if a.attrs = maps.Clone(a.attrs); a.attrs == nil {
			a.attrs = tensorfile.Attrs{}
		}
		a.attrs["sample_rate"] = r.To
		a.n = &blockwise{unary: unary{a.n, d, shape}, from: alone(len(shape), t), fn: fn, extra: func(out, _ int64) int64 { return out + 1<<20 }}
		_, all := all(shape)
		a.carry(before, all, func(i int) bool { return i == t })
		return nil
	})
}

// rate is the attribute sample_rate, a whole number.
func (a *array) rate() (int64, error) {
	v := a.attrs["sample_rate"]
	n := int64(0)
	switch x := v.(type) {
	case int64:
		n = x
	case float64:
		if n = int64(x); float64(n) != x {
			n = 0
		}
	case float32:
		if n = int64(x); float32(n) != x {
			n = 0
		}
	}
	if n <= 0 {
		got := "none"
		if v != nil {
			got = fmt.Sprint(v)
		}
		return 0, a.fail(tensor.ErrShape, "attribute sample_rate", got, "a whole number above 0, or the rate in front: FROM:TO")
	}
	return n, nil
}

// resampled is the number of frames that audio.Resample makes of n.
func resampled(n, from, to int64) (int64, bool) {
	x := new(big.Int).Mul(big.NewInt(n), big.NewInt(to))
	x.Add(x, big.NewInt(from-1))
	x.Div(x, big.NewInt(from))
	return x.Int64(), x.IsInt64() && x.Int64() <= 1<<62
}

func parseMono(text string) (Operator, error) {
	if strings.TrimSpace(text) != "" {
		return nil, badValue("mono", text, "nothing")
	}
	return Mono{}, nil
}

func parseRate(text string) (Operator, error) {
	from, to, both := strings.Cut(strings.TrimSpace(text), ":")
	if !both {
		from, to = "1", from
	}
	x, err := strconv.ParseInt(from, 10, 64)
	y, err2 := strconv.ParseInt(to, 10, 64)
	if err != nil || err2 != nil || x < 1 || y < 1 {
		return nil, badValue("rate", text, "HZ or FROM:TO, whole numbers above 0")
	}
	if !both {
		x = 0
	}
	return Rate{x, y}, nil
}
