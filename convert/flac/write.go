package flac

import (
	"context"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"math"
	"runtime"
	"sync"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

// encodings by their bytes. Samples of 8 bits are the upper ones of 16.
var encodings = []pcm.Encoding{{Name: "i8", Bytes: 1, DType: tensor.I16}, pcm.I16, pcm.I24, pcm.I32}

const (
	maxChannels = 8
	maxRate     = 1<<20 - 1
	maxSamples  = 1<<36 - 1
	blockSize   = 4096 // samples of a frame
)

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	r, err := pcm.OfTensor(ctx, src, o, encodings...)
	if err == nil {
		err = encode(w, r)
	}
	return blame.Format(err, "flac")
}

// Encode writes the recording v, (T) or (T, C) of any strides and up to eight
// channels, to w as a FLAC file. attrs are those that reading gives: "sample_rate"
// must be there. Without "encoding" u8 and i8 are written with 8 bits, i16 with 16,
// i32 with 32; floats need one. Another encoding changes samples as wav.Encode
// does.
//
// Frames are made by all processors and do not depend on how many there are. The
// sum of the samples stands before them: if w is no io.WriterAt, whose begin is
// filled in at the end, the recording is gone through twice.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	r, err := pcm.OfView(v, attrs, encodings...)
	if err == nil {
		err = encode(w, r)
	}
	return blame.Format(err, "flac")
}

func encode(w io.Writer, r *pcm.Recording) error {
	if r.Encoding.Bytes == 1 {
		r.Encoding = pcm.I8
	}
	switch {
	case r.Channels > maxChannels:
		return bad(tensor.ErrUnsupported, -1, "channels", fmt.Sprint(r.Channels), fmt.Sprintf("at most %d", maxChannels))
	case r.Rate != math.Trunc(r.Rate) || r.Rate > maxRate:
		return bad(tensor.ErrUnsupported, -1, "attribute sample_rate", fmt.Sprint(r.Rate), fmt.Sprintf("a whole number, at most %d (--rate resamples)", maxRate))
	case r.Frames > maxSamples:
		return bad(tensor.ErrLimit, -1, "samples", fmt.Sprint(r.Frames), "less than 2^36")
	}
	s := &info{minBlock: blockSize, maxBlock: blockSize, rate: int64(r.Rate), channels: int(r.Channels), bits: uint(8 * r.Encoding.Bytes), total: r.Frames}
	fields, err := comments(r.Attrs, r.Channels)
	if err != nil {
		return err
	}
	const mark = "fLaC"
	if _, err := io.WriteString(w, mark); err != nil {
		return err
	}
	begin, late := w.(io.WriterAt)
	if !late {
		sum := md5.New()
		if err := r.WriteTo(sum, tensor.LittleEndian); err != nil {
			return err
		}
		s.md5 = [16]byte(sum.Sum(nil))
	}
	head := appendBlock(nil, blockInfo, false, s.append(nil))
	if _, err := w.Write(appendBlock(head, blockComments, true, fields)); err != nil {
		return err
	}
	sum, err := frames(w, s, r)
	if err != nil || !late {
		return err
	}
	s.md5 = sum
	_, err = begin.WriteAt(appendBlock(nil, blockInfo, false, s.append(nil)), int64(len(mark)))
	return err
}

// frames writes all frames, and returns the sum of the samples.
func frames(w io.Writer, s *info, r *pcm.Recording) ([16]byte, error) {
	workers := runtime.GOMAXPROCS(0)
	p := &pipeline{w: w, info: s, sum: md5.New(), work: make(chan *block, 4*workers), size: blockSize * s.channels * int(r.Encoding.Bytes)}
	for range 4 * workers {
		p.free = append(p.free, &block{done: make(chan struct{}, 1)})
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(p.encode)
	}
	err := r.WriteTo(p, tensor.LittleEndian)
	if err == nil {
		err = p.end()
	}
	close(p.work)
	wg.Wait()
	return [16]byte(p.sum.Sum(nil)), err
}

// pipeline cuts samples into blocks, which goroutines encode, and writes their
// frames in order.
type pipeline struct {
	w      io.Writer
	info   *info
	sum    hash.Hash
	size   int // bytes of a block
	number int64
	block  *block
	free   []*block
	queue  []*block // given to goroutines, the oldest first
	work   chan *block
}

// block is one block of samples, and then its frame.
type block struct {
	number int64
	raw    []byte
	frame  []byte
	done   chan struct{}
}

func (p *pipeline) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		if p.block == nil {
			if err := p.next(); err != nil {
				return total - len(b), err
			}
		}
		n := min(len(b), p.size-len(p.block.raw))
		p.block.raw = append(p.block.raw, b[:n]...)
		if b = b[n:]; len(p.block.raw) == p.size {
			p.submit()
		}
	}
	return total, nil
}

// next gets a block to fill: one that is free, or else the oldest when its frame
// is written.
func (p *pipeline) next() error {
	if len(p.free) == 0 {
		if err := p.oldest(); err != nil {
			return err
		}
	}
	p.block, p.free = p.free[0], p.free[1:]
	p.block.raw, p.block.number = p.block.raw[:0], p.number
	p.number++
	return nil
}

func (p *pipeline) submit() {
	p.work <- p.block
	p.queue = append(p.queue, p.block)
	p.sum.Write(p.block.raw)
	p.block = nil
}

// oldest writes the frame that is next.
func (p *pipeline) oldest() error {
	b := p.queue[0]
	p.queue = p.queue[1:]
	<-b.done
	p.free = append(p.free, b)
	_, err := p.w.Write(b.frame)
	return err
}

func (p *pipeline) end() error {
	if p.block != nil {
		p.submit()
	}
	for len(p.queue) > 0 {
		if err := p.oldest(); err != nil {
			return err
		}
	}
	return nil
}

// encode encodes blocks until there are no more.
func (p *pipeline) encode() {
	e := &encoder{info: p.info, x: make([][]int64, p.info.channels)}
	for b := range p.work {
		e.unpack(b.raw)
		b.frame = e.frame(b.frame[:0], b.number)
		b.done <- struct{}{}
	}
}

// unpack takes a block of samples, little-endian in as many bytes as they need.
func (e *encoder) unpack(raw []byte) {
	size := int(e.info.bits / 8)
	n := len(raw) / size / len(e.x)
	for c := range e.x {
		if cap(e.x[c]) < n {
			e.x[c] = make([]int64, n)
		}
		x := e.x[c][:n]
		e.x[c] = x
		b, step := raw[c*size:], size*len(e.x)
		for i := range x {
			s := b[i*step:]
			switch size {
			case 1:
				x[i] = int64(int8(s[0]))
			case 2:
				x[i] = int64(int16(le.Uint16(s)))
			case 3:
				x[i] = int64(int32(uint32(s[0])<<8|uint32(s[1])<<16|uint32(s[2])<<24) >> 8)
			default:
				x[i] = int64(int32(le.Uint32(s)))
			}
		}
	}
}
