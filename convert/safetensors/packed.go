package safetensors

import (
	"bufio"
	"context"
	"io"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// Elements below a byte are packed without regard to rows in this format, while
// ours begins each row with a new byte. Both put the first element into the low
// bits.

// wholeRows reports whether the two are the same.
func wholeRows(d tensor.DType, shape tensor.Shape) bool {
	return d.UnitElems == 1 || len(shape) > 0 && shape[len(shape)-1]%int64(d.UnitElems) == 0
}

// unpacked is the storage of a tensor whose rows end inside bytes.
func unpacked(in convert.Input, s convert.LayoutStorage, e *entry) convert.LayoutStorage {
	size, err := tensor.ByteSize(e.dtype, e.shape)
	if err != nil { // not below 2^63 with rows padded
		return s
	}
	row := e.shape[len(e.shape)-1]
	packed := s
	return convert.LayoutStorage{
		Source: s.Source, Offset: s.Offset, Size: size, StoredSize: s.Size, Codec: "packed",
		Open: func(context.Context) (io.ReadCloser, error) {
			src := bufio.NewReaderSize(io.NewSectionReader(in, packed.Offset, packed.Size), 64<<10)
			return io.NopCloser(newRepacker(src, e.dtype, row, false)), nil
		},
	}
}

// repacker is a stream of rows of n elements, read from one where rows stand
// without padding and given with each row padded to whole units, or the other
// way round.
type repacker struct {
	src      io.ByteReader
	row, pad int64 // bits of a row's elements and behind them
	strip    bool  // padding comes in; else it goes out

	acc, have uint // bits that were read and not given
	left      int64
	padding   bool // of the row, else its elements: what left counts
}

func newRepacker(src io.ByteReader, d tensor.DType, n int64, strip bool) *repacker {
	r := &repacker{src: src, row: n * int64(d.Bits), strip: strip}
	if unit := int64(d.UnitBytes) * 8; r.row%unit != 0 {
		r.pad = unit - r.row%unit
	}
	r.left = r.row
	return r
}

func (r *repacker) Read(p []byte) (int, error) {
	for i := range p {
		b, err := r.byte()
		if err != nil {
			return i, err
		}
		p[i] = b
	}
	return len(p), nil
}

// byte gives the next byte.
func (r *repacker) byte() (byte, error) {
	out, n := uint(0), uint(0)
	for n < 8 {
		if r.left == 0 {
			if r.padding = !r.padding; r.padding {
				r.left = r.pad
			} else {
				r.left = r.row
			}
			continue
		}
		take := uint(min(int64(8-n), r.left))
		if r.padding && !r.strip {
			n += take // zeros
			r.left -= int64(take)
			continue
		}
		for r.have < take {
			b, err := r.src.ReadByte()
			if err == io.EOF && n > 0 && r.have == 0 {
				return byte(out), nil // the bits behind the last element
			}
			if err != nil {
				return 0, err
			}
			r.acc |= uint(b) << r.have
			r.have += 8
		}
		bits := r.acc & (1<<take - 1)
		r.acc >>= take
		r.have -= take
		r.left -= int64(take)
		if !r.padding {
			out |= bits << n
			n += take
		}
	}
	return byte(out), nil
}
