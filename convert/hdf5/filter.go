package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/tensorfile/tensorfile/internal/inflate"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Filters that are read.
const (
	filterDeflate  = 1
	filterShuffle  = 2
	filterFletcher = 3
	filterLZF      = 32000
)

// filterNames are those of the format and of the registry of The HDF Group.
var filterNames = map[uint16]string{
	filterDeflate: "deflate", filterShuffle: "shuffle", filterFletcher: "fletcher32", filterLZF: "lzf",
	4: "szip", 5: "nbit", 6: "scale-offset",
	305: "lzo", 307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32017: "sz", 32018: "fcidecomp", 32024: "sz3", 32026: "blosc2",
}

func (f *filter) String() string {
	if n, ok := filterNames[f.id]; ok {
		return n
	}
	if f.name != "" {
		return fmt.Sprintf("filter %d (%.40q)", f.id, f.name)
	}
	return fmt.Sprintf("filter %d", f.id)
}

// known reports whether the filter is one of those that are read.
func (f *filter) known() bool {
	switch f.id {
	case filterDeflate, filterShuffle, filterFletcher, filterLZF:
		return true
	}
	return false
}

// codecOf is the name of a pipeline.
func codecOf(list []filter) string {
	name := ""
	for i := range list {
		if i > 0 {
			name += " | "
		}
		name += list[i].String()
	}
	return name
}

// mostRatio is what deflate can make of a byte, which is more than LZF.
const mostRatio = 1032

// sumSize is what fletcher32 adds to a chunk.
const sumSize = 4

// work is the memory of one chunk that is decoded. It is used again by others.
type work struct{ stored, a, b []byte }

var works = sync.Pool{New: func() any { return new(work) }}

// room is n bytes of b, which may grow.
func room(b *[]byte, n int64) []byte {
	if int64(cap(*b)) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
}

