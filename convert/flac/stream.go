package flac

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/tensor"
)

// file is an open file.
type file struct {
	in     convert.Input
	info   info
	audio  int64 // where frames begin
	points []point
	width  int // bytes of an element
}

const windowBytes = 256 << 10

// window is the part of a file that is decoded next.
type window struct {
	in   convert.Input
	buf  []byte
	at   int64 // of buf[0] in the file
	lo   int   // what was used of buf
	lost int64 // bytes decoded by find that were no frames
}

func (w *window) rest() []byte { return w.buf[w.lo:] }

func (w *window) offset() int64 { return w.at + int64(w.lo) }

// move goes to an offset of the file.
func (w *window) move(offset int64) {
	if d := offset - w.at; d >= 0 && d <= int64(len(w.buf)) {
		w.lo = int(d)
		return
	}
	w.buf, w.lo, w.at = w.buf[:0], 0, offset
}

// fill makes n bytes ready, or what there is up to the end of the file.
func (w *window) fill(n int) error {
	have := len(w.rest())
	left := w.in.Size() - w.at - int64(len(w.buf))
	if have >= n || left <= 0 {
		return nil
	}
	more := int(min(left, int64(max(n, windowBytes)-have)))
	if cap(w.buf) < have+more {
		w.buf = append(make([]byte, 0, have+more), w.rest()...)
	} else {
		w.buf = w.buf[:copy(w.buf, w.rest())]
	}
	w.at, w.lo = w.at+int64(w.lo), 0
	k, err := w.in.ReadAt(w.buf[have:have+more], w.at+int64(have))
	w.buf = w.buf[:have+k]
	if k == more {
		err = nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// roomy is about as many bytes as a frame has.
func (s *info) roomy() int {
	if s.maxFrame > 0 {
		return s.maxFrame
	}
	return min(s.maxBlock*s.channels*int(s.bits+7)/8+64, windowBytes/2)
}

// most is more bytes than any sane frame has: four times its samples.
func (s *info) most() int { return 4*s.maxBlock*s.channels*5 + 1<<10 }

// next decodes the frame at the begin of the window and passes it.
func (w *window) next(f *frame, s *info) *fault {
	ioError := func(err error) *fault { return &fault{err: err} }
	for n := s.roomy(); ; n *= 2 {
		if err := w.fill(n); err != nil {
			return ioError(err)
		}
		b := w.rest()
		end := w.offset()+int64(len(b)) >= w.in.Size()
		h, field := parseHeader(b)
		if field == cut && !end {
			continue
		}
		if field == cut {
			return &fault{short: true}
		}
		if field != "" {
			return &fault{kind: tensor.ErrCorrupt, subframe: -1, field: "frame header, " + field, got: fmt.Sprintf("% x", b[:min(len(b), maxHeader)]), want: "a frame"}
		}
		if field, got, want := s.suits(&h); field != "" {
			return &fault{kind: tensor.ErrCorrupt, subframe: -1, field: field, got: got, want: want}
		}
		k, bad := f.decode(b, s, h)
		if bad == nil {
			w.lo += k
			return nil
		}
		if !bad.short || end || len(b) > s.most() {
			if bad.short && !end {
				bad.short, bad.kind, bad.subframe, bad.field, bad.got, bad.want = false, tensor.ErrCorrupt, -1, "frame", "no end", fmt.Sprintf("one within %d bytes", s.most())
			}
			return bad
		}
	}
}

// find goes to the next frame whose checksums hold, if one begins before limit,
// and decodes it.
func (w *window) find(ctx context.Context, f *frame, s *info, limit int64) (ok bool, err error) {
	for w.offset() < limit {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := w.fill(maxHeader); err != nil {
			return false, err
		}
		b := w.rest()
		i := 0
		for ; i+1 < len(b) && !(b[i] == 0xff && b[i+1]&0xfe == 0xf8); i++ {
		}
		if i+1 >= len(b) {
			if w.offset()+int64(len(b)) >= w.in.Size() {
				return false, nil
			}
			w.lo += i
			continue
		}
		if w.lo += i; w.offset() >= limit {
			return false, nil
		}
		begin := w.offset()
		switch bad := w.next(f, s); {
		case bad == nil:
			w.move(begin)
			return true, nil
		case bad.err != nil:
			return false, bad.err
		default:
			// Sound hardly ever looks like the header of a frame, with its checksum.
			if w.lost += int64(bad.used); w.lost > maxLost {
				return false, &tensor.Error{Kind: tensor.ErrLimit, Offset: begin, Field: "bytes that look like frames", Got: "more", Want: fmt.Sprintf("at most %d", maxLost)}
			}
		}
		w.move(begin + 1)
	}
	return false, nil
}

// maxLost bounds what find decodes in vain.
const maxLost = 8 << 20

// last is how many samples there are up to the end of the last frame.
func (f *file) last(ctx context.Context) (int64, error) {
	end := f.in.Size()
	for n := int64(64 << 10); ; n *= 4 {
		w, x, total := window{in: f.in}, frame{}, int64(0)
		w.move(max(f.audio, end-n))
		for {
			ok, err := w.find(ctx, &x, &f.info, end)
			if err != nil {
				return 0, err
			}
			if !ok {
				break
			}
			total = f.info.first(&x.header) + int64(x.samples)
			if bad := w.next(&x, &f.info); bad != nil { // behind it
				return 0, bad.err
			}
		}
		switch {
		case total > 0:
			return total, nil
		case n >= end-f.audio:
			return 0, bad(tensor.ErrFormat, f.audio, "frames", "none", "one")
		case n >= maxTail:
			return 0, bad(tensor.ErrLimit, end-n, "frames", fmt.Sprintf("none in the last %d bytes", n), "one, as the number of samples is not filled in")
		}
	}
}

// maxTail is how much of a file is looked through for its last frame.
const maxTail = 64 << 20

func (f *file) open(ctx context.Context) *stream {
	s := &stream{file: f, ctx: ctx, w: window{in: f.in}}
	s.w.move(f.audio)
	if f.info.md5 != [16]byte{} {
		s.sum = md5.New()
	}
	return s
}

// stream decodes a file from some sample on.
type stream struct {
	*file
	ctx   context.Context
	w     window
	frame frame
	at    int64          // the sample that comes next
	skip  int            // bytes of it that are not wanted
	sum   hash.Hash      // of the samples; nil: there is none to compare
	busy  sync.WaitGroup // a goroutine that adds pack to it
	rest  []byte         // decoded
	buf   []byte
	pack  []byte
	err   error
}

func (s *stream) Close() error {
	s.busy.Wait()
	return nil
}

// located says where a fault is.
func (s *stream) located(bad *fault) error {
	if bad.err != nil {
		return bad.err
	}
	e := &tensor.Error{Kind: bad.kind, Path: s.in.Path(), Format: "flac", Chunk: fmt.Sprintf("frame of sample %d", s.at), Offset: s.w.offset(), Field: bad.field, Got: bad.got, Want: bad.want}
	if bad.short {
		e.Kind, e.Field, e.Got, e.Want = tensor.ErrTruncated, "samples", fmt.Sprint(s.at), fmt.Sprint(s.info.total)
	} else if bad.subframe >= 0 {
		e.Field = fmt.Sprintf("subframe %d, %s", bad.subframe, bad.field)
	}
	return e
}

// step decodes the next frame.
func (s *stream) step() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	begin := s.w.offset()
	if bad := s.w.next(&s.frame, &s.info); bad != nil {
		return s.located(bad)
	}
	if first := s.info.first(&s.frame.header); first != s.at {
		s.w.move(begin)
		return s.located(&fault{kind: tensor.ErrCorrupt, subframe: -1, field: "first sample", got: fmt.Sprint(first), want: fmt.Sprint(s.at)})
	}
	if over := s.at + int64(s.frame.samples) - s.info.total; over > 0 {
		return s.located(&fault{kind: tensor.ErrCorrupt, subframe: -1, field: "samples", got: fmt.Sprint(s.info.total + over), want: fmt.Sprint(s.info.total)})
	}
	s.at += int64(s.frame.samples)
	return nil
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 && s.err == nil && len(p) > 0 {
		if s.at >= s.info.total {
			s.err = s.end()
		} else if s.err = s.step(); s.err == nil {
			n := s.frame.samples * s.info.channels * s.width
			if len(p) >= n && s.skip == 0 {
				s.put(p[:n])
				return n, nil
			}
			if cap(s.buf) < n {
				s.buf = make([]byte, n)
			}
			s.rest = s.buf[:n]
			s.put(s.rest)
			s.rest, s.skip = s.rest[s.skip:], 0
		}
	}
	if len(s.rest) > 0 {
		n := copy(p, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	return 0, s.err
}

// end compares the sum of all samples.
func (s *stream) end() error {
	s.busy.Wait()
	if s.sum != nil {
		if got := s.sum.Sum(nil); [16]byte(got) != s.info.md5 {
			return &tensor.Error{Kind: tensor.ErrCorrupt, Path: s.in.Path(), Format: "flac", Offset: -1, Field: "MD5 of the samples", Got: fmt.Sprintf("%x", got), Want: fmt.Sprintf("%x", s.info.md5)}
		}
	}
	return io.EOF
}

// put writes the frame as elements, and adds it to the sum while the next one is
// decoded.
func (s *stream) put(dst []byte) {
	interleave(dst, s.frame.x, s.width, uint(8*s.width)-s.info.bits)
	if s.sum == nil {
		return
	}
	s.busy.Wait()
	if s.info.bits == uint(8*s.width) {
		s.pack = append(s.pack[:0], dst...)
	} else {
		s.pack = appendPacked(s.pack[:0], s.frame.x, int(s.info.bits+7)/8)
	}
	s.busy.Go(func() { s.sum.Write(s.pack) })
}

// interleave writes samples as elements whose upper bits they are.
func interleave(dst []byte, x [][]int64, width int, shift uint) {
	le := binary.LittleEndian
	channels := len(x)
	switch {
	case width == 2 && channels == 2:
		a, b := x[0], x[1][:len(x[0])]
		dst = dst[:4*len(a)]
		for i, v := range a {
			le.PutUint32(dst[4*i:], uint32(uint16(v<<shift))|uint32(b[i]<<shift)<<16)
		}
	case width == 2:
		for c, y := range x {
			for i, v := range y {
				le.PutUint16(dst[2*(i*channels+c):], uint16(v<<shift))
			}
		}
	default:
		for c, y := range x {
			for i, v := range y {
				le.PutUint32(dst[4*(i*channels+c):], uint32(v<<shift))
			}
		}
	}
}

// appendPacked appends samples as the sum takes them: little-endian, in as many
// bytes as their bits need.
func appendPacked(b []byte, x [][]int64, size int) []byte {
	for i := range x[0] {
		for _, y := range x {
			v := y[i]
			for range size {
				b = append(b, byte(v))
				v >>= 8
			}
		}
	}
	return b
}

// Seek goes to an offset of the elements, from the begin.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	unit := int64(s.info.channels * s.width)
	sample := offset / unit
	if whence != io.SeekStart || offset < 0 || offset > s.info.total*unit {
		return 0, bad(tensor.ErrIndex, -1, "offset", fmt.Sprint(offset), "one from the begin, inside the samples")
	}
	s.busy.Wait()
	s.sum, s.rest, s.err = nil, nil, nil
	if sample >= s.info.total {
		s.at, s.skip = s.info.total, 0
		return offset, nil
	}
	if err := s.locate(sample); err != nil {
		return 0, blame.Format(err, "flac")
	}
	s.skip = int(offset - s.at*unit)
	return offset, nil
}

// near is how close in bytes a frame is looked for before frames are just
// decoded one after another.
const near = 32 << 10

// locate goes to the frame that holds a sample.
func (s *stream) locate(sample int64) error {
	begin, first, end := s.audio, int64(0), s.in.Size()
	for _, p := range s.points {
		if at := s.audio + p.offset; at >= s.in.Size() {
			break
		} else if p.sample <= sample {
			begin, first = at, p.sample
		} else {
			end = min(end, at)
			break
		}
	}
	s.w.move(begin)
	if begin > s.audio { // what the seek table says is only believed if it is so
		ok, err := s.w.find(s.ctx, &s.frame, &s.info, begin+1)
		if err != nil {
			return err
		}
		if !ok || s.info.first(&s.frame.header) != first {
			begin, first, end = s.audio, 0, s.in.Size()
		}
	}
	for end-begin > near {
		middle := begin + (end-begin)/2
		s.w.move(middle)
		ok, err := s.w.find(s.ctx, &s.frame, &s.info, end)
		if err != nil {
			return err
		}
		if at := s.info.first(&s.frame.header); ok && at <= sample {
			begin, first = s.w.offset(), at
		} else {
			end = middle
		}
	}
	s.w.move(begin)
	for s.at = first; ; {
		at := s.w.offset()
		if err := s.step(); err != nil {
			return err
		}
		if s.at > sample {
			s.at -= int64(s.frame.samples)
			s.w.move(at)
			return nil
		}
	}
}
