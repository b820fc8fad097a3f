package mp3

import (
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// reach is how many frames back the sound of one may begin: the shortest, of 24
	// bytes, has 11 of sound, and may use 255 of others.
	reach = 24
	// ringing is how many frames before one have a say in what is decoded of it.
	ringing = 2
)

// stream decodes a file from some sample of the recording on.
type stream struct {
	*file
	ctx     context.Context
	frames  scanner // reads what the scan found
	next    int64   // the frame that comes next
	place   int64   // of it
	decoder *decoder
	at      int64 // the sample that is decoded next, of all that are
	skip    int   // bytes that are not wanted of what comes next
	buf     []byte
	rest    []byte
	err     error
}

func (f *file) open(ctx context.Context) (io.ReadCloser, error) {
	s := &stream{file: f, ctx: ctx, frames: scanner{file: f, ctx: ctx}}
	return s, s.start(0)
}

func (s *stream) Close() error { return nil }

// unit is how many bytes a frame of samples has.
func (s *stream) unit() int64 { return 2 * int64(s.first.channels()) }

// Seek goes to an offset of the recording, from the begin.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || offset < 0 || offset > s.samples*s.unit() {
		return 0, bad(tensor.ErrIndex, -1, "offset", fmt.Sprint(offset), "one from the begin, inside the samples")
	}
	return offset, s.start(offset)
}

// start makes the bytes of the recording from an offset on the next to be read.
func (s *stream) start(offset int64) error {
	wanted := s.begin + offset/s.unit()
	s.decoder, s.rest, s.err = &decoder{}, nil, nil
	first := max(min(wanted/s.first.samples(), s.file.frames-1)-ringing, 0)
	mark := max(first-reach, 0) / markEvery
	s.next, s.place = mark*markEvery, s.marks[mark]
	for s.next < first {
		h, b, err := s.frame()
		if err != nil {
			return err
		}
		s.decoder.feed(h, b)
	}
	s.at = first * s.first.samples()
	for s.at+s.first.samples() <= wanted && s.next < s.file.frames {
		if err := s.step(); err != nil {
			return err
		}
	}
	s.skip = int((wanted-s.at)*s.unit() + offset%s.unit())
	return nil
}

// frame reads the next frame.
func (s *stream) frame() (header, []byte, error) {
	if at, ok := s.gaps[s.next]; ok {
		s.place = at
		s.decoder.sound = s.decoder.sound[:0]
	}
	b, err := s.frames.bytes(s.place, maxFrame)
	if err != nil {
		return 0, nil, err
	}
	if len(b) >= headerSize {
		if h := headerOf(b); h.valid() && h.same(s.first) && int64(len(b)) >= h.size() {
			s.place += h.size()
			s.next++
			return h, b[:h.size()], nil
		}
	}
	return 0, nil, &tensor.Error{Kind: tensor.ErrChanged, Path: s.in.Path(), Format: "mp3", Offset: s.place, Field: fmt.Sprintf("frame %d", s.next), Got: "another", Want: "the one that was there when the file was opened"}
}

// step decodes the next frame.
func (s *stream) step() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	number, place := s.next, s.place
	h, b, err := s.frame()
	if err != nil {
		return err
	}
	var wrong *fault
	if s.buf, wrong = s.decoder.frame(s.buf[:0], h, b); wrong != nil {
		return &tensor.Error{Kind: tensor.ErrCorrupt, Path: s.in.Path(), Format: "mp3", Offset: place, Field: fmt.Sprintf("frame %d, %s", number, wrong.field), Got: wrong.got, Want: wrong.want}
	}
	s.at += h.samples()
	return nil
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(s.rest) == 0 && s.err == nil {
		left := s.begin + s.samples - s.at
		if left <= 0 {
			s.err = io.EOF
		} else if s.err = s.step(); s.err == nil {
			s.rest = s.buf[:min(int64(len(s.buf)), left*s.unit())]
			n := min(s.skip, len(s.rest))
			s.rest, s.skip = s.rest[n:], s.skip-n
		}
	}
	if len(s.rest) == 0 {
		return 0, s.err
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