// undo turns the stored bytes of a chunk into dst, the last filter first. A bit
// of mask is a filter that was left out. dst is written in place where that is
// possible, and what the filters make has exactly its size.
func undo(list []filter, mask uint32, elem int64, dst, stored []byte, w *work) error {
	b := stored
	sums := 0
	last := -1 // what is undone last
	for i := range list {
		if mask&(1<<i) != 0 {
			continue
		}
		if last < 0 {
			last = i
		}
		if list[i].id == filterFletcher {
			sums++
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		if mask&(1<<i) != 0 {
			continue
		}
		// Between the filters a chunk has its own size and the checksums that were
		// added before.
		f := &list[i]
		out := &w.a
		if len(b) > 0 && len(w.a) > 0 && &b[0] == &w.a[:1][0] {
			out = &w.b
		}
		size := int64(len(dst)) + int64(sums)*sumSize
		into := func() []byte {
			if i == last && sums == 0 {
				return dst
			}
			*out = room(out, size)
			return *out
		}
		var err error
		switch f.id {
		case filterFletcher:
			sums--
			b, err = checkSum(b)
		case filterShuffle:
			n := elem
			if len(f.values) > 0 {
				n = int64(f.values[0])
			}
			if n > 1 && int64(len(b)) == size {
				to := into()
				unshuffle(to, b, n)
				b = to
			}
		case filterDeflate:
			to := into()
			err = unzlib(to, b)
			b = to
		case filterLZF:
			to := into()
			err = lzf(to, b)
			b = to
		}
		if err != nil {
			return err
		}
	}
	if len(b) != len(dst) {
		return fail(tensor.ErrCorrupt, -1, "size of the chunk", count(len(b)), count(len(dst)))
	}
	if len(dst) > 0 && &b[0] != &dst[0] {
		copy(dst, b)
	}
	return nil
}

// unshuffle undoes the filter of that name, of elements of n bytes; what is left
// over behind whole ones stays where it is.
func unshuffle(dst, src []byte, n int64) {
	count := int64(len(src)) / n
	whole := count * n
	if n <= kernel.MaxWord {
		kernel.Unshuffle(dst[:whole], src[:whole], int(n))
	} else {
		for i := range count {
			element := dst[i*n : (i+1)*n]
			for j := range element {
				element[j] = src[int64(j)*count+i]
			}
		}
	}
	copy(dst[whole:], src[whole:])
}

// checkSum takes the checksum off b. Libraries before 1.6.3 wrote the two halves
// of it with their bytes swapped.
func checkSum(b []byte) ([]byte, error) {
	n := len(b) - sumSize
	if n < 0 {
		return nil, fail(tensor.ErrTruncated, -1, "fletcher32", count(len(b))+" bytes", "room for a checksum")
	}
	got, want := fletcher32(b[:n]), binary.LittleEndian.Uint32(b[n:])
	if swapped := got<<8&0xff00ff00 | got>>8&0x00ff00ff; got != want && swapped != want {
		return nil, fail(tensor.ErrCorrupt, -1, "fletcher32", fmt.Sprintf("%08x", want), fmt.Sprintf("%08x", got))
	}
	return b[:n], nil
}

type inflater struct {
	in  bytes.Reader
	out io.ReadCloser
}

var inflaters sync.Pool

// unzlib decodes a zlib stream to exactly dst and compares its checksum.
func unzlib(dst, src []byte) error {
	if _, ok := inflate.Zlib(dst, src); ok {
		return nil
	}
	z, _ := inflaters.Get().(*inflater)
	var err error
	if z != nil {
		z.in.Reset(src)
		err = z.out.(zlib.Resetter).Reset(&z.in, nil)
	} else {
		z = &inflater{}
		z.in.Reset(src)
		z.out, err = zlib.NewReader(&z.in)
	}
	if err != nil {
		return fail(tensor.ErrCorrupt, -1, "deflate", err.Error(), "a zlib stream")
	}
	n, err := io.ReadFull(z.out, dst)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fail(tensor.ErrCorrupt, -1, "deflate", "an end after "+count(n)+" bytes", count(len(dst)))
	}
	if err == nil {
		var more [1]byte
		if n, err = io.ReadFull(z.out, more[:]); n > 0 {
			return fail(tensor.ErrCorrupt, -1, "deflate", "more bytes", count(len(dst)))
		}
		if err == io.EOF {
			err = nil
		}
	}
	if err != nil {
		return fail(tensor.ErrCorrupt, -1, "deflate", err.Error(), "a zlib stream of "+count(len(dst))+" bytes")
	}
	inflaters.Put(z)
	return nil
}

// lzf decodes what LibLZF compressed to exactly dst: runs of up to 32 bytes, and
// copies of up to 264 bytes from at most 8192 bytes before.
func lzf(dst, src []byte) error {
	bad := func(got string) error {
		return fail(tensor.ErrCorrupt, -1, "lzf", got, "a stream of "+count(len(dst))+" bytes")
	}
	to := 0
	for at := 0; at < len(src); {
		c := int(src[at])
		at++
		if c < 32 {
			n := c + 1
			if n > len(src)-at || n > len(dst)-to {
				return bad("a run of " + count(n) + " bytes past the end")
			}
			to += copy(dst[to:], src[at:at+n])
			at += n
			continue
		}
		n := c >> 5
		if n == 7 {
			if at == len(src) {
				return bad("an end inside a copy")
			}
			n += int(src[at])
			at++
		}
		if n += 2; at == len(src) {
			return bad("an end inside a copy")
		}
		from := to - (c&31)<<8 - int(src[at]) - 1
		at++
		if from < 0 || n > len(dst)-to {
			return bad("a copy of " + count(n) + " bytes outside what was decoded")
		}
		for n > 0 { // what is copied may be part of the copy
			m := copy(dst[to:to+n], dst[from:to])
			to, n = to+m, n-m
		}
	}
	if to != len(dst) {
		return bad(count(to) + " bytes")
	}
	return nil
}
