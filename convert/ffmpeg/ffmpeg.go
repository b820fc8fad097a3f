// Package ffmpeg reads the sound of files that no other package of convert reads,
// Ogg Vorbis, Opus, AAC, ALAC, WMA, AC-3 and more, with the programs ffmpeg and
// ffprobe if they are installed. Importing it registers the format "ffmpeg" with
// package convert, which nothing needs the programs for until a file of it is
// opened.
//
// A recording is one tensor, (T) for one channel and (T, C) for more: the first
// audio stream of the file. Pictures, video and other streams are left out.
// Elements are what the decoder makes: u8, i16, i32, f32 or f64; i32 is the upper
// bits, so that full scale is 2^31. Those of floats are f32 and 1 at full scale, and
// may be more.
//
// Only decoding tells how many samples there are: opening a file decodes it once,
// some hundred times as fast as it plays. Up to 16 MiB of samples are kept until
// the file is closed; more are decoded again when they are read, from the begin.
// ReadOptions.MaxDecoded limits the bytes of samples, by default to 16 GiB.
//
// The programs are started without a shell, with nothing in their environment, and
// killed when the context ends. They are given an absolute path behind "file:", or
// the bytes themselves if what is read is no local file, may open files and pipes
// alone, and none of the formats that name other files (playlists, concat). Damage
// that a decoder notices is an error; with ReadOptions.SkipBad the sound goes on
// behind it. Errors quote the begin of what the programs say.
//
// Attributes of the tensor: "sample_rate"; "encoding", FFmpeg's name of the codec;
// "channel_mask" of three channels and more; "info", the texts that WAV files have,
// too.
package ffmpeg

import (
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name: "ffmpeg",
		Extensions: []string{
			".ogg", ".oga", ".opus", ".m4a", ".m4b", ".mp4", ".mov", ".aac", ".wma", ".mka", ".mkv", ".webm", ".ac3", ".eac3", ".mp2", ".amr", ".caf", ".au", ".ape", ".wv",
			".tta", ".w64", ".3gp",
		},
		Description: "sound of other formats, by the program ffmpeg: Vorbis, Opus, AAC and more",
		Single:      true,
		Detect:      detect,
		Open:        open,
	})
}

// marks are how files begin; where is the offset.
var marks = []struct {
	where int
	text  string
}{
	{0, "OggS"}, {0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"}, {0, "\x1a\x45\xdf\xa3"}, {0, "#!AMR"}, {0, "caff\x00\x01"}, {0, ".snd\x00\x00\x00"}, {0, "MAC \x96\x0f"}, {0, "wvpk"},
	{0, "TTA1"}, {0, "riff\x2e\x91\xcf\x11"},
	{4, "ftypM4A"}, {4, "ftypM4B"}, {4, "ftypmp4"}, {4, "ftypiso"}, {4, "ftypqt"}, {4, "ftyp3g"}, {4, "ftypdash"},
}

func detect(b []byte) bool {
	for _, m := range marks {
		if len(b) >= m.where+len(m.text) && string(b[m.where:][:len(m.text)]) == m.text {
			return true
		}
	}
	return false
}

const (
	// keepBytes is how many decoded bytes are kept from the time a file is opened.
	keepBytes = 16 << 20
	pageBytes = 1 << 20 // kept in pieces of as much
	// maxDecoded bounds what a file decodes to, unless ReadOptions.MaxDecoded does.
	maxDecoded = 16 << 30
)

// file is an open file.
type file struct {
	source source
	stream stream
	lax    bool     // goes on behind damage
	size   int64    // of what it decodes to
	kept   [][]byte // all of it, if it is not too much
}

func bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "ffmpeg", Offset: -1, Field: field, Got: got, Want: want}
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	src, err := sourceOf(in)
	if err != nil {
		return nil, err
	}
	f := &file{source: src, lax: o.SkipBad}
	if f.stream, err = probe(ctx, src); err != nil {
		return nil, err
	}
	most := int64(maxDecoded)
	if o.MaxDecoded != 0 {
		most = o.MaxDecoded
	}
	if err := f.decode(ctx, most); err != nil {
		return nil, err
	}
	s := &f.stream
	l := &convert.Layout{Format: "ffmpeg", Version: s.container}
	t := convert.LayoutTensor{Name: pcm.Name(o, in.Path()), DType: s.sample.dtype, Shape: tensor.Shape{f.size / s.frame()}, Order: tensor.LittleEndian}
	dims := []string{"time"}
	if s.channels > 1 {
		t.Shape = append(t.Shape, s.channels)
		dims = append(dims, "channel")
	}
	t.Attrs = s.attrs.WithDims(dims...)
	if f.size == 0 {
		t.Storage = -1
	} else {
		l.Storages = []convert.LayoutStorage{{Size: f.size, Codec: s.codec, StoredSize: in.Size(), Open: f.open}}
	}
	l.Tensors = []convert.LayoutTensor{t}
	if s.others > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("%d more streams are left out", s.others))
	}
	return l, nil
}

// decode finds out how many bytes there are, and keeps them if they are few.
func (f *file) decode(ctx context.Context, most int64) error {
	p, err := f.start(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	var spare []byte
	for keep := true; ; {
		page := spare
		if page == nil {
			page = make([]byte, pageBytes)
		}
		n, err := io.ReadFull(p, page)
		if f.size += int64(n); most >= 0 && f.size > most {
			return bad(tensor.ErrLimit, "decoded bytes", "more", fmt.Sprintf("at most %d", most))
		}
		if keep = keep && f.size <= keepBytes; keep {
			f.kept = append(f.kept, page[:n])
		} else {
			f.kept, spare = nil, page
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			if rest := f.size % f.stream.frame(); rest != 0 {
				return bad(tensor.ErrCorrupt, "decoded bytes", fmt.Sprint(f.size), fmt.Sprintf("a multiple of the %d of a frame", f.stream.frame()))
			}
			return nil
		default:
			return err
		}
	}
}

// open gives what was kept, or decodes again.
func (f *file) open(ctx context.Context) (io.ReadCloser, error) {
	if f.kept != nil {
		return &pages{list: f.kept, size: f.size}, nil
	}
	return f.start(ctx)
}

// pages reads what was kept. All but the last have pageBytes.
type pages struct {
	list     [][]byte
	at, size int64
}

func (p *pages) Close() error { return nil }

func (p *pages) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	n := copy(b, p.list[p.at/pageBytes][p.at%pageBytes:])
	p.at += int64(n)
	return n, nil
}

func (p *pages) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || offset < 0 || offset > p.size {
		return 0, bad(tensor.ErrIndex, "offset", fmt.Sprint(offset), "one from the begin, inside the samples")
	}
	p.at = offset
	return offset, nil
}
