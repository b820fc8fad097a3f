package wav

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

var encodings = []pcm.Encoding{pcm.U8, pcm.I16, pcm.I24, pcm.I32, pcm.F32, pcm.F64, pcm.ALaw, pcm.MuLaw}

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	r, err := pcm.OfTensor(ctx, src, o, encodings...)
	if err == nil {
		err = encode(w, r)
	}
	return blame.Format(err, "wav")
}

// Encode writes the recording v, (T) or (T, C) of any strides, to w as a WAV
// file; one that passes 4 GiB as RF64. attrs are those that reading gives:
// "sample_rate" must be there. Without "encoding" u8 and i8 are written as u8,
// i16, i32, f32 and f64 as what they are, f16 and bf16 as f32. Another encoding
// changes samples by the ratio of the full scales, which is 1 of floats and 2^(n-1)
// of n bits: to integers they are rounded to the nearest, halves to even, and
// clipped, and NaN becomes silence; floats are not clipped. The laws take what i16
// would be to the nearest of their levels.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	r, err := pcm.OfView(v, attrs, encodings...)
	if err == nil {
		err = encode(w, r)
	}
	return blame.Format(err, "wav")
}

func encode(w io.Writer, r *pcm.Recording) error {
	tags, err := appendTags(nil, r.Attrs)
	if err != nil {
		return err
	}
	if len(tags) > math.MaxInt32 {
		return bad(tensor.ErrLimit, -1, "attributes", fmt.Sprint(len(tags)), "less than 2 GiB")
	}
	head, err := header(r, int64(len(tags)))
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	if err := r.WriteTo(w, tensor.LittleEndian); err != nil {
		return err
	}
	if r.Size()%2 == 1 {
		tags = append([]byte{0}, tags...)
	}
	if len(tags) > 0 {
		_, err = w.Write(tags)
	}
	return err
}

// header is what stands before the samples. With it they begin at a multiple of
// their size.
func header(r *pcm.Recording, tags int64) ([]byte, error) {
	format, err := formatChunk(r)
	if err != nil {
		return nil, err
	}
	size := r.Size()
	chunks := pcm.Chunk(nil, le, "fmt ", format)
	if r.Encoding.Float() || r.Encoding == pcm.ALaw || r.Encoding == pcm.MuLaw {
		chunks = pcm.Chunk(chunks, le, "fact", le.AppendUint32(nil, uint32(min(r.Frames, math.MaxUint32))))
	}
	if size > math.MaxInt64-tags-1<<16 {
		return nil, bad(tensor.ErrOverflow, -1, "size", fmt.Sprint(size), "less than 2^63")
	}
	riff := 4 + int64(len(chunks)) + 8 + size + size%2 + tags
	if riff < unknown {
		b := append(le.AppendUint32([]byte("RIFF"), uint32(riff)), "WAVE"...)
		b = append(append(b, chunks...), "data"...)
		return le.AppendUint32(b, uint32(size)), nil
	}
	riff += 8 + 28
	sizes := le.AppendUint64(nil, uint64(riff))
	sizes = le.AppendUint64(sizes, uint64(size))
	sizes = le.AppendUint64(sizes, uint64(r.Frames))
	sizes = le.AppendUint32(sizes, 0) // no other large chunks
	b := append(le.AppendUint32([]byte("RF64"), unknown), "WAVE"...)
	b = pcm.Chunk(b, le, "ds64", sizes)
	b = append(append(b, chunks...), "data"...)
	return le.AppendUint32(b, unknown), nil
}

// formatChunk is extensible where there is something that only that says, or
// more than two channels.
func formatChunk(r *pcm.Recording) ([]byte, error) {
	e, bits := r.Encoding, r.Encoding.Bytes*8
	if r.Rate != math.Trunc(r.Rate) || r.Rate > math.MaxUint32 {
		return nil, bad(tensor.ErrUnsupported, -1, "attribute sample_rate", fmt.Sprint(r.Rate), "a whole number below 2^32 (--rate resamples)")
	}
	mask, err := pcm.Whole(r.Attrs, "channel_mask", math.MaxUint32)
	if err != nil {
		return nil, err
	}
	valid, err := pcm.Whole(r.Attrs, "valid_bits", 64)
	if err != nil {
		return nil, err
	}
	var tag uint16
	for _, f := range formats {
		if f.encoding == e {
			tag = f.tag
		}
	}
	if valid == 0 || valid > bits || tag != tagPCM {
		valid = bits
	}
	extensible := mask != 0 || valid != bits || r.Channels > 2
	written := tag
	if extensible {
		written = tagExtensible
	}
	frame := r.Channels * e.Bytes
	b := le.AppendUint16(nil, written)
	b = le.AppendUint16(b, uint16(r.Channels))
	b = le.AppendUint32(b, uint32(r.Rate))
	b = le.AppendUint32(b, uint32(min(int64(r.Rate)*frame, math.MaxUint32)))
	b = le.AppendUint16(b, uint16(frame))
	b = le.AppendUint16(b, uint16(bits))
	switch {
	case extensible:
		b = le.AppendUint16(b, 22)
		b = le.AppendUint16(b, uint16(valid))
		b = le.AppendUint32(b, uint32(mask))
		b = le.AppendUint16(b, tag)
		return append(b, guid[:]...), nil
	case tag == tagALaw || tag == tagMuLaw:
		b = le.AppendUint16(b, 0)
	}
	return b, nil
}
