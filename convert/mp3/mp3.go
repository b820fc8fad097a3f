// Package mp3 reads MP3 files: Layer III of MPEG-1, MPEG-2 and MPEG-2.5 (ISO/IEC
// 11172-3 and 13818-3). Importing it registers the format "mp3" with package
// convert. It reads no Layer I and II and no free bit rate; with FFmpeg package
// convert/ffmpeg does. The decoder is its own.
//
// A recording is one tensor of i16, (T) for one channel and (T, C) for two.
// Elements are decoded when they are read, from any sample on: frames before the
// first that is wanted are decoded as far as they have a say in it, so that a part
// has the bits that the whole has.
//
// An encoder puts samples in front of a recording and behind it, and a decoder 529
// in front. Where the file says how many (the tag of Xing that LAME made longer)
// they are left out, so that the recording begins and ends where it was encoded,
// as with FFmpeg and mpg123; elsewhere everything that is decoded is there, and the
// first sample is about 1105 late. The frame of the tag itself is no sound.
//
// Opening goes through the headers of all frames, in bounded memory, and checks
// them and their side information: frames that need sound of others which are not
// there, that no decoder can read, and a tag that counts other frames, are errors.
// What lies between frames is left out, with a note. Samples are those of FFmpeg
// within one unit of 16 bits.
//
// Attributes of the tensor: "sample_rate"; "encoding", which is "mp3".
package mp3

import (
	"context"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "mp3",
		Extensions:  []string{".mp3"},
		Description: "MP3: MPEG audio, Layer III",
		Single:      true,
		Detect:      detect,
		Open:        open,
	})
}

// detect reports whether b begins with an ID3 tag, or with a frame that another is
// behind, as far as b goes.
func detect(b []byte) bool {
	if len(b) >= 10 && string(b[:3]) == "ID3" {
		return true
	}
	if len(b) < headerSize || !headerOf(b).valid() {
		return false
	}
	h := headerOf(b)
	behind := h.size()
	return int64(len(b)) < behind+headerSize || headerOf(b[behind:]).valid() && headerOf(b[behind:]).same(h)
}

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "mp3", Offset: offset, Field: field, Got: got, Want: want}
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	f, err := scan(ctx, in)
	if err != nil {
		return nil, err
	}
	l := &convert.Layout{Format: "mp3", Version: map[int]string{mpeg1: "MPEG-1", mpeg2: "MPEG-2", mpeg25: "MPEG-2.5"}[f.first.version()], Notes: f.notes}
	t := convert.LayoutTensor{Name: pcm.Name(o, in.Path()), DType: tensor.I16, Shape: tensor.Shape{f.samples}, Order: tensor.LittleEndian}
	dims := []string{"time"}
	if !f.first.mono() {
		t.Shape = append(t.Shape, 2)
		dims = append(dims, "channel")
	}
	t.Attrs = convert.Attrs{"sample_rate": f.first.rate(), "encoding": "mp3"}.WithDims(dims...)
	if f.samples == 0 {
		t.Storage = -1
	} else {
		l.Storages = []convert.LayoutStorage{{
			Size: f.samples * 2 * int64(f.first.channels()), Codec: "mp3", StoredSize: in.Size(),
			Open: func(ctx context.Context) (io.ReadCloser, error) { return f.open(ctx) },
		}}
	}
	l.Tensors = []convert.LayoutTensor{t}
	return l, nil
}
