package viewer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// mostSeconds bounds the sound that is sent.
	mostSeconds = 600
	// mostChannels bounds its channels.
	mostChannels = 32
	// audioFrames are read at a time.
	audioFrames = 64 << 10
	// otherRate is the rate of what does not say its own.
	otherRate = 44100
)

// A recording is a range of sound.
type recording struct {
	line     *plane   // the row that is asked for
	planes   []*plane // a row for each channel
	from, to int64
	rate     int64
	float    bool    // samples of f32, else of i16
	scale    float64 // of a sample to full scale 1
	zero     float64 // silence
}

// recording is the range that is asked for.
func (c *call) recording() (*recording, *tensorfile.Tensor, error) {
	p, from, to, err := c.line()
	if err != nil {
		return nil, nil, err
	}
	t, d := p.t, p.t.DType()
	if d.Class == tensor.ClassComplex || d.Class == tensor.ClassBool {
		return nil, nil, wrongView(t, "samples of sound")
	}
	r := &recording{line: p, from: from, to: to, rate: otherRate, float: d.Class == tensor.ClassFloat, scale: 1}
	if rate, ok := sampleRate(t); ok {
		r.rate = rate
	}
	if !r.float {
		r.scale = math.Ldexp(1, 1-int(d.Bits))
		if d.Class == tensor.ClassUint {
			r.zero = math.Ldexp(1, int(d.Bits)-1)
		}
	}
	l := lookAt(t)
	other := -1
	if l.audio != nil && l.audio.Channels != nil && *l.audio.Channels != p.x {
		other = *l.audio.Channels
	}
	axis, err := c.axis("c", other, len(t.Shape()))
	if err != nil {
		return nil, nil, err
	}
	r.planes = []*plane{p}
	if axis < 0 {
		return r, t, nil
	}
	n := t.Shape()[axis]
	if axis == p.x || n < 1 || n > mostChannels {
		return nil, nil, bad("c", fmt.Sprintf("axis %d of %d", axis, n), fmt.Sprintf("another axis of 1 to %d channels", mostChannels))
	}
	r.planes = nil
	h := &handle{identity: p.id}
	for k := range n {
		at := append([]int64(nil), p.at...)
		at[axis] = k
		q, err := newPlane(h, t, -1, p.x, at, c.opts.Jobs)
		if err != nil {
			return nil, nil, err
		}
		r.planes = append(r.planes, q)
	}
	return r, t, nil
}

// sampleBytes is the size of a sample.
func (r *recording) sampleBytes() int64 {
	if r.float {
		return 4
	}
	return 2
}

func (r *recording) bytes() int64 { return (r.to - r.from) * int64(len(r.planes)) * r.sampleBytes() }

// head is a RIFF header (Multimedia Programming Interface and Data Specifications
// 1.0).
func (r *recording) head() []byte {
	le := binary.LittleEndian
	size, channels, each := uint32(r.bytes()), uint16(len(r.planes)), uint16(r.sampleBytes())
	tag, fmtSize := uint16(1), uint32(16) // PCM
	if r.float {
		tag, fmtSize = 3, 18
	}
	b := append([]byte(nil), "RIFF"...)
	rest := 4 + 8 + fmtSize + 8 + size
	if r.float {
		rest += 12 // fact
	}
	b = le.AppendUint32(b, rest)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, fmtSize)
	b = le.AppendUint16(b, tag)
	b = le.AppendUint16(b, channels)
	b = le.AppendUint32(b, uint32(r.rate))
	b = le.AppendUint32(b, uint32(r.rate)*uint32(channels)*uint32(each))
	b = le.AppendUint16(b, channels*each)
	b = le.AppendUint16(b, 8*each)
	if r.float {
		b = le.AppendUint16(b, 0)
		b = append(b, "fact"...)
		b = le.AppendUint32(b, 4)
		b = le.AppendUint32(b, uint32(r.to-r.from))
	}
	b = append(b, "data"...)
	return le.AppendUint32(b, size)
}

// write writes the samples. What is damaged, or NaN, is silence.
func (r *recording) write(ctx context.Context, w io.Writer) error {
	le := binary.LittleEndian
	x := make([]float64, audioFrames)
	n, each := int64(len(r.planes)), r.sampleBytes()
	out := make([]byte, audioFrames*n*each)
	for at := r.from; at < r.to; at += audioFrames {
		end := min(at+audioFrames, r.to)
		b := out[:(end-at)*n*each]
		for k, p := range r.planes {
			if err := p.lineOf(ctx, at, end, x[:end-at]); err != nil {
				return err
			}
			for i, v := range x[:end-at] {
				to := (int64(i)*n + int64(k)) * each
				if v = (v - r.zero) * r.scale; v != v {
					v = 0
				}
				if r.float {
					le.PutUint32(b[to:], math.Float32bits(float32(v)))
				} else {
					le.PutUint16(b[to:], uint16(int16(math.RoundToEven(min(max(v*0x8000, -0x8000), 0x7fff)))))
				}
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// audio answers a range of sound as a WAV file.
func (c *call) audio() error {
	r, t, err := c.recording()
	if err != nil {
		return err
	}
	if r.to-r.from > mostSeconds*r.rate {
		return tooMuch("from and to", fmt.Sprintf("%d seconds", (r.to-r.from)/r.rate), fmt.Sprintf("at most %d", mostSeconds))
	}
	if err := c.enter(c.streams, 1); err != nil {
		return err
	}
	h := c.header()
	h.Set("Content-Type", "audio/wav")
	return survey.Located(c.sound(r), t)
}

// sound sends a recording.
func (c *call) sound(r *recording) error {
	head := r.head()
	c.header().Set("Content-Length", strconv.FormatInt(int64(len(head))+r.bytes(), 10))
	c.began = true
	if c.r.Method == "HEAD" {
		return nil
	}
	if _, err := c.out.Write(head); err != nil {
		return err
	}
	return r.write(c.ctx, c.out)
}
