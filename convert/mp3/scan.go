package mp3

import (
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	maxLead   = 64 << 10 // bytes that are no frames before the first one
	maxGap    = 64 << 10 // or between two
	maxGaps   = 1000     // between frames
	markEvery = 64       // frames between two places that are kept
	maxFrame  = 1441     // bytes
)

// file is what a scan finds out.
type file struct {
	in      convert.Input
	first   header // of the sound
	frames  int64
	marks   []int64         // where each markEvery-th frame is
	gaps    map[int64]int64 // frames in front of which there is something else: where they are
	begin   int64           // of the recording, in samples of what is decoded
	samples int64           // of the recording
	notes   []string
}

func (f *file) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// scanner goes through the frames of a file.
type scanner struct {
	*file
	ctx       context.Context
	at        int64
	end       int64 // of the frames: tags may follow
	window    []byte
	from      int64 // of the window
	reservoir int64 // bytes of sound before the frame that it may use
	lost      int64 // bytes between frames that are none
}

// bytes are n bytes at an offset, or those up to the end.
func (s *scanner) bytes(at int64, n int) ([]byte, error) {
	n = int(max(min(int64(n), s.in.Size()-at), 0))
	if n == 0 {
		return nil, nil
	}
	if at < s.from || at+int64(n) > s.from+int64(len(s.window)) {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		size := int(min(int64(max(n, 256<<10)), s.in.Size()-at))
		if cap(s.window) < size {
			s.window = make([]byte, size)
		}
		s.window, s.from = s.window[:size], at
		if k, err := s.in.ReadAt(s.window, at); k < size {
			s.window = s.window[:0]
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return s.window[at-s.from:][:n], nil
}

// scan finds the frames of a file.
func scan(ctx context.Context, in convert.Input) (*file, error) {
	s := &scanner{file: &file{in: in, gaps: map[int64]int64{}}, ctx: ctx, end: in.Size()}
	if err := s.tags(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	t, tagged, err := s.tag()
	if err != nil {
		return nil, err
	}
	if err := s.all(); err != nil {
		return nil, err
	}
	if d := t.frames - s.frames; t.frames > 0 && (d > 1 || d < -1) { // some count the tag
		return nil, bad(tensor.ErrFormat, s.at, "frames", fmt.Sprint(s.frames), fmt.Sprintf("the %d of the %s tag (--from ffmpeg reads what there is)", t.frames, t.kind))
	}
	s.trim(t, tagged)
	return s.file, nil
}

// tags passes ID3 tags at the begin, and finds one at the end.
func (s *scanner) tags() error {
	for range 16 {
		b, err := s.bytes(s.at, 10)
		if err != nil {
			return err
		}
		if len(b) < 10 || string(b[:3]) != "ID3" {
			break
		}
		size := int64(b[6]&0x7f)<<21 | int64(b[7]&0x7f)<<14 | int64(b[8]&0x7f)<<7 | int64(b[9]&0x7f)
		if b[5]&0x10 != 0 {
			size += 10 // of a footer
		}
		if have := s.in.Size() - s.at - 10; size > have {
			return bad(tensor.ErrTruncated, s.at+6, "ID3 size", fmt.Sprint(size), fmt.Sprintf("at most the %d bytes that follow", have))
		}
		s.at += 10 + size
	}
	if n := s.in.Size() - s.at; n >= 128 {
		if b, err := s.bytes(s.in.Size()-128, 3); err != nil {
			return err
		} else if string(b) == "TAG" {
			s.end -= 128
		}
	}
	return nil
}

// start finds the first frame: one that another follows which is like it, or the
// end.
func (s *scanner) start() error {
	begin := s.at
	b, err := s.bytes(begin, maxLead+maxFrame)
	if err != nil {
		return err
	}
	if len(b) >= 4 && string(b[:4]) == "fLaC" {
		return bad(tensor.ErrFormat, begin, "sync", `"fLaC"`, "eleven ones (--from flac)")
	}
	at, err := s.next(begin, begin+maxLead, 0)
	if err != nil {
		return err
	}
	if at >= 0 {
		if s.at = at; at > begin {
			s.note("%d bytes before the first frame", at-begin)
		}
		return nil
	}
	if len(b) < headerSize {
		return bad(tensor.ErrTruncated, begin, "frame 0", fmt.Sprintf("%d bytes", len(b)), "a frame")
	}
	// What is there, if it is nearly one?
	h := headerOf(b)
	if field, got, want, kind := h.fault(); kind != nil {
		return bad(kind, begin, "frame 0, "+field, got, want)
	}
	if int64(len(b)) < h.size() {
		return bad(tensor.ErrTruncated, begin, "frame 0", fmt.Sprintf("%d bytes", len(b)), fmt.Sprint(h.size()))
	}
	return bad(tensor.ErrFormat, begin+h.size(), "frame 1", fmt.Sprintf("% x", b[h.size():min(int64(len(b)), h.size()+4)]), "a frame like the one before")
}

// next is where the next frame is that another like it follows, or the end; like
// is a header that both must be like, or 0. It is negative if there is none before
// limit.
func (s *scanner) next(at, limit int64, like header) (int64, error) {
	for ; at < limit && s.end-at >= headerSize; at++ {
		b, err := s.bytes(at, headerSize)
		if err != nil {
			return -1, err
		}
		h := headerOf(b)
		if !h.valid() || like != 0 && !h.same(like) {
			continue
		}
		behind := at + h.size()
		if behind == s.end {
			return at, nil
		}
		if b, err = s.bytes(behind, headerSize); err != nil {
			return -1, err
		}
		if s.end-behind >= headerSize && headerOf(b).valid() && headerOf(b).same(h) {
			return at, nil
		}
	}
	return -1, nil
}

// tag passes the frame that has none but a tag.
func (s *scanner) tag() (tag, bool, error) {
	b, err := s.bytes(s.at, maxFrame)
	if err != nil {
		return tag{}, false, err
	}
	h := headerOf(b)
	t, ok := tagOf(h, b[:min(h.size(), int64(len(b)))])
	if ok && s.at+h.size() < s.end {
		s.at += h.size()
		return t, true, nil
	}
	return tag{}, false, nil
}

// all goes through all frames of sound.
func (s *scanner) all() error {
	for s.at < s.end {
		b, err := s.bytes(s.at, maxFrame)
		if err != nil {
			return err
		}
		if len(b) < headerSize {
			s.note("%d bytes behind the last frame", s.end-s.at)
			break
		}
		h := headerOf(b)
		if !h.valid() || s.first != 0 && !h.same(s.first) {
			at, err := s.next(s.at, min(s.at+maxGap, s.end), s.first)
			if err != nil {
				return err
			}
			if at < 0 {
				s.note("%d bytes behind the last frame", s.end-s.at)
				break
			}
			if s.lost += at - s.at; len(s.gaps) == maxGaps {
				return bad(tensor.ErrLimit, s.at, "places that are no frames", "more", fmt.Sprintf("at most %d", maxGaps))
			}
			s.gaps[s.frames], s.at, s.reservoir = at, at, 0
			continue
		}
		if s.at+h.size() > s.end {
			s.note("frame %d is cut off and left out", s.frames)
			break
		}
		if s.first == 0 {
			s.first = h
		}
		if err := s.frame(h, b[:h.size()]); err != nil {
			return err
		}
		if s.frames%markEvery == 0 {
			s.marks = append(s.marks, s.at)
		}
		s.frames++
		s.at += h.size()
	}
	if s.lost > 0 {
		s.note("%d bytes in %d places between frames are no frames", s.lost, len(s.gaps))
	}
	if s.frames == 0 {
		return bad(tensor.ErrTruncated, s.at, "frames", "none", "one with sound")
	}
	return nil
}

// frame checks that a frame needs no more of the ones before than there is.
func (s *scanner) frame(h header, b []byte) error {
	own := h.size() - headerSize - h.side()
	side, err := parseSide(h, b)
	if err == nil && int64(side.begin) > s.reservoir {
		err = wrong("main_data_begin", side.begin, fmt.Sprintf("at most the %d bytes of sound before (--from ffmpeg reads what is there)", s.reservoir))
	}
	if n := 8 * (int64(side.begin) + own); err == nil && int64(side.bits(h)) > n {
		err = wrong("part2_3_length", side.bits(h), fmt.Sprintf("at most the %d bits of sound", n))
	}
	if err != nil {
		return bad(tensor.ErrCorrupt, s.at, fmt.Sprintf("frame %d, %s", s.frames, err.field), err.got, err.want)
	}
	s.reservoir = min(s.reservoir+own, maxReservoir)
	return nil
}

// maxReservoir is how far back the sound of a frame may begin.
const maxReservoir = 511

// decoderDelay is how late a decoder is, in samples.
const decoderDelay = 529

// trim finds the recording in what is decoded: behind the delays of encoder and
// decoder, and without the padding, where the file says them.
func (s *scanner) trim(t tag, tagged bool) {
	total := s.frames * s.first.samples()
	s.samples = total
	if !t.gapless || t.delay+decoderDelay > total {
		return
	}
	s.begin = t.delay + decoderDelay
	s.samples = total - s.begin - max(t.padding-decoderDelay, 0)
	if s.samples < 0 {
		s.begin, s.samples = 0, total
		s.note("a padding of %d samples is more than there are, and left alone", t.padding)
		return
	}
	s.note("%d samples before the recording and %d behind it, of encoder and decoder, are left out", s.begin, total-s.begin-s.samples)
}
