// Package flac reads and writes FLAC files (RFC 9639). Importing it registers the
// format "flac" with package convert. Encoder and decoder are its own.
//
// A recording is one tensor, (T) for one channel and (T, C) for more: i16 for up
// to 16 bits, i32 for 17 to 32. Samples are the upper bits of an element, as in
// package wav, so that full scale is 2^15 or 2^31 whatever the bits. Elements are
// decoded when they are read, from the frame on that holds the first that is
// wanted: the seek table and then frames in the file tell where that is.
//
// Every frame that is read is compared with its checksum. The MD5 sum of the
// samples, if the file has one, is compared when they are read from the first to
// the last in one go, as convert, verify and a Read of the whole tensor do.
//
// A file that was streamed may not say how many samples it has: then its last
// frame does. Sound in an Ogg container is not read here.
//
// Attributes of the tensor: "sample_rate"; "encoding", one of i8, i16, i24 and i32;
// "valid_bits" where samples have fewer bits than that; "channel_mask", of three
// channels and more also where the file means it without saying so; "info", the
// comments that WAV files have too (TITLE is INAM, ARTIST IART, ALBUM IPRD, DATE
// ICRD, GENRE IGNR, COMMENT ICMT, DESCRIPTION ISBJ, COPYRIGHT ICOP, TRACKNUMBER
// ITRK, ENCODER ISFT); "comments", the others: lists of texts by name. Writing
// takes the same attributes but for valid_bits: 8, 16, 24 or 32 bits are written,
// and lower bits that are zero in a whole frame take no room.
package flac

import (
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "flac",
		Extensions:  []string{".flac"},
		Description: "FLAC: PCM of 4 to 32 bits, compressed without loss",
		Single:      true,
		Encodings:   pcm.Names(encodings),
		Keeps:       []string{"sample_rate", "encoding", "channel_mask", "info", "comments", "dims"},
		Detect:      func(b []byte) bool { return len(b) >= 4 && string(b[:4]) == "fLaC" },
		Open:        open,
		Write:       write,
	})
}

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "flac", Offset: offset, Field: field, Got: got, Want: want}
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	r := &reader{in: in, maxTags: maxTags, layout: &convert.Layout{Format: "flac"}, attrs: convert.Attrs{}}
	if o != nil && o.MaxHeader > 0 {
		r.maxTags = o.MaxHeader
	}
	if err := r.read(); err != nil {
		return nil, blame.Format(err, "flac")
	}
	f := &file{in: in, info: *r.info, audio: r.audio, points: r.points}
	if err := f.count(ctx, r); err != nil {
		return nil, blame.Format(err, "flac")
	}
	r.describe(f, pcm.Name(o, in.Path()))
	return r.layout, nil
}

// count finds out how many samples there are, and whether there can be as many.
func (f *file) count(ctx context.Context, r *reader) error {
	size := f.in.Size() - f.audio
	if f.info.total == 0 && size > 0 {
		last, err := f.last(ctx)
		if err != nil {
			return err
		}
		f.info.total = last
		r.note("the number of samples is not filled in: it is that of the last frame")
	}
	least := 8 + int64(f.info.channels) // bytes of a frame
	if most := size / least * maxBlock; f.info.total > most {
		return bad(tensor.ErrTruncated, f.audio, "samples", fmt.Sprint(f.info.total), fmt.Sprintf("at most %d in the %d bytes of frames", most, size))
	}
	return nil
}

func (r *reader) describe(f *file, name string) {
	s := &f.info
	t := convert.LayoutTensor{Name: name, DType: tensor.I16, Shape: tensor.Shape{s.total}, Order: tensor.LittleEndian}
	if s.bits > 16 {
		t.DType = tensor.I32
	}
	dims := []string{"time"}
	if s.channels > 1 {
		t.Shape = append(t.Shape, int64(s.channels))
		dims = append(dims, "channel")
	}
	r.attrs["sample_rate"] = s.rate
	r.attrs["encoding"] = encodings[(s.bits-1)/8].Name
	if s.bits%8 != 0 {
		r.attrs["valid_bits"] = int64(s.bits)
	}
	if mask := masks[s.channels]; mask != 0 && r.attrs["channel_mask"] == nil {
		r.attrs["channel_mask"] = mask
	}
	t.Attrs = r.attrs.WithDims(dims...)
	f.width = int(t.DType.UnitBytes)
	if s.total == 0 {
		t.Storage = -1
	} else {
		r.layout.Storages = []convert.LayoutStorage{{
			Size: s.total * int64(s.channels*f.width), Codec: "flac", StoredSize: f.in.Size() - f.audio,
			Open: func(ctx context.Context) (io.ReadCloser, error) { return f.open(ctx), nil },
		}}
	}
	r.layout.Tensors = []convert.LayoutTensor{t}
}
