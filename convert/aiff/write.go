package aiff

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

var encodings = []pcm.Encoding{pcm.I8, pcm.I16, pcm.I24, pcm.I32, pcm.F32, pcm.F64, pcm.ALaw, pcm.MuLaw}

// compressions are the kinds of AIFF-C, and their names for people.
var compressions = map[pcm.Encoding][2]string{
	pcm.F32: {"fl32", "32-bit floating point"}, pcm.F64: {"fl64", "64-bit floating point"},
	pcm.ALaw: {"alaw", "ALaw 2:1"}, pcm.MuLaw: {"ulaw", "\xb5Law 2:1"},
}

// version is the one version of AIFF-C there is, as its FVER chunk has it.
const version = 0xA2805140

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
	r, err := pcm.OfTensor(ctx, src, o, encodings...)
	if err == nil {
		err = encode(w, r)
	}
	return blame.Format(err, "aiff")
}

// Encode writes the recording v, (T) or (T, C) of any strides, to w: as AIFF, and
// floats and the laws as AIFF-C. attrs are those that reading gives:
// "sample_rate" must be there. Without "encoding" i8 and u8 are written as i8,
// i16, i32, f32 and f64 as what they are, f16 and bf16 as f32. Another encoding
// changes samples as wav.Encode does. A file of 4 GiB or more is ErrLimit.
func Encode(w io.Writer, v tensor.View, attrs convert.Attrs) error {
	r, err := pcm.OfView(v, attrs, encodings...)
	if err == nil {
		err = encode(w, r)
	}
	return blame.Format(err, "aiff")
}

func encode(w io.Writer, r *pcm.Recording) error {
	head, err := header(r)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	if err := r.WriteTo(w, tensor.BigEndian); err != nil {
		return err
	}
	if r.Size()%2 == 1 {
		_, err = w.Write([]byte{0})
	}
	return err
}

// header is what stands before the samples: all other chunks.
func header(r *pcm.Recording) ([]byte, error) {
	if r.Rate >= math.MaxUint64 || r.Rate < 0x1p-63 {
		return nil, bad(tensor.ErrUnsupported, -1, "attribute sample_rate", fmt.Sprint(r.Rate), "below 2^64")
	}
	bits := r.Encoding.Bytes * 8
	kind, packed := compressions[r.Encoding]
	form := "AIFF"
	var chunks []byte
	switch {
	case packed:
		form = "AIFC"
		chunks = pcm.Chunk(chunks, be, "FVER", be.AppendUint32(nil, version))
		if !r.Encoding.Float() {
			bits = 16 // of what is compressed
		}
	default:
		if x, ok := pcm.Number(r.Attrs["valid_bits"]); ok && x > float64(bits-8) && x < float64(bits) {
			bits = int64(x)
		}
	}
	comm := be.AppendUint16(nil, uint16(r.Channels))
	comm = be.AppendUint32(comm, uint32(r.Frames))
	comm = be.AppendUint16(comm, uint16(bits))
	rate := toExtended(r.Rate)
	comm = append(comm, rate[:]...)
	if packed {
		comm = append(append(append(comm, kind[0]...), byte(len(kind[1]))), kind[1]...)
		if len(kind[1])%2 == 0 { // with its length an even number of bytes
			comm = append(comm, 0)
		}
	}
	chunks = pcm.Chunk(chunks, be, "COMM", comm)
	ids, values, err := pcm.Info(r.Attrs)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		for _, t := range texts {
			if t.info == id {
				chunks = pcm.Chunk(chunks, be, t.id, []byte(values[i]))
			}
		}
	}
	size := r.Size()
	pad := align(12+int64(len(chunks))+16, r.Encoding.Bytes)
	if size > math.MaxUint32-1<<16 || size+int64(len(chunks))+pad+64 > math.MaxUint32 {
		return nil, bad(tensor.ErrLimit, -1, "bytes of samples", fmt.Sprint(size), "a file below 4 GiB (a .wav may be larger)")
	}
	b := be.AppendUint32([]byte("FORM"), uint32(4+int64(len(chunks))+16+pad+size+size%2))
	b = append(append(b, form...), chunks...)
	b = be.AppendUint32(append(b, "SSND"...), uint32(8+pad+size))
	b = be.AppendUint32(b, uint32(pad))
	b = be.AppendUint32(b, 0)
	return append(b, make([]byte, pad)...), nil
}

// align is how many bytes bring what begins at offset to a multiple of its size.
// The offset in SSND is there for this.
func align(offset, size int64) int64 {
	if size == 3 {
		return 0
	}
	return -offset & (size - 1)
}
